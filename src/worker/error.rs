//! From what a drive, a link or a ring says to an error that a person can act on: the one place for both.

use std::time::Duration;

use crate::api::{self, Detail, ErrorKind};
use crate::burn::Harm;
use crate::mmc::opcode::Opcode;
use crate::mmc::policy::Verdict;
use crate::mmc::sense::Sense;
use crate::mmc::transport::{Traced, Transport, TransportError};
use crate::mmc::{Malformed, asc};

/// Why a drive did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It refused, for good.
    #[error("{command} was refused: {sense}, {why}")]
    Refused {
        /// The command.
        command: Opcode,
        /// Its complaint.
        sense: Sense,
        /// What the policy makes of it.
        verdict: Verdict,
        /// Why, in a few words.
        why: &'static str,
    },
    /// No answer came.
    #[error("{source}")]
    Link {
        /// The command.
        command: Opcode,
        /// What happened on the way.
        source: TransportError,
    },
    /// Its answer cannot be understood.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is something else than an optical drive.
    #[error("the device is no optical drive but of type {device_type:02X}h")]
    NotOptical {
        /// The peripheral device type of INQUIRY.
        device_type: u8,
    },
    /// It gave less than was asked for, and called that good.
    #[error("the drive delivered {given} bytes where {wanted} were asked for")]
    Short {
        /// Bytes that were asked for.
        wanted: usize,
        /// Bytes that came.
        given: usize,
    },
    /// It stayed busy.
    #[error("the drive did not become ready within {} seconds", .limit.as_secs())]
    NeverReady {
        /// How long was waited.
        limit: Duration,
    },
    /// Somebody cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl Trouble {
    pub(super) const fn refused(command: Opcode, sense: Sense, verdict: Verdict, why: &'static str) -> Self {
        Self::Refused { command, sense, verdict, why }
    }

    pub(super) const fn link(command: Opcode, source: TransportError) -> Self {
        Self::Link { command, source }
    }

    /// What the policy made of a refusal.
    pub(super) const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Refused { verdict, .. } => Some(*verdict),
            _ => None,
        }
    }
}

/// What was being done when trouble came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Opening the device.
    Opening,
    /// Looking at the drive and the disc.
    Looking,
    /// Setting up a burn; nothing is written.
    Preparing,
    /// Writing.
    Writing,
    /// Emptying the drive's buffer.
    Flushing,
    /// Closing track, session or disc.
    Closing,
    /// Reading back.
    Verifying,
    /// Blanking, or writing zeroes.
    Erasing,
    /// Formatting.
    Formatting,
    /// Reading the directories of an earlier session.
    Importing,
    /// Moving the tray.
    Tray,
}

/// Where trouble came, and what it means for the disc.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What was being done.
    pub doing: Doing,
    /// What the disc is now.
    pub harm: Harm,
    /// The block that was to be written or read.
    pub block: Option<u32>,
    /// The disc's name, such as `CD-R`; empty when it is not known.
    pub disc: &'a str,
    /// The disc can be erased and used again.
    pub rewritable: bool,
}

impl<'a> Scene<'a> {
    /// A scene in which nothing has been written.
    pub const fn new(doing: Doing) -> Self {
        Self { doing, harm: Harm::DiscUntouched, block: None, disc: "", rewritable: false }
    }

    /// The same scene, at a block.
    pub const fn at(self, block: u32) -> Self {
        Self { block: Some(block), ..self }
    }

    /// The error that comes of `trouble` here: what happened, what the disc is now, what to do next, and the figures.
    pub fn error(&self, trouble: &Trouble) -> api::Error {
        if matches!(trouble, Trouble::Cancelled) && self.harm == Harm::DiscUntouched {
            let message = "It was cancelled before anything was changed: the disc is as it was.";
            return api::Error::new(ErrorKind::UserAbort, message);
        }
        let kind = self.kind(trouble);
        let words =
            [self.happened(), cause(trouble), self.disc_now().to_owned(), self.next(trouble).to_owned()];
        let message = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        self.details(api::Error::new(kind, message), trouble)
    }

