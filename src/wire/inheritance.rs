//! What a process is given at its start: by a broker its standard streams and no other descriptor, by the service
//! manager descriptors with names.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tokio::process::Command;

/// The first descriptor after the standard streams.
const FIRST: RawFd = 3;

/// A descriptor from the service manager.
#[derive(Debug)]
pub struct Passed {
    /// What it is called there: a socket unit's `FileDescriptorName=`, or the name that it was stored under.
    pub name: String,
    /// The descriptor; it closes on exec.
    pub fd: OwnedFd,
}

/// Has the child of this command inherit its standard streams alone. Not every descriptor of a broker closes on exec:
/// those that arrive in messages of the bus do not.
#[expect(unsafe_code, reason = "something is done between fork and exec")]
pub fn inherit_nothing(command: &mut Command) {
    let close_on_exec = || {
        // SAFETY: a system call without pointers, which is async-signal-safe. It only marks descriptors of the child to
        // be closed by its exec, so it does not take away the one through which the standard library reports failures.
        let done = unsafe {
            libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: the closure makes one system call and allocates nothing: it may run in the child of a threaded process.
    unsafe { command.pre_exec(close_on_exec) };
}

/// The descriptors that the service manager passed to this process (`sd_listen_fds(3)`): those of a socket unit, and
/// those that an earlier process of the service had stored. Called once, before any descriptor is opened.
pub fn passed() -> Vec<Passed> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let numbers = announced(
        &variable("LISTEN_PID"),
        &variable("LISTEN_FDS"),
        &variable("LISTEN_FDNAMES"),
        std::process::id(),
    );
    numbers.into_iter().filter_map(|(number, name)| adopt(number).map(|fd| Passed { name, fd })).collect()
}

/// Numbers and names of the descriptors that the environment announces to this process.
fn announced(pid: &str, count: &str, names: &str, own: u32) -> Vec<(RawFd, String)> {
    if pid.parse() != Ok(own) {
        return Vec::new();
    }
    let count = count.parse().unwrap_or(0_u16);
    let mut names = names.split(':');
    (FIRST..)
        .take(count.into())
        .map(|number| (number, names.next().unwrap_or("unknown").to_owned()))
        .collect()
}

#[expect(unsafe_code, reason = "descriptors are announced as numbers")]
fn adopt(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: what is not open is an error here, and nothing is done to what is but reading its flags.
    let open = unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0;
    if !open {
        return None;
    }
    // SAFETY: the service manager opened it for this process, and the caller sees to it that this is done once.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    Some(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_for_another_process_are_left_alone_and_names_may_be_missing() {
        assert_eq!(announced("8", "2", "a:b", 7), []);
        assert_eq!(announced("", "2", "a:b", 7), []);
        assert_eq!(announced("7", "nonsense", "a:b", 7), []);
        let named = announced("7", "3", "worker-sr0:state", 7);
        let expected = [(3, "worker-sr0"), (4, "state"), (5, "unknown")];
        assert_eq!(named, expected.map(|(number, name)| (number, name.to_owned())));
    }
}
