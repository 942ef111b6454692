//! Mode pages, and the header that they travel behind (SPC-4, MMC-6).

mod capabilities;
mod write_parameters;

pub use capabilities::Capabilities;
pub use write_parameters::{DataBlock, MultiSession, WriteParameters, WriteType};

/// Bytes of the header of MODE SENSE (10) and MODE SELECT (10).
pub const HEADER: usize = 8;

/// The page `code` in an answer to MODE SENSE (10), its own two bytes of header included. Block descriptors
/// may stand before it, and drives misstate lengths: what is there counts.
pub fn find(answer: &[u8], code: u8) -> Option<&[u8]> {
    let descriptors = usize::from(u16::from_be_bytes([*answer.get(6)?, *answer.get(7)?]));
    let mut rest = answer.get(HEADER.checked_add(descriptors)?..)?;
    while let [head, length, ..] = *rest {
        let end = (usize::from(length) + 2).min(rest.len());
        if head & 0x3f == code {
            return Some(&rest[..end]);
        }
        rest = &rest[end..];
    }
    None
}

/// A page behind an empty header, as MODE SELECT (10) wants it.
pub fn select(page: &[u8]) -> Vec<u8> {
    let mut list = vec![0; HEADER];
    list.extend_from_slice(page);
    list
}

/// Pages behind a header that tells their length, as MODE SENSE (10) answers.
pub fn answer(pages: &[u8]) -> Vec<u8> {
    let mut list = select(pages);
    let length = u16::try_from(list.len() - 2).unwrap_or(u16::MAX);
    list[..2].copy_from_slice(&length.to_be_bytes());
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_behind_block_descriptors_and_other_pages() {
        let mut bytes = vec![0, 0, 0, 0, 0, 0, 0, 8];
        bytes.extend([0xa5; 8]);
        bytes.extend([0x81, 2, 0xb1, 0xb2]);
        bytes.extend([0x2a, 3, 0xc1, 0xc2, 0xc3]);
        assert_eq!(find(&bytes, 0x2a), Some(&[0x2a, 3, 0xc1, 0xc2, 0xc3][..]));
        assert_eq!(find(&bytes, 0x01), Some(&[0x81, 2, 0xb1, 0xb2][..]));
        assert_eq!(find(&bytes, 0x05), None);
        for cut in 0..bytes.len() {
            let _ = find(&bytes[..cut], 0x2a);
        }
        assert_eq!(find(&bytes[..22], 0x2a), Some(&[0x2a, 3][..]));
    }
}
