//! The drive's buffer: how full it is, asked rarely, and how long to wait when it is full.

use std::time::Duration;

use crate::mmc::capacity::BufferCapacity;
use crate::mmc::cdb::{Cdb, ReadBufferCapacity};
use crate::mmc::opcode::Opcode;
use crate::mmc::policy::{During, Verdict, judge};
use crate::mmc::sense::Sense;
use crate::mmc::transport::Data;

use super::drive::{Drive, QUICK};
use super::error::Trouble;

/// Watches the buffer of a drive that writes. It is not asked before it must have been full once: drives exist that
/// lock up on the question until then.
#[derive(Debug)]
pub(super) struct Gauge {
    /// Bytes of the buffer, as far as the drive has said.
    size: u64,
    taken: u64,
    full_once: bool,
    silent: bool,
    first: Option<Duration>,
    asked: Option<Duration>,
    last: Option<BufferCapacity>,
    least: Option<u8>,
    pace: Duration,
}

impl Gauge {
    /// A gauge for a buffer of so many bytes, 0 when unknown, of a drive that can be asked or had better not.
    pub const fn new(size: u64, silent: bool) -> Self {
        let size = if size == 0 { USUAL } else { size };
        Self {
            size,
            taken: 0,
            full_once: false,
            silent,
            first: None,
            asked: None,
            last: None,
            least: None,
            pace: Duration::ZERO,
        }
    }

    /// The drive has taken bytes.
    pub fn wrote(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes as u64);
        self.full_once |= self.taken > self.size;
        self.pace = Duration::ZERO;
    }

    /// How full the buffer was when last asked, 0–1.
    pub fn fill(&self) -> Option<f64> {
        self.last.and_then(|buffer| buffer.fill())
    }

    /// The lowest filling that was seen, in percent.
    pub const fn least(&self) -> Option<u8> {
        self.least
    }

    /// Asks the drive, if that is due.
    ///
    /// # Errors
    /// What the drive says about its writing, or what became of the link to it.
    pub fn look(&mut self, drive: &mut Drive<'_>) -> Result<(), Trouble> {
        if self.full_once && self.due(drive.host.now()) { self.ask(drive) } else { Ok(()) }
    }

    /// The drive has said that its buffer is full: how long to wait before the same WRITE again.
    ///
    /// # Errors
    /// As [`Gauge::look`].
    pub fn drain(&mut self, drive: &mut Drive<'_>) -> Result<Duration, Trouble> {
        self.full_once = true;
        let now = drive.host.now();
        let first = *self.first.get_or_insert(now);
        if self.due(now) {
            self.ask(drive)?;
        }
        self.pace = (self.pace + PACE_STEP).min(PACE_MOST);
        let waiting = self.last.map_or(self.size, |buffer| u64::from(buffer.size - buffer.free));
        let elapsed = now.saturating_sub(first).as_micros();
        // The buffer takes on what it gives to the disc; the pace so far tells how long half of it will take.
        let half = u128::from(waiting / 2) * elapsed / u128::from(self.taken.max(1));
        let half = Duration::from_micros(u64::try_from(half).unwrap_or(u64::MAX));
        Ok(half.clamp(self.pace, self.pace.max(DRAIN_MOST)))
    }

    fn due(&self, now: Duration) -> bool {
        !self.silent && self.asked.is_none_or(|asked| now.saturating_sub(asked) >= ASK_EVERY)
    }

    fn ask(&mut self, drive: &mut Drive<'_>) -> Result<(), Trouble> {
        self.asked = Some(drive.host.now());
        let cdb = ReadBufferCapacity::new();
        let mut answer = [0; ANSWER];
        // Sent once: whoever waited here for an answer would hold up the writing.
        let outcome = drive.once(&cdb, Data::FromDrive(&mut answer), QUICK);
        let outcome = outcome.map_err(|source| Trouble::link(ReadBufferCapacity::OPCODE, source))?;
        if let Some(sense) = outcome.status.refusal() {
            return self.refused(sense);
        }
        let answer = answer.get(..outcome.transferred).unwrap_or_default();
        let Some(buffer) = BufferCapacity::parse(answer).ok().filter(|buffer| buffer.size > 0) else {
            self.silent = true;
            return Ok(());
        };
        self.size = u64::from(buffer.size);
        self.last = Some(buffer);
        let percent = buffer.fill().map(|fill| (fill * 100.0) as u8);
        self.least = self.least.map_or(percent, |least| percent.map(|now| least.min(now)).or(Some(least)));
        Ok(())
    }

    /// A drive in the middle of writing tells bad news to whichever command comes next: most of what it says here
    /// is about the blocks that it has taken.
    fn refused(&mut self, sense: Sense) -> Result<(), Trouble> {
        match judge(sense, During::Write) {
            (Verdict::Unsupported, _) if sense.key == 5 && matches!(sense.asc, 0x20 | 0x24) => {
                self.silent = true;
                Ok(())
            }
            // Not now; or recovered, or trouble with this question's own way.
            (
                Verdict::Proceed
                | Verdict::Retry
                | Verdict::StartUnit
                | Verdict::InProgress
                | Verdict::DriveBufferFull
                | Verdict::AskNextAddress,
                _,
            ) => Ok(()),
            (Verdict::FlushThenRepeat, _) if sense.key == 2 => Ok(()),
            (verdict, why) => Err(Trouble::refused(Opcode::READ_BUFFER_CAPACITY, sense, verdict, why)),
        }
    }
}

/// Bytes of an answer to READ BUFFER CAPACITY (MMC-6 6.17.3).
const ANSWER: usize = 12;
/// Buffers are of half a megabyte to eight: this much has filled most of them.
const USUAL: u64 = 4 * 1024 * 1024;
const ASK_EVERY: Duration = Duration::from_millis(500);
const PACE_STEP: Duration = Duration::from_millis(2);
const PACE_MOST: Duration = Duration::from_millis(25);
const DRAIN_MOST: Duration = Duration::from_millis(250);
