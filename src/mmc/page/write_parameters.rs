//! Write parameters, page 05h (MMC-6): how CD and DVD-R are to be written.

use crate::mmc::answer::{Malformed, padded};

/// Write type, bits 3-0 of byte 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteType {
    /// 0: packet on CD, incremental on DVD.
    Packet,
    /// 1: track at once.
    TrackAtOnce,
    /// 2: session at once on CD, disc at once on DVD.
    SessionAtOnce,
    /// 3: raw.
    Raw,
    /// 4: layer jump.
    LayerJump,
    /// Another number.
    Other(u8),
}

impl WriteType {
    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Packet => 0,
            Self::TrackAtOnce => 1,
            Self::SessionAtOnce => 2,
            Self::Raw => 3,
            Self::LayerJump => 4,
            Self::Other(number) => number & 0x0f,
        }
    }

    /// The type with this number.
    pub const fn from_number(number: u8) -> Self {
        match number & 0x0f {
            0 => Self::Packet,
            1 => Self::TrackAtOnce,
            2 => Self::SessionAtOnce,
            3 => Self::Raw,
            4 => Self::LayerJump,
            other => Self::Other(other),
        }
    }
}

/// Whether a session may follow, bits 7-6 of byte 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultiSession {
    /// 00: none; closing finalises the disc.
    Last,
    /// 11: another may follow.
    More,
    /// Another value.
    Other(u8),
}

impl MultiSession {
    const fn bits(self) -> u8 {
        match self {
            Self::Last => 0,
            Self::More => 3,
            Self::Other(bits) => bits & 3,
        }
    }

    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Last,
            3 => Self::More,
            other => Self::Other(other),
        }
    }
}

/// Data block types of byte 4 that are written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataBlock(pub u8);

impl DataBlock {
    /// 0: 2352 bytes, audio.
    pub const RAW: Self = Self(0);
    /// 8: 2048 bytes, mode 1.
    pub const MODE_1: Self = Self(8);

    /// Bytes a block, for the types that the standard defines.
    pub const fn bytes(self) -> Option<usize> {
        Some(match self.0 {
            0 => 2352,
            1 => 2368,
            2 | 3 => 2448,
            8 | 10 => 2048,
            9 => 2336,
            11 => 2056,
            12 => 2324,
            13 => 2332,
            _ => return None,
        })
    }
}

/// Page 05h as meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteParameters {
    /// BUFE: underrun protection.
    pub underrun_protection: bool,
    /// LS_V: the link size counts.
    pub link_size_valid: bool,
    /// Nothing is recorded.
    pub test_write: bool,
    /// How.
    pub write_type: WriteType,
    /// Whether another session may follow.
    pub multi_session: MultiSession,
    /// FP: packets of fixed size.
    pub fixed_packets: bool,
    /// Copying is permitted (audio).
    pub copy: bool,
    /// 0 audio, 4 data, 5 DVD incremental.
    pub track_mode: u8,
    /// What a block holds.
    pub data_block: DataBlock,
    /// Link size, blocks.
    pub link_size: u8,
    /// Host application code.
    pub application: u8,
    /// 00h data and audio, 10h CD-I, 20h XA.
    pub session_format: u8,
    /// Packet size, blocks.
    pub packet_size: u32,
    /// Audio pause, blocks.
    pub audio_pause: u16,
    /// Media catalog number, 13 digits in ASCII.
    pub mcn: Option<[u8; 13]>,
    /// Recording code of the track, 12 characters in ASCII.
    pub isrc: Option<[u8; 12]>,
}

impl WriteParameters {
    /// The page code.
    pub const CODE: u8 = 0x05;
    /// Bytes of the page with its header of two.
    pub const LEN: usize = 52;

    /// A CD data track, track at once.
    pub fn cd_track_at_once(multi_session: MultiSession, test_write: bool) -> Self {
        Self {
            underrun_protection: true,
            link_size_valid: false,
            test_write,
            write_type: WriteType::TrackAtOnce,
            multi_session,
            fixed_packets: false,
            copy: false,
            track_mode: 4,
            data_block: DataBlock::MODE_1,
            link_size: 0,
            application: 0,
            session_format: 0,
            packet_size: 0,
            audio_pause: 150,
            mcn: None,
            isrc: None,
        }
    }

    /// DVD-R or DVD-RW, incrementally, with links of 16 blocks.
    pub fn dvd_incremental(multi_session: MultiSession, test_write: bool) -> Self {
        Self {
            link_size_valid: true,
            write_type: WriteType::Packet,
            fixed_packets: true,
            track_mode: 5,
            link_size: 16,
            packet_size: 16,
            ..Self::cd_track_at_once(multi_session, test_write)
        }
    }

