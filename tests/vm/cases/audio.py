"""audio.py LETTERS DEVICE RECORDER: burns an album with texts in these letters, and has others read it."""

import os
import random
import struct
import subprocess
import sys

LETTERS, DEVICE, RECORDER = sys.argv[1:]
BLOCK = 2352
ENCODING, TITLES, PERFORMER = {
    "latin-1": ("cp1252", ["Größe", "Été", "Ångström", "Señor"], "Chœur".replace("œ", "oe")),
    "ascii": ("ascii", ["Songs", "Cherry Blossom", "Evening", "Night"], "Choir"),
    "ms-jis": ("shift_jis", ["歌集", "桜の花", "夕べ", "夜"], "合唱団"),
}[LETTERS]
FOLDER = f"/tmp/album-{LETTERS}"
BLOCKS = (450, 500, 375)
SHEET = """CATALOG 4012345123456
PERFORMER "{performer}"
TITLE "{0}"
FILE "1.wav" WAVE
  TRACK 01 AUDIO
    TITLE "{1}"
    ISRC DEABC0712345
    INDEX 01 00:00:00
    INDEX 02 00:02:00
  TRACK 02 AUDIO
    TITLE "{2}"
    FLAGS DCP
    INDEX 00 00:05:00
FILE "2.wav" WAVE
    INDEX 01 00:00:00
  TRACK 03 AUDIO
    TITLE "{3}"
    ISRC DEABC0712346
    FLAGS PRE
    PREGAP 00:02:00
FILE "3.wav" WAVE
    INDEX 01 00:00:00
"""


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{command}: {done.stdout.decode(errors='replace')}"
    return done.stdout


def wav(number, blocks):
    sound = random.Random(number).randbytes(blocks * BLOCK)
    with open(f"{FOLDER}/{number}.wav", "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + len(sound)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 44100, 176400, 4, 16))
        file.write(b"data" + struct.pack("<I", len(sound)) + sound)
    return sound


def has(text, *lines):
    for line in lines:
        assert line in text, f"{line!r} is not in:\n{text}"


def main():
    os.makedirs(FOLDER)
    sounds = [wav(number, blocks) for number, blocks in enumerate(BLOCKS, 1)]
    with open(f"{FOLDER}/album.cue", "w", encoding=ENCODING) as file:
        file.write(SHEET.format(*TITLES, performer=PERFORMER))
    run("discmaster", "audio", f"{FOLDER}/album.cue", "--recorder", RECORDER, "--cd-text", "--verify", *(["--appendable"] if LETTERS == "ms-jis" else []))
    run("udevadm", "settle")
    programme = sounds[0] + sounds[1] + bytes(150 * BLOCK) + sounds[2]

    info = run("cd-info", "--no-header", DEVICE).decode(errors="replace")
    has(info, "000000 audio", "000450 audio", "001100 audio", "(MCN): 4012345123456")

    os.chdir(FOLDER)
    of = ["--device", DEVICE, "--driver", "generic-mmc", "--session", "1"]
    run("cdrdao", "read-toc", *of, "read.toc")
    with open("read.toc", encoding="latin-1") as file:
        toc = file.read()
    has(toc, 'CATALOG "4012345123456"', 'ISRC "DEABC0712345"', 'ISRC "DEABC0712346"', "INDEX 00:02:00", "START 00:01:00", "START 00:02:00")
    assert (toc.count("NO COPY"), toc.count("NO PRE_EMPHASIS")) == (2, 2), toc
    if LETTERS != "ms-jis":
        # Version 1.2.4 ends a text at its first zero byte, where two end one of two bytes a character.
        titles = [title.encode("latin-1") for title in TITLES]
        octal = ["".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in title) for title in titles]
        has(toc, *(f'TITLE "{title}"' for title in octal))
    # While it reads the sound it looks for gaps in another way, and finds them too short.
    run("cdrdao", "read-cd", *of, "--datafile", "read.bin", "read-cd.toc")
    with open("read.bin", "rb") as file:
        samples = file.read()
    # It writes the greatest byte first.
    swapped = bytearray(samples)
    swapped[0::2], swapped[1::2] = samples[1::2], samples[0::2]
    assert swapped == programme, f"{len(swapped)} bytes of sound, not {len(programme)}, or others"

    run("cdrskin", f"dev={DEVICE}", "cdtext_to_v07t=texts")
    with open("texts", "rb") as file:
        texts = file.read().decode(ENCODING)
    has(texts, f"Album Title         = {TITLES[0]}", f"Track 03 Title      = {TITLES[3]}", f"Artist Name         = {PERFORMER}", "ISRC 01             = DEABC0712345")
    print(f"{LETTERS}: read by cd-info, cdrdao and cdrskin", flush=True)


main()
