//! What the drive can do, how it is set, how fast it goes (MMC-6).

use zerocopy::big_endian::{U16, U32};

use super::{Transfer, cdb, u24};

cdb! {
    /// GET CONFIGURATION, 46h (MMC-6).
    GetConfiguration = GET_CONFIGURATION {
        /// Bits 1-0 RT: 0 all features, 1 the current ones, 2 the one named.
        pub which: u8,
        /// The first feature, or the only one.
        pub start: U16,
        reserved: [u8; 3],
        /// Bytes that the host takes at most.
        pub allocation: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl GetConfiguration {
    /// RT: every feature that the drive has.
    pub const ALL: u8 = 0;
    /// RT: the features that are current with this disc.
    pub const CURRENT: u8 = 1;
    /// RT: the feature in `start` alone.
    pub const ONE: u8 = 2;

    /// Asks for the features `which` from code `start` on.
    pub fn new(which: u8, start: u16, allocation: u16) -> Self {
        Self { which, start: start.into(), allocation: allocation.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// GET EVENT STATUS NOTIFICATION, 4Ah (MMC-6).
    GetEventStatus = GET_EVENT_STATUS {
        /// Bit 0: polled; without it the command is asynchronous, which drives do not offer.
        pub polled: u8,
        reserved: [u8; 2],
        /// The classes asked for, a bit each: 10h media, 40h device busy, 02h operational change.
        pub classes: u8,
        reserved2: [u8; 2],
        /// Bytes that the host takes at most.
        pub allocation: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl GetEventStatus {
    /// Asks for one event of the `classes`.
    pub fn new(classes: u8, allocation: u16) -> Self {
        Self { polled: 1, classes, allocation: allocation.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// MODE SENSE (10), 5Ah (SPC-4).
    ModeSense10 = MODE_SENSE_10 {
        /// Bit 3 DBD: no block descriptors.
        pub flags: u8,
        /// Bits 7-6 PC: 0 current, 1 changeable, 2 default; bits 5-0 page, 3Fh all.
        pub page: u8,
        subpage: u8,
        reserved: [u8; 3],
        /// Bytes that the host takes at most.
        pub allocation: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl ModeSense10 {
    /// Asks for the current values of `page`, without block descriptors.
    pub fn new(page: u8, allocation: u16) -> Self {
        Self { flags: 0x08, page, allocation: allocation.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// MODE SENSE (6), 1Ah (SPC-4).
    ModeSense6 = MODE_SENSE_6 {
        /// Bit 3 DBD.
        pub flags: u8,
        /// As in MODE SENSE (10).
        pub page: u8,
        subpage: u8,
        /// Bytes that the host takes at most.
        pub allocation: u8,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation))
}

cdb! {
    /// MODE SELECT (10), 55h (SPC-4).
    ModeSelect10 = MODE_SELECT_10 {
        /// Bit 4 PF: pages follow; bit 0 SP: save.
        pub flags: u8,
        reserved: [u8; 5],
        /// Bytes of header and pages.
        pub length: U16,
        control: u8,
    }
    |this| Transfer::ToDrive(usize::from(this.length.get()))
}

impl ModeSelect10 {
    /// Sets what the `length` bytes of header and pages say.
    pub fn new(length: u16) -> Self {
        Self { flags: 0x10, length: length.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// GET PERFORMANCE, ACh (MMC-6).
    GetPerformance = GET_PERFORMANCE {
        /// Bits 4-0 data type; 04h: of writing, for type 0.
        pub data_type: u8,
        /// The block from which on figures are wanted.
        pub start: U32,
        reserved: [u8; 2],
        /// Descriptors that the host takes at most.
        pub descriptors: U16,
        /// 0 performance, 3 write speeds.
        pub kind: u8,
        control: u8,
    }
    |this| Transfer::FromDrive(8 + 16 * usize::from(this.descriptors.get()))
}

impl GetPerformance {
    /// `kind`: nominal performance.
    pub const PERFORMANCE: u8 = 0;
    /// `kind`: write speed descriptors.
    pub const WRITE_SPEEDS: u8 = 3;

    /// Asks for up to `descriptors` write speeds.
    pub fn write_speeds(descriptors: u16) -> Self {
        Self { descriptors: descriptors.into(), kind: Self::WRITE_SPEEDS, ..Self::zeroed() }
    }
}

cdb! {
    /// SET STREAMING, B6h (MMC-6).
    SetStreaming = SET_STREAMING {
        reserved: [u8; 7],
        /// 0: a performance descriptor follows.
        pub kind: u8,
        /// Bytes of the descriptor, 28.
        pub length: U16,
        control: u8,
    }
    |this| Transfer::ToDrive(usize::from(this.length.get()))
}

impl SetStreaming {
    /// Announces a performance descriptor.
    pub fn new() -> Self {
        Self { length: 28.into(), ..Self::zeroed() }
    }
}

impl Default for SetStreaming {
    fn default() -> Self {
        Self::new()
    }
}

cdb! {
    /// SET CD SPEED, BBh (MMC-6). Speeds in kB/s of 1000; FFFFh is the highest.
    SetCdSpeed = SET_CD_SPEED {
        /// Bits 1-0 rotational control: 0 CLV, 1 CAV.
        pub rotation: u8,
        /// For reading.
        pub read: U16,
        /// For writing.
        pub write: U16,
        reserved: [u8; 5],
        control: u8,
    }
    |_this| Transfer::None
}

impl SetCdSpeed {
    /// The highest speed there is.
    pub const MAX: u16 = 0xffff;

    /// Sets both speeds, kB/s of 1000.
    pub fn new(read: u16, write: u16) -> Self {
        Self { read: read.into(), write: write.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// SEND OPC INFORMATION, 54h (MMC-6).
    SendOpc = SEND_OPC {
        /// Bit 0 DoOPC: calibrate now.
        pub flags: u8,
        reserved: [u8; 4],
        list: [u8; 3],
        control: u8,
    }
    |this| Transfer::ToDrive(u24(this.list) as usize)
}

impl SendOpc {
    /// Has the drive calibrate its laser by itself.
    pub fn calibrate() -> Self {
        Self { flags: 1, ..Self::zeroed() }
    }
}
