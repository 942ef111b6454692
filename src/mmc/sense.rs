//! Sense data: why a drive refuses, or how far it is (SPC-4).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::asc;

/// A drive's complaint, out of fixed or descriptor format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sense {
    /// Sense key, 0-15.
    pub key: u8,
    /// Additional sense code.
    pub asc: u8,
    /// Its qualifier.
    pub ascq: u8,
    /// It speaks of an *earlier* command than the one that it answers (71h, 73h): that command must not be
    /// sent again.
    pub deferred: bool,
    /// How far a long operation is, of 65536, if the drive says.
    pub progress: Option<u16>,
    /// The INFORMATION field if valid: on media errors the block.
    pub information: Option<u32>,
    /// The byte of the command or its parameters that the drive did not like, with 5/24 and 5/26.
    pub field: Option<u16>,
}

impl Sense {
    /// Bytes of fixed-format sense as written here.
    pub const FIXED_LEN: usize = 18;

    /// Current sense with these three numbers.
    pub const fn new(key: u8, asc: u8, ascq: u8) -> Self {
        Self { key, asc, ascq, deferred: false, progress: None, information: None, field: None }
    }

    /// The same with the progress of a running operation.
    pub const fn with_progress(self, progress: u16) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// The same, about an earlier command.
    pub const fn deferred(self) -> Self {
        Self { deferred: true, ..self }
    }

    /// Whether key and codes are these.
    pub const fn is(&self, key: u8, asc: u8, ascq: u8) -> bool {
        self.key == key && self.asc == asc && self.ascq == ascq
    }

    /// Progress between 0 and 1.
    pub fn fraction(&self) -> Option<f64> {
        self.progress.map(|progress| f64::from(progress) / 65536.0)
    }

    /// What the drive sent, in either format; none if it is no sense data at all. Missing bytes read as zero.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
        match at(0) & 0x7f {
            code @ (0x70 | 0x71) if bytes.len() >= 3 => Some(Self::parse_fixed(at, code == 0x71)),
            code @ (0x72 | 0x73) if bytes.len() >= 4 => Some(Self::parse_descriptors(bytes, code == 0x73)),
            _ => None,
        }
    }

    fn parse_fixed(at: impl Fn(usize) -> u8, deferred: bool) -> Self {
        let key = at(2) & 0x0f;
        let information = u32::from_be_bytes([at(3), at(4), at(5), at(6)]);
        // Byte 7 counts what follows it: the codes exist only if it reaches them.
        let reach = usize::from(at(7)) + 8;
        let code = |index| if index < reach { at(index) } else { 0 };
        let specific = (reach > 17).then(|| [at(15), at(16), at(17)]);
        let mut sense = Self::new(key, code(12), code(13));
        sense.deferred = deferred;
        sense.information = (at(0) & 0x80 != 0).then_some(information);
        sense.take_specific(specific);
        sense
    }

    fn parse_descriptors(bytes: &[u8], deferred: bool) -> Self {
        let mut sense = Self::new(bytes[1] & 0x0f, bytes[2], bytes[3]);
        sense.deferred = deferred;
        let mut rest = bytes.get(8..).unwrap_or_default();
        while let [kind, length, ..] = *rest {
            let end = (usize::from(length) + 2).min(rest.len());
            let (descriptor, behind) = rest.split_at(end);
            match (kind, descriptor) {
                (0, [_, _, valid, _, _, _, _, _, a, b, c, d, ..]) if valid & 0x80 != 0 => {
                    sense.information = Some(u32::from_be_bytes([*a, *b, *c, *d]));
                }
                (2, [_, _, _, _, a, b, c, ..]) => sense.take_specific(Some([*a, *b, *c])),
                _ => {}
            }
            rest = behind;
        }
        sense
    }

    /// The three sense-key specific bytes: progress or the field at fault, by key.
    fn take_specific(&mut self, specific: Option<[u8; 3]>) {
        let Some([flags, high, low]) = specific else { return };
        if flags & 0x80 == 0 {
            return;
        }
        let value = u16::from_be_bytes([high, low]);
        match self.key {
            0 | 2 => self.progress = Some(value),
            5 => self.field = Some(value),
            _ => {}
        }
    }

    /// The sense as a drive sends it, in fixed format.
    pub fn emit(&self) -> [u8; Self::FIXED_LEN] {
        let mut bytes = [0; Self::FIXED_LEN];
        bytes[0] = if self.deferred { 0x71 } else { 0x70 };
        bytes[2] = self.key & 0x0f;
        bytes[7] = 10;
        bytes[12] = self.asc;
        bytes[13] = self.ascq;
        if let Some(information) = self.information {
            bytes[0] |= 0x80;
            bytes[3..7].copy_from_slice(&information.to_be_bytes());
        }
        let specific = match self.key {
            0 | 2 => self.progress.map(|progress| (0x80, progress)),
            // C/D: the field is in the command, not in its parameters.
            5 => self.field.map(|field| (if self.asc == 0x24 { 0xc0 } else { 0x80 }, field)),
            _ => None,
        };
        if let Some((flags, value)) = specific {
            bytes[15] = flags;
            bytes[16..18].copy_from_slice(&value.to_be_bytes());
        }
        bytes
    }
}

