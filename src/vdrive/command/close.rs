//! RESERVE TRACK, CLOSE TRACK/SESSION, BLANK, SEND OPC INFORMATION.

use std::time::Duration;

use super::{Answer, Call};
use crate::mmc::Profile;
use crate::mmc::cdb::{Blank, CloseTrackSession, ReserveTrack, SendOpc};
use crate::mmc::page::{MultiSession, WriteType};
use crate::mmc::profile::WriteModel;
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::Layout;
use crate::vdrive::refusal::Refusal;
use crate::vdrive::state::{Effect, OperationKind};

/// Blocks of lead-out that closing writes, for how long it takes.
pub const LEAD_OUT: u32 = 6750;

/// What a function of CLOSE TRACK/SESSION does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    /// Closes a track.
    Track,
    /// Closes the session; page 05h says whether another may follow.
    SessionByPage,
    /// Closes the session; another may follow.
    Session,
    /// Closes session and disc.
    Disc,
    /// Stops formatting in the background.
    StopFormat,
    /// Ends a format that is under way, so that what is written can be read elsewhere.
    EndFormat,
}

/// Which functions there are on which disc (MMC-6, CLOSE TRACK/SESSION).
#[rustfmt::skip]
const CLOSING: &[(Profile, u8, Close)] = &[
    (Profile::CD_R,             1, Close::Track),      (Profile::CD_R,          2, Close::SessionByPage),
    (Profile::CD_RW,            1, Close::Track),      (Profile::CD_RW,         2, Close::SessionByPage),
    (Profile::DVD_R,            1, Close::Track),      (Profile::DVD_R,         2, Close::SessionByPage),
    (Profile::DVD_RW,           1, Close::Track),      (Profile::DVD_RW,        2, Close::SessionByPage),
    // One session is all there can be.
    (Profile::DVD_R_DL,         1, Close::Track),      (Profile::DVD_R_DL,      2, Close::Disc),
    (Profile::DVD_PLUS_R,       1, Close::Track),      (Profile::DVD_PLUS_R,    2, Close::Session),
    (Profile::DVD_PLUS_R,       5, Close::Disc),       (Profile::DVD_PLUS_R,    6, Close::Disc),
    (Profile::DVD_PLUS_R_DL,    1, Close::Track),      (Profile::DVD_PLUS_R_DL, 2, Close::Session),
    (Profile::DVD_PLUS_R_DL,    5, Close::Disc),       (Profile::DVD_PLUS_R_DL, 6, Close::Disc),
    (Profile::BD_R,             1, Close::Track),      (Profile::BD_R,          2, Close::Session),
    (Profile::BD_R,             6, Close::Disc),
    (Profile::DVD_RW_OVERWRITE, 2, Close::EndFormat),
    (Profile::DVD_PLUS_RW,      0, Close::StopFormat), (Profile::DVD_PLUS_RW,   2, Close::EndFormat),
    (Profile::DVD_PLUS_RW,      3, Close::EndFormat),
];

/// RESERVE TRACK. On DVD-R and DVD-RW it is how writing at once begins.
pub fn reserve_track(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReserveTrack = call.read()?;
    if cdb.flags & 3 != 0 {
        return Err(Refusal::BadField { byte: 1 });
    }
    let mut after = drive.visible_layout()?.clone();
    if after.at_once.is_some() {
        return Err(Refusal::SequenceError);
    }
    let incremental = after.profile.write_model() == WriteModel::Incremental;
    if incremental && drive.parameters.write_type == WriteType::SessionAtOnce {
        after.reserve_at_once(cdb.size.get())?;
    } else if after.special.minimally_blanked {
        return Err(Refusal::WrongMode);
    } else {
        after.reserve(cdb.size.get())?;
    }
    if drive.parameters.test_write {
        drive.pretended = Some(after);
    } else if let Some(medium) = &mut drive.medium {
        medium.settle(after).map_err(|_| Refusal::MediumFailed)?;
    }
    Ok(Answer::default())
}

