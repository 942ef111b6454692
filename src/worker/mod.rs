//! The privileged side: the one process that speaks to a recorder.
//!
//! A worker's standard input is its end of a channel to the broker ([`serve`]). The first message names a device; the
//! worker opens it ([`device`]), looks at the drive and the disc ([`inspect()`]) and tells. From then on it does one
//! thing at a time: look again, read directories for a stager (`lend`), record ([`record()`]), blank ([`erase()`]), move the tray. A burn is a plan of the
//! burn room, run step by step (`steps`), its blocks taken from the ring and written (`write`, `chunk`, `gauge`), read
//! back (`verify`). Every command goes through one place (`drive`), which has the patience that the sense policy asks
//! for; every failure is put into words in one place ([`error`]). While a disc is changed everybody else
//! is kept away (`alone`, `mounts`), the worker itself is kept to its device (`confine`), and afterwards the kernel is made to see it (`refresh`). When the broker dies, a burn or erasure goes on to
//! its end, and the worker leaves.

pub mod device;
pub mod error;
pub mod host;

mod acts;
mod alone;
mod broker;
mod chunk;
mod compare;
mod confine;
mod contents;
mod drive;
mod erase;
mod formats;
mod gauge;
mod inspect;
mod lend;
mod mounts;
mod record;
mod redirect;
mod refresh;
mod resume;
mod serve;
mod shield;
mod sound;
mod speed;
mod steps;
mod tray;
mod verify;
mod write;

pub use contents::contents;
pub use drive::Drive;
pub use erase::{close_unfinished, erase, format};
pub use error::Trouble;
pub use host::Host;
pub use inspect::{Look, inspect};
pub use record::record;
pub use serve::{WorkerEnd, serve};
pub use shield::shield;
pub use sound::record as record_audio;
pub use tray::{eject, load};

#[cfg(test)]
mod tests;
