//! What is refused before anything is written, and in which words.

use crate::api::{
    self, Close, DiscStatus, ErrorKind, MediaKind, RecordOptions, Unfinished, Verify, WriteMode,
};
use crate::wire::broker_worker::Expected;

use super::facts::Facts;
use super::kind::{self, Recipe};
use super::plan::{Act, Content};

/// Why a disc is not recorded or erased. Nothing has been done to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A pressed disc, or one that this drive cannot write.
    #[error(
        "The drive reports a read-only disc ({}): it is pressed, or was finalised. Insert a blank disc.", .0.name()
    )]
    ReadOnly(MediaKind),
    /// A medium for which there is no recipe.
    #[error(
        "Recording on this disc ({}, profile {:04X}h) is not supported. Insert one of: {}.",
        .0.name(), .1, kind::supported()
    )]
    UnknownMedium(MediaKind, u16),
    /// A medium that is recorded nowhere here, by its name and why.
    #[error("A {name} is not recorded: {why}. Insert one of: {}.", kind::supported())]
    Unrecorded {
        /// The medium.
        name: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A disc that takes one session, and was to stay open for another, or holds one.
    #[error(
        "The {} in the drive can only be recorded at once, from blank to closed. {}.", .kind.name(),
        if *.erasable { "Erase it fully, or record it without leaving it appendable" }
        else { "Record it without leaving it appendable, or insert another disc" }
    )]
    OneSession {
        /// The disc.
        kind: MediaKind,
        /// A full erasure makes it take more sessions.
        erasable: bool,
    },
    /// A finalised disc.
    #[error("The {} in the drive is closed: nothing can be added to it. {}.", .0.name(), what_instead(*.1))]
    Closed(MediaKind, bool),
    /// A disc with open room behind recorded sessions.
    #[error(
        "The {} in the drive holds data already, and the image was made for a blank disc: recording it would hide what \
         is there. Select the recorder again to append to this disc. {}.", .0.name(), what_instead(*.1)
    )]
    NotBlank(MediaKind, bool),
    /// The last session was cut off: what is written now would become a part of it.
    #[error(
        "The last session on the {} in the drive is not closed: it was cut off, or another program still has to go on \
         with it. It has to be closed before another one follows: record with `unfinished` set to `close`.", .0.name()
    )]
    SessionOpen(MediaKind),
    /// Nothing on the disc waits to be closed, or to be gone on with.
    #[error("No session on the {} in the drive was cut off: there is nothing to close or to go on with.", .0.name())]
    NothingOpen(MediaKind),
    /// A session that was cut off and cannot be gone on with.
    #[error(
        "The burn that was cut off on the {} in the drive cannot be gone on with: {}. Record with `unfinished` set to \
         `close`, or insert another disc.", .0.name(), .1
    )]
    NotResumable(MediaKind, &'static str),
    /// More is recorded than the image has.
    #[error(
        "The burn that was cut off on the {} in the drive had recorded {recorded} blocks, and the image has no more than \
         {blocks}: it is another image. Nothing was written.", .kind.name()
    )]
    OtherImage {
        /// The disc.
        kind: MediaKind,
        /// Blocks on the disc.
        recorded: u32,
        /// Blocks of the image, padding included.
        blocks: u64,
    },
    /// A disc guarded against writing.
    #[error("The {} in the drive is write protected. Remove the protection, or insert another disc.", .0.name())]
    Protected(MediaKind),
    /// The drive does not write this medium.
    #[error("This drive does not record {} discs. Use another drive, or insert a disc that it can record.", .0.name())]
    DriveCannotWrite(MediaKind),
    /// The drive does not tell where to write.
    #[error("The drive does not tell where the {} can be written: it may be damaged. Insert another disc.", .0.name())]
    NoAddress(MediaKind),
    /// A blank disc that begins elsewhere than at its first block.
    #[error(
        "The drive calls the {} blank, but wants its first block at address {}: the disc or the drive is damaged. \
         Insert another disc.", .0.name(), .1
    )]
    OddStart(MediaKind, u32),
    /// A test write on a medium, or in a drive, that has none.
    #[error("{} cannot be written in simulation by this drive. Record without `simulate`.", .0.name())]
    NoTestWrite(MediaKind),
    /// A medium, a drive or a disc that takes no session at once.
    #[error("The {} in the drive cannot be written as a session at once: {}. Record without `write-mode`.", .0.name(), .1)]
    NoSessionAtOnce(MediaKind, &'static str),
    /// A test write leaves nothing to verify.
    #[error("A simulated burn leaves nothing on the disc to verify: leave out `simulate` or `verify`.")]
    VerifyOfNothing,
    /// There is nothing to record.
    #[error("The image is empty: add data before recording.")]
    Empty,
    /// The image was laid out for another address.
    #[error(
        "The image was laid out to begin at block {planned}, but this disc takes its next data at block {actual}."
    )]
    OtherStart {
        /// Where the image begins.
        planned: u32,
        /// Where the disc begins.
        actual: u32,
    },
    /// More than fits.
    #[error(
        "The image takes {needed} blocks of 2048 bytes, but the {} in the drive has room for {available}. \
         Nothing was written. Remove some data, or insert a larger disc.", .kind.name()
    )]
    TooLarge {
        /// The disc.
        kind: MediaKind,
        /// Blocks of the image, padding included.
        needed: u64,
        /// Blocks that fit.
        available: u64,
    },
    /// A disc that cannot be erased.
    #[error("A {} cannot be erased: insert a rewritable disc.", .0.name())]
    NotErasable(MediaKind),
    /// A drive that cannot erase.
    #[error("This drive cannot erase {} discs. Use another drive.", .0.name())]
    DriveCannotErase(MediaKind),
    /// A disc that is not formatted, or no more.
    #[error("The {} in the drive is not one that is formatted, or no longer can be.", .0.name())]
    NotFormattable(MediaKind),
    /// A format that the drive does not offer.
    #[error("The drive does not offer “{name}” for the {} in it. It offers: {offered}.", .kind.name())]
    NoSuchFormat {
        /// The disc.
        kind: MediaKind,
        /// The format that was asked for.
        name: String,
        /// Those that there are.
        offered: String,
    },
}

