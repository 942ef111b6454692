//! Command descriptor blocks, a family a file. All multi-byte fields are big-endian.
//!
//! The worker fills these structs, the virtual drive reads them. How many bytes travel, and which way, follows
//! from the command itself ([`Cdb::transfer`]), so that the two cannot disagree.

mod block;
mod config;
mod info;
mod session;
mod sound;
mod unit;

pub use block::{
    Read10, Read12, ReadCapacity, ReadCd, ReadCdMsf, SynchronizeCache, Verify10, Write10, Write12,
};
pub use config::{
    GetConfiguration, GetEventStatus, GetPerformance, ModeSelect10, ModeSense6, ModeSense10, SendOpc,
    SetCdSpeed, SetStreaming,
};
pub use info::{
    ReadBufferCapacity, ReadDiscInformation, ReadDiscStructure, ReadFormatCapacities, ReadSubChannel,
    ReadToc, ReadTrackInformation,
};
pub use session::{Blank, CloseTrackSession, FormatUnit, ReserveTrack, SendCueSheet, SendDiscStructure};
pub use sound::{WriteLeadIn, WriteSound};
pub use unit::{Inquiry, PreventAllow, RequestSense, StartStopUnit, TestUnitReady};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::opcode::Opcode;

/// A command as it travels.
pub trait Cdb: Sized + FromBytes + IntoBytes + Immutable {
    /// Its operation code.
    const OPCODE: Opcode;

    /// What data travel with it.
    fn transfer(&self) -> Transfer;

    /// The command in the bytes that came from a host, if it is this one. Hosts pad commands at the end.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (cdb, _) = Self::read_from_prefix(bytes).ok()?;
        (bytes.first() == Some(&Self::OPCODE.0)).then_some(cdb)
    }
}

/// How many bytes travel, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// None.
    None,
    /// Up to so many bytes to the host; the drive may send fewer.
    FromDrive(usize),
    /// Exactly so many bytes to the drive.
    ToDrive(usize),
}

impl Transfer {
    /// The bytes, whichever way.
    pub const fn bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::FromDrive(bytes) | Self::ToDrive(bytes) => bytes,
        }
    }
}

/// Declares a command: its struct as the standard's table, and what it transfers.
macro_rules! cdb {
    (
        $(#[$doc:meta])*
        $name:ident = $opcode:ident { $($(#[$field_doc:meta])* $vis:vis $field:ident: $type:ty),* $(,)? }
        |$this:ident| $transfer:expr
    ) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq,
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout, zerocopy::Unaligned,
        )]
        #[repr(C)]
        pub struct $name {
            opcode: $crate::mmc::opcode::Opcode,
            $($(#[$field_doc])* $vis $field: $type),*
        }

        impl $name {
            /// The command with every other field zero.
            pub fn zeroed() -> Self {
                let mut cdb: Self = zerocopy::FromZeros::new_zeroed();
                cdb.opcode = $crate::mmc::opcode::Opcode::$opcode;
                cdb
            }
        }

        impl $crate::mmc::cdb::Cdb for $name {
            const OPCODE: $crate::mmc::opcode::Opcode = $crate::mmc::opcode::Opcode::$opcode;

            fn transfer(&self) -> $crate::mmc::cdb::Transfer {
                let $this = self;
                $transfer
            }
        }
    };
}
use cdb;

/// A three-byte big-endian length or count.
fn u24(bytes: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}

#[cfg(test)]
mod tests;
