//! The languages and letters of CD-TEXT (MMC-6 annex J; the codes are those of EBU Tech 3258).

use serde::{Deserialize, Serialize};

use super::{Error, ErrorKind, Result};

/// A language that CD-TEXT has a code for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Language(u8);

/// How the characters of texts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Letters {
    /// The first of the others that has all of them.
    #[default]
    Any,
    /// ISO 8859-1.
    Latin,
    /// ASCII.
    Ascii,
    /// MS-JIS, two bytes a character.
    Japanese,
}

impl Language {
    /// English.
    pub const ENGLISH: Self = Self(0x09);
    /// Japanese.
    pub const JAPANESE: Self = Self(0x69);

    /// The language of a code of ISO 639-1 such as `de`.
    ///
    /// # Errors
    /// `InvalidArgs` for what is none, or none that a disc could name.
    pub fn named(name: &str) -> Result<Self> {
        let found = CODES.iter().find(|(_, own)| own.eq_ignore_ascii_case(name));
        found.map(|(code, _)| Self(*code)).ok_or_else(|| {
            let message = format!(
                "“{name}” is no language that CD-TEXT has a code for: “en”, “de”, “ja” are (ISO 639-1)."
            );
            Error::new(ErrorKind::InvalidArgs, message)
        })
    }

    /// The language of a code on a disc.
    pub const fn of_code(code: u8) -> Self {
        Self(code)
    }

    /// Its code on a disc.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Its code of ISO 639-1; nothing for a code that is not in the list.
    pub fn name(self) -> &'static str {
        CODES.iter().find(|(code, _)| *code == self.0).map_or("", |(_, name)| name)
    }
}

impl Letters {
    /// Every way with its name on the bus.
    pub const NAMES: [(&str, Self); 4] =
        [("", Self::Any), ("latin-1", Self::Latin), ("ascii", Self::Ascii), ("ms-jis", Self::Japanese)];

    /// Its name on the bus.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, own)| *own == self).map_or("", |(name, _)| name)
    }
}

#[rustfmt::skip]
const CODES: [(u8, &str); 95] = [
    (0x01, "sq"), (0x02, "br"), (0x03, "ca"), (0x04, "hr"), (0x05, "cy"), (0x06, "cs"), (0x07, "da"), (0x08, "de"),
    (0x09, "en"), (0x0a, "es"), (0x0b, "eo"), (0x0c, "et"), (0x0d, "eu"), (0x0e, "fo"), (0x0f, "fr"), (0x10, "fy"),
    (0x11, "ga"), (0x12, "gd"), (0x13, "gl"), (0x14, "is"), (0x15, "it"), (0x16, "se"), (0x17, "la"), (0x18, "lv"),
    (0x19, "lb"), (0x1a, "lt"), (0x1b, "hu"), (0x1c, "mt"), (0x1d, "nl"), (0x1e, "no"), (0x1f, "oc"), (0x20, "pl"),
    (0x21, "pt"), (0x22, "ro"), (0x23, "rm"), (0x24, "sr"), (0x25, "sk"), (0x26, "sl"), (0x27, "fi"), (0x28, "sv"),
    (0x29, "tr"), (0x2b, "wa"), (0x45, "zu"), (0x46, "vi"), (0x47, "uz"), (0x48, "ur"), (0x49, "uk"), (0x4a, "th"),
    (0x4b, "te"), (0x4c, "tt"), (0x4d, "ta"), (0x4e, "tg"), (0x4f, "sw"), (0x51, "so"), (0x52, "si"), (0x53, "sn"),
    (0x54, "sh"), (0x56, "ru"), (0x57, "qu"), (0x58, "ps"), (0x59, "pa"), (0x5a, "fa"), (0x5c, "or"), (0x5d, "ne"),
    (0x5e, "nd"), (0x5f, "mr"), (0x60, "mo"), (0x61, "ms"), (0x62, "mg"), (0x63, "mk"), (0x64, "lo"), (0x65, "ko"),
    (0x66, "km"), (0x67, "kk"), (0x68, "kn"), (0x69, "ja"), (0x6a, "id"), (0x6b, "hi"), (0x6c, "he"), (0x6d, "ha"),
    (0x6e, "gn"), (0x6f, "gu"), (0x70, "el"), (0x71, "ka"), (0x72, "ff"), (0x74, "cv"), (0x75, "zh"), (0x76, "my"),
    (0x77, "bg"), (0x78, "bn"), (0x79, "be"), (0x7a, "bm"), (0x7b, "az"), (0x7c, "as"), (0x7d, "hy"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_their_codes_and_names_and_no_two_the_same() {
        assert_eq!(
            (Language::named("DE").unwrap().code(), Language::named("ja").unwrap().code()),
            (0x08, 0x69)
        );
        assert_eq!((Language::ENGLISH.name(), Language::of_code(0x44).name()), ("en", ""));
        for wrong in ["", "xx", "deu"] {
            assert_eq!(Language::named(wrong).unwrap_err().kind, ErrorKind::InvalidArgs);
        }
        assert!(CODES.is_sorted_by(|one, other| one.0 < other.0));
        let names: std::collections::BTreeSet<_> = CODES.iter().map(|(_, name)| name).collect();
        assert_eq!(names.len(), CODES.len());
    }
}
