//! Appending: the tree of an earlier session is imported, merged with what is added, and recorded behind it. Sessions of
//! ours and of other programs, in both orders, read by xorriso, isoinfo and bsdtar.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod cut_off;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::burner::{Burner, content};
use support::oracles::{isoinfo, lines, run};
use support::recorder::{PACKAGES, Recorder, bridge};
use support::tree::{Listing, assert_same, listing};
use support::{Bench, Refusal, options};
use zbus::{ObjectPath, OwnedVariant, Variant};

const BLOCK: usize = 2048;
const VD0: &str = "/org/discmaster1/recorders/vd0";

/// `SetActiveDiscRecorder` with a wish for what becomes of the disc's files.
async fn select(burner: &Burner, multisession: &'static str) -> Result<(), Refusal> {
    let recorder = ObjectPath::try_from(VD0).unwrap();
    let wish = options([("multisession", multisession.into())]);
    burner.client.call(&burner.session, "Session", "SetActiveDiscRecorder", &(recorder, wish)).await
}

/// A session with the disc selected as it comes.
async fn on_disc(bench: &Bench) -> Burner {
    let burner = Burner::open(bench, "vd0", false).await;
    burner.format().await;
    select(&burner, "auto").await.expect("a disc that takes data");
    burner
}

/// Records, and leaves the disc open; every block is verified.
async fn record(burner: &Burner) -> HashMap<String, OwnedVariant> {
    let wishes: [(&str, Variant<'static>); 2] = [("close", "appendable".into()), ("verify", "full".into())];
    let job = burner.record_with(options(wishes)).await.expect("a job");
    let (success, error, message, details) = burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    details
}

fn start(details: &HashMap<String, OwnedVariant>) -> u32 {
    u32::try_from(details["start"].try_clone().unwrap()).unwrap()
}

/// A folder in the bench's directory with these files.
fn folder(bench: &Bench, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = bench.dir().join(name);
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

async fn remove(burner: &Burner, path: &str) {
    burner.client.call::<()>(&burner.joliet, "Joliet", "Remove", &path).await.expect("an entry");
}

/// A session of a disc's data, as three programs read it: all of them must find this.
fn readers_find(disc: &Path, start: u32, wanted: &Listing) {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let (sector, medium) = (start.to_string(), format!("stdio:{}", disc.display()));
    let args = ["-osirrox", "on", "-load", "sbsector", &sector, "-indev", &medium, "-extract", "/"];
    run("xorriso", "xorriso", &[&args.map(OsStr::new)[..], &[out.as_os_str()]].concat());
    assert_same(&listing(&out), wanted);

    let paths: Vec<u8> = wanted.keys().flat_map(|path| [&b"/"[..], path, b"\n"].concat()).collect();
    assert_eq!(lines(&isoinfo(disc, &["-T", &sector, "-R", "-f"])), lines(&paths));
    for (path, (mode, _, bytes)) in wanted {
        if mode & 0o170_000 == 0o100_000 {
            let path = format!("/{}", String::from_utf8_lossy(path));
            assert!(isoinfo(disc, &["-T", &sector, "-R", "-x", &path]) == *bytes, "{path}");
            assert!(
                isoinfo(disc, &["-T", &sector, "-J", "-x", &format!("{path};1")]) == *bytes,
                "{path} of the Joliet tree"
            );
        }
    }

    // bsdtar knows no later sessions: it gets their descriptors where those of the first one are.
    let exported = scratch.path().join("exported.iso");
    let mut bytes = fs::read(disc).unwrap();
    let from = (start as usize + 16) * BLOCK;
    bytes.copy_within(from..from + 3 * BLOCK, 16 * BLOCK);
    fs::write(&exported, &bytes).unwrap();
    let tar = scratch.path().join("tar");
    fs::create_dir(&tar).unwrap();
    let args = ["-xpf".as_ref(), exported.as_os_str(), "-C".as_ref(), tar.as_os_str()];
    run("libarchive-tools", "bsdtar", &args);
    assert_same(&listing(&tar), wanted);
}

/// Discs that tell of no sessions: readers begin at block 16, and find the last one there.
const OVERWRITTEN: [&str; 4] = ["dvd+rw", "dvd-ram", "dvd-rw-ro", "bd-re"];

/// Three sessions of ours: files are kept, replaced and removed, and nothing that was recorded changes.
async fn sessions_of_ours_follow_each_other(kind: &str) {
    let overwritten = OVERWRITTEN.iter().any(|one| kind.starts_with(one));
    let bench = Bench::new().recorder("vd0", kind).start().await;
    let burner = on_disc(&bench).await;
    assert_eq!(burner.property::<String>("Multisession").await, "new");
    let one = folder(
        &bench,
        "one",
        &[
            ("kept", &content(400_001)),
            ("replaced", b"of the first session"),
            ("removed", &content(70_000)),
            ("both/old", b"old"),
            ("gone/with/its/directory", b"gone"),
        ],
    );
    burner.stage(&one).await.unwrap();
    assert_eq!(start(&record(&burner).await), 0);
    burner.close().await.unwrap();
    let first = fs::read(bench.disc("vd0")).unwrap();

    let burner = on_disc(&bench).await;
    assert_eq!(burner.property::<String>("Multisession").await, "append");
    assert_eq!(burner.property::<String>("State").await, "ready");
    let names = burner.list("/").await;
    let row = |name: &str, kind: &str, size| (name.to_owned(), kind.to_owned(), size);
    assert_eq!(
        names,
        [
            row("both", "directory", 0),
            row("gone", "directory", 0),
            row("kept", "file", 400_001),
            row("removed", "file", 70_000),
            row("replaced", "file", 20),
        ]
    );
    let two = folder(&bench, "two", &[("replaced", b"of the second"), ("both/new", b"new")]);
    let taken = burner.stage_with(&two, []).await.unwrap_err();
    assert_eq!(taken.name, "FileExists", "what is on the disc is not replaced without being asked for");
    burner.stage(&two).await.unwrap();
    remove(&burner, "/removed").await;
    remove(&burner, "/gone").await;
    // The old files are not recorded again.
    assert!(burner.used().await < 200 + 50, "{} blocks", burner.used().await);
    let second = start(&record(&burner).await);
    burner.close().await.unwrap();
    fs::remove_file(one.join("removed")).unwrap();
    fs::remove_dir_all(one.join("gone")).unwrap();
    fs::copy(two.join("both/new"), one.join("both/new")).unwrap();
    fs::copy(two.join("replaced"), one.join("replaced")).unwrap();
    let times = |wanted: &mut Listing, of: &Path, path: &str| {
        let source = listing(of);
        wanted.get_mut(path.as_bytes()).unwrap().1 = source[path.as_bytes()].1;
    };
    let mut wanted = listing(&one);
    times(&mut wanted, &two, "both/new");
    times(&mut wanted, &two, "replaced");
    readers_find(&bench.disc("vd0"), second, &wanted);
    if overwritten {
        readers_find(&bench.disc("vd0"), 0, &wanted);
    }

    a_third_session_follows(&bench, overwritten, &first, second, &wanted).await;
    bench.check_manners("vd0");
}

/// What the first two brought stays, `first` byte by byte.
async fn a_third_session_follows(
    bench: &Bench,
    overwritten: bool,
    first: &[u8],
    second: u32,
    wanted: &Listing,
) {
    let burner = on_disc(bench).await;
    let three = folder(bench, "three", &[("last", &content(5000))]);
    burner.stage(&three).await.unwrap();
    let third = start(&record(&burner).await);
    assert!(third > second);
    let mut wanted_now = wanted.clone();
    wanted_now.extend(listing(&three));
    readers_find(&bench.disc("vd0"), third, &wanted_now);
    readers_find(&bench.disc("vd0"), second, wanted);
    let now = fs::read(bench.disc("vd0")).unwrap();
    let kept = if overwritten { 19 * BLOCK } else { 0 };
    assert!(now[kept..].starts_with(&first[kept..]), "the first session changed");
    if overwritten {
        readers_find(&bench.disc("vd0"), 0, &wanted_now);
    } else {
        let sessions: u32 = burner.client.property(VD0, "Medium", "Sessions").await.unwrap();
        assert_eq!(sessions, 3);
    }
}

#[tokio::test]
async fn three_sessions_of_ours_follow_each_other_on_a_cd_r() {
    sessions_of_ours_follow_each_other("cd-r").await;
}

#[tokio::test]
async fn three_sessions_of_ours_follow_each_other_on_a_dvd_plus_r() {
    sessions_of_ours_follow_each_other("dvd+r").await;
}

#[tokio::test]
async fn three_sessions_of_ours_follow_each_other_on_other_discs_written_once() {
    for kind in ["dvd-r", "dvd+r-dl", "bd-r"] {
        sessions_of_ours_follow_each_other(kind).await;
    }
}

#[tokio::test]
async fn three_sessions_of_ours_follow_each_other_on_discs_written_in_sequence_and_erased() {
    for kind in ["cd-rw", "dvd-rw"] {
        sessions_of_ours_follow_each_other(kind).await;
    }
}

#[tokio::test]
async fn discs_that_are_overwritten_grow() {
    for kind in ["dvd+rw:20000", "dvd-ram:20000", "dvd-rw-ro:20000", "bd-re:20000"] {
        sessions_of_ours_follow_each_other(kind).await;
    }
}

/// A disc whose first session another program recorded, in our recorder.
fn insert_foreign(bench: &Bench, recorder: &Recorder) {
    for end in ["disc", "iso"] {
        let from = recorder.dir().join(format!("vd0.{end}"));
        fs::copy(from, bench.dir().join(format!("foreign.{end}"))).unwrap();
    }
    bench.control("vd0", &["eject"]);
    bench.control("vd0", &["insert", bench.dir().join("foreign.disc").to_str().unwrap()]);
}

fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect(PACKAGES);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// The first session is genisoimage's, recorded by cdrskin or growisofs, or xorriso's own; the second is ours; xorriso adds a
/// third.
async fn ours_follows_theirs(first: &str, kind: &str) {
    let recorder = Recorder::new(kind);
    let theirs = recorder.dir().join("theirs");
    fs::create_dir_all(theirs.join("letters")).unwrap();
    fs::write(theirs.join("letters/to alice.txt"), "Dear Alice,\n").unwrap();
    fs::write(theirs.join("noise"), content(300_001)).unwrap();
    std::os::unix::fs::symlink("noise", theirs.join("link")).unwrap();
    let path = theirs.to_str().unwrap();
    if first != "xorriso" {
        let image = recorder.dir().join("image.iso");
        let image = image.to_str().unwrap();
        said(Command::new("genisoimage").args(["-quiet", "-R", "-J", "-V", "THEIRS", "-o", image, path]));
        match first {
            "cdrskin" => said(recorder.command("cdrskin").args(["dev=/dev/sr0", "-tao", "-multi", image])),
            _ => said(&mut recorder.growisofs(&["-Z", &format!("/dev/sr0={image}")])),
        };
    } else {
        let write = ["-outdev", "/dev/sr0", "-write_type", "tao", "-volid", "THEIRS", "-joliet", "on"];
        said(recorder.command("xorriso").args(write).args(["-map", path, "/", "-commit"]));
    }
    assert_eq!(recorder.violations(), [""; 0]);
    let bench = Bench::new().recorder("vd0", kind).start().await;
    insert_foreign(&bench, &recorder);
    let mut wanted = listing(&theirs);
    drop(recorder);

    let burner = Burner::open(&bench, "vd0", false).await;
    burner.format().await;
    select(&burner, "append").await.expect("a disc to which can be appended");
    assert_eq!(burner.list("/letters").await, [("to alice.txt".to_owned(), "file".to_owned(), 12)]);
    let ours = folder(&bench, "ours", &[("added/by us", &content(9000))]);
    burner.stage(&ours).await.unwrap();
    let second = start(&record(&burner).await);
    burner.close().await.unwrap();
    wanted.extend(listing(&ours));
    let disc = bench.dir().join("foreign.iso");
    readers_find(&disc, second, &wanted);
    let info = String::from_utf8(isoinfo(&disc, &["-T", &second.to_string(), "-d"])).unwrap();
    assert!(info.contains("Volume id: THEIRS"), "the volume keeps its name: {info}");

    let third = folder(&bench, "third", &[("by xorriso", b"third")]);
    let bridged = || {
        let mut command = bridge(&bench.socket("vd0"));
        command.arg("xorriso").current_dir(bench.dir());
        command
    };
    let add =
        ["-dev", "/dev/sr0", "-write_type", "tao", "-map", third.to_str().unwrap(), "/third", "-commit"];
    said(bridged().args(add));
    let told = said(bridged().args(["-osirrox", "on", "-indev", "/dev/sr0", "-toc", "-extract", "/", "all"]));
    if kind == "cd-r" {
        assert_eq!(told.matches("ISO session  :").count(), 3, "{told}");
    }
    let found: Listing = listing(&bench.dir().join("all"))
        .into_iter()
        .filter(|(path, _)| !path.starts_with(b"third"))
        .collect();
    assert_same(&found, &wanted);
    assert_eq!(bench.control("vd0", &["violations"]), "");
}

#[tokio::test]
async fn our_session_follows_one_of_cdrskin_and_is_followed_by_one_of_xorriso() {
    ours_follows_theirs("cdrskin", "cd-r").await;
}

#[tokio::test]
async fn our_session_follows_one_of_xorriso_and_is_followed_by_another() {
    ours_follows_theirs("xorriso", "cd-r").await;
}

#[tokio::test]
async fn ours_goes_on_where_growisofs_and_xorriso_left_a_dvd() {
    ours_follows_theirs("growisofs", "dvd+r").await;
    ours_follows_theirs("xorriso", "dvd+rw").await;
}

#[tokio::test]
async fn a_tree_without_the_old_one_says_what_it_hides() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = on_disc(&bench).await;
    burner.stage(&folder(&bench, "one", &[("old", b"old")])).await.unwrap();
    let first = record(&burner).await;
    assert!(!first.contains_key("notes"), "{first:?}");
    // Selected again as it comes, and then otherwise: what was imported is gone, what was added stays.
    select(&burner, "auto").await.unwrap();
    burner.stage(&folder(&bench, "two", &[("new", b"new")])).await.unwrap();
    select(&burner, "new").await.unwrap();
    assert_eq!(burner.property::<String>("Multisession").await, "new");
    let names: Vec<_> = burner.list("/").await.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["new", "old"], "both were added in this session");
    remove(&burner, "/old").await;
    let details = record(&burner).await;
    let notes = format!("{:?}", details["notes"]);
    assert!(notes.contains("1 earlier session(s)"), "{notes}");
    readers_find(&bench.disc("vd0"), start(&details), &listing(&bench.dir().join("two")));
    bench.check_manners("vd0");
}

#[tokio::test]
async fn a_tree_that_was_cleared_away_is_not_hidden_unasked() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = on_disc(&bench).await;
    burner.stage(&folder(&bench, "one", &[("old", b"old")])).await.unwrap();
    record(&burner).await;
    select(&burner, "auto").await.unwrap();
    burner.client.call::<()>(&burner.session, "Session", "ClearFormatContent", &()).await.unwrap();
    assert_eq!(burner.list("/").await, []);
    assert_eq!(burner.property::<String>("Multisession").await, "");
    burner.stage(&folder(&bench, "two", &[("new", b"new")])).await.unwrap();
    let refused = burner.record().await.unwrap_err();
    assert_eq!(refused.name, "CannotWriteToMedia");
    select(&burner, "append").await.unwrap();
    let names: Vec<_> = burner.list("/").await.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["new", "old"], "what was added stays when the tree is imported behind it");
}

