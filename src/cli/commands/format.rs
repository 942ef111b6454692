//! `discmaster format`

use clap::Args;

use super::erase::Change;
use crate::cli::args::Bus;
use crate::cli::client::Options;
use crate::cli::failure::Result;
use crate::cli::messages::tr;
use crate::cli::screen::Screen;

/// Format a disc of a kind that is formatted
///
/// Everything on the disc is lost, without a question asked. `burn` formats by itself what was never formatted: this is
/// for another format, for spares, or to have every block tried. `info` shows the formats of the disc. A format that has
/// begun is finished by the service: Ctrl-C leaves it alone (exit code 8). With --json: objects with event "progress" as
/// `burn` writes them, at the end one with event "completed".
#[derive(Debug, Args)]
pub struct FormatArgs {
    /// The recorder, by id or device; needless where there is only one
    pub recorder: Option<String>,
    /// The format, by its name; otherwise the usual one of the disc
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Write or try every block; takes as long as a burn or longer
    #[arg(long)]
    pub full: bool,
    /// Open the tray at the end
    #[arg(long)]
    pub eject: bool,
    /// Unmount the disc first, should it be mounted
    #[arg(long)]
    pub unmount: bool,
}

/// Formats a disc.
///
/// # Errors
/// Those of `Recorder.Format` and of its job.
pub async fn run(bus: Bus, args: &FormatArgs, screen: &mut Screen) -> Result<()> {
    let (client, recorder) = super::recorder(bus, args.recorder.as_deref()).await?;
    let mut events = client.events().await?;
    let options =
        Options::new().flag("full", args.full).flag("eject", args.eject).flag("unmount", args.unmount);
    let options = match &args.name {
        Some(name) => options.text("format", name),
        None => options,
    };
    let job = client.format(&recorder.path, options).await?;
    let change = Change {
        job,
        recorder,
        goes_on: tr!("the format goes on without us"),
        done: tr!("the disc is formatted"),
    };
    change.finish(&client, &mut events, screen).await
}
