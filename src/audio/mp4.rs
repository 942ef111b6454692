//! What an MPEG-4 file says of the part of its track that is to be heard: the edit list (ISO/IEC 14496-12, 8.6.6), and
//! Apple's note of encoder delay and length, `iTunSMPB`.

use std::io;

use super::source::Watched;
use super::trim::Trim;

/// What the first sound track of a file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Ticks a second of the film.
    film_scale: u32,
    /// Ticks a second of the track.
    track_scale: u32,
    /// The only edit: its length in ticks of the film, where it begins in ticks of the track.
    edit: Option<(u64, u64)>,
    /// `iTunSMPB`: frames before, behind, and of the sound.
    gapless: Option<(u64, u64, u64)>,
}

impl Edits {
    /// Reads what a file says; `None` when it has no table of contents. Details that cannot be read are as if they were
    /// not said.
    pub fn read(file: &mut Watched) -> io::Result<Option<Self>> {
        let end = file.length();
        let Some((from, to)) = find(file, 0, end, b"moov")? else { return Ok(None) };
        let mut edits = Self::default();
        if let Some((from, _)) = find(file, from, to, b"mvhd")? {
            edits.film_scale = scale(&file.peek(from, 32)?);
        }
        edits.tracks(file, from, to)?;
        edits.gapless = gapless(file, from, to)?;
        Ok(Some(edits))
    }

    /// The part that is to be heard of `frames` at `rate`.
    pub fn trim(&self, frames: Option<u64>, rate: u32) -> Trim {
        if let Some((before, _, keep)) = self.gapless.filter(|(.., keep)| *keep > 0) {
            return Trim { skip: before, keep: Some(keep) };
        }
        let Some((length, begin)) = self.edit else { return Trim::default() };
        if self.track_scale == 0 {
            return Trim::default();
        }
        let ticks = |at: u64, scale: u32| {
            let frames = u128::from(at) * u128::from(rate) / u128::from(scale.max(1));
            u64::try_from(frames).unwrap_or(u64::MAX)
        };
        let skip = ticks(begin, self.track_scale);
        let rest = frames.map(|frames| frames.saturating_sub(skip));
        if length == 0 || self.film_scale == 0 {
            return Trim { skip, keep: rest };
        }
        // A film's ticks are often thousandths of a second: what is within one of the rest means the rest.
        let keep = ticks(length, self.film_scale);
        let tick = u64::from(rate / self.film_scale) + 1;
        match rest {
            Some(rest) if keep.saturating_add(tick) >= rest => Trim { skip, keep: Some(rest) },
            _ => Trim { skip, keep: Some(keep) },
        }
    }

    /// The first track with sound: the timescale of its samples, and its edits.
    fn tracks(&mut self, file: &mut Watched, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        while let Some((body, end)) = find(file, at, to, b"trak")? {
            at = end;
            let Some((media, media_end)) = find(file, body, end, b"mdia")? else { continue };
            let Some((handler, _)) = find(file, media, media_end, b"hdlr")? else { continue };
            if file.peek(handler, 12)?.get(8..12) != Some(b"soun") {
                continue;
            }
            if let Some((head, _)) = find(file, media, media_end, b"mdhd")? {
                self.track_scale = scale(&file.peek(head, 32)?);
            }
            if let Some((edits, edits_end)) = find(file, body, end, b"edts")?
                && let Some((list, list_end)) = find(file, edits, edits_end, b"elst")?
            {
                let most = usize::try_from(list_end - list).unwrap_or(usize::MAX).min(EDITS);
                self.edit = edit(&file.peek(list, most)?);
            }
            break;
        }
        Ok(())
    }
}

/// The next atom of this kind: where its body begins and ends.
fn find(file: &mut Watched, from: u64, to: u64, kind: &[u8; 4]) -> io::Result<Option<(u64, u64)>> {
    let mut at = from;
    for _ in 0..ATOMS {
        if at.saturating_add(8) > to {
            break;
        }
        let head = file.peek(at, 16)?;
        let (Some(size), Some(name)) = (be32(&head, 0), head.get(4..8)) else { break };
        let (length, header) = match size {
            0 => (to - at, 8),
            1 => match head.get(8..16).and_then(|size| size.first_chunk()) {
                Some(size) => (u64::from_be_bytes(*size), 16),
                None => break,
            },
            size => (u64::from(size), 8),
        };
        let Some(end) = at.checked_add(length).filter(|end| length >= header && *end <= to) else { break };
        if name == kind {
            return Ok(Some((at + header, end)));
        }
        at = end;
    }
    Ok(None)
}