impl Refusal {
    /// The refusal's name on the bus.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::ReadOnly(_)
            | Self::Closed(..)
            | Self::NotBlank(..)
            | Self::SessionOpen(_)
            | Self::NothingOpen(_)
            | Self::Protected(_) => ErrorKind::CannotWriteToMedia,
            Self::UnknownMedium(..)
            | Self::Unrecorded { .. }
            | Self::NotErasable(_)
            | Self::NotFormattable(_) => ErrorKind::MediumInvalidType,
            Self::DriveCannotWrite(_) | Self::DriveCannotErase(_) => ErrorKind::DeviceInvalidType,
            Self::NoAddress(_) | Self::OddStart(..) => ErrorKind::DiscInfo,
            Self::NoTestWrite(_)
            | Self::NoSessionAtOnce(..)
            | Self::OneSession { .. }
            | Self::NotResumable(..) => ErrorKind::NotSupported,
            Self::VerifyOfNothing | Self::NoSuchFormat { .. } => ErrorKind::InvalidArgs,
            Self::Empty => ErrorKind::InvalidImage,
            Self::OtherStart { .. } | Self::OtherImage { .. } => ErrorKind::WrongDisc,
            Self::TooLarge { .. } => ErrorKind::DiscFull,
        }
    }
}

impl From<Refusal> for api::Error {
    fn from(refusal: Refusal) -> Self {
        let error = Self::new(refusal.kind(), refusal.to_string());
        match refusal {
            Refusal::TooLarge { needed, available, .. } => {
                error.with("needed-blocks", needed).with("available-blocks", available)
            }
            _ => error,
        }
    }
}

