//! `discmaster jobs`

use clap::Args;
use serde::Serialize;

use crate::api::names;
use crate::cli::args::Bus;
use crate::cli::client::{Client, Props};
use crate::cli::failure::Result;
use crate::cli::messages::{tr, word};
use crate::cli::screen::Screen;
use crate::cli::units;
use crate::cli::view::id;

use super::list::table;

/// List the jobs of the service, or cancel one
///
/// Jobs stay listed for five minutes after their end. With --json an array with an object for each: id, operation,
/// recorder, session, phase, progress (0 to 1, or null), cancelable, result. With --cancel the object of that job alone, as it
/// was before: one with a result had ended already.
#[derive(Debug, Args)]
pub struct JobsArgs {
    /// Cancel this job; a disc that is being written is lost by that, unless it is rewritable
    #[arg(long, value_name = "ID")]
    pub cancel: Option<String>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    operation: String,
    recorder: String,
    session: String,
    phase: String,
    progress: Option<f64>,
    cancelable: bool,
    result: String,
}

/// Lists jobs, or cancels one.
///
/// # Errors
/// There is no service, no such job, or it cannot be cancelled.
pub async fn run(bus: Bus, args: &JobsArgs, screen: &mut Screen) -> Result<()> {
    let client = Client::connect(bus).await?;
    if let Some(job) = &args.cancel {
        return cancel(&client, &format!("{}/{}", names::JOBS, id(job)), screen).await;
    }
    let objects = client.objects().await?;
    let mut rows: Vec<Row> =
        objects.iter().filter_map(|(path, object)| Some(Row::of(path, object.get("Job")?))).collect();
    rows.sort_by_key(|row| row.id.parse::<u64>().unwrap_or(u64::MAX));
    if screen.json() {
        return screen.object(&rows);
    }
    let cells: Vec<[String; 5]> = rows.iter().map(Row::cells).collect();
    table(&cells).iter().try_for_each(|line| screen.data(line))
}

/// Cancels a job, unless it has ended.
async fn cancel(client: &Client, path: &str, screen: &Screen) -> Result<()> {
    let row = Row::of(path, &client.props(path, "Job").await?);
    if row.result.is_empty() {
        client.tell(path, "Job", "Cancel").await?;
    }
    if screen.json() {
        return screen.object(&row);
    }
    let id = &row.id;
    screen.say(&match row.result.as_str() {
        "" => tr!("job {} is being cancelled", id),
        "success" => tr!("job {} has ended already, and well", id),
        error => tr!("job {id} has ended already: {error}", id, error),
    });
    Ok(())
}

impl Row {
    fn of(path: &str, job: &Props) -> Self {
        let last = |name: &str| match job.text(name) {
            path if path == "/" => String::new(),
            path => id(&path).to_owned(),
        };
        Self {
            id: id(path).to_owned(),
            operation: job.text("Operation"),
            recorder: last("Recorder"),
            session: last("Session"),
            phase: job.text("Phase"),
            progress: job.flag("ProgressValid").then(|| job.real("Progress")).flatten(),
            cancelable: job.flag("Cancelable"),
            result: job
                .text("Result")
                .trim_start_matches(names::ERROR_PREFIX)
                .trim_start_matches('.')
                .to_owned(),
        }
    }

    fn cells(&self) -> [String; 5] {
        let progress = self.progress.map_or(String::new(), |share| format!("{:>3} %", units::percent(share)));
        [
            self.id.clone(),
            word(&self.operation),
            self.recorder.clone(),
            word(&self.phase),
            self.ended(progress),
        ]
    }

    fn ended(&self, progress: String) -> String {
        if self.result.is_empty() { progress } else { self.result.clone() }
    }
}
