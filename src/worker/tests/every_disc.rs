//! Every kind of disc from its box to its end on the virtual recorder: recorded, read back, refused, erased, formatted.

use super::bench::{Stage, image};
use crate::api::{BLOCK, Close, DiscStatus, ErrorKind, MediaKind, Phase, RecordOptions, Verify, WriteMode};
use crate::mmc::opcode::Opcode;
use crate::vdrive::Pace;

/// Discs that are recorded in sequence, small where nothing follows a first session.
const SEQUENTIAL: [&str; 7] = ["cd-r", "cd-rw", "dvd-r", "dvd-rw", "dvd+r", "dvd+r-dl", "bd-r"];
/// Discs that are overwritten.
const OVERWRITTEN: [&str; 5] = ["dvd+rw:8192", "dvd-ram:8192", "dvd-rw-ro:8192", "bd-re:8192", "bd-re-tl"];

fn verified() -> RecordOptions {
    RecordOptions { verify: Verify::Full, ..RecordOptions::default() }
}

fn appendable() -> RecordOptions {
    RecordOptions { close: Close::Appendable, ..verified() }
}

fn stage(kind: &str) -> Stage {
    Stage::new(kind, "", Pace::Unlimited)
}

fn status(stage: &mut Stage) -> DiscStatus {
    stage.look().medium.unwrap().status
}

#[test]
fn discs_written_in_sequence_take_sessions_until_they_are_closed() {
    for kind in SEQUENTIAL {
        for blocks in [1, 31, 1025] {
            let mut stage = stage(kind);
            stage.burn(image(blocks), appendable()).unwrap();
            stage.burn(image(blocks), verified()).unwrap();
            let medium = stage.look().medium.unwrap();
            assert_eq!((medium.sessions, medium.status), (2, DiscStatus::Closed), "{kind}, {blocks}");
            assert!(stage.recorded().starts_with(&image(blocks)), "{kind}");
        }
    }
}

#[test]
fn a_blank_dvd_minus_that_is_closed_is_written_at_once() {
    for kind in ["dvd-r", "dvd-rw", "dvd-r-dl"] {
        let mut stage = stage(kind);
        stage.burn(image(1025), verified()).unwrap();
        assert_eq!(status(&mut stage), DiscStatus::Closed, "{kind}");
        let sent = |opcode: Opcode| stage.sent.iter().any(|cdb| cdb[0] == opcode.0);
        assert!(sent(Opcode::RESERVE_TRACK) && sent(Opcode::SEND_OPC), "{kind}");
        assert!(!sent(Opcode::CLOSE_TRACK_SESSION), "{kind}: it closes itself");
    }
}

#[test]
fn a_cd_is_written_as_a_session_at_once_and_left_open_takes_a_track_at_once() {
    let at_once = |wishes| RecordOptions { write_mode: WriteMode::SessionAtOnce, ..wishes };
    for kind in ["cd-r", "cd-rw"] {
        for blocks in [1, 300, 1025] {
            let mut stage = stage(kind);
            let report = stage.burn(image(blocks), at_once(verified())).unwrap();
            assert_eq!(report.verify.unwrap().blocks, blocks as u64);
            let medium = stage.look().medium.unwrap();
            assert_eq!((medium.sessions, medium.status), (1, DiscStatus::Closed), "{kind}, {blocks}");
            assert_eq!(stage.recorded().len().div_ceil(BLOCK), blocks.max(300), "no run-out follows");
            let sent = |opcode: Opcode| stage.sent.iter().any(|cdb| cdb[0] == opcode.0);
            assert!(sent(Opcode::SEND_CUE_SHEET) && !sent(Opcode::CLOSE_TRACK_SESSION), "{kind}");
            assert!(stage.sent.iter().any(|cdb| cdb[..6] == [0x2a, 0, 0xff, 0xff, 0xff, 0x6a]), "{kind}");
        }
        let mut stage = stage(kind);
        stage.burn(image(700), at_once(appendable())).unwrap();
        let refused = stage.burn(image(700), at_once(verified())).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotSupported, "{refused}");
        stage.burn(image(700), verified()).unwrap();
        assert_eq!(stage.look().medium.unwrap().sessions, 2, "{kind}");
    }
}

