"""Kills, at random moments, who has to do with a burn: killed.py DEVICE."""

import glob
import os
import random
import signal
import subprocess
import sys
import time

from client import PASSING, PATIENCE, ROOT, Client, Refusal, options, steady, until

DEVICE = sys.argv[1]
RECORDER = f"{ROOT}/recorders/{os.path.basename(DEVICE)}"
KILLS = int(os.environ.get("VM_KILLS", "6"))
RESTARTS = 20
SEED = int(os.environ.get("VM_SEED", time.time_ns()))
SIZE = 3_000_000
FOLDER, FILE = "/tmp/killed", "/tmp/killed/content"


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class Burn:
    """A burn by this process, over a connection of its own."""

    def __init__(self, **how):
        self.client = Client()
        opened = options(recorder=RECORDER, **how)
        self.session = patient(lambda: self.client.call(ROOT, "DiscMaster", "Open", "a{sv}", opened))
        self.joliet = self.client.call(self.session, "Session", "SetActiveDiscMasterFormat", "s", "joliet")
        self.client.call(self.joliet, "Joliet", "AddPath", "sa{sv}", FOLDER, options(wait=True))
        patient(lambda: self.client.call(self.session, "Session", "SetActiveDiscRecorder", "oa{sv}", RECORDER, {}))
        self.job = patient(lambda: self.client.call(self.session, "Session", "RecordDisc", "a{sv}", options(verify="full")))


def patient(call):
    """Calls again while somebody still looks at the disc, or a session that was left is ending."""
    limit = time.monotonic() + 30 * PATIENCE
    while True:
        try:
            return call()
        except Refusal as refusal:
            if refusal.name not in ("Busy", "StashInUse", "AlreadyOpen", "DeviceStillInUse", "WrongDisc", *PASSING) or time.monotonic() > limit:
                raise
            time.sleep(0.1)


class Watching:
    """Sees how far a job is, and that it never runs backwards."""

    def __init__(self, job):
        self.client, self.job, self.blocks, self.phase = Client(), job, 0, None

    def ended(self):
        seen = steady(lambda: self.client.call(self.job, "org.freedesktop.DBus.Properties", "GetAll", "s", "org.discmaster1.Job"))
        if seen["Phase"] == self.phase:
            assert seen["BlocksDone"] >= self.blocks, f"{self.phase}: {seen['BlocksDone']} blocks after {self.blocks}"
        self.phase, self.blocks = seen["Phase"], seen["BlocksDone"]
        return seen["Result"]

    def until_ended(self):
        result = until(120, self.ended, f"{self.job} does not end; it is {self.phase}")
        assert result == "success", f"{self.job}: {steady(lambda: self.client.call(self.job, 'Job', 'GetResult'))}"


def fresh():
    """A content that no disc had before, and the disc blank."""
    os.makedirs(FOLDER, exist_ok=True)
    with open(FILE, "wb") as file:
        file.write(random.randbytes(SIZE))
    # Whoever looks at the disc keeps it busy for a moment.
    client = Client()
    patient(lambda: client.call(RECORDER, "Recorder", "Erase", "ba{sv}", False, options(wait=True)))
    client.close()


def check():
    """The disc, mounted, holds what was to be recorded."""
    # Whoever looks at the disc has it alone for a moment.
    mount = ["mount", "-t", "iso9660", "-o", "ro", DEVICE, "/mnt"]
    until(20, lambda: subprocess.run(mount).returncode == 0, "the disc cannot be mounted")
    try:
        subprocess.run(["cmp", "/mnt/content", FILE], check=True)
    finally:
        # Somebody may be looking at it.
        until(20, lambda: subprocess.run(["umount", "/mnt"]).returncode == 0, "the disc stays mounted")


def broker():
    return int(run("systemctl", "show", "-p", "MainPID", "--value", "discmaster.service"))


def kill_broker():
    pid = until(30, broker, "there is no service")
    os.kill(pid, signal.SIGKILL)


def sleep(longest):
    time.sleep(random.uniform(0, longest * PATIENCE))


def struck(times, strike):
    """Burns, each struck again and again until its end, until so many strikes have fallen."""
    done = 0
    while done < times:
        fresh()
        burn = Burn(detached=True)
        watching = Watching(burn.job)
        while done < times and not watching.ended():
            strike()
            done += 1
        watching.until_ended()
        steady(lambda: burn.client.call(burn.session, "Session", "Close"))
        check()


