//! The blocks' way from the ring to the drive: one copy, one WRITE a chunk, nothing allocated in between.

use std::time::Duration;

use crate::api::{BLOCK, Phase};
use crate::mmc::cdb::{Write10, Write12};
use crate::mmc::opcode::Opcode;
use crate::mmc::policy::Verdict;
use crate::mmc::sense::Sense;
use crate::mmc::transport::Data;
use crate::wire::ring::{CHUNK, Consumer, RingError, Take};

use super::chunk::{Buffer, CHUNK_BLOCKS, Taken, Try, took_nothing};
use super::drive::{Drive, Pace, Patience};
use super::error::Trouble;
use super::gauge::Gauge;
use super::inspect;

/// What is to be written, out of the plan's step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// The first block's address; of a pre-gap before block 0 in two's complement, as commands have it.
    pub from: u32,
    /// Blocks that are on the disc already.
    pub recorded: u32,
    /// Blocks that come through the ring.
    pub content: u32,
    /// Blocks with the padding.
    pub blocks: u32,
    /// Writes are multiples of this.
    pub alignment: u32,
    /// The shortest track.
    pub least: u32,
    /// The longest that a WRITE may take, repetitions included.
    pub timeout: Duration,
    /// The last track of the disc, for drives that have no name for the open one.
    pub last_track: u16,
    /// A CD, where a flush ends the track.
    pub cd: bool,
    /// The disc is written anywhere: a write that may have arrived is simply repeated.
    pub overwrites: bool,
    /// Past the drive's verification.
    pub streaming: bool,
    /// Every block is reserved: once begun, it has to be written to its end.
    pub reserved: bool,
}

/// Why writing stopped before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The drive failed, at this block.
    Drive(Trouble, u32),
    /// Somebody cancelled.
    Cancelled,
    /// The ring brought something else than the image; in words.
    Source(String),
    /// What is recorded is not the beginning of the image, from this block on.
    Differs(u32),
    /// What is recorded cannot be read, at this block.
    Unreadable(Trouble, u32),
}

impl Stop {
    /// Trouble at a block. A cancel that was heard in some question on the way is a cancel like any other.
    pub fn at(trouble: Trouble, lba: u32) -> Self {
        match trouble {
            Trouble::Cancelled => Self::Cancelled,
            trouble => Self::Drive(trouble, lba),
        }
    }
}

/// Writes a track.
pub(super) struct Writer<'w, 'a> {
    pub(super) drive: &'w mut Drive<'a>,
    /// Where the content comes from; zeroes come from nowhere.
    pub(super) ring: Option<&'w mut Consumer>,
    pub(super) job: Job,
    pub(super) buffer: Buffer,
    pub(super) gauge: Gauge,
    /// Checksums of the content's blocks, with room for all of them.
    pub(super) sums: Option<Vec<u32>>,
    /// Blocks of content that the drive has taken.
    pub(super) content: u32,
    /// Blocks that are on the disc or that the drive has taken, padding included.
    pub(super) written: u32,
    /// After the last WRITE only the drive knows what it took of it.
    pub(super) unsure: bool,
    pub(super) stats: Stats,
}

/// Waits until the ring is full, or holds all there is.
pub(super) fn prefill(drive: &mut Drive<'_>, ring: &Consumer) -> Result<(), Stop> {
    let source = |error: RingError| Stop::Source(error.to_string());
    let (mut since, mut fill) = (drive.host.now(), ring.fill());
    loop {
        drive.check_cancel().map_err(|_| Stop::Cancelled)?;
        if ring.full() || ring.finished() || ring.wake_when(ring.chunks()).map_err(source)? {
            return Ok(());
        }
        ring.wait(drive.host.wake(), Some(RING_WAIT)).map_err(source)?;
        if ring.fill() > fill {
            (since, fill) = (drive.host.now(), ring.fill());
        }
        forsaken(drive, since)?;
        drive.update(|progress| progress.ring_fill = Some(ring.fill()));
    }
}

/// Nobody is left who could cancel, and the source has brought nothing for long: waiting on would never end.
fn forsaken(drive: &Drive<'_>, since: Duration) -> Result<(), Stop> {
    if drive.host.wake().is_none() && drive.host.now().saturating_sub(since) >= FORSAKEN {
        return Err(Stop::Source(
            "nothing came for ten minutes, and nobody is left to ask for it".to_owned(),
        ));
    }
    Ok(())
}

