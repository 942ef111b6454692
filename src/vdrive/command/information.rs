//! READ DISC INFORMATION, READ TRACK INFORMATION.

use super::toc::LEAD_IN;
use super::{Answer, Call};
use crate::mmc::Profile;
use crate::mmc::cdb::{ReadDiscInformation, ReadTrackInformation};
use crate::mmc::cue::SectorMode;
use crate::mmc::disc_info::{BackgroundFormat, DiscInformation, DiscStatus, SessionState};
use crate::mmc::msf::Msf;
use crate::mmc::profile::WriteModel;
use crate::mmc::track_info::TrackInformation;
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::{Layout, TrackState, TrackView};
use crate::vdrive::refusal::Refusal;

/// Lead-out and lead-in before the first block of a later CD session: the lead-in starts so far before it.
const CD_LEAD_IN: u32 = 4500 + 150;

/// How the disc stands.
pub fn read_disc_information(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadDiscInformation = call.read()?;
    if cdb.data_type & 7 != 0 {
        return Err(Refusal::BadField { byte: 1 });
    }
    let layout = drive.ready_medium()?.layout();
    Ok(Answer::data(&cdb, disc_information(layout).emit()))
}

/// How a track stands; while a test write runs, how it would.
pub fn read_track_information(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadTrackInformation = call.read()?;
    let layout = drive.visible_layout()?;
    let number = cdb.number.get();
    let views = layout.all_views();
    let view = match cdb.by & 3 {
        ReadTrackInformation::BY_ADDRESS => containing(&views, number),
        ReadTrackInformation::BY_TRACK if number == ReadTrackInformation::OPEN_TRACK => layout.open_track(),
        ReadTrackInformation::BY_TRACK => views.iter().find(|view| u32::from(view.number) == number).copied(),
        ReadTrackInformation::BY_SESSION => {
            views.iter().find(|view| u32::from(view.session) == number).copied()
        }
        _ => None,
    };
    let view = view.ok_or(Refusal::BadField { byte: 2 })?;
    Ok(Answer::data(&cdb, track_information(layout, &view).emit()))
}

fn disc_information(layout: &Layout) -> DiscInformation {
    let sessions = u16::try_from(layout.sessions.len()).unwrap_or(u16::MAX);
    let tracks = u16::try_from(layout.tracks().count()).unwrap_or(u16::MAX);
    let first_in_last = layout.first_track_of(sessions);
    let damaged = layout.tracks().any(|(of, track)| of == sessions && track.state == TrackState::Damaged);
    let empty = tracks < first_in_last;
    let (status, last_session) = match (layout.finalized, empty) {
        // A formatted BD-R has nothing on it, and is no longer as it was bought.
        _ if layout.is_blank() && layout.special.bd_r.is_none() => (DiscStatus::Blank, SessionState::Empty),
        (true, _) => (DiscStatus::Complete, SessionState::Complete),
        (false, true) => (DiscStatus::Appendable, SessionState::Empty),
        (false, false) if damaged => (DiscStatus::Appendable, SessionState::Damaged),
        (false, false) => (DiscStatus::Appendable, SessionState::Incomplete),
    };
    // The track that does not exist until it is written to counts.
    let last_track = layout.all_views().last().map_or(tracks, |view| view.number);
    let (last_lead_in, last_lead_out) = limits(layout);
    DiscInformation {
        status,
        last_session,
        erasable: layout.rules().erasable,
        first_track: 1,
        sessions,
        first_track_in_last_session: first_in_last,
        last_track_in_last_session: last_track,
        unrestricted: true,
        background_format: layout
            .overwrite()
            .map_or(BackgroundFormat::None, |format| format.background(layout.profile)),
        disc_type: disc_type(layout),
        disc_id: None,
        last_lead_in,
        last_lead_out,
        opc_tables: 0,
    }
}

/// FFh until a session says what it is.
fn disc_type(layout: &Layout) -> u8 {
    let first = layout.sessions.first().filter(|_| !layout.is_blank());
    first.map_or(0xff, |session| session.cd.kind)
}

/// Where the last session's lead-in starts and a lead-out can start at the latest: positions on CD, none on a
/// complete one; blocks on DVD.
fn limits(layout: &Layout) -> (u32, u32) {
    const NONE: u32 = 0x00ff_ffff;
    let position = |lba: u32| {
        let msf = i32::try_from(lba).ok().and_then(Msf::from_lba).unwrap_or(Msf::new(99, 59, 74));
        packed(msf)
    };
    let start = layout.sessions.last().map_or(0, |session| session.start);
    match (layout.profile.is_cd(), layout.finalized) {
        (true, true) => (NONE, NONE),
        (true, false) if start == 0 => (packed(LEAD_IN), position(layout.capacity)),
        (true, false) => (position(start.saturating_sub(CD_LEAD_IN)), position(layout.capacity)),
        (false, true) => (0xffff_ffff, 0xffff_ffff),
        (false, false) => (start, layout.capacity),
    }
}

fn packed(msf: Msf) -> u32 {
    u32::from_be_bytes([0, msf.minute, msf.second, msf.frame])
}

fn containing(views: &[TrackView], lba: u32) -> Option<TrackView> {
    views.iter().find(|view| (view.start..view.start.saturating_add(view.size)).contains(&lba)).copied()
}

fn track_information(layout: &Layout, view: &TrackView) -> TrackInformation {
    let signed = |lba: u32| i32::try_from(lba).unwrap_or(i32::MAX);
    let cd = layout.profile.is_cd();
    let model = layout.profile.write_model();
    let packets = matches!(model, WriteModel::Incremental | WriteModel::Overwrite) && !layout.special.at_once;
    let open = matches!(view.state, None | Some(TrackState::Open | TrackState::Reserved));
    TrackInformation {
        track: view.number,
        session: view.session,
        damaged: view.state == Some(TrackState::Damaged),
        copy: cd && view.cd.control & 0x02 != 0,
        // 5: a data track that is written incrementally.
        mode: if model == WriteModel::Incremental { 5 } else { view.cd.control },
        reserved: view.state == Some(TrackState::Reserved),
        blank: view.last.is_none() && open,
        packet: packets,
        // On DVD-R and DVD-RW recorded in sequence, packets are of any number of blocks (and growisofs insists on it).
        fixed_packets: packets
            && !matches!(layout.profile, Profile::DVD_R | Profile::DVD_RW | Profile::DVD_R_DL),
        // Nobody knows the mode of data that are not there.
        data_mode: match view.cd.mode {
            _ if view.state.is_none() && cd => 0x0f,
            SectorMode::Audio => 0x0f,
            SectorMode::Mode1 => 1,
            SectorMode::Mode2 | SectorMode::Xa => 2,
        },
        start: signed(view.start),
        // What is written at once goes on in the lead-in and in pauses, too.
        next_writable: view.next.map(|next| layout.next_at_once().unwrap_or(signed(next))),
        free: view.free,
        packet_size: if cd { 0 } else { layout.rules().alignment },
        size: view.size,
        last_recorded: view.last.filter(|_| !cd).map(signed),
    }
}
