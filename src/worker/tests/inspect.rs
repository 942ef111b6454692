//! Looks at drives, friendly and hostile ones.

use proptest::prelude::*;

use super::bench::Bench;
use super::mock::{Fault, Mock, Rule};
use crate::api::{DiscStatus, ErrorKind, Phase, Tray};
use crate::mmc::disc_info;
use crate::mmc::opcode::Opcode;
use crate::mmc::profile::Profile;
use crate::mmc::sense::Sense;
use crate::mmc::transport::{Data, Outcome, Status, Transport, TransportError};
use crate::worker::{Drive, Look, inspect};

fn look(drive: &mut dyn Transport) -> crate::api::Result<Look> {
    inspect(&mut Drive::new(drive, &mut Bench::default()))
}

#[test]
fn a_blank_disc_is_described_whole() {
    let inspection = look(&mut Mock::new(Profile::CD_RW)).unwrap().inspection;
    assert_eq!(inspection.identity.product, "DRIVE");
    assert_eq!(inspection.identity.serial, "M0CK?[31m", "control characters are no text");
    assert_eq!((inspection.profiles, inspection.buffer_bytes), (vec![9, 10, 27], 2 << 20));
    assert!(inspection.buffer_underrun_free);
    let medium = inspection.medium.unwrap();
    assert_eq!((medium.profile, medium.status, medium.rewritable), (0x0a, DiscStatus::Blank, true));
    assert_eq!((medium.next_writable, medium.free_blocks, medium.total_blocks), (Some(0), 359_847, 359_847));
    assert_eq!((medium.sessions, medium.tracks.len()), (0, 0));
    assert_eq!(medium.write_speeds, [8467, 5645, 2822]);
}

/// A disc of 99 tracks whose drive puts off every question about them.
struct Hesitant(Mock);

impl Transport for Hesitant {
    fn execute(
        &mut self,
        cdb: &[u8],
        data: Data<'_>,
        limit: std::time::Duration,
    ) -> Result<Outcome, TransportError> {
        let Data::FromDrive(answer) = data else { return self.0.execute(cdb, data, limit) };
        let outcome = self.0.execute(cdb, Data::FromDrive(&mut *answer), limit);
        if cdb[0] == Opcode::READ_DISC_INFORMATION.0 {
            answer[6] = 99;
        }
        outcome
    }

    fn name(&self) -> &str {
        "hesitant"
    }
}

#[test]
fn a_drive_that_puts_off_every_question_ends_the_look_in_time() {
    let busy = Fault::Sense(Sense::new(2, 0x04, 0x01));
    let mut drive = Mock::new(Profile::CD_R);
    drive.status = disc_info::DiscStatus::Complete;
    drive.rules = vec![Rule { times: u32::MAX, ..Rule::at(Opcode::READ_TRACK_INFORMATION, busy) }];
    let mut bench = Bench::default();
    inspect(&mut Drive::new(&mut Hesitant(drive), &mut bench)).unwrap();
    assert!((300..330).contains(&bench.now.as_secs()), "{:?}", bench.now);
}

#[test]
fn a_recorded_disc_shows_its_tracks() {
    let mut drive = Mock::new(Profile::CD_R);
    drive.content = vec![1; 400 * 2048];
    drive.status = disc_info::DiscStatus::Complete;
    let medium = look(&mut drive).unwrap().inspection.medium.unwrap();
    assert_eq!((medium.status, medium.free_blocks, medium.next_writable), (DiscStatus::Closed, 0, None));
    assert_eq!((medium.sessions, medium.tracks[0].blocks, medium.tracks[0].data), (1, 402, true));
    assert_eq!(medium.total_blocks, 402);
}

#[test]
fn an_empty_drive_has_no_medium() {
    let mut drive = Mock::new(Profile::CD_R);
    (drive.present, drive.open) = (false, true);
    let look = look(&mut drive).unwrap();
    assert_eq!((look.inspection.medium, look.inspection.tray), (None, Tray::Unknown));
    assert!(look.facts.is_none());
}

#[test]
fn a_disc_that_gets_ready_is_waited_for() {
    let becoming =
        Rule { times: 60, ..Rule::at(Opcode::TEST_UNIT_READY, Fault::Sense(Sense::new(2, 0x04, 1))) };
    assert!(look(&mut Mock::new(Profile::CD_R).with(becoming)).unwrap().facts.is_some());
    let never = Rule { times: u32::MAX, ..becoming };
    let error = look(&mut Mock::new(Profile::CD_R).with(never)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DiscInfo);
    assert!(error.message.contains("300 seconds"), "{error}");
}

#[test]
fn waiting_can_be_cancelled() {
    let never =
        Rule { times: u32::MAX, ..Rule::at(Opcode::TEST_UNIT_READY, Fault::Sense(Sense::new(2, 0x04, 1))) };
    let mut drive = Mock::new(Profile::CD_R).with(never);
    let mut bench = Bench { cancelled: true, ..Bench::cancelling(Phase::Preparing, 0) };
    let error = inspect(&mut Drive::new(&mut drive, &mut bench)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UserAbort);
}

#[test]
fn a_disk_is_no_recorder() {
    struct Disk;
    impl Transport for Disk {
        fn execute(
            &mut self,
            _: &[u8],
            data: Data<'_>,
            _: std::time::Duration,
        ) -> Result<Outcome, TransportError> {
            let transferred = data.len();
            Ok(Outcome { status: Status::Good, transferred })
        }
        fn name(&self) -> &str {
            "disk"
        }
    }
    let error = look(&mut Disk).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DiscInfo);
    assert!(error.message.contains("no optical drive"), "{error}");
}

/// Answers with whatever comes, cut wherever it likes.
struct Liar {
    bytes: Vec<u8>,
    at: usize,
    commands: u32,
}

impl Liar {
    fn next(&mut self) -> u8 {
        self.at = (self.at + 1) % self.bytes.len();
        self.bytes[self.at]
    }
}

impl Transport for Liar {
    fn execute(
        &mut self,
        cdb: &[u8],
        data: Data<'_>,
        _: std::time::Duration,
    ) -> Result<Outcome, TransportError> {
        self.commands += 1;
        assert!(self.commands < 20_000, "a drive keeps the worker busy for ever");
        let refuses = self.next().is_multiple_of(5);
        if refuses {
            let sense = Sense::new(self.next() % 16, self.next(), self.next());
            return Ok(Outcome { status: Status::Check(sense), transferred: 0 });
        }
        let transferred = match data {
            Data::FromDrive(buffer) => {
                let length = if self.next().is_multiple_of(3) {
                    usize::from(self.next()).min(buffer.len())
                } else {
                    buffer.len()
                };
                buffer[..length].iter_mut().for_each(|byte| *byte = self.next());
                if cdb[0] == Opcode::INQUIRY.0 && !buffer.is_empty() {
                    buffer[0] = 5;
                }
                length
            }
            other => other.len(),
        };
        Ok(Outcome { status: Status::Good, transferred })
    }
    fn name(&self) -> &str {
        "liar"
    }
}

proptest! {
    #[test]
    fn a_drive_that_lies_neither_crashes_nor_holds_the_worker(bytes in prop::collection::vec(any::<u8>(), 1..600)) {
        let mut liar = Liar { bytes, at: 0, commands: 0 };
        if let Ok(look) = look(&mut liar) {
            let medium = look.inspection.medium;
            prop_assert!(medium.is_none_or(|medium| medium.tracks.len() <= 200 && medium.write_speeds.len() <= 64));
        }
    }
}
