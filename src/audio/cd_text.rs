//! CD-TEXT: from titles and names to packs, and back (MMC-6 annex J, IEC 61866). A block for each language.

use encoding_rs::SHIFT_JIS;

use crate::api::audio::{Album, LANGUAGES_MAX, Texts, TrackProperties};
use crate::api::language::{Language, Letters};
use crate::mmc::cd_text::{PACK, Pack, is_whole, seal};

/// The packs of a disc, and what of it did not get into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CdText {
    /// The packs; none when nothing is said of the disc.
    pub packs: Vec<Pack>,
    /// What was left out, in words.
    pub notes: Vec<String>,
}

/// The kinds of packs with a text for the disc and for every track, in order: 80h to 85h.
const TEXT_KINDS: u8 = 6;
const DISC_ID: u8 = 0x86;
const GENRE: u8 = 0x87;
const CODES: u8 = 0x8e;
const SIZES: u8 = 0x8f;
/// Packs of a block, the three about its size not counted.
const MOST: usize = 253;
/// Bytes of text in a pack.
const PAYLOAD: usize = 12;

/// Everything that packs of one kind say: for the disc, then for each track.
struct Column {
    kind: u8,
    entries: Vec<Vec<u8>>,
}

/// What a block says: the texts in one language.
struct Said<'a> {
    language: Option<Language>,
    letters: Letters,
    /// The disc's, then each track's.
    texts: Vec<&'a Texts>,
}

impl CdText {
    /// The packs for what is said of an album of so many tracks: a block of the album's own texts, and one for each other
    /// language. Numbers and codes stand in the first. A track of data before the sound has no texts.
    pub fn of(album: &Album, tracks: usize) -> Self {
        if album.disc.data_track {
            return Self::of(&behind_data(album), tracks + 1);
        }
        let mut notes = Vec::new();
        let own: Vec<Texts> = std::iter::once(album.disc.texts.clone())
            .chain((0..tracks).map(|at| album.track(at).texts))
            .collect();
        let empty = Texts::default();
        let first =
            Said { language: album.disc.language, letters: album.disc.letters, texts: own.iter().collect() };
        let others = album.translations.iter().map(|other| Said {
            language: Some(other.language),
            letters: other.letters,
            texts: std::iter::once(&other.disc)
                .chain((0..tracks).map(|at| other.tracks.get(at).unwrap_or(&empty)))
                .collect(),
        });
        let blocks: Vec<Block> = std::iter::once((first, Some(album)))
            .chain(others.map(|said| (said, None)))
            .take(LANGUAGES_MAX)
            .zip(0..)
            .map(|((said, codes), number)| block(number, &said, codes, &mut notes))
            .filter(|block| !block.packs.is_empty())
            .collect();
        // A block that says nothing is none: those behind it move up.
        let packs = with_sizes(blocks, tracks);
        notes.dedup();
        Self { packs, notes }
    }
}

/// The same album with the numbers that its tracks have behind one of data.
fn behind_data(album: &Album) -> Album {
    let mut album = album.clone();
    album.disc.data_track = false;
    album.tracks.insert(0, TrackProperties::default());
    album.translations.iter_mut().for_each(|other| other.tracks.insert(0, Texts::default()));
    album
}

/// A block without the packs about its size.
struct Block {
    packs: Vec<Pack>,
    charset: u8,
    language: Language,
}

fn block(number: u8, said: &Said<'_>, codes: Option<&Album>, notes: &mut Vec<String>) -> Block {
    let letters = letters(said, codes);
    let all = || said.texts.iter().flat_map(|texts| texts.all());
    if !all().all(|text| text.chars().all(|one| letters.has(one))) {
        notes.push(
            match letters {
                Letters::Ascii => {
                    "CD-TEXT in ASCII has no letters but those: others were replaced by question marks."
                }
                Letters::Latin => {
                    "CD-TEXT in Latin-1 has Western letters: others were replaced by question marks."
                }
                Letters::Any | Letters::Japanese => {
                    "CD-TEXT knows Latin letters and Japanese ones: others were replaced by question marks."
                }
            }
            .to_owned(),
        );
    }
    let language = said.language.unwrap_or(match letters {
        Letters::Japanese => Language::JAPANESE,
        _ => Language::ENGLISH,
    });
    // Where there is no room for everything, what fewest players show goes first, then what is longest.
    let mut kinds = TEXT_KINDS;
    let mut longest = usize::MAX;
    loop {
        let columns = columns(codes, &said.texts, letters, kinds, longest);
        let packs = packs(number, &columns, letters);
        if packs.len() <= MOST {
            if kinds < TEXT_KINDS || longest < usize::MAX {
                notes.push("CD-TEXT has not enough room: some texts were left out or shortened.".to_owned());
            }
            return Block { packs, charset: letters.charset(), language };
        }
        match (kinds, longest) {
            (3.., _) => kinds -= 1,
            (_, usize::MAX) => longest = 40,
            _ => longest /= 2,
        }
    }
}

