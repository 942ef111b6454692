//! What a plan's steps tell the drive, one function a step; those that bring blocks are in `write`.

use std::time::Duration;

use crate::api::Phase;
use crate::burn::{Act, CloseFunction, Formatting, Plan, WriteMode, WriteParameters};
use crate::mmc::cdb::{
    Blank, Cdb, CloseTrackSession, FormatUnit, ModeSelect10, ModeSense10, ReserveTrack, SendCueSheet,
    SendDiscStructure, SendOpc, SynchronizeCache,
};
use crate::mmc::cue::CueEntry;
use crate::mmc::disc_info::{self, BackgroundFormat};
use crate::mmc::disc_structure::{LayerBoundary, code as structure};
use crate::mmc::format::FormatParameters;
use crate::mmc::page::{self, MultiSession, WriteType};
use crate::mmc::policy::{During, Verdict};
use crate::mmc::sense::Sense;

use super::drive::{Drive, Pace, Patience};
use super::error::Trouble;
use super::inspect;

/// Sets page 05h: composed anew, or when the drive does not like that, its own page with our fields.
pub(super) fn write_parameters(drive: &mut Drive<'_>, wanted: &WriteParameters) -> Result<(), Trouble> {
    let page = page_of(wanted).emit();
    let select = |drive: &mut Drive<'_>, page: &[u8]| {
        let list = page::select(page);
        // A page of 255 bytes is the longest there is.
        let length = u16::try_from(list.len()).unwrap_or(u16::MAX);
        drive.give(&ModeSelect10::new(length), &list, During::SetSpeed)
    };
    match select(drive, &page) {
        Err(refused) if refused.verdict() == Some(Verdict::Unsupported) => {
            let code = page::WriteParameters::CODE;
            let answer = drive.query(&ModeSense10::new(code, 256))?.unwrap_or_default();
            let Some(own) = page::find(&answer, code).filter(|own| own.len() >= FIELDS) else {
                return Err(refused);
            };
            let mut own = own.to_vec();
            own[0] &= 0x3f;
            for field in [2..6, 8..9, 10..FIELDS] {
                own[field.clone()].copy_from_slice(&page[field]);
            }
            select(drive, &own)
        }
        other => other,
    }
}

/// Page 05h as the drive has it; `None` when it does not tell.
pub(super) fn read_back(drive: &mut Drive<'_>) -> Result<Option<page::WriteParameters>, Trouble> {
    let code = page::WriteParameters::CODE;
    let answer = drive.query(&ModeSense10::new(code, 256))?.unwrap_or_default();
    Ok(page::find(&answer, code).and_then(|page| page::WriteParameters::parse(page).ok()))
}

/// The page says what was wanted, as far as a wrong value would spoil the disc.
pub(super) fn holds(page: &page::WriteParameters, wanted: &WriteParameters) -> bool {
    let ours = page_of(wanted);
    // Drives have a mind of their own about the track mode of DVD.
    let track_mode = wanted.mode != WriteMode::TrackAtOnce || page.track_mode == ours.track_mode;
    // Of a session at once the cue sheet says what its blocks are, and not the page.
    let data_block = wanted.mode == WriteMode::SessionAtOnce || page.data_block == ours.data_block;
    page.write_type == ours.write_type
        && track_mode
        && data_block
        && page.test_write == ours.test_write
        && page.multi_session == ours.multi_session
}

/// Ends what a simulation pretended: drives show its track, and its next writable address, until test writing is off.
pub(super) fn leave_test_write(drive: &mut Drive<'_>, plan: &Plan) {
    for step in &plan.steps {
        if let Act::WriteParameters(parameters) = &step.act
            && parameters.test
            && let Err(trouble) = write_parameters(drive, &WriteParameters { test: false, ..*parameters })
        {
            tracing::warn!(%trouble, "the drive could not be taken out of test writing");
        }
    }
}

/// SEND OPC INFORMATION. The policy lets pass everything but a calibration that failed.
pub(super) fn calibrate(drive: &mut Drive<'_>, limit: Duration) -> Result<(), Trouble> {
    drive.tell(&SendOpc::calibrate(), During::Calibrate, limit)?;
    drive.settle(During::Calibrate, limit)
}

