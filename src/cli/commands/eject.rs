//! `discmaster eject`

use clap::Args;

use crate::cli::args::Bus;
use crate::cli::failure::Result;
use crate::cli::messages::tr;
use crate::cli::screen::Screen;

/// Open a recorder's tray
#[derive(Debug, Args)]
pub struct EjectArgs {
    /// The recorder, by id or device; needless where there is only one
    pub recorder: Option<String>,
}

/// Opens the tray.
///
/// # Errors
/// Somebody else uses the recorder, or it cannot.
pub async fn run(bus: Bus, args: &EjectArgs, screen: &mut Screen) -> Result<()> {
    super::tray::run(bus, args.recorder.as_deref(), "Eject", &tr!("the tray is open"), screen).await
}
