//! Drives, discs and sources that fail.

use super::bench::{Bench, Ending, burn, image};
use super::mock::{Fault, Mock, Rule};
use crate::api::{self, Detail, ErrorKind, RecordOptions, Report, Verify};
use crate::mmc::disc_info::DiscStatus;
use crate::mmc::opcode::Opcode;
use crate::mmc::profile::Profile;
use crate::mmc::sense::Sense;

const WRITE: Opcode = Opcode::WRITE_10;

fn sense(key: u8, asc: u8, ascq: u8) -> Fault {
    Fault::Sense(Sense::new(key, asc, ascq))
}

/// Records 2000 blocks on a drive with these faults.
fn with(profile: Profile, rules: &[Rule]) -> (api::Result<Report>, Mock) {
    let mut drive = Mock::new(profile);
    drive.rules = rules.to_vec();
    let options = RecordOptions { verify: Verify::Full, ..RecordOptions::default() };
    let result = burn(&mut drive, &mut Bench::default(), image(2000), Ending::Finish, options);
    assert!(!drive.locked, "the tray stays locked");
    assert!(drive.rules.iter().all(|rule| rule.times == 0), "a fault never came: {:?}", drive.rules);
    assert_eq!(drive.broken_rules, Vec::<String>::new());
    (result, drive)
}

#[test]
fn a_full_drive_buffer_is_waited_for_and_the_same_block_written_again() {
    let full = Rule { block: Some(1500), times: 3, ..Rule::at(WRITE, sense(2, 0x04, 0x08)) };
    let (result, drive) = with(Profile::CD_R, &[full]);
    assert_eq!(result.unwrap().least_drive_buffer, Some(75));
    assert_eq!(drive.content, image(2000));
}

#[test]
fn a_buffer_that_stays_full_ends_the_burn() {
    let full = Rule { block: Some(1500), times: u32::MAX, ..Rule::at(WRITE, sense(2, 0x04, 0x08)) };
    let mut drive = Mock::new(Profile::CD_R).with(full);
    let error =
        burn(&mut drive, &mut Bench::default(), image(2000), Ending::Finish, RecordOptions::default());
    assert_eq!(error.unwrap_err().kind, ErrorKind::WriteFailed);
    assert!(drive.count(WRITE) < 20_000);
}

#[test]
fn a_write_error_ends_the_burn_and_names_block_and_sense() {
    let bad = Rule { block: Some(1234), ..Rule::at(WRITE, sense(3, 0x0c, 0x00)) };
    let (result, drive) = with(Profile::DVD_PLUS_R, &[bad]);
    let error = result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::WriteFailed);
    assert_eq!(error.details["sense-key"], Detail::Number(3));
    assert_eq!(error.details["asc"], Detail::Number(0x0c));
    assert_eq!(error.details["command"], Detail::Text("write-10".to_owned()));
    assert_eq!(error.details["block"], Detail::Number(1216));
    for words in ["DVD+R", "block 1216", "3/0C/00", "unfinished", "another disc"] {
        assert!(error.message.contains(words), "{words:?} is missing: {error}");
    }
    // Nothing is written after the error, and nothing closed over it.
    assert_eq!((drive.count(WRITE), drive.closed_by.len()), (1216 / 32 + 1, 0));
}

#[test]
fn kinds_of_failure_are_told_apart() {
    let at = |fault| Rule { block: Some(640), ..Rule::at(WRITE, fault) };
    let cases = [
        (at(sense(3, 0x0c, 0x09)), ErrorKind::LossOfStreaming),
        (at(sense(5, 0x21, 0x00)), ErrorKind::DiscFull),
        (at(sense(5, 0x63, 0x00)), ErrorKind::DiscFull),
        (at(sense(6, 0x28, 0x00)), ErrorKind::WriteFailed),
        (at(sense(6, 0x29, 0x00)), ErrorKind::WriteFailed),
        (at(sense(2, 0x3a, 0x02)), ErrorKind::WriteFailed),
        (at(Fault::Sense(Sense::new(3, 0x0c, 0).deferred())), ErrorKind::WriteFailed),
        (at(Fault::Lost), ErrorKind::WriteFailed),
        (at(Fault::Hang), ErrorKind::WriteFailed),
        (Rule::at(Opcode::SYNCHRONIZE_CACHE, sense(3, 0x0c, 0)), ErrorKind::WriteFailed),
        (Rule::at(Opcode::CLOSE_TRACK_SESSION, sense(5, 0x72, 0x05)), ErrorKind::WrittenNotClosed),
        (Rule::at(Opcode::CLOSE_TRACK_SESSION, Fault::Hang), ErrorKind::WrittenNotClosed),
        (Rule { times: 1, ..Rule::at(Opcode::MODE_SELECT_10, Fault::Lost) }, ErrorKind::InitializeWrite),
    ];
    for (rule, kind) in cases {
        let (result, _) = with(Profile::CD_R, &[rule]);
        let error = result.unwrap_err();
        assert_eq!(error.kind, kind, "{rule:?}: {error}");
    }
}

