//! `discmaster monitor`

use clap::Args;

use crate::cli::args::Bus;
use crate::cli::client::{Client, Event, Objects};
use crate::cli::failure::Result;
use crate::cli::screen::Screen;
use crate::cli::view::error_of;

use super::told::{Known, Told};

/// Print what happens to recorders, discs, sessions and jobs, until Ctrl-C
///
/// A line for each event; first those that make up the present. With --json an object for each, with the `event` and
/// the `id` of the object: recorder-added (and the recorder's keys, as in `list`), recorder-removed, recorder-changed
/// (state, holder), disc-inserted and disc-changed (medium), disc-removed, session-opened (client), session-closed,
/// job-started (operation, recorder), job-progress (phase, progress; when the phase or a whole percent changes),
/// job-completed (success, error, message, details; of others' jobs message and details are null), job-removed, service-gone, service-back.
#[derive(Debug, Args)]
pub struct MonitorArgs {}

/// Prints events until the program is told to leave, or the bus is gone. That the service is not there (yet) is an
/// event like any other.
///
/// # Errors
/// The bus cannot be reached, or went away.
pub async fn run(bus: Bus, screen: &mut Screen) -> Result<()> {
    let client = Client::connect(bus).await?;
    let mut events = client.events().await?;
    let mut known = Known::default();
    // The first call starts the service, where the bus can do that.
    match client.objects().await {
        Ok(objects) => present(&client, screen, &mut known, objects).await?,
        Err(failure) if failure.name == "NoService" => print(screen, known.hear(Event::ServiceGone))?,
        Err(failure) => return Err(failure),
    }
    loop {
        let event = events.next().await;
        if let (Event::BusGone, Some(failure)) = (&event, event.gone()) {
            return Err(failure);
        }
        match event {
            Event::Ended(job, error) => end(&client, screen, &mut known, &job, error.as_deref()).await?,
            Event::ServiceBack => {
                print(screen, known.hear(Event::ServiceBack))?;
                // It may be gone again already: then that is the next event.
                let objects = client.objects().await.unwrap_or_default();
                present(&client, screen, &mut known, objects).await?;
            }
            event => print(screen, known.hear(event))?,
        }
    }
}

async fn present(client: &Client, screen: &Screen, known: &mut Known, objects: Objects) -> Result<()> {
    for (path, interfaces) in objects {
        let result = interfaces.get("Job").map(|job| job.text("Result")).unwrap_or_default();
        print(screen, known.hear(Event::Added(path.clone(), interfaces)))?;
        if !result.is_empty() {
            end(client, screen, known, &path, error_of(&result)).await?;
        }
    }
    Ok(())
}

/// The end of a job, which told it to its own connection alone. Of others' jobs the service says no more than the error.
async fn end(
    client: &Client,
    screen: &Screen,
    known: &mut Known,
    job: &str,
    error: Option<&str>,
) -> Result<()> {
    if !known.awaits_end(job) {
        return Ok(());
    }
    let result = client.result(job).await.ok();
    print(screen, known.ended(job, error, result).into_iter().collect())
}

fn print(screen: &Screen, told: Vec<Told>) -> Result<()> {
    told.iter()
        .try_for_each(|told| if screen.json() { screen.object(&told.json) } else { screen.data(&told.text) })
}