#[test]
fn a_session_at_once_goes_on_where_the_drive_says_in_its_pre_gap_as_well() {
    let wishes = RecordOptions { write_mode: WriteMode::SessionAtOnce, ..verified() };
    for fault in [
        "write nth=1 sense-after(B/08/01)",
        "write nth=3 sense-after(B/08/01)",
        "write nth=5 sense-after(B/08/01)",
        "write nth=2 3*sense(2/04/08)",
        "write nth=7 sense-after(1/0C/01)",
    ] {
        let mut stage = Stage::new("cd-r", fault, Pace::Unlimited);
        stage.burn(image(700), wishes).unwrap_or_else(|error| panic!("{fault}: {error}"));
        assert!(stage.recorded().starts_with(&image(700)), "{fault}");
    }
    let simulate = RecordOptions { simulate: true, verify: Verify::None, ..wishes };
    let mut stage = stage("cd-rw");
    assert!(stage.burn(image(700), simulate).unwrap().simulated);
    assert_eq!(status(&mut stage), DiscStatus::Blank);
    stage.burn(image(700), wishes).unwrap();
}

#[test]
fn a_disc_of_two_layers_is_halved_when_its_content_needs_both() {
    for (kind, blocks, halves) in
        [("dvd+r-dl:4096", 3001, true), ("dvd+r-dl:4096", 2000, false), ("dvd-r-dl:4096", 3001, true)]
    {
        let mut stage = stage(kind);
        stage.burn(image(blocks), verified()).unwrap();
        let sent = stage.sent.iter().any(|cdb| cdb[0] == Opcode::SEND_DISC_STRUCTURE.0);
        assert_eq!(sent, halves, "{kind}, {blocks} blocks");
        assert_eq!(status(&mut stage), DiscStatus::Closed);
    }
    let refused = stage("dvd-r-dl").burn(image(400), appendable()).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotSupported);
}

#[test]
fn discs_that_are_overwritten_are_taken_blank_and_kept_from_being_overwritten() {
    for kind in OVERWRITTEN {
        let mut stage = stage(kind);
        assert_eq!(status(&mut stage), DiscStatus::Blank, "{kind}");
        stage.burn(image(1025), verified()).unwrap();
        assert!(stage.recorded().starts_with(&image(1025)), "{kind}");
        assert_eq!(status(&mut stage), DiscStatus::Other, "{kind}");
        let refused = stage.burn(image(7), verified()).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::CannotWriteToMedia, "{kind}");
        assert!(refused.message.contains("Erase it"), "{refused}");
        stage.erase(false).unwrap();
        assert_eq!(status(&mut stage), DiscStatus::Blank, "{kind}");
        // Longer than before, without a verification by us, so that the drive verifies.
        stage.burn(image(3001), RecordOptions::default()).unwrap();
        assert!(stage.recorded().starts_with(&image(3001)), "{kind}");
    }
}

#[test]
fn blocks_are_streamed_where_the_drive_would_verify_what_is_read_back_anyway() {
    for (kind, wishes, streams) in [
        ("bd-re:8192", verified(), true),
        ("bd-re:8192", RecordOptions::default(), false),
        ("dvd-ram:8192", verified(), true),
        ("dvd+rw:8192", verified(), false),
        ("dvd-rw-ro:8192", verified(), false),
    ] {
        let mut stage = stage(kind);
        stage.burn(image(1025), wishes).unwrap();
        let streamed = stage.sent.iter().any(|cdb| cdb[0] == Opcode::WRITE_12.0 && cdb[10] & 0x80 != 0);
        assert_eq!(streamed, streams, "{kind} {:?}", wishes.verify);
    }
}

#[test]
fn streaming_doubles_the_speed_of_a_disc_with_spares() {
    let time = |verify| {
        let mut stage = Stage::new("bd-re", "", Pace::Times(20));
        stage.burn(image(12_000), RecordOptions { verify, ..RecordOptions::default() }).unwrap().write_time
    };
    let (verified_by_drive, streamed) = (time(Verify::None), time(Verify::Full));
    assert!(streamed * 10 < verified_by_drive * 7, "{streamed} µs against {verified_by_drive} µs");
}

#[test]
fn a_full_erasure_leaves_nothing_of_what_was_there() {
    for kind in ["cd-rw", "dvd-rw", "dvd+rw:8192", "dvd-ram:8192", "bd-re:8192", "dvd-rw-ro:8192"] {
        let mut stage = stage(kind);
        stage.burn(image(3001), verified()).unwrap();
        stage.erase(true).unwrap();
        assert!(stage.recorded().iter().all(|byte| *byte == 0), "{kind}");
        assert_eq!(status(&mut stage), DiscStatus::Blank, "{kind}");
        stage.burn(image(300), appendable()).unwrap();
    }
}

#[test]
fn a_dvd_rw_that_was_erased_quickly_is_written_at_once_alone() {
    let mut stage = stage("dvd-rw");
    stage.burn(image(300), verified()).unwrap();
    stage.erase(false).unwrap();
    let refused = stage.burn(image(300), appendable()).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotSupported);
    assert!(refused.message.contains("Erase it fully"), "{refused}");
    stage.burn(image(301), verified()).unwrap();
    stage.erase(true).unwrap();
    stage.burn(image(302), appendable()).unwrap();
}

