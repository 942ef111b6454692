//! Both path tables of a tree, which must tell the same.

use super::{Reader, StructureError, Volume, damaged};
use crate::image::BLOCK;
use crate::image::iso9660::path_table::{ByteOrder, DIRECTORIES_MAX};

/// Longest entry of a path table.
const ENTRY_MAX: usize = 8 + 255 + 1;

/// A directory according to the path table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    pub block: u32,
    /// Number of the directory that holds it, from 1.
    pub parent: u16,
}

/// All directories, in the order of the table.
pub(super) fn read_path_tables<E, F>(
    reader: &mut Reader<F>,
    volume: &Volume,
) -> Result<Vec<Listed>, StructureError<E>>
where
    F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
{
    let size = volume.path_table_size as usize;
    if size > DIRECTORIES_MAX * ENTRY_MAX {
        return Err(damaged(volume.path_table_l, "the path table is too long"));
    }
    let table = read_bytes(reader, volume.path_table_l, size)?;
    let little = parse(&table, ByteOrder::Little);
    let table = read_bytes(reader, volume.path_table_m, size)?;
    let big = parse(&table, ByteOrder::Big);
    let Some(listed) = little.filter(|listed| sound(listed, volume)) else {
        return Err(damaged(volume.path_table_l, "the path table makes no sense"));
    };
    if Some(&listed) != big.as_ref() {
        return Err(damaged(volume.path_table_m, "the two path tables differ"));
    }
    Ok(listed)
}

fn read_bytes<E, F>(reader: &mut Reader<F>, first: u32, size: usize) -> Result<Vec<u8>, StructureError<E>>
where
    F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
{
    let mut bytes = Vec::new();
    let mut block = first;
    while bytes.len() < size {
        bytes.extend_from_slice(&reader.read(block)?);
        block =
            block.checked_add(1).ok_or_else(|| damaged(first, "the path table ends past the last block"))?;
    }
    bytes.truncate(size);
    Ok(bytes)
}

fn parse(mut table: &[u8], order: ByteOrder) -> Option<Vec<Listed>> {
    let mut listed = Vec::new();
    while !table.is_empty() {
        let (&[name_length, _, b0, b1, b2, b3, p0, p1], rest) = table.split_first_chunk::<8>()?;
        let (block, parent) = match order {
            ByteOrder::Little => (u32::from_le_bytes([b0, b1, b2, b3]), u16::from_le_bytes([p0, p1])),
            ByteOrder::Big => (u32::from_be_bytes([b0, b1, b2, b3]), u16::from_be_bytes([p0, p1])),
        };
        if name_length == 0 {
            return None;
        }
        listed.push(Listed { block, parent });
        table = rest.get(usize::from(name_length).next_multiple_of(2)..)?;
    }
    Some(listed)
}

/// The root first and everybody after the directory that holds it.
fn sound(listed: &[Listed], volume: &Volume) -> bool {
    let ascending =
        listed.iter().enumerate().skip(1).all(|(at, one)| (1..=at).contains(&usize::from(one.parent)));
    let root = Listed { block: volume.root_block, parent: 1 };
    listed.first() == Some(&root) && listed.len() <= DIRECTORIES_MAX && ascending
}
