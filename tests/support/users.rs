//! Two users at one service. Only root can be both: run by anybody else, a test of theirs says that it was not done.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::unistd::geteuid;

use super::burner::Burner;
use super::polkit::{Answer, Asked, MockPolkit};
use super::{Bench, Setup};

/// Two users that every system has in its database: the bus lets no others in.
pub const ANNA: u32 = 1;
pub const BEN: u32 = 65534;
/// What only Anna can read, and nothing else contains.
pub const SECRET: &[u8] = b"Anna's secret: the quick brown fox has 4 kittens";

/// A service for every user, and a polkit that allows everything until it is told otherwise.
pub struct Stage {
    pub bench: Bench,
    pub polkit: MockPolkit,
}

impl Stage {
    pub async fn new(setup: Setup) -> Self {
        let bench = setup.for_every_user().start().await;
        let polkit = MockPolkit::start(&bench.bus, Answer::Allow).await;
        Self { bench, polkit }
    }

    /// A session of this user's on this recorder, with the disc in it selected.
    pub async fn session(&self, uid: u32, recorder: &str) -> Burner {
        let burner = Burner::of(self.bench.client_of(uid).await, recorder, false).await;
        burner.format().await;
        burner.select().await.expect("a blank disc");
        burner
    }

    /// A directory of this user's.
    pub fn folder(&self, name: &str, uid: u32, mode: u32) -> PathBuf {
        let path = self.bench.dir().join(name);
        fs::create_dir(&path).unwrap();
        own(&path, uid, mode);
        path
    }

    /// A directory of Anna's that nobody else may enter, with her secret in it.
    pub fn private(&self) -> PathBuf {
        let private = self.folder("secret-folder", ANNA, 0o700);
        file(&private.join("letter.txt"), SECRET, ANNA, 0o600);
        private
    }

    /// What polkit was asked since the last look: action and recorder, each question once.
    pub fn asked(&mut self) -> BTreeSet<(String, String)> {
        let mut asked = BTreeSet::new();
        while let Ok(question) = self.polkit.asked.try_recv() {
            if let Asked::Check { action, details, .. } = question {
                asked.insert((action, details["recorder.id"].clone()));
            }
        }
        asked
    }
}

pub fn own(path: &Path, uid: u32, mode: u32) {
    chown(path, Some(uid), Some(uid)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

pub fn file(path: &Path, content: &[u8], uid: u32, mode: u32) {
    fs::write(path, content).unwrap();
    own(path, uid, mode);
}

/// Tests that could not be done.
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

pub fn is_root() -> bool {
    let root = geteuid().is_root();
    if !root {
        let skipped = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        // The macros' words would be shown of tests that fail alone.
        let _ = writeln!(
            std::io::stderr(),
            "\nNOT DONE ({skipped} so far): {test}: only root can be two users at once"
        );
    }
    root
}

pub fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window.eq_ignore_ascii_case(what))
}
