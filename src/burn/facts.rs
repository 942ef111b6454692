//! What a drive says of itself and of the disc in it, as far as a plan depends on it.

use crate::api::{DiscStatus, MediaKind};
use crate::mmc::capacity::FormatDescriptor;
use crate::mmc::disc_structure::LayerBoundary;
use crate::mmc::format::kind;
use crate::wire::broker_worker::Expected;

/// The state of the last session (READ DISC INFORMATION byte 2, MMC-6 6.21.3.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Nothing in it.
    Empty,
    /// Begun, not closed.
    Incomplete,
    /// Begun and cut off, or reserved and not written.
    Damaged,
    /// Closed.
    Complete,
}

/// How a disc stands that is formatted before it is written (READ FORMAT CAPACITIES; of a DVD+RW the bits of its
/// background format).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormatState {
    /// Not formatted, or of a kind that is not.
    #[default]
    None,
    /// DVD-RW in restricted overwrite: it grows as it is written in sequence, until its session is closed.
    Intermediate,
    /// DVD+RW: the drive formats whenever it has nothing else to do.
    Running,
    /// DVD+RW: stopped half-way.
    Suspended,
    /// Formatted, though a DVD-RW may still grow.
    Complete,
}

/// How a disc is formatted, and how it could be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// How it stands.
    pub state: FormatState,
    /// Blocks that it has as it is formatted now; the most it could have when it is not.
    pub blocks: u32,
    /// The formats that the drive offers for it.
    pub offers: Vec<FormatDescriptor>,
}

impl Format {
    /// The drive's first offer of this type.
    pub fn offer(&self, kind: u8) -> Option<&FormatDescriptor> {
        self.offers.iter().find(|offer| offer.kind == kind)
    }
}

/// The facts that decide how a disc is recorded. Blocks of 2048 bytes, speeds in kB/s of 1000.
///
/// They are filled from a drive's answers by the worker, and by hand in tests. Nothing in them is trusted further
/// than the checks of a plan go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The current MMC profile (GET CONFIGURATION).
    pub profile: u16,
    /// Blank, appendable or closed. Of discs that are written anywhere: blank, or other when there is something on it.
    pub status: DiscStatus,
    /// The last session.
    pub last_session: SessionState,
    /// The disc can be blanked or overwritten.
    pub rewritable: bool,
    /// The disc is guarded against writing.
    pub protected: bool,
    /// The last track of the last session: on a blank DVD+R the open fragment, number 1.
    pub last_track: u16,
    /// Where the open track begins; `None` when none is, or before block 0.
    pub track_start: Option<u32>,
    /// The open track was reserved: every block of it has to be written.
    pub reserved: bool,
    /// Where the open track's next write goes, just as the drive says it; some say −150 on a blank CD.
    pub next_writable: Option<i32>,
    /// Free blocks of the open track (READ TRACK INFORMATION bytes 16–19).
    pub free_blocks: u64,
    /// The last address at which a lead-out can start (READ DISC INFORMATION bytes 20–23); CD only.
    pub last_lead_out: Option<u32>,
    /// The drive's feature for writing this medium is present and current.
    pub can_write: bool,
    /// The drive writes CD sessions at once (feature 2Eh), and that is current.
    pub masters: bool,
    /// The drive offers test writes on this medium.
    pub test_write: bool,
    /// The drive goes on by itself after its buffer ran empty.
    pub underrun_free: bool,
    /// The drive has the command BLANK for this medium.
    pub can_blank: bool,
    /// Feature 21h is current: a DVD-R or DVD-RW can be written incrementally.
    pub incremental: bool,
    /// The drive has tables of calibration for this disc (READ DISC INFORMATION).
    pub calibrated: bool,
    /// Bad blocks are replaced by spares, at the price of a verification of every write (feature 24h).
    pub defect_management: bool,
    /// The drive knows WRITE (12) with Streaming, which does without that verification (feature 107h).
    pub streams: bool,
    /// How the disc is formatted.
    pub format: Format,
    /// Where layer 0 of a recordable DVD of two layers ends.
    pub boundary: Option<LayerBoundary>,
    /// Speeds at which the drive writes this disc, fastest first; empty when it does not say.
    pub write_speeds: Vec<u32>,
}

impl Facts {
    /// The kind of the disc.
    pub const fn kind(&self) -> MediaKind {
        MediaKind::from_profile(self.profile)
    }

