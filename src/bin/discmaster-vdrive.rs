//! A virtual recorder on a socket, and hands for it.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tracing_subscriber::EnvFilter;

use discmaster::mmc::transport::ControlClient;
use discmaster::mmc::transport::vdrive_protocol::{ControlReply, ControlRequest};
use discmaster::vdrive::fault::FaultScript;
use discmaster::vdrive::front::Server;
use discmaster::vdrive::medium::{Kind, Medium};
use discmaster::vdrive::{Drive, DriveOptions, Pace};

/// A virtual disc recorder: an MMC drive in software, behind a socket.
#[derive(Parser)]
#[command(name = "discmaster-vdrive", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    recorder: Recorder,
}

#[derive(Subcommand)]
enum Command {
    /// Write a disc that is in no recorder to files that other programs read.
    Export {
        /// The disc, NAME.disc.
        disc: PathBuf,
        /// NAME.iso for the blocks of a data disc, NAME.cue for every sector of a CD, with a .bin beside it for each
        /// session, and its CD-TEXT in a .cdt.
        to: PathBuf,
    },
    /// Press the buttons of a running recorder, change its disc, look inside.
    Control {
        /// The recorder's socket.
        socket: PathBuf,
        #[command(subcommand)]
        action: Action,
    },
}

#[derive(Args)]
struct Recorder {
    /// Where to listen: the path of a socket to be made, for this user alone, or with --shared.
    #[arg(long, value_name = "SOCKET", required = true)]
    listen: Option<PathBuf>,
    /// Where a virtual machine finds it, too: the path of a vhost-user socket to be made, for QEMU's
    /// vhost-user-scsi-pci.
    #[cfg(feature = "vhost-user")]
    #[arg(long, value_name = "SOCKET")]
    vhost_user: Option<PathBuf>,
    /// Let this process's group use the recorder as well.
    #[arg(long)]
    shared: bool,
    /// The disc that is in: NAME.disc, with its data in NAME.iso beside it.
    #[arg(long, value_name = "FILE")]
    media: Option<PathBuf>,
    /// The blank disc to make if there is none yet: cd-r, cd-r-74, cd-rw, dvd-r, dvd-r-dl, dvd-rw, dvd-rw-ro, dvd+r,
    /// dvd+r-dl, dvd+rw, dvd-ram, bd-r, bd-r-dl, bd-r-tl, bd-r-ql, bd-re, bd-re-dl, bd-re-tl, each with :BLOCKS if
    /// smaller.
    #[arg(long, value_name = "KIND")]
    create: Option<Kind>,
    /// A disc that forgets what is written, to measure hosts with (needs --create).
    #[arg(long, requires = "create", conflicts_with = "media")]
    discard: bool,
    /// How fast it is: unlimited, a factor such as 16x, or kB/s.
    #[arg(long, default_value = "unlimited")]
    speed: Pace,
    /// What goes wrong: a fault script, or @FILE with one.
    #[arg(long, value_name = "SCRIPT")]
    fault: Vec<String>,
    /// Vendor, up to 8 characters.
    #[arg(long)]
    vendor: Option<String>,
    /// Product, up to 16 characters.
    #[arg(long)]
    product: Option<String>,
    /// Serial number.
    #[arg(long)]
    serial: Option<String>,
    /// Firmware revision, up to 4 characters.
    #[arg(long)]
    revision: Option<String>,
    /// How the tray starts.
    #[arg(long, value_enum, default_value = "closed")]
    tray: TrayArg,
    /// Size of the drive's buffer, bytes.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(65_536..))]
    buffer: Option<u32>,
    /// How many samples late it reads sound; early where negative.
    #[arg(long, value_name = "SAMPLES", default_value_t = 0, allow_hyphen_values = true,
        value_parser = clap::value_parser!(i32).range(-5880..=5880))]
    read_offset: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TrayArg {
    Open,
    Closed,
}

#[derive(Subcommand)]
enum Action {
    /// Put a disc in and close the tray.
    Insert {
        /// Its file.
        file: PathBuf,
        /// The blank disc to make if there is none yet.
        #[arg(long, value_name = "KIND")]
        create: Option<String>,
    },
    /// Press the button.
    Button,
    /// Open the tray, unless it is locked.
    Eject,
    /// Close the tray.
    Load,
    /// Take the disc away.
    Remove,
    /// Add faults to the script.
    Fault {
        /// The script.
        script: String,
    },
    /// Forget the fault script.
    ClearFaults,
    /// Choose the pace.
    Speed {
        /// unlimited, 16x, or kB/s.
        pace: String,
    },
    /// Describe drive and disc.
    Dump,
    /// List what hosts did that no host may do; fails if there is any.
    Violations,
    /// List the faults that never fired; fails if there is any.
    Unfired,
    /// Let the power fail for a moment.
    PowerCut,
    /// Pull the drive out: the recorder ends.
    Unplug,
}

fn main() -> ExitCode {
    if let Some(written) = discmaster::cli::pages::asked(Cli::command(), "1") {
        return written;
    }
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("DISCMASTER_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    let result = match cli.command {
        Some(Command::Control { socket, action }) => control(&socket, action),
        Some(Command::Export { disc, to }) => export(&disc, &to).map(|()| ExitCode::SUCCESS),
        None => record(cli.recorder).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("discmaster-vdrive: {error:#}");
        ExitCode::FAILURE
    })
}

