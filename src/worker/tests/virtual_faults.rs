//! What goes wrong on the virtual recorder, and what becomes of the disc.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::bench::{Stage, image};
use crate::api::{DiscStatus, ErrorKind, Phase, RecordOptions, Verify};
use crate::vdrive::Pace;

fn verified() -> RecordOptions {
    RecordOptions { verify: Verify::Full, ..RecordOptions::default() }
}

#[test]
fn scripts_of_faults_that_a_burn_survives() {
    let scripts = [
        "write lba>=512 3*sense(2/04/08)",
        "write 4*sense(2/04/01)",
        "write lba>=320 busy",
        "write lba>=320 sense(4/08/01)",
        "write lba>=320 sense-after(4/08/01)",
        "write lba>=320 sense-after(1/0C/01)",
        "write lba>=320 deferred(1/0C/01)",
        "write lba>=320 hang(20s)",
        "flush deferred(1/0C/01)",
        "close-session deferred(1/0C/01)",
        "mode-select-10 deferred(1/0C/01)",
        "flush 2*sense(2/04/07)",
        "flush hang(900s)",
        "close-session hang(900s)",
        "test-unit-ready nth=6 hang(200s)",
        "close-session 3*sense(2/04/07)",
        "read lba>=200 sense(4/08/00)",
        "read 300*sense(2/04/01)",
        "read sense(5/64/00)",
        "read-buffer-capacity forever*sense(5/20/00); write lba>=900 5*sense(2/04/08)",
        "prevent-allow sense(5/24/00)",
        "mode-sense-10 forever*sense(5/24/00)",
        "test-unit-ready nth=4 sense(6/28/00)",
    ];
    for script in scripts {
        let mut stage = Stage::new("cd-r", script, Pace::Unlimited);
        let burnt = stage.burn(image(1200), verified());
        assert!(burnt.is_ok(), "{script}: {burnt:?}");
        assert!(stage.recorded().starts_with(&image(1200)), "{script}");
        assert_eq!(stage.look().medium.unwrap().status, DiscStatus::Closed, "{script}");
    }
    for script in ["finalize sense(5/24/00)", "close-track sense(2/04/07)"] {
        let mut stage = Stage::new("dvd+r", script, Pace::Unlimited);
        stage.burn(image(1200), verified()).unwrap();
    }
}

#[test]
fn scripts_of_faults_that_end_a_burn_by_name() {
    use ErrorKind::{
        DiscFull, InitializeWrite, LossOfStreaming, VerifyFailed, WriteFailed, WrittenNotClosed,
    };
    let scripts = [
        ("write lba>=640 sense(3/0C/00)", WriteFailed),
        ("write lba>=640 sense(3/0C/09)", LossOfStreaming),
        ("write lba>=640 sense(5/63/00)", DiscFull),
        ("write lba>=640 sense(6/29/00)", WriteFailed),
        ("write lba>=640 sense(6/28/00)", WriteFailed),
        ("write lba>=640 deferred(3/0C/00)", WriteFailed),
        ("write lba>=640 hang(400s)", WriteFailed),
        ("write lba>=640 vanish", WriteFailed),
        ("flush sense(3/0C/00)", WriteFailed),
        ("read-buffer-capacity deferred(3/0C/00)", WriteFailed),
        ("read-buffer-capacity sense(3/0C/09)", LossOfStreaming),
        ("read-buffer-capacity sense(6/29/00)", WriteFailed),
        ("flush sense(2/04/07); request-sense forever*deferred(3/0C/00)", WriteFailed),
        ("close-session 2*sense(5/72/03)", WrittenNotClosed),
        ("close-session vanish", WrittenNotClosed),
        ("mode-select-10 vanish", InitializeWrite),
        ("read lba>=77 forever*sense(3/11/00)", VerifyFailed),
    ];
    for (script, kind) in scripts {
        let mut stage = Stage::new("cd-r", script, Pace::Unlimited);
        let error = stage.burn(image(2400), verified()).unwrap_err();
        assert_eq!(error.kind, kind, "{script}: {error}");
        assert!(error.message.len() > 60, "{script}: {error}");
    }
}

#[test]
fn a_drive_that_was_reset_while_the_ring_filled_is_set_again() {
    // The fifth is the last look before the first write.
    for simulate in [false, true] {
        let options = RecordOptions { simulate, ..RecordOptions::default() };
        for script in ["test-unit-ready nth=5 sense(6/29/00)", "mode-select-10 nth=2 sense(6/29/00)"] {
            let mut stage = Stage::new("cd-r", script, Pace::Unlimited);
            stage.burn(image(1200), options).unwrap();
            let status = if simulate { DiscStatus::Blank } else { DiscStatus::Closed };
            assert_eq!(stage.look().medium.unwrap().status, status, "{script}");
        }
    }
}

