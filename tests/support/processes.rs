//! The processes of a bench: found, stopped, killed, and waited for.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

use super::DEADLINE;

/// The program that opens drives.
pub const WORKER: &str = "discmaster-worker";
/// The program that reads users' files.
pub const STAGER: &str = "discmaster-stager";

/// A process that is not ours to wait for. The number is held by a descriptor, and so not given to another.
#[derive(Debug)]
pub struct Process {
    pub pid: i32,
    handle: OwnedFd,
}

/// A process that does nothing until this is dropped.
pub struct Stopped(i32);

/// The helpers of a broker that run a program now.
pub fn helpers(broker: i32, program: &str) -> Vec<Process> {
    let numbers = fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut found: Vec<Process> =
        numbers.filter(|pid| runs(*pid, broker, program)).filter_map(Process::of).collect();
    found.retain(|process| runs(process.pid, broker, program));
    found
}

/// The only helper of a broker that runs a program.
pub fn helper(broker: i32, program: &str) -> Process {
    let mut found = helpers(broker, program);
    assert_eq!(found.len(), 1, "{program}: {found:?}");
    found.remove(0)
}

/// The descriptors that a process has open.
pub fn descriptors(pid: i32) -> Vec<String> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process of ours");
    let mut open: Vec<String> = open
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .map(|target| target.display().to_string())
        .collect();
    open.sort_unstable();
    open
}

/// Whether a process has this file, or memory of this name, in its address space.
pub fn has_mapped(pid: i32, name: &str) -> bool {
    // A process that is gone has nothing.
    fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains(name))
}

/// The memory of its own that a process has in use, kB.
pub fn resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process of ours");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let handle = pidfd_open(rustix::process::Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        Some(Self { pid, handle })
    }

    /// Kills it, and waits until it is dead.
    pub async fn kill(self) {
        self.signal(Signal::SIGKILL);
        self.ended().await;
    }

    /// Stops it for a while.
    pub fn stop(&self) -> Stopped {
        self.signal(Signal::SIGSTOP);
        Stopped(self.pid)
    }

    /// Waits until it has ended.
    pub async fn ended(self) {
        let Self { pid, handle } = self;
        let ended = tokio::task::spawn_blocking(move || {
            let timeout = PollTimeout::try_from(DEADLINE).expect("a time");
            poll(&mut [PollFd::new(handle.as_fd(), PollFlags::POLLIN)], timeout)
        });
        assert_eq!(ended.await.expect("no panic"), Ok(1), "process {pid} does not end");
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).expect("a process of ours");
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may be dead by now.
        let _ = kill(Pid::from_raw(self.0), Signal::SIGCONT);
    }
}

fn runs(pid: i32, broker: i32, program: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name stands in brackets, and may itself have some; state and parent follow.
    let mut after = status.rsplit(") ").next().unwrap_or_default().split(' ');
    let (state, parent) = (after.next(), after.next());
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let first = command.split(|byte| *byte == 0).next().unwrap_or_default();
    state != Some("Z") && parent == Some(&broker.to_string()) && first.ends_with(program.as_bytes())
}
