"""Makes a virtual recorder appear as /dev/sr0 to one program and its children: what they hand to the kernel by SG_IO
goes to the recorder's socket, in the role of a host; udev knows the drive and hears of its discs.

Run as: umockdev-wrapper /usr/bin/python3 bridge.py SOCKET PROGRAM [ARGUMENT...]
The program gets this one's standard streams, and its exit status is returned.
"""

import ctypes
import os
import signal
import struct
import subprocess
import sys
import traceback

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # noqa: E402

from recorder import MAX_DATA, Listener, Recorder  # noqa: E402

SG_IO = 0x2285
# struct sg_io_hdr of scsi/sg.h: from interface_id to info, with the compiler's padding.
SG_IO_HDR = struct.Struct("=iiBBHIQQQIIi4xQBBBBHHiII4x")
TO_DEV, FROM_DEV = -2, -3
DRIVER_SENSE = 0x08
UNIT_ATTENTION = 6

# What burning programs ask the kernel besides (cdrom.h, scsi_ioctl.h, sg.h).
CDROM_DRIVE_STATUS = 0x5326
NUMBERS = {
    0x5386: struct.pack("i", 0),  # SCSI_IOCTL_GET_BUS_NUMBER
    0x5382: struct.pack("II", 0, 0),  # SCSI_IOCTL_GET_IDLUN: host, channel, target and unit 0
    0x2282: struct.pack("i", 30536),  # SG_GET_VERSION_NUM
    0x2272: struct.pack("i", MAX_DATA),  # SG_GET_RESERVED_SIZE
}
DONE = {
    0x2275,  # SG_SET_RESERVED_SIZE
    0x2201,  # SG_SET_TIMEOUT
    0x5325,  # CDROM_MEDIA_CHANGED: no
}
# What players and readers of CDs ask it, which it asks the drive (cdrom.h).
CDROMREADTOCHDR, CDROMREADTOCENTRY, CDROMMULTISESSION, CDROM_GET_MCN = 0x5305, 0x5306, 0x5310, 0x5311
CDROM_SEND_PACKET = 0x5393
READ_SUB_CHANNEL, READ_TOC = 0x42, 0x43
# struct cdrom_generic_command: the command, and where its data are.
GENERIC_COMMAND = struct.Struct("=12s4xQIiQB3xii4xQ")
CGC_DATA_WRITE, CGC_DATA_READ = 1, 2
ENOTTY, EIO = 25, 5

SCSI = "/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0"
BLOCK = SCSI + "/block/sr0"


def description(recorder):
    """The drive and its SCSI device, as umockdev-record would describe them, but for the device number: udev would
    look for what it noted under that, in a file that umockdev does not show to libudev."""
    return f"""P: {SCSI}
E: SUBSYSTEM=scsi
E: DEVTYPE=scsi_device
A: vendor={recorder.vendor:8}
A: model={recorder.product:16}
A: rev={recorder.revision:4}

P: {BLOCK}
N: sr0
E: DEVNAME=/dev/sr0
E: DEVTYPE=disk
E: SUBSYSTEM=block
E: ID_CDROM=1
E: ID_CDROM_CD_R=1
E: ID_CDROM_CD_RW=1
E: ID_CDROM_DVD_PLUS_R=1
E: ID_SERIAL_SHORT={recorder.serial}
E: DISK_MEDIA_CHANGE=0
E: DISK_EJECT_REQUEST=0
"""