#[test]
fn a_simulation_that_a_drive_does_not_confirm_is_refused() {
    let simulate = RecordOptions { simulate: true, ..RecordOptions::default() };
    // It does not tell; or it forgets between its setting and its answer, the fifth.
    for script in ["mode-sense-10 forever*sense(5/24/00)", "mode-sense-10 nth=5 sense(6/29/00)"] {
        let mut stage = Stage::new("cd-r", script, Pace::Unlimited);
        let error = stage.burn(image(1200), simulate).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotSupported, "{script}: {error}");
        assert_eq!(stage.look().medium.unwrap().status, DiscStatus::Blank);
    }
}

#[test]
fn a_cut_of_the_power_ends_a_burn() {
    let mut stage = Stage::new("dvd+r", "", Pace::Times(80));
    stage.when(Phase::Writing, 2000, |drive| {
        drive.with(|drive, now| drive.power_cut(now));
        false
    });
    let error = stage.burn(image(6000), verified()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::WriteFailed);
    assert!(error.message.contains("unfinished"), "{error}");
}

#[test]
fn a_disc_cannot_be_taken_out_while_it_is_written() {
    let mut stage = Stage::new("cd-r", "", Pace::Times(400));
    stage.when(Phase::Writing, 500, |drive| {
        drive.with(|drive, now| {
            drive.press_button(now);
            assert!(drive.remove(now).is_err());
        });
        false
    });
    stage.burn(image(2000), verified()).unwrap();
}

#[test]
fn a_flipped_bit_is_found_by_the_full_verification() {
    let mut stage = Stage::new("cd-r", "", Pace::Unlimited);
    stage.when(Phase::Verifying, 0, |drive| {
        let file = drive.with(|drive, _| drive.medium().and_then(|medium| medium.image()).unwrap());
        let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
        let (mut byte, at) = ([0], 777 * 2048 + 99);
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
        false
    });
    let error = stage.burn(image(1000), verified()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::VerifyFailed);
    assert_eq!(error.details["block"], 777_u64.into());
    assert!(error.message.contains("block 777"), "{error}");
}

#[test]
fn a_cancel_leaves_a_disc_that_is_closed_whatever_the_drive_was_doing() {
    for kind in ["cd-r", "cd-rw", "dvd+r"] {
        for (done, script) in [(0, ""), (1, ""), (1500, ""), (1500, "write lba>=1600 forever*sense(2/04/08)")]
        {
            let mut stage = Stage::new(kind, "", Pace::Times(320));
            let faults = script.to_owned();
            stage.when(Phase::Writing, done, move |drive| {
                if !faults.is_empty() {
                    drive.with(|drive, _| drive.clear_faults());
                }
                true
            });
            if !script.is_empty() {
                stage.drive.with(|drive, _| drive.add_faults(script.parse().unwrap()));
            }
            let error = stage.burn(image(6000), verified()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::UserAbort, "{kind} {done} {script}: {error}");
            let status = stage.look().medium.unwrap().status;
            let untouched = error.message.contains("as it was");
            assert_eq!(status, if untouched { DiscStatus::Blank } else { DiscStatus::Closed }, "{error}");
        }
    }
}

#[test]
fn a_hanging_drive_does_not_hold_an_erasure_for_ever() {
    let mut stage = Stage::new("cd-rw", "", Pace::Unlimited);
    stage.burn(image(400), verified()).unwrap();
    stage.drive.with(|drive, _| drive.add_faults("blank hang(4000s)".parse().unwrap()));
    let before = stage.drive.now();
    assert_eq!(stage.erase(false).unwrap_err().kind, ErrorKind::EraseFailed);
    assert!(stage.drive.now() - before < Duration::from_secs(4000));
}

#[test]
fn a_drive_that_takes_long_over_an_erasure_without_a_word_is_not_given_up() {
    let mut stage = Stage::new("cd-rw", "", Pace::Unlimited);
    stage.burn(image(400), verified()).unwrap();
    stage.drive.with(|drive, _| drive.add_faults("blank hang(900s)".parse().unwrap()));
    stage.erase(false).unwrap();
}

#[test]
fn erasures_fail_by_name() {
    for (script, kind) in [
        ("blank 2*sense(5/20/00)", ErrorKind::DeviceInvalidType),
        ("blank sense(3/51/00)", ErrorKind::EraseFailed),
        ("blank vanish", ErrorKind::EraseFailed),
    ] {
        let mut stage = Stage::new("cd-rw", "", Pace::Unlimited);
        stage.burn(image(400), verified()).unwrap();
        stage.drive.with(|drive, _| drive.add_faults(script.parse().unwrap()));
        let error = stage.erase(false).unwrap_err();
        assert_eq!(error.kind, kind, "{script}: {error}");
    }
}
