//! Where the data of a disc are kept: one block behind the other, nothing else.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Blocks of one length.
#[derive(Debug)]
pub struct Store {
    backing: Backing,
    /// Bytes a block.
    unit: u32,
}

#[derive(Debug)]
enum Backing {
    /// In a file, sparse where nothing was written.
    File(File),
    /// In memory, for tests.
    Memory(Vec<u8>),
    /// Nowhere: what is read is zeros. For measuring hosts.
    Discard { blocks: u32 },
}

impl Store {
    /// Blocks of `unit` bytes in a file.
    pub fn file(file: File, unit: u32) -> Self {
        Self { backing: Backing::File(file), unit }
    }

    /// Blocks of `unit` bytes in memory.
    pub fn memory(unit: u32) -> Self {
        Self { backing: Backing::Memory(Vec::new()), unit }
    }

    /// Blocks of `unit` bytes that are forgotten.
    pub fn discard(unit: u32) -> Self {
        Self { backing: Backing::Discard { blocks: 0 }, unit }
    }

    /// Whether blocks are kept at all.
    pub fn discards(&self) -> bool {
        matches!(self.backing, Backing::Discard { .. })
    }

    /// Writes whole blocks from block `at` on.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&mut self, at: u32, data: &[u8]) -> io::Result<()> {
        let offset = self.offset(at);
        match &mut self.backing {
            Backing::File(file) => file.write_all_at(data, offset),
            Backing::Memory(bytes) => {
                let start = in_memory(offset)?;
                let end = start.checked_add(data.len()).ok_or(io::ErrorKind::StorageFull)?;
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[start..end].copy_from_slice(data);
                Ok(())
            }
            Backing::Discard { blocks } => {
                let written = u32::try_from(data.len() / self.unit as usize).unwrap_or(u32::MAX);
                *blocks = (*blocks).max(at.saturating_add(written));
                Ok(())
            }
        }
    }

    /// Reads whole blocks from block `at` on; what was never written is zeros.
    ///
    /// # Errors
    /// Those of the file.
    pub fn read(&self, at: u32, data: &mut [u8]) -> io::Result<()> {
        let offset = self.offset(at);
        match &self.backing {
            Backing::File(file) => {
                let mut done = 0;
                while done < data.len() {
                    match file.read_at(&mut data[done..], offset + done as u64) {
                        Ok(0) => break,
                        Ok(read) => done += read,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                data[done..].fill(0);
                Ok(())
            }
            Backing::Memory(bytes) => {
                let there = bytes.get(in_memory(offset)?..).unwrap_or_default();
                let common = there.len().min(data.len());
                data[..common].copy_from_slice(&there[..common]);
                data[common..].fill(0);
                Ok(())
            }
            Backing::Discard { .. } => {
                data.fill(0);
                Ok(())
            }
        }
    }

    /// Blocks from the start of the disc to the last one written.
    ///
    /// # Errors
    /// Those of the file.
    pub fn blocks(&self) -> io::Result<u32> {
        let bytes = match &self.backing {
            Backing::File(file) => file.metadata()?.len(),
            Backing::Memory(bytes) => bytes.len() as u64,
            Backing::Discard { blocks } => return Ok(*blocks),
        };
        Ok(u32::try_from(bytes.div_ceil(self.unit.into())).unwrap_or(u32::MAX))
    }

    /// Makes the store end at `blocks`, with zeros where it was shorter.
    ///
    /// # Errors
    /// Those of the file.
    pub fn set_blocks(&mut self, blocks: u32) -> io::Result<()> {
        let length = self.offset(blocks);
        match &mut self.backing {
            Backing::File(file) => file.set_len(length),
            Backing::Memory(bytes) => {
                bytes.resize(in_memory(length)?, 0);
                Ok(())
            }
            Backing::Discard { blocks: kept } => {
                *kept = blocks;
                Ok(())
            }
        }
    }

    fn offset(&self, block: u32) -> u64 {
        u64::from(block) * u64::from(self.unit)
    }
}

fn in_memory(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::StorageFull.into())
}
