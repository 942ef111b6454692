//! Disc information, the answer to READ DISC INFORMATION (MMC-6).

use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::answer::{Malformed, padded};
use super::msf::Msf;
use super::profile::Profile;

/// Status of the disc, bits 1-0 of byte 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscStatus {
    /// 0.
    Blank,
    /// 1: a session can be added.
    Appendable,
    /// 2: closed for ever.
    Complete,
    /// 3: randomly writable; sessions say nothing.
    Other,
}

/// State of the last session, bits 3-2 of byte 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// 0.
    Empty,
    /// 1: open; tracks can be added.
    Incomplete,
    /// 2: closed badly.
    Damaged,
    /// 3: closed.
    Complete,
}

/// Background format of DVD+RW, bits 1-0 of byte 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackgroundFormat {
    /// 0.
    None,
    /// 1.
    Suspended,
    /// 2.
    Running,
    /// 3.
    Complete,
}

/// Disc information as meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscInformation {
    /// Whether sessions can be added.
    pub status: DiscStatus,
    /// How the last session stands.
    pub last_session: SessionState,
    /// The medium can be erased.
    pub erasable: bool,
    /// Number of the first track of the disc.
    pub first_track: u8,
    /// Sessions, an empty or open last one included.
    pub sessions: u16,
    /// First track of the last session.
    pub first_track_in_last_session: u16,
    /// Last track of the last session, an open ("invisible") one included.
    pub last_track_in_last_session: u16,
    /// Unrestricted use.
    pub unrestricted: bool,
    /// Background format.
    pub background_format: BackgroundFormat,
    /// Disc type: 00h CD-DA or CD-ROM, 10h CD-I, 20h XA, FFh undefined.
    pub disc_type: u8,
    /// Disc identification, if the drive vouches for it.
    pub disc_id: Option<u32>,
    /// Start of the last session's lead-in as the four raw bytes.
    pub last_lead_in: u32,
    /// Last possible start of a lead-out as the four raw bytes.
    pub last_lead_out: u32,
    /// Power calibration tables known to the drive.
    pub opc_tables: u8,
}

impl DiscInformation {
    /// Bytes without power calibration tables.
    pub const LEN: usize = 34;

