//! What to do about a drive's complaint: one table, by what was being done when it came.
//!
//! The table gathers what recording programs learnt from drives, on the meanings of SPC-4 and MMC-6. The first
//! rule that fits decides. Deferred sense is judged before the table: it speaks of an earlier command, and the
//! present one was not carried out (SPC-4 4.5.7). After a failure it must never be sent again; when the earlier
//! command recovered, it has to be.

use super::sense::Sense;

use During::{
    Amid, Any, Blanking, Calibrate, Close, Flush, Format, Load, Query, Read, ReadTail, SetSpeed, Write,
};

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum During {
    /// In a rule: whatever was being done.
    Any,
    /// Asking for a fact.
    Query,
    /// Asking for a fact in the middle of writing, where news of a reset or of another disc is the end of the burn.
    Amid,
    /// Loading, or waiting for a loaded disc.
    Load,
    /// Choosing a speed or another setting.
    SetSpeed,
    /// Calibrating the laser.
    Calibrate,
    /// WRITE.
    Write,
    /// SYNCHRONIZE CACHE.
    Flush,
    /// CLOSE TRACK/SESSION.
    Close,
    /// BLANK.
    Blanking,
    /// FORMAT UNIT.
    Format,
    /// Reading data.
    Read,
    /// Reading the last two blocks of a track written track at once: they are run-out and need not be readable.
    ReadTail,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It worked; log it.
    Proceed,
    /// Wait a little, then the same command again: it had no effect.
    Retry,
    /// Send START UNIT once, then the same command again.
    StartUnit,
    /// A long operation runs: poll until it ends.
    InProgress,
    /// The drive's buffer is full: let it drain, then the *same* WRITE again.
    DriveBufferFull,
    /// The blocks may or may not have been taken: ask for the next writable address before anything else.
    AskNextAddress,
    /// SYNCHRONIZE CACHE first, then the same WRITE again.
    FlushThenRepeat,
    /// The drive does not have this command or variant: remember it, do without.
    Unsupported,
    /// There is no disc. No error in a question.
    NoMedium,
    /// Run-out blocks: the end of what can be read, not an error.
    RunOut,
    /// The disc has no room left.
    EndOfMedium,
    /// The drive expects another address: the burn lost its thread.
    AddressMismatch,
    /// The disc cannot be used for this.
    UnsuitableMedium,
    /// The disc or its session is write protected.
    WriteProtected,
    /// Another way of writing has to be chosen.
    WrongMode,
    /// The laser cannot be calibrated on this disc.
    CalibrationFailed,
    /// Blocks were spoilt.
    WriteFailed,
    /// Blocks cannot be read.
    ReadFailed,
    /// All data are written; closing failed.
    WrittenNotClosed,
    /// Erasing failed.
    EraseFailed,
    /// Formatting failed.
    FormatFailed,
    /// The disc was changed or the drive reset under the operation.
    Interrupted,
    /// The disc is copy protected.
    CopyProtected,
    /// The drive is broken.
    HardwareFailed,
    /// Anything else: the end of this operation.
    Fail,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Sense key; none for any.
    pub key: Option<u8>,
    /// Additional sense code; none for any.
    pub asc: Option<u8>,
    /// Qualifiers, first to last.
    pub ascq: (u8, u8),
    /// What must have been going on.
    pub during: During,
    /// What follows.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub why: &'static str,
}

/// What to do about `sense`, and why.
pub fn judge(sense: Sense, during: During) -> (Verdict, &'static str) {
    if sense.deferred {
        return deferred(sense, during);
    }
    POLICY
        .iter()
        .find(|rule| rule.fits(sense, during))
        .map_or((Verdict::Fail, "the drive refuses"), |rule| (rule.verdict, rule.why))
}

