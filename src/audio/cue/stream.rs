//! The sound of a sheet's tracks, track by track, out of its files. A file that several tracks lie in is decoded once.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{CueSheet, FileKind, Mode, Part};
use crate::audio::{AudioError, BLOCK, Decode, Problem, Source, Wishes};

/// Why a track's sound could not be had.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// A file is not what it should be.
    #[error(transparent)]
    File(#[from] AudioError),
    /// A file is shorter than the sheet says.
    #[error("{name} ends before track {track} begins")]
    Short {
        /// The file.
        name: String,
        /// The track.
        track: u8,
    },
    /// The track holds no sound.
    #[error("track {0} is a data track, and only a disc's first track can be one before sound")]
    Data(u8),
    /// The track of data is of a kind that is not recorded.
    #[error("track {0} holds data of mode 2, and only mode 1 is recorded")]
    Mode2(u8),
    /// Data of 2048 bytes a block lie in one file with sound.
    #[error(
        "{name} holds data without headers, and sound: give the data a file of its own, or whole sectors (MODE1/2352)"
    )]
    Shared {
        /// The file.
        name: String,
    },
    /// A sector is none of mode 1.
    #[error("block {block} of {name} is no sector of mode 1")]
    NoSector {
        /// The file.
        name: String,
        /// The block, from the beginning of the file.
        block: u32,
    },
    /// A file ends within the track of data.
    #[error("{name} ends within block {block}, which belongs to the track of data")]
    Cut {
        /// The file.
        name: String,
        /// The block, from the beginning of the file.
        block: u32,
    },
    /// The sound could not be passed on.
    #[error("the sound could not be passed on: {0}")]
    Sink(#[source] io::Error),
}

/// A sheet whose files are opened when they are needed.
pub struct Sounds<'a, O> {
    sheet: &'a CueSheet,
    open: O,
    current: Option<Current>,
    /// The end of the track before that is no whole block.
    rest: Vec<u8>,
}

/// The file that is being read.
struct Current {
    file: usize,
    from: From,
    /// Bytes of its sound that were read.
    at: u64,
    /// What was decoded and not yet asked for.
    ready: Vec<u8>,
    over: bool,
}

enum From {
    Decoded(Box<Decode>),
    Raw { source: Box<dyn Source>, swapped: bool },
}

impl<'a, O: FnMut(&str) -> io::Result<Box<dyn Source>>> Sounds<'a, O> {
    /// The sounds of a sheet whose files `open` opens by their names.
    pub const fn new(sheet: &'a CueSheet, open: O) -> Self {
        Self { sheet, open, current: None, rest: Vec::new() }
    }

    /// Writes the sound of a track, counted from 0. Where the next track follows without a gap, the end of this one that is
    /// no whole block goes there. Gives the bytes of its sound.
    ///
    /// # Errors
    /// [`StreamError`].
    pub fn write(&mut self, track: usize, sink: &mut impl Write) -> Result<u64, StreamError> {
        let Some(this) = self.sheet.tracks.get(track) else { return Ok(0) };
        if this.mode != Mode::Audio {
            return Err(StreamError::Data(this.number));
        }
        let mut written = self.rest.len();
        sink.write_all(&std::mem::take(&mut self.rest)).map_err(StreamError::Sink)?;
        let joined =
            self.sheet.tracks.get(track + 1).is_some_and(|next| next.pre_gap == 0) && this.post_gap == 0;
        for part in self.sheet.parts(track) {
            self.part(part, this.number, sink, &mut written)?;
        }
        let bytes = (written + self.rest.len()) as u64;
        if joined {
            return sink.flush().map(|()| bytes).map_err(StreamError::Sink);
        }
        sink.write_all(&std::mem::take(&mut self.rest)).map_err(StreamError::Sink)?;
        let silence = vec![0; BLOCK];
        for _ in 0..this.post_gap {
            sink.write_all(&silence).map_err(StreamError::Sink)?;
        }
        sink.flush().map(|()| bytes).map_err(StreamError::Sink)
    }