#[tokio::test]
async fn another_disc_with_the_same_figures_is_the_wrong_one() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r").start().await;
    for (id, name) in [("vd0", "a"), ("vd1", "b")] {
        let burner = Burner::ready(&bench, id, 50_000, false).await;
        let properties = options([("VolumeName", name.into())]);
        burner
            .client
            .call::<()>(&burner.joliet, "Joliet", "SetJolietProperties", &(properties,))
            .await
            .unwrap();
        record(&burner).await;
        burner.close().await.unwrap();
    }
    let burner = on_disc(&bench).await;
    burner.stage(&folder(&bench, "new", &[("new", b"new")])).await.unwrap();
    bench.unplug("vd1");
    let kind = async || burner.client.property::<String>(&burner.recorder, "Medium", "Kind").await;
    bench.control("vd0", &["eject"]);
    burner.client.until("the disc is gone", async || kind().await.is_err().then_some(())).await;
    bench.control("vd0", &["insert", bench.dir().join("vd1.disc").to_str().unwrap()]);
    burner.client.until("the other disc is there", async || kind().await.ok()).await;
    burner.client.looked_at("vd0").await;
    let before = fs::read(bench.disc("vd1")).unwrap();
    let refused = burner.recorded(options([])).await;
    assert_eq!(refused.name, "WrongDisc", "{}", refused.message);
    assert!(fs::read(bench.disc("vd1")).unwrap() == before, "nothing was written");
    bench.check_manners("vd0");
}

