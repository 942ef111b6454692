//! An audio disc as it is staged: tracks, what is said of them, and how much room they take. Blocks are of 2352 bytes.

use serde::{Deserialize, Serialize};

use super::language::{Language, Letters};
use super::plain::plain;
use super::{Error, ErrorKind, Result};

/// Bytes of a block of sound (IEC 60908).
pub const AUDIO_BLOCK: usize = 2352;
/// Tracks of a disc.
pub const TRACKS_MAX: usize = 99;
/// Blocks of everything that is staged: no disc and no stash has so many, and numbers of 32 bits have room for them and more.
const BLOCKS_MAX: u64 = 1 << 31;
/// The shortest track: four seconds.
pub const TRACK_MIN: u32 = 300;
/// Blocks that a track written at once loses at its end, whatever the gap.
pub const RUN_OUT: u64 = 2;
/// Languages of a disc.
pub const LANGUAGES_MAX: usize = 8;
/// Characters of one text.
pub const TEXT_MAX: usize = 160;
/// Zeroes at the end of a track of data that sound follows, blocks; they are a part of it (ECMA-130, 20.2).
pub const POST_GAP: u32 = 150;
/// The least silence between a track of data and the sound behind it, blocks.
pub const GAP_AFTER_DATA: u32 = 150;
/// The longest gap before a track: a minute.
pub const GAP_MAX: u32 = 4500;

/// The staged tracks, as far as their sound goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlbumState {
    /// The closed tracks' lengths.
    pub tracks: Vec<u32>,
    /// The open track's length, its last block counted whole.
    pub open: Option<u32>,
    /// The numbers of the tracks that were shorter than four seconds, and were filled up with silence.
    pub padded: Vec<u8>,
    /// Blocks of the image that was taken in as the track of data.
    #[serde(default)]
    pub image: Option<u32>,
}

impl AlbumState {
    /// Closed and open tracks.
    pub fn total_tracks(&self) -> usize {
        self.tracks.len() + usize::from(self.open.is_some())
    }

    /// Blocks of sound.
    pub fn sound(&self) -> u64 {
        self.tracks.iter().chain(&self.open).copied().map(u64::from).sum()
    }

    /// A disc could be meant: what a stager tells that was taken over may be anything.
    pub fn is_plausible(&self) -> bool {
        let image = self.image.unwrap_or_default();
        self.total_tracks() <= TRACKS_MAX
            && self.padded.len() <= TRACKS_MAX
            && self.sound() + u64::from(image) <= BLOCKS_MAX
    }

    /// No sound is staged.
    pub fn is_empty(&self) -> bool {
        self.total_tracks() == 0
    }
}

/// An audio disc as it is staged: its sound, and what is said of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Album {
    /// The tracks' sound.
    pub state: AlbumState,
    /// What is said of the disc.
    pub disc: DiscProperties,
    /// Blocks of the image that becomes the disc's first track, where it has one of data.
    #[serde(default)]
    pub image: u64,
    /// What is said of the tracks; those behind the end have nothing said of them.
    pub tracks: Vec<TrackProperties>,
    /// The same texts in other languages.
    #[serde(default)]
    pub translations: Vec<Translation>,
}

impl Album {
    /// What is said of a track, counted from 0.
    pub fn track(&self, at: usize) -> TrackProperties {
        self.tracks.get(at).cloned().unwrap_or_default()
    }

    /// Tracks of sound that the disc can have.
    pub const fn most_tracks(&self) -> usize {
        TRACKS_MAX - self.disc.data_track as usize
    }

    /// Blocks that lie before the first track of sound: those of a track of data.
    pub const fn before_sound(&self) -> u64 {
        if self.disc.data_track { data_track(self.image) } else { 0 }
    }

    /// Silent blocks before a track, counted from 0, if a recorder leaves `gap` where nothing else is asked. Before the
    /// first track of a disc lies what every disc has there.
    pub fn gap_before(&self, at: usize, gap: u32) -> u32 {
        let asked = self.tracks.get(at).and_then(|track| track.pre_gap);
        match at {
            0 if self.disc.data_track => asked.unwrap_or_default().max(GAP_AFTER_DATA),
            0 => 0,
            _ => asked.unwrap_or(if self.disc.gapless { 0 } else { gap }),
        }
    }

