//! What a user cannot read, the service does not read for them: whatever path or descriptor they give, and whatever they
//! put in the place of a file afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use support::burner::Burner;
use support::processes;
use support::users::{ANNA, BEN, SECRET, Stage, contains, file, is_root, own};
use support::{Bench, Client, Refusal, options};
use zbus::Fd;

/// Tries to stage something, and expects this refusal and an image as empty as before.
async fn is_not_staged(ben: &Burner, path: &Path, error: &str) {
    let refusal = ben.stage_with(path, []).await.expect_err(&format!("{} is not Ben's", path.display()));
    assert_eq!(refusal.name, error, "{}: {}", path.display(), refusal.message);
    assert_eq!(ben.list("/").await, [], "{}", path.display());
}

#[tokio::test]
async fn no_path_leads_to_a_file_that_its_user_cannot_read() {
    if !is_root() {
        return;
    }
    let stage = Stage::new(Bench::new().recorder("vd0", "cd-r")).await;
    let (bench, private) = (&stage.bench, stage.private());
    let secret = private.join("letter.txt");
    let shelf = stage.folder("shelf", BEN, 0o755);
    symlink(&secret, shelf.join("link")).unwrap();
    symlink(&private, shelf.join("linked")).unwrap();
    fs::hard_link(&secret, shelf.join("hard")).unwrap();
    mkfifo(&shelf.join("pipe"), Mode::S_IRWXU).unwrap();
    let held = File::open(&secret).unwrap();
    let (own, daemon) = (std::process::id(), bench.daemon_pid());

    let ben = stage.session(BEN, "vd0").await;
    for path in [
        secret.clone(),
        private.clone(),
        shelf.join("link"),
        shelf.join("linked"),
        shelf.join("linked/letter.txt"),
        shelf.join("hard"),
        shelf.join("../secret-folder/letter.txt"),
        format!("/proc/{own}/fd/{}", held.as_raw_fd()).into(),
        format!("/proc/{own}/root{}", secret.display()).into(),
        format!("/proc/self/root{}", secret.display()).into(),
        format!("/proc/self/cwd{}", secret.display()).into(),
        format!("/proc/{daemon}/environ").into(),
        format!("/proc/{daemon}/mem").into(),
        format!("/proc/{daemon}/fd").into(),
        "/proc/self/mem".into(),
        "/proc/self/environ".into(),
        "/proc/self/fd/0".into(),
        "/dev/stdin".into(),
        shelf.clone(),
    ] {
        is_not_staged(&ben, &path, "FileUnreadable").await;
    }
    fs::remove_file(shelf.join("hard")).unwrap();
    for path in [shelf.join("pipe"), "/dev/null".into(), "/dev/full".into(), shelf.clone()] {
        is_not_staged(&ben, &path, "SpecialFile").await;
    }
    let root = Burner { client: bench.client().await, ..ben };
    is_not_staged(&root, &secret, "FileUnreadable").await;
    let ben = Burner { client: bench.client_of(BEN).await, ..root };
    let relative = ben.stage_with(Path::new("letter.txt"), []).await.unwrap_err();
    assert_eq!(relative.name, "org.freedesktop.DBus.Error.InvalidArgs");

    // Links are links on the disc as well: what they lead to is not there.
    ben.stage_with(&shelf, [("special-files", "skip".into())]).await.unwrap();
    let kinds: Vec<_> = ben.list("/").await.into_iter().map(|(name, kind, _)| (name, kind)).collect();
    let links = ["link", "linked"].map(|name| (name.to_owned(), "symlink".to_owned()));
    assert_eq!(kinds, links);
    let job = ben.record().await.unwrap();
    let (success, error, message, _) = ben.client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert!(!contains(&fs::read(bench.disc("vd0")).unwrap(), SECRET));
}

fn opened(path: &Path, flags: OFlags) -> OwnedFd {
    rustix::fs::open(path, flags | OFlags::CLOEXEC, rustix::fs::Mode::empty()).unwrap()
}

