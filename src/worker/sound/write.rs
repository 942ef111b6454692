//! The way of an audio disc from the ring to the drive, the track of data before the sound as well: chunks of whole blocks,
//! one WRITE each.

use std::time::Duration;

use crate::api::audio::AUDIO_BLOCK;
use crate::api::{BLOCK, Phase};
use crate::mmc::cdb::{Write10, WriteSound};
use crate::mmc::opcode::Opcode;
use crate::mmc::policy::{During, Verdict, judge};
use crate::mmc::transport::Data;
use crate::wire::ring::{CHUNK, Consumer, RingError, Take};

use super::super::chunk::Buffer;
use super::super::drive::{Drive, Pace, Patience};
use super::super::error::Trouble;
use super::super::gauge::Gauge;
use super::verify::Memory;

/// Why writing stopped before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The drive failed, at this block.
    Drive(Trouble, i32),
    /// Somebody cancelled.
    Cancelled,
    /// The ring brought something else than was announced; in words.
    Source(String),
}

/// What blocks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// 2048 bytes of data (mode 1).
    Data,
    /// 2352 bytes of sound.
    Sound,
}

impl Form {
    /// Bytes of a block.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Data => BLOCK,
            Self::Sound => AUDIO_BLOCK,
        }
    }

    /// Blocks of a chunk of the ring, and of a WRITE.
    const fn chunk(self) -> u32 {
        (CHUNK / self.bytes()) as u32
    }
}

/// Figures for the report.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    /// Times that the ring was found empty.
    pub ring_empty: u64,
    /// The lowest filling of the drive's buffer that was seen, in percent.
    pub least_buffer: Option<u8>,
}

/// Writes a session's blocks, in order.
pub(super) struct Writer {
    buffer: Buffer,
    gauge: Gauge,
    memory: Memory,
    stats: Stats,
    done: u64,
}

/// Waits until the ring is full, or holds all there is.
pub(super) fn prefill(drive: &mut Drive<'_>, ring: &Consumer) -> Result<(), Stop> {
    let source = |error: RingError| Stop::Source(error.to_string());
    drive.begin(Phase::Preparing, 0, true);
    let since = drive.host.now();
    while !(ring.full() || ring.finished() || ring.wake_when(ring.chunks()).map_err(source)?) {
        drive.check_cancel().map_err(|_| Stop::Cancelled)?;
        ring.wait(drive.host.wake(), Some(RING_WAIT)).map_err(source)?;
        forsaken(drive, since)?;
        drive.update(|progress| progress.ring_fill = Some(ring.fill()));
    }
    drive.check_cancel().map_err(|_| Stop::Cancelled)
}

/// Nobody is left who could cancel, and the source has brought nothing for long.
fn forsaken(drive: &Drive<'_>, since: Duration) -> Result<(), Stop> {
    if drive.host.wake().is_none() && drive.host.now().saturating_sub(since) >= FORSAKEN {
        return Err(Stop::Source(
            "nothing came for ten minutes, and nobody is left to ask for it".to_owned(),
        ));
    }
    Ok(())
}

impl Writer {
    /// A writer for a drive whose buffer has so many bytes.
    pub fn new(buffer_bytes: u64, memory: Memory) -> Self {
        Self {
            buffer: Buffer::new(),
            gauge: Gauge::new(buffer_bytes, false),
            memory,
            stats: Stats::default(),
            done: 0,
        }
    }

    /// Writes zeroes: silence, or empty data.
    pub fn zeroes(
        &mut self,
        drive: &mut Drive<'_>,
        ring: &Consumer,
        form: Form,
        from: i32,
        blocks: u32,
    ) -> Result<(), Stop> {
        self.buffer.all().fill(0);
        let mut done = 0;
        while done < blocks {
            let now = (blocks - done).min(form.chunk());
            drive.check_cancel().map_err(|_| Stop::Cancelled)?;
            self.put(drive, form, from + done.cast_signed(), now)?;
            done += now;
            self.show(drive, ring, from + done.cast_signed())?;
        }
        Ok(())
    }

    /// Writes a track that comes through the ring.
    pub fn track(
        &mut self,
        drive: &mut Drive<'_>,
        ring: &mut Consumer,
        form: Form,
        from: i32,
        blocks: u32,
    ) -> Result<(), Stop> {
        ring.count_in(form.bytes());
        let mut done = 0;
        while done < blocks {
            drive.check_cancel().map_err(|_| Stop::Cancelled)?;
            let now = self.take(drive, ring, form, blocks - done)?;
            let at = from + done.cast_signed();
            self.memory.remember(form, at, &self.buffer.all()[..now as usize * form.bytes()]);
            self.put(drive, form, at, now)?;
            done += now;
            self.done += u64::from(now);
            self.show(drive, ring, at)?;
        }
        Ok(())
    }

