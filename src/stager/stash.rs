//! The stash: copies of the user's files in unnamed files, which nobody but this process can reach and which vanish
//! with it. One file an addition; the contents lie in it one behind another, holes stay holes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Advice, Mode, OFlags, SeekFrom, copy_file_range, fadvise, fstatvfs, ftruncate, open, seek};
use rustix::io::{Errno, pread, pwrite};

use super::contents::{Content, Contents, Mark};
use super::errors;
use super::open::{Opener, check};
use super::pulse::Pulse;
use crate::api::{Error, ErrorKind, Result};

/// Contents start at multiples of this: file systems share blocks instead of copying only if both sides are aligned.
const ALIGN: u64 = 4096;
/// Bytes that are copied between two looks at the channel.
const PIECE: u64 = 8 << 20;

/// Where copies go, and how much they may take.
#[derive(Debug)]
pub struct Stash {
    directory: PathBuf,
    quota: u64,
    /// Bytes in the stash while something is copied; otherwise the contents know.
    used: u64,
}

impl Stash {
    /// A stash in a directory of the owner's, of at most `quota` bytes. Touches nothing yet.
    pub const fn new(directory: PathBuf, quota: u64) -> Self {
        Self { directory, quota, used: 0 }
    }

    /// Copies everything that was taken in since `mark`, and makes the contents point to the copies. A file that changes
    /// while it is copied fails the whole. Shared blocks count as copied ones.
    ///
    /// # Errors
    /// `NotEnoughDiskForStash`, `FileAccess`, `FileChanged`, `FileUnreadable`, `UserAbort`. The contents may be half
    /// copied then: the caller rolls them back.
    pub fn copy(&mut self, contents: &mut Contents, mark: Mark, pulse: &mut Pulse<'_>) -> Result<()> {
        if contents.since(mark).next().is_none() {
            return Ok(());
        }
        self.used = contents.stash_bytes();
        let before = self.used;
        let number = self.copy_all(contents, mark, pulse)?;
        contents.set_stash_bytes(number, self.used - before);
        Ok(())
    }

    fn copy_all(&mut self, contents: &mut Contents, mark: Mark, pulse: &mut Pulse<'_>) -> Result<u32> {
        let file = self.unnamed()?;
        let number = contents.add_stash_file(file.try_clone().map_err(|e| self.failed(&e.into_errno()))?)?;
        let mut opener = Opener::default();
        let mut buffer = vec![0; 256 * 1024];
        let mut end = 0_u64;
        let mut done = 0_u64;
        for id in contents.since(mark) {
            pulse.step(done)?;
            let Some(Content::Live { print, dir, name }) = contents.get(id) else { continue };
            let shown = |contents: &Contents| contents.shown(dir, contents.name(name));
            let (source, identity) =
                opener.file(contents, print, dir, name).map_err(|trouble| trouble.error(&shown(contents)))?;
            let (from, to) = (source.as_fd(), file.as_fd());
            let mut copy = Copy { stash: self, from, to, at: end, done, buffer: &mut buffer, pulse };
            copy.content(identity.size()).map_err(|error| error.of(|| shown(contents)))?;
            done = copy.done;
            check(contents, source.as_fd(), print).map_err(|trouble| trouble.error(&shown(contents)))?;
            contents.stash(id, number, end);
            end = end.saturating_add(identity.size()).next_multiple_of(ALIGN);
        }
        // A hole at the very end is made by the length alone.
        ftruncate(&file, end).map_err(|errno| self.failed(&errno))?;
        Ok(number)
    }

    /// Bytes that it may take.
    pub const fn quota(&self) -> u64 {
        self.quota
    }

    /// A new file in it, which nobody else can reach.
    ///
    /// # Errors
    /// `FileAccess`.
    pub fn unnamed(&self) -> Result<OwnedFd> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
        open(&self.directory, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| self.failed(&errno))
    }

    fn take(&mut self, bytes: u64) -> Result<()> {
        let used = self.used.saturating_add(bytes);
        if used > self.quota {
            return Err(self.full(bytes, self.quota - self.used));
        }
        self.used = used;
        Ok(())
    }

    fn full(&self, needed: u64, available: u64) -> Error {
        let message = format!(
            "the copies need {needed} bytes more, the stash has {available} left; nothing was added. Add less at a time, \
             add without `copy`, or make room in {}",
            self.directory.display()
        );
        Error::new(ErrorKind::NotEnoughDiskForStash, message)
            .with("needed-bytes", needed)
            .with("available-bytes", available)
    }

    /// The error for a stash that cannot be written.
    pub fn failed(&self, errno: &Errno) -> Error {
        let directory = self.directory.display();
        let message = format!("the stash in {directory} cannot be written: {errno}; nothing was added");
        Error::new(ErrorKind::FileAccess, message).with("path", directory.to_string())
    }
}

