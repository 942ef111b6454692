//! Burns that go well.

use super::bench::{Bench, Ending, burn, image, order};
use super::mock::{Fault, Mock, Rule};
use crate::api::{BLOCK, Close, ErrorKind, Phase, RecordOptions, Verify};
use crate::mmc::disc_info::DiscStatus;
use crate::mmc::opcode::Opcode;
use crate::mmc::profile::Profile;
use crate::mmc::sense::Sense;

fn wishes() -> RecordOptions {
    RecordOptions::default()
}

/// Records, and checks that no rule was broken and the tray is free.
fn recorded(drive: &mut Mock, blocks: usize, options: RecordOptions) -> crate::api::Report {
    let mut bench = Bench::default();
    let report = burn(drive, &mut bench, image(blocks), Ending::Finish, options).unwrap();
    assert_eq!(drive.broken_rules, Vec::<String>::new());
    assert!(!drive.locked);
    assert!(drive.content.starts_with(&image(blocks)));
    assert!(drive.content[blocks * BLOCK..].iter().all(|byte| *byte == 0));
    report
}

#[test]
fn a_cd_r_is_written_flushed_and_closed_without_closing_the_track() {
    let mut drive = Mock::new(Profile::CD_R);
    let report = recorded(&mut drive, 1000, RecordOptions { verify: Verify::Full, ..wishes() });
    assert_eq!(drive.content.len(), 1000 * BLOCK);
    assert_eq!((drive.closed_by, drive.status), (vec![2], DiscStatus::Complete));
    assert_eq!((report.start, report.blocks, report.simulated), (0, 1000, false));
    let verified = report.verify.unwrap();
    assert_eq!((verified.blocks, verified.full), (1000, true));
    assert_eq!(report.speed, 5645);
}

#[test]
fn a_dvd_plus_r_is_padded_and_its_track_closed_before_the_disc() {
    let mut drive = Mock::new(Profile::DVD_PLUS_R);
    recorded(&mut drive, 1001, wishes());
    assert_eq!(drive.content.len(), 1008 * BLOCK);
    assert_eq!((drive.closed_by, drive.status), (vec![1, 5], DiscStatus::Complete));
}

#[test]
fn a_drive_without_function_5_finalises_by_function_6() {
    let refuse = Fault::Sense(Sense::new(5, 0x24, 0));
    // The first close is the track's; then function 5 with the Immed bit, and without it.
    let rule = Rule { skip: 1, times: 2, ..Rule::at(Opcode::CLOSE_TRACK_SESSION, refuse) };
    let mut drive = Mock::new(Profile::DVD_PLUS_R).with(rule);
    recorded(&mut drive, 64, wishes());
    assert_eq!(drive.closed_by, vec![1, 6]);
}

#[test]
fn an_appendable_disc_stays_appendable() {
    for (profile, functions) in [(Profile::CD_RW, vec![2]), (Profile::DVD_PLUS_R, vec![1, 2])] {
        let mut drive = Mock::new(profile);
        recorded(&mut drive, 320, RecordOptions { close: Close::Appendable, ..wishes() });
        assert_eq!((drive.closed_by, drive.status), (functions, DiscStatus::Appendable));
    }
}

#[test]
fn a_short_image_becomes_a_track_of_300_blocks_on_cd() {
    let mut drive = Mock::new(Profile::CD_RW);
    let report = recorded(&mut drive, 17, RecordOptions { verify: Verify::Full, ..wishes() });
    assert_eq!((drive.content.len(), report.blocks), (300 * BLOCK, 17));
    assert_eq!(report.verify.unwrap().blocks, 17);
}

#[test]
fn a_simulation_closes_nothing_and_reads_nothing() {
    let mut drive = Mock::new(Profile::CD_R);
    let report = recorded(&mut drive, 500, RecordOptions { simulate: true, ..wishes() });
    assert!(report.simulated && drive.closed_by.is_empty());
    assert_eq!(drive.tested, 500);
    assert!(!drive.parameters.unwrap().test_write, "the next burn is in earnest");
    assert_eq!(drive.count(Opcode::READ_10), 0);
}

