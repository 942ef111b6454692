//! The configuration file: figures and limits, each checked, every mistake with its line.

use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::config::{Config, Defaults, Limits};
use crate::api::{Close, Verify};

/// Where the system's broker looks for it.
pub const SYSTEM_FILE: &str = "/etc/discmaster/discmaster.toml";

/// The file as it is written. What is left out stays as it is built in.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    quota: Option<Spanned<u64>>,
    idle_time: Option<Spanned<u64>>,
    job_retention: Option<Spanned<u64>>,
    ring: Option<Spanned<u64>>,
    idle_exit: Option<Spanned<u64>>,
    limits: LimitSettings,
    defaults: DefaultSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct DefaultSettings {
    verify: Verify,
    close: Close,
    eject: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct LimitSettings {
    sessions: Option<Spanned<u64>>,
    sessions_per_user: Option<Spanned<u64>>,
    closed_sessions: Option<Spanned<u64>>,
    jobs: Option<Spanned<u64>>,
    jobs_per_user: Option<Spanned<u64>>,
    stagers_per_user: Option<Spanned<u64>>,
    questions_per_connection: Option<Spanned<u64>>,
    questions_per_user: Option<Spanned<u64>>,
    entries: Option<Spanned<u64>>,
}

/// What the command line says, which wins over the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chosen {
    /// Bytes that one session's stash may take.
    pub quota: Option<u64>,
    /// Seconds that a detached session lives without a call.
    pub idle_time: Option<u64>,
    /// Seconds that a job can be looked at after its end.
    pub job_retention: Option<u64>,
    /// Bytes of the ring between stager and worker.
    pub ring: Option<u64>,
    /// Seconds without anything open after which the broker leaves; 0 for never.
    pub idle_exit: Option<u64>,
}

/// Puts the figures of the command line, of the file, and those built in, in this order, into a configuration. A file that
/// is not there says nothing.
///
/// # Errors
/// Every mistake in the file, each with its line.
pub fn fill(config: &mut Config) -> Result<(), Vec<String>> {
    let path = config.file.clone();
    let text = match path.as_deref().map(std::fs::read_to_string) {
        None => String::new(),
        Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Some(Ok(text)) => text,
        Some(Err(error)) => {
            let path = path.unwrap_or_default();
            return Err(vec![format!("{}: it cannot be read: {error}", path.display())]);
        }
    };
    fill_from(config, &text, path.as_deref().unwrap_or(Path::new(SYSTEM_FILE)))
}

fn fill_from(config: &mut Config, text: &str, path: &Path) -> Result<(), Vec<String>> {
    let settings: Settings = toml::from_str(text).map_err(|error| {
        let place = error.span().map_or(0, |span| span.start);
        vec![mistake(text, path, place..place, error.message())]
    })?;
    let mut reader = Reader { text, path, mistakes: Vec::new() };
    let Chosen { quota, idle_time, job_retention, ring, idle_exit } = config.chosen;
    let year = 365 * 86_400;
    config.quota = reader.figure("quota", quota, settings.quota, 128 << 30, 0..=i64::MAX as u64);
    let seconds = reader.figure("idle-time", idle_time, settings.idle_time, 3600, 1..=year);
    config.idle_time = Duration::from_secs(seconds);
    let seconds = reader.figure("job-retention", job_retention, settings.job_retention, 300, 0..=year);
    config.job_retention = Duration::from_secs(seconds);
    let bytes = reader.figure("ring", ring, settings.ring, 64 << 20, 256 << 10..=1 << 30);
    config.ring = usize::try_from(bytes).unwrap_or(usize::MAX);
    let seconds = reader.figure("idle-exit", idle_exit, settings.idle_exit, 0, 0..=year);
    config.idle_exit = (seconds > 0).then(|| Duration::from_secs(seconds));
    config.limits = reader.limits(settings.limits);
    let DefaultSettings { verify, close, eject } = settings.defaults;
    config.defaults = Defaults { verify, close, eject };
    if reader.mistakes.is_empty() { Ok(()) } else { Err(reader.mistakes) }
}

/// Takes figures, and notes the mistakes among them.
struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    mistakes: Vec<String>,
}

