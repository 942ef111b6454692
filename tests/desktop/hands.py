"""Somebody at the screen, who reads menus by AT-SPI and types."""

import subprocess

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib

from stage import Failure, wait_for


def inside(node):
    """A node and all below it. What goes away meanwhile is left out."""
    try:
        yield node
        for at in range(node.get_child_count()):
            child = node.get_child_at_index(at)
            if child:
                yield from inside(child)
    except GLib.Error:
        pass


def name(node):
    try:
        return node.get_name() or ""
    except GLib.Error:
        return ""


def role(node):
    try:
        return node.get_role()
    except GLib.Error:
        return None


def has(node, state):
    try:
        return node.get_state_set().contains(state)
    except GLib.Error:
        return False


def act(node, action=None):
    """Does what a node can, by name, or the first of it."""
    actions = [Atspi.Action.get_action_name(node, at) for at in range(Atspi.Action.get_n_actions(node))]
    return Atspi.Action.do_action(node, actions.index(action) if action else 0)


def key(*keys):
    subprocess.run(["xdotool", "key", *keys], check=True)


class Hands:
    def __init__(self, application):
        self.application = application
        self.gtk4 = application == "nautilus"
        self.popups = []
        # Qt has its popup menus nowhere below the application, and tells of them as they appear.
        self.listener = Atspi.EventListener.new(lambda event: self.popups.append(event.source))
        self.listener.register("object:state-changed:showing")

    def let_go(self):
        self.listener.deregister("object:state-changed:showing")

    def root(self):
        while GLib.MainContext.default().iteration(False):
            pass
        desktop = Atspi.get_desktop(0)
        desktop.clear_cache()
        for at in range(desktop.get_child_count()):
            child = desktop.get_child_at_index(at)
            if child and self.application in name(child).lower():
                child.clear_cache()
                return child
        return None

    def shows(self, text):
        root = self.root()
        return root and any(text in name(node) for node in inside(root))

    def wait_for_window(self, title, text):
        """Till the window is in front and shows a file's name."""
        wait_for(f"a window called {title}", 60, lambda: title in self.title())
        # What a window of GTK 4 has no room for, it does not have.
        subprocess.run(["xdotool", "getactivewindow", "windowsize", "1200", "900"], check=True)
        wait_for(f"{text} in the window", 60, self.shows, text, pause=1)

    def title(self):
        asked = ["xdotool", "getactivewindow", "getwindowname"]
        return subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


    def open_menu(self):
        """The entries of the menu of all files that the window shows."""
        for _ in range(5):
            self.popups.clear()
            if self.gtk4:
                # It does by name what the keys do; what it can do, and in which order, is another thing once files are selected.
                act(self.view(), "view.select-all")
                wait_for("the selection", 30, self.shows, " selected", pause=1)
                act(self.view(), "view.popup-menu")
            else:
                key("ctrl+a", "Menu")
            try:
                return wait_for("the menu of the files", 10, self.menu, pause=0.5)
            except Failure:
                # A window that is not done with itself has nothing selected yet, and opened the menu of the folder.
                key("Escape")
        raise Failure("there is no menu of files")

    def view(self):
        return next(node for node in inside(self.root()) if name(node) == "Content View")

    def menu(self):
        """Entries by name; one of a submenu has the submenu's name before it."""
        root = self.root()
        for menu in [*self.gtk_menus(root), *self.popups]:
            entries = {}
            for node in inside(menu):
                if role(node) == Atspi.Role.MENU_ITEM and name(node) and (self.gtk4 or has(node, Atspi.StateType.VISIBLE)):
                    above = [name(menu) for menu in self.above(node, menu) if name(menu)]
                    entries[" → ".join([*above, name(node)])] = node
            if any(place.split(" → ")[-1].startswith(("Cut", "Restore")) for place in entries):
                return entries
        return None

    def above(self, node, menu):
        found = []
        while (node := node.get_parent()) and node != menu:
            found.insert(0, node)
        return [node for node in found if role(node) == Atspi.Role.MENU and not name(node).startswith("Gtk")]

    def gtk_menus(self, root):
        """GTK 3 has its popup menus in windows, GTK 4 in the window of the files."""
        for at in range(root.get_child_count()):
            window = root.get_child_at_index(at)
            if self.gtk4 or role(window) == Atspi.Role.WINDOW and has(window, Atspi.StateType.SHOWING):
                yield window
