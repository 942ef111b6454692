"""Calls every method as every kind of user, and writes down what became of it: users.py page RECORDER RECORDER, at seat0 and at seat1."""

import glob
import json
import os
import re
import subprocess
import sys
import time
import wave
import xml.etree.ElementTree as tree

from client import PATIENCE, ROOT, SERVICE, Client, Refusal, options

# What is tried again for a while: somebody looks at the disc.
MOMENTARY = ("Busy", "DeviceStillInUse", "MediumNotPresent", "WrongDisc")
SEATS = ("seat0", "seat1")
KINDS = {
    "root": "root, without a session",
    "active": "the active session of seat0",
    "inactive": "a session of seat0 in the background",
    "elsewhere": "the active session of seat1",
    "remote": "a session without a seat, as over SSH",
    "nobodys": "no session, and no group but one's own",
}
SESSIONS = {
    "active": "XDG_SEAT=seat0 XDG_VTNR=1 XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user",
    "inactive": "XDG_SEAT=seat0 XDG_VTNR=2 XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user",
    "elsewhere": "XDG_SEAT=seat1 XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user",
    "remote": "XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user",
}
PROPERTIES = "org.freedesktop.DBus.Properties"
SILENCE = bytes(2352 * 300)

SESSION = [
    ("Session", "EnumDiscMasterFormats", ""),
    ("Session", "SetActiveDiscMasterFormat", "s", "redbook"),
    ("Session", "GetActiveDiscMasterFormat", ""),
    ("Session", "EnumDiscRecorders", ""),
    ("Session", "SetActiveDiscRecorder", "oa{sv}", "RECORDER", {}),
    ("Session", "GetActiveDiscRecorder", ""),
    ("Redbook", "GetTotalAudioTracks", ""),
    ("Redbook", "GetTotalAudioBlocks", ""),
    ("Redbook", "GetAvailableAudioTrackBlocks", ""),
    ("Redbook", "GetAudioBlockSize", ""),
    ("Redbook", "CreateAudioTrack", "u", 300),
    ("Redbook", "AddAudioTrackBlocks", "ay", SILENCE[:2352]),
    ("Redbook", "AddAudioTrackStream", "ha{sv}", "RAW", options(wait=True)),
    ("Redbook", "CloseAudioTrack", ""),
    ("Redbook", "AddAudioFile", "ha{sv}", "WAV", options(wait=True)),
    ("Redbook", "GetUsedAudioBlocks", ""),
    ("Redbook", "GetRedbookProperties", ""),
    ("Redbook", "SetRedbookProperties", "a{sv}", options(DataTrack=True)),
    ("Redbook", "AddDataTrackStream", "ha{sv}", "IMAGE", options(wait=True)),
    ("Redbook", "SetTranslation", "sua{sv}", "de", 0, options(Title="Lieder")),
    ("Redbook", "GetTranslations", ""),
    ("Redbook", "GetTranslation", "su", "de", 0),
    ("Redbook", "RemoveTranslation", "s", "de"),
    ("Redbook", "GetCueSheet", "as", ["disc.bin"]),
    ("Redbook", "GetAudioTrackProperties", "u", 1),
    ("Redbook", "SetAudioTrackProperties", "ua{sv}", 1, {}),
    ("Session", "ClearFormatContent", ""),
    ("Session", "SetActiveDiscMasterFormat", "s", "joliet"),
    ("Session", "SetActiveDiscRecorder", "oa{sv}", "RECORDER", {}),
    ("Joliet", "GetTotalDataBlocks", ""),
    ("Joliet", "AddPath", "sa{sv}", "/usr/share/discs", options(wait=True)),
    ("Joliet", "AddData", "ha{sv}", "FOLDER", options(wait=True)),
    ("Joliet", "List", "s", "/"),
    ("Joliet", "Remove", "s", "/text"),
    ("Joliet", "GetUsedDataBlocks", ""),
    ("Joliet", "GetDataBlockSize", ""),
    ("Joliet", "GetJolietProperties", ""),
    ("Joliet", "SetJolietProperties", "a{sv}", {}),
    ("Session", "RecordDisc", "a{sv}", options(wait=True)),
    ("Job", "GetResult", ""),
    ("Job", "Cancel", ""),
    ("Session", "Close", ""),
]
RECORDER = [
    ("Recorder", "OpenExclusive", ""),
    ("Recorder", "GetRecorderGUID", ""),
    ("Recorder", "GetRecorderType", ""),
    ("Recorder", "GetDisplayNames", ""),
    ("Recorder", "GetBasePnPID", ""),
    ("Recorder", "GetPath", ""),
    ("Recorder", "GetRecorderState", ""),
    ("Recorder", "GetRecorderProperties", ""),
    ("Recorder", "SetRecorderProperties", "a{sv}", {}),
    ("Recorder", "QueryMediaType", ""),
    ("Recorder", "QueryMediaInfo", ""),
    ("Recorder", "ReadCueSheet", "s", "disc.bin"),
    ("Recorder", "Close", ""),
    ("Recorder", "Erase", "ba{sv}", False, options(wait=True)),
    ("Recorder", "Format", "a{sv}", options(wait=True)),
    ("Recorder", "Eject", ""),
    ("Recorder", "Load", ""),
]
STANDARD = [
    (ROOT, "org.freedesktop.DBus.Introspectable", "Introspect", ""),
    (ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ""),
    (ROOT, "org.freedesktop.DBus.Peer", "Ping", ""),
    (ROOT, PROPERTIES, "Get", "ss", f"{SERVICE}.DiscMaster", "Version"),
    (ROOT, PROPERTIES, "GetAll", "s", f"{SERVICE}.DiscMaster"),
    (ROOT, PROPERTIES, "Set", "ssv", f"{SERVICE}.DiscMaster", "Version", options(version="0")["version"]),
    ("/org/freedesktop/LogControl1", PROPERTIES, "Get", "ss", "org.freedesktop.LogControl1", "LogLevel"),
    ("/org/freedesktop/LogControl1", PROPERTIES, "Set", "ssv", "org.freedesktop.LogControl1", "LogLevel", options(level="info")["level"]),
]


