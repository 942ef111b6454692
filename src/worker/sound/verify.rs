//! Reading sound back. Drives find a sample only roughly: they read the disc some samples early or late, always by the same
//! number. That is found out by what was written at a few loud places, and allowed for; where it cannot be found out,
//! nothing is claimed.

use std::time::Duration;

use crate::api::audio::AUDIO_BLOCK;
use crate::api::{self, BLOCK, ErrorKind, Phase, Verify, VerifyReport};
use crate::mmc::cdb::{Cdb, ReadCd};
use crate::mmc::policy::{During, Verdict, judge};
use crate::mmc::transport::Data;
use crate::wire::broker_worker::AudioOrder;

use super::super::drive::{Drive, Pace, Patience};
use super::super::error::{Scene, Trouble};
use super::write::Form;

/// Bytes of a sample of both channels.
const SAMPLE: usize = 4;
/// Blocks by which a drive may be off; real ones are off by less than three.
const REACH: i32 = 4;
/// Bytes that a place is recognised by.
const MARK: usize = AUDIO_BLOCK;
/// Places that are kept.
const MARKS: usize = 8;

/// What is remembered of the sound that was written.
#[derive(Debug)]
pub(super) struct Memory {
    wanted: bool,
    /// A checksum for each block of data.
    data: Vec<u32>,
    /// A checksum a block, track by track: where it begins, and its sums.
    tracks: Vec<(i32, Vec<u32>)>,
    /// Loud places, with what is there.
    marks: Vec<(i32, Vec<u8>)>,
}

/// What comparing has brought.
pub(super) enum Found {
    /// All is there, so many samples from where it was written.
    Same(VerifyReport, i64),
    /// It cannot be told, for this reason.
    NotComparable(String),
}

impl Memory {
    /// A memory for an order, with room for all of it if it is to be verified.
    ///
    /// # Errors
    /// `LimitsExceeded`.
    pub fn new(order: &AudioOrder) -> api::Result<Self> {
        let wanted = order.options.verify != Verify::None;
        let (mut tracks, mut data) = (Vec::new(), Vec::new());
        let blocks = order.data.filter(|_| wanted).unwrap_or_default() as usize;
        let room =
            tracks.try_reserve_exact(order.tracks.len()).is_ok() && data.try_reserve_exact(blocks).is_ok();
        if room { Ok(Self { wanted, data, tracks, marks: Vec::new() }) } else { Err(no_room()) }
    }

    /// Remembers blocks at an address.
    pub fn remember(&mut self, form: Form, at: i32, bytes: &[u8]) {
        match form {
            _ if !self.wanted => {}
            Form::Data => self.data.extend(bytes.chunks_exact(BLOCK).map(crc32fast::hash)),
            Form::Sound => self.remember_sound(at, bytes),
        }
    }

    /// The checksums of the track of data.
    pub fn data(&self) -> &[u32] {
        &self.data
    }

    fn remember_sound(&mut self, at: i32, bytes: &[u8]) {
        let next = self.tracks.last().map(|(from, sums)| from + sums.len() as i32);
        if next != Some(at) {
            self.tracks.push((at, Vec::new()));
        }
        if let Some((_, sums)) = self.tracks.last_mut() {
            sums.extend(bytes.chunks_exact(AUDIO_BLOCK).map(crc32fast::hash));
        }
        // Around a mark there has to be something of its track on both sides.
        let inside = self.tracks.last().map_or(at, |(from, _)| from + REACH);
        if self.marks.len() < MARKS
            && at >= inside
            && self.marks.last().is_none_or(|(last, _)| at - last > APART)
        {
            let block = bytes.chunks_exact(AUDIO_BLOCK).position(is_distinct);
            if let Some(block) = block {
                let from = block * AUDIO_BLOCK;
                self.marks.push((at + block as i32, bytes[from..from + MARK].to_vec()));
            }
        }
    }

    /// The ends of the track that a block is in.
    fn track_of(&self, at: i32) -> (i32, i32) {
        let mut ends = self.tracks.iter().map(|(from, sums)| (*from, from + sums.len() as i32));
        ends.find(|(from, to)| (*from..*to).contains(&at)).unwrap_or((at, at + 1))
    }

    /// Blocks of sound.
    pub fn blocks(&self) -> u64 {
        self.tracks.iter().map(|(_, sums)| sums.len() as u64).sum()
    }
}

/// Compares the disc's sound with what was written. `before` blocks of it were verified already.
///
/// # Errors
/// `VerifyFailed` naming the first block that differs, `UserAbort`, and what becomes of the link.
pub(super) fn compare(
    drive: &mut Drive<'_>,
    memory: &Memory,
    before: u64,
    scene: Scene<'_>,
) -> api::Result<Found> {
    drive.count_in(AUDIO_BLOCK as u32);
    drive.begin(Phase::Verifying, before + memory.blocks(), true);
    drive.update(|progress| progress.done = before);
    drive.settle(During::Load, READY).map_err(|trouble| scene.error(&trouble))?;
    let offset = match find_offset(drive, memory) {
        Ok(Ok(offset)) => offset,
        Ok(Err(why)) => return Ok(Found::NotComparable(why)),
        Err(trouble @ Trouble::Refused { .. }) => {
            return Ok(Found::NotComparable(format!("the drive does not read sound ({trouble})")));
        }
        Err(trouble) => return Err(ended(&trouble, scene)),
    };
    let mut done = before;
    // What lies over the edge of a track may not be readable as sound.
    let edge = if offset == 0 { 0 } else { offset.unsigned_abs() as usize * SAMPLE / AUDIO_BLOCK + 1 };
    for (from, sums) in &memory.tracks {
        let inner = sums.get(edge..sums.len().saturating_sub(edge)).unwrap_or_default();
        compare_track(drive, from + edge as i32, inner, offset, &mut done, scene)?;
    }
    Ok(Found::Same(VerifyReport { blocks: done - before, full: true }, offset))
}

