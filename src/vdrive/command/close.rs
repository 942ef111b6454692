//! RESERVE TRACK, CLOSE TRACK/SESSION, BLANK, SEND OPC INFORMATION.

use std::time::Duration;

use super::{Answer, Call};
use crate::mmc::Profile;
use crate::mmc::cdb::{Blank, CloseTrackSession, ReserveTrack, SendOpc};
use crate::mmc::page::MultiSession;
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::Layout;
use crate::vdrive::refusal::Refusal;
use crate::vdrive::state::{Effect, OperationKind};

/// Blocks of lead-out that closing writes, for how long it takes.
const LEAD_OUT: u32 = 6750;

/// RESERVE TRACK.
pub fn reserve_track(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReserveTrack = call.read()?;
    if cdb.flags & 3 != 0 {
        return Err(Refusal::BadField { byte: 1 });
    }
    let mut after = drive.visible_layout()?.clone();
    after.reserve(cdb.size.get())?;
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
    let dvd = after.profile == Profile::DVD_PLUS_R;
    let function = cdb.function & 7;
    let session = match function {
        CloseTrackSession::TRACK => {
            after.close_track(cdb.track.get())?;
            false
        }
        CloseTrackSession::SESSION => {
            // On CD the write parameters say whether another session may follow.
            after.close_session(dvd || drive.parameters.multi_session == MultiSession::More)?;
            true
        }
        CloseTrackSession::FINALIZE_MINIMAL | CloseTrackSession::FINALIZE if dvd => {
            after.close_session(false)?;
            true
        }
        _ => return Err(Refusal::BadField { byte: 2 }),
    };
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

/// BLANK: everything, or what makes the disc count as blank. Single tracks and sessions are not offered.
pub fn blank(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: Blank = call.read()?;
    let what = cdb.what & 7;
    if what > Blank::MINIMAL {
        return Err(Refusal::BadField { byte: 1 });
    }
    let mut after = drive.ready_medium()?.layout().clone();
    let capacity = after.capacity;
    after.erase()?;
    drive.pretended = None;
    drive.buffer.clear();
    let blocks = if what == Blank::FULL { capacity } else { LEAD_OUT };
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
    if drive.ready_medium()?.layout().finalized {
        return Err(Refusal::WriteProtected);
    }
    let takes = drive.options.pace.duration(Duration::from_millis(800));
    Ok(drive.run(OperationKind::Long, takes, Effect::None, false, call.now))
}
