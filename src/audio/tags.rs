//! What a file says of its sound: titles, names, codes, loudness.

use symphonia::core::meta::{MetadataRevision, StandardTag};

/// The texts of a file that a disc has a place for, and its loudness.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tags {
    /// The track's title.
    pub title: Option<String>,
    /// Who performs it.
    pub performer: Option<String>,
    /// Who wrote the words.
    pub songwriter: Option<String>,
    /// Who wrote the music.
    pub composer: Option<String>,
    /// Who arranged it.
    pub arranger: Option<String>,
    /// A comment.
    pub message: Option<String>,
    /// The album's title.
    pub album: Option<String>,
    /// Who performs the album.
    pub album_performer: Option<String>,
    /// The kind of music.
    pub genre: Option<String>,
    /// The recording's code.
    pub isrc: Option<String>,
    /// The album's number in shops, UPC or EAN.
    pub barcode: Option<String>,
    /// What to add to this track for equal loudness, in hundredths of a decibel.
    pub track_gain: Option<i32>,
    /// And to the album.
    pub album_gain: Option<i32>,
}

impl Tags {
    /// Takes in what a file says; what is there already stays.
    pub(super) fn take(&mut self, revision: &MetadataRevision) {
        let tracks = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
        for tag in revision.media.tags.iter().chain(tracks).filter_map(|tag| tag.std.as_ref()) {
            self.take_one(tag);
        }
    }

    fn take_one(&mut self, tag: &StandardTag) {
        let (place, text) = match tag {
            StandardTag::TrackTitle(text) => (&mut self.title, text),
            StandardTag::Artist(text) => (&mut self.performer, text),
            StandardTag::Lyricist(text) | StandardTag::Writer(text) => (&mut self.songwriter, text),
            StandardTag::Composer(text) => (&mut self.composer, text),
            StandardTag::Arranger(text) => (&mut self.arranger, text),
            StandardTag::Comment(text) => (&mut self.message, text),
            StandardTag::Album(text) => (&mut self.album, text),
            StandardTag::AlbumArtist(text) => (&mut self.album_performer, text),
            StandardTag::Genre(text) => (&mut self.genre, text),
            StandardTag::IdentIsrc(text) => (&mut self.isrc, text),
            StandardTag::IdentBarcode(text)
            | StandardTag::IdentUpc(text)
            | StandardTag::IdentEanUpn(text) => (&mut self.barcode, text),
            StandardTag::ReplayGainTrackGain(text) => return set_gain(&mut self.track_gain, text),
            StandardTag::ReplayGainAlbumGain(text) => return set_gain(&mut self.album_gain, text),
            _ => return,
        };
        let text: String = text.trim().chars().filter(|one| !one.is_control()).take(LONGEST).collect();
        if place.is_none() && !text.is_empty() {
            *place = Some(text);
        }
    }
}

/// “−6.52 dB” as −652. What nobody means is not taken.
fn set_gain(place: &mut Option<i32>, text: &str) {
    let number = text.trim().trim_end_matches(|one: char| one.is_alphabetic() || one.is_whitespace());
    let decibels = number.parse::<f64>().ok().filter(|gain| gain.abs() <= 64.0);
    *place = place.or(decibels.map(|gain| (gain * 100.0).round() as i32));
}

/// Characters of a text; CD-TEXT has room for 160 or so.
const LONGEST: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_read_with_its_sign_and_nonsense_is_not() {
        let read = |text| {
            let mut gain = None;
            set_gain(&mut gain, text);
            gain
        };
        assert_eq!((read("-6.52 dB"), read("+3 db"), read("1.005")), (Some(-652), Some(300), Some(100)));
        assert_eq!((read("loud"), read("1e9 dB"), read("NaN")), (None, None, None));
    }

    #[test]
    fn the_first_text_of_a_kind_counts_and_has_no_control_characters() {
        let mut tags = Tags::default();
        tags.take_one(&StandardTag::TrackTitle(" A\u{7} song ".to_owned().into()));
        tags.take_one(&StandardTag::TrackTitle("Another".to_owned().into()));
        assert_eq!(tags.title.as_deref(), Some("A song"));
    }
}