    fn kind(&self, trouble: &Trouble) -> ErrorKind {
        match (trouble, trouble.verdict(), self.doing) {
            (Trouble::Cancelled, ..) => ErrorKind::UserAbort,
            (Trouble::Link { source: TransportError::InUse { .. }, .. }, ..) => {
                ErrorKind::DeviceNotAccessible
            }
            (_, _, Doing::Closing) if self.harm == Harm::WrittenNotClosed => ErrorKind::WrittenNotClosed,
            (Trouble::Refused { sense, .. }, _, Doing::Writing)
                if (sense.asc, sense.ascq) == (0x0c, 0x09) =>
            {
                ErrorKind::LossOfStreaming
            }
            (_, Some(Verdict::EndOfMedium), Doing::Writing) => ErrorKind::DiscFull,
            (_, _, Doing::Writing | Doing::Flushing | Doing::Closing) => ErrorKind::WriteFailed,
            (_, _, Doing::Verifying) => ErrorKind::VerifyFailed,
            (_, Some(Verdict::NoMedium), _) => ErrorKind::MediumNotPresent,
            (
                _,
                Some(Verdict::UnsuitableMedium | Verdict::WriteProtected),
                Doing::Preparing | Doing::Erasing | Doing::Formatting,
            ) => ErrorKind::CannotWriteToMedia,
            (_, _, Doing::Preparing) => ErrorKind::InitializeWrite,
            (_, Some(Verdict::Unsupported), Doing::Erasing | Doing::Formatting | Doing::Tray) => {
                ErrorKind::DeviceInvalidType
            }
            (_, _, Doing::Erasing | Doing::Formatting) => ErrorKind::EraseFailed,
            (Trouble::Link { source: TransportError::LinkLost { .. }, .. }, ..) => {
                ErrorKind::DeviceNotPresent
            }
            (Trouble::Link { .. }, ..) | (_, _, Doing::Opening | Doing::Tray) => {
                ErrorKind::DeviceNotAccessible
            }
            (_, _, Doing::Looking | Doing::Importing) => ErrorKind::DiscInfo,
        }
    }

    fn happened(&self) -> String {
        let disc = if self.disc.is_empty() { "disc" } else { self.disc };
        let block = self.block.map(|block| format!(" at block {block}")).unwrap_or_default();
        match self.doing {
            Doing::Opening => "The recorder could not be opened.".to_owned(),
            Doing::Looking => "The drive could not tell about itself and its disc.".to_owned(),
            Doing::Preparing => format!("The drive could not be prepared for writing the {disc}."),
            Doing::Writing => format!("Writing the {disc} failed{block}."),
            Doing::Flushing => format!("The drive could not write the rest of its buffer to the {disc}."),
            Doing::Closing => format!("The {disc} could not be closed."),
            Doing::Verifying => format!("The {disc} could not be read back{block}."),
            Doing::Erasing => format!("Erasing the {disc} failed."),
            Doing::Formatting => format!("Formatting the {disc} failed."),
            Doing::Importing => format!("The {disc}'s directories could not be read{block}."),
            Doing::Tray => "The tray could not be moved.".to_owned(),
        }
    }

