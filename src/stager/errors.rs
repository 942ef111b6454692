//! What goes wrong with a user's files, in sentences for the user.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use crate::api::{Error, ErrorKind};
use crate::image::{ImageError, TreeError};

/// Bytes of a path that are shown: a message holds it several times.
const SHOWN_MAX: usize = 4096;

/// The request was cancelled.
pub fn cancelled() -> Error {
    Error::new(ErrorKind::UserAbort, "cancelled; the image is as it was")
}

/// A file or directory cannot be read with the owner's rights. `count`: how many there are of the kind.
pub fn unreadable(path: &str, why: &io::Error, count: u64) -> Error {
    let path = &*brief(path);
    let others = others(count, "more cannot be read either");
    let message = format!(
        "{path} cannot be read by you: {why}{others}; nothing was added. Ask its owner for access, or leave it out"
    );
    Error::new(ErrorKind::FileUnreadable, message).with("path", path).with("count", count)
}

/// A file that was staged cannot be read any more, just when its content is needed.
pub fn unreadable_now(path: &str, why: &io::Error) -> Error {
    let path = &*brief(path);
    let message =
        format!("{path} was added, but cannot be read now: {why}. Make it readable, or add it again");
    Error::new(ErrorKind::FileUnreadable, message).with("path", path).with("count", 1_u64)
}

/// A device node, socket or pipe. `count`: how many there are.
pub fn special(path: &str, count: u64) -> Error {
    let path = &*brief(path);
    let others = others(count, "more are there");
    let message = format!(
        "{path} is a device, socket or pipe, which a disc cannot hold{others}; nothing was added. \
         Leave it out, or ask for special files to be skipped"
    );
    Error::new(ErrorKind::SpecialFile, message).with("path", path).with("count", count)
}

/// A file is not what was staged. `what`: in which way.
pub fn changed(path: &str, what: &str, count: u64) -> Error {
    let path = &*brief(path);
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
    let shown = brief(&shown);
    Error::new(
        ErrorKind::FileUnreadable,
        format!("{shown} cannot be opened by you: {why}; nothing was added"),
    )
    .with("path", shown.as_ref())
    .with("count", 1_u64)
}

/// The wrong kind of argument.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgs, message)
}

/// An answer that no message can hold.
pub fn too_long(bytes: usize) -> Error {
    limit(format!("the answer would have {bytes} bytes, which is too long; perhaps a path is"))
}

/// A path inside an image or a system, with its middle left out when it is longer than any sensible one.
pub fn brief(path: &str) -> Cow<'_, str> {
    if path.len() <= SHOWN_MAX {
        return path.into();
    }
    let half = SHOWN_MAX / 2;
    let whole = |at: &usize| path.is_char_boundary(*at);
    let head = (0..=half).rfind(whole).unwrap_or_default();
    let tail = (path.len() - half..path.len()).find(whole).unwrap_or(path.len());
    format!("{}…{}", &path[..head], &path[tail..]).into()
}

fn others(count: u64, what: &str) -> String {
    match count {
        0 | 1 => String::new(),
        _ => format!(" ({} {what})", count - 1),
    }
}

impl From<TreeError> for Error {
    fn from(error: TreeError) -> Self {
        let message = brief(&error.to_string()).into_owned();
        match error {
            TreeError::Exists { path } | TreeError::KindsDiffer { path } => {
                Self::new(ErrorKind::FileExists, message).with("path", brief(&path).as_ref())
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
        let message = brief(&error.to_string()).into_owned();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_length_fits_a_message_with_its_beginning_and_its_end() {
        let path = format!("/é{}ö/last", "/üü".repeat(60_000));
        let error = changed(&path, "has changed", 1);
        let shown = brief(&path);
        assert!(shown.starts_with("/é/ü") && shown.ends_with("/üüö/last") && shown.contains('…'), "{shown}");
        assert!(shown.len() <= SHOWN_MAX + "…".len() && error.message.len() < 2 * SHOWN_MAX);
        assert_eq!(brief("/short"), "/short");
    }
}
