//! The service manager, and what it is told (`sd_notify(3)`).

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socket};

/// The way to the service manager. Without one, nothing is said.
#[derive(Debug, Default)]
pub struct Manager {
    way: Option<(OwnedFd, UnixAddr)>,
    watchdog: Option<Duration>,
}

/// What is told of the broker's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// The name is taken and the recorders are on the bus.
    Ready,
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
            Ok(way) => Some(way),
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
            Tell::Ready => "READY=1",
            Tell::Stopping => "STOPPING=1",
            Tell::Watchdog => "WATCHDOG=1",
        };
        self.send(text);
    }

    fn send(&self, text: &str) {
        let Some((socket, address)) = &self.way else { return };
        let part = [std::io::IoSlice::new(text.as_bytes())];
        if let Err(error) = sendmsg(socket.as_raw_fd(), &part, &[], MsgFlags::MSG_NOSIGNAL, Some(address)) {
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
