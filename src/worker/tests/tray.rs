//! Trays and erasures.

use super::bench::Bench;
use super::mock::{Fault, Mock, Rule};
use crate::api::{ErrorKind, Phase};
use crate::mmc::disc_info::DiscStatus;
use crate::mmc::opcode::Opcode;
use crate::mmc::profile::Profile;
use crate::mmc::sense::Sense;
use crate::worker::{Drive, eject, erase, load};

fn refusing(opcode: Opcode, key: u8, asc: u8, ascq: u8) -> Mock {
    let rule = Rule { times: 2, ..Rule::at(opcode, Fault::Sense(Sense::new(key, asc, ascq))) };
    Mock::new(Profile::CD_RW).with(rule)
}

#[test]
fn a_tray_opens_even_when_a_dead_program_left_it_locked_and_closes_again() {
    let (mut drive, mut bench) = (Mock::new(Profile::CD_R), Bench::default());
    drive.locked = true;
    eject(&mut Drive::new(&mut drive, &mut bench)).unwrap();
    assert!(drive.open && !drive.present);
    load(&mut Drive::new(&mut drive, &mut bench)).unwrap();
    assert!(!drive.open && drive.present);
}

#[test]
fn a_tray_that_has_to_be_moved_by_hand_says_so() {
    let mut drive = refusing(Opcode::START_STOP_UNIT, 5, 0x24, 0);
    drive.open = true;
    drive.present = false;
    let error = load(&mut Drive::new(&mut drive, &mut Bench::default())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DeviceInvalidType);
    assert!(error.message.contains("by hand"), "{error}");
}

#[test]
fn an_empty_tray_is_closed_without_waiting_for_ever() {
    let (mut drive, mut bench) = (Mock::new(Profile::CD_R), Bench::default());
    drive.present = false;
    load(&mut Drive::new(&mut drive, &mut bench)).unwrap();
    assert!(bench.now.as_secs() < 60);
}

#[test]
fn a_disc_is_blanked_with_progress_behind_a_locked_tray() {
    let (mut drive, mut bench) = (Mock::new(Profile::CD_RW), Bench::default());
    drive.content = vec![1; 400 * 2048];
    drive.status = DiscStatus::Complete;
    drive.slowness = 60;
    erase(&mut Drive::new(&mut drive, &mut bench), false, true).unwrap();
    assert_eq!((drive.status, drive.content.len()), (DiscStatus::Blank, 0));
    assert_eq!(drive.broken_rules, Vec::<String>::new());
    assert!(!drive.locked && drive.open);
    let erasing: Vec<_> = bench.shown.iter().filter(|progress| progress.phase == Phase::Erasing).collect();
    assert!(erasing.iter().all(|progress| !progress.cancelable));
    assert!(erasing.iter().any(|progress| progress.fraction == Some(0.5)));
}

#[test]
fn what_cannot_be_erased_is_told_by_disc_drive_or_failure() {
    let kind = |mut drive: Mock| {
        let error = erase(&mut Drive::new(&mut drive, &mut Bench::default()), true, false).unwrap_err();
        assert!(!drive.locked);
        error.kind
    };
    assert_eq!(kind(Mock::new(Profile::CD_R)), ErrorKind::MediumInvalidType);
    assert_eq!(kind(refusing(Opcode::BLANK, 5, 0x20, 0)), ErrorKind::DeviceInvalidType);
    assert_eq!(kind(refusing(Opcode::BLANK, 3, 0x51, 0)), ErrorKind::EraseFailed);
    let mut empty = Mock::new(Profile::CD_RW);
    empty.present = false;
    assert_eq!(kind(empty), ErrorKind::MediumNotPresent);
}

#[test]
fn a_cd_rw_that_cannot_be_read_is_erased_all_the_same() {
    for opcode in [Opcode::TEST_UNIT_READY, Opcode::READ_DISC_INFORMATION] {
        for (key, asc) in [(3, 0x57), (5, 0x30), (3, 0x11)] {
            let refused = Fault::Sense(Sense::new(key, asc, 0));
            let mut drive = Mock::new(Profile::CD_RW).with(Rule::at(opcode, refused));
            drive.status = DiscStatus::Complete;
            drive.content = vec![1; 400 * 2048];
            erase(&mut Drive::new(&mut drive, &mut Bench::default()), false, false).unwrap();
            assert_eq!((drive.status, drive.broken_rules.len()), (DiscStatus::Blank, 0));
        }
    }
    let rule = Rule::at(Opcode::TEST_UNIT_READY, Fault::Sense(Sense::new(3, 0x57, 0)));
    let mut drive = Mock::new(Profile::CD_R).with(rule);
    let error = erase(&mut Drive::new(&mut drive, &mut Bench::default()), false, false).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DiscInfo);
}

#[test]
fn a_drive_without_the_immed_bit_blanks_all_the_same() {
    let mut drive =
        Mock::new(Profile::CD_RW).with(Rule::at(Opcode::BLANK, Fault::Sense(Sense::new(5, 0x24, 0))));
    erase(&mut Drive::new(&mut drive, &mut Bench::default()), true, false).unwrap();
    assert_eq!(drive.count(Opcode::BLANK), 2);
}