#[test]
fn a_refused_first_write_leaves_the_disc_as_it_was() {
    let (result, drive) = with(Profile::CD_R, &[Rule::at(WRITE, sense(5, 0x64, 0x00))]);
    let error = result.unwrap_err();
    assert!(error.message.contains("as it was"), "{error}");
    assert!(drive.content.is_empty());
}

#[test]
fn a_link_that_fails_under_a_write_is_resumed_where_the_drive_stands() {
    for taken in [0, 16, 32] {
        let lost = Fault::Taken(taken, Sense::new(4, 0x08, 0x01));
        let (result, drive) =
            with(Profile::DVD_PLUS_R, &[Rule { block: Some(960), ..Rule::at(WRITE, lost) }]);
        result.unwrap();
        assert_eq!(drive.content, image(2000), "{taken} blocks were taken");
    }
    let torn = Fault::Taken(7, Sense::new(4, 0x08, 0x01));
    let mut drive = Mock::new(Profile::DVD_PLUS_R).with(Rule { block: Some(960), ..Rule::at(WRITE, torn) });
    let error =
        burn(&mut drive, &mut Bench::default(), image(2000), Ending::Finish, RecordOptions::default());
    assert_eq!(error.unwrap_err().kind, ErrorKind::WriteFailed);
}

#[test]
fn a_write_that_ends_well_but_short_goes_on_where_the_drive_stands() {
    for taken in [0, 9, 31] {
        let (result, drive) =
            with(Profile::CD_R, &[Rule { block: Some(960), ..Rule::at(WRITE, Fault::Short(taken)) }]);
        result.unwrap();
        assert_eq!(drive.content, image(2000), "{taken} blocks were taken");
    }
}

#[test]
fn a_drive_that_gets_ready_late_and_recovers_is_waited_for() {
    let late = Rule { times: 5, ..Rule::at(WRITE, sense(2, 0x04, 0x01)) };
    let recovered =
        Rule { block: Some(1999), ..Rule::at(WRITE, Fault::Taken(32, Sense::new(1, 0x0c, 0x01))) };
    let (result, drive) = with(Profile::CD_R, &[late, recovered]);
    assert!(result.unwrap().notes[0].contains("recovered"));
    assert_eq!(drive.content, image(2000));
}

#[test]
fn somebody_elses_read_before_the_first_write_is_flushed_away() {
    let (result, _) = with(Profile::CD_R, &[Rule { times: 2, ..Rule::at(WRITE, sense(5, 0x2c, 0)) }]);
    result.unwrap();
    // In the middle of a track written at once a flush would end it.
    let (result, drive) = with(Profile::CD_R, &[Rule { skip: 1, ..Rule::at(WRITE, sense(5, 0x2c, 0)) }]);
    assert_eq!(result.unwrap_err().kind, ErrorKind::WriteFailed);
    assert_eq!(drive.count(Opcode::SYNCHRONIZE_CACHE), 0);
}

#[test]
fn a_drive_that_is_busy_in_the_middle_of_a_cd_track_is_waited_for_without_a_flush() {
    for ascq in [0x04, 0x07] {
        let (result, drive) =
            with(Profile::CD_R, &[Rule { skip: 3, times: 4, ..Rule::at(WRITE, sense(2, 0x04, ascq)) }]);
        result.unwrap();
        assert_eq!(drive.count(Opcode::SYNCHRONIZE_CACHE), 1);
    }
}

#[test]
fn a_close_that_fails_after_all_data_is_told_as_such() {
    let incomplete = Rule { times: 3, ..Rule::at(Opcode::CLOSE_TRACK_SESSION, sense(5, 0x72, 0x03)) };
    let (result, drive) = with(Profile::CD_R, &[incomplete]);
    let error = result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::WrittenNotClosed);
    assert!(error.message.contains("usually readable") && error.message.contains("5/72/03"), "{error}");
    assert_eq!(drive.content, image(2000));
}

