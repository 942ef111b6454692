//! What a BD says of itself: disc information, format 00h, and its spares, format 0Ah (MMC-6).

use super::{HEADER, MediaId, fill};
use crate::mmc::answer::{Malformed, padded};

/// The first unit of the disc information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BdInformation {
    /// Type: `BDR` write-once, `BDW` rewritable, `BDO` pressed.
    pub kind: [u8; 3],
    /// Layers, 1-4.
    pub layers: u8,
    /// Last block of the data area, in the disc's own count.
    pub last: u32,
    /// The maker.
    pub id: MediaId,
}

impl BdInformation {
    /// Bytes of one unit.
    const UNIT: usize = 112;
    /// Bytes of the structure: units of all kinds, the rest zero.
    pub const LEN: usize = 4096;
    /// Type of BD-R.
    pub const RECORDABLE: [u8; 3] = *b"BDR";
    /// Type of BD-RE.
    pub const REWRITABLE: [u8; 3] = *b"BDW";

    /// The unit out of a drive's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if it is not whole, or none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "disc information of a BD";
        let raw: [u8; HEADER + Self::UNIT] = padded(bytes, HEADER + Self::UNIT, WHAT)?;
        let raw = &raw[HEADER..];
        if raw[..2] != *b"DI" {
            return Err(Malformed::Nonsense { what: WHAT, why: "it does not begin with DI" });
        }
        let id = MediaId::parse_bd(bytes)?;
        Ok(Self {
            kind: [raw[8], raw[9], raw[10]],
            layers: raw[12] >> 4,
            last: u32::from_be_bytes([raw[28], raw[29], raw[30], raw[31]]),
            id: id.unwrap_or(MediaId { manufacturer: String::new(), media_type: String::new() }),
        })
    }

    /// The structure with its header: one unit.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + Self::LEN];
        let length = u16::try_from(bytes.len() - 2).unwrap_or(u16::MAX);
        bytes[..2].copy_from_slice(&length.to_be_bytes());
        let unit = &mut bytes[HEADER..HEADER + Self::UNIT];
        unit[..2].copy_from_slice(b"DI");
        // Format of the unit, units a layer, sequence number 0, bytes in use.
        unit[2] = 1;
        unit[3] = self.layers << 3 | 1;
        unit[6] = 98;
        unit[8..11].copy_from_slice(&self.kind);
        unit[12] = self.layers << 4 | 1;
        unit[28..32].copy_from_slice(&self.last.to_be_bytes());
        fill(&mut unit[100..106], &self.id.manufacturer);
        fill(&mut unit[106..109], &self.id.media_type);
        bytes
    }
}

/// The spares of a BD that has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpareArea {
    /// Blocks that are still free.
    pub free: u32,
    /// Blocks in all.
    pub allocated: u32,
}

impl SpareArea {
    /// Bytes with the header.
    pub const LEN: usize = HEADER + 12;

    /// The structure out of a drive's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if it is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: [u8; Self::LEN] = padded(bytes, Self::LEN, "spare area information")?;
        let word = |at: usize| u32::from_be_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]]);
        Ok(Self { free: word(8), allocated: word(12) })
    }

    /// The structure with its header.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[1] = (Self::LEN - 2) as u8;
        bytes[8..12].copy_from_slice(&self.free.to_be_bytes());
        bytes[12..].copy_from_slice(&self.allocated.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disc_information_stands_where_the_standard_has_it() {
        let information = BdInformation {
            kind: BdInformation::RECORDABLE,
            layers: 2,
            last: 0x0102_0304,
            id: MediaId { manufacturer: "VERBAT".into(), media_type: "IMf".into() },
        };
        let bytes = information.emit();
        assert_eq!(bytes.len(), 4100);
        assert_eq!(bytes[..18], *b"\x10\x02\0\0DI\x01\x11\0\0\x62\0BDR\0\x21\0");
        assert_eq!(bytes[32..36], [1, 2, 3, 4]);
        assert_eq!(&bytes[104..113], b"VERBATIMf");
        assert_eq!(BdInformation::parse(&bytes), Ok(information));
        for cut in 0..116 {
            assert!(BdInformation::parse(&bytes[..cut]).is_err());
        }
        assert!(BdInformation::parse(&[0; 4100]).is_err());
    }

    #[test]
    fn spares_stand_where_the_standard_has_them() {
        let spares = SpareArea { free: 0x0102_0304, allocated: 0x0506_0708 };
        let bytes = spares.emit();
        assert_eq!(bytes, [0, 14, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(SpareArea::parse(&bytes), Ok(spares));
        assert!(SpareArea::parse(&bytes[..15]).is_err());
    }
}
