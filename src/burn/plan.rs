//! A plan: what to tell a drive, in which order, how long to wait, and what a failure would mean.

use std::time::Duration;

use crate::api::RecordOptions;
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
    /// Write blocks in sequence.
    Write {
        /// The first block's address.
        from: u32,
        /// Blocks that come through the ring.
        content: u32,
        /// Blocks that are written: the content, then zeroes.
        blocks: u32,
        /// Every write but the last is a multiple of this; so is `blocks`.
        alignment: u32,
        /// The shortest track that the medium takes, should writing end early.
        least: u32,
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
    /// Erase the disc: every block, or what makes it blank again.
    Blank {
        /// Every block.
        full: bool,
    },
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

/// Write types of mode page 05h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Track at once, mode 1 data: write type 1, track mode 4, data block type 8.
    TrackAtOnce,
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
    let steps = std::iter::once(speed).chain((recipe.record)(facts, &order)).collect();
    Ok(Plan { version: VERSION, expected: order.expected, steps })
}

/// The steps that erase the disc that `facts` describe.
///
/// # Errors
/// A [`Refusal`] when the disc cannot be erased, or not by this drive.
pub fn plan_erase(facts: &Facts, full: bool) -> Result<Plan, Refusal> {
    check::erase(facts)?;
    let limit = if full { BLANK_FULL } else { LONG };
    let expected = Expected {
        profile: facts.profile,
        next_writable: facts.start().unwrap_or_default(),
        free_blocks: facts.usable_blocks(),
    };
    let steps = vec![Step::new(Act::Blank { full }, limit, Harm::DiscUnfinished)];
    Ok(Plan { version: VERSION, expected, steps })
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

const VERSION: u32 = 1;

/// Commands that set something.
pub(super) const QUICK: Duration = Duration::from_secs(30);
/// One WRITE: drives calibrate at the first, and write their buffer out before they answer.
pub(super) const WRITE: Duration = Duration::from_secs(200);
/// Flushing, closing, blanking minimally.
pub(super) const LONG: Duration = Duration::from_secs(3600);
/// Blanking every block of a CD-RW at single speed takes eighty minutes.
const BLANK_FULL: Duration = Duration::from_secs(18_000);