/// The letters that are asked for, or the first that have all characters.
fn letters(said: &Said<'_>, codes: Option<&Album>) -> Letters {
    if said.letters != Letters::Any {
        return said.letters;
    }
    let others = codes.into_iter().flat_map(|album| [&album.disc.genre, &album.disc.disc_id]);
    let all = said.texts.iter().flat_map(|texts| texts.all()).chain(others);
    let latin = |text: &String| text.chars().all(|one| Letters::Latin.has(one));
    if all.into_iter().all(latin) { Letters::Latin } else { Letters::Japanese }
}

fn columns(
    codes: Option<&Album>,
    all: &[&Texts],
    letters: Letters,
    kinds: u8,
    longest: usize,
) -> Vec<Column> {
    let mut columns = Vec::new();
    for kind in 0..kinds {
        let texts: Vec<&String> = all.iter().map(|texts| texts.all()[usize::from(kind)]).collect();
        if texts.iter().any(|text| !text.is_empty()) {
            let entries = texts.into_iter().map(|text| letters.encode(text, longest)).collect();
            columns.push(Column { kind: 0x80 + kind, entries });
        }
    }
    let Some(album) = codes else { return columns };
    let disc = &album.disc;
    let narrow = if letters == Letters::Ascii { Letters::Ascii } else { Letters::Latin };
    if !disc.disc_id.is_empty() {
        columns.push(Column { kind: DISC_ID, entries: vec![narrow.encode(&disc.disc_id, longest)] });
    }
    if !disc.genre.is_empty() {
        let mut entry = genre_code(&disc.genre).to_be_bytes().to_vec();
        entry.extend(narrow.encode(&disc.genre, longest));
        columns.push(Column { kind: GENRE, entries: vec![entry] });
    }
    let tracks = all.len().saturating_sub(1);
    let codes: Vec<String> =
        std::iter::once(disc.upc_ean.clone()).chain((0..tracks).map(|at| album.track(at).isrc)).collect();
    if codes.iter().any(|code| !code.is_empty()) {
        let entries = codes.iter().map(|code| narrow.encode(code, usize::MAX)).collect();
        columns.push(Column { kind: CODES, entries });
    }
    columns
}

/// The packs of a block's columns, without those about their sizes.
fn packs(block: u8, columns: &[Column], letters: Letters) -> Vec<Pack> {
    let mut packs: Vec<Pack> = Vec::new();
    for column in columns {
        let wide = letters == Letters::Japanese && column.kind < DISC_ID;
        // Each byte with the text that it belongs to, and how many characters of that came before it.
        let bytes: Vec<(u8, u8, usize)> = (0_u8..)
            .zip(&column.entries)
            .flat_map(|(track, entry)| {
                entry.iter().enumerate().map(move |(at, byte)| (*byte, track, if wide { at / 2 } else { at }))
            })
            .collect();
        for part in bytes.chunks(PAYLOAD) {
            let mut pack = [0; PACK];
            let (_, track, before) = part[0];
            pack[0] = column.kind;
            pack[1] = track;
            pack[2] = packs.len() as u8;
            pack[3] = u8::from(wide) << 7 | block << 4 | before.min(15) as u8;
            for (place, (byte, ..)) in pack[4..].iter_mut().zip(part) {
                *place = *byte;
            }
            packs.push(pack);
        }
    }
    packs
}

