//! Where layer 0 of a recordable disc of two layers ends, format 20h (MMC-6).

use super::HEADER;
use crate::mmc::answer::{Malformed, padded};

/// The boundary; read it, or send it before the first write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerBoundary {
    /// It can no longer be chosen: it was, or something is recorded. Zero when it is sent.
    pub fixed: bool,
    /// Blocks of layer 0's data area.
    pub blocks: u32,
}

impl LayerBoundary {
    /// Bytes with the header.
    pub const LEN: u16 = 12;

    /// The boundary out of a drive's or a host's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if it is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: [u8; HEADER + 8] = padded(bytes, HEADER + 8, "layer boundary")?;
        let blocks = u32::from_be_bytes([raw[8], raw[9], raw[10], raw[11]]);
        Ok(Self { fixed: raw[HEADER] & 0x80 != 0, blocks })
    }

    /// The structure with its header.
    pub fn emit(&self) -> [u8; HEADER + 8] {
        let mut bytes = [0; HEADER + 8];
        bytes[1] = 10;
        bytes[HEADER] = u8::from(self.fixed) << 7;
        bytes[8..].copy_from_slice(&self.blocks.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_stands_where_the_standard_has_it() {
        let bytes = [0, 10, 0, 0, 0x80, 0, 0, 0, 0, 0x1f, 0xd8, 0x40];
        let boundary = LayerBoundary { fixed: true, blocks: 0x1f_d840 };
        assert_eq!(LayerBoundary::parse(&bytes), Ok(boundary));
        assert_eq!(boundary.emit(), bytes);
        for cut in 0..bytes.len() {
            assert!(LayerBoundary::parse(&bytes[..cut]).is_err());
        }
    }
}
