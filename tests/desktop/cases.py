"""The cases of `run`, as somebody who is not root: cases.py SCRATCH [CASE…]."""

import os
import subprocess
import sys
import time
import traceback
from functools import partial

from hands import Hands, act
from stage import Failure, Stage, wait_for

# How each is started, with the URI of its trash and the name of that window.
MANAGERS = {
    "thunar": (["thunar"], "trash:///"),
    "nemo": (["nemo"], "trash:///"),
    "caja": (["caja", "--no-desktop"], "trash:///"),
    "dolphin": (["dolphin"], "trash:/"),
    "nautilus": (["nautilus", "--new-window"], "trash:///"),
}
NAMES = [
    "plain.txt", "two words", "-rf", "--", "it's", 'say "x"', "$(touch x) `id` $HOME", "100%F %U %%", "a&b <i>;|", "ends\\", "back\\\"q",
    "Grüße 日本", "new\nline", "tab\there", "#hash?", "*[x]{a,b}", "%20", "zuletzt.txt",
]


# What a window shows once all files are there. Thunar has them nowhere but in the line below.
SHOWN = {"several": "zuletzt", "one-file": "zuletzt", "one-folder": "zuletzt", "trash": "thrown-away.txt"}
SHOWN_BY_THUNAR = {"several": f"{len(NAMES)} files", "one-file": "1 file", "one-folder": "1 folder", "trash": "1 file"}


def check(right, *words):
    if not right:
        raise Failure(" ".join(str(word) for word in words))


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def content(folder):
    """What is in a folder, by path."""
    found = {}
    for at, _folders, files in os.walk(folder):
        for name in files:
            with open(os.path.join(at, name), "rb") as file:
                found[os.path.relpath(file.name, folder)] = file.read()
    return found


def on_disc(stage, image):
    out = image + ".out"
    command = ["xorriso", "-osirrox", "on", "-indev", image, "-extract", "/", out]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return content(out)


def folders(stage):
    """What is chosen: a folder of several files and a folder, one with a file alone, and one with a folder alone."""
    for name in NAMES:
        write(stage.path("home", "several", name), "content of " + name)
    write(stage.path("home", "several", "a folder", "inside.txt"), "inside")
    write(stage.path("home", "one-file", "zuletzt.txt"), "alone")
    write(stage.path("home", "one-folder", "zuletzt", "deep", "inside.txt"), "inside")
    write(stage.path("home", "thrown-away.txt"), "thrown away")
    subprocess.run(["gio", "trash", stage.path("home", "thrown-away.txt")], check=True)
    return {
        "several": content(stage.path("home", "several")),
        "one-file": content(stage.path("home", "one-file")),
        # A folder alone gives its content to the disc.
        "one-folder": content(stage.path("home", "one-folder", "zuletzt")),
    }


def in_window(stage, manager, what, do):
    """Does something with the hands on a window of a file manager, which is closed at the end."""
    stage.clear()
    where, title = (MANAGERS[manager][1], "Trash") if what == "trash" else (stage.path("home", what), what)
    text = (SHOWN_BY_THUNAR if manager == "thunar" else SHOWN)[what]
    process = stage.start(*MANAGERS[manager][0], where)
    hands = Hands(manager)
    try:
        hands.wait_for_window(title, text)
        return do(hands)
    except Exception:
        subprocess.run(["import", "-window", "root", stage.path("logs", f"{manager}-{title}.png")], check=False)
        raise
    finally:
        hands.let_go()
        process.terminate()
        process.wait()
        wait_for(f"the end of {manager}", 30, lambda: not hands.root())


def entry(entries):
    return next((place for place in entries if place.split(" → ")[-1].startswith("Write to Disc")), None)


def choose(stage, hands):
    entries = hands.open_menu()
    place = entry(entries)
    check(place, "no entry among", list(entries))
    act(entries[place])
    wait_for("write-to-disc", 30, stage.asked)
    return place


def told_of_success(stage):
    told = wait_for("the end of the burn", 120, ended, stage)
    texts = [text for _number, text, _buttons, _hints in told]
    check(texts[-1] == "The disc is written and verified.", texts)
    check(one_notification(told), told)
    # Some show a bar instead of words.
    check("value" not in told[-1][3], told[-1])


def one_notification(told):
    """The first is new, and the others replace it."""
    return told[0][0] == 0 and len({number for number, *_ in told[1:]}) == 1 and told[1][0] > 0


def ended(stage):
    """All notifications once the last of them is not about something that goes on."""
    told = stage.notifications()
    return told if told and " …" not in told[-1][1] else None


def manager(name):
    def case(stage, chosen):
        for what, files in chosen.items():
            image = stage.insert(f"{name}-{what}")
            place = in_window(stage, name, what, partial(choose, stage))
            paths = [stage.path("home", what, file) for file in os.listdir(stage.path("home", what))]
            told_of_success(stage)
            asked = stage.asked()
            check(len(asked) == 1 and sorted(asked[0]) == sorted(paths), "asked for", asked)
            check(on_disc(stage, image) == files, "not what was chosen is on the disc")
            print(f"    {what}: {place}")
        trash = in_window(stage, name, "trash", Hands.open_menu)
        check(entry(trash) is None, "an entry in the trash")
        print("    trash: no entry, among", len(trash))
    return case


