//! Discs, drives and files that make trouble: each failure has its name and says what the disc is now, nothing is written
//! that was not planned, and the recorder goes on to record the next disc.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use discmaster::api::BLOCK;
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use support::burner::Burner;
use support::polkit::{Answer, MockPolkit};
use support::{Bench, Client, options};
use zbus::OwnedVariant;

/// A burn's end that is a failure.
#[derive(Debug)]
struct Failure {
    /// Without our prefix.
    error: String,
    message: String,
    details: HashMap<String, OwnedVariant>,
}

impl Failure {
    fn number(&self, key: &str) -> u64 {
        let value = self.details.get(key).unwrap_or_else(|| panic!("no {key} in {self:?}"));
        u64::try_from(value.try_clone().unwrap()).unwrap()
    }

    fn text(&self, key: &str) -> String {
        let value = self.details.get(key).unwrap_or_else(|| panic!("no {key} in {self:?}"));
        String::try_from(value.try_clone().unwrap()).unwrap()
    }
}

async fn failure(client: &Client, job: &str) -> Failure {
    let (success, error, message, details) = client.result(job).await;
    assert!(!success, "it was expected to fail");
    let error = error.strip_prefix("org.discmaster1.Error.").expect("an error of ours").to_owned();
    Failure { error, message, details }
}

/// Records with these wishes, and expects a failure.
async fn fails(burner: &Burner, verify: &'static str) -> Failure {
    let job = burner.record_with(options([("verify", verify.into())])).await.expect("it is accepted");
    failure(&burner.client, &job).await
}

/// The recorder has behaved, and what is staged goes onto a fresh disc.
async fn goes_on(bench: &Bench, burner: &Burner, disc: &str) -> HashMap<String, OwnedVariant> {
    bench.check_manners("vd0");
    bench.control("vd0", &["clear-faults"]);
    bench.insert("vd0", disc, "cd-r");
    succeeds(bench, burner, disc).await
}

/// What is staged goes onto the disc that is in, and reads back as it is.
async fn succeeds(bench: &Bench, burner: &Burner, disc: &str) -> HashMap<String, OwnedVariant> {
    burner.select().await.expect("a blank disc");
    let job = burner.record_with(options([("verify", "full".into())])).await.expect("it is accepted");
    let (success, error, message, details) = burner.client.result(&job).await;
    assert!(success, "{disc}: {error}: {message}");
    bench.check_manners("vd0");
    details
}

/// A disc of so few blocks that a mebibyte does not fit.
const SMALL: &str = "cd-r:400";
const MEBIBYTE: usize = 1 << 20;

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_written() {
    let bench = Bench::new().recorder("vd0", SMALL).start().await;
    let burner = Burner::open(&bench, "vd0", false).await;
    burner.format().await;
    burner.select().await.unwrap();
    let big = bench.dir().join("big");
    fs::write(&big, vec![7; MEBIBYTE]).unwrap();
    let add = (big.to_str().unwrap(), options([]));
    let job = burner.client.path(&burner.joliet, "Joliet", "AddPath", &add).await.unwrap();
    let refused = failure(&burner.client, &job).await;
    assert_eq!(refused.error, "DiscFull", "{refused:?}");
    let available = refused.number("available-blocks");
    let total: u64 = burner.client.call(&burner.joliet, "Joliet", "GetTotalDataBlocks", &()).await.unwrap();
    assert_eq!(available, total);
    assert!(refused.number("needed-blocks") > MEBIBYTE as u64 / 2048, "{refused:?}");
    assert_eq!(burner.list("/").await, [], "what does not fit is not in the image");

    // It fits the disc that was selected, and not the one that is in when the burn is to start.
    bench.insert("vd0", "big", "cd-r");
    burner.select().await.unwrap();
    burner.stage_with(&big, []).await.unwrap();
    bench.insert("vd0", "small", SMALL);
    let wrong = match burner.record().await {
        Err(refusal) => refusal.name,
        Ok(job) => failure(&burner.client, &job).await.error,
    };
    assert!(["WrongDisc", "MediumNotPresent"].contains(&wrong.as_str()), "{wrong}");
    burner.select().await.expect("a smaller disc can be selected: something may be taken out");
    let full = fails(&burner, "none").await;
    assert_eq!(full.error, "DiscFull", "{full:?}");
    assert_eq!(full.number("available-blocks"), available);
    assert!(full.message.contains("Nothing was written"), "{}", full.message);
    assert!(bench.scene("vd0", "disc").ends_with("blank"), "{}", bench.control("vd0", &["dump"]));
    goes_on(&bench, &burner, "fresh").await;
}

