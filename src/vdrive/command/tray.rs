//! START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL.

use super::{Answer, Call};
use crate::mmc::cdb::{PreventAllow, StartStopUnit};
use crate::vdrive::drive::Drive;
use crate::vdrive::refusal::Refusal;
use crate::vdrive::state::Tray;

/// Opens and closes the tray. Spinning up and down changes nothing here.
pub fn start_stop(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: StartStopUnit = call.read()?;
    let power_condition = cdb.action >> 4;
    if power_condition != 0 {
        return Ok(Answer::default());
    }
    match cdb.action & 3 {
        2 if drive.locked => Err(Refusal::RemovalPrevented),
        2 => {
            drive.open_tray();
            Ok(Answer::default())
        }
        3 => {
            if drive.tray == Tray::Open {
                drive.close_tray(call.now);
            }
            // Without Immed the answer comes when the disc is ready.
            let immed = cdb.flags & StartStopUnit::IMMED != 0;
            let ends = drive.next_deadline().filter(|_| !immed).unwrap_or(call.now);
            Ok(Answer { takes: ends.saturating_sub(call.now), ..Answer::default() })
        }
        1 => drive.ready_medium().map(|_| Answer::default()),
        _ => Ok(Answer::default()),
    }
}

/// Locks or frees the tray.
pub fn prevent_allow(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: PreventAllow = call.read()?;
    drive.locked = cdb.prevent & 1 != 0;
    Ok(Answer::default())
}
