//! The plan of an image: every region, in the order in which it will be emitted.
//!
//! A region is reserved when its size is known and written when the stream gets there; whoever adds to an image
//! (a boot catalogue, UDF structures beside the same file extents) reserves one more.

use super::BLOCK_BYTES;
use super::contents::Contents;
use super::error::ImageError;
use super::iso9660::descriptor::FIRST_DESCRIPTOR;
use super::iso9660::path_table::{ByteOrder, DIRECTORIES_MAX};
use super::options::Options;
use super::record::Source;
use super::tree::Tree;
use super::view::{Naming, View};

/// An image planned to the last block. Belongs to the tree that it was planned from, unchanged.
#[derive(Debug)]
pub struct Layout {
    pub(crate) options: Options,
    pub(crate) regions: Vec<Region>,
    pub(crate) contents: Contents,
    pub(crate) iso: View,
    pub(crate) joliet: Option<View>,
    pub(crate) empty_block: u32,
    pub(crate) tree_stamp: (usize, u64),
    content_blocks: u64,
    end: u32,
}

/// Blocks that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    pub what: What,
    /// First block, on the medium.
    pub start: u32,
    pub blocks: u32,
}

/// What a region holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Blocks 0 to 15, free for boot code.
    SystemArea,
    /// Primary or supplementary volume descriptor.
    Descriptor(Which),
    /// End of the descriptors.
    Terminator,
    /// All directories, by level.
    PathTable(Which, ByteOrder),
    /// Directory records, each directory with its continuation areas.
    Directories(Which),
    /// The data of all files.
    Contents,
    /// Zeros behind the last file.
    Padding,
}

/// One of the trees of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Iso,
    Joliet,
}

impl Layout {
    /// Plans the image of `tree`: mangles and sorts all names, and gives everything its blocks.
    ///
    /// # Errors
    /// The tree does not make an image: see [`ImageError`].
    pub fn plan(tree: &Tree, options: &Options) -> Result<Self, ImageError> {
        let directories = tree.counts().directories;
        if directories > DIRECTORIES_MAX as u64 {
            return Err(ImageError::TooManyDirectories { count: directories });
        }
        let contents = Contents::collect(tree)?;
        // Before anything is counted record by record: a sparse file may claim to be of any size.
        let content_blocks = contents.blocks(tree);
        let end = content_blocks.saturating_add(options.start_block.into());
        if end > u32::MAX.into() {
            return Err(ImageError::TooManyBlocks { end });
        }
        let iso = View::build(tree, Naming::Iso, options.rock_ridge, &contents.refs)?;
        let joliet = options
            .joliet
            .map(|length| View::build(tree, Naming::Joliet(length), false, &contents.refs))
            .transpose()?;
        let mut layout = Self {
            options: options.clone(),
            regions: Vec::new(),
            contents,
            iso,
            joliet,
            empty_block: 0,
            tree_stamp: tree.stamp(),
            content_blocks,
            end: options.start_block,
        };
        layout.measure(tree)?;
        layout.reserve_all()?;
        layout.place_directories();
        let first = layout.region(What::Contents).map_or(0, |region| region.start);
        layout.contents.place(tree, first, layout.empty_block);
        Ok(layout)
    }

    /// Blocks of 2048 bytes that the stream will yield, padding included.
    pub fn blocks(&self) -> u64 {
        u64::from(self.end - self.options.start_block)
    }

    /// Bytes that the stream will yield.
    pub fn bytes(&self) -> u64 {
        self.blocks() * BLOCK_BYTES
    }

    /// Blocks of file data among [`Layout::blocks`]; shared contents count once.
    pub fn content_blocks(&self) -> u64 {
        self.content_blocks
    }

    /// Block of the medium at which the image starts.
    pub fn start_block(&self) -> u32 {
        self.options.start_block
    }

    pub(crate) fn view(&self, which: Which) -> &View {
        match (which, &self.joliet) {
            (Which::Joliet, Some(view)) => view,
            _ => &self.iso,
        }
    }

    pub(crate) fn region(&self, what: What) -> Option<&Region> {
        self.regions.iter().find(|region| region.what == what)
    }

    pub(crate) fn source<'a>(&'a self, tree: &'a Tree, view: &'a View) -> Source<'a> {
        let (ownership, empty_block, created) =
            (self.options.ownership, self.empty_block, self.options.created);
        Source { tree, contents: &self.contents, view, ownership, empty_block, created }
    }

    /// Sizes of all directories. They do not depend on where things are.
    fn measure(&mut self, tree: &Tree) -> Result<(), ImageError> {
        let mut sizes = Vec::new();
        for view in std::iter::once(&self.iso).chain(&self.joliet) {
            let source = self.source(tree, view);
            sizes
                .push(view.directories.iter().map(|directory| source.measure(directory)).collect::<Vec<_>>());
        }
        for (view, sizes) in std::iter::once(&mut self.iso).chain(&mut self.joliet).zip(sizes) {
            for (directory, (blocks, continuation)) in view.directories.iter_mut().zip(sizes) {
                let fits = |blocks: u64| u32::try_from(blocks * BLOCK_BYTES).ok().map(|_| blocks as u32);
                let (Some(blocks), Some(continuation)) = (fits(blocks), fits(continuation)) else {
                    return Err(ImageError::DirectoryTooLarge { path: tree.shown_path(directory.node) });
                };
                directory.blocks = blocks;
                directory.continuation_blocks = continuation;
            }
        }
        Ok(())
    }

    fn reserve_all(&mut self) -> Result<(), ImageError> {
        let views: &[Which] =
            if self.joliet.is_some() { &[Which::Iso, Which::Joliet] } else { &[Which::Iso] };
        self.reserve(What::SystemArea, FIRST_DESCRIPTOR.into())?;
        for &which in views {
            self.reserve(What::Descriptor(which), 1)?;
        }
        self.empty_block = self.end;
        self.reserve(What::Terminator, 1)?;
        for &which in views {
            let blocks = self.view(which).path_table_length().div_ceil(BLOCK_BYTES);
            self.reserve(What::PathTable(which, ByteOrder::Little), blocks)?;
            self.reserve(What::PathTable(which, ByteOrder::Big), blocks)?;
        }
        for &which in views {
            let each = self.view(which).directories.iter();
            let blocks = each.map(|one| u64::from(one.blocks) + u64::from(one.continuation_blocks)).sum();
            self.reserve(What::Directories(which), blocks)?;
        }
        self.reserve(What::Contents, self.content_blocks)?;
        self.reserve(What::Padding, self.options.pad_blocks.into())
    }

    /// Takes the next `blocks` for `what`.
    fn reserve(&mut self, what: What, blocks: u64) -> Result<(), ImageError> {
        let end = u64::from(self.end).saturating_add(blocks);
        let Ok(next) = u32::try_from(end) else {
            return Err(ImageError::TooManyBlocks { end });
        };
        self.regions.push(Region { what, start: self.end, blocks: next - self.end });
        self.end = next;
        Ok(())
    }

    fn place_directories(&mut self) {
        for which in [Which::Iso, Which::Joliet] {
            let Some(mut block) = self.region(What::Directories(which)).map(|region| region.start) else {
                continue;
            };
            let view = match (which, &mut self.joliet) {
                (Which::Joliet, Some(view)) => view,
                _ => &mut self.iso,
            };
            for directory in &mut view.directories {
                directory.block = block;
                block += directory.blocks + directory.continuation_blocks;
            }
        }
    }
}
