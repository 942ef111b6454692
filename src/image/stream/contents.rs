//! File data, read from the source right into the blocks.

use super::{BLOCK, ContentSource, Misplaced, StreamError, misplaced};
use crate::image::contents::{Contents, Slot};
use crate::image::layout::Layout;
use crate::image::tree::{ContentId, Kind, Tree};

/// Goes through the contents in the order of the disc.
#[derive(Debug, Default)]
pub(super) struct ContentEmitter {
    slot: usize,
    /// Bytes of the open content that are still to come.
    left: Option<u64>,
}

impl ContentEmitter {
    /// Fills `out`, whole blocks; `position` is the first of them on the medium.
    pub fn fill<S: ContentSource>(
        &mut self,
        layout: &Layout,
        tree: &Tree,
        source: &mut S,
        position: u32,
        out: &mut [u8],
    ) -> Result<(), StreamError<S::Error>> {
        let mut done = 0;
        while done < out.len() {
            let Some(slot) = layout.contents.slots.get(self.slot) else {
                return Err(misplaced(Misplaced { position, planned: u32::MAX }));
            };
            let size = Contents::size(tree, slot);
            if size == 0 || Contents::is_on_disc(tree, slot) {
                self.slot += 1;
                continue;
            }
            let left = match self.left {
                Some(left) => left,
                None => {
                    Misplaced::check(position + (done / BLOCK) as u32, slot.block).map_err(misplaced)?;
                    source.open(content(tree, slot), size).map_err(|error| failed(tree, slot, error))?;
                    size
                }
            };
            let room = out.len() - done;
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(room);
            read_all(tree, slot, source, &mut out[done..done + want], left)?;
            let left = left - want as u64;
            self.left = Some(left);
            if left == 0 {
                source.close().map_err(|error| failed(tree, slot, error))?;
                self.left = None;
                self.slot += 1;
            }
            let padded = want.next_multiple_of(BLOCK);
            out[done + want..done + padded].fill(0);
            done += padded;
        }
        Ok(())
    }
}

fn read_all<S: ContentSource>(
    tree: &Tree,
    slot: &Slot,
    source: &mut S,
    out: &mut [u8],
    left: u64,
) -> Result<(), StreamError<S::Error>> {
    let mut got = 0;
    while got < out.len() {
        let room = out.len() - got;
        match source.read(&mut out[got..]).map_err(|error| failed(tree, slot, error))? {
            0 => {
                let path = tree.shown_path(slot.first);
                return Err(StreamError::Shrunk { path, missing: left - got as u64 });
            }
            more if more > room => return Err(StreamError::Overrun { path: tree.shown_path(slot.first) }),
            more => got += more,
        }
    }
    Ok(())
}

fn content(tree: &Tree, slot: &Slot) -> ContentId {
    match tree.kind(slot.first) {
        Kind::File { content, .. } => content,
        Kind::Dir | Kind::Symlink { .. } => ContentId(u32::MAX),
    }
}

fn failed<E: std::error::Error + Send + Sync + 'static>(
    tree: &Tree,
    slot: &Slot,
    source: E,
) -> StreamError<E> {
    StreamError::Source { path: tree.shown_path(slot.first), source }
}
