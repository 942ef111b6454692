//! One chunk on its way to the drive: its bytes, and what has become of it so far.

use crate::api::BLOCK;
use crate::mmc::sense::Sense;
use crate::wire::ring::CHUNK;

use super::drive::Patience;

/// What became of a WRITE.
pub(super) enum Taken {
    Whole,
    /// It ended well, but only so many bytes travelled.
    Short(usize),
    Refused(Sense),
}

/// The state of one chunk's writing.
pub(super) struct Try {
    pub done: u32,
    pub blocks: u32,
    pub patience: Patience,
    pub asked: u8,
    pub flushed: u8,
    pub started: bool,
}

/// A chunk's bytes at the start of a page: the kernel hands such a buffer to the device without a copy of its own.
pub(super) struct Buffer {
    memory: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// Zeroes.
    pub fn new() -> Self {
        let memory = vec![0; CHUNK + PAGE];
        let start = memory.as_ptr().align_offset(PAGE).min(PAGE);
        Self { memory, start }
    }

    /// The whole chunk.
    pub fn all(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + CHUNK]
    }
}

/// A drive that is not ready has taken nothing of a WRITE, nor has one that refuses it or has news to tell first.
pub(super) const fn took_nothing(sense: Sense) -> bool {
    !sense.deferred && matches!(sense.key, 2 | 5 | 6)
}

/// Blocks of a chunk.
pub(super) const CHUNK_BLOCKS: u32 = (CHUNK / BLOCK) as u32;
const PAGE: usize = 4096;
