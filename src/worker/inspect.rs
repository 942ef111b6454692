//! A look at the drive and the disc in it: every answer bounded, none believed further than it is needed.

use std::time::Duration;

use crate::api::{self, DiscStatus, Identity, Inspection, MediaKind, Medium, TrackSummary, Tray};
use crate::burn::{self, Facts, Format, SessionState};
use crate::mmc::capacity::BufferCapacity;
use crate::mmc::cdb::{
    GetConfiguration, GetEventStatus, GetPerformance, Inquiry, ModeSense10, ReadBufferCapacity,
    ReadDiscInformation, ReadDiscStructure, ReadToc, ReadTrackInformation,
};
use crate::mmc::disc_info::{self, DiscInformation};
use crate::mmc::disc_structure::{LayerBoundary, MediaId, PreRecorded, code as structure};
use crate::mmc::event::{self, MediaEvent};
use crate::mmc::feature::{Configuration, code};
use crate::mmc::inquiry::InquiryData;
use crate::mmc::page::{self, Capabilities};
use crate::mmc::performance::WriteSpeed;
use crate::mmc::policy::{During, Verdict};
use crate::mmc::profile::Profile;
use crate::mmc::quirks::Quirks;
use crate::mmc::toc::Atip;
use crate::mmc::track_info::TrackInformation;

use super::drive::Drive;
use super::error::{Doing, Scene, Trouble};
use super::formats;

/// All that a look brings: what crosses the bus, and what a plan needs.
#[derive(Clone, Debug)]
pub struct Look {
    /// For the bus.
    pub inspection: Inspection,
    /// For a plan; `None` when there is no disc.
    pub facts: Option<Facts>,
    /// The drive's own descriptors of its write speeds, fastest first.
    pub(super) speeds: Vec<WriteSpeed>,
}

/// Looks at the drive, once it is ready: that can take minutes after a disc was inserted.
///
/// # Errors
/// `DiscInfo` when the drive is no optical drive or gives no usable answers, `UserAbort` when cancelled meanwhile, or
/// what became of the link.
pub fn inspect(drive: &mut Drive<'_>) -> api::Result<Look> {
    look(drive).map_err(|trouble| Scene::new(Doing::Looking).error(&trouble))
}

/// The facts of the disc alone, for a last comparison; `None` when there is none.
pub(super) fn facts(drive: &mut Drive<'_>) -> Result<Option<Facts>, Trouble> {
    if !ready(drive)? {
        return Ok(None);
    }
    let configuration = configuration(drive)?;
    let capabilities = capabilities(drive)?;
    let disc = disc_information(drive)?;
    Ok(Some(gather(drive, &configuration, &capabilities, disc, &[])?))
}

/// The facts that erasing needs; `None` when there is no disc. A CD-RW or DVD-RW that cannot be read, because its table
/// of contents was never written or is spoilt, is known by its profile alone.
pub(super) fn facts_for_erasing(drive: &mut Drive<'_>) -> Result<Option<Facts>, Trouble> {
    drive.get_to_know()?;
    let trouble = match facts(drive) {
        Err(trouble @ (Trouble::Refused { .. } | Trouble::Malformed(_) | Trouble::NeverReady { .. })) => {
            trouble
        }
        known => return known,
    };
    let configuration = configuration(drive)?;
    if ![Profile::CD_RW, Profile::DVD_RW, Profile::DVD_RW_OVERWRITE].contains(&configuration.current) {
        return Err(trouble);
    }
    tracing::warn!(%trouble, "the disc tells nothing of itself");
    let capabilities = capabilities(drive)?;
    Ok(Some(Facts {
        profile: configuration.current.0,
        status: DiscStatus::Other,
        last_session: SessionState::Damaged,
        rewritable: true,
        protected: false,
        last_track: 1,
        track_start: None,
        reserved: false,
        next_writable: None,
        free_blocks: 0,
        last_lead_out: None,
        can_write: can_write(&configuration),
        masters: configuration.masters(),
        test_write: configuration.can_test_write(),
        underrun_free: underrun_free(&configuration),
        can_blank: can_blank(&configuration, &capabilities),
        incremental: configuration.is_current(code::INCREMENTAL),
        calibrated: true,
        defect_management: false,
        streams: false,
        format: Format::default(),
        boundary: None,
        write_speeds: Vec::new(),
    }))
}

/// READ DISC INFORMATION.
pub(super) fn disc_information(drive: &mut Drive<'_>) -> Result<DiscInformation, Trouble> {
    let answer = drive.ask(&ReadDiscInformation::new(DiscInformation::LEN as u16), During::Query)?;
    Ok(DiscInformation::parse(&answer)?)
}

