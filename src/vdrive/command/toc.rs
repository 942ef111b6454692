//! READ TOC/PMA/ATIP: table of contents, sessions, full table, PMA, ATIP and CD-TEXT (MMC-6, 6.25).

use super::{Answer, Call};
use crate::mmc::Profile;
use crate::mmc::cdb::ReadToc;
use crate::mmc::msf::Msf;
use crate::mmc::toc::{Atip, FullToc, FullTocEntry, LEAD_OUT, SessionInfo, Toc, TocEntry};
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::{Layout, Track, TrackState};
use crate::vdrive::refusal::Refusal;

/// Control nibble of a data track.
const DATA: u8 = 4;
/// Where the lead-in starts in the groove of the discs of this drive.
pub const LEAD_IN: Msf = Msf::new(97, 15, 17);

/// What is known of the disc's sessions; sessions that are not closed are in no table of contents.
pub fn read_toc(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadToc = call.read()?;
    let layout = drive.ready_medium()?.layout();
    let msf = cdb.flags & 2 != 0;
    // MMC-1 hosts ask for the format in the last byte.
    let format = if cdb.format & 0x0f == 0 { cdb.control >> 6 } else { cdb.format & 0x0f };
    let bytes = match format {
        0 => toc(layout, cdb.number)?.emit(msf),
        1 => session_info(layout)?.emit(msf),
        2 if layout.profile.is_cd() => full_toc(layout, cdb.number)?.emit(),
        3 if layout.profile.is_cd() => pma(layout),
        5 if layout.profile.is_cd() => cd_text(layout)?,
        4 if layout.profile.is_cd() => atip(layout).emit(),
        _ => return Err(Refusal::BadField { byte: 2 }),
    };
    Ok(Answer::data(&cdb, bytes))
}

fn toc(layout: &Layout, from: u8) -> Result<Toc, Refusal> {
    let lead_out = layout.closed_sessions().last().ok_or(Refusal::BadField { byte: 2 })?.2;
    let mut entries: Vec<_> = closed_tracks(layout).map(|(_, entry)| entry).collect();
    let last = entries.last().map_or(0, |entry| entry.track);
    let control = entries.last().map_or(DATA, |entry| entry.control);
    if from > last && from != LEAD_OUT {
        return Err(Refusal::BadField { byte: 6 });
    }
    entries.retain(|entry| entry.track >= from);
    entries.push(TocEntry { control, track: LEAD_OUT, start: signed(lead_out) });
    Ok(Toc { first: 1, last, entries })
}

fn session_info(layout: &Layout) -> Result<SessionInfo, Refusal> {
    let last = layout.closed_sessions().last().ok_or(Refusal::BadField { byte: 2 })?.0;
    let (_, track) =
        closed_tracks(layout).find(|(session, _)| *session == last).ok_or(Refusal::BadField { byte: 2 })?;
    Ok(SessionInfo { first: 1, last: byte(last), track })
}

fn full_toc(layout: &Layout, from: u8) -> Result<FullToc, Refusal> {
    let sessions: Vec<_> = layout.closed_sessions().collect();
    let last = sessions.last().ok_or(Refusal::BadField { byte: 2 })?.0;
    let mut entries = Vec::new();
    for (number, session, lead_out) in sessions.into_iter().filter(|(number, ..)| byte(*number) >= from) {
        let tracks: Vec<_> =
            closed_tracks(layout).filter(|(of, _)| *of == number).map(|(_, track)| track).collect();
        let control = |track: Option<&TocEntry>| track.map_or(DATA, |track| track.control);
        let (of_first, of_last) = (control(tracks.first()), control(tracks.last()));
        let point = |control, point, position| FullTocEntry {
            session: byte(number),
            adr_control: 0x10 | control,
            point,
            time: Msf::default(),
            zero: 0,
            position,
        };
        let first_track = tracks.first().map_or(0, |track| track.track);
        let last_track = tracks.last().map_or(0, |track| track.track);
        entries.push(point(of_first, 0xa0, [first_track, session.cd.kind, 0]));
        entries.push(point(of_last, 0xa1, [last_track, 0, 0]));
        entries.push(point(of_last, 0xa2, position(lead_out)));
        entries.extend(
            tracks
                .iter()
                .map(|track| point(track.control, track.track, position(track.start.unsigned_abs()))),
        );
        // B0h: where the next session can start, while there can be one; C0h: the groove's lead-in.
        let later = layout.sessions.get(usize::from(number));
        if let Some(next) = later {
            let mut entry = point(of_first, 0xb0, position(layout.capacity));
            let [minute, second, frame] = position(next.start);
            (entry.adr_control, entry.time) = (0x50 | of_first, Msf::new(minute, second, frame));
            entry.zero = 2;
            entries.push(entry);
        }
        if session.start == 0 && later.is_some() {
            let mut entry = point(of_first, 0xc0, [LEAD_IN.minute, LEAD_IN.second, LEAD_IN.frame]);
            entry.adr_control = 0x50 | of_first;
            entries.push(entry);
        }
    }
    Ok(FullToc { first: 1, last: byte(last), entries })
}

/// The programme memory area: every track that is complete or reserved, in open sessions as well: where it ends
/// and where it starts.
fn pma(layout: &Layout) -> Vec<u8> {
    let known = |track: &Track| track.state != TrackState::Open;
    let entries = (1_u8..).zip(layout.tracks()).filter(|(_, (_, track))| known(track));
    let entries = entries.map(|(number, (session, track))| {
        let [minute, second, frame] = position(track.end());
        FullTocEntry {
            session: byte(session),
            adr_control: 0x10 | track.cd.control,
            point: number,
            time: Msf::new(minute, second, frame),
            zero: 0,
            position: position(track.start),
        }
    });
    let mut bytes = FullToc { first: 0, last: 0, entries: entries.collect() }.emit();
    // Instead of sessions there are reserved bytes here.
    bytes[2..4].fill(0);
    bytes
}

/// The packs as they stand in the lead-in of the first session that has some.
fn cd_text(layout: &Layout) -> Result<Vec<u8>, Refusal> {
    let packs =
        layout.closed_sessions().map(|(_, session, _)| &session.cd.text).find(|text| !text.is_empty());
    let packs = packs.ok_or(Refusal::BadField { byte: 2 })?.as_flattened();
    let length = u16::try_from(packs.len() + 2).unwrap_or(u16::MAX);
    Ok([&length.to_be_bytes()[..], &[0, 0], packs].concat())
}

fn atip(layout: &Layout) -> Atip {
    let [minute, second, frame] = position(layout.capacity);
    Atip {
        rewritable: layout.profile == Profile::CD_RW,
        unrestricted: false,
        lead_in: LEAD_IN,
        lead_out: Msf::new(minute, second, frame),
    }
}

/// The tracks of closed sessions, each with its session.
fn closed_tracks(layout: &Layout) -> impl Iterator<Item = (u16, TocEntry)> {
    let closed = layout.closed_sessions().last().map_or(0, |(number, ..)| number);
    (1_u8..).zip(layout.tracks()).filter(move |(_, (session, _))| *session <= closed).map(
        |(number, (session, track))| {
            (session, TocEntry { control: track.cd.control, track: number, start: signed(track.start) })
        },
    )
}

fn position(lba: u32) -> [u8; 3] {
    let msf = Msf::from_lba(signed(lba)).unwrap_or(Msf::new(99, 59, 74));
    [msf.minute, msf.second, msf.frame]
}

fn signed(lba: u32) -> i32 {
    i32::try_from(lba).unwrap_or(i32::MAX)
}

fn byte(number: u16) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