def attempt(client, path, interface, method, signature, *arguments):
    """What becomes of a call: "yes" or the error's name, and what it answered."""
    stand_ins = {"RAW": "/usr/share/discs/sound", "WAV": "/usr/share/discs/sound.wav", "IMAGE": "/usr/share/discs/image", "FOLDER": "/usr/share/discs/more"}
    files = [os.open(stand_ins[word], os.O_RDONLY) for word in arguments if isinstance(word, str) and word in stand_ins]
    arguments = [0 if isinstance(word, str) and word in stand_ins else word for word in arguments]
    limit = time.monotonic() + 5 * PATIENCE
    try:
        while True:
            try:
                return "yes", client.call(path, interface, method, signature, *arguments, fds=files)
            except Refusal as refusal:
                if refusal.name not in MOMENTARY or time.monotonic() > limit:
                    return refusal.name, None
            time.sleep(0.2)
    finally:
        for file in files:
            os.close(file)


class Trying:
    """One user's attempts."""

    def __init__(self, recorders):
        self.client = Client()
        self.recorders = {seat: f"{ROOT}/recorders/{id}" for seat, id in zip(SEATS, recorders)}
        self.seen = []

    def note(self, part, method, outcome):
        # What is called twice is noted once, unless it differs.
        if [part, method, outcome] not in self.seen:
            self.seen.append([part, method, outcome])

    def own(self):
        """What needs nobody else: opening, recording on one's own, the recorders."""
        for path, interface, method, *rest in STANDARD:
            where = " of the log" if "LogControl" in path else ""
            self.note("Anything", f"{interface.rpartition('.')[2]}.{method}{where}", attempt(self.client, path, interface, method, *rest)[0])
        whole, session = attempt(self.client, ROOT, "DiscMaster", "Open", "a{sv}", {})
        self.note("Opening", "DiscMaster.Open of every recorder", whole)
        for seat, recorder in self.recorders.items():
            outcome = "–"
            if session:
                attempt(self.client, session, "Session", "SetActiveDiscMasterFormat", "s", "joliet")
                outcome, _ = attempt(self.client, session, "Session", "SetActiveDiscRecorder", "oa{sv}", recorder, {})
            self.note("Opening", f"Session.SetActiveDiscRecorder of {seat}, in that session", outcome)
        if session:
            self.client.call(session, "Session", "Close")
        mine = None
        for seat, recorder in self.recorders.items():
            outcome, session = attempt(self.client, ROOT, "DiscMaster", "Open", "a{sv}", options(recorder=recorder))
            self.note("Opening", f"DiscMaster.Open of the recorder of {seat}", outcome)
            if session and not mine:
                mine = True
                self.steps("A session of one's own", session, recorder, None)
            elif session:
                self.client.call(session, "Session", "Close")
        if not mine:
            for interface, method, *_ in SESSION:
                self.note("A session of one's own", f"{interface}.{method}", "–")
        for seat, recorder in self.recorders.items():
            for interface, method, *rest in RECORDER:
                outcome, _ = attempt(self.client, recorder, interface, method, *rest)
                self.note(f"A recorder of {seat}", f"{interface}.{method}", outcome)

    def steps(self, part, session, recorder, job):
        for interface, method, signature, *arguments in SESSION:
            path = {"Session": session, "Job": job}.get(interface, f"{session}/{interface.lower()}")
            arguments = [recorder if isinstance(word, str) and word == "RECORDER" else word for word in arguments]
            outcome, answer = attempt(self.client, path, interface, method, signature, *arguments)
            self.note(part, f"{interface}.{method}", outcome)
            if method == "RecordDisc" and answer:
                job = answer


