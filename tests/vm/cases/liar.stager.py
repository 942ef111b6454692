#!/usr/bin/python3
"""A stager that was taken over: it has the real one do the work, and lies about it to broker and worker as the case orders.

Orders are a file, read anew for each frame: `talk` lies about frames, each field in turn; `feed` names a lie to tell in the ring, `done` one about the end of
that; `drop` says nothing at all. What it told is written beside it.
"""

import fcntl
import json
import math
import mmap
import os
import random
import select
import signal
import socket
import struct
import threading
import time

FOLDER = "/run/liar"
REAL = "/usr/libexec/discmaster/discmaster-stager"
VERSION, MAX_FRAME, MAX_FDS = b"\x01", 128 << 10, 253
# Of `wire::ring::layout`.
CHUNK, BLOCK, LENGTHS = 64 << 10, 2048, 4096
HEAD, STATE, TAIL, CLOSED = 0, 8, 128, 136
WORDS = (HEAD, STATE, 16, TAIL, CLOSED, 144)
RUNNING, FINISHED, FAILED = range(3)
MAGIC = b"scribble"
F_ADD_SEALS, SEALS = 1033, 2 | 4
PUNCH = 1 | 2


# What is said: postcard, of `wire::broker_stager` and `wire::stager_worker`.

def choice(*bare, **variants):
    return "choice", [(name, None) for name in bare] + list(variants.items())


def units(count):
    return choice(*(str(number) for number in range(count)))


def struct_of(**fields):
    return "struct", fields


def option(of):
    return "option", of


def many(of):
    return "many", of


U8, U16, U32, U64, I64 = ("byte", 8), ("number", 16), ("number", 32), ("number", 64), ("signed", 64)
BOOL, F64, TEXT = ("bool", None), ("float", None), ("text", None)
TEXTS = struct_of(title=TEXT, performer=TEXT, songwriter=TEXT, composer=TEXT, arranger=TEXT, message=TEXT)
DETAIL = struct_of(key=TEXT, detail=choice(Number=U64, Text=TEXT))
ERROR = struct_of(kind=units(52), message=TEXT, details=many(DETAIL))
PROGRESS = struct_of(phase=units(10), done=U64, total=U64, block=U32, fraction=option(F64), rate=U64, ring_fill=option(F64), drive_buffer_fill=option(F64),
                     expected_seconds=option(U32), tracks=option(struct_of(done=U32, total=U32)), cancelable=BOOL)
ADDED = struct_of(files=U64, directories=U64, symlinks=U64, skipped=U64, bytes=U64, used_blocks=U64)
IMPORTED = struct_of(files=U64, directories=U64, symlinks=U64, left_out=U64, volume_name=TEXT, checksum=U32, end=U32, used_blocks=U64)
ENTRIES = struct_of(entries=many(struct_of(name=TEXT, kind=units(3), size=U64, mtime=I64)), cut=BOOL)
STATE_OF_ALBUM = struct_of(tracks=many(U32), open=option(U32), padded=many(U8), image=option(U32))
ALBUM = struct_of(state=STATE_OF_ALBUM, file=option(struct_of(texts=TEXTS, album=TEXTS, isrc=TEXT, bytes=U64, clipped=U64)))
ANSWER = choice("Nothing", Added=ADDED, Imported=IMPORTED, Entries=ENTRIES, Staged=struct_of(blocks=U64, anything=BOOL), Blocks=U64, Album=ALBUM)
FROM_STAGER = struct_of(id=U32, tell=choice(Progress=PROGRESS, Done=choice(Ok=ANSWER, Err=ERROR)))
QUESTION = struct_of(block=U32, count=U16)
IMPORT, FEED, AUDIO, AUDIO_FEED = 5, 9, 10, 6