    /// The disc is a CD, with its run-out blocks and negative addresses.
    pub const fn is_cd(&self) -> bool {
        matches!(self.kind(), MediaKind::CdRom | MediaKind::CdR | MediaKind::CdRw)
    }

    /// The disc is written anywhere, again and again.
    pub const fn overwrites(&self) -> bool {
        matches!(
            self.kind(),
            MediaKind::DvdRam
                | MediaKind::DvdMinusRwRestrictedOverwrite
                | MediaKind::DvdPlusRw
                | MediaKind::BdRe
        )
    }

    /// Where the next write really goes; `None` on a disc that takes none. A disc that is written anywhere begins at 0.
    ///
    /// Some drives answer −150, the start of the pre-gap, for a blank CD: the first block of its track is 0.
    pub fn start(&self) -> Option<u32> {
        if self.overwrites() {
            return (self.room() > 0).then_some(0);
        }
        match self.next_writable? {
            // The pre-gap of the first track is the drive's own business (MMC-6 4.2.3.4).
            -150 if self.is_cd() && self.status == DiscStatus::Blank => Some(0),
            address => u32::try_from(address).ok(),
        }
    }

    /// Blocks of content that fit from [`Self::start`] on: the free blocks without what closing the track takes of
    /// them.
    ///
    /// A CD track written at once ends with two run-out blocks (MMC-6 4.2.3.5.2), and must end before the last place
    /// at which the lead-out can start. Drives differ in whether their free blocks allow for either.
    pub fn usable_blocks(&self) -> u64 {
        let Some(start) = self.start() else { return 0 };
        match (self.is_cd(), self.last_lead_out) {
            _ if self.overwrites() => self.room().into(),
            (true, Some(end)) if end > start => {
                self.free_blocks.min(u64::from(end - start).saturating_sub(RUN_OUT))
            }
            (true, _) => self.free_blocks.saturating_sub(RUN_OUT),
            (false, _) => self.free_blocks,
        }
    }

    /// What a plan for this disc expects to find again right before its first write.
    pub fn expected(&self) -> Option<Expected> {
        self.expected_at(self.start()?)
    }

    /// The same for an image that was laid out to begin at `start`: a disc that is written anywhere takes it there.
    pub fn expected_at(&self, start: u32) -> Option<Expected> {
        let next_writable = if self.overwrites() { start } else { self.start()? };
        let before = if self.overwrites() { u64::from(start) } else { 0 };
        let free_blocks = self.usable_blocks().checked_sub(before)?;
        Some(Expected { profile: self.profile, next_writable, free_blocks })
    }

    /// The last session was cut off, or another program means to go on with it.
    pub fn is_unfinished(&self) -> bool {
        self.status == DiscStatus::Appendable
            && matches!(self.last_session, SessionState::Incomplete | SessionState::Damaged)
    }

    /// Blocks of the open track that are recorded.
    pub fn recorded(&self) -> u32 {
        let next = self.next_writable.and_then(|next| u32::try_from(next).ok());
        next.zip(self.track_start).map_or(0, |(next, start)| next.saturating_sub(start))
    }

    /// Blocks of a disc that is written anywhere, once it is formatted as a burn formats it.
    pub fn room(&self) -> u32 {
        let format = &self.format;
        let offered = |kinds: &[u8]| {
            let offers = format.offers.iter().filter(|offer| kinds.contains(&offer.kind));
            offers.map(|offer| offer.blocks).max()
        };
        match (self.kind(), format.state) {
            // It grows, whatever it has by now.
            (MediaKind::DvdMinusRwRestrictedOverwrite, _) => {
                offered(&[kind::FULL, kind::DVD_RW_FULL, kind::DVD_RW_QUICK]).unwrap_or(0).max(format.blocks)
            }
            (_, FormatState::None) => format.offer(kind::FULL).map_or(format.blocks, |offer| offer.blocks),
            _ => format.blocks,
        }
    }

    /// The offered speed that is fastest without exceeding the wish; the slowest when all exceed it; the wish itself
    /// when the drive offers no list.
    pub fn speed_for(&self, wish: u32) -> u32 {
        let fitting = self.write_speeds.iter().copied().filter(|speed| *speed <= wish).max();
        fitting.or_else(|| self.write_speeds.iter().copied().min()).unwrap_or(wish)
    }
}

/// Run-out blocks at the end of a CD track written at once.
const RUN_OUT: u64 = 2;