/// The numbers as `5/21/02`, and the name that the standard gives them.
impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:02X}/{:02X}", self.key, self.asc, self.ascq)?;
        match asc::name(self.asc, self.ascq) {
            Some(name) => {
                write!(f, " ({name}{})", if self.deferred { ", of an earlier command" } else { "" })
            }
            None if self.deferred => write!(f, " (of an earlier command)"),
            None => Ok(()),
        }
    }
}

/// Three hexadecimal numbers with slashes between, `5/21/02`.
impl FromStr for Sense {
    type Err = NotSense;

    fn from_str(text: &str) -> Result<Self, NotSense> {
        let mut parts = text.split('/').map(|part| u8::from_str_radix(part, 16));
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(key @ 0..=15)), Some(Ok(asc)), Some(Ok(ascq)), None) => Ok(Self::new(key, asc, ascq)),
            _ => Err(NotSense(text.to_owned())),
        }
    }
}

/// A text that is no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no sense data: key, code and qualifier in hexadecimal are expected, such as 5/21/02")]
pub struct NotSense(String);

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: [u8; 18] = [0xf0, 0, 0x02, 1, 2, 3, 4, 10, 0, 0, 0, 0, 0x04, 0x07, 0, 0x80, 0x12, 0x34];

    #[test]
    fn fixed_format_gives_key_codes_progress_and_block() {
        let sense = Sense::parse(&FIXED).unwrap();
        assert!(sense.is(2, 0x04, 0x07));
        assert_eq!((sense.progress, sense.information), (Some(0x1234), Some(0x0102_0304)));
        assert!(!sense.deferred);
        assert_eq!(sense.emit(), FIXED);
    }

    #[test]
    fn descriptor_format_gives_the_same() {
        let bytes = [
            0x73, 0x02, 0x04, 0x07, 0, 0, 0, 20, 0, 10, 0x80, 0, 0, 0, 0, 0, 1, 2, 3, 4, 2, 6, 0, 0, 0x80,
            0x12, 0x34, 0,
        ];
        let sense = Sense::parse(&bytes).unwrap();
        assert_eq!(sense, Sense::parse(&FIXED).unwrap().deferred());
    }

    #[test]
    fn every_cut_and_every_first_byte_is_survived() {
        for cut in 0..FIXED.len() {
            let sense = Sense::parse(&FIXED[..cut]);
            assert_eq!(sense.is_some(), cut >= 3, "cut at {cut}");
        }
        for first in 0..=255 {
            let mut bytes = [0xa5; 40];
            bytes[0] = first;
            let known = matches!(first & 0x7f, 0x70..=0x73);
            assert_eq!(Sense::parse(&bytes).is_some(), known);
        }
    }

    #[test]
    fn codes_behind_the_stated_length_are_not_believed() {
        let mut bytes = FIXED;
        bytes[7] = 4;
        assert!(Sense::parse(&bytes).unwrap().is(2, 0, 0));
    }

    #[test]
    fn a_field_pointer_is_not_taken_for_progress() {
        let mut bytes = FIXED;
        bytes[2] = 5;
        bytes[12] = 0x24;
        bytes[15] = 0xc0;
        let sense = Sense::parse(&bytes).unwrap();
        assert_eq!((sense.progress, sense.field), (None, Some(0x1234)));
        assert_eq!(sense.emit(), bytes);
    }

    #[test]
    fn prints_numbers_and_name_and_reads_numbers() {
        assert_eq!(Sense::new(5, 0x21, 2).to_string(), "5/21/02 (invalid address for write)");
        assert_eq!(Sense::new(9, 0xe1, 0xf2).to_string(), "9/E1/F2");
        assert_eq!("3/0C/09".parse(), Ok(Sense::new(3, 0x0c, 9)));
        for wrong in ["", "3", "3/0c", "3/0c/00/1", "10/0c/00", "g/00/00", "3/100/00"] {
            assert!(wrong.parse::<Sense>().is_err(), "{wrong}");
        }
    }
}