    /// DVD-R or DVD-RW, the disc at once.
    pub fn dvd_disc_at_once(test_write: bool) -> Self {
        Self {
            write_type: WriteType::SessionAtOnce,
            track_mode: 5,
            ..Self::cd_track_at_once(MultiSession::Last, test_write)
        }
    }

    /// The page out of a drive's or a host's bytes; what a short one lacks reads as zero.
    ///
    /// # Errors
    /// [`Malformed`] if not even the first eight bytes are there, or they are another page.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "write parameters page";
        let page: [u8; Self::LEN] = padded(bytes, 8, WHAT)?;
        if page[0] & 0x3f != Self::CODE {
            return Err(Malformed::Nonsense { what: WHAT, why: "it is another page" });
        }
        let code = |at: usize| page[at] & 0x80 != 0;
        let mut mcn = [0; 13];
        mcn.copy_from_slice(&page[17..30]);
        let mut isrc = [0; 12];
        isrc.copy_from_slice(&page[33..45]);
        Ok(Self {
            underrun_protection: page[2] & 0x40 != 0,
            link_size_valid: page[2] & 0x20 != 0,
            test_write: page[2] & 0x10 != 0,
            write_type: WriteType::from_number(page[2]),
            multi_session: MultiSession::from_bits(page[3] >> 6),
            fixed_packets: page[3] & 0x20 != 0,
            copy: page[3] & 0x10 != 0,
            track_mode: page[3] & 0x0f,
            data_block: DataBlock(page[4] & 0x0f),
            link_size: page[5],
            application: page[7] & 0x3f,
            session_format: page[8],
            packet_size: u32::from_be_bytes([page[10], page[11], page[12], page[13]]),
            audio_pause: u16::from_be_bytes([page[14], page[15]]),
            mcn: code(16).then_some(mcn),
            isrc: code(32).then_some(isrc),
        })
    }

    /// The page.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let bit = |set: bool, mask: u8| if set { mask } else { 0 };
        let mut page = [0; Self::LEN];
        page[0] = Self::CODE;
        page[1] = 0x32;
        page[2] = bit(self.underrun_protection, 0x40)
            | bit(self.link_size_valid, 0x20)
            | bit(self.test_write, 0x10)
            | self.write_type.number();
        page[3] = self.multi_session.bits() << 6
            | bit(self.fixed_packets, 0x20)
            | bit(self.copy, 0x10)
            | (self.track_mode & 0x0f);
        page[4] = self.data_block.0 & 0x0f;
        page[5] = self.link_size;
        page[7] = self.application & 0x3f;
        page[8] = self.session_format;
        page[10..14].copy_from_slice(&self.packet_size.to_be_bytes());
        page[14..16].copy_from_slice(&self.audio_pause.to_be_bytes());
        if let Some(mcn) = self.mcn {
            page[16] = 0x80;
            page[17..30].copy_from_slice(&mcn);
        }
        if let Some(isrc) = self.isrc {
            page[32] = 0x80;
            page[33..45].copy_from_slice(&isrc);
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_track_has_the_bytes_of_the_standard() {
        let page = WriteParameters::cd_track_at_once(MultiSession::More, true).emit();
        assert_eq!(page[..16], [0x05, 0x32, 0x51, 0xc4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 150]);
        assert_eq!(page[16..], [0; 36]);
        let page = WriteParameters::dvd_incremental(MultiSession::Last, false).emit();
        assert_eq!(page[..16], [0x05, 0x32, 0x60, 0x25, 8, 16, 0, 0, 0, 0, 0, 0, 0, 16, 0, 150]);
        let page = WriteParameters::dvd_disc_at_once(false).emit();
        assert_eq!(page[..6], [0x05, 0x32, 0x42, 0x05, 8, 0]);
    }

    #[test]
    fn every_field_survives_a_round_trip() {
        let page = WriteParameters {
            underrun_protection: false,
            link_size_valid: true,
            test_write: true,
            write_type: WriteType::Other(9),
            multi_session: MultiSession::Other(1),
            fixed_packets: true,
            copy: true,
            track_mode: 7,
            data_block: DataBlock(13),
            link_size: 0xb1,
            application: 0x2c,
            session_format: 0x20,
            packet_size: 0x0102_0304,
            audio_pause: 0x0506,
            mcn: Some(*b"4012345123456"),
            isrc: Some(*b"DEABC0712345"),
        };
        let bytes = page.emit();
        assert_eq!(WriteParameters::parse(&bytes), Ok(page));
        for cut in 0..bytes.len() {
            assert_eq!(WriteParameters::parse(&bytes[..cut]).is_ok(), cut >= 8);
        }
        assert!(WriteParameters::parse(&[0x2a; 52]).is_err());
    }
}