/// Figures for the report.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    /// When the first WRITE was sent.
    pub began: Option<Duration>,
    /// Times that the ring was found empty.
    pub ring_empty: u64,
    /// Writes that the drive reported as recovered.
    pub recovered: u64,
    /// The lowest filling of the drive's buffer that was seen, in percent.
    pub least_buffer: Option<u8>,
}

impl<'w, 'a> Writer<'w, 'a> {
    /// A writer that has written nothing. `sums` takes a checksum a block, and has room for them.
    pub fn new(
        drive: &'w mut Drive<'a>,
        ring: &'w mut Consumer,
        job: Job,
        buffer_bytes: u64,
        sums: Option<Vec<u32>>,
    ) -> Self {
        Self { ring: Some(ring), sums, ..Self::zeroes(drive, job, buffer_bytes) }
    }

    /// A writer of zeroes alone.
    pub fn zeroes(drive: &'w mut Drive<'a>, job: Job, buffer_bytes: u64) -> Self {
        let gauge = Gauge::new(buffer_bytes, drive.quirks.never_ask_buffer);
        Self {
            drive,
            ring: None,
            job,
            buffer: Buffer::new(),
            gauge,
            sums: None,
            content: 0,
            written: 0,
            unsure: false,
            stats: Stats::default(),
        }
    }

    /// Writes zeroes, in a phase of its own that can be cancelled between two writes.
    pub fn fill(&mut self) -> Result<(), Stop> {
        self.drive.begin(Phase::Erasing, u64::from(self.job.blocks), true);
        while self.written < self.job.blocks {
            self.check_cancel()?;
            self.pad_to((self.written + CHUNK_BLOCKS).min(self.job.blocks))?;
        }
        Ok(())
    }

    /// Writes the zeroes of a pre-gap, in one go: once begun, it is no use without what follows.
    pub fn pre_gap(&mut self) -> Result<(), Stop> {
        self.buffer.all().fill(0);
        while self.written < self.job.blocks {
            self.put((self.job.blocks - self.written).min(CHUNK_BLOCKS))?;
        }
        Ok(())
    }

    /// Writes everything.
    pub fn run(&mut self) -> Result<(), Stop> {
        let torn = self.compare()?;
        self.stats.began = Some(self.drive.host.now());
        self.drive.begin(Phase::Writing, u64::from(self.job.content), true);
        if let Some(torn) = torn {
            self.go_on(&torn)?;
        }
        while self.content < self.job.content {
            if !self.job.reserved || self.written > 0 {
                self.check_cancel()?;
            }
            let blocks = self.take()?;
            self.sum(blocks);
            let padded = self.padded(blocks);
            self.put(padded)?;
            self.content += blocks;
            self.show()?;
        }
        self.pad_to(self.job.blocks)?;
        self.expect_end()
    }

    /// Makes of what was written so far a track that can be closed.
    pub fn round_up(&mut self) -> Result<(), Stop> {
        // Whoever cancelled has been heard.
        self.drive.begin(Phase::Flushing, 0, false);
        if std::mem::take(&mut self.unsure) && !self.find_end()? {
            return Ok(());
        }
        let whole = self.written.next_multiple_of(self.job.alignment.max(1)).max(self.job.least);
        self.pad_to(whole.min(self.job.blocks))
    }

    /// The drive has taken something, or may have.
    pub const fn begun(&self) -> bool {
        self.unsure || self.written > self.job.recorded
    }

    /// Blocks of content that the drive has taken.
    pub const fn content(&self) -> u32 {
        self.content
    }

    /// The checksums, and the figures for the report.
    pub fn finish(self) -> (Option<Vec<u32>>, Stats) {
        let least_buffer = self.gauge.least();
        (self.sums, Stats { least_buffer, ..self.stats })
    }

