//! A failure as the command line tells it: an exit code, a sentence, and what to do next.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

use crate::api::{self, Detail, ErrorKind};

use super::exit::{Exit, Reached};
use super::hint::hint;
use super::messages::{msgid, said, tr};

/// `std::result::Result` with the command line's failure.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why a command ended without doing what was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The code to leave with.
    pub exit: Exit,
    /// The failure's name: one of the service's (`DiscFull`), or `Usage`, `NoBus`, `NoService`, `ServiceGone`, `Io`,
    /// `Interrupted`, `Unexpected`.
    pub name: String,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The service's figures; empty when it gave none.
    pub details: BTreeMap<String, Detail>,
}

impl Failure {
    /// A failure that the service reported, of a job that had come so far.
    pub fn reported(error: api::Error, reached: Reached) -> Self {
        let hint = match (error.kind, reached) {
            (ErrorKind::UserAbort, Reached::Nothing) => {
                msgid!("nothing was written: the disc is as it was, and can be used at once")
            }
            (kind, _) => hint(kind),
        };
        Self {
            exit: Exit::of(error.kind, reached),
            name: error.kind.name().to_owned(),
            message: error.message,
            hint: Some(said(hint)),
            details: error.details,
        }
    }

    /// A failure of our own.
    pub fn new(exit: Exit, name: &str, message: impl Into<String>) -> Self {
        Self { exit, name: name.to_owned(), message: message.into(), hint: None, details: BTreeMap::new() }
    }

    /// An argument that makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "Usage", message)
    }

    /// A file that could not be opened, read or written.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(Exit::Other, "Io", format!("{what}: {error}"))
    }

    /// Content for a disc that cannot be read. That it is not there is the command line's fault.
    pub fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let message = tr!("{path} cannot be opened: {error}", path = path.display(), error);
        if error.kind() == std::io::ErrorKind::NotFound {
            return Self::usage(message);
        }
        let error = api::Error::new(ErrorKind::FileUnreadable, message);
        Self::reported(error.with("path", path.to_string_lossy().as_ref()), Reached::Nothing)
    }

    /// The same failure of a job that has not touched the disc yet: what is usually uncertain then is certain.
    #[must_use]
    pub fn before_writing(self) -> Self {
        match self.exit {
            Exit::Unknown => Self {
                exit: Exit::NothingWritten,
                message: tr!("{} before anything was written: the disc is as it was", self.message),
                hint: Some(tr!("start the command again")),
                ..self
            },
            _ => self,
        }
    }

    /// The same failure with a word on what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The failure as an object for programs: `error`, `message`, `hint`, `exit`, `details`.
    pub fn json(&self) -> Value {
        json!({
            "error": self.name,
            "message": self.message,
            "hint": self.hint,
            "exit": self.exit.code(),
            "details": details(&self.details),
        })
    }
}

/// Details as a JSON object.
pub fn details(details: &BTreeMap<String, Detail>) -> Value {
    let value = |detail: &Detail| match detail {
        Detail::Number(number) => json!(number),
        Detail::Text(text) => json!(text),
    };
    details.iter().map(|(key, detail)| (key.clone(), value(detail))).collect::<serde_json::Map<_, _>>().into()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "discmaster: {}: {}", self.name, self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n{}", tr!("hint: {}", hint)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> api::Error {
        api::Error::new(ErrorKind::DiscFull, "the disc has room for 359847 blocks, 400000 are needed.")
            .with("needed-blocks", 400_000)
            .with("path", "/home/ann/films")
    }

    #[test]
    fn a_person_reads_the_name_the_message_and_the_hint() {
        let failure = Failure::reported(full(), Reached::Nothing);
        assert_eq!(
            failure.to_string(),
            "discmaster: DiscFull: the disc has room for 359847 blocks, 400000 are needed.\n\
             hint: leave something out, or insert a larger disc"
        );
    }

    #[test]
    fn content_that_cannot_be_read_leaves_the_disc_as_it_was_and_a_wrong_path_is_wrong_usage() {
        let failure = |kind: std::io::ErrorKind| {
            let failure = Failure::unreadable(Path::new("/a.wav"), &kind.into());
            (failure.exit, failure.name)
        };
        let unreadable = (Exit::NothingWritten, "FileUnreadable".to_owned());
        assert_eq!(failure(std::io::ErrorKind::PermissionDenied), unreadable);
        assert_eq!(failure(std::io::ErrorKind::NotFound), (Exit::Usage, "Usage".to_owned()));
    }

    #[test]
    fn a_disc_that_nothing_was_written_to_needs_no_erasing() {
        let hint = |reached| {
            let error = api::Error::new(ErrorKind::UserAbort, "Cancelled.");
            Failure::reported(error, reached).hint.unwrap()
        };
        assert!(!hint(Reached::Nothing).contains("erase"));
        assert!(hint(Reached::Writing).contains("erase"));
    }

    #[test]
    fn a_program_reads_the_same_with_figures() {
        let json = Failure::reported(full(), Reached::Nothing).json();
        assert_eq!(json["error"], "DiscFull");
        assert_eq!(json["exit"], 4);
        assert_eq!(json["details"]["needed-blocks"], 400_000);
        assert_eq!(json["details"]["path"], "/home/ann/films");
    }
}
