//! What kind of file it is, by its first bytes. Nothing is guessed: a decoder that is given another's file finds sound
//! in it where there is none.

use std::io;

use super::error::Problem;
use super::source::Watched;

/// The containers that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// RIFF/WAVE.
    Wave,
    /// AIFF and AIFF-C.
    Aiff,
    /// Apple's Core Audio Format.
    Caf,
    /// FLAC in its own frames.
    Flac,
    /// MPEG audio frames.
    Mpeg,
    /// Ogg, with Vorbis or FLAC in it.
    Ogg,
    /// MPEG-4, with ALAC or AAC in it.
    Mp4,
    /// AAC in ADTS frames.
    Adts,
}

impl Container {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wave => "WAV",
            Self::Aiff => "AIFF",
            Self::Caf => "CAF",
            Self::Flac => "FLAC",
            Self::Mpeg => "MP3",
            Self::Ogg => "Ogg",
            Self::Mp4 => "MPEG-4",
            Self::Adts => "AAC",
        }
    }
}

/// What a file is, and where behind its ID3 tags it begins.
pub fn sniff(file: &mut Watched) -> io::Result<Result<(Container, u64), Problem>> {
    let start = behind_id3(file)?;
    let head = file.peek(start, HEAD)?;
    if let Some(container) = by_magic(&head) {
        return Ok(Ok((container, start)));
    }
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok(Err(Problem::Foreign(name)));
    }
    // MPEG frames may have padding before them, which taggers leave.
    let zeros = head.iter().take_while(|byte| **byte == 0).count();
    let found = match head.get(zeros..) {
        Some(frames) if run_of(frames, adts_length) => Some(Container::Adts),
        Some(frames) if run_of(frames, mpeg_length) => Some(Container::Mpeg),
        _ => None,
    };
    Ok(found.map(|container| (container, start + zeros as u64)).ok_or(Problem::NotAudio))
}

fn by_magic(head: &[u8]) -> Option<Container> {
    let at = |from: usize, magic: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(magic));
    if at(0, b"RIFF") && at(8, b"WAVE") {
        Some(Container::Wave)
    } else if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) {
        Some(Container::Aiff)
    } else if at(0, b"caff") {
        Some(Container::Caf)
    } else if at(0, b"fLaC") {
        Some(Container::Flac)
    } else if at(0, b"OggS") {
        Some(Container::Ogg)
    } else if at(4, b"ftyp") || at(4, b"moov") {
        Some(Container::Mp4)
    } else {
        None
    }
}

/// Where the first of the ID3v2 tags at the beginning is not followed by another (ID3v2.4, section 3.1).
fn behind_id3(file: &mut Watched) -> io::Result<u64> {
    let mut at = 0;
    // A tag that is not there any more would have been written over the one before: more than a few is a joke.
    for _ in 0..8 {
        let tag = file.peek(at, 10)?;
        let [b'I', b'D', b'3', _, _, flags, a, b, c, d] = tag[..] else { break };
        if (a | b | c | d) & 0x80 != 0 {
            break;
        }
        let size = [a, b, c, d].into_iter().fold(0, |size, byte| size << 7 | u64::from(byte));
        let footer = if flags & 0x10 == 0 { 0 } else { 10 };
        at += 10 + size + footer;
    }
    Ok(at)
}

/// Whether frames follow each other here. The last may be cut off by the end of what is known.
fn run_of(bytes: &[u8], length: fn([u8; 6]) -> Option<usize>) -> bool {
    let mut at = 0;
    for found in 0.. {
        let head = bytes.get(at..).and_then(|rest| rest.first_chunk::<6>());
        match head.map(|head| length(*head)) {
            _ if found == RUN => return true,
            Some(Some(length)) => at += length,
            Some(None) => return false,
            // A short file, at its end.
            None => return found > 0,
        }
    }
    false
}

/// The length of an ADTS frame (ISO/IEC 13818-7, 6.2).
fn adts_length([a, b, c, d, e, f]: [u8; 6]) -> Option<usize> {
    // The layer is always 0, unlike that of other MPEG audio.
    let header = a == 0xff && b & 0xf6 == 0xf0 && (c >> 2) & 0x0f < 13;
    let length = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
    (header && length > 7).then_some(length)
}

