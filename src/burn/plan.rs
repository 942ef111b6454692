//! A plan: what to tell a drive, in which order, how long to wait, and what a failure would mean.

use std::time::Duration;

use crate::api::{FormatChoice, RecordOptions};
use crate::mmc::cue::CueEntry;
use crate::wire::broker_worker::Expected;

use super::check::{self, Refusal};
use super::facts::Facts;
use super::kind;

/// A list of steps, and the disc for which it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The version of this form of plans.
    pub version: u32,
    /// What must be in the drive right before the first step that changes the disc.
    pub expected: Expected,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub act: Act,
    /// The longest that it may take: for writing each WRITE, for anything else the whole step with its polling.
    pub timeout: Duration,
    /// What is true of the disc when it fails.
    pub if_it_fails: Harm,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ask for a write speed in kB/s of 1000; `None` is the drive's fastest. A wish, never fatal.
    SetSpeed(Option<u32>),
    /// Set mode page 05h (MMC-6 7.5).
    WriteParameters(WriteParameters),
    /// Have the drive calibrate its laser (SEND OPC INFORMATION). Only a calibration that failed is fatal.
    Calibrate,
    /// Format the disc, and wait until it can be written.
    Format(Formatting),
    /// Wait until the format that a DVD+RW goes on with in the background has reached its end.
    AwaitFormat,
    /// Choose where layer 0 ends, in blocks of its data area (SEND DISC STRUCTURE 20h).
    LayerBreak(u32),
    /// Reserve a track of so many blocks (RESERVE TRACK). Every one of them has to be written then.
    Reserve(u32),
    /// Tell the drive what the session consists of (SEND CUE SHEET): lead-in, pre-gap, track, lead-out. Every block of
    /// pre-gap and track has to be written then.
    CueSheet([CueEntry; 4]),
    /// Write zeroes before the first track of a CD session at once.
    PreGap {
        /// The first block's address; −150 on a blank disc.
        from: i32,
        /// Blocks.
        blocks: u32,
    },
    /// Write blocks in sequence.
    Write {
        /// The first block's address.
        from: u32,
        /// Blocks that are on the disc already, from an earlier burn that was cut off: they are compared.
        recorded: u32,
        /// Blocks that come through the ring.
        content: u32,
        /// Blocks that are on the disc in the end: the content, then zeroes.
        blocks: u32,
        /// Every write but the last is a multiple of this; so is `blocks`.
        alignment: u32,
        /// The shortest track that the medium takes, should writing end early.
        least: u32,
        /// The drive is to keep the pace, and not to verify what it writes (WRITE (12) with Streaming).
        streaming: bool,
    },
    /// Write zeroes in sequence.
    Fill {
        /// The first block's address.
        from: u32,
        /// Blocks.
        blocks: u32,
        /// Every write is a multiple of this; so is `blocks`.
        alignment: u32,
        /// As for `Write`.
        streaming: bool,
    },
    /// Have the drive empty its buffer onto the disc.
    Flush,
    /// Close a track by its number (CLOSE TRACK/SESSION function 1).
    CloseTrack(u16),
    /// Close the session or the disc.
    CloseSession {
        /// By this function.
        function: CloseFunction,
        /// By this one when the drive does not know the first.
        otherwise: Option<CloseFunction>,
    },
    /// Put a copy of a session's volume descriptors where readers look for those of a disc that tells of no sessions. Does
    /// nothing when the session begins with something else.
    Redirect {
        /// The session's first block.
        session: u32,
        /// Writes are multiples of this.
        alignment: u32,
    },
    /// Stop the format that goes on in the background (CLOSE TRACK/SESSION function 0).
    StopFormat,
    /// Erase the disc: every block, or what makes it blank again.
    Blank {
        /// Every block.
        full: bool,
    },
}

/// How a disc is formatted: the parameters of FORMAT UNIT, their Immed left to whoever sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formatting {
    /// The format type.
    pub kind: u8,
    /// Its subtype.
    pub subtype: u8,
    /// Blocks.
    pub blocks: u32,
    /// Three bytes that depend on the type.
    pub parameter: u32,
    /// Nothing is tried, and the drive forgets the defects that it knew (CmpList with DCRT): DVD-RAM, quickly.
    pub forgets_defects: bool,
}

/// The fields of mode page 05h that recording data needs (MMC-6 7.5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteParameters {
    /// How tracks are written.
    pub mode: WriteMode,
    /// Test write: everything but the laser.
    pub test: bool,
    /// BUFE: go on after the buffer ran empty.
    pub underrun_free: bool,
    /// Multi-session 11b: another session may follow; 00b otherwise.
    pub appendable: bool,
}

/// Ways of writing that page 05h tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// CD, track at once, mode 1 data: write type 1, track mode 4, data block type 8.
    TrackAtOnce,
    /// CD, session at once: write type 2. What is written, the cue sheet says.
    SessionAtOnce,
    /// DVD-R, DVD-RW, incremental: write type 0, track mode 5, data block type 8, packets and links of 16 blocks.
    Incremental,
    /// DVD-R, DVD-RW, disc at once: write type 2, track mode 5, data block type 8.
    DiscAtOnce,
}