#[test]
fn every_format_that_is_offered_gives_the_room_that_it_promises() {
    for kind in ["dvd-rw:8192", "dvd-rw-ro:8192", "dvd+rw:8192", "dvd-ram:8192", "bd-re:8192", "bd-r:8192"] {
        let offered = stage(kind).look().medium.unwrap().formats;
        assert!(!offered.is_empty(), "{kind}");
        for choice in offered {
            for full in [false, true] {
                let mut stage = stage(kind);
                stage.format(Some(&choice.name), full).unwrap();
                let medium = stage.look().medium.unwrap();
                assert_eq!(medium.status, DiscStatus::Blank, "{kind} {} {full}", choice.name);
                assert_eq!(medium.free_blocks, choice.blocks, "{kind} {} {full}", choice.name);
                stage.burn(image(1025), verified()).unwrap();
                stage.burn(image(1), verified()).unwrap_err();
            }
        }
    }
}

#[test]
fn a_dvd_rw_changes_between_its_two_ways_of_being_written() {
    let mut stage = stage("dvd-rw:8192");
    stage.burn(image(300), verified()).unwrap();
    stage.format(None, false).unwrap();
    let kind = |stage: &mut Stage| stage.look().medium.unwrap().kind();
    assert_eq!(kind(&mut stage), MediaKind::DvdMinusRwRestrictedOverwrite);
    stage.burn(image(3000), verified()).unwrap();
    stage.erase(true).unwrap();
    assert_eq!(kind(&mut stage), MediaKind::DvdMinusRwSequential);
    stage.burn(image(300), appendable()).unwrap();
}

#[test]
fn what_is_not_formatted_or_not_so_is_refused_by_name() {
    assert_eq!(stage("cd-rw").format(None, false).unwrap_err().kind, ErrorKind::MediumInvalidType);
    let error = stage("bd-re").format(Some("larger"), false).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgs);
    assert!(error.message.contains("default, most-spares"), "{error}");
    let mut used = stage("bd-r");
    used.burn(image(32), appendable()).unwrap();
    assert_eq!(used.format(None, false).unwrap_err().kind, ErrorKind::MediumInvalidType);
}

#[test]
fn test_writes_change_nothing_on_dvd_minus_and_are_refused_where_there_are_none() {
    let simulate = RecordOptions { simulate: true, ..RecordOptions::default() };
    for (kind, close) in [
        ("dvd-r", Close::Finalise),
        ("dvd-r", Close::Appendable),
        ("dvd-rw", Close::Finalise),
        ("dvd-rw", Close::Appendable),
        ("dvd-r-dl", Close::Finalise),
    ] {
        let mut stage = stage(kind);
        let before = stage.look().medium;
        assert!(stage.burn(image(700), RecordOptions { close, ..simulate }).unwrap().simulated);
        assert_eq!(stage.look().medium, before, "{kind} {close:?}");
        stage.burn(image(700), verified()).unwrap();
    }
    for kind in ["dvd+r", "dvd+r-dl", "bd-r"].into_iter().chain(OVERWRITTEN) {
        assert_eq!(stage(kind).burn(image(7), simulate).unwrap_err().kind, ErrorKind::NotSupported, "{kind}");
    }
}

#[test]
fn a_cancelled_burn_leaves_a_disc_that_is_closed_or_can_be_used_again() {
    for kind in SEQUENTIAL.into_iter().chain(["dvd-r-dl"]).chain(OVERWRITTEN) {
        for close in [Close::Finalise, Close::Appendable] {
            if kind == "dvd-r-dl" && close == Close::Appendable {
                continue;
            }
            let mut stage = Stage::new(kind, "", Pace::Times(10));
            stage.when(Phase::Writing, 64, |_| true);
            let wishes = RecordOptions { close, ..RecordOptions::default() };
            let error = stage.burn(image(2001), wishes).unwrap_err();
            assert_eq!(error.kind, ErrorKind::UserAbort, "{kind}: {error}");
            let medium = stage.look().medium.unwrap();
            assert!(!medium.damaged, "{kind} {close:?}");
            assert!(stage.recorded()[..64 * BLOCK] == image(64), "{kind}");
            if medium.rewritable {
                stage.erase(false).unwrap();
                stage.burn(image(300), verified()).unwrap();
            }
        }
    }
}

#[test]
fn a_broken_link_is_survived_on_discs_that_are_overwritten_as_well() {
    for kind in OVERWRITTEN {
        let mut stage = Stage::new(kind, "write lba=320 sense-after(0B/08/01)", Pace::Unlimited);
        stage.burn(image(1025), verified()).unwrap();
        assert!(stage.recorded().starts_with(&image(1025)), "{kind}");
    }
}
