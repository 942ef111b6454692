//! Additional sense codes: their names in the standards (SPC-4, MMC-6), and a sentence that a
//! person can act on.

/// One code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Additional sense code.
    pub asc: u8,
    /// Its qualifier; none stands for every one that has no row of its own.
    pub ascq: Option<u8>,
    /// The standard's name.
    pub name: &'static str,
    /// What it means for somebody with a disc in their hands, and what to do.
    pub sentence: &'static str,
}

/// The standard's name of a code.
pub fn name(asc: u8, ascq: u8) -> Option<&'static str> {
    find(asc, ascq).map(|code| code.name)
}

/// A sentence for a person, if there is one that says more than the name.
pub fn sentence(asc: u8, ascq: u8) -> Option<&'static str> {
    find(asc, ascq).map(|code| code.sentence)
}

fn find(asc: u8, ascq: u8) -> Option<&'static Code> {
    if (asc, ascq) == (0, 0) {
        return None;
    }
    let rows = || CODES.iter().filter(|code| code.asc == asc);
    rows().find(|code| code.ascq == Some(ascq)).or_else(|| rows().find(|code| code.ascq.is_none()))
}

const fn code(asc: u8, ascq: u8, name: &'static str, sentence: &'static str) -> Code {
    Code { asc, ascq: Some(ascq), name, sentence }
}

const fn family(asc: u8, name: &'static str, sentence: &'static str) -> Code {
    Code { asc, ascq: None, name, sentence }
}

const BAD_DISC: &str =
    "The drive cannot write this disc reliably: try a lower speed, or discs of another make.";
const WRONG_DISC: &str = "The drive cannot use this kind of disc: insert one that it supports.";
const DRIVE_FAULT: &str = "The drive itself reports a fault: try it again, then have it replaced.";
const LINK_FAULT: &str = "The connection to the drive is disturbed: check its cable, its power and its port.";
const CLOSE_FAULT: &str = "The data are on the disc, but closing it failed: it is usually readable.";
const UNREADABLE: &str = "The drive cannot read this part of the disc: clean it, or try another drive.";

