//! Sectors of 2352 bytes: synchronisation, header, error detection and correction (ECMA-130), and scrambling.

use super::BLOCK;
use super::msf::Msf;
use super::subchannel::{bcd, from_bcd};

/// Bytes of a whole sector.
pub const SECTOR: usize = 2352;
/// What a data sector begins with.
pub const SYNC: [u8; 12] = [0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0];
/// Where the user data start in mode 1 and in mode 2 without form.
pub const HEADER_END: usize = 16;
/// Where the user data start behind a sub-header.
pub const SUB_HEADER_END: usize = 24;
/// The bit of a sub-header's third byte that says form 2.
pub const FORM_2: u8 = 0x20;

/// A whole sector.
pub type Sector = [u8; SECTOR];

/// A sector of mode 1 at `lba` with these user data.
pub fn mode_1(lba: i32, user: &[u8; BLOCK]) -> Sector {
    let mut sector = header(lba, 1);
    sector[HEADER_END..HEADER_END + BLOCK].copy_from_slice(user);
    let check = edc(&sector[..HEADER_END + BLOCK]);
    sector[2064..2068].copy_from_slice(&check);
    correct(&mut sector);
    sector
}

/// A sector of mode 2 form 1 or 2 at `lba`, as `body` says: eight bytes of sub-header, the user data, and for form
/// 1 the places of the checks, which are computed here.
pub fn xa(lba: i32, body: &[u8; 2336]) -> Sector {
    let mut sector = header(lba, 2);
    sector[HEADER_END..].copy_from_slice(body);
    if sector[18] & FORM_2 != 0 {
        let check = edc(&sector[HEADER_END..2348]);
        sector[2348..].copy_from_slice(&check);
        return sector;
    }
    let check = edc(&sector[HEADER_END..2072]);
    sector[2072..2076].copy_from_slice(&check);
    // The header counts as zeros, so that a sector can be moved.
    let place = [sector[12], sector[13], sector[14], sector[15]];
    sector[12..16].fill(0);
    correct(&mut sector);
    sector[12..16].copy_from_slice(&place);
    sector
}

/// A sector of mode 2 without form.
pub fn mode_2(lba: i32, user: &[u8; 2336]) -> Sector {
    let mut sector = header(lba, 2);
    sector[HEADER_END..].copy_from_slice(user);
    sector
}

/// The same sector at another place; its checks stay right only in mode 2.
pub fn position(sector: &Sector) -> Option<Msf> {
    let [minute, second, frame] = [sector[12], sector[13], sector[14]].map(from_bcd);
    (sector[..12] == SYNC).then_some(Msf::new(minute?, second?, frame?))
}

/// Scrambles a data sector for the disc, or undoes that (ECMA-130 annex B).
pub fn scramble(sector: &mut Sector) {
    let mut register = 1_u16;
    for byte in &mut sector[12..] {
        *byte ^= (register & 0xff) as u8;
        for _ in 0..8 {
            let bit = (register ^ register >> 1) & 1;
            register = register >> 1 | bit << 14;
        }
    }
}

/// Error detection code: CRC-32 with the polynomial 8001801Bh, low bits first.
pub fn edc(bytes: &[u8]) -> [u8; 4] {
    let crc = bytes.iter().fold(0_u32, |crc, byte| crc >> 8 ^ EDC[usize::from((crc as u8) ^ byte)]);
    crc.to_le_bytes()
}

const EDC: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xd801_8001 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

/// Doubling in the field of 256 elements with the polynomial 11Dh.
const fn double(value: u8) -> u8 {
    value << 1 ^ if value & 0x80 == 0 { 0 } else { 0x1d }
}

/// Division by three (1 + the field's root), which solves for the second parity byte.
const THIRD: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        table[(at as u8 ^ double(at as u8)) as usize] = at as u8;
        at += 1;
    }
    table
};

