//! How a job ended, as its owner and as everybody hears it.

use serde::{Deserialize, Serialize};
use zbus::OwnedVariant;

use super::options::Dict;
use crate::api::{self, AddSummary, Detail, Error, ImportSummary, Report};

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it brought, or why it failed.
    pub result: api::Result<Yield>,
}

/// What a job that succeeded has to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Yield {
    /// An addition.
    Added(AddSummary),
    /// The tree of an earlier session.
    Imported(ImportSummary),
    /// A burn or an erasure.
    Disc(Report),
}

impl Outcome {
    /// Success, the error's name, a sentence, and the figures, as `Completed` and `GetResult` give them.
    pub fn parts(&self) -> (bool, String, String, Dict) {
        match &self.result {
            Ok(brought) => (true, String::new(), String::new(), brought.figures()),
            Err(error) => (false, error.bus_name(), error.message.clone(), error_figures(error)),
        }
    }

    /// The same for everybody's ears: no sentence and no figure that could name a file.
    pub fn public_parts(&self) -> (bool, String, String, Dict) {
        let (success, name, _, mut figures) = self.parts();
        figures.retain(|_, figure| !matches!(figure.value_signature().to_string().as_str(), "s" | "as"));
        (success, name, self.public_message(), figures)
    }

    /// The error's name and a sentence for the one who asked.
    pub fn name_and_message(&self, everybody: bool) -> (String, String) {
        match &self.result {
            Ok(_) => (String::new(), String::new()),
            Err(error) if everybody => (error.bus_name(), self.public_message()),
            Err(error) => (error.bus_name(), error.message.clone()),
        }
    }

    fn public_message(&self) -> String {
        match &self.result {
            Ok(_) => String::new(),
            Err(error) => {
                let kind = error.kind.name();
                format!("The job ended with {kind}. Its owner can read the whole account with Job.GetResult.")
            }
        }
    }
}

impl Yield {
    fn figures(&self) -> Dict {
        match self {
            Self::Added(summary) => added_figures(summary),
            Self::Imported(summary) => imported_figures(summary),
            Self::Disc(report) => disc_figures(report),
        }
    }
}

fn added_figures(summary: &AddSummary) -> Dict {
    dict([
        ("files", summary.files.into()),
        ("directories", summary.directories.into()),
        ("symlinks", summary.symlinks.into()),
        ("skipped", summary.skipped.into()),
        ("bytes", summary.bytes.into()),
        ("used-blocks", summary.used_blocks.into()),
    ])
}

fn imported_figures(summary: &ImportSummary) -> Dict {
    dict([
        ("files", summary.files.into()),
        ("directories", summary.directories.into()),
        ("symlinks", summary.symlinks.into()),
        ("left-out", summary.left_out.into()),
        ("volume-name", zbus::Str::from(summary.volume_name.clone()).into()),
        ("used-blocks", summary.used_blocks.into()),
    ])
}

fn disc_figures(report: &Report) -> Dict {
    let mut figures = dict([
        ("start", report.start.into()),
        ("blocks", report.blocks.into()),
        ("simulated", report.simulated.into()),
        ("speed", report.speed.into()),
        ("write-time", report.write_time.into()),
        ("ring-empty", report.ring_empty.into()),
    ]);
    if report.data_blocks > 0 {
        figures.insert("data-blocks".to_owned(), report.data_blocks.into());
    }
    if let Some(percent) = report.least_drive_buffer {
        figures.insert("least-drive-buffer".to_owned(), percent.into());
    }
    if let Some(verify) = &report.verify {
        figures.insert("verified-blocks".to_owned(), verify.blocks.into());
        figures.insert("verified-full".to_owned(), verify.full.into());
    }
    if let Ok(notes) = zbus::Variant::from(report.notes.clone()).try_into_owned()
        && !report.notes.is_empty()
    {
        figures.insert("notes".to_owned(), notes);
    }
    figures
}

fn error_figures(error: &Error) -> Dict {
    error.details.iter().map(|(key, detail)| (key.clone(), figure(detail))).collect()
}

fn figure(detail: &Detail) -> OwnedVariant {
    match detail {
        Detail::Number(number) => (*number).into(),
        Detail::Text(text) => zbus::Str::from(text.clone()).into(),
    }
}

fn dict<const N: usize>(figures: [(&str, OwnedVariant); N]) -> Dict {
    figures.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ErrorKind;

    fn failure(message: &str) -> Outcome {
        let error =
            Error::new(ErrorKind::FileChanged, message).with("path", "/home/me/secret").with("block", 7);
        Outcome { result: Err(error) }
    }

    #[test]
    fn what_everybody_hears_names_no_file() {
        let outcome = failure("The file /home/me/secret changed.");
        let (success, name, message, figures) = outcome.public_parts();
        assert_eq!((success, name.as_str()), (false, "org.discmaster1.Error.FileChanged"));
        assert!(!message.contains("secret"));
        assert_eq!(figures.keys().collect::<Vec<_>>(), ["block"]);
        assert_eq!(outcome.parts().2, "The file /home/me/secret changed.");
    }
}