def files(stage, _chosen):
    """What is installed, in the eyes of those who made its formats; and nobody opens folders with it."""
    share = stage.path("usr", "share")
    entry, sent = f"{share}/applications/org.discmaster1.write.desktop", f"{share}/Thunar/sendto/org.discmaster1.desktop"
    for command in (
        ["desktop-file-validate", "--no-hints", entry, sent],
        ["appstreamcli", "validate", "--no-net", "--pedantic", f"{share}/metainfo/org.discmaster.discmaster.metainfo.xml"],
        ["appstreamcli", "validate-tree", "--no-net", stage.path("usr")],
    ):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        check(done.returncode == 0 and ("appstreamcli" in command or not done.stdout), done.stdout)
    subprocess.run(["update-desktop-database", f"{share}/applications"], check=True)
    alone = {**stage.environment, "XDG_DATA_DIRS": share}
    opens = subprocess.run(["gio", "mime", "inode/directory"], env=alone, stdout=subprocess.PIPE, text=True, check=True).stdout
    check("discmaster" not in opens, opens)


def write_to_disc(stage, *arguments, **environment):
    """Started as the entries start it, with its standard error to be read."""
    program = stage.path("usr", "libexec", "discmaster", "write-to-disc")
    return subprocess.Popen([program, *arguments], stderr=subprocess.PIPE, text=True, env={**stage.environment, **environment})


def written(stage, *arguments, **environment):
    """What became of it: exit code, standard error, and what was told."""
    stage.clear()
    process = write_to_disc(stage, *arguments, **environment)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors, stage.notifications()


def progress(stage, _chosen):
    """One notification from the beginning to the end, with a bar and a button while there is something to cancel."""
    write(stage.path("home", "large", "film"), "x" * 40_000_000)
    stage.insert("progress", "cd-r")
    stage.recorder("speed", "60x")
    code, errors, told = written(stage, stage.path("home", "large"))
    stage.recorder("speed", "unlimited")
    check(code == 0 and not errors, code, errors)
    check(one_notification(told), told)
    texts = [text for _number, text, _buttons, _hints in told]
    values = [hints.get("value") for _number, text, _buttons, hints in told if text.startswith("Writing")]
    check(texts[0] == "Preparing …" and texts[-1] == "The disc is written and verified.", texts)
    values = [value for value in values if value is not None]
    check(len(values) > 2 and values == sorted(values), values)
    check(any(text.startswith("Verifying … ") for text in texts), texts)
    buttons = {text.split(" …")[0]: buttons for _number, text, buttons, _hints in told}
    check(buttons["Writing"] == ["cancel", "Cancel and spoil the disc"] and buttons["Verifying"] == ["cancel", "Cancel"], buttons)
    check(all(hints["desktop-entry"] == "org.discmaster1.write" for *_, hints in told), told)
    print("   ", len(told), "notifications:", ", ".join(dict.fromkeys(text.split(" …")[0] for text in texts)))


def cancel(stage, _chosen):
    """The button, while the disc is being written."""
    write(stage.path("home", "large", "film"), "x" * 40_000_000)
    stage.insert("cancel", "cd-r")
    stage.recorder("speed", "16x")
    stage.clear()
    process = write_to_disc(stage, stage.path("home", "large"))
    number = wait_for("the writing", 60, writing, stage)
    stage.press(number, "cancel")
    _, errors = process.communicate(timeout=60)
    stage.recorder("speed", "unlimited")
    told = stage.notifications()
    check(process.returncode == 7 and one_notification(told) and told[-1][3]["urgency"] == 1, process.returncode, errors, told[-1])
    print("   ", told[-1][1].replace("\n", " | "))


def writing(stage):
    told = stage.notifications()
    return told and told[-1][1].startswith("Writing") and told[-1][0]


def failures(stage, _chosen):
    """What happened, and what to do next."""
    stage.recorder("button")
    wait_for("the tray", 30, lambda: not stage.discmaster("list")[0]["medium"])
    told_of_failure(stage, "There is no disc in vd0", "Insert a recordable disc")
    stage.insert("again", "cd-r")
    check(written(stage, stage.path("home", "one-file"))[0] == 0, "the first disc")
    stage.recorder("load")
    wait_for("the disc", 30, lambda: stage.discmaster("list")[0]["medium"])
    told_of_failure(stage, "", "Insert a blank or appendable disc")
    stage.recorder("unplug")
    wait_for("no recorder", 30, lambda: not stage.discmaster("list"))
    told_of_failure(stage, "There is no recorder", "Plug one in")
    stage.plug_in()
    told_of_failure(stage, "cannot be started", "", DISCMASTER="discmaster-is-not-here")
    code, _errors, told = written(stage)
    check(code == 2 and "file manager" in told[-1][1], told)


