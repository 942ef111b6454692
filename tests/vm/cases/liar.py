"""Has a double of the stager lie to broker and worker, and sees what becomes of them and of the discs: liar.py CD DVD."""

import importlib.util
import json
import os
import pwd
import random
import re
import struct
import subprocess
import sys
import threading
import time

from client import PATIENCE, ROOT, Client, Refusal, options, steady, until

CD, DVD = sys.argv[1:]
ROUNDS = int(os.environ.get("VM_ROUNDS", "12"))
LIES = int(os.environ.get("VM_LIES", "6"))
SEED = int(os.environ.get("VM_SEED", time.time_ns()))
FOLDER, LIAR = "/tmp/liar", "/run/liar"
DROP_IN = "/run/systemd/system/discmaster-stager@.service.d/liar.conf"
# The stager's sandbox but for what a program in Python and its notes need.
UNIT = f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -S /host/liar.stager.py\nReadWritePaths={LIAR}\n"
BLOCK, AUDIO_BLOCK = 2048, 2352
# Blocks of a DVD+RW that no burn of these has any business with, and that one that goes on too long would reach.
GUARD = range(1200, 1456)
# KiB that broker and worker stay below.
MOST = {"broker": 96 << 10, "worker": 48 << 10}
LOST = ("NoReply", "ServiceUnknown", "NameHasNoOwner", "TimedOut", "Timeout", "Disconnected", "Failed")
USER = pwd.getpwnam("user1")

spec = importlib.util.spec_from_file_location("liar", "/host/liar.stager.py")
double = importlib.util.module_from_spec(spec)
spec.loader.exec_module(double)
faults, peaks = [], {"broker": 0, "worker": 0}


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()


def order(**what):
    with open(f"{LIAR}/new", "w") as file:
        json.dump({"seed": SEED, **what}, file)
    os.rename(f"{LIAR}/new", f"{LIAR}/orders")


def replace_stager(by_liar):
    if by_liar:
        os.makedirs(os.path.dirname(DROP_IN), exist_ok=True)
        with open(DROP_IN, "w") as file:
            file.write(UNIT)
    else:
        os.remove(DROP_IN)
    run("systemctl", "daemon-reload")


def of_user():
    """A connection of the user's, whose stager lies."""
    os.setegid(USER.pw_gid)
    os.seteuid(USER.pw_uid)
    try:
        return Client()
    finally:
        os.seteuid(0)
        os.setegid(0)


def recorder(device):
    return f"{ROOT}/recorders/{os.path.basename(device)}"


def main_pid(unit):
    return int(run("systemctl", "show", "-p", "MainPID", "--value", unit))


def watch():
    """Notes how large broker and workers have been."""
    units = {"discmaster.service": "broker"} | {f"discmaster-worker@{os.path.basename(device)}.service": "worker" for device in (CD, DVD)}
    while True:
        for unit, name in units.items():
            try:
                with open(f"/proc/{main_pid(unit)}/status") as file:
                    found = re.search(r"VmHWM:\s+(\d+)", file.read())
                peaks[name] = max(peaks[name], int(found[1]) if found else 0)
            except OSError:
                pass
        time.sleep(0.5)


def fault(what):
    print("FAULT:", what, "| last told:", (double.told() or ["nothing"])[-1], flush=True)
    faults.append(what)