fn record(args: Recorder) -> anyhow::Result<()> {
    // Before any thread is made, so that none of them takes the signals.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block().context("cannot block signals")?;
    let stop = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).context("cannot wait for signals")?;

    let socket = args.listen.clone().context("--listen SOCKET is needed")?;
    #[cfg(feature = "vhost-user")]
    let machines = args.vhost_user.clone();
    let medium = medium(&args)?;
    let shared = args.shared;
    let mut drive = Drive::new(options(args)?);
    if let Some(medium) = medium {
        drive.start_with(medium);
    }
    let server =
        Server::bind(&socket, drive).with_context(|| format!("cannot listen at {}", socket.display()))?;
    if shared {
        let group = std::os::unix::fs::PermissionsExt::from_mode(0o660);
        std::fs::set_permissions(&socket, group)
            .with_context(|| format!("{} cannot be shared", socket.display()))?;
    }
    #[cfg(feature = "vhost-user")]
    let machines = machines.map(|path| serve_machines(&path, &server)).transpose()?;
    let result = server.run(stop.as_fd()).context("the recorder failed");
    #[cfg(feature = "vhost-user")]
    if let Some(machines) = machines {
        machines.end(stop.as_fd())?;
    }
    result
}

#[cfg(feature = "vhost-user")]
fn serve_machines(
    path: &std::path::Path,
    server: &Server,
) -> anyhow::Result<discmaster::vdrive::front::Serving> {
    let machines = discmaster::vdrive::front::VhostUser::bind(path, server);
    let machines = machines.with_context(|| format!("cannot listen at {}", path.display()))?;
    Ok(machines.spawn()?)
}

fn export(disc: &Path, to: &Path) -> anyhow::Result<()> {
    Ok(Medium::open(disc)?.export(to)?)
}

fn medium(args: &Recorder) -> anyhow::Result<Option<Medium>> {
    // Whoever asks where the data are may be elsewhere.
    let media =
        args.media.as_ref().map(std::path::absolute).transpose().context("--media FILE names no file")?;
    Ok(match (&media, args.create) {
        (Some(path), Some(kind)) if !path.exists() => Some(Medium::create(path, kind)?),
        (Some(path), _) => Some(Medium::open(path)?),
        (None, Some(kind)) if args.discard => Some(Medium::discarding(kind)),
        (None, Some(_)) => bail!("--create needs --media FILE, or --discard"),
        (None, None) => None,
    })
}

fn options(args: Recorder) -> anyhow::Result<DriveOptions> {
    let mut options = DriveOptions {
        pace: args.speed,
        open: args.tray == TrayArg::Open,
        read_offset: args.read_offset,
        ..DriveOptions::default()
    };
    for fault in args.fault {
        let text = match fault.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?,
            None => fault,
        };
        options.faults.append(text.parse::<FaultScript>()?);
    }
    let choose = |target: &mut String, wish: Option<String>| {
        if let Some(wish) = wish {
            *target = wish;
        }
    };
    choose(&mut options.vendor, args.vendor);
    choose(&mut options.product, args.product);
    choose(&mut options.serial, args.serial);
    choose(&mut options.revision, args.revision);
    options.buffer = args.buffer.unwrap_or(options.buffer);
    Ok(options)
}

fn control(socket: &Path, action: Action) -> anyhow::Result<ExitCode> {
    let client = ControlClient::connect(socket)
        .with_context(|| format!("no recorder answers at {}", socket.display()))?;
    let must_be_empty = matches!(action, Action::Violations | Action::Unfired);
    let reply = client.request(&request(action)?)?;
    let lines = match reply {
        ControlReply::Text(text) => {
            print!("{text}");
            0
        }
        ControlReply::Lines(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            lines.len()
        }
        ControlReply::Done | ControlReply::Refused(_) => 0,
    };
    Ok(if must_be_empty && lines > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn request(action: Action) -> io::Result<ControlRequest> {
    Ok(match action {
        Action::Insert { file, create } => {
            // The recorder has a working directory of its own.
            let path = std::path::absolute(file)?;
            let path = path.into_os_string().into_string();
            let path = path.map_err(|_| io::Error::other("the name of the disc's file is not UTF-8"))?;
            ControlRequest::Insert { path, create }
        }
        Action::Button => ControlRequest::Button,
        Action::Eject => ControlRequest::Eject,
        Action::Load => ControlRequest::Load,
        Action::Remove => ControlRequest::Remove,
        Action::Fault { script } => ControlRequest::Faults(script),
        Action::ClearFaults => ControlRequest::ClearFaults,
        Action::Speed { pace } => ControlRequest::Speed(pace),
        Action::Dump => ControlRequest::Dump,
        Action::Violations => ControlRequest::Violations,
        Action::Unfired => ControlRequest::Unfired,
        Action::PowerCut => ControlRequest::PowerCut,
        Action::Unplug => ControlRequest::Unplug,
    })
}