    /// What is left, in words. Before anything was written that goes without saying in most scenes.
    const fn disc_now(&self) -> &'static str {
        match (self.harm, self.doing) {
            (Harm::DiscUntouched, Doing::Preparing | Doing::Writing | Doing::Flushing) => {
                "Nothing was recorded: the disc is as it was."
            }
            (Harm::DiscUntouched, _) => "",
            (_, Doing::Verifying) => {
                "The disc is recorded and closed, but part of it is not as it should be."
            }
            (Harm::DiscUnfinished, Doing::Erasing | Doing::Formatting) => "Its content is gone or unusable.",
            (Harm::DiscUnfinished, _) => "The disc is unfinished: part of the data is missing.",
            (Harm::WrittenNotClosed, _) => "All data are written and usually readable.",
        }
    }

    fn next(&self, trouble: &Trouble) -> &'static str {
        match (trouble, self.harm, self.doing) {
            (Trouble::Cancelled, ..) => "",
            (_, Harm::WrittenNotClosed, Doing::Closing) => {
                "Try to read it before you record it again; do not record onto it."
            }
            (_, _, Doing::Erasing) if self.rewritable => "Try again, or erase the whole of it.",
            (_, _, Doing::Formatting) => "Try again, or format it in full.",
            (_, Harm::DiscUnfinished, _) if self.rewritable => {
                "Erase it, and record it again at a lower speed."
            }
            (_, Harm::DiscUnfinished, _) if matches!(self.disc, "DVD+R" | "DVD+R DL" | "BD-R") => {
                "Go on with it: record the same files with “unfinished” set to “resume”. Or record again onto another \
                 disc, at a lower speed."
            }
            (_, Harm::DiscUnfinished, _) => "Record again onto another disc, at a lower speed.",
            (_, _, Doing::Verifying) => "Record again onto another disc, at a lower speed.",
            // The cause says it.
            (Trouble::Link { source: TransportError::InUse { .. }, .. }, ..) => "",
            (Trouble::NeverReady { .. } | Trouble::Link { .. }, ..) => {
                "Switch the drive off and on, and try again."
            }
            _ => "",
        }
    }

    pub(super) fn details(&self, error: api::Error, trouble: &Trouble) -> api::Error {
        let error = match self.block {
            Some(block) => error.with("block", u64::from(block)),
            None => error,
        };
        match trouble {
            Trouble::Refused { command, sense, .. } => error
                .with("command", command.to_string())
                .with("sense-key", u64::from(sense.key))
                .with("asc", u64::from(sense.asc))
                .with("ascq", u64::from(sense.ascq)),
            Trouble::Link { command, .. } => error.with("command", command.to_string()),
            _ => error,
        }
    }
}

/// Adds the bytes of the command that an error names, `cdb`, out of what was sent last.
pub(super) fn with_command<T: Transport>(error: api::Error, sent: &Traced<T>) -> api::Error {
    let Some(Detail::Text(name)) = error.details.get("command") else { return error };
    match sent.last_failed(name) {
        Some(command) => {
            let hex = command.hex();
            error.with("cdb", hex)
        }
        None => error,
    }
}

/// The cause as a sentence, with the drive's own numbers where it gave some.
fn cause(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Refused { sense, why, command, .. } => {
            let sentence = asc::sentence(sense.asc, sense.ascq);
            let sentence = sentence.map_or_else(|| format!("The drive refuses: {why}."), str::to_owned);
            format!("{sentence} ({command}: {sense})")
        }
        Trouble::Link { source, .. } => sentence(&source.to_string()),
        Trouble::Malformed(malformed) => sentence(&malformed.to_string()),
        Trouble::NeverReady { .. } | Trouble::NotOptical { .. } | Trouble::Short { .. } => {
            sentence(&trouble.to_string())
        }
        Trouble::Cancelled => "It was cancelled.".to_owned(),
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    // A path at the beginning stays as it is.
    let first = if text.starts_with('/') { "/".to_owned() } else { first };
    format!("{first}{}.", characters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_meets_a_recorder_in_use_is_told_to_close_the_program_and_nothing_else() {
        let taken = TransportError::InUse { name: "/dev/sr0".to_owned() };
        let error = Scene::new(Doing::Opening).error(&Trouble::link(Opcode::INQUIRY, taken));
        assert_eq!(error.kind, ErrorKind::DeviceNotAccessible);
        assert!(
            error.message.ends_with("/dev/sr0 is in use by another program; close it and try again."),
            "{error}"
        );
    }
}