#[tokio::test]
async fn a_disc_that_is_absent_or_closed_is_named_and_the_next_one_is_recorded() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    succeeds(&bench, &burner, "first").await;
    let closed = burner.select().await.unwrap_err();
    assert_eq!(closed.name, "CannotWriteToMedia", "{}", closed.message);
    let again = match burner.record().await {
        Err(refusal) => refusal.name,
        Ok(job) => failure(&burner.client, &job).await.error,
    };
    assert_eq!(again, "WrongDisc", "the disc is not blank any more");
    bench.control("vd0", &["remove"]);
    assert_eq!(burner.select().await.unwrap_err().name, "MediumNotPresent");
    bench.insert("vd0", "second", "cd-r");
    burner.select().await.unwrap();
    bench.control("vd0", &["remove"]);
    let gone = match burner.record().await {
        Err(refusal) => refusal.name,
        Ok(job) => failure(&burner.client, &job).await.error,
    };
    assert_eq!(gone, "MediumNotPresent");
    goes_on(&bench, &burner, "third").await;
}

#[tokio::test]
async fn a_recorder_whose_cable_is_pulled_under_a_burn_records_again_when_it_is_back() {
    let mut bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=24x"]).start().await;
    let burner = Burner::ready(&bench, "vd0", 4 * MEBIBYTE, false).await;
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    burner.blocks_written(&job).await;
    bench.unplug("vd0");
    is_lost_and_found(&mut bench, &burner, &job).await;
}

#[tokio::test]
async fn a_recorder_that_vanishes_under_a_write_records_again_when_it_is_back() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", MEBIBYTE, false).await;
    bench.control("vd0", &["fault", "write lba>=320 vanish"]);
    let job = burner.record().await.unwrap();
    is_lost_and_found(&mut bench, &burner, &job).await;
}

async fn is_lost_and_found(bench: &mut Bench, burner: &Burner, job: &str) {
    let client = &burner.client;
    let lost = failure(client, job).await;
    assert_eq!(lost.error, "WriteFailed", "{lost:?}");
    assert!(lost.message.contains("The disc is unfinished"), "{}", lost.message);
    client
        .until("the recorder is missed", async || {
            let active = client.path(&burner.session, "Session", "GetActiveDiscRecorder", &()).await;
            active.err().filter(|refusal| refusal.name == "DeviceNotPresent")
        })
        .await;
    assert_eq!(burner.select().await.unwrap_err().name, "DeviceNotPresent");
    assert_eq!(burner.record().await.unwrap_err().name, "DeviceNotPresent");

    bench.plug("vd0");
    client.looked_at("vd0").await;
    burner.select().await.expect("a disc of which the wreck could be closed");
    let broken = burner.record().await.unwrap_err();
    assert_eq!(broken.name, "CannotWriteToMedia", "{}", broken.message);
    bench.control("vd0", &["speed", "unlimited"]);
    goes_on(bench, burner, "fresh").await;
}

