//! The stager: one process a session, with the rights of the session's owner. It alone touches a user's files.
//!
//! Its life: it gives up what it does not need, takes its channel from standard input, becomes the owner on `Begin`, and
//! answers requests. `Add` walks a directory, notes every file's identity, and copies the content if asked; `Plan` checks
//! the identities and lays out the image; `Feed` streams it into the ring, checking each file again. When the broker is
//! gone it leaves, but not before a running `Feed` has ended.
//!
//! - `serve`, `state`, `pulse`: requests, when they are permitted, and what happens while one runs
//! - `owner`: whose rights these are
//! - `plan`: the image and what may be done to it
//! - `origin`, `walk`, `contents`, `identity`, `open`: from a directory to names and identities, and back to open files
//! - `own_stash`, `stash`: where copies go, and copies
//! - `import`: the tree of an earlier session, read through the recorder's process
//! - `stash`: copies
//! - `sound`: the tracks of an audio disc
//! - `feed`: the stream
//! - `local`: walk and stream without a process of their own
//! - `errors`: the sentences

mod contents;
mod data_track;
mod errors;
mod feed;
mod identity;
mod import;
mod local;
mod open;
mod origin;
mod own_stash;
mod owner;
mod place;
mod plan;
mod pulse;
mod serve;
mod sound;
mod stash;
mod state;
#[cfg(test)]
mod tests;
mod walk;

pub use contents::ROOTS_MAX;
pub use feed::FileSource;
pub use local::{Local, image_of, planned_image_of};
pub use owner::harden;
pub use serve::serve;
pub use walk::DEPTH_MAX;

use crate::wire::Channel;
use crate::wire::broker_stager::{FromStager, ToStager};

/// The stager's end of its channel.
pub type StagerEnd = Channel<ToStager, FromStager>;
/// The broker's end.
pub type BrokerEnd = Channel<FromStager, ToStager>;

/// Why a stager stopped serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The broker closed the channel, or died.
    BrokerGone,
    /// The broker asked for what is not permitted.
    Protocol,
    /// The process could not become the session's owner.
    NotTheOwner,
}
