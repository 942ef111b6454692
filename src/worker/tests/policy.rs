//! The sense policy, row by row: each row of the table comes true at a command of the virtual recorder.

use std::time::Duration;

use super::bench::{Stage, image};
use crate::api::{self, Detail, DiscStatus, ErrorKind, Phase, RecordOptions, Verify};
use crate::mmc::cdb::TestUnitReady;
use crate::mmc::policy::During::{
    self, Amid, Blanking, Calibrate, Close, Flush, Format, Load, Query, Read, ReadTail, SetSpeed, Write,
};
use crate::mmc::policy::{POLICY, Verdict, row};
use crate::mmc::sense::Sense;
use crate::vdrive::Pace;
use crate::worker::Drive;

use ErrorKind::{
    CannotWriteToMedia, DiscFull, EraseFailed, LossOfStreaming, VerifyFailed, WriteFailed, WrittenNotClosed,
};

/// What is done while the sense comes, and how that ends.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// A look at the drive goes well.
    Looks,
    /// A burn of 1200 blocks with full verification goes well, on a CD-R or a DVD+R.
    Burns,
    BurnsPlus,
    /// Such a burn on a CD-R ends by this name.
    Ends(ErrorKind),
    /// The same, told with the sense of the write that was asked about.
    EndsAs(ErrorKind, &'static str),
    /// An erasure of a CD-RW ends by this name.
    Erases(ErrorKind),
    /// A single command goes well, or fails with this verdict: for what no operation does at this place.
    Passes,
    Fails(Verdict),
}
use Course::{Burns, BurnsPlus, Ends, EndsAs, Erases, Fails, Looks, Passes};

/// Sense, what is being done, how that goes, and the fault; `{}` is the sense.
type Scenario = (&'static str, During, Course, &'static str);

