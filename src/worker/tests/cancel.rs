//! Cancels, in every phase.

use std::thread;
use std::time::Duration;

use super::bench::{Bench, Ending, burn, feed, image, order};
use super::mock::{Fault, Mock, Rule};
use crate::api::{ErrorKind, Phase, Progress, RecordOptions, Verify};
use crate::mmc::disc_info::DiscStatus;
use crate::mmc::opcode::Opcode;
use crate::mmc::profile::Profile;
use crate::mmc::sense::Sense;
use crate::wire::ring::{self, CHUNK, Consumer, Producer};
use crate::worker::{self, Drive, Host};

/// Cancels as soon as it is made to wait.
#[derive(Default)]
struct Impatient(Duration);

impl Host for Impatient {
    fn now(&self) -> Duration {
        self.0
    }

    fn pause(&mut self, length: Duration) {
        self.0 += length;
    }

    fn cancelled(&mut self) -> bool {
        !self.0.is_zero()
    }

    fn progress(&mut self, _: &Progress) {}
}

/// Four minutes pass whenever it is asked whether to go on; nobody is at its other end.
#[derive(Default)]
struct Slow(Duration);

impl Host for Slow {
    fn now(&self) -> Duration {
        self.0
    }

    fn pause(&mut self, length: Duration) {
        self.0 += length;
    }

    fn cancelled(&mut self) -> bool {
        self.0 += Duration::from_secs(240);
        false
    }

    fn progress(&mut self, _: &Progress) {}
}

fn left(drive: &mut Mock) -> crate::api::Error {
    let order = order(drive, 4000, RecordOptions::default());
    let (ring, feeder) = feed(image(4000), Ending::Finish);
    let result = worker::record(&mut Drive::new(drive, &mut Impatient::default()), &order, ring);
    feeder.join().unwrap();
    let error = result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::UserAbort, "{error}");
    assert_eq!(drive.broken_rules, Vec::<String>::new());
    error
}

fn cancelled(drive: &mut Mock, phase: Phase, done: u64, options: RecordOptions) -> crate::api::Error {
    let mut bench = Bench::cancelling(phase, done);
    let error = burn(drive, &mut bench, image(4000), Ending::Finish, options).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UserAbort, "{error}");
    assert_eq!(drive.broken_rules, Vec::<String>::new());
    assert!(!drive.locked);
    error
}

#[test]
fn before_the_first_write_the_disc_stays_as_it_was() {
    let mut drive = Mock::new(Profile::CD_R);
    let error = cancelled(&mut drive, Phase::Preparing, 0, RecordOptions::default());
    assert_eq!(drive.count(Opcode::WRITE_10), 0);
    assert!(error.message.contains("as it was"), "{error}");
}

#[test]
fn in_the_middle_the_disc_is_closed_and_told_to_be_incomplete() {
    for (profile, advice) in
        [(Profile::CD_R, "not replaced"), (Profile::CD_RW, "erase it"), (Profile::DVD_PLUS_R, "not replaced")]
    {
        let mut drive = Mock::new(profile);
        let error = cancelled(&mut drive, Phase::Writing, 1000, RecordOptions::default());
        assert_eq!(drive.status, DiscStatus::Complete);
        assert!(drive.content.len() < 4000 * 2048);
        assert!(error.message.contains("incomplete") && error.message.contains(advice), "{error}");
    }
}

#[test]
fn a_track_that_is_cancelled_early_is_filled_up_to_what_the_medium_takes() {
    let mut drive = Mock::new(Profile::CD_R);
    cancelled(&mut drive, Phase::Writing, 1, RecordOptions::default());
    assert_eq!(drive.content.len() % 2048, 0);
    assert!(drive.content.len() >= 300 * 2048);
    assert_eq!(drive.status, DiscStatus::Complete);
}

#[test]
fn a_cancel_while_the_buffer_is_full_asks_nothing_in_the_middle_of_a_track() {
    let full = Fault::Sense(Sense::new(2, 0x04, 0x08));
    let full = Rule { block: Some(1500), times: 40, ..Rule::at(Opcode::WRITE_10, full) };
    let mut drive = Mock::new(Profile::CD_R).with(full);
    left(&mut drive);
    let first = drive.log.iter().position(|opcode| *opcode == Opcode::WRITE_10).unwrap();
    let last = drive.log.iter().rposition(|opcode| *opcode == Opcode::WRITE_10).unwrap();
    assert!(!drive.log[first..=last].contains(&Opcode::READ_TRACK_INFORMATION));
    assert_eq!((drive.content.len(), drive.status), (1472 * 2048, DiscStatus::Complete));
}

