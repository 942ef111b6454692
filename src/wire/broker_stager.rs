//! Broker ↔ stager: one stager a session, running as the session's owner.
//!
//! The stager's end is its standard input. The first message is `Begin`. End of file means that the broker is gone:
//! a stager that feeds a burn finishes first, any other leaves at once.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::api::audio::{AlbumState, AudioFileOptions, AudioFileSummary};
use crate::api::{self, AddOptions, AddSummary, Entry, ImportSummary, JolietProperties, Progress};

/// What the broker asks of a stager. Every message but `Cancel` carries a number that its answer repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToStager {
    /// The request's number.
    pub id: u32,
    /// The request.
    pub ask: Ask,
}

/// A request to a stager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// Become the session's owner and set up an empty image. First, and once.
    Begin(Begin),
    /// Take in files: the directory or file whose descriptor travels with the frame, or a path.
    Add {
        /// The path, absolute, resolved with the owner's rights; `None` when a descriptor was passed.
        path: Option<PathBuf>,
        /// The caller's wishes.
        options: AddOptions,
        /// Blocks that the whole image may take; more is `DiscFull`, and nothing is taken in.
        capacity: Option<u64>,
    },
    /// Take an entry, and what is below it, out of the image.
    Remove(String),
    /// List a directory of the image.
    List(String),
    /// Empty the image and the stash.
    Clear,
    /// Take in the tree of a session of the disc in the recorder, instead of any that was taken in before. What was added
    /// stays, and wins over files of the same names. Blocks are asked for through the socket that travels with the frame.
    Import {
        /// The session's first block.
        start: u32,
        /// The first block of the disc in which nothing is recorded.
        end: u32,
    },
    /// Forget what was imported, and keep what was added.
    Forget,
    /// Set the volume's properties.
    SetProperties(JolietProperties),
    /// Check every file against its recorded identity and lay out the image for a disc.
    Plan {
        /// The address of the image's first block on the disc.
        start: u32,
        /// The image's volume descriptors are going to be copied to block 16.
        redirects: bool,
        /// A burn that was cut off goes on: it recorded the beginning of the same image, up to this block. The image gets
        /// the dates of that one, whose blocks are asked for through the socket that travels with the frame.
        recorded: Option<u32>,
    },
    /// Stream the planned image into the ring, whose two descriptors (memory, wake) travel with the frame.
    Feed,
    /// Something about the sound of an audio disc.
    Audio(AudioAsk),
    /// Repeat the last `Done`, which may have been told to a broker that is no more, and tell what is staged. While something
    /// runs, after its own `Done`.
    Again,
    /// End the running `Add`, `Import`, `Plan` or `Feed`. Its number is that of the request to end.
    Cancel,
}

/// A request about the sound of an audio disc.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AudioAsk {
    /// Tell what is staged.
    State,
    /// Open a track.
    Create,
    /// Take raw sound into the open track, out of the descriptor that travels with the frame.
    Stream {
        /// Blocks that the track may still take; what is more is left, and is `DiscFull`.
        room: u64,
    },
    /// Decode the file whose descriptor travels with the frame, as a track of its own; wholly or not at all.
    File {
        /// The caller's wishes.
        options: AudioFileOptions,
        /// Blocks that the track may take.
        room: u64,
    },
    /// Close the open track, and make it as long as a track must be.
    Close {
        /// Blocks that may still be added to it.
        room: u64,
    },
    /// Take in the image, out of the descriptor that travels with the frame, that becomes the track of data.
    Image {
        /// Blocks that it may take.
        room: u64,
    },
    /// Stream the tracks' sound into the ring, whose two descriptors (memory, wake) travel with the frame. Every track
    /// begins a chunk, and every chunk is whole blocks.
    Feed {
        /// The image that was taken in, or else the planned one, comes first, in chunks of its own blocks.
        data: bool,
    },
}

/// Who a stager is to be, and what it may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The owner's user id.
    pub uid: u32,
    /// The owner's primary group.
    pub gid: u32,
    /// The owner's supplementary groups.
    pub groups: Vec<u32>,
    /// The directory below which each user's own lies, where unnamed stash files are made.
    pub stash: PathBuf,
    /// Bytes that the stash may take.
    pub quota: u64,
    /// Entries that an image may have.
    pub max_entries: u64,
}

/// What a stager tells the broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FromStager {
    /// The number of the request that this belongs to.
    pub id: u32,
    /// The message.
    pub tell: Tell,
}

/// A message of a stager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tell {
    /// How far an `Add` or a `Feed` is; at most ten a second.
    Progress(Progress),
    /// The end of a request, with its outcome.
    Done(api::Result<Answer>),
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Nothing to tell (`Begin`, `Feed`, `Cancel`).
    Nothing,
    /// What an `Add` brought.
    Added(AddSummary),
    /// What an `Import` brought.
    Imported(ImportSummary),
    /// The entries of a directory, sorted by name; the flag tells that the list was cut.
    Entries(Vec<Entry>, bool),
    /// What is staged (`Again`).
    Staged {
        /// The blocks that the whole image takes.
        blocks: u64,
        /// There is anything in it.
        anything: bool,
    },
    /// The blocks that the whole image takes now (`Remove`, `Clear`, `Forget`, `SetProperties`, `Plan`).
    Blocks(u64),
    /// The staged tracks (`Audio`), and what a file brought.
    Album(Box<(AlbumState, Option<AudioFileSummary>)>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::audio::Texts;
    use crate::api::{EntryKind, Error, ErrorKind};
    use crate::wire::{Channel, ChannelError, pair};

    #[test]
    fn a_text_that_the_bus_would_not_take_is_not_taken_in() {
        let error = |message: &str| Error::new(ErrorKind::Generic, message);
        let texts = |text: &str| Texts { composer: text.to_owned(), ..Texts::default() };
        let file = |file| Answer::Album(Box::new((AlbumState::default(), Some(file))));
        let told = |text: &str| {
            [
                Err(error(text)),
                Err(error("why").with(text, 1_u64)),
                Err(error("why").with("path", text)),
                Ok(Answer::Imported(ImportSummary {
                    volume_name: text.to_owned(),
                    ..ImportSummary::default()
                })),
                Ok(Answer::Entries(
                    vec![Entry { name: text.to_owned(), kind: EntryKind::File, size: 0, mtime: 0 }],
                    false,
                )),
                Ok(file(AudioFileSummary { texts: texts(text), ..AudioFileSummary::default() })),
                Ok(file(AudioFileSummary { album: texts(text), ..AudioFileSummary::default() })),
                Ok(file(AudioFileSummary { isrc: text.to_owned(), ..AudioFileSummary::default() })),
            ]
        };
        let (broker, stager): (Channel<FromStager, ToStager>, Channel<ToStager, FromStager>) =
            pair().unwrap();
        let passes = |result| {
            stager.send(&FromStager { id: 1, tell: Tell::Done(result) }, &[]).unwrap();
            match broker.receive() {
                Ok(_) => true,
                Err(ChannelError::Malformed(_)) => false,
                Err(other) => panic!("{other}"),
            }
        };
        assert!(told("a\nb").into_iter().all(passes));
        for (number, result) in told("a\0b").into_iter().enumerate() {
            assert!(!passes(result), "text {number}");
        }
    }
}