class Session:
    """A session of the user's, who calls and takes every answer but none."""

    def __init__(self, device, format="joliet", **how):
        self.client = of_user()
        opened = options(recorder=recorder(device), **how)
        self.device = device
        self.path = patient(lambda: self.client.call(ROOT, "DiscMaster", "Open", "a{sv}", opened))
        self.format = self.client.call(self.path, "Session", "SetActiveDiscMasterFormat", "s", format)

    def try_to(self, interface, method, signature="", *arguments, seconds=40, **how):
        """What a call brings, or the name of its refusal; a call that nobody answers is a fault."""
        path = self.path if interface == "Session" else self.format
        try:
            return self.client.call(path, interface, method, signature, *arguments, timeout=seconds, **how)
        except Refusal as refusal:
            if refusal.name in LOST or " " in refusal.name:
                fault(f"{method}: {refusal}")
            return refusal.name

    def job(self, *call, seconds=15, **how):
        """The same with a job that is followed to its end, which a cancel may have to bring."""
        path = self.try_to(*call, **how)
        if not str(path).startswith("/"):
            return path
        return ended(self.client, path, seconds)[0]

    def select(self, **how):
        return self.try_to("Session", "SetActiveDiscRecorder", "oa{sv}", recorder(self.device), options(**how))

    def add(self, path, **how):
        return self.job("Joliet", "AddPath", "sa{sv}", path, options(**how))

    def look(self, interface):
        """Everything that can be asked without changing anything."""
        if interface == "Joliet":
            for method in "GetTotalDataBlocks", "GetUsedDataBlocks", "GetJolietProperties":
                self.try_to("Joliet", method)
        else:
            for method in "GetTotalAudioTracks", "GetUsedAudioBlocks", "GetAvailableAudioTrackBlocks", "GetRedbookProperties", "GetTranslations":
                self.try_to("Redbook", method)
            self.try_to("Redbook", "GetAudioTrackProperties", "u", 1)
            self.try_to("Redbook", "GetCueSheet", "as", ["sound.bin"])
        try:
            steady(self.client.objects)
        except Refusal as refusal:
            fault(f"GetManagedObjects: {refusal}")

    def close(self):
        outcome(lambda: self.client.call(self.path, "Session", "Close"))
        self.client.close()


def outcome(call):
    try:
        return call()
    except Refusal as refusal:
        return refusal.name


def patient(call):
    """Calls again while somebody still looks at the disc, or a session that was left is ending."""
    limit = time.monotonic() + 150 * PATIENCE
    while True:
        try:
            return call()
        except Refusal as refusal:
            if refusal.name not in ("Busy", "StashInUse", "AlreadyOpen", "DeviceStillInUse", "DeviceNotAccessible", "WrongDisc", *LOST) or time.monotonic() > limit:
                raise
            time.sleep(0.1)


def ended(client, job, seconds):
    """How a job ends: the error's name or `success`, and its figures. One that does not is cancelled, and has half a minute then."""
    result = lambda: steady(lambda: client.get(job, "Job", "Result"))
    try:
        until(seconds, result, "it goes on")
    except TimeoutError:
        client.call(job, "Job", "Cancel")
        try:
            until(30, result, "it goes on")
        except TimeoutError:
            fault(f"{job} is not to be ended: {client.call(job, 'org.freedesktop.DBus.Properties', 'GetAll', 's', 'org.discmaster1.Job')}")
            return "endless", {}
    except Refusal as refusal:
        fault(f"{job} is forgotten: {refusal}")
        return "forgotten", {}
    try:
        success, name, message, figures = client.call(job, "Job", "GetResult")
        return "success" if success else name.rpartition(".")[2], figures | {"message": message}
    except Refusal as refusal:
        fault(f"GetResult: {refusal}")
        return "untold", {}


# What it says.

def talk():
    """Every request, again and again, until there is no lie left to tell in its answer."""
    def files():
        session = Session(CD)
        session.select(multisession="new")
        for _ in range(6):
            session.add(FOLDER)
            session.look("Joliet")
            session.add("/nowhere")
            session.try_to("Joliet", "List", "s", "/")
            session.try_to("Joliet", "Remove", "s", "/content")
            session.try_to("Joliet", "SetJolietProperties", "a{sv}", options(VolumeName="LIAR"))
            session.look("Joliet")
            session.try_to("Session", "ClearFormatContent")
        session.close()

    def many():
        session = Session(CD)
        for turn in range(3):
            session.add(f"{FOLDER}-many", destination=f"/{turn}", copy=True)
            session.look("Joliet")
        session.close()

    def tree():
        session = Session(CD)
        for _ in range(6):
            session.select(multisession="append")
            session.look("Joliet")
        session.close()

    def sound():
        session = Session(CD, "redbook")
        for _ in range(4):
            session.try_to("Redbook", "CreateAudioTrack", "u", 0)
            session.try_to("Redbook", "AddAudioTrackBlocks", "ay", bytes(AUDIO_BLOCK * 4))
            session.look("Redbook")
            session.try_to("Redbook", "CloseAudioTrack")
            with open(f"{FOLDER}.wav", "rb") as file:
                session.job("Redbook", "AddAudioFile", "ha{sv}", 0, {}, fds=[file.fileno()])
            session.look("Redbook")
            session.try_to("Session", "ClearFormatContent")
        session.close()

    order(talk=True, most=LIES)
    for part in files, many, tree, sound:
        before, started = -1, time.monotonic()
        while len(double.told()) > before:
            before = len(double.told())
            part()
        print(f"{part.__name__}: {len(double.told())} lies by now, {time.monotonic() - started:.0f} s", flush=True)


