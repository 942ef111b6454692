//! Where a helper finds its broker, and who may be one.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::{AcceptConn, PeerCredentials};
use nix::unistd::{Uid, User, geteuid};

use super::inheritance::passed;

/// The user that the system's broker runs as.
pub const BROKER_USER: &str = "discmaster";

/// How long a helper waits for who had it started, milliseconds.
const PATIENCE: u16 = 10_000;

/// A helper's end of the channel to its broker: standard input, or the socket that the service manager passed. One that
/// listens is asked for its first connection. The other side must belong to this process's own user, to root or to the system's
/// broker. Called once, before any descriptor is opened.
///
/// # Errors
/// `PermissionDenied` for anybody else, `TimedOut` when nobody comes, and the sockets' own.
pub fn broker_socket() -> io::Result<OwnedFd> {
    let given = match passed().into_iter().next() {
        Some(passed) => passed.fd,
        None => io::stdin().as_fd().try_clone_to_owned()?,
    };
    let connected = if getsockopt(&given, AcceptConn)? { accept(given)? } else { given };
    let peer = Uid::from_raw(getsockopt(&connected, PeerCredentials)?.uid());
    if peer.is_root() || peer == geteuid() || broker_user() == Some(peer) {
        return Ok(connected);
    }
    let message = format!("user {peer} is no broker; {BROKER_USER}, root and user {} may be one", geteuid());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

fn accept(listening: OwnedFd) -> io::Result<OwnedFd> {
    let mut fds = [PollFd::new(listening.as_fd(), PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::from(PATIENCE))? == 0 {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody has connected"));
    }
    // The library's listener accepts whatever kind of connection its socket is made for.
    let (connection, _) = UnixListener::from(listening).accept()?;
    connection.set_nonblocking(false)?;
    Ok(connection.into())
}

fn broker_user() -> Option<Uid> {
    User::from_name(BROKER_USER).ok().flatten().map(|user| user.uid)
}