async fn add_data(burner: &Burner, folder: &OwnedFd) -> Result<String, Refusal> {
    let body = (Fd::from(folder.as_fd()), options([("wait", true.into())]));
    burner.client.path(&burner.joliet, "Joliet", "AddData", &body).await
}

#[tokio::test]
async fn a_descriptor_that_somebody_else_opened_opens_nothing_that_its_passer_cannot() {
    if !is_root() {
        return;
    }
    let stage = Stage::new(Bench::new().recorder("vd0", "cd-r")).await;
    let private = stage.private();
    let secret = private.join("letter.txt");
    let listed = stage.folder("listed", 0, 0o755);
    file(&listed.join("roots.txt"), b"root's", 0, 0o600);
    let shelf = stage.folder("shelf", BEN, 0o700);
    file(&shelf.join("mine.txt"), b"Ben's", BEN, 0o600);
    let pipe = shelf.join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let own = PathBuf::from(format!("/proc/{}", std::process::id()));
    let _held = File::open(&secret).unwrap();

    let ben = stage.session(BEN, "vd0").await;
    let (read, place) = (OFlags::RDONLY, OFlags::PATH);
    let wrong = "org.freedesktop.DBus.Error.InvalidArgs";
    for (path, flags, error) in [
        (private.as_path(), read, "FileUnreadable"),
        (&private, place, "FileUnreadable"),
        (&listed, read, "FileUnreadable"),
        (&listed, place, "FileUnreadable"),
        (&own.join("fd"), read, "FileUnreadable"),
        (&own.join("fd"), place, "FileUnreadable"),
        (&own.join("task"), read, "FileUnreadable"),
        (&secret, read, wrong),
        (&secret, place, wrong),
        (&pipe, OFlags::RDWR | OFlags::NONBLOCK, wrong),
        (&pipe, place, wrong),
        (Path::new("/dev/null"), read, wrong),
    ] {
        let result = add_data(&ben, &opened(path, flags)).await;
        let refusal = result.expect_err(&format!("{} is not Ben's", path.display()));
        assert_eq!(refusal.name, error, "{}: {}", path.display(), refusal.message);
        assert_eq!(ben.list("/").await, [], "{}", path.display());
    }
    fs::remove_file(&pipe).unwrap();
    for flags in [read, place] {
        add_data(&ben, &opened(&shelf, flags)).await.expect("what Ben can read is staged");
        assert_eq!(ben.list("/").await, [("mine.txt".to_owned(), "file".to_owned(), 5)]);
        ben.client.call::<()>(&ben.session, "Session", "ClearFormatContent", &()).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_put_in_the_place_of_a_staged_file_is_never_recorded() {
    if !is_root() {
        return;
    }
    let stage = Stage::new(Bench::new().recorder("vd0", "cd-r")).await;
    let (bench, private) = (&stage.bench, stage.private());
    let shelf = stage.folder("shelf", BEN, 0o755);
    let inner = shelf.join("inner");
    fs::create_dir(&inner).unwrap();
    own(&inner, BEN, 0o755);
    let letter = inner.join("letter.txt");
    file(&letter, &vec![b'-'; SECRET.len()], BEN, 0o600);
    let ben = stage.session(BEN, "vd0").await;
    ben.stage_with(&shelf, []).await.unwrap();

    let refused = async |what: &str, why: &str| {
        let (_, error, message, _) = ben.client.result(&ben.record().await.unwrap()).await;
        assert_eq!(error, format!("org.discmaster1.Error.{why}"), "{what}: {message}");
        assert!(message.contains(letter.to_str().unwrap()), "{what}: {message}");
    };
    fs::rename(&letter, shelf.join("aside")).unwrap();
    symlink(private.join("letter.txt"), &letter).unwrap();
    refused("a link", "FileChanged").await;
    fs::remove_file(&letter).unwrap();
    fs::hard_link(private.join("letter.txt"), &letter).unwrap();
    refused("a hard link", "FileUnreadable").await;
    fs::remove_dir_all(&inner).unwrap();
    symlink(&private, &inner).unwrap();
    refused("a linked directory", "FileChanged").await;
    assert!(bench.scene("vd0", "disc").ends_with("blank"), "{}", bench.control("vd0", &["dump"]));

    // And while it is being copied.
    let (one, two) = (shelf.join("aside"), shelf.join("other"));
    symlink(private.join("letter.txt"), &two).unwrap();
    ben.client.call::<()>(&ben.session, "Session", "ClearFormatContent", &()).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let stop = Arc::clone(&stop);
        let one = one.clone();
        move || {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &two, RenameFlags::EXCHANGE).unwrap();
            }
        }
    });
    for _ in 0..30 {
        if let Err(refusal) = ben.stage_with(&one, [("copy", true.into()), ("overwrite", true.into())]).await
        {
            let known = ["FileUnreadable", "FileChanged", "FileExists"];
            assert!(known.contains(&refusal.name.as_str()), "{refusal:?}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    fs::write(shelf.join("last"), "the last").unwrap();
    ben.stage_with(&shelf.join("last"), [("copy", true.into())]).await.unwrap();
    let (success, error, message, _) = ben.client.result(&ben.record().await.unwrap()).await;
    assert!(success, "{error}: {message}");
    assert!(!contains(&fs::read(bench.disc("vd0")).unwrap(), SECRET));
}

/// The lines of `/proc/PID/status` of every stager of the service.
fn stagers(bench: &Bench) -> Vec<HashMap<String, String>> {
    let helpers = processes::helpers(bench.daemon_pid(), processes::STAGER);
    let status =
        |helper: &processes::Process| fs::read_to_string(format!("/proc/{}/status", helper.pid)).unwrap();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = |status: String| {
        let lines = status.lines().filter_map(|line| line.split_once(':'));
        lines.map(|(key, value)| (key.to_owned(), words(value))).collect()
    };
    helpers.iter().map(status).map(lines).collect()
}

#[tokio::test]
async fn each_session_has_a_stager_that_is_its_user_and_a_stash_that_is_theirs_alone() {
    if !is_root() {
        return;
    }
    const GROUP: u32 = 54_321;
    let stage = Stage::new(Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r")).await;
    let bench = &stage.bench;
    let connection = bench.bus.connect_as(ANNA, &[ANNA, GROUP]).await;
    let anna = Burner::of(Client::new(connection), "vd0", false).await;
    anna.format().await;
    let ben = stage.session(BEN, "vd1").await;
    for (burner, uid) in [(&anna, ANNA), (&ben, BEN)] {
        let folder = stage.folder(&format!("of-{uid}"), uid, 0o700);
        file(&folder.join("mine"), b"mine", uid, 0o600);
        burner.stage_with(&folder, [("copy", true.into())]).await.unwrap();
        let stash = fs::metadata(bench.dir().join(format!("stash/{uid}"))).unwrap();
        assert_eq!((stash.uid(), stash.mode() & 0o7777), (uid, 0o700));
        let left = fs::read_dir(bench.dir().join(format!("stash/{uid}"))).unwrap().count();
        assert_eq!(left, 0, "copies have no names");
    }
    let mut stagers = stagers(bench);
    stagers.sort_by_key(|status| status["Uid"].len());
    let expected = [(ANNA, format!("{ANNA} {GROUP}")), (BEN, BEN.to_string())];
    assert_eq!(stagers.len(), expected.len());
    for (status, (uid, groups)) in stagers.iter().zip(expected) {
        let all = [uid.to_string(), uid.to_string(), uid.to_string(), uid.to_string()].join(" ");
        assert_eq!((&status["Uid"], &status["Gid"], &status["Groups"]), (&all, &all, &groups));
        for (key, value) in [
            ("CapPrm", "0000000000000000"),
            ("CapEff", "0000000000000000"),
            ("NoNewPrivs", "1"),
            ("Umask", "0077"),
        ] {
            assert_eq!(status[key], value, "{key}");
        }
    }
}