def again():
    """The broker is restarted, and asks what is staged: the answer is a lie, or does not come."""
    for drop in [False] * 6 + [True]:
        order(talk=True, most=LIES)
        session = Session(CD, detached=True)
        order()
        session.add(FOLDER)
        order(talk=True, most=LIES, drop=drop)
        run("systemctl", "restart", "discmaster.service")
        steady(lambda: session.client.get(session.path, "Session", "State"))
        # A stager that says nothing has two minutes.
        answer = patient_for(200 if drop else 40, lambda: session.client.call(session.path, "Session", "Close"))
        if answer is not None:
            fault(f"a session that the service found again is not to be closed: {answer}")
        session.client.close()


def patient_for(seconds, call):
    limit = time.monotonic() + seconds * PATIENCE
    while True:
        answer = outcome(call)
        if answer != "Busy" or time.monotonic() > limit:
            return answer
        time.sleep(0.2)


# What it has recorded.

def reload(device):
    """Out and in again, so that the kernel takes note of what was written. Whoever looks at the disc keeps it busy for a moment."""
    for command in ["eject", device], ["eject", "-t", device], ["sh", "-c", f"head -c 1 {device} || sg_turs {device}"]:
        until(20, lambda: subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0, f"{command} does not succeed")
    run("udevadm", "settle")


def of_disc(device, first, blocks):
    """Past the kernel's cache, whose pages hold two blocks: the last of a CD may have one behind it that cannot be read."""
    return subprocess.run(["dd", f"if={device}", f"bs={BLOCK}", f"skip={first}", f"count={blocks}", "iflag=direct", "status=none"], stdout=subprocess.PIPE).stdout


def guard():
    return of_disc(DVD, GUARD.start, len(GUARD))


def possible(disc, image, lie):
    """Whether this is what went through the ring, block by block; of words that were scribbled over while they were read, whether each is one of the two."""
    if disc == image:
        return True
    if len(disc) != len(image) or lie not in ("content", "words", "hole", "lengths"):
        return False
    lap = 4 * double.CHUNK
    for at in range(0, len(disc), 8):
        word = disc[at:at + 8]
        if word != image[at:at + 8] and word != double.MAGIC and word != bytes(8) and all(word != image[before:before + 8] for before in range(at % lap, len(image), lap)):
            return False
    return True


def states(device):
    """The disc's state by its properties, and by a program of others."""
    client = Client()
    ours = patient(lambda: client.call(recorder(device), "org.freedesktop.DBus.Properties", "GetAll", "s", "org.discmaster1.Medium"))
    client.close()
    said = until(30, lambda: described(device), "nobody can describe the disc")
    return {"blank": ours["Blank"], "appendable": ours["Appendable"], "closed": ours["Closed"], "sessions": ours["Sessions"]}, said