class Raw(bytes):
    """What is no value at all."""


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        assert self.at <= len(self.data), "a frame that is too short"
        return self.data[self.at - count:self.at]

    def number(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def value(self, node):
        kind, of = node
        if kind == "byte" or kind == "bool":
            return self.take(1)[0]
        if kind == "number":
            return self.number()
        if kind == "signed":
            number = self.number()
            return number >> 1 ^ -(number & 1)
        if kind == "float":
            return struct.unpack("<d", self.take(8))[0]
        if kind == "text":
            return self.take(self.number()).decode()
        if kind == "option":
            return [self.value(of)] if self.take(1)[0] else None
        if kind == "many":
            return [self.value(of) for _ in range(self.number())]
        if kind == "struct":
            return {field: self.value(inner) for field, inner in of.items()}
        index = self.number()
        return index, of[index][1] and self.value(of[index][1])


def written(node, value):
    kind, of = node
    if isinstance(value, Raw):
        return bytes(value)
    if kind == "byte" or kind == "bool":
        return bytes([value])
    if kind == "number":
        return varint(value)
    if kind == "signed":
        return varint((value << 1 ^ value >> 63) & (1 << 64) - 1)
    if kind == "float":
        return struct.pack("<d", value)
    if kind == "text":
        return varint(len(value.encode())) + value.encode()
    if kind == "option":
        return b"\0" if value is None else b"\1" + written(of, value[0])
    if kind == "many":
        return varint(len(value)) + b"".join(written(of, one) for one in value)
    if kind == "struct":
        return b"".join(written(inner, value[field]) for field, inner in of.items())
    index, inner = value
    return varint(index) + (written(of[index][1], inner) if of[index][1] else b"")


TEXT_LIES = ["", "\0", "a\0b", "/x/../\n\r\x1b[2J\u202e\ufffe", "ü" * 20_000]


def made_up(node, chance):
    kind, of = node
    if kind == "byte" or kind == "bool":
        return chance.randrange(2)
    if kind == "number":
        return chance.choice([0, 1, (1 << of) - 1, chance.getrandbits(of)])
    if kind == "signed":
        return chance.randrange(-1 << 63, 1 << 63)
    if kind == "float":
        return chance.choice([math.nan, math.inf, -1.0, chance.random()])
    if kind == "text":
        return chance.choice(["text", *TEXT_LIES])
    if kind == "option":
        return chance.choice([None, [made_up(of, chance)]])
    if kind == "many":
        return [made_up(of, chance) for _ in range(chance.randrange(4))]
    if kind == "struct":
        return {field: made_up(inner, chance) for field, inner in of.items()}
    index = chance.randrange(len(of))
    return index, of[index][1] and made_up(of[index][1], chance)


def own_lies(node, value, chance):
    """Other values for this one, and what is none."""
    kind, of = node
    if kind in ("byte", "number"):
        top = (1 << of) - 1
        lies = [top, 0, 1, value - 1, value + 1, chance.getrandbits(of)]
        yield from ((f"is {lie}", lie) for lie in dict.fromkeys(lies) if 0 <= lie <= top and lie != value)
        if kind == "number":
            yield "is endless", Raw(b"\xff" * 11)
    elif kind == "signed":
        yield from ((f"is {lie}", lie) for lie in ((1 << 63) - 1, -1 << 63, -1))
    elif kind == "bool":
        yield "is the other", 1 - value
        yield "is two", Raw(b"\x02")
    elif kind == "float":
        yield from ((f"is {lie}", lie) for lie in (math.nan, math.inf, -math.inf, -1.0, 1e308))
    elif kind == "text":
        yield from ((f"is {lie[:12]!r}", lie) for lie in TEXT_LIES)
        yield "is no UTF-8", Raw(b"\x03a\xff\xfe")
        yield "has no end", Raw(b"\xff\xff\xff\xff\x0f")
    elif kind == "option":
        yield ("is none", None) if value else ("is some", [made_up(of, chance)])
    elif kind == "many":
        yield "are none", []
        yield "are many", [*value, *(made_up(of, chance) for _ in range(300))]
        yield "have no end", Raw(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
    elif kind == "choice":
        others = [index for index in range(len(of)) if index != value[0]]
        for index in others if len(of) < 8 else chance.sample(others, 4):
            yield f"is {of[index][0]}", (index, of[index][1] and made_up(of[index][1], chance))
        yield "is unknown", Raw(varint(len(of)))


def lies(node, value, chance, at=""):
    """Every lie about a value and what is in it: the field, the lie, the whole value with it."""
    kind, of = node
    for name, lie in own_lies(node, value, chance):
        yield at, name, lie
    if kind == "struct":
        for field, inner in of.items():
            for where, name, lie in lies(inner, value[field], chance, f"{at}.{field}"):
                yield where, name, {**value, field: lie}
    elif kind == "choice" and of[value[0]][1]:
        for where, name, lie in lies(of[value[0]][1], value[1], chance, f"{at}.{of[value[0]][0]}"):
            yield where, name, (value[0], lie)
    elif kind in ("option", "many") and value:
        for where, name, lie in lies(of, value[0], chance, f"{at}[]"):
            yield where, name, [lie, *value[1:]]


def fields(node, at=""):
    """Every field that a message can have."""
    kind, of = node
    if kind != "struct":
        yield at
    inner = of.items() if kind == "struct" else of if kind == "choice" else [("", of)] if kind in ("option", "many") else []
    for name, one in inner:
        if one:
            yield from fields(one, f"{at}.{name}" if name else f"{at}[]")


# How it is told.

def orders():
    with open(f"{FOLDER}/orders") as file:
        return json.load(file)


def told():
    try:
        with open(f"{FOLDER}/told") as file:
            return [line.rstrip("\n") for line in file]
    except FileNotFoundError:
        return []


def tell(line):
    with open(f"{FOLDER}/told", "a") as file:
        file.write(line.replace("\n", " ") + "\n")


def strangers():
    """Descriptors of every kind."""
    read, write = os.pipe()
    return [os.open("/dev/null", os.O_RDWR), read, write, socket.socketpair()[0].detach(), os.memfd_create("unsealed")]


# Frames that are none, or not alone.
FRAMES = {
    "cut": lambda frame, chance: [(frame[:-1], [])],
    "cut to its version": lambda frame, chance: [(frame[:1], [])],
    "with more behind": lambda frame, chance: [(frame + b"\0", [])],
    "of another version": lambda frame, chance: [(b"\x02" + frame[1:], [])],
    "of random bytes": lambda frame, chance: [(VERSION + chance.randbytes(200), [])],
    "too large": lambda frame, chance: [(frame + bytes(MAX_FRAME), [])],
    "twice": lambda frame, chance: [(frame, [])] * 2,
    "with a descriptor": lambda frame, chance: [(frame, strangers()[:1])],
    "with four descriptors": lambda frame, chance: [(frame, strangers()[1:])],
    "with five descriptors": lambda frame, chance: [(frame, strangers())],
    "with as many descriptors as can be": lambda frame, chance: [(frame, os.pipe()[:1] * MAX_FDS)],
    "behind a flood": lambda frame, chance: [(flood, []) for flood in flooding(Reader(frame[1:]).number())] + [(frame, [])],
}


def flooding(number):
    """Progress that is worth telling each time."""
    at_end = {"phase": (1, None), "done": 0, "total": 0, "block": BLOCK, "fraction": None, "rate": 0, "ring_fill": None, "drive_buffer_fill": None,
              "expected_seconds": None, "tracks": None, "cancelable": 1}
    frame = VERSION + written(FROM_STAGER, {"id": number, "tell": (0, at_end)})
    before = len(VERSION + varint(number)) + 2
    return (frame[:before] + varint(done) * 2 + frame[before + 2:] for done in range(1, 3000))


def spoken(node, frame, chance, most):
    """What is said instead of a frame: a lie that was not told yet, about a field that nothing was told of first."""
    value = Reader(frame[1:]).value(node)
    before = told()
    known = set(before)
    path = "question" if node is QUESTION else shape(value)
    of_this = [line for line in before if line.startswith(f"{path}: ")]
    said = {line.split(": ")[1].split(" ")[0] for line in of_this}
    candidates = [(f"{path}: {where or '.'} {name}", where or ".", lie) for where, name, lie in lies(node, value, chance)]
    # An answer that never comes costs as long as somebody is patient: that is tried where a cancel ends it.
    if path not in ("question", "Progress") and (path != "Added" or ".id" in said):
        candidates = [one for one in candidates if one[1] != ".id" and not one[0].endswith(" is Progress")]
    fresh = [one for one in candidates if one[1] not in said]
    if not fresh and len(of_this) < most:
        fresh = [one for one in candidates if one[0] not in known]
        chance.shuffle(fresh)
    if fresh:
        line, _, lie = fresh[0]
        tell(line)
        return [(VERSION + written(node, lie), [])]
    if node is FROM_STAGER:
        for name, made in FRAMES.items():
            if f"frame: {name}" not in known:
                tell(f"frame: {name}")
                return made(frame, chance)
    return [(frame, [])]


def shape(value):
    """What kind of message it is."""
    index, inner = value["tell"]
    if index == 0:
        return "Progress"
    return ANSWER[1][inner[1][0]][0] if inner[0] == 0 else "Err"


def send(to, frames):
    for data, fds in frames if to else []:
        try:
            # More than this no socket takes at once.
            socket.send_fds(to, [data[:MAX_FRAME + 1000]], fds)
        except OSError:
            return  # it has had enough
        finally:
            for fd in set(fds):
                os.close(fd)


# What goes through the ring.

class Feeder(threading.Thread):
    """Has the real stager fill a ring of this process's, and the worker's with something of it."""

    def __init__(self, memory, wake, lie, chance):
        super().__init__(daemon=True)
        self.lie, self.chance = lie, chance
        self.memory, self.wake = memory, socket.socket(fileno=wake)
        self.ring = mmap.mmap(memory, 0)
        self.places = len(self.ring) // CHUNK - 1
        self.head, self.put_in = 0, []
        self.own = os.memfd_create("own", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.own, 2049 * CHUNK)
        fcntl.fcntl(self.own, F_ADD_SEALS, SEALS)
        mine, theirs = socket.socketpair()
        mine.setblocking(False)
        theirs.setblocking(False)
        self.mine, self.for_real = mine, [self.own, theirs.detach()]

    def word(self, at):
        return struct.unpack_from("<Q" if at not in (STATE, CLOSED) else "<I", self.ring, at)[0]

    def set(self, at, value):
        struct.pack_into("<Q" if at not in (STATE, CLOSED) else "<I", self.ring, at, value)

    def knock(self):
        try:
            self.wake.send(b"\1", socket.MSG_DONTWAIT)
        except OSError:
            pass

    def image(self):
        """What the real stager put in, once it has finished."""
        own = mmap.mmap(self.own, 0)
        while struct.unpack_from("<I", own, STATE)[0] == RUNNING:
            time.sleep(0.01)
        count = struct.unpack_from("<Q", own, HEAD)[0]
        lengths = struct.unpack_from(f"<{count}I", own, LENGTHS)
        return [own[(1 + at) * CHUNK:(1 + at) * CHUNK + length] for at, length in enumerate(lengths)]

    def gone(self):
        """The worker wants no more."""
        if self.word(CLOSED) == 1 and self.lie != "words":
            return True
        try:
            return self.wake.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def put(self, chunk, length=None):
        until = time.monotonic() + 60
        while self.head - self.word(TAIL) >= self.places:
            if self.gone() or time.monotonic() > until:
                return False
            time.sleep(0.001)
        place = self.head % self.places
        self.ring[(1 + place) * CHUNK:(1 + place) * CHUNK + len(chunk)] = chunk
        struct.pack_into("<I", self.ring, LENGTHS + 4 * place, len(chunk) if length is None else length)
        self.put_in.append(chunk)
        self.head += 1
        self.set(HEAD, self.head)
        self.knock()
        return True

    def run(self):
        chunks = self.image()
        with open(f"{FOLDER}/image", "wb") as file:
            file.write(b"".join(chunks))
        if self.lie == "other":
            chunks = [self.chance.randbytes(len(chunk)) for chunk in chunks]
        moment = self.chance.randrange(len(chunks))
        finish = FINISHED
        for number, chunk in enumerate(chunks):
            length = None
            if number >= moment:
                if self.lie == "early":
                    break
                if self.lie == "never":
                    return
                if self.lie == "die":
                    self.note()
                    os.kill(os.getpid(), signal.SIGKILL)
                if self.lie == "failed":
                    finish = FAILED
                    break
                if self.lie == "lengths":
                    length = self.chance.choice([0, 1, 2047, 2048, 2049, CHUNK - BLOCK, CHUNK + 1, CHUNK + BLOCK, (1 << 32) - 1, self.chance.getrandbits(32)])
                if self.lie == "deaf":
                    self.wake.shutdown(socket.SHUT_RDWR)
                self.scribble()
            if not self.put(chunk, length):
                break
        if self.lie == "more":
            for _ in range(40):
                if not self.put(self.chance.randbytes(CHUNK)):
                    break
        for _ in range(5):
            self.scribble()
        self.set(STATE, finish)
        self.knock()
        self.note()

    def scribble(self):
        """Whatever can be done to memory that another reads just now."""
        time.sleep(self.chance.random() / 200)
        if self.lie == "words":
            at = self.chance.choice(WORDS)
            value = self.chance.choice([0, 1, 2, 3, self.head - 1, self.head + 1, self.head + self.places, (1 << 32) - 1, (1 << 64) - 1, self.chance.getrandbits(64)])
            self.set(at, value % (1 << (32 if at in (STATE, CLOSED) else 64)))
            self.knock()
        elif self.lie == "content":
            for _ in range(20):
                at = CHUNK + 8 * self.chance.randrange(self.places * CHUNK // 8 - 64)
                self.ring[at:at + 512] = MAGIC * 64
        elif self.lie == "knock":
            for _ in range(2000):
                self.knock()
        elif self.lie == "hole":
            # Shrink it, grow it, seal it against its reader, make holes in it: what a memfd can be asked for.
            for deed in (lambda: os.ftruncate(self.memory, 0), lambda: os.ftruncate(self.memory, len(self.ring) * 2), lambda: fcntl.fcntl(self.memory, F_ADD_SEALS, 8),
                         lambda: libc().fallocate(self.memory, PUNCH, CHUNK, self.places * CHUNK)):
                try:
                    deed()
                except OSError:
                    pass

    def note(self):
        with open(f"{FOLDER}/put", "wb") as file:
            file.write(b"".join(self.put_in))


def libc():
    import ctypes
    return ctypes.CDLL(None, use_errno=True)


# Between broker, real stager and worker.

def real_stager():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        os.dup2(theirs.fileno(), 0)
        os.closerange(3, 1024)
        os.execve(REAL, [REAL], {})
    theirs.close()
    return ours


class Liar:
    def __init__(self):
        self.broker, self.real = socket.socket(fileno=os.dup(0)), real_stager()
        os.close(0)
        os.open("/dev/null", os.O_RDONLY)
        # The same socket once more, as services that look for numbers are given it.
        for number in range(3, 3 + int(os.environ.get("LISTEN_FDS", "0"))):
            if number not in (self.broker.fileno(), self.real.fileno()):
                os.close(number)
        self.feeder, self.feed, self.last = None, None, None
        self.worker, self.asker = None, None
        self.chance = random.Random(f"{orders()['seed']} {len(told())}")

    def serve(self):
        while True:
            ends = [one for one in (self.broker, self.real, self.worker, self.asker) if one]
            for end in select.select(ends, [], [], 0.05)[0]:
                data, fds, _, _ = socket.recv_fds(end, MAX_FRAME, MAX_FDS)
                if end is self.broker:
                    self.asked(data, fds)
                elif end is self.real:
                    if not data:
                        return self.leave()
                    self.answered(data)
                elif not data:
                    self.worker.close()
                    self.asker.close()
                    self.worker = self.asker = None
                    break
                elif end is self.asker:
                    send(self.worker, spoken(QUESTION, data, self.chance, 8) if orders().get("talk") else [(data, [])])
                else:
                    send(self.asker, [(data, [])])
            if self.last and not self.feeder.is_alive():
                self.say_last()

    def asked(self, data, fds):
        if not data:
            self.broker_gone()
            return
        reader = Reader(data[1:])
        number, ask = reader.number(), reader.number()
        if ask == FEED or ask == AUDIO and reader.number() == AUDIO_FEED:
            lie = orders().get("feed")
            if lie:
                self.feed, self.feeder = number, Feeder(*fds, lie, self.chance)
                fds = self.feeder.for_real
                self.feeder.start()
                send_kept(self.real, data, fds)
                return
        if ask == IMPORT:
            self.worker = socket.socket(fileno=fds[0])
            self.asker, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            fds = [theirs.detach()]
        send(self.real, [(data, fds)])

    def answered(self, data):
        order = orders()
        if order.get("drop"):
            return
        value = Reader(data[1:]).value(FROM_STAGER)
        if self.feeder and value["id"] == self.feed and value["tell"][0] == 1:
            self.last = data
            if order.get("done") == "early":
                self.say_last()
            return
        send(self.broker, spoken(FROM_STAGER, data, self.chance, order.get("most", 12)) if order.get("talk") else [(data, [])])

    def say_last(self):
        """What becomes of the answer to `Feed`."""
        data, self.last = self.last, None
        done = orders().get("done")
        if done == "twice":
            send(self.broker, [(data, [])] * 2)
        elif done == "error":
            error = {"kind": (0, None), "message": "The disc is as it was: blank.", "details": [{"key": "source", "detail": (1, "order")}]}
            send(self.broker, [(VERSION + written(FROM_STAGER, {"id": self.feed, "tell": (1, (1, error))}), [])])
        elif done != "never":
            send(self.broker, [(data, [])])

    def broker_gone(self):
        self.broker.close()
        self.broker = None
        self.real.shutdown(socket.SHUT_WR)

    def leave(self):
        if self.feeder:
            self.feeder.join(90)


def send_kept(to, data, fds):
    """A frame whose descriptors stay open here: the ring is looked at."""
    socket.send_fds(to, [data], fds)
    os.close(fds[1])


def main():
    try:
        Liar().serve()
    except Exception as error:
        tell(f"BROKEN: {type(error).__name__}: {error}")
        raise


if __name__ == "__main__":
    main()
