//! Profiles: what kind of disc is loaded, and how such a disc is written (MMC-6).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::speed::Family;

/// A profile number. Unknown ones survive and print as numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Profile(pub u16);

/// How the blocks of a medium are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteModel {
    /// Not at all.
    ReadOnly,
    /// CD: track at once, session at once, raw.
    Cd,
    /// DVD-R, DVD-RW sequential: incremental, or disc at once.
    Incremental,
    /// DVD+R, BD-R: in sequence, without write modes.
    Sequential,
    /// Anywhere in the formatted area.
    Overwrite,
    /// Known, and written by nobody: layer jump, random BD-R.
    Unsupported,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
struct Properties {
    profile: Profile,
    name: &'static str,
    model: WriteModel,
    alignment: u32,
    page05: bool,
    test_write: bool,
    rewritable: bool,
}

macro_rules! profiles {
    ($($constant:ident = $value:literal, $name:literal, $model:ident, $align:literal, $flags:literal;)*) => {
        impl Profile {
            /// No profile: no disc, or one that the drive cannot use.
            pub const NONE: Self = Self(0);
            $(#[doc = concat!($name, ", ", stringify!($value), ".")] pub const $constant: Self = Self($value);)*
        }

        const PROFILES: &[Properties] = &[$(Properties {
            profile: Profile::$constant,
            name: $name,
            model: WriteModel::$model,
            alignment: $align,
            page05: contains($flags, b'p'),
            test_write: contains($flags, b't'),
            rewritable: contains($flags, b'w'),
        }),*];
    };
}

// Flags: p write parameters page 05h, t test write, w rewritable.
profiles! {
    CD_ROM = 0x08, "CD-ROM", ReadOnly, 1, "";
    CD_R = 0x09, "CD-R", Cd, 1, "pt";
    CD_RW = 0x0a, "CD-RW", Cd, 1, "ptw";
    DVD_ROM = 0x10, "DVD-ROM", ReadOnly, 16, "";
    DVD_R = 0x11, "DVD-R", Incremental, 16, "pt";
    DVD_RAM = 0x12, "DVD-RAM", Overwrite, 16, "w";
    DVD_RW_OVERWRITE = 0x13, "DVD-RW (overwrite)", Overwrite, 16, "w";
    DVD_RW = 0x14, "DVD-RW", Incremental, 16, "ptw";
    DVD_R_DL = 0x15, "DVD-R DL", Incremental, 16, "pt";
    DVD_R_DL_JUMP = 0x16, "DVD-R DL (layer jump)", Unsupported, 16, "p";
    DVD_PLUS_RW = 0x1a, "DVD+RW", Overwrite, 16, "w";
    DVD_PLUS_R = 0x1b, "DVD+R", Sequential, 16, "";
    DVD_PLUS_RW_DL = 0x2a, "DVD+RW DL", Overwrite, 16, "w";
    DVD_PLUS_R_DL = 0x2b, "DVD+R DL", Sequential, 16, "";
    BD_ROM = 0x40, "BD-ROM", ReadOnly, 32, "";
    BD_R = 0x41, "BD-R", Sequential, 32, "";
    BD_R_RANDOM = 0x42, "BD-R (random)", Unsupported, 32, "";
    BD_RE = 0x43, "BD-RE", Overwrite, 32, "w";
}

impl Profile {
    /// Every profile with a name.
    pub fn all() -> impl Iterator<Item = Self> {
        PROFILES.iter().map(|row| row.profile)
    }

    /// The medium's name, such as `DVD+R`; none for unknown numbers.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// The profile with this name, whatever the case.
    pub fn from_name(name: &str) -> Option<Self> {
        PROFILES.iter().find(|row| row.name.eq_ignore_ascii_case(name)).map(|row| row.profile)
    }

    /// How such a disc is written; unknown profiles are not.
    pub fn write_model(self) -> WriteModel {
        self.row().map_or(WriteModel::Unsupported, |row| row.model)
    }

    /// Whether discs of this profile can be recorded here at all.
    pub fn is_recordable(self) -> bool {
        !matches!(self.write_model(), WriteModel::ReadOnly | WriteModel::Unsupported)
    }

    /// Blocks that every write should be a multiple of: 1 on CD, 16 on DVD, 32 on BD.
    pub fn alignment(self) -> u32 {
        self.row().map_or(1, |row| row.alignment)
    }

    /// Whether writing is governed by mode page 05h.
    pub fn needs_write_parameters(self) -> bool {
        self.row().is_some_and(|row| row.page05)
    }

    /// Whether the standard knows a test write on it; the features tell whether the drive does.
    pub fn has_test_write(self) -> bool {
        self.row().is_some_and(|row| row.test_write)
    }

    /// Whether it can be erased or overwritten.
    pub fn is_rewritable(self) -> bool {
        self.row().is_some_and(|row| row.rewritable)
    }

    /// CD, DVD or BD; none for unknown numbers.
    pub fn family(self) -> Option<Family> {
        match self.0 {
            0x08..=0x0a => Some(Family::Cd),
            0x10..=0x2b => Some(Family::Dvd),
            0x40..=0x43 => Some(Family::Bd),
            _ => None,
        }
    }

    /// Whether it is a CD.
    pub fn is_cd(self) -> bool {
        self.family() == Some(Family::Cd)
    }

    fn row(self) -> Option<&'static Properties> {
        PROFILES.iter().find(|row| row.profile == self)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.0) {
            (Some(name), _) => f.write_str(name),
            (None, 0) => f.write_str("no disc"),
            (None, number) => write!(f, "profile {number:04X}h"),
        }
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const fn contains(flags: &str, flag: u8) -> bool {
    let bytes = flags.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == flag {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_profile() {
        for profile in Profile::all() {
            assert_eq!(profile.name().and_then(Profile::from_name), Some(profile));
        }
        assert_eq!(Profile(0x52).to_string(), "profile 0052h");
        assert_eq!(Profile::NONE.to_string(), "no disc");
    }

    #[test]
    fn properties_are_those_of_the_standard() {
        assert_eq!(Profile(0x1b).write_model(), WriteModel::Sequential);
        assert_eq!(Profile(0x41).alignment(), 32);
        assert!(Profile(0x09).needs_write_parameters() && !Profile(0x1b).needs_write_parameters());
        assert!(Profile(0x0a).is_rewritable() && !Profile(0x09).is_rewritable());
        assert!(Profile(0x11).has_test_write() && !Profile(0x41).has_test_write());
        assert!(!Profile(0x16).is_recordable() && !Profile(0x77).is_recordable());
    }
}
