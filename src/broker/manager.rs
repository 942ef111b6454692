//! The service manager: what it is told (`sd_notify(3)`), and what it keeps for the next broker.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socket,
};
use nix::time::{ClockId, clock_gettime};

/// The way to the service manager. Without one, nothing is said and nothing is kept. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    way: Option<Arc<(OwnedFd, UnixAddr)>>,
    watchdog: Option<Duration>,
}

/// A descriptor that the manager keeps, until this is dropped.
#[derive(Debug)]
pub struct Kept {
    manager: Manager,
    name: String,
}

impl Kept {
    /// One that is kept already, from an earlier broker.
    pub fn already(manager: &Manager, name: String) -> Self {
        Self { manager: manager.clone(), name }
    }

    /// Has it kept under another name from now on, until the other end closes.
    pub fn keep_on(self, name: &str, fd: BorrowedFd<'_>) {
        let manager = self.manager.clone();
        // The manager keeps no descriptor twice.
        drop(self);
        manager.keep(name, fd);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.manager.drop_kept(&self.name);
    }
}

/// What is told of the broker's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// The name is taken and the recorders are on the bus; after a reload, that it is over.
    Ready,
    /// The configuration is being read again.
    Reloading,
    /// No call is taken any more.
    Stopping,
    /// Still alive.
    Watchdog,
}

impl Manager {
    /// The manager that started this process, as its environment says.
    pub fn of_this_process() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let way = variable("NOTIFY_SOCKET").and_then(|address| match way(&address) {
            Ok(way) => Some(Arc::new(way)),
            Err(error) => {
                tracing::warn!("the service manager at {address} cannot be told anything: {error}");
                None
            }
        });
        let ours = variable("WATCHDOG_PID").is_none_or(|pid| pid.parse() == Ok(std::process::id()));
        let period = variable("WATCHDOG_USEC").and_then(|period| period.parse().ok());
        let watchdog = period.filter(|period| ours && *period > 0).map(Duration::from_micros);
        Self { way, watchdog }
    }

    /// How long the manager waits for a sign of life before it takes the broker for dead.
    pub const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells the manager.
    pub fn tell(&self, tell: Tell) {
        let text = match tell {
            Tell::Ready => "READY=1".to_owned(),
            Tell::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_micros()),
            Tell::Stopping => "STOPPING=1".to_owned(),
            Tell::Watchdog => "WATCHDOG=1".to_owned(),
        };
        self.send(&text, None);
    }

    /// There is one.
    pub const fn is_there(&self) -> bool {
        self.way.is_some()
    }

    /// Has the manager keep (a copy of) a descriptor under a name: for the next broker, or until the other end closes.
    pub fn keep(&self, name: &str, fd: BorrowedFd<'_>) {
        self.send(&format!("FDSTORE=1\nFDNAME={name}"), Some(fd));
    }

    /// The same, for as long as what is returned lives.
    pub fn keep_while(&self, name: String, fd: BorrowedFd<'_>) -> Kept {
        self.keep(&name, fd);
        Kept { manager: self.clone(), name }
    }

    /// Has the manager close what it keeps under a name.
    pub fn drop_kept(&self, name: &str) {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), None);
    }

    fn send(&self, text: &str, fd: Option<BorrowedFd<'_>>) {
        let Some(way) = &self.way else { return };
        let (socket, address) = &**way;
        let raw: Vec<_> = fd.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
        let part = [std::io::IoSlice::new(text.as_bytes())];
        let sent = sendmsg(socket.as_raw_fd(), &part, control, MsgFlags::MSG_NOSIGNAL, Some(address));
        if let Err(error) = sent {
            tracing::warn!("the service manager was not told {text:?}: {error}");
        }
    }
}

fn way(address: &str) -> nix::Result<(OwnedFd, UnixAddr)> {
    let place = match address.strip_prefix('@') {
        Some(name) => UnixAddr::new_abstract(name.as_bytes())?,
        None => UnixAddr::new(address)?,
    };
    Ok((socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?, place))
}

/// The manager compares it with its own clock, to tell this reload from an earlier one.
fn monotonic_micros() -> u128 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| Duration::from(now).as_micros())
}
