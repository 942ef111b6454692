//! Tracks and sessions: reserve, describe, close, erase (MMC-6).

use zerocopy::big_endian::{U16, U32};

use super::{Transfer, cdb, u24};

cdb! {
    /// RESERVE TRACK, 53h (MMC-6).
    ReserveTrack = RESERVE_TRACK {
        /// Bit 1 RMZ, bit 0 ARSV: the size is an address instead.
        pub flags: u8,
        reserved: [u8; 3],
        /// Blocks.
        pub size: U32,
        control: u8,
    }
    |_this| Transfer::None
}

impl ReserveTrack {
    /// Reserves a track of `size` blocks.
    pub fn new(size: u32) -> Self {
        Self { size: size.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// CLOSE TRACK/SESSION, 5Bh (MMC-6).
    CloseTrackSession = CLOSE_TRACK_SESSION {
        /// Bit 0 Immed.
        pub flags: u8,
        /// Bits 2-0: 1 track, 2 session, 5 and 6 finalise, 0 stop background format.
        pub function: u8,
        reserved: u8,
        /// The track, for function 1.
        pub track: U16,
        reserved2: [u8; 3],
        control: u8,
    }
    |_this| Transfer::None
}

impl CloseTrackSession {
    /// Stop a background format (DVD+RW).
    pub const STOP_FORMAT: u8 = 0;
    /// Close a track.
    pub const TRACK: u8 = 1;
    /// Close the session; on CD and DVD-R page 05h says whether another may follow.
    pub const SESSION: u8 = 2;
    /// The special way of closing a session (DVD+RW, CD-MRW).
    pub const COMPLETE: u8 = 3;
    /// Finalise with the smallest lead-out (DVD+R).
    pub const FINALIZE_MINIMAL: u8 = 5;
    /// Finalise (DVD+R, BD-R).
    pub const FINALIZE: u8 = 6;

    /// Closes by `function`; `track` matters for [`Self::TRACK`] alone.
    pub fn new(function: u8, track: u16, immed: bool) -> Self {
        Self { flags: u8::from(immed), function, track: track.into(), ..Self::zeroed() }
    }
}

cdb! {
    /// BLANK, A1h (MMC-6).
    Blank = BLANK {
        /// Bit 4 Immed, bits 2-0 what: 0 all, 1 minimal, 2 track, …
        pub what: u8,
        /// Block or track, by `what`.
        pub address: U32,
        reserved: [u8; 5],
        control: u8,
    }
    |_this| Transfer::None
}

impl Blank {
    /// The whole disc.
    pub const FULL: u8 = 0;
    /// What makes the disc count as blank; the data area stays as it is. DVD-RW can then be written at once alone.
    pub const MINIMAL: u8 = 1;
    /// The track that `address` lies in.
    pub const TRACK: u8 = 2;
    /// The reservation of the last track.
    pub const UNRESERVE: u8 = 3;
    /// The last track, from `address` on.
    pub const TRACK_TAIL: u8 = 4;
    /// The closing of the last session.
    pub const UNCLOSE: u8 = 5;
    /// The last session.
    pub const SESSION: u8 = 6;
    /// Answer at once, go on in the background.
    pub const IMMED: u8 = 0x10;

    /// Erases the disc, wholly or minimally.
    pub fn new(what: u8, immed: bool) -> Self {
        Self { what: what | if immed { Self::IMMED } else { 0 }, ..Self::zeroed() }
    }

    /// The same, of the track that block `address` lies in, or from there on.
    pub fn at(self, address: u32) -> Self {
        Self { address: address.into(), ..self }
    }
}

cdb! {
    /// FORMAT UNIT, 04h (MMC-6).
    FormatUnit = FORMAT_UNIT {
        /// Bit 4 FmtData, bit 3 CmpList, bits 2-0 format code 1.
        pub flags: u8,
        vendor: u8,
        interleave: U16,
        control: u8,
    }
    |_this| Transfer::ToDrive(12)
}

impl FormatUnit {
    /// CmpList: the list of defects is this one, that is, none is kept. On DVD-RAM with DCRT: quickly.
    pub const COMPLETE_LIST: u8 = 0x08;

    /// Announces a format descriptor of 12 bytes.
    pub fn new() -> Self {
        Self { flags: 0x11, ..Self::zeroed() }
    }

    /// The same, forgetting the defects that are known: how DVD-RAM is formatted quickly.
    pub fn forgetting_defects() -> Self {
        Self { flags: 0x11 | Self::COMPLETE_LIST, ..Self::zeroed() }
    }
}

impl Default for FormatUnit {
    fn default() -> Self {
        Self::new()
    }
}

cdb! {
    /// SEND CUE SHEET, 5Dh (MMC-6).
    SendCueSheet = SEND_CUE_SHEET {
        reserved: [u8; 5],
        size: [u8; 3],
        control: u8,
    }
    |this| Transfer::ToDrive(u24(this.size) as usize)
}

impl SendCueSheet {
    /// Announces a cue sheet of `bytes`, 8 an entry.
    pub fn new(bytes: u32) -> Self {
        let [_, a, b, c] = bytes.to_be_bytes();
        Self { size: [a, b, c], ..Self::zeroed() }
    }
}

cdb! {
    /// SEND DISC STRUCTURE, BFh (MMC-6).
    SendDiscStructure = SEND_DISC_STRUCTURE {
        /// Bits 3-0: 0 DVD, 1 BD.
        pub media: u8,
        reserved: [u8; 5],
        /// Which structure: 20h layer boundary.
        pub format: u8,
        /// Bytes of the structure.
        pub length: U16,
        reserved2: u8,
        control: u8,
    }
    |this| Transfer::ToDrive(usize::from(this.length.get()))
}

impl SendDiscStructure {
    /// Announces structure `format` of `length` bytes.
    pub fn new(format: u8, length: u16) -> Self {
        Self { format, length: length.into(), ..Self::zeroed() }
    }
}