/// A complaint of the drive's, and what becomes of it.
struct Case {
    fault: &'static str,
    verify: &'static str,
    error: &'static str,
    /// Sense key, code and qualifier.
    sense: (u64, u64, u64),
    command: &'static str,
    block: Option<u64>,
    /// What the disc is now.
    says: &'static str,
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { fault: "write lba>=320 sense(3/0C/00)", verify: "none", error: "WriteFailed", sense: (3, 0x0c, 0),
           command: "write-10", block: Some(320), says: "The disc is unfinished" },
    Case { fault: "write lba>=320 sense(5/63/00)", verify: "none", error: "DiscFull", sense: (5, 0x63, 0),
           command: "write-10", block: Some(320), says: "The disc is unfinished" },
    Case { fault: "write nth=4 sense(3/0C/09)", verify: "none", error: "LossOfStreaming", sense: (3, 0x0c, 9),
           command: "write-10", block: Some(96), says: "The disc is unfinished" },
    Case { fault: "write nth=5 deferred(3/0C/00)", verify: "none", error: "WriteFailed", sense: (3, 0x0c, 0),
           command: "write-10", block: Some(128), says: "The disc is unfinished" },
    Case { fault: "write nth=1 sense(7/27/00)", verify: "none", error: "WriteFailed", sense: (7, 0x27, 0),
           command: "write-10", block: Some(0), says: "The disc is unfinished" },
    Case { fault: "write nth=1 sense(5/64/00)", verify: "none", error: "WriteFailed", sense: (5, 0x64, 0),
           command: "write-10", block: Some(0), says: "Nothing was recorded" },
    Case { fault: "flush sense(4/44/00)", verify: "none", error: "WriteFailed", sense: (4, 0x44, 0),
           command: "synchronize-cache", block: None, says: "The disc is unfinished" },
    Case { fault: "close-session sense(3/73/04)", verify: "none", error: "WrittenNotClosed", sense: (3, 0x73, 4),
           command: "close", block: None, says: "All data are written and usually readable" },
    Case { fault: "read lba>=64 forever*sense(3/11/05)", verify: "full", error: "VerifyFailed", sense: (3, 0x11, 5),
           command: "read-10", block: Some(64), says: "The disc is recorded and closed" },
    Case { fault: "read lba=16 forever*sense(3/11/05)", verify: "quick", error: "VerifyFailed", sense: (3, 0x11, 5),
           command: "read-10", block: Some(16), says: "The disc is recorded and closed" },
];

#[tokio::test]
async fn what_the_drive_complains_of_is_told_with_its_figures_and_what_the_disc_is_now() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", MEBIBYTE, false).await;
    for (number, case) in CASES.iter().enumerate() {
        println!("{}", case.fault);
        bench.insert("vd0", &format!("spoilt{number}"), "cd-r");
        burner.select().await.unwrap();
        bench.control("vd0", &["fault", case.fault]);
        let failure = fails(&burner, case.verify).await;
        assert_eq!(failure.error, case.error, "{}: {failure:?}", case.fault);
        let sense = ["sense-key", "asc", "ascq"].map(|key| failure.number(key));
        assert_eq!(sense, <[u64; 3]>::from(case.sense), "{}: {failure:?}", case.fault);
        assert_eq!(failure.text("command"), case.command, "{failure:?}");
        let block = failure.details.contains_key("block").then(|| failure.number("block"));
        assert_eq!(block, case.block, "{}: {failure:?}", case.fault);
        assert!(failure.message.contains(case.says), "{}: {}", case.fault, failure.message);
        goes_on(&bench, &burner, &format!("fresh{number}")).await;
    }
}

#[tokio::test]
async fn what_passes_by_waiting_or_asking_fails_no_burn() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", MEBIBYTE, false).await;
    for (number, fault) in [
        "write nth=3 20*sense(2/04/08) -> pass -> 20*sense(2/04/08)",
        "write nth=5 hang(400ms); close-session hang(400ms); read nth=2 hang(400ms)",
        "write nth=4 sense-after(B/08/01); write nth=8 sense(B/08/00)",
        "write nth=4 3*busy",
        "write nth=4 sense-after(1/0C/01)",
        "close-session sense(5/72/03)",
        "flush sense(2/04/08); close-session 2*sense(2/04/07)",
        "read nth=3 sense(6/29/00); read nth=6 sense(2/04/01)",
    ]
    .into_iter()
    .enumerate()
    {
        bench.insert("vd0", &format!("fresh{number}"), "cd-r");
        bench.control("vd0", &["fault", fault]);
        let details = succeeds(&bench, &burner, fault).await;
        assert_eq!(details.contains_key("notes"), fault.contains("1/0C/01"), "{fault}: {details:?}");
        bench.control("vd0", &["clear-faults"]);
    }
}

