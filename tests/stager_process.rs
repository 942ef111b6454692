//! The real stager as a process, with another user's rights. Needs root; without it only refusals can be tried.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::fs::{self, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use discmaster::api::{self, AddOptions, AddSummary, Detail, ErrorKind};
use discmaster::stager::{BrokerEnd, StagerEnd};
use discmaster::wire::broker_stager::{Answer, Ask, Begin, Tell, ToStager};
use discmaster::wire::pair;
use discmaster::wire::ring::{self, CHUNK, Consumer, Take};

/// A user without a name, and one of their groups.
const USER: u32 = 54_321;
const GROUP: u32 = 54_322;

struct Stager {
    broker: BrokerEnd,
    child: Child,
}

impl Stager {
    fn start() -> Self {
        let (broker, stager): (BrokerEnd, StagerEnd) = pair().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_discmaster-stager"));
        command.stdin(Stdio::from(stager.into_socket())).stderr(Stdio::null());
        Self { broker, child: command.spawn().unwrap() }
    }

    fn ask(&self, ask: Ask) -> api::Result<Answer> {
        self.broker.send(&ToStager { id: 1, ask }, &[]).unwrap();
        self.answer()
    }

    fn answer(&self) -> api::Result<Answer> {
        loop {
            if let Tell::Done(result) = self.broker.receive().unwrap().0.tell {
                return result;
            }
        }
    }

    fn begin(&self, uid: u32, stash: &Path) -> api::Result<Answer> {
        let stash = stash.to_owned();
        self.ask(Ask::Begin(Begin {
            uid,
            gid: uid,
            groups: vec![uid, GROUP],
            stash,
            quota: 1 << 20,
            max_entries: 1000,
        }))
    }