class Drive(UMockdev.IoctlBase):
    """Answers the ioctls on /dev/sr0."""

    def __init__(self, recorder):
        super().__init__()
        self.recorder = recorder

    def do_handle_ioctl(self, client):
        try:
            request = client.get_request()
            if request == SG_IO:
                self.sg_io(client)
            elif request == CDROM_DRIVE_STATUS:
                client.complete(self.status(), 0)
            elif request == CDROM_SEND_PACKET:
                self.packet(client)
            elif request in (CDROMREADTOCHDR, CDROMREADTOCENTRY, CDROMMULTISESSION, CDROM_GET_MCN):
                self.contents(client, request)
            elif request in NUMBERS:
                number = NUMBERS[request]
                client.get_arg().resolve(0, len(number)).update(0, number)
                client.complete(0, 0)
            elif request in DONE:
                client.complete(0, 0)
            else:
                client.complete(-1, ENOTTY)
        except Exception:  # Whatever it is, the program must not wait for ever.
            traceback.print_exc()
            client.complete(-1, EIO)
        return True

    def status(self):
        """What the kernel makes of TEST UNIT READY (cdrom.h): 1 no disc, 2 open, 3 not ready, 4 ready."""
        while True:
            status, sense, _, _ = self.recorder.execute(bytes(6), b"", 0)
            if not sense or sense[2] != UNIT_ATTENTION:
                break
        if status == 0:
            return 4
        if sense and sense[12] == 0x3A:
            return 2 if sense[13] == 2 else 1
        return 3

    def ask(self, opcode, flags, second, number, length):
        """A command of the family of READ TOC, and its answer; none if the drive refuses."""
        cdb = bytes([opcode, flags, second, 0, 0, 0, number]) + length.to_bytes(2, "big") + b"\0"
        status, _, answer, _ = self.recorder.execute(cdb, b"", length)
        return answer if status == 0 else None

    def contents(self, client, request):
        """What the kernel makes of the table of contents, the sessions and the catalog number."""
        argument = client.get_arg()
        if request == CDROMREADTOCHDR:
            toc = self.ask(READ_TOC, 0, 0, 0, 12)
            answer = toc and toc[2:4]
        elif request == CDROMREADTOCENTRY:
            track, _, form = argument.resolve(0, 12).retrieve()[:3]
            msf = form == 2
            toc = self.ask(READ_TOC, 2 if msf else 0, 0, track, 12)
            address = toc and (toc[9:12] + b"\0" if msf else toc[8:12][::-1])
            # ADR and control stand the other way round there.
            answer = toc and bytes([track, toc[5] >> 4 | (toc[5] & 15) << 4, form, 0]) + address + bytes(4)
        elif request == CDROMMULTISESSION:
            form = argument.resolve(0, 8).retrieve()[5]
            toc = self.ask(READ_TOC, 2 if form == 2 else 0, 1, 0, 12)
            later = toc and toc[2] != toc[3]
            address = toc and (toc[9:12] + b"\0" if form == 2 else toc[8:12][::-1])
            answer = toc and address + bytes([later, form, 0, 0])
        else:
            catalog = self.catalog()
            answer = catalog and catalog[9:22] + b"\0"
        if not answer:
            client.complete(-1, EIO)
            return
        argument.resolve(0, len(answer)).update(0, answer)
        client.complete(0, 0)

    def catalog(self):
        cdb = bytes([READ_SUB_CHANNEL, 0, 0x40, 2, 0, 0, 0, 0, 24, 0])
        status, _, answer, _ = self.recorder.execute(cdb, b"", 24)
        return answer if status == 0 else None

    def packet(self, client):
        header = client.get_arg().resolve(0, GENERIC_COMMAND.size)
        cdb, _, length, _, sense_at, direction, _, _, _ = GENERIC_COMMAND.unpack(header.retrieve())
        data = header.resolve(16, length) if length else None
        given = data.retrieve() if length and direction == CGC_DATA_WRITE else b""
        wanted = length if direction == CGC_DATA_READ else 0
        status, sense, answer, _ = self.recorder.execute(cdb, given, wanted)
        if answer:
            data.update(0, answer)
        if sense and sense_at:
            header.resolve(32, len(sense)).update(0, sense)
        client.complete(0 if status == 0 else -1, 0 if status == 0 else EIO)

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


def announce(bed, listener):
    """Passes an event on as a uevent, which carries what is in the device's properties just then."""
    flag = listener.next()
    if flag:
        bed.set_property("/sys" + BLOCK, flag, "1")
        bed.uevent("/sys" + BLOCK, "change")
        bed.set_property("/sys" + BLOCK, flag, "0")
    return flag is not None


def die_with_the_bridge():
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main():
    if "umockdev" not in os.environ.get("LD_PRELOAD", ""):
        sys.exit("this needs umockdev-wrapper")
    path, command = sys.argv[1], sys.argv[2:]
    recorder, listener = Recorder(path), Listener(path)
    bed = UMockdev.Testbed.new()
    bed.add_from_string(description(recorder))
    bed.attach_ioctl("/dev/sr0", Drive(recorder))
    GLib.io_add_watch(
        listener.socket, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN, lambda *_: announce(bed, listener)
    )
    loop = GLib.MainLoop()
    process = subprocess.Popen(command, preexec_fn=die_with_the_bridge)
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, lambda: process.terminate() or True)
    result = []

    def ended(_pid, status):
        result.append(os.waitstatus_to_exitcode(status))
        loop.quit()

    GLib.child_watch_add(GLib.PRIORITY_DEFAULT, process.pid, ended)
    loop.run()
    bed.detach_ioctl("/dev/sr0")
    # What a shell makes of a program that a signal ended.
    sys.exit(result[0] if result[0] >= 0 else 128 - result[0])


main()