/// CLOSE TRACK/SESSION: which functions there are depends on the disc.
pub fn close_track_session(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: CloseTrackSession = call.read()?;
    let mut after = drive.visible_layout()?.clone();
    let (.., close) = CLOSING
        .iter()
        .find(|(profile, function, _)| (*profile, *function) == (after.profile, cdb.function & 7))
        .ok_or(Refusal::BadField { byte: 2 })?;
    // A session at once is closed by its last flush.
    if after.at_once.is_some() {
        return Err(Refusal::SequenceError);
    }
    let page_says_more = drive.parameters.multi_session == MultiSession::More;
    match close {
        Close::Track => after.close_track(cdb.track.get())?,
        Close::SessionByPage => after.close_session(page_says_more)?,
        Close::Session => after.close_session(true)?,
        Close::Disc => after.close_session(false)?,
        Close::StopFormat | Close::EndFormat => after.end_format()?,
    }
    let session = !matches!(close, Close::Track | Close::StopFormat);
    let flush = drive.options.pace.duration(drive.buffer.flush());
    let blocks = if session { LEAD_OUT } else { 0 };
    let takes = flush + drive.options.pace.recording(blocks, drive.write_speed);
    let effect = closed(drive, after, session);
    Ok(drive.run(OperationKind::Long, takes, effect, cdb.flags & 1 != 0, call.now))
}

/// What closing changes. Nothing during a test write, whose pretence ends with its session.
fn closed(drive: &mut Drive, after: Layout, session: bool) -> Effect {
    if drive.pretended.is_none() && !drive.parameters.test_write {
        return Effect::Layout { after: Box::new(after), changed: session };
    }
    drive.pretended = (!session).then_some(after);
    Effect::None
}

/// BLANK: everything, or what makes the disc count as blank; of a CD-RW also tracks, sessions, and what closes one.
pub fn blank(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: Blank = call.read()?;
    let mut after = drive.ready_medium()?.layout().clone();
    let before = after.data_end();
    let piecewise = after.profile == Profile::CD_RW;
    let address = cdb.address.get();
    match cdb.what & 7 {
        what @ (Blank::FULL | Blank::MINIMAL) => after.erase(what == Blank::MINIMAL)?,
        Blank::TRACK if piecewise => after.erase_track(address)?,
        Blank::UNRESERVE if piecewise => after.unreserve()?,
        Blank::TRACK_TAIL if piecewise => after.erase_tail(address)?,
        Blank::UNCLOSE if piecewise => after.unclose()?,
        Blank::SESSION if piecewise => after.erase_session()?,
        _ => return Err(Refusal::BadField { byte: 1 }),
    }
    drive.pretended = None;
    drive.buffer.clear();
    let blocks = match cdb.what & 7 {
        Blank::FULL => after.capacity,
        Blank::MINIMAL => LEAD_OUT,
        _ => LEAD_OUT + before.saturating_sub(after.data_end()),
    };
    let takes = drive.options.pace.recording(blocks, drive.write_speed);
    let effect = Effect::Layout { after: Box::new(after), changed: true };
    Ok(drive.run(OperationKind::Long, takes, effect, cdb.what & Blank::IMMED != 0, call.now))
}

/// SEND OPC INFORMATION: calibrates, which changes nothing here. Tables of the host are not taken.
pub fn send_opc(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: SendOpc = call.read()?;
    if !call.data.is_empty() || cdb.flags & 1 == 0 {
        return Err(Refusal::BadField { byte: 1 });
    }
    let layout = drive.ready_medium()?.layout();
    if layout.finalized && layout.overwrite().is_none() {
        return Err(Refusal::WriteProtected);
    }
    let takes = drive.options.pace.duration(Duration::from_millis(800));
    Ok(drive.run(OperationKind::Long, takes, Effect::None, false, call.now))
}
