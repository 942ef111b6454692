//! Re-reading the structure of a written image: descriptors, path tables, directories, continuation areas.
//!
//! What is read may be damaged or hostile. Every step is bounded: directories are taken from the path table, one by
//! one, and not followed from record to record, so nothing loops; and no more blocks are read than [`BLOCKS_MAX`].

mod directory;
mod import;
mod path_table;
mod posix;
#[cfg(test)]
mod tests;

use super::iso9660::descriptor::{FIRST_DESCRIPTOR, STANDARD_ID, VolumeDescriptor, kind};
use super::iso9660::number::{Both16, Both32};
use super::{BLOCK, date};
use directory::check_directories;
use path_table::read_path_tables;
use thiserror::Error;
use zerocopy::{FromBytes, IntoBytes};

pub use import::{Bounds, IMPORT_BLOCKS_MAX, ImportError, Imported, TreeKind, import_tree};

/// Most blocks that one check reads: directories of 2 GiB.
pub const BLOCKS_MAX: u64 = 1 << 20;
/// Descriptors that a session may have before its terminator.
const DESCRIPTORS_MAX: u32 = 64;

/// What the structure of an image tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructureSummary {
    /// Name of the volume, from the primary descriptor.
    pub volume_name: String,
    /// First block after the volume, in blocks of 2048 bytes from block 0 of the medium.
    pub end: u32,
    /// The ISO 9660 tree.
    pub iso: TreeSummary,
    /// The Joliet tree.
    pub joliet: Option<TreeSummary>,
    /// How many blocks were read.
    pub blocks_read: u64,
}

/// What one tree holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TreeSummary {
    /// Directories, the root included.
    pub directories: u64,
    /// Names of anything else: files, and symbolic links in the ISO 9660 tree.
    pub files: u64,
    /// Bytes of all files; hard links count each.
    pub bytes: u64,
}

