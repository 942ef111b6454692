//! A job: what is being done, how far it is, how it ended.

use serde::{Deserialize, Serialize};

use super::BLOCK;
use super::contents::DiscContents;
use super::plain::plain;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Stages files (`AddData`, `AddPath`).
    Add,
    /// Records a disc.
    Record,
    /// Blanks a disc.
    Erase,
    /// Reads the tree of the disc that is to be appended to.
    Import,
    /// Formats a disc.
    Format,
}

impl Operation {
    /// The operation's name on the bus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Record => "record",
            Self::Erase => "erase",
            Self::Import => "import",
            Self::Format => "format",
        }
    }
}

/// The stretch of a job that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Accepted, not begun.
    Queued,
    /// Walking and taking in files.
    Staging,
    /// Checking the files and the disc, setting speed, calibrating, filling the ring.
    Preparing,
    /// Blocks go to the disc.
    Writing,
    /// The drive's buffer goes to the disc.
    Flushing,
    /// Lead-out and lead-in are written.
    Closing,
    /// The disc is read back.
    Verifying,
    /// The disc is blanked or formatted.
    Erasing,
    /// The tray opens.
    Ejecting,
    /// Ended.
    Finished,
}

impl Phase {
    /// The phase's name on the bus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Staging => "staging",
            Self::Preparing => "preparing",
            Self::Writing => "writing",
            Self::Flushing => "flushing",
            Self::Closing => "closing",
            Self::Verifying => "verifying",
            Self::Erasing => "erasing",
            Self::Ejecting => "ejecting",
            Self::Finished => "finished",
        }
    }
}

/// How far a job is. Figures that are not known are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The stretch under way.
    pub phase: Phase,
    /// Blocks (staging: bytes) done in this phase.
    pub done: u64,
    /// Blocks (staging: bytes) of this phase; 0 when unknown.
    pub total: u64,
    /// Bytes of a block; state that an older broker left does not tell.
    #[serde(default = "data_block")]
    pub block: u32,
    /// The drive's own figure for a long operation, 0–1.
    pub fraction: Option<f64>,
    /// Bytes a second over the last second or so; 0 when nothing moves.
    pub rate: u64,
    /// How full the ring is, 0–1.
    pub ring_fill: Option<f64>,
    /// How full the drive's buffer is, 0–1.
    pub drive_buffer_fill: Option<f64>,
    /// Seconds that this phase is expected to take, for phases whose progress cannot be seen.
    pub expected_seconds: Option<u32>,
    /// Tracks of an audio disc that are written, and how many it has; `None` for what has no such tracks.
    pub tracks: Option<(u32, u32)>,
    /// A cancel is honoured now.
    pub cancelable: bool,
}

impl Progress {
    /// The start of a phase about which nothing is known yet.
    pub const fn begin(phase: Phase) -> Self {
        Self {
            phase,
            done: 0,
            total: 0,
            block: data_block(),
            fraction: None,
            rate: 0,
            ring_fill: None,
            drive_buffer_fill: None,
            expected_seconds: None,
            tracks: None,
            cancelable: true,
        }
    }
}

const fn data_block() -> u32 {
    BLOCK as u32
}

/// What a finished burn or erasure has to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// First block of the recorded track.
    pub start: u32,
    /// Blocks of content that were written; padding and run-out not counted.
    pub blocks: u64,
    /// Those of them that are data before sound, on a disc of both; 0 on any other.
    #[serde(default)]
    pub data_blocks: u64,
    /// Nothing was recorded: it was a test write.
    pub simulated: bool,
    /// The speed that the drive agreed to, kB/s of 1000; 0 when it did not say.
    pub speed: u32,
    /// Microseconds from the first WRITE to the end of the flush.
    pub write_time: u64,
    /// Times that the ring ran empty while writing.
    pub ring_empty: u64,
    /// The lowest filling of the drive's buffer seen while writing, in percent; `None` when it was never asked.
    pub least_drive_buffer: Option<u8>,
    /// What verification found; `None` when none was asked.
    pub verify: Option<VerifyReport>,
    /// Things worth knowing that did not fail the job.
    #[serde(deserialize_with = "plain")]
    pub notes: Vec<String>,
    /// What was read of the disc, when that was asked.
    #[serde(default)]
    pub contents: Option<Box<DiscContents>>,
}

/// What verification read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Blocks read back.
    pub blocks: u64,
    /// Every block was compared, as opposed to the structure alone.
    pub full: bool,
}
