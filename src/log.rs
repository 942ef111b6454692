//! The log of a process: lines on standard error, or, where that leads to the journal, entries with fields of their own.
//!
//! A field of an event, `tracing::info!(job = 7, recorder = "sr0", …)`, becomes `DISCMASTER_JOB=7` in the journal:
//! `journalctl DISCMASTER_JOB=7` shows all that was said of a job.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// What stands before the names of our fields in the journal.
const PREFIX: &str = "DISCMASTER";

/// The log's two handles, as `org.freedesktop.LogControl1` has them. Clones are the same.
#[derive(Clone, Debug)]
pub struct Control {
    filter: reload::Handle<EnvFilter, Registry>,
    level: Arc<AtomicU8>,
    target: Arc<AtomicU8>,
    has_journal: bool,
}

/// Where the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Lines on standard error.
    Console,
    /// Entries with fields.
    Journal,
    /// Nowhere.
    Null,
}

/// Levels of syslog, and the most talkative of ours that each lets pass.
const LEVELS: [(&str, &str); 8] = [
    ("emerg", "error"),
    ("alert", "error"),
    ("crit", "error"),
    ("err", "error"),
    ("warning", "warn"),
    ("notice", "info"),
    ("info", "info"),
    ("debug", "debug"),
];
const INFO: u8 = 6;
/// Programs that talk more than anybody asked for.
const OTHERS: &str = "zbus=info";

/// Starts the log of this process. The environment may say what is told (`RUST_LOG`'s syntax, in `variable`).
pub fn start(variable: &str) -> Control {
    let filter = EnvFilter::try_from_env(variable).unwrap_or_else(|_| EnvFilter::new("info"));
    let (filter, handle) = reload::Layer::new(filter);
    let journal = leads_to_journal().then(|| tracing_journald::layer().ok()).flatten();
    let has_journal = journal.is_some();
    let first = if has_journal { Target::Journal } else { Target::Console };
    let target = Arc::new(AtomicU8::new(first as u8));
    let journal = journal.map(|journal| {
        journal.with_field_prefix(Some(PREFIX.to_owned())).with_filter(goes_to(&target, Target::Journal))
    });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_filter(goes_to(&target, Target::Console));
    tracing_subscriber::registry().with(filter).with(journal).with(lines).init();
    Control { filter: handle, level: Arc::new(AtomicU8::new(INFO)), target, has_journal }
}

impl Control {
    /// The level, by its name in syslog.
    pub fn level(&self) -> &'static str {
        let index = usize::from(self.level.load(Ordering::Relaxed));
        LEVELS.get(index).map_or("info", |(name, _)| name)
    }

    /// Sets the level.
    ///
    /// # Errors
    /// With the names there are, for any other.
    pub fn set_level(&self, level: &str) -> Result<(), String> {
        let found = (0_u8..).zip(LEVELS).find(|(_, (name, _))| *name == level);
        let Some((index, (_, ours))) = found else {
            let names: Vec<_> = LEVELS.iter().map(|(name, _)| *name).collect();
            return Err(format!("There is no level “{level}”. There are: {}.", names.join(", ")));
        };
        let filter = EnvFilter::new(format!("{ours},{OTHERS}"));
        self.filter.reload(filter).map_err(|error| format!("The level stays as it was: {error}."))?;
        self.level.store(index, Ordering::Relaxed);
        Ok(())
    }

    /// Where the log goes.
    pub fn target(&self) -> Target {
        [Target::Journal, Target::Null]
            .into_iter()
            .find(|one| self.target.load(Ordering::Relaxed) == *one as u8)
            .unwrap_or(Target::Console)
    }

    /// Sets where the log goes: `journal`, `console`, `null`, or `auto`, as it was at first.
    ///
    /// # Errors
    /// For any other, and for a journal that is not there.
    pub fn set_target(&self, target: &str) -> Result<(), String> {
        let target = match target {
            "auto" if self.has_journal => Target::Journal,
            "auto" | "console" => Target::Console,
            "journal" if self.has_journal => Target::Journal,
            "journal" => return Err("Standard error does not lead to the journal.".to_owned()),
            "null" => Target::Null,
            other => {
                return Err(format!(
                    "The log cannot go to “{other}”, only to journal, console, null or auto."
                ));
            }
        };
        self.target.store(target as u8, Ordering::Relaxed);
        Ok(())
    }
}

impl Target {
    /// The target's name, as systemd has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Journal => "journal",
            Self::Null => "null",
        }
    }
}

/// Lets everything pass while the log goes to this target.
fn goes_to<S>(target: &Arc<AtomicU8>, wanted: Target) -> impl Filter<S> + use<S> {
    let target = Arc::clone(target);
    dynamic_filter_fn(move |_, _| target.load(Ordering::Relaxed) == wanted as u8)
}

/// Whether standard error is the stream that the service manager has connected with the journal.
fn leads_to_journal() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let Ok(about) = rustix::fs::fstat(io::stderr().as_fd()) else { return false };
    named == format!("{}:{}", about.st_dev, about.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A control whose filter belongs to no log.
    fn control() -> (reload::Layer<EnvFilter, Registry>, Control) {
        let (layer, filter) = reload::Layer::new(EnvFilter::new("info"));
        let level = Arc::new(AtomicU8::new(INFO));
        (layer, Control { filter, level, target: Arc::default(), has_journal: false })
    }

    #[test]
    fn levels_are_syslogs_and_others_are_refused_with_those_that_exist() {
        let (_layer, control) = control();
        assert_eq!(control.level(), "info");
        for (name, _) in LEVELS {
            control.set_level(name).unwrap();
            assert_eq!(control.level(), name);
        }
        assert!(control.set_level("trace").unwrap_err().contains("warning, notice"));
        assert_eq!(control.level(), "debug");
    }

    #[test]
    fn the_log_goes_to_no_journal_that_is_not_there() {
        let (_layer, control) = control();
        assert!(control.set_target("journal").is_err() && control.set_target("kmsg").is_err());
        control.set_target("null").unwrap();
        assert_eq!(control.target(), Target::Null);
        control.set_target("auto").unwrap();
        assert_eq!(control.target().name(), "console");
    }
}
