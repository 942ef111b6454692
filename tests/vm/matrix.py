"""What was seen of tools and discs: judged by the list of what tools cannot do, and written down as a table."""

import fnmatch
import os

from pages import settle

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ["cd-r", "cd-rw", "dvd-r", "dvd-r-dl", "dvd-rw", "dvd-rw-ro", "dvd+r", "dvd+r-dl", "dvd+rw", "dvd-ram", "bd-r", "bd-re"]
HEAD = """# Other programs and our recorder

What programs of Debian 12 do with the virtual recorder as a drive of a virtual machine, through the kernel, and last what this service does with it there,
and with a recorder that others made: the DVD+R of tgt, by iSCSI (`discmaster-tgt`).
`make test-vm` writes this page: every cell was run. A step that a program cannot do, with real drives either, has a number, and a reason below.

`read` compares every byte of the files: after the tray was opened and closed, through the kernel's file systems (`read-udf` through UDF), or the block device.
"""


def cannot():
    """The steps that fail for a reason: patterns of disc, tool and step, and the reason."""
    with open(os.path.join(HERE, "cannot")) as file:
        lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
    return [(*line.split(None, 3),) for line in lines]


class Matrix:
    def __init__(self):
        self.cells = {}
        self.logs = {}
        self.rules = cannot()

    def add(self, results, logs):
        for kind, tool, step, status in results:
            self.cells[kind, tool, step] = int(status)
        self.logs.update(logs)

    def reason(self, cell):
        for *patterns, reason in self.rules:
            if all(fnmatch.fnmatchcase(part, pattern) for part, pattern in zip(cell, patterns)):
                return reason
        return None

    def complaints(self):
        found = []
        for cell, status in self.cells.items():
            reason = self.reason(cell)
            if status != 0 and reason is None:
                tail = "\n    ".join(self.logs.get(cell, "").splitlines()[-12:])
                found.append(f"{' '.join(cell)} failed with {status}:\n    {tail}")
            if status == 0 and reason is not None:
                found.append(f"{' '.join(cell)} went well, although: {reason}")
        return found

    def write(self, path):
        """Writes the page; whether it was so before."""
        tools = sorted({tool for _, tool, _ in self.cells}, key=lambda tool: (tool.startswith("discmaster"), tool))
        reasons = []
        lines = [HEAD]
        for tool in tools:
            lines += [f"## {tool}", "", "| Disc | Steps |", "|---|---|"]
            for kind in KINDS:
                steps = [cell for cell in self.cells if cell[:2] == (kind, tool)]
                if steps:
                    lines.append(f"| {kind} | {', '.join(self.shown(cell, reasons) for cell in steps)} |")
            lines.append("")
        if reasons:
            lines += ["## What cannot be done", ""]
            lines += [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
        page = "\n".join(lines).rstrip() + "\n"
        return settle(path, page)

    def shown(self, cell, reasons):
        if self.cells[cell] == 0:
            return cell[2]
        reason = self.reason(cell) or "**It failed.**"
        if reason not in reasons:
            reasons.append(reason)
        return f"~~{cell[2]}~~ ({reasons.index(reason) + 1})"
