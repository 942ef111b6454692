//! Tracks: where they lie, how they stand, and what a CD's hold.

use serde::{Deserialize, Serialize};

use super::rules::Rules;
use crate::mmc::cd_text::Pack;
use crate::mmc::cue::SectorMode;

/// One track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// First block.
    pub start: u32,
    /// Blocks of data in it.
    pub written: u32,
    /// Blocks that it takes: reserved, or written with run-out.
    pub size: u32,
    /// How it stands.
    pub state: TrackState,
    /// What it is on a CD.
    #[serde(default)]
    pub cd: CdTrack,
}

/// How a track stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrackState {
    /// Being written.
    Open,
    /// Reserved with a size, perhaps partly written.
    Reserved,
    /// Complete.
    Closed,
    /// Ended by a failure.
    Damaged,
}

/// What only tracks of a CD have. Everywhere else it stays as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdTrack {
    /// Control nibble: bit 0 pre-emphasis, 1 copying permitted, 2 data, 3 four channels.
    pub control: u8,
    /// Its sectors.
    pub mode: SectorMode,
    /// Its sectors are kept whole, and not their user data alone.
    pub whole: bool,
    /// Its sub-channels are kept, too.
    pub sub_channel: bool,
    /// Blocks of index 0 before its first block.
    pub pause: u32,
    /// Its recording code.
    pub isrc: Option<[u8; 12]>,
}

impl Default for CdTrack {
    fn default() -> Self {
        Self { control: 4, mode: SectorMode::Mode1, whole: false, sub_channel: false, pause: 0, isrc: None }
    }
}

impl CdTrack {
    /// Whether it holds blocks of 2048 bytes.
    pub fn has_blocks(&self) -> bool {
        matches!(self.mode, SectorMode::Mode1 | SectorMode::Xa)
    }
}

/// What only sessions of a CD have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdSession {
    /// Media catalog number.
    #[serde(default)]
    pub catalog: Option<[u8; 13]>,
    /// CD-TEXT of the lead-in.
    #[serde(default)]
    pub text: Vec<Pack>,
    /// Where indexes from 2 on start: track, index, block.
    #[serde(default)]
    pub indexes: Vec<(u8, u8, u32)>,
    /// Disc type of the table of contents: 00h, 10h CD-I, 20h XA.
    #[serde(default)]
    pub kind: u8,
    /// It was written at once: what lies between its tracks is recorded, too.
    #[serde(default)]
    pub at_once: bool,
    /// It was written raw: its sub-channels are the host's.
    #[serde(default)]
    pub raw: bool,
}

/// A track as a host is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackView {
    /// Its number, from 1.
    pub number: u16,
    /// Its session, from 1.
    pub session: u16,
    /// First block.
    pub start: u32,
    /// Blocks that it takes or could take.
    pub size: u32,
    /// Next writable block.
    pub next: Option<u32>,
    /// Blocks that still fit.
    pub free: u32,
    /// Last block of data.
    pub last: Option<u32>,
    /// How it stands; none for the track that does not exist until it is written to.
    pub state: Option<TrackState>,
    /// What it is on a CD.
    pub cd: CdTrack,
}

impl Track {
    /// A track of data that begins.
    pub fn at(start: u32, state: TrackState) -> Self {
        Self { start, written: 0, size: 0, state, cd: CdTrack::default() }
    }

    /// The first block behind it.
    pub fn end(&self) -> u32 {
        self.start.saturating_add(self.size)
    }

    pub(super) fn close(&mut self, rules: &Rules, room: u32) {
        let padded = rules.padded(self.written.max(rules.min_track));
        self.written = padded.min(room.max(self.written));
        self.size = self.written.saturating_add(rules.run_out);
        self.state = TrackState::Closed;
    }

    pub(super) fn view(&self, number: u16, session: u16, limit: u32) -> TrackView {
        let next = self.start + self.written;
        let free = match self.state {
            TrackState::Open => limit.saturating_sub(next),
            TrackState::Reserved => self.size.saturating_sub(self.written),
            TrackState::Closed | TrackState::Damaged => 0,
        };
        let open = matches!(self.state, TrackState::Open | TrackState::Reserved);
        TrackView {
            number,
            session,
            start: self.start,
            size: if self.state == TrackState::Open { limit.saturating_sub(self.start) } else { self.size },
            next: open.then_some(next),
            free,
            last: (self.written > 0).then(|| next - 1),
            state: Some(self.state),
            cd: self.cd,
        }
    }
}
