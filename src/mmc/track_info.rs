//! Track information, the answer to READ TRACK INFORMATION (MMC-6).

use zerocopy::big_endian::{I32, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::answer::{Malformed, padded};

/// Track information as meaning. Addresses are blocks, signed as on CD; sizes are blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackInformation {
    /// Its number.
    pub track: u16,
    /// The session it is in.
    pub session: u16,
    /// It ended badly.
    pub damaged: bool,
    /// Copying is permitted, or it is a copy.
    pub copy: bool,
    /// Control nibble of the table of contents: 4 data.
    pub mode: u8,
    /// Reserved.
    pub reserved: bool,
    /// Nothing is written in it.
    pub blank: bool,
    /// Written in packets.
    pub packet: bool,
    /// Packets of fixed size.
    pub fixed_packets: bool,
    /// 1 mode 1, 2 mode 2, Fh unknown.
    pub data_mode: u8,
    /// First block.
    pub start: i32,
    /// Where the next write has to start, if it can be written.
    pub next_writable: Option<i32>,
    /// Blocks that still fit.
    pub free: u32,
    /// Packet size, blocks.
    pub packet_size: u32,
    /// Blocks, the unreadable run-out of a track written at once included.
    pub size: u32,
    /// Last block written, if the drive knows it.
    pub last_recorded: Option<i32>,
}

impl TrackInformation {
    /// Bytes of the answer.
    pub const LEN: usize = 36;

    /// The answer out of a drive's bytes. The first 28 must be there: older drives send no more.
    ///
    /// # Errors
    /// [`Malformed`] if it is shorter.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: Raw = padded(bytes, 28, "track information")?;
        Ok(Self {
            track: u16::from_be_bytes([raw.track_msb, raw.track]),
            session: u16::from_be_bytes([raw.session_msb, raw.session]),
            damaged: raw.mode & 0x20 != 0,
            copy: raw.mode & 0x10 != 0,
            mode: raw.mode & 0x0f,
            reserved: raw.flags & 0x80 != 0,
            blank: raw.flags & 0x40 != 0,
            packet: raw.flags & 0x20 != 0,
            fixed_packets: raw.flags & 0x10 != 0,
            data_mode: raw.flags & 0x0f,
            start: raw.start.get(),
            next_writable: (raw.valid & 1 != 0).then_some(raw.next_writable.get()),
            free: raw.free.get(),
            packet_size: raw.packet_size.get(),
            size: raw.size.get(),
            last_recorded: (raw.valid & 2 != 0).then_some(raw.last_recorded.get()),
        })
    }

    /// The answer.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let bit = |set: bool, mask: u8| if set { mask } else { 0 };
        let [track_msb, track] = self.track.to_be_bytes();
        let [session_msb, session] = self.session.to_be_bytes();
        let raw = Raw {
            length: 34.into(),
            track,
            session,
            reserved4: 0,
            mode: bit(self.damaged, 0x20) | bit(self.copy, 0x10) | (self.mode & 0x0f),
            flags: bit(self.reserved, 0x80)
                | bit(self.blank, 0x40)
                | bit(self.packet, 0x20)
                | bit(self.fixed_packets, 0x10)
                | (self.data_mode & 0x0f),
            valid: bit(self.next_writable.is_some(), 1) | bit(self.last_recorded.is_some(), 2),
            start: self.start.into(),
            next_writable: self.next_writable.unwrap_or(0).into(),
            free: self.free.into(),
            packet_size: self.packet_size.into(),
            size: self.size.into(),
            last_recorded: self.last_recorded.unwrap_or(0).into(),
            track_msb,
            session_msb,
            reserved34: [0; 2],
        };
        let mut bytes = [0; Self::LEN];
        bytes.copy_from_slice(raw.as_bytes());
        bytes
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    length: U16,
    track: u8,
    session: u8,
    reserved4: u8,
    mode: u8,
    flags: u8,
    valid: u8,
    start: I32,
    next_writable: I32,
    free: U32,
    packet_size: U32,
    size: U32,
    last_recorded: I32,
    track_msb: u8,
    session_msb: u8,
    reserved34: [u8; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: [u8; 36] = [
        0, 34, 0x02, 0x03, 0, 0x34, 0xa1, 0x03, 0, 0, 0x2c, 0x88, 0xff, 0xff, 0xff, 0x6a, 1, 2, 3, 4, //
        0, 0, 0, 0x10, 5, 6, 7, 8, 9, 10, 11, 12, 0x0a, 0x0b, 0, 0,
    ];

    #[test]
    fn fields_stand_where_the_standard_has_them() {
        let info = TrackInformation::parse(&ANSWER).unwrap();
        assert_eq!((info.track, info.session), (0x0a02, 0x0b03));
        assert!(
            info.damaged && info.copy && info.reserved && info.packet && !info.blank && !info.fixed_packets
        );
        assert_eq!((info.mode, info.data_mode), (4, 1));
        assert_eq!((info.start, info.next_writable), (11_400, Some(-150)));
        assert_eq!((info.free, info.packet_size, info.size), (0x0102_0304, 16, 0x0506_0708));
        assert_eq!(info.last_recorded, Some(0x090a_0b0c));
        assert_eq!(info.emit(), ANSWER);
    }

    #[test]
    fn addresses_without_their_valid_bit_are_none() {
        let mut bytes = ANSWER;
        bytes[7] = 0;
        let info = TrackInformation::parse(&bytes).unwrap();
        assert_eq!((info.next_writable, info.last_recorded), (None, None));
    }

    #[test]
    fn old_and_cut_answers_are_read_if_what_matters_is_there() {
        for cut in 0..ANSWER.len() {
            assert_eq!(TrackInformation::parse(&ANSWER[..cut]).is_ok(), cut >= 28);
        }
    }
}