fn compare_track(
    drive: &mut Drive<'_>,
    from: i32,
    sums: &[u32],
    offset: i64,
    done: &mut u64,
    scene: Scene<'_>,
) -> api::Result<()> {
    let shift = offset * SAMPLE as i64;
    let ahead = shift.div_euclid(AUDIO_BLOCK as i64) as i32;
    let within = shift.rem_euclid(AUDIO_BLOCK as i64) as usize;
    let mut at = from;
    for wanted in sums.chunks(CHUNK_BLOCKS) {
        drive.check_cancel().map_err(|trouble| ended(&trouble, scene))?;
        // One block more, of which a part belongs to the last.
        let blocks = wanted.len() + usize::from(within > 0);
        let found = read(drive, at + ahead, blocks as u32);
        let bytes = match found {
            Ok(bytes) => bytes,
            Err(trouble) => return Err(ended(&trouble, scene.at(at.max(0).unsigned_abs()))),
        };
        let shifted = bytes.get(within..).unwrap_or_default();
        let differs = shifted
            .chunks_exact(AUDIO_BLOCK)
            .zip(wanted)
            .position(|(block, sum)| crc32fast::hash(block) != *sum);
        if let Some(differs) = differs {
            let block = at + differs as i32;
            let message = format!(
                "The {} is recorded and closed, but block {block} sounds otherwise than it was written. Record it again, at a \
                 lower speed or on another disc.",
                scene.disc
            );
            return Err(api::Error::new(ErrorKind::VerifyFailed, message)
                .with("block", u64::from(block.max(0).unsigned_abs())));
        }
        at += wanted.len() as i32;
        *done += wanted.len() as u64;
        let now = *done;
        drive.update(|progress| progress.done = now);
    }
    Ok(())
}

/// How many samples behind its place sound is read: the same at every mark, or nothing can be said.
fn find_offset(drive: &mut Drive<'_>, memory: &Memory) -> Result<Result<i64, String>, Trouble> {
    let mut offsets = Vec::new();
    for (at, mark) in &memory.marks {
        let (begin, end) = memory.track_of(*at);
        let (from, to) = ((at - REACH).max(begin), (at + REACH + 1).min(end));
        let bytes = read(drive, from, (to - from).unsigned_abs())?;
        let place = bytes
            .windows(mark.len())
            .step_by(SAMPLE)
            .position(|window| window == mark.as_slice())
            .map(|sample| sample as i64 - i64::from(at - from) * (AUDIO_BLOCK / SAMPLE) as i64);
        offsets.extend(place);
    }
    Ok(match offsets[..] {
        _ if memory.marks.is_empty() => Err("it is silent, or the same all over".to_owned()),
        [] => Err("the drive reads it otherwise than it was written, wherever one looks".to_owned()),
        [first, ..] if offsets.iter().all(|offset| *offset == first) => Ok(first),
        _ => Err("the drive does not find the same place twice".to_owned()),
    })
}

/// A block that is like no other: neither silence nor a tone of few values.
fn is_distinct(block: &[u8]) -> bool {
    let samples = block.as_chunks::<SAMPLE>().0;
    let changes = samples.windows(2).filter(|pair| pair[0] != pair[1]).count();
    changes > samples.len() / 2 && samples.iter().any(|sample| sample[1].abs_diff(samples[0][1]) > 8)
}

fn read(drive: &mut Drive<'_>, at: i32, blocks: u32) -> Result<Vec<u8>, Trouble> {
    let cdb = ReadCd::new(at, blocks, ReadCd::USER_DATA).expecting(ReadCd::AUDIO);
    let mut bytes = vec![0; blocks as usize * AUDIO_BLOCK];
    let mut patience = Patience::new(drive.host.now(), READ, Pace::COMMAND);
    loop {
        let outcome = drive.once(&cdb, Data::FromDrive(&mut bytes), READ);
        let outcome = outcome.map_err(|source| Trouble::link(ReadCd::OPCODE, source))?;
        match outcome.status.refusal() {
            Some(sense) => match judge(sense, During::Read) {
                (Verdict::Proceed, _) => return Ok(bytes),
                verdict => drive.later(ReadCd::OPCODE, sense, verdict, During::Read, &mut patience)?,
            },
            None if outcome.transferred == bytes.len() => return Ok(bytes),
            None => return Err(Trouble::Short { wanted: bytes.len(), given: outcome.transferred }),
        }
    }
}

fn ended(trouble: &Trouble, scene: Scene<'_>) -> api::Error {
    match trouble {
        Trouble::Cancelled => api::Error::new(
            ErrorKind::UserAbort,
            format!(
                "The verification was cancelled. The {} is complete and closed, but was not verified.",
                scene.disc
            ),
        ),
        trouble => scene.error(trouble),
    }
}

fn no_room() -> api::Error {
    api::Error::new(
        ErrorKind::LimitsExceeded,
        "There is not enough memory for the checksums of a verification: nothing was written.",
    )
}

/// Blocks of a READ CD.
const CHUNK_BLOCKS: usize = 26;
/// Blocks between two marks.
const APART: i32 = 1500;
const READ: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(300);
