//! The image of a sheet's track of data: the user data of its sectors, 2048 bytes each.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{CueSheet, Mode, StreamError};
use crate::api::audio::POST_GAP;
use crate::audio::{AudioError, BLOCK, Problem, Source};

/// Bytes of data in a sector.
const DATA: usize = 2048;
/// What a sector begins with (ECMA-130, 14.1).
const SYNC: [u8; 12] = [0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0];
/// Where a sector of mode 1 has its mode, and where its data begin.
const MODE: usize = 15;
const HEAD: usize = 16;

impl CueSheet {
    /// The first track is one of data, and can be recorded as such.
    ///
    /// # Errors
    /// For data tracks behind it, and for data of mode 2.
    pub fn begins_with_data(&self) -> Result<bool, StreamError> {
        if let Some(track) = self.tracks.iter().skip(1).find(|track| track.mode != Mode::Audio) {
            return Err(StreamError::Data(track.number));
        }
        match self.tracks.first() {
            Some(track) if track.mode == Mode::Audio => Ok(false),
            Some(track) if matches!(track.mode, Mode::Mode1 | Mode::Mode1Raw) => Ok(true),
            Some(track) => Err(StreamError::Mode2(track.number)),
            None => Ok(false),
        }
    }

    /// Blocks of a file that belong to the gap before the first track of sound, where it lies in the same file.
    pub fn gap_behind_data(&self) -> u32 {
        let Some(track) = self.tracks.get(1) else { return 0 };
        let in_file = match (track.index(0), track.index(1)) {
            (Some(gap), Some(begin)) if gap.file == begin.file => begin.at - gap.at,
            _ => 0,
        };
        track.pre_gap.saturating_add(in_file)
    }
}

/// Writes the image of a sheet's first track, whose file `open` opens. Zeroes at its end that a recorder puts there anyway
/// are left out.
///
/// # Errors
/// [`StreamError`].
pub fn write_image(
    sheet: &CueSheet,
    mut open: impl FnMut(&str) -> io::Result<Box<dyn Source>>,
    sink: &mut impl Write,
) -> Result<(), StreamError> {
    let Some(track) = sheet.tracks.first() else { return Ok(()) };
    let Some(begin) = track.index(1) else { return Ok(()) };
    let name = &sheet.files[begin.file].name;
    let unreadable = |byte: u64, error: &io::Error| AudioError {
        name: name.clone(),
        milliseconds: None,
        byte,
        problem: Problem::Unreadable(error.to_string()),
    };
    let size = if track.mode == Mode::Mode1 { DATA } else { BLOCK };
    let next = sheet.tracks.get(1).and_then(|next| next.index(0).or_else(|| next.index(1)));
    let end = next.filter(|next| next.file == begin.file).map(|next| next.at);
    if end.is_some() && track.mode == Mode::Mode1 {
        // Where sound begins in such a file, sheets do not agree on.
        return Err(StreamError::Shared { name: name.clone() });
    }
    let mut source = open(name).map_err(|error| unreadable(0, &error))?;
    let from = u64::from(begin.at) * size as u64;
    source.seek(SeekFrom::Start(from)).map_err(|error| unreadable(from, &error))?;
    let mut source = io::BufReader::with_capacity(64 * BLOCK, source);
    let mut sector = vec![0; size];
    let mut zeroes = 0;
    let mut at = begin.at;
    while end.is_none_or(|end| at < end) {
        let byte = u64::from(at) * size as u64;
        match fill(&mut source, &mut sector).map_err(|error| unreadable(byte, &error))? {
            0 if end.is_none() => break,
            read if read < size => {
                return Err(StreamError::Cut { name: name.clone(), block: at });
            }
            _ => {}
        }
        let data = match track.mode {
            Mode::Mode1 => &sector[..],
            _ if sector.starts_with(&SYNC) && sector[MODE] == 1 => &sector[HEAD..HEAD + DATA],
            _ => return Err(StreamError::NoSector { name: name.clone(), block: at }),
        };
        if data.iter().all(|byte| *byte == 0) {
            zeroes += 1;
        } else {
            pad(sink, std::mem::take(&mut zeroes))?;
            sink.write_all(data).map_err(StreamError::Sink)?;
        }
        at += 1;
    }
    // The last 150 are the post-gap, if they are empty.
    pad(sink, if zeroes >= POST_GAP { zeroes - POST_GAP } else { zeroes })?;
    sink.flush().map_err(StreamError::Sink)
}