/// The ticks a second in a film's or a track's header.
fn scale(head: &[u8]) -> u32 {
    let at = if head.first() == Some(&1) { 20 } else { 12 };
    be32(head, at).unwrap_or(0)
}

/// The only edit of a list that shows something, if it is the only one.
fn edit(list: &[u8]) -> Option<(u64, u64)> {
    let wide = list.first()? == &1;
    let size = if wide { 20 } else { 12 };
    let count = usize::try_from(be32(list, 4)?).ok()?;
    let entries = list.get(8..)?.chunks_exact(size).take(count);
    let shown = entries.filter_map(|entry| {
        let (length, begin) = if wide {
            (be64(entry, 0)?, be64(entry, 8)?.cast_signed())
        } else {
            (u64::from(be32(entry, 0)?), i64::from(be32(entry, 4)?.cast_signed()))
        };
        // −1 shows nothing for a while.
        Some((length, u64::try_from(begin).ok()?))
    });
    let shown: Vec<_> = shown.take(2).collect();
    match shown[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// The note in `moov/udta/meta/ilst`, in an atom `----` with the name `iTunSMPB`: numbers in hexadecimal.
fn gapless(file: &mut Watched, from: u64, to: u64) -> io::Result<Option<(u64, u64, u64)>> {
    let Some((from, to)) = find(file, from, to, b"udta")? else { return Ok(None) };
    let Some((from, to)) = find(file, from, to, b"meta")? else { return Ok(None) };
    // A full atom: four bytes of version and flags.
    let Some((mut at, to)) = find(file, from + 4, to, b"ilst")? else { return Ok(None) };
    while let Some((body, end)) = find(file, at, to, b"----")? {
        at = end;
        let Some((name, name_end)) = find(file, body, end, b"name")? else { continue };
        if name_end - name > 64 || file.peek(name, 64)?.get(4..12) != Some(b"iTunSMPB") {
            continue;
        }
        if let Some((data, data_end)) = find(file, body, end, b"data")? {
            let most = usize::try_from(data_end - data).unwrap_or(usize::MAX).min(512);
            let text = file.peek(data, most)?;
            let text = String::from_utf8_lossy(text.get(8..).unwrap_or_default()).into_owned();
            let mut numbers = text.split_whitespace().map(|number| u64::from_str_radix(number, 16).ok());
            if let (Some(_), Some(Some(before)), Some(Some(behind)), Some(Some(keep))) =
                (numbers.next(), numbers.next(), numbers.next(), numbers.next())
            {
                return Ok(Some((before, behind, keep)));
            }
        }
    }
    Ok(None)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Atoms side by side: more are not believed.
const ATOMS: usize = 4096;
/// Bytes of an edit list that are looked at.
const EDITS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_within_a_tick_of_the_rest_means_the_rest() {
        let edits = Edits { film_scale: 1000, track_scale: 44_100, edit: Some((3000, 1024)), gapless: None };
        assert_eq!(edits.trim(Some(1024 + 132_300), 44_100), Trim { skip: 1024, keep: Some(132_300) });
        assert_eq!(edits.trim(Some(1024 + 132_310), 44_100), Trim { skip: 1024, keep: Some(132_310) });
        assert_eq!(edits.trim(Some(134_144), 44_100), Trim { skip: 1024, keep: Some(132_300) });
        assert_eq!(edits.trim(None, 44_100), Trim { skip: 1024, keep: Some(132_300) });
    }

    #[test]
    fn apples_note_goes_before_the_edits() {
        let edits = Edits { edit: Some((1, 1)), gapless: Some((2112, 412, 132_300)), ..Edits::default() };
        assert_eq!(edits.trim(Some(134_824), 44_100), Trim { skip: 2112, keep: Some(132_300) });
    }

    #[test]
    fn lists_with_one_visible_edit_are_understood_and_others_left_alone() {
        let entry =
            |length: u32, begin: i32| [length.to_be_bytes(), begin.to_be_bytes(), [0, 1, 0, 0]].concat();
        let list = |entries: &[Vec<u8>]| {
            [&[0; 4][..], &(entries.len() as u32).to_be_bytes(), &entries.concat()].concat()
        };
        assert_eq!(edit(&list(&[entry(100, -1), entry(3000, 1024)])), Some((3000, 1024)));
        assert_eq!(edit(&list(&[entry(100, 0), entry(3000, 1024)])), None);
        assert_eq!(edit(&[1, 0, 0, 0]), None);
    }
}
