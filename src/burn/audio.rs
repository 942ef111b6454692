//! Audio discs, and mixed ones that have a track of data before the sound: what a session of them consists of, at once or
//! track by track (MMC-6 4.2.3.5).
//!
//! | way | steps |
//! |---|---|
//! | session at once | page 05h: write type 2; cue sheet; CD-TEXT into the lead-in; 150 blocks of zeroes from −150 on; gaps and tracks without a break; flush, which closes all |
//! | track at once | for each track page 05h: write type 1, its codes, its gap; write where the drive says; flush, which ends the track; close session (f2) at the end |
//!
//! A track of data before sound ends with a post-gap, 150 blocks of zeroes, and the sound behind it begins with as much
//! silence at least (ECMA-130, 20.2).

use std::fmt;

use crate::api::audio::{GAP_AFTER_DATA, RUN_OUT, TRACK_MIN, TRACKS_MAX, data_track};
use crate::api::{Close, DiscStatus, Error, ErrorKind, MediaKind, Verify, WriteMode};
use crate::mmc::cd_text::{MAX_PACKS, Pack};
use crate::mmc::cue::{CueEntry, DataForm};
use crate::mmc::msf::Msf;
use crate::mmc::page::{DataBlock, MultiSession, WriteParameters, WriteType};
use crate::mmc::toc::LEAD_OUT;
use crate::wire::broker_worker::{AudioOrder, AudioTrack, Expected};

use super::facts::Facts;

/// The steps that record an audio disc, and the disc for which they are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioPlan {
    /// What must be in the drive right before the first step that changes the disc.
    pub expected: Expected,
    /// Everything is written in one go.
    pub at_once: bool,
    /// The steps, in order.
    pub steps: Vec<AudioAct>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioAct {
    /// Ask for a write speed in kB/s of 1000; `None` is the drive's fastest.
    SetSpeed(Option<u32>),
    /// Set mode page 05h.
    Page(WriteParameters),
    /// Tell the drive what the session consists of.
    CueSheet(Vec<CueEntry>),
    /// Write CD-TEXT into the lead-in.
    Text(Vec<Pack>),
    /// Write silent blocks from here on.
    Silence {
        /// The first block's address.
        from: i32,
        /// Blocks.
        blocks: u32,
    },
    /// Write blocks of zeroes as data from here on.
    Zeroes {
        /// The first block's address.
        from: i32,
        /// Blocks.
        blocks: u32,
    },
    /// Write the image as a track of data.
    Data {
        /// The first block's address; `None` where the drive says.
        from: Option<i32>,
        /// Blocks of the image.
        blocks: u32,
        /// Blocks of zeroes behind it.
        post_gap: u32,
    },
    /// Write a track's sound.
    Sound {
        /// Its number.
        track: u8,
        /// The first block's address; `None` where the drive says.
        from: Option<i32>,
        /// Blocks.
        blocks: u32,
    },
    /// Have the drive empty its buffer onto the disc.
    Flush,
    /// Close the session.
    CloseSession,
}

/// The steps that record the ordered tracks on the disc that `facts` describe, in a drive that writes sessions at once
/// or does not.
///
/// # Errors
/// Why they cannot be recorded; nothing needs to be undone then.
pub fn plan_audio(facts: &Facts, masters: bool, order: &AudioOrder) -> Result<AudioPlan, Error> {
    check_disc(facts, order)?;
    check_tracks(order)?;
    let at_once = order.at_once && masters;
    let numbered = order.numbered().filter(|(number, _)| *number > 1);
    let gaps: Vec<u32> = numbered.map(|(_, track)| track.gap).collect();
    if !at_once && gaps.contains(&0) {
        let message = match order.at_once {
            true => {
                "This drive writes audio tracks one by one, and leaves a gap between them: tracks that follow each other \
                 without one cannot be recorded. Use another drive, or give the tracks gaps."
            }
            false => {
                "The tracks are to be written one by one (`TrackAtOnce`), which leaves a gap between them, and some are to \
                 follow each other without one. Give them gaps, or have the session written at once."
            }
        };
        return Err(Error::new(ErrorKind::NotSupported, message));
    }
    let cost = |gap: u32| u64::from(gap) + if at_once { 0 } else { RUN_OUT };
    let needed = order.blocks() + u64::from(post_gap(order)) + gaps.into_iter().map(cost).sum::<u64>();
    // Without a run-out a disc takes two blocks more.
    let available = facts.usable_blocks() + if at_once { RUN_OUT } else { 0 };
    let last = Msf::from_lba(i32::try_from(needed).unwrap_or(i32::MAX));
    if needed > available || last.is_none() {
        let message = format!(
            "The tracks take {needed} blocks with their gaps, and the disc has room for {available}. Nothing was \
             written: leave something out, or insert a larger disc."
        );
        return Err(Error::new(ErrorKind::DiscFull, message)
            .with("needed-blocks", needed)
            .with("available-blocks", available));
    }
    let expected = facts.expected().ok_or_else(|| {
        Error::new(
            ErrorKind::DiscInfo,
            "The drive does not tell where the disc can be written. Insert another disc.",
        )
    })?;
    let underrun = facts.underrun_free && !order.options.unprotected;
    let mut steps = vec![AudioAct::SetSpeed(order.options.speed.map(|wish| facts.speed_for(wish)))];
    if at_once {
        session_at_once(order, underrun, &mut steps)?;
    } else {
        track_at_once(order, underrun, &mut steps);
    }
    Ok(AudioPlan { expected, at_once, steps })
}

