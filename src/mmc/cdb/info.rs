//! Questions about the loaded disc (MMC-6).

use zerocopy::big_endian::{U16, U32};

use super::{Transfer, cdb};

cdb! {
    /// READ TOC/PMA/ATIP, 43h (MMC-6).
    ReadToc = READ_TOC {
        /// Bit 1: addresses as minute, second, frame.
        pub flags: u8,
        /// Bits 3-0: 0 TOC, 1 session, 2 full TOC, 3 PMA, 4 ATIP, 5 CD-TEXT.
        pub format: u8,
        reserved: [u8; 3],
        /// Track, or session for formats 1 and 2.
        pub number: u8,
        /// Bytes that the host takes at most.
        pub allocation: U16,
        /// Bits 7-6: the format, as MMC-1 had it.
        pub control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl ReadToc {
    /// Asks for `format` from track or session `number` on, addresses as blocks.
    pub fn new(format: u8, number: u8, allocation: u16) -> Self {
        Self { format, number, allocation: allocation.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// READ SUB-CHANNEL, 42h (MMC-5).
    ReadSubChannel = READ_SUB_CHANNEL {
        /// Bit 1: addresses as minute, second, frame.
        pub flags: u8,
        /// Bit 6: Q is wanted, not the header alone.
        pub sub_q: u8,
        /// 1 position, 2 media catalog number, 3 recording code of a track.
        pub format: u8,
        reserved: [u8; 2],
        /// The track, for format 3.
        pub track: u8,
        /// Bytes that the host takes at most.
        pub allocation: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl ReadSubChannel {
    /// Where the pick-up is.
    pub const POSITION: u8 = 1;
    /// The disc's media catalog number.
    pub const CATALOG: u8 = 2;
    /// A track's recording code.
    pub const ISRC: u8 = 3;

    /// Asks for `format`, of `track` where that matters, addresses as blocks.
    pub fn new(format: u8, track: u8, allocation: u16) -> Self {
        Self { sub_q: 0x40, format, track, allocation: allocation.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// READ DISC INFORMATION, 51h (MMC-6).
    ReadDiscInformation = READ_DISC_INFORMATION {
        /// Bits 2-0 data type: 0 the standard information.
        pub data_type: u8,
        reserved: [u8; 5],
        /// Bytes that the host takes at most.
        pub allocation: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl ReadDiscInformation {
    /// Asks for `allocation` bytes; 34 hold all but the OPC tables.
    pub fn new(allocation: u16) -> Self {
        Self { allocation: allocation.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// READ TRACK INFORMATION, 52h (MMC-6).
    ReadTrackInformation = READ_TRACK_INFORMATION {
        /// Bits 1-0: `number` is an address (0), a track (1) or a session (2).
        pub by: u8,
        /// Address, track or session; track FFh is the one that is open for writing.
        pub number: U32,
        reserved: u8,
        /// Bytes that the host takes at most.
        pub allocation: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl ReadTrackInformation {
    /// `number` is a block address.
    pub const BY_ADDRESS: u8 = 0;
    /// `number` is a track.
    pub const BY_TRACK: u8 = 1;
    /// `number` is a session.
    pub const BY_SESSION: u8 = 2;
    /// The track that is open for writing ("invisible", "incomplete").
    pub const OPEN_TRACK: u32 = 0xff;

    /// Asks about track `number`.
    pub fn track(number: u32) -> Self {
        Self { by: Self::BY_TRACK, number: number.into(), allocation: 36.into(), ..Self::zeroed() }
    }

    /// Asks about the track that `lba` lies in.
    pub fn address(lba: u32) -> Self {
        Self { by: Self::BY_ADDRESS, number: lba.into(), allocation: 36.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// READ BUFFER CAPACITY, 5Ch (MMC-6).
    ReadBufferCapacity = READ_BUFFER_CAPACITY {
        /// Bit 0: answer in blocks.
        pub flags: u8,
        reserved: [u8; 5],
        /// Bytes that the host takes at most.
        pub allocation: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl ReadBufferCapacity {
    /// Asks for the buffer's size and free room, in bytes.
    pub fn new() -> Self {
        Self { allocation: 12.into(), ..Self::zeroed() }
    }
}

impl Default for ReadBufferCapacity {
    fn default() -> Self {
        Self::new()
    }
}

cdb! {
    /// READ FORMAT CAPACITIES, 23h (MMC-6).
    ReadFormatCapacities = READ_FORMAT_CAPACITIES {
        reserved: [u8; 6],
        /// Bytes that the host takes at most.
        pub allocation: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl ReadFormatCapacities {
    /// Asks for `allocation` bytes; 252 hold every descriptor.
    pub fn new(allocation: u16) -> Self {
        Self { allocation: allocation.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// READ DISC STRUCTURE, ADh (MMC-6).
    ReadDiscStructure = READ_DISC_STRUCTURE {
        /// Bits 3-0: 0 DVD, 1 BD.
        pub media: u8,
        /// Block, for the formats that need one.
        pub address: U32,
        /// Layer, from 0.
        pub layer: u8,
        /// Which structure: 00h physical format, 11h ADIP, …
        pub format: u8,
        /// Bytes that the host takes at most.
        pub allocation: U16,
        /// Bits 7-6: authentication grant.
        pub grant: u8,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl ReadDiscStructure {
    /// `media` of a DVD.
    pub const DVD: u8 = 0;
    /// `media` of a BD.
    pub const BD: u8 = 1;

    /// Asks for structure `format` of layer 0.
    pub fn new(media: u8, format: u8, allocation: u16) -> Self {
        Self { media, format, allocation: allocation.into(), ..Self::zeroed() }
    }
}
