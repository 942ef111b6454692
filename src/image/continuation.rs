//! Where the continuation areas of one directory go: into the blocks right behind its records.
//!
//! An area never crosses a block (SUSP 1.12 §5.1). What is longer than a block is cut between entries into areas that
//! point to each other.

use super::BLOCK;
use super::rock_ridge::{CE_LENGTH, SystemUse, continuation_entry};

/// Places areas one behind the other. The plan and the stream walk a directory with one each and so agree.
#[derive(Debug, Default, Clone)]
pub(crate) struct Continuation {
    /// First free byte, counted from the first continuation block of the directory.
    at: usize,
}

/// One area: its place, counted in bytes from the first continuation block, and the range of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Area {
    pub at: usize,
    pub from: usize,
    pub to: usize,
}

impl Continuation {
    /// Finds room for what spills from a record and links it up; `base` is the first continuation block of the
    /// directory, on the medium. The areas' bytes are then in `entries.spill`.
    pub fn place(&mut self, entries: &mut SystemUse, base: u32) -> Vec<Area> {
        let length = entries.spill.len();
        if length == 0 {
            return Vec::new();
        }
        if self.at % BLOCK + length > BLOCK && !self.at.is_multiple_of(BLOCK) {
            self.at = self.at.next_multiple_of(BLOCK);
        }
        let areas = if length <= BLOCK {
            self.at += length;
            vec![Area { at: self.at - length, from: 0, to: length }]
        } else {
            self.cut(entries, base)
        };
        let inline = entries.inline.len() - CE_LENGTH;
        entries.inline[inline..].copy_from_slice(&pointer(&areas[0], base));
        areas
    }

    /// Blocks used so far.
    pub fn blocks(&self) -> usize {
        self.at.div_ceil(BLOCK)
    }

    fn cut(&mut self, entries: &mut SystemUse, base: u32) -> Vec<Area> {
        let spill = std::mem::take(&mut entries.spill);
        let mut areas: Vec<Area> = Vec::new();
        let (mut from, mut to) = (0, 0);
        while to < spill.len() {
            // The third byte of every entry is its length (SUSP 1.12 §4).
            let next = to + usize::from(spill[to + 2]).max(4);
            if next - from + CE_LENGTH > BLOCK && spill.len() - from > BLOCK {
                areas.push(self.area(entries, &spill[from..to], true));
                from = to;
            }
            to = next;
        }
        areas.push(self.area(entries, &spill[from..], false));
        for index in 1..areas.len() {
            let end = areas[index - 1].to;
            entries.spill[end - CE_LENGTH..end].copy_from_slice(&pointer(&areas[index], base));
        }
        areas
    }

    fn area(&mut self, entries: &mut SystemUse, bytes: &[u8], linked: bool) -> Area {
        let (at, from) = (self.at, entries.spill.len());
        entries.spill.extend_from_slice(bytes);
        if linked {
            entries.spill.extend_from_slice(&[0; CE_LENGTH]);
        }
        let to = entries.spill.len();
        self.at += to - from;
        if linked {
            self.at = self.at.next_multiple_of(BLOCK);
        }
        Area { at, from, to }
    }
}

fn pointer(area: &Area, base: u32) -> [u8; CE_LENGTH] {
    let block = base.saturating_add((area.at / BLOCK) as u32);
    continuation_entry(block, (area.at % BLOCK) as u32, (area.to - area.from) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(lengths: &[u8]) -> SystemUse {
        let mut spill = Vec::new();
        for &length in lengths {
            let start = spill.len();
            spill.resize(start + usize::from(length), length);
            spill[start + 2] = length;
        }
        SystemUse { inline: vec![0; 60 + CE_LENGTH], spill }
    }

    #[test]
    fn areas_share_a_block_until_one_would_cross_its_end() {
        let mut place = Continuation::default();
        let mut all = Vec::new();
        for lengths in [&[200; 5][..], &[200; 5], &[24, 24], &[4]] {
            all.extend(place.place(&mut entries(lengths), 900));
        }
        assert_eq!(all.iter().map(|area| area.at).collect::<Vec<_>>(), [0, 1000, 2000, 2048]);
        assert_eq!(place.blocks(), 2);
    }

    #[test]
    fn what_is_longer_than_a_block_is_linked_and_whole() {
        let mut place = Continuation { at: 100 };
        let mut long = entries(&[255; 17]);
        let areas = place.place(&mut long, 0x900);
        assert_eq!(areas.len(), 3);
        assert_eq!(long.inline[60..], continuation_entry(0x901, 0, 7 * 255 + 28));
        assert_eq!(areas[0], Area { at: 2048, from: 0, to: 7 * 255 + 28 });
        assert_eq!(long.spill[7 * 255..7 * 255 + 28], continuation_entry(0x902, 0, 7 * 255 + 28));
        assert_eq!(areas[2].to - areas[2].from, 3 * 255);
        assert!(areas.iter().all(|area| area.at % BLOCK + area.to - area.from <= BLOCK));
    }
}