/// Every code with a name, sorted.
pub const CODES: &[Code] = &[
    code(0x02, 0x00, "no seek complete", DRIVE_FAULT),
    code(
        0x04,
        0x00,
        "not ready, cause not reportable",
        "The drive is not ready and does not say why: wait, or insert the disc again.",
    ),
    code(0x04, 0x01, "becoming ready", "The drive is getting the disc ready."),
    code(0x04, 0x02, "initializing command required", "The disc has to be spun up first."),
    code(
        0x04,
        0x03,
        "manual intervention required",
        "The drive asks for help: take the disc out and insert it again.",
    ),
    code(0x04, 0x04, "format in progress", "The disc is being formatted."),
    code(0x04, 0x07, "operation in progress", "The drive is still busy with an earlier operation."),
    code(0x04, 0x08, "long write in progress", "The drive's buffer is full; it is writing."),
    family(0x04, "not ready", "The drive is not ready."),
    code(
        0x06,
        0x00,
        "no reference position found",
        "The drive cannot find its way on this disc: clean it, or try another.",
    ),
    family(0x08, "communication failure", LINK_FAULT),
    code(0x09, 0x00, "track following error", BAD_DISC),
    family(0x09, "tracking or focus failure", BAD_DISC),
    code(0x0c, 0x00, "write error", BAD_DISC),
    code(0x0c, 0x07, "write error, recovery needed", BAD_DISC),
    code(0x0c, 0x08, "write error, recovery failed", BAD_DISC),
    code(
        0x0c,
        0x09,
        "write error, loss of streaming",
        "The drive ran out of data while writing: lower the speed.",
    ),
    code(0x0c, 0x0f, "defects in error window", BAD_DISC),
    family(0x0c, "write error", BAD_DISC),
    family(0x11, "unrecovered read error", UNREADABLE),
    family(0x15, "positioning error", DRIVE_FAULT),
    family(0x17, "recovered data", "The drive had to try more than once, and succeeded."),
    family(0x18, "recovered data with error correction", "The drive corrected errors, and succeeded."),
    code(0x1a, 0x00, "parameter list length error", "The drive does not accept the length of a request."),
    code(0x20, 0x00, "invalid command operation code", "The drive does not know this command."),
    code(0x21, 0x00, "logical block address out of range", "The address lies behind the end of the disc."),
    code(
        0x21,
        0x02,
        "invalid address for write",
        "The drive expects other data at this place: the burn lost its thread.",
    ),
    code(
        0x21,
        0x03,
        "invalid write crossing layer jump",
        "The write crosses the boundary between two layers.",
    ),
    family(0x21, "invalid address", "The drive does not accept this address."),
    code(0x24, 0x00, "invalid field in CDB", "The drive does not offer this variant of the command."),
    code(0x25, 0x00, "logical unit not supported", "There is no drive at this address."),
    code(0x26, 0x00, "invalid field in parameter list", "The drive does not accept this setting."),
    family(0x26, "invalid parameter", "The drive does not accept this setting."),
    code(0x27, 0x00, "write protected", "The disc is write protected, or closed: insert another."),
    family(0x27, "write protected", "The disc is write protected, or closed: insert another."),
    code(0x28, 0x00, "medium may have changed", "The disc was changed."),
    family(0x29, "reset occurred", "The drive was reset."),
    code(
        0x2c,
        0x00,
        "command sequence error",
        "The drive cannot do this now; another program may be using it.",
    ),
    family(0x2c, "command sequence error", "The drive cannot do this now; another program may be using it."),
    code(0x2e, 0x00, "insufficient time for operation", "The drive ran out of time."),
    code(0x30, 0x00, "incompatible medium", WRONG_DISC),
    code(0x30, 0x01, "cannot read medium, unknown format", WRONG_DISC),
    code(0x30, 0x02, "cannot read medium, incompatible format", WRONG_DISC),
    code(0x30, 0x03, "cleaning cartridge installed", WRONG_DISC),
    code(0x30, 0x04, "cannot write medium, unknown format", WRONG_DISC),
    code(
        0x30,
        0x05,
        "cannot write medium, incompatible format",
        "The disc cannot be written as it is: a rewritable one may have to be formatted first.",
    ),
    code(0x30, 0x06, "cannot format medium, incompatible medium", "The disc cannot be formatted this way."),
    code(0x30, 0x08, "cannot write, application code mismatch", WRONG_DISC),
    code(
        0x30,
        0x09,
        "current session not fixated for append",
        "The last session was not closed: close it before another is added.",
    ),
    code(0x30, 0x0a, "medium not formatted", "The disc has to be formatted first."),
    code(0x30, 0x0b, "incompatible medium version", WRONG_DISC),
    family(0x30, "incompatible medium", WRONG_DISC),
    code(0x31, 0x00, "medium format corrupted", "The disc has to be formatted again."),
    code(0x31, 0x01, "format command failed", "Formatting failed: try again, or use another disc."),
    code(0x32, 0x00, "no defect spare location available", "The disc has no spare blocks left: replace it."),
    code(0x39, 0x00, "saving parameters not supported", "The drive cannot keep this setting."),
    code(0x3a, 0x00, "medium not present", "There is no disc in the drive."),
    code(0x3a, 0x01, "medium not present, tray closed", "There is no disc in the drive."),
    code(0x3a, 0x02, "medium not present, tray open", "The tray is open."),
    code(0x3a, 0x03, "medium not present, loadable", "The disc is not loaded: close the tray."),
    family(0x3a, "medium not present", "There is no disc in the drive."),
    family(0x3e, "logical unit failure", DRIVE_FAULT),
    family(0x44, "internal target failure", DRIVE_FAULT),
    family(0x51, "erase failure", "Erasing failed: the disc may be worn out."),
    code(0x53, 0x02, "medium removal prevented", "The tray is locked while the drive is in use."),
    family(0x53, "load or eject failed", "The tray is stuck: try again."),
    code(0x57, 0x00, "unable to recover table of contents", "The disc's table of contents cannot be read."),
    code(0x5d, 0x00, "failure prediction threshold exceeded", DRIVE_FAULT),
    code(0x63, 0x00, "end of user area encountered on this track", "The disc is full."),
    code(0x63, 0x01, "packet does not fit in available space", "The disc is full."),
    code(
        0x64,
        0x00,
        "illegal mode for this track",
        "The disc does not allow this way of writing or reading here.",
    ),
    code(0x64, 0x01, "invalid packet size", "The drive does not accept this packet size."),
    family(0x6f, "copy protection", "The disc is copy protected."),
    code(0x72, 0x00, "session fixation error", CLOSE_FAULT),
    code(0x72, 0x01, "session fixation error writing lead-in", CLOSE_FAULT),
    code(0x72, 0x02, "session fixation error writing lead-out", CLOSE_FAULT),
    code(0x72, 0x03, "session fixation error, incomplete track in session", CLOSE_FAULT),
    code(0x72, 0x04, "empty or partially written reserved track", CLOSE_FAULT),
    code(0x72, 0x05, "no more track reservations allowed", "The disc takes no further tracks."),
    family(0x72, "session fixation error", CLOSE_FAULT),
    code(0x73, 0x01, "power calibration area almost full", "The disc can be written only a few more times."),
    code(0x73, 0x02, "power calibration area is full", BAD_DISC),
    code(0x73, 0x03, "power calibration area error", BAD_DISC),
    code(0x73, 0x04, "program memory area update failure", BAD_DISC),
    code(0x73, 0x05, "program memory area is full", "The disc takes no further tracks."),
    family(0x73, "CD control error", BAD_DISC),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_with_each_family_behind_its_members() {
        let order = |code: &Code| (code.asc, code.ascq.map_or(0x100, u16::from));
        for pair in CODES.windows(2) {
            assert!(order(&pair[0]) < order(&pair[1]), "{:02X?}", pair);
        }
    }

    #[test]
    fn a_member_wins_over_its_family_and_the_unknown_has_no_name() {
        assert_eq!(name(0x0c, 0x09), Some("write error, loss of streaming"));
        assert_eq!(name(0x0c, 0x01), Some("write error"));
        assert_eq!(name(0x00, 0x00), None);
        assert_eq!(name(0xee, 0x00), None);
    }
}