/// FORMAT UNIT, until the disc can be written.
pub(super) fn format(drive: &mut Drive<'_>, wanted: &Formatting, limit: Duration) -> Result<(), Trouble> {
    let flags = if wanted.forgets_defects { FormatParameters::FOV | FormatParameters::DCRT } else { 0 };
    let list = FormatParameters {
        flags,
        kind: wanted.kind,
        subtype: wanted.subtype,
        blocks: wanted.blocks,
        parameter: wanted.parameter,
    };
    let cdb = if wanted.forgets_defects { FormatUnit::forgetting_defects() } else { FormatUnit::new() };
    let immed = FormatParameters { flags: flags | FormatParameters::IMMED, ..list };
    match drive.give(&cdb, &immed.emit(), During::Format) {
        // Some drives know the command without its Immed bit alone, and tell no progress then.
        Err(trouble) if trouble.verdict() == Some(Verdict::Unsupported) => {
            drive.give(&cdb, &list.emit(), During::Format)?;
        }
        other => other?,
    }
    drive.settle(During::Format, limit)?;
    drive.barrier(limit)
}

/// Waits until the drive has formatted a DVD+RW to its end. Whoever cancels finds it half-way, and writable.
pub(super) fn await_format(drive: &mut Drive<'_>, limit: Duration) -> Result<(), Trouble> {
    drive.begin(Phase::Erasing, 0, true);
    let mut patience = Patience::new(drive.host.now(), limit, Pace::POLL);
    while inspect::disc_information(drive)?.background_format == BackgroundFormat::Running {
        drive.show_background()?;
        drive.wait(&mut patience)?;
    }
    drive.begin(Phase::Erasing, 0, false);
    Ok(())
}

/// SEND DISC STRUCTURE 20h.
pub(super) fn layer_break(drive: &mut Drive<'_>, blocks: u32, limit: Duration) -> Result<(), Trouble> {
    let boundary = LayerBoundary { fixed: false, blocks }.emit();
    let cdb = SendDiscStructure::new(structure::LAYER_BOUNDARY, LayerBoundary::LEN);
    match drive.give(&cdb, &boundary, During::SetSpeed) {
        // The layers stay as they are, which costs padding and nothing else.
        Err(trouble) if trouble.verdict() == Some(Verdict::Unsupported) => {
            tracing::warn!(%trouble, "the drive does not let the end of layer 0 be chosen");
            Ok(())
        }
        other => other.and_then(|()| drive.settle(During::SetSpeed, limit)),
    }
}

/// RESERVE TRACK.
pub(super) fn reserve(drive: &mut Drive<'_>, blocks: u32, limit: Duration) -> Result<(), Trouble> {
    drive.tell(&ReserveTrack::new(blocks), During::Format, limit)?;
    drive.settle(During::Format, limit)
}

/// SEND CUE SHEET.
pub(super) fn cue_sheet(drive: &mut Drive<'_>, sheet: &[CueEntry], limit: Duration) -> Result<(), Trouble> {
    let bytes: Vec<u8> = sheet.iter().flat_map(|entry| entry.emit()).collect();
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    drive.give(&SendCueSheet::new(length), &bytes, During::SetSpeed)?;
    drive.settle(During::SetSpeed, limit)
}

/// SYNCHRONIZE CACHE, until the buffer is on the disc.
pub(super) fn flush(drive: &mut Drive<'_>, limit: Duration) -> Result<(), Trouble> {
    drive.begin(Phase::Flushing, 0, false);
    match drive.tell(&SynchronizeCache::new(true), During::Flush, limit) {
        Err(trouble) if trouble.verdict() == Some(Verdict::Unsupported) => {
            drive.tell(&SynchronizeCache::new(false), During::Flush, limit)
        }
        other => {
            other.and_then(|()| drive.settle(During::Flush, limit))?;
            if drive.quirks.flushes_twice {
                drive.tell(&SynchronizeCache::new(false), During::Flush, limit)?;
            }
            Ok(())
        }
    }
}

