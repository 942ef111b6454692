//! Where the ring's words and chunks lie, and the only access to them. All numbers are in the machine's byte order.
//!
//! The file is whole chunks. The first is the header, the others are the data:
//!
//! | Offset | Word | Written by |
//! |---|---|---|
//! | 0 | `head`: chunks filled so far, u64 | producer |
//! | 8 | `state`: 0 running, 1 finished, 2 failed, u32 | producer |
//! | 16 | `producer_wants`: the tail that the producer waits for, 0 none, u64 | both |
//! | 128 | `tail`: chunks taken so far, u64 | consumer |
//! | 136 | `closed`: 0 or 1, u32 | consumer |
//! | 144 | `consumer_wants`: the head that the consumer waits for, 0 none, u64 | both |
//! | 4096 | length of each chunk in bytes, u32 each | producer |
//!
//! A chunk's number modulo the number of chunks is its place. Fresh memory, all zero, is a ring at its start.
#![expect(unsafe_code, reason = "shared memory can only be mapped and reached through pointers")]

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc::c_void;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mprotect, munmap};
use nix::sys::stat::fstat;

use super::{CHUNK, RingError};

/// The most chunks that a ring may have: as many as the header has lengths for (960 MiB).
pub const MAX_CHUNKS: usize = (CHUNK - LENGTHS) / size_of::<u32>();

/// The seals without which no side attaches: the size is fixed for good.
pub const SEALS: SealFlag = SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW);

/// `state`: more may come.
pub const RUNNING: u32 = 0;
/// `state`: all has been put in.
pub const FINISHED: u32 = 1;
/// `state`: the content failed; what was put in is not all.
pub const FAILED: u32 = 2;

const HEAD: usize = 0;
const STATE: usize = 8;
const PRODUCER_WANTS: usize = 16;
// Two cache lines on: processors fetch lines in pairs.
const TAIL: usize = 128;
const CLOSED: usize = 136;
const CONSUMER_WANTS: usize = 144;
const LENGTHS: usize = 4096;

/// The size of a ring's file, in bytes.
pub const fn file_bytes(chunks: usize) -> usize {
    (chunks + 1) * CHUNK
}

/// Which side looks at the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// May write everywhere.
    Producer,
    /// May write the header alone.
    Consumer,
}

/// The ring's memory in this process. It stays mapped, and of its size, until dropped.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<c_void>,
    chunks: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and shared words are reached as atomics only. It is not
// Sync: `chunk_mut` hands out plain bytes, and `&mut self` keeps them exclusive within the process.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the memory after checking that it is sealed and of a possible size.
    pub fn new(memory: BorrowedFd<'_>, side: Side) -> Result<Self, RingError> {
        let chunks = checked_chunks(memory)?;
        let length = NonZeroUsize::new(file_bytes(chunks)).ok_or(RingError::Unfit("it is empty"))?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing of ours. The seals checked above
        // keep the file from shrinking, so every address in it stays backed.
        let base = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, memory, 0) }?;
        let mapping = Self { base, chunks };
        if side == Side::Consumer {
            // SAFETY: the range lies within the mapping just made, which nobody uses yet.
            unsafe { mprotect(base.byte_add(CHUNK), chunks * CHUNK, ProtFlags::PROT_READ) }?;
        }
        Ok(mapping)
    }

    /// How many chunks the ring holds.
    pub const fn chunks(&self) -> usize {
        self.chunks
    }

    pub fn head(&self) -> &AtomicU64 {
        self.word64(HEAD)
    }

    pub fn state(&self) -> &AtomicU32 {
        self.word32(STATE)
    }

    pub fn producer_wants(&self) -> &AtomicU64 {
        self.word64(PRODUCER_WANTS)
    }

    pub fn tail(&self) -> &AtomicU64 {
        self.word64(TAIL)
    }

    pub fn closed(&self) -> &AtomicU32 {
        self.word32(CLOSED)
    }

    pub fn consumer_wants(&self) -> &AtomicU64 {
        self.word64(CONSUMER_WANTS)
    }

    /// The length of the chunk with this number.
    pub fn length(&self, number: u64) -> &AtomicU32 {
        self.word32(LENGTHS + self.place(number) * size_of::<u32>())
    }

    /// The chunk with this number, for writing. Only the producer's side may ask.
    pub fn chunk_mut(&mut self, number: u64) -> &mut [u8] {
        let offset = file_bytes(self.place(number));
        // SAFETY: the chunk lies within the mapping, `&mut self` makes this the only reference of this process, and
        // bytes have no invalid values. The consumer's process has its data pages mapped for reading only; one that
        // breaks that rule can change which bytes are there, which the producer never reads back for a decision.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().byte_add(offset).cast(), CHUNK) }
    }

    /// Copies the start of a chunk. The other process may write to it meanwhile: whatever arrives is a copy, and stays.
    pub fn copy_out(&self, number: u64, into: &mut [u8]) {
        let offset = file_bytes(self.place(number));
        for (at, bytes) in into.chunks_exact_mut(size_of::<u64>()).take(CHUNK / size_of::<u64>()).enumerate()
        {
            let word = self.word64(offset + at * size_of::<u64>());
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
    }

    const fn place(&self, number: u64) -> usize {
        (number % self.chunks as u64) as usize
    }

    fn word64(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + size_of::<u64>() <= file_bytes(self.chunks));
        // SAFETY: every caller's offset is a multiple of 8 within the mapping, whose base is page-aligned. Atomics may be
        // changed by anybody at any time. Read-only data pages are loaded from only.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().byte_add(offset).cast()) }
    }

    fn word32(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset + size_of::<u32>() <= CHUNK);
        // SAFETY: as for `word64`, with multiples of 4 in the header.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().byte_add(offset).cast()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping made in `new`; every reference into it borrowed from `self`.
        let _ = unsafe { munmap(self.base, file_bytes(self.chunks)) };
    }
}

fn checked_chunks(memory: BorrowedFd<'_>) -> Result<usize, RingError> {
    let seals = fcntl(memory.as_fd(), FcntlArg::F_GET_SEALS)
        .map_err(|_| RingError::Unfit("it cannot be sealed, so it could shrink"))?;
    if !SealFlag::from_bits_retain(seals).contains(SEALS) {
        return Err(RingError::Unfit("it is not sealed, so it could shrink"));
    }
    let bytes = usize::try_from(fstat(memory)?.st_size).unwrap_or(0);
    let chunks = (bytes / CHUNK).saturating_sub(1);
    if !bytes.is_multiple_of(CHUNK) || !(2..=MAX_CHUNKS).contains(&chunks) {
        return Err(RingError::Unfit("its size is not that of a ring"));
    }
    Ok(chunks)
}
