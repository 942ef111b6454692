//! The broker's program: options in, exit code out.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser, ValueEnum};
use discmaster::broker::{self, Bus, Chosen, Config, SYSTEM_FILE};
use discmaster::{cli, log};

/// The disc-mastering service: stages content and records optical discs for every user of the bus.
#[derive(Debug, Parser)]
#[command(name = "discmasterd", version)]
struct Args {
    /// The configuration file, read again at SIGHUP: /etc/discmaster/discmaster.toml on the system bus, none on a session
    /// bus. What the command line says wins over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The bus to serve: every user of the system bus, or one's own on a session bus.
    #[arg(long, value_enum, default_value_t = BusName::System)]
    bus: BusName,
    /// The directory of virtual recorders' sockets.
    #[arg(long, value_name = "DIR")]
    r#virtual: Option<PathBuf>,
    /// Serve virtual recorders alone.
    #[arg(long)]
    no_udev: bool,
    /// The directory of the helper programs; they are looked for beside this one first.
    #[arg(long, value_name = "DIR")]
    helpers: Option<PathBuf>,
    /// The directory of the sockets by which the service manager starts helpers; without it they are started as children.
    #[arg(long, value_name = "DIR", conflicts_with = "helpers")]
    sockets: Option<PathBuf>,
    /// Seconds after which the service leaves when nothing is open and nobody calls; 0, as without it, stays.
    #[arg(long, value_name = "SECONDS")]
    idle_exit: Option<u64>,
    /// The directory under which each user's staged copies lie.
    #[arg(long, value_name = "DIR")]
    stash: Option<PathBuf>,
    /// Bytes that the staged copies of one session may take (128 GiB).
    #[arg(long, value_name = "BYTES")]
    quota: Option<u64>,
    /// Seconds after which a detached session without a call, or news of its job, is closed (3600).
    #[arg(long, value_name = "SECONDS")]
    idle_time: Option<u64>,
    /// Seconds for which an ended job can be looked at (300).
    #[arg(long, value_name = "SECONDS")]
    job_retention: Option<u64>,
    /// Bytes of the ring between stager and worker, for each burn (64 MiB).
    #[arg(long, value_name = "BYTES")]
    ring: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BusName {
    System,
    Session,
}

fn main() -> ExitCode {
    if let Some(written) = cli::pages::asked(Args::command(), "8") {
        return written;
    }
    let args = Args::parse();
    let log = log::start("RUST_LOG");
    let served = args.into_config().and_then(|config| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = runtime.block_on(broker::run(config, log));
        // Helpers at work are not told that nobody listens any more: the next broker does.
        std::mem::forget(runtime);
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Args {
    fn into_config(self) -> anyhow::Result<Config> {
        let places = match self.bus {
            BusName::System => Places::of_the_system(),
            BusName::Session => Places::of_the_user(self.r#virtual.is_none(), self.stash.is_none())?,
        };
        let file = match self.bus {
            BusName::System => self.config.or_else(|| Some(PathBuf::from(SYSTEM_FILE))),
            BusName::Session => self.config,
        };
        let mut config = Config {
            bus: match self.bus {
                BusName::System => Bus::System,
                BusName::Session => Bus::Session,
            },
            // Helpers work in another directory.
            virtual_dir: absolute(self.r#virtual.unwrap_or(places.recorders))?,
            udev: !self.no_udev,
            helpers: self.helpers.map(absolute).transpose()?,
            sockets: self.sockets.map(absolute).transpose()?,
            stash: absolute(self.stash.unwrap_or(places.stash))?,
            file: file.map(absolute).transpose()?,
            chosen: Chosen {
                quota: self.quota,
                idle_time: self.idle_time,
                job_retention: self.job_retention,
                ring: self.ring,
                idle_exit: self.idle_exit,
            },
            ..Config::empty()
        };
        config.fill().map_err(|mistakes| anyhow::anyhow!(mistakes.join("\n")))?;
        Ok(config)
    }
}

/// Where things lie unless the command line says otherwise.
struct Places {
    recorders: PathBuf,
    stash: PathBuf,
}

impl Places {
    fn of_the_system() -> Self {
        Self {
            recorders: PathBuf::from("/run/discmaster/recorders"),
            stash: PathBuf::from("/var/cache/discmaster/stash"),
        }
    }

    /// What is not needed is not asked for: `XDG_RUNTIME_DIR` may be missing then.
    fn of_the_user(recorders: bool, stash: bool) -> anyhow::Result<Self> {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let runtime = variable("XDG_RUNTIME_DIR");
        let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
        anyhow::ensure!(!recorders || runtime.is_some(), "XDG_RUNTIME_DIR is not set; use --virtual");
        anyhow::ensure!(!stash || cache.is_some(), "neither XDG_CACHE_HOME nor HOME is set; use --stash");
        Ok(Self {
            recorders: runtime.unwrap_or_default().join("discmaster/recorders"),
            stash: cache.unwrap_or_default().join("discmaster/stash"),
        })
    }
}

fn absolute(path: PathBuf) -> anyhow::Result<PathBuf> {
    std::path::absolute(&path).with_context(|| format!("{} is nowhere", path.display()))
}
