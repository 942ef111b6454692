//! Waits for a job, and shows how far it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::api::{BLOCK, Phase};

use super::client::{Client, Completion, Event, Events, Props};
use super::exit::{Exit, Reached};
use super::failure::{Failure, Result};
use super::messages::tr;
use super::progress::JobView;
use super::screen::Screen;

/// How often the clock of a phase without news is shown again.
const TICK: Duration = Duration::from_millis(500);
/// How long the service may be away before it is given up; a call that starts it may take its time besides.
const ABSENCE: Duration = Duration::from_secs(10);
/// A rate says little about the end before this.
const SETTLED: Duration = Duration::from_secs(3);

/// How a job was left.
#[derive(Debug)]
pub enum Left {
    /// It ended well.
    Ended(Completion),
    /// It came to the phase that was waited for, and goes on.
    Underway,
}

/// What is followed, and how far it is followed.
#[derive(Clone, Copy, Debug)]
pub struct Follow<'a> {
    /// The job's path.
    pub job: &'a str,
    /// The kind of the medium, or empty.
    pub medium: &'a str,
    /// It writes nothing: whatever happens, the disc is as it was.
    pub harmless: bool,
    /// Follow it to this phase, and not to its end.
    pub until: Option<Phase>,
}

/// Follows a job.
///
/// # Errors
/// The job's own error; that the service or the bus went away; that the job vanished.
pub async fn follow(
    what: Follow<'_>,
    client: &Client,
    events: &mut Events,
    screen: &mut Screen,
) -> Result<Left> {
    let mut state = State::new(what, client.props(what.job, "Job").await.unwrap_or_default());
    let mut tick = tokio::time::interval(TICK);
    loop {
        state.show(screen);
        if what.until.is_some_and(|phase| state.phase() == Some(phase)) {
            return Ok(Left::Underway);
        }
        let event = tokio::select! {
            biased;
            event = events.next() => event,
            _ = tick.tick() => continue,
        };
        if let Event::ServiceGone = event
            && let Some(props) = come_back(what.job, client, screen).await
        {
            // It has begun anew, and knows its jobs.
            state.update(props);
            if state.props.text("Result").is_empty() {
                continue;
            }
            screen.clear();
            let end = client.result(what.job).await?;
            return match end.error {
                Some(error) => Err(Failure::reported(error, state.reached)),
                None => Ok(Left::Ended(end)),
            };
        }
        if let Some(failure) = event.gone() {
            return Err(if what.harmless { failure.before_writing() } else { failure });
        }
        match event {
            Event::Changed(path, interface, props) if path == what.job && interface == "Job" => {
                state.update(props);
            }
            Event::Completed(path, end) if path == what.job => {
                screen.clear();
                return match end.error {
                    Some(error) => Err(Failure::reported(error, state.reached)),
                    None => Ok(Left::Ended(end)),
                };
            }
            Event::Removed(path, _) if path == what.job => {
                return Err(Failure::new(
                    Exit::Unknown,
                    "Gone",
                    tr!("the job vanished without a word on how it ended"),
                )
                .hint(tr!("look at the disc with `discmaster info`")));
            }
            _ => {}
        }
    }
}

/// Waits for the service to be there again, as after an upgrade or a crash, and to know the job; what it says of it.
async fn come_back(job: &str, client: &Client, screen: &mut Screen) -> Option<Props> {
    screen.clear();
    let begun = Instant::now();
    while begun.elapsed() < ABSENCE {
        tokio::time::sleep(TICK).await;
        // The call starts the service, where the bus can do that.
        if let Ok(props) = client.props(job, "Job").await {
            return Some(props);
        }
    }
    None
}

/// What is known of the job.
struct State<'a> {
    what: Follow<'a>,
    props: Props,
    phase: String,
    since: Instant,
    reached: Reached,
}

impl<'a> State<'a> {
    fn new(what: Follow<'a>, props: Props) -> Self {
        let reached = Reached::Nothing;
        let mut state =
            Self { what, props: Props::default(), phase: String::new(), since: Instant::now(), reached };
        state.update(props);
        state
    }

    fn update(&mut self, newer: Props) {
        self.props.update(newer);
        let phase = self.props.text("Phase");
        if phase != self.phase {
            self.phase = phase;
            self.since = Instant::now();
        }
        let reached = self.phase().and_then(Reached::in_phase).unwrap_or_default();
        if !self.what.harmless {
            self.reached = self.reached.max(reached);
        }
    }

    fn phase(&self) -> Option<Phase> {
        PHASES.iter().copied().find(|phase| phase.name() == self.phase)
    }

    fn show(&self, screen: &mut Screen) {
        if !matches!(self.phase(), Some(Phase::Finished)) && !self.phase.is_empty() {
            screen.progress(Some(self.what.job), &self.view());
        }
    }

    fn view(&self) -> JobView {
        let block = self.props.number("BlockSize").unwrap_or(BLOCK as u64);
        let bytes = |name| self.props.number(name).unwrap_or(0).saturating_mul(block);
        let (done, total, rate) =
            (bytes("BlocksDone"), bytes("BlocksTotal"), self.props.number("Rate").unwrap_or(0));
        let fill = |name| self.props.real(name).filter(|fill| (0.0..=1.0).contains(fill));
        JobView {
            phase: self.phase.clone(),
            share: self.props.flag("ProgressValid").then(|| self.props.real("Progress")).flatten(),
            done,
            total,
            rate,
            medium: Some(self.what.medium.to_owned()).filter(|kind| !kind.is_empty()),
            ring: fill("RingFill"),
            drive: fill("DriveBufferFill"),
            left: self.left(total.saturating_sub(done), rate),
        }
    }

    /// Seconds left: the service's word, or what the rate says in the phases whose rate is steady.
    fn left(&self, bytes: u64, rate: u64) -> Option<u64> {
        let expected = self.props.number("ExpectedEndTime").unwrap_or(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let left = u128::from(expected).saturating_sub(now) / 1_000_000;
        if left > 0 {
            return u64::try_from(left).ok();
        }
        let steady = matches!(self.phase(), Some(Phase::Writing | Phase::Verifying));
        (steady && bytes > 0 && self.since.elapsed() > SETTLED).then(|| bytes.checked_div(rate)).flatten()
    }
}

const PHASES: [Phase; 10] = [
    Phase::Queued,
    Phase::Staging,
    Phase::Preparing,
    Phase::Writing,
    Phase::Flushing,
    Phase::Closing,
    Phase::Verifying,
    Phase::Erasing,
    Phase::Ejecting,
    Phase::Finished,
];
