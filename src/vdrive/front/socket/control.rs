//! What hands do.

use std::path::Path;
use std::time::Duration;

use crate::mmc::transport::vdrive_protocol::{ControlReply, ControlRequest};
use crate::vdrive::drive::Drive;
use crate::vdrive::fault::FaultScript;
use crate::vdrive::medium::{Kind, Medium};
use crate::vdrive::speed::Pace;

/// Carries out a request.
pub fn control(drive: &mut Drive, now: Duration, request: ControlRequest) -> ControlReply {
    let done = match request {
        ControlRequest::Dump => return ControlReply::Text(drive.scene().to_string()),
        ControlRequest::Violations => return ControlReply::Lines(drive.violations().to_vec()),
        ControlRequest::Unfired => return ControlReply::Lines(drive.unfired()),
        ControlRequest::Insert { path, create } => insert(drive, now, Path::new(&path), create.as_deref()),
        ControlRequest::Eject => drive.eject(now).map_err(|_| LOCKED.to_owned()),
        ControlRequest::Remove => drive.remove(now).map(drop).map_err(|_| LOCKED.to_owned()),
        ControlRequest::Faults(text) => text
            .parse::<FaultScript>()
            .map(|script| drive.add_faults(script))
            .map_err(|error| error.to_string()),
        ControlRequest::Speed(text) => {
            text.parse::<Pace>().map(|pace| drive.set_pace(pace)).map_err(|error| error.to_string())
        }
        simple => {
            press(drive, now, &simple);
            Ok(())
        }
    };
    done.map_or_else(ControlReply::Refused, |()| ControlReply::Done)
}

/// What cannot be refused.
fn press(drive: &mut Drive, now: Duration, request: &ControlRequest) {
    match request {
        ControlRequest::Button => drive.press_button(now),
        ControlRequest::Load => drive.load(now),
        ControlRequest::ClearFaults => drive.clear_faults(),
        ControlRequest::PowerCut => drive.power_cut(now),
        // Unplugging is seen to by whoever owns the socket; the rest has answers.
        _ => {}
    }
}

const LOCKED: &str = "the tray is locked by whoever uses the drive";

fn insert(drive: &mut Drive, now: Duration, path: &Path, create: Option<&str>) -> Result<(), String> {
    let kind = create.map(str::parse::<Kind>).transpose().map_err(|error| error.to_string())?;
    if drive.locked && drive.medium().is_some() {
        return Err(LOCKED.to_owned());
    }
    let real = |path: &Path| path.canonicalize().ok();
    let inside = drive.medium().and_then(Medium::path).and_then(real);
    if inside.is_some() && inside == real(path) {
        // The disc that is in is the one that is asked for, and held locked: it has to come out first.
        drive.remove(now).map_err(|_| LOCKED.to_owned())?;
    }
    let medium = match kind {
        Some(kind) if !path.exists() => Medium::create(path, kind),
        _ => Medium::open(path),
    };
    // A disc that cannot be had leaves the one that is in where it is.
    let medium = medium.map_err(|error| error.to_string())?;
    drive.remove(now).map_err(|_| LOCKED.to_owned())?;
    drive.insert(medium, now).map_err(|_| LOCKED.to_owned())
}
