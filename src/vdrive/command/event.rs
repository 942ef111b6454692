//! GET EVENT STATUS NOTIFICATION: the media class.

use super::{Answer, Call};
use crate::mmc::cdb::GetEventStatus;
use crate::mmc::event::{MEDIA, MediaCode, MediaEvent};
use crate::vdrive::drive::Drive;
use crate::vdrive::refusal::Refusal;
use crate::vdrive::state::Tray;

/// One event a call, each told once.
pub fn get_event_status(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: GetEventStatus = call.read()?;
    if cdb.polled & 1 == 0 {
        return Err(Refusal::BadField { byte: 1 });
    }
    if cdb.classes & MEDIA == 0 {
        return Ok(Answer::data(&cdb, MediaEvent::none()));
    }
    // An answer of the header alone tells nothing, so nothing is taken as told.
    let code = if cdb.allocation.get() > 4 { drive.news.media.pop_front() } else { None };
    let event = MediaEvent {
        code: code.unwrap_or(MediaCode::NoChange),
        open: drive.tray == Tray::Open,
        present: drive.is_loaded(),
    };
    Ok(Answer::data(&cdb, event.emit()))
}
