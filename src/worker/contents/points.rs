//! Where gaps begin and index points lie: no table tells, only sub-channel Q of the blocks themselves. Each is found by a
//! search that halves what is left, in a few reads.

use std::collections::BTreeMap;

use crate::api::contents::DiscTrack;
use crate::mmc::cdb::ReadCd;
use crate::mmc::subchannel::{Position, Q, from_bcd};

use super::super::drive::Drive;
use super::super::error::Trouble;

/// Finds gaps and index points of the tracks of sound. False when some could not be read.
pub(super) fn find(drive: &mut Drive<'_>, tracks: &mut [DiscTrack]) -> Result<bool, Trouble> {
    let mut search = Search { drive, known: BTreeMap::new(), end: 0, data: None, complete: true };
    for at in 0..tracks.len() {
        let before = at.checked_sub(1).and_then(|before| tracks.get(before));
        let before = before.filter(|before| before.session == tracks[at].session).cloned();
        let next =
            tracks.get(at + 1).filter(|next| next.session == tracks[at].session).map(|next| next.number);
        let session = tracks[at].session;
        let ends = tracks.iter().filter(|track| track.session == session).map(|track| track.end);
        search.end = ends.max().unwrap_or_default();
        let track = &mut tracks[at];
        if track.data {
            continue;
        }
        search.data = before.as_ref().filter(|before| before.data).map(|before| before.number);
        if let Some(before) = before {
            track.gap = search.gap(track, &before)?;
        }
        track.indexes = search.indexes(track, next)?;
    }
    Ok(search.complete)
}

/// Where a block belongs.
type Place = (u8, u8);

struct Search<'s, 'a> {
    drive: &'s mut Drive<'a>,
    known: BTreeMap<u32, Place>,
    /// The end of the session: what lies behind it cannot be read.
    end: u32,
    /// The track of data that ends somewhere before the gap that is looked for.
    data: Option<u8>,
    complete: bool,
}

impl Search<'_, '_> {
    /// Blocks before a track that are its gap.
    fn gap(&mut self, track: &DiscTrack, before: &DiscTrack) -> Result<u32, Trouble> {
        let mine = |(number, index): Place| number == track.number && index == 0;
        if !self.at(track.start - 1)?.is_some_and(mine) {
            return Ok(0);
        }
        // Most gaps are of two seconds: the search begins near the track.
        let (mut reach, least) = (USUAL + 2, before.start + 1);
        let low = loop {
            let low = track.start.saturating_sub(reach).max(least);
            if low == least || !self.at(low)?.is_some_and(mine) {
                break low;
            }
            reach *= 4;
        };
        Ok(track.start - self.first(low, track.start - 1, mine)?)
    }

    /// A track's index points from 2 on.
    fn indexes(&mut self, track: &DiscTrack, next: Option<u8>) -> Result<Vec<u32>, Trouble> {
        let over = |(number, index): Place| next == Some(number) && index == 0;
        let mut last = track.end - 1;
        if self.at(last)?.is_some_and(over) {
            last = self.first(track.start, last, over)? - 1;
        }
        let mut indexes = Vec::new();
        let highest =
            self.at(last)?.filter(|(number, _)| *number == track.number).map_or(1, |(_, index)| index);
        let mut from = track.start;
        for wanted in 2..=highest.min(99) {
            from = self.first(from, last, |(_, index)| index >= wanted)?;
            indexes.push(from - track.start);
        }
        Ok(indexes)
    }

    /// The first block of which something is true that is true of the last one, and of all between.
    fn first(&mut self, mut low: u32, mut high: u32, is: impl Fn(Place) -> bool) -> Result<u32, Trouble> {
        while low < high {
            let middle = low + (high - low) / 2;
            match self.at(middle)? {
                Some(place) if is(place) => high = middle,
                _ => low = middle + 1,
            }
        }
        Ok(high)
    }