/// A burn that has passed every check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// What the disc looked like.
    pub expected: Expected,
    /// A test write.
    pub simulate: bool,
    /// A CD session at once.
    pub at_once: bool,
    /// What becomes of the disc.
    pub close: Close,
    /// Every block is going to be read back.
    pub read_back: bool,
    start: u32,
    recorded: u32,
    content: u32,
    blocks: u32,
    alignment: u32,
    least: u32,
}

impl Order {
    /// Blocks with the padding.
    pub const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// The step that writes the content and its padding.
    pub const fn write(&self) -> Act {
        self.write_so(self.least, false)
    }

    /// The same on a disc that has to be written to the last block of what was reserved.
    pub const fn write_whole(&self) -> Act {
        self.write_so(self.blocks, false)
    }

    /// The same past the drive's verification.
    pub const fn write_streaming(&self, streaming: bool) -> Act {
        self.write_so(self.least, streaming)
    }

    const fn write_so(&self, least: u32, streaming: bool) -> Act {
        Act::Write {
            from: self.start,
            recorded: self.recorded,
            content: self.content,
            blocks: self.blocks,
            alignment: self.alignment,
            least,
            streaming,
        }
    }
}

/// Checks a burn: the disc first, then the drive, the wishes, and the size at last.
pub(super) fn record(
    facts: &Facts,
    recipe: &Recipe,
    content: Content,
    wishes: &RecordOptions,
) -> Result<Order, Refusal> {
    let kind = recipe.kind;
    let resumes = wishes.unfinished == Unfinished::Resume;
    let expected = disc(facts, kind, content.start, resumes)?;
    if !facts.can_write {
        return Err(Refusal::DriveCannotWrite(kind));
    }
    let at_once = wishes.write_mode == WriteMode::SessionAtOnce;
    if at_once {
        session_at_once(facts, kind)?;
    }
    if wishes.simulate && !(recipe.test_write && facts.test_write) {
        return Err(Refusal::NoTestWrite(kind));
    }
    if wishes.simulate && wishes.verify != Verify::None {
        return Err(Refusal::VerifyOfNothing);
    }
    if content.blocks == 0 {
        return Err(Refusal::Empty);
    }
    let recorded = if resumes { facts.recorded() } else { 0 };
    let begins = expected.next_writable - recorded;
    if content.start != begins {
        return Err(Refusal::OtherStart { planned: content.start, actual: begins });
    }
    let alignment = u64::from(recipe.alignment.max(1));
    if facts.overwrites() && !u64::from(content.start).is_multiple_of(alignment) {
        let actual = content.start.next_multiple_of(recipe.alignment.max(1));
        return Err(Refusal::OtherStart { planned: content.start, actual });
    }
    let padded = content.blocks.max(u64::from(recipe.least)).checked_next_multiple_of(alignment);
    if let Some(blocks) = padded.filter(|padded| *padded < u64::from(recorded)) {
        return Err(Refusal::OtherImage { kind, recorded, blocks });
    }
    let available = expected.free_blocks.saturating_add(recorded.into());
    let too_large = Refusal::TooLarge { kind, needed: padded.unwrap_or(u64::MAX), available };
    // Block addresses end at 31 bits on CD and 32 elsewhere: what lies behind is too large whatever the drive claims.
    let last = padded.and_then(|padded| padded.checked_add(u64::from(content.start)));
    match (u32::try_from(content.blocks), padded.map(u32::try_from), last) {
        (Ok(blocks), Some(Ok(padded)), Some(last)) if u64::from(padded) <= available && last <= LAST => {
            Ok(Order {
                expected,
                simulate: wishes.simulate,
                at_once,
                close: wishes.close,
                read_back: wishes.verify == Verify::Full,
                start: content.start,
                recorded,
                content: blocks,
                blocks: padded,
                alignment: recipe.alignment,
                least: recipe.least,
            })
        }
        _ => Err(too_large),
    }
}

