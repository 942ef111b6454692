//! Who the drive is, the answer to INQUIRY (SPC-4).

use super::answer::{Malformed, padded};

/// Standard inquiry data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InquiryData {
    /// Peripheral device type; 5 is an optical drive.
    pub device_type: u8,
    /// Vendor, up to 8 characters, trimmed.
    pub vendor: String,
    /// Product, up to 16 characters, trimmed.
    pub product: String,
    /// Firmware revision, up to 4 characters, trimmed.
    pub revision: String,
}

impl InquiryData {
    /// Bytes of the answer.
    pub const LEN: usize = 36;
    /// The device type of optical drives.
    pub const OPTICAL: u8 = 5;

    /// The answer out of a drive's bytes. What is no printable ASCII becomes a question mark.
    ///
    /// # Errors
    /// [`Malformed`] if the names are not there.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: [u8; Self::LEN] = padded(bytes, Self::LEN, "identification")?;
        Ok(Self {
            device_type: raw[0] & 0x1f,
            vendor: text(&raw[8..16]),
            product: text(&raw[16..32]),
            revision: text(&raw[32..36]),
        })
    }

    /// The answer of a removable drive that speaks MMC-6.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0] = self.device_type & 0x1f;
        bytes[1] = 0x80;
        bytes[2] = 0x05;
        bytes[3] = 0x02;
        bytes[4] = 31;
        fill(&mut bytes[8..16], &self.vendor);
        fill(&mut bytes[16..32], &self.product);
        fill(&mut bytes[32..36], &self.revision);
        bytes
    }
}

fn text(bytes: &[u8]) -> String {
    let readable = bytes.iter().map(|byte| match byte {
        0x20..=0x7e => char::from(*byte),
        0 => ' ',
        _ => '?',
    });
    readable.collect::<String>().trim().to_owned()
}

/// ASCII, left-aligned, padded with blanks.
fn fill(field: &mut [u8], text: &str) {
    let characters =
        text.bytes().map(|byte| if byte.is_ascii_graphic() || byte == b' ' { byte } else { b'?' });
    for (target, byte) in field.iter_mut().zip(characters.chain(std::iter::repeat(b' '))) {
        *target = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_the_standard_has_them() {
        let data = InquiryData {
            device_type: 5,
            vendor: "DISCMAST".into(),
            product: "Virtual Recorder".into(),
            revision: "0.1".into(),
        };
        let bytes = data.emit();
        assert_eq!(bytes[..8], [5, 0x80, 5, 2, 31, 0, 0, 0]);
        assert_eq!(&bytes[8..], b"DISCMASTVirtual Recorder0.1 ");
        assert_eq!(InquiryData::parse(&bytes), Ok(data));
        for cut in 0..bytes.len() {
            assert!(InquiryData::parse(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn names_that_are_no_text_do_no_harm() {
        let data = InquiryData::parse(&[0xa5; 36]).unwrap();
        assert_eq!(data.vendor, "????????");
        assert_eq!(InquiryData::parse(&[0x1b; 36]).unwrap().product, "????????????????");
    }
}