    /// Blocks at the end of the track before that are heard in a track's gap, counted from 0. None where that one has not so
    /// many behind its last point.
    pub fn sounding_gap(&self, at: usize) -> u32 {
        let Some(before) = at.checked_sub(1) else { return 0 };
        let blocks = self.state.tracks.get(before).copied().unwrap_or_default();
        let last = self.track(before).indexes.into_iter().rfind(|point| *point < blocks).unwrap_or_default();
        Some(self.track(at).sounding_gap).filter(|gap| *gap < blocks - last).unwrap_or_default()
    }

    /// Blocks that the tracks take, with what lies between them and a track of data before them. A gap costs two blocks more
    /// than it has: a drive that writes track by track takes them.
    pub fn used(&self, gap: u32) -> u64 {
        self.before_sound().saturating_add(self.sound_and_gaps(gap))
    }

    fn sound_and_gaps(&self, gap: u32) -> u64 {
        let gaps = (0..self.state.total_tracks()).map(|at| self.cost_before(at, gap));
        self.state.sound() + gaps.sum::<u64>()
    }

    /// Blocks of a disc with a track of data that are not its image's.
    pub fn beside_image(&self, gap: u32) -> u64 {
        self.sound_and_gaps(gap) + u64::from(POST_GAP)
    }

    /// Blocks that the open track can still take on a disc of `total`; without one, those that a new one could.
    pub fn available(&self, total: u64, gap: u32) -> u64 {
        let next = match self.state.open {
            Some(_) => 0,
            None => self.cost_before(self.state.total_tracks(), gap),
        };
        total.saturating_sub(self.used(gap)).saturating_sub(next)
    }

    fn cost_before(&self, at: usize, gap: u32) -> u64 {
        match self.gap_before(at, gap) {
            0 => 0,
            gap => u64::from(gap) + RUN_OUT,
        }
    }
}

/// The texts of a disc and its tracks in one more language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translation {
    /// The language.
    pub language: Language,
    /// How its characters are written.
    pub letters: Letters,
    /// The disc's texts.
    pub disc: Texts,
    /// The tracks' texts; those behind the end have none.
    pub tracks: Vec<Texts>,
}

/// The texts of a disc or a track; an empty one is none (CD-TEXT packs 80h to 85h).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// What it is called.
    #[serde(deserialize_with = "plain")]
    pub title: String,
    /// Who performs it.
    #[serde(deserialize_with = "plain")]
    pub performer: String,
    /// Who wrote the words.
    #[serde(deserialize_with = "plain")]
    pub songwriter: String,
    /// Who wrote the music.
    #[serde(deserialize_with = "plain")]
    pub composer: String,
    /// Who arranged it.
    #[serde(deserialize_with = "plain")]
    pub arranger: String,
    /// A message.
    #[serde(deserialize_with = "plain")]
    pub message: String,
}

impl Texts {
    /// The texts' names on the bus, in the order of their packs.
    pub const NAMES: [&str; 6] = ["Title", "Performer", "Songwriter", "Composer", "Arranger", "Message"];

    /// The texts in the order of their names.
    pub const fn all(&self) -> [&String; 6] {
        [&self.title, &self.performer, &self.songwriter, &self.composer, &self.arranger, &self.message]
    }

    /// The same, to be changed.
    pub const fn all_mut(&mut self) -> [&mut String; 6] {
        [
            &mut self.title,
            &mut self.performer,
            &mut self.songwriter,
            &mut self.composer,
            &mut self.arranger,
            &mut self.message,
        ]
    }

    /// There is no text.
    pub fn is_empty(&self) -> bool {
        self.all().iter().all(|text| text.is_empty())
    }
}

