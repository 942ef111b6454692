//! Helpers as units of the service manager, each in a sandbox of its own: who connects to their sockets has them started.
//!
//! Below one directory lie `stager`, a socket that starts a process for each connection, and `workers/<recorder>`, one
//! socket for each recorder, so that each worker's unit names one device. The recorders' sockets are made by udev's rule
//! (virtual recorders' by their units), about when the broker hears of the recorder.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket};
use nix::unistd::geteuid;
use tokio::time::{Instant, sleep};

use super::{Helper, Launcher, Process, Started, Starting};

/// How long a recorder's socket may come later than the recorder.
const LATE: Duration = Duration::from_secs(5);
/// How often it is looked for until then.
const EVERY: Duration = Duration::from_millis(50);

/// Connects to the sockets of helpers' units.
#[derive(Debug)]
pub struct UnitLauncher {
    directory: PathBuf,
    late: Duration,
}

impl UnitLauncher {
    /// A launcher of the helpers whose sockets lie below `directory`.
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory, late: LATE }
    }

    fn path(&self, helper: Helper<'_>) -> PathBuf {
        match helper {
            Helper::Worker { recorder } => self.directory.join("workers").join(recorder),
            Helper::Stager { .. } => self.directory.join("stager"),
        }
    }

    async fn begin(&self, helper: Helper<'_>) -> io::Result<Started> {
        let path = self.path(helper);
        let until = Instant::now() + self.late;
        let socket = loop {
            match dial(&path) {
                Ok(socket) => break socket,
                Err(error) if is_absent(&error) && Instant::now() < until => sleep(EVERY).await,
                Err(error) => return Err(explained(&error, helper, &path)),
            }
        };
        check_server(&socket, &path)?;
        let process = Process::unit(socket.try_clone()?);
        Ok(Started { socket, process })
    }
}

impl Launcher for UnitLauncher {
    fn start<'a>(&'a self, helper: Helper<'a>) -> Starting<'a> {
        Box::pin(self.begin(helper))
    }
}

fn dial(path: &Path) -> io::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None,
    )?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(socket)
}

/// A socket belongs to who made it listen: the service manager or, outside of the system, this user.
fn check_server(socket: &OwnedFd, path: &Path) -> io::Result<()> {
    let uid = getsockopt(socket, PeerCredentials)?.uid();
    if uid == 0 || uid == geteuid().as_raw() {
        return Ok(());
    }
    let message = format!("{} is served by user {uid}, and not by the service manager", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

/// Nobody listens there yet, or more have called than were answered.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotFound, WouldBlock};
    matches!(error.kind(), NotFound | ConnectionRefused | WouldBlock)
}

fn explained(error: &io::Error, helper: Helper<'_>, path: &Path) -> io::Error {
    let unit = match helper {
        Helper::Worker { recorder } => format!("discmaster-worker@{recorder}.socket"),
        Helper::Stager { .. } => "discmaster-stager.socket".to_owned(),
    };
    let advice = if is_absent(error) {
        format!("; start it with “systemctl start {unit}”")
    } else {
        String::new()
    };
    io::Error::new(
        error.kind(),
        format!("the socket {} of {unit} cannot be used: {error}{advice}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_does_not_come_is_named_with_what_to_start() {
        let launcher = UnitLauncher { late: Duration::ZERO, ..UnitLauncher::new("/nonexistent".into()) };
        let error = launcher.start(Helper::Worker { recorder: "sr1" }).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains("/nonexistent/workers/sr1"), "{said}");
        assert!(said.contains("systemctl start discmaster-worker@sr1.socket"), "{said}");
    }
}
