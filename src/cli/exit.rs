//! Exit codes: one number for each kind of end, so that a script knows what its disc is now.

use std::process::ExitCode;

use crate::api::{ErrorKind, Phase};

use super::messages::{msgid, said, tr};

/// How the program ended. The numbers are part of the interface and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Done,
    /// A failure that fits nowhere else: no service, no bus, a file that cannot be written.
    Other,
    /// The command line, or an option in it, makes no sense.
    Usage,
    /// Not allowed, or somebody else holds the recorder.
    Refused,
    /// It failed before anything was written: the disc is as it was.
    NothingWritten,
    /// It failed while the disc was being written or erased.
    DiscLost,
    /// All data were written, but the disc was not closed or does not read back as written.
    NotClosedOrVerified,
    /// Cancelled by request.
    Cancelled,
    /// The burn goes on without us; how it ends is not known yet.
    Unknown,
}

impl Exit {
    /// Every end, in the order of its number.
    pub const ALL: &[Self] = &[
        Self::Done,
        Self::Other,
        Self::Usage,
        Self::Refused,
        Self::NothingWritten,
        Self::DiscLost,
        Self::NotClosedOrVerified,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Other => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::NothingWritten => 4,
            Self::DiscLost => 5,
            Self::NotClosedOrVerified => 6,
            Self::Cancelled => 7,
            Self::Unknown => 8,
        }
    }

    /// What the number means, as the help says it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => msgid!("done"),
            Self::Other => msgid!("another failure: no service, no bus, a file that cannot be written"),
            Self::Usage => msgid!("wrong usage: an argument or option makes no sense"),
            Self::Refused => msgid!("refused: not allowed, or somebody else is using the recorder"),
            Self::NothingWritten => msgid!("failed before anything was written: the disc is as it was"),
            Self::DiscLost => {
                msgid!("failed while writing or erasing: the disc is lost, or must be erased again")
            }
            Self::NotClosedOrVerified => {
                msgid!("written, but not closed, or not what was written when read back")
            }
            Self::Cancelled => msgid!("cancelled"),
            Self::Unknown => msgid!("the burn goes on without us: its end is not known yet"),
        }
    }

    /// The end that a failure makes, given how far its job had come.
    pub const fn of(kind: ErrorKind, reached: Reached) -> Self {
        match Blame::of(kind) {
            Blame::Always(exit) => exit,
            Blame::Before(exit) => match reached {
                Reached::Nothing => exit,
                Reached::Writing => Self::DiscLost,
                Reached::Closing => Self::NotClosedOrVerified,
            },
        }
    }

    /// The table of exit codes for the help.
    pub fn help() -> String {
        let rows: Vec<String> =
            Self::ALL.iter().map(|exit| format!("  {}  {}", exit.code(), said(exit.meaning()))).collect();
        format!("{}\n{}", tr!("Exit codes:"), rows.join("\n"))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// How far a job had come, as far as the disc is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// The disc is as it was.
    #[default]
    Nothing,
    /// Blocks were being written, or erased.
    Writing,
    /// Every block was written.
    Closing,
}

impl Reached {
    /// What a job in this phase has done to the disc; `None` for the phases after the end, which tell nothing of it.
    pub const fn in_phase(phase: Phase) -> Option<Self> {
        match phase {
            Phase::Queued | Phase::Staging | Phase::Preparing => Some(Self::Nothing),
            Phase::Writing | Phase::Flushing | Phase::Erasing => Some(Self::Writing),
            Phase::Closing | Phase::Verifying => Some(Self::Closing),
            Phase::Ejecting | Phase::Finished => None,
        }
    }
}

/// Which end a kind of failure makes.
enum Blame {
    /// This one, whenever it happens.
    Always(Exit),
    /// This one as long as nothing is written; afterwards the disc decides.
    Before(Exit),
}

