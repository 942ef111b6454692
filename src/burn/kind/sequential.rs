//! DVD+R, DVD+R DL and BD-R: in sequence, one track a session (MMC-6 4.3.6.3, 4.5.3). The drive links without gaps and
//! knows neither page 05h nor test writes.
//!
//! | disc | wish | steps |
//! |---|---|---|
//! | DVD+R DL, blank, content of two layers | finalise | layer break at half of the content |
//! | all | any | write; flush; close track (f1) by its number |
//! | all | appendable | close session (f2) |
//! | DVD+R, DVD+R DL | finalise | close disc (f5, else f6) |
//! | BD-R | finalise | close disc (f6) |
//!
//! A BD-R is left unformatted, which gives it no spares: the drive begins to record in sequence with the first write.
//! Discs that other burners format by default lose a twentieth of their room, and fail to close on many drives. Whoever
//! wants spares formats it before.

use super::{Choice, format};
use crate::api::{Close, DiscStatus};
use crate::burn::check::{Order, Refusal};
use crate::burn::facts::Facts;
use crate::burn::plan::{Act, CALIBRATE, CloseFunction, Formatting, Harm, LONG, Step, WRITE};
use crate::mmc::capacity::FormatDescriptor;
use crate::mmc::format::{bd_r as subtype, kind};

/// DVD+R of one layer or two. Drives exist that finalise by the smallest lead-out alone, others that do not know that
/// function.
pub(in crate::burn) fn dvd_plus_r(facts: &Facts, order: &Order) -> Result<Vec<Step>, Refusal> {
    let finalise = (CloseFunction::FinaliseMinimal, Some(CloseFunction::Finalise));
    let mut steps: Vec<_> = layer_break(facts, order).into_iter().collect();
    steps.extend(track(facts, order, finalise));
    Ok(steps)
}

/// BD-R in sequential recording mode, with spares or without.
pub(in crate::burn) fn bd_r(facts: &Facts, order: &Order) -> Result<Vec<Step>, Refusal> {
    Ok(track(facts, order, (CloseFunction::Finalise, None)))
}

/// Layers of equal length, when the content needs both: the second begins where the first ends, and less has to be
/// padded. What fits into one layer is left there, and a disc that goes on needs all of both.
pub(super) fn layer_break(facts: &Facts, order: &Order) -> Option<Step> {
    let boundary = facts.boundary.filter(|boundary| !boundary.fixed)?;
    let whole = facts.status == DiscStatus::Blank && order.close == Close::Finalise && !order.simulate;
    let half = order.blocks().div_ceil(2).checked_next_multiple_of(16)?;
    let both = whole && order.blocks() > boundary.blocks && half <= boundary.blocks;
    both.then(|| Step::new(Act::LayerBreak(half), CALIBRATE, Harm::DiscUntouched))
}

fn track(facts: &Facts, order: &Order, finalise: (CloseFunction, Option<CloseFunction>)) -> Vec<Step> {
    let (function, otherwise) = match order.close {
        Close::Appendable => (CloseFunction::Session, None),
        Close::Finalise => finalise,
    };
    vec![
        Step::new(order.write(), WRITE, Harm::DiscUnfinished),
        Step::new(Act::Flush, LONG, Harm::DiscUnfinished),
        Step::new(Act::CloseTrack(facts.last_track.max(1)), LONG, Harm::WrittenNotClosed),
        Step::new(Act::CloseSession { function, otherwise }, LONG, Harm::WrittenNotClosed),
    ]
}

/// A blank BD-R gets spares, and is recorded in sequence as before. Pseudo-overwrite is not offered: each block that is
/// replaced costs new ones, and many drives cannot close such a disc.
pub(super) fn of_bd_r(facts: &Facts, _: bool) -> Vec<Choice> {
    let offers = &facts.format.offers;
    let usual = facts.format.offer(kind::FULL);
    let spared = offers.iter().filter(|offer| offer.kind == kind::BD_R_SPARES);
    let most = spared.clone().min_by_key(|offer| offer.blocks);
    let fewest = spared.max_by_key(|offer| offer.blocks);
    let choice = |name, offer: Option<&FormatDescriptor>| {
        offer.map(|offer| {
            let formatting = Formatting { subtype: subtype::SEQUENTIAL, ..Formatting::offered(offer) };
            Choice { name, blocks: offer.blocks, steps: vec![format(formatting, LONG)] }
        })
    };
    let choices = [choice("spares", usual), choice("most-spares", most), choice("fewest-spares", fewest)];
    choices.into_iter().flatten().collect()
}