#[test]
fn a_cancel_heard_while_the_drive_is_asked_where_it_stands_is_a_cancel() {
    // The link fails under a write; the question that follows is put off until somebody cancels.
    let lost =
        Rule { block: Some(1500), ..Rule::at(Opcode::WRITE_10, Fault::Taken(32, Sense::new(4, 0x08, 1))) };
    let busy = Fault::Sense(Sense::new(2, 0x04, 0x01));
    let mut drive = Mock::new(Profile::CD_R).with(lost);
    drive.busy_after_loss = Some(Rule { times: 3, ..Rule::at(Opcode::READ_TRACK_INFORMATION, busy) });
    left(&mut drive);
    // What the drive took of it is known before the end.
    assert_eq!((drive.content.len(), drive.status), (1504 * 2048, DiscStatus::Complete));
}

#[test]
fn a_track_that_takes_no_padding_is_closed_all_the_same() {
    let refused = Fault::Sense(Sense::new(5, 0x21, 2));
    let rule = Rule { block: Some(299), ..Rule::at(Opcode::WRITE_10, refused) };
    let mut drive = Mock::new(Profile::CD_R).with(rule);
    let mut bench = Bench::cancelling(Phase::Writing, 96);
    let error =
        burn(&mut drive, &mut bench, image(4000), Ending::Finish, RecordOptions::default()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UserAbort, "{error}");
    assert!(drive.count(Opcode::SYNCHRONIZE_CACHE) == 1 && drive.closed_by == [2], "{error}");
}

#[test]
fn a_track_that_ended_early_and_cannot_be_closed_is_not_called_complete() {
    let refused = Fault::Sense(Sense::new(5, 0x72, 0x05));
    let mut drive = Mock::new(Profile::CD_R).with(Rule::at(Opcode::CLOSE_TRACK_SESSION, refused));
    let error = cancelled(&mut drive, Phase::Writing, 1000, RecordOptions::default());
    assert!(error.message.contains("could not be closed") && error.message.contains("unfinished"), "{error}");
    assert!(!error.message.contains("All data"), "{error}");
}

#[test]
fn a_source_that_falls_silent_once_nobody_can_cancel_ends_the_burn() {
    for blocks in [0, 640] {
        let mut drive = Mock::new(Profile::CD_R);
        let order = order(&mut drive, 4000, RecordOptions::default());
        let (producer, consumer) = ring::create(16 * CHUNK).unwrap();
        let mut producer = Producer::attach(producer).unwrap();
        // What it is given and no more: it stays open, and silent.
        let feeder = thread::spawn(move || {
            for _ in 0..blocks / 32 {
                while producer.slot().unwrap().is_none() {
                    producer.wait(None, None).unwrap();
                }
                producer.commit(CHUNK).unwrap();
            }
            producer
        });
        let ring = Consumer::attach(consumer).unwrap();
        let result = worker::record(&mut Drive::new(&mut drive, &mut Slow::default()), &order, ring);
        drop(feeder.join().unwrap());
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::HelperFailed, "{error}");
        assert!(error.message.contains("ten minutes"), "{error}");
        let left = if blocks == 0 { DiscStatus::Blank } else { DiscStatus::Complete };
        assert_eq!((drive.content.len(), drive.status), (blocks * 2048, left));
        assert_eq!(drive.broken_rules, Vec::<String>::new());
    }
}

#[test]
fn the_tray_is_unlocked_even_by_a_drive_that_refuses_at_first() {
    let busy = Fault::Sense(Sense::new(2, 0x04, 0x01));
    // The first is the lock itself.
    let rule = Rule { skip: 1, times: 3, ..Rule::at(Opcode::PREVENT_ALLOW, busy) };
    let mut drive = Mock::new(Profile::CD_R).with(rule);
    let options = RecordOptions { verify: Verify::Full, ..RecordOptions::default() };
    // The helper looks at the lock.
    cancelled(&mut drive, Phase::Verifying, 100, options);
    assert_eq!(drive.count(Opcode::PREVENT_ALLOW), 5);
}

#[test]
fn a_simulation_that_is_cancelled_says_that_nothing_happened() {
    let mut drive = Mock::new(Profile::CD_R);
    let options = RecordOptions { simulate: true, ..RecordOptions::default() };
    let error = cancelled(&mut drive, Phase::Writing, 1000, options);
    assert!(error.message.contains("simulation"), "{error}");
    assert!(drive.closed_by.is_empty());
}

#[test]
fn closing_goes_on_to_its_end() {
    for phase in [Phase::Flushing, Phase::Closing] {
        let (mut drive, mut bench) = (Mock::new(Profile::CD_R), Bench::cancelling(phase, 0));
        burn(&mut drive, &mut bench, image(400), Ending::Finish, RecordOptions::default()).unwrap();
        assert_eq!(drive.status, DiscStatus::Complete);
    }
}

#[test]
fn while_verifying_the_disc_is_complete_and_unverified() {
    let mut drive = Mock::new(Profile::DVD_PLUS_R);
    let options = RecordOptions { verify: Verify::Full, ..RecordOptions::default() };
    let error = cancelled(&mut drive, Phase::Verifying, 100, options);
    assert!(error.message.contains("complete and closed, but was not verified"), "{error}");
    assert_eq!(drive.content, image(4000));
}
