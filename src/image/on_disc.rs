//! Contents that are on the medium already, recorded by an earlier session. A later image points at them.

use super::iso9660::directory_record::{Extent, flags};
use super::tree::ContentId;
use std::collections::HashMap;

/// Contents that are recorded already have numbers from here on; those of the caller lie below.
pub const FIRST_ON_DISC: u32 = 1 << 31;
/// Bytes of a ZF entry: how zisofs compressed a file.
pub(crate) const ZF_LENGTH: usize = 16;

/// One stretch of blocks that holds a part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// First block, from block 0 of the medium.
    pub block: u32,
    /// Length in bytes.
    pub size: u32,
}

/// Where the contents of imported files are. Compact: 4 bytes a file, 8 a section.
#[derive(Debug, Clone, Default)]
pub struct OnDisc {
    /// By file: where its sections start. The next file's end them.
    first: Vec<u32>,
    sections: Vec<Section>,
    /// Files that are stored compressed: the entry that says so (ZF, zisofs), without which they could not be read.
    compressed: HashMap<u32, [u8; ZF_LENGTH]>,
}

impl OnDisc {
    /// Takes in a file, and gives the number of its content; `None` when there are too many. A file has one section at
    /// least, though it may be empty.
    pub fn add(&mut self, sections: &[Section]) -> Option<ContentId> {
        let number = u32::try_from(self.first.len()).ok()?;
        let id = number.checked_add(FIRST_ON_DISC).filter(|&id| id < u32::MAX)?;
        let first = u32::try_from(self.sections.len()).ok()?;
        u32::try_from(self.sections.len() + sections.len()).ok()?;
        self.first.push(first);
        self.sections.extend_from_slice(sections);
        Some(ContentId(id))
    }

    /// Says that a content is stored compressed, as this ZF entry has it.
    pub fn set_compressed(&mut self, content: ContentId, entry: [u8; ZF_LENGTH]) {
        if let Some(number) = Self::index(content) {
            self.compressed.insert(number, entry);
        }
    }

    /// Whether a content is on the medium already.
    pub const fn is_on_disc(content: ContentId) -> bool {
        content.0 >= FIRST_ON_DISC
    }

    /// The sections of a content; none for one that is not here.
    pub fn sections(&self, content: ContentId) -> &[Section] {
        let range = Self::index(content).and_then(|number| {
            let first = *self.first.get(number as usize)? as usize;
            let end = self.first.get(number as usize + 1).map_or(self.sections.len(), |&end| end as usize);
            Some(first..end)
        });
        range.and_then(|range| self.sections.get(range)).unwrap_or_default()
    }

    /// Bytes of a content.
    pub fn size(&self, content: ContentId) -> u64 {
        self.sections(content).iter().map(|section| u64::from(section.size)).sum()
    }

    /// The ZF entry of a content that is stored compressed, or nothing.
    pub(crate) fn compression(&self, content: ContentId) -> &[u8] {
        let entry = Self::index(content).and_then(|number| self.compressed.get(&number));
        entry.map_or(&[], |entry| &entry[..])
    }

    /// What record number `number` of a file points at. `empty` is where those without data point.
    pub(crate) fn extent(&self, content: ContentId, number: u64, empty: u32) -> Extent {
        let sections = self.sections(content);
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        let Section { block, size } = sections.get(at).copied().unwrap_or(Section { block: empty, size: 0 });
        let more = at.saturating_add(1) < sections.len();
        let block = if size == 0 { empty } else { block };
        Extent { block, size, flags: if more { flags::MORE_SECTIONS } else { 0 } }
    }

    const fn index(content: ContentId) -> Option<u32> {
        content.0.checked_sub(FIRST_ON_DISC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_sections_and_nobody_elses() {
        let mut here = OnDisc::default();
        let one = [Section { block: 100, size: 0xFFFF_F800 }, Section { block: 700, size: 5 }];
        let first = here.add(&one).unwrap();
        let second = here.add(&[Section { block: 9, size: 0 }]).unwrap();
        assert_eq!((here.sections(first), here.size(first)), (&one[..], 0xFFFF_F805));
        let extent = |content, number| here.extent(content, number, 18);
        assert_eq!(extent(first, 0), Extent { block: 100, size: 0xFFFF_F800, flags: flags::MORE_SECTIONS });
        assert_eq!(extent(first, 1), Extent { block: 700, size: 5, flags: 0 });
        assert_eq!(extent(second, 0), Extent { block: 18, size: 0, flags: 0 });
        assert!(
            here.sections(ContentId(0)).is_empty() && here.sections(ContentId(FIRST_ON_DISC + 2)).is_empty()
        );
        assert!(!OnDisc::is_on_disc(ContentId(FIRST_ON_DISC - 1)) && OnDisc::is_on_disc(second));
    }
}
