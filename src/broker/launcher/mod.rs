//! How helper processes come to life: as [`children`] of the broker, or as [`units`] of the service manager.

mod children;
mod units;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Weak};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Shutdown, shutdown};
use tokio::sync::Notify;

pub use children::ChildLauncher;
pub use units::UnitLauncher;

/// The program that opens drives.
const WORKER: &str = "discmaster-worker";
/// The program that reads users' files.
const STAGER: &str = "discmaster-stager";

/// A helper to be started.
#[derive(Clone, Copy, Debug)]
pub enum Helper<'a> {
    /// A worker for this recorder.
    Worker {
        /// The recorder's id.
        recorder: &'a str,
    },
    /// A stager for this session.
    Stager {
        /// The session's number.
        session: u64,
    },
}

/// A helper that runs.
#[derive(Debug)]
pub struct Started {
    /// The broker's end of its channel.
    pub socket: OwnedFd,
    /// The process.
    pub process: Process,
}

/// A helper's process. Dropping this leaves it alone.
#[derive(Clone, Debug)]
pub struct Process(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Child {
        kill: Arc<Notify>,
        alive: Weak<()>,
    },
    /// The service manager's, known by its socket alone.
    Unit(Arc<OwnedFd>),
}

/// What [`Launcher::start`] returns.
pub type Starting<'a> = Pin<Box<dyn Future<Output = io::Result<Started>> + Send + 'a>>;

/// Starts helper processes that outlive the broker when they are busy.
pub trait Launcher: Send + Sync {
    /// Starts a helper. It leaves when the broker stops writing to its channel, or when it has finished the disc.
    ///
    /// # Errors
    /// When the helper cannot be started.
    fn start<'a>(&'a self, helper: Helper<'a>) -> Starting<'a>;
}

impl Helper<'_> {
    const fn program(self) -> &'static str {
        match self {
            Self::Worker { .. } => WORKER,
            Self::Stager { .. } => STAGER,
        }
    }

    /// The helper as the log names it.
    pub fn name(self) -> String {
        match self {
            Self::Worker { recorder } => format!("worker of {recorder}"),
            Self::Stager { session } => format!("stager of session {session}"),
        }
    }
}

impl Process {
    fn child(kill: &Arc<Notify>, alive: &Arc<()>) -> Self {
        Self(Kind::Child { kill: Arc::clone(kill), alive: Arc::downgrade(alive) })
    }

    /// A process of the service manager's, by (a copy of) the socket that leads to it.
    pub fn unit(socket: OwnedFd) -> Self {
        Self(Kind::Unit(Arc::new(socket)))
    }

    /// Ends the process as far as that is possible: one that waits for a dead device stays until that answers. One of
    /// the service manager's is not the broker's to kill; it is told that nobody listens any more.
    pub fn kill(&self) {
        match &self.0 {
            Kind::Child { kill, .. } => kill.notify_one(),
            Kind::Unit(socket) => {
                if let Err(error) = shutdown(socket.as_raw_fd(), Shutdown::Write) {
                    tracing::debug!("the line to a helper was closed already: {error}");
                }
            }
        }
    }

    /// Whether the process is still there.
    pub fn is_alive(&self) -> bool {
        match &self.0 {
            Kind::Child { alive, .. } => alive.strong_count() > 0,
            Kind::Unit(socket) => {
                let mut fds = [PollFd::new(socket.as_fd(), PollFlags::empty())];
                // Its end of the socket closes with it.
                poll(&mut fds, PollTimeout::ZERO) == Ok(0)
            }
        }
    }
}
