//! Why an image cannot be planned.

use thiserror::Error;

/// A tree that does not make an image. Nothing has been read or written yet.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImageError {
    /// A path table counts directories with 16 bits (ECMA-119 §9.4.4).
    #[error(
        "{count} directories are too many: ISO 9660 numbers them with 16 bits, so at most 65535 fit; \
         leave some out, or pack deep parts of the tree into archives"
    )]
    TooManyDirectories {
        /// Directories in the tree, the root included.
        count: u64,
    },
    /// Block addresses have 32 bits (ECMA-119 §8.4.8).
    #[error(
        "the image would end at block {end}, past the last address that ISO 9660 can hold (4294967295, \
         8 TiB); leave some files out"
    )]
    TooManyBlocks {
        /// First block after the image, in blocks of 2048 bytes.
        end: u64,
    },
    /// Both links to one content must tell the same size.
    #[error(
        "{path} is a link to content {content}, but gives {size} bytes where another link gives {other}; \
         the file probably changed while it was added: add it again"
    )]
    SizesDiffer {
        /// Path of the second link inside the image.
        path: String,
        /// The content that both share.
        content: u32,
        /// Bytes according to this link.
        size: u64,
        /// Bytes according to the first link.
        other: u64,
    },
    /// Directory data have a 32-bit length (ECMA-119 §9.1.4).
    #[error("the directory {path} holds too many names for one ISO 9660 directory (4 GiB of records)")]
    DirectoryTooLarge {
        /// Path of the directory inside the image.
        path: String,
    },
    /// The table of mangled names outgrew its 32-bit offsets.
    #[error("the names of this tree take more than 4 GiB; leave some files out")]
    TooManyNames,
}
