//! Discs as files for other programs: `.iso`, or `.bin` and `.cue`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Medium;
use super::cd::Spot;
use super::layout::Session;
use super::recording::empty;
use super::track::Track;
use crate::mmc::BLOCK;
use crate::mmc::cd_text::Pack;
use crate::mmc::cue::SectorMode;
use crate::mmc::msf::Msf;
use crate::mmc::sector::SECTOR;

/// Why a disc cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An image of blocks has no room for this.
    #[error("track {0} is no data track: export the disc as .cue, which makes a .bin beside it")]
    NotData(u16),
    /// A disc that is no CD has no cue sheet.
    #[error("a {0} has no tracks in the sense of a cue sheet: export it as .iso")]
    NotACd(crate::mmc::Profile),
    /// The name tells no format.
    #[error("{} ends neither in .iso nor in .cue", .0.display())]
    NoFormat(PathBuf),
    /// Nothing to export.
    #[error("the disc is blank")]
    Blank,
    /// The name cannot stand in a cue sheet.
    #[error("the name {0:?} cannot stand in a cue sheet")]
    Name(String),
}

impl Medium {
    /// Writes the disc to `to`: as the blocks of all its data tracks (`.iso`), or with every sector (`.cue`). A cue sheet
    /// has beside it a `.bin` for each session, and a `.cdt` with CD-TEXT if there is any.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export(&self, to: &Path) -> Result<(), ExportError> {
        if self.layout.tracks().next().is_none() {
            return Err(ExportError::Blank);
        }
        match to.extension().and_then(|extension| extension.to_str()) {
            Some("iso") => self.export_blocks(to),
            Some("cue") => self.export_sectors(to),
            _ => Err(ExportError::NoFormat(to.to_owned())),
        }
    }

    fn export_blocks(&self, to: &Path) -> Result<(), ExportError> {
        if let Some((number, _)) =
            (1..).zip(self.layout.tracks()).find(|(_, (_, track))| !track.cd.has_blocks())
        {
            return Err(ExportError::NotData(number));
        }
        let at = |source| ExportError::Io { path: to.to_owned(), source };
        let mut file = BufWriter::new(File::create(to).map_err(at)?);
        let end = self.layout.data_end();
        let mut chunk = vec![0; 64 * BLOCK];
        let mut lba = 0;
        while lba < end {
            let blocks = (end - lba).min(64);
            let chunk = &mut chunk[..blocks as usize * BLOCK];
            self.stores.read(lba, chunk).map_err(at)?;
            file.write_all(chunk).map_err(at)?;
            lba += blocks;
        }
        file.into_inner().map(drop).map_err(|error| at(error.into_error()))
    }

    fn export_sectors(&self, to: &Path) -> Result<(), ExportError> {
        if !self.layout.profile.is_cd() {
            return Err(ExportError::NotACd(self.layout.profile));
        }
        let stem = to.file_stem().and_then(|stem| stem.to_str()).filter(|stem| !stem.contains('"'));
        let stem = stem.ok_or_else(|| ExportError::Name(to.display().to_string()))?;
        let mut sheet = String::new();
        let with_tracks: Vec<_> = self.layout.sessions.iter().filter(|it| !it.tracks.is_empty()).collect();
        let mut number = 0;
        for (count, session) in (1..).zip(&with_tracks) {
            let name = if count == 1 { stem.to_owned() } else { format!("{stem}-{count}") };
            let text = format!("{name}.cdt");
            if !session.cd.text.is_empty() {
                let path = to.with_file_name(&text);
                let packs: &[Pack] = &session.cd.text;
                fs::write(&path, packs.as_flattened()).map_err(|source| ExportError::Io { path, source })?;
            }
            head(&mut sheet, session, count, with_tracks.len(), &text);
            let bin = format!("{name}.bin");
            let path = to.with_file_name(&bin);
            self.write_sectors(session, &path).map_err(|source| ExportError::Io { path, source })?;
            let _ = writeln!(sheet, "FILE \"{bin}\" BINARY");
            let origin = session.tracks.first().map_or(0, |track| track.start);
            for track in &session.tracks {
                number += 1;
                entry(&mut sheet, session, number, track, origin);
            }
        }
        fs::write(to, sheet).map_err(|source| ExportError::Io { path: to.to_owned(), source })
    }

    /// Every sector of a session from the first track's first on. What cannot be read is zeros of its kind.
    fn write_sectors(&self, session: &Session, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(64 * SECTOR, File::create(path)?);
        let start = session.tracks.first().map_or(0, |track| track.start);
        let end = session.tracks.last().map_or(start, Track::end);
        for lba in start.cast_signed()..end.cast_signed() {
            let sector = match self.layout.place(lba) {
                Some(place) if place.spot == Spot::Recorded => self.sector(lba, &place)?,
                Some(place) => empty(place.cd.mode, lba),
                None => empty(SectorMode::Audio, lba),
            };
            file.write_all(&sector)?;
        }
        file.into_inner().map(drop).map_err(io::IntoInnerError::into_error)
    }
}

/// What stands before the tracks of a session.
fn head(sheet: &mut String, session: &Session, count: usize, of: usize, text: &str) {
    if of > 1 {
        let _ = writeln!(sheet, "REM SESSION {count:02}");
    }
    if let Some(catalog) = session.cd.catalog {
        let _ = writeln!(sheet, "CATALOG {}", String::from_utf8_lossy(&catalog));
    }
    if !session.cd.text.is_empty() {
        let _ = writeln!(sheet, "CDTEXTFILE \"{text}\"");
    }
}

fn entry(sheet: &mut String, session: &Session, number: u8, track: &Track, origin: u32) {
    let mode = match track.cd.mode {
        SectorMode::Audio => "AUDIO",
        SectorMode::Mode1 => "MODE1/2352",
        SectorMode::Mode2 | SectorMode::Xa => "MODE2/2352",
    };
    let _ = writeln!(sheet, "  TRACK {number:02} {mode}");
    let flags: Vec<_> = [(0x02, "DCP"), (0x08, "4CH"), (0x01, "PRE")]
        .into_iter()
        .filter(|(bit, _)| track.cd.control & bit != 0)
        .map(|(_, name)| name)
        .collect();
    if !flags.is_empty() {
        let _ = writeln!(sheet, "    FLAGS {}", flags.join(" "));
    }
    if let Some(code) = track.cd.isrc {
        let _ = writeln!(sheet, "    ISRC {}", String::from_utf8_lossy(&code));
    }
    let mut index = |index: u8, lba: u32| {
        // Times count from the start of the file.
        let time = Msf::from_lba((lba - origin).cast_signed() - 150).unwrap_or_default();
        let _ = writeln!(sheet, "    INDEX {index:02} {time}");
    };
    // The pre-gap of the first track comes before the file.
    if track.start > origin && track.cd.pause > 0 {
        index(0, track.start - track.cd.pause);
    }
    index(1, track.start);
    let later = session.cd.indexes.iter().filter(|(of, ..)| *of == number);
    later.for_each(|(_, number, lba)| index(*number, *lba));
}
