//! What a sheet says, line by line.

use super::{CueFile, CueIndex, CueSheet, CueTrack, FileKind, Mode, text};
use crate::api::audio::{TEXT_MAX, Texts, check_isrc, check_upc_ean};

/// A line that is no cue sheet's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct CueError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Bytes of a sheet: more is none.
pub const SHEET_MAX: usize = 1 << 20;

impl CueSheet {
    /// Reads a sheet in any encoding.
    ///
    /// # Errors
    /// The first line that cannot be understood, or that is against the rules of a disc.
    pub fn parse(bytes: &[u8]) -> Result<Self, CueError> {
        if bytes.len() > SHEET_MAX {
            return Err(CueError { line: 1, what: format!("the file has more than {SHEET_MAX} bytes") });
        }
        let text = text::decode(bytes);
        let mut parser = Parser::default();
        let mut line = 0;
        for row in text.lines() {
            line += 1;
            parser.line(row).map_err(|what| CueError { line, what })?;
        }
        parser.end().map_err(|what| CueError { line: line.max(1), what })
    }
}

#[derive(Default)]
struct Parser {
    sheet: CueSheet,
    /// Commands of a track have been seen since its TRACK.
    begun: bool,
}

impl Parser {
    fn line(&mut self, row: &str) -> Result<(), String> {
        let words = words(row)?;
        let Some((command, arguments)) = words.split_first() else { return Ok(()) };
        let command = command.to_ascii_uppercase();
        let one = || match arguments {
            [] => Err(format!("{command} says nothing")),
            [one, ..] => Ok(one.as_str()),
        };
        match command.as_str() {
            "REM" => self.remark(arguments),
            "CATALOG" => self.sheet.disc.upc_ean = check_upc_ean(one()?).map_err(|error| error.message)?,
            "CDTEXTFILE" => self.sheet.cd_text_file = Some(one()?.replace('"', "")),
            "FILE" => self.file(one()?, arguments.get(1).map(String::as_str))?,
            "TRACK" => self.track(one()?, arguments.get(1).map(String::as_str))?,
            "FLAGS" => self.flags(arguments)?,
            "ISRC" => {
                let code = one()?;
                // Rippers write zeroes where a disc has none.
                let none = code.bytes().all(|byte| byte == b'0');
                self.current()?.properties.isrc =
                    if none { String::new() } else { check_isrc(code).map_err(|error| error.message)? };
            }
            "PREGAP" => {
                let blocks = msf(one()?)?;
                let track = self.current()?;
                if !track.indexes.is_empty() {
                    return Err("PREGAP comes before the track's INDEX".into());
                }
                track.pre_gap = blocks;
            }
            "POSTGAP" => self.current()?.post_gap = msf(one()?)?,
            "INDEX" => self.index(one()?, arguments.get(1).map(String::as_str))?,
            "TITLE" | "PERFORMER" | "SONGWRITER" | "COMPOSER" | "ARRANGER" | "MESSAGE" => {
                let text: String = arguments.join(" ");
                self.text(&command, &text);
            }
            "GENRE" => self.sheet.disc.genre = shortened(&arguments.join(" ")),
            "DISC_ID" => self.sheet.disc.disc_id = shortened(&arguments.join(" ")),
            "UPC_EAN" => self.sheet.disc.upc_ean = check_upc_ean(one()?).map_err(|error| error.message)?,
            other => return Err(format!("{other} is no command of a cue sheet")),
        }
        Ok(())
    }

    /// Remarks mean nothing but what programs agree on.
    fn remark(&mut self, arguments: &[String]) {
        let Some((key, rest)) = arguments.split_first() else { return };
        let text = rest.join(" ");
        match key.to_ascii_uppercase().as_str() {
            "GENRE" => self.sheet.disc.genre = shortened(&text),
            "DISC_ID" => self.sheet.disc.disc_id = shortened(&text),
            key @ ("COMPOSER" | "ARRANGER" | "SONGWRITER" | "MESSAGE") => self.text(key, &text),
            _ => {}
        }
    }

