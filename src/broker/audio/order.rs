//! From a staged album to the order that a worker gets.

use crate::api::RecordOptions;
use crate::api::audio::{Album, data_track};
use crate::audio::cd_text::CdText;
use crate::wire::broker_worker::{AudioOrder, AudioTrack, Expected};

/// An album on its way to a disc.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// The order, without what the recorder and the caller have to say about it.
    pub order: AudioOrder,
    /// Blocks that its sound takes, gaps included.
    sound: u64,
    /// Files become its track of data.
    from_files: bool,
    /// What the burn's report is to tell.
    pub notes: Vec<String>,
}

impl Ordered {
    /// The disc has a track of data that is made of files.
    pub const fn has_files(&self) -> bool {
        self.from_files
    }

    /// Takes in the length of the image that was laid out for the track of data.
    pub fn set_image(&mut self, blocks: u64) {
        self.order.data = Some(u32::try_from(blocks).unwrap_or(u32::MAX));
    }

    /// Blocks that the disc takes, gaps included.
    pub fn blocks(&self) -> u64 {
        self.sound + self.order.data.map_or(0, |image| data_track(image.into()))
    }
}

/// The order that an album makes where a recorder leaves `gap` blocks between tracks.
pub fn ordered(album: &Album, gap: u32) -> Ordered {
    let track = |(at, blocks): (usize, &u32)| {
        let said = album.track(at);
        AudioTrack {
            blocks: *blocks,
            gap: album.gap_before(at, gap),
            sounding_gap: album.sounding_gap(at),
            // Points behind the end were set before the track was closed.
            indexes: said.indexes.into_iter().filter(|point| point < blocks).collect(),
            isrc: said.isrc.into_bytes().try_into().ok(),
            copy: said.copy_permitted,
            pre_emphasis: said.pre_emphasis,
        }
    };
    let tracks: Vec<_> = album.state.tracks.iter().enumerate().map(track).collect();
    let text = CdText::of(album, tracks.len());
    let mut notes = text.notes;
    notes.extend(album.state.padded.iter().map(|number| {
        format!(
            "Track {number} was shorter than four seconds, and was filled up with silence to that length."
        )
    }));
    let sound = album.state.sound();
    let gaps: u64 = tracks.iter().map(|track| u64::from(track.gap)).sum();
    let order = AudioOrder {
        // How long an image of files is shows when it is laid out.
        data: album.disc.data_track.then(|| album.state.image.unwrap_or_default()),
        tracks,
        catalog: album.disc.upc_ean.clone().into_bytes().try_into().ok(),
        packs: text.packs,
        at_once: !album.disc.track_at_once,
        options: RecordOptions::default(),
        expected: Expected { profile: 0, next_writable: 0, free_blocks: 0 },
    };
    let from_files = album.disc.data_track && album.state.image.is_none();
    Ordered { order, sound: sound + gaps, from_files, notes }
}