    /// The answer out of a drive's bytes. The first 24 must be there: older drives send 32.
    ///
    /// # Errors
    /// [`Malformed`] if it is shorter.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: Raw = padded(bytes, 24, "disc information")?;
        let word = |high, low| u16::from_be_bytes([high, low]);
        Ok(Self {
            status: match raw.status & 3 {
                0 => DiscStatus::Blank,
                1 => DiscStatus::Appendable,
                2 => DiscStatus::Complete,
                _ => DiscStatus::Other,
            },
            last_session: match raw.status >> 2 & 3 {
                0 => SessionState::Empty,
                1 => SessionState::Incomplete,
                2 => SessionState::Damaged,
                _ => SessionState::Complete,
            },
            erasable: raw.status & 0x10 != 0,
            first_track: raw.first_track,
            sessions: word(raw.sessions_msb, raw.sessions),
            first_track_in_last_session: word(raw.first_track_last_msb, raw.first_track_last),
            last_track_in_last_session: word(raw.last_track_last_msb, raw.last_track_last),
            unrestricted: raw.flags & 0x20 != 0,
            background_format: match raw.flags & 3 {
                0 => BackgroundFormat::None,
                1 => BackgroundFormat::Suspended,
                2 => BackgroundFormat::Running,
                _ => BackgroundFormat::Complete,
            },
            disc_type: raw.disc_type,
            disc_id: (raw.flags & 0x80 != 0).then_some(raw.disc_id.get()),
            last_lead_in: raw.last_lead_in.get(),
            last_lead_out: raw.last_lead_out.get(),
            opc_tables: raw.opc_tables,
        })
    }

    /// The answer.
    pub fn emit(&self) -> [u8; Self::LEN] {
        let [first_msb, first] = self.first_track_in_last_session.to_be_bytes();
        let [last_msb, last] = self.last_track_in_last_session.to_be_bytes();
        let [sessions_msb, sessions] = self.sessions.to_be_bytes();
        let raw = Raw {
            length: 32.into(),
            status: self.status as u8 | (self.last_session as u8) << 2 | u8::from(self.erasable) << 4,
            first_track: self.first_track,
            sessions,
            first_track_last: first,
            last_track_last: last,
            flags: u8::from(self.disc_id.is_some()) << 7
                | u8::from(self.unrestricted) << 5
                | self.background_format as u8,
            disc_type: self.disc_type,
            sessions_msb,
            first_track_last_msb: first_msb,
            last_track_last_msb: last_msb,
            disc_id: self.disc_id.unwrap_or(0).into(),
            last_lead_in: self.last_lead_in.into(),
            last_lead_out: self.last_lead_out.into(),
            bar_code: [0; 8],
            application: 0,
            opc_tables: self.opc_tables,
        };
        let mut bytes = [0; Self::LEN];
        bytes.copy_from_slice(raw.as_bytes());
        bytes
    }

    /// The block at which a lead-out can start at the latest: the capacity of the disc in blocks. CDs state it
    /// as a position, others as a block; FFFFFFFFh is no answer.
    pub fn capacity(&self, profile: Profile) -> Option<u32> {
        let [_, minute, second, frame] = self.last_lead_out.to_be_bytes();
        match self.last_lead_out {
            0 | 0xffff_ffff | 0x00ff_ffff => None,
            _ if !profile.is_cd() => Some(self.last_lead_out),
            _ if second > 59 || frame > 74 => None,
            _ => u32::try_from(Msf::new(minute, second, frame).lba()).ok(),
        }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    length: U16,
    status: u8,
    first_track: u8,
    sessions: u8,
    first_track_last: u8,
    last_track_last: u8,
    flags: u8,
    disc_type: u8,
    sessions_msb: u8,
    first_track_last_msb: u8,
    last_track_last_msb: u8,
    disc_id: U32,
    last_lead_in: U32,
    last_lead_out: U32,
    bar_code: [u8; 8],
    application: u8,
    opc_tables: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: [u8; 34] = [
        0, 32, 0x15, 1, 0x03, 0x04, 0x05, 0xa1, 0x20, 1, 2, 3, 0xd1, 0xd2, 0xd3, 0xd4, 0, 0x0c, 0x0d,
        0x0e, //
        0, 79, 59, 74, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
    ];

    #[test]
    fn fields_stand_where_the_standard_has_them() {
        let info = DiscInformation::parse(&ANSWER).unwrap();
        assert_eq!(info.status, DiscStatus::Appendable);
        assert_eq!(info.last_session, SessionState::Incomplete);
        assert!(info.erasable && info.unrestricted);
        assert_eq!(info.background_format, BackgroundFormat::Suspended);
        assert_eq!(
            (info.sessions, info.first_track_in_last_session, info.last_track_in_last_session),
            (0x103, 0x204, 0x305)
        );
        assert_eq!(info.disc_id, Some(0xd1d2_d3d4));
        assert_eq!(info.capacity(Profile::CD_R), Some(359_849));
        assert_eq!(info.capacity(Profile::DVD_PLUS_R), Some(0x4f_3b4a));
        assert_eq!(info.opc_tables, 2);
        assert_eq!(info.emit(), ANSWER);
    }

    #[test]
    fn a_capacity_that_is_none_is_not_taken_for_one() {
        let mut info = DiscInformation::parse(&ANSWER).unwrap();
        for raw in [0, 0xffff_ffff, 0x00ff_ffff, 0x0001_3c00, 0x0001_004b] {
            info.last_lead_out = raw;
            assert_eq!(info.capacity(Profile::CD_RW), None, "{raw:08x}");
        }
    }

    #[test]
    fn old_and_cut_answers_are_read_if_what_matters_is_there() {
        for cut in 0..ANSWER.len() {
            assert_eq!(DiscInformation::parse(&ANSWER[..cut]).is_ok(), cut >= 24);
        }
        assert!(DiscInformation::parse(&[0xa5; 200]).is_ok());
    }
}
