//! What a child process gets of its parent: its standard streams, and no other descriptor.

use std::io;

use tokio::process::Command;

/// The first descriptor after the standard streams.
const FIRST: libc::c_uint = 3;

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
