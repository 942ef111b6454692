//! Path tables, block by block.

use crate::image::iso9660::path_table::{ByteOrder, push_entry};
use crate::image::layout::{Layout, Which};

/// Goes through the directories of a view. Entries may cross blocks (ECMA-119 §6.9).
#[derive(Debug)]
pub(super) struct PathTableEmitter {
    which: Which,
    order: ByteOrder,
    next: usize,
    /// Entries that are not out yet.
    pending: Vec<u8>,
}

impl PathTableEmitter {
    pub fn new(which: Which, order: ByteOrder) -> Self {
        Self { which, order, next: 0, pending: Vec::new() }
    }

    /// Fills `out`; zeros behind the last entry.
    pub fn fill(&mut self, layout: &Layout, out: &mut [u8]) {
        let view = layout.view(self.which);
        while self.pending.len() < out.len() {
            let Some(directory) = view.directories.get(self.next) else {
                self.pending.resize(out.len(), 0);
                break;
            };
            let name = view.directory_name(self.next);
            // At most 65535 directories: the number fits.
            let parent = (directory.parent + 1) as u16;
            push_entry(&mut self.pending, self.order, directory.block, parent, name);
            self.next += 1;
        }
        out.copy_from_slice(&self.pending[..out.len()]);
        self.pending.drain(..out.len());
    }
}
