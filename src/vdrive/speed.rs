//! How fast the drive is: without limit, or as a drive that is sold with a number and an x.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::mmc::Profile;
use crate::mmc::speed::{Family, Speed};

/// The pace of the drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the machine; long operations take milliseconds.
    #[default]
    Unlimited,
    /// So many tenths of the disc's single speed.
    Times(u32),
    /// kB/s of 1000.
    KiloBytes(u32),
}

impl Pace {
    /// The highest speed on discs of a family, kB/s; none without limit.
    pub(super) fn limit(self, family: Family) -> Option<Speed> {
        match self {
            Self::Unlimited => None,
            Self::Times(tenths) => Some(Speed::tenths(tenths, family)),
            Self::KiloBytes(speed) => Some(Speed(speed)),
        }
    }

    /// The speeds that the drive offers for a disc, kB/s, fastest first.
    pub(super) fn offered(self, profile: Profile) -> Vec<Speed> {
        let family = profile.family().unwrap_or(Family::Cd);
        let usual = usual_tenths(profile).iter().map(|tenths| Speed::tenths(*tenths, family));
        let Some(limit) = self.limit(family) else { return usual.collect() };
        // A drive of any speed is no faster than the disc, if that is one that limits it.
        let limit = match profile {
            Profile::DVD_PLUS_R | Profile::DVD_R | Profile::BD_R | Profile::CD_R | Profile::CD_RW => limit,
            _ => usual.clone().max().map_or(limit, |fastest| fastest.min(limit)),
        };
        let mut speeds = vec![limit];
        speeds.extend(usual.filter(|speed| *speed < limit));
        speeds
    }

    /// How long an operation takes that keeps a drive busy for `usual`.
    pub(super) fn duration(self, usual: Duration) -> Duration {
        match self {
            Self::Unlimited => Duration::from_millis(3),
            Self::Times(_) | Self::KiloBytes(_) => usual,
        }
    }

    /// How long `blocks` take at `speed` kB/s, between a fifth of a second and three: long enough to be seen,
    /// short enough to be waited for.
    pub(super) fn recording(self, blocks: u32, speed: u32) -> Duration {
        let millis = u64::from(blocks) * 2048 / u64::from(speed.max(1));
        self.duration(Duration::from_millis(millis.clamp(200, 3000)))
    }
}

/// What good drives offer for a disc of each kind, in tenths of the single speed.
fn usual_tenths(profile: Profile) -> &'static [u32] {
    match profile {
        Profile::DVD_RW | Profile::DVD_RW_OVERWRITE => &[60, 40, 20, 10],
        Profile::DVD_PLUS_RW => &[80, 60, 40, 24],
        Profile::DVD_R_DL | Profile::DVD_PLUS_R_DL => &[80, 60, 40, 24],
        Profile::DVD_RAM => &[120, 50, 30, 20],
        Profile::BD_RE => &[20, 10],
        other => match other.family() {
            Some(Family::Dvd) => &[160, 120, 80, 60, 40, 24],
            Some(Family::Bd) => &[160, 120, 80, 60, 40, 20],
            Some(Family::Cd) | None => &[480, 400, 320, 240, 160, 80, 40],
        },
    }
}

/// `unlimited`, `16x` or kB/s.
impl FromStr for Pace {
    type Err = NotAPace;

    fn from_str(text: &str) -> Result<Self, NotAPace> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        // The factor of a CD gives the tenths back without a table of its own.
        match text.strip_suffix(['x', 'X']) {
            Some(factor) => {
                let tenths = factor.parse::<f64>().ok().map(|factor| (factor * 10.0).round());
                match tenths {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "within 1 to 10000"
                    )]
                    Some(tenths @ 1.0..=10_000.0) => Ok(Self::Times(tenths as u32)),
                    _ => Err(NotAPace(text.to_owned())),
                }
            }
            None => match text.parse() {
                Ok(speed @ 1..) => Ok(Self::KiloBytes(speed)),
                _ => Err(NotAPace(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Times(tenths) if tenths % 10 == 0 => write!(f, "{}x", tenths / 10),
            Self::Times(tenths) => write!(f, "{}.{}x", tenths / 10, tenths % 10),
            Self::KiloBytes(speed) => write!(f, "{speed}"),
        }
    }
}

/// A text that is no pace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no speed: expected unlimited, a factor such as 16x, or kB/s such as 22160")]
pub struct NotAPace(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_prints_as_it_is_read() {
        for text in ["unlimited", "16x", "2.4x", "5540"] {
            assert_eq!(text.parse::<Pace>().unwrap().to_string(), text);
        }
        for text in ["", "0x", "x", "-1x", "NaNx", "infx", "0", "fast", "99999x"] {
            assert!(text.parse::<Pace>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_slow_drive_offers_its_own_speed_first() {
        let speeds = Pace::Times(100).offered(Profile::DVD_PLUS_R);
        assert_eq!(speeds, [Speed(13_850), Speed(11_080), Speed(8310), Speed(5540), Speed(3324)]);
        assert_eq!(Pace::Unlimited.offered(Profile::CD_R)[0], Speed(8467));
    }
}