    fn text(&mut self, command: &str, text: &str) {
        let texts = match self.sheet.tracks.last_mut() {
            Some(track) => &mut track.properties.texts,
            None => &mut self.sheet.disc.texts,
        };
        let names = Texts::NAMES.iter().zip(texts.all_mut());
        if let Some((_, place)) = names.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(command)) {
            *place = shortened(text);
        }
    }

    fn file(&mut self, name: &str, kind: Option<&str>) -> Result<(), String> {
        let kind = match kind.unwrap_or("WAVE").to_ascii_uppercase().as_str() {
            "WAVE" | "MP3" | "AIFF" | "FLAC" | "OGG" | "AAC" | "ALAC" => FileKind::Sound,
            "BINARY" => FileKind::Binary,
            "MOTOROLA" => FileKind::Motorola,
            other => return Err(format!("{other} is no kind of file")),
        };
        if name.is_empty() || name.contains('"') {
            return Err("the file has no name, or one with a quote".into());
        }
        if self.sheet.files.len() >= FILES_MAX {
            return Err(format!("a sheet has at most {FILES_MAX} files"));
        }
        self.sheet.files.push(CueFile { name: name.to_owned(), kind });
        Ok(())
    }

    fn track(&mut self, number: &str, mode: Option<&str>) -> Result<(), String> {
        self.check_begun()?;
        let number: u8 = number.parse().map_err(|_| format!("{number} is no track's number"))?;
        let wanted = self.sheet.tracks.last().map(|track| track.number + 1);
        if !(1..=99).contains(&number) || wanted.is_some_and(|wanted| wanted != number) {
            return Err(match wanted {
                Some(wanted) => format!("track {number} follows where track {wanted} should"),
                None => format!("tracks have numbers from 1 to 99, not {number}"),
            });
        }
        if self.sheet.files.is_empty() {
            return Err("no FILE comes before the first TRACK".into());
        }
        let mode = mode.unwrap_or("AUDIO").to_ascii_uppercase();
        let (mode, _) = *Mode::NAMES
            .iter()
            .find(|(_, name)| *name == mode)
            .ok_or_else(|| format!("{mode} is no track's mode"))?;
        self.sheet.tracks.push(CueTrack { number, mode, ..CueTrack::default() });
        self.begun = true;
        Ok(())
    }

    fn flags(&mut self, flags: &[String]) -> Result<(), String> {
        let track = self.current()?;
        for flag in flags {
            match flag.to_ascii_uppercase().as_str() {
                "DCP" => track.properties.copy_permitted = true,
                "PRE" => track.properties.pre_emphasis = true,
                "4CH" => track.four_channels = true,
                // The mode says so already; the other is the drive's.
                "DATA" | "SCMS" => {}
                other => return Err(format!("{other} is no flag")),
            }
        }
        Ok(())
    }

    fn index(&mut self, number: &str, at: Option<&str>) -> Result<(), String> {
        let number: u8 = number
            .parse()
            .ok()
            .filter(|one| *one < 100)
            .ok_or_else(|| format!("{number} is no index point"))?;
        let at = msf(at.ok_or("INDEX says no position")?)?;
        let file = self.sheet.files.len().saturating_sub(1);
        let before = self.sheet.tracks.iter().rev().find_map(|track| track.indexes.last().copied());
        if let Some(before) = before
            && before.file == file
            && (at < before.at)
        {
            return Err("the position lies before the one before".into());
        }
        let track = self.current()?;
        match track.indexes.last() {
            None if number <= 1 => {}
            None => return Err("a track's first INDEX is 00 or 01".into()),
            Some(last) if last.number + 1 == number => {}
            Some(last) => return Err(format!("INDEX {number:02} follows INDEX {:02}", last.number)),
        }
        track.indexes.push(CueIndex { number, file, at });
        Ok(())
    }

    fn current(&mut self) -> Result<&mut CueTrack, String> {
        self.sheet.tracks.last_mut().ok_or_else(|| "no TRACK comes before this".to_owned())
    }

    /// The track that ends here has a beginning.
    fn check_begun(&self) -> Result<(), String> {
        match self.sheet.tracks.last() {
            Some(track) if track.index(1).is_none() => Err(format!("track {} has no INDEX 01", track.number)),
            _ => Ok(()),
        }
    }

    fn end(self) -> Result<CueSheet, String> {
        self.check_begun()?;
        if self.sheet.tracks.is_empty() {
            return Err("there is no TRACK: this is no cue sheet".into());
        }
        Ok(self.sheet)
    }
}

/// The words of a line; one in quotes may have spaces, and, without its closing quote, goes on to the end.
fn words(row: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = row.trim();
    while !rest.is_empty() {
        if words.len() >= WORDS_MAX {
            return Err(format!("the line has more than {WORDS_MAX} words"));
        }
        let (word, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    Ok(words)
}

/// Minutes, seconds and blocks as blocks.
fn msf(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text} is no position of the form mm:ss:ff");
    let mut numbers = text.split(':').map(|part| {
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| digits)
    });
    match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
        (Some(Some(minute)), Some(Some(second @ 0..60)), Some(Some(frame @ 0..75)), None) => {
            Ok((minute * 60 + second) * 75 + frame)
        }
        _ => Err(wrong()),
    }
}

/// A text as long as one may be, without what controls something. Two small quotes stand for one, as sheets have it.
pub(super) fn shortened(text: &str) -> String {
    let plain = text.trim_start().chars().filter(|one| !one.is_control());
    let mut text: String = plain.take(4 * TEXT_MAX).collect();
    // In the order in which they would be read again.
    while text.contains("''") || text.contains("'\"") {
        text = text.replace("''", "\"").replace("'\"", "\"'");
    }
    text.chars().take(TEXT_MAX).collect::<String>().trim().to_owned()
}

