//! `discmaster erase`

use clap::Args;
use serde_json::json;

use crate::cli::args::Bus;
use crate::cli::client::{Client, Events, Options};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::follow::{Follow, follow};
use crate::cli::interrupt::Interrupts;
use crate::cli::messages::tr;
use crate::cli::screen::Screen;
use crate::cli::view::{RecorderView, id};

/// Erase a rewritable disc
///
/// Everything on the disc is lost, without a question asked. An erasure that has begun is finished by the service:
/// Ctrl-C leaves it alone (exit code 8). With --json: objects with event "progress" as `burn` writes them, at the end
/// one with event "completed".
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// The recorder, by id or device; needless where there is only one
    pub recorder: Option<String>,
    /// Erase every block, and not just what the disc is known by; takes as long as a burn
    #[arg(long)]
    pub full: bool,
    /// Open the tray at the end
    #[arg(long)]
    pub eject: bool,
    /// Unmount the disc first, should it be mounted
    #[arg(long)]
    pub unmount: bool,
}

/// Erases a disc.
///
/// # Errors
/// Those of `Recorder.Erase` and of its job.
pub async fn run(bus: Bus, args: &EraseArgs, screen: &mut Screen) -> Result<()> {
    let (client, recorder) = super::recorder(bus, args.recorder.as_deref()).await?;
    let mut events = client.events().await?;
    let options = Options::new().flag("eject", args.eject).flag("unmount", args.unmount);
    let job = client.erase(&recorder.path, args.full, options).await?;
    let change = Change {
        job,
        recorder,
        goes_on: tr!("the erasure goes on without us"),
        done: tr!("the disc is erased"),
    };
    change.finish(&client, &mut events, screen).await
}

/// A job that changes the whole disc.
pub(super) struct Change {
    pub job: String,
    pub recorder: RecorderView,
    /// What is said should we leave.
    pub goes_on: String,
    /// What is said in the end.
    pub done: String,
}

impl Change {
    /// Follows it to its end, or until the user has enough of that.
    pub async fn finish(self, client: &Client, events: &mut Events, screen: &mut Screen) -> Result<()> {
        let Self { job, recorder, goes_on, done } = self;
        let mut interrupts = Interrupts::take_over()?;
        let what = Follow { job: &job, medium: recorder.kind(), harmless: false, until: None };
        tokio::select! {
            ended = follow(what, client, events, screen) => ended.map(drop)?,
            () = interrupts.next() => return Err(left_alone(&job, goes_on)),
        }
        if screen.json() {
            return screen.object(&json!({ "event": "completed", "job": job, "recorder": recorder.id }));
        }
        screen.say(&format!("{}: {done}", recorder.id));
        Ok(())
    }
}

/// We leave, and the job stays.
fn left_alone(job: &str, goes_on: String) -> Failure {
    Failure::new(Exit::Unknown, "Interrupted", goes_on).hint(tr!("`discmaster jobs` shows it as {}", id(job)))
}