    fn add(&self, path: &Path) -> api::Result<AddSummary> {
        let ask = Ask::Add { path: Some(path.to_owned()), options: AddOptions::default(), capacity: None };
        match self.ask(ask)? {
            Answer::Added(summary) => Ok(summary),
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Stager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory that everybody may enter, with a stash of the user's.
fn playground() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let stash = directory.path().join("stash");
    fs::create_dir(&stash).unwrap();
    chown(&stash, Some(USER), Some(USER)).unwrap();
    fs::set_permissions(&stash, Permissions::from_mode(0o700)).unwrap();
    (directory, stash)
}

fn file(path: &Path, content: &str, mode: u32, owner: u32, group: u32) {
    fs::write(path, content).unwrap();
    chown(path, Some(owner), Some(group)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: only root can start a stager for another user");
    }
    root
}

fn detail(error: &api::Error, key: &str) -> String {
    match &error.details[key] {
        Detail::Text(text) => text.clone(),
        Detail::Number(number) => number.to_string(),
    }
}

#[test]
fn a_stager_has_the_rights_of_the_owner_and_nothing_else() {
    if !is_root() {
        return;
    }
    let (_directory, stash) = playground();
    let stager = Stager::start();
    stager.begin(USER, &stash).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", stager.child.id())).unwrap();
    let has =
        |line: &str| status.lines().any(|one| one.split_whitespace().collect::<Vec<_>>().join(" ") == line);
    for line in [
        "Uid: 54321 54321 54321 54321",
        "Gid: 54321 54321 54321 54321",
        "Groups: 54321 54322",
        "CapEff: 0000000000000000",
        "CapPrm: 0000000000000000",
        "CapInh: 0000000000000000",
        "NoNewPrivs: 1",
        "Umask: 0077",
    ] {
        assert!(has(line), "{line} is not in\n{status}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", stager.child.id())).unwrap();
    assert!(limits.lines().any(|line| line.starts_with("Max core file size") && line.contains(" 0 ")));
}

#[test]
fn what_the_owner_cannot_read_is_not_staged_but_named_and_counted() {
    if !is_root() {
        return;
    }
    let (directory, stash) = playground();
    let place = directory.path().join("files");
    fs::create_dir_all(place.join("open")).unwrap();
    file(&place.join("open/mine"), "mine", 0o400, USER, 0);
    file(&place.join("open/ours"), "ours", 0o040, 0, GROUP);
    file(&place.join("open/everybody-s"), "everybody's", 0o604, 0, 0);
    let stager = Stager::start();
    stager.begin(USER, &stash).unwrap();
    assert_eq!(stager.add(&place).unwrap().files, 3);

    file(&place.join("root-s"), "secret", 0o600, 0, 0);
    fs::create_dir(place.join("closed")).unwrap();
    fs::write(place.join("closed/hidden"), "secret").unwrap();
    fs::set_permissions(place.join("closed"), Permissions::from_mode(0o700)).unwrap();
    file(&place.join("mine-but-locked"), "x", 0o040, USER, 0);
    let error = stager.add(&place).unwrap_err();
    assert_eq!((error.kind, detail(&error, "count")), (ErrorKind::FileUnreadable, "3".to_owned()));
    assert!(detail(&error, "path").starts_with(place.to_str().unwrap()), "{error}");

    // Neither a link nor a path of one's own gets there.
    symlink(place.join("root-s"), place.join("open/link")).unwrap();
    for path in [place.join("open/link"), place.join("root-s"), place.join("closed/hidden")] {
        assert_eq!(stager.add(&path).unwrap_err().kind, ErrorKind::FileUnreadable, "{}", path.display());
    }
}

#[test]
fn a_descriptor_opened_by_root_opens_nothing_that_its_passer_cannot_read() {
    if !is_root() {
        return;
    }
    let (directory, stash) = playground();
    let place = directory.path().join("listed");
    fs::create_dir(&place).unwrap();
    file(&place.join("public"), "public", 0o644, 0, 0);
    let pass = |mode: u32| {
        fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
        let stager = Stager::start();
        stager.begin(USER, &stash).unwrap();
        let opened = fs::File::open(&place).unwrap();
        let ask = Ask::Add { path: None, options: AddOptions::default(), capacity: None };
        stager.broker.send(&ToStager { id: 1, ask }, &[opened.as_fd()]).unwrap();
        stager.answer().map_err(|error| error.kind)
    };
    assert!(matches!(pass(0o755), Ok(Answer::Added(AddSummary { files: 1, .. }))));
    // The list comes through the descriptor; the files are opened with the user's rights.
    assert!(matches!(pass(0o711), Ok(Answer::Added(AddSummary { files: 1, .. }))));
    assert_eq!(pass(0o700), Err(ErrorKind::FileUnreadable));
    file(&place.join("secret"), "secret", 0o600, 0, 0);
    assert_eq!(pass(0o711), Err(ErrorKind::FileUnreadable));
}

#[test]
fn a_process_of_another_user_is_refused_and_leaves() {
    if !is_root() {
        return;
    }
    let (directory, stash) = playground();
    // The build directory may not be open to others. Copied by another process: a file that this one has open for
    // writing may be inherited by a child of another test at the wrong moment, and is then busy.
    let binary = directory.path().join("stager");
    let built = env!("CARGO_BIN_EXE_discmaster-stager");
    assert!(Command::new("cp").arg(built).arg(&binary).status().unwrap().success());
    let (broker, end): (BrokerEnd, StagerEnd) = pair().unwrap();
    let child = Command::new(&binary)
        .uid(USER)
        .gid(USER)
        .stdin(Stdio::from(end.into_socket()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stager = Stager { broker, child };
    assert_eq!(stager.begin(USER + 1, &stash).unwrap_err().kind, ErrorKind::NotAuthorized);
    assert!(!stager.child.wait().unwrap().success());
}

#[test]
fn a_stager_finishes_the_burn_of_a_broker_that_died_and_a_killed_one_fails_it() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("files");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("big"), vec![7; 40 * CHUNK]).unwrap();
    for kill in [false, true] {
        let mut stager = Stager::start();
        stager.begin(nix::unistd::geteuid().as_raw(), directory.path()).unwrap();
        stager.add(&place).unwrap();
        stager.ask(Ask::Plan { start: 0, redirects: false, recorded: None }).unwrap();
        let (producer, consumer) = ring::create(4 * CHUNK).unwrap();
        let fds = [producer.memory.as_fd(), producer.wake.as_fd()];
        stager.broker.send(&ToStager { id: 2, ask: Ask::Feed }, &fds).unwrap();
        drop(producer);
        let mut consumer = Consumer::attach(consumer).unwrap();
        while !consumer.wake_when(consumer.chunks()).unwrap() {
            assert!(consumer.wait(None, Some(Duration::from_secs(20))).unwrap().ring);
        }
        if kill {
            stager.child.kill().unwrap();
            stager.child.wait().unwrap();
        } else {
            let (other, _): (BrokerEnd, StagerEnd) = pair().unwrap();
            stager.broker = other;
        }
        let mut chunk = vec![0; CHUNK];
        let end = loop {
            match consumer.take(&mut chunk).unwrap() {
                Take::Bytes(_) => {}
                Take::Empty => assert!(consumer.wait(None, Some(Duration::from_secs(20))).unwrap().ring),
                end => break end,
            }
        };
        assert_eq!(end, if kill { Take::Failed } else { Take::End });
        if !kill {
            stager.child.wait().unwrap();
        }
    }
}
