//! Which structures can be read and sent, format FFh (MMC-6).

use super::HEADER;
use crate::mmc::answer::{Malformed, padded, within_length16};

/// The list; an entry a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureList(pub Vec<StructureEntry>);

/// What can be done with one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StructureEntry {
    /// Format code.
    pub code: u8,
    /// SDS: it can be sent.
    pub sent: bool,
    /// RDS: it can be read.
    pub read: bool,
    /// Bytes of it, header included.
    pub length: u16,
}

impl StructureList {
    /// The list out of a drive's bytes; an entry that is cut off ends it.
    ///
    /// # Errors
    /// [`Malformed`] if the header is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let _: [u8; HEADER] = padded(bytes, HEADER, "list of disc structures")?;
        let entries = within_length16(bytes).get(HEADER..).unwrap_or_default().chunks_exact(4);
        Ok(Self(
            entries
                .map(|raw| StructureEntry {
                    code: raw[0],
                    sent: raw[1] & 0x80 != 0,
                    read: raw[1] & 0x40 != 0,
                    length: u16::from_be_bytes([raw[2], raw[3]]),
                })
                .collect(),
        ))
    }

    /// The list with its header.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        for entry in &self.0 {
            bytes.extend([entry.code, u8::from(entry.sent) << 7 | u8::from(entry.read) << 6]);
            bytes.extend(entry.length.to_be_bytes());
        }
        let length = u16::try_from(bytes.len() - 2).unwrap_or(u16::MAX);
        bytes[..2].copy_from_slice(&length.to_be_bytes());
        bytes
    }

    /// The entry of a format, if it is listed.
    pub fn entry(&self, code: u8) -> Option<&StructureEntry> {
        self.0.iter().find(|entry| entry.code == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_where_the_standard_has_them() {
        let bytes = [0, 10, 0, 0, 0x00, 0x40, 8, 4, 0x20, 0xc0, 0, 12];
        let list = StructureList::parse(&bytes).unwrap();
        assert_eq!(list.emit(), bytes);
        assert_eq!(
            list.entry(0x20),
            Some(&StructureEntry { code: 0x20, sent: true, read: true, length: 12 })
        );
        assert_eq!(list.entry(0), Some(&StructureEntry { code: 0, sent: false, read: true, length: 0x804 }));
        for cut in 0..bytes.len() {
            match StructureList::parse(&bytes[..cut]) {
                Ok(list) => assert_eq!(list.0.len(), (cut - 4) / 4),
                Err(_) => assert!(cut < 4),
            }
        }
    }
}