/// The track that is open for writing; `None` when the drive knows of none.
pub(super) fn open_track(drive: &mut Drive<'_>, last: u16) -> Result<Option<TrackInformation>, Trouble> {
    for number in [ReadTrackInformation::OPEN_TRACK, u32::from(last)] {
        // Some drives do not know the name FFh, others answer it with a track that takes nothing.
        if let Some(track) = track(drive, number)?.filter(|track| track.next_writable.is_some()) {
            return Ok(Some(track));
        }
    }
    Ok(None)
}

/// The room in the drive's buffer; `None` when the drive does not tell.
pub(super) fn buffer(drive: &mut Drive<'_>) -> Result<Option<BufferCapacity>, Trouble> {
    let answer = drive.query(&ReadBufferCapacity::new())?;
    Ok(answer.and_then(|answer| BufferCapacity::parse(&answer).ok()).filter(|buffer| buffer.size > 0))
}

/// Page 2Ah; all zero when the drive has none.
pub(super) fn capabilities(drive: &mut Drive<'_>) -> Result<Capabilities, Trouble> {
    let answer = drive.query(&ModeSense10::new(Capabilities::CODE, 256))?.unwrap_or_default();
    let page = page::find(&answer, Capabilities::CODE);
    Ok(page.and_then(|page| Capabilities::parse(page).ok()).unwrap_or_default())
}

fn look(drive: &mut Drive<'_>) -> Result<Look, Trouble> {
    // Once it is ready a drive answers at once: many questions that it puts off must not add up to hours.
    let looked = look_around(drive);
    drive.until = None;
    looked
}

fn look_around(drive: &mut Drive<'_>) -> Result<Look, Trouble> {
    let inquiry = InquiryData::parse(&drive.ask(&Inquiry::new(InquiryData::LEN as u16), During::Query)?)?;
    if inquiry.device_type != InquiryData::OPTICAL {
        return Err(Trouble::NotOptical { device_type: inquiry.device_type });
    }
    drive.quirks = Quirks::of(&inquiry);
    let present = ready(drive)?;
    drive.until = Some(drive.host.now().saturating_add(LOOK));
    let configuration = configuration(drive)?;
    let capabilities = capabilities(drive)?;
    let buffer_bytes = match capabilities.buffer_kib {
        0 if drive.quirks.never_ask_buffer => 0,
        0 => buffer(drive)?.map_or(0, |buffer| u64::from(buffer.size)),
        kib => u64::from(kib) * 1024,
    };
    let mut inspection = Inspection {
        identity: Identity {
            vendor: inquiry.vendor,
            product: inquiry.product,
            revision: inquiry.revision,
            serial: configuration.serial().map(printable).unwrap_or_default(),
        },
        profiles: configuration.profiles().iter().map(|profile| profile.0).collect(),
        tray: if present { Tray::Closed } else { tray(drive)? },
        medium: None,
        buffer_underrun_free: underrun_free(&configuration),
        buffer_bytes,
    };
    let (mut facts, mut speeds) = (None, Vec::new());
    if present {
        speeds = write_speeds(drive, &capabilities)?;
        let (medium, found) = medium(drive, &configuration, &capabilities, &speeds)?;
        (inspection.medium, facts) = (Some(medium), Some(found));
    }
    Ok(Look { inspection, facts, speeds })
}

