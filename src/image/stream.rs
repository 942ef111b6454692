//! The blocks of a planned image, in ascending order, each once.

mod contents;
mod descriptors;
mod directories;
mod path_table;
#[cfg(test)]
mod tests;

use super::layout::{Layout, Region, What};
use super::tree::{ContentId, Tree};
use super::{BLOCK, BLOCK_BYTES};
use contents::ContentEmitter;
use directories::DirectoryEmitter;
use path_table::PathTableEmitter;
use thiserror::Error;

/// Where the data of files come from. The stream asks for one content at a time, in the order of the disc, and for
/// each content once; contents of no bytes it does not ask for.
pub trait ContentSource {
    /// Why a content cannot be read.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Begins with a content; `size` is what the tree says.
    ///
    /// # Errors
    /// It cannot be opened, or is not what was promised.
    fn open(&mut self, content: ContentId, size: u64) -> Result<(), Self::Error>;

    /// Reads the next bytes of the open content: at least one, at most the length of `buf`; 0 if there are no more.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error>;

    /// Ends with the open content, whose `size` bytes have all been read: the moment to check that it is still the
    /// same file.
    ///
    /// # Errors
    /// It changed while it was read.
    fn close(&mut self) -> Result<(), Self::Error>;
}

impl<S: ContentSource + ?Sized> ContentSource for &mut S {
    type Error = S::Error;

    fn open(&mut self, content: ContentId, size: u64) -> Result<(), S::Error> {
        (**self).open(content, size)
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, S::Error> {
        (**self).read(buf)
    }

    fn close(&mut self) -> Result<(), S::Error> {
        (**self).close()
    }
}

/// Why the stream stopped. It cannot be continued after an error.
#[derive(Debug, Error)]
pub enum StreamError<E: std::error::Error + Send + Sync + 'static> {
    /// The source failed.
    #[error("cannot read {path} for the image: {source}")]
    Source {
        /// Path of the file inside the image.
        path: String,
        /// What the source says.
        source: E,
    },
    /// A content ended before its size.
    #[error("{path} is {missing} bytes shorter than when it was added; add it again")]
    Shrunk {
        /// Path of the file inside the image.
        path: String,
        /// How many bytes were missing.
        missing: u64,
    },
    /// The source claims more bytes than it was asked for.
    #[error("the source of {path} claims to have read more than it was asked for")]
    Overrun {
        /// Path of the file inside the image.
        path: String,
    },
    /// The tree is not the one that was planned.
    #[error("the tree changed after its image was planned; plan it again")]
    TreeChanged,
    /// The plan and the stream disagree: never happens, and must not reach a disc.
    #[error(
        "the image came to block {position} where the plan has block {planned}; nothing after it is valid"
    )]
    Misplaced {
        /// Where the stream is, in blocks of the medium.
        position: u64,
        /// Where it should be.
        planned: u64,
    },
    /// The buffer is not a positive multiple of 2048 bytes.
    #[error("a buffer of {length} bytes does not hold whole blocks of 2048")]
    Buffer {
        /// Its length in bytes.
        length: usize,
    },
}

/// The blocks of one image.
#[derive(Debug)]
pub struct Stream<'a, S> {
    layout: &'a Layout,
    tree: &'a Tree,
    source: S,
    region: usize,
    /// Blocks of the region that are out.
    done: u32,
    emitter: Emitter,
}

#[derive(Debug)]
enum Emitter {
    Zeros,
    Block(Box<[u8; BLOCK]>),
    PathTable(PathTableEmitter),
    Directories(DirectoryEmitter),
    Contents(ContentEmitter),
}

impl<'a, S: ContentSource> Stream<'a, S> {
    /// Starts at the first block. `tree` is the one that `layout` was planned from.
    pub fn new(layout: &'a Layout, tree: &'a Tree, source: S) -> Self {
        Self { layout, tree, source, region: 0, done: 0, emitter: Emitter::Zeros }
    }

    /// How many bytes of the image are out.
    pub fn position(&self) -> u64 {
        let start = self.layout.start_block();
        let block = match self.layout.regions.get(self.region) {
            Some(region) => region.start - start + self.done,
            None => self.layout.blocks() as u32,
        };
        u64::from(block) * BLOCK_BYTES
    }

    /// The source, for what it learnt on the way.
    pub fn into_source(self) -> S {
        self.source
    }

    /// Fills `buf`, a multiple of 2048 bytes, with what comes next, and tells how many bytes that were: all of `buf`
    /// but for the end of the image, and 0 behind it. File data are read right into `buf`.
    ///
    /// # Errors
    /// The source failed, a file shrank, or the buffer or the tree is not what it should be: see [`StreamError`].
    pub fn fill(&mut self, buf: &mut [u8]) -> Result<usize, StreamError<S::Error>> {
        if buf.is_empty() || !buf.len().is_multiple_of(BLOCK) {
            return Err(StreamError::Buffer { length: buf.len() });
        }
        if self.layout.tree_stamp != self.tree.stamp() {
            return Err(StreamError::TreeChanged);
        }
        let mut filled = 0;
        while let Some(&region) = self.layout.regions.get(self.region) {
            let blocks = (region.blocks - self.done).min(((buf.len() - filled) / BLOCK) as u32);
            if blocks == 0 && self.done < region.blocks {
                break;
            }
            if self.done == 0 {
                self.emitter = self.enter(&region);
            }
            let bytes = blocks as usize * BLOCK;
            self.emit(&region, &mut buf[filled..filled + bytes])?;
            filled += bytes;
            self.done += blocks;
            if self.done == region.blocks {
                self.region += 1;
                self.done = 0;
            }
        }
        Ok(filled)
    }

    fn enter(&self, region: &Region) -> Emitter {
        match region.what {
            What::SystemArea | What::Padding => Emitter::Zeros,
            What::Descriptor(which) => Emitter::Block(descriptors::volume(self.layout, self.tree, which)),
            What::Terminator => Emitter::Block(descriptors::terminator()),
            What::PathTable(which, order) => Emitter::PathTable(PathTableEmitter::new(which, order)),
            What::Directories(which) => Emitter::Directories(DirectoryEmitter::new(which)),
            What::Contents => Emitter::Contents(ContentEmitter::default()),
        }
    }

    /// Fills `out`, whole blocks of `region`.
    fn emit(&mut self, region: &Region, out: &mut [u8]) -> Result<(), StreamError<S::Error>> {
        let position = region.start + self.done;
        match &mut self.emitter {
            Emitter::Zeros => out.fill(0),
            Emitter::Block(block) => out.copy_from_slice(&block[..out.len()]),
            Emitter::PathTable(table) => table.fill(self.layout, out),
            Emitter::Directories(directories) => {
                directories.fill(self.layout, self.tree, position, out).map_err(misplaced)?;
            }
            Emitter::Contents(contents) => {
                contents.fill(self.layout, self.tree, &mut self.source, position, out)?;
            }
        }
        Ok(())
    }
}

/// The stream is not where the plan has it.
#[derive(Debug, Clone, Copy)]
struct Misplaced {
    position: u32,
    planned: u32,
}

impl Misplaced {
    fn check(position: u32, planned: u32) -> Result<(), Self> {
        if position == planned { Ok(()) } else { Err(Self { position, planned }) }
    }
}

fn misplaced<E: std::error::Error + Send + Sync + 'static>(error: Misplaced) -> StreamError<E> {
    StreamError::Misplaced { position: error.position.into(), planned: error.planned.into() }
}
