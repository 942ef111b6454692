//! What a broker leaves for the next: the state's snapshots, in memory that the service manager keeps.
//!
//! Two places take turns, each with a length and a check sum before it: a broker that is killed while it writes leaves the
//! snapshot before that one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{pread, pwrite};

/// The distance of the two places, which is more than a snapshot takes. What is not written takes no memory.
const PLACE: u64 = 16 << 20;
/// Number, length and check sum of a snapshot.
const HEAD: usize = 20;

/// Memory for snapshots.
#[derive(Debug)]
pub struct Memory {
    fd: OwnedFd,
    /// The number of the snapshot written last.
    last: Mutex<u64>,
}

impl Memory {
    /// Empty memory.
    ///
    /// # Errors
    /// When the kernel has none.
    pub fn new() -> io::Result<Self> {
        Ok(Self { fd: memfd_create("discmaster", MemfdFlags::CLOEXEC)?, last: Mutex::new(0) })
    }

    /// The memory that an earlier broker left, and the last whole snapshot in it.
    pub fn left_behind(fd: OwnedFd) -> (Self, Option<Vec<u8>>) {
        let found =
            [0, 1].into_iter().filter_map(|place| read(fd.as_fd(), place)).max_by_key(|(number, _)| *number);
        let (last, text) = match found {
            Some((number, text)) => (number, Some(text)),
            None => (0, None),
        };
        (Self { fd, last: Mutex::new(last) }, text)
    }

    /// Writes a snapshot over the one before the last.
    ///
    /// # Errors
    /// When it is too large, or the kernel has no memory for it; the last one stays.
    pub fn write(&self, text: &[u8]) -> io::Result<()> {
        if text.len() as u64 > PLACE - HEAD as u64 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has {} bytes", text.len())));
        }
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let number = *last + 1;
        let start = number % 2 * PLACE;
        let mut head = Vec::with_capacity(HEAD);
        head.extend(number.to_le_bytes());
        head.extend((text.len() as u64).to_le_bytes());
        head.extend(sum(number, text).to_le_bytes());
        write_all(self.fd.as_fd(), start + HEAD as u64, text)?;
        write_all(self.fd.as_fd(), start, &head)?;
        *last = number;
        Ok(())
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The snapshot in a place, with its number, if it is whole.
fn read(fd: BorrowedFd<'_>, place: u64) -> Option<(u64, Vec<u8>)> {
    let mut head = [0; HEAD];
    read_all(fd, place * PLACE, &mut head)?;
    let (number, rest) = head.split_first_chunk::<8>()?;
    let (length, checked) = rest.split_first_chunk::<8>()?;
    let (number, length) = (u64::from_le_bytes(*number), u64::from_le_bytes(*length));
    if length > PLACE - HEAD as u64 {
        return None;
    }
    let mut text = vec![0; usize::try_from(length).ok()?];
    read_all(fd, place * PLACE + HEAD as u64, &mut text)?;
    (number > 0 && sum(number, &text).to_le_bytes() == *checked).then_some((number, text))
}

fn sum(number: u64, text: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&number.to_le_bytes());
    sum.update(text);
    sum.finalize()
}

fn read_all(fd: BorrowedFd<'_>, mut at: u64, mut into: &mut [u8]) -> Option<()> {
    while !into.is_empty() {
        let length = pread(fd, &mut *into, at).ok().filter(|length| *length > 0)?;
        into = into.get_mut(length..)?;
        at += length as u64;
    }
    Some(())
}

fn write_all(fd: BorrowedFd<'_>, mut at: u64, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        let length = pwrite(fd, text, at)?;
        text = text.get(length..).unwrap_or_default();
        at += length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(memory: &Memory) -> Option<Vec<u8>> {
        Memory::left_behind(memory.fd.try_clone().unwrap()).1
    }

    #[test]
    fn the_last_snapshot_is_found_again() {
        let memory = Memory::new().unwrap();
        assert_eq!(left(&memory), None);
        for text in [&b"one"[..], b"", b"three, which is longer", b"4"] {
            memory.write(text).unwrap();
            assert_eq!(left(&memory).as_deref(), Some(text));
        }
        let (next, _) = Memory::left_behind(memory.fd.try_clone().unwrap());
        next.write(b"of the next broker").unwrap();
        assert_eq!(left(&memory).unwrap(), b"of the next broker");
    }

    #[test]
    fn a_snapshot_that_was_cut_off_leaves_the_one_before_it() {
        let memory = Memory::new().unwrap();
        memory.write(b"the first one").unwrap();
        memory.write(b"the second one").unwrap();
        // As the third would be on its way: its text is there, its head is not.
        write_all(memory.as_fd(), PLACE + HEAD as u64, b"the third").unwrap();
        assert_eq!(left(&memory).unwrap(), b"the second one");
    }

    #[test]
    fn one_that_is_too_large_is_refused_and_the_last_one_stays() {
        let memory = Memory::new().unwrap();
        memory.write(b"small").unwrap();
        assert!(memory.write(&vec![0; PLACE as usize]).is_err());
        assert_eq!(left(&memory).unwrap(), b"small");
    }
}