fn pad(sink: &mut impl Write, blocks: u32) -> Result<(), StreamError> {
    (0..blocks).try_for_each(|_| sink.write_all(&[0; DATA])).map_err(StreamError::Sink)
}

/// Reads until the buffer is full or the source ends; how much that was.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match source.read(&mut buffer[done..]) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(at: usize) -> Vec<u8> {
        (0..DATA).map(|byte| (at * 7 + byte) as u8).collect()
    }

    fn sector(at: usize) -> Vec<u8> {
        let mut sector = [&SYNC[..], &[0, 2, at as u8, 1]].concat();
        sector.extend(block(at));
        sector.resize(BLOCK, 0x55);
        sector
    }

    fn empty() -> Vec<u8> {
        let mut sector = [&SYNC[..], &[0, 2, 0, 1]].concat();
        sector.resize(BLOCK, 0);
        sector
    }

    fn image(text: &str, file: &[u8]) -> Result<Vec<u8>, StreamError> {
        let sheet = CueSheet::parse(text.as_bytes()).unwrap();
        assert!(sheet.begins_with_data()?);
        let mut out = Vec::new();
        let open = |_: &str| -> io::Result<Box<dyn Source>> { Ok(Box::new(io::Cursor::new(file.to_vec()))) };
        write_image(&sheet, open, &mut out).map(|()| out)
    }

    const RAW: &str = "FILE a BINARY\nTRACK 1 MODE1/2352\nINDEX 1 0:0:0\n";

    #[test]
    fn of_sectors_the_data_are_taken_up_to_the_gap_of_the_sound() {
        let file: Vec<u8> = (0..3).flat_map(sector).chain(vec![9; 5 * BLOCK]).collect();
        let data: Vec<u8> = (0..3).flat_map(block).collect();
        let text = format!("{RAW}TRACK 2 AUDIO\nINDEX 0 0:0:3\nINDEX 1 0:0:5\n");
        assert!(image(&text, &file).unwrap() == data);
        let sheet = CueSheet::parse(text.as_bytes()).unwrap();
        assert_eq!(sheet.gap_behind_data(), 2);
        let plain: Vec<u8> = (0..3).flat_map(block).collect();
        assert!(image("FILE a BINARY\nTRACK 1 MODE1/2048\nINDEX 1 0:0:0\n", &plain).unwrap() == plain);
    }

    #[test]
    fn an_empty_end_is_left_to_the_recorder_as_far_as_it_makes_one() {
        let with = |count: usize| -> Vec<u8> {
            sector(1).into_iter().chain((0..count).flat_map(|_| empty())).collect()
        };
        for (count, left) in [(0, 0), (149, 149), (150, 0), (153, 3)] {
            assert_eq!(image(RAW, &with(count)).unwrap().len(), (1 + left) * DATA, "{count}");
        }
        let file: Vec<u8> = [empty(), empty(), sector(5)].concat();
        assert!(image(RAW, &file).unwrap() == [vec![0; 2 * DATA], block(5)].concat());
    }

    #[test]
    fn what_is_no_track_of_data_is_refused_by_name_and_block() {
        let message = |text: &str, file: &[u8]| image(text, file).unwrap_err().to_string();
        let spoilt: Vec<u8> = [sector(0), vec![1; BLOCK]].concat();
        assert!(message(RAW, &spoilt).contains("block 1"));
        assert!(message(RAW, &sector(0)[..2000]).contains("block 0"));
        let shared = "FILE a BINARY\nTRACK 1 MODE1/2048\nINDEX 1 0:0:0\nTRACK 2 AUDIO\nINDEX 1 0:4:0\n";
        assert!(message(shared, &[]).contains("a file of its own"));
        assert!(message(&RAW.replace("MODE1", "MODE2"), &[]).contains("mode 2"));
        let second = format!("{RAW}TRACK 2 AUDIO\nINDEX 1 0:4:0\nTRACK 3 MODE1/2352\nINDEX 1 0:9:0\n");
        assert!(message(&second, &[]).contains("track 3"));
    }
}
