//! Cue sheets: the text files that say which parts of which files are the tracks of a disc.
//!
//! - `text`: from bytes in whatever encoding to characters
//! - `parse`: what a sheet says
//! - `stream`: the sound that it speaks of
//! - `image`: the data that it speaks of
//! - `write`: a sheet that says it
//! - `describe`: sheets of discs, staged or read

mod describe;
mod image;
mod parse;
mod stream;
mod text;
mod write;

use crate::api::audio::{DiscProperties, TrackProperties};

pub use image::write_image;
pub use parse::{CueError, SHEET_MAX};
pub use stream::{Sounds, StreamError};
pub use text::decode;

/// A sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CueSheet {
    /// What is said of the disc.
    pub disc: DiscProperties,
    /// The files, in the order of their commands.
    pub files: Vec<CueFile>,
    /// The tracks.
    pub tracks: Vec<CueTrack>,
    /// A file with ready-made CD-TEXT packs.
    pub cd_text_file: Option<String>,
}

/// A file with the sound or the sectors of tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CueFile {
    /// Its name, as the sheet has it.
    pub name: String,
    /// What it is said to be.
    pub kind: FileKind,
}

/// What a file is said to be. Programs call all kinds of sound files WAVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A sound file.
    Sound,
    /// Sectors without a header, samples least byte first.
    Binary,
    /// The same, greatest byte first.
    Motorola,
}

/// A track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CueTrack {
    /// Its number.
    pub number: u8,
    /// What it holds.
    pub mode: Mode,
    /// What is said of it; its gap and its index points are here, not there.
    pub properties: TrackProperties,
    /// Silent blocks before it that are in no file.
    pub pre_gap: u32,
    /// Silent blocks behind it that are in no file.
    pub post_gap: u32,
    /// Its index points, ascending.
    pub indexes: Vec<CueIndex>,
    /// Four channels.
    pub four_channels: bool,
}

/// An index point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CueIndex {
    /// 0 for the gap before the track, 1 for its beginning.
    pub number: u8,
    /// The file that it lies in, counted from 0.
    pub file: usize,
    /// Where in the file, in blocks.
    pub at: u32,
}

/// What a track holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Sound.
    #[default]
    Audio,
    /// Mode 1, 2048 bytes a block.
    Mode1,
    /// Mode 1, 2352 bytes a block.
    Mode1Raw,
    /// Mode 2, 2336 bytes a block.
    Mode2,
    /// Mode 2, 2352 bytes a block.
    Mode2Raw,
}

/// A part of a file, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The file, counted from 0.
    pub file: usize,
    /// The first block.
    pub from: u32,
    /// The block behind the last; `None` to the file's end.
    pub to: Option<u32>,
}

impl Mode {
    /// Every mode with its name in a sheet.
    pub const NAMES: [(Self, &str); 5] = [
        (Self::Audio, "AUDIO"),
        (Self::Mode1, "MODE1/2048"),
        (Self::Mode1Raw, "MODE1/2352"),
        (Self::Mode2, "MODE2/2336"),
        (Self::Mode2Raw, "MODE2/2352"),
    ];
}

impl CueTrack {
    /// The index point of this number.
    pub fn index(&self, number: u8) -> Option<CueIndex> {
        self.indexes.iter().copied().find(|index| index.number == number)
    }
}

impl CueSheet {
    /// The parts of files that make up a track, counted from 0, from its beginning (index 1) to the beginning of the next:
    /// what is in the next one's gap is heard behind this one. What lies before the first track's beginning is in no part.
    pub fn parts(&self, track: usize) -> Vec<Part> {
        let begin = |track: &CueTrack| track.index(1).map(|index| (index.file, index.at));
        let Some(start) = self.tracks.get(track).and_then(begin) else { return Vec::new() };
        let end = self.tracks.get(track + 1).and_then(begin);
        let last = end.map_or(self.files.len().saturating_sub(1), |(file, _)| file);
        let part = |file: usize| Part {
            file,
            from: if file == start.0 { start.1 } else { 0 },
            to: end.filter(|(last, _)| *last == file).map(|(_, at)| at),
        };
        (start.0..=last).map(part).filter(|part| part.to.is_none_or(|to| to > part.from)).collect()
    }

    /// Blocks of sound that lie before a track's beginning and belong to its gap. Where the gap begins in an earlier file than
    /// the track, they are the end of the track before, which has `before` blocks and has to begin in that file.
    pub fn sounding_gap(&self, track: usize, before: u32) -> u32 {
        let points = |track: &CueTrack| Some((track.index(0)?, track.index(1)?));
        let Some((gap, begin)) = self.tracks.get(track).and_then(points) else { return 0 };
        if gap.file == begin.file {
            return begin.at - gap.at;
        }
        let earlier = track.checked_sub(1).map(|at| self.parts(at)).unwrap_or_default();
        match earlier.first() {
            Some(part) if part.file == gap.file && part.from <= gap.at => {
                before.saturating_sub(gap.at - part.from)
            }
            _ => 0,
        }
    }
}