/// Deferred sense. The earlier command is judged, and nothing is repeated unless that recovered.
fn deferred(sense: Sense, during: During) -> (Verdict, &'static str) {
    match (sense.key, during) {
        (1, Write) => return (Verdict::AskNextAddress, "an earlier write recovered; this one was not taken"),
        (1, _) => return (Verdict::Retry, "an earlier command recovered; this one was not carried out"),
        _ => {}
    }
    match during {
        Close => (Verdict::WrittenNotClosed, "an earlier command failed while the disc was being closed"),
        Blanking => (Verdict::EraseFailed, "an earlier command failed"),
        Format => (Verdict::FormatFailed, "an earlier command failed"),
        Write | Flush | Amid => {
            (Verdict::WriteFailed, "blocks that the drive had already taken were not written")
        }
        _ => (Verdict::Fail, "an earlier command failed"),
    }
}

impl Rule {
    fn fits(&self, sense: Sense, during: During) -> bool {
        self.key.is_none_or(|key| key == sense.key)
            && self.asc.is_none_or(|asc| asc == sense.asc)
            && (self.ascq.0..=self.ascq.1).contains(&sense.ascq)
            && (self.during == Any || self.during == during)
    }

    /// Whether everything that fits `other` fits this rule too.
    #[cfg(test)]
    fn covers(&self, other: &Self) -> bool {
        (self.key.is_none() || self.key == other.key)
            && (self.asc.is_none() || self.asc == other.asc)
            && self.ascq.0 <= other.ascq.0
            && other.ascq.1 <= self.ascq.1
            && (self.during == Any || self.during == other.during)
    }
}

/// The row of the table that decides about current sense.
#[cfg(test)]
pub(crate) fn row(sense: Sense, during: During) -> Option<usize> {
    POLICY.iter().position(|rule| rule.fits(sense, during))
}

/// Every qualifier.
const ALL: (u8, u8) = (0x00, 0xff);

const fn only(ascq: u8) -> (u8, u8) {
    (ascq, ascq)
}

const fn rule(
    code: (Option<u8>, Option<u8>, (u8, u8)),
    during: During,
    verdict: Verdict,
    why: &'static str,
) -> Rule {
    Rule { key: code.0, asc: code.1, ascq: code.2, during, verdict, why }
}

/// Rules for a key and code.
const fn k(key: u8, asc: u8, ascq: (u8, u8)) -> (Option<u8>, Option<u8>, (u8, u8)) {
    (Some(key), Some(asc), ascq)
}

/// Rules for a code under whatever key.
const fn x(asc: u8, ascq: (u8, u8)) -> (Option<u8>, Option<u8>, (u8, u8)) {
    (None, Some(asc), ascq)
}