/// The P parity over the 24 × 86 matrix, then the Q parity over its diagonals.
fn correct(sector: &mut Sector) {
    parity(&mut sector[12..], (86, 24), (2, 86), 2064);
    parity(&mut sector[12..], (52, 43), (86, 88), 2236);
}

fn parity(body: &mut [u8], (words, length): (usize, usize), (step, stride): (usize, usize), to: usize) {
    let size = words * length;
    for word in 0..words {
        let mut at = word / 2 * step + word % 2;
        let (mut weighted, mut sum) = (0_u8, 0_u8);
        for _ in 0..length {
            let byte = body[at];
            weighted = double(weighted ^ byte);
            sum ^= byte;
            at += stride;
            if at >= size {
                at -= size;
            }
        }
        let first = THIRD[usize::from(double(weighted) ^ sum)];
        body[to + word] = first;
        body[to + words + word] = first ^ sum;
    }
}

fn header(lba: i32, mode: u8) -> Sector {
    let mut sector = [0; SECTOR];
    sector[..12].copy_from_slice(&SYNC);
    let place = Msf::from_lba(lba).unwrap_or_default();
    sector[12..16].copy_from_slice(&[bcd(place.minute), bcd(place.second), bcd(place.frame), mode]);
    sector
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every P and Q word of a right sector has the syndromes zero (ECMA-130 annex A).
    fn syndromes_are_zero(sector: &Sector) -> bool {
        let body = &sector[12..];
        let check = |word: &[usize]| {
            let sum = word.iter().fold(0, |sum, at| sum ^ body[*at]);
            let weighted = word.iter().fold(0, |sum, at| double(sum) ^ body[*at]);
            sum == 0 && weighted == 0
        };
        let p = (0..86).all(|n| check(&(0..26).map(|m| n + 86 * m).collect::<Vec<_>>()));
        let q = (0..26).all(|n| {
            (0..2).all(|byte| {
                let mut word: Vec<_> = (0..43).map(|m| (44 * m + 43 * n) % 1118 * 2 + byte).collect();
                word.extend([2236 + 2 * n + byte, 2288 + 2 * n + byte]);
                check(&word)
            })
        });
        p && q
    }

    fn noise<const N: usize>() -> [u8; N] {
        std::array::from_fn(|at| ((at as u32).wrapping_mul(2_654_435_761) >> 11) as u8)
    }

    #[test]
    fn a_sector_of_mode_1_satisfies_the_equations_of_ecma_130() {
        let sector = mode_1(16, &noise());
        assert_eq!((&sector[..12], &sector[12..16]), (&SYNC[..], &[0, 0x02, 0x16, 1][..]));
        assert_eq!(position(&sector), Some(Msf::new(0, 2, 16)));
        assert!(syndromes_are_zero(&sector));
        // A CRC over data and its own checksum is zero.
        assert_eq!(edc(&sector[..2068]), [0; 4]);
        assert_eq!(sector[2068..2076], [0; 8]);
    }

    #[test]
    fn sectors_of_mode_2_have_the_checks_of_their_form() {
        let mut body = noise::<2336>();
        body[..8].copy_from_slice(&[0, 0, 8, 0, 0, 0, 8, 0]);
        let one = xa(16, &body);
        assert_eq!(edc(&one[16..2076]), [0; 4]);
        let mut moved = one;
        moved[12..16].fill(0);
        assert!(syndromes_are_zero(&moved));
        body[2] = FORM_2;
        assert_eq!(edc(&xa(16, &body)[16..]), [0; 4]);
        assert_eq!(mode_2(16, &body)[16..], body);
    }

    #[test]
    fn the_scrambler_starts_as_the_standard_says_and_undoes_itself() {
        let mut sector = [0; SECTOR];
        scramble(&mut sector);
        assert_eq!(sector[..12], [0; 12]);
        assert_eq!(sector[12..20], [0x01, 0x80, 0x00, 0x60, 0x00, 0x28, 0x00, 0x1e]);
        scramble(&mut sector);
        assert_eq!(sector, [0; SECTOR]);
    }
}
