//! Drives that lie, hang, lose answers or are reset: no panic, no endless wait, no blind WRITE, an end with a name.

use std::time::Duration;

use proptest::prelude::*;

use super::bench::{Bench, Stage, image};
use crate::api::{self, DiscStatus, ErrorKind, Phase, RecordOptions, Verify};
use crate::mmc::opcode::Opcode;
use crate::mmc::transport::Traced;
use crate::vdrive::Pace;
use crate::worker::{self, Drive};

use ErrorKind::{
    DeviceNotAccessible, DeviceNotPresent, DiscFull, EraseFailed, VerifyFailed, WriteFailed, WrittenNotClosed,
};

fn verified() -> RecordOptions {
    RecordOptions { verify: Verify::Full, ..RecordOptions::default() }
}

/// A burn of 1200 blocks under faults that come into force with the first write.
fn burn_with(kind: &str, script: &str) -> (api::Result<api::Report>, Stage) {
    let mut stage = Stage::new(kind, "", Pace::Unlimited);
    let faults = script.parse().unwrap();
    stage.when(Phase::Writing, 0, |drive| {
        drive.with(|drive, _| drive.add_faults(faults));
        false
    });
    let result = stage.burn(image(1200), verified());
    (result, stage)
}

#[test]
fn lies_that_a_burn_does_not_fall_for() {
    for script in [
        // NWA −150; free blocks without end; data mode Fh; a track of no length.
        "read-track-information forever*lie(12=ffffff6a)",
        "read-track-information forever*lie(16=ffffffff)",
        "read-track-information forever*lie(6=0f)",
        "read-track-information forever*lie(24=00000000)",
        // Speeds of 0, and a list that claims to go on for ever.
        "get-performance forever*lie(20=00000000)",
        "get-performance forever*lie(0=ffffffff)",
        "get-configuration forever*lie(0=ffffffff)",
        "mode-sense-10 forever*lie(0=ffff)",
        "read-buffer-capacity forever*lie(4=00000000,8=ffffffff)",
        "read-disc-information forever*lie(0=ffff)",
        "read-disc-structure forever*lie(0=ffff)",
        "read-toc forever*lie(0=ffff)",
        // Shorter than announced.
        "get-performance forever*cut(9)",
        "read-toc forever*cut(3)",
        "read-buffer-capacity forever*cut(5)",
    ] {
        let mut stage = Stage::new("cd-r", script, Pace::Unlimited).lenient();
        let speeds = stage.look().medium.unwrap().write_speeds;
        assert!(!speeds.contains(&0), "{script}: {speeds:?}");
        let burnt = stage.burn(image(1200), verified());
        assert!(burnt.is_ok(), "{script}: {burnt:?}");
        assert!(stage.recorded().starts_with(&image(1200)), "{script}");
    }
}

#[test]
fn an_address_behind_the_disc_or_a_disc_without_room_is_refused_before_anything_is_written() {
    for (script, kinds) in [
        ("read-track-information forever*lie(12=7ffffff0)", &[ErrorKind::DiscInfo][..]),
        ("read-track-information forever*lie(12=80000000)", &[ErrorKind::DiscInfo]),
        ("read-track-information forever*lie(16=00000000)", &[DiscFull]),
    ] {
        let mut stage = Stage::new("dvd+r", script, Pace::Unlimited);
        let error = stage.burn(image(1200), verified()).unwrap_err();
        assert!(kinds.contains(&error.kind), "{script}: {error}");
        assert!(!stage.sent.iter().any(|cdb| cdb[0] == Opcode::WRITE_10.0), "{script}");
    }
}

#[test]
fn a_next_address_below_what_is_written_ends_the_burn() {
    for kind in ["cd-r", "dvd+r"] {
        for next in ["00000010", "ffffff6a", "000004b0", "7fffffff"] {
            let script =
                format!("write lba>=640 sense-after(4/08/01); read-track-information forever*lie(12={next})");
            let (result, stage) = burn_with(kind, &script);
            let error = result.unwrap_err();
            assert_eq!(error.kind, WriteFailed, "{kind} {next}: {error}");
            assert!(error.message.contains("unfinished"), "{error}");
            let last = stage.sent.iter().rfind(|cdb| cdb[0] == Opcode::WRITE_10.0).unwrap();
            assert_eq!(last[2..6], 640_u32.to_be_bytes(), "nothing is written after the lie");
        }
    }
}

#[test]
fn a_lost_answer_a_reset_or_a_drive_that_leaves_ends_a_burn_by_name_at_every_command() {
    for (what, told) in [("lost", "answer was lost"), ("vanish", "vanished"), ("reset", "6/29/02")] {
        for (command, kind) in [
            ("write lba=0", WriteFailed),
            ("write lba>=640", WriteFailed),
            ("flush", WriteFailed),
            ("close-session", WrittenNotClosed),
            ("read lba>=77", VerifyFailed),
        ] {
            // A reset while reading costs nothing: the drive is asked again.
            if (what, command) == ("reset", "read lba>=77") {
                continue;
            }
            let (result, _) = burn_with("cd-r", &format!("{command} {what}"));
            let error = result.unwrap_err();
            assert_eq!(error.kind, kind, "{command} {what}: {error}");
            assert!(error.message.contains(told), "{command} {what}: {error}");
        }
    }
    burn_with("cd-r", "read lba>=77 reset").0.unwrap();
}