#[tokio::test]
async fn a_stash_that_is_full_leaves_the_image_as_it_was() {
    let bench = Bench::new().recorder("vd0", "cd-r").option("--quota=100000").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let big = bench.dir().join("big");
    fs::write(&big, vec![7; MEBIBYTE]).unwrap();
    let before = burner.list("/").await;
    let refused = burner.stage_with(&big, [("copy", true.into())]).await.unwrap_err();
    assert_eq!(refused.name, "NotEnoughDiskForStash", "{}", refused.message);
    assert_eq!(burner.list("/").await, before);
    let small = bench.dir().join("small");
    fs::write(&small, vec![7; 90_000]).unwrap();
    burner.stage_with(&small, [("copy", true.into())]).await.expect("what fits is copied");
    fs::remove_file(&small).unwrap();
    burner.stage_with(&big, []).await.expect("without a copy the stash does not matter");
    goes_on(&bench, &burner, "fresh").await;
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_staged_keeps_the_burn_from_starting() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let diary = bench.dir().join("diary.txt");
    fs::write(&diary, "Monday.").unwrap();
    burner.stage_with(&diary, []).await.unwrap();
    let changes: [(&str, &dyn Fn()); 3] = [
        ("grown", &|| File::options().append(true).open(&diary).unwrap().write_all(b" Tuesday.").unwrap()),
        ("replaced", &|| {
            fs::write(bench.dir().join("new"), "Monday.").unwrap();
            fs::rename(bench.dir().join("new"), &diary).unwrap();
        }),
        ("removed", &|| fs::remove_file(&diary).unwrap()),
    ];
    for (what, change) in changes {
        change();
        let changed = fails(&burner, "none").await;
        assert_eq!(changed.error, "FileChanged", "{what}: {changed:?}");
        assert_eq!(changed.text("path"), diary.to_str().unwrap());
        assert!(changed.message.contains(diary.to_str().unwrap()), "{}", changed.message);
        assert!(bench.scene("vd0", "disc").ends_with("blank"), "{what}");
    }
    fs::write(&diary, "Wednesday.").unwrap();
    burner.stage_with(&diary, [("overwrite", true.into())]).await.unwrap();
    succeeds(&bench, &burner, "the first disc").await;
}

#[tokio::test]
async fn a_file_that_changes_under_the_burn_is_named_and_the_disc_is_closed() {
    // A small ring, and a drive that takes its time: the file is still being read when it changes.
    let setup = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=16x", "--buffer=131072"]);
    let bench = setup.option("--ring=262144").start().await;
    let burner = Burner::ready(&bench, "vd0", 3 * MEBIBYTE, false).await;
    let content = bench.dir().join("content.bin");
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    File::options().append(true).open(&content).unwrap().write_all(b"!").unwrap();
    let changed = failure(&burner.client, &job).await;
    assert_eq!(changed.error, "FileChanged", "{changed:?}");
    assert_eq!(changed.text("path"), content.to_str().unwrap());
    assert!(changed.message.contains("was closed and is incomplete"), "{}", changed.message);
    assert!(bench.scene("vd0", "disc").ends_with("closed"), "{}", bench.control("vd0", &["dump"]));
    bench.control("vd0", &["speed", "unlimited"]);
    burner.stage_with(&content, [("overwrite", true.into())]).await.unwrap();
    goes_on(&bench, &burner, "fresh").await;
}

/// A burner who is not root, for what root can read anyway; root becomes somebody else on a system bus.
async fn somebody(bench: &Bench) -> (Burner, Option<MockPolkit>) {
    let (client, polkit) = if geteuid().is_root() {
        let polkit = MockPolkit::start(&bench.bus, Answer::Allow).await;
        (bench.client_of(1).await, Some(polkit))
    } else {
        (bench.client().await, None)
    };
    let burner = Burner::of(client, "vd0", false).await;
    burner.format().await;
    burner.select().await.unwrap();
    (burner, polkit)
}