/// A disc of ours with a change in its data.
async fn damaged(bench: &Bench, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let burner = Burner::open(bench, "vd0", false).await;
    bench.control("vd0", &["eject"]);
    bench.insert("vd0", name, "cd-r");
    burner.format().await;
    select(&burner, "auto").await.unwrap();
    burner.stage(&folder(bench, "content", &[("a/file", b"file"), ("b/c", b"c")])).await.unwrap();
    record(&burner).await;
    burner.close().await.unwrap();
    bench.control("vd0", &["eject"]);
    let data = bench.dir().join(format!("{name}.iso"));
    let mut bytes = fs::read(&data).unwrap();
    change(&mut bytes);
    fs::write(&data, bytes).unwrap();
    bench.control("vd0", &["insert", bench.dir().join(format!("{name}.disc")).to_str().unwrap()]);
}

#[tokio::test]
async fn discs_that_lie_are_refused_by_name_and_can_still_begin_a_tree_of_their_own() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    // The first directory of the root: a record whose name is `A`.
    let a = |bytes: &[u8]| {
        let root = 23 * BLOCK;
        root + bytes[root..].windows(6).position(|window| window == [1, 0, 0, 1, 1, b'A']).unwrap() - 28
    };
    let itself: fn(&mut Vec<u8>, usize) = |bytes, record| {
        bytes[record + 2..record + 10].copy_from_slice(&[23, 0, 0, 0, 0, 0, 0, 23]);
    };
    let gigantic: fn(&mut Vec<u8>, usize) = |bytes, record| {
        bytes[record + 10..record + 18].copy_from_slice(&[0, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xf8, 0]);
    };
    let descriptor: fn(&mut Vec<u8>, usize) = |bytes, _| bytes[16 * BLOCK..17 * BLOCK].fill(0);
    for (name, change, error, says) in [
        ("loop", itself, "DiscInfo", "a directory is in two places, or in itself"),
        ("gigantic", gigantic, "DiscInfo", "an extent lies where nothing is recorded"),
        ("none", descriptor, "NotSupported", "no ISO 9660 file system"),
    ] {
        damaged(&bench, name, |bytes| change(bytes, a(bytes))).await;
        let burner = Burner::open(&bench, "vd0", false).await;
        burner.format().await;
        let refused = select(&burner, "auto").await.unwrap_err();
        assert_eq!(refused.name, error, "{name}: {}", refused.message);
        assert!(refused.message.contains(says) && refused.message.contains("“new”"), "{}", refused.message);
        let recorder: zbus::OwnedObjectPath = burner.property("ActiveRecorder").await;
        assert_eq!(recorder.as_str(), "/", "{name}");
        select(&burner, "new").await.expect("a tree of its own");
        burner.close().await.unwrap();
    }
    bench.check_manners("vd0");
}

