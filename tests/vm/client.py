"""The service as the scripts in the guest speak to it."""

import time

from gi.repository import Gio, GLib

SERVICE = "org.discmaster1"
ROOT = "/org/discmaster1"
FLAGS = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
# What a call says that met a service on its way out, or in.
PASSING = ("NoReply", "ServiceUnknown", "NameHasNoOwner", "TimedOut", "Timeout", "Disconnected")

with open("/host/patience") as file:
    PATIENCE = int(file.read())


class Refusal(Exception):
    """An error that came over the bus."""

    def __init__(self, error):
        remote = Gio.DBusError.get_remote_error(error) or str(error)
        super().__init__(f"{remote}: {error.message}")
        self.name = remote.rpartition(".")[2]


def options(**values):
    """a{sv} of booleans, texts, numbers; a path where the name is `recorder`."""
    def variant(name, value):
        kind = "o" if name == "recorder" else {bool: "b", str: "s", int: "u"}[type(value)]
        return GLib.Variant(kind, value)
    return {name.replace("_", "-"): variant(name, value) for name, value in values.items()}


class Client:
    """A connection of its own to the system bus."""

    def __init__(self):
        address = Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM, None)
        self.connection = Gio.DBusConnection.new_for_address_sync(address, FLAGS, None, None)

    def call(self, path, interface, method, signature="", *arguments, fds=(), timeout=120):
        """What a method answers, as Python has it: nothing, one thing, or a tuple."""
        return self.send(path, interface, method, GLib.Variant(f"({signature})", arguments), fds, timeout)

    def send(self, path, interface, method, body, fds, timeout):
        """The same, of arguments that are in D-Bus's form already."""
        interface = interface if "." in interface else f"{SERVICE}.{interface}"
        passed = Gio.UnixFDList.new()
        for fd in fds:
            passed.append(fd)
        try:
            answer, _ = self.connection.call_with_unix_fd_list_sync(
                SERVICE, path, interface, method, body, None, 0, int(timeout * 1000 * PATIENCE), passed, None)
        except GLib.Error as error:
            raise Refusal(error) from None
        answer = answer.unpack()
        return answer[0] if len(answer) == 1 else answer or None

    def get(self, path, interface, name):
        return self.call(path, "org.freedesktop.DBus.Properties", "Get", "ss", f"{SERVICE}.{interface}", name)

    def objects(self):
        return self.call(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")

    def wait(self, job, seconds=120):
        """Waits for a job's end, whatever becomes of the service meanwhile; gives its error, or "success"."""
        return until(seconds, lambda: steady(lambda: self.get(job, "Job", "Result")), f"{job} does not end")

    def close(self):
        self.connection.close_sync(None)


def steady(call, seconds=60):
    """Calls again while the service is coming back."""
    limit = time.monotonic() + seconds * PATIENCE
    while True:
        try:
            return call()
        except Refusal as refusal:
            if refusal.name not in PASSING or time.monotonic() > limit:
                raise
            time.sleep(0.05)


def until(seconds, condition, what):
    """Waits until it is so, and gives what it is."""
    limit = time.monotonic() + seconds * PATIENCE
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > limit:
            raise TimeoutError(what)
        time.sleep(0.05)