    /// Blocks out of the ring that the drive has taken.
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// After the last block the source says that it was the last.
    pub fn expect_end(&mut self, drive: &mut Drive<'_>, ring: &mut Consumer) -> Result<(), Stop> {
        let end = drive.host.now().saturating_add(LAST_WORD);
        loop {
            match ring.take(self.buffer.all()) {
                Ok(Take::End) => return Ok(()),
                Ok(Take::Empty) if drive.host.now() < end => {
                    ring.wait(drive.host.wake(), Some(RING_WAIT))
                        .map_err(|error| Stop::Source(error.to_string()))?;
                    if drive.host.wake().is_some() {
                        // Empties the descriptor; there is nothing left to cancel.
                        drive.host.cancelled();
                    }
                }
                Ok(Take::Bytes(_)) => {
                    return Err(Stop::Source("more came than was announced".to_owned()));
                }
                Ok(Take::Empty | Take::Failed) => {
                    return Err(Stop::Source("its source never said that it was complete".to_owned()));
                }
                Err(error) => return Err(Stop::Source(error.to_string())),
            }
        }
    }

    /// What was written, and the figures for the report.
    pub fn finish(self) -> (Memory, Stats) {
        let least_buffer = self.gauge.least();
        (self.memory, Stats { least_buffer, ..self.stats })
    }

    /// The next chunk, into the buffer; its blocks.
    fn take(
        &mut self,
        drive: &mut Drive<'_>,
        ring: &mut Consumer,
        form: Form,
        left: u32,
    ) -> Result<u32, Stop> {
        let (mut waited, since) = (false, drive.host.now());
        loop {
            let bytes = match ring.take(self.buffer.all()) {
                Ok(Take::Bytes(bytes)) => bytes,
                Ok(Take::Empty) => {
                    self.stats.ring_empty += u64::from(!waited && self.done > 0);
                    waited = true;
                    forsaken(drive, since)?;
                    ring.wait(drive.host.wake(), Some(RING_WAIT))
                        .map_err(|error| Stop::Source(error.to_string()))?;
                    drive.check_cancel().map_err(|_| Stop::Cancelled)?;
                    continue;
                }
                Ok(Take::End) => {
                    return Err(Stop::Source("it ended before the tracks were complete".to_owned()));
                }
                Ok(Take::Failed) => return Err(Stop::Source("its source failed".to_owned())),
                Err(error) => return Err(Stop::Source(error.to_string())),
            };
            let blocks = u32::try_from(bytes / form.bytes()).unwrap_or(u32::MAX);
            if !bytes.is_multiple_of(form.bytes()) || !(1..=left.min(form.chunk())).contains(&blocks) {
                return Err(Stop::Source(format!(
                    "{bytes} bytes came where at most {left} blocks were left"
                )));
            }
            return Ok(blocks);
        }
    }

    /// Writes the first `blocks` of the buffer. Only a drive that was not ready gets the same WRITE again: of any other
    /// refusal only the drive knows what it took.
    fn put(&mut self, drive: &mut Drive<'_>, form: Form, at: i32, blocks: u32) -> Result<(), Stop> {
        let bytes = blocks as usize * form.bytes();
        let count = u16::try_from(blocks).unwrap_or(u16::MAX);
        let mut patience = Patience::new(drive.host.now(), WRITE, Pace::WRITE);
        loop {
            let data = Data::ToDrive(&self.buffer.all()[..bytes]);
            let outcome = match form {
                Form::Data => drive.once(&Write10::new(at, count), data, WRITE),
                Form::Sound => drive.once(&WriteSound::new(at, count), data, WRITE),
            };
            let outcome =
                outcome.map_err(|source| Stop::Drive(Trouble::link(Opcode::WRITE_10, source), at))?;
            let Some(sense) = outcome.status.refusal() else {
                if outcome.transferred != bytes {
                    let trouble = Trouble::Short { wanted: bytes, given: outcome.transferred };
                    return Err(Stop::Drive(trouble, at));
                }
                break;
            };
            let (verdict, why) = judge(sense, During::Write);
            let pause = match verdict {
                Verdict::Proceed => break,
                Verdict::DriveBufferFull => {
                    self.gauge.drain(drive).map_err(|trouble| Stop::Drive(trouble, at))?
                }
                Verdict::Retry | Verdict::InProgress if (sense.key, sense.asc) == (2, 0x04) => {
                    patience.step()
                }
                _ => return Err(Stop::Drive(Trouble::refused(Opcode::WRITE_10, sense, verdict, why), at)),
            };
            if patience.over(drive.host.now()) {
                return Err(Stop::Drive(Trouble::refused(Opcode::WRITE_10, sense, verdict, why), at));
            }
            drive.host.pause(pause);
            drive.check_cancel().map_err(|_| Stop::Cancelled)?;
        }
        self.gauge.wrote(bytes);
        Ok(())
    }

    fn show(&mut self, drive: &mut Drive<'_>, ring: &Consumer, at: i32) -> Result<(), Stop> {
        self.gauge.look(drive).map_err(|trouble| Stop::Drive(trouble, at))?;
        let (done, gauge) = (self.done, &self.gauge);
        drive.update(|progress| {
            progress.done = done;
            progress.ring_fill = Some(ring.fill());
            progress.drive_buffer_fill = gauge.fill();
        });
        Ok(())
    }
}

const RING_WAIT: Duration = Duration::from_millis(100);
const FORSAKEN: Duration = Duration::from_secs(600);
const LAST_WORD: Duration = Duration::from_secs(10);
const WRITE: Duration = Duration::from_secs(200);
