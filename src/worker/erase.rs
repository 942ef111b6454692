//! Erasing, formatting, and closing what was cut off: a look, a plan without content, and its steps.

use crate::api::{self, ErrorKind, Phase};
use crate::burn::{self, Act, Facts, Harm, Plan, Step};
use crate::mmc::cdb::CloseTrackSession;
use crate::mmc::policy::Verdict;

use super::acts;
use super::drive::Drive;
use super::error::{Doing, Scene, Trouble};
use super::inspect;
use super::record::one_line;
use super::tray::{self, Locked};
use super::write::{Job, Stop, Writer};

/// Erases the disc: the whole of it, or what makes it blank again. What the drive does by itself cannot be stopped once
/// it has begun; zeroes can.
///
/// # Errors
/// `MediumNotPresent`; `MediumInvalidType` for what cannot be erased, `DeviceInvalidType` for a drive that cannot,
/// `EraseFailed` with the drive's complaint, `UserAbort`.
pub fn erase(drive: &mut Drive<'_>, full: bool, eject: bool) -> api::Result<()> {
    wipe(drive, Doing::Erasing, eject, |facts| burn::plan_erase(facts, full))
}

/// Formats the disc: as `choice` names it or as the drive offers first, `full` where every block is to be written or
/// tried.
///
/// # Errors
/// `MediumNotPresent`; `MediumInvalidType` for what is not formatted, `InvalidArgs` for a format that the drive does not
/// offer, `DeviceInvalidType` for a drive that cannot, `EraseFailed` with the drive's complaint, `UserAbort`.
pub fn format(drive: &mut Drive<'_>, choice: Option<&str>, full: bool, eject: bool) -> api::Result<()> {
    wipe(drive, Doing::Formatting, eject, |facts| burn::plan_format(facts, choice, full))
}

/// Closes a last session that was cut off, so that another one can follow.
///
/// # Errors
/// `MediumNotPresent`; `CannotWriteToMedia` when no session is open; `WriteFailed` with the drive's complaint.
pub fn close_unfinished(drive: &mut Drive<'_>) -> api::Result<()> {
    wipe(drive, Doing::Closing, false, burn::plan_close)
}

/// The error for an empty drive.
pub(super) fn no_disc() -> api::Error {
    api::Error::new(
        ErrorKind::MediumNotPresent,
        "There is no disc in the drive: insert one and close the tray.",
    )
}

fn wipe(
    drive: &mut Drive<'_>,
    doing: Doing,
    eject: bool,
    plan: impl FnOnce(&Facts) -> Result<Plan, burn::Refusal>,
) -> api::Result<()> {
    drive.begin(Phase::Preparing, 0, true);
    let looking = |trouble: Trouble| Scene::new(Doing::Looking).error(&trouble);
    let facts = inspect::facts_for_erasing(drive).map_err(looking)?.ok_or_else(no_disc)?;
    let plan = plan(&facts)?;
    tracing::info!(plan = one_line(&plan), ?doing, "a plan without content");
    let scene = Scene { disc: facts.kind().name(), rewritable: facts.rewritable, ..Scene::new(doing) };
    {
        let mut drive = Locked::new(drive).map_err(|trouble| scene.error(&trouble))?;
        drive.check_cancel().map_err(|trouble| scene.error(&trouble))?;
        let phase = if doing == Doing::Closing { Phase::Closing } else { Phase::Erasing };
        drive.begin(phase, 0, false);
        run(&mut drive, &facts, &plan, scene)?;
    }
    if eject { tray::eject(drive) } else { Ok(()) }
}

fn run(drive: &mut Drive<'_>, facts: &Facts, plan: &Plan, scene: Scene<'_>) -> api::Result<()> {
    let mut steps = plan.steps.iter();
    // The first step may be refused as a whole, which leaves the disc as it was.
    let mut harm = Harm::DiscUntouched;
    while let Some(step) = steps.next() {
        tracing::debug!(%step, "step");
        let Err(trouble) = act(drive, facts, step) else {
            harm = step.if_it_fails;
            continue;
        };
        if matches!(trouble, Trouble::Cancelled) {
            return Err(cancelled(drive, facts, steps, scene));
        }
        let refused = trouble.verdict() == Some(Verdict::Unsupported);
        let harm = if refused { harm } else { step.if_it_fails };
        return Err(Scene { harm, ..scene }.error(&trouble));
    }
    Ok(())
}

/// Ends what was begun, so that the disc can be used, and says what it is now.
fn cancelled<'s>(
    drive: &mut Drive<'_>,
    facts: &Facts,
    left: impl Iterator<Item = &'s Step>,
    scene: Scene<'_>,
) -> api::Error {
    for step in left.filter(|step| !matches!(step.act, Act::Fill { .. })) {
        if let Err(trouble) = drive.insist(|drive| act(drive, facts, step)) {
            return Scene { harm: step.if_it_fails, ..scene }.error(&trouble);
        }
    }
    let message = match scene.doing {
        Doing::Formatting => {
            "The format was cancelled half-way. The disc can be written, and goes on being formatted."
        }
        _ => {
            "The erasure was cancelled half-way: part of what was on the disc is gone. Erase it before it is used again."
        }
    };
    api::Error::new(ErrorKind::UserAbort, message)
}

fn act(drive: &mut Drive<'_>, facts: &Facts, step: &Step) -> Result<(), Trouble> {
    let limit = step.timeout;
    match &step.act {
        Act::Blank { full } => acts::blank(drive, *full, limit),
        Act::Format(formatting) => {
            drive.begin(Phase::Erasing, 0, false);
            acts::format(drive, formatting, limit)
        }
        Act::AwaitFormat => acts::await_format(drive, limit),
        Act::Fill { from, blocks, alignment, streaming } => {
            let job = Job {
                from: *from,
                recorded: 0,
                content: 0,
                blocks: *blocks,
                alignment: *alignment,
                least: 0,
                timeout: limit,
                last_track: facts.last_track,
                cd: false,
                overwrites: true,
                streaming: *streaming,
                reserved: false,
            };
            match Writer::zeroes(drive, job, 0).fill() {
                Ok(()) => Ok(()),
                Err(Stop::Drive(trouble, _) | Stop::Unreadable(trouble, _)) => Err(trouble),
                Err(Stop::Cancelled | Stop::Source(_) | Stop::Differs(_)) => Err(Trouble::Cancelled),
            }
        }
        Act::Flush => acts::flush(drive, limit),
        Act::StopFormat => acts::stop_format(drive, limit),
        Act::CloseTrack(track) => match acts::close(drive, CloseTrackSession::TRACK, *track, limit) {
            // What the drive has ended by itself needs no end; closing the session tells whether all is well.
            Err(Trouble::Refused { sense, .. }) if sense.key == 5 && !sense.deferred => Ok(()),
            closed => closed,
        },
        Act::CloseSession { function, otherwise } => acts::close_session(drive, *function, *otherwise, limit),
        Act::WriteParameters(parameters) => acts::write_parameters(drive, parameters),
        // Steps of a burn.
        Act::SetSpeed(_)
        | Act::Calibrate
        | Act::LayerBreak(_)
        | Act::Reserve(_)
        | Act::Redirect { .. }
        | Act::CueSheet(_)
        | Act::PreGap { .. }
        | Act::Write { .. } => Ok(()),
    }
}