#[test]
fn a_session_whose_track_counts_as_incomplete_is_closed_after_its_track() {
    let (result, drive) = with(Profile::CD_R, &[Rule::at(Opcode::CLOSE_TRACK_SESSION, sense(5, 0x72, 0x03))]);
    result.unwrap();
    assert_eq!((drive.closed_by, drive.status), (vec![1, 2], DiscStatus::Complete));
}

#[test]
fn a_track_that_cannot_be_closed_by_itself_does_not_keep_the_disc_from_being_finalised() {
    let (result, drive) =
        with(Profile::DVD_PLUS_R, &[Rule::at(Opcode::CLOSE_TRACK_SESSION, sense(5, 0x2c, 0))]);
    result.unwrap();
    assert_eq!((drive.closed_by, drive.status), (vec![5], DiscStatus::Complete));
    let failed = Rule::at(Opcode::CLOSE_TRACK_SESSION, sense(3, 0x0c, 0));
    let (result, drive) = with(Profile::DVD_PLUS_R, &[failed]);
    assert_eq!(result.unwrap_err().kind, ErrorKind::WrittenNotClosed);
    assert_eq!(drive.count(Opcode::CLOSE_TRACK_SESSION), 1);
}

#[test]
fn a_busy_close_is_repeated_until_it_is_taken() {
    let (result, drive) = with(
        Profile::CD_R,
        &[Rule { times: 3, ..Rule::at(Opcode::CLOSE_TRACK_SESSION, sense(2, 0x04, 0x07)) }],
    );
    result.unwrap();
    assert_eq!(drive.status, DiscStatus::Complete);
}

#[test]
fn verification_names_the_first_block_that_cannot_be_read() {
    let mut drive = Mock::new(Profile::CD_R);
    // The chunk, then the single block.
    drive.rules = vec![Rule { block: Some(777), times: 2, ..Rule::at(Opcode::READ_10, sense(3, 0x11, 0)) }];
    let options = RecordOptions { verify: Verify::Full, ..RecordOptions::default() };
    let error = burn(&mut drive, &mut Bench::default(), image(2000), Ending::Finish, options).unwrap_err();
    assert_eq!(error.kind, ErrorKind::VerifyFailed);
    assert_eq!(error.details["block"], Detail::Number(777));
}

#[test]
fn a_source_that_fails_leaves_a_disc_that_is_closed() {
    for ending in [Ending::Fail, Ending::Die] {
        let mut drive = Mock::new(Profile::DVD_PLUS_R);
        let mut short = image(1000);
        let order = super::bench::order(&mut drive, 3000, RecordOptions::default());
        short.truncate(1000 / 32 * 32 * 2048);
        let (ring, feeder) = super::bench::feed(short, ending);
        let mut bench = Bench::default();
        let result =
            crate::worker::record(&mut crate::worker::Drive::new(&mut drive, &mut bench), &order, ring);
        feeder.join().unwrap();
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::HelperFailed);
        assert_eq!(error.details["source"], Detail::Text("ring".to_owned()));
        assert_eq!(drive.broken_rules, Vec::<String>::new());
        if !drive.content.is_empty() {
            assert_eq!(drive.status, DiscStatus::Complete);
            assert!(error.message.contains("incomplete"), "{error}");
        }
    }
}

#[test]
fn a_source_that_fails_with_its_last_word_is_heard() {
    let mut drive = Mock::new(Profile::CD_R);
    let result =
        burn(&mut drive, &mut Bench::default(), image(320), Ending::FailLate, RecordOptions::default());
    assert_eq!(result.unwrap_err().kind, ErrorKind::HelperFailed);
    assert_eq!(drive.broken_rules, Vec::<String>::new());
}

#[test]
fn a_source_that_brings_too_little_or_too_much_is_found_out() {
    for (announced, given) in [(640, 608), (640, 641), (640, 672), (640, 33)] {
        let mut drive = Mock::new(Profile::CD_R);
        let order = super::bench::order(&mut drive, announced, RecordOptions::default());
        let (ring, feeder) = super::bench::feed(image(given), Ending::Finish);
        let mut bench = Bench::default();
        let result =
            crate::worker::record(&mut crate::worker::Drive::new(&mut drive, &mut bench), &order, ring);
        feeder.join().unwrap();
        assert_eq!(result.unwrap_err().kind, ErrorKind::HelperFailed, "{given} of {announced}");
        assert!(drive.content.len() <= announced * 2048);
        assert_eq!(drive.broken_rules, Vec::<String>::new());
    }
}