#[tokio::test]
async fn a_volume_name_that_somebody_filled_up_with_zeroes_does_not_end_the_service() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    damaged(&bench, "zeroes", |bytes| {
        for (descriptor, name) in [(16, &b"OTHER"[..]), (17, b"\0O\0T\0H\0E\0R")] {
            let field = &mut bytes[descriptor * BLOCK + 40..][..32];
            field.fill(0);
            field[..name.len()].copy_from_slice(name);
        }
    })
    .await;
    let burner = on_disc(&bench).await;
    let mut jobs = (1..).map(|number| format!("/org/discmaster1/jobs/{number}"));
    let import = loop {
        let job = jobs.next().unwrap();
        let operation: String =
            burner.client.property(&job, "Job", "Operation").await.expect("the import's job");
        if operation == "import" {
            break job;
        }
    };
    let (success, error, message, details) = burner.client.result(&import).await;
    assert!(success, "{error}: {message}");
    assert_eq!(String::try_from(details["volume-name"].try_clone().unwrap()).unwrap(), "OTHER");
    burner.stage(&folder(&bench, "more", &[("more", b"more")])).await.unwrap();
    record(&burner).await;
    bench.check_manners("vd0");
}

#[tokio::test]
async fn the_command_line_appends_and_begins_anew() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let one = folder(&bench, "one", &[("old", &content(3000))]);
    let two = folder(&bench, "two", &[("new", &content(4000))]);
    let burn = |arguments: &[&str], folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_discmaster"));
        command.args(["--bus=session", "burn", "--appendable"]).args(arguments).arg(folder);
        command.env("DBUS_SESSION_BUS_ADDRESS", &bench.bus.address).stdin(Stdio::null());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = burn(&["--append"], &one);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("CannotWriteToMedia") && said.contains("holds no data session"), "{said}");
    let (code, said) = burn(&[], &one);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = burn(&["--append"], &two);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Going on with the files that are on the disc"), "{said}");
    let client = bench.client().await;
    client.looked_at("vd0").await;
    let (code, said) = burn(&["--new"], &two);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("note: The disc holds 2 earlier session(s)"), "{said}");
    bench.check_manners("vd0");
}
