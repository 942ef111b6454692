//! The least that a worker takes for a DVD+R in a drive: written in sequence, once.

use discmaster::mmc::disc_info::{BackgroundFormat, DiscInformation, DiscStatus, SessionState};
use discmaster::mmc::feature::{Configuration, Feature, code};
use discmaster::mmc::inquiry::InquiryData;
use discmaster::mmc::profile::Profile;
use discmaster::mmc::sense::Sense;
use discmaster::mmc::track_info::TrackInformation;

const BLOCK: usize = 2048;
/// Blocks of the disc.
pub const CAPACITY: u32 = 4096;

/// A drive with a disc in it.
#[derive(Default)]
pub struct PlusR {
    /// What was written, from block 0 on.
    pub data: Vec<u8>,
    /// The numbers of the functions by which it was closed.
    pub closed_by: Vec<u8>,
    /// WRITE commands.
    pub writes: usize,
}

impl PlusR {
    /// Does a command; the bytes for the host, or a refusal.
    pub fn execute(&mut self, cdb: &[u8; 16], data: &[u8]) -> Result<Vec<u8>, Sense> {
        let number = |at: usize| u32::from_be_bytes([cdb[at], cdb[at + 1], cdb[at + 2], cdb[at + 3]]);
        let blocks = usize::from(u16::from_be_bytes([cdb[7], cdb[8]]));
        match cdb[0] {
            // TEST UNIT READY, START STOP UNIT, PREVENT, SYNCHRONIZE CACHE, SET CD SPEED, SET STREAMING
            0x00 | 0x1b | 0x1e | 0x35 | 0xbb | 0xb6 => Ok(Vec::new()),
            0x12 => Ok(self.inquiry()),
            0x46 => Ok(self.configuration()),
            0x51 => Ok(self.disc().emit().to_vec()),
            0x52 => Ok(self.track().emit().to_vec()),
            0x2a if !self.complete() && number(2) == self.next() && data.len() == blocks * BLOCK => {
                self.data.extend_from_slice(data);
                self.writes += 1;
                Ok(Vec::new())
            }
            0x28 => {
                let from = usize::try_from(number(2)).unwrap() * BLOCK;
                let there = self.data.get(from..from + blocks * BLOCK);
                there.map(<[u8]>::to_vec).ok_or(Sense::new(5, 0x21, 0))
            }
            0x5b => {
                self.closed_by.push(cdb[2] & 7);
                Ok(Vec::new())
            }
            // INVALID COMMAND OPERATION CODE
            _ => Err(Sense::new(5, 0x20, 0)),
        }
    }

    fn complete(&self) -> bool {
        self.closed_by.iter().any(|function| *function >= 5)
    }

    fn next(&self) -> u32 {
        u32::try_from(self.data.len() / BLOCK).unwrap()
    }

    fn inquiry(&self) -> Vec<u8> {
        let text = str::to_owned;
        let answer = InquiryData {
            device_type: InquiryData::OPTICAL,
            vendor: text("TEST"),
            product: text("PLUS R"),
            revision: text("1.0"),
        };
        answer.emit().to_vec()
    }

    fn configuration(&self) -> Vec<u8> {
        let feature = |code, data| Feature { code, version: 0, persistent: false, current: true, data };
        let features = vec![
            feature(code::PROFILE_LIST, vec![0, 0x1b, 1, 0]),
            feature(code::DVD_PLUS_R, vec![1, 0, 0, 0]),
        ];
        Configuration { current: Profile::DVD_PLUS_R, features }.emit()
    }

    fn disc(&self) -> DiscInformation {
        let (status, last_session) = match (self.complete(), self.data.is_empty()) {
            (true, _) => (DiscStatus::Complete, SessionState::Complete),
            (false, true) => (DiscStatus::Blank, SessionState::Empty),
            (false, false) => (DiscStatus::Appendable, SessionState::Incomplete),
        };
        DiscInformation {
            status,
            last_session,
            erasable: false,
            first_track: 1,
            sessions: 1,
            first_track_in_last_session: 1,
            last_track_in_last_session: 1,
            unrestricted: true,
            background_format: BackgroundFormat::None,
            disc_type: 0,
            disc_id: None,
            last_lead_in: 0,
            last_lead_out: 0,
            opc_tables: 0,
        }
    }

    fn track(&self) -> TrackInformation {
        let open = self.closed_by.is_empty();
        TrackInformation {
            track: 1,
            session: 1,
            damaged: false,
            copy: false,
            mode: 4,
            reserved: false,
            blank: self.data.is_empty(),
            packet: false,
            fixed_packets: false,
            data_mode: 1,
            start: 0,
            next_writable: open.then_some(self.next().cast_signed()),
            free: if open { CAPACITY - self.next() } else { 0 },
            packet_size: 16,
            size: if open { CAPACITY } else { self.next() },
            last_recorded: None,
        }
    }
}
