//! A recorder: who it is, where it is, what it is doing.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Medium;
use super::plain::plain;

/// Where a recorder is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Device {
    /// A block device of the kernel, `/dev/sr0`, spoken to by SG_IO.
    Scsi(PathBuf),
    /// The socket of a virtual recorder.
    Virtual(PathBuf),
}

impl Device {
    /// The path of the device node or socket.
    pub fn path(&self) -> &std::path::Path {
        match self {
            Self::Scsi(path) | Self::Virtual(path) => path,
        }
    }
}

/// What INQUIRY says of a drive (SPC-4, 6.4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Vendor identification, 8 characters trimmed.
    #[serde(deserialize_with = "plain")]
    pub vendor: String,
    /// Product identification, 16 characters trimmed.
    #[serde(deserialize_with = "plain")]
    pub product: String,
    /// Product revision level, 4 characters trimmed.
    #[serde(deserialize_with = "plain")]
    pub revision: String,
    /// Serial number (feature 0108h), or empty.
    #[serde(deserialize_with = "plain")]
    pub serial: String,
}

/// The tray and what lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tray {
    /// Out.
    Open,
    /// In; whether with a disc, the medium tells.
    Closed,
    /// The drive does not say.
    Unknown,
}

/// All that a worker learns when it looks at a drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Who the drive is.
    pub identity: Identity,
    /// Every profile that the drive lists (GET CONFIGURATION, feature 0000h).
    pub profiles: Vec<u16>,
    /// The tray.
    pub tray: Tray,
    /// The disc; `None` when there is none.
    pub medium: Option<Medium>,
    /// The drive can go on after its buffer ran empty (BUF of features 002Dh and 002Fh, or a medium where it always can).
    pub buffer_underrun_free: bool,
    /// The size of the drive's buffer in bytes, 0 when it does not say.
    pub buffer_bytes: u64,
}

/// What a recorder is doing, as the bus shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecorderState {
    /// Nobody holds it.
    Idle,
    /// A session or an exclusive opener holds it.
    Opened,
    /// Writing.
    Burning,
    /// Blanking or formatting.
    Erasing,
    /// Ejecting, loading or looking at a disc.
    Busy,
}

impl RecorderState {
    /// The state's name on the bus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Opened => "opened",
            Self::Burning => "burning",
            Self::Erasing => "erasing",
            Self::Busy => "busy",
        }
    }

    /// IMAPI's number: 0 doing nothing, 1 opened, 2 burning (erasing is a kind of burning to it).
    pub const fn imapi(self) -> u32 {
        match self {
            Self::Idle => 0,
            Self::Opened | Self::Busy => 1,
            Self::Burning | Self::Erasing => 2,
        }
    }
}
