//! A world for the demonstration: a bus of its own, a recorder in software, and the service.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// Everything that runs for the demonstration, and the folder that remains of it.
pub struct World {
    /// Where the disc and the logs are kept.
    pub kept: PathBuf,
    /// The address of the bus.
    pub address: String,
    programs: PathBuf,
    sockets: tempfile::TempDir,
    // Ended in the order of this list, the last started first.
    running: Vec<Running>,
}

struct Running {
    name: &'static str,
    child: Child,
}

impl World {
    /// Starts a bus that nobody else is on.
    pub fn begin(kept: &Path) -> Result<Self> {
        let programs = programs()?;
        fs::create_dir_all(kept).with_context(|| format!("{} cannot be made", kept.display()))?;
        let kept = fs::canonicalize(kept)?;
        // Paths of sockets are short by law, and that of a build folder need not be.
        let sockets = tempfile::Builder::new().prefix("discmaster-demo-").tempdir()?;
        let mut world = Self { kept, address: String::new(), programs, sockets, running: Vec::new() };
        let bus = format!("--address=unix:path={}", world.sockets.path().join("bus").display());
        let mut command = Command::new("dbus-daemon");
        command
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1", &bus])
            .stdout(Stdio::piped());
        let out =
            world.start("dbus-daemon", command).context("dbus-daemon is needed: install package dbus")?;
        let mut address = String::new();
        BufReader::new(out.context("dbus-daemon has no output")?).read_line(&mut address)?;
        world.address = address.trim().to_owned();
        if world.address.is_empty() {
            bail!("dbus-daemon did not start; see {}", world.log("dbus-daemon").display());
        }
        Ok(world)
    }

    /// The socket by which the recorder of this id is reached.
    pub fn socket(&self, id: &str) -> PathBuf {
        self.sockets.path().join(format!("{id}.sock"))
    }

    /// Starts one of our programs on the world's bus.
    pub fn run(&mut self, name: &'static str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(self.programs.join(name));
        command.args(arguments).env("DBUS_SESSION_BUS_ADDRESS", &self.address).stdout(Stdio::null());
        self.start(name, command).map(drop)
    }

    /// The service, looking for recorders where [`Self::socket`] puts them.
    pub fn run_service(&mut self) -> Result<()> {
        let (recorders, stash) = (self.sockets.path().to_owned(), self.sockets.path().join("stash"));
        let (recorders, stash) = (recorders.to_string_lossy(), stash.to_string_lossy());
        self.run("discmasterd", &["--bus", "session", "--virtual", &recorders, "--stash", &stash])
    }

    /// Fails if one of the programs has ended, with the last lines of its log.
    pub fn check(&mut self) -> Result<()> {
        for Running { name, child } in &mut self.running {
            if let Some(status) = child.try_wait()? {
                let log = self.kept.join(format!("{name}.log"));
                let text = fs::read_to_string(&log).unwrap_or_default();
                let last: Vec<&str> = text.lines().rev().take(5).collect();
                let last: Vec<&str> = last.into_iter().rev().collect();
                bail!("{name} ended ({status}); {} ends with:\n{}", log.display(), last.join("\n"));
            }
        }
        Ok(())
    }

    fn start(
        &mut self,
        name: &'static str,
        mut command: Command,
    ) -> Result<Option<std::process::ChildStdout>> {
        let log = File::create(self.log(name))?;
        // A group of its own: Ctrl-C reaches the demonstration, which then ends the others in good order.
        let spawned = std::os::unix::process::CommandExt::process_group(&mut command, 0)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn();
        let mut child = spawned.with_context(|| format!("{name} cannot be started"))?;
        let out = child.stdout.take();
        self.running.push(Running { name, child });
        Ok(out)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.kept.join(format!("{name}.log"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        while let Some(Running { name, mut child }) = self.running.pop() {
            let ended = terminate(&child).and_then(|()| child.wait());
            if let Err(error) = ended {
                eprintln!("{name} (process {}) could not be ended: {error}", child.id());
            }
        }
    }
}

fn terminate(child: &Child) -> io::Result<()> {
    let process = i32::try_from(child.id()).map_err(io::Error::other)?;
    Ok(nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::Signal::SIGTERM)?)
}

/// The folder of our programs: cargo puts examples one below it.
fn programs() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.ancestors().nth(2).context("this program lies in no build folder")?.to_path_buf();
    for name in ["discmasterd", "discmaster-worker", "discmaster-stager", "discmaster-vdrive"] {
        if !folder.join(name).is_file() {
            bail!(
                "there is no {name} in {}: build the programs first, with cargo build --bins",
                folder.display()
            );
        }
    }
    Ok(folder)
}
