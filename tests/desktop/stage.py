"""What the file managers play on: a screen, a bus, a service with a virtual recorder, and somebody who notes the notifications."""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time

from gi.repository import Gio, GLib

PATIENCE = float(os.environ.get("DESKTOP_PATIENCE", "1"))
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
NOTIFICATIONS = ("org.freedesktop.Notifications", "/org/freedesktop/Notifications")
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus")
MOCK = "org.freedesktop.DBus.Mock."


class Failure(Exception):
    pass


def wait_for(what, seconds, look, *arguments, pause=0.05):
    """What `look` returns as soon as that is something."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        looked = time.monotonic()
        seen = look(*arguments)
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds * PATIENCE:.0f} s")
        # Who is always asked has no time for anything else.
        time.sleep(max(pause, 4 * (time.monotonic() - looked)))


class Stage:
    """All of it lies in one folder, and what it starts ends with it."""

    def __init__(self, root):
        self.root = root
        # What is left behind by those that we start is ours to end, however we end.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        for folder in ("home", "run", "discs", "recorders", "stash", "logs"):
            os.makedirs(self.path(folder), mode=0o700)
        here = os.path.dirname(os.path.abspath(__file__))
        self.environment = {
            "HOME": self.path("home"),
            # Questions are answered by a program of this folder.
            "PATH": f"{here}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": self.path("run"),
            "XDG_DATA_DIRS": f"{self.path('usr', 'share')}:/usr/local/share:/usr/share",
            "DISCMASTER": os.path.join(here, "discmaster"),
            "DISCMASTER_PROGRAM": self.path("usr", "bin", "discmaster"),
            "DISCMASTER_ASKED": self.path("asked"),
            "GSETTINGS_BACKEND": "memory",
            # Without a graphics card, drawing with OpenGL leaves GTK 4 no time to read folders.
            "GSK_RENDERER": "cairo",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        }
        os.makedirs(self.path("home", ".config", "gtk-4.0"))
        with open(self.path("home", ".config", "gtk-4.0", "settings.ini"), "w") as file:
            file.write("[Settings]\ngtk-enable-animations=0\n")
        self.started = 0

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def start(self, *command, **more):
        """A program, its words in a log."""
        self.started += 1
        log = self.path("logs", f"{self.started:02}-{os.path.basename(command[0])}")
        with open(log, "wb") as out:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment, cwd=self.path("home"),
                start_new_session=True, **more
            )

    def first_word(self, *command):
        """What a program writes into the descriptor {fd} once it is ready."""
        read, write = os.pipe()
        self.start(*(part.format(fd=write) for part in command), pass_fds=(write,))
        os.close(write)
        if not select.select([read], [], [], 30 * PATIENCE)[0]:
            raise Failure(f"{command[0]} does not start")
        with open(read) as answer:
            return answer.readline().strip()

    def set(self):
        display = self.first_word("Xvfb", "-displayfd", "{fd}", "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
        self.environment["DISPLAY"] = ":" + display
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.first_word(
            "dbus-daemon", "--session", "--nofork", "--print-address={fd}", f"--address=unix:path={self.path('run', 'bus')}"
        )
        # For what is asked by this process.
        os.environ.update(self.environment)
        self.bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        self.start("openbox")
        self.show_notifications()
        self.start("/usr/libexec/at-spi-bus-launcher", "--launch-immediately")
        self.start(
            self.path("usr", "libexec", "discmaster", "discmasterd"), "--bus", "session", "--no-udev",
            "--virtual", self.path("recorders"), "--stash", self.path("stash"),
        )
        for name in ("org.a11y.Bus", "org.discmaster1"):
            wait_for(name, 30, self.is_there, name)
        self.plug_in()

    def call(self, name, path, method, signature="", *arguments):
        interface, member = method.rsplit(".", 1)
        arguments = GLib.Variant(f"({signature})", arguments)
        answer = self.bus.call_sync(name, path, interface, member, arguments, None, Gio.DBusCallFlags.NO_AUTO_START, 10000)
        return answer.unpack()

    def is_there(self, name):
        return self.call(*BUS, "org.freedesktop.DBus.NameHasOwner", "s", name)[0]

    def show_notifications(self):
        abilities = json.dumps({"capabilities": "actions body body-markup icon-static"})
        self.call(*BUS, "org.freedesktop.DBus.ReleaseName", "s", NOTIFICATIONS[0])
        self.mock = self.start("python3", "-m", "dbusmock", "--session", "--template", "notification_daemon", "-p", abilities)
        wait_for("notifications", 30, self.is_there, NOTIFICATIONS[0])

    def hide_notifications(self):
        self.mock.terminate()
        self.mock.wait()
        # In the name's possession, so that no other program is started to show them.
        self.call(*BUS, "org.freedesktop.DBus.RequestName", "su", NOTIFICATIONS[0], 4)

    def notifications(self):
        """All that were sent: number that is replaced, text, buttons, hints."""
        calls = self.call(*NOTIFICATIONS, MOCK + "GetMethodCalls", "s", "Notify")[0]
        return [(sent[1], sent[4], sent[5], sent[6]) for _time, sent in calls]

    def press(self, number, button):
        arguments = [GLib.Variant("u", number), GLib.Variant("s", button)]
        self.call(*NOTIFICATIONS, MOCK + "EmitSignal", "sssav", NOTIFICATIONS[0], "ActionInvoked", "us", arguments)

    def discmaster(self, *arguments):
        done = subprocess.run(
            [self.environment["DISCMASTER_PROGRAM"], "--bus", "session", "--json", *arguments],
            stdout=subprocess.PIPE, text=True, env=self.environment, check=True,
        )
        return json.loads(done.stdout or "null")

    def socket(self, name):
        return self.path("recorders", name + ".sock")

    def plug_in(self, name="vd0", *options):
        self.start(self.path("usr", "bin", "discmaster-vdrive"), "--listen", self.socket(name), *options)
        wait_for(f"the recorder {name}", 30, lambda: name in [recorder["id"] for recorder in self.discmaster("list")])

    def recorder(self, *command, name="vd0"):
        program = self.path("usr", "bin", "discmaster-vdrive")
        subprocess.run([program, "control", self.socket(name), *command], stdout=subprocess.DEVNULL, check=True)

    def insert(self, name, kind="dvd+r"):
        """A blank disc in the recorder; the image that lies beside it once it is written."""
        self.recorder("insert", self.path("discs", name + ".disc"), "--create", kind)
        wait_for("the disc", 30, self.blank)
        return self.path("discs", name + ".iso")

    def blank(self):
        medium = self.discmaster("list")[0]["medium"]
        return medium and "blank" in medium["flags"]

    def clear(self):
        """Nothing was asked for yet, and nothing was told."""
        self.call(*NOTIFICATIONS, MOCK + "ClearCalls")
        for name in ("asked", "asked.questions"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))

    def asked(self):
        """The paths that were to be burned, a list for each burn."""
        return [line[line.index("--") + 1:] for line in self.noted("asked") if "burn" in line]

    def questions(self):
        """What somebody was asked before."""
        return [line[line.index("--text") + 1] for line in self.noted("asked.questions")]

    def noted(self, name):
        try:
            with open(self.path(name)) as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def strike(self):
        """Ends every process that was started here, and what those started."""
        for wish in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                for process in children(os.getpid()):
                    os.kill(process, wish)
                try:
                    while os.waitpid(-1, os.WNOHANG)[0]:
                        pass
                except ChildProcessError:
                    return
                time.sleep(0.05)


def children(process):
    """Those that were not waited for are still there, so that no number is somebody else's."""
    found = []
    for task in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{task}/children") as file:
            found += map(int, file.read().split())
    return found