impl Blame {
    const fn of(kind: ErrorKind) -> Self {
        use ErrorKind as Kind;
        match kind {
            Kind::UserAbort => Self::Always(Exit::Cancelled),
            Kind::InvalidArgs => Self::Always(Exit::Usage),
            Kind::WrittenNotClosed | Kind::VerifyFailed | Kind::InitializeEndWrite => {
                Self::Always(Exit::NotClosedOrVerified)
            }
            Kind::WriteFailed | Kind::EraseFailed | Kind::LossOfStreaming => Self::Always(Exit::DiscLost),
            Kind::NotAuthorized
            | Kind::NotAuthorizedCanObtain
            | Kind::NotAuthorizedDismissed
            | Kind::Busy
            | Kind::AlreadyOpen
            | Kind::StashInUse
            | Kind::DeviceNotAccessible
            | Kind::DeviceStillInUse
            | Kind::FileSystem
            | Kind::LimitsExceeded => Self::Before(Exit::Refused),
            Kind::Generic | Kind::HelperFailed => Self::Before(Exit::Other),
            Kind::NotOpened
            | Kind::NotInitialized
            | Kind::MediumNotPresent
            | Kind::MediumInvalidType
            | Kind::DeviceNoProperties
            | Kind::DeviceNotPresent
            | Kind::DeviceInvalidType
            | Kind::InitializeWrite
            | Kind::FileAccess
            | Kind::DiscInfo
            | Kind::TrackNotOpen
            | Kind::TrackOpen
            | Kind::DiscFull
            | Kind::BadJolietName
            | Kind::InvalidImage
            | Kind::NoActiveFormat
            | Kind::NoActiveRecorder
            | Kind::WrongFormat
            | Kind::WrongDisc
            | Kind::FileExists
            | Kind::CompressedStash
            | Kind::EncryptedStash
            | Kind::NotEnoughDiskForStash
            | Kind::RemovableStash
            | Kind::CannotWriteToMedia
            | Kind::TrackNotBigEnough
            | Kind::BootImageAndNonblankDisc
            | Kind::FileChanged
            | Kind::FileUnreadable
            | Kind::FileDamaged
            | Kind::SpecialFile
            | Kind::NotSupported => Self::Before(Exit::NothingWritten),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones_and_no_two_are_alike() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        for exit in Exit::ALL {
            assert!(Exit::help().contains(exit.meaning()), "{exit:?}");
        }
    }

    #[test]
    fn no_failure_is_a_success() {
        for kind in ErrorKind::ALL {
            for reached in [Reached::Nothing, Reached::Writing, Reached::Closing] {
                assert_ne!(Exit::of(*kind, reached), Exit::Done, "{kind:?}");
            }
        }
    }

    #[test]
    fn the_disc_decides_once_it_is_written_to() {
        assert_eq!(Exit::of(ErrorKind::HelperFailed, Reached::Nothing), Exit::Other);
        assert_eq!(Exit::of(ErrorKind::HelperFailed, Reached::Writing), Exit::DiscLost);
        assert_eq!(Exit::of(ErrorKind::HelperFailed, Reached::Closing), Exit::NotClosedOrVerified);
        assert_eq!(Exit::of(ErrorKind::FileChanged, Reached::Nothing), Exit::NothingWritten);
        assert_eq!(Exit::of(ErrorKind::FileChanged, Reached::Writing), Exit::DiscLost);
        assert_eq!(Exit::of(ErrorKind::StashInUse, Reached::Nothing), Exit::Refused);
    }

    #[test]
    fn what_a_kind_says_of_the_disc_holds_in_every_phase() {
        for reached in [Reached::Nothing, Reached::Writing, Reached::Closing] {
            assert_eq!(Exit::of(ErrorKind::WrittenNotClosed, reached), Exit::NotClosedOrVerified);
            assert_eq!(Exit::of(ErrorKind::VerifyFailed, reached), Exit::NotClosedOrVerified);
            assert_eq!(Exit::of(ErrorKind::UserAbort, reached), Exit::Cancelled);
            assert_eq!(Exit::of(ErrorKind::WriteFailed, reached), Exit::DiscLost);
        }
    }
}
