//! Helpers as children of the broker, for tests, the demo and machines without systemd.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::{Child, Command};
use tokio::sync::Notify;

use super::{Helper, Launcher, Process, Started, Starting};
use crate::wire;

/// Where packages put the helpers.
const INSTALLED: &str = "/usr/libexec/discmaster";
/// What helpers get of the environment.
const ENVIRONMENT: [&str; 4] = ["DISCMASTER_LOG", "RUST_LOG", "PATH", "DISCMASTER_VDRIVE_LIMIT"];
/// What they get besides from a broker that serves its own user alone: the means to make up a machine for tests.
const ENVIRONMENT_OF_ONES_OWN: [&str; 3] = ["LD_PRELOAD", "UMOCKDEV_DIR", "DISCMASTER_UNCONFINED"];

/// Starts helpers as children of the broker.
#[derive(Debug)]
pub struct ChildLauncher {
    directories: Vec<PathBuf>,
    environment: Vec<(&'static str, OsString)>,
}

impl ChildLauncher {
    /// A launcher of the programs in `helpers`, an absolute path, or, without that, beside this program or where packages
    /// put them. `own` tells that the broker serves its own user alone.
    pub fn new(helpers: Option<&Path>, own: bool) -> Self {
        let beside = || std::env::current_exe().ok()?.parent().map(Path::to_path_buf);
        let directories = match helpers {
            Some(directory) => vec![directory.to_path_buf()],
            None => beside().into_iter().chain([PathBuf::from(INSTALLED)]).collect(),
        };
        let besides: &[&str] = if own { &ENVIRONMENT_OF_ONES_OWN } else { &[] };
        let names = ENVIRONMENT.iter().chain(besides).copied();
        let environment = names.filter_map(|name| Some((name, std::env::var_os(name)?))).collect();
        Self { directories, environment }
    }

    fn spawn(&self, helper: Helper<'_>) -> io::Result<Started> {
        let (broker, theirs) = wire::pair::<(), ()>()?;
        let mut command = Command::new(self.program(helper.program())?);
        wire::inherit_nothing(&mut command);
        let child = command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // A helper keeps no file system from being unmounted.
            .current_dir("/")
            .stdin(Stdio::from(theirs.into_socket()))
            .stdout(Stdio::null())
            // Whatever ends the broker's group, a Ctrl-C for one, does not reach a burn.
            .process_group(0)
            .kill_on_drop(false)
            .spawn()?;
        let (kill, alive) = (Arc::new(Notify::new()), Arc::new(()));
        let process = Process::child(&kill, &alive);
        tokio::spawn(reap(child, helper.name(), kill, alive));
        Ok(Started { socket: broker.into_socket(), process })
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
    fn start<'a>(&'a self, helper: Helper<'a>) -> Starting<'a> {
        Box::pin(std::future::ready(self.spawn(helper)))
    }
}

/// Waits for a child to end, which is `alive` until then.
async fn reap(mut child: Child, name: String, kill: Arc<Notify>, alive: Arc<()>) {
    let ended = loop {
        tokio::select! {
            ended = child.wait() => break ended,
            () = kill.notified() => {
                if let Err(error) = child.start_kill() {
                    tracing::warn!("the {name} cannot be killed: {error}");
                }
            }
        }
    };
    drop(alive);
    match ended {
        Ok(status) if status.success() => tracing::debug!("the {name} has left"),
        Ok(status) => tracing::warn!("the {name} ended with {status}"),
        Err(error) => tracing::warn!("the {name} cannot be waited for: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use nix::fcntl::{FcntlArg, fcntl};

    use super::super::WORKER;
    use super::*;

    #[tokio::test]
    async fn a_missing_helper_is_named_with_the_places_looked_at() {
        let launcher = ChildLauncher::new(Some(Path::new("/nonexistent")), true);
        let error = launcher.start(Helper::Worker { recorder: "sr0" }).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no discmaster-worker in /nonexistent");
    }
    /// A worker that tells through its channel what it was started with.
    const TELLTALE: &str = "#!/bin/sh\nfds=$(ls /proc/$$/fd | tr '\\n' ' ')\nvars=$(env | sed 's/=.*//' | tr '\\n' ' ')\n\
                            printf '%s|%s|%s' \"$PWD\" \"$fds\" \"$vars\" >&0\n";

    #[tokio::test]
    async fn a_helper_inherits_no_descriptor_but_its_channel_and_little_of_the_environment() {
        let directory = tempfile::tempdir().unwrap();
        let worker = directory.path().join(WORKER);
        std::fs::write(&worker, TELLTALE).unwrap();
        std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).unwrap();
        // Another client's file, as it arrives from the bus: without close-on-exec.
        let foreign = std::fs::File::open("/dev/null").unwrap();
        let number = fcntl(&foreign, FcntlArg::F_DUPFD(700)).unwrap();
        let launcher = ChildLauncher::new(Some(directory.path()), false);
        let channel = launcher.start(Helper::Worker { recorder: "sr0" }).await.unwrap().socket;
        let told = tokio::task::spawn_blocking(move || {
            let mut told = [0; 4096];
            let length = nix::unistd::read(&channel, &mut told).unwrap();
            String::from_utf8_lossy(&told[..length]).into_owned()
        });
        let told = told.await.unwrap();
        nix::unistd::close(number).unwrap();
        let [directory, fds, variables] = told.split('|').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(directory, "/");
        let fds: Vec<u32> = fds.split_whitespace().map(|fd| fd.parse().unwrap()).collect();
        // The shell's own script is open while it is read, and so are the ends of the pipe from `ls`.
        assert!(!fds.contains(&700) && fds.len() <= 6, "{fds:?}");
        let shells = ["PWD", "OLDPWD", "SHLVL", "_"];
        let alien = |name: &&str| !ENVIRONMENT.contains(name) && !shells.contains(name);
        assert_eq!(variables.split_whitespace().find(alien), None);
    }
}
