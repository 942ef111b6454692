"""Calls whatever the service offers with whatever fits the signature."""

import os
import random
import sys
import time
import xml.etree.ElementTree as tree

from gi.repository import GLib

from client import PATIENCE, ROOT, Client, Refusal, options, until

CALLS = int(os.environ.get("VM_CALLS", "25"))
# These change the disc or the tray, or turn off the log that is looked at afterwards.
LEFT_OUT = ("Erase", "Format", "RecordDisc", "Eject", "Load", "Set")
WORDS = ["", "/", "joliet", "redbook", "append", "full", "%s%n%x", "../../etc", "a\u202eb", "\U0001f4bf", "x" * 300, "\x7f\x01", "/etc", "/proc/self", "9" * 40]
KEYS = ["recorder", "detached", "client-name", "destination", "overwrite", "copy", "special-files", "wait", "multisession", "VolumeName", "Title",
        "Isrc", "PreGap", "Indexes", "WriteSpeed", "AudioGapSize", "speed", "gapless", "unknown", ""]
PATHS = ["/", ROOT, f"{ROOT}/recorders/sr0", f"{ROOT}/sessions/1", f"{ROOT}/recorders/" + "x" * 200]
NUMBERS = {"y": 8, "q": 16, "u": 32, "t": 64}
SIGNED = {"n": 16, "i": 32, "x": 64}


def value(kind):
    """A value of a single complete type."""
    if kind in NUMBERS:
        return GLib.Variant(kind, random.choice([0, 1, 2, 1 << (NUMBERS[kind] - 1), (1 << NUMBERS[kind]) - 1, random.getrandbits(NUMBERS[kind])]))
    if kind in SIGNED:
        return GLib.Variant(kind, random.choice([0, -1, -(1 << (SIGNED[kind] - 1)), (1 << (SIGNED[kind] - 1)) - 1]))
    if kind == "b":
        return GLib.Variant("b", random.random() < 0.5)
    if kind == "d":
        return GLib.Variant("d", random.choice([0.0, -1.0, 1e308, float("inf"), float("nan")]))
    if kind == "s":
        return GLib.Variant("s", random.choice([*WORDS, "".join(chr(random.randint(1, 0xD7FF)) for _ in range(random.randint(0, 50)))]))
    if kind == "o":
        return GLib.Variant("o", random.choice(PATHS))
    if kind == "h":
        return GLib.Variant("h", 0)
    if kind == "v":
        return GLib.Variant("v", value(random.choice(["s", "b", "u", "t", "o", "as", "ay", "d", "a{sv}", "x"])))
    if kind == "ay":
        return GLib.Variant("ay", random.randbytes(random.choice([0, 1, 2351, 2352, 4704])))
    if kind == "a{sv}":
        return GLib.Variant("a{sv}", {random.choice(KEYS): value("v").get_variant() for _ in range(random.randint(0, 4))})
    if kind.startswith("a"):
        array = GLib.VariantBuilder(GLib.VariantType.new(kind))
        for _ in range(random.randint(0, 5)):
            array.add_value(value(kind[1:]))
        return array.end()
    raise AssertionError(f"teach this what {kind} is")


def methods(client, path):
    # A job that nobody looks at any more may be gone.
    text = attempt(lambda: client.call(path, "org.freedesktop.DBus.Introspectable", "Introspect")) or "<node/>"
    for interface in tree.fromstring(text).findall("interface"):
        for method in interface.findall("method"):
            if method.get("name") not in LEFT_OUT:
                yield interface.get("name"), method.get("name"), [argument.get("type") for argument in method.findall("arg") if argument.get("direction") == "in"]


def sessions(client):
    """A session of each format on the recorder, so that calls get somewhere."""
    session = client.call(ROOT, "DiscMaster", "Open", "a{sv}", options())
    client.call(session, "Session", "SetActiveDiscMasterFormat", "s", random.choice(["joliet", "redbook"]))
    return session


def main():
    random.seed(int(os.environ["VM_SEED"]))
    client = Client()
    # As at every start, the disc is looked at first.
    session = until(30, lambda: attempt(lambda: sessions(client)), "no session")
    paths = [ROOT, "/org/freedesktop/LogControl1", *client.objects(), f"{session}/joliet", f"{session}/redbook"]
    called, answered, slowest = 0, 0, (0, "")
    null, folder = os.open("/dev/null", os.O_RDONLY), os.open("/usr/share/dbus-1", os.O_RDONLY)
    for path in dict.fromkeys(paths):
        for interface, method, kinds in list(methods(client, path)):
            for _ in range(CALLS):
                arguments = GLib.Variant.new_tuple(*[value(kind) for kind in kinds])
                if (interface, method) == ("org.discmaster1.Session", "Close") and path == session:
                    break
                started = time.monotonic()
                called += 1
                try:
                    client.send(path, interface, method, arguments, [random.choice([null, folder])], 30)
                    answered += 1
                except Refusal as refusal:
                    assert refusal.name not in ("NoReply", "Timeout", "TimedOut", "ServiceUnknown"), f"{path} {method}{arguments}: {refusal}"
                slowest = max(slowest, (time.monotonic() - started, f"{path} {method}{arguments}"))
    print(f"{called} calls of user {os.getuid()}, {answered} went well, the slowest took {slowest[0]:.1f} s: {slowest[1][:300]}", flush=True)
    # So long clients wait who say nothing else.
    assert slowest[0] < 25 * PATIENCE
    attempt(lambda: client.call(session, "Session", "Close"))


def attempt(call):
    try:
        return call()
    except Refusal:
        return None


if __name__ == "__main__":
    sys.exit(main())