fn check_disc(facts: &Facts, order: &AudioOrder) -> Result<(), Error> {
    let kind = facts.kind();
    let disc = kind.name();
    let refuse = |error, why: String| Err(Error::new(error, why));
    if !matches!(kind, MediaKind::CdR | MediaKind::CdRw) {
        return refuse(
            ErrorKind::MediumInvalidType,
            format!("A {disc} holds no audio tracks: insert a blank CD-R or CD-RW."),
        );
    }
    if facts.protected || facts.status != DiscStatus::Blank {
        return refuse(
            ErrorKind::CannotWriteToMedia,
            format!("The {disc} in the drive is not blank, and an audio disc begins on a blank one."),
        );
    }
    if !facts.can_write {
        return refuse(ErrorKind::DeviceInvalidType, format!("This drive does not record {disc} discs."));
    }
    if order.options.write_mode == WriteMode::SessionAtOnce && !order.at_once {
        return refuse(
            ErrorKind::InvalidArgs,
            "The tracks are to be written one by one (`TrackAtOnce`) and as a session at once (`write-mode`): choose one."
                .into(),
        );
    }
    if order.options.simulate && !facts.test_write {
        return refuse(
            ErrorKind::NotSupported,
            format!("{disc} cannot be written in simulation by this drive. Record without `simulate`."),
        );
    }
    if order.options.simulate && order.options.verify != Verify::None {
        return refuse(
            ErrorKind::InvalidArgs,
            "A simulated burn leaves nothing on the disc to verify: leave out `simulate` or `verify`.".into(),
        );
    }
    Ok(())
}

/// What no honest broker orders.
fn check_tracks(order: &AudioOrder) -> Result<(), Error> {
    let most = TRACKS_MAX - usize::from(order.data.is_some());
    let count = (1..=most).contains(&order.tracks.len());
    let first = order.tracks.first();
    let data = order.data.is_none()
        || first.is_some_and(|track| track.gap >= GAP_AFTER_DATA && track.sounding_gap == 0);
    let long = order.tracks.iter().all(|track| {
        let points = track.indexes.iter().all(|at| *at > 0 && *at < track.blocks);
        track.blocks >= TRACK_MIN && track.indexes.is_sorted() && track.indexes.len() <= 98 && points
    });
    let gaps = order.tracks.windows(2).all(|pair| {
        let behind_points = pair[0].blocks - pair[0].indexes.last().copied().unwrap_or(0).min(pair[0].blocks);
        pair[1].sounding_gap == 0 || pair[1].sounding_gap < behind_points
    });
    if !count || !data || !long || !gaps || order.packs.len() > MAX_PACKS {
        let message = "The tracks are not those of an audio disc: 1 to 99, of four seconds at least, with their index points \
                       inside. Nothing was written.";
        return Err(Error::new(ErrorKind::InvalidImage, message));
    }
    Ok(())
}