def try_all(recorders):
    """In the session of the user: first alone, then what is Anna's."""
    trying = Trying(recorders)
    trying.own()
    print(json.dumps(trying.seen), flush=True)
    trying.seen = []
    session, recorder, job = json.loads(sys.stdin.readline())
    trying.steps("A session of another user's", session, recorder, job)
    print(json.dumps(trying.seen), flush=True)


def be_anna(recorders):
    """Anna's session with something in it, made anew for each line that is read; and the discs blank again."""
    client = Client()
    recorder = f"{ROOT}/recorders/{recorders[0]}"
    session = None
    for line in sys.stdin:
        if session:
            attempt(client, session, "Session", "Close", "")
        for id in recorders:
            outcome, _ = attempt(client, f"{ROOT}/recorders/{id}", "Recorder", "Erase", "ba{sv}", False, options(wait=True))
            assert outcome == "yes", outcome
        session = None
        if line.strip() == "open":
            session = client.call(ROOT, "DiscMaster", "Open", "a{sv}", options(recorder=recorder, detached=True))
            joliet = client.call(session, "Session", "SetActiveDiscMasterFormat", "s", "joliet")
            client.call(session, "Session", "SetActiveDiscRecorder", "oa{sv}", recorder, {})
            job = client.call(joliet, "Joliet", "AddPath", "sa{sv}", "/usr/share/discs", options(wait=True))
        print(json.dumps([session, recorder, session and job]), flush=True)


def start(kind, recorders):
    """A process of this kind of user's."""
    command = ["python3", "/host/users.py", "anna" if kind == "anna" else "try", *recorders]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": "/"}
    if kind in SESSIONS:
        command = ["systemd-run", "--quiet", "--pipe", "--wait", "-p", f"User={kind}", "-p", "PAMName=guest", "-p", f"Environment={SESSIONS[kind]}", *command]
    elif kind != "root":
        pipes.update(user=kind, group=kind, extra_groups=[])
    return subprocess.Popen(command, **pipes)


def told(process, line=None):
    if line is not None:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    answer = process.stdout.readline()
    assert answer, f"{process.args} ended"
    return json.loads(answer)


