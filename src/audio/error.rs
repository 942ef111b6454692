//! What is wrong with a sound file, and where.

use std::fmt;

use crate::api::{self, ErrorKind};

/// A sound file that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioError {
    /// What the file is called.
    pub name: String,
    /// Where in its sound, in thousandths of a second; `None` when the sound was not reached.
    pub milliseconds: Option<u64>,
    /// The byte that had been read to.
    pub byte: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It is none of the kinds that are known.
    #[error("is not a sound file of a kind known here")]
    NotAudio,
    /// It is of a kind for which there is no decoder.
    #[error("is a {0} file, for which there is no decoder here")]
    Foreign(&'static str),
    /// It is of a known kind, but uses what is not known of it.
    #[error("uses what is not supported: {0}")]
    Unsupported(String),
    /// It is not what its kind demands.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// Its end is missing.
    #[error("is cut off: {0}")]
    CutOff(String),
    /// There is no sound in it.
    #[error("holds no sound")]
    Empty,
    /// Its sound changes rate or channels on the way.
    #[error("changes from {before} to {after}")]
    Changes {
        /// Rate and channels before.
        before: String,
        /// And then.
        after: String,
    },
}

impl AudioError {
    /// The file cannot be taken because it is of another kind, not because something is wrong with it.
    pub const fn is_foreign(&self) -> bool {
        matches!(self.problem, Problem::NotAudio | Problem::Foreign(_) | Problem::Unsupported(_))
    }
}

impl fmt::Display for AudioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.problem)?;
        match self.milliseconds {
            Some(at) => {
                let (minutes, rest) = (at / 60_000, at % 60_000);
                write!(f, ", at {minutes}:{:02}.{:03} (byte {})", rest / 1000, rest % 1000, self.byte)?;
            }
            None if self.is_foreign() => {}
            None => write!(f, ", near byte {}", self.byte)?,
        }
        match self.problem {
            Problem::Unreadable(_) | Problem::Empty => Ok(()),
            Problem::NotAudio | Problem::Foreign(_) | Problem::Unsupported(_) | Problem::Changes { .. } => {
                f.write_str(". Convert it to WAV or FLAC first")
            }
            Problem::Damaged(_) | Problem::CutOff(_) => f.write_str(". Get the file anew, or leave it out"),
        }
    }
}

impl std::error::Error for AudioError {}

impl From<AudioError> for api::Error {
    fn from(error: AudioError) -> Self {
        let kind = match error.problem {
            Problem::Unreadable(_) => ErrorKind::FileUnreadable,
            Problem::NotAudio | Problem::Foreign(_) | Problem::Unsupported(_) => ErrorKind::NotSupported,
            Problem::Damaged(_) | Problem::CutOff(_) | Problem::Empty | Problem::Changes { .. } => {
                ErrorKind::FileDamaged
            }
        };
        let told = Self::new(kind, format!("{error}; nothing was added."))
            .with("path", error.name.as_str())
            .with("byte", error.byte);
        match error.milliseconds {
            Some(at) => told.with("milliseconds", at),
            None => told,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(milliseconds: Option<u64>, problem: Problem) -> AudioError {
        AudioError { name: "/m/a.flac".into(), milliseconds, byte: 4096, problem }
    }

    #[test]
    fn an_error_names_the_file_the_place_and_what_to_do() {
        let damaged = error(Some(61_234), Problem::Damaged("a sum does not match".into()));
        assert_eq!(
            damaged.to_string(),
            "/m/a.flac is damaged: a sum does not match, at 1:01.234 (byte 4096). Get the file anew, or leave it out"
        );
        let foreign = error(None, Problem::Foreign("WavPack"));
        assert_eq!(
            foreign.to_string(),
            "/m/a.flac is a WavPack file, for which there is no decoder here. Convert it to WAV or FLAC first"
        );
        let told = api::Error::from(damaged);
        assert_eq!((told.kind, told.details.len()), (ErrorKind::FileDamaged, 3));
    }
}
