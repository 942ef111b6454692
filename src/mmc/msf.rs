//! Minute, second, frame: how a CD counts blocks (MMC-6, 75 frames a second, block 0 at 00:02:00).

use std::fmt;

/// A position on a CD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msf {
    /// 0-99; 90 and more are in the lead-in.
    pub minute: u8,
    /// 0-59.
    pub second: u8,
    /// 0-74.
    pub frame: u8,
}

impl Msf {
    /// From the three bytes.
    pub const fn new(minute: u8, second: u8, frame: u8) -> Self {
        Self { minute, second, frame }
    }

    /// The block at this position; lead-in positions are negative.
    pub fn lba(self) -> i32 {
        let frames = (i32::from(self.minute) * 60 + i32::from(self.second)) * 75 + i32::from(self.frame);
        if self.minute >= 90 { frames - 450_150 } else { frames - 150 }
    }

    /// The position of a block, if a CD has it.
    pub fn from_lba(lba: i32) -> Option<Self> {
        let frames = if lba >= -150 { lba.checked_add(150)? } else { lba.checked_add(450_150)? };
        let minute = u8::try_from(frames / 75 / 60).ok().filter(|minute| *minute < 100)?;
        (frames >= 0).then_some(Self {
            minute,
            second: u8::try_from(frames / 75 % 60).ok()?,
            frame: u8::try_from(frames % 75).ok()?,
        })
    }
}

impl fmt::Display for Msf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.minute, self.second, self.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_standard() {
        for (msf, lba) in [
            (Msf::new(0, 2, 0), 0),
            (Msf::new(0, 0, 0), -150),
            (Msf::new(79, 59, 74), 359_849),
            (Msf::new(97, 26, 65), -11_635),
            (Msf::new(89, 59, 74), 404_849),
        ] {
            assert_eq!(msf.lba(), lba, "{msf}");
            assert_eq!(Msf::from_lba(lba), Some(msf), "{lba}");
        }
    }

    #[test]
    fn a_block_that_no_cd_has_is_no_position() {
        for lba in [i32::MIN, -450_151, 449_850, i32::MAX] {
            assert_eq!(Msf::from_lba(lba), None, "{lba}");
        }
    }
}
