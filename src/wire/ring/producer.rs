//! The end that fills: a stager's.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::layout::{FAILED, FINISHED, Mapping, Side};
use super::wake::{Wake, Woken};
use super::{CHUNK, RingEnd, RingError};
use crate::api::BLOCK;

/// Fills a ring. Dropped without [`Producer::finish`], it counts as dead, and the consumer's end fails.
#[derive(Debug)]
pub struct Producer {
    memory: Mapping,
    wake: Wake,
    head: u64,
    /// The consumer's index as last read and found good.
    tail: u64,
    ended: bool,
    /// Bytes of which every chunk is a multiple.
    unit: usize,
}

impl Producer {
    /// Attaches to a fresh ring.
    ///
    /// # Errors
    /// `Unfit` when the memory is not a ring's, or the kernel's refusal to map it.
    pub fn attach(end: RingEnd) -> Result<Self, RingError> {
        let memory = Mapping::new(end.memory.as_fd(), Side::Producer)?;
        Ok(Self { memory, wake: Wake::new(end.wake), head: 0, tail: 0, ended: false, unit: BLOCK })
    }

    /// From here on chunks are whole blocks of `unit` bytes, and any may have fewer than [`CHUNK`]: for discs of several
    /// tracks.
    pub const fn count_in(&mut self, unit: usize) {
        self.unit = unit;
    }

    /// The next chunk to fill, all [`CHUNK`] bytes of it, with unknown content; `None` while the ring is full.
    /// After `None` [`Producer::wait`] sleeps until a good part of the ring is free.
    ///
    /// # Errors
    /// `Closed` or `Died` when nobody takes chunks any more, `Hostile`, `Misused` after the end.
    pub fn slot(&mut self) -> Result<Option<&mut [u8]>, RingError> {
        if self.ended {
            return Err(RingError::Misused("nothing may be added after the end"));
        }
        if self.is_full()? {
            // Being woken for every chunk would cost both sides more than the copying does.
            let chunks = self.memory.chunks() as u64;
            let enough = self.head - chunks + (chunks / 8).max(1);
            self.wake.ask(self.memory.producer_wants(), enough)?;
            if self.is_full()? {
                return if self.wake.is_dead() { Err(RingError::Died) } else { Ok(None) };
            }
        }
        Ok(Some(self.memory.chunk_mut(self.head)))
    }

    /// Hands over the chunk last got from [`Producer::slot`], of which the first `len` bytes count: [`CHUNK`], or in
    /// the last chunk fewer, whole blocks of 2048.
    ///
    /// # Errors
    /// `Misused` for another length or without a free chunk, and as for [`Producer::slot`].
    pub fn commit(&mut self, len: usize) -> Result<(), RingError> {
        if len == 0 || len > CHUNK || !len.is_multiple_of(self.unit) {
            return Err(RingError::Misused("a chunk is some whole blocks"));
        }
        if self.ended || self.is_full()? {
            return Err(RingError::Misused("there is no chunk to hand over"));
        }
        self.memory.length(self.head).store(len as u32, Ordering::Relaxed);
        self.head += 1;
        self.memory.head().store(self.head, Ordering::Release);
        self.wake.answer(self.memory.consumer_wants(), self.head);
        Ok(())
    }

    /// All is in: the consumer finds the end once it has taken everything.
    pub fn finish(&mut self) {
        self.end(FINISHED);
    }

    /// The content failed: the consumer is told at once, and takes no more.
    pub fn fail(&mut self) {
        self.end(FAILED);
    }

    /// Sleeps after a `None` of [`Producer::slot`], until it is worth asking again, `also` is readable, or the time is
    /// up. May wake early.
    ///
    /// # Errors
    /// When the kernel refuses to poll.
    pub fn wait(&self, also: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> Result<Woken, RingError> {
        self.wake.sleep(also, timeout)
    }

    /// How full the ring is, 0–1, as far as this side knows.
    pub fn fill(&self) -> f64 {
        (self.head - self.tail) as f64 / self.memory.chunks() as f64
    }

    fn is_full(&mut self) -> Result<bool, RingError> {
        if self.memory.closed().load(Ordering::Acquire) != 0 {
            return Err(RingError::Closed);
        }
        // Acquire: the consumer's last look at a chunk comes before our first write to it.
        let tail = self.memory.tail().load(Ordering::Acquire);
        if tail < self.tail {
            return Err(RingError::Hostile("the reader's index went back"));
        }
        if tail > self.head {
            return Err(RingError::Hostile("the reader's index overtook the writer's"));
        }
        self.tail = tail;
        Ok(self.head - tail == self.memory.chunks() as u64)
    }

    fn end(&mut self, state: u32) {
        if !self.ended {
            self.ended = true;
            self.memory.state().store(state, Ordering::Release);
            // Whatever the consumer waits for, it has come.
            self.wake.answer(self.memory.consumer_wants(), u64::MAX);
        }
    }
}
