//! `discmaster toc`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::args::Bus;
use crate::cli::failure::{Failure, Result};
use crate::cli::screen::Screen;

/// Write the cue sheet of a CD
///
/// What the disc in the recorder tells of itself: tracks, gaps, index points, catalog number, recording codes and CD-TEXT.
/// With --json an object with the key cue_sheet, or with -o one with the key output.
#[derive(Debug, Args)]
pub struct TocArgs {
    /// The recorder, by id or device; needless where there is only one
    pub recorder: Option<String>,
    /// Where the cue sheet goes; otherwise, or with -, to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The file of sectors that the cue sheet is to name; otherwise as the cue sheet is called, and .bin
    #[arg(long, value_name = "NAME")]
    pub names: Option<String>,
}

/// Writes the cue sheet of the CD in a recorder.
///
/// # Errors
/// Those of `Recorder.ReadCueSheet`, and a file that cannot be written.
pub async fn run(bus: Bus, args: &TocArgs, screen: &mut Screen) -> Result<()> {
    let (client, recorder) = super::recorder(bus, args.recorder.as_deref()).await?;
    let output = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    let own = output.and_then(|path| path.file_stem()).and_then(|stem| stem.to_str());
    let names = args.names.clone().unwrap_or_else(|| format!("{}.bin", own.unwrap_or("disc")));
    let sheet = client.read_cue_sheet(&recorder.path, &names).await?;
    match output {
        Some(path) => {
            std::fs::write(path, sheet).map_err(|error| Failure::io(path.display(), &error))?;
            if screen.json() { screen.object(&json!({ "output": path.to_string_lossy() })) } else { Ok(()) }
        }
        None if screen.json() => screen.object(&json!({ "cue_sheet": sheet })),
        None => sheet.lines().try_for_each(|line| screen.data(line)),
    }
}
