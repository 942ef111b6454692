//! WRITE (10) where page 05h or a cue sheet says that blocks are no data blocks: the command is the same, what travels is not.

use zerocopy::big_endian::{I32, U16};

use super::{Transfer, cdb};
use crate::mmc::sector::SECTOR;
use crate::mmc::subchannel::RAW;

cdb! {
    /// WRITE (10), 2Ah (MMC-6), of sound: 2352 bytes a block.
    WriteSound = WRITE_10 {
        flags: u8,
        /// First block.
        pub lba: I32,
        group: u8,
        /// Blocks.
        pub blocks: U16,
        control: u8,
    }
    |this| Transfer::ToDrive(usize::from(this.blocks.get()) * SECTOR)
}

cdb! {
    /// WRITE (10), 2Ah (MMC-6), into the lead-in before a session at once: sub-channels R to W alone, 96 bytes a block.
    WriteLeadIn = WRITE_10 {
        flags: u8,
        /// First block.
        pub lba: I32,
        group: u8,
        /// Blocks.
        pub blocks: U16,
        control: u8,
    }
    |this| Transfer::ToDrive(usize::from(this.blocks.get()) * RAW)
}

impl WriteSound {
    /// Writes `blocks` from `lba` on.
    pub fn new(lba: i32, blocks: u16) -> Self {
        Self { lba: lba.into(), blocks: blocks.into(), ..Self::zeroed() }
    }
}

impl WriteLeadIn {
    /// Writes `blocks` from `lba` on, which is negative.
    pub fn new(lba: i32, blocks: u16) -> Self {
        Self { lba: lba.into(), blocks: blocks.into(), ..Self::zeroed() }
    }
}
