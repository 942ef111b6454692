//! The blocks' way from the ring to the drive: one copy, one WRITE a chunk, nothing allocated in between.

use std::time::Duration;

use crate::api::{BLOCK, Phase};
use crate::mmc::cdb::{Cdb, StartStopUnit, SynchronizeCache, Write10};
use crate::mmc::opcode::Opcode;
use crate::mmc::policy::{During, Verdict, judge};
use crate::mmc::sense::Sense;
use crate::mmc::transport::Data;
use crate::wire::ring::{CHUNK, Consumer, RingError, Take};

use super::chunk::{Buffer, CHUNK_BLOCKS, Taken, Try, took_nothing};
use super::drive::{Drive, Pace, Patience, QUICK};
use super::error::Trouble;
use super::gauge::Gauge;
use super::inspect;

/// What is to be written, out of the plan's step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// The first block's address.
    pub from: u32,
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
    drive: &'w mut Drive<'a>,
    ring: &'w mut Consumer,
    job: Job,
    buffer: Buffer,
    gauge: Gauge,
    /// Checksums of the content's blocks, with room for all of them.
    sums: Option<Vec<u32>>,
    /// Blocks of content that the drive has taken.
    content: u32,
    /// Blocks that the drive has taken, padding included.
    written: u32,
    /// After the last WRITE only the drive knows what it took of it.
    unsure: bool,
    stats: Stats,
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
        let gauge = Gauge::new(buffer_bytes, drive.quirks.never_ask_buffer);
        let stats = Stats::default();
        Self {
            drive,
            ring,
            job,
            buffer: Buffer::new(),
            gauge,
            sums,
            content: 0,
            written: 0,
            unsure: false,
            stats,
        }
    }

    /// Writes everything.
    pub fn run(&mut self) -> Result<(), Stop> {
        self.drive.begin(Phase::Writing, u64::from(self.job.content), true);
        while self.content < self.job.content {
            self.check_cancel()?;
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

    /// Blocks that the drive has taken, padding included.
    pub const fn written(&self) -> u32 {
        self.written
    }

    /// Only the drive knows what it took of the last WRITE.
    pub const fn unsure(&self) -> bool {
        self.unsure
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
    fn take(&mut self) -> Result<u32, Stop> {
        let (mut waited, since) = (false, self.drive.host.now());
        loop {
            let bytes = match self.ring.take(self.buffer.all()) {
                Ok(Take::Bytes(bytes)) => bytes,
                Ok(Take::Empty) => {
                    // Counted once a wait, and not before the first write: filling up is no shortage.
                    self.stats.ring_empty += u64::from(!waited && self.written > 0);
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
            match self.ring.take(self.buffer.all()) {
                Ok(Take::End) => return Ok(()),
                Ok(Take::Empty) if self.drive.host.now() < end => {
                    let woken = self.ring.wait(self.drive.host.wake(), Some(RING_WAIT));
                    woken.map_err(|error| Stop::Source(error.to_string()))?;
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

    fn wait_for_ring(&mut self) -> Result<(), Stop> {
        let woken = self.ring.wait(self.drive.host.wake(), Some(RING_WAIT));
        woken.map_err(|error| Stop::Source(error.to_string()))?;
        self.show()?;
        self.check_cancel()
    }

    fn check_cancel(&mut self) -> Result<(), Stop> {
        self.drive.check_cancel().map_err(|_| Stop::Cancelled)
    }

    fn sum(&mut self, blocks: u32) {
        if let Some(sums) = &mut self.sums {
            let content = &self.buffer.all()[..blocks as usize * BLOCK];
            sums.extend(content.chunks_exact(BLOCK).map(crc32fast::hash));
        }
    }

    /// The blocks to write for `blocks` in the buffer: the last chunk is filled up with zeroes to the alignment.
    fn padded(&mut self, blocks: u32) -> u32 {
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
        let at = self.job.from + self.written;
        let mut try_ = Try {
            done: 0,
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
        self.gauge.wrote(blocks);
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
                let trouble = Trouble::refused(Opcode::WRITE_10, sense, Verdict::AskNextAddress, why);
                return self.resume(at, try_, Stop::Drive(trouble, lba));
            }
            Taken::Refused(sense) => sense,
        };
        self.unsure |= !took_nothing(sense);
        self.refused(at, sense, try_)
    }

    /// One WRITE of what is left of a chunk.
    fn write(&mut self, at: u32, try_: &Try) -> Result<Taken, Stop> {
        let (lba, blocks) = (at + try_.done, try_.blocks - try_.done);
        // Addresses below 2^31 and chunks of 32 blocks: the plan and the buffer see to that.
        let cdb = Write10::new(lba.cast_signed(), blocks as u16);
        let data = &self.buffer.all()[try_.done as usize * BLOCK..try_.blocks as usize * BLOCK];
        let bytes = data.len();
        let outcome = self.drive.once(&cdb, Data::ToDrive(data), self.job.timeout);
        let outcome = outcome.map_err(|source| {
            self.unsure = true;
            Stop::Drive(Trouble::link(Write10::OPCODE, source), lba)
        })?;
        Ok(match outcome.status.refusal() {
            Some(sense) => Taken::Refused(sense),
            None if outcome.transferred < bytes => Taken::Short(outcome.transferred),
            None => Taken::Whole,
        })
    }

    fn refused(&mut self, at: u32, sense: Sense, try_: &mut Try) -> Result<(), Stop> {
        let lba = at + try_.done;
        let (verdict, why) = judge(sense, During::Write);
        let fail = Stop::Drive(Trouble::refused(Opcode::WRITE_10, sense, verdict, why), lba);
        match verdict {
            Verdict::Proceed => {
                self.stats.recovered += 1;
                try_.done = try_.blocks;
                Ok(())
            }
            Verdict::DriveBufferFull => {
                let pause = self.gauge.drain(self.drive).map_err(|trouble| Stop::at(trouble, lba))?;
                self.pause(try_, pause, fail)
            }
            Verdict::FlushThenRepeat if sense.key == 2 && self.in_track(try_) => {
                let pause = try_.patience.step();
                self.pause(try_, pause, fail)
            }
            Verdict::Retry | Verdict::InProgress => {
                let pause = try_.patience.step();
                // "Not ready" took nothing; of anything else only the drive knows what it took.
                if (sense.key, sense.asc) == (2, 0x04) {
                    return self.pause(try_, pause, fail);
                }
                self.sleep(pause)?;
                self.resume(at, try_, fail)
            }
            Verdict::StartUnit if !try_.started => {
                try_.started = true;
                let started = self.drive.once(&StartStopUnit::start(true), Data::None, QUICK);
                started.map_err(|e| Stop::Drive(Trouble::link(Opcode::START_STOP_UNIT, e), lba))?;
                self.pause(try_, FIRST_PAUSE, fail)
            }
            Verdict::AskNextAddress => self.resume(at, try_, fail),
            Verdict::AddressMismatch if self.drive.quirks.bus_repeats_writes => {
                self.resume(at, try_, fail)?;
                // It was written as a whole, or this was no repetition.
                let fail = Trouble::refused(Opcode::WRITE_10, sense, verdict, why);
                if try_.done == try_.blocks { Ok(()) } else { Err(Stop::Drive(fail, lba)) }
            }
            Verdict::FlushThenRepeat if try_.flushed < MAX_FLUSHED && !self.in_track(try_) => {
                self.flush_and_resume(at, try_, fail)
            }
            _ => Err(fail),
        }
    }

    /// In the middle of a CD's track, which a flush would end.
    const fn in_track(&self, try_: &Try) -> bool {
        self.job.cd && self.written + try_.done > 0
    }

    /// Nobody knows how much of a chunk arrived: the drive's next address tells.
    fn resume(&mut self, at: u32, try_: &mut Try, fail: Stop) -> Result<(), Stop> {
        if try_.asked == MAX_ASKED {
            return Err(fail);
        }
        try_.asked += 1;
        let lba = at + try_.done;
        let last = self.job.last_track;
        let track = self.drive.amid(|drive| inspect::open_track(drive, last));
        let track = track.map_err(|trouble| Stop::at(trouble, lba))?;
        let next = track.and_then(|track| track.next_writable).and_then(|next| u32::try_from(next).ok());
        tracing::warn!(
            lba,
            ?next,
            "the link failed under a write; the drive's next address tells where to go on"
        );
        match next.and_then(|next| next.checked_sub(at)) {
            Some(done)
                if (try_.done..=try_.blocks).contains(&done)
                    && (done == try_.blocks || done.is_multiple_of(self.job.alignment.max(1))) =>
            {
                try_.done = done;
                self.unsure = false;
                Ok(())
            }
            _ => Err(fail),
        }
    }

    fn flush_and_resume(&mut self, at: u32, try_: &mut Try, fail: Stop) -> Result<(), Stop> {
        let lba = at + try_.done;
        if try_.flushed > 0 {
            self.sleep(FLUSH_PAUSE)?;
        }
        try_.flushed += 1;
        let cdb = SynchronizeCache::new(true);
        let flushed = self.drive.tell(&cdb, During::Flush, self.job.timeout);
        let settled = flushed.and_then(|()| self.drive.settle(During::Flush, self.job.timeout));
        settled.map_err(|trouble| Stop::at(trouble, lba))?;
        self.resume(at, try_, fail)
    }

    /// Waits before the same WRITE again, as long as there is patience.
    fn pause(&mut self, try_: &Try, length: Duration, fail: Stop) -> Result<(), Stop> {
        if try_.patience.over(self.drive.host.now()) {
            return Err(fail);
        }
        self.sleep(length)
    }

    fn sleep(&mut self, length: Duration) -> Result<(), Stop> {
        self.drive.host.pause(length);
        self.show()?;
        self.check_cancel()
    }

    fn show(&mut self) -> Result<(), Stop> {
        let lba = self.job.from + self.written;
        self.gauge.look(self.drive).map_err(|trouble| Stop::at(trouble, lba))?;
        let (content, ring, gauge) = (self.content, &*self.ring, &self.gauge);
        self.drive.update(|progress| {
            progress.done = u64::from(content);
            progress.ring_fill = Some(ring.fill());
            progress.drive_buffer_fill = gauge.fill();
        });
        Ok(())
    }
}

const RING_WAIT: Duration = Duration::from_millis(100);
const FORSAKEN: Duration = Duration::from_secs(600);
const LAST_WORD: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const FLUSH_PAUSE: Duration = Duration::from_secs(5);
const MAX_ASKED: u8 = 5;
const MAX_FLUSHED: u8 = 3;
