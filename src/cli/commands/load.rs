//! `discmaster load`

use clap::Args;

use crate::cli::args::Bus;
use crate::cli::failure::Result;
use crate::cli::messages::tr;
use crate::cli::screen::Screen;

/// Close a recorder's tray
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// The recorder, by id or device; needless where there is only one
    pub recorder: Option<String>,
}

/// Closes the tray.
///
/// # Errors
/// Somebody else uses the recorder, or it cannot.
pub async fn run(bus: Bus, args: &LoadArgs, screen: &mut Screen) -> Result<()> {
    super::tray::run(bus, args.recorder.as_deref(), "Load", &tr!("the tray is closed"), screen).await
}