    /// The next chunk, into the buffer; its blocks.
    pub(super) fn take(&mut self) -> Result<u32, Stop> {
        let (mut waited, since) = (false, self.drive.host.now());
        loop {
            let bytes = match self.take_from_ring()? {
                Ok(Take::Bytes(bytes)) => bytes,
                Ok(Take::Empty) => {
                    // Counted once a wait, and not before the first write: filling up is no shortage.
                    self.stats.ring_empty += u64::from(!waited && self.written > self.job.recorded);
                    waited = true;
                    self.wait_for_ring()?;
                    forsaken(self.drive, since)?;
                    continue;
                }
                Ok(Take::End) => return Err(Stop::Source(self.short())),
                Ok(Take::Failed) => return Err(Stop::Source("its source failed".to_owned())),
                Err(error) => return Err(Stop::Source(error.to_string())),
            };
            let blocks = u32::try_from(bytes / BLOCK).unwrap_or(u32::MAX);
            let left = self.job.content - self.content;
            if blocks > left {
                return Err(Stop::Source(format!(
                    "more than the announced {} blocks came",
                    self.job.content
                )));
            }
            if bytes < CHUNK && blocks < left {
                return Err(Stop::Source(self.short()));
            }
            return Ok(blocks);
        }
    }

    /// After the last block the source says that it was the last: it may also say that it had failed.
    fn expect_end(&mut self) -> Result<(), Stop> {
        let end = self.drive.host.now().saturating_add(LAST_WORD);
        loop {
            match self.take_from_ring()? {
                Ok(Take::End) => return Ok(()),
                Ok(Take::Empty) if self.drive.host.now() < end => {
                    self.sleep_for_ring()?;
                    if self.drive.host.wake().is_some() {
                        // Empties the descriptor; there is nothing left to cancel.
                        self.drive.host.cancelled();
                    }
                }
                Ok(Take::Empty) => {
                    return Err(Stop::Source("its source never said that it was complete".to_owned()));
                }
                Ok(Take::Failed) => return Err(Stop::Source("its source failed at the end".to_owned())),
                Ok(Take::Bytes(_)) => {
                    return Err(Stop::Source(format!(
                        "more than the announced {} blocks came",
                        self.job.content
                    )));
                }
                Err(error) => return Err(Stop::Source(error.to_string())),
            }
        }
    }

    /// The drive may have taken more than it said: the padding begins where it goes on. A drive that does not tell is
    /// tried where the last write that it took has ended. `false` when nothing was written after all.
    fn find_end(&mut self) -> Result<bool, Stop> {
        let lba = self.job.from + self.written;
        let last = self.job.last_track;
        let track = self.drive.amid(|drive| inspect::open_track(drive, last));
        let next = track.map_err(|trouble| Stop::at(trouble, lba))?.and_then(|track| track.next_writable);
        let ahead = next.and_then(|next| u32::try_from(next).ok()).and_then(|next| next.checked_sub(lba));
        tracing::info!(lba, ?next, "cancelled after a write of which only the drive knows what became");
        let whole = |ahead: &u32| *ahead <= CHUNK_BLOCKS && ahead.is_multiple_of(self.job.alignment.max(1));
        if let Some(ahead) = ahead.filter(whole) {
            self.written = (self.written + ahead).min(self.job.blocks);
        }
        Ok(self.written > 0 || ahead != Some(0))
    }

    fn short(&self) -> String {
        format!("it ended before the announced {} blocks were complete", self.job.content)
    }

    fn take_from_ring(&mut self) -> Result<Result<Take, RingError>, Stop> {
        match &mut self.ring {
            Some(ring) => Ok(ring.take(self.buffer.all())),
            None => Err(Stop::Source("there is no source".to_owned())),
        }
    }

    fn sleep_for_ring(&mut self) -> Result<(), Stop> {
        let Some(ring) = &mut self.ring else { return Ok(()) };
        let woken = ring.wait(self.drive.host.wake(), Some(RING_WAIT));
        woken.map(drop).map_err(|error| Stop::Source(error.to_string()))
    }

    fn wait_for_ring(&mut self) -> Result<(), Stop> {
        self.sleep_for_ring()?;
        self.show()?;
        if self.job.reserved && self.written == 0 { Ok(()) } else { self.check_cancel() }
    }

    pub(super) fn check_cancel(&mut self) -> Result<(), Stop> {
        self.drive.check_cancel().map_err(|_| Stop::Cancelled)
    }

    pub(super) fn sum(&mut self, blocks: u32) {
        if let Some(sums) = &mut self.sums {
            let content = &self.buffer.all()[..blocks as usize * BLOCK];
            sums.extend(content.chunks_exact(BLOCK).map(crc32fast::hash));
        }
    }

    /// The blocks to write for `blocks` in the buffer: the last chunk is filled up with zeroes to the alignment.
    pub(super) fn padded(&mut self, blocks: u32) -> u32 {
        let whole = blocks.next_multiple_of(self.job.alignment.max(1)).min(CHUNK_BLOCKS);
        self.buffer.all()[blocks as usize * BLOCK..whole as usize * BLOCK].fill(0);
        whole
    }

