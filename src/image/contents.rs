//! Which contents go onto the disc, in which order, and which names share one.

use super::BLOCK_BYTES;
use super::error::ImageError;
use super::on_disc::OnDisc;
use super::tree::{ContentId, Kind, NodeId, Tree};

/// A content, once for all the names that link to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// The first name that links to it.
    pub first: NodeId,
    /// How many names do.
    pub links: u32,
    /// First block of its data, on the medium.
    pub block: u32,
}

/// Contents in the order of their data: directory by directory, each with its files before its subdirectories, both
/// as they were added. That is the order in which a walk finds them and in which a reader wants them.
#[derive(Debug)]
pub(crate) struct Contents {
    pub slots: Vec<Slot>,
    /// By node: the number of a directory, or the slot of a file.
    pub refs: Vec<u32>,
}

impl Contents {
    /// Walks the tree once.
    pub fn collect(tree: &Tree) -> Result<Self, ImageError> {
        let files = tree.counts().files as usize;
        let mut contents = Self { slots: Vec::with_capacity(files), refs: vec![u32::MAX; tree.node_limit()] };
        let mut ordinal = 0;
        let mut pending = vec![tree.root()];
        let mut subdirectories = Vec::new();
        while let Some(directory) = pending.pop() {
            contents.refs[directory.index()] = ordinal;
            ordinal += 1;
            for child in tree.children(directory) {
                match tree.kind(child) {
                    Kind::Dir => subdirectories.push(child),
                    Kind::File { .. } => {
                        contents.refs[child.index()] = contents.slots.len() as u32;
                        contents.slots.push(Slot { first: child, links: 1, block: 0 });
                    }
                    Kind::Symlink { .. } => {}
                }
            }
            pending.extend(subdirectories.drain(..).rev());
        }
        contents.share(tree)?;
        Ok(contents)
    }

    /// Bytes of a content.
    pub fn size(tree: &Tree, slot: &Slot) -> u64 {
        file(tree, slot.first).1
    }

    /// Whether a content is on the medium already, so that this image has no blocks of it.
    pub fn is_on_disc(tree: &Tree, slot: &Slot) -> bool {
        OnDisc::is_on_disc(file(tree, slot.first).0)
    }

    /// Blocks of all contents that this image brings.
    pub fn blocks(&self, tree: &Tree) -> u64 {
        self.slots
            .iter()
            .filter(|slot| !Self::is_on_disc(tree, slot))
            .fold(0, |sum, slot| sum.saturating_add(Self::size(tree, slot).div_ceil(BLOCK_BYTES)))
    }

    /// Gives every content of this image its place from `block` on; those without data point to `empty`.
    pub fn place(&mut self, tree: &Tree, mut block: u32, empty: u32) {
        for slot in self.slots.iter_mut().filter(|slot| !Self::is_on_disc(tree, slot)) {
            let size = Self::size(tree, slot);
            slot.block = if size == 0 { empty } else { block };
            // The layout has checked that all of them end below block 2^32.
            block = block.saturating_add(size.div_ceil(BLOCK_BYTES) as u32);
        }
    }

    /// Finds names that share a content and leaves the slot of the first one alone.
    fn share(&mut self, tree: &Tree) -> Result<(), ImageError> {
        let mut numbers: Vec<(ContentId, u32)> =
            self.slots.iter().zip(0..).map(|(slot, at)| (file(tree, slot.first).0, at)).collect();
        // A walk numbers contents as it finds them: then there is nothing to sort, and nothing shared.
        if numbers.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Ok(());
        }
        numbers.sort_unstable();
        let mut first = 0;
        for at in 1..numbers.len() {
            if numbers[at].0 != numbers[first].0 {
                first = at;
                continue;
            }
            let (original, link) = (numbers[first].1 as usize, numbers[at].1 as usize);
            let (size, other) =
                (Self::size(tree, &self.slots[link]), Self::size(tree, &self.slots[original]));
            if size != other {
                let path = tree.shown_path(self.slots[link].first);
                return Err(ImageError::SizesDiffer { path, content: numbers[at].0.0, size, other });
            }
            self.slots[original].links += 1;
            self.slots[link].links = 0;
            self.refs[self.slots[link].first.index()] = numbers[first].1;
        }
        self.close_gaps();
        Ok(())
    }

    /// Drops slots that nobody uses any more.
    fn close_gaps(&mut self) {
        let mut moved = Vec::with_capacity(self.slots.len());
        let mut next = 0;
        for slot in &self.slots {
            moved.push(next);
            next += u32::from(slot.links > 0);
        }
        for slot in 0..self.slots.len() {
            let node = self.slots[slot].first.index();
            self.refs[node] = moved[self.refs[node] as usize];
        }
        self.slots.retain(|slot| slot.links > 0);
        self.slots.shrink_to_fit();
    }
}

fn file(tree: &Tree, node: NodeId) -> (ContentId, u64) {
    match tree.kind(node) {
        Kind::File { content, size } => (content, size),
        Kind::Dir | Kind::Symlink { .. } => (ContentId(u32::MAX), 0),
    }
}
