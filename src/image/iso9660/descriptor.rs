//! Volume descriptors (ECMA-119 §8): one block each, from block 16 of the session on.

use super::directory_record::RecordHeader;
use super::number::{Both16, Both32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, big_endian, little_endian};

/// First descriptor of a session, in blocks from its start (ECMA-119 §6.2.1: the system area is 0 to 15).
pub const FIRST_DESCRIPTOR: u32 = 16;
/// What every descriptor carries from its second byte on (ECMA-119 §8.1.2).
pub const STANDARD_ID: [u8; 5] = *b"CD001";
/// Escape sequence of UCS-2 level 3, the mark of Joliet.
pub const JOLIET_ESCAPE: [u8; 3] = *b"%/E";

/// Descriptor types (ECMA-119 §8.1.1).
pub mod kind {
    /// Boot record (§8.2).
    pub const BOOT: u8 = 0;
    /// Primary volume descriptor (§8.4).
    pub const PRIMARY: u8 = 1;
    /// Supplementary volume descriptor (§8.5).
    pub const SUPPLEMENTARY: u8 = 2;
    /// Volume descriptor set terminator (§8.3).
    pub const TERMINATOR: u8 = 255;
}

/// Primary (ECMA-119 §8.4) or supplementary (§8.5) volume descriptor: the same fields, other character sets.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct VolumeDescriptor {
    /// Type, see [`kind`].
    pub kind: u8,
    /// [`STANDARD_ID`].
    pub standard_id: [u8; 5],
    /// 1.
    pub version: u8,
    /// Volume flags (supplementary only): bit 0 for escape sequences that are not registered.
    pub flags: u8,
    /// System that may use the system area.
    pub system: [u8; 32],
    /// Name of the volume.
    pub volume: [u8; 32],
    /// Zero.
    pub unused: [u8; 8],
    /// Blocks of the volume, from block 0 of the medium.
    pub space_size: Both32,
    /// Escape sequences (supplementary only).
    pub escapes: [u8; 32],
    /// Discs in the set: 1.
    pub set_size: Both16,
    /// Which disc of the set: 1.
    pub sequence: Both16,
    /// Bytes in a block: 2048.
    pub block_size: Both16,
    /// Bytes of a path table.
    pub path_table_size: Both32,
    /// Block of the little-endian path table.
    pub path_table_l: little_endian::U32,
    /// Block of a second little-endian path table, or 0.
    pub path_table_l_copy: little_endian::U32,
    /// Block of the big-endian path table.
    pub path_table_m: big_endian::U32,
    /// Block of a second big-endian path table, or 0.
    pub path_table_m_copy: big_endian::U32,
    /// Directory record of the root.
    pub root: RecordHeader,
    /// Its name: the zero byte.
    pub root_name: u8,
    /// Name of the set of volumes.
    pub volume_set: [u8; 128],
    /// Who publishes it.
    pub publisher: [u8; 128],
    /// Who prepared it.
    pub preparer: [u8; 128],
    /// Which program made it.
    pub application: [u8; 128],
    /// File of the copyright notice, in the root.
    pub copyright_file: [u8; 37],
    /// File of the abstract, in the root.
    pub abstract_file: [u8; 37],
    /// File of the bibliography, in the root.
    pub bibliographic_file: [u8; 37],
    /// When the volume was made.
    pub created: [u8; 17],
    /// When it was last changed.
    pub modified: [u8; 17],
    /// When it becomes obsolete.
    pub expires: [u8; 17],
    /// From when on it may be used.
    pub effective: [u8; 17],
    /// 1.
    pub structure_version: u8,
    /// Zero.
    pub reserved: u8,
    /// Free for the application.
    pub application_use: [u8; 512],
    /// Zero.
    pub reserved_end: [u8; 653],
}

/// Volume descriptor set terminator (ECMA-119 §8.3).
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Terminator {
    kind: u8,
    standard_id: [u8; 5],
    version: u8,
    reserved: [u8; 2041],
}

impl Terminator {
    /// The only one there is.
    pub const fn new() -> Self {
        Self { kind: kind::TERMINATOR, standard_id: STANDARD_ID, version: 1, reserved: [0; 2041] }
    }
}

impl Default for Terminator {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn fields_are_where_the_standard_has_them() {
        assert_eq!(size_of::<VolumeDescriptor>(), 2048);
        assert_eq!(size_of::<Terminator>(), 2048);
        let offsets = [
            (offset_of!(VolumeDescriptor, volume), 40),
            (offset_of!(VolumeDescriptor, space_size), 80),
            (offset_of!(VolumeDescriptor, escapes), 88),
            (offset_of!(VolumeDescriptor, set_size), 120),
            (offset_of!(VolumeDescriptor, sequence), 124),
            (offset_of!(VolumeDescriptor, block_size), 128),
            (offset_of!(VolumeDescriptor, path_table_size), 132),
            (offset_of!(VolumeDescriptor, path_table_l), 140),
            (offset_of!(VolumeDescriptor, path_table_m), 148),
            (offset_of!(VolumeDescriptor, root), 156),
            (offset_of!(VolumeDescriptor, volume_set), 190),
            (offset_of!(VolumeDescriptor, publisher), 318),
            (offset_of!(VolumeDescriptor, preparer), 446),
            (offset_of!(VolumeDescriptor, application), 574),
            (offset_of!(VolumeDescriptor, copyright_file), 702),
            (offset_of!(VolumeDescriptor, abstract_file), 739),
            (offset_of!(VolumeDescriptor, bibliographic_file), 776),
            (offset_of!(VolumeDescriptor, created), 813),
            (offset_of!(VolumeDescriptor, effective), 864),
            (offset_of!(VolumeDescriptor, structure_version), 881),
            (offset_of!(VolumeDescriptor, application_use), 883),
        ];
        for (is, should_be) in offsets {
            assert_eq!(is, should_be);
        }
    }
}
