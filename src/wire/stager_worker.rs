//! Stager ↔ worker, while the tree of an earlier session is imported: the stager asks for blocks of the disc, and the
//! worker reads them. The broker makes the two ends and passes them on; what is read does not go through it.
//!
//! The stager sees no device. It gets whole blocks, at most [`BLOCKS_AT_ONCE`] at a time, below the end that the broker
//! has set, and as many in all as directories can sensibly take.

use serde::{Deserialize, Serialize};

use super::Channel;
use crate::api;

/// Most blocks of one question: 64 KiB, half a frame.
pub const BLOCKS_AT_ONCE: u16 = 32;
/// Most blocks of all questions together: what an import reads, twice, since a stager reads ahead.
pub const BLOCKS_IN_ALL: u64 = 1 << 19;

/// A stager's question: blocks of the disc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBlocks {
    /// The first, from block 0 of the medium.
    pub block: u32,
    /// How many.
    pub count: u16,
}

/// A worker's answer: 2048 bytes for each block, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlocksRead(pub api::Result<Vec<u8>>);

/// The stager's end.
pub type AskingEnd = Channel<BlocksRead, ReadBlocks>;
/// The worker's end.
pub type ReadingEnd = Channel<ReadBlocks, BlocksRead>;