/// What is said of a whole disc.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscProperties {
    /// Its texts.
    pub texts: Texts,
    /// The publisher's number for it.
    pub disc_id: String,
    /// The kind of music.
    pub genre: String,
    /// Its number in shops, 13 digits; it is also the disc's media catalog number.
    pub upc_ean: String,
    /// The language of its texts and of those of its tracks; `None` for the one that their letters suggest.
    #[serde(default)]
    pub language: Option<Language>,
    /// How their characters are written.
    #[serde(default)]
    pub letters: Letters,
    /// Tracks follow each other without a gap.
    pub gapless: bool,
    /// Tracks are written one by one, as the Image Mastering API did.
    pub track_at_once: bool,
    /// The first track is one of data: the image that is staged with the data format.
    #[serde(default)]
    pub data_track: bool,
}

/// What is said of a track.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackProperties {
    /// Its texts.
    pub texts: Texts,
    /// The recording's code, 12 characters.
    pub isrc: String,
    /// Silent blocks before it; `None` for the recorder's gap.
    pub pre_gap: Option<u32>,
    /// Blocks at the end of the track before that are its gap (index 0), with the sound that is there.
    #[serde(default)]
    pub sounding_gap: u32,
    /// Where its index points from 2 on lie, in blocks from its beginning; ascending.
    pub indexes: Vec<u32>,
    /// It may be copied digitally.
    pub copy_permitted: bool,
    /// Its sound was recorded with pre-emphasis.
    pub pre_emphasis: bool,
}

/// Which of a file's notes on its loudness is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplayGain {
    /// None: as it is.
    #[default]
    None,
    /// The track's: every track equally loud.
    Track,
    /// The album's: tracks keep their differences.
    Album,
}

/// Options of `AddAudioFile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFileOptions {
    /// The sound goes on where the track before ended, inside of its last block.
    pub gapless: bool,
    /// What is done about loudness.
    pub replay_gain: ReplayGain,
    /// The file's tags do not become the track's texts.
    pub without_tags: bool,
}

/// What a sound file brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFileSummary {
    /// The texts in it.
    pub texts: Texts,
    /// The album's title and performer in it.
    pub album: Texts,
    /// The recording's code in it.
    #[serde(deserialize_with = "plain")]
    pub isrc: String,
    /// Bytes of sound.
    pub bytes: u64,
    /// Samples that were too loud, and were cut.
    pub clipped: u64,
}

/// Blocks of a track of data that sound follows, with an image of so many: a post-gap longer, and a track at least.
pub const fn data_track(image: u64) -> u64 {
    let whole = image.saturating_add(POST_GAP as u64);
    if whole < TRACK_MIN as u64 { TRACK_MIN as u64 } else { whole }
}

/// A text as it may stand on a disc.
///
/// # Errors
/// `InvalidArgs` when it is too long or has control characters.
pub fn check_text(name: &str, text: &str) -> Result<()> {
    if text.chars().count() > TEXT_MAX || text.chars().any(char::is_control) {
        let message = format!("“{name}” has at most {TEXT_MAX} characters, none of them for control.");
        return Err(Error::new(ErrorKind::InvalidArgs, message));
    }
    Ok(())
}

/// A recording's code (ISO 3901) without its hyphens, or nothing.
///
/// # Errors
/// `InvalidArgs` when it is none.
pub fn check_isrc(code: &str) -> Result<String> {
    let plain: String = code.chars().filter(|one| *one != '-').map(|one| one.to_ascii_uppercase()).collect();
    let kinds = plain.bytes().enumerate().all(|(at, one)| match at {
        0..2 => one.is_ascii_uppercase(),
        2..5 => one.is_ascii_uppercase() || one.is_ascii_digit(),
        _ => one.is_ascii_digit(),
    });
    if plain.is_empty() || (plain.len() == 12 && kinds) {
        return Ok(plain);
    }
    let message = format!("“{code}” is not an ISRC: two letters, three letters or digits, seven digits.");
    Err(Error::new(ErrorKind::InvalidArgs, message))
}

