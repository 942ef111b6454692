"""What Ben tries with what is Anna's: others.py DEVICE, as root, who plays both and looks for the secret afterwards."""

import ctypes
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time

from client import PATIENCE, ROOT, Client, Refusal, options, until

DEVICE = sys.argv[1]
RECORDER = f"{ROOT}/recorders/{os.path.basename(DEVICE)}"
SECRET = b"Anna's secret: the quick brown fox has 4 kittens\n"
PRIVATE, LETTER = "/home/anna/private", "/home/anna/private/letter"
STASH = f"/var/cache/discmaster/stash/{pwd.getpwnam('anna').pw_uid}"
# What a refusal may be called.
REFUSED = ("FileUnreadable", "FileAccess", "SpecialFile", "InvalidArgs", "NotAuthorized", "FileChanged", "AccessDenied")


def become(name):
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    os.chdir("/")


def as_user(name, deed, *arguments):
    """Does something as this user, in a process of its own, and gives what it gave."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become(name)
            answer = {"good": deed(*arguments)}
        except BaseException as error:  # all of it is the answer
            answer = {"bad": f"{type(error).__name__}: {error}"}
        os.write(write, json.dumps(answer).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        text = file.read()
    os.waitpid(child, 0)
    answer = json.loads(text)
    assert "good" in answer, f"{deed.__name__}: {answer}"
    return answer["good"]


class Session:
    """A session on the recorder."""

    def __init__(self, **how):
        self.client = Client()
        self.path = self.client.call(ROOT, "DiscMaster", "Open", "a{sv}", options(recorder=RECORDER, **how))
        self.joliet = self.client.call(self.path, "Session", "SetActiveDiscMasterFormat", "s", "joliet")
        self.client.call(self.path, "Session", "SetActiveDiscRecorder", "oa{sv}", RECORDER, {})

    def add(self, path, **how):
        """"yes", or the refusal's name."""
        return outcome(lambda: self.client.call(self.joliet, "Joliet", "AddPath", "sa{sv}", path, options(wait=True, **how)))

    def add_folder(self, fd):
        return outcome(lambda: self.client.call(self.joliet, "Joliet", "AddData", "ha{sv}", 0, options(wait=True), fds=[fd]))

    def record(self):
        return outcome(lambda: self.client.call(self.path, "Session", "RecordDisc", "a{sv}", options(wait=True)))

    def staged(self):
        return self.client.call(self.joliet, "Joliet", "List", "s", "/")[0]

    def close(self):
        self.client.call(self.path, "Session", "Close")


def outcome(call):
    try:
        call()
        return "yes"
    except Refusal as refusal:
        return refusal.name


def denied(call):
    try:
        call()
    except PermissionError:
        return True
    except (ProcessLookupError, FileNotFoundError):
        return True  # not to be seen is as good
    return False


def disc():
    """What can be read of the disc from its beginning on, past the kernel's cache."""
    subprocess.run(["blockdev", "--flushbufs", DEVICE], check=True)
    found = bytearray()
    drive = os.open(DEVICE, os.O_RDONLY)
    try:
        while len(found) < 32 << 20:
            piece = os.pread(drive, 65536, len(found)) or os.pread(drive, 2048, len(found))
            if not piece:
                break
            found += piece
    except OSError:
        pass  # the blocks that run out
    finally:
        os.close(drive)
    return bytes(found)


def blank():
    client = Client()
    limit = time.monotonic() + 30 * PATIENCE
    while outcome(lambda: client.call(RECORDER, "Recorder", "Erase", "ba{sv}", False, options(wait=True))) != "yes":
        assert time.monotonic() < limit
        time.sleep(0.2)


# Files.

def files_by_path():
    session = Session()
    tried = {}
    os.makedirs("/home/ben/links", exist_ok=True)
    for name, target in ("file", LETTER), ("folder", PRIVATE):
        link = f"/home/ben/links/{name}"
        os.symlink(target, link)
        tried[link] = session.add(link)
        tried[target] = session.add(target)
    for path in "/root", "/etc/shadow", STASH, "/proc/self/environ", "/proc/1/root", "/proc/1/environ":
        tried[path] = session.add(path)
    staged = session.staged()
    session.close()
    return tried, staged


def added_alone(path):
    session = Session()
    answer = session.add(path)
    session.close()
    return answer