impl Reader<'_> {
    fn figure(
        &mut self,
        name: &str,
        chosen: Option<u64>,
        written: Option<Spanned<u64>>,
        built_in: u64,
        allowed: RangeInclusive<u64>,
    ) -> u64 {
        let Some(written) = written else { return chosen.unwrap_or(built_in) };
        let value = *written.get_ref();
        if !allowed.contains(&value) {
            let what = format!("{name} is {value}, and may be {} to {}", allowed.start(), allowed.end());
            self.mistakes.push(mistake(self.text, self.path, written.span(), &what));
        }
        chosen.unwrap_or(value)
    }

    fn limits(&mut self, written: LimitSettings) -> Limits {
        let built_in = Limits::default();
        let mut count = |name: &str, written, built_in: usize| {
            let value = self.figure(name, None, written, built_in as u64, 1..=100_000);
            usize::try_from(value).unwrap_or(built_in)
        };
        Limits {
            sessions: count("sessions", written.sessions, built_in.sessions),
            sessions_per_user: count(
                "sessions-per-user",
                written.sessions_per_user,
                built_in.sessions_per_user,
            ),
            closed_sessions: count("closed-sessions", written.closed_sessions, built_in.closed_sessions),
            jobs: count("jobs", written.jobs, built_in.jobs),
            jobs_per_user: count("jobs-per-user", written.jobs_per_user, built_in.jobs_per_user),
            stagers_per_user: count("stagers-per-user", written.stagers_per_user, built_in.stagers_per_user),
            questions_per_connection: count(
                "questions-per-connection",
                written.questions_per_connection,
                built_in.questions_per_connection,
            ),
            questions_per_user: count(
                "questions-per-user",
                written.questions_per_user,
                built_in.questions_per_user,
            ),
            entries: self.figure("entries", None, written.entries, built_in.entries, 1..=u64::from(u32::MAX)),
        }
    }
}

/// `/etc/discmaster/discmaster.toml:3: ring is 7, and may be …`
fn mistake(text: &str, path: &Path, place: Range<usize>, what: &str) -> String {
    let before = text.get(..place.start).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    format!("{}:{line}: {what}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration filled from a text.
    fn filled(text: &str, chosen: Chosen) -> Result<Config, Vec<String>> {
        let mut config = Config { chosen, ..Config::empty() };
        fill_from(&mut config, text, Path::new("d.toml"))?;
        Ok(config)
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_what_is_built_in() {
        let chosen = Chosen { quota: Some(7), ..Chosen::default() };
        let text = "quota = 9\nidle-time = 60\n[limits]\njobs = 3\n";
        let config = filled(text, chosen).unwrap();
        assert_eq!((config.quota, config.idle_time.as_secs(), config.job_retention.as_secs()), (7, 60, 300));
        assert_eq!((config.limits.jobs, config.limits.sessions), (3, Limits::default().sessions));
        assert_eq!(config.idle_exit, None);
        let defaults = filled("[defaults]\nverify = \"full\"\nclose = \"appendable\"", Chosen::default())
            .unwrap()
            .defaults;
        assert_eq!(defaults, Defaults { verify: Verify::Full, close: Close::Appendable, eject: false });
        assert_eq!(filled("", Chosen::default()).unwrap().quota, 128 << 30);
    }

    #[test]
    fn every_figure_out_of_range_is_told_with_its_line() {
        let text = "# figures\nring = 7\n\nidle-time = 0\n[limits]\nsessions = 0\n";
        let mistakes = filled(text, Chosen::default()).unwrap_err();
        let lines: Vec<&str> = mistakes.iter().map(|one| &one[..9]).collect();
        assert_eq!(lines, ["d.toml:4:", "d.toml:2:", "d.toml:6:"]);
        assert!(mistakes[1].ends_with("ring is 7, and may be 262144 to 1073741824"), "{mistakes:?}");
    }

    #[test]
    fn what_is_no_toml_unknown_or_of_another_type_is_told_with_its_line() {
        for (text, line, word) in [
            ("quota = 1\nquota == 2\n", 2, ""),
            ("quota = 1\n\nquotta = 2\n", 3, "quotta"),
            ("quota = 1\nring = \"large\"\n", 2, "large"),
            ("[limits]\njobs = -1\n", 2, "-1"),
            ("[defaults]\neject = true\nverify = \"fully\"\n", 3, "fully"),
        ] {
            let mistakes = filled(text, Chosen::default()).unwrap_err();
            assert_eq!(mistakes.len(), 1);
            assert!(mistakes[0].starts_with(&format!("d.toml:{line}: ")), "{mistakes:?}");
            assert!(mistakes[0].contains(word), "{mistakes:?}");
        }
    }

    #[test]
    fn the_file_that_is_installed_says_what_is_built_in() {
        let text = include_str!("../../systemd/discmaster.toml");
        // Every line of it is there to be taken in.
        let uncommented: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix("#").filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .collect();
        let config = filled(&uncommented.join("\n"), Chosen::default()).unwrap();
        let built_in = filled("", Chosen::default()).unwrap();
        assert_eq!(format!("{:?}", config.limits), format!("{:?}", built_in.limits));
        assert_eq!(config.defaults, built_in.defaults);
        assert_eq!(
            (config.quota, config.idle_time, config.job_retention, config.ring),
            (built_in.quota, built_in.idle_time, built_in.job_retention, built_in.ring)
        );
    }
}
