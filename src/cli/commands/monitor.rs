//! `discmaster monitor`

use clap::Args;

use crate::cli::args::Bus;
use crate::cli::client::{Client, Event};
use crate::cli::failure::Result;
use crate::cli::screen::Screen;

use super::told::{Known, Told};

/// Print what happens to recorders, discs, sessions and jobs, until Ctrl-C
///
/// A line for each event; first those that make up the present. With --json an object for each, with the `event` and
/// the `id` of the object: recorder-added (and the recorder's keys, as in `list`), recorder-removed, recorder-changed
/// (state, holder), disc-inserted and disc-changed (medium), disc-removed, session-opened (client), session-closed,
/// job-started (operation, recorder), job-progress (phase, progress; when the phase or a whole percent changes),
/// job-completed (success, error, message, details), job-removed, service-gone, service-back.
#[derive(Debug, Args)]
pub struct MonitorArgs {}

/// Prints events until the program is told to leave, or the bus is gone.
///
/// # Errors
/// There is no service, or the bus went away.
pub async fn run(bus: Bus, screen: &mut Screen) -> Result<()> {
    let client = Client::connect(bus).await?;
    let mut events = client.events().await?;
    let mut known = Known::default();
    // The first call starts the service, where the bus can do that.
    for (path, interfaces) in client.objects().await? {
        print(screen, known.hear(Event::Added(path, interfaces)))?;
    }
    loop {
        let event = events.next().await;
        if let (Event::BusGone, Some(failure)) = (&event, event.gone()) {
            return Err(failure);
        }
        print(screen, known.hear(event))?;
    }
}

fn print(screen: &Screen, told: Vec<Told>) -> Result<()> {
    told.iter()
        .try_for_each(|told| if screen.json() { screen.object(&told.json) } else { screen.data(&told.text) })
}