def a_folder_by_descriptor(fd):
    session = Session()
    answer = session.add_folder(fd)
    session.close()
    return answer


def links_that_are_swapped():
    """A file that is one's own when it is looked at, and a link to another's when it is opened."""
    folder, path = "/home/ben/swap", "/home/ben/swap/file"
    os.makedirs(folder)
    stop = threading.Event()

    def swap():
        turn = 0
        while not stop.is_set():
            turn += 1
            other = f"/home/ben/other-{turn}"
            if turn % 2:
                os.symlink(LETTER, other)
            else:
                with open(other, "wb") as file:
                    file.write(b"x" * len(SECRET))
            os.rename(other, path)
    with open(path, "wb") as file:
        file.write(b"x" * len(SECRET))
    thread = threading.Thread(target=swap)
    thread.start()
    session, seen = Session(), set()
    try:
        for turn in range(20):
            seen.add(session.add(folder, destination=f"/{turn}", copy=turn % 2 == 0))
    finally:
        stop.set()
        thread.join()
    seen.add(session.record())
    session.close()
    return sorted(seen)


def recorded_from_a_mount(path):
    session = Session()
    assert session.add(path) == "yes"
    assert session.record() == "yes"
    session.close()


# What runs.

def get_in_the_way(session, job, processes):
    """While Anna's disc is being written: everything that Ben can reach."""
    client = Client()
    answers = {
        "Open": outcome(lambda: client.call(ROOT, "DiscMaster", "Open", "a{sv}", options(recorder=RECORDER))),
        "Open of all": outcome(lambda: client.call(ROOT, "DiscMaster", "Open", "a{sv}", {})),
        "OpenExclusive": outcome(lambda: client.call(RECORDER, "Recorder", "OpenExclusive")),
        "Eject": outcome(lambda: client.call(RECORDER, "Recorder", "Eject")),
        "Load": outcome(lambda: client.call(RECORDER, "Recorder", "Load")),
        "Erase": outcome(lambda: client.call(RECORDER, "Recorder", "Erase", "ba{sv}", True, {})),
        "Format": outcome(lambda: client.call(RECORDER, "Recorder", "Format", "a{sv}", {})),
        "Cancel": outcome(lambda: client.call(job, "Job", "Cancel")),
        "GetResult": outcome(lambda: client.call(job, "Job", "GetResult")),
        "Close": outcome(lambda: client.call(session, "Session", "Close")),
        "List": outcome(lambda: client.call(f"{session}/joliet", "Joliet", "List", "s", "/")),
        "the log's level": outcome(lambda: client.call("/org/freedesktop/LogControl1", "org.freedesktop.DBus.Properties", "Get", "ss", "org.freedesktop.LogControl1", "LogLevel")),
    }
    for name, pid in processes.items():
        for file in "environ", "mem", "maps", "auxv":
            assert denied(lambda: open(f"/proc/{pid}/{file}", "rb").read(1)), f"{name}'s {file}"
        for folder in "fd", "cwd/", "root/", "map_files":
            assert denied(lambda: os.listdir(f"/proc/{pid}/{folder}")), f"{name}'s {folder}"
        for number in signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGHUP:
            assert denied(lambda: os.kill(pid, number)), f"{name} took a signal"
        # A descriptor of another's, as the ring or a stash would be.
        assert not any(takes(pid, fd) for fd in range(3, 12)), f"{name} gave a descriptor"
    for path in f"/run/discmaster/workers/{os.path.basename(DEVICE)}", "/run/discmaster/stager":
        for kind in socket.SOCK_SEQPACKET, socket.SOCK_STREAM, socket.SOCK_DGRAM:
            with socket.socket(socket.AF_UNIX, kind) as end:
                assert denied(lambda: end.connect(path)), path
    for path in STASH, "/run/discmaster/recorders":
        assert denied(lambda: os.listdir(path)), path
    for path in "/run/discmaster/workers/x", "/run/discmaster/x", "/var/cache/discmaster/stash/x":
        assert denied(lambda: os.mkdir(path)), path
    assert denied(lambda: open(DEVICE, "rb")), "the drive is open to everybody"
    return answers