/// The packs of all blocks, each with the three that count its own and tell of all blocks' ends and languages.
fn with_sizes(blocks: Vec<Block>, tracks: usize) -> Vec<Pack> {
    let mut common = [0; 3 * PAYLOAD];
    for (at, block) in blocks.iter().enumerate() {
        common[20 + at] = (block.packs.len() + 2) as u8;
        common[28 + at] = block.language.code();
    }
    let mut all = Vec::new();
    for (number, mut block) in (0_u8..).zip(blocks) {
        let mut record = common;
        (record[0], record[1], record[2]) = (block.charset, 1, tracks as u8);
        for pack in &mut block.packs {
            // It has moved up where one before it says nothing.
            pack[3] = pack[3] & 0x8f | number << 4;
            record[4 + usize::from(pack[0] & 0x0f)] += 1;
        }
        record[4 + 15] = 3;
        for (part, payload) in (0_u8..).zip(record.chunks(PAYLOAD)) {
            let mut pack = [0; PACK];
            (pack[0], pack[1], pack[2], pack[3]) = (SIZES, part, block.packs.len() as u8, number << 4);
            pack[4..16].copy_from_slice(payload);
            block.packs.push(pack);
        }
        all.append(&mut block.packs);
    }
    all.iter_mut().for_each(seal);
    all
}

impl Letters {
    /// A text with its end; at most so many characters.
    fn encode(self, text: &str, longest: usize) -> Vec<u8> {
        let text = text.chars().take(longest);
        match self {
            Self::Any | Self::Latin => {
                text.map(|one| u8::try_from(u32::from(one)).unwrap_or(b'?')).chain([0]).collect()
            }
            Self::Ascii => text.map(|one| if one.is_ascii() { one as u8 } else { b'?' }).chain([0]).collect(),
            Self::Japanese => text.flat_map(wide_bytes).chain([0, 0]).collect(),
        }
    }

    fn has(self, one: char) -> bool {
        match self {
            Self::Any | Self::Latin => u32::from(one) < 0x100,
            Self::Ascii => one.is_ascii(),
            Self::Japanese => one == '?' || wide_bytes(one) != [0x81, 0x48],
        }
    }

    /// The code of its characters on a disc.
    const fn charset(self) -> u8 {
        match self {
            Self::Any | Self::Latin => 0x00,
            Self::Ascii => 0x01,
            Self::Japanese => 0x80,
        }
    }
}

/// A character as two bytes of Shift JIS, an ASCII one as its wide twin.
fn wide_bytes(one: char) -> [u8; 2] {
    let wide = match one {
        ' ' => '\u{3000}',
        '!'..='~' => char::from_u32(u32::from(one) - 0x21 + 0xff01).unwrap_or('？'),
        other => other,
    };
    let mut buffer = [0; 4];
    let (bytes, _, wrong) = SHIFT_JIS.encode(wide.encode_utf8(&mut buffer));
    match bytes.as_ref() {
        [high, low] if !wrong => [*high, *low],
        // The wide question mark.
        _ => [0x81, 0x48],
    }
}

/// The number of a kind of music; 1 when it has none.
fn genre_code(genre: &str) -> u16 {
    let plain = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let wanted = plain(genre);
    let found = GENRES.iter().position(|name| {
        let name = plain(name);
        name == wanted || name.strip_suffix("music").is_some_and(|name| name == wanted)
    });
    found.and_then(|at| u16::try_from(at + 2).ok()).unwrap_or(1)
}

/// The kinds of music that have numbers, from 2.
#[rustfmt::skip]
const GENRES: [&str; 27] = [
    "Adult Contemporary", "Alternative Rock", "Children's Music", "Classical", "Contemporary Christian", "Country",
    "Dance", "Easy Listening", "Erotic", "Folk", "Gospel", "Hip Hop", "Jazz", "Latin", "Musical", "New Age", "Opera",
    "Operetta", "Pop Music", "Rap", "Reggae", "Rock Music", "Rhythm & Blues", "Sound Effects", "Sound Track",
    "Spoken Word", "World Music",
];

/// The texts of a disc's first language: for each kind and track, what stands there. For whoever reads a disc.
pub fn read(packs: &[Pack]) -> Vec<(u8, u8, String)> {
    read_block(packs, 0)
}

