//! Drives that are known to do otherwise, played by virtual recorders under their names; each beside one that is not.

use super::bench::{Stage, image};
use crate::api::{ErrorKind, RecordOptions};
use crate::mmc::opcode::Opcode;
use crate::worker::{self, Drive};

const UNKNOWN: (&str, &str) = ("DISCMAST", "Virtual Recorder");
const PIONEER: (&str, &str) = ("PIONEER", "DVD-RW  DVR-112");
const DVR_216: (&str, &str) = ("PIONEER", "DVD-RW  DVR-216D");
const GSA_4082B: (&str, &str) = ("HL-DT-ST", "DVDRAM GSA-4082B");
const GH22LS30: (&str, &str) = ("HL-DT-ST", "DVDRAM GH22LS30");
const PX_608: (&str, &str) = ("PLEXTOR", "DVDR PX-608CU");

fn burnt((vendor, product): (&str, &str), kind: &str, script: &str) -> Stage {
    let mut stage = Stage::named(vendor, product, kind, script);
    stage.burn(image(1200), RecordOptions::default()).unwrap();
    stage
}

/// The commands of this code, with their second byte.
fn variants(stage: &Stage, opcode: Opcode) -> Vec<u8> {
    stage.sent.iter().filter(|cdb| cdb[0] == opcode.0).map(|cdb| cdb[1]).collect()
}

#[test]
fn a_drive_that_ends_its_flush_too_early_is_flushed_again_without_immed() {
    assert_eq!(variants(&burnt(PIONEER, "cd-r", ""), Opcode::SYNCHRONIZE_CACHE), [2, 0]);
    assert_eq!(variants(&burnt(UNKNOWN, "cd-r", ""), Opcode::SYNCHRONIZE_CACHE), [2]);
}

#[test]
fn a_drive_that_calls_itself_ready_too_early_has_to_accept_a_stop_first() {
    let script = "start-stop-unit 4*sense(2/04/07)";
    for kind in ["cd-r", "dvd+r"] {
        assert!(!variants(&burnt(PIONEER, kind, script), Opcode::START_STOP_UNIT).is_empty());
        assert!(variants(&burnt(UNKNOWN, kind, ""), Opcode::START_STOP_UNIT).is_empty());
    }
    let mut stage = burnt(PIONEER, "cd-rw", "");
    stage.drive.with(|drive, _| drive.add_faults(script.parse().unwrap()));
    stage.erase(false).unwrap();
}

#[test]
fn a_drive_that_fails_close_track_on_cd_never_gets_it() {
    let script = "close-session sense(5/72/03)";
    let tracks = |stage: &Stage| {
        stage.sent.iter().filter(|cdb| cdb[0] == Opcode::CLOSE_TRACK_SESSION.0 && cdb[2] == 1).count()
    };
    assert_eq!(tracks(&burnt(UNKNOWN, "cd-r", script)), 1);
    let (vendor, product) = GH22LS30;
    let mut stage = Stage::named(vendor, product, "cd-r", script);
    let error = stage.burn(image(1200), RecordOptions::default()).unwrap_err();
    assert_eq!((error.kind, tracks(&stage)), (ErrorKind::WrittenNotClosed, 0));
}

#[test]
fn a_drive_that_locks_up_on_questions_about_its_buffer_is_never_asked() {
    // Full once, which is when others are asked.
    let script = "write lba>=640 9*sense(2/04/08)";
    assert!(!variants(&burnt(UNKNOWN, "cd-r", script), Opcode::READ_BUFFER_CAPACITY).is_empty());
    for name in [DVR_216, GSA_4082B] {
        assert!(variants(&burnt(name, "cd-r", script), Opcode::READ_BUFFER_CAPACITY).is_empty());
    }
}

#[test]
fn a_drive_that_denies_its_disc_while_it_loads_is_loaded_at_one_go() {
    for (name, wanted) in [(UNKNOWN, 1), (GSA_4082B, 0)] {
        let commands = moved(name, |drive| worker::eject(drive).and_then(|()| worker::load(drive)).unwrap());
        let loads = commands.iter().filter(|cdb| cdb[4] & 3 == 3).map(|cdb| cdb[1]).collect::<Vec<_>>();
        assert_eq!(loads, [wanted], "{name:?}");
    }
}

#[test]
fn a_drive_that_keeps_a_spinning_disc_is_stopped_before_its_tray_opens() {
    for (name, wanted) in [(UNKNOWN, vec![2]), (DVR_216, vec![0, 2])] {
        let commands = moved(name, |drive| worker::eject(drive).unwrap());
        assert_eq!(commands.iter().map(|cdb| cdb[4] & 3).collect::<Vec<_>>(), wanted, "{name:?}");
    }
}

/// The START STOP UNITs that moving the tray takes, once the drive was looked at.
fn moved((vendor, product): (&str, &str), act: impl FnOnce(&mut Drive<'_>)) -> Vec<Vec<u8>> {
    let mut stage = Stage::named(vendor, product, "cd-r", "");
    stage.look();
    let mut overheard = stage.overheard();
    act(&mut Drive::new(&mut overheard, &mut stage));
    overheard.sent.into_iter().filter(|cdb| cdb[0] == Opcode::START_STOP_UNIT.0).collect()
}

#[test]
fn a_write_that_the_usb_bridge_repeated_is_found_to_be_written() {
    for kind in ["cd-r", "dvd+r"] {
        let (vendor, product) = PX_608;
        let script = "write lba>=640 sense-after(5/21/02)";
        let mut stage = Stage::named(vendor, product, kind, script);
        stage.burn(image(1200), RecordOptions::default()).unwrap();
        assert!(stage.recorded().starts_with(&image(1200)), "{kind}");
        // Refused and not written it was no repetition, and the thread is lost.
        let mut stage = Stage::named(vendor, product, kind, "write lba>=640 sense(5/21/02)");
        let error = stage.burn(image(1200), RecordOptions::default()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::WriteFailed);
        // Of any other drive it is not believed.
        let mut stage = Stage::new(kind, script, crate::vdrive::Pace::Unlimited);
        assert_eq!(
            stage.burn(image(1200), RecordOptions::default()).unwrap_err().kind,
            ErrorKind::WriteFailed
        );
    }
}
