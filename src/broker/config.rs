//! What the command line settles before the broker starts.

use std::path::PathBuf;
use std::time::Duration;

use super::settings::{self, Chosen};
use crate::api::{Close, Verify};

/// Everything that is configurable about a broker.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bus to serve.
    pub bus: Bus,
    /// The directory in which virtual recorders put their sockets.
    pub virtual_dir: PathBuf,
    /// Whether recorders of the kernel are looked for as well.
    pub udev: bool,
    /// The directory of the helper programs; `None` looks beside this program, then in `/usr/libexec/discmaster`.
    pub helpers: Option<PathBuf>,
    /// The directory of the helpers' sockets, where helpers are units of the service manager; `None` starts them as
    /// children.
    pub sockets: Option<PathBuf>,
    /// How long the broker stays without anything open and without a call; `None` is for ever.
    pub idle_exit: Option<Duration>,
    /// The configuration file, if any.
    pub file: Option<PathBuf>,
    /// What the command line says of the figures below.
    pub chosen: Chosen,
    /// The directory under which each user's stash lies.
    pub stash: PathBuf,
    /// Bytes that one session's stash may take.
    pub quota: u64,
    /// How long a detached session lives without a call.
    pub idle_time: Duration,
    /// How long a job can be looked at after its end.
    pub job_retention: Duration,
    /// Bytes of the ring between stager and worker.
    pub ring: usize,
    /// Caps on what clients may create.
    pub limits: Limits,
    /// What is done with a disc unless a call says otherwise.
    pub defaults: Defaults,
}

impl Config {
    /// A configuration that serves nothing: a start for those who fill it in.
    pub fn empty() -> Self {
        Self {
            bus: Bus::Session,
            virtual_dir: PathBuf::new(),
            udev: false,
            helpers: None,
            sockets: None,
            file: None,
            chosen: Chosen::default(),
            stash: PathBuf::new(),
            quota: 0,
            idle_time: Duration::ZERO,
            job_retention: Duration::ZERO,
            ring: 0,
            idle_exit: None,
            limits: Limits::default(),
            defaults: Defaults::default(),
        }
    }

    /// Takes in the figures: of the command line, of the file, or those built in.
    ///
    /// # Errors
    /// Every mistake in the file, each with its line.
    pub fn fill(&mut self) -> Result<(), Vec<String>> {
        settings::fill(self)
    }
}

/// Which bus is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// Every user of the machine, as polkit permits.
    System,
    /// The daemon's own user.
    Session,
}

/// Options of `RecordDisc` that a call leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// How the disc is checked.
    pub verify: Verify,
    /// Finalise, or leave appendable.
    pub close: Close,
    /// Open the tray at the end.
    pub eject: bool,
}

/// Caps on what clients may create.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sessions at once.
    pub sessions: usize,
    /// Sessions of one user at once.
    pub sessions_per_user: usize,
    /// Closed sessions that still answer `NotOpened`.
    pub closed_sessions: usize,
    /// Jobs, running and ended.
    pub jobs: usize,
    /// Jobs of one user, running and ended.
    pub jobs_per_user: usize,
    /// Processes that read one user's files: one a session, and those that a dead file system holds up.
    pub stagers_per_user: usize,
    /// Questions to the authority that wait for an answer, for one connection.
    pub questions_per_connection: usize,
    /// Those for one user.
    pub questions_per_user: usize,
    /// Entries of one session's image.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 64,
            sessions_per_user: 16,
            closed_sessions: 16,
            jobs: 256,
            jobs_per_user: 64,
            stagers_per_user: 20,
            questions_per_connection: 2,
            questions_per_user: 8,
            entries: 4_000_000,
        }
    }
}
