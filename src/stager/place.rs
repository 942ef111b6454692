//! Reading and writing files at places of one's own, and sources that take their time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::fstat;
use rustix::io::{Errno, pread, pwrite};

use super::pulse::Pulse;
use super::stash::Stash;
use crate::api::{Error, ErrorKind, Result};

/// A file that is read at places of one's own.
pub(super) struct AtPlaces {
    file: OwnedFd,
    at: u64,
}

impl AtPlaces {
    /// The file from its beginning on, wherever the descriptor stands: it is shared with whoever passed it.
    pub const fn new(file: OwnedFd) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for AtPlaces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = pread(&self.file, buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for AtPlaces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let from = |base: u64, by: i64| base.checked_add_signed(by);
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => from(self.at, by),
            SeekFrom::End(by) => from(fstat(&self.file)?.st_size.max(0).cast_unsigned(), by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Waits until a source has something, or the broker does.
pub(super) fn ready(source: &File, pulse: &mut Pulse<'_>) -> Result<bool> {
    let watch = pulse.watch();
    let mut waiting = vec![PollFd::new(source.as_fd(), PollFlags::POLLIN)];
    waiting.extend(watch.map(|watch| PollFd::new(watch, PollFlags::POLLIN)));
    match poll(&mut waiting, PollTimeout::from(100_u8)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(errno) => {
            let message = format!("What is to be added could not be waited for: {errno}.");
            return Err(Error::new(ErrorKind::FileUnreadable, message));
        }
    }
    let some = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
    let (here, heard) = (waiting.first().is_some_and(some), waiting.get(1).is_some_and(some));
    if heard {
        pulse.listen()?;
    }
    Ok(here)
}

/// Writes all of it at a place of a file of the stash.
pub(super) fn write_all(file: &OwnedFd, bytes: &[u8], at: u64, stash: &Stash) -> Result<()> {
    let (mut rest, mut to) = (bytes, at);
    while !rest.is_empty() {
        match pwrite(file, rest, to) {
            Err(Errno::INTR) => {}
            Ok(written) => {
                rest = &rest[written..];
                to += written as u64;
            }
            Err(Errno::NOSPC | Errno::DQUOT) => {
                let message = "There is no room left in the stash. Record what is staged, clear it, or make \
                               room on its file system.";
                return Err(Error::new(ErrorKind::NotEnoughDiskForStash, message));
            }
            Err(errno) => return Err(stash.failed(&errno)),
        }
    }
    Ok(())
}

/// Reads as much as the buffer holds at a place of a file of the stash.
pub(super) fn read_exactly(file: &OwnedFd, buffer: &mut [u8], at: u64) -> Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match pread(file, &mut buffer[done..], at + done as u64) {
            Err(Errno::INTR) => {}
            Ok(read) if read > 0 => done += read,
            other => {
                let why = other
                    .err()
                    .map_or_else(|| "it is shorter than it was".to_owned(), |errno| errno.to_string());
                let message = format!("The stash could not be read: {why}.");
                return Err(Error::new(ErrorKind::FileAccess, message));
            }
        }
    }
    Ok(())
}