    /// Writes whole blocks of a part, and keeps the rest.
    fn part(
        &mut self,
        part: Part,
        number: u8,
        sink: &mut impl Write,
        written: &mut usize,
    ) -> Result<(), StreamError> {
        let begin = u64::from(part.from) * BLOCK as u64;
        if self.current.as_ref().is_none_or(|current| current.file != part.file || current.position() > begin)
        {
            self.current = Some(self.begin(part.file)?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        let name = &self.sheet.files[part.file].name;
        let short = || StreamError::Short { name: name.clone(), track: number };
        while current.position() < begin {
            let skip = usize::try_from(begin - current.position()).unwrap_or(usize::MAX);
            let most = current.fill(name)?.min(skip);
            if most == 0 {
                return Err(short());
            }
            current.ready.drain(..most);
        }
        let mut left = part.to.map(|to| u64::from(to - part.from) * BLOCK as u64);
        while left != Some(0) {
            let there = current.fill(name)?;
            if there == 0 {
                // The last track of a file goes to its end; any other was to be longer.
                if left.is_some() {
                    return Err(short());
                }
                break;
            }
            let most = left.map_or(there, |left| there.min(usize::try_from(left).unwrap_or(usize::MAX)));
            self.rest.extend(current.ready.drain(..most));
            left = left.map(|left| left - most as u64);
            let whole = (*written % BLOCK + self.rest.len()) / BLOCK * BLOCK;
            let whole = whole.saturating_sub(*written % BLOCK).min(self.rest.len());
            sink.write_all(&self.rest[..whole]).map_err(StreamError::Sink)?;
            self.rest.drain(..whole);
            *written += whole;
        }
        Ok(())
    }

    fn begin(&mut self, file: usize) -> Result<Current, StreamError> {
        let named = &self.sheet.files[file];
        let unreadable = |error: io::Error| AudioError {
            name: named.name.clone(),
            milliseconds: None,
            byte: 0,
            problem: Problem::Unreadable(error.to_string()),
        };
        let mut source = (self.open)(&named.name).map_err(unreadable)?;
        let from = match named.kind {
            FileKind::Sound => From::Decoded(Box::new(Decode::open(source, &named.name, Wishes::default())?)),
            FileKind::Binary | FileKind::Motorola => {
                source.seek(SeekFrom::Start(0)).map_err(unreadable)?;
                From::Raw { source, swapped: named.kind == FileKind::Motorola }
            }
        };
        Ok(Current { file, from, at: 0, ready: Vec::new(), over: false })
    }
}

impl Current {
    /// Bytes of the sound that were given out.
    const fn position(&self) -> u64 {
        self.at - self.ready.len() as u64
    }

    /// Makes something ready, if there is something; how much is ready.
    fn fill(&mut self, name: &str) -> Result<usize, AudioError> {
        while self.ready.is_empty() && !self.over {
            match &mut self.from {
                From::Decoded(decode) => self.over = !decode.read(&mut self.ready)?,
                From::Raw { source, swapped } => {
                    let read = source.take(64 * BLOCK as u64).read_to_end(&mut self.ready);
                    let read = read.map_err(|error| AudioError {
                        name: name.to_owned(),
                        milliseconds: None,
                        byte: self.at,
                        problem: Problem::Unreadable(error.to_string()),
                    })?;
                    self.over = read == 0;
                    if *swapped {
                        self.ready.as_chunks_mut::<2>().0.iter_mut().for_each(|pair| pair.reverse());
                    }
                }
            }
            self.at += self.ready.len() as u64;
        }
        Ok(self.ready.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| (at * 31 + at / 256) as u8).collect()
    }

    fn tracks(text: &str, files: &[(&str, Vec<u8>)]) -> Vec<Vec<u8>> {
        let sheet = CueSheet::parse(text.as_bytes()).unwrap();
        let open = |name: &str| -> io::Result<Box<dyn Source>> {
            let file = files.iter().find(|(file, _)| *file == name).ok_or(io::ErrorKind::NotFound)?;
            Ok(Box::new(io::Cursor::new(file.1.clone())))
        };
        let mut sounds = Sounds::new(&sheet, open);
        (0..sheet.tracks.len())
            .map(|track| {
                let mut out = Vec::new();
                sounds.write(track, &mut out).unwrap();
                out
            })
            .collect()
    }

    #[test]
    fn one_file_is_cut_where_the_tracks_begin() {
        let file = bytes(1000 * BLOCK);
        let text = "FILE a BINARY\nTRACK 1 AUDIO\nINDEX 1 0:0:0\nTRACK 2 AUDIO\nINDEX 0 0:3:0\nINDEX 1 0:5:0\nPOSTGAP 0:0:2\n";
        let text = text.replace("INDEX 1 0:5:0\nPOSTGAP 0:0:2\n", "INDEX 1 0:5:0\n");
        let cut = tracks(&text, &[("a", file.clone())]);
        assert!(cut[0] == file[..375 * BLOCK] && cut[1] == file[375 * BLOCK..]);
    }

    #[test]
    fn what_is_no_whole_block_goes_on_in_the_next_track_unless_there_is_a_gap() {
        let (one, two) = (bytes(10 * BLOCK + 100), bytes(5 * BLOCK));
        let text =
            "FILE a BINARY\nTRACK 1 AUDIO\nINDEX 1 0:0:0\nFILE b BINARY\nTRACK 2 AUDIO\nINDEX 1 0:0:0\n";
        let files = [("a", one.clone()), ("b", two.clone())];
        let joined = tracks(text, &files);
        assert_eq!((joined[0].len(), joined[1].len()), (10 * BLOCK, 5 * BLOCK + 100));
        assert!(joined.concat() == [one.as_slice(), &two].concat());
        let apart = tracks(&text.replace("TRACK 2 AUDIO", "TRACK 2 AUDIO\nPREGAP 0:2:0"), &files);
        assert!(apart[0] == one && apart[1] == two);
    }

    #[test]
    fn bytes_are_swapped_where_the_sheet_says_so_and_silence_is_added_behind() {
        let text = "FILE a MOTOROLA\nTRACK 1 AUDIO\nINDEX 1 0:0:0\nPOSTGAP 0:0:2\n";
        let out = tracks(text, &[("a", vec![1, 2, 3, 4])]);
        assert_eq!(out[0][..4], [2, 1, 4, 3]);
        assert_eq!(out[0].len(), 4 + 2 * BLOCK);
    }

    #[test]
    fn a_file_that_is_too_short_is_named() {
        let sheet = "FILE a BINARY\nTRACK 1 AUDIO\nINDEX 1 0:0:0\nTRACK 2 AUDIO\nINDEX 1 0:1:0\n";
        let sheet = CueSheet::parse(sheet.as_bytes()).unwrap();
        let open =
            |_: &str| -> io::Result<Box<dyn Source>> { Ok(Box::new(io::Cursor::new(vec![0; 10 * BLOCK]))) };
        let error = Sounds::new(&sheet, open).write(0, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "a ends before track 1 begins");
    }
}
