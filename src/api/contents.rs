//! What a CD tells of itself: its tracks, their points and codes, and its texts.

use serde::{Deserialize, Serialize};

use super::plain::plain;

/// A CD as a drive reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscContents {
    /// The tracks of closed sessions, in order.
    pub tracks: Vec<DiscTrack>,
    /// The media catalog number, 13 digits, or nothing.
    #[serde(deserialize_with = "plain")]
    pub catalog: String,
    /// The packs of CD-TEXT.
    pub packs: Vec<[u8; 18]>,
    /// Gaps and index points could not be read everywhere.
    pub points_missing: bool,
}

/// A track of such a CD. Addresses are in blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscTrack {
    /// Its number.
    pub number: u8,
    /// Its session, from 1.
    pub session: u8,
    /// Where it begins: its index 1.
    pub start: u32,
    /// Where the next track begins, or the session's lead-out.
    pub end: u32,
    /// It holds data.
    pub data: bool,
    /// Data of mode 2.
    pub mode_2: bool,
    /// It may be copied digitally.
    pub copy_permitted: bool,
    /// Its sound has pre-emphasis.
    pub pre_emphasis: bool,
    /// It has four channels.
    pub four_channels: bool,
    /// Blocks before its beginning that are its gap: its index 0.
    pub gap: u32,
    /// Where its index points from 2 on lie, from its beginning.
    pub indexes: Vec<u32>,
    /// The recording's code, 12 characters, or nothing.
    #[serde(deserialize_with = "plain")]
    pub isrc: String,
}