/// Why the structure is not sound.
#[derive(Debug, Error)]
pub enum StructureError<E> {
    /// A block cannot be read.
    #[error("cannot read block {block} of the image's structure: {source}")]
    Read {
        /// Which, from block 0 of the medium.
        block: u64,
        /// What the reader says.
        source: E,
    },
    /// A block holds something else than it should.
    #[error("block {block} of the image's structure is damaged: {what}")]
    Damaged {
        /// Which, from block 0 of the medium.
        block: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The structure is larger than any that makes sense.
    #[error("the image's structure is larger than {BLOCKS_MAX} blocks; not checked further")]
    TooLarge,
}

/// Reads all structure of the session at `start_block` and checks that it is sound: descriptors complete, path tables
/// and directories in agreement, every extent inside the volume. `read_block` reads one block of the medium.
///
/// # Errors
/// A block cannot be read, or is not what it should be.
pub fn check_structure<E>(
    read_block: impl FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    start_block: u32,
) -> Result<StructureSummary, StructureError<E>> {
    let mut reader = Reader { read_block, blocks: 0, most: BLOCKS_MAX };
    let (primary, joliet) = read_descriptors(&mut reader, start_block)?;
    let iso = check_tree(&mut reader, &primary)?;
    let joliet = joliet.map(|volume| check_tree(&mut reader, &volume)).transpose()?;
    Ok(StructureSummary {
        volume_name: primary.name,
        end: primary.end,
        iso,
        joliet,
        blocks_read: reader.blocks,
    })
}

/// When the volume that starts at block `start_block` was created, in seconds since 1970-01-01 UTC, by its primary
/// descriptor.
///
/// # Errors
/// What `read_block` says; [`StructureError::Damaged`] where no such descriptor is, or none with a date.
pub fn date_of_creation<E>(
    read_block: impl FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    start_block: u32,
) -> Result<i64, StructureError<E>> {
    let mut reader = Reader { read_block, blocks: 0, most: 1 };
    let block = start_block.saturating_add(FIRST_DESCRIPTOR);
    let bytes = reader.read(block)?;
    let descriptor = VolumeDescriptor::read_from_bytes(&bytes).ok();
    let primary = descriptor.filter(|one| one.standard_id == STANDARD_ID && one.kind == kind::PRIMARY);
    let primary = primary.ok_or_else(|| damaged(block, "not a primary volume descriptor"))?;
    date::read_long(&primary.created).ok_or_else(|| damaged(block, "the volume has no date of creation"))
}

/// What the check needs of a descriptor.
struct Volume {
    name: String,
    end: u32,
    root_block: u32,
    root_size: u32,
    /// CRC-32 of the whole descriptor.
    checksum: u32,
    path_table_size: u32,
    path_table_l: u32,
    path_table_m: u32,
}

struct Reader<F> {
    read_block: F,
    blocks: u64,
    /// How many it may read.
    most: u64,
}

impl<F> Reader<F> {
    fn read<E>(&mut self, block: u32) -> Result<[u8; BLOCK], StructureError<E>>
    where
        F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    {
        if self.blocks >= self.most {
            return Err(StructureError::TooLarge);
        }
        self.blocks += 1;
        let mut bytes = [0; BLOCK];
        let block = u64::from(block);
        (self.read_block)(block, &mut bytes).map_err(|source| StructureError::Read { block, source })?;
        Ok(bytes)
    }
}

fn damaged<E>(block: u32, what: &'static str) -> StructureError<E> {
    StructureError::Damaged { block: block.into(), what }
}

fn number<E>(value: Both32, block: u32) -> Result<u32, StructureError<E>> {
    value.get().ok_or_else(|| damaged(block, "a number differs between its two byte orders"))
}

fn read_descriptors<E, F>(
    reader: &mut Reader<F>,
    start: u32,
) -> Result<(Volume, Option<Volume>), StructureError<E>>
where
    F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
{
    let first = start.saturating_add(FIRST_DESCRIPTOR);
    let (mut primary, mut joliet) = (None, None);
    for block in first..first.saturating_add(DESCRIPTORS_MAX) {
        let bytes = reader.read(block)?;
        let Ok(descriptor) = VolumeDescriptor::read_from_bytes(&bytes) else {
            return Err(damaged(block, "not a volume descriptor"));
        };
        if descriptor.standard_id != STANDARD_ID {
            return Err(damaged(block, "not a volume descriptor"));
        }
        match descriptor.kind {
            kind::PRIMARY if primary.is_none() => primary = Some(volume(&descriptor, block)?),
            kind::SUPPLEMENTARY if matches!(descriptor.escapes[..3], [b'%', b'/', b'@' | b'C' | b'E']) => {
                joliet = Some(volume(&descriptor, block)?);
            }
            kind::TERMINATOR => {
                let primary =
                    primary.ok_or_else(|| damaged(block, "no primary volume descriptor before the end"))?;
                return Ok((primary, joliet));
            }
            _ => {}
        }
    }
    Err(damaged(first, "the volume descriptors do not end"))
}

fn volume<E>(descriptor: &VolumeDescriptor, block: u32) -> Result<Volume, StructureError<E>> {
    if descriptor.block_size != Both16::new(BLOCK as u16) {
        return Err(damaged(block, "the block size is not 2048"));
    }
    Ok(Volume {
        name: text(&descriptor.volume),
        end: number(descriptor.space_size, block)?,
        root_block: number(descriptor.root.extent, block)?,
        root_size: number(descriptor.root.size, block)?,
        checksum: crc32fast::hash(descriptor.as_bytes()),
        path_table_size: number(descriptor.path_table_size, block)?,
        path_table_l: descriptor.path_table_l.get(),
        path_table_m: descriptor.path_table_m.get(),
    })
}

/// A text of a fixed length, which is filled up with blanks, or by some programs with zeroes.
fn text(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|one| !one.is_control()).collect();
    text.trim_end().to_owned()
}

fn check_tree<E, F>(reader: &mut Reader<F>, volume: &Volume) -> Result<TreeSummary, StructureError<E>>
where
    F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
{
    let directories = read_path_tables(reader, volume)?;
    check_directories(reader, volume, &directories)
}
