//! Opening a staged file again, and checking that it is the same. One directory is kept open between files.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, fstat, openat2};
use rustix::io::Errno;

use super::contents::{BENEATH, Content, Contents, DirId};
use super::errors;
use super::identity::{Identity, Print};
use crate::api::{Error, Result};
use crate::image::ContentId;

/// Opens files by their directories. Files come directory by directory, so one kept directory saves most of the work.
#[derive(Debug, Default)]
pub struct Opener {
    kept: Option<(DirId, OwnedFd)>,
}

/// A live content that cannot be used.
#[derive(Debug)]
pub enum Trouble {
    /// It is there no more, or not what it was: in which way.
    Changed(&'static str),
    /// It cannot be opened.
    Unreadable(Errno),
}

impl Opener {
    /// The directory, opened.
    pub fn dir(&mut self, contents: &Contents, dir: DirId) -> rustix::io::Result<BorrowedFd<'_>> {
        if self.kept.as_ref().is_none_or(|(kept, _)| *kept != dir) {
            // Closed first: at the limit of descriptors there may be room for one only.
            self.kept = None;
            self.kept = Some((dir, contents.open_dir(dir)?));
        }
        self.kept.as_ref().map(|(_, fd)| fd.as_fd()).ok_or(Errno::BADF)
    }

    /// Opens a staged file and checks that it is the one that was staged.
    pub fn file(
        &mut self,
        contents: &Contents,
        print: Print,
        dir: DirId,
        name: u32,
    ) -> std::result::Result<(OwnedFd, Identity), Trouble> {
        let at = self.dir(contents, dir).map_err(Trouble::of)?;
        // Should a pipe or a terminal have taken its place, opening must neither wait nor adopt it.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat2(at, contents.name(name), flags, Mode::empty(), BENEATH).map_err(Trouble::of)?;
        let identity = check(contents, file.as_fd(), print)?;
        Ok((file, identity))
    }
}

/// Checks that an open file is still as it was when it was staged.
pub fn check(
    contents: &Contents,
    file: BorrowedFd<'_>,
    print: Print,
) -> std::result::Result<Identity, Trouble> {
    let now = Identity::of(&fstat(file).map_err(Trouble::Unreadable)?);
    if contents.is(print, &now) {
        Ok(now)
    } else {
        Err(Trouble::Changed("has changed, or was replaced by another file,"))
    }
}

impl Trouble {
    fn of(error: Errno) -> Self {
        match error {
            Errno::NOENT => Self::Changed("was removed or renamed"),
            Errno::LOOP | Errno::NOTDIR | Errno::XDEV | Errno::NXIO => {
                Self::Changed("was replaced, or lies behind a symbolic link,")
            }
            other => Self::Unreadable(other),
        }
    }

    /// The same for the user.
    pub fn error(self, path: &str) -> Error {
        match self {
            Self::Changed(what) => errors::changed(path, what, 1),
            Self::Unreadable(errno) => errors::unreadable_now(path, &errno.into()),
        }
    }
}

/// Opens every file that `ids` name and checks it. Goes on after a failure, to count.
///
/// # Errors
/// `FileChanged` or `FileUnreadable`, with the first file's path and the count of all; or what `step` returns.
pub fn check_all(
    contents: &Contents,
    ids: impl Iterator<Item = ContentId>,
    mut step: impl FnMut() -> Result<()>,
) -> Result<()> {
    let mut opener = Opener::default();
    let mut first: Option<(Trouble, String)> = None;
    let mut count = 0_u64;
    for id in ids {
        step()?;
        let Some(Content::Live { print, dir, name }) = contents.get(id) else { continue };
        if let Err(trouble) = opener.file(contents, print, dir, name) {
            count += 1;
            first.get_or_insert_with(|| (trouble, contents.shown(dir, contents.name(name))));
        }
    }
    match first {
        None => Ok(()),
        Some((Trouble::Changed(what), path)) => Err(errors::changed(&path, what, count)),
        Some((Trouble::Unreadable(errno), path)) => {
            Err(errors::unreadable_now(&path, &errno.into()).with("count", count))
        }
    }
}
