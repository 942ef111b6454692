//! Sheets of discs: of one that is staged, and of one that a drive has read.

use super::parse::shortened;
use super::{CueFile, CueIndex, CueSheet, CueTrack, FileKind, Mode};
use crate::api::audio::{Album, DiscProperties, Texts, TrackProperties, check_isrc, check_upc_ean};
use crate::api::contents::{DiscContents, DiscTrack};
use crate::audio::cd_text;

/// Files of a sheet that are raw sectors, by the ends of their names.
const RAW: [&str; 4] = [".bin", ".raw", ".pcm", ".img"];

impl CueSheet {
    /// The sheet of a staged disc, as a recorder that leaves `gap` blocks between tracks records it. Of `files` there is one
    /// for each track, which begins with it, or a single one with the whole programme from block 0 on, in sectors of 2352
    /// bytes. A track of data has a file of its own as an image of 2048 bytes a block.
    pub fn of_album(album: &Album, gap: u32, files: &[String]) -> Self {
        let apart = files.len() > 1;
        let mut tracks = Vec::new();
        let mut at = u32::try_from(album.before_sound()).unwrap_or(u32::MAX);
        if album.disc.data_track {
            tracks.push(CueTrack {
                number: 1,
                mode: if apart { Mode::Mode1 } else { Mode::Mode1Raw },
                indexes: vec![CueIndex { number: 1, file: 0, at: 0 }],
                ..CueTrack::default()
            });
        }
        let first = tracks.len();
        for (place, blocks) in album.state.tracks.iter().enumerate() {
            let said = album.track(place);
            let silent = album.gap_before(place, gap);
            let file = if apart { first + place } else { 0 };
            let begin = if apart { 0 } else { at + silent };
            let index = |number: u8, at: u32| CueIndex { number, file, at };
            let mut indexes = Vec::new();
            let sounding = album.sounding_gap(place);
            if apart && sounding > 0 {
                let before = album.state.tracks.get(place - 1).copied().unwrap_or_default();
                indexes.push(CueIndex { number: 0, file: file - 1, at: before.saturating_sub(sounding) });
            } else if !apart && sounding + silent > 0 {
                indexes.push(index(0, at.saturating_sub(sounding)));
            }
            indexes.push(index(1, begin));
            let later = said.indexes.iter().filter(|point| *point < blocks);
            indexes.extend((2..).zip(later).map(|(number, point)| index(number, begin + point)));
            tracks.push(CueTrack {
                number: u8::try_from(first + place + 1).unwrap_or(u8::MAX),
                pre_gap: if apart { silent } else { 0 },
                indexes,
                properties: TrackProperties {
                    texts: written(&said.texts),
                    isrc: said.isrc.clone(),
                    copy_permitted: said.copy_permitted,
                    pre_emphasis: said.pre_emphasis,
                    ..TrackProperties::default()
                },
                ..CueTrack::default()
            });
            at += silent + blocks;
        }
        let disc = DiscProperties {
            texts: written(&album.disc.texts),
            disc_id: shortened(&album.disc.disc_id),
            genre: shortened(&album.disc.genre),
            upc_ean: album.disc.upc_ean.clone(),
            ..DiscProperties::default()
        };
        let mut files: Vec<CueFile> = files.iter().map(|name| named(name)).collect();
        if let Some(image) = files.first_mut().filter(|_| album.disc.data_track) {
            image.kind = FileKind::Binary;
        }
        Self { disc, files, tracks, cd_text_file: None }
    }

