//! A service manager for a bench: helpers' sockets, and an ear for what the broker tells.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::cmsg_space;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use tempfile::TempDir;

use super::DEADLINE;

/// The sockets of helpers' units, served by systemd's own `systemd-socket-activate`.
pub struct Units {
    directory: TempDir,
    stop: Arc<AtomicBool>,
    running: Arc<Mutex<Vec<Child>>>,
    workers: Vec<JoinHandle<()>>,
}

impl Units {
    /// Sockets for stagers, and for the workers of these recorders.
    pub fn start(recorders: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("workers")).unwrap();
        let mut units =
            Self { directory, stop: Arc::default(), running: Arc::default(), workers: Vec::new() };
        let mut stagers = activate(&units.stager());
        stagers.args(["--accept", "--inetd"]).arg(env!("CARGO_BIN_EXE_discmaster-stager"));
        units.running.lock().unwrap().push(stagers.spawn().expect("install the package systemd"));
        for recorder in recorders {
            let socket = units.path().join("workers").join(recorder);
            let (stop, running) = (Arc::clone(&units.stop), Arc::clone(&units.running));
            units.workers.push(std::thread::spawn(move || serve_workers(&socket, &stop, &running)));
        }
        units
    }

    /// The directory of the sockets, for `--sockets`.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The socket that starts stagers.
    pub fn stager(&self) -> PathBuf {
        self.path().join("stager")
    }
}

/// One worker after another, as a socket unit has it that does not accept by itself.
fn serve_workers(socket: &Path, stop: &AtomicBool, running: &Mutex<Vec<Child>>) {
    while !stop.load(Ordering::Relaxed) {
        let worker = activate(socket).arg(env!("CARGO_BIN_EXE_discmaster-worker")).spawn().unwrap();
        let pid = worker.id();
        running.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        // Waited for without the lock, so that it can be killed meanwhile.
        let id = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        let handle = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty()).unwrap();
        let mut fds =
            [nix::poll::PollFd::new(std::os::fd::AsFd::as_fd(&handle), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut fds, nix::poll::PollTimeout::NONE).unwrap();
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        for child in running.iter_mut().filter(|child| child.id() == pid) {
            child.wait().unwrap();
        }
        running.retain(|child| child.id() != pid);
    }
}

fn activate(socket: &Path) -> Command {
    // It would take one that is left for a mistake.
    let _ = std::fs::remove_file(socket);
    let mut command = Command::new("systemd-socket-activate");
    command.arg("--seqpacket").arg(format!("--listen={}", socket.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Drop for Units {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        loop {
            for child in self.running.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
                let _ = child.kill();
            }
            if self.workers.iter().all(JoinHandle::is_finished) {
                break;
            }
            std::thread::yield_now();
        }
        for child in self.running.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            let _ = child.wait();
        }
    }
}

/// What the service manager is told (`sd_notify(3)`).
pub struct Ear {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Ear {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, directory }
    }

    /// For the variable `NOTIFY_SOCKET`.
    pub fn address(&self) -> String {
        self.directory.path().join("notify").display().to_string()
    }

    /// The next thing that is told.
    pub fn next(&self) -> String {
        let mut text = [0; 4096];
        let length = self.socket.recv(&mut text).expect("the broker tells something");
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    /// Waits until this is told, whatever comes before.
    pub fn until(&self, wanted: &str) {
        while self.next() != wanted {}
    }
}

/// A service manager with a store for descriptors: it hears what the broker tells, keeps what the broker has it keep, and
/// hands that to the next broker (`FDSTORE=`, `LISTEN_FDS=`).
pub struct Store {
    ear: Ear,
    kept: Vec<(String, OwnedFd)>,
}

impl Store {
    pub fn new() -> Self {
        Self { ear: Ear::new(), kept: Vec::new() }
    }

    /// For the variable `NOTIFY_SOCKET`.
    pub fn address(&self) -> String {
        self.ear.address()
    }

    /// Keeps something under a name, as if the broker had asked for it.
    pub fn put(&mut self, name: &str, fd: OwnedFd) {
        self.take_in();
        self.kept.push((name.to_owned(), fd));
    }

    /// The names of what is kept now, in order.
    pub fn names(&mut self) -> Vec<String> {
        self.take_in();
        let mut names: Vec<String> = self.kept.iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// A command that starts this program with what is kept.
    pub fn command(&mut self, program: &str) -> Handed {
        self.take_in();
        // The number of a descriptor is its place; bash puts it there, and knows the process id that is to be named.
        let mut script = String::new();
        let mut open = Vec::new();
        for (place, (_, fd)) in (3..).zip(&self.kept) {
            let copy = fcntl(fd, FcntlArg::F_DUPFD(200)).unwrap();
            writeln!(script, "exec {place}<&{copy} {copy}<&-").unwrap();
            open.push(copy);
        }
        let names: Vec<&str> = self.kept.iter().map(|(name, _)| name.as_str()).collect();
        writeln!(script, "export LISTEN_PID=$$ LISTEN_FDS={} LISTEN_FDNAMES={}", open.len(), names.join(":"))
            .unwrap();
        script.push_str("exec \"$@\"\n");
        let mut command = Command::new("bash");
        command.arg("-c").arg(script).arg("bash").arg(program);
        Handed { command, open }
    }

    /// Reads what was told, and forgets what nobody holds the other end of any more.
    fn take_in(&mut self) {
        let socket = &self.ear.socket;
        loop {
            let mut text = [0; 4096];
            let mut space = cmsg_space!([RawFd; 4]);
            let mut parts = [IoSliceMut::new(&mut text)];
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
            let Ok(message) = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) else {
                break;
            };
            let length = message.bytes;
            let fds: Vec<OwnedFd> = message.cmsgs().unwrap().flat_map(received).collect();
            let text = String::from_utf8_lossy(&text[..length]).into_owned();
            let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).unwrap_or_default();
            if text.contains("FDSTOREREMOVE=1") {
                self.kept.retain(|(kept, _)| kept != name);
            } else if text.contains("FDSTORE=1") {
                self.kept.extend(fds.into_iter().map(|fd| (name.to_owned(), fd)));
            }
        }
        self.kept.retain(|(_, fd)| {
            poll(&mut [PollFd::new(fd.as_fd(), PollFlags::empty())], PollTimeout::ZERO) == Ok(0)
        });
    }
}

/// A command that inherits what a store keeps, until it is dropped.
pub struct Handed {
    pub command: Command,
    open: Vec<RawFd>,
}

impl Drop for Handed {
    fn drop(&mut self) {
        for fd in &self.open {
            let _ = nix::unistd::close(*fd);
        }
    }
}

#[expect(unsafe_code, reason = "descriptors arrive as numbers")]
fn received(message: ControlMessageOwned) -> Vec<OwnedFd> {
    match message {
        // SAFETY: the kernel has just installed these descriptors for this message alone; nobody else knows them.
        ControlMessageOwned::ScmRights(fds) => {
            fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect()
        }
        _ => Vec::new(),
    }
}
