//! A burn that was cut off goes on: what is on the disc by then is read, and has to be the beginning of the image.

use crate::api::{BLOCK, Phase};

use super::chunk::CHUNK_BLOCKS;
use super::error::Trouble;
use super::verify::read_at_once;
use super::write::{Stop, Writer, prefill};

/// A chunk in the buffer that the disc ends in the middle of.
pub(super) struct Torn {
    /// Its blocks that come through the ring.
    content: u32,
    /// Its blocks with the padding.
    blocks: u32,
    /// Its blocks that are on the disc.
    known: u32,
}

impl Writer<'_, '_> {
    /// Compares all that is recorded with what comes through the ring. Nothing is written.
    pub(super) fn compare(&mut self) -> Result<Option<Torn>, Stop> {
        let recorded = self.job.recorded;
        if recorded == 0 {
            return Ok(None);
        }
        self.drive.begin(Phase::Preparing, u64::from(recorded), true);
        let mut found = vec![0; CHUNK_BLOCKS as usize * BLOCK];
        let mut torn = None;
        while self.written < recorded {
            self.check_cancel()?;
            let (content, blocks) = self.next_chunk()?;
            let known = blocks.min(recorded - self.written);
            self.check_same(known, &mut found)?;
            if known < blocks {
                torn = Some(Torn { content, blocks, known });
                break;
            }
            self.content += content;
            self.written += blocks;
            self.show()?;
        }
        tracing::info!(recorded, "what is on the disc is the beginning of the image");
        // The ring was emptied faster than a disc is written.
        if let Some(ring) = &self.ring {
            prefill(self.drive, ring)?;
        }
        Ok(torn)
    }

    /// Writes what is left of a chunk.
    pub(super) fn go_on(&mut self, torn: &Torn) -> Result<(), Stop> {
        self.put_from(torn.known, torn.blocks)?;
        self.content += torn.content;
        Ok(())
    }

    /// The next chunk in the buffer, its blocks of content and those with the padding. Behind the content there are zeroes.
    fn next_chunk(&mut self) -> Result<(u32, u32), Stop> {
        if self.content < self.job.content {
            let content = self.take()?;
            self.sum(content);
            return Ok((content, self.padded(content)));
        }
        self.buffer.all().fill(0);
        Ok((0, CHUNK_BLOCKS.min(self.job.blocks - self.written)))
    }

    /// The first `blocks` of the buffer are on the disc.
    fn check_same(&mut self, blocks: u32, found: &mut [u8]) -> Result<(), Stop> {
        let at = self.job.from + self.written;
        let found = &mut found[..blocks as usize * BLOCK];
        match read_at_once(self.drive, at, found) {
            Ok(()) => {}
            // One by one, to name the first that is bad.
            Err(Trouble::Refused { .. }) => {
                for (lba, block) in (at..).zip(found.chunks_exact_mut(BLOCK)) {
                    read_at_once(self.drive, lba, block).map_err(|trouble| unreadable(trouble, lba))?;
                }
            }
            Err(trouble) => return Err(unreadable(trouble, at)),
        }
        let wanted = self.buffer.all().chunks_exact(BLOCK);
        match (at..).zip(found.chunks_exact(BLOCK).zip(wanted)).find(|(_, (found, wanted))| found != wanted) {
            Some((lba, _)) => Err(Stop::Differs(lba)),
            None => Ok(()),
        }
    }
}

fn unreadable(trouble: Trouble, lba: u32) -> Stop {
    match trouble {
        Trouble::Cancelled => Stop::Cancelled,
        trouble => Stop::Unreadable(trouble, lba),
    }
}
