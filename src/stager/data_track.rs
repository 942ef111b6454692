//! A track of data that comes ready-made, as an image: it lies in an unnamed file of the stash until the disc is recorded.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use super::feed::ring_failed;
use super::place::{read_exactly, ready, write_all};
use super::pulse::Pulse;
use super::stash::Stash;
use crate::api::{BLOCK, Error, ErrorKind, Result};
use crate::wire::ring::{CHUNK, Producer};

/// An image.
#[derive(Debug)]
pub struct DataTrack {
    file: OwnedFd,
    blocks: u32,
}

impl DataTrack {
    /// Takes an image in until its source ends: at most `room` blocks, and `left` bytes of the stash.
    ///
    /// # Errors
    /// `DiscFull`, `NotEnoughDiskForStash`, `InvalidImage` when it is empty or no whole blocks, `FileUnreadable`, `UserAbort`,
    /// and the stash's errors.
    pub fn take(source: OwnedFd, room: u64, left: u64, stash: &Stash, pulse: &mut Pulse<'_>) -> Result<Self> {
        let file = stash.unnamed()?;
        let mut source = File::from(source);
        let mut buffer = vec![0; CHUNK];
        let mut bytes = 0_u64;
        loop {
            pulse.beat(bytes, None)?;
            if !ready(&source, pulse)? {
                continue;
            }
            let read = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error)
                    if [io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock].contains(&error.kind()) =>
                {
                    continue;
                }
                Err(error) => {
                    let message = format!("The image could not be read on: {error}. Nothing was added.");
                    return Err(Error::new(ErrorKind::FileUnreadable, message));
                }
            };
            let end = bytes + read as u64;
            check(end, room, left)?;
            write_all(&file, &buffer[..read], bytes, stash)?;
            bytes = end;
        }
        pulse.listen()?;
        let blocks = u32::try_from(bytes / BLOCK as u64).ok();
        match blocks.filter(|blocks| *blocks > 0 && bytes.is_multiple_of(BLOCK as u64)) {
            Some(blocks) => Ok(Self { file, blocks }),
            None => {
                let message = format!(
                    "The image has {bytes} bytes, which are no whole blocks of {BLOCK}: nothing was added. Sectors with headers \
                     are not taken."
                );
                Err(Error::new(ErrorKind::InvalidImage, message))
            }
        }
    }

    /// Its blocks.
    pub const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Its bytes.
    pub const fn bytes(&self) -> u64 {
        self.blocks as u64 * BLOCK as u64
    }

    /// Streams it into a ring.
    ///
    /// # Errors
    /// `FileAccess` when the stash cannot be read, `UserAbort`, or `HelperFailed` when the recorder's side is gone.
    pub fn stream_out(&self, producer: &mut Producer, pulse: &mut Pulse<'_>) -> Result<()> {
        producer.count_in(BLOCK);
        let mut at = 0;
        while at < self.bytes() {
            pulse.beat(at / BLOCK as u64, Some(producer.fill()))?;
            match producer.slot().map_err(ring_failed)? {
                Some(slot) => {
                    let left = usize::try_from(self.bytes() - at).unwrap_or(usize::MAX);
                    let piece = slot.len().min(left);
                    read_exactly(&self.file, &mut slot[..piece], at)?;
                    producer.commit(piece).map_err(ring_failed)?;
                    at += piece as u64;
                }
                None => {
                    if producer.wait(pulse.watch(), None).map_err(ring_failed)?.also {
                        pulse.listen()?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn check(bytes: u64, room: u64, left: u64) -> Result<()> {
    let blocks = bytes.div_ceil(BLOCK as u64);
    if blocks > room {
        let message = format!(
            "The image takes more than the {room} blocks of 2048 bytes that the disc has room for: nothing was added. Leave \
             something out, or use a larger disc."
        );
        return Err(Error::new(ErrorKind::DiscFull, message).with("available-blocks", room));
    }
    if bytes > left {
        let message = format!(
            "The image takes more than the {left} bytes that are left in the stash: nothing was added. Record what is \
             staged, or clear it."
        );
        return Err(Error::new(ErrorKind::NotEnoughDiskForStash, message).with("available-bytes", left));
    }
    Ok(())
}