    /// The sheet of a disc that was read, whose sectors lie in `file` from block 0 on; later sessions have files of their own,
    /// with their number behind the name, that begin with their first track.
    pub fn of_disc(contents: &DiscContents, file: &str) -> Self {
        let mut sheet = Self { disc: disc(contents), ..Self::default() };
        let mut session = None;
        let mut origin = 0;
        for track in &contents.tracks {
            if session != Some(track.session) {
                origin = if session.is_none() { 0 } else { track.start };
                session = Some(track.session);
                sheet.files.push(named(&numbered(file, sheet.files.len())));
            }
            let file = sheet.files.len() - 1;
            let before = sheet.tracks.last().and_then(|track| track.indexes.last());
            // A disc that puts a gap before a point of the track before it has no sheet that readers take.
            let least = before.filter(|point| point.file == file).map_or(0, |point| point.at);
            sheet.tracks.push(of_track(track, file, origin, least));
        }
        for (kind, number, text) in cd_text::read(&cd_text::whole(contents.packs.as_flattened())) {
            sheet.take(kind, number, &text);
        }
        sheet
    }

    /// Takes in a text of the lead-in.
    fn take(&mut self, kind: u8, number: u8, text: &str) {
        let text = shortened(text);
        let track = self.tracks.iter_mut().find(|track| track.number == number);
        let properties = track.map(|track| &mut track.properties);
        match (kind, properties) {
            (0x80..=0x85, None) if number == 0 => {
                if let Some(place) = self.disc.texts.all_mut().into_iter().nth(usize::from(kind - 0x80)) {
                    *place = text;
                }
            }
            (0x80..=0x85, Some(track)) => {
                if let Some(place) = track.texts.all_mut().into_iter().nth(usize::from(kind - 0x80)) {
                    *place = text;
                }
            }
            (0x86, _) => self.disc.disc_id = text,
            (0x87, _) => self.disc.genre = text,
            // The sub-channel's word counts more.
            (0x8e, None) if number == 0 && self.disc.upc_ean.is_empty() => {
                self.disc.upc_ean = check_upc_ean(&text).unwrap_or_default();
            }
            (0x8e, Some(track)) if track.isrc.is_empty() => {
                track.isrc = check_isrc(&text).unwrap_or_default()
            }
            _ => {}
        }
    }
}

fn disc(contents: &DiscContents) -> DiscProperties {
    let upc_ean = check_upc_ean(&contents.catalog).unwrap_or_default();
    DiscProperties { upc_ean, ..DiscProperties::default() }
}

fn of_track(track: &DiscTrack, file: usize, origin: u32, least: u32) -> CueTrack {
    let begin = track.start.saturating_sub(origin).max(least);
    let index = |number: u8, at: u32| CueIndex { number, file, at };
    // What lies before the first track of a disc has no other name.
    let gap = if origin == 0 && track.number == 1 { begin } else { track.gap.min(begin - least) };
    let gap = (gap > 0).then(|| index(0, begin - gap));
    let later = (2..).zip(track.indexes.iter().take(98)).map(|(number, point)| index(number, begin + point));
    CueTrack {
        number: track.number,
        mode: match (track.data, track.mode_2) {
            (false, _) => Mode::Audio,
            (true, false) => Mode::Mode1Raw,
            (true, true) => Mode::Mode2Raw,
        },
        indexes: gap.into_iter().chain([index(1, begin)]).chain(later).collect(),
        four_channels: track.four_channels,
        properties: TrackProperties {
            isrc: check_isrc(&track.isrc).unwrap_or_default(),
            copy_permitted: track.copy_permitted,
            pre_emphasis: track.pre_emphasis,
            ..TrackProperties::default()
        },
        ..CueTrack::default()
    }
}

/// Texts as a sheet can hold them.
fn written(texts: &Texts) -> Texts {
    let mut texts = texts.clone();
    texts.all_mut().into_iter().for_each(|text| *text = shortened(text));
    texts
}

fn named(name: &str) -> CueFile {
    let raw = RAW.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    CueFile { name: name.to_owned(), kind: if raw { FileKind::Binary } else { FileKind::Sound } }
}