def told_of_failure(stage, what, next_step, **environment):
    code, errors, told = written(stage, stage.path("home", "one-file", "zuletzt.txt"), **environment)
    text, hints = told[-1][1], told[-1][3]
    check(code != 0 and not errors and what in text and next_step in text and hints["urgency"] == 2, code, errors, told[-1])
    print("   ", text.replace("\n", " | "))


def question(stage, _chosen):
    """Nothing is written by somebody who did not mean it; asked in the language of the desktop."""
    image = stage.insert("question", "dvd+rw")
    code, errors, told = written(stage, stage.path("home", "one-file"), DISCMASTER_ANSWER="no")
    check(code == 7 and not errors and not told and not stage.asked() and stage.blank(), code, errors, told)
    check(stage.questions() == ["Write the chosen item to the DVD+RW in DISCMAST Virtual Recorder?"], stage.questions())
    german = {"LANGUAGE": "de", "LC_ALL": "C.UTF-8"}
    paths = [stage.path("home", "several", name) for name in NAMES[:3]]
    code, errors, told = written(stage, *paths, **german)
    check(code == 0 and told[-1][1] == "Die Disc ist geschrieben und geprüft.", code, errors, told[-1])
    check(sorted(on_disc(stage, image)) == sorted(NAMES[:3]), "what is on the disc")
    check(stage.questions()[0].startswith("Die 3 gewählten Dateien und Ordner auf die DVD+RW in"), stage.questions())
    stage.recorder("load")
    wait_for("the disc", 30, lambda: stage.discmaster("list")[0]["medium"])
    written(stage, stage.path("home", "one-file"), DISCMASTER_ANSWER="no")
    check("DVD+RW, which is not blank, in" in stage.questions()[0], stage.questions())


def together(stage, _chosen):
    """What is started in several processes at once becomes one disc."""
    image = stage.insert("together")
    stage.clear()
    parts = ["several/plain.txt", "one-file/zuletzt.txt", "one-folder"]
    processes = [write_to_disc(stage, "--gather", stage.path("home", part)) for part in parts]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        check(process.returncode == 0 and not errors, process.returncode, errors)
    check(len(stage.asked()) == 1, stage.asked())
    check(sorted(on_disc(stage, image)) == ["one-folder/zuletzt/deep/inside.txt", "plain.txt", "zuletzt.txt"], "what is on the disc")


def several_recorders(stage, _chosen):
    """Of several the one with a blank disc; nobody is there to be asked."""
    image = stage.insert("chosen")
    stage.plug_in("another", "--tray", "open")
    try:
        check(len(stage.discmaster("list")) == 2, "two recorders")
        code, errors, told = written(stage, stage.path("home", "one-file"))
        check(code == 0 and sorted(on_disc(stage, image)) == ["zuletzt.txt"], code, errors, told[-1])
    finally:
        stage.recorder("unplug", name="another")
        wait_for("one recorder", 30, lambda: len(stage.discmaster("list")) == 1)


def without_gi(stage, _chosen):
    """The same through notify-send."""
    write(stage.path("no-gi", "gi", "__init__.py"), "raise ImportError")
    stage.insert("without-gi")
    code, errors, told = written(stage, stage.path("home", "one-file"), PYTHONPATH=stage.path("no-gi"))
    check(code == 0 and not errors and one_notification(told), code, errors, told)
    check(told[-1][1] == "The disc is written and verified." and "value" not in told[-1][3], told[-1])
    told_of_failure(stage, "There is no disc in vd0", "Insert a recordable disc", PYTHONPATH=stage.path("no-gi"))


def unseen(stage, _chosen):
    """Where nobody shows notifications the disc is written all the same, and words are on standard error."""
    write(stage.path("no-gi", "gi", "__init__.py"), "raise ImportError")
    stage.hide_notifications()
    try:
        for name, environment in (("unseen", {}), ("unseen-without-gi", {"PYTHONPATH": stage.path("no-gi")})):
            stage.insert(name)
            process = write_to_disc(stage, stage.path("home", "one-file"), **environment)
            _, errors = process.communicate(timeout=120)
            check(process.returncode == 0 and "The disc is written and verified." in errors, process.returncode, errors)
    finally:
        stage.show_notifications()


CASES = {name: manager(name) for name in MANAGERS}
CASES |= {case.__name__: case for case in (files, progress, cancel, failures, question, together, several_recorders, without_gi, unseen)}


def main(scratch, wanted):
    stage = Stage(scratch)
    failed = []
    try:
        stage.set()
        chosen = folders(stage)
        for name in wanted or CASES:
            print(name, flush=True)
            started = time.monotonic()
            try:
                CASES[name](stage, chosen)
                print(f"    ok, {time.monotonic() - started:.0f} s", flush=True)
            except Exception as error:
                failed.append(name)
                print("    FAILED:", error if isinstance(error, Failure) else traceback.format_exc(), flush=True)
    finally:
        stage.strike()
    if failed:
        print("failed:", " ".join(failed))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
