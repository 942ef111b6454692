"""Makes a virtual recorder appear as /dev/sr0 to one program: what the program hands to the kernel by SG_IO goes
to the recorder's socket, in the role of a host.

Run as: umockdev-wrapper /usr/bin/python3 bridge.py SOCKET PROGRAM [ARGUMENT...]
The program gets this one's standard streams, and its exit status is returned.
"""

import os
import socket
import struct
import subprocess
import sys
import traceback

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # noqa: E402

SG_IO = 0x2285
# struct sg_io_hdr of scsi/sg.h: from interface_id to info, with the compiler's padding.
SG_IO_HDR = struct.Struct("=iiBBHIQQQIIi4xQBBBBHHiII4x")
TO_DEV, FROM_DEV = -2, -3
CHECK_CONDITION, BUSY = 0x02, 0x08
DRIVER_SENSE = 0x08

HEADER = 64
MAX_DATA = 128 * 1024
ROLE_HOST = 0
VERSION = 1

DEVICE = "/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sr0"
DESCRIPTION = f"""P: {DEVICE}
N: sr0
E: DEVNAME=/dev/sr0
E: DEVTYPE=disk
E: SUBSYSTEM=block
E: ID_CDROM=1
E: ID_CDROM_CD_R=1
"""


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

    def byte(self):
        first, self.data = self.data[0], self.data[1:]
        return first

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


class Recorder:
    """A host's end of a virtual recorder's socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, 2 * (MAX_DATA + HEADER))
        self.socket.connect(path)
        self.socket.send(varint(VERSION) + varint(ROLE_HOST))
        welcome = self.socket.recv(MAX_DATA)
        if not welcome or welcome[0] != 0:
            sys.exit(f"the recorder does not let us in: {welcome!r}")
        self.tag = 0

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


class Drive(UMockdev.IoctlBase):
    """Answers the ioctls on /dev/sr0."""

    def __init__(self, recorder):
        super().__init__()
        self.recorder = recorder

    def do_handle_ioctl(self, client):
        try:
            if client.get_request() != SG_IO:
                client.complete(-1, 25)  # ENOTTY
                return True
            self.sg_io(client)
        except Exception:  # Whatever it is, the program must not wait for ever.
            traceback.print_exc()
            client.complete(-1, 5)  # EIO
        return True

    def sg_io(self, client):
        header = client.get_arg().resolve(0, SG_IO_HDR.size)
        fields = list(SG_IO_HDR.unpack(header.retrieve()))
        direction, cdb_length, sense_room, length = fields[1], fields[2], fields[3], fields[5]
        data = header.resolve(16, length) if length else None
        cdb = header.resolve(24, cdb_length).retrieve()
        given = data.retrieve() if direction == TO_DEV else b""
        wanted = length if direction == FROM_DEV else 0
        status, sense, answer, transferred = self.recorder.execute(cdb, given, wanted)
        if answer:
            data.update(0, answer)
        sense = sense[:sense_room]
        if sense:
            header.resolve(32, sense_room).update(0, sense)
        fields[13], fields[16] = status, len(sense)
        fields[18] = DRIVER_SENSE if sense else 0
        fields[19] = length - (len(answer) if direction == FROM_DEV else transferred)
        # The results alone: the pointers before them are the program's own.
        header.update(64, SG_IO_HDR.pack(*fields)[64:])
        client.complete(0, 0)


def main():
    if "umockdev" not in os.environ.get("LD_PRELOAD", ""):
        sys.exit("this needs umockdev-wrapper")
    bed = UMockdev.Testbed.new()
    bed.add_from_string(DESCRIPTION)
    bed.attach_ioctl("/dev/sr0", Drive(Recorder(sys.argv[1])))
    loop = GLib.MainLoop()
    process = subprocess.Popen(sys.argv[2:])
    result = []

    def ended(_pid, status):
        result.append(os.waitstatus_to_exitcode(status))
        loop.quit()

    GLib.child_watch_add(GLib.PRIORITY_DEFAULT, process.pid, ended)
    loop.run()
    bed.detach_ioctl("/dev/sr0")
    sys.exit(result[0])


main()