/// Files of a sheet: one a track, and some to spare.
const FILES_MAX: usize = 200;
/// Words of a line: a text without quotes has many.
const WORDS_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use super::super::Part;
    use super::*;
    use proptest::prelude::*;

    const ALBUM: &str = r#"REM GENRE "Art Rock"
REM DATE 1973
CATALOG 0724384260958
PERFORMER "Somebody"
TITLE "The Album"
FILE "The Album.flac" WAVE
  TRACK 01 AUDIO
    TITLE "First ""
    PERFORMER Somebody Else
    FLAGS DCP PRE
    ISRC DEA123456789
    PREGAP 00:01:00
    INDEX 01 00:00:00
  TRACK 02 AUDIO
    TITLE "Second"
    INDEX 00 03:10:00
    INDEX 01 03:12:37
    INDEX 02 04:00:00
FILE "More.wav" WAVE
  TRACK 03 AUDIO
    INDEX 01 00:00:00
    POSTGAP 00:00:10
"#;

    #[test]
    fn a_sheet_says_which_parts_of_which_files_are_tracks() {
        let sheet = CueSheet::parse(ALBUM.as_bytes()).unwrap();
        assert_eq!((sheet.disc.genre.as_str(), sheet.disc.texts.title.as_str()), ("Art Rock", "The Album"));
        assert_eq!(sheet.disc.upc_ean, "0724384260958");
        let [first, second, third] = &sheet.tracks[..] else { panic!("{sheet:?}") };
        assert_eq!((first.properties.texts.title.as_str(), first.pre_gap), ("First", 75));
        assert_eq!(first.properties.texts.performer, "Somebody Else");
        assert!(first.properties.copy_permitted && first.properties.pre_emphasis);
        assert_eq!(second.indexes.len(), 3);
        assert_eq!((third.index(1).unwrap().file, third.post_gap), (1, 10));
        let begin = (3 * 60 + 12) * 75 + 37;
        assert_eq!(sheet.parts(0), [Part { file: 0, from: 0, to: Some(begin) }]);
        assert_eq!(sheet.parts(1), [Part { file: 0, from: begin, to: None }]);
        assert_eq!(sheet.parts(2), [Part { file: 1, from: 0, to: None }]);
        assert_eq!((sheet.sounding_gap(0, 0), sheet.sounding_gap(1, 9000)), (0, 187));
    }

    #[test]
    fn a_gap_in_the_file_before_makes_a_track_of_two_parts() {
        let text = "FILE a WAVE\nTRACK 1 AUDIO\nINDEX 1 0:0:0\nTRACK 2 AUDIO\nINDEX 0 1:0:0\nFILE b WAVE\nINDEX 1 0:0:0\n";
        let sheet = CueSheet::parse(text.as_bytes()).unwrap();
        assert_eq!(sheet.parts(0), [Part { file: 0, from: 0, to: None }]);
        assert_eq!(sheet.parts(1), [Part { file: 1, from: 0, to: None }]);
        assert_eq!(sheet.sounding_gap(1, 4650), 150, "the end of the first file is the second track's gap");
        assert_eq!(sheet.sounding_gap(1, 4000), 0, "a file that is shorter than the sheet says has none");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let wrong = |text: &str| CueSheet::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(wrong(""), "line 1: there is no TRACK: this is no cue sheet");
        assert_eq!(wrong("TRACK 1 AUDIO"), "line 1: no FILE comes before the first TRACK");
        assert_eq!(wrong("FILE a WAVE\nTRACK 01 AUDIO\n"), "line 2: track 1 has no INDEX 01");
        let track = "FILE a WAVE\nTRACK 01 AUDIO\n";
        assert_eq!(
            wrong(&format!("{track}INDEX 01 00:60:00")),
            "line 3: 00:60:00 is no position of the form mm:ss:ff"
        );
        assert_eq!(wrong(&format!("{track}INDEX 02 00:00:00")), "line 3: a track's first INDEX is 00 or 01");
        assert_eq!(
            wrong(&format!("{track}INDEX 01 00:01:00\nTRACK 02 AUDIO\nINDEX 01 00:00:00")),
            "line 5: the position lies before the one before"
        );
        assert_eq!(wrong("HELLO WORLD"), "line 1: HELLO is no command of a cue sheet");
        assert_eq!(
            wrong(&format!("{track}INDEX 01 0:0:0\nTRACK 3 AUDIO")),
            "line 4: track 3 follows where track 2 should"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_sheet_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = CueSheet::parse(&bytes);
        }

        #[test]
        fn spoilt_sheets_are_survived_and_what_is_read_is_written_as_it_was_read(
            at in 0..ALBUM.len(), with in prop::collection::vec(any::<u8>(), 0..6),
        ) {
            let mut bytes = ALBUM.as_bytes().to_vec();
            let end = (at + with.len()).min(bytes.len());
            bytes.splice(at..end, with);
            if let Ok(sheet) = CueSheet::parse(&bytes) {
                let again = CueSheet::parse(sheet.to_string().as_bytes());
                prop_assert_eq!(again, Ok(sheet));
            }
        }
    }
}
