//! How a disc is to be formatted: the parameter list of FORMAT UNIT (MMC-6), and the format types.

use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::answer::{Malformed, padded};
use super::capacity::FormatDescriptor;

/// Format types: the high six bits of byte 4 of a descriptor.
pub mod kind {
    /// 00h: the whole disc, to its usual capacity.
    pub const FULL: u8 = 0x00;
    /// 01h: expand the spare areas (DVD-RAM, BD-RE).
    pub const SPARE_EXPANSION: u8 = 0x01;
    /// 10h: the whole disc, restricted overwrite (DVD-RW; CD-RW with fixed packets).
    pub const DVD_RW_FULL: u8 = 0x10;
    /// 11h: grow the last session by a fixed size (DVD-RW).
    pub const DVD_RW_GROW: u8 = 0x11;
    /// 12h: add a session (DVD-RW). No drive is known to offer it.
    pub const DVD_RW_ADD_SESSION: u8 = 0x12;
    /// 13h: grow the last session as it is written (DVD-RW).
    pub const DVD_RW_QUICK_GROW: u8 = 0x13;
    /// 14h: add a session that grows as it is written (DVD-RW). No drive is known to offer it.
    pub const DVD_RW_QUICK_ADD_SESSION: u8 = 0x14;
    /// 15h: the whole disc, to grow as it is written (DVD-RW).
    pub const DVD_RW_QUICK: u8 = 0x15;
    /// 26h: the whole disc, in the background (DVD+RW).
    pub const DVD_PLUS_RW: u8 = 0x26;
    /// 30h: the whole disc, with a choice of spares (BD-RE).
    pub const BD_RE_SPARES: u8 = 0x30;
    /// 31h: the whole disc, without spares (BD-RE).
    pub const BD_RE_NO_SPARES: u8 = 0x31;
    /// 32h: the whole disc, with a choice of spares (BD-R).
    pub const BD_R_SPARES: u8 = 0x32;
}

/// Subtypes of the types 00h and 32h on BD-R: how the disc is written from then on.
pub mod bd_r {
    /// 0: in sequence, and blocks can be overwritten at the price of new ones (SRM+POW).
    pub const PSEUDO_OVERWRITE: u8 = 0;
    /// 1: in sequence, with spares (SRM−POW).
    pub const SEQUENTIAL: u8 = 1;
    /// 2: anywhere, once (RRM).
    pub const RANDOM: u8 = 2;
}

/// Subtypes of the types 00h, 30h and 31h on BD-RE.
pub mod bd_re {
    /// 0: without certification, as the drive likes it.
    pub const DEFAULT: u8 = 0;
    /// 2: every block is tried.
    pub const FULL_CERTIFICATION: u8 = 2;
    /// 3: blocks are tried where it looks worth while.
    pub const QUICK_CERTIFICATION: u8 = 3;
}

/// The parameter list: a header of four bytes and one descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FormatParameters {
    /// The flags of byte 1.
    pub flags: u8,
    /// Format type; see [`kind`].
    pub kind: u8,
    /// Subtype, 0-3; see [`bd_r`] and [`bd_re`].
    pub subtype: u8,
    /// Blocks.
    pub blocks: u32,
    /// Three bytes that depend on the type: block length, packet size, spares, or the restart bit of 26h.
    pub parameter: u32,
}

impl FormatParameters {
    /// Bytes of the list.
    pub const LEN: usize = 12;
    /// FOV: the other flags but Immed count.
    pub const FOV: u8 = 0x80;
    /// DCRT: no certification.
    pub const DCRT: u8 = 0x20;
    /// Immed: answer at once, go on in the background.
    pub const IMMED: u8 = 0x02;
    /// `parameter` of 26h: go on with a format that was stopped.
    pub const RESTART: u32 = 1;
    /// `blocks` of 26h: as many as there are.
    pub const ALL: u32 = 0xffff_ffff;
    /// `parameter` of 10h-15h: the packet size of DVD-RW.
    const PACKET: u32 = 16;

    /// A format as the drive offers it in its READ FORMAT CAPACITIES.
    pub fn offered(descriptor: &FormatDescriptor, immed: bool) -> Self {
        Self {
            flags: if immed { Self::IMMED } else { 0 },
            kind: descriptor.kind,
            blocks: descriptor.blocks,
            parameter: descriptor.parameter,
            subtype: 0,
        }
    }

