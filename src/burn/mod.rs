//! Plans: what a disc is, what is to go on it, and what the caller wishes become a list of steps.
//!
//! Nothing here speaks to a drive, waits or allocates by the size of the content. [`facts`] says what a drive told of
//! itself and its disc; [`check`] refuses what cannot work; [`kind`] has a recipe for each medium; [`plan`] is what
//! comes out; [`explain`] prints it, one line a step. The worker runs a plan; a dry run prints the same plan.

mod audio;
mod check;
mod explain;
mod facts;
mod kind;
mod plan;

pub use audio::{AudioAct, AudioPlan, plan_audio};
pub use check::Refusal;
pub use facts::{Facts, Format, FormatState, SessionState};
pub use plan::{
    Act, CloseFunction, Content, Formatting, Harm, Plan, Step, WriteMode, WriteParameters, formats,
    plan_close, plan_erase, plan_format, plan_record,
};

#[cfg(test)]
mod tests;
