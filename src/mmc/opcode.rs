//! Operation codes: the first byte of every command.

use std::fmt;

use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// An operation code. Unknown ones survive and print as numbers.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(transparent)]
pub struct Opcode(pub u8);

macro_rules! opcodes {
    ($($constant:ident = $value:literal, $name:literal;)*) => {
        impl Opcode {
            $(#[doc = concat!($name, ", ", stringify!($value), ".")] pub const $constant: Self = Self($value);)*

            /// Every code that has a name here, with the name that fault scripts and logs use.
            pub const NAMED: &[(Self, &str)] = &[$((Self::$constant, $name)),*];
        }
    };
}

// MMC-6, SPC-4, SBC-3: as their names are written, in lower case with hyphens.
opcodes! {
    TEST_UNIT_READY = 0x00, "test-unit-ready";
    REQUEST_SENSE = 0x03, "request-sense";
    FORMAT_UNIT = 0x04, "format-unit";
    INQUIRY = 0x12, "inquiry";
    MODE_SELECT_6 = 0x15, "mode-select-6";
    MODE_SENSE_6 = 0x1a, "mode-sense-6";
    START_STOP_UNIT = 0x1b, "start-stop-unit";
    PREVENT_ALLOW = 0x1e, "prevent-allow";
    READ_FORMAT_CAPACITIES = 0x23, "read-format-capacities";
    READ_CAPACITY = 0x25, "read-capacity";
    READ_10 = 0x28, "read-10";
    WRITE_10 = 0x2a, "write-10";
    VERIFY_10 = 0x2f, "verify-10";
    SYNCHRONIZE_CACHE = 0x35, "synchronize-cache";
    READ_SUB_CHANNEL = 0x42, "read-sub-channel";
    READ_TOC = 0x43, "read-toc";
    GET_CONFIGURATION = 0x46, "get-configuration";
    GET_EVENT_STATUS = 0x4a, "get-event-status";
    READ_DISC_INFORMATION = 0x51, "read-disc-information";
    READ_TRACK_INFORMATION = 0x52, "read-track-information";
    RESERVE_TRACK = 0x53, "reserve-track";
    SEND_OPC = 0x54, "send-opc";
    MODE_SELECT_10 = 0x55, "mode-select-10";
    MODE_SENSE_10 = 0x5a, "mode-sense-10";
    CLOSE_TRACK_SESSION = 0x5b, "close";
    READ_BUFFER_CAPACITY = 0x5c, "read-buffer-capacity";
    SEND_CUE_SHEET = 0x5d, "send-cue-sheet";
    BLANK = 0xa1, "blank";
    READ_12 = 0xa8, "read-12";
    WRITE_12 = 0xaa, "write-12";
    GET_PERFORMANCE = 0xac, "get-performance";
    READ_DISC_STRUCTURE = 0xad, "read-disc-structure";
    SET_STREAMING = 0xb6, "set-streaming";
    READ_CD_MSF = 0xb9, "read-cd-msf";
    SET_CD_SPEED = 0xbb, "set-cd-speed";
    READ_CD = 0xbe, "read-cd";
    SEND_DISC_STRUCTURE = 0xbf, "send-disc-structure";
}

impl Opcode {
    /// The name, if the code has one here.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMED.iter().find(|(code, _)| *code == self).map(|(_, name)| *name)
    }

    /// The length of a command with this code, in bytes, by its group (SPC-4).
    pub const fn cdb_len(self) -> usize {
        match self.0 >> 5 {
            0 => 6,
            1 | 2 => 10,
            4 => 16,
            // Group 5 by the standard; 3, 6 and 7 are variable or the vendor's, and 12 is what such drives use.
            _ => 12,
        }
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:02X}h", self.0),
        }
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_and_no_name_is_given_twice() {
        for (at, (code, name)) in Opcode::NAMED.iter().enumerate() {
            for (other, other_name) in &Opcode::NAMED[at + 1..] {
                assert_ne!(code, other);
                assert_ne!(name, other_name);
            }
        }
    }

    #[test]
    fn an_unknown_code_prints_as_its_number() {
        assert_eq!(Opcode(0xf7).to_string(), "F7h");
        assert_eq!(Opcode(0x2a).to_string(), "write-10");
    }
}
