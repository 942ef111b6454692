//! CD-TEXT as it travels: packs of 18 bytes (MMC-6 annex, IEC 61866), and the R to W symbols that carry them in
//! the lead-in. What the packs mean is not known here.

use super::subchannel::{RAW, crc};

/// Bytes of a pack.
pub const PACK: usize = 18;
/// Packs in the sub-channel of one block.
pub const PER_BLOCK: usize = 4;
/// Packs at most: eight languages of 256.
pub const MAX_PACKS: usize = 8 * 256;

/// A pack: four bytes of header, twelve of text, two of CRC.
pub type Pack = [u8; PACK];

/// Whether its check bytes are right. Drives that strip them leave zeros.
pub fn is_whole(pack: &Pack) -> bool {
    crc(&pack[..16]).to_be_bytes() == pack[16..]
}

/// Sets the check bytes.
pub fn seal(pack: &mut Pack) {
    let check = crc(&pack[..16]);
    pack[16..].copy_from_slice(&check.to_be_bytes());
}

/// Four packs as the 96 symbols of six bits that a host writes into the lead-in.
pub fn unfold(packs: &[Pack; PER_BLOCK]) -> [u8; RAW] {
    let mut symbols = [0; RAW];
    for (three, four) in packs.as_flattened().chunks_exact(3).zip(symbols.chunks_exact_mut(4)) {
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for (at, symbol) in four.iter_mut().enumerate() {
            *symbol = (bits >> (18 - 6 * at) & 0x3f) as u8;
        }
    }
    symbols
}

/// The packs in 96 symbols; the two high bits of each are not looked at.
pub fn fold(symbols: &[u8; RAW]) -> [Pack; PER_BLOCK] {
    let mut packs = [[0; PACK]; PER_BLOCK];
    for (four, three) in symbols.chunks_exact(4).zip(packs.as_flattened_mut().chunks_exact_mut(3)) {
        let bits = four.iter().fold(0_u32, |bits, symbol| bits << 6 | u32::from(symbol & 0x3f));
        three.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    packs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_unfold_to_six_bits_first_bit_first_and_fold_back() {
        let mut packs = [[0; PACK]; PER_BLOCK];
        packs.as_flattened_mut().iter_mut().zip(0_u8..).for_each(|(byte, at)| *byte = at.wrapping_mul(37));
        packs[0][..3].copy_from_slice(&[0x80, 0x01, 0xff]);
        let symbols = unfold(&packs);
        assert_eq!(symbols[..4], [0x20, 0x00, 0x07, 0x3f]);
        assert_eq!(fold(&symbols), packs);
        assert_eq!(fold(&symbols.map(|symbol| symbol | 0xc0)), packs);
    }

    #[test]
    fn a_sealed_pack_is_whole_until_a_bit_falls() {
        let mut pack = *b"\x80\x00\x00\x00Hello world!\0\0";
        assert!(!is_whole(&pack));
        seal(&mut pack);
        assert!(is_whole(&pack));
        pack[5] ^= 4;
        assert!(!is_whole(&pack));
    }
}
