"""The host's and the listener's end of a virtual recorder's socket."""

import socket
import sys
import time

HEADER = 64
MAX_DATA = 128 * 1024
VERSION = 1
ROLE_HOST, ROLE_EVENTS = 0, 1
READY, BUSY_WITH_ANOTHER = b"\0", b"\1"
CHECK_CONDITION, BUSY = 0x02, 0x08


def varint(number):
    """A number as postcard writes it: seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Reader:
    """Reads what postcard wrote."""

    def __init__(self, data):
        self.data = data

    def take(self, length):
        first, self.data = self.data[:length], self.data[length:]
        return first

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        number, shift = 0, 0
        while True:
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def option(self):
        return self.varint() if self.byte() else None

    def text(self):
        return self.take(self.varint()).decode()


def fixed_sense(reader):
    """Sense in fixed format (SPC-4, 4.5.3) of the fields that the recorder sends."""
    key, asc, ascq, deferred = reader.byte(), reader.byte(), reader.byte(), reader.byte()
    progress, information, field = reader.option(), reader.option(), reader.option()
    sense = bytearray(18)
    sense[0] = 0x71 if deferred else 0x70
    if information is not None:
        sense[0] |= 0x80
        sense[3:7] = information.to_bytes(4, "big")
    sense[2], sense[7], sense[12], sense[13] = key, 10, asc, ascq
    if progress is not None:
        sense[15:18] = b"\x80" + progress.to_bytes(2, "big")
    elif field is not None:
        sense[15:18] = b"\xc0" + field.to_bytes(2, "big")
    return bytes(sense)


def connect(path, role):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        connection.setsockopt(socket.SOL_SOCKET, option, 2 * (MAX_DATA + HEADER))
    connection.connect(path)
    connection.send(varint(VERSION) + varint(role))
    return connection


class Recorder:
    """The one host of a recorder."""

    def __init__(self, path):
        welcome = self.enter(path)
        identity = Reader(welcome[1:])
        self.vendor, self.product = identity.text(), identity.text()
        self.revision, self.serial = identity.text(), identity.text()
        self.tag = 0

    def enter(self, path):
        """Connects, with some patience for another host to leave."""
        for _ in range(500):
            self.socket = connect(path, ROLE_HOST)
            welcome = self.socket.recv(MAX_DATA)
            if welcome[:1] == READY:
                return welcome
            if welcome[:1] != BUSY_WITH_ANOTHER:
                break
            time.sleep(0.02)
        sys.exit(f"the recorder does not let us in: {welcome!r}")

    def execute(self, cdb, to_drive, from_drive):
        """Status, sense, bytes for the host, bytes that travelled."""
        self.tag += 1
        request = varint(self.tag) + bytes([len(cdb)]) + cdb.ljust(16, b"\0") + varint(from_drive)
        self.socket.send(request.ljust(HEADER, b"\0") + to_drive)
        packet = self.socket.recv(HEADER + MAX_DATA)
        if not packet:
            raise ConnectionError("the recorder is gone")
        reply = Reader(packet[:HEADER])
        assert reply.varint() == self.tag
        end = reply.varint()
        sense = fixed_sense(reply) if end == 1 else b""
        status = {0: 0, 1: CHECK_CONDITION, 2: BUSY}[end]
        return status, sense, packet[HEADER:], reply.varint()


class Listener:
    """Hears of discs and buttons. The first packet is the recorder's welcome, which need not be waited for."""

    def __init__(self, path):
        self.socket = connect(path, ROLE_EVENTS)
        self.welcomed = False

    def next(self):
        """The property that the kernel sets in its uevent, "" for no event, None at the end."""
        packet = self.socket.recv(MAX_DATA)
        if not packet:
            return None
        if not self.welcomed:
            self.welcomed = True
            return ""
        return "DISK_EJECT_REQUEST" if packet[0] == 1 else "DISK_MEDIA_CHANGE"