#[test]
fn deferred_errors_end_a_burn_and_nothing_is_sent_again() {
    for sense in ["3/0C/00", "3/0C/09", "4/44/00", "5/21/02", "B/08/01"] {
        for (command, kind) in
            [("write lba>=640", WriteFailed), ("flush", WriteFailed), ("close-session", WrittenNotClosed)]
        {
            let (result, stage) = burn_with("cd-r", &format!("{command} deferred({sense})"));
            let error = result.unwrap_err();
            // Late as it comes, an underrun is still told by its own name.
            let kind = if (command, sense) == ("write lba>=640", "3/0C/09") {
                ErrorKind::LossOfStreaming
            } else {
                kind
            };
            assert_eq!(error.kind, kind, "{command} {sense}: {error}");
            let writes = stage.sent.iter().filter(|cdb| cdb[0] == Opcode::WRITE_10.0);
            let at_640 = writes.filter(|cdb| cdb[2..6] == 640_u32.to_be_bytes()).count();
            assert!(at_640 <= 1, "{command} {sense}: sent again");
        }
    }
}

#[test]
fn a_drive_that_hangs_is_given_up_after_the_time_of_its_command() {
    for (command, kind, most) in [
        ("write lba>=640", WriteFailed, 200),
        ("flush", WriteFailed, 3600),
        ("close-session", WrittenNotClosed, 3600),
        ("read lba>=320", VerifyFailed, 60),
    ] {
        let mut stage = Stage::new("cd-r", &format!("{command} forever*hang(20000s)"), Pace::Unlimited);
        let before = stage.drive.now();
        let error = stage.burn(image(1200), verified()).unwrap_err();
        assert_eq!(error.kind, kind, "{command}: {error}");
        assert!(error.message.contains("did not answer within"), "{error}");
        let took = (stage.drive.now() - before).as_secs();
        assert!((most..most + 300).contains(&took), "{command}: {took} s");
    }
    for command in ["test-unit-ready", "read-disc-information", "get-configuration", "inquiry"] {
        let mut stage = Stage::new("cd-r", &format!("{command} forever*hang(20000s)"), Pace::Unlimited);
        let before = stage.drive.now();
        let mut transport = stage.drive.clone();
        let error = worker::inspect(&mut Drive::new(&mut transport, &mut stage)).unwrap_err();
        assert_eq!(error.kind, DeviceNotAccessible, "{command}: {error}");
        assert!(stage.drive.now() - before <= Duration::from_secs(40), "{command}");
    }
    let mut stage = Stage::new("cd-rw", "", Pace::Unlimited);
    stage.burn(image(400), RecordOptions::default()).unwrap();
    stage.drive.with(|drive, _| drive.add_faults("blank hang(20000s)".parse().unwrap()));
    assert_eq!(stage.erase(true).unwrap_err().kind, EraseFailed);
}

#[test]
fn a_drive_that_is_never_ready_ends_a_look_in_minutes() {
    for sense in ["2/04/00", "2/04/01", "2/04/02", "2/04/07", "2/06/00", "6/28/00", "6/29/00", "4/08/00"] {
        let script = format!("test-unit-ready forever*sense({sense})");
        let mut stage = Stage::new("cd-r", &script, Pace::Unlimited);
        let mut transport = stage.drive.clone();
        let looked = worker::inspect(&mut Drive::new(&mut transport, &mut stage));
        assert!(looked.is_err(), "{sense}");
        assert!(stage.drive.now() < Duration::from_secs(700), "{sense}");
    }
}

#[test]
fn answers_cut_anywhere_are_no_end_of_a_look() {
    for opcode in ASKED {
        for length in (0..40).step_by(3) {
            let script = format!("{opcode} forever*cut({length})");
            look_at(&script);
        }
    }
}

/// The questions of a look.
const ASKED: &[Opcode] = &[
    Opcode::INQUIRY,
    Opcode::GET_CONFIGURATION,
    Opcode::MODE_SENSE_10,
    Opcode::READ_DISC_INFORMATION,
    Opcode::READ_TRACK_INFORMATION,
    Opcode::GET_PERFORMANCE,
    Opcode::READ_TOC,
    Opcode::READ_DISC_STRUCTURE,
    Opcode::READ_FORMAT_CAPACITIES,
    Opcode::GET_EVENT_STATUS,
    Opcode::READ_BUFFER_CAPACITY,
];

/// Looks, and sees to it that the look ends, well or by name, and never asks without end.
fn look_at(script: &str) {
    let stage = Stage::new("cd-rw", "", Pace::Unlimited);
    stage.drive.with(|drive, _| drive.add_faults(script.parse().unwrap()));
    let mut traced = Traced::new(stage.overheard());
    let looked = worker::inspect(&mut Drive::new(&mut traced, &mut Bench::default()));
    if let Err(error) = looked {
        assert!(
            matches!(error.kind, ErrorKind::DiscInfo | DeviceNotAccessible | DeviceNotPresent),
            "{script}: {error}"
        );
    }
    assert!(traced.inner().sent.len() < 1000, "{script}");
    assert!(stage.drive.now() < Duration::from_secs(1000), "{script}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_whatsoever_makes_a_look_panic_or_run_on(
        lies in proptest::collection::vec((proptest::sample::select(ASKED), 0_u16..64, any::<u32>()), 1..6)
    ) {
        let script = lies.iter().map(|(opcode, at, bytes)| format!("{opcode} forever*lie({at}={bytes:08x})"));
        look_at(&script.collect::<Vec<_>>().join("; "));
    }
}

#[test]
fn a_disc_of_65535_tracks_is_looked_at_in_bounded_time() {
    let mut stage = Stage::new("cd-r", "", Pace::Unlimited);
    stage.burn(image(400), RecordOptions::default()).unwrap();
    let lies = "read-disc-information forever*lie(4=ff,6=ff,9=ff,11=ff)";
    stage.drive.with(|drive, _| drive.add_faults(lies.parse().unwrap()));
    let medium = stage.look().medium.unwrap();
    assert_eq!((medium.status, medium.tracks.len()), (DiscStatus::Closed, 1));
}