/// A number in shops, UPC or EAN, as the 13 digits of a media catalog number, or nothing.
///
/// # Errors
/// `InvalidArgs` when it is none.
pub fn check_upc_ean(number: &str) -> Result<String> {
    let digits = number.bytes().all(|one| one.is_ascii_digit());
    match number.len() {
        0 => Ok(String::new()),
        12 if digits => Ok(format!("0{number}")),
        13 if digits => Ok(number.to_owned()),
        _ => {
            let message = format!("“{number}” is neither UPC nor EAN: 12 or 13 digits.");
            Err(Error::new(ErrorKind::InvalidArgs, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_length_of_an_image_is_too_large_to_be_counted_with() {
        let mut album = Album { image: u64::MAX, ..Album::default() };
        album.disc.data_track = true;
        album.state.tracks = vec![300];
        let used = album.used(150);
        assert_eq!((used, album.available(1000, 150), album.beside_image(150)), (u64::MAX, 0, 602));
    }

    #[test]
    fn gaps_are_counted_between_tracks_and_before_a_new_one() {
        let mut album = Album::default();
        assert_eq!((album.used(150), album.available(1000, 150)), (0, 1000));
        album.state.open = Some(300);
        assert_eq!((album.used(150), album.available(1000, 150)), (300, 700));
        album.state = AlbumState { tracks: vec![300], ..AlbumState::default() };
        assert_eq!((album.used(150), album.available(1000, 150)), (300, 548));
        album.state.open = Some(100);
        assert_eq!((album.used(150), album.available(1000, 150)), (552, 448));
        album.tracks =
            vec![TrackProperties::default(), TrackProperties { pre_gap: Some(0), ..Default::default() }];
        assert_eq!((album.used(150), album.available(1000, 150), album.available(10, 0)), (400, 600, 0));
        album.tracks.clear();
        album.disc.gapless = true;
        assert_eq!(album.used(150), 400);
    }

    #[test]
    fn a_track_of_data_takes_its_blocks_a_post_gap_and_silence_before_the_sound() {
        let mut album = Album { image: 1000, ..Album::default() };
        assert_eq!((album.used(75), album.available(2000, 75)), (0, 2000));
        album.disc.data_track = true;
        assert_eq!((album.used(75), album.available(2000, 75)), (1150, 698));
        album.state.tracks = vec![300];
        assert_eq!((album.gap_before(0, 75), album.gap_before(1, 75)), (150, 75));
        assert_eq!(album.used(75), 1000 + 150 + 150 + 2 + 300);
        album.disc.gapless = true;
        album.tracks = vec![TrackProperties { pre_gap: Some(200), ..TrackProperties::default() }];
        assert_eq!((album.gap_before(0, 75), album.most_tracks()), (200, 98));
        album.image = 24;
        assert_eq!(album.before_sound(), u64::from(TRACK_MIN));
    }

    #[test]
    fn what_no_disc_could_be_is_not_plausible() {
        let state = |tracks: Vec<u32>| AlbumState { tracks, ..AlbumState::default() };
        assert!(state(vec![300; 99]).is_plausible());
        for wrong in [
            state(vec![300; 100]),
            AlbumState { open: Some(1), ..state(vec![300; 99]) },
            state(vec![u32::MAX]),
            state(vec![1 << 30; 3]),
            AlbumState { image: Some(1 << 31), ..state(vec![300]) },
            AlbumState { padded: vec![1; 100], ..AlbumState::default() },
        ] {
            assert!(!wrong.is_plausible(), "{wrong:?}");
        }
    }

    #[test]
    fn codes_are_taken_in_the_ways_that_people_write_them_and_others_are_not() {
        assert_eq!(check_isrc("de-a12-34-56789").unwrap(), "DEA123456789");
        assert_eq!(check_isrc("").unwrap(), "");
        for wrong in ["DEA12345678", "1EA123456789", "DEA12345678X", "ÄÄA123456789"] {
            assert!(check_isrc(wrong).is_err(), "{wrong}");
        }
        assert_eq!(check_upc_ean("724384260958").unwrap(), "0724384260958");
        assert!(check_upc_ean("12345").is_err() && check_upc_ean("123456789012x").is_err());
        assert!(check_text("Title", "a\nb").is_err() && check_text("Title", &"ä".repeat(160)).is_ok());
    }
}
