//! An audio burn: look, plan, lock the tray, run the plan, verify, unlock, eject. Blocks are of 2352 bytes, and of 2048 in a
//! track of data.

mod run;
mod verify;
mod write;

use crate::api::audio::AUDIO_BLOCK;
use crate::api::{self, BLOCK, ErrorKind, MediaKind, Phase, Report, Verify, VerifyReport};
use crate::burn::{AudioAct, AudioPlan, Harm, plan_audio};
use crate::mmc::feature::code;
use crate::wire::broker_worker::AudioOrder;
use crate::wire::ring::Consumer;

use super::drive::Drive;
use super::erase::no_disc;
use super::error::{Doing, Scene};
use super::inspect::{self, Look};
use super::speed;
use super::tray::{self, Locked};
use super::verify as data;

use run::Run;
use verify::Memory;

/// Records the tracks that come through the ring, as ordered.
///
/// # Errors
/// `WrongDisc` and the refusals of a plan before anything is written; then as for a burn of data.
pub fn record(drive: &mut Drive<'_>, order: &AudioOrder, mut ring: Consumer) -> api::Result<Report> {
    // A ring of sound has no chunk that is full.
    ring.count_in(if order.data.is_some() { BLOCK } else { AUDIO_BLOCK });
    let ready = prepare(drive, order).and_then(|(look, plan)| {
        let memory = Memory::new(order)?;
        Ok((look, plan, memory))
    });
    let (look, plan, memory) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            ring.close();
            return Err(error);
        }
    };
    let report = {
        let mut locked = match Locked::new(drive) {
            Ok(locked) => locked,
            Err(trouble) => {
                ring.close();
                return Err(Scene::new(Doing::Preparing).error(&trouble));
            }
        };
        let written = Run::new(&mut locked, &mut ring, &look, &plan, order).run(memory);
        // The source may leave now; verification reads the disc.
        ring.close();
        let verified = written.and_then(|(report, memory)| check(&mut locked, order, &look, report, &memory));
        locked.insist(|drive| {
            leave_test_write(drive, &plan);
            speed::restore(drive, MediaKind::from_profile(plan.expected.profile));
        });
        verified?
    };
    Ok(if order.options.eject { with_tray_open(drive, report) } else { report })
}

fn prepare(drive: &mut Drive<'_>, order: &AudioOrder) -> api::Result<(Look, AudioPlan)> {
    drive.count_in(AUDIO_BLOCK as u32);
    drive.begin(Phase::Preparing, 0, true);
    let look = inspect::inspect(drive)?;
    let facts = look.facts.as_ref().ok_or_else(no_disc)?;
    if facts.expected().is_some_and(|found| found.profile != order.expected.profile) {
        return Err(other_disc());
    }
    let plan = plan_audio(facts, masters(drive)?, order)?;
    let lines: Vec<_> =
        plan.to_string().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    tracing::info!(plan = lines.join("; "), "recording sound");
    Ok((look, plan))
}

/// The drive writes sessions at once: it has the feature for it, and that is current.
fn masters(drive: &mut Drive<'_>) -> api::Result<bool> {
    let features =
        inspect::configuration(drive).map_err(|trouble| Scene::new(Doing::Preparing).error(&trouble))?;
    Ok(features.is_current(code::CD_MASTERING))
}

fn check(
    drive: &mut Drive<'_>,
    order: &AudioOrder,
    look: &Look,
    mut report: Report,
    memory: &Memory,
) -> api::Result<Report> {
    if order.options.verify == Verify::None {
        return Ok(report);
    }
    let kind = look.facts.as_ref().map_or(api::MediaKind::Other(0), |facts| facts.kind());
    let scene = Scene {
        doing: Doing::Verifying,
        harm: Harm::WrittenNotClosed,
        block: None,
        disc: kind.name(),
        rewritable: look.facts.as_ref().is_some_and(|facts| facts.rewritable),
    };
    // Sound has no structure that could be looked at alone, and an image that came ready-made may have any.
    let mut before = 0;
    if order.data.is_some() {
        drive.count_in(BLOCK as u32);
        before = data::full(drive, 0, memory.data(), memory.blocks(), scene)?.blocks;
    }
    match verify::compare(drive, memory, before, scene)? {
        verify::Found::Same(found, offset) => {
            report.verify = Some(VerifyReport { blocks: found.blocks + before, ..found });
            if offset != 0 {
                report.notes.push(format!(
                    "The drive reads sound {offset} samples from where it was written, which is usual: that was allowed for."
                ));
            }
        }
        verify::Found::NotComparable(why) => {
            let data = if order.data.is_some() { " The track of data was." } else { "" };
            report
                .notes
                .push(format!("The sound was not verified: {why}.{data} The disc is recorded and closed."))
        }
    }
    Ok(report)
}

/// Ends what a simulation pretended.
fn leave_test_write(drive: &mut Drive<'_>, plan: &AudioPlan) {
    let last = plan.steps.iter().rev().find_map(|step| match step {
        AudioAct::Page(page) if page.test_write => Some(page),
        _ => None,
    });
    if let Some(page) = last {
        let real = crate::mmc::page::WriteParameters { test_write: false, ..*page };
        if let Err(trouble) = run::set_page(drive, &real) {
            tracing::warn!(%trouble, "the drive could not be taken out of test writing");
        }
    }
}

fn with_tray_open(drive: &mut Drive<'_>, mut report: Report) -> Report {
    if let Err(error) = tray::eject(drive) {
        report.notes.push(error.message);
    }
    report
}

fn other_disc() -> api::Error {
    api::Error::new(
        ErrorKind::WrongDisc,
        "The disc in the drive is not the one that was selected: nothing was written. Insert that disc again, or select the \
         recorder anew.",
    )
}