def described(device):
    if device == CD:
        told = subprocess.run(["cdrskin", f"dev={device}", "-minfo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        found = re.search(r"disk status:\s+(\S+)", told)
        count = re.search(r"number of sessions:\s+(\d+)", told)
    else:
        told = subprocess.run(["dvd+rw-mediainfo", device], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        found = re.search(r"Disc status:\s+(\S+)", told)
        count = re.search(r"Number of Sessions:\s+(\d+)", told)
    return found and {"status": found[1], "sessions": int(count[1]) if count else 0, "told": told}


def agree(ours, theirs, device):
    status = theirs["status"]
    if device == DVD:
        return status in ("complete", "blank")
    if status == "empty":
        return ours["blank"]
    if status.startswith("incomplete"):
        return ours["appendable"]
    return ours["closed"] and ours["sessions"] == theirs["sessions"]


RING = ("other", "words", "content", "lengths", "early", "more", "never", "die", "failed", "deaf", "knock", "hole")
DONE = ("with", "early", "never", "twice", "error")


def burn(session, **how):
    """Records; the outcome and the figures."""
    job = session.try_to("Session", "RecordDisc", "a{sv}", options(verify="full", **how))
    if not str(job).startswith("/"):
        return job, {}
    return ended(session.client, job, 30)


def lying_round(number, chance):
    device, lie = (CD, DVD)[number // len(RING) % 2 if ROUNDS > len(RING) else number % 2], RING[number % len(RING)]
    done = chance.choice(DONE)
    for name in "image", "put":
        if os.path.exists(f"{LIAR}/{name}"):
            os.remove(f"{LIAR}/{name}")
    fresh(device)
    before = guard() if device == DVD else None
    started = time.monotonic()
    order(feed=lie, done=done, seed=f"{SEED} {number}")
    session = Session(device)
    added, selected = session.add(FOLDER), session.select(**({"multisession": "new"} if device == DVD else {}))
    if (added, selected) != ("success", None):
        fault(f"nothing is lied about yet: {added}, {selected}")
    result, figures = burn(session)
    session.close()
    reload(device)
    ours, theirs = states(device)
    if not agree(ours, theirs, device):
        fault(f"the disc is told to be {ours}, and it is {theirs}")
    if result == "success":
        with open(f"{LIAR}/put", "rb") as file:
            image = file.read()
        blocks = figures["blocks"]
        if not figures.get("verified-full") or len(image) < blocks * BLOCK:
            fault(f"a success that was not checked: {figures}")
        disc = of_disc(device, figures["start"], blocks)
        if not possible(disc, image[:blocks * BLOCK], lie):
            others = [at for at in range(blocks) if disc[at * BLOCK:(at + 1) * BLOCK] != image[at * BLOCK:(at + 1) * BLOCK]]
            fault(f"the disc holds what never went through the ring: {len(disc)} bytes of {blocks} blocks, others in {len(others)}, {others[:1]} to {others[-1:]}")
    elif not figures.get("message"):
        fault(f"a failure without an account: {result}")
    if device == DVD and guard() != before:
        fault("blocks were written that no plan has")
    if device == CD and theirs["status"] != "empty":
        size = int(run("blockdev", "--getsz", device)) // 4
        if size > os.path.getsize(f"{LIAR}/image") // BLOCK + 302:
            fault(f"{size} blocks were written")
    print(f"round {number}: {os.path.basename(device)}, {lie}, {done}: {result} after {time.monotonic() - started:.0f} s: {theirs['status']}; {figures.get('message')}", flush=True)
    return lie, result


def fresh(device):
    client = Client()
    patient(lambda: client.call(recorder(device), "Recorder", "Erase", "ba{sv}", False, options(wait=True)))
    client.close()


def honest_round(device):
    """The installed stager, on the same drive, as if nothing had been."""
    replace_stager(by_liar=False)
    fresh(device)
    session = Session(device)
    session.add(FOLDER)
    session.select()
    result, figures = burn(session)
    session.close()
    if result != "success" or not figures.get("verified-full"):
        fault(f"an honest stager's disc: {result}, {figures}")
    until(20, lambda: subprocess.run(["mount", "-t", "iso9660", "-o", "ro", device, "/mnt"]).returncode == 0, "the disc cannot be mounted")
    try:
        run("cmp", "/mnt/content", f"{FOLDER}/content")
    finally:
        until(20, lambda: subprocess.run(["umount", "/mnt"]).returncode == 0, "the disc stays mounted")
    replace_stager(by_liar=True)


# What is left.

def belongings():
    pid = main_pid("discmaster.service")
    return {
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "kept by systemd": int(run("systemctl", "show", "-p", "NFileDescriptorStore", "--value", "discmaster.service")),
        "processes": len(subprocess.run(["pgrep", "-f", "libexec/discmaster|liar.stager"], stdout=subprocess.PIPE).stdout.split()),
        "stash": int(run("sh", "-c", "find /var/cache/discmaster/stash -mindepth 2 | wc -l")),
        "memory": run("ls", "/dev/shm"),
    }


def left(before):
    return {name: (before[name], now) for name, now in belongings().items() if (now > before[name] + 2 if name == "descriptors" else now != before[name])}


def crashes():
    """What systemd and the processes themselves say of broker and workers."""
    journal = run("journalctl", "-b", "--no-pager", "-o", "cat", "-u", "discmaster.service", "-u", "discmaster-worker@*")
    return [line for line in journal.splitlines() if re.search("panicked|code=(killed|dumped|exited)|Failed with result|core-dump", line)]


def contents():
    os.makedirs(f"{FOLDER}-many")
    os.makedirs(FOLDER)
    with open(f"{FOLDER}/content", "wb") as file:
        file.write(random.Random(SEED).randbytes(1_000_000))
    for number in range(1500):
        with open(f"{FOLDER}-many/{number}", "w") as file:
            file.write("x" * 3000)
    sound = bytes(AUDIO_BLOCK * 310)
    with open(f"{FOLDER}.wav", "wb") as file:
        tags = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"Ode\0"
        file.write(b"RIFF" + struct.pack("<I", 36 + len(tags) + len(sound)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 44100, 176400, 4, 16))
        file.write(tags + b"data" + struct.pack("<I", len(sound)) + sound)


def main():
    print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
    contents()
    threading.Thread(target=watch, daemon=True).start()
    order()
    replace_stager(by_liar=True)
    # A disc to append to, and what there is when nothing goes on.
    fresh(CD)
    session = Session(CD)
    assert (session.add(FOLDER), session.select()) == ("success", None)
    assert burn(session, close="appendable")[0] == "success"
    session.close()
    before = until(60, lambda: (found := belongings())["processes"] == 1 and found, "helpers stay")
    pid = main_pid("discmaster.service")

    started = time.monotonic()
    talk()
    print(f"{len(double.told())} lies in messages, {time.monotonic() - started:.0f} s", flush=True)
    if main_pid("discmaster.service") != pid:
        fault("the service has begun anew")
    pid = main_pid("discmaster.service")

    tally = {}
    for number in range(ROUNDS):
        chance = random.Random(f"{SEED} {number}")
        lie, result = lying_round(number, chance)
        tally.setdefault(lie, []).append(result)
        honest_round((CD, DVD)[number % 2] if ROUNDS <= len(RING) else (CD, DVD)[number // len(RING) % 2])
        if main_pid("discmaster.service") != pid:
            fault("the service has begun anew")
            pid = main_pid("discmaster.service")
    print("rounds:", tally, flush=True)
    again()

    order()
    try:
        until(60, lambda: not left(before), "something is left")
    except TimeoutError:
        fault(f"left, before and after: {left(before)}")
    told = double.told()
    broken = [line for line in told if line.startswith("BROKEN")]
    where = {line.split(": ")[1].split(" ")[0] for line in told}
    missed = [field for field in [*double.fields(double.FROM_STAGER), *double.fields(double.QUESTION)] if field not in where]
    print("fields that nothing was told of:", missed, flush=True)
    if not all("[]" in field for field in missed):
        fault("a field that is always there was never lied about")
    print(f"{len(told)} lies, peaks in KiB: {peaks}", flush=True)
    for complaint in [*broken, *crashes()]:
        fault(complaint)
    for name, most in MOST.items():
        if peaks[name] > most:
            fault(f"{name}: {peaks[name]} KiB")
    replace_stager(by_liar=False)
    sys.exit(1 if faults else 0)


main()
