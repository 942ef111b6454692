//! Blocks: read, write, verify, flush (MMC-6, SBC-3). Addresses are signed: the CD's lead-in lies below zero.

use zerocopy::big_endian::{I32, U16, U32};

use super::{Transfer, cdb, u24};
use crate::mmc::BLOCK;
use crate::mmc::msf::Msf;

cdb! {
    /// READ (10), 28h (MMC-6).
    Read10 = READ_10 {
        /// Bit 3 FUA: from the medium, not from the cache.
        pub flags: u8,
        /// First block.
        pub lba: I32,
        group: u8,
        /// Blocks of 2048 bytes; zero is no blocks.
        pub blocks: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.blocks.get()) * BLOCK)
}

impl Read10 {
    /// Reads `blocks` from `lba` on.
    pub fn new(lba: i32, blocks: u16) -> Self {
        Self { lba: lba.into(), blocks: blocks.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// READ (12), A8h (MMC-6).
    Read12 = READ_12 {
        /// Bit 3 FUA.
        pub flags: u8,
        /// First block.
        pub lba: I32,
        /// Blocks of 2048 bytes.
        pub blocks: U32,
        /// Bit 7: no retries, keep the pace.
        pub streaming: u8,
        control: u8,
    }
    |this| Transfer::FromDrive(in_bytes(this.blocks))
}

impl Read12 {
    /// Reads `blocks` from `lba` on.
    pub fn new(lba: i32, blocks: u32) -> Self {
        Self { lba: lba.into(), blocks: blocks.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// WRITE (10), 2Ah (MMC-6).
    Write10 = WRITE_10 {
        /// Bit 3 FUA: answer only when the blocks are on the medium.
        pub flags: u8,
        /// First block.
        pub lba: I32,
        group: u8,
        /// Blocks; the transfer assumes 2048 bytes each, as every data track has.
        pub blocks: U16,
        control: u8,
    }
    |this| Transfer::ToDrive(usize::from(this.blocks.get()) * BLOCK)
}

impl Write10 {
    /// Writes `blocks` from `lba` on.
    pub fn new(lba: i32, blocks: u16) -> Self {
        Self { lba: lba.into(), blocks: blocks.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// WRITE (12), AAh (MMC-6).
    Write12 = WRITE_12 {
        /// Bit 3 FUA.
        pub flags: u8,
        /// First block.
        pub lba: I32,
        /// Blocks of 2048 bytes.
        pub blocks: U32,
        /// Bit 7: no verify after write, no reallocation, keep the pace.
        pub streaming: u8,
        control: u8,
    }
    |this| Transfer::ToDrive(in_bytes(this.blocks))
}

impl Write12 {
    /// The streaming bit.
    pub const STREAMING: u8 = 0x80;

    /// Writes `blocks` from `lba` on.
    pub fn new(lba: i32, blocks: u32, streaming: bool) -> Self {
        let streaming = if streaming { Self::STREAMING } else { 0 };
        Self { lba: lba.into(), blocks: blocks.into(), streaming, ..Self::zeroed() }
    }
}

cdb! {
    /// VERIFY (10), 2Fh (MMC-6): the drive reads and keeps the data.
    Verify10 = VERIFY_10 {
        flags: u8,
        /// First block.
        pub lba: I32,
        group: u8,
        /// Blocks.
        pub blocks: U16,
        control: u8,
    }
    |_this| Transfer::None
}

impl Verify10 {
    /// Verifies `blocks` from `lba` on.
    pub fn new(lba: i32, blocks: u16) -> Self {
        Self { lba: lba.into(), blocks: blocks.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// SYNCHRONIZE CACHE, 35h (MMC-6).
    SynchronizeCache = SYNCHRONIZE_CACHE {
        /// Bit 1 Immed.
        pub flags: u8,
        lba: I32,
        group: u8,
        blocks: U16,
        control: u8,
    }
    |_this| Transfer::None
}

impl SynchronizeCache {
    /// Answer at once, go on in the background.
    pub const IMMED: u8 = 0x02;

    /// Flushes the whole buffer.
    pub fn new(immed: bool) -> Self {
        Self { flags: if immed { Self::IMMED } else { 0 }, ..Self::zeroed() }
    }
}

cdb! {
    /// READ CAPACITY, 25h (MMC-6).
    ReadCapacity = READ_CAPACITY { flags: u8, lba: U32, reserved: [u8; 3], control: u8 }
    |_this| Transfer::FromDrive(8)
}

cdb! {
    /// READ CD, BEh (MMC-6).
    ReadCd = READ_CD {
        /// Bits 4-2 expected sector type, bit 1 DAP.
        pub sector_type: u8,
        /// First block.
        pub lba: I32,
        count: [u8; 3],
        /// Main channel selection: 10h user data, F8h all of the sector.
        pub main_channel: u8,
        /// Sub-channel selection.
        pub sub_channel: u8,
        control: u8,
    }
    |this| Transfer::FromDrive(this.blocks() as usize * this.block_len())
}

impl ReadCd {
    /// Reads `blocks` from `lba` on, with the main-channel parts of `main_channel`.
    pub fn new(lba: i32, blocks: u32, main_channel: u8) -> Self {
        let [_, a, b, c] = blocks.to_be_bytes();
        Self { lba: lba.into(), count: [a, b, c], main_channel, ..Self::zeroed() }
    }

    /// The same, for sectors of one kind alone: [`Self::AUDIO`], 2 mode 1, 3 mode 2, 4 XA form 1, 5 form 2.
    pub fn expecting(self, kind: u8) -> Self {
        Self { sector_type: (kind & 7) << 2, ..self }
    }

    /// The same, with sub-channels: 1 raw P to W, 2 Q, 4 R to W.
    pub fn with_sub_channel(self, sub_channel: u8) -> Self {
        Self { sub_channel, ..self }
    }

    /// Blocks asked for.
    pub fn blocks(&self) -> u32 {
        u24(self.count)
    }

    /// Bytes a block at most: 2048 when user data alone are asked for, else the whole sector of 2352, and what of
    /// C2 pointers and sub-channel is asked for.
    pub fn block_len(&self) -> usize {
        let main = match self.main_channel & 0xf8 {
            0 => 0,
            0x10 if self.expects() != Self::AUDIO => BLOCK,
            _ => 2352,
        };
        main + extra(self.main_channel, self.sub_channel)
    }

    /// Bits 4-2: the sectors that the host expects.
    pub fn expects(&self) -> u8 {
        self.sector_type >> 2 & 7
    }

    /// The main channel's user data alone.
    pub const USER_DATA: u8 = 0x10;
    /// [`Self::expects`] sound.
    pub const AUDIO: u8 = 1;
}

cdb! {
    /// READ CD MSF, B9h (MMC-6).
    ReadCdMsf = READ_CD_MSF {
        /// Bits 4-2 expected sector type, bit 1 DAP.
        pub sector_type: u8,
        reserved: u8,
        /// Minute, second, frame of the first block.
        pub start: [u8; 3],
        /// Minute, second, frame behind the last block.
        pub end: [u8; 3],
        /// Main channel selection.
        pub main_channel: u8,
        /// Sub-channel selection.
        pub sub_channel: u8,
        control: u8,
    }
    |this| Transfer::FromDrive(this.blocks() as usize * (2352 + extra(this.main_channel, this.sub_channel)))
}

impl ReadCdMsf {
    /// Blocks asked for.
    pub fn blocks(&self) -> u32 {
        let lba = |[minute, second, frame]: [u8; 3]| Msf::new(minute, second, frame).lba();
        u32::try_from(lba(self.end).saturating_sub(lba(self.start))).unwrap_or(0)
    }
}

/// Bytes of C2 pointers and sub-channel that follow a block.
fn extra(main_channel: u8, sub_channel: u8) -> usize {
    let pointers = match main_channel >> 1 & 3 {
        1 => 294,
        2 => 296,
        _ => 0,
    };
    let sub = match sub_channel & 7 {
        1 | 4 => 96,
        2 => 16,
        _ => 0,
    };
    pointers + sub
}

fn in_bytes(blocks: U32) -> usize {
    (blocks.get() as usize).saturating_mul(BLOCK)
}