/// Stops the format that a DVD+RW goes on with. A drive that has ended it by itself may say so.
pub(super) fn stop_format(drive: &mut Drive<'_>, limit: Duration) -> Result<(), Trouble> {
    match close(drive, CloseTrackSession::STOP_FORMAT, 0, limit) {
        Err(Trouble::Refused { sense, why, .. }) if sense.key == 5 && !sense.deferred => {
            tracing::info!(%sense, why, "no format is to be stopped");
            Ok(())
        }
        other => other,
    }
}

/// Closes the session or the disc, by the second function when the drive does not know the first.
pub(super) fn close_session(
    drive: &mut Drive<'_>,
    function: CloseFunction,
    otherwise: Option<CloseFunction>,
    limit: Duration,
) -> Result<(), Trouble> {
    match (close(drive, function.number(), 0, limit), otherwise) {
        (Err(trouble), Some(other)) if trouble.verdict() == Some(Verdict::Unsupported) => {
            close(drive, other.number(), 0, limit)
        }
        (closed, _) => closed,
    }
}

/// CLOSE TRACK/SESSION, until it is done.
pub(super) fn close(drive: &mut Drive<'_>, function: u8, track: u16, limit: Duration) -> Result<(), Trouble> {
    match drive.tell(&CloseTrackSession::new(function, track, true), During::Close, limit) {
        Err(trouble) if trouble.verdict() == Some(Verdict::Unsupported) => {
            drive.tell(&CloseTrackSession::new(function, track, false), During::Close, limit)?;
        }
        other => other?,
    }
    match drive.settle(During::Close, limit) {
        // Drives announce the disc anew once it is closed. If it still is recorded, it is ours.
        Err(Trouble::Refused { sense, .. }) if (sense.key, sense.asc) == (6, 0x28) => {
            still_there(drive, limit, sense)
        }
        other => other,
    }?;
    drive.barrier(limit)
}

/// BLANK, until it is done.
pub(super) fn blank(drive: &mut Drive<'_>, full: bool, limit: Duration) -> Result<(), Trouble> {
    let what = if full { Blank::FULL } else { Blank::MINIMAL };
    match drive.tell(&Blank::new(what, true), During::Blanking, limit) {
        Err(trouble) if trouble.verdict() == Some(Verdict::Unsupported) => {
            // Some drives know the command without its Immed bit alone, and tell no progress then.
            drive.tell(&Blank::new(what, false), During::Blanking, limit)?;
        }
        other => other?,
    }
    drive.settle(During::Blanking, limit)?;
    drive.barrier(limit)
}

fn still_there(drive: &mut Drive<'_>, limit: Duration, sense: Sense) -> Result<(), Trouble> {
    drive.settle(During::Close, limit)?;
    let disc = inspect::disc_information(drive)?;
    if disc.status == disc_info::DiscStatus::Blank {
        let why = "another disc is in the drive";
        return Err(Trouble::refused(CloseTrackSession::OPCODE, sense, Verdict::Interrupted, why));
    }
    Ok(())
}

fn page_of(wanted: &WriteParameters) -> page::WriteParameters {
    let multi = if wanted.appendable { MultiSession::More } else { MultiSession::Last };
    let page = match wanted.mode {
        WriteMode::TrackAtOnce => page::WriteParameters::cd_track_at_once(multi, wanted.test),
        WriteMode::SessionAtOnce => page::WriteParameters {
            write_type: WriteType::SessionAtOnce,
            ..page::WriteParameters::cd_track_at_once(multi, wanted.test)
        },
        WriteMode::Incremental => page::WriteParameters::dvd_incremental(multi, wanted.test),
        WriteMode::DiscAtOnce => page::WriteParameters::dvd_disc_at_once(wanted.test),
    };
    page::WriteParameters { underrun_protection: wanted.underrun_free, ..page }
}

/// Bytes of page 05h up to the packet size, behind which nothing of ours stands.
const FIELDS: usize = 14;
