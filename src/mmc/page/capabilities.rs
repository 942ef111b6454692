//! Capabilities and mechanical status, page 2Ah (MMC-3; every drive still has it).

use crate::mmc::answer::{Malformed, padded};

/// Page 2Ah as meaning. Speeds in kB/s of 1000, as the drive says them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// CD-R and CD-RW can be written.
    pub writes_cd: bool,
    /// CD-RW can be written.
    pub writes_cd_rw: bool,
    /// Test writes.
    pub test_write: bool,
    /// DVD-R can be written.
    pub writes_dvd_r: bool,
    /// Sound is read as data, without jitter, and sub-channels, recording codes and catalog numbers with it.
    pub digital_audio: bool,
    /// The tray locks.
    pub locks: bool,
    /// The tray is locked now.
    pub locked: bool,
    /// The drive ejects.
    pub ejects: bool,
    /// Loading mechanism: 0 caddy, 1 tray, 2 pop-up, 4 changer, …
    pub mechanism: u8,
    /// Underrun protection.
    pub underrun_protection: bool,
    /// Size of the buffer, KiB.
    pub buffer_kib: u16,
    /// Highest reading speed.
    pub max_read: u16,
    /// Highest writing speed.
    pub max_write: u16,
    /// Writing speed now in use.
    pub write_speed: u16,
    /// Writing speeds for the loaded disc, fastest first as drives list them.
    pub write_speeds: Vec<u16>,
}

impl Capabilities {
    /// The page code.
    pub const CODE: u8 = 0x2a;

    /// The page out of a drive's bytes. Older and shorter forms lack the later fields.
    ///
    /// # Errors
    /// [`Malformed`] if it is too short for the flags, or another page.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "capabilities page";
        let page: [u8; 32] = padded(bytes, 8, WHAT)?;
        if page[0] & 0x3f != Self::CODE {
            return Err(Malformed::Nonsense { what: WHAT, why: "it is another page" });
        }
        let word = |at: usize| u16::from_be_bytes([page[at], page[at + 1]]);
        let listed = usize::from(word(30));
        let write_speeds = bytes
            .get(32..)
            .unwrap_or_default()
            .chunks_exact(4)
            .take(listed)
            .map(|entry| u16::from_be_bytes([entry[2], entry[3]]))
            .collect();
        // MMC-3 moved the current write speed from 20 to 28.
        let write_speed = if word(28) != 0 { word(28) } else { word(20) };
        Ok(Self {
            writes_cd: page[3] & 0x01 != 0,
            writes_cd_rw: page[3] & 0x02 != 0,
            test_write: page[3] & 0x04 != 0,
            writes_dvd_r: page[3] & 0x10 != 0,
            digital_audio: page[5] & 0x03 == 0x03,
            locks: page[6] & 0x01 != 0,
            locked: page[6] & 0x02 != 0,
            ejects: page[6] & 0x08 != 0,
            mechanism: page[6] >> 5,
            underrun_protection: page[4] & 0x80 != 0,
            buffer_kib: word(12),
            max_read: word(8),
            max_write: word(18),
            write_speed,
            write_speeds,
        })
    }

    /// The page.
    pub fn emit(&self) -> Vec<u8> {
        let bit = |set: bool, mask: u8| if set { mask } else { 0 };
        let speeds = &self.write_speeds[..self.write_speeds.len().min(50)];
        let mut page = vec![0; 32];
        page[0] = Self::CODE;
        // Reads CD-R, CD-RW, DVD-ROM, DVD-R.
        page[2] = 0x0f;
        page[3] = bit(self.writes_cd, 0x01)
            | bit(self.writes_cd_rw, 0x02)
            | bit(self.test_write, 0x04)
            | bit(self.writes_dvd_r, 0x10);
        page[4] = bit(self.underrun_protection, 0x80) | 0x40;
        // Mode 2 form 1 and 2; CD-DA, accurate, R-W raw and corrected, C2 pointers, ISRC, UPC.
        page[4] |= bit(self.digital_audio, 0x30);
        page[5] = bit(self.digital_audio, 0x7f);
        page[6] =
            bit(self.locks, 0x01) | bit(self.locked, 0x02) | bit(self.ejects, 0x08) | self.mechanism << 5;
        let mut word = |at: usize, value: u16| page[at..at + 2].copy_from_slice(&value.to_be_bytes());
        word(8, self.max_read);
        word(12, self.buffer_kib);
        word(14, self.max_read);
        word(18, self.max_write);
        word(20, self.write_speed);
        word(28, self.write_speed);
        word(30, u16::try_from(speeds.len()).unwrap_or(0));
        for speed in speeds {
            page.extend([0, 0]);
            page.extend(speed.to_be_bytes());
        }
        page[1] = u8::try_from(page.len() - 2).unwrap_or(u8::MAX);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Capabilities {
        Capabilities {
            writes_cd: true,
            test_write: true,
            locks: true,
            ejects: true,
            mechanism: 1,
            underrun_protection: true,
            buffer_kib: 0x0801,
            max_read: 0x1b90,
            max_write: 0x2113,
            write_speed: 0x0b0c,
            write_speeds: vec![0x2113, 0x0b0c],
            ..Capabilities::default()
        }
    }

    #[test]
    fn fields_stand_where_the_standard_has_them() {
        let bytes = sample().emit();
        assert_eq!(bytes[..8], [0x2a, 38, 0x0f, 0x05, 0xc0, 0, 0x29, 0]);
        assert_eq!(bytes[12..14], [8, 1]);
        assert_eq!(bytes[28..], [0x0b, 0x0c, 0, 2, 0, 0, 0x21, 0x13, 0, 0, 0x0b, 0x0c]);
        assert_eq!(Capabilities::parse(&bytes), Ok(sample()));
    }

    #[test]
    fn a_short_page_lacks_speeds_but_is_read() {
        let bytes = sample().emit();
        for cut in 0..bytes.len() {
            assert_eq!(Capabilities::parse(&bytes[..cut]).is_ok(), cut >= 8, "{cut}");
        }
        let short = Capabilities::parse(&bytes[..22]).unwrap();
        assert_eq!((short.write_speed, short.write_speeds.len()), (0x0b0c, 0));
    }

    #[test]
    fn a_count_of_speeds_that_are_not_there_is_not_believed() {
        let mut bytes = sample().emit();
        bytes[30..32].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(Capabilities::parse(&bytes).unwrap().write_speeds, [0x2113, 0x0b0c]);
    }
}
