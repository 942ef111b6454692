//! `discmaster image`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::api::{self, AddOptions, AddSummary, BLOCK, ErrorKind, JolietProperties, SpecialFiles};
use crate::cli::args::Bus;
use crate::cli::exit::{Exit, Reached};
use crate::cli::failure::{Failure, Result};
use crate::cli::interrupt::Interrupts;
use crate::cli::messages::tr;
use crate::cli::progress::JobView;
use crate::cli::screen::Screen;
use crate::cli::units;
use crate::image::{StreamError, WriteError, write_image};
use crate::stager::planned_image_of;

use super::output::{Gauge, Output};
use super::sources::{Source, sources};

/// How often progress is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Write folders and files to a disc image, without any service
///
/// What `burn` would record, as a file: ISO 9660 with Joliet and Rock Ridge. A single DIR gives its content to the root;
/// of several, each becomes a folder of its own name, and files lie at the root. A file gets its name only when it is
/// complete. With --json: events "progress" as `burn` writes them, then "completed" (output, bytes, blocks, files,
/// directories, symlinks, skipped).
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// Folders and files to take in
    #[arg(required = true, value_name = "DIR")]
    pub paths: Vec<PathBuf>,
    /// The image's file; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The disc's name; otherwise today's date
    #[arg(long, value_name = "NAME")]
    pub volume: Option<String>,
    /// Allow Joliet names of 103 characters instead of 64
    #[arg(long)]
    pub long_names: bool,
    /// Of two files with the same name, take the later one
    #[arg(long)]
    pub overwrite: bool,
    /// Leave out device nodes, sockets and pipes
    #[arg(long)]
    pub skip_special: bool,
}

/// Writes an image.
///
/// # Errors
/// Wrong arguments, files that cannot be read or do not fit an image, an output that cannot be written.
pub async fn run(bus: Bus, args: &ImageArgs, screen: &mut Screen) -> Result<()> {
    if let Bus::Host(_) = bus {
        return Err(Failure::usage(tr!("an image is written on this machine: leave out --host")));
    }
    if screen.json() && args.output.as_os_str() == "-" {
        return Err(Failure::usage(tr!("standard output cannot take both the image and JSON"))
            .hint(tr!("name a file with -o")));
    }
    let additions: Vec<(PathBuf, AddOptions)> =
        sources(&args.paths)?.into_iter().map(|source| addition(source, args)).collect::<Result<_>>()?;
    let mut output = Output::open(&args.output)?;
    let properties = JolietProperties {
        volume_name: args.volume.clone().unwrap_or_default(),
        long_names: args.long_names,
    };
    let (local, layout, summary) = planned_image_of(additions, properties).map_err(reported)?;
    if summary.files + summary.directories + summary.symlinks == 0 {
        let message = tr!("there is nothing to write: no file and no folder was taken in");
        return Err(reported(api::Error::new(ErrorKind::InvalidImage, message)));
    }
    let bytes = layout.bytes();
    let (gauge, sink) = output.sink()?;
    // From here on there is a file that must not stay behind half written.
    let mut interrupts = Interrupts::take_over()?;
    let work = move || write_image(&layout, &local.tree, local.source(), sink).map(drop).map_err(failed);
    let mut work = tokio::task::spawn_blocking(work);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            done = &mut work => {
                screen.clear();
                done.map_err(|panic| Failure::new(Exit::Other, "Unexpected", panic.to_string()))??;
                break;
            }
            () = interrupts.next() => gauge.stop(),
            _ = tick.tick() => screen.progress(None, &view(&gauge, bytes)),
        }
    }
    output.keep()?;
    told(args, &summary, bytes, screen)
}

fn addition(source: Source, args: &ImageArgs) -> Result<(PathBuf, AddOptions)> {
    let path =
        std::path::absolute(&source.path).map_err(|error| Failure::io(source.path.display(), &error))?;
    let special_files = if args.skip_special { SpecialFiles::Skip } else { SpecialFiles::Refuse };
    let options =
        AddOptions { destination: source.destination, overwrite: args.overwrite, copy: false, special_files };
    Ok((path, options))
}

fn view(gauge: &Gauge, total: u64) -> JobView {
    let (done, rate) = (gauge.written(), gauge.rate());
    JobView {
        phase: "writing".to_owned(),
        share: Some(done as f64 / total.max(1) as f64),
        done,
        total,
        rate,
        left: (done > total / 50).then(|| total.saturating_sub(done).checked_div(rate)).flatten(),
        ..JobView::default()
    }
}

fn told(args: &ImageArgs, summary: &AddSummary, bytes: u64, screen: &Screen) -> Result<()> {
    let output = match args.output.to_string_lossy().into_owned() {
        standard if standard == "-" => tr!("standard output"),
        file => file,
    };
    if screen.json() {
        return screen.object(&json!({
            "event": "completed", "output": output, "bytes": bytes, "blocks": bytes / BLOCK as u64,
            "files": summary.files, "directories": summary.directories, "symlinks": summary.symlinks,
            "skipped": summary.skipped,
        }));
    }
    if summary.skipped > 0 {
        screen.say(&tr!("Left out: a device node, socket or pipe."
            | "Left out: {n} device nodes, sockets and pipes." % summary.skipped));
    }
    screen.say(&tr!(
        "{output}: {size}, one file" | "{output}: {size}, {n} files" % summary.files,
        output,
        size = units::size(bytes)
    ));
    Ok(())
}

fn reported(error: api::Error) -> Failure {
    Failure::reported(error, Reached::Nothing)
}

fn failed(error: WriteError<api::Error>) -> Failure {
    match error {
        WriteError::Stream(StreamError::Source { source, .. }) => reported(source),
        WriteError::Write { source, .. } if Gauge::stopped(&source) => {
            Failure::new(Exit::Cancelled, "Interrupted", tr!("interrupted; there is no image"))
        }
        other => Failure::new(Exit::Other, "Io", other.to_string()),
    }
}