/// Functions of CLOSE TRACK/SESSION that end a session (MMC-6 6.3.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseFunction {
    /// Function 2: close the session; on CD, page 05h decides whether another may follow.
    Session,
    /// Function 5: finalise, with the smallest lead-out.
    FinaliseMinimal,
    /// Function 6: finalise.
    Finalise,
}

/// What is true of the disc when a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// As it was.
    DiscUntouched,
    /// Begun and not ended: part of the content is missing.
    DiscUnfinished,
    /// All content is on it; it is usually readable.
    WrittenNotClosed,
}

/// What is to go on a disc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its length in blocks of 2048.
    pub blocks: u64,
    /// The address for which it was laid out.
    pub start: u32,
}

/// The steps that record `content` on the disc that `facts` describe.
///
/// # Errors
/// A [`Refusal`] when the disc, the drive, the size or the wishes do not allow it; nothing needs to be undone then.
pub fn plan_record(facts: &Facts, content: Content, wishes: &RecordOptions) -> Result<Plan, Refusal> {
    let recipe = kind::recipe(facts)?;
    let facts = &Facts { underrun_free: facts.underrun_free && !wishes.unprotected, ..facts.clone() };
    let order = check::record(facts, recipe, content, wishes)?;
    let speed =
        Step::new(Act::SetSpeed(wishes.speed.map(|wish| facts.speed_for(wish))), QUICK, Harm::DiscUntouched);
    let steps = std::iter::once(speed).chain((recipe.record)(facts, &order)?).collect();
    Ok(Plan { version: VERSION, expected: order.expected, steps })
}

/// The steps that erase the disc that `facts` describe: the whole of it, or what makes it count as blank.
///
/// # Errors
/// A [`Refusal`] when the disc cannot be erased, or not by this drive.
pub fn plan_erase(facts: &Facts, full: bool) -> Result<Plan, Refusal> {
    let steps = kind::recipe(facts)?.erase(facts, full)?;
    Ok(Plan { version: VERSION, expected: found(facts), steps })
}

/// The steps that format the disc that `facts` describe: as `choice` names it, or as the drive offers first; `full`
/// where every block is to be written or tried.
///
/// # Errors
/// A [`Refusal`] when the disc is not one that is formatted, or not so.
pub fn plan_format(facts: &Facts, choice: Option<&str>, full: bool) -> Result<Plan, Refusal> {
    let steps = kind::recipe(facts)?.format(facts, choice, full)?;
    Ok(Plan { version: VERSION, expected: found(facts), steps })
}

/// The steps that close a last session that was cut off, so that another one can follow.
///
/// # Errors
/// A [`Refusal`] when there is none, or the disc or the drive takes nothing.
pub fn plan_close(facts: &Facts) -> Result<Plan, Refusal> {
    let kind = kind::recipe(facts)?.kind;
    check::close(facts, kind)?;
    Ok(Plan { version: VERSION, expected: found(facts), steps: kind::unfinished(facts) })
}

/// The formats that the drive offers for its disc, by the names that [`plan_format`] takes; the usual one first.
pub fn formats(facts: &Facts) -> Vec<FormatChoice> {
    kind::recipe(facts).map_or_else(|_| Vec::new(), |recipe| recipe.formats(facts))
}

fn found(facts: &Facts) -> Expected {
    Expected {
        profile: facts.profile,
        next_writable: facts.start().unwrap_or_default(),
        free_blocks: facts.usable_blocks(),
    }
}

impl Act {
    /// The act changes the disc.
    pub const fn changes_disc(&self) -> bool {
        !matches!(self, Self::SetSpeed(_) | Self::WriteParameters(_))
    }
}

impl Step {
    pub(super) const fn new(act: Act, timeout: Duration, if_it_fails: Harm) -> Self {
        Self { act, timeout, if_it_fails }
    }
}

impl Harm {
    /// The state of the disc in a few words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::DiscUntouched => "disc untouched",
            Self::DiscUnfinished => "disc unfinished",
            Self::WrittenNotClosed => "written, not closed",
        }
    }
}

impl CloseFunction {
    /// The number of the function in the command.
    pub const fn number(self) -> u8 {
        match self {
            Self::Session => 2,
            Self::FinaliseMinimal => 5,
            Self::Finalise => 6,
        }
    }
}

const VERSION: u32 = 2;

/// Commands that set something.
pub(super) const QUICK: Duration = Duration::from_secs(30);
/// One WRITE: drives calibrate at the first, and write their buffer out before they answer.
pub(super) const WRITE: Duration = Duration::from_secs(200);
/// Calibrating, and choosing where a layer ends, for which some drives calibrate.
pub(super) const CALIBRATE: Duration = Duration::from_secs(180);
/// Flushing, closing, blanking minimally, formatting quickly.
pub(super) const LONG: Duration = Duration::from_secs(3600);
/// Every block: of a CD-RW at single speed it takes eighty minutes, of a BD-RE of three layers with certification most
/// of a day.
pub(super) const EVERY_BLOCK: Duration = Duration::from_secs(18_000);
/// The same on discs of many gigabytes.
pub(super) const EVERY_BLOCK_OF_BD: Duration = Duration::from_secs(86_400);
