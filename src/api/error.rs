//! The one error that crosses process borders and the bus.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::names;
use super::plain::plain;

/// `std::result::Result` with the error that crosses the bus.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure as a person and a program see it: a name, a sentence, and figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// What kind of failure, one name a kind.
    pub kind: ErrorKind,
    /// What happened, to which file, block or drive, what the disc is now, and what to do next.
    #[serde(deserialize_with = "plain")]
    pub message: String,
    /// Figures for programs: `sense-key`, `asc`, `ascq`, `command`, `block`, `path`, `count`, …
    #[serde(deserialize_with = "plain")]
    pub details: BTreeMap<String, Detail>,
}

/// A figure or a text beside an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    /// A number, in the unit that the key's documentation gives.
    Number(u64),
    /// A text, such as a path or a command's name.
    Text(#[serde(deserialize_with = "plain")] String),
}

impl Error {
    /// An error without details.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: BTreeMap::new() }
    }

    /// The same error with one more figure.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Detail>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// The error's name on the bus, `org.discmaster1.Error.DiscFull` or the standard `InvalidArgs`.
    pub fn bus_name(&self) -> String {
        self.kind.bus_name()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for Error {}

impl From<u64> for Detail {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl From<String> for Detail {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Detail {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// The kinds of failure: the result codes of IMAPI v1 in CamelCase, then our own.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// The kinds of failure: the result codes of IMAPI v1 in CamelCase, then our own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorKind {
            /// Every kind, for tables and tests that walk them all.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The kind's name, the last element of its name on the bus.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

kinds! {
    /// The session is closed, or the recorder is not held with `OpenExclusive`.
    NotOpened,
    /// The object is not bound to a device.
    NotInitialized,
    /// Cancelled by request.
    UserAbort,
    /// An unexplained failure.
    Generic,
    /// The drive is empty.
    MediumNotPresent,
    /// A disc of an unusable kind.
    MediumInvalidType,
    /// The recorder has no properties.
    DeviceNoProperties,
    /// The device is in use by another program, or held exclusively.
    DeviceNotAccessible,
    /// The device is absent or was unplugged.
    DeviceNotPresent,
    /// The operation is not supported by this recorder.
    DeviceInvalidType,
    /// The drive could not be prepared for writing; nothing was written.
    InitializeWrite,
    /// The drive could not be prepared for closing.
    InitializeEndWrite,
    /// The system's own use of the disc (a mount) stands in the way.
    FileSystem,
    /// The stash could not be written.
    FileAccess,
    /// The disc's information could not be read.
    DiscInfo,
    /// No audio track is open.
    TrackNotOpen,
    /// An audio track is still open.
    TrackOpen,
    /// No more room on the disc.
    DiscFull,
    /// A name that the disc's file system cannot hold.
    BadJolietName,
    /// The staged image is empty or unusable.
    InvalidImage,
    /// No format is selected.
    NoActiveFormat,
    /// No recorder is selected.
    NoActiveRecorder,
    /// A call on the object of a format that is not the active one.
    WrongFormat,
    /// The caller already holds a session that overlaps.
    AlreadyOpen,
    /// The disc is not the one that the image was planned for.
    WrongDisc,
    /// The name is in the image already, and overwriting was not allowed.
    FileExists,
    /// Somebody else holds a session that overlaps.
    StashInUse,
    /// Another program still holds the device.
    DeviceStillInUse,
    /// Data did not arrive at the drive in time.
    LossOfStreaming,
    /// The stash lies on a compressed volume.
    CompressedStash,
    /// The stash lies on an encrypted volume.
    EncryptedStash,
    /// Too little room for the stash, or its quota is used up.
    NotEnoughDiskForStash,
    /// The stash lies on a removable medium.
    RemovableStash,
    /// The disc cannot be written.
    CannotWriteToMedia,
    /// The track is too short.
    TrackNotBigEnough,
    /// A boot image was asked for on a disc that is not blank.
    BootImageAndNonblankDisc,
    /// The caller may not do this.
    NotAuthorized,
    /// The caller may not do this, but could after an authentication.
    NotAuthorizedCanObtain,
    /// The caller closed the authentication dialog.
    NotAuthorizedDismissed,
    /// All data were written, but the disc could not be closed: it is usually readable.
    WrittenNotClosed,
    /// The disc reads back otherwise than it was written.
    VerifyFailed,
    /// The recorder or session is busy with a job.
    Busy,
    /// The drive reported an error while writing; the message says what the disc is now.
    WriteFailed,
    /// The drive reported an error while erasing or formatting.
    EraseFailed,
    /// A staged file changed, or vanished, after it was staged.
    FileChanged,
    /// A file to be staged cannot be read by the caller.
    FileUnreadable,
    /// A file to be staged is damaged or cut off.
    FileDamaged,
    /// A device node, socket or pipe was to be staged.
    SpecialFile,
    /// The medium or the recorder cannot do what was asked (test writes on DVD+R, for instance).
    NotSupported,
    /// A cap on what one client may create is reached.
    LimitsExceeded,
    /// An argument or option is unknown, of a wrong type, or out of range.
    InvalidArgs,
    /// A helper process died, or broke the protocol.
    HelperFailed,
}

impl ErrorKind {
    /// The kind's full name on the bus.
    pub fn bus_name(self) -> String {
        match self {
            Self::InvalidArgs => "org.freedesktop.DBus.Error.InvalidArgs".to_owned(),
            kind => format!("{}.{}", names::ERROR_PREFIX, kind.name()),
        }
    }

    /// The kind of a name on the bus, if it is one of ours.
    pub fn from_bus_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.bus_name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_again_by_its_bus_name() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_bus_name(&kind.bus_name()), Some(*kind));
        }
    }

    #[test]
    fn names_on_the_bus_are_the_designed_ones() {
        assert_eq!(ErrorKind::DiscFull.bus_name(), "org.discmaster1.Error.DiscFull");
        assert_eq!(ErrorKind::InvalidArgs.bus_name(), "org.freedesktop.DBus.Error.InvalidArgs");
    }
}