/// One content on its way into the stash.
struct Copy<'a, 'p> {
    stash: &'a mut Stash,
    from: BorrowedFd<'a>,
    to: BorrowedFd<'a>,
    /// Where in the stash's file the content starts.
    at: u64,
    done: u64,
    buffer: &'a mut [u8],
    pulse: &'a mut Pulse<'p>,
}

enum Stopped {
    Here(Error),
    Reading(Errno),
    Short,
}

impl Stopped {
    fn of(self, path: impl Fn() -> String) -> Error {
        match self {
            Self::Here(error) => error,
            Self::Reading(errno) => errors::unreadable_now(&path(), &errno.into()),
            Self::Short => errors::changed(&path(), "has become shorter", 1),
        }
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

impl Copy<'_, '_> {
    /// Copies what is not a hole.
    fn content(&mut self, size: u64) -> std::result::Result<(), Stopped> {
        let _ = fadvise(self.from, 0, None, Advice::Sequential);
        let mut at = 0;
        while at < size {
            let start = match seek(self.from, SeekFrom::Data(at)) {
                Ok(start) => start,
                // The rest is a hole.
                Err(Errno::NXIO) => break,
                // No such question here: all of it is data.
                Err(_) => at,
            };
            // The file may have grown meanwhile; what is copied ends where it ended before.
            if start >= size {
                break;
            }
            let end = seek(self.from, SeekFrom::Hole(start)).unwrap_or(size).clamp(start, size);
            if end == start {
                break;
            }
            at = start;
            while at < end {
                at += self.piece(at, (end - at).min(PIECE))?;
            }
        }
        Ok(())
    }

    fn piece(&mut self, at: u64, bytes: u64) -> std::result::Result<u64, Stopped> {
        self.pulse.beat(self.done, None)?;
        self.stash.take(bytes)?;
        let (mut from, mut to) = (at, self.at.saturating_add(at));
        let copied = match copy_file_range(self.from, Some(&mut from), self.to, Some(&mut to), bytes as usize)
        {
            Ok(copied) if copied > 0 => copied as u64,
            Err(errno @ (Errno::NOSPC | Errno::DQUOT)) => return Err(self.no_room(errno, bytes).into()),
            // Two file systems, or one that cannot: nothing copied here counts as an end only for plain reading.
            _ => self.by_hand(at, bytes)?,
        };
        self.stash.used -= bytes - copied.min(bytes);
        self.done = self.done.saturating_add(copied);
        Ok(copied)
    }

    fn by_hand(&mut self, at: u64, bytes: u64) -> std::result::Result<u64, Stopped> {
        let wanted = bytes.min(self.buffer.len() as u64) as usize;
        let read = loop {
            match pread(self.from, &mut self.buffer[..wanted], at) {
                Err(Errno::INTR) => {}
                Ok(0) => return Err(Stopped::Short),
                other => break other.map_err(Stopped::Reading)?,
            }
        };
        let mut rest = &self.buffer[..read];
        let mut to = self.at.saturating_add(at);
        while !rest.is_empty() {
            match pwrite(self.to, rest, to) {
                Err(Errno::INTR) => {}
                Ok(written) => {
                    rest = &rest[written..];
                    to += written as u64;
                }
                Err(errno) => return Err(self.no_room(errno, bytes).into()),
            }
        }
        Ok(read as u64)
    }

    fn no_room(&self, errno: Errno, needed: u64) -> Error {
        let free = fstatvfs(self.to).map_or(0, |fs| fs.f_bavail.saturating_mul(fs.f_frsize));
        match errno {
            Errno::NOSPC | Errno::DQUOT => self.stash.full(needed, free),
            other => self.stash.failed(&other),
        }
    }
}

trait IntoErrno {
    fn into_errno(self) -> Errno;
}

impl IntoErrno for std::io::Error {
    fn into_errno(self) -> Errno {
        Errno::from_io_error(&self).unwrap_or(Errno::IO)
    }
}