def page(recorders):
    content()
    anna = start("anna", recorders)
    cells = {}
    for kind in KINDS:
        print(f"as {kind}", file=sys.stderr, flush=True)
        told(anna, "erase")
        process = start(kind, recorders)
        seen = told(process)
        seen += told(process, json.dumps(told(anna, "open")))
        process.stdin.close()
        assert process.wait() == 0, kind
        for part, method, outcome in seen:
            cells.setdefault((part, method), {}).setdefault(kind, []).append(outcome)
    anna.stdin.close()
    anna.wait()
    methods = {f"{interface}.{method}" for interface, method in declared()}
    missing = methods - {method.split(" ")[0] for _, method in cells}
    assert not missing, f"never called: {missing}"
    write(cells)
    write_details(recorders)


def content():
    os.makedirs("/usr/share/discs/more")
    for name, data in ("text", b"text\n"), ("sound", SILENCE), ("more/other", b"other\n"):
        with open(f"/usr/share/discs/{name}", "wb") as file:
            file.write(data)
    with open("/usr/share/discs/image", "wb") as file:
        file.write(bytes(2048 * 300))
    with wave.open("/usr/share/discs/sound.wav", "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(SILENCE)


def declared():
    for path in glob.glob("/usr/share/dbus-1/interfaces/org.discmaster1.*.xml"):
        for interface in tree.parse(path).getroot().iter("interface"):
            for method in interface.iter("method"):
                yield interface.get("name").rpartition(".")[2], method.get("name")


def write(cells):
    print("""# Who may do what

Every method of every interface, called by each kind of user in the guest of `tests/vm`, with the policies as they are installed. `make test-vm` writes
this page: every cell was run. `yes` is done; the rest are errors: `NotAuthorizedCanObtain` where an administrator's password would help (nobody was there to
type it), `AccessDenied` where the bus itself refuses. `–` cannot be tried, for want of a session.
""")
    print("| User | |\n|---|---|")
    for kind, meaning in KINDS.items():
        print(f"| {kind} | {meaning} |")
    shown = None
    parts = list(dict.fromkeys(part for part, _ in cells))
    for (part, method), outcomes in sorted(cells.items(), key=lambda cell: parts.index(cell[0][0])):
        if part != shown:
            print(f"\n## {part}\n\n| Method | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}")
            shown = part
        print(f"| {method} | {' | '.join(', '.join(outcomes[kind]) for kind in KINDS)} |")


def write_details(recorders):
    """What a rule of polkit's saw, once for each action and recorder; held against what is documented."""
    log = subprocess.run(["journalctl", "-b", "-o", "cat", "-u", "polkit"], stdout=subprocess.PIPE, text=True, check=True).stdout
    asked = {}
    for id, rest in re.findall(r"asked \w+ \[Action id='org\.discmaster1\.([^']*)'(.*)\]", log):
        details = dict(re.findall(r"(recorder\.\w+)='([^']*)'", rest))
        for seat, name in zip(SEATS, recorders):
            details = {key: re.sub(rf"\b{name}\b", f"sr({seat})", value) for key, value in details.items()}
        asked[id, details.get("recorder.id")] = details
    with open("/usr/share/doc/discmaster/polkit.md") as file:
        document = file.read()
    table = document.partition("| Action")[2].partition("\n\n")[0]
    actions = set(re.findall(r"`([a-z-]+)`", "\n".join(line.split("|")[1] for line in table.splitlines()[2:])))
    keys = re.findall(r"^\| `(recorder\.\w+)`", document, re.M)
    seen = {action for action, _ in asked}
    assert actions == seen, f"documented, and asked: {actions ^ seen}"
    print("\n## What a rule saw\n\nThe questions, each once, with all of their details.\n")
    for (action, _), details in sorted(asked.items()):
        assert sorted(details) == sorted(keys), f"{action}: {sorted(details)}"
        print(f"- `{action}`: " + ", ".join(f"`{key}` {value or '(empty)'}" for key, value in sorted(details.items())))


if __name__ == "__main__":
    {"try": try_all, "anna": be_anna, "page": page}[sys.argv[1]](sys.argv[2:])
