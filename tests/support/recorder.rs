//! A virtual recorder in this process, and programs to which umockdev shows it as `/dev/sr0`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use discmaster::vdrive::front::{Running, Server};
use discmaster::vdrive::medium::{Layout, Medium};
use discmaster::vdrive::{Drive, DriveOptions};
use tempfile::TempDir;

/// What has to be installed for [`bridge`].
pub const PACKAGES: &str = "the packages umockdev, gir1.2-umockdev-1.0 and python3-gi are needed";

/// A recorder as fast as this machine, with a disc in it. Unplugged when dropped.
pub struct Recorder {
    running: Running,
    dir: TempDir,
}

impl Recorder {
    /// With a new disc of this kind in it, `cd-r:5000`.
    pub fn new(kind: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let kind = kind.parse().expect("a kind of disc");
        let medium = Medium::create(&dir.path().join("vd0.disc"), kind).expect("a new disc");
        Self::holding(medium, dir)
    }

    /// With this disc in it.
    pub fn with(medium: Medium) -> Self {
        Self::holding(medium, tempfile::tempdir().expect("a temporary directory"))
    }

    fn holding(medium: Medium, dir: TempDir) -> Self {
        let mut drive = Drive::new(DriveOptions::default());
        drive.start_with(medium);
        let server = Server::bind(&dir.path().join("vd0.sock"), drive).expect("a socket");
        Self { running: server.spawn().expect("a thread"), dir }
    }

    /// A program that finds this recorder at `/dev/sr0`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = bridge(&self.dir.path().join("vd0.sock"));
        // What a test bed leaves behind goes away with this recorder.
        command.arg(program).env("TMPDIR", self.dir.path()).current_dir(self.dir.path());
        command
    }

    /// growisofs in a world where it finds a block device, and nothing of ours to unmount.
    pub fn growisofs(&self, arguments: &[&str]) -> Command {
        let shim = self.dir().join("fstat.so");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&shim);
        compile.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/umockdev/fstat.c"));
        assert!(compile.status().expect("a compiler").success(), "fstat.c compiles");
        // Who may not unmount anything needs no mount namespace, and may not have one.
        let mut command = if nix::unistd::geteuid().is_root() {
            let mut command = self.command("unshare");
            command.arg("--mount");
            command
        } else {
            self.command("env")
        };
        // The wrapper of umockdev adds its own library before this one.
        command.env("LD_PRELOAD", &shim).args(["growisofs", "-use-the-force-luke=tty"]).args(arguments);
        command
    }

    /// What a program says that has to succeed with this recorder.
    pub fn run(&self, program: &str, arguments: &[impl AsRef<str>]) -> String {
        let (success, said) = self.attempt(program, arguments);
        assert!(success, "{program}: {said}");
        said
    }

    /// Whether a program succeeds with this recorder, and what it says.
    pub fn attempt(&self, program: &str, arguments: &[impl AsRef<str>]) -> (bool, String) {
        outcome(self.command(program).args(arguments.iter().map(AsRef::as_ref)))
    }

    /// A directory for the test's own files; programs run in it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The file with the disc's data.
    pub fn image(&self) -> PathBuf {
        self.dir.path().join("vd0.iso")
    }

    /// What is recorded on the disc.
    pub fn recorded(&self) -> Vec<u8> {
        fs::read(self.image()).expect("the disc's data")
    }

    /// Does something with the drive, as hands would.
    pub fn hands<R>(&self, act: impl FnOnce(&mut Drive, Duration) -> R) -> R {
        self.running.with(act)
    }

    /// How the disc stands.
    pub fn layout(&self) -> Layout {
        self.hands(|drive, _| drive.medium().expect("a disc").layout().clone())
    }

    /// What hosts did that no host may do.
    pub fn violations(&self) -> Vec<String> {
        self.hands(|drive, _| drive.violations().to_vec())
    }
}

/// Whether a program succeeds, and all that it says.
pub fn outcome(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().expect(PACKAGES);
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// A program that follows finds the recorder of this socket at `/dev/sr0`; it is the recorder's only host.
pub fn bridge(socket: &Path) -> Command {
    let mut command = Command::new("umockdev-wrapper");
    command
        .args(["/usr/bin/python3", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/umockdev/bridge.py")])
        .arg(socket)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
