//! MMC: what is said to an optical drive and what it answers.
//!
//! Commands ([`cdb`]), the drive's complaints ([`sense`], [`asc`]) and what to make of them ([`policy`]), its
//! answers as meaning ([`disc_info`], [`track_info`], [`toc`], …), and the ways to reach it ([`transport`]).
//! The same types serve both ends: the worker fills what the virtual recorder reads, and the reverse.
//! Nothing here decides what to record; nothing here trusts a length or a figure that a drive sends.

pub mod asc;
pub mod capacity;
pub mod cd_text;
pub mod cdb;
pub mod cue;
pub mod disc_info;
pub mod disc_structure;
pub mod event;
pub mod feature;
pub mod format;
pub mod inquiry;
pub mod msf;
pub mod opcode;
pub mod page;
pub mod performance;
pub mod policy;
pub mod profile;
pub mod quirks;
pub mod sector;
pub mod sense;
pub mod speed;
pub mod subchannel;
pub mod timeout;
pub mod toc;
pub mod track_info;
pub mod transport;

mod answer;

pub use answer::Malformed;
pub use opcode::Opcode;
pub use profile::Profile;
pub use sense::Sense;

/// The user data of one block, in bytes, on every medium with data.
pub const BLOCK: usize = 2048;