/// Checks whether the disc takes a session at once. Behind another session drives refuse it, whatever MMC says.
fn session_at_once(facts: &Facts, kind: MediaKind) -> Result<(), Refusal> {
    let why = match (facts.is_cd(), facts.status) {
        (false, _) => "only CDs are",
        (true, _) if !facts.masters => "this drive does not do that",
        (true, DiscStatus::Blank) => return Ok(()),
        (true, _) => "it holds a session already, and drives add tracks to such a disc one by one only",
    };
    Err(Refusal::NoSessionAtOnce(kind, why))
}

/// Checks whether the disc can be erased, by this drive.
pub(super) fn erase(facts: &Facts) -> Result<(), Refusal> {
    let kind = facts.kind();
    match kind {
        MediaKind::CdRw | MediaKind::DvdMinusRwSequential if !facts.can_blank => {
            Err(Refusal::DriveCannotErase(kind))
        }
        _ if facts.protected => Err(Refusal::Protected(kind)),
        _ if facts.overwrites() && !facts.can_write => Err(Refusal::DriveCannotErase(kind)),
        _ => Ok(()),
    }
}

/// Checks whether the disc can be formatted, by this drive.
pub(super) fn format(facts: &Facts) -> Result<(), Refusal> {
    let kind = facts.kind();
    match () {
        () if facts.protected => Err(Refusal::Protected(kind)),
        () if !facts.can_write => Err(Refusal::DriveCannotWrite(kind)),
        () => Ok(()),
    }
}

/// Checks whether the last session was cut off, and can be closed.
pub(super) fn close(facts: &Facts, kind: MediaKind) -> Result<(), Refusal> {
    if facts.protected {
        return Err(Refusal::Protected(kind));
    }
    if !facts.can_write {
        return Err(Refusal::DriveCannotWrite(kind));
    }
    if facts.is_unfinished() { Ok(()) } else { Err(Refusal::NothingOpen(kind)) }
}

/// Checks whether a burn that was cut off can go on where it ended.
fn resume(facts: &Facts, kind: MediaKind) -> Result<(), Refusal> {
    let why = match () {
        () if !facts.is_unfinished() => return Err(Refusal::NothingOpen(kind)),
        () if facts.is_cd() => "a CD's track ends where it was cut off",
        () if facts.reserved => "it was recorded at once, and no drive goes on with that",
        () if facts.next_writable.is_none() => "the drive offers no address behind it",
        () => return Ok(()),
    };
    Err(Refusal::NotResumable(kind, why))
}

/// The disc takes an image that was laid out to begin at `start`: a blank one at its first block, an appendable one
/// where its next session begins, one that was cut off behind what is recorded if the image `resumes` there.
fn disc(facts: &Facts, kind: MediaKind, start: u32, resumes: bool) -> Result<Expected, Refusal> {
    if facts.protected {
        return Err(Refusal::Protected(kind));
    }
    match facts.status {
        _ if resumes => resume(facts, kind)?,
        DiscStatus::Blank => {}
        DiscStatus::Closed => return Err(Refusal::Closed(kind, facts.rewritable)),
        // An image for a blank disc does not tell of what is on this one.
        DiscStatus::Appendable if start == 0 => return Err(Refusal::NotBlank(kind, facts.rewritable)),
        DiscStatus::Appendable if facts.is_unfinished() => return Err(Refusal::SessionOpen(kind)),
        DiscStatus::Appendable => {}
        // What is on it may be overwritten behind its end alone.
        DiscStatus::Other if facts.overwrites() && start > 0 => {}
        DiscStatus::Other => return Err(Refusal::NotBlank(kind, facts.rewritable)),
    }
    match facts.expected_at(start).ok_or(Refusal::NoAddress(kind))? {
        // A blank disc takes its first block at 0; whoever laid out an image for another address was misled, too.
        expected
            if facts.status == DiscStatus::Blank && !facts.overwrites() && expected.next_writable != 0 =>
        {
            Err(Refusal::OddStart(kind, expected.next_writable))
        }
        expected => Ok(expected),
    }
}

const fn what_instead(rewritable: bool) -> &'static str {
    if rewritable { "Erase it, or insert a blank disc" } else { "Insert a blank disc" }
}

const LAST: u64 = i32::MAX as u64;
