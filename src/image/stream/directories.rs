//! Directory records and their continuation areas, block by block.

use super::{BLOCK, Misplaced};
use crate::image::continuation::Continuation;
use crate::image::layout::{Layout, Which};
use crate::image::record::{Cursor, Record, Source};
use crate::image::tree::Tree;
use crate::image::view::Directory;

/// Goes through the directories of a view: the records of one, then its continuation areas, then the next.
#[derive(Debug)]
pub(super) struct DirectoryEmitter {
    which: Which,
    directory: usize,
    /// Blocks of the directory that are out.
    done: u32,
    /// The next record; `None` behind the last.
    cursor: Option<Cursor>,
    continuation: Continuation,
    record: Record,
    /// Whether `record` is built and waits for the next block.
    waiting: bool,
    /// Continuation blocks that are not out yet.
    areas: Vec<u8>,
}

impl DirectoryEmitter {
    pub fn new(which: Which) -> Self {
        Self {
            which,
            directory: 0,
            done: 0,
            cursor: Some(Cursor::default()),
            continuation: Continuation::default(),
            record: Record::default(),
            waiting: false,
            areas: Vec::new(),
        }
    }

    /// Fills `out`, whole blocks; `position` is the first of them on the medium.
    pub fn fill(
        &mut self,
        layout: &Layout,
        tree: &Tree,
        position: u32,
        out: &mut [u8],
    ) -> Result<(), Misplaced> {
        let view = layout.view(self.which);
        let source = layout.source(tree, view);
        for (block, position) in out.chunks_exact_mut(BLOCK).zip(position..) {
            let Some(directory) = view.directories.get(self.directory) else {
                return Err(Misplaced { position, planned: u32::MAX });
            };
            Misplaced::check(position, directory.block + self.done)?;
            block.fill(0);
            if self.done < directory.blocks {
                self.records(&source, directory, block);
            } else {
                self.continuations(&source, directory, block);
            }
            self.done += 1;
            let complete = self.done != directory.blocks || self.cursor.is_none();
            if !complete {
                // More records than the plan counted.
                return Err(Misplaced { position, planned: position + 1 });
            }
            self.turn(directory);
        }
        Ok(())
    }

    /// From records to areas, from one directory to the next.
    fn turn(&mut self, directory: &Directory) {
        if self.done == directory.blocks || self.done == directory.blocks + directory.continuation_blocks {
            self.cursor = Some(Cursor::default());
            self.continuation = Continuation::default();
            self.waiting = false;
            self.areas.clear();
        }
        if self.done == directory.blocks + directory.continuation_blocks {
            self.directory += 1;
            self.done = 0;
        }
    }

    fn records(&mut self, source: &Source<'_>, directory: &Directory, block: &mut [u8]) {
        let mut used = 0;
        while let Some(at) = self.cursor {
            if !self.waiting {
                source.build(directory, at, &mut self.continuation, &mut self.record);
            }
            let bytes = &self.record.bytes;
            self.waiting = used + bytes.len() > block.len();
            if self.waiting {
                break;
            }
            block[used..used + bytes.len()].copy_from_slice(bytes);
            used += bytes.len();
            self.cursor = source.next(directory, at);
        }
    }

    fn continuations(&mut self, source: &Source<'_>, directory: &Directory, block: &mut [u8]) {
        let from = (self.done - directory.blocks) as usize * BLOCK;
        while let Some(at) = self.cursor {
            // An area further on means that this block is complete.
            if self.areas.len() > BLOCK {
                break;
            }
            if source.spills(directory, at) {
                source.build(directory, at, &mut self.continuation, &mut self.record);
                for area in &self.record.areas {
                    self.areas.resize(area.at - from, 0);
                    self.areas.extend_from_slice(&self.record.entries.spill[area.from..area.to]);
                }
            }
            self.cursor = source.next(directory, at);
        }
        let here = self.areas.len().min(BLOCK);
        block[..here].copy_from_slice(&self.areas[..here]);
        self.areas.drain(..here);
    }
}
