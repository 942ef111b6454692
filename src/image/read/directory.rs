//! Directories, record by record.

use super::path_table::Listed;
use super::{Reader, StructureError, TreeSummary, Volume, damaged, number};
use crate::image::iso9660::directory_record::{HEADER, RecordHeader, flags};
use crate::image::iso9660::number::Both32;
use crate::image::{BLOCK, BLOCK_BYTES};
use zerocopy::FromBytes;

/// Areas that may continue one record; Linux follows 32.
pub(super) const AREAS_MAX: usize = 32;

/// Reads every directory of the path table and counts what it holds.
pub(super) fn check_directories<E, F>(
    reader: &mut Reader<F>,
    volume: &Volume,
    directories: &[Listed],
) -> Result<TreeSummary, StructureError<E>>
where
    F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
{
    let mut held: Vec<(u16, u32)> = directories.iter().skip(1).map(|one| (one.parent, one.block)).collect();
    held.sort_unstable();
    let mut check = Check { reader, volume, held: &held, area: None, summary: TreeSummary::default() };
    let mut found = 0;
    for (listed, own) in directories.iter().zip(1..=u16::MAX) {
        let parent = directories.get(usize::from(listed.parent) - 1).unwrap_or(listed).block;
        found += check.directory(listed.block, parent, own)?;
    }
    if found != held.len() {
        return Err(damaged(volume.root_block, "a directory of the path table is in no directory"));
    }
    Ok(TreeSummary { directories: directories.len() as u64, ..check.summary })
}

struct Check<'a, F> {
    reader: &'a mut Reader<F>,
    volume: &'a Volume,
    /// Number of the holder and block of every directory but the root, sorted.
    held: &'a [(u16, u32)],
    /// The block of continuation areas that was read last: neighbours share one.
    area: Option<(u32, Box<[u8; BLOCK]>)>,
    summary: TreeSummary,
}

/// A record, taken apart.
pub(super) struct Found<'a> {
    pub header: RecordHeader,
    pub name: &'a [u8],
    pub system_use: &'a [u8],
}

impl<F> Check<'_, F> {
    /// Reads a directory; tells how many directories it holds.
    fn directory<E>(&mut self, first: u32, parent: u32, own: u16) -> Result<usize, StructureError<E>>
    where
        F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    {
        let (mut block, mut blocks, mut records, mut held) = (first, 1, 0_u64, 0);
        let mut done = 0;
        while done < blocks {
            let bytes = self.reader.read(block)?;
            let mut rest: &[u8] = &bytes;
            while rest.first().is_some_and(|&length| length > 0) {
                let found =
                    take_record(&mut rest).ok_or_else(|| damaged(block, "a directory record is cut off"))?;
                let (extent, size) = self.extent(&found.header, block)?;
                match (records, found.name) {
                    (0, [0]) if extent == first && size > 0 && size % BLOCK as u32 == 0 => {
                        blocks = size / BLOCK as u32;
                    }
                    (1, [1]) if extent == parent => {}
                    (0 | 1, _) => {
                        return Err(damaged(block, "a directory does not know itself or its parent"));
                    }
                    _ if found.header.flags & flags::DIRECTORY != 0 => {
                        if self.held.binary_search(&(own, extent)).is_err() {
                            return Err(damaged(block, "a directory is not in the path table"));
                        }
                        held += 1;
                    }
                    _ => self.count(found.header.flags, size),
                }
                self.system_use(found.system_use, block)?;
                records += 1;
            }
            if records < 2 {
                return Err(damaged(block, "a directory does not know itself or its parent"));
            }
            done += 1;
            block = block.saturating_add(1);
        }
        Ok(held)
    }

    fn count(&mut self, flags: u8, size: u32) {
        self.summary.bytes = self.summary.bytes.saturating_add(size.into());
        self.summary.files += u64::from(flags & flags::MORE_SECTIONS == 0);
    }

    /// Block and size of an extent that ends inside the volume.
    fn extent<E>(&self, header: &RecordHeader, block: u32) -> Result<(u32, u32), StructureError<E>> {
        let (extent, size) = (number(header.extent, block)?, number(header.size, block)?);
        let end = u64::from(extent) + u64::from(size).div_ceil(BLOCK_BYTES);
        if end > u64::from(self.volume.end) {
            return Err(damaged(block, "an extent ends past the volume"));
        }
        Ok((extent, size))
    }

    /// Walks the system use entries of a record and of the areas that continue it.
    fn system_use<E>(&mut self, inline: &[u8], block: u32) -> Result<(), StructureError<E>>
    where
        F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    {
        let mut next = continuation(inline).ok_or_else(|| damaged(block, "a system use entry is cut off"))?;
        for _ in 0..AREAS_MAX {
            let Some((area, offset, length)) = next else { return Ok(()) };
            if area >= self.volume.end {
                return Err(damaged(block, "a continuation area lies past the volume"));
            }
            let cached = self.area.take().filter(|(at, _)| *at == area);
            let bytes = match cached {
                Some((_, bytes)) => bytes,
                None => Box::new(self.reader.read(area)?),
            };
            let end = offset.saturating_add(length) as usize;
            let entries = bytes.get(offset as usize..end).filter(|entries| entries.len() >= 4);
            let Some(entries) = entries else {
                return Err(damaged(block, "a continuation area crosses the end of its block"));
            };
            next = continuation(entries).ok_or_else(|| damaged(area, "a system use entry is cut off"))?;
            self.area = Some((area, bytes));
        }
        Err(damaged(block, "a directory record continues without end"))
    }
}

/// Splits the next record off a block; `None` if it does not fit or its parts do not fit into it.
pub(super) fn take_record<'a>(rest: &mut &'a [u8]) -> Option<Found<'a>> {
    let length = usize::from(*rest.first()?);
    let (record, behind) = rest.split_at_checked(length)?;
    let (header, body) = RecordHeader::read_from_prefix(record).ok()?;
    let name = body.get(..usize::from(header.name_length)).filter(|name| !name.is_empty())?;
    let padded = (HEADER + name.len()).next_multiple_of(2);
    *rest = behind;
    Some(Found { header, name, system_use: record.get(padded..).unwrap_or_default() })
}

/// Block, offset and length of the area that continues `entries`. The outer `None` means that an entry is cut off.
pub(super) fn continuation(mut entries: &[u8]) -> Option<Option<(u32, u32, u32)>> {
    let mut next = None;
    // Fewer than four bytes are no entry but padding (SUSP 1.12 §4).
    while let &[first, second, length, ..] = entries {
        if entries.len() < 4 || length == 0 {
            break;
        }
        let entry = entries.get(..usize::from(length)).filter(|entry| entry.len() >= 4)?;
        if [first, second] == *b"CE" {
            let mut numbers =
                entry.get(4..28)?.chunks_exact(8).map(|bytes| Both32::read_from_bytes(bytes).ok()?.get());
            next = Some((numbers.next()??, numbers.next()??, numbers.next()??));
        }
        entries = &entries[usize::from(length)..];
    }
    Some(next)
}