#[test]
fn the_phases_come_in_order_and_progress_reaches_the_end() {
    let (mut drive, mut bench) = (Mock::new(Profile::CD_R), Bench::default());
    drive.slowness = 40;
    let options = RecordOptions { verify: Verify::Full, eject: true, ..wishes() };
    burn(&mut drive, &mut bench, image(2000), Ending::Finish, options).unwrap();
    use Phase::{Closing, Ejecting, Flushing, Preparing, Verifying, Writing};
    assert_eq!(bench.phases(), [Preparing, Writing, Flushing, Closing, Verifying, Ejecting]);
    let fraction = |phase| {
        let of_phase = bench.shown.iter().filter(|progress| progress.phase == phase);
        of_phase.filter_map(|progress| progress.fraction).next()
    };
    // The mock tells it in REQUEST SENSE alone, as some drives do.
    assert_eq!(fraction(Flushing), Some(0.5));
    let writing = bench.shown.iter().filter(|progress| progress.phase == Writing);
    assert!(writing.clone().all(|progress| progress.cancelable && progress.total == 2000));
    assert!(writing.map(|progress| progress.done).is_sorted());
    assert!(bench.shown.iter().all(|p| p.phase != Closing || !p.cancelable && p.expected_seconds.is_some()));
    assert!(drive.open);
}

#[test]
fn the_speed_asked_for_is_one_that_the_drive_offers() {
    let mut drive = Mock::new(Profile::DVD_PLUS_R);
    let report = recorded(&mut drive, 32, RecordOptions { speed: Some(6000), ..wishes() });
    assert_eq!(report.speed, 5645);
    assert!(report.notes[0].contains("6000"), "{:?}", report.notes);
    // Its own choice is given back afterwards.
    assert_eq!(drive.count(Opcode::SET_STREAMING), 2);
}

#[test]
fn a_drive_that_refuses_speeds_and_locks_is_used_all_the_same() {
    let refuse = |opcode| Rule { times: 9, ..Rule::at(opcode, Fault::Sense(Sense::new(5, 0x20, 0))) };
    let mut drive = Mock::new(Profile::DVD_PLUS_R);
    drive.rules =
        vec![refuse(Opcode::SET_STREAMING), refuse(Opcode::SET_CD_SPEED), refuse(Opcode::GET_PERFORMANCE)];
    recorded(&mut drive, 32, wishes());
}

#[test]
fn a_speed_that_page_2ah_lists_is_no_descriptor_to_stream_by() {
    let refuse = Rule { times: 9, ..Rule::at(Opcode::GET_PERFORMANCE, Fault::Sense(Sense::new(5, 0x20, 0))) };
    let mut drive = Mock::new(Profile::DVD_PLUS_R).with(refuse);
    recorded(&mut drive, 32, RecordOptions { speed: Some(2822), ..wishes() });
    // The one that gives the drive its own choice back.
    assert_eq!((drive.count(Opcode::SET_STREAMING), drive.count(Opcode::SET_CD_SPEED)), (1, 1));
}

#[test]
fn a_drive_that_wants_its_own_page_05h_back_gets_it() {
    let refuse = Fault::Sense(Sense::new(5, 0x26, 0));
    let mut drive = Mock::new(Profile::CD_R).with(Rule::at(Opcode::MODE_SELECT_10, refuse));
    recorded(&mut drive, 320, RecordOptions { close: Close::Appendable, ..wishes() });
    assert_eq!(drive.status, DiscStatus::Appendable);
}

#[test]
fn a_disc_that_is_announced_anew_when_it_is_closed_is_still_ours() {
    let mut drive = Mock::new(Profile::DVD_PLUS_R);
    drive.announces = true;
    recorded(&mut drive, 64, RecordOptions { verify: Verify::Full, ..wishes() });
}

