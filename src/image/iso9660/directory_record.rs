//! Directory records (ECMA-119 §9.1).

use super::number::{Both16, Both32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// File flags (ECMA-119 §9.1.6).
pub mod flags {
    /// The record is of a directory.
    pub const DIRECTORY: u8 = 0x02;
    /// The record is of a file that belongs to the one of the same name: the resource fork of HFS.
    pub const ASSOCIATED: u8 = 0x04;
    /// Another record of the same file follows.
    pub const MORE_SECTIONS: u8 = 0x80;
}

/// Longest record: its length is one byte, and even.
pub const RECORD_MAX: usize = 254;
/// Longest section of a file, in bytes: the largest multiple of a block that 32 bits hold, so that the sections of
/// one file follow each other without a gap.
pub const SECTION_MAX: u64 = 0xFFFF_F800;

/// A directory record up to the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RecordHeader {
    /// Bytes of the whole record.
    pub length: u8,
    /// Blocks of the extended attribute record: 0.
    pub extended_length: u8,
    /// First block of the extent.
    pub extent: Both32,
    /// Bytes of the extent.
    pub size: Both32,
    /// Recording date, see [`crate::image`] for the clamping.
    pub date: [u8; 7],
    /// See [`flags`].
    pub flags: u8,
    /// Interleaving: 0.
    pub unit_size: u8,
    /// Interleaving: 0.
    pub gap_size: u8,
    /// Which disc of the set: 1.
    pub volume_sequence: Both16,
    /// Bytes of the name that follows.
    pub name_length: u8,
}

/// [`RecordHeader`] in bytes.
pub const HEADER: usize = 33;

impl RecordHeader {
    /// A header for `extent`, a plain extent on the only disc.
    pub const fn new(extent: Extent, date: [u8; 7], length: u8, name_length: u8) -> Self {
        Self {
            length,
            extended_length: 0,
            extent: Both32::new(extent.block),
            size: Both32::new(extent.size),
            date,
            flags: extent.flags,
            unit_size: 0,
            gap_size: 0,
            volume_sequence: Both16::new(1),
            name_length,
        }
    }
}

/// What a record points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First block, from block 0 of the medium.
    pub block: u32,
    /// Length in bytes.
    pub size: u32,
    /// See [`flags`].
    pub flags: u8,
}

/// Bytes of a record before its system use area: header, name, and a pad byte when the name is of even length.
pub const fn base_length(name_length: usize) -> usize {
    let length = HEADER + name_length;
    length + length % 2
}

/// How many records a file of `size` bytes needs.
pub const fn sections(size: u64) -> u64 {
    if size <= SECTION_MAX { 1 } else { size.div_ceil(SECTION_MAX) }
}

/// The extent of section number `section` of a file of `size` bytes whose data start at `block`.
pub fn section(block: u32, size: u64, section: u64) -> Extent {
    let before = section * SECTION_MAX;
    let left = size.saturating_sub(before);
    let more = left > SECTION_MAX;
    Extent {
        // The layout has checked that the whole file ends below block 2^32.
        block: block.saturating_add((before / 2048) as u32),
        size: left.min(SECTION_MAX) as u32,
        flags: if more { flags::MORE_SECTIONS } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_header_is_the_33_bytes_of_the_standard() {
        let extent = Extent { block: 0x0102_0304, size: 0x0506_0708, flags: flags::DIRECTORY };
        let header = RecordHeader::new(extent, [109, 2, 13, 23, 31, 30, 0], 0x7a, 5);
        #[rustfmt::skip]
        let bytes = [
            0x7a, 0, 4, 3, 2, 1, 1, 2, 3, 4, 8, 7, 6, 5, 5, 6, 7, 8, 109, 2, 13, 23, 31, 30, 0,
            0x02, 0, 0, 1, 0, 0, 1, 5,
        ];
        assert_eq!(header.as_bytes(), bytes);
        assert_eq!(bytes.len(), HEADER);
    }

    #[test]
    fn files_split_at_4_gib_less_one_block_and_not_before() {
        assert_eq!(sections(0), 1);
        assert_eq!(sections(SECTION_MAX), 1);
        assert_eq!(sections(SECTION_MAX + 1), 2);
        assert_eq!(section(100, SECTION_MAX, 0), Extent { block: 100, size: 0xFFFF_F800, flags: 0 });
        assert_eq!(section(100, SECTION_MAX + 1, 0), Extent { block: 100, size: 0xFFFF_F800, flags: 0x80 });
        assert_eq!(section(100, SECTION_MAX + 1, 1), Extent { block: 100 + 0x1F_FFFF, size: 1, flags: 0 });
    }
}