#[rustfmt::skip]
const SCENARIOS: &[Scenario] = &[
    ("1/73/01", Write,     Burns,                  "write sense-after({})"),
    ("1/17/01", Flush,     Burns,                  "flush sense-after({})"),
    ("2/04/01", Write,     Burns,                  "write 4*sense({})"),
    ("2/04/02", Query,     Looks,                  "test-unit-ready sense({})"),
    ("2/04/03", Write,     Burns,                  "write sense({})"),
    ("2/04/04", Write,     BurnsPlus,              "write lba>=320 2*sense({})"),
    ("2/04/04", Flush,     Burns,                  "flush 2*sense({})"),
    ("2/04/07", Write,     BurnsPlus,              "write lba>=640 2*sense({})"),
    ("2/04/07", Write,     Burns,                  "write lba>=640 2*sense({})"),
    ("2/04/07", Close,     Burns,                  "close-session 3*sense({})"),
    ("2/04/08", Write,     Burns,                  "write lba>=512 9*sense({})"),
    ("2/04/08", Flush,     Burns,                  "flush 2*sense({})"),
    ("2/04/00", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("2/04/00", Close,     Burns,                  "close-session 3*sense({})"),
    ("2/06/00", Close,     Burns,                  "close-session 2*sense({})"),
    ("2/06/00", Query,     Looks,                  "test-unit-ready 3*sense({})"),
    ("4/08/01", Write,     Burns,                  "write lba>=320 sense-after({})"),
    ("B/08/03", Write,     BurnsPlus,              "write lba>=320 sense({})"),
    ("4/08/00", Read,      Burns,                  "read lba>=200 sense({})"),
    ("5/30/05", Write,     Ends(WriteFailed),      "write sense({})"),
    ("5/30/06", Blanking,  Erases(CannotWriteToMedia), "blank sense({})"),
    ("5/30/06", Format,    Fails(Verdict::UnsuitableMedium), "test-unit-ready sense({})"),
    ("5/30/09", Write,     Ends(WriteFailed),      "write sense({})"),
    ("5/30/0A", Write,     Ends(WriteFailed),      "write sense({})"),
    ("2/30/00", Blanking,  Erases(CannotWriteToMedia), "blank sense({})"),
    ("2/3A/00", Load,      Passes,                 "test-unit-ready 3*sense({})"),
    ("2/3A/02", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("2/3A/01", Flush,     Ends(WriteFailed),      "flush sense({})"),
    ("2/3A/01", Amid,      Ends(WriteFailed),      "write lba>=640 sense-after(4/08/01); read-track-information sense({})"),
    ("2/3A/01", Query,     Looks,                  "test-unit-ready forever*sense({})"),
    ("3/02/00", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("3/09/00", ReadTail,  Fails(Verdict::RunOut), "test-unit-ready sense({})"),
    ("3/09/01", Read,      Ends(VerifyFailed),     "read lba>=77 forever*sense({})"),
    ("3/09/02", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("3/0C/09", Write,     Ends(LossOfStreaming),  "write lba>=640 sense({})"),
    ("3/0C/00", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("3/0C/07", Flush,     Ends(WriteFailed),      "flush sense({})"),
    ("3/0C/08", Close,     Ends(WrittenNotClosed), "close-session sense({})"),
    ("3/11/05", ReadTail,  Fails(Verdict::RunOut), "test-unit-ready sense({})"),
    ("3/11/05", Read,      Ends(VerifyFailed),     "read lba>=77 forever*sense({})"),
    ("3/32/00", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("3/31/01", Format,    Fails(Verdict::FormatFailed), "test-unit-ready sense({})"),
    ("3/31/00", Blanking,  Erases(CannotWriteToMedia), "blank sense({})"),
    ("3/51/00", Blanking,  Erases(EraseFailed),    "blank sense({})"),
    ("5/51/01", Blanking,  Erases(EraseFailed),    "blank sense({})"),
    ("3/57/00", Blanking,  Erases(CannotWriteToMedia), "blank sense({})"),
    ("3/73/02", Write,     Ends(WriteFailed),      "write sense({})"),
    ("3/73/03", Write,     Ends(WriteFailed),      "write sense({})"),
    ("3/73/04", Close,     Ends(WrittenNotClosed), "close-session sense({})"),
    ("3/73/05", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("4/44/00", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("4/3E/00", Close,     Ends(WrittenNotClosed), "close-session sense({})"),
    ("5/2C/00", Calibrate, Passes,                 "test-unit-ready sense({})"),
    ("5/26/00", SetSpeed,  Fails(Verdict::Unsupported), "test-unit-ready sense({})"),
    ("5/1A/00", Flush,     Burns,                  "flush sense({})"),
    ("5/20/00", Flush,     Burns,                  "flush sense({})"),
    ("5/24/00", Close,     Burns,                  "close-session sense({})"),
    ("5/26/00", Flush,     Burns,                  "flush sense({})"),
    ("5/21/00", Write,     Ends(DiscFull),         "write lba>=640 sense({})"),
    ("5/21/00", ReadTail,  Fails(Verdict::RunOut), "test-unit-ready sense({})"),
    ("5/21/00", Read,      Ends(VerifyFailed),     "read lba>=77 forever*sense({})"),
    ("5/21/02", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("5/21/03", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("5/2C/00", Write,     BurnsPlus,              "write lba>=320 2*sense({})"),
    ("5/2E/00", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("5/63/00", Write,     Ends(DiscFull),         "write lba>=640 sense({})"),
    ("5/64/00", ReadTail,  Fails(Verdict::RunOut), "test-unit-ready sense({})"),
    ("5/64/00", Read,      Ends(VerifyFailed),     "read forever*sense({})"),
    ("5/64/00", Write,     Ends(WriteFailed),      "write sense({})"),
    ("5/64/01", Write,     Ends(WriteFailed),      "write sense({})"),
    ("5/72/00", Close,     Ends(WrittenNotClosed), "close-session sense({})"),
    ("5/72/05", Close,     Ends(WrittenNotClosed), "close-session sense({})"),
    ("5/6F/03", Read,      Ends(VerifyFailed),     "read lba>=77 forever*sense({})"),
    ("6/28/00", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("6/28/00", Flush,     Ends(WriteFailed),      "flush sense({})"),
    ("6/28/00", Close,     Ends(WrittenNotClosed), "close-session sense({})"),
    ("6/29/00", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("6/29/02", Flush,     Ends(WriteFailed),      "flush sense({})"),
    ("6/29/01", Close,     Ends(WrittenNotClosed), "close-session sense({})"),
    ("6/28/00", Amid,      Ends(WriteFailed),      "write lba>=640 sense-after(4/08/01); read-track-information sense({})"),
    ("6/29/03", Amid,      Ends(WriteFailed),      "write lba>=640 sense-after(4/08/01); read-track-information sense({})"),
    ("6/2E/00", Flush,     Burns,                  "flush sense({})"),
    ("6/28/00", Query,     Looks,                  "read-disc-information sense({})"),
    ("6/29/00", Query,     Looks,                  "get-configuration 2*sense({})"),
    ("7/27/00", Write,     Ends(WriteFailed),      "write sense({})"),
    ("7/27/00", Blanking,  Erases(CannotWriteToMedia), "blank sense({})"),
    ("3/05/00", Close,     Ends(WrittenNotClosed), "close-session sense({})"),
    ("3/10/00", ReadTail,  Fails(Verdict::RunOut), "test-unit-ready sense({})"),
    ("3/10/00", Read,      Ends(VerifyFailed),     "read lba>=77 forever*sense({})"),
    ("3/03/00", Blanking,  Erases(EraseFailed),    "blank sense({})"),
    ("3/03/00", Format,    Fails(Verdict::FormatFailed), "test-unit-ready sense({})"),
    ("3/03/00", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
    ("B/00/06", Query,     Looks,                  "get-performance forever*sense({})"),
    ("B/00/06", Amid,      EndsAs(WriteFailed, "4/08/01"), "write lba>=640 sense-after(4/08/01); read-track-information forever*sense({})"),
    ("B/00/06", Close,     Ends(WrittenNotClosed), "close-session sense({})"),
    ("B/00/06", Write,     Ends(WriteFailed),      "write lba>=640 sense({})"),
];

#[test]
fn every_row_of_the_table_comes_true_at_the_drive() {
    let mut covered = vec![false; POLICY.len()];
    for scenario in SCENARIOS {
        let (text, during, ..) = *scenario;
        if let Some(row) = row(text.parse().unwrap(), during) {
            covered[row] = true;
        }
        play(scenario);
    }
    for (rule, covered) in POLICY.iter().zip(covered) {
        assert!(covered, "no scenario plays {rule:?}");
    }
}

fn play(scenario: &Scenario) {
    let (text, during, course, fault) = *scenario;
    let sense: Sense = text.parse().unwrap();
    let script = fault.replace("{}", text);
    let told = format!("{text} while {during:?}, by {script}");
    match course {
        Looks => {
            let mut stage = Stage::new("cd-r", &script, Pace::Unlimited);
            let denied = sense.asc == 0x3a;
            assert_eq!(stage.look().medium.is_none(), denied, "{told}");
        }
        Burns => burns("cd-r", &script, &told),
        BurnsPlus => burns("dvd+r", &script, &told),
        Ends(kind) => ends(kind, &script, sense, &told),
        EndsAs(kind, sense) => ends(kind, &script, sense.parse().unwrap(), &told),
        Erases(kind) => {
            let mut stage = Stage::new("cd-rw", "", Pace::Unlimited);
            stage.burn(image(400), RecordOptions::default()).unwrap();
            stage.drive.with(|drive, _| drive.add_faults(script.parse().unwrap()));
            let error = stage.erase(false).expect_err(&told);
            assert_eq!(error.kind, kind, "{told}: {error}");
            explained(&error, sense, &told);
        }
        Passes => assert_eq!(single(&script, sense, during), None, "{told}"),
        Fails(verdict) => assert_eq!(single(&script, sense, during), Some(verdict), "{told}"),
    }
}

fn burns(kind: &str, script: &str, told: &str) {
    let mut stage = Stage::new(kind, "", Pace::Unlimited);
    let burnt = burn(&mut stage, script);
    assert!(burnt.is_ok(), "{told}: {burnt:?}");
    assert!(stage.recorded().starts_with(&image(1200)), "{told}");
    assert_eq!(stage.look().medium.unwrap().status, DiscStatus::Closed, "{told}");
}

fn ends(kind: ErrorKind, script: &str, sense: Sense, told: &str) {
    let mut stage = Stage::new("cd-r", "", Pace::Unlimited);
    let error = burn(&mut stage, script).expect_err(told);
    assert_eq!(error.kind, kind, "{told}: {error}");
    explained(&error, sense, told);
}

/// A burn whose faults come into force with its first write.
fn burn(stage: &mut Stage, script: &str) -> api::Result<api::Report> {
    let faults = script.parse().unwrap();
    stage.when(Phase::Writing, 0, |drive| {
        drive.with(|drive, _| drive.add_faults(faults));
        false
    });
    let before = stage.drive.now();
    let burnt = stage.burn(image(1200), RecordOptions { verify: Verify::Full, ..RecordOptions::default() });
    assert!(stage.drive.now() - before < Duration::from_secs(1200), "{script}");
    burnt
}

/// The verdict on a single command that is answered so.
fn single(script: &str, sense: Sense, during: During) -> Option<Verdict> {
    let mut stage = Stage::new("cd-r", "", Pace::Unlimited);
    stage.look();
    stage.drive.with(|drive, _| drive.add_faults(script.parse().unwrap()));
    let mut transport = stage.drive.clone();
    let limit = Duration::from_secs(30);
    let result = Drive::new(&mut transport, &mut stage).tell(&TestUnitReady::zeroed(), during, limit);
    result.err().map(|trouble| trouble.verdict().unwrap_or_else(|| panic!("{sense}: {trouble}")))
}

/// The error tells the drive's numbers and command to a program, and what to do to a person.
fn explained(error: &api::Error, sense: Sense, told: &str) {
    let number = |key: &str| match error.details.get(key) {
        Some(Detail::Number(number)) => *number,
        other => panic!("{told}: {key} is {other:?}: {error}"),
    };
    let numbers = [number("sense-key"), number("asc"), number("ascq")];
    assert_eq!(numbers, [sense.key, sense.asc, sense.ascq].map(u64::from), "{told}");
    assert!(error.details.contains_key("command"), "{told}: {error:?}");
    let Some(Detail::Text(cdb)) = error.details.get("cdb") else { panic!("{told}: {error:?}") };
    assert!(
        cdb.len() >= 6 * 3 - 1 && cdb.split(' ').all(|byte| u8::from_str_radix(byte, 16).is_ok()),
        "{cdb}"
    );
    if matches!(error.kind, WriteFailed | VerifyFailed | DiscFull) && cdb.starts_with("2") {
        assert!(cdb.starts_with("28") || cdb.starts_with("2a"), "{told}: {cdb}");
        number("block");
    }
    let numbers = format!("{:X}/{:02X}/{:02X}", sense.key, sense.asc, sense.ascq);
    assert!(error.message.contains(&numbers), "{told}: {error}");
    assert!(error.message.split(". ").count() >= 2, "what happened, and what now: {error}");
}
