//! What a disc says of itself beside its blocks, the answers to READ DISC STRUCTURE (MMC-6): maker, area, layers,
//! spares. A file a family of structures; here the physical format of a DVD and what all of them share.

mod bd;
mod layer;
mod list;
mod pre_recorded;

pub use bd::{BdInformation, SpareArea};
pub use layer::LayerBoundary;
pub use list::{StructureEntry, StructureList};
pub use pre_recorded::PreRecorded;

use super::answer::{Malformed, padded};

/// Format codes of READ DISC STRUCTURE and SEND DISC STRUCTURE.
pub mod code {
    /// 00h: physical format of a DVD; disc information (DI) of a BD.
    pub const PHYSICAL: u8 = 0x00;
    /// 0Ah: spares of a BD, or of a DVD-RAM.
    pub const SPARE_AREA: u8 = 0x0a;
    /// 0Eh: what is recorded in the groove of a DVD-R or DVD-RW: its maker.
    pub const PRE_RECORDED: u8 = 0x0e;
    /// 10h: physical format as the recorded lead-in has it.
    pub const RECORDED: u8 = 0x10;
    /// 11h: physical format as the address in the groove of a DVD+R or DVD+RW has it.
    pub const ADIP: u8 = 0x11;
    /// 20h: where layer 0 ends.
    pub const LAYER_BOUNDARY: u8 = 0x20;
    /// FFh: which structures there are.
    pub const LIST: u8 = 0xff;
}

/// Bytes of the header before the structure.
pub const HEADER: usize = 4;

/// Who made a DVD+R or DVD+RW: bytes 19-29 of the physical format information (ECMA-349).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaId {
    /// Manufacturer, up to 8 characters.
    pub manufacturer: String,
    /// Media type, up to 3 characters.
    pub media_type: String,
}

impl MediaId {
    /// The id in a DVD+R's format 00h or 11h; none if it holds no characters.
    ///
    /// # Errors
    /// [`Malformed`] if the answer ends before the id.
    pub fn parse_dvd(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        Self::parse_at(bytes, HEADER + 19, 8)
    }

    /// The id in the first disc information unit of a BD's format 00h (bytes 100-108).
    ///
    /// # Errors
    /// [`Malformed`] if the answer ends before the id.
    pub fn parse_bd(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        Self::parse_at(bytes, HEADER + 100, 6)
    }

    fn parse_at(bytes: &[u8], at: usize, maker: usize) -> Result<Option<Self>, Malformed> {
        let raw: [u8; HEADER + 112] = padded(bytes, at + maker + 3, "disc structure")?;
        let id = Self {
            manufacturer: text(&raw[at..at + maker]),
            media_type: text(&raw[at + maker..at + maker + 3]),
        };
        Ok((!id.manufacturer.is_empty()).then_some(id))
    }

    /// The id as it is usually written, such as `MCC/004`.
    pub fn code(&self) -> String {
        if self.media_type.is_empty() {
            self.manufacturer.clone()
        } else {
            format!("{}/{}", self.manufacturer, self.media_type)
        }
    }
}

/// Physical format information of a DVD, format 00h (MMC-6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhysicalFormat {
    /// High nibble book type (Ah DVD+R, 9h DVD+RW, 0h DVD-ROM), low nibble version.
    pub book: u8,
    /// Layers, 1 or 2.
    pub layers: u8,
    /// First block of the data area in the disc's own count, 030000h.
    pub first: u32,
    /// Last block of the data area in the same count.
    pub last: u32,
    /// The maker, on recordable discs.
    pub id: Option<MediaId>,
}

impl PhysicalFormat {
    /// Bytes of the structure as written here.
    pub const LEN: usize = 256;

    /// The structure out of a drive's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if the fixed part is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: [u8; HEADER + 20] = padded(bytes, HEADER + 16, "physical format")?;
        let at = |index: usize| raw[HEADER + index];
        Ok(Self {
            book: at(0),
            layers: (at(2) >> 5 & 3) + 1,
            first: u32::from_be_bytes([0, at(5), at(6), at(7)]),
            last: u32::from_be_bytes([0, at(9), at(10), at(11)]),
            id: MediaId::parse_dvd(bytes).unwrap_or(None),
        })
    }

    /// The answer.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + Self::LEN];
        let length = u16::try_from(bytes.len() - 2).unwrap_or(u16::MAX);
        bytes[..2].copy_from_slice(&length.to_be_bytes());
        let body = &mut bytes[HEADER..];
        body[0] = self.book;
        // 120 mm, no maximum rate specified.
        body[1] = 0x0f;
        body[2] = self.layers.saturating_sub(1) << 5 | 0x02;
        body[5..8].copy_from_slice(&self.first.to_be_bytes()[1..]);
        body[9..12].copy_from_slice(&self.last.to_be_bytes()[1..]);
        if let Some(id) = &self.id {
            fill(&mut body[19..27], &id.manufacturer);
            fill(&mut body[27..30], &id.media_type);
        }
        bytes
    }
}

fn text(bytes: &[u8]) -> String {
    let readable = bytes.iter().take_while(|byte| matches!(byte, 0x20..=0x7e));
    readable.map(|byte| char::from(*byte)).collect::<String>().trim().to_owned()
}

fn fill(field: &mut [u8], text: &str) {
    for (target, byte) in field.iter_mut().zip(text.bytes().filter(u8::is_ascii_graphic)) {
        *target = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maker_and_area_stand_where_the_standard_has_them() {
        let format = PhysicalFormat {
            book: 0xa1,
            layers: 1,
            first: 0x03_0000,
            last: 0x26_053f,
            id: Some(MediaId { manufacturer: "MCC".into(), media_type: "004".into() }),
        };
        let bytes = format.emit();
        assert_eq!(bytes[..16], [1, 2, 0, 0, 0xa1, 0x0f, 2, 0, 0, 3, 0, 0, 0, 0x26, 5, 0x3f]);
        assert_eq!(&bytes[23..34], b"MCC\0\0\0\0\x00004");
        assert_eq!(PhysicalFormat::parse(&bytes), Ok(format));
        assert_eq!(MediaId::parse_dvd(&bytes).unwrap().unwrap().code(), "MCC/004");
        for cut in 0..34 {
            assert_eq!(PhysicalFormat::parse(&bytes[..cut]).is_ok(), cut >= 20);
            assert!(MediaId::parse_dvd(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn a_blu_ray_names_its_maker_elsewhere() {
        let mut bytes = vec![0; 116];
        bytes[104..113].copy_from_slice(b"VERBATIMe");
        assert_eq!(MediaId::parse_bd(&bytes).unwrap().unwrap().code(), "VERBAT/IMe");
        assert_eq!(MediaId::parse_bd(&[0; 116]), Ok(None));
    }
}