/// `disc.bin`, `disc-2.bin`, …
fn numbered(name: &str, before: usize) -> String {
    match (before, name.rsplit_once('.')) {
        (0, _) => name.to_owned(),
        (_, Some((stem, end))) => format!("{stem}-{}.{end}", before + 1),
        (_, None) => format!("{name}-{}", before + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::audio::AlbumState;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), "[ -~äöüßéñ'\"さくら花שלום🎵]{0,170}"]
    }

    fn texts() -> impl Strategy<Value = Texts> {
        (text(), text(), text(), text(), text(), text()).prop_map(
            |(title, performer, songwriter, composer, arranger, message)| Texts {
                title,
                performer,
                songwriter,
                composer,
                arranger,
                message,
            },
        )
    }

    prop_compose! {
        fn track()(
            texts in texts(), coded in any::<bool>(), gap in prop::option::of(0_u32..4500), sounding in 0_u32..200,
            points in prop::collection::btree_set(1_u32..2000, 0..5), copy in any::<bool>(), emphasis in any::<bool>(),
            blocks in 300_u32..2000,
        ) -> (TrackProperties, u32) {
            (TrackProperties {
                texts,
                isrc: if coded { "DEA123456789".into() } else { String::new() },
                pre_gap: gap,
                sounding_gap: sounding,
                indexes: points.into_iter().collect(),
                copy_permitted: copy,
                pre_emphasis: emphasis,
            }, blocks)
        }
    }

    prop_compose! {
        fn album()(
            tracks in prop::collection::vec(track(), 1..12), texts in texts(), disc_id in text(), genre in text(),
            coded in any::<bool>(), gapless in any::<bool>(), data_track in any::<bool>(), image in 24_u64..5000,
        ) -> Album {
            let (tracks, blocks): (Vec<_>, Vec<_>) = tracks.into_iter().unzip();
            Album {
                state: AlbumState { tracks: blocks, ..AlbumState::default() },
                disc: DiscProperties {
                    texts, disc_id, genre, gapless, data_track,
                    upc_ean: if coded { "4012345123456".into() } else { String::new() },
                    ..DiscProperties::default()
                },
                tracks,
                image,
                ..Album::default()
            }
        }
    }

    prop_compose! {
        fn contents()(
            tracks in prop::collection::vec((300_u32..9000, 0_u32..300, any::<[bool; 6]>(), any::<bool>()), 1..20),
            coded in any::<bool>(), first in 0_u32..400,
        ) -> DiscContents {
            let (mut at, mut session) = (first, 1);
            let mut list = Vec::new();
            for (number, (blocks, gap, flags, points)) in (1..).zip(tracks) {
                if flags[5] && number > 1 {
                    session += 1;
                    at += 11_400;
                }
                list.push(DiscTrack {
                    number, session, start: at, end: at + blocks, data: flags[0], mode_2: flags[1] && flags[0],
                    copy_permitted: flags[2], pre_emphasis: flags[3] && !flags[0], four_channels: flags[4],
                    gap: if flags[5] || number == 1 { 0 } else { gap },
                    indexes: if points { vec![7, blocks / 2] } else { vec![] },
                    isrc: if coded { "DEA123456789".into() } else { String::new() },
                });
                at += blocks;
            }
            DiscContents {
                tracks: list,
                catalog: if coded { "4012345123456".into() } else { String::new() },
                ..DiscContents::default()
            }
        }
    }

    proptest! {
        #[test]
        fn the_sheet_of_any_album_reads_as_it_was_written(album in album(), apart in any::<bool>()) {
            let files: Vec<String> = match apart {
                true => (0..album.state.tracks.len() + usize::from(album.disc.data_track)).map(|at| format!("{at}.flac")).collect(),
                false => vec!["The \u{e4}lbum.bin".into()],
            };
            let sheet = CueSheet::of_album(&album, 150, &files);
            prop_assert_eq!(CueSheet::parse(sheet.to_string().as_bytes()), Ok(sheet));
        }

        #[test]
        fn the_sheet_of_any_disc_reads_as_it_was_written(contents in contents()) {
            let sheet = CueSheet::of_disc(&contents, "disc.bin");
            prop_assert_eq!(CueSheet::parse(sheet.to_string().as_bytes()), Ok(sheet));
        }
    }

    #[test]
    fn a_staged_disc_lies_in_one_file_or_in_one_for_each_track() {
        let mut album = Album {
            state: AlbumState { tracks: vec![400, 500, 600], ..AlbumState::default() },
            ..Album::default()
        };
        album.disc.texts.title = "The \"Best\"".into();
        album.tracks = vec![TrackProperties::default(); 3];
        album.tracks[1] = TrackProperties {
            pre_gap: Some(0),
            sounding_gap: 75,
            indexes: vec![100],
            isrc: "DEA123456789".into(),
            ..TrackProperties::default()
        };
        let sheet = |files: &[&str]| {
            let files: Vec<String> = files.iter().map(|&name| name.to_owned()).collect();
            CueSheet::of_album(&album, 150, &files).to_string()
        };
        assert_eq!(
            sheet(&["all.bin"]),
            "TITLE \"The ''Best''\"\nFILE \"all.bin\" BINARY\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n  TRACK 02 AUDIO\n    \
             ISRC DEA123456789\n    INDEX 00 00:04:25\n    INDEX 01 00:05:25\n    INDEX 02 00:06:50\n  TRACK 03 AUDIO\n    \
             INDEX 00 00:12:00\n    INDEX 01 00:14:00\n"
        );
        assert_eq!(
            sheet(&["1.flac", "2.flac", "3.flac"]),
            "TITLE \"The ''Best''\"\nFILE \"1.flac\" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n  TRACK 02 AUDIO\n    \
             ISRC DEA123456789\n    INDEX 00 00:04:25\nFILE \"2.flac\" WAVE\n    INDEX 01 00:00:00\n    INDEX 02 00:01:25\n\
             FILE \"3.flac\" WAVE\n  TRACK 03 AUDIO\n    PREGAP 00:02:00\n    INDEX 01 00:00:00\n"
        );
    }

    #[test]
    fn a_track_of_data_is_the_first_of_its_sheet() {
        let mut album = Album { image: 600, ..Album::default() };
        album.state.tracks = vec![400, 500];
        (album.disc.data_track, album.disc.gapless) = (true, true);
        let sheet = |files: &[&str]| {
            let files: Vec<String> = files.iter().map(|&name| name.to_owned()).collect();
            CueSheet::of_album(&album, 150, &files).to_string()
        };
        assert_eq!(
            sheet(&["all.bin"]),
            "FILE \"all.bin\" BINARY\n  TRACK 01 MODE1/2352\n    INDEX 01 00:00:00\n  TRACK 02 AUDIO\n    INDEX 00 00:10:00\n    \
             INDEX 01 00:12:00\n  TRACK 03 AUDIO\n    INDEX 01 00:17:25\n"
        );
        assert_eq!(
            sheet(&["data.iso", "1.flac", "2.flac"]),
            "FILE \"data.iso\" BINARY\n  TRACK 01 MODE1/2048\n    INDEX 01 00:00:00\nFILE \"1.flac\" WAVE\n  TRACK 02 AUDIO\n    \
             PREGAP 00:02:00\n    INDEX 01 00:00:00\nFILE \"2.flac\" WAVE\n  TRACK 03 AUDIO\n    INDEX 01 00:00:00\n"
        );
    }

    #[test]
    fn a_disc_of_two_sessions_has_two_files_and_its_hidden_beginning_a_gap() {
        let track = |number, session, start, end, data| DiscTrack {
            number,
            session,
            start,
            end,
            data,
            ..DiscTrack::default()
        };
        let tracks = vec![track(1, 1, 150, 900, false), track(2, 2, 12_300, 13_000, true)];
        let sheet = CueSheet::of_disc(&DiscContents { tracks, ..DiscContents::default() }, "cd.bin");
        assert_eq!(
            sheet.to_string(),
            "FILE \"cd.bin\" BINARY\n  TRACK 01 AUDIO\n    INDEX 00 00:00:00\n    INDEX 01 00:02:00\nFILE \"cd-2.bin\" \
             BINARY\n  TRACK 02 MODE1/2352\n    INDEX 01 00:00:00\n"
        );
    }
}
