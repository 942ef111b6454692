//! The sub-channels of a CD: Q as the Red Book (IEC 60908) has it, and P to W as they travel (MMC-6, 4.2.3.4).

use super::msf::Msf;

/// Bytes of P to W of one block, as raw data.
pub const RAW: usize = 96;
/// Bytes of Q of one block with its check bytes.
pub const Q: usize = 12;

/// ADR of Q with a position.
pub const ADR_POSITION: u8 = 1;
/// ADR of Q with the media catalog number.
pub const ADR_CATALOG: u8 = 2;
/// ADR of Q with a recording code.
pub const ADR_ISRC: u8 = 3;

/// CRC-16 of Q and of CD-TEXT packs: polynomial 1021h, from zero, inverted.
pub fn crc(bytes: &[u8]) -> u16 {
    !bytes.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    })
}

/// A number below 100 as two decimal digits.
pub const fn bcd(number: u8) -> u8 {
    number / 10 % 10 * 16 + number % 10
}

/// Two decimal digits as a number, if they are digits.
pub const fn from_bcd(byte: u8) -> Option<u8> {
    let (tens, ones) = (byte >> 4, byte & 15);
    if tens < 10 && ones < 10 { Some(tens * 10 + ones) } else { None }
}

/// Q of one block in the programme area, or of one position in the lead-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Control nibble.
    pub control: u8,
    /// Track as it stands there: decimal digits but for AAh.
    pub track: u8,
    /// Index, or the point of a lead-in: decimal digits but for A0h and above.
    pub index: u8,
    /// Time within the track, or the lead-in's running time.
    pub relative: Msf,
    /// Byte 6.
    pub zero: u8,
    /// Time on the disc, or what the point says.
    pub absolute: Msf,
}

impl Position {
    /// The twelve bytes.
    pub fn emit(self) -> [u8; Q] {
        let [rm, rs, rf] = digits(self.relative);
        let [am, asec, af] = digits(self.absolute);
        with_crc([self.control << 4 | 1, self.track, self.index, rm, rs, rf, self.zero, am, asec, af])
    }

    /// The position in twelve bytes; none if they are damaged or something else (ADR other than 1).
    pub fn parse(q: &[u8; Q]) -> Option<Self> {
        if !is_whole(q) || q[0] & 15 != 1 {
            return None;
        }
        let msf = |at: usize| Some(Msf::new(from_bcd(q[at])?, from_bcd(q[at + 1])?, from_bcd(q[at + 2])?));
        let (relative, absolute) = (msf(3)?, msf(7)?);
        Some(Self { control: q[0] >> 4, track: q[1], index: q[2], relative, zero: q[6], absolute })
    }
}

/// Q with the media catalog number (ADR 2): 13 digits.
pub fn catalog(control: u8, digits: &[u8; 13], frame: u8) -> [u8; Q] {
    let digit = |at: usize| digits.get(at).map_or(0, |digit| digit & 15);
    let mut body = [0; 10];
    body[0] = control << 4 | 2;
    for (at, byte) in body[1..8].iter_mut().enumerate() {
        *byte = digit(2 * at) << 4 | digit(2 * at + 1);
    }
    body[9] = bcd(frame);
    with_crc(body)
}

/// Q with a track's recording code (ADR 3): two letters of country, three of owner, two digits of year, five of
/// serial number; the letters in six bits each, the digits in four.
pub fn isrc(control: u8, code: &[u8; 12], frame: u8) -> [u8; Q] {
    let six = |byte: u8| u64::from(byte.wrapping_sub(b'0') & 0x3f);
    let letters = code[..5].iter().fold(0_u64, |bits, byte| bits << 6 | six(*byte)) << 2;
    let numbers = code[5..].iter().fold(0_u64, |bits, byte| bits << 4 | u64::from(byte & 15)) << 4;
    let mut body = [0; 10];
    body[0] = control << 4 | 3;
    body[1..5].copy_from_slice(&letters.to_be_bytes()[4..]);
    body[5..9].copy_from_slice(&numbers.to_be_bytes()[4..]);
    body[9] = bcd(frame);
    with_crc(body)
}

/// The media catalog number in Q, if that is what it holds.
pub fn parse_catalog(q: &[u8; Q]) -> Option<[u8; 13]> {
    if !is_whole(q) || q[0] & 15 != 2 {
        return None;
    }
    let mut text = [0; 13];
    for (at, digit) in text.iter_mut().enumerate() {
        *digit = b'0' + (q[1 + at / 2] >> (4 * (1 - at % 2)) & 15);
    }
    text.iter().all(u8::is_ascii_digit).then_some(text)
}