/// Waits until the disc can be used; `false` when there is none.
fn ready(drive: &mut Drive<'_>) -> Result<bool, Trouble> {
    match drive.settle(During::Query, READY) {
        Ok(()) => Ok(true),
        Err(trouble) if trouble.verdict() == Some(Verdict::NoMedium) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

/// The drive's features.
pub(super) fn configuration(drive: &mut Drive<'_>) -> Result<Configuration, Trouble> {
    let answer = drive.ask(&GetConfiguration::new(GetConfiguration::ALL, 0, CONFIGURATION), During::Query)?;
    Ok(Configuration::parse(&answer)?)
}

fn tray(drive: &mut Drive<'_>) -> Result<Tray, Trouble> {
    let answer = drive.query(&GetEventStatus::new(event::MEDIA, event::LEN as u16))?.unwrap_or_default();
    Ok(match MediaEvent::parse(&answer) {
        Ok(Some(event)) if event.open => Tray::Open,
        Ok(Some(_)) => Tray::Closed,
        Ok(None) | Err(_) => Tray::Unknown,
    })
}

fn medium(
    drive: &mut Drive<'_>,
    configuration: &Configuration,
    capabilities: &Capabilities,
    speeds: &[WriteSpeed],
) -> Result<(Medium, Facts), Trouble> {
    let disc = disc_information(drive)?;
    let facts = gather(drive, configuration, capabilities, disc, speeds)?;
    let tracks = tracks(drive, &disc)?;
    let empty_last = u16::from(disc.last_session == disc_info::SessionState::Empty);
    // An open track has all that is free behind what is recorded of it.
    let open = facts.start().filter(|_| facts.is_unfinished()).map_or(u64::MAX, u64::from);
    let end = |track: &TrackSummary| (u64::from(track.start) + u64::from(track.blocks)).min(open);
    let recorded_end = tracks.iter().map(end).max();
    let free_blocks = if facts.status == DiscStatus::Closed { 0 } else { facts.usable_blocks() };
    // What can be written over is free and recorded at once.
    let all = match facts.overwrites() {
        true => recorded_end.unwrap_or(0).max(free_blocks),
        false => recorded_end.unwrap_or(0).saturating_add(free_blocks),
    };
    let medium = Medium {
        profile: facts.profile,
        status: facts.status,
        rewritable: facts.rewritable,
        protected: facts.protected,
        damaged: facts.last_session == SessionState::Damaged || cut_off(&facts),
        sessions: disc.sessions.saturating_sub(empty_last),
        tracks,
        next_writable: facts.start(),
        free_blocks,
        total_blocks: all.max(facts.room().into()),
        manufacturer_id: manufacturer(drive, &facts)?,
        write_speeds: facts.write_speeds.clone(),
        formats: burn::formats(&facts),
    };
    Ok((medium, facts))
}

/// An open last session: an earlier burn was cut off, or another program meant to go on with it.
const fn cut_off(facts: &Facts) -> bool {
    matches!((facts.status, facts.last_session), (DiscStatus::Appendable, SessionState::Incomplete))
}

fn gather(
    drive: &mut Drive<'_>,
    configuration: &Configuration,
    capabilities: &Capabilities,
    disc: DiscInformation,
    speeds: &[WriteSpeed],
) -> Result<Facts, Trouble> {
    let profile = configuration.current;
    let status = match disc.status {
        disc_info::DiscStatus::Blank => DiscStatus::Blank,
        disc_info::DiscStatus::Appendable => DiscStatus::Appendable,
        disc_info::DiscStatus::Complete => DiscStatus::Closed,
        disc_info::DiscStatus::Other => DiscStatus::Other,
    };
    let last_track = disc.last_track_in_last_session;
    let takes_data = profile.is_recordable() && status != DiscStatus::Closed;
    let track = if takes_data { open_track(drive, last_track)? } else { None };
    let next_writable = track.and_then(|track| track.next_writable);
    let last_session = match disc.last_session {
        disc_info::SessionState::Empty => SessionState::Empty,
        disc_info::SessionState::Incomplete => SessionState::Incomplete,
        disc_info::SessionState::Damaged => SessionState::Damaged,
        disc_info::SessionState::Complete => SessionState::Complete,
    };
    let format = formats::format(drive, profile, &disc)?;
    let mut facts = Facts {
        profile: profile.0,
        status,
        last_session,
        rewritable: disc.erasable || profile.is_rewritable(),
        protected: false,
        last_track,
        track_start: track.and_then(|track| u32::try_from(track.start).ok()),
        reserved: track.is_some_and(|track| track.reserved),
        next_writable,
        free_blocks: track.map_or(0, |track| u64::from(track.free)),
        last_lead_out: disc.capacity(profile).filter(|_| profile.is_cd()),
        can_write: can_write(configuration),
        masters: configuration.masters(),
        test_write: configuration.can_test_write(),
        underrun_free: underrun_free(configuration),
        can_blank: can_blank(configuration, capabilities),
        incremental: configuration.is_current(code::INCREMENTAL),
        calibrated: disc.opc_tables > 0,
        defect_management: configuration.is_current(code::DEFECT_MANAGEMENT),
        streams: configuration.is_current(code::REAL_TIME_STREAMING),
        format,
        boundary: boundary(drive, profile)?,
        write_speeds: kilobytes(speeds),
    };
    if facts.overwrites() {
        facts.status = formats::status(drive, &facts.format)?;
    } else if profile == Profile::BD_R
        && (status, last_session, next_writable) == (DiscStatus::Appendable, SessionState::Empty, Some(0))
    {
        // Formatted, and nothing recorded since.
        facts.status = DiscStatus::Blank;
    }
    Ok(facts)
}

/// Where layer 0 of a recordable DVD ends, if it has two.
fn boundary(drive: &mut Drive<'_>, profile: Profile) -> Result<Option<LayerBoundary>, Trouble> {
    if ![Profile::DVD_R_DL, Profile::DVD_PLUS_R_DL].contains(&profile) {
        return Ok(None);
    }
    let cdb = ReadDiscStructure::new(ReadDiscStructure::DVD, structure::LAYER_BOUNDARY, LayerBoundary::LEN);
    let answer = drive.query(&cdb)?.unwrap_or_default();
    Ok(LayerBoundary::parse(&answer).ok())
}

/// The drive writes CD-RW or DVD-RW, whichever is in it, so that it can blank them.
fn can_blank(configuration: &Configuration, capabilities: &Capabilities) -> bool {
    let flagged = |feature, flag: u8| {
        let data = configuration.feature(feature).and_then(|feature| feature.data.first());
        data.is_some_and(|flags| flags & flag != 0)
    };
    match configuration.current {
        Profile::DVD_RW | Profile::DVD_RW_OVERWRITE => {
            flagged(code::DVD_R_WRITE, DVD_RW) || configuration.feature(code::RIGID_OVERWRITE).is_some()
        }
        _ => flagged(code::CD_TAO, CD_RW) || capabilities.writes_cd_rw,
    }
}

/// The drive's feature for writing this disc is there, and current.
fn can_write(configuration: &Configuration) -> bool {
    let current = |feature, mask: u8| {
        configuration.is_current(feature)
            && configuration
                .feature(feature)
                .and_then(|feature| feature.data.first())
                .is_some_and(|flags| flags & mask == mask)
    };
    match configuration.current {
        Profile::CD_R => current(code::CD_TAO, 0),
        Profile::CD_RW => current(code::CD_TAO, CD_RW),
        Profile::DVD_R | Profile::DVD_R_DL => current(code::DVD_R_WRITE, 0),
        Profile::DVD_RW => current(code::DVD_R_WRITE, DVD_RW),
        Profile::DVD_PLUS_R => current(code::DVD_PLUS_R, PLUS_WRITE),
        Profile::DVD_PLUS_R_DL => current(code::DVD_PLUS_R_DL, PLUS_WRITE),
        Profile::DVD_PLUS_RW => current(code::DVD_PLUS_RW, PLUS_WRITE),
        Profile::BD_R | Profile::BD_RE => configuration.is_current(code::BD_WRITE),
        // Which feature is current there depends on the format, and drives differ.
        profile => profile.is_recordable(),
    }
}

/// The drive goes on by itself after its buffer ran empty: BUF of features 2Dh and 2Fh; DVD+ and BD always do.
fn underrun_free(configuration: &Configuration) -> bool {
    let flag = |feature| {
        let data = configuration.feature(feature).and_then(|feature| feature.data.first());
        data.is_some_and(|flags| flags & BUF != 0)
    };
    match configuration.current {
        Profile::CD_R | Profile::CD_RW => flag(code::CD_TAO),
        Profile::DVD_R | Profile::DVD_RW | Profile::DVD_R_DL => flag(code::DVD_R_WRITE),
        Profile::NONE | Profile::CD_ROM | Profile::DVD_ROM | Profile::BD_ROM => {
            flag(code::CD_TAO) || flag(code::DVD_R_WRITE)
        }
        profile => profile.is_recordable(),
    }
}

fn tracks(drive: &mut Drive<'_>, disc: &DiscInformation) -> Result<Vec<TrackSummary>, Trouble> {
    if disc.status == disc_info::DiscStatus::Blank {
        return Ok(Vec::new());
    }
    let first = u16::from(disc.first_track).max(1);
    let last = disc.last_track_in_last_session.min(MAX_TRACKS);
    let mut tracks = Vec::new();
    for number in first..=last {
        let Some(track) = track(drive, u32::from(number))? else { continue };
        if !track.blank {
            tracks.push(TrackSummary {
                number,
                session: track.session,
                start: u32::try_from(track.start).unwrap_or(0),
                blocks: track.size,
                data: track.mode & CONTROL_DATA != 0,
            });
        }
    }
    Ok(tracks)
}

fn track(drive: &mut Drive<'_>, number: u32) -> Result<Option<TrackInformation>, Trouble> {
    let answer = drive.query(&ReadTrackInformation::track(number))?;
    Ok(answer.and_then(|answer| TrackInformation::parse(&answer).ok()))
}

/// The drive's speeds for this disc, fastest first: by GET PERFORMANCE, or by page 2Ah of older drives.
fn write_speeds(drive: &mut Drive<'_>, capabilities: &Capabilities) -> Result<Vec<WriteSpeed>, Trouble> {
    // Asked twice: the first answer tells how many there are, and some drives tell it only when asked for one.
    let mut speeds = performance(drive, 1)?;
    if !speeds.is_empty() {
        speeds = performance(drive, MAX_SPEEDS)?;
    }
    if speeds.is_empty() {
        let listed = capabilities.write_speeds.iter().filter(|speed| **speed > 0);
        speeds = listed
            .map(|speed| WriteSpeed {
                flags: 0,
                end: 0,
                read: u32::from(capabilities.max_read),
                write: u32::from(*speed),
            })
            .collect();
    }
    speeds.sort_by_key(|speed| std::cmp::Reverse(speed.write));
    speeds.truncate(usize::from(MAX_SPEEDS));
    Ok(speeds)
}

fn performance(drive: &mut Drive<'_>, descriptors: u16) -> Result<Vec<WriteSpeed>, Trouble> {
    let answer = drive.query(&GetPerformance::write_speeds(descriptors))?.unwrap_or_default();
    Ok(WriteSpeed::parse_all(&answer).unwrap_or_default())
}

fn kilobytes(speeds: &[WriteSpeed]) -> Vec<u32> {
    let mut speeds: Vec<u32> = speeds.iter().map(|speed| speed.write).collect();
    speeds.sort_unstable_by(|a, b| b.cmp(a));
    speeds.dedup();
    speeds
}

/// Who made the disc, as far as the disc tells: ATIP of a CD-R or CD-RW, the groove of a DVD, disc information of a BD.
fn manufacturer(drive: &mut Drive<'_>, facts: &Facts) -> Result<String, Trouble> {
    let code = match facts.kind() {
        MediaKind::CdR | MediaKind::CdRw => {
            let answer = drive.query(&ReadToc::new(ATIP, 0, 28))?;
            answer.and_then(|answer| Atip::parse(&answer).ok()).map(|atip| atip.manufacturer())
        }
        MediaKind::DvdMinusR
        | MediaKind::DvdMinusRDualLayer
        | MediaKind::DvdMinusRwSequential
        | MediaKind::DvdMinusRwRestrictedOverwrite => {
            let cdb = ReadDiscStructure::new(ReadDiscStructure::DVD, structure::PRE_RECORDED, 260);
            let answer = drive.query(&cdb)?.unwrap_or_default();
            PreRecorded::parse(&answer).ok().map(|groove| groove.maker)
        }
        MediaKind::BdR | MediaKind::BdRe => {
            let cdb = ReadDiscStructure::new(ReadDiscStructure::BD, structure::PHYSICAL, 260);
            let answer = drive.query(&cdb)?.unwrap_or_default();
            MediaId::parse_bd(&answer).ok().flatten().map(|id| id.code())
        }
        MediaKind::DvdPlusR | MediaKind::DvdPlusRDualLayer | MediaKind::DvdPlusRw => {
            let mut found = None;
            for format in [structure::ADIP, structure::PHYSICAL] {
                let cdb = ReadDiscStructure::new(ReadDiscStructure::DVD, format, 260);
                let answer = drive.query(&cdb)?.unwrap_or_default();
                found = found.or_else(|| MediaId::parse_dvd(&answer).ok().flatten());
                if found.is_some() {
                    break;
                }
            }
            found.map(|id| id.code())
        }
        _ => None,
    };
    Ok(code.map(printable).unwrap_or_default())
}

/// Texts of a drive end up in logs and on terminals.
fn printable(text: String) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(64).collect()
}

/// After a disc was inserted.
pub(super) const READY: Duration = Duration::from_secs(300);
/// All questions of a look together.
const LOOK: Duration = Duration::from_secs(300);
/// Every feature of every drive that is known fits several times.
const CONFIGURATION: u16 = 4096;
/// A CD has 99 tracks, a DVD+R 153 fragments.
const MAX_TRACKS: u16 = 200;
const MAX_SPEEDS: u16 = 32;
const CONTROL_DATA: u8 = 0x04;
const ATIP: u8 = 4;
/// Feature 002Dh: bit 6 BUF, bit 1 CD-RW (MMC-6 5.3.22).
const BUF: u8 = 0x40;
const CD_RW: u8 = 0x02;
/// Feature 002Fh: bit 1 DVD-RW (MMC-6 5.3.24).
const DVD_RW: u8 = 0x02;
/// Features 002Ah, 002Bh and 003Bh: bit 0 Write (MMC-6 5.3.19, 5.3.20, 5.3.33).
const PLUS_WRITE: u8 = 0x01;
