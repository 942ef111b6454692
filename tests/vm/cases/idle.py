"""Measures services that idle."""

import os
import subprocess
import sys
import time

from gi.repository import Gio

SERVICES = {"discmaster.service": "org.discmaster1", "udisks2.service": "org.freedesktop.UDisks2", "upower.service": "org.freedesktop.UPower"}
LOOKING = 60
STARTS = 9


def main_pid(unit):
    return int(subprocess.run(["systemctl", "show", "-p", "MainPID", "--value", unit], check=True, stdout=subprocess.PIPE).stdout)


def field(path, name):
    with open(path) as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))


def resident(pid):
    """KiB, of it what the process shares with nobody."""
    path = f"/proc/{pid}/smaps_rollup"
    return field(path, "Rss"), field(path, "Private_Clean") + field(path, "Private_Dirty")


def woken(pid):
    """How often any of its threads began to wait."""
    return sum(field(f"/proc/{pid}/task/{task}/status", "voluntary_ctxt_switches") for task in os.listdir(f"/proc/{pid}/task"))


def starts(bus, unit, name):
    """Seconds from the process's first instruction, as the kernel dates it, until the bus has its name."""
    taken = []
    for _ in range(STARTS):
        subprocess.run(["systemctl", "stop", unit], check=True)
        asked = time.clock_gettime(time.CLOCK_BOOTTIME)
        subprocess.run(["systemctl", "start", "--no-block", unit], check=True)
        while not has_owner(bus, name):
            pass
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        with open(f"/proc/{main_pid(unit)}/stat") as file:
            born = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        taken.append(now - max(born, asked))
    return sorted(taken)[STARTS // 2]


def has_owner(bus, name):
    from gi.repository import GLib
    asked = GLib.Variant("(s)", (name,))
    return bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner", asked, None, 0, -1, None).unpack()[0]


def main():
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM, None)
    begun = {unit: starts(bus, unit, name) for unit, name in SERVICES.items()}
    time.sleep(15)
    pids = {unit: main_pid(unit) for unit in SERVICES}
    before = {unit: woken(pid) for unit, pid in pids.items()}
    time.sleep(LOOKING)
    wakeups = {unit: (woken(pid) - before[unit]) * 60 / LOOKING for unit, pid in pids.items()}
    print("| service | resident KiB | of it its own KiB | wake-ups a minute | start to name, ms |\n|---|---|---|---|---|")
    for unit, pid in pids.items():
        rss, own = resident(pid)
        print(f"| {unit} | {rss} | {own} | {wakeups[unit]:.0f} | {begun[unit] * 1000:.0f} |")
    # Signs of life for the watchdog, and what the bus tells of others.
    if wakeups["discmaster.service"] > 30:
        print("the service does not rest")
        return 1
    return 0


sys.exit(main())
