//! How helper processes come to life.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::wire;

/// The program that opens drives.
const WORKER: &str = "discmaster-worker";
/// The program that reads users' files.
const STAGER: &str = "discmaster-stager";
/// Where packages put the helpers.
const INSTALLED: &str = "/usr/libexec/discmaster";

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

/// What [`Launcher::start`] returns: the broker's end of the helper's channel.
pub type Started<'a> = Pin<Box<dyn Future<Output = io::Result<OwnedFd>> + Send + 'a>>;

/// Starts helper processes that outlive the broker when they are busy.
pub trait Launcher: Send + Sync {
    /// Starts a helper and returns the broker's end of its channel. The helper leaves when that end closes, or when
    /// it has finished the disc.
    ///
    /// # Errors
    /// When the helper cannot be started.
    fn start<'a>(&'a self, helper: Helper<'a>) -> Started<'a>;
}

/// Starts helpers as children of the broker, for tests, the demo and machines without systemd.
#[derive(Debug)]
pub struct ChildLauncher {
    directories: Vec<PathBuf>,
}

impl ChildLauncher {
    /// A launcher of the programs in `helpers` or, without that, beside this program or where packages put them.
    pub fn new(helpers: Option<&Path>) -> Self {
        let beside = || std::env::current_exe().ok()?.parent().map(Path::to_path_buf);
        let directories = match helpers {
            Some(directory) => vec![directory.to_path_buf()],
            None => beside().into_iter().chain([PathBuf::from(INSTALLED)]).collect(),
        };
        Self { directories }
    }

    fn spawn(&self, helper: Helper<'_>) -> io::Result<OwnedFd> {
        let (broker, theirs) = wire::pair::<(), ()>()?;
        let child = Command::new(self.program(helper.program())?)
            .stdin(Stdio::from(theirs.into_socket()))
            .stdout(Stdio::null())
            // Whatever ends the broker's group, a Ctrl-C for one, does not reach a burn.
            .process_group(0)
            .kill_on_drop(false)
            .spawn()?;
        tokio::spawn(reap(child, helper.name()));
        Ok(broker.into_socket())
    }

    fn program(&self, name: &str) -> io::Result<PathBuf> {
        self.directories.iter().map(|directory| directory.join(name)).find(|path| path.is_file()).ok_or_else(
            || {
                let places: Vec<_> =
                    self.directories.iter().map(|place| place.display().to_string()).collect();
                io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("there is no {name} in {}", places.join(" or ")),
                )
            },
        )
    }
}

impl Launcher for ChildLauncher {
    fn start<'a>(&'a self, helper: Helper<'a>) -> Started<'a> {
        Box::pin(std::future::ready(self.spawn(helper)))
    }
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

async fn reap(mut child: Child, name: String) {
    match child.wait().await {
        Ok(status) if status.success() => tracing::debug!("the {name} has left"),
        Ok(status) => tracing::warn!("the {name} ended with {status}"),
        Err(error) => tracing::warn!("the {name} cannot be waited for: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_helper_is_named_with_the_places_looked_at() {
        let launcher = ChildLauncher::new(Some(Path::new("/nonexistent")));
        let error = launcher.start(Helper::Worker { recorder: "sr0" }).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no discmaster-worker in /nonexistent");
    }
}
