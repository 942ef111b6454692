//! DVD-R, DVD-RW in sequence, DVD-R DL (MMC-6 4.3.3–4.3.5).
//!
//! | disc | wish | steps |
//! |---|---|---|
//! | blank | finalise | at once: page 05h write type 2; reserve; write every block of it; flush, which closes the disc |
//! | blank or appendable, feature 21h current | appendable | incrementally: page 05h write type 0, multi 11b; write; flush; close track (f1), session (f2) |
//! | appendable, feature 21h current | finalise | the same with multi 00b |
//! | feature 21h not current, as after a quick erasure | appendable | refused |
//! | DVD-R DL | appendable | refused: there is one session |
//! | DVD-R DL, content of two layers | finalise | layer break at half of the content before the reservation |
//! | any | simulate | page 05h test write; nothing is closed |
//!
//! At once is what old readers like best; a disc that has to take more sessions cannot be written so.

use super::sequential::layer_break;
use crate::api::{Close, DiscStatus, MediaKind};
use crate::burn::check::{Order, Refusal};
use crate::burn::facts::Facts;
use crate::burn::plan::{
    Act, CALIBRATE, CloseFunction, Harm, LONG, QUICK, Step, WRITE, WriteMode, WriteParameters,
};

/// At once or incrementally, as the table above has it.
pub(in crate::burn) fn record(facts: &Facts, order: &Order) -> Result<Vec<Step>, Refusal> {
    let kind = facts.kind();
    let one_session = kind == MediaKind::DvdMinusRDualLayer || !facts.incremental;
    let more = order.close == Close::Appendable || facts.status != DiscStatus::Blank;
    match (more, one_session) {
        (false, _) => Ok(at_once(facts, order)),
        (true, false) => Ok(incrementally(facts, order)),
        (true, true) => Err(Refusal::OneSession { kind, erasable: facts.rewritable }),
    }
}

/// Every block that is reserved has to be written, or drives wait for the rest for ever: what ends early is filled up.
fn at_once(facts: &Facts, order: &Order) -> Vec<Step> {
    let begun = begun(order);
    let mut steps = settings(facts, order, WriteMode::DiscAtOnce);
    steps.extend(layer_break(facts, order));
    steps.extend([
        Step::new(Act::Reserve(order.blocks()), WRITE, begun),
        Step::new(order.write_whole(), WRITE, begun),
        Step::new(Act::Flush, LONG, begun),
    ]);
    steps
}

fn incrementally(facts: &Facts, order: &Order) -> Vec<Step> {
    let begun = begun(order);
    let mut steps = settings(facts, order, WriteMode::Incremental);
    steps.extend([Step::new(order.write(), WRITE, begun), Step::new(Act::Flush, LONG, begun)]);
    if !order.simulate {
        let close = Act::CloseSession { function: CloseFunction::Session, otherwise: None };
        steps.extend([
            Step::new(Act::CloseTrack(facts.last_track.max(1)), LONG, Harm::WrittenNotClosed),
            Step::new(close, LONG, Harm::WrittenNotClosed),
        ]);
    }
    steps
}

/// Page 05h, and a calibration when the drive does not know the disc: these drives do not always do it by themselves.
fn settings(facts: &Facts, order: &Order, mode: WriteMode) -> Vec<Step> {
    let parameters = WriteParameters {
        mode,
        test: order.simulate,
        underrun_free: facts.underrun_free,
        appendable: order.close == Close::Appendable,
    };
    let mut steps = vec![Step::new(Act::WriteParameters(parameters), QUICK, Harm::DiscUntouched)];
    if !facts.calibrated && !order.simulate {
        steps.push(Step::new(Act::Calibrate, CALIBRATE, Harm::DiscUntouched));
    }
    steps
}

const fn begun(order: &Order) -> Harm {
    if order.simulate { Harm::DiscUntouched } else { Harm::DiscUnfinished }
}
