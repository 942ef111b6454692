//! DVD+R, one fragment a session (MMC-6 4.3.6.3). The drive links without gaps and knows neither page 05h nor test writes.

use crate::api::Close;
use crate::burn::check::Order;
use crate::burn::facts::Facts;
use crate::burn::plan::{Act, CloseFunction, Harm, LONG, Step, WRITE};

/// The content, its end padded to a whole ECC block of 16; the track closed by its real number; then the session, or
/// the disc. Drives exist that finalise by the smallest lead-out alone, others that do not know that function.
pub(in crate::burn) fn record(facts: &Facts, order: &Order) -> Vec<Step> {
    let close = match order.close {
        Close::Appendable => Act::CloseSession { function: CloseFunction::Session, otherwise: None },
        Close::Finalise => Act::CloseSession {
            function: CloseFunction::FinaliseMinimal,
            otherwise: Some(CloseFunction::Finalise),
        },
    };
    vec![
        Step::new(order.write(), WRITE, Harm::DiscUnfinished),
        Step::new(Act::Flush, LONG, Harm::DiscUnfinished),
        Step::new(Act::CloseTrack(facts.last_track.max(1)), LONG, Harm::WrittenNotClosed),
        Step::new(close, LONG, Harm::WrittenNotClosed),
    ]
}
