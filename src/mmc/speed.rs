//! Speeds: kB/s of 1000 bytes, and the "16x" of the box the discs came in.

use std::fmt;

/// The three kinds of disc; one "x" is another speed on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// 1x = 176.4 kB/s.
    Cd,
    /// 1x = 1385 kB/s.
    Dvd,
    /// 1x = 4495.625 kB/s.
    Bd,
}

impl Family {
    /// One "x", in bytes a second (MMC-6 and the tables of SET STREAMING).
    pub const fn bytes_per_second(self) -> u32 {
        match self {
            Self::Cd => 176_400,
            Self::Dvd => 1_385_000,
            Self::Bd => 4_495_625,
        }
    }
}

/// A speed in kB/s of 1000 bytes, as every MMC field has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Speed(pub u32);

impl Speed {
    /// So many times the single speed, in tenths: 24 is 2.4x.
    pub fn tenths(tenths: u32, family: Family) -> Self {
        let bytes = u64::from(tenths) * u64::from(family.bytes_per_second()) / 10;
        Self(u32::try_from(bytes / 1000).unwrap_or(u32::MAX))
    }

    /// "16x", "2.4x" for the discs of `family`, or plain kB/s such as "5540".
    pub fn parse(text: &str, family: Family) -> Option<Self> {
        let text = text.trim();
        let Some(factor) = text.strip_suffix(['x', 'X', '×']) else {
            return text.parse().ok().filter(|kb| *kb > 0).map(Self);
        };
        let (whole, tenth) = factor.split_once('.').unwrap_or((factor, "0"));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(tenth) || tenth.len() != 1 {
            return None;
        }
        let tenths = whole.parse::<u32>().ok()?.checked_mul(10)?.checked_add(tenth.parse().ok()?)?;
        (tenths > 0).then(|| Self::tenths(tenths, family))
    }

    /// Bytes of content a second. On CD the figure counts all 2352 bytes of a sector, of which 2048 are content.
    pub fn content_bytes(self, family: Family) -> u64 {
        let bytes = u64::from(self.0) * 1000;
        match family {
            Family::Cd => bytes * 2048 / 2352,
            Family::Dvd | Family::Bd => bytes,
        }
    }

    /// The factor, rounded to a tenth. Drives reckon with 1000 or 1024, so it is a label and no figure.
    pub fn factor(self, family: Family) -> f64 {
        let factor = f64::from(self.0) * 1000.0 / f64::from(family.bytes_per_second());
        (factor * 10.0).round() / 10.0
    }

    /// The label for discs of `family`, such as `16x`.
    pub fn label(self, family: Family) -> String {
        let factor = self.factor(family);
        // Whole factors are what is printed on boxes; a drive's 15.9x and 16.3x are its 16x.
        let whole = factor.round();
        if whole >= 3.0 || (factor - whole).abs() < 0.15 { format!("{whole}x") } else { format!("{factor}x") }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kB/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cd_at_single_speed_gives_75_blocks_of_content_a_second() {
        assert_eq!(Speed::tenths(10, Family::Cd).content_bytes(Family::Cd) / 2048, 74); // 176, not 176.4 kB/s
        assert_eq!(Speed::tenths(480, Family::Cd).content_bytes(Family::Cd) / 2048, 48 * 75 - 1);
        assert_eq!(Speed(1385).content_bytes(Family::Dvd), 1_385_000);
    }

    #[test]
    fn factors_are_those_of_each_family() {
        assert_eq!(Speed::parse("16x", Family::Dvd), Some(Speed(22_160)));
        assert_eq!(Speed::parse("52x", Family::Cd), Some(Speed(9172)));
        assert_eq!(Speed::parse("2.4x", Family::Dvd), Some(Speed(3324)));
        assert_eq!(Speed::parse("4X", Family::Bd), Some(Speed(17_982)));
        assert_eq!(Speed::parse(" 5540 ", Family::Cd), Some(Speed(5540)));
    }

    #[test]
    fn nonsense_is_no_speed() {
        for text in ["", "x", "0x", "0", "-4x", "4.x", "4.55x", "4,5x", "429496730x", "fast"] {
            assert_eq!(Speed::parse(text, Family::Cd), None, "{text}");
        }
    }

    #[test]
    fn labels_forgive_how_drives_reckon() {
        assert_eq!(Speed(22_160).label(Family::Dvd), "16x");
        assert_eq!(Speed(22_600).label(Family::Dvd), "16x");
        assert_eq!(Speed(3324).label(Family::Dvd), "2.4x");
        assert_eq!(Speed(17_984).label(Family::Bd), "4x");
        assert_eq!(Speed(1411).label(Family::Cd), "8x");
    }
}