    /// Where a block belongs; none when its surroundings cannot be read.
    fn at(&mut self, block: u32) -> Result<Option<Place>, Trouble> {
        if !self.known.contains_key(&block) && !self.read(block)? {
            self.complete = false;
        }
        // Blocks with a code instead of a position go with the one before: where something begins, a position stands.
        let nearest = self.known.range(block.saturating_sub(BEFORE)..=block).next_back();
        Ok(nearest.map(|(_, place)| *place))
    }

    fn read(&mut self, block: u32) -> Result<bool, Trouble> {
        // Drives give Q of a block or two further on: by its time it is put where it belongs.
        if self.read_from(block.saturating_sub(BEFORE), block)? {
            return Ok(true);
        }
        let Some(data) = self.data else { return Ok(false) };
        // What is read as sound must not begin in data; and what cannot be read so at all is data.
        if !self.read_from(block, block)? {
            self.known.insert(block, (data, 1));
        }
        Ok(true)
    }

    /// Reads blocks as sound; whether there is a position near the one that is meant.
    fn read_from(&mut self, from: u32, block: u32) -> Result<bool, Trouble> {
        let blocks = self.end.saturating_sub(from).clamp(1, BLOCKS);
        let cdb = ReadCd::new(from.cast_signed(), blocks, ReadCd::USER_DATA).expecting(ReadCd::AUDIO);
        let answer = self.drive.query(&cdb.with_sub_channel(SUB_Q))?.unwrap_or_default();
        let mut found = false;
        for sector in answer.chunks_exact(SECTOR + SUB_Q_BYTES) {
            let q = sector.get(SECTOR..).and_then(|q| q.first_chunk());
            if let Some((at, place)) = q.and_then(|q| place(q, from)) {
                self.known.insert(at, place);
                found |= at.abs_diff(block) <= BEFORE;
            }
        }
        Ok(found)
    }
}

/// What Q of a block near `near` says. Drives give it in decimal digits or, some, in plain numbers, and without check bytes.
fn place(q: &[u8; Q], near: u32) -> Option<(u32, Place)> {
    if q[0] & 15 != 1 {
        return None;
    }
    if let Some(position) = Position::parse(q) {
        let number = from_bcd(position.track)?;
        return close(position.absolute.lba(), near).zip(Some((number, from_bcd(position.index)?)));
    }
    let plain = |byte: u8| Some(byte);
    [from_bcd as fn(u8) -> Option<u8>, plain].into_iter().find_map(|number| {
        let [track, index, minute, second, frame] = [1, 2, 7, 8, 9].map(|at: usize| number(q[at]));
        let time = crate::mmc::msf::Msf::new(minute?, second?, frame?);
        close(time.lba(), near).zip(Some((track?, index?)))
    })
}

fn close(block: i32, near: u32) -> Option<u32> {
    u32::try_from(block).ok().filter(|block| block.abs_diff(near) <= 2 * BLOCKS)
}

/// Blocks of a usual gap.
const USUAL: u32 = 150;
/// Blocks that are read before the one that is meant.
const BEFORE: u32 = 4;
/// Blocks of one read.
const BLOCKS: u32 = 8;
/// READ CD: Q, formatted, in 16 bytes.
const SUB_Q: u8 = 2;
const SUB_Q_BYTES: usize = 16;
/// Bytes of a block of sound.
const SECTOR: usize = 2352;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmc::msf::Msf;

    #[test]
    fn q_is_understood_in_digits_and_in_plain_numbers_with_and_without_check_bytes() {
        let absolute = Msf::from_lba(12_345).unwrap();
        let position =
            Position { control: 0, track: 0x12, index: 3, relative: Msf::default(), zero: 0, absolute };
        let mut q = position.emit();
        assert_eq!(place(&q, 12_340), Some((12_345, (12, 3))));
        assert_eq!(place(&q, 11_000), None);
        q[10..].fill(0);
        assert_eq!(place(&q, 12_340), Some((12_345, (12, 3))));
        (q[1], q[7], q[8], q[9]) = (12, absolute.minute, absolute.second, absolute.frame);
        assert_eq!(place(&q, 12_340), Some((12_345, (12, 3))));
        q[0] = 2;
        assert_eq!(place(&q, 12_340), None);
    }
}
