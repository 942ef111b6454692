//! The virtual recorder: an MMC drive in software.
//!
//! [`Drive`] is pure: commands and the time go in, answers come out, and the only thing it touches is the
//! [`medium`] that is in it. The [`front`]s give it a clock and somebody to talk to: a socket, or a test.
//! It judges its hosts, too: see [`Drive::violations`].
//!
//! What it is not: DVD+RW of two layers, layer jump and the random writing of BD-R are refused as a drive refuses that
//! does not have them, because nobody writes them; HD DVD is not known.

pub mod fault;
pub mod front;
pub mod medium;

mod background;
mod buffer;
mod command;
mod drive;
mod dump;
mod ledger;
mod refusal;
mod speed;
mod state;

pub use drive::{Drive, DriveOptions, Ending, Reply};
pub use dump::Scene;
pub use refusal::Refusal;
pub use speed::{NotAPace, Pace};
