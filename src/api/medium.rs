//! The disc in a drive, as its owner and the burning engine see it.

use serde::{Deserialize, Serialize};

use super::plain::plain;

/// The kind of a disc, by its MMC profile (MMC-6, 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum MediaKind {
    CdRom,
    CdR,
    CdRw,
    DvdRom,
    DvdMinusR,
    DvdRam,
    DvdMinusRwRestrictedOverwrite,
    DvdMinusRwSequential,
    DvdMinusRDualLayer,
    DvdPlusRw,
    DvdPlusR,
    DvdPlusRDualLayer,
    BdRom,
    BdR,
    BdRe,
    /// A profile that we have no name for, by its number.
    Other(u16),
}

impl MediaKind {
    /// The kind that an MMC profile number names.
    pub const fn from_profile(profile: u16) -> Self {
        match profile {
            0x08 => Self::CdRom,
            0x09 => Self::CdR,
            0x0a => Self::CdRw,
            0x10 => Self::DvdRom,
            0x11 => Self::DvdMinusR,
            0x12 => Self::DvdRam,
            0x13 => Self::DvdMinusRwRestrictedOverwrite,
            0x14 => Self::DvdMinusRwSequential,
            0x15 => Self::DvdMinusRDualLayer,
            0x1a => Self::DvdPlusRw,
            0x1b => Self::DvdPlusR,
            0x2b => Self::DvdPlusRDualLayer,
            0x40 => Self::BdRom,
            0x41 => Self::BdR,
            0x43 => Self::BdRe,
            other => Self::Other(other),
        }
    }

    /// The name that stands on the disc's box, and on the bus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CdRom => "CD-ROM",
            Self::CdR => "CD-R",
            Self::CdRw => "CD-RW",
            Self::DvdRom => "DVD-ROM",
            Self::DvdMinusR => "DVD-R",
            Self::DvdRam => "DVD-RAM",
            Self::DvdMinusRwRestrictedOverwrite => "DVD-RW restricted overwrite",
            Self::DvdMinusRwSequential => "DVD-RW",
            Self::DvdMinusRDualLayer => "DVD-R DL",
            Self::DvdPlusRw => "DVD+RW",
            Self::DvdPlusR => "DVD+R",
            Self::DvdPlusRDualLayer => "DVD+R DL",
            Self::BdRom => "BD-ROM",
            Self::BdR => "BD-R",
            Self::BdRe => "BD-RE",
            Self::Other(_) => "unknown",
        }
    }
}

/// What READ DISC INFORMATION says of the disc (MMC-6, 6.21, byte 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiscStatus {
    /// Nothing recorded.
    Blank,
    /// Recorded, and another session can follow.
    Appendable,
    /// Finalised: nothing can be added.
    Closed,
    /// Randomly writable media, where the question does not arise.
    Other,
}

/// A disc as READ DISC INFORMATION and its kin describe it. Blocks are of 2048 bytes, speeds in kB/s of 1000.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    /// The current MMC profile.
    pub profile: u16,
    /// Blank, appendable or closed.
    pub status: DiscStatus,
    /// Can be blanked or overwritten.
    pub rewritable: bool,
    /// Guarded by a tab or by its format.
    pub protected: bool,
    /// The last session is damaged or was cut off.
    pub damaged: bool,
    /// Complete and open sessions that hold data.
    pub sessions: u16,
    /// Every recorded track.
    pub tracks: Vec<TrackSummary>,
    /// Where the next write goes; `None` on a disc that takes none.
    pub next_writable: Option<u32>,
    /// Blocks that can still be recorded.
    pub free_blocks: u64,
    /// Recorded and free blocks together.
    pub total_blocks: u64,
    /// The manufacturer's code as the disc carries it, or empty.
    #[serde(deserialize_with = "plain")]
    pub manufacturer_id: String,
    /// The speeds that the drive offers for writing this disc, fastest first.
    pub write_speeds: Vec<u32>,
    /// The formats that the drive offers for this disc, the usual one first; empty for what is not formatted.
    pub formats: Vec<FormatChoice>,
}

/// A way to format a disc.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatChoice {
    /// The name that `Format` takes.
    #[serde(deserialize_with = "plain")]
    pub name: String,
    /// Blocks that the disc has afterwards.
    pub blocks: u64,
}

impl Medium {
    /// The last session was cut off, and has to be closed before another one follows.
    pub const fn is_unfinished(&self) -> bool {
        self.damaged && matches!(self.status, DiscStatus::Appendable)
    }

    /// Another session can follow.
    pub const fn is_appendable(&self) -> bool {
        matches!(self.status, DiscStatus::Appendable)
    }

    /// The kind of the disc.
    pub const fn kind(&self) -> MediaKind {
        MediaKind::from_profile(self.profile)
    }
}

/// One recorded track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackSummary {
    /// The track's number, from 1.
    pub number: u16,
    /// The session it belongs to, from 1.
    pub session: u16,
    /// Its first block.
    pub start: u32,
    /// Its length in blocks; on CD written track at once, two run-out blocks included.
    pub blocks: u32,
    /// Data, as opposed to audio.
    pub data: bool,
}
