//! Everything that is written: data to standard output, talk and progress to standard error.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use super::exit::Exit;
use super::failure::{Failure, Result};
use super::messages::tr;
use super::progress::{self, JobView};

/// Where the program writes, and how.
pub struct Screen {
    json: bool,
    bar: Option<ProgressBar>,
    throttle: Throttle,
    started: Instant,
}

impl Screen {
    /// Progress is a bar where standard error is a terminal, and now and then a line where it is not.
    pub fn new(json: bool) -> Self {
        let bar = (!json && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The line is worded by `progress`; the template is constant, and right.
            bar.set_style(
                ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar
        });
        Self { json, bar, throttle: Throttle::default(), started: Instant::now() }
    }

    /// Data are wanted as JSON.
    pub const fn json(&self) -> bool {
        self.json
    }

    /// Talk, for a person. Not wanted beside JSON.
    pub fn say(&self, text: &str) {
        if !self.json {
            self.above_the_bar(|| {
                // Nobody to talk to is no reason to stop.
                let _ = writeln!(io::stderr(), "{text}");
            });
        }
    }

    /// A line of data.
    ///
    /// # Errors
    /// Standard output cannot be written. That its reader went away is a normal end, with the exit code of one.
    pub fn data(&self, text: &str) -> Result<()> {
        let mut written = Ok(());
        self.above_the_bar(|| {
            let mut out = io::stdout().lock();
            written = writeln!(out, "{text}").and_then(|()| out.flush());
        });
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Exit::Done, "Io", tr!("nobody reads on")),
            _ => Failure::io(tr!("standard output cannot be written"), &error),
        })
    }

    /// Data as one line of JSON.
    ///
    /// # Errors
    /// As [`Self::data`].
    pub fn object(&self, object: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(object)
            .map_err(|error| Failure::new(Exit::Other, "Unexpected", error.to_string()))?;
        self.data(&text)
    }

    /// How far a job is, or work of our own. JSON: an object with `event` `progress`, `job`, and the fields of [`JobView`].
    pub fn progress(&mut self, job: Option<&str>, view: &JobView) {
        if self.json {
            let mut object = json!(view);
            object["event"] = json!("progress");
            object["job"] = json!(job);
            // A reader that left does not end the burn.
            let _ = self.object(&object);
        } else if let Some(bar) = &self.bar {
            bar.set_message(progress::line(view, columns()));
            bar.tick();
        } else if self.throttle.due(self.started.elapsed(), &view.phase) {
            self.say(&progress::plain(view));
        }
    }

    /// Takes the bar away, for words that stay.
    pub fn clear(&mut self) {
        if let Some(bar) = &self.bar {
            bar.set_message("");
            bar.finish_and_clear();
            bar.reset();
        }
    }

    /// The last words of a command that failed.
    pub fn fail(&mut self, failure: &Failure) {
        self.clear();
        if failure.exit == Exit::Done {
            return;
        }
        let text = if self.json { failure.json().to_string() } else { failure.to_string() };
        let _ = writeln!(io::stderr(), "{text}");
    }

    fn above_the_bar(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// Columns of the terminal, less one: a full line would wrap on some.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    usize::from(if size == 0 { 80 } else { size }) - 1
}

/// Lets through a line when the phase changes, and otherwise one a second.
#[derive(Debug, Default)]
struct Throttle {
    phase: String,
    last: Duration,
}

impl Throttle {
    fn due(&mut self, now: Duration, phase: &str) -> bool {
        let due = phase != self.phase || now.saturating_sub(self.last) >= Duration::from_secs(1);
        if due {
            phase.clone_into(&mut self.phase);
            self.last = now;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_a_second_and_one_a_phase() {
        let mut throttle = Throttle::default();
        let mut due = |millis, phase| throttle.due(Duration::from_millis(millis), phase);
        let lines = [
            due(0, "writing"),
            due(999, "writing"),
            due(1000, "writing"),
            due(1100, "closing"),
            due(2099, "closing"),
            due(2100, "closing"),
        ];
        assert_eq!(lines, [true, false, true, true, false, true]);
    }
}