    /// DVD-RW, to restricted overwrite, quickly: it grows as it is written.
    pub fn dvd_rw_quick(immed: bool) -> Self {
        Self::offered(
            &FormatDescriptor { kind: kind::DVD_RW_QUICK, blocks: 0, parameter: Self::PACKET },
            immed,
        )
    }

    /// DVD-RW in restricted overwrite: go on growing.
    pub fn dvd_rw_quick_grow(immed: bool) -> Self {
        Self::offered(
            &FormatDescriptor { kind: kind::DVD_RW_QUICK_GROW, blocks: 0, parameter: Self::PACKET },
            immed,
        )
    }

    /// DVD+RW: begin to format in the background, or go on with it.
    pub fn dvd_plus_rw(restart: bool, immed: bool) -> Self {
        let parameter = if restart { Self::RESTART } else { 0 };
        Self::offered(&FormatDescriptor { kind: kind::DVD_PLUS_RW, blocks: Self::ALL, parameter }, immed)
    }

    /// Whether the answer is to come at once.
    pub fn immed(&self) -> bool {
        self.flags & Self::IMMED != 0
    }

    /// The list out of a host's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if it is not whole, or announces something else than one descriptor.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "format parameters";
        let raw: Raw = padded(bytes, Self::LEN, WHAT)?;
        if raw.length != [0, 8] {
            return Err(Malformed::Nonsense { what: WHAT, why: "its descriptor does not have 8 bytes" });
        }
        let [a, b, c] = raw.parameter;
        Ok(Self {
            flags: raw.flags,
            kind: raw.kind >> 2,
            subtype: raw.kind & 3,
            blocks: raw.blocks.get(),
            parameter: u32::from_be_bytes([0, a, b, c]),
        })
    }

    /// The list.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let [_, a, b, c] = self.parameter.to_be_bytes();
        let raw = Raw {
            reserved: 0,
            flags: self.flags,
            length: [0, 8],
            blocks: self.blocks.into(),
            kind: self.kind << 2 | (self.subtype & 3),
            parameter: [a, b, c],
        };
        let mut bytes = [0; Self::LEN];
        bytes.copy_from_slice(raw.as_bytes());
        bytes
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    reserved: u8,
    flags: u8,
    length: [u8; 2],
    blocks: U32,
    kind: u8,
    parameter: [u8; 3],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_the_bytes_that_other_burners_send() {
        // dvd+rw-format and libburn, by profile.
        for (list, bytes) in [
            (FormatParameters::dvd_plus_rw(false, true), [0, 2, 0, 8, 255, 255, 255, 255, 0x98, 0, 0, 0]),
            (FormatParameters::dvd_plus_rw(true, true), [0, 2, 0, 8, 255, 255, 255, 255, 0x98, 0, 0, 1]),
            (FormatParameters::dvd_rw_quick(true), [0, 2, 0, 8, 0, 0, 0, 0, 0x54, 0, 0, 16]),
            (FormatParameters::dvd_rw_quick_grow(false), [0, 0, 0, 8, 0, 0, 0, 0, 0x4c, 0, 0, 16]),
        ] {
            assert_eq!(list.emit(), bytes);
            assert_eq!(FormatParameters::parse(&bytes), Ok(list));
        }
    }

    #[test]
    fn every_field_survives_a_round_trip() {
        let list = FormatParameters {
            flags: FormatParameters::FOV | FormatParameters::DCRT,
            kind: kind::BD_RE_SPARES,
            subtype: bd_re::QUICK_CERTIFICATION,
            blocks: 0x0102_0304,
            parameter: 0x0a_0b0c,
        };
        let bytes = list.emit();
        assert_eq!(bytes, [0, 0xa0, 0, 8, 1, 2, 3, 4, 0xc3, 0x0a, 0x0b, 0x0c]);
        assert_eq!(FormatParameters::parse(&bytes), Ok(list));
        for cut in 0..bytes.len() {
            assert!(FormatParameters::parse(&bytes[..cut]).is_err());
        }
        assert!(FormatParameters::parse(&[0, 2, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
