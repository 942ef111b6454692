//! Disc images: from a tree of names to a stream of blocks.
//!
//! Two phases. [`Layout::plan`] fixes every name, address and size of the image from a [`Tree`] alone, without reading
//! content; [`Stream`] then yields the blocks in ascending order, reading each content once and never looking back.
//! One image carries ISO 9660 (level 3) with Rock Ridge and Joliet; both trees share the file extents.
//!
//! - [`tree`]: the names that will be on the disc
//! - [`options`]: what kind of image is wanted
//! - [`iso9660`]: descriptors, directory records, path tables and names of ISO 9660
//! - [`joliet`]: names of the Joliet tree
//! - [`rock_ridge`]: POSIX names and attributes in the system use areas
//! - [`layout`]: the plan; `contents`, `view`, `unique`, `record`, `continuation`: its parts
//! - [`stream`]: the blocks; [`file`]: the whole stream into a writer
//! - [`on_disc`]: contents that an earlier session recorded, for the image of a later one
//! - [`read`]: re-reading the structure of a written image, and importing the tree of any

pub mod error;
pub mod file;
pub mod iso9660;
pub mod joliet;
pub mod layout;
pub mod on_disc;
pub mod options;
pub mod read;
pub mod rock_ridge;
pub mod stream;
pub mod tree;

mod contents;
mod continuation;
mod date;
mod record;
mod unique;
mod view;

pub use error::ImageError;
pub use file::{WriteError, write_image};
pub use layout::Layout;
pub use on_disc::OnDisc;
pub use options::{JolietLength, Options, Ownership};
pub use read::{StructureError, StructureSummary, TreeSummary, check_structure};
pub use stream::{ContentSource, Stream, StreamError};
pub use tree::{ContentId, Counts, Kind, Meta, NodeId, Tree, TreeError};

/// Bytes in a logical block of every image made here (ECMA-119 §6.2.2).
pub const BLOCK: usize = 2048;

/// [`BLOCK`] for sums over file sizes.
pub(crate) const BLOCK_BYTES: u64 = BLOCK as u64;
