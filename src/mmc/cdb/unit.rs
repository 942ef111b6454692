//! The drive as a device: ready, who, tray, lock (SPC-4, MMC-6).

use zerocopy::big_endian::U16;

use super::{Transfer, cdb};

cdb! {
    /// TEST UNIT READY, 00h (SPC-4).
    TestUnitReady = TEST_UNIT_READY { reserved: [u8; 4], control: u8 }
    |_this| Transfer::None
}

cdb! {
    /// REQUEST SENSE, 03h (SPC-4).
    RequestSense = REQUEST_SENSE {
        /// Bit 0 DESC: descriptor format wanted.
        pub flags: u8,
        reserved: [u8; 2],
        /// Bytes that the host takes at most.
        pub allocation: u8,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation))
}

impl RequestSense {
    /// Asks for `allocation` bytes of fixed-format sense.
    pub fn new(allocation: u8) -> Self {
        Self { allocation, ..Self::zeroed() }
    }
}

cdb! {
    /// INQUIRY, 12h (SPC-4).
    Inquiry = INQUIRY {
        /// Bit 0 EVPD: a vital product data page is wanted.
        pub flags: u8,
        /// The page, with EVPD.
        pub page: u8,
        /// Bytes that the host takes at most.
        pub allocation: U16,
        control: u8,
    }
    |this| Transfer::FromDrive(usize::from(this.allocation.get()))
}

impl Inquiry {
    /// Asks for `allocation` bytes of standard data.
    pub fn new(allocation: u16) -> Self {
        Self { allocation: allocation.into(), ..Self::zeroed() }
    }

    /// Asks for a vital product data page, 80h for the serial number.
    pub fn vital(page: u8, allocation: u16) -> Self {
        Self { flags: 1, page, allocation: allocation.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// START STOP UNIT, 1Bh (MMC-6).
    StartStopUnit = START_STOP_UNIT {
        /// Bit 0 Immed.
        pub flags: u8,
        reserved: [u8; 2],
        /// Bits 7-4 power condition, bit 1 LoEj, bit 0 Start.
        pub action: u8,
        control: u8,
    }
    |_this| Transfer::None
}

impl StartStopUnit {
    /// Answer at once, go on in the background.
    pub const IMMED: u8 = 0x01;

    /// Spins the disc down.
    pub fn stop(immed: bool) -> Self {
        Self::with(0, immed)
    }

    /// Spins the disc up.
    pub fn start(immed: bool) -> Self {
        Self::with(1, immed)
    }

    /// Opens the tray.
    pub fn eject(immed: bool) -> Self {
        Self::with(2, immed)
    }

    /// Closes the tray and makes the disc ready.
    pub fn load(immed: bool) -> Self {
        Self::with(3, immed)
    }

    fn with(action: u8, immed: bool) -> Self {
        Self { flags: u8::from(immed), action, ..Self::zeroed() }
    }
}

cdb! {
    /// PREVENT ALLOW MEDIUM REMOVAL, 1Eh (MMC-6).
    PreventAllow = PREVENT_ALLOW {
        reserved: [u8; 3],
        /// Bit 0 prevent, bit 1 persistent.
        pub prevent: u8,
        control: u8,
    }
    |_this| Transfer::None
}

impl PreventAllow {
    /// Locks (true) or frees the tray.
    pub fn new(prevent: bool) -> Self {
        Self { prevent: u8::from(prevent), ..Self::zeroed() }
    }
}
