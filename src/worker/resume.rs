//! What is done when a drive refuses a WRITE: nothing is written again before the drive has told where it goes on.

use std::time::Duration;

use crate::mmc::cdb::{StartStopUnit, SynchronizeCache};
use crate::mmc::opcode::Opcode;
use crate::mmc::policy::{During, Verdict, judge};
use crate::mmc::sense::Sense;
use crate::mmc::transport::Data;

use super::chunk::Try;
use super::drive::QUICK;
use super::error::Trouble;
use super::inspect;
use super::write::{Stop, Writer};

impl Writer<'_, '_> {
    /// Goes on after a refusal, as the policy has it.
    pub(super) fn refused(&mut self, at: u32, sense: Sense, try_: &mut Try) -> Result<(), Stop> {
        let lba = at + try_.done;
        let (verdict, why) = judge(sense, During::Write);
        let fail = Stop::Drive(Trouble::refused(self.command(), sense, verdict, why), lba);
        match verdict {
            // The drive knows the command otherwise than its features say: it verifies, then, and is slower.
            Verdict::Unsupported if self.job.streaming && self.written == 0 && try_.done == 0 => {
                tracing::warn!(%sense, "the drive does not stream");
                self.resume(at, try_, fail)?;
                self.job.streaming = false;
                Ok(())
            }
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
                let fail = Trouble::refused(self.command(), sense, verdict, why);
                if try_.done == try_.blocks { Ok(()) } else { Err(Stop::Drive(fail, lba)) }
            }
            Verdict::FlushThenRepeat if try_.flushed < MAX_FLUSHED && !self.in_track(try_) => {
                self.flush_and_resume(at, try_, fail)
            }
            _ => Err(fail),
        }
    }

    /// In the middle of a CD's track, or of a session at once, which a flush would end.
    const fn in_track(&self, try_: &Try) -> bool {
        self.job.cd && (self.job.reserved || self.written + try_.done > 0)
    }

    /// Nobody knows how much of a chunk arrived: the drive's next address tells.
    pub(super) fn resume(&mut self, at: u32, try_: &mut Try, fail: Stop) -> Result<(), Stop> {
        if try_.asked == MAX_ASKED {
            return Err(fail);
        }
        try_.asked += 1;
        let lba = at + try_.done;
        let last = self.job.last_track;
        let track = self.drive.amid(|drive| inspect::open_track(drive, last));
        let track = track.map_err(|trouble| Stop::at(trouble, lba))?;
        let next = track.and_then(|track| track.next_writable);
        tracing::warn!(
            lba,
            ?next,
            "the link failed under a write; the drive's next address tells where to go on"
        );
        // In a pre-gap both are below zero, and 0 is its end.
        match next.map(|next| next.cast_unsigned().wrapping_sub(at)) {
            // Wherever the link broke off, the same blocks go to the same place again.
            _ if self.job.overwrites => {
                self.unsure = false;
                Ok(())
            }
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
}

const FIRST_PAUSE: Duration = Duration::from_millis(2);
const FLUSH_PAUSE: Duration = Duration::from_secs(5);
const MAX_ASKED: u8 = 5;
const MAX_FLUSHED: u8 = 3;