def of_brokers():
    """Killed several times a disc, at any moment from the first call on."""
    def strike():
        sleep(1)
        kill_broker()
    struck(KILLS, strike)


def of_restarts():
    struck(RESTARTS, lambda: run("systemctl", "restart", "discmaster.service"))


def of_clients():
    """The command line, killed between its first call and the end of the disc."""
    begun = 0
    for _ in range(KILLS):
        fresh()
        before = set(jobs())
        client = subprocess.Popen(["discmaster", "burn", FOLDER, "--recorder", os.path.basename(DEVICE)], stderr=subprocess.DEVNULL)
        sleep(4)
        client.kill()
        client.wait()
        begun += outlived(before)
    print(f"clients: {begun} of {KILLS} had begun a disc")


def of_connections():
    """A connection that is cut, its process alive: as a bus does it, or a fault."""
    for _ in range(KILLS):
        fresh()
        before = set(jobs())
        burn = Burn()
        sleep(3)
        burn.client.close()
        assert outlived(before) == 1


def jobs():
    return [path for path, interfaces in steady(lambda: WATCH.objects()).items() if "org.discmaster1.Job" in interfaces]


def outlived(before):
    """Whether a disc was begun: then it completes. Either way the session goes and the recorder is free."""
    def recording():
        found = [job for job in set(jobs()) - before if WATCH.get(job, "Job", "Operation") == "record"]
        return found[0] if found else None
    until(30, lambda: recording() or not sessions(), "the session of a client that is gone stays")
    job = recording()
    if job:
        Watching(job).until_ended()
    until(30, lambda: not sessions(), "the session of a client that is gone stays")
    if job:
        check()
    return 1 if job else 0


def sessions():
    found = steady(lambda: WATCH.objects())
    return [path for path, interfaces in found.items() if interfaces.get("org.discmaster1.Session", {}).get("State", "closed") != "closed"]


def belongings():
    """What there is of the service when nothing goes on."""
    pid = broker()
    return {
        "processes": run("sh", "-c", "pgrep -c discmaster || true"),
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "descriptors kept by systemd": run("systemctl", "show", "-p", "NFileDescriptorStore", "--value", "discmaster.service"),
        "threads": len(os.listdir(f"/proc/{pid}/task")),
        "stash": sorted(os.path.basename(path) for path in glob.glob("/var/cache/discmaster/stash/*/*")),
        "units": run("sh", "-c", "systemctl list-units --all --plain --no-legend 'discmaster*' | awk '$3 != \"inactive\" { print $1, $3 }' | sort"),
        "inhibitors": run("sh", "-c", "systemd-inhibit --list --no-legend | grep -c discmaster || true"),
        "shared memory": run("sh", "-c", "ls /dev/shm"),
        "recorder": [WATCH.get(RECORDER, "Recorder", name) for name in ("State", "Holder")],
    }


def settled():
    """What there is when nothing is under way: helpers leave a moment after their work."""
    def alone():
        found = belongings()
        return found if found["processes"] == "1" and ".service active" not in found["units"].replace("discmaster.service", "") else None
    return until(60, alone, "helpers stay")


def more_than(before):
    """What there is more of than there was."""
    more = {}
    for name, value in belongings().items():
        # A broker that has just begun may have opened less than one that has burned.
        if value > before[name] + 2 if isinstance(value, int) else value != before[name]:
            more[name] = (before[name], value)
    return more


def main():
    print(f"seed {SEED}, {KILLS} of each", flush=True)
    random.seed(SEED)
    fresh()
    burn = Burn(detached=True)
    Watching(burn.job).until_ended()
    burn.client.call(burn.session, "Session", "Close")
    check()
    for part in (of_restarts, of_brokers, of_clients, of_connections):
        run("systemctl", "reset-failed", "discmaster.service")
        before = settled()
        started = time.monotonic()
        part()
        print(f"{part.__name__}: {time.monotonic() - started:.0f} s", flush=True)
        # Whoever looks at the disc that was mounted is gone after a moment.
        try:
            until(60, lambda: not more_than(before), "something is left")
        except TimeoutError:
            sys.exit(f"left, before and after: {more_than(before)}")
    return 0


WATCH = Client()
if __name__ == "__main__":
    sys.exit(main())
