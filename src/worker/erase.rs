//! Blanking a disc.

use std::time::Duration;

use crate::api::{self, ErrorKind, Phase};
use crate::burn::{self, Act, Harm};
use crate::mmc::cdb::Blank;
use crate::mmc::policy::{During, Verdict};

use super::drive::Drive;
use super::error::{Doing, Scene, Trouble};
use super::inspect;
use super::record::one_line;
use super::tray::{self, Locked};

/// Erases the disc: the whole of it, or what makes it blank again. It cannot be stopped once it has begun.
///
/// # Errors
/// `MediumNotPresent`; `MediumInvalidType` for what cannot be erased, `DeviceInvalidType` for a drive that cannot,
/// `EraseFailed` with the drive's complaint.
pub fn erase(drive: &mut Drive<'_>, full: bool, eject: bool) -> api::Result<()> {
    drive.begin(Phase::Preparing, 0, true);
    let looking = |trouble: Trouble| Scene::new(Doing::Looking).error(&trouble);
    let facts = inspect::facts_for_erasing(drive).map_err(looking)?.ok_or_else(no_disc)?;
    let plan = burn::plan_erase(&facts, full)?;
    tracing::info!(plan = one_line(&plan), "erasing");
    let scene = Scene {
        doing: Doing::Erasing,
        harm: Harm::DiscUntouched,
        block: None,
        disc: facts.kind().name(),
        rewritable: true,
    };
    {
        let mut drive = Locked::new(drive).map_err(|trouble| scene.error(&trouble))?;
        drive.check_cancel().map_err(|trouble| scene.error(&trouble))?;
        drive.begin(Phase::Erasing, 0, false);
        for step in &plan.steps {
            let Act::Blank { full } = step.act else { continue };
            blank(&mut drive, full, step.timeout).map_err(|trouble| {
                // A refusal of the command itself comes before anything is touched.
                let refused = trouble.verdict() == Some(Verdict::Unsupported);
                let harm = if refused { Harm::DiscUntouched } else { step.if_it_fails };
                Scene { harm, ..scene }.error(&trouble)
            })?;
        }
    }
    if eject { tray::eject(drive) } else { Ok(()) }
}

/// The error for an empty drive.
pub(super) fn no_disc() -> api::Error {
    api::Error::new(
        ErrorKind::MediumNotPresent,
        "There is no disc in the drive: insert one and close the tray.",
    )
}

fn blank(drive: &mut Drive<'_>, full: bool, limit: Duration) -> Result<(), Trouble> {
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
