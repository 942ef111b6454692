//! A burn: look, plan, lock the tray, run the plan, verify, unlock, eject.

use crate::api::{self, BLOCK, ErrorKind, Phase, Report, Verify};
use crate::burn::{self, Content, Harm, Plan};
use crate::wire::broker_worker::{Expected, Imprint, RecordOrder};
use crate::wire::ring::Consumer;

use super::acts::leave_test_write;
use super::drive::Drive;
use super::erase::no_disc;
use super::error::{Doing, Scene};
use super::inspect::{self, Look};
use super::steps::Burn;
use super::tray::{self, Locked};
use super::{speed, verify};

/// Records what comes through the ring, as ordered.
///
/// The disc is compared with the order's expectation, a plan is made, and checked again right before the first write.
/// A cancel, or a source that fails, ends in a disc that is closed and readable as far as it goes. Nothing else
/// stops a burn: the host may be long gone.
///
/// # Errors
/// `WrongDisc` and the refusals of a plan before anything is written; then `WriteFailed`, `LossOfStreaming`,
/// `WrittenNotClosed`, `VerifyFailed`; `UserAbort`, and `HelperFailed` with `source` = `ring` when the image did not
/// arrive. Each says what the disc is now.
pub fn record(drive: &mut Drive<'_>, order: &RecordOrder, mut ring: Consumer) -> api::Result<Report> {
    let ready = prepare(drive, order).and_then(|(look, plan)| {
        let sums = room_for_sums(order)?;
        Ok((look, plan, sums))
    });
    let (look, plan, sums) = match ready {
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
        let written = Burn::new(&mut locked, &mut ring, &look, &plan, order).run(sums);
        // The source may leave now; verification reads the disc.
        ring.close();
        let verified =
            written.and_then(|(report, sums)| check(&mut locked, order, &look, report, sums.as_deref()));
        locked.insist(|drive| {
            leave_test_write(drive, &plan);
            speed::restore(drive, kind(&look));
        });
        verified?
    };
    Ok(if order.options.eject { with_tray_open(drive, report) } else { report })
}

fn prepare(drive: &mut Drive<'_>, order: &RecordOrder) -> api::Result<(Look, Plan)> {
    drive.begin(Phase::Preparing, 0, true);
    let look = inspect::inspect(drive)?;
    let facts = look.facts.as_ref().ok_or_else(no_disc)?;
    let content = Content { blocks: order.blocks, start: order.start };
    // A disc that takes nothing is refused by the plan, in better words than a comparison has.
    if let Some(expected) = facts.expected_at(order.start)
        && !same_disc(expected, order)
    {
        tracing::info!(?expected, ordered = ?order.expected, "the disc is another one");
        return Err(wrong_disc());
    }
    if let Some(imprint) = order.imprint {
        check_imprint(drive, imprint)?;
    }
    let plan = burn::plan_record(facts, content, &order.options)?;
    tracing::info!(plan = one_line(&plan), "recording");
    Ok((look, plan))
}

/// The session whose files the image names is on this disc: two discs of one series can agree in all their figures.
fn check_imprint(drive: &mut Drive<'_>, imprint: Imprint) -> api::Result<()> {
    let mut block = [0; BLOCK];
    verify::read_at_once(drive, imprint.block, &mut block)
        .map_err(|trouble| Scene::new(Doing::Preparing).at(imprint.block).error(&trouble))?;
    if crc32fast::hash(&block) == imprint.checksum { Ok(()) } else { Err(wrong_disc()) }
}

fn wrong_disc() -> api::Error {
    api::Error::new(
        ErrorKind::WrongDisc,
        "The disc in the drive is not the one that the image was planned for: nothing was written. Insert that disc \
         again, or start the recording anew with this one.",
    )
}

/// The disc is the one that was planned for. Drives count their free blocks otherwise once they are set up for
/// writing: another count is another disc only when the image does not fit.
const fn same_disc(found: Expected, order: &RecordOrder) -> bool {
    let Expected { profile, next_writable, free_blocks } = order.expected;
    found.profile == profile
        && found.next_writable == next_writable
        && (found.free_blocks == free_blocks || found.free_blocks >= order.to_write())
}

/// A plan for the log.
pub(super) fn one_line(plan: &Plan) -> String {
    let text = plan.to_string();
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("; ")
}

/// Four bytes a block, when every block will be compared.
fn room_for_sums(order: &RecordOrder) -> api::Result<Option<Vec<u32>>> {
    if order.options.verify != Verify::Full {
        return Ok(None);
    }
    let mut sums = Vec::new();
    let room = usize::try_from(order.blocks).ok().and_then(|blocks| sums.try_reserve_exact(blocks).ok());
    room.map(|()| Some(sums)).ok_or_else(|| {
        api::Error::new(
            ErrorKind::LimitsExceeded,
            "There is not enough memory for the checksums of a full verification: nothing was written. Record with \
             `verify` set to `quick`, or close other programs.",
        )
    })
}

fn check(
    drive: &mut Drive<'_>,
    order: &RecordOrder,
    look: &Look,
    mut report: Report,
    sums: Option<&[u32]>,
) -> api::Result<Report> {
    let scene = Scene {
        doing: Doing::Verifying,
        harm: Harm::WrittenNotClosed,
        block: None,
        disc: kind(look).name(),
        rewritable: look.facts.as_ref().is_some_and(|facts| facts.rewritable),
    };
    report.verify = match (order.options.verify, sums) {
        (Verify::None, _) => None,
        (Verify::Full, Some(sums)) => Some(verify::full(drive, order.start, sums, 0, scene)?),
        (Verify::Full | Verify::Quick, _) => Some(verify::quick(drive, order.start, scene)?),
    };
    Ok(report)
}

/// A tray that stays shut does not make a burn fail.
fn with_tray_open(drive: &mut Drive<'_>, mut report: Report) -> Report {
    if let Err(error) = tray::eject(drive) {
        report.notes.push(error.message);
    }
    report
}

const fn kind(look: &Look) -> api::MediaKind {
    match &look.facts {
        Some(facts) => facts.kind(),
        None => api::MediaKind::Other(0),
    }
}
