//! Speeds that the drive offers for the loaded disc, and how one is chosen: GET PERFORMANCE type 3 and
//! SET STREAMING (MMC-6).

use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::answer::{Malformed, padded, within_length32};

/// A write speed descriptor. Speeds in kB/s of 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteSpeed {
    /// Rotation control (bits 4-3), restore default (2), exact (1), mixed (0) as the drive has them.
    pub flags: u8,
    /// The last block that the descriptor speaks of.
    pub end: u32,
    /// Reading speed that goes with it.
    pub read: u32,
    /// Writing speed.
    pub write: u32,
}

impl WriteSpeed {
    /// Descriptors that are read at most.
    const MAX: usize = 64;

    /// The descriptors in a drive's answer. A speed of zero is no speed and left out.
    ///
    /// # Errors
    /// [`Malformed`] if the header is not whole.
    pub fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, Malformed> {
        let _: [u8; 8] = padded(bytes, 8, "performance data")?;
        let descriptors = within_length32(bytes).get(8..).unwrap_or_default().chunks_exact(16);
        let speeds = descriptors.take(Self::MAX).map(|raw| Self {
            flags: raw[0],
            end: be32(raw, 4),
            read: be32(raw, 8),
            write: be32(raw, 12),
        });
        Ok(speeds.filter(|speed| speed.write > 0).collect())
    }

    /// The answer with `speeds`. Its length counts all of them, even where the host asked for fewer.
    pub fn emit_all(speeds: &[Self]) -> Vec<u8> {
        let speeds = &speeds[..speeds.len().min(Self::MAX)];
        let mut bytes = vec![0; 8];
        for speed in speeds {
            bytes.extend([speed.flags, 0, 0, 0]);
            bytes.extend(speed.end.to_be_bytes());
            bytes.extend(speed.read.to_be_bytes());
            bytes.extend(speed.write.to_be_bytes());
        }
        let length = u32::try_from(bytes.len() - 4).unwrap_or(u32::MAX);
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        bytes
    }

    /// The request that chooses this speed: the drive's own figures unchanged, because any other end block or
    /// size is refused by many.
    pub fn request(&self) -> Streaming {
        Streaming {
            flags: self.flags & 0x18,
            start: 0,
            end: self.end,
            read_kb: self.read,
            read_ms: 1000,
            write_kb: self.write,
            write_ms: 1000,
        }
    }
}

/// The performance descriptor of SET STREAMING.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streaming {
    /// Bits 4-3 rotation control, bit 2 restore defaults, bit 1 exact, bit 0 random access.
    pub flags: u8,
    /// First block.
    pub start: u32,
    /// Last block.
    pub end: u32,
    /// So many kB are read …
    pub read_kb: u32,
    /// … in so many milliseconds.
    pub read_ms: u32,
    /// So many kB are written …
    pub write_kb: u32,
    /// … in so many milliseconds.
    pub write_ms: u32,
}

impl Streaming {
    /// Bytes of the descriptor.
    pub const LEN: usize = 28;
    /// Flag: the drive's own defaults.
    pub const RESTORE_DEFAULTS: u8 = 0x04;

    /// The request that gives the choice back to the drive.
    pub fn restore_defaults() -> Self {
        Self { flags: Self::RESTORE_DEFAULTS, ..Self::default() }
    }

    /// The descriptor out of a host's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if it is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: Raw = padded(bytes, Self::LEN, "streaming request")?;
        Ok(Self {
            flags: raw.flags,
            start: raw.start.get(),
            end: raw.end.get(),
            read_kb: raw.read_kb.get(),
            read_ms: raw.read_ms.get(),
            write_kb: raw.write_kb.get(),
            write_ms: raw.write_ms.get(),
        })
    }

    /// The descriptor.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let raw = Raw {
            flags: self.flags,
            reserved: [0; 3],
            start: self.start.into(),
            end: self.end.into(),
            read_kb: self.read_kb.into(),
            read_ms: self.read_ms.into(),
            write_kb: self.write_kb.into(),
            write_ms: self.write_ms.into(),
        };
        let mut bytes = [0; Self::LEN];
        bytes.copy_from_slice(raw.as_bytes());
        bytes
    }

    /// The writing speed in kB/s of 1000.
    pub fn write_speed(&self) -> u32 {
        match self.write_ms {
            0 => 0,
            ms => u32::try_from(u64::from(self.write_kb) * 1000 / u64::from(ms)).unwrap_or(u32::MAX),
        }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    flags: u8,
    reserved: [u8; 3],
    start: U32,
    end: U32,
    read_kb: U32,
    read_ms: U32,
    write_kb: U32,
    write_ms: U32,
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: [u8; 24] =
        [0, 0, 0, 20, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x23, 5, 0x3f, 0, 0, 0x1b, 0x90, 0, 0, 0x56, 0x90];

    #[test]
    fn speeds_are_read_and_written() {
        let speeds = WriteSpeed::parse_all(&ANSWER).unwrap();
        assert_eq!(speeds, [WriteSpeed { flags: 0x0a, end: 2_295_103, read: 7056, write: 22_160 }]);
        assert_eq!(WriteSpeed::emit_all(&speeds), ANSWER);
        for cut in 0..ANSWER.len() {
            assert_eq!(WriteSpeed::parse_all(&ANSWER[..cut]).is_ok(), cut >= 8);
        }
    }

    #[test]
    fn a_speed_of_zero_is_left_out() {
        let mut bytes = ANSWER;
        bytes[20..].fill(0);
        assert_eq!(WriteSpeed::parse_all(&bytes), Ok(Vec::new()));
    }

    #[test]
    fn a_request_repeats_the_drives_own_figures() {
        let request = WriteSpeed::parse_all(&ANSWER).unwrap()[0].request();
        let bytes = request.emit();
        #[rustfmt::skip]
        assert_eq!(bytes, [
            0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0x23, 5, 0x3f,
            0, 0, 0x1b, 0x90, 0, 0, 3, 0xe8, 0, 0, 0x56, 0x90, 0, 0, 3, 0xe8,
        ]);
        assert_eq!(Streaming::parse(&bytes), Ok(request));
        assert_eq!(request.write_speed(), 22_160);
        assert_eq!(Streaming::restore_defaults().emit()[0], 4);
        assert_eq!(Streaming::restore_defaults().write_speed(), 0);
        assert!(Streaming::parse(&bytes[..27]).is_err());
    }
}