    fn pad_to(&mut self, blocks: u32) -> Result<(), Stop> {
        if self.written < blocks {
            self.buffer.all().fill(0);
        }
        while self.written < blocks {
            self.put((blocks - self.written).min(CHUNK_BLOCKS))?;
            self.show()?;
        }
        Ok(())
    }

    /// Writes the first `blocks` of the buffer.
    fn put(&mut self, blocks: u32) -> Result<(), Stop> {
        self.put_from(0, blocks)
    }

    /// Writes the first `blocks` of the buffer without the first `known` of them, which are on the disc.
    pub(super) fn put_from(&mut self, known: u32, blocks: u32) -> Result<(), Stop> {
        let at = self.job.from + self.written;
        let mut try_ = Try {
            done: known,
            blocks,
            patience: Patience::new(self.drive.host.now(), self.job.timeout, Pace::WRITE),
            asked: 0,
            flushed: 0,
            started: false,
        };
        while try_.done < blocks {
            if let Err(stop) = self.attempt(at, &mut try_) {
                // What a torn chunk has brought onto the disc counts.
                self.written += try_.done;
                return Err(stop);
            }
        }
        self.unsure = false;
        self.written += blocks;
        self.gauge.wrote((blocks - known) as usize * BLOCK);
        Ok(())
    }

    fn attempt(&mut self, at: u32, try_: &mut Try) -> Result<(), Stop> {
        let sense = match self.write(at, try_)? {
            Taken::Whole => {
                try_.done = try_.blocks;
                return Ok(());
            }
            Taken::Short(bytes) => {
                let lba = at + try_.done;
                tracing::warn!(lba, bytes, "a write ended well, but some of its bytes did not travel");
                self.unsure = true;
                let sense = Sense::new(4, 0x08, 0x00);
                let why = "the write was cut short on its way";
                let trouble = Trouble::refused(self.command(), sense, Verdict::AskNextAddress, why);
                return self.resume(at, try_, Stop::Drive(trouble, lba));
            }
            Taken::Refused(sense) => sense,
        };
        self.unsure |= !took_nothing(sense);
        self.refused(at, sense, try_)
    }

    /// The command that writes.
    pub(super) const fn command(&self) -> Opcode {
        if self.job.streaming { Opcode::WRITE_12 } else { Opcode::WRITE_10 }
    }

    /// One WRITE of what is left of a chunk.
    fn write(&mut self, at: u32, try_: &Try) -> Result<Taken, Stop> {
        let (lba, blocks) = (at + try_.done, try_.blocks - try_.done);
        let data = &self.buffer.all()[try_.done as usize * BLOCK..try_.blocks as usize * BLOCK];
        let bytes = data.len();
        let (data, limit) = (Data::ToDrive(data), self.job.timeout);
        // Addresses below 2^31 and chunks of 32 blocks: the plan and the buffer see to that.
        let outcome = if self.job.streaming {
            self.drive.once(&Write12::new(lba.cast_signed(), blocks, true), data, limit)
        } else {
            self.drive.once(&Write10::new(lba.cast_signed(), blocks as u16), data, limit)
        };
        let outcome = outcome.map_err(|source| {
            self.unsure = true;
            Stop::Drive(Trouble::link(self.command(), source), lba)
        })?;
        Ok(match outcome.status.refusal() {
            Some(sense) => Taken::Refused(sense),
            None if outcome.transferred < bytes => Taken::Short(outcome.transferred),
            None => Taken::Whole,
        })
    }

    pub(super) fn show(&mut self) -> Result<(), Stop> {
        let lba = self.job.from + self.written;
        self.gauge.look(self.drive).map_err(|trouble| Stop::at(trouble, lba))?;
        let ring = self.ring.as_ref().map(|ring| ring.fill());
        let done = if ring.is_some() { self.content } else { self.written };
        let gauge = &self.gauge;
        self.drive.update(|progress| {
            progress.done = u64::from(done);
            progress.ring_fill = ring;
            progress.drive_buffer_fill = gauge.fill();
        });
        Ok(())
    }
}

const RING_WAIT: Duration = Duration::from_millis(100);
const FORSAKEN: Duration = Duration::from_secs(600);
const LAST_WORD: Duration = Duration::from_secs(10);