def takes(pid, fd):
    """Whether pidfd_getfd(2) gives a descriptor of this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    return libc.syscall(438, process, fd, 0) >= 0


def listen(write):
    """Ben hears what the bus gives him: everything that he may ask for."""
    become("ben")
    with open(os.devnull, "w") as null:
        subprocess.run(["timeout", str(30 * PATIENCE), "busctl", "monitor", "org.discmaster1"], stdout=write, stderr=null)


def record_slowly():
    client = Client()
    session = Session(detached=True)
    assert session.add(PRIVATE, copy=True) == "yes"
    job = client.call(session.path, "Session", "RecordDisc", "a{sv}", options(verify="full"))
    until(60, lambda: client.get(job, "Job", "Phase") == "writing", "nothing is written")
    return session.path, job


def end(session, job):
    client = Client()
    assert client.wait(job) == "success", job
    return outcome(lambda: client.call(session, "Session", "Close"))


def main():
    os.chmod("/home/anna", 0o755)
    os.mkdir(PRIVATE, 0o700)
    with open(LETTER, "wb") as file:
        file.write(SECRET)
    with open(f"{PRIVATE}/large", "wb") as file:
        file.write(SECRET * 100_000)
    subprocess.run(["chown", "-R", "anna:", PRIVATE], check=True)
    subprocess.run(["chmod", "-R", "go=", PRIVATE], check=True)

    # Anna has a place in the stash from her first session on.
    assert as_user("anna", added_alone, PRIVATE) == "yes"
    tried, staged = as_user("ben", files_by_path)
    print(tried, staged, flush=True)
    assert all(answer in REFUSED for answer in tried.values()), tried
    assert SECRET not in repr(staged).encode()

    # Anna's very file, in Ben's folder.
    os.mkdir("/home/ben/mine")
    os.link(LETTER, "/home/ben/mine/letter")
    answer = as_user("ben", added_alone, "/home/ben/mine")
    print("hard link:", answer, flush=True)
    assert answer in REFUSED

    # A descriptor of a folder that Ben could not have opened.
    fd = os.open(PRIVATE, os.O_RDONLY | os.O_DIRECTORY)
    answer = as_user("ben", a_folder_by_descriptor, fd)
    other = as_user("ben", a_folder_by_descriptor, os.open(PRIVATE, os.O_PATH))
    print("descriptors:", answer, other, flush=True)
    assert answer in REFUSED and other in REFUSED
    os.close(fd)

    seen = as_user("ben", links_that_are_swapped)
    print("swapped links:", seen, flush=True)
    assert SECRET not in disc(), "what was swapped in was read"
    as_user("root", blank)

    # A mount of Anna's, which not even root can read: she can, and Ben cannot.
    os.mkdir("/home/anna/mount")
    subprocess.run(["chown", "anna:", "/home/anna/mount"], check=True)
    os.chmod("/dev/fuse", 0o666)
    mounting = ["setpriv", "--reuid=anna", "--regid=anna", "--clear-groups", "bindfs", "--no-allow-other", PRIVATE, "/home/anna/mount"]
    subprocess.run(mounting, check=True)
    assert denied(lambda: os.listdir("/home/anna/mount")), "root can read it: this tests nothing"
    answer = as_user("ben", added_alone, "/home/anna/mount")
    print("mount:", answer, flush=True)
    assert answer in REFUSED
    as_user("anna", recorded_from_a_mount, "/home/anna/mount")
    assert SECRET in disc(), "Anna records what is hers"
    subprocess.run(["umount", "/home/anna/mount"], check=True)
    as_user("root", blank)

    heard_by_ben, write = os.pipe()
    ear = os.fork()
    if ear == 0:
        listen(write)
        os._exit(0)
    os.close(write)
    session, job = as_user("anna", record_slowly)
    processes = {}
    for name in "discmasterd", "discmaster-worker", "discmaster-stager":
        found = subprocess.run(["pgrep", "-f", f"libexec/discmaster/{name}( |$)"], stdout=subprocess.PIPE, text=True, check=True)
        processes[name] = int(found.stdout.split()[0])
    answers = as_user("ben", get_in_the_way, session, job, processes)
    print(answers, flush=True)
    assert "yes" not in {name: answer for name, answer in answers.items() if name != "the log's level"}.values(), answers
    assert as_user("anna", end, session, job) == "yes"
    assert SECRET in disc()
    os.kill(ear, signal.SIGTERM)
    with os.fdopen(heard_by_ben, "rb") as file:
        os.set_blocking(heard_by_ben, False)
        assert b"letter" not in (file.read() or b""), "a file's name is told to everybody"


main()