#[test]
fn a_burn_that_is_not_possible_leaves_the_disc_and_ends_the_feeding() {
    let mut drive = Mock::new(Profile::CD_R);
    let mut wrong = order(&mut drive, 32, wishes());
    wrong.expected.next_writable = 1;
    let (ring, feeder) = super::bench::feed(image(4000), Ending::Finish);
    let mut bench = Bench::default();
    let error = crate::worker::record(&mut crate::worker::Drive::new(&mut drive, &mut bench), &wrong, ring);
    feeder.join().unwrap();
    assert_eq!(error.unwrap_err().kind, ErrorKind::WrongDisc);
    drive.status = DiscStatus::Complete;
    let error = burn(&mut drive, &mut bench, image(32), Ending::Finish, wishes()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::CannotWriteToMedia);
    assert_eq!(drive.count(Opcode::WRITE_10) + drive.count(Opcode::PREVENT_ALLOW), 0);
}

#[test]
fn another_count_of_free_blocks_is_the_same_disc_as_long_as_the_image_fits() {
    for (free, fits) in [(300, true), (299, false), (400_000, true)] {
        let mut drive = Mock::new(Profile::CD_R);
        let order = order(&mut drive, 300, wishes());
        drive.room = free;
        let (ring, feeder) = super::bench::feed(image(300), Ending::Finish);
        let mut bench = Bench::default();
        let result =
            crate::worker::record(&mut crate::worker::Drive::new(&mut drive, &mut bench), &order, ring);
        feeder.join().unwrap();
        match result {
            Ok(_) => assert!(fits, "{free}"),
            Err(error) => assert_eq!((error.kind, fits), (ErrorKind::WrongDisc, false), "{free}"),
        }
    }
}

#[test]
fn a_blank_disc_that_begins_elsewhere_is_refused() {
    let mut drive = Mock::new(Profile::CD_R);
    drive.nwa = 16;
    let mut order = order(&mut drive, 400, wishes());
    order.start = 16;
    let (ring, feeder) = super::bench::feed(image(400), Ending::Finish);
    let mut bench = Bench::default();
    let result = crate::worker::record(&mut crate::worker::Drive::new(&mut drive, &mut bench), &order, ring);
    feeder.join().unwrap();
    assert_eq!(result.unwrap_err().kind, ErrorKind::DiscInfo);
    assert_eq!(drive.count(Opcode::WRITE_10), 0);
}

#[test]
fn a_disc_that_changed_while_the_burn_was_prepared_is_not_written() {
    let (mut drive, mut bench) = (Mock::new(Profile::CD_R), Bench::default());
    // Somebody else appended to it: the second look finds another address.
    let order = order(&mut drive, 400, wishes());
    let (ring, feeder) = super::bench::feed(image(400), Ending::Finish);
    struct Swapper(Mock);
    impl crate::mmc::transport::Transport for Swapper {
        fn execute(
            &mut self,
            cdb: &[u8],
            data: crate::mmc::transport::Data<'_>,
            limit: std::time::Duration,
        ) -> Result<crate::mmc::transport::Outcome, crate::mmc::transport::TransportError> {
            if cdb[0] == Opcode::MODE_SELECT_10.0 {
                self.0.nwa = 5000;
            }
            self.0.execute(cdb, data, limit)
        }
        fn name(&self) -> &str {
            "swapper"
        }
    }
    let mut swapper = Swapper(drive);
    let error = crate::worker::record(&mut crate::worker::Drive::new(&mut swapper, &mut bench), &order, ring);
    feeder.join().unwrap();
    assert_eq!(error.unwrap_err().kind, ErrorKind::WrongDisc);
    assert_eq!(swapper.0.count(Opcode::WRITE_10), 0);
    assert!(!swapper.0.locked);
}

#[test]
fn an_unknown_medium_and_an_empty_drive_are_refused_by_name() {
    let mut bench = Bench::default();
    let mut drive = Mock::new(Profile(0x51));
    let error = burn(&mut drive, &mut bench, image(32), Ending::Finish, wishes()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::MediumInvalidType);
    assert!(error.message.contains("HD DVD-R"), "{error}");
    let mut drive = Mock::new(Profile::CD_R);
    let order = order(&mut drive, 32, wishes());
    drive.present = false;
    let (ring, feeder) = super::bench::feed(image(32), Ending::Finish);
    let error = crate::worker::record(&mut crate::worker::Drive::new(&mut drive, &mut bench), &order, ring);
    feeder.join().unwrap();
    assert_eq!(error.unwrap_err().kind, ErrorKind::MediumNotPresent);
}
