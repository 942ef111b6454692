//! Which blank disc to make, as text: `cd-r`, `cd-r-74`, `cd-rw:5000`, `dvd+r`, `bd-re-dl`.

use std::fmt;
use std::str::FromStr;

use super::rules::Rules;
use crate::mmc::Profile;

/// A kind of blank disc and its capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The kind.
    pub profile: Profile,
    /// Blocks.
    pub capacity: u32,
}

/// Names, and blocks where they are not the usual ones.
const NAMES: &[(&str, Profile, Option<u32>)] = &[
    ("cd-r", Profile::CD_R, None),
    ("cd-r-74", Profile::CD_R, Some(333_000)),
    ("cd-rw", Profile::CD_RW, None),
    ("dvd-r", Profile::DVD_R, None),
    ("dvd-r-dl", Profile::DVD_R_DL, None),
    ("dvd-rw", Profile::DVD_RW, None),
    ("dvd-rw-ro", Profile::DVD_RW_OVERWRITE, None),
    ("dvd+r", Profile::DVD_PLUS_R, None),
    ("dvd+r-dl", Profile::DVD_PLUS_R_DL, None),
    ("dvd+rw", Profile::DVD_PLUS_RW, None),
    ("dvd-ram", Profile::DVD_RAM, None),
    ("bd-r", Profile::BD_R, None),
    ("bd-r-dl", Profile::BD_R, Some(24_438_784)),
    ("bd-r-tl", Profile::BD_R, Some(48_878_592)),
    ("bd-r-ql", Profile::BD_R, Some(62_500_864)),
    ("bd-re", Profile::BD_RE, None),
    ("bd-re-dl", Profile::BD_RE, Some(24_438_784)),
    ("bd-re-tl", Profile::BD_RE, Some(48_878_592)),
];

impl Kind {
    /// The largest disc, blocks: what an address of MMC and a file of today can hold.
    const MAX: u32 = 1 << 27;

    /// The smallest DVD or BD, blocks.
    const MIN: u32 = 512;

    /// An ordinary disc of a profile, if the drive knows it.
    pub fn ordinary(profile: Profile) -> Option<Self> {
        Rules::of(profile).map(|rules| Self { profile, capacity: rules.capacity })
    }
}

/// A name, and after a colon the capacity in blocks.
impl FromStr for Kind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        let refuse = || NotAKind(text.to_owned());
        let (name, blocks) = text.split_once(':').map_or((text, None), |(name, blocks)| (name, Some(blocks)));
        let (_, profile, usual) =
            NAMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)).ok_or_else(refuse)?;
        let rules = Rules::of(*profile).ok_or_else(refuse)?;
        let capacity = match blocks {
            Some(blocks) => blocks.parse().map_err(|_| refuse())?,
            None => usual.unwrap_or(rules.capacity),
        };
        // A CD states its capacity as a position, and those end at 99:59:74.
        let max = if profile.is_cd() { 404_849 } else { Self::MAX };
        // Spares and the like need some room.
        let min = if profile.is_cd() { rules.min_track + rules.run_out } else { Self::MIN };
        let fits = capacity % rules.alignment == 0 && (min..=max).contains(&capacity);
        if fits { Ok(Self { profile: *profile, capacity }) } else { Err(refuse()) }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} blocks", self.profile, self.capacity)
    }
}

/// A text that names no disc.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no disc: expected {names}, and if it is to be smaller a colon and the number of blocks, at least 302 \
     on CD, 512 elsewhere, and a multiple of 16 on DVD, of 32 on BD",
    names = NAMES.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
)]
pub struct NotAKind(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_capacity_unless_told_otherwise() {
        for (text, profile, capacity) in [
            ("cd-r", Profile::CD_R, 359_849),
            ("CD-RW:302", Profile::CD_RW, 302),
            ("dvd+r", Profile::DVD_PLUS_R, 2_295_104),
            ("dvd+r:4096", Profile::DVD_PLUS_R, 4096),
            ("bd-r-ql", Profile::BD_R, 62_500_864),
            ("bd-re:512", Profile::BD_RE, 512),
        ] {
            assert_eq!(text.parse(), Ok(Kind { profile, capacity }), "{text}");
        }
    }

    #[test]
    fn what_is_no_disc_is_refused() {
        for text in [
            "",
            "cd",
            "cd-r:",
            "cd-r:301",
            "cd-r:404850",
            "dvd+r:4097",
            "dvd+r:496",
            "bd-r:528",
            "dvd+r:99999999999",
            "cd-r:-1",
        ] {
            assert!(text.parse::<Kind>().is_err(), "{text}");
        }
    }
}
