//! What a worker cannot do any more once it has its device open, whatever a drive or a taken-over program makes it do.
//!
//! Landlock leaves it the device's nodes, what the kernel tells of the device, and the table of mounts; no other file, no
//! network, no other process. A filter of system calls (seccomp) leaves it reading, writing, waiting and memory that is
//! not executed, and of all ioctls the one that speaks to drives. Its unit has done much of that before; this holds on
//! every system, and to the one device.

use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition as Condition,
    SeccompFilter, SeccompRule,
};

use super::alone;
use super::device::AnyTransport;

/// Confines this thread, and those that it starts, to the device. There is no way back. What the kernel does not know
/// is left out: a system without Landlock is no reason not to burn.
pub(super) fn confine(device: &AnyTransport) {
    match to_files(device.node()) {
        Ok(status) => tracing::debug!(?status, "confined to the device's files"),
        Err(error) => tracing::warn!(%error, "not confined to the device's files"),
    }
    match to_calls() {
        Ok(()) => tracing::debug!("confined to the system calls of a burn"),
        Err(error) => tracing::warn!(%error, "not confined to the system calls of a burn"),
    }
}

fn to_files(node: Option<&Path>) -> Result<RulesetStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    if let Some(node) = node {
        let speak = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
        let look = AccessFs::ReadFile | AccessFs::ReadDir;
        rules = allow(rules, node, speak)?;
        if let Some(sibling) = alone::sibling(node) {
            rules = allow(rules, &sibling, speak)?;
        }
        for (path, access) in about(node, look) {
            rules = allow(rules, &path, access)?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// What the kernel tells of a device, and the table of mounts. (A process's own directory there can be made anew at any
/// time, so that the rule is for all of them.)
fn about(node: &Path, look: BitFlags<AccessFs>) -> Vec<(PathBuf, BitFlags<AccessFs>)> {
    let mut places = vec![(PathBuf::from("/proc"), AccessFs::ReadFile.into())];
    if let Some(block) = alone::sysfs(node) {
        let device = fs::canonicalize(block.join("device")).ok();
        places.extend(device.map(|device| (device, look)));
        places.push((block, look));
    }
    places
}

/// A path that is not there needs no rule.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(place) => rules.add_rule(PathBeneath::new(place, access)),
        Err(error) => {
            tracing::debug!(%error, path = %path.display(), "out of reach from now on");
            Ok(rules)
        }
    }
}

fn to_calls() -> Result<(), Box<dyn std::error::Error>> {
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
        CALLS.iter().map(|call| (*call, Vec::new())).collect();
    let ioctls = IOCTLS.map(|request| {
        Condition::new(1, Len::Dword, Op::Eq, request).and_then(|is| SeccompRule::new(vec![is]))
    });
    rules.insert(libc::SYS_ioctl, ioctls.into_iter().collect::<Result<_, _>>()?);
    // A panic ends this process; other workers have the same user.
    let own = Condition::new(0, Len::Dword, Op::Eq, std::process::id().into())?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own])?]);
    for (call, protection) in [(libc::SYS_mmap, 2), (libc::SYS_mprotect, 2)] {
        let executable = libc::PROT_EXEC as u64;
        let data = Condition::new(protection, Len::Dword, Op::MaskedEq(executable), 0)?;
        rules.insert(call, vec![SeccompRule::new(vec![data])?]);
    }
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?;
    Ok(())
}

/// What this was written for; a kernel that knows less does what it can.
const KNOWN: ABI = ABI::V6;

/// SG_IO, and FIONBIO, by which the standard library makes a socket non-blocking.
const IOCTLS: [u64; 2] = [0x2285, 0x5421];