/// The texts of a block.
pub fn read_block(packs: &[Pack], block: u8) -> Vec<(u8, u8, String)> {
    let mut texts: Vec<(u8, u8, String)> = Vec::new();
    for kind in (0x80..=GENRE).chain([CODES]) {
        let mine: Vec<&Pack> =
            packs.iter().filter(|pack| pack[0] == kind && pack[3] >> 4 & 7 == block).collect();
        let Some(first) = mine.first() else { continue };
        let wide = first[3] & 0x80 != 0;
        let mut track = first[1];
        let bytes: Vec<u8> = mine.iter().flat_map(|pack| pack[4..16].iter().copied()).collect();
        let mut rest = if kind == GENRE { bytes.get(2..).unwrap_or_default() } else { &bytes[..] };
        let step = if wide { 2 } else { 1 };
        while let Some(end) = rest.chunks_exact(step).position(|one| one.iter().all(|byte| *byte == 0)) {
            let text = &rest[..end * step];
            if !text.is_empty() {
                // A tab stands for what was said of the track before.
                let before =
                    texts.last().filter(|(of, at, _)| *of == kind && Some(*at) == track.checked_sub(1));
                let text = match before {
                    Some((.., before)) if text.iter().all(|byte| *byte == b'\t') => before.clone(),
                    _ if wide => SHIFT_JIS.decode_without_bom_handling(text).0.into_owned(),
                    _ => text.iter().map(|byte| char::from(*byte)).collect(),
                };
                texts.push((kind, track, text));
            }
            track = track.saturating_add(1);
            rest = &rest[(end + 1) * step..];
        }
    }
    texts
}

/// The languages of a disc, block by block, as its first block tells them.
pub fn languages(packs: &[Pack]) -> Vec<Language> {
    let sizes =
        |part: u8| packs.iter().find(|pack| pack[0] == SIZES && pack[1] == part && pack[3] >> 4 & 7 == 0);
    let (Some(ends), Some(last)) = (sizes(1), sizes(2)) else { return Vec::new() };
    let record = [&ends[4..16], &last[4..16]].concat();
    let blocks = record[8..16].iter().zip(&record[16..24]);
    blocks.take_while(|(end, _)| **end > 0).map(|(_, code)| Language::of_code(*code)).collect()
}

