//! What a CD tells of itself: the table of contents, the codes and points in sub-channel Q, and the texts in the lead-in.

use std::time::Duration;

use crate::api::contents::{DiscContents, DiscTrack};
use crate::api::{self, ErrorKind, Phase};
use crate::mmc::cd_text::PACK;
use crate::mmc::cdb::{ReadCd, ReadSubChannel, ReadToc};
use crate::mmc::policy::During;
use crate::mmc::subchannel::is_isrc;
use crate::mmc::toc::{FullToc, LEAD_OUT, Toc};

use super::drive::Drive;
use super::erase::no_disc;
use super::error::{Doing, Scene, Trouble};
use super::inspect::{self, READY};

mod points;

/// Reads what the CD in the drive tells of itself. What a drive or a disc does not tell is left out.
///
/// # Errors
/// `MediumNotPresent`; `MediumInvalidType` for what is no CD; `DiscInfo` for one without a closed session, or when its table of
/// contents cannot be read; `UserAbort`.
pub fn contents(drive: &mut Drive<'_>) -> api::Result<DiscContents> {
    drive.begin(Phase::Preparing, 0, true);
    let failed = |trouble: Trouble| Scene::new(Doing::Looking).error(&trouble);
    match drive.settle(During::Load, READY) {
        Err(trouble) if trouble.verdict() == Some(crate::mmc::policy::Verdict::NoMedium) => {
            return Err(no_disc());
        }
        settled => settled.map_err(failed)?,
    }
    let profile = inspect::configuration(drive).map_err(failed)?.current;
    if !profile.is_cd() {
        let message = format!("The disc in the drive is a {profile}, and only CDs have tracks of sound.");
        return Err(api::Error::new(ErrorKind::MediumInvalidType, message));
    }
    let contents = read(drive);
    drive.until = None;
    let contents = contents.map_err(failed)?;
    if contents.tracks.is_empty() {
        let message = "The disc in the drive has no closed session, so it has no table of contents yet.";
        return Err(api::Error::new(ErrorKind::DiscInfo, message));
    }
    Ok(contents)
}

fn read(drive: &mut Drive<'_>) -> Result<DiscContents, Trouble> {
    let mut contents =
        DiscContents { tracks: tracks(drive)?, catalog: catalog(drive)?, ..DiscContents::default() };
    for track in &mut contents.tracks {
        if track.data {
            track.mode_2 = mode(drive, track.start)? == Some(2);
        } else {
            track.isrc = isrc(drive, track.number)?;
        }
    }
    contents.packs = packs(drive)?;
    // Every point takes a seek or twenty, and some drives take a second for each.
    drive.until = Some(drive.host.now().saturating_add(POINTS));
    contents.points_missing = !points::find(drive, &mut contents.tracks)?;
    Ok(contents)
}

/// The tracks of the closed sessions, by the full table of contents or, of a drive without it, by the short one.
fn tracks(drive: &mut Drive<'_>) -> Result<Vec<DiscTrack>, Trouble> {
    let answer = drive.query(&ReadToc::new(FULL, 1, LONGEST))?.unwrap_or_default();
    let full = FullToc::parse(&answer).unwrap_or_default();
    let position = |position: [u8; 3]| {
        let [minute, second, frame] = position;
        u32::try_from(crate::mmc::msf::Msf::new(minute, second, frame).lba()).ok()
    };
    let mut tracks: Vec<DiscTrack> = Vec::new();
    let mut ends: Vec<(u8, u32)> = Vec::new();
    for entry in full.entries.iter().filter(|entry| entry.adr_control >> 4 == 1) {
        match (entry.point, position(entry.position)) {
            (1..=99, Some(start)) => tracks.push(track(entry.point, entry.session, entry.adr_control, start)),
            (0xa2, Some(end)) => ends.push((entry.session, end)),
            _ => {}
        }
    }
    if tracks.is_empty() || ends.is_empty() {
        let answer = drive.query(&ReadToc::new(SHORT, 0, LONGEST))?.unwrap_or_default();
        let toc = Toc::parse(&answer).unwrap_or_default();
        ends =
            toc.lead_out().and_then(|end| u32::try_from(end).ok()).map(|end| (1, end)).into_iter().collect();
        let listed =
            toc.entries.iter().filter(|entry| (1..=99).contains(&entry.track) && entry.track != LEAD_OUT);
        tracks = listed
            .filter_map(|entry| Some(track(entry.track, 1, entry.control, u32::try_from(entry.start).ok()?)))
            .collect();
    }
    tracks.sort_by_key(|track| track.number);
    tracks.dedup_by_key(|track| track.number);
    let starts: Vec<(u8, u32)> = tracks.iter().map(|track| (track.session, track.start)).collect();
    for (at, track) in tracks.iter_mut().enumerate() {
        let next =
            starts.get(at + 1).filter(|(session, _)| *session == track.session).map(|(_, start)| *start);
        let end = ends.iter().find(|(session, _)| *session == track.session).map(|(_, end)| *end);
        track.end = next.or(end).unwrap_or(track.start);
    }
    // What ends before it begins is no drive's honest answer.
    tracks.retain(|track| track.end > track.start);
    Ok(tracks)
}

