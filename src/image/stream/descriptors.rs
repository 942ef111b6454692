//! Volume descriptors of a planned image.

use super::BLOCK;
use crate::image::date;
use crate::image::iso9660::descriptor::{JOLIET_ESCAPE, STANDARD_ID, Terminator, VolumeDescriptor, kind};
use crate::image::iso9660::directory_record::{Extent, RecordHeader, flags};
use crate::image::iso9660::number::{Both16, Both32};
use crate::image::iso9660::path_table::ByteOrder;
use crate::image::joliet;
use crate::image::layout::{Layout, What, Which};
use crate::image::tree::Tree;
use zerocopy::{IntoBytes, big_endian, little_endian};

/// Length of the names of system and volume.
const SHORT: usize = 32;
/// Length of the names of people and programs.
const LONG: usize = 128;
/// Length of file names.
const FILE: usize = 37;
/// Which system may use the system area.
const SYSTEM: &str = "LINUX";

/// The descriptor of one tree.
pub(super) fn volume(layout: &Layout, tree: &Tree, which: Which) -> Box<[u8; BLOCK]> {
    let options = &layout.options;
    let view = layout.view(which);
    let joliet = which == Which::Joliet;
    let mut escapes = [0; SHORT];
    if joliet {
        escapes[..JOLIET_ESCAPE.len()].copy_from_slice(&JOLIET_ESCAPE);
    }
    let created = date::long(options.created);
    let table = |order| layout.region(What::PathTable(which, order)).map_or(0, |region| region.start);
    let root = &view.directories[0];
    let extent = Extent { block: root.block, size: root.blocks * BLOCK as u32, flags: flags::DIRECTORY };
    let descriptor = VolumeDescriptor {
        kind: if joliet { kind::SUPPLEMENTARY } else { kind::PRIMARY },
        standard_id: STANDARD_ID,
        version: 1,
        flags: 0,
        system: text(SYSTEM, Characters::A, joliet),
        volume: text(&options.volume_name, Characters::D, joliet),
        unused: [0; 8],
        // Counted from block 0 of the medium, as all addresses are: readers hold extents against it.
        space_size: Both32::new(layout.start_block() + layout.blocks() as u32),
        escapes,
        set_size: Both16::new(1),
        sequence: Both16::new(1),
        block_size: Both16::new(BLOCK as u16),
        path_table_size: Both32::new(view.path_table_length() as u32),
        path_table_l: little_endian::U32::new(table(ByteOrder::Little)),
        path_table_l_copy: little_endian::U32::new(0),
        path_table_m: big_endian::U32::new(table(ByteOrder::Big)),
        path_table_m_copy: big_endian::U32::new(0),
        root: RecordHeader::new(extent, date::short(tree.meta(tree.root()).date(options.created)), 34, 1),
        root_name: 0,
        volume_set: text::<LONG>(&options.volume_name, Characters::D, joliet),
        publisher: text(&options.publisher, Characters::A, joliet),
        preparer: text(&options.preparer, Characters::A, joliet),
        application: text(&options.application, Characters::A, joliet),
        copyright_file: text::<FILE>("", Characters::D, joliet),
        abstract_file: text::<FILE>("", Characters::D, joliet),
        bibliographic_file: text::<FILE>("", Characters::D, joliet),
        created,
        modified: created,
        expires: date::UNSPECIFIED,
        effective: date::UNSPECIFIED,
        structure_version: 1,
        reserved: 0,
        application_use: [0; 512],
        reserved_end: [0; 653],
    };
    block(descriptor.as_bytes())
}

/// The end of the descriptors.
pub(super) fn terminator() -> Box<[u8; BLOCK]> {
    block(Terminator::new().as_bytes())
}

/// Which characters a field may hold (ECMA-119 §7.4.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Characters {
    /// Capitals, digits, `_`, space and some punctuation.
    A,
    /// Capitals, digits and `_`.
    D,
}

fn text<const BYTES: usize>(text: &str, characters: Characters, joliet: bool) -> [u8; BYTES] {
    if joliet {
        let limit = if BYTES == SHORT { joliet::VOLUME_MAX } else { BYTES / 2 };
        return joliet::field(text, limit);
    }
    let mut field = [b' '; BYTES];
    for (byte, character) in field.iter_mut().zip(text.chars()) {
        *byte = match character.to_ascii_uppercase() {
            good @ ('A'..='Z' | '0'..='9' | '_') => good as u8,
            good @ (' '..='"' | '%'..='/' | ':'..='?') if characters == Characters::A => good as u8,
            _ => b'_',
        };
    }
    field
}

fn block(bytes: &[u8]) -> Box<[u8; BLOCK]> {
    let mut block = Box::new([0; BLOCK]);
    block.copy_from_slice(bytes);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_names_are_mangled_to_the_characters_of_the_standard() {
        assert_eq!(&text::<8>("My disç", Characters::D, false), b"MY_DIS_ ");
        assert_eq!(&text::<8>("A. B#c=", Characters::A, false), b"A. B_C= ");
        assert_eq!(&text::<8>("My d", Characters::D, true), b"\0M\0y\0 \0d");
    }
}