fn session_at_once(order: &AudioOrder, underrun: bool, steps: &mut Vec<AudioAct>) -> Result<(), Error> {
    let page = WriteParameters {
        underrun_protection: underrun,
        write_type: WriteType::SessionAtOnce,
        track_mode: 0,
        data_block: DataBlock::RAW,
        mcn: order.catalog,
        ..WriteParameters::cd_track_at_once(multi(order), order.options.simulate)
    };
    steps.push(AudioAct::Page(page));
    steps.push(AudioAct::CueSheet(cue_sheet(order)?));
    if !order.packs.is_empty() {
        steps.push(AudioAct::Text(order.packs.clone()));
    }
    let pre_gap = PRE_GAP.unsigned_abs();
    let mut at = 0;
    if let Some(blocks) = order.data {
        steps.push(AudioAct::Zeroes { from: -PRE_GAP, blocks: pre_gap });
        steps.push(AudioAct::Data { from: Some(0), blocks, post_gap: post_gap(order) });
        at += (blocks + post_gap(order)).cast_signed();
    } else {
        steps.push(AudioAct::Silence { from: -PRE_GAP, blocks: pre_gap });
    }
    for ((number, track), gap) in order.numbered().zip(order.gaps()) {
        if gap > 0 {
            steps.push(AudioAct::Silence { from: at, blocks: gap });
            at += gap.cast_signed();
        }
        steps.push(AudioAct::Sound { track: number, from: Some(at), blocks: track.blocks });
        at += track.blocks.cast_signed();
    }
    steps.push(AudioAct::Flush);
    Ok(())
}

fn track_at_once(order: &AudioOrder, underrun: bool, steps: &mut Vec<AudioAct>) {
    let of_data = WriteParameters {
        underrun_protection: underrun,
        mcn: order.catalog,
        ..WriteParameters::cd_track_at_once(multi(order), order.options.simulate)
    };
    if let Some(blocks) = order.data {
        steps.push(AudioAct::Page(of_data));
        steps.push(AudioAct::Data { from: None, blocks, post_gap: post_gap(order) });
        steps.push(AudioAct::Flush);
    }
    for (number, track) in order.numbered() {
        let page = WriteParameters {
            track_mode: control(track),
            copy: track.copy,
            data_block: DataBlock::RAW,
            audio_pause: u16::try_from(track.gap).ok().filter(|gap| number > 1 && *gap > 0).unwrap_or(150),
            isrc: track.isrc,
            ..of_data
        };
        steps.push(AudioAct::Page(page));
        steps.push(AudioAct::Sound { track: number, from: None, blocks: track.blocks });
        steps.push(AudioAct::Flush);
    }
    if !order.options.simulate {
        steps.push(AudioAct::CloseSession);
    }
}

/// What the session consists of, part by part (MMC-6, 6.37).
fn cue_sheet(order: &AudioOrder) -> Result<Vec<CueEntry>, Error> {
    let mut sheet = Vec::new();
    let first = if order.data.is_some() { DATA } else { order.tracks.first().map_or(0, control) };
    let last = order.tracks.last().map_or(0, control);
    if let Some(digits) = order.catalog {
        let [a, b, c, d, e, f, g, rest @ ..] = digits;
        sheet.push(text(first << 4 | CueEntry::CATALOG, [a, b, c, d, e, f, g]));
        let [a, b, c, d, e, f] = rest;
        sheet.push(text(first << 4 | CueEntry::CATALOG, [a, b, c, d, e, f, 0]));
    }
    let lead_in = match order.data {
        Some(_) => DataForm::MODE_1_GENERATED,
        None => DataForm::AUDIO_GENERATED,
    };
    let text_follows = if order.packs.is_empty() { 0 } else { TEXT_FOLLOWS };
    sheet.push(entry(first, 0, 0, lead_in.0 | text_follows, Msf::default()));
    let mut at = 0;
    if let Some(blocks) = order.data {
        sheet.push(entry(DATA, 1, 0, DataForm::MODE_1.0, position(-PRE_GAP)?));
        sheet.push(entry(DATA, 1, 1, DataForm::MODE_1.0, position(0)?));
        at += (blocks + post_gap(order)).cast_signed();
    }
    for ((number, track), gap) in order.numbered().zip(order.gaps()) {
        let nibble = control(track);
        if let Some(code) = track.isrc {
            for half in code.as_chunks::<6>().0 {
                let [a, b, c, d, e, f] = *half;
                sheet.push(text(nibble << 4 | CueEntry::ISRC, [number, a, b, c, d, e, f]));
            }
        }
        let sounding = track.sounding_gap.cast_signed();
        if number == 1 || gap > 0 || sounding > 0 {
            let from = if number == 1 { -PRE_GAP } else { at - sounding };
            sheet.push(entry(nibble, number, 0, DataForm::AUDIO.0, position(from)?));
        }
        at += gap.cast_signed();
        sheet.push(entry(nibble, number, 1, DataForm::AUDIO.0, position(at)?));
        for (index, from) in (2..).zip(&track.indexes) {
            sheet.push(entry(nibble, number, index, DataForm::AUDIO.0, position(at + from.cast_signed())?));
        }
        at += track.blocks.cast_signed();
    }
    sheet.push(entry(last, LEAD_OUT, 1, DataForm::AUDIO_GENERATED.0, position(at)?));
    Ok(sheet)
}

