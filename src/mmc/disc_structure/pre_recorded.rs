//! What the groove of a DVD-R or DVD-RW says of its maker, format 0Eh (MMC-6; ECMA-279, ECMA-338): fields of eight
//! bytes, the first of which is the field's number.

use super::HEADER;
use crate::mmc::answer::{Malformed, padded};

/// The fields that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreRecorded {
    /// Field 1: the physical code: bit 3 rewritable.
    pub physical: u8,
    /// Field 1: the last block of the data area, in the disc's own count.
    pub last: u32,
    /// Fields 3 and 4: the maker, up to 12 characters, such as `MCC 03RG20`.
    pub maker: String,
}

impl PreRecorded {
    /// Bytes with the header.
    pub const LEN: usize = HEADER + 40;

    /// The structure out of a drive's bytes. Some drives send four bytes and nothing in them.
    ///
    /// # Errors
    /// [`Malformed`] if the fields up to the maker are not whole, or are not numbered as they have to be.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "pre-recorded information";
        let raw: [u8; HEADER + 32] = padded(bytes, HEADER + 32, WHAT)?;
        let raw = &raw[HEADER..];
        if (raw[0], raw[16], raw[24]) != (1, 3, 4) {
            return Err(Malformed::Nonsense { what: WHAT, why: "its fields are not numbered" });
        }
        let text = |field: &[u8]| field.iter().copied().map(char::from).collect::<String>();
        let maker = text(&raw[17..23]) + &text(&raw[25..31]);
        Ok(Self {
            physical: raw[2],
            last: u32::from_be_bytes([0, raw[3], raw[4], raw[5]]),
            maker: maker.trim_matches([' ', '\0']).replace(|it: char| !matches!(it, ' '..='~'), " "),
        })
    }

    /// The structure with its header.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[1] = (Self::LEN - 2) as u8;
        let body = &mut bytes[HEADER..];
        for (number, field) in (1..).zip(body.chunks_exact_mut(8)) {
            field[0] = number;
        }
        body[2] = self.physical;
        body[3..6].copy_from_slice(&self.last.to_be_bytes()[1..]);
        let mut maker = [b' '; 12];
        for (target, byte) in maker.iter_mut().zip(self.maker.bytes().filter(|it| matches!(it, b' '..=b'~')))
        {
            *target = byte;
        }
        body[17..23].copy_from_slice(&maker[..6]);
        body[25..31].copy_from_slice(&maker[6..]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maker_stands_where_other_burners_look_for_it() {
        let format = PreRecorded { physical: 8, last: 0x26_053f, maker: "MCC 03RG20".into() };
        let bytes = format.emit();
        assert_eq!(bytes[..12], [0, 42, 0, 0, 1, 0, 8, 0x26, 5, 0x3f, 0, 0]);
        // dvd+rw-mediainfo: six characters at 21 and at 29.
        assert_eq!((&bytes[20..28], &bytes[28..36]), (&b"\x03MCC 03\0"[..], &b"\x04RG20  \0"[..]));
        assert_eq!(PreRecorded::parse(&bytes), Ok(format));
        for cut in 0..bytes.len() {
            assert_eq!(PreRecorded::parse(&bytes[..cut]).is_ok(), cut >= 36);
        }
        assert!(PreRecorded::parse(&[0; 44]).is_err());
        assert!(PreRecorded::parse(&[0xff; 44]).is_err());
    }
}