const fn track(number: u8, session: u8, control: u8, start: u32) -> DiscTrack {
    DiscTrack {
        number,
        session,
        start,
        end: start,
        data: control & 4 != 0,
        mode_2: false,
        copy_permitted: control & 2 != 0,
        pre_emphasis: control & 5 == 1,
        four_channels: control & 0xc == 8,
        gap: 0,
        indexes: Vec::new(),
        isrc: String::new(),
    }
}

fn catalog(drive: &mut Drive<'_>) -> Result<String, Trouble> {
    let answer = drive.query(&ReadSubChannel::new(ReadSubChannel::CATALOG, 0, 24))?;
    let digits = valid(answer.as_deref(), 13).filter(|digits| digits.iter().all(u8::is_ascii_digit));
    // Drives call a number of zeroes valid where there is none.
    let digits = digits.filter(|digits| digits.iter().any(|digit| *digit != b'0'));
    Ok(digits.map(text).unwrap_or_default())
}

fn isrc(drive: &mut Drive<'_>, number: u8) -> Result<String, Trouble> {
    let answer = drive.query(&ReadSubChannel::new(ReadSubChannel::ISRC, number, 24))?;
    let code = valid(answer.as_deref(), 12);
    Ok(code.filter(|code| code.first_chunk().is_some_and(is_isrc)).map(text).unwrap_or_default())
}

/// The characters of an answer that says that they are valid (MMC-6, READ SUB-CHANNEL: MCVal, TCVal).
fn valid(answer: Option<&[u8]>, length: usize) -> Option<&[u8]> {
    let answer = answer?;
    (answer.get(8)? & 0x80 != 0).then(|| answer.get(9..9 + length)).flatten()
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The mode in the header of a data block.
fn mode(drive: &mut Drive<'_>, block: u32) -> Result<Option<u8>, Trouble> {
    let answer = drive.query(&ReadCd::new(block.cast_signed(), 1, HEADER))?;
    Ok(answer.and_then(|answer| answer.get(3).map(|mode| mode & 3)))
}

fn packs(drive: &mut Drive<'_>) -> Result<Vec<[u8; PACK]>, Trouble> {
    let answer = drive.query(&ReadToc::new(TEXT, 0, LONGEST))?.unwrap_or_default();
    let length = answer.first_chunk::<2>().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
    let packs = answer.get(4..answer.len().min(length + 2)).unwrap_or_default();
    Ok(packs.as_chunks::<PACK>().0.to_vec())
}

/// READ TOC/PMA/ATIP: formats.
const SHORT: u8 = 0;
const FULL: u8 = 2;
const TEXT: u8 = 5;
/// Every answer fits: 2048 packs are the longest. Adapters exist that fail at odd lengths.
const LONGEST: u16 = 4 + 2048 * PACK as u16;
/// READ CD: the four bytes of the header.
const HEADER: u8 = 0x20;
/// All seeks for gaps and index points together.
const POINTS: Duration = Duration::from_secs(240);
