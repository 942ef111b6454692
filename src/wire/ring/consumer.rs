//! The end that empties: a worker's, which trusts nothing that it finds.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::layout::{FAILED, FINISHED, Mapping, RUNNING, Side};
use super::wake::{Wake, Woken};
use super::{CHUNK, RingEnd, RingError};
use crate::api::BLOCK;

/// Empties a ring. Dropped without [`Consumer::close`], it counts as dead.
#[derive(Debug)]
pub struct Consumer {
    memory: Mapping,
    wake: Wake,
    tail: u64,
    /// The producer's index as last read and found good.
    head: Cell<u64>,
    /// A chunk that was not full has been taken: it was the last.
    short: bool,
    /// Bytes of which every chunk is a multiple.
    unit: usize,
    /// Any chunk may have fewer bytes than it could, not only the last.
    uneven: bool,
}

/// What a ring had to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// A chunk of so many bytes was copied out.
    Bytes(usize),
    /// Nothing just now. The wake descriptor becomes readable when there is.
    Empty,
    /// The producer has finished, and all has been taken.
    End,
    /// The producer failed, or died before it had finished.
    Failed,
}

impl Consumer {
    /// Attaches to a fresh ring.
    ///
    /// # Errors
    /// `Unfit` when the memory is not a ring's, or the kernel's refusal to map it.
    pub fn attach(end: RingEnd) -> Result<Self, RingError> {
        let memory = Mapping::new(end.memory.as_fd(), Side::Consumer)?;
        Ok(Self {
            memory,
            wake: Wake::new(end.wake),
            tail: 0,
            head: Cell::new(0),
            short: false,
            unit: BLOCK,
            uneven: false,
        })
    }

    /// From here on chunks are whole blocks of `unit` bytes, and any may have fewer than [`CHUNK`]: for discs of several
    /// tracks.
    pub const fn count_in(&mut self, unit: usize) {
        (self.unit, self.uneven) = (unit, true);
    }

    /// Copies the next chunk to the start of `into`, which holds at least [`CHUNK`] bytes. A producer that failed is
    /// reported at once; one that died, after the chunks that it left.
    ///
    /// # Errors
    /// `Hostile` when indices, lengths or states cannot be; the ring is of no further use then.
    pub fn take(&mut self, into: &mut [u8]) -> Result<Take, RingError> {
        let Some(into) = into.first_chunk_mut::<CHUNK>() else {
            return Err(RingError::Misused("the buffer is smaller than a chunk"));
        };
        // The state is read before the index: after "finished" the index cannot grow any more.
        let mut state = self.state()?;
        if state == RUNNING && self.filled()? == 0 {
            if !self.ask_for(1)? {
                return Ok(Take::Empty);
            }
            state = self.state()?;
        }
        match (state, self.filled()?) {
            (FAILED, _) => Ok(Take::Failed),
            (FINISHED, 0) => Ok(Take::End),
            // Only death ends the wait with nothing there.
            (_, 0) => Ok(Take::Failed),
            _ => self.copy(into).map(Take::Bytes),
        }
    }

    /// Asks that the wake descriptor become readable once `chunks` (1 to the ring's size) are filled or no more will
    /// come; `true` when that is so already, and no byte is sent. To be asked again before each wait.
    ///
    /// # Errors
    /// `Hostile` as for [`Consumer::take`].
    pub fn wake_when(&self, chunks: usize) -> Result<bool, RingError> {
        let ready = self.ask_for(chunks.clamp(1, self.memory.chunks()))?;
        if !ready && self.memory.producer_wants().load(Ordering::Relaxed) != 0 {
            // It sleeps until a good part is free, and we until all is full: one has to give in.
            self.memory.producer_wants().store(0, Ordering::Relaxed);
            self.wake.knock();
        }
        Ok(ready)
    }

    /// How many chunks the ring holds.
    pub const fn chunks(&self) -> usize {
        self.memory.chunks()
    }

    /// How full the ring is, 0–1.
    pub fn fill(&self) -> f64 {
        self.filled().unwrap_or(0) as f64 / self.memory.chunks() as f64
    }

    /// No chunk is free.
    pub fn full(&self) -> bool {
        self.filled().is_ok_and(|filled| filled == self.memory.chunks() as u64)
    }

    /// No more will come than is in the ring: the producer has finished, failed or died, or broke the rules.
    /// [`Consumer::take`] tells which.
    pub fn finished(&self) -> bool {
        self.wake.is_dead() || !matches!(self.state(), Ok(RUNNING)) || self.filled().is_err()
    }

    /// The descriptor to poll for reading after [`Take::Empty`] or [`Consumer::wake_when`].
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Empties the wake descriptor; `false` when the producer's end is gone. [`Consumer::take`] and
    /// [`Consumer::wake_when`] do it themselves, so this is for who polls without asking them.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn drain_wake(&self) -> Result<bool, RingError> {
        self.wake.drain()?;
        Ok(!self.wake.is_dead())
    }

    /// Sleeps after [`Take::Empty`] or a `false` of [`Consumer::wake_when`] until it is worth looking again, `also` is
    /// readable, or the time is up. May wake early.
    ///
    /// # Errors
    /// When the kernel refuses to poll.
    pub fn wait(&self, also: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> Result<Woken, RingError> {
        self.wake.sleep(also, timeout)
    }

    /// Tells the producer that no more is wanted.
    pub fn close(self) {
        self.memory.closed().store(1, Ordering::Release);
        self.wake.answer(self.memory.producer_wants(), u64::MAX);
    }

    fn copy(&mut self, into: &mut [u8; CHUNK]) -> Result<usize, RingError> {
        let length = self.memory.length(self.tail).load(Ordering::Relaxed) as usize;
        if length == 0 || length > CHUNK || !length.is_multiple_of(self.unit) {
            return Err(RingError::Hostile("a chunk has an impossible length"));
        }
        if self.short {
            return Err(RingError::Hostile("a chunk follows the last one"));
        }
        self.short = length < CHUNK && !self.uneven;
        self.memory.copy_out(self.tail, &mut into[..length]);
        self.tail += 1;
        // Release: our last look at the chunk comes before the producer's first write to it.
        self.memory.tail().store(self.tail, Ordering::Release);
        self.wake.answer(self.memory.producer_wants(), self.tail);
        Ok(length)
    }

    /// Arms the wake descriptor, then looks once more: whether so many chunks are there, or no more will come.
    fn ask_for(&self, chunks: usize) -> Result<bool, RingError> {
        self.wake.ask(self.memory.consumer_wants(), self.tail.saturating_add(chunks as u64))?;
        Ok(self.state()? != RUNNING || self.filled()? >= chunks as u64 || self.wake.is_dead())
    }

    fn state(&self) -> Result<u32, RingError> {
        match self.memory.state().load(Ordering::Acquire) {
            known @ (RUNNING | FINISHED | FAILED) => Ok(known),
            _ => Err(RingError::Hostile("an unknown state")),
        }
    }

    /// The chunks that wait, from the producer's index: read once, checked, and remembered.
    fn filled(&self) -> Result<u64, RingError> {
        let head = self.memory.head().load(Ordering::Acquire);
        if head < self.head.get() {
            return Err(RingError::Hostile("the writer's index went back"));
        }
        // `tail` is ours and never beyond a head that was accepted.
        let filled = head.saturating_sub(self.tail);
        if filled > self.memory.chunks() as u64 {
            return Err(RingError::Hostile("the writer's index is further ahead than the ring is large"));
        }
        self.head.set(head);
        Ok(filled)
    }
}
