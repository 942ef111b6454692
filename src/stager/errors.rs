//! What goes wrong with a user's files, in sentences for the user.

use std::io;
use std::path::Path;

use crate::api::{Error, ErrorKind};
use crate::image::{ImageError, TreeError};

/// The request was cancelled.
pub fn cancelled() -> Error {
    Error::new(ErrorKind::UserAbort, "cancelled; the image is as it was")
}

/// A file or directory cannot be read with the owner's rights. `count`: how many there are of the kind.
pub fn unreadable(path: &str, why: &io::Error, count: u64) -> Error {
    let others = others(count, "more cannot be read either");
    let message = format!(
        "{path} cannot be read by you: {why}{others}; nothing was added. Ask its owner for access, or leave it out"
    );
    Error::new(ErrorKind::FileUnreadable, message).with("path", path).with("count", count)
}

/// A file that was staged cannot be read any more, just when its content is needed.
pub fn unreadable_now(path: &str, why: &io::Error) -> Error {
    let message =
        format!("{path} was added, but cannot be read now: {why}. Make it readable, or add it again");
    Error::new(ErrorKind::FileUnreadable, message).with("path", path).with("count", 1_u64)
}

/// A device node, socket or pipe. `count`: how many there are.
pub fn special(path: &str, count: u64) -> Error {
    let others = others(count, "more are there");
    let message = format!(
        "{path} is a device, socket or pipe, which a disc cannot hold{others}; nothing was added. \
         Leave it out, or ask for special files to be skipped"
    );
    Error::new(ErrorKind::SpecialFile, message).with("path", path).with("count", count)
}

/// A file is not what was staged. `what`: in which way.
pub fn changed(path: &str, what: &str, count: u64) -> Error {
    let others = others(count, "more have changed");
    let message = format!(
        "{path} {what} since it was added{others}. Remove it from the image and add it again, with `copy` if it keeps \
         changing"
    );
    Error::new(ErrorKind::FileChanged, message).with("path", path).with("count", count)
}

/// A tree has more entries, levels or parts than one image may have.
pub fn limit(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::LimitsExceeded, message)
}

/// The image would not fit.
pub fn disc_full(needed: u64, available: u64) -> Error {
    let message = format!(
        "the image would take {needed} blocks of 2048 bytes, the disc has {available}; nothing was added. \
         Leave something out, or use a larger disc"
    );
    Error::new(ErrorKind::DiscFull, message).with("needed-blocks", needed).with("available-blocks", available)
}

/// A path given by the caller that is not there, or not what is wanted.
pub fn bad_path(path: &Path, why: &io::Error) -> Error {
    let shown = path.display().to_string();
    Error::new(
        ErrorKind::FileUnreadable,
        format!("{shown} cannot be opened by you: {why}; nothing was added"),
    )
    .with("path", shown)
    .with("count", 1_u64)
}

/// The wrong kind of argument.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgs, message)
}

fn others(count: u64, what: &str) -> String {
    match count {
        0 | 1 => String::new(),
        _ => format!(" ({} {what})", count - 1),
    }
}

impl From<TreeError> for Error {
    fn from(error: TreeError) -> Self {
        let message = error.to_string();
        match error {
            TreeError::Exists { path } | TreeError::KindsDiffer { path } => {
                Self::new(ErrorKind::FileExists, message).with("path", path)
            }
            TreeError::BadName { .. } | TreeError::BadTarget { .. } => {
                Self::new(ErrorKind::BadJolietName, message)
            }
            TreeError::NotADirectory { .. } => Self::new(ErrorKind::InvalidArgs, message),
            TreeError::Full => Self::new(ErrorKind::LimitsExceeded, message),
        }
    }
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        let message = error.to_string();
        match error {
            ImageError::TooManyDirectories { .. }
            | ImageError::DirectoryTooLarge { .. }
            | ImageError::TooManyNames => Self::new(ErrorKind::LimitsExceeded, message),
            ImageError::TooManyBlocks { end } => {
                Self::new(ErrorKind::DiscFull, message).with("needed-blocks", end)
            }
            ImageError::SizesDiffer { .. } => Self::new(ErrorKind::InvalidImage, message),
        }
    }
}