/// A call that is missing here fails with EPERM, as one that the system has not got.
#[rustfmt::skip]
const CALLS: &[i64] = &[
    // Reading, writing, and the sockets that are there already.
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64,
    libc::SYS_lseek, libc::SYS_recvmsg, libc::SYS_sendmsg, libc::SYS_recvfrom, libc::SYS_sendto, libc::SYS_shutdown,
    libc::SYS_getsockopt, libc::SYS_setsockopt, libc::SYS_getsockname, libc::SYS_getpeername,
    // Files, as far as Landlock has left any.
    libc::SYS_openat, libc::SYS_close, libc::SYS_dup, libc::SYS_dup3, libc::SYS_fcntl, libc::SYS_flock, libc::SYS_fstat,
    libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_getdents64, libc::SYS_readlinkat,
    // The journal takes long lines in a file of memory.
    libc::SYS_memfd_create, libc::SYS_ftruncate,
    // Waiting.
    libc::SYS_ppoll, libc::SYS_futex, libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_restart_syscall,
    libc::SYS_clock_gettime, libc::SYS_gettimeofday, libc::SYS_sched_yield,
    // Memory.
    libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_brk, libc::SYS_mlock, libc::SYS_munlock,
    libc::SYS_mlockall, libc::SYS_munlockall, libc::SYS_getrandom,
    // The process itself, and its end, also by a panic.
    libc::SYS_getpid, libc::SYS_gettid, libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn, libc::SYS_sigaltstack, libc::SYS_exit, libc::SYS_exit_group,
    // Older calls for the same, which other machines never had.
    #[cfg(target_arch = "x86_64")] libc::SYS_open, #[cfg(target_arch = "x86_64")] libc::SYS_stat,
    #[cfg(target_arch = "x86_64")] libc::SYS_lstat, #[cfg(target_arch = "x86_64")] libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")] libc::SYS_poll, #[cfg(target_arch = "x86_64")] libc::SYS_time,
];

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    use std::thread;

    use super::*;

    /// Confines a thread of its own, and gives what it finds.
    fn confined<T: Send + 'static>(node: Option<&Path>, find: impl FnOnce() -> T + Send + 'static) -> T {
        let node = node.map(Path::to_path_buf);
        let thread = thread::spawn(move || {
            to_files(node.as_deref()).unwrap();
            to_calls().unwrap();
            find()
        });
        thread.join().unwrap()
    }

    fn refused<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn a_confined_worker_opens_its_device_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let (node, other) = (folder.path().join("sr0"), folder.path().join("other"));
        fs::write(&node, "node").unwrap();
        fs::write(&other, "other").unwrap();
        let (own, theirs, table, made) = confined(Some(&node), {
            let (node, other, new) = (node.clone(), other, folder.path().join("new"));
            move || {
                let own = File::options().read(true).write(true).open(&node);
                (own, File::open(&other), fs::read("/proc/self/mountinfo"), File::create(new))
            }
        });
        assert!(own.is_ok(), "{own:?}");
        assert!(table.is_ok_and(|table| !table.is_empty()), "the table of mounts");
        assert!(refused(theirs) && refused(made));
        assert!(refused(confined(None, move || File::open(node))), "a virtual recorder has no node");
    }

    #[test]
    fn a_confined_worker_starts_nothing_and_reaches_nobody_new() {
        let (program, internet, pair) = confined(None, || {
            (Command::new("true").status(), TcpListener::bind("127.0.0.1:0"), UnixStream::pair())
        });
        assert!(refused(program) && refused(internet) && refused(pair));
    }

    #[test]
    #[expect(unsafe_code, reason = "the library has no wrapper for a call that has to fail")]
    fn of_all_ioctls_a_confined_worker_has_the_one_for_drives() {
        let (terminal, drive) = confined(None, || {
            let (socket, _other) = (io::stdin(), ());
            let ask = |request| {
                // SAFETY: both requests fail before they look at what they point to.
                let result = unsafe { libc::ioctl(socket.as_raw_fd(), request, std::ptr::null_mut::<u8>()) };
                assert_eq!(result, -1);
                io::Error::last_os_error().raw_os_error()
            };
            (ask(libc::TCGETS), ask(0x2285))
        });
        assert_eq!(terminal, Some(libc::EPERM));
        assert_ne!(drive, Some(libc::EPERM));
    }

    #[test]
    #[expect(unsafe_code, reason = "the library has no wrapper for a call that has to fail")]
    fn a_confined_worker_signals_nobody_else() {
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let theirs = other.id() as libc::pid_t;
        let (own, foreign) = confined(None, move || {
            // SAFETY: signal 0 is only asked about.
            let signal = |process: libc::pid_t, thread: libc::pid_t| unsafe {
                libc::syscall(libc::SYS_tgkill, process, thread, 0)
            };
            // SAFETY: it takes nothing.
            let thread = unsafe { libc::gettid() };
            let own = signal(std::process::id() as libc::pid_t, thread);
            (own, (signal(theirs, theirs), io::Error::last_os_error().raw_os_error()))
        });
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!((own, foreign), (0, (-1, Some(libc::EPERM))));
    }
}
