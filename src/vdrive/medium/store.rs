//! Where the data of a disc are kept: block n at byte n × 2048, nothing else.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::mmc::BLOCK;

/// The data of a disc.
#[derive(Debug)]
pub enum Store {
    /// In a file, sparse where nothing was written.
    File(File),
    /// In memory, for tests.
    Memory(Vec<u8>),
    /// Nowhere: what is read is zeros. For measuring hosts.
    Discard {
        /// Blocks that were written.
        blocks: u32,
    },
}

impl Store {
    /// Writes whole blocks from `lba` on.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&mut self, lba: u32, data: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all_at(data, offset(lba)),
            Self::Memory(bytes) => {
                let start = in_memory(lba)?;
                let end = start.checked_add(data.len()).ok_or(io::ErrorKind::StorageFull)?;
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[start..end].copy_from_slice(data);
                Ok(())
            }
            Self::Discard { blocks } => {
                let written = u32::try_from(data.len() / BLOCK).unwrap_or(u32::MAX);
                *blocks = (*blocks).max(lba.saturating_add(written));
                Ok(())
            }
        }
    }

    /// Reads whole blocks from `lba` on; what was never written is zeros.
    ///
    /// # Errors
    /// Those of the file.
    pub fn read(&self, lba: u32, data: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file) => {
                let mut done = 0;
                while done < data.len() {
                    match file.read_at(&mut data[done..], offset(lba) + done as u64) {
                        Ok(0) => break,
                        Ok(read) => done += read,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                data[done..].fill(0);
                Ok(())
            }
            Self::Memory(bytes) => {
                let there = bytes.get(in_memory(lba)?..).unwrap_or_default();
                let common = there.len().min(data.len());
                data[..common].copy_from_slice(&there[..common]);
                data[common..].fill(0);
                Ok(())
            }
            Self::Discard { .. } => {
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
        let bytes = match self {
            Self::File(file) => file.metadata()?.len(),
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Discard { blocks } => return Ok(*blocks),
        };
        Ok(u32::try_from(bytes.div_ceil(BLOCK as u64)).unwrap_or(u32::MAX))
    }

    /// Makes the store end at `blocks`, with zeros where it was shorter.
    ///
    /// # Errors
    /// Those of the file.
    pub fn set_blocks(&mut self, blocks: u32) -> io::Result<()> {
        match self {
            Self::File(file) => file.set_len(offset(blocks)),
            Self::Memory(bytes) => {
                bytes.resize(in_memory(blocks)?, 0);
                Ok(())
            }
            Self::Discard { blocks: kept } => {
                *kept = blocks;
                Ok(())
            }
        }
    }

    /// Makes the data survive a crash of the machine.
    ///
    /// # Errors
    /// Those of the file.
    pub fn sync(&self) -> io::Result<()> {
        if let Self::File(file) = self { file.sync_data() } else { Ok(()) }
    }
}

fn offset(lba: u32) -> u64 {
    u64::from(lba) * BLOCK as u64
}

fn in_memory(lba: u32) -> io::Result<usize> {
    usize::try_from(offset(lba)).map_err(|_| io::ErrorKind::StorageFull.into())
}
