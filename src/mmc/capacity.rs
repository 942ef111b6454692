//! Capacities: of what can be read, of what can be formatted, of the buffer (MMC-6).

use super::answer::{Malformed, padded};

/// The answer to READ CAPACITY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadableCapacity {
    /// The last block that can be addressed.
    pub last_lba: u32,
    /// Bytes a block.
    pub block_len: u32,
}

impl ReadableCapacity {
    /// The answer out of a drive's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if it is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: [u8; 8] = padded(bytes, 8, "capacity")?;
        Ok(Self { last_lba: be32(&raw, 0), block_len: be32(&raw, 4) })
    }

    /// The answer.
    pub fn emit(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.last_lba.to_be_bytes());
        bytes[4..].copy_from_slice(&self.block_len.to_be_bytes());
        bytes
    }
}

/// What the first descriptor of READ FORMAT CAPACITIES speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapacityKind {
    /// 1: the disc is unformatted or blank; the figure is the most it could hold.
    Unformatted,
    /// 2: the disc is formatted; the figure is what it holds.
    Formatted,
    /// 3: no disc, or an unknown one; the figure is the drive's best.
    Unknown,
    /// 0, which the standard reserves.
    Reserved,
}

/// A way to format the disc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatDescriptor {
    /// Format type, 00h-31h.
    pub kind: u8,
    /// Blocks it would give.
    pub blocks: u32,
    /// Three bytes that depend on the type.
    pub parameter: u32,
}

/// The answer to READ FORMAT CAPACITIES.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatCapacities {
    /// What `blocks` is.
    pub kind: CapacityKind,
    /// Blocks, now or at most.
    pub blocks: u32,
    /// Bytes a block.
    pub block_len: u32,
    /// The formats that are offered.
    pub formats: Vec<FormatDescriptor>,
}

impl FormatCapacities {
    /// The answer out of a drive's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if the first descriptor is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: [u8; 12] = padded(bytes, 12, "format capacities")?;
        let listed = usize::from(raw[3]).saturating_sub(8) / 8;
        let formats = bytes.get(12..).unwrap_or_default().chunks_exact(8).take(listed);
        Ok(Self {
            kind: match raw[8] & 3 {
                1 => CapacityKind::Unformatted,
                2 => CapacityKind::Formatted,
                3 => CapacityKind::Unknown,
                _ => CapacityKind::Reserved,
            },
            blocks: be32(&raw, 4),
            block_len: be32(&raw, 8) & 0x00ff_ffff,
            formats: formats
                .map(|raw| FormatDescriptor {
                    kind: raw[4] >> 2,
                    blocks: be32(raw, 0),
                    parameter: be32(raw, 4) & 0x00ff_ffff,
                })
                .collect(),
        })
    }

    /// The answer.
    pub fn emit(&self) -> Vec<u8> {
        let formats = &self.formats[..self.formats.len().min(30)];
        let mut bytes = vec![0, 0, 0, u8::try_from((formats.len() + 1) * 8).unwrap_or(8)];
        bytes.extend(self.blocks.to_be_bytes());
        let kind = match self.kind {
            CapacityKind::Reserved => 0,
            CapacityKind::Unformatted => 1,
            CapacityKind::Formatted => 2,
            CapacityKind::Unknown => 3,
        };
        bytes.extend((kind << 24 | (self.block_len & 0x00ff_ffff)).to_be_bytes());
        for format in formats {
            bytes.extend(format.blocks.to_be_bytes());
            bytes.extend((u32::from(format.kind) << 26 | (format.parameter & 0x00ff_ffff)).to_be_bytes());
        }
        bytes
    }
}

/// The answer to READ BUFFER CAPACITY, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferCapacity {
    /// Size of the buffer.
    pub size: u32,
    /// Free room in it.
    pub free: u32,
}

impl BufferCapacity {
    /// The answer out of a drive's bytes. More free than there is does happen; it is cut.
    ///
    /// # Errors
    /// [`Malformed`] if it is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: [u8; 12] = padded(bytes, 12, "buffer capacity")?;
        let size = be32(&raw, 4);
        Ok(Self { size, free: be32(&raw, 8).min(size) })
    }

    /// The answer.
    pub fn emit(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[1] = 10;
        bytes[4..8].copy_from_slice(&self.size.to_be_bytes());
        bytes[8..].copy_from_slice(&self.free.to_be_bytes());
        bytes
    }

    /// How full it is, between 0 and 1; none if the drive states no size.
    pub fn fill(&self) -> Option<f64> {
        (self.size > 0).then(|| 1.0 - f64::from(self.free) / f64::from(self.size))
    }
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_capacity_is_read_and_written() {
        let bytes = [1, 2, 3, 4, 0, 0, 8, 0];
        assert_eq!(
            ReadableCapacity::parse(&bytes),
            Ok(ReadableCapacity { last_lba: 0x0102_0304, block_len: 2048 })
        );
        assert_eq!(ReadableCapacity::parse(&bytes).unwrap().emit(), bytes);
        assert!(ReadableCapacity::parse(&bytes[..7]).is_err());
    }

    #[test]
    fn format_capacities_are_read_and_written() {
        let bytes = [0, 0, 0, 16, 0, 0x23, 5, 0x40, 1, 0, 8, 0, 0, 0x22, 4, 0x30, 0x98, 1, 2, 3];
        let capacities = FormatCapacities::parse(&bytes).unwrap();
        assert_eq!(capacities.kind, CapacityKind::Unformatted);
        assert_eq!((capacities.blocks, capacities.block_len), (2_295_104, 2048));
        assert_eq!(
            capacities.formats,
            [FormatDescriptor { kind: 0x26, blocks: 0x22_0430, parameter: 0x1_0203 }]
        );
        assert_eq!(capacities.emit(), bytes);
        for cut in 0..bytes.len() {
            assert_eq!(FormatCapacities::parse(&bytes[..cut]).is_ok(), cut >= 12);
        }
    }

    #[test]
    fn a_buffer_freer_than_large_is_empty() {
        let bytes = [0, 10, 0, 0, 0, 0x20, 1, 0, 0, 0x10, 2, 0];
        let buffer = BufferCapacity::parse(&bytes).unwrap();
        assert_eq!((buffer.size, buffer.free), (0x20_0100, 0x10_0200));
        assert_eq!(buffer.emit(), bytes);
        let lying = BufferCapacity::parse(&[0, 10, 0, 0, 0, 0, 0, 8, 0, 0, 0, 9]).unwrap();
        assert_eq!(lying.fill(), Some(0.0));
        assert_eq!(BufferCapacity { size: 0, free: 0 }.fill(), None);
    }
}
