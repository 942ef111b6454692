//! Broker ↔ worker: one worker a recorder in use.
//!
//! The worker's end is its standard input. The first message is `Open`. End of file means that the broker is gone:
//! an idle worker leaves, a busy one finishes first.

use serde::{Deserialize, Serialize};

use crate::api::{self, Device, Inspection, Progress, RecordOptions, Report, Unfinished};

/// What the broker asks of a worker. All but `Cancel` and `Again` are answered by one `Done` or `Opened`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Open this device and look at it. First, and once.
    Open(Device),
    /// Look at the drive and the disc again.
    Inspect,
    /// Record what comes through the ring, whose two descriptors (memory, wake) travel with the frame.
    Record(RecordOrder),
    /// Record the sound that comes through the ring, likewise, as an audio disc.
    RecordAudio(AudioOrder),
    /// Read blocks for a stager, whose questions come through the socket that travels with the frame, until it leaves.
    Read(ReadOrder),
    /// Read what the CD tells of itself: tracks, points, codes, texts. They come in the report.
    ReadContents,
    /// Close the disc's last session, which was cut off.
    CloseUnfinished,
    /// Erase the disc: the whole of it, or what makes it blank again.
    Erase {
        /// Every block, instead of the few that count.
        full: bool,
        /// Open the tray at the end.
        eject: bool,
    },
    /// Format the disc.
    Format {
        /// The name of the format, one of the disc's; `None` is the usual one.
        choice: Option<String>,
        /// Every block is written or tried.
        full: bool,
        /// Open the tray at the end.
        eject: bool,
    },
    /// Open the tray.
    Eject,
    /// Close the tray.
    Load,
    /// End the running operation as soon as the disc allows.
    Cancel,
    /// Repeat the last `Done`, which may have been told to a broker that is no more. While something runs, its own comes.
    Again,
}

/// A burn as the broker orders it. The worker plans it from its own look at the drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordOrder {
    /// The length of the image in blocks; exactly so many come through the ring.
    pub blocks: u64,
    /// The address that the image was laid out for.
    pub start: u32,
    /// Wishes of the caller.
    pub options: RecordOptions,
    /// What the disc looked like when the burn was planned; a difference is `WrongDisc`.
    pub expected: Expected,
    /// The session whose tree was imported into the image; another one there is `WrongDisc`.
    pub imprint: Option<Imprint>,
}

impl RecordOrder {
    /// Blocks of the image that are not on the disc yet; fewer than all of them where a burn goes on that was cut off.
    pub const fn to_write(&self) -> u64 {
        let recorded = match self.options.unfinished {
            Unfinished::Resume => self.expected.next_writable.saturating_sub(self.start),
            Unfinished::Refuse | Unfinished::Close => 0,
        };
        self.blocks.saturating_sub(recorded as u64)
    }
}

/// An audio disc as the broker orders it. The tracks' sound comes through the ring one behind another, gaps left out; every
/// track begins a chunk, and every chunk is whole blocks of 2352 bytes. A track of data comes before them, in chunks of whole
/// blocks of 2048.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioOrder {
    /// Blocks of the image that becomes the first track, before the sound.
    pub data: Option<u32>,
    /// The tracks of sound.
    pub tracks: Vec<AudioTrack>,
    /// The media catalog number, in digits.
    pub catalog: Option<[u8; 13]>,
    /// CD-TEXT; none when there is none.
    pub packs: Vec<[u8; 18]>,
    /// The session is written at once, if the drive can do that.
    pub at_once: bool,
    /// Wishes of the caller.
    pub options: RecordOptions,
    /// What the disc looked like when the burn was planned; a difference is `WrongDisc`.
    pub expected: Expected,
}

/// A track of an audio disc. Blocks are of 2352 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioTrack {
    /// Its length.
    pub blocks: u32,
    /// Silent blocks before it; the first track's of a disc are those of every disc.
    pub gap: u32,
    /// Blocks at the end of the track before that belong to its gap as well.
    pub sounding_gap: u32,
    /// Where its index points from 2 on lie, from its beginning; ascending.
    pub indexes: Vec<u32>,
    /// The recording's code.
    pub isrc: Option<[u8; 12]>,
    /// It may be copied digitally.
    pub copy: bool,
    /// Its sound has pre-emphasis.
    pub pre_emphasis: bool,
}

impl AudioOrder {
    /// Blocks of data and sound; exactly so many come through the ring.
    pub fn blocks(&self) -> u64 {
        self.tracks.iter().map(|track| track.blocks).chain(self.data).map(u64::from).sum()
    }

    /// The tracks of sound with their numbers on the disc.
    pub fn numbered(&self) -> impl Iterator<Item = (u8, &AudioTrack)> {
        (1 + u8::from(self.data.is_some())..).zip(&self.tracks)
    }

    /// Silent blocks before each track of sound.
    pub fn gaps(&self) -> impl Iterator<Item = u32> {
        self.numbered().map(|(number, track)| if number == 1 { 0 } else { track.gap })
    }
}

/// What may be read for a stager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOrder {
    /// The first block that is not to be read.
    pub end: u32,
}

/// A block of the disc that an image goes on from: by it the disc is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imprint {
    /// The block of the session's primary volume descriptor.
    pub block: u32,
    /// CRC-32 of its 2048 bytes.
    pub checksum: u32,
}

/// What a plan expects to find in the drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The current profile.
    pub profile: u16,
    /// Where the next write goes.
    pub next_writable: u32,
    /// Blocks that can be recorded.
    pub free_blocks: u64,
}

/// The detail `source` of the error that answers `Again` where no order has come.
pub const NO_ORDER: &str = "order";

/// What a worker tells the broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// Answer to `Open`.
    Opened(api::Result<Inspection>),
    /// How far the running operation is; at most ten a second, and one at every change of phase.
    Progress(Progress),
    /// The end of what was asked; the drive was looked at again afterwards where that was possible.
    Done {
        /// How it ended. Operations other than `Record` leave the report empty.
        result: api::Result<Report>,
        /// The drive and the disc now.
        inspection: Option<Inspection>,
    },
}