/// The recording code in Q, if that is what it holds.
pub fn parse_isrc(q: &[u8; Q]) -> Option<[u8; 12]> {
    if !is_whole(q) || q[0] & 15 != 3 {
        return None;
    }
    let letters = u32::from_be_bytes([q[1], q[2], q[3], q[4]]) >> 2;
    let numbers = u32::from_be_bytes([q[5], q[6], q[7], q[8]]) >> 4;
    let mut code = [0; 12];
    for (at, byte) in code[..5].iter_mut().enumerate() {
        *byte = b'0' + (letters >> (24 - 6 * at) & 0x3f) as u8;
    }
    for (at, byte) in code[5..].iter_mut().enumerate() {
        *byte = b'0' + (numbers >> (24 - 4 * at) & 15) as u8;
    }
    is_isrc(&code).then_some(code)
}

/// Whether these are the letters and digits of a recording code.
pub fn is_isrc(code: &[u8; 12]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    code[..5].iter().all(letter) && code[5..].iter().all(u8::is_ascii_digit)
}

/// Whether the check bytes are right.
pub fn is_whole(q: &[u8; Q]) -> bool {
    crc(&q[..10]).to_be_bytes() == q[10..]
}

/// P and Q as 96 raw bytes: bit 7 of each is P, bit 6 is Q; R to W are zero.
pub fn raw(p: bool, q: &[u8; Q]) -> [u8; RAW] {
    let mut bytes = [0; RAW];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from(p) << 7 | (q[at / 8] >> (7 - at % 8) & 1) << 6;
    }
    bytes
}

/// Q out of 96 raw bytes.
pub fn q_of(raw: &[u8; RAW]) -> [u8; Q] {
    let mut q = [0; Q];
    for (at, byte) in raw.iter().enumerate() {
        q[at / 8] |= (byte >> 6 & 1) << (7 - at % 8);
    }
    q
}

fn digits(msf: Msf) -> [u8; 3] {
    [bcd(msf.minute), bcd(msf.second), bcd(msf.frame)]
}

/// Ten bytes of Q and their check bytes.
pub fn with_crc(body: [u8; 10]) -> [u8; Q] {
    let mut q = [0; Q];
    q[..10].copy_from_slice(&body);
    q[10..].copy_from_slice(&crc(&body).to_be_bytes());
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_and_a_damaged_one_is_none() {
        let position = Position {
            control: 4,
            track: 0x12,
            index: 1,
            relative: Msf::new(0, 59, 74),
            zero: 0,
            absolute: Msf::new(12, 34, 56),
        };
        let q = position.emit();
        assert_eq!(q[..10], [0x41, 0x12, 1, 0, 0x59, 0x74, 0, 0x12, 0x34, 0x56]);
        assert_eq!(Position::parse(&q), Some(position));
        assert_eq!(q_of(&raw(true, &q)), q);
        for at in 0..96 {
            let mut damaged = q;
            damaged[at / 8] ^= 1 << (at % 8);
            assert_eq!(Position::parse(&damaged), None);
        }
    }

    #[test]
    fn catalog_and_isrc_stand_as_in_the_red_book() {
        let q = catalog(0, b"4012345123456", 7);
        assert_eq!(q[..10], [2, 0x40, 0x12, 0x34, 0x51, 0x23, 0x45, 0x60, 0, 7]);
        assert_eq!(parse_catalog(&q), Some(*b"4012345123456"));
        // D 14h, E 15h, A 11h, B 12h, C 13h: 010100 010101 010001 010010 010011 00.
        let q = isrc(0, b"DEABC0712345", 0x0c);
        assert_eq!(q[..10], [3, 0x51, 0x54, 0x52, 0x4c, 0x07, 0x12, 0x34, 0x50, 0x12]);
        assert_eq!(parse_isrc(&q), Some(*b"DEABC0712345"));
        assert_eq!((parse_isrc(&catalog(0, b"4012345123456", 0)), parse_catalog(&q)), (None, None));
    }

    #[test]
    fn the_crc_is_that_of_the_standard() {
        // CRC-16/GENIBUS without its initial value: the check word of "123456789" by XMODEM, inverted.
        assert_eq!(crc(b"123456789"), !0x31c3);
    }
}