/// The length of a frame of MPEG audio layer 3 (ISO/IEC 11172-3, 2.4.2.3, and 13818-3).
fn mpeg_length([a, b, c, ..]: [u8; 6]) -> Option<usize> {
    const BITRATES: [[usize; 16]; 2] = [
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0],
    ];
    let version = b >> 3 & 3;
    let layer_3 = b >> 1 & 3 == 1;
    if a != 0xff || b & 0xe0 != 0xe0 || version == 1 || !layer_3 {
        return None;
    }
    let low = usize::from(version != 3);
    let rate = [44_100, 48_000, 32_000, 0][usize::from(c >> 2 & 3)] >> [2, 0, 1, 0][usize::from(version)];
    let bitrate = BITRATES[low][usize::from(c >> 4)] * 1000;
    let padding = usize::from(c >> 1 & 1);
    (rate != 0 && bitrate != 0).then(|| bitrate * [144, 72][low] / rate + padding)
}

/// Frames that must follow each other before a stream without a name of its own is believed.
const RUN: usize = 4;
/// Bytes that are looked at: the longest frames are 1441 bytes (MPEG) and 8191 (ADTS).
const HEAD: usize = 64 * 1024;

/// Files that are sound to their owners, and that must not be taken for something else.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"wvpk", "WavPack"),
    (b"RF64", "RF64"),
    (b"BW64", "BW64"),
    (b"MAC ", "Monkey's Audio"),
    (b"TTA", "True Audio"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"DSD ", "DSD"),
    (b"FRM8", "DSD"),
    (b"MThd", "MIDI"),
    (b"#!AMR", "AMR"),
    (b".snd", "Sun audio"),
    (b".RMF", "RealAudio"),
    (b"OFR ", "OptimFROG"),
    (&[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11], "Windows Media"),
    (&[0x1a, 0x45, 0xdf, 0xa3], "Matroska or WebM"),
    (&[0x0b, 0x77], "AC-3"),
    (&[0x7f, 0xfe, 0x80, 0x01], "DTS"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::source::Watch;

    fn kind(bytes: &[u8]) -> Result<(Container, u64), Problem> {
        let file = Box::new(io::Cursor::new(bytes.to_vec()));
        sniff(&mut Watched::new(file, Watch::default()).unwrap()).unwrap()
    }

    #[test]
    fn files_are_known_by_their_first_bytes_and_by_nothing_else() {
        assert_eq!(kind(b"RIFF\x24\0\0\0WAVEfmt "), Ok((Container::Wave, 0)));
        assert_eq!(kind(b"RIFF\x24\0\0\0AVI LIST"), Err(Problem::NotAudio));
        assert_eq!(kind(b"wvpk\xff\xfb\x90\x00"), Err(Problem::Foreign("WavPack")));
        assert_eq!(kind(b"FORM\0\0\0\0AIFC"), Ok((Container::Aiff, 0)));
        assert_eq!(kind(b"\0\0\0\x20ftypM4A "), Ok((Container::Mp4, 0)));
        assert_eq!(kind(b"hello, world"), Err(Problem::NotAudio));
        assert_eq!(kind(b""), Err(Problem::NotAudio));
    }

    #[test]
    fn a_tag_in_front_is_skipped_whole_and_a_single_sync_word_is_not_a_stream() {
        // Layer 3, 128 kbit/s, 44.1 kHz: 417 bytes a frame, 418 with padding.
        let mut frames = Vec::new();
        for padding in [0_u8, 1, 0, 0, 1] {
            frames.extend([0xff, 0xfb, 0x90 | padding << 1, 0]);
            frames.resize(frames.len() + 413 + usize::from(padding), 0x55);
        }
        let tagged = [b"ID3\x04\0\0\0\0\x01\x03".as_slice(), &[7; 131], &frames].concat();
        assert_eq!(kind(&tagged), Ok((Container::Mpeg, 141)));
        assert_eq!(kind(&[&[0; 20], frames.as_slice()].concat()), Ok((Container::Mpeg, 20)));
        assert_eq!(kind(&[&frames[..418], &[0x55; 2000]].concat()), Err(Problem::NotAudio));
    }

    #[test]
    fn frames_of_both_kinds_have_the_lengths_of_their_standards() {
        assert_eq!(mpeg_length([0xff, 0xfb, 0x90, 0, 0, 0]), Some(417));
        assert_eq!(mpeg_length([0xff, 0xf3, 0x82, 0, 0, 0]), Some(209));
        assert_eq!(mpeg_length([0xff, 0xfd, 0x90, 0, 0, 0]), None);
        assert_eq!(adts_length([0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f]), Some(371));
        assert_eq!(adts_length([0xff, 0xfb, 0x90, 0, 0, 0]), None);
    }
}