/// Packs as a drive gives them, or as a file holds them: those that are whole, or whose check bytes were taken off.
pub fn whole(bytes: &[u8]) -> Vec<Pack> {
    let packs = bytes.as_chunks::<PACK>().0.iter();
    packs.copied().filter(|pack| pack[0] & 0x80 != 0 && (is_whole(pack) || pack[16..] == [0, 0])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::audio::{TrackProperties, Translation};

    fn album(title: &str, titles: &[&str]) -> Album {
        let texts = |title: &str| Texts { title: title.into(), ..Texts::default() };
        let mut album = Album::default();
        album.disc.texts = texts(title);
        album.tracks = titles
            .iter()
            .map(|title| TrackProperties { texts: texts(title), ..TrackProperties::default() })
            .collect();
        album
    }

    #[test]
    fn texts_run_on_across_packs_and_the_sizes_count_them() {
        let text = CdText::of(&album("Abcdefghij", &["Klm", "Nopqrstuvwxyz"]), 2);
        let [first, second, third, sizes, more, last] = &text.packs[..] else { panic!("{:x?}", text.packs) };
        assert_eq!(first[..16], *b"\x80\x00\x00\x00Abcdefghij\0K");
        assert_eq!(second[..16], *b"\x80\x01\x01\x01lm\0Nopqrstuv");
        assert_eq!(third[..16], *b"\x80\x02\x02\x09wxyz\0\0\0\0\0\0\0\0");
        assert_eq!(sizes[..16], [0x8f, 0, 3, 0, 0, 1, 2, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(more[..16], [0x8f, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 3, 5, 0, 0, 0]);
        assert_eq!(last[..16], [0x8f, 2, 5, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        assert!(text.packs.iter().all(is_whole) && text.notes.is_empty());
    }

    #[test]
    fn what_was_written_is_read_in_latin_and_in_japanese() {
        for (title, track) in [("Für Élise", "Größe"), ("桜の花", "さくら Ａ")] {
            let mut album = album(title, &[track]);
            album.disc.upc_ean = "0724384260958".into();
            album.tracks[0].isrc = "DEA123456789".into();
            let read = read(&CdText::of(&album, 1).packs);
            // Japanese blanks are wide ones.
            let track =
                if title.starts_with('F') { track.to_owned() } else { track.replace(' ', "\u{3000}") };
            assert_eq!(
                read,
                [
                    (0x80, 0, title.to_owned()),
                    (0x80, 1, track),
                    (0x8e, 0, "0724384260958".to_owned()),
                    (0x8e, 1, "DEA123456789".to_owned()),
                ]
            );
        }
    }

    #[test]
    fn each_language_has_a_block_and_every_block_tells_of_all() {
        let mut album = album("Song", &["One"]);
        album.disc.upc_ean = "4012345123456".into();
        (album.disc.language, album.disc.letters) = (Some(Language::named("en").unwrap()), Letters::Ascii);
        let texts = |title: &str| Texts { title: title.into(), ..Texts::default() };
        let translation = |language, letters, title: &str, track: &str| Translation {
            language: Language::named(language).unwrap(),
            letters,
            disc: texts(title),
            tracks: vec![texts(track)],
        };
        album.translations = vec![
            translation("fr", Letters::Any, "", ""),
            translation("de", Letters::Latin, "Gr\u{fc}\u{df}e", "Eins"),
            translation("ja", Letters::Any, "歌", "一"),
        ];
        let text = CdText::of(&album, 1);
        assert!(text.notes.is_empty() && text.packs.iter().all(is_whole), "{:?}", text.notes);
        let headers: Vec<_> = text.packs.iter().map(|pack| [pack[0], pack[1], pack[2], pack[3]]).collect();
        #[rustfmt::skip]
        assert_eq!(headers, [
            [0x80, 0, 0, 0x00], [0x8e, 0, 1, 0x00], [0x8e, 0, 2, 0x0c], [0x8f, 0, 3, 0x00], [0x8f, 1, 4, 0x00], [0x8f, 2, 5, 0x00],
            [0x80, 0, 0, 0x10], [0x8f, 0, 1, 0x10], [0x8f, 1, 2, 0x10], [0x8f, 2, 3, 0x10],
            [0x80, 0, 0, 0xa0], [0x8f, 0, 1, 0x20], [0x8f, 1, 2, 0x20], [0x8f, 2, 3, 0x20],
        ]);
        let sizes: Vec<&Pack> = text.packs.iter().filter(|pack| pack[0] == 0x8f).collect();
        assert_eq!([sizes[0][4], sizes[3][4], sizes[6][4]], [0x01, 0x00, 0x80]);
        for block in sizes.chunks(3) {
            assert_eq!(block[1][12..16], [5, 3, 3, 0]);
            assert_eq!(block[2][4..16], [0, 0, 0, 0, 0x09, 0x08, 0x69, 0, 0, 0, 0, 0]);
        }
        assert_eq!(read_block(&text.packs, 1), [(0x80, 0, "Grüße".to_owned()), (0x80, 1, "Eins".to_owned())]);
        assert_eq!(read_block(&text.packs, 2), [(0x80, 0, "歌".to_owned()), (0x80, 1, "一".to_owned())]);
        assert_eq!(
            languages(&text.packs).iter().map(|one| one.name()).collect::<Vec<_>>(),
            ["en", "de", "ja"]
        );
    }

    #[test]
    fn a_tab_repeats_the_text_before() {
        let mut packs = CdText::of(&album("A", &["BC", "\t", "\t"]), 3).packs;
        packs.truncate(1);
        let said: Vec<_> = read(&packs).into_iter().map(|(.., text)| text).collect();
        assert_eq!(said, ["A", "BC", "BC", "BC"]);
    }

    #[test]
    fn other_letters_are_replaced_and_too_much_is_shortened_and_both_is_said() {
        let text = CdText::of(&album("שלום", &[]), 0);
        assert_eq!(read(&text.packs), [(0x80, 0, "？？？？".to_owned())]);
        assert_eq!(text.notes.len(), 1);
        let long = "x".repeat(160);
        let mut long = album(&long, &[&*long; 99]);
        long.tracks.iter_mut().for_each(|track| track.texts.message = "y".repeat(160));
        let text = CdText::of(&long, 99);
        assert!(text.packs.len() <= 256 && text.notes.len() == 1, "{} packs", text.packs.len());
        assert_eq!(text.packs.last().unwrap()[2], (text.packs.len() - 1) as u8);
    }

    #[test]
    fn a_disc_of_which_nothing_is_said_has_no_packs_and_genres_have_numbers() {
        assert_eq!(CdText::of(&Album::default(), 3), CdText::default());
        assert_eq!(
            (genre_code("jazz"), genre_code("Hip-Hop"), genre_code("Rock"), genre_code("Zydeco")),
            (14, 13, 23, 1)
        );
    }
}