#[tokio::test]
async fn files_that_cannot_be_staged_are_named_and_counted_and_the_rest_is_recorded_without_them() {
    let setup = Bench::new().recorder("vd0", "cd-r");
    let setup = if geteuid().is_root() { setup.for_every_user() } else { setup };
    let bench = setup.start().await;
    let (burner, _polkit) = somebody(&bench).await;
    let folder = folder_of_others(bench.dir());
    let add = (folder.to_str().unwrap(), options([]));
    let job = burner.client.path(&burner.joliet, "Joliet", "AddPath", &add).await.unwrap();
    let refused = failure(&burner.client, &job).await;
    assert_eq!(refused.error, "FileUnreadable", "{refused:?}");
    assert_eq!(refused.number("count"), 2, "a file and a directory: {refused:?}");
    assert!(refused.text("path").starts_with(folder.to_str().unwrap()), "{refused:?}");
    assert!(refused.message.contains(&refused.text("path")), "{}", refused.message);
    assert_eq!(burner.list("/").await, []);

    fs::set_permissions(folder.join("locked"), Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(folder.join("closed")).unwrap();
    mkfifo(&folder.join("pipe"), Mode::S_IRWXU).unwrap();
    let job = burner.client.path(&burner.joliet, "Joliet", "AddPath", &add).await.unwrap();
    let special = failure(&burner.client, &job).await;
    assert_eq!((special.error.as_str(), special.number("count")), ("SpecialFile", 1), "{special:?}");
    assert_eq!(special.text("path"), folder.join("pipe").to_str().unwrap());
    assert_eq!(burner.list("/").await, []);

    let job = burner.stage_with(&folder, [("special-files", "skip".into())]).await.unwrap();
    let (_, _, _, details) = burner.client.result(&job).await;
    assert_eq!(details["skipped"], 1_u64.into());
    assert_eq!(burner.list("/").await.len(), 2, "the open one and the directory");
    goes_on(&bench, &burner, "fresh").await;
}

/// A directory with something in it that only root may read, or nobody but root.
fn folder_of_others(place: &Path) -> PathBuf {
    let folder = place.join("folder");
    fs::create_dir_all(folder.join("locked")).unwrap();
    fs::write(folder.join("open"), "open").unwrap();
    fs::write(folder.join("closed"), "closed").unwrap();
    for (name, mode) in [("", 0o755), ("open", 0o644), ("closed", 0), ("locked", 0)] {
        let path = folder.join(name);
        chown(&path, Some(geteuid().as_raw()), None).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_block_that_reads_back_otherwise_is_found_and_named() {
    const BAD: u64 = 200;
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", MEBIBYTE, false).await;
    // The first blocks are read slowly: time to spoil a later one.
    bench.control("vd0", &["fault", "read nth=1 hang(1s)"]);
    let job = burner.record_with(options([("verify", "full".into())])).await.unwrap();
    burner
        .client
        .until("the disc is verified", async || {
            let phase: String = burner.client.property(&job, "Job", "Phase").await.unwrap();
            (phase == "verifying").then_some(())
        })
        .await;
    let disc = File::options().read(true).write(true).open(bench.disc("vd0")).unwrap();
    let at = BAD * BLOCK as u64 + 77;
    let mut byte = [0];
    disc.read_exact_at(&mut byte, at).unwrap();
    disc.write_all_at(&[!byte[0]], at).unwrap();
    let bad = failure(&burner.client, &job).await;
    assert_eq!((bad.error.as_str(), bad.number("block")), ("VerifyFailed", BAD), "{bad:?}");
    assert!(bad.message.contains(&format!("block {BAD} reads back otherwise")), "{}", bad.message);
    goes_on(&bench, &burner, "fresh").await;
}

#[tokio::test]
async fn an_erasure_that_fails_says_what_is_left_and_can_be_repeated() {
    let bench = Bench::new().recorder("vd0", "cd-rw").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    succeeds(&bench, &burner, "first").await;
    bench.control("vd0", &["fault", "blank sense(3/51/00)"]);
    let erase = (false, options([]));
    let job = burner.client.path(&burner.recorder, "Recorder", "Erase", &erase).await.unwrap();
    let failed = failure(&burner.client, &job).await;
    assert_eq!(failed.error, "EraseFailed", "{failed:?}");
    assert_eq!(["sense-key", "asc", "ascq"].map(|key| failed.number(key)), [3, 0x51, 0]);
    let job = burner.client.path(&burner.recorder, "Recorder", "Erase", &erase).await.unwrap();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    succeeds(&bench, &burner, "again").await;
}
