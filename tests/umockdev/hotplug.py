"""Plugs drives in and out of a machine that does not exist, and checks what an observer under test hears.

Run as: umockdev-wrapper /usr/bin/python3 hotplug.py OBSERVER [ARGUMENT...]
The observer prints one line "event: KIND ID [WORDS]" for each event of a recorder, and "event: watching" when it
has begun.
"""

import os
import subprocess
import sys

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

SCSI = "/devices/pci0000:00/0000:00:17.0/ata{0}/host{0}/target{0}:0:0/{0}:0:0:0"

READER = ["ID_CDROM=1", "ID_CDROM_CD=1", "ID_CDROM_DVD=1"]
WRITER = READER + [
    "ID_CDROM_CD_R=1",
    "ID_CDROM_DVD_PLUS_R=1",
    "ID_CDROM_BD_R=1",
    "ID_MODEL_ENC=BD-RE\\x20WH16NS60",
    "ID_SERIAL_SHORT=KLAK3B1234",
]


def drive(number, properties):
    """A drive on its SCSI device, as umockdev-record would describe it."""
    scsi = SCSI.format(number)
    lines = [
        f"P: {scsi}",
        "E: SUBSYSTEM=scsi",
        "E: DEVTYPE=scsi_device",
        "A: vendor=HL-DT-ST",
        "A: model=BD-RE  WH16NS60 ",
        "A: rev=1.02",
        "",
        f"P: {scsi}/block/sr{number}",
        f"N: sr{number}",
        f"E: DEVNAME=/dev/sr{number}",
        "E: DEVTYPE=disk",
        "E: SUBSYSTEM=block",
    ]
    return "\n".join(lines + [f"E: {line}" for line in properties]) + "\n"


def path(number):
    return "/sys" + SCSI.format(number) + f"/block/sr{number}"


class Observer:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def expect(self, wanted):
        for line in self.process.stdout:
            if line.startswith("event: "):
                heard = line.removeprefix("event: ").strip()
                if heard != wanted:
                    sys.exit(f"heard {heard!r} instead of {wanted!r}")
                return
        sys.exit(f"the observer ended before {wanted!r}")

    def end(self):
        self.process.terminate()
        self.process.wait()


def change(bed, number, flag):
    """A uevent carries what is in the device's properties just then."""
    bed.set_property(path(number), flag, "1")
    bed.uevent(path(number), "change")
    bed.set_property(path(number), flag, "0")


def main():
    if "umockdev" not in os.environ.get("LD_PRELOAD", ""):
        sys.exit("this needs umockdev-wrapper")
    bed = UMockdev.Testbed.new()
    bed.add_from_string(drive(0, WRITER))
    bed.add_from_string(drive(1, READER))

    observer = Observer(sys.argv[1:])
    found = "added sr0 /dev/sr0 HL-DT-ST|BD-RE  WH16NS60|1.02|KLAK3B1234 8,9,10,1b,40,41 {}"
    observer.expect(found.format("seat0").replace(",40,41", ",41"))
    observer.expect("watching")

    change(bed, 0, "DISK_MEDIA_CHANGE")
    observer.expect("media sr0")
    change(bed, 0, "DISK_EJECT_REQUEST")
    observer.expect("eject sr0")
    # As after loginctl attach: the same drive, at another seat.
    bed.set_property(path(0), "ID_SEAT", "seat1")
    bed.uevent(path(0), "change")
    observer.expect("seated sr0 seat1")
    # A drive that only reads is nobody's business: what is heard next is the other's.
    change(bed, 1, "DISK_MEDIA_CHANGE")

    # add_from_string announces the device with an "add" event.
    bed.add_from_string(drive(2, WRITER + ["ID_SEAT=seat-usb", "ID_CDROM_BD=1"]))
    observer.expect(found.replace("sr0", "sr2").format("seat-usb"))
    bed.uevent(path(2), "remove")
    bed.remove_device(path(2))
    observer.expect("removed sr2")
    change(bed, 0, "DISK_MEDIA_CHANGE")
    observer.expect("media sr0")
    observer.end()


main()
