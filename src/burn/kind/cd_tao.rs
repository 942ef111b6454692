//! CD-R and CD-RW, track at once (MMC-6 4.2.3.5.2).
//!
//! | wish | steps |
//! |---|---|
//! | any | page 05h: write type 1, multi 00b or 11b; write; flush, which ends the track |
//! | simulate | nothing more |
//! | finalise, appendable | close session (f2), whose lead-out follows page 05h |

use crate::api::Close;
use crate::burn::check::{Order, Refusal};
use crate::burn::facts::Facts;
use crate::burn::plan::{Act, CloseFunction, Harm, LONG, QUICK, Step, WRITE, WriteMode, WriteParameters};

/// One data track. The flush ends it: CLOSE TRACK is left out, because drives exist that fail it on CD, in test
/// writes or in earnest. Page 05h has told by then whether the session's lead-out allows another session.
pub(in crate::burn) fn record(facts: &Facts, order: &Order) -> Result<Vec<Step>, Refusal> {
    let parameters = WriteParameters {
        mode: WriteMode::TrackAtOnce,
        test: order.simulate,
        underrun_free: facts.underrun_free,
        appendable: order.close == Close::Appendable,
    };
    let begun = if order.simulate { Harm::DiscUntouched } else { Harm::DiscUnfinished };
    let mut steps = vec![
        Step::new(Act::WriteParameters(parameters), QUICK, Harm::DiscUntouched),
        Step::new(order.write(), WRITE, begun),
        Step::new(Act::Flush, LONG, begun),
    ];
    // Nothing is there to be closed after a test write, and drives disagree about what to answer.
    if !order.simulate {
        let close = Act::CloseSession { function: CloseFunction::Session, otherwise: None };
        steps.push(Step::new(close, LONG, Harm::WrittenNotClosed));
    }
    Ok(steps)
}