/// The table; the first rule that fits decides.
#[rustfmt::skip]
pub const POLICY: &[Rule] = &[
    rule(k(1, 0x73, only(0x01)),   Any,       Verdict::Proceed,           "the calibration area is almost full"),
    rule((Some(1), None, ALL),     Any,       Verdict::Proceed,           "recovered"),
    rule(k(2, 0x04, only(0x01)),   Any,       Verdict::Retry,             "becoming ready"),
    rule(k(2, 0x04, only(0x02)),   Any,       Verdict::StartUnit,         "has to be spun up"),
    rule(k(2, 0x04, only(0x03)),   Any,       Verdict::StartUnit,         "asks for help; spinning up may do"),
    rule(k(2, 0x04, only(0x04)),   Write,     Verdict::FlushThenRepeat,   "a background format holds the write"),
    rule(k(2, 0x04, only(0x04)),   Any,       Verdict::InProgress,        "formatting"),
    rule(k(2, 0x04, only(0x07)),   Write,     Verdict::FlushThenRepeat,   "an earlier operation still runs"),
    rule(k(2, 0x04, only(0x07)),   Any,       Verdict::InProgress,        "an operation runs"),
    rule(k(2, 0x04, only(0x08)),   Write,     Verdict::DriveBufferFull,   "drain, then the same WRITE again"),
    rule(k(2, 0x04, only(0x08)),   Any,       Verdict::InProgress,        "the drive is writing its buffer out"),
    rule(k(2, 0x04, only(0x00)),   Write,     Verdict::Fail,              "not ready in the middle of writing"),
    rule(k(2, 0x04, ALL),          Any,       Verdict::Retry,             "not ready, cause not given"),
    rule(k(2, 0x06, only(0x00)),   Any,       Verdict::Retry,             "no reference position; some drives find it again"),
    rule(x(0x08, ALL),             Write,     Verdict::AskNextAddress,    "the link failed; the drive may have the blocks"),
    rule(x(0x08, ALL),             Any,       Verdict::Retry,             "the link failed"),
    rule(x(0x30, only(0x05)),      Any,       Verdict::UnsuitableMedium,  "cannot be written as it is: format it first"),
    rule(x(0x30, only(0x06)),      Any,       Verdict::UnsuitableMedium,  "cannot be formatted this way"),
    rule(x(0x30, only(0x09)),      Any,       Verdict::UnsuitableMedium,  "the last session is not closed"),
    rule(x(0x30, only(0x0a)),      Any,       Verdict::UnsuitableMedium,  "has to be formatted first"),
    rule(x(0x30, ALL),             Any,       Verdict::UnsuitableMedium,  "the drive cannot use this medium"),
    rule(x(0x3a, ALL),             Load,      Verdict::Retry,             "some drives deny the disc until it is ready"),
    rule(x(0x3a, ALL),             Write,     Verdict::Interrupted,       "the disc is gone"),
    rule(x(0x3a, ALL),             Flush,     Verdict::Interrupted,       "the disc is gone"),
    rule(x(0x3a, ALL),             Amid,      Verdict::Interrupted,       "the disc is gone"),
    rule(x(0x3a, ALL),             Any,       Verdict::NoMedium,          "no disc"),
    rule(k(3, 0x02, ALL),          Any,       Verdict::HardwareFailed,    "the drive cannot position its head"),
    rule(x(0x09, ALL),             ReadTail,  Verdict::RunOut,            "run-out blocks cannot be read"),
    rule(x(0x09, ALL),             Read,      Verdict::ReadFailed,        "the drive lost the track"),
    rule(x(0x09, ALL),             Any,       Verdict::WriteFailed,       "the drive lost the track"),
    rule(x(0x0c, only(0x09)),      Any,       Verdict::WriteFailed,       "the drive ran out of data"),
    rule(x(0x0c, ALL),             Any,       Verdict::WriteFailed,       "the medium did not take the blocks"),
    rule(x(0x11, ALL),             ReadTail,  Verdict::RunOut,            "run-out blocks cannot be read"),
    rule(x(0x11, ALL),             Any,       Verdict::ReadFailed,        "the blocks cannot be read"),
    rule(k(3, 0x32, ALL),          Any,       Verdict::WriteFailed,       "no spare blocks left"),
    rule(k(3, 0x31, only(0x01)),   Any,       Verdict::FormatFailed,      "the drive failed to format it"),
    rule(k(3, 0x31, ALL),          Any,       Verdict::UnsuitableMedium,  "has to be formatted again"),
    rule(x(0x51, ALL),             Any,       Verdict::EraseFailed,       "the drive failed to erase it"),
    rule(k(3, 0x57, ALL),          Any,       Verdict::UnsuitableMedium,  "the table of contents is lost"),
    rule(x(0x73, (0x02, 0x03)),    Any,       Verdict::CalibrationFailed, "lower the speed or use another medium"),
    rule(x(0x73, (0x04, 0x05)),    Close,     Verdict::WrittenNotClosed,  "the track list of the disc cannot be written"),
    rule(x(0x73, (0x04, 0x05)),    Any,       Verdict::WriteFailed,       "the track list of the disc cannot be written"),
    rule((Some(4), None, ALL),     Any,       Verdict::HardwareFailed,    "the drive reports a fault of its own"),
    rule((None, None, ALL),        Calibrate, Verdict::Proceed,           "the drive calibrates by itself"),
    rule((Some(5), None, ALL),     SetSpeed,  Verdict::Unsupported,       "a speed is a wish"),
    rule(k(5, 0x1a, ALL),          Any,       Verdict::Unsupported,       "parameter list length"),
    rule(k(5, 0x20, ALL),          Any,       Verdict::Unsupported,       "unknown command"),
    rule(k(5, 0x24, ALL),          Any,       Verdict::Unsupported,       "a field of the command"),
    rule(k(5, 0x26, ALL),          Any,       Verdict::Unsupported,       "a field of the parameters"),
    rule(k(5, 0x21, only(0x00)),   Write,     Verdict::EndOfMedium,       "wrote past the last block"),
    rule(k(5, 0x21, only(0x00)),   ReadTail,  Verdict::RunOut,            "read past the last block"),
    rule(k(5, 0x21, only(0x00)),   Read,      Verdict::ReadFailed,        "read past the last block"),
    rule(k(5, 0x21, only(0x02)),   Write,     Verdict::AddressMismatch,   "the drive expects another address"),
    rule(k(5, 0x21, only(0x03)),   Any,       Verdict::AddressMismatch,   "the write crosses the layers' boundary"),
    rule(k(5, 0x2c, ALL),          Write,     Verdict::FlushThenRepeat,   "somebody else may have read the disc"),
    rule(k(5, 0x2e, ALL),          Any,       Verdict::Fail,              "not enough time"),
    rule(x(0x63, ALL),             Any,       Verdict::EndOfMedium,       "the end of the user area"),
    rule(k(5, 0x64, only(0x00)),   ReadTail,  Verdict::RunOut,            "run-out blocks cannot be read"),
    rule(k(5, 0x64, only(0x00)),   Read,      Verdict::ReadFailed,        "no data track here"),
    rule(k(5, 0x64, ALL),          Any,       Verdict::WrongMode,         "the track does not allow this way of writing"),
    rule(x(0x72, ALL),             Any,       Verdict::WrittenNotClosed,  "data are readable; only the close failed"),
    rule(x(0x6f, ALL),             Any,       Verdict::CopyProtected,     "copy protected"),
    rule(k(6, 0x28, ALL),          Write,     Verdict::Interrupted,       "the disc was changed under the burn"),
    rule(k(6, 0x28, ALL),          Flush,     Verdict::Interrupted,       "the disc was changed under the burn"),
    rule(k(6, 0x28, ALL),          Close,     Verdict::Interrupted,       "the disc was changed under the burn"),
    rule(k(6, 0x29, ALL),          Write,     Verdict::Interrupted,       "the drive was reset under the burn"),
    rule(k(6, 0x29, ALL),          Flush,     Verdict::Interrupted,       "the drive was reset under the burn"),
    rule(k(6, 0x29, ALL),          Close,     Verdict::Interrupted,       "the drive was reset under the burn"),
    rule(k(6, 0x28, ALL),          Amid,      Verdict::Interrupted,       "the disc was changed under the burn"),
    rule(k(6, 0x29, ALL),          Amid,      Verdict::Interrupted,       "the drive was reset under the burn"),
    rule((Some(6), None, ALL),     Any,       Verdict::Retry,             "news from the drive, told once"),
    rule((Some(7), None, ALL),     Any,       Verdict::WriteProtected,    "write protected"),
    rule((Some(3), None, ALL),     Close,     Verdict::WrittenNotClosed,  "the medium failed while it was being closed"),
    rule((Some(3), None, ALL),     ReadTail,  Verdict::RunOut,            "run-out blocks cannot be read"),
    rule((Some(3), None, ALL),     Read,      Verdict::ReadFailed,        "the medium failed"),
    rule((Some(3), None, ALL),     Blanking,  Verdict::EraseFailed,       "the medium failed"),
    rule((Some(3), None, ALL),     Format,    Verdict::FormatFailed,      "the medium failed"),
    rule((Some(3), None, ALL),     Any,       Verdict::WriteFailed,       "the medium failed"),
    rule((None, None, ALL),        Query,     Verdict::Unsupported,       "the question is refused"),
    rule((None, None, ALL),        Amid,      Verdict::Unsupported,       "the question is refused"),
    rule((None, None, ALL),        Close,     Verdict::WrittenNotClosed,  "the data are written; closing is refused"),
];

#[cfg(test)]
mod tests;