const fn entry(control: u8, track: u8, index: u8, form: u8, start: Msf) -> CueEntry {
    CueEntry { control_adr: control << 4 | CueEntry::POSITION, track, index, form, scms: 0, start }
}

/// An entry whose other seven bytes are text.
const fn text(control_adr: u8, [track, index, form, scms, minute, second, frame]: [u8; 7]) -> CueEntry {
    CueEntry { control_adr, track, index, form, scms, start: Msf::new(minute, second, frame) }
}

fn position(lba: i32) -> Result<Msf, Error> {
    Msf::from_lba(lba).ok_or_else(|| Error::new(ErrorKind::DiscFull, "No CD is as long as these tracks."))
}

/// The control nibble of a track of sound: bit 0 pre-emphasis, bit 1 copying permitted.
const fn control(track: &AudioTrack) -> u8 {
    track.pre_emphasis as u8 | (track.copy as u8) << 1
}

/// Blocks of zeroes behind the image, in its track.
fn post_gap(order: &AudioOrder) -> u32 {
    let behind = |image: u32| u32::try_from(data_track(image.into()) - u64::from(image)).unwrap_or_default();
    order.data.map_or(0, behind)
}

const fn multi(order: &AudioOrder) -> MultiSession {
    match order.options.close {
        Close::Finalise => MultiSession::Last,
        Close::Appendable => MultiSession::More,
    }
}

/// The control nibble of a track of data: copying is not permitted, which nobody heeds.
const DATA: u8 = 0x04;
/// Blocks before the first track of a disc.
const PRE_GAP: i32 = 150;
/// The bit of the lead-in's form that says that sub-channels R to W are sent.
const TEXT_FOLLOWS: u8 = 0x40;

/// The plan, a line a step.
impl fmt::Display for AudioPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = MediaKind::from_profile(self.expected.profile).name();
        writeln!(
            f,
            "expect  {kind}, nwa {}, free {}",
            self.expected.next_writable, self.expected.free_blocks
        )?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for AudioAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetSpeed(None) => f.write_str("speed   fastest"),
            Self::SetSpeed(Some(speed)) => write!(f, "speed   {speed} kB/s"),
            Self::Page(page) => {
                let multi = if page.multi_session == MultiSession::Last { "00b" } else { "11b" };
                let test = if page.test_write { ", test" } else { "" };
                write!(
                    f,
                    "mode    write type {}, multi {multi}, pause {}{test}",
                    page.write_type.number(),
                    page.audio_pause
                )
            }
            Self::CueSheet(sheet) => {
                f.write_str("cue    ")?;
                sheet.iter().try_for_each(|entry| {
                    f.write_str(" ")?;
                    entry.emit().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
                })
            }
            Self::Text(packs) => write!(f, "text    {} packs", packs.len()),
            Self::Silence { from, blocks } => write!(f, "silence {from} + {blocks}"),
            Self::Zeroes { from, blocks } => write!(f, "zeroes  {from} + {blocks}"),
            Self::Data { from, blocks, post_gap } => {
                let from = from.map_or_else(|| "next".to_owned(), |from| from.to_string());
                write!(f, "data    {from} + {blocks} + {post_gap}")
            }
            Self::Sound { track, from: Some(from), blocks } => {
                write!(f, "track   {track}: {from} + {blocks}")
            }
            Self::Sound { track, from: None, blocks } => write!(f, "track   {track}: next + {blocks}"),
            Self::Flush => f.write_str("flush"),
            Self::CloseSession => f.write_str("close   session (f2)"),
        }
    }
}

#[cfg(test)]
mod tests;
