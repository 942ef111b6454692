//! A bench for tests of the whole service: a private bus, the broker, virtual recorders, and clients.
//!
//! `Bench::new().recorder("vd0", "cd-r").start().await` starts everything; everything dies with the value, and a test that
//! fails prints what the processes had to say.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

pub mod album;
pub mod burner;
pub mod bus;
mod client;
pub mod manager;
pub mod noise;
pub mod oracles;
pub mod polkit;
pub mod processes;
pub mod recorder;
pub mod tree;
pub mod users;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[allow(unused_imports, reason = "each test binary uses its own part")]
pub use client::{Client, Managed, Refusal, Signal, Signals, options};

use bus::PrivateBus;
use recorder::Recorder;

/// What nothing on a bench may take longer than, on the slowest machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for what nobody sends a signal about.
pub async fn eventually(what: &str, mut question: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !question().await {
        assert!(began.elapsed() < DEADLINE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a bench is made of.
#[derive(Default)]
pub struct Setup {
    recorders: Vec<(String, Vec<String>)>,
    kernel_drive: Option<String>,
    options: Vec<String>,
    variables: Vec<(String, String)>,
    kept: bool,
    system: bool,
}

/// A running service of one's own.
pub struct Bench {
    pub bus: PrivateBus,
    /// The recorder behind `/dev/sr0`, if there is one.
    pub sr0: Option<Recorder>,
    daemon: Option<Child>,
    drives: BTreeMap<String, Child>,
    setup: Setup,
    /// What keeps descriptors for the next broker, if anything does.
    pub store: Option<manager::Store>,
}

impl Bench {
    #[expect(clippy::new_ret_no_self, reason = "a bench is described before it is built")]
    pub fn new() -> Setup {
        Setup::default()
    }

    /// A client on a connection of its own.
    pub async fn client(&self) -> Client {
        Client::new(self.bus.connect().await)
    }

    /// A client of another user. Only root can do this.
    pub async fn client_of(&self, uid: u32) -> Client {
        Client::new(self.bus.connect_as(uid, &[uid]).await)
    }

    /// A directory for the test's own files.
    pub fn dir(&self) -> &Path {
        self.bus.dir.path()
    }

    /// The content of a virtual recorder's disc.
    pub fn disc(&self, id: &str) -> PathBuf {
        self.dir().join(format!("{id}.iso"))
    }

    /// A virtual recorder's socket.
    pub fn socket(&self, id: &str) -> PathBuf {
        self.recorders().join(format!("{id}.sock"))
    }

    /// Starts a recorder of the setup (again).
    pub fn plug(&mut self, id: &str) {
        let (_, arguments) =
            self.setup.recorders.iter().find(|(name, _)| name == id).expect("a recorder of the setup");
        let drive = Command::new(env!("CARGO_BIN_EXE_discmaster-vdrive"))
            .arg(format!("--listen={}", self.socket(id).display()))
            .arg(format!("--media={}", self.dir().join(format!("{id}.disc")).display()))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(self.log(id))
            .stderr(self.log(id))
            .spawn()
            .expect("the virtual recorder starts");
        self.drives.insert(id.to_owned(), drive);
    }

    /// Ends a recorder at once, as if its cable were pulled.
    pub fn unplug(&mut self, id: &str) {
        end(self.drives.get_mut(id).expect("a recorder that is plugged in"));
        self.drives.remove(id);
    }

    /// Presses a virtual recorder's buttons, or changes its disc: `discmaster-vdrive control SOCKET …`.
    pub fn control(&self, id: &str, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_discmaster-vdrive"))
            .arg("control")
            .arg(self.socket(id))
            .args(arguments)
            .output()
            .expect("the virtual recorder's control starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}{complaint}");
        said
    }

    /// Fails when a recorder was used as none may be, or when a fault of its script never came to pass.
    pub fn check_manners(&self, id: &str) {
        self.control(id, &["violations"]);
        self.control(id, &["unfired"]);
    }

    /// Puts a new disc of this kind into a recorder; `name` is its file's.
    pub fn insert(&self, id: &str, name: &str, kind: &str) {
        let disc = self.dir().join(format!("{name}.disc"));
        self.control(id, &["insert", disc.to_str().expect("UTF-8"), "--create", kind]);
    }

    /// What a recorder's own description has to say of its tray, its disc, …
    pub fn scene(&self, id: &str, of: &str) -> String {
        let scene = self.control(id, &["dump"]);
        let line = scene.lines().find_map(|line| line.strip_prefix(of));
        line.unwrap_or_default().trim().to_owned()
    }

    /// The broker's process id.
    pub fn daemon_pid(&self) -> i32 {
        self.daemon.as_ref().and_then(|daemon| i32::try_from(daemon.id()).ok()).expect("a running broker")
    }

    /// Asks the broker to end (SIGTERM).
    pub fn ask_daemon_to_end(&self) {
        self.signal_daemon(nix::sys::signal::Signal::SIGTERM);
    }

    /// Sends the broker a signal.
    pub fn signal_daemon(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.daemon_pid());
        nix::sys::signal::kill(pid, signal).expect("a running broker");
    }

    /// Waits for the broker's end.
    pub fn daemon_ended(&mut self) -> std::process::ExitStatus {
        self.daemon.take().expect("a running broker").wait().expect("a child of ours")
    }

    /// Ends the broker at once; helpers are left to themselves.
    pub fn kill_daemon(&mut self) {
        end(self.daemon.as_mut().expect("a running broker"));
        self.daemon = None;
    }

    /// What a process has logged so far: `discmasterd`, which the helpers share, or a recorder.
    pub fn logged(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir().join(format!("{name}.log"))).unwrap_or_default()
    }

    fn recorders(&self) -> PathBuf {
        self.dir().join("recorders")
    }

    fn log(&self, name: &str) -> File {
        let path = self.dir().join(format!("{name}.log"));
        File::options().create(true).append(true).open(path).expect("a log")
    }

    /// Starts the broker (again); it is ready when this returns.
    pub fn start_daemon(&mut self) {
        let (bus, variable) = match self.setup.system {
            true => ("--bus=system", "DBUS_SYSTEM_BUS_ADDRESS"),
            false => ("--bus=session", "DBUS_SESSION_BUS_ADDRESS"),
        };
        let program = env!("CARGO_BIN_EXE_discmasterd");
        let mut handed = self.store.as_mut().map(|store| (store.address(), store.command(program)));
        let mut daemon = match &self.sr0 {
            Some(recorder) => recorder.command(program),
            None => Command::new(program),
        };
        let daemon = match &mut handed {
            Some((address, handed)) => handed.command.env("NOTIFY_SOCKET", address),
            None => &mut daemon,
        };
        match self.sr0 {
            // umockdev's library makes a connection for each opening of the device.
            Some(_) => daemon.env("DISCMASTER_UNCONFINED", "1"),
            None => daemon.arg("--no-udev"),
        };
        let mut daemon = daemon
            .arg(bus)
            .arg(format!("--virtual={}", self.recorders().display()))
            .arg(format!("--stash={}", self.dir().join("stash").display()))
            .args(&self.setup.options)
            .env(variable, &self.bus.address)
            .env_remove("RUST_LOG")
            .envs(self.setup.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(self.log("discmasterd"))
            .spawn()
            .expect("the broker starts");
        let mut line = String::new();
        BufReader::new(daemon.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("its first line");
        self.daemon = Some(daemon);
        assert_eq!(line.trim(), "discmasterd: ready", "the broker did not become ready");
    }
}

impl Setup {
    /// A virtual recorder with a new disc of this kind in it, `cd-r`.
    pub fn recorder(self, id: &str, kind: &str) -> Self {
        self.recorder_with(id, &[&format!("--create={kind}")])
    }

    /// A virtual recorder with arguments of one's own.
    pub fn recorder_with(mut self, id: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self.recorders.push((id.to_owned(), arguments));
        self
    }

    /// A drive that the service finds through udev and speaks to through SG_IO: `sr0`, on a kernel that umockdev
    /// plays, with a new disc of this kind in it.
    pub fn kernel_drive(mut self, kind: &str) -> Self {
        self.kernel_drive = Some(kind.to_owned());
        self
    }

    /// An argument of the broker.
    pub fn option(mut self, argument: &str) -> Self {
        self.options.push(argument.to_owned());
        self
    }

    /// A service manager keeps descriptors for the next broker.
    pub fn kept(mut self) -> Self {
        self.kept = true;
        self
    }

    /// A variable in the broker's environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Serves every user of the bus, as the system's broker does; something must play polkit on it. Needs root.
    pub fn for_every_user(mut self) -> Self {
        self.system = true;
        self
    }

    /// Starts it all. Every recorder is on the bus when this returns, and has been looked at.
    pub async fn start(self) -> Bench {
        let bus = PrivateBus::start();
        let mut ids: Vec<String> = self.recorders.iter().map(|(id, _)| id.clone()).collect();
        let sr0 = self.kernel_drive.as_deref().map(Recorder::new);
        let mut bench = Bench { bus, sr0, daemon: None, drives: BTreeMap::new(), setup: self, store: None };
        bench.store = bench.setup.kept.then(manager::Store::new);
        std::fs::create_dir(bench.recorders()).expect("a directory for recorders");
        for id in &ids {
            bench.plug(id);
        }
        ids.extend(bench.sr0.as_ref().map(|_| "sr0".to_owned()));
        bench.start_daemon();
        let client = bench.client().await;
        for id in &ids {
            client.looked_at(id).await;
        }
        bench
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.daemon.iter_mut().chain(self.drives.values_mut()).for_each(end);
        if std::thread::panicking() {
            let recorders = self.setup.recorders.iter().map(|(id, _)| id.as_str());
            for name in recorders.chain(["discmasterd"]) {
                eprintln!("--- {name}\n{}", self.logged(name));
            }
        }
    }
}

fn end(process: &mut Child) {
    let _ = process.kill();
    let _ = process.wait();
}
