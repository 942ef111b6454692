//! What crosses the bus and the helpers' sockets: names, errors, media, jobs, options.
//!
//! Plain data without behaviour that could block, shared by the broker, the helpers and the command line.

pub mod audio;
pub mod contents;
mod error;
mod job;
pub mod language;
mod medium;
pub mod names;
mod options;
mod plain;
mod recorder;

pub use error::{Detail, Error, ErrorKind, Result};
pub use job::{Operation, Phase, Progress, Report, VerifyReport};
pub use medium::{DiscStatus, FormatChoice, MediaKind, Medium, TrackSummary};
pub use options::{
    AddOptions, AddSummary, Close, Entry, EntryKind, ImportSummary, JolietProperties, Multisession,
    RecordOptions, SpecialFiles, Unfinished, Verify, WriteMode,
};
pub use recorder::{Device, Identity, Inspection, RecorderState, Tray};

/// Bytes in a data block: mode 1 of CD, and every DVD and BD (ECMA-119 6.1.2).
pub const BLOCK: usize = 2048;
