//! Streaming a planned image into the ring, from files that must still be those that were staged.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, pread};

use super::contents::{Content, Contents};
use super::errors;
use super::identity::Print;
use super::open::{Opener, check};
use super::plan::Image;
use super::pulse::Pulse;
use crate::api::{self, BLOCK, Error, ErrorKind};
use crate::image::{ContentId, ContentSource, Stream, StreamError};
use crate::wire::ring::{Producer, RingEnd, RingError};

/// Files shorter than this are read at once anyway.
const READ_AHEAD: u64 = 256 * 1024;

/// Streams the planned image of `image` into the ring. The broker's death does not end it; a cancel does.
///
/// # Errors
/// `FileChanged` or `FileUnreadable` naming the file, `UserAbort`, or `HelperFailed` when the recorder's side is gone. The
/// ring's consumer has been told then.
pub fn feed(image: &Image, end: RingEnd, pulse: &mut Pulse<'_>) -> api::Result<()> {
    into_ring(end, |producer| {
        pulse.survive(image.planned()?.0.blocks());
        stream(image, producer, pulse)
    })
}

/// Streams the tracks of an audio disc into the ring; if the disc has a track of `data`, behind the image that came ready-made
/// or else the planned one.
///
/// # Errors
/// As for [`feed`]; `FileAccess` when the stash cannot be read.
pub fn feed_album(image: &mut Image, data: bool, end: RingEnd, pulse: &mut Pulse<'_>) -> api::Result<()> {
    into_ring(end, |producer| {
        let ready_made = image.sound().0.image().map(|image| u64::from(image.blocks()));
        let before = match ready_made {
            _ if !data => 0,
            Some(blocks) => blocks,
            None => image.planned()?.0.blocks(),
        };
        pulse.survive(before + image.sound().0.blocks());
        match image.sound().0.image() {
            _ if !data => {}
            Some(image) => image.stream_out(producer, pulse)?,
            None => stream(image, producer, pulse)?,
        }
        image.sound().0.stream_out(producer, before, pulse)
    })
}

/// Fills a ring, and tells its consumer how that ended.
fn into_ring(end: RingEnd, fill: impl FnOnce(&mut Producer) -> api::Result<()>) -> api::Result<()> {
    let mut producer = Producer::attach(end).map_err(ring_failed)?;
    let result = fill(&mut producer);
    match &result {
        Ok(()) => producer.finish(),
        Err(_) => producer.fail(),
    }
    result
}

fn stream(image: &Image, producer: &mut Producer, pulse: &mut Pulse<'_>) -> api::Result<()> {
    let (layout, tree, contents) = image.planned()?;
    let mut stream = Stream::new(layout, tree, FileSource::new(contents));
    loop {
        pulse.beat(stream.position() / BLOCK as u64, Some(producer.fill()))?;
        match producer.slot().map_err(ring_failed)? {
            Some(slot) => match stream.fill(slot).map_err(stream_failed)? {
                0 => return Ok(()),
                filled => producer.commit(filled).map_err(ring_failed)?,
            },
            None => {
                if producer.wait(pulse.watch(), None).map_err(ring_failed)?.also {
                    pulse.listen()?;
                }
            }
        }
    }
}

pub(super) fn ring_failed(error: RingError) -> Error {
    let message = format!("the image could not be handed to the recorder's process: {error}");
    Error::new(ErrorKind::HelperFailed, message).with("source", "ring")
}

fn stream_failed(error: StreamError<Error>) -> Error {
    let message = error.to_string();
    match error {
        StreamError::Source { source, .. } => source,
        StreamError::Shrunk { path, .. } => Error::new(ErrorKind::FileChanged, message).with("path", path),
        StreamError::Overrun { .. }
        | StreamError::TreeChanged
        | StreamError::Misplaced { .. }
        | StreamError::Buffer { .. } => Error::new(ErrorKind::InvalidImage, message),
    }
}

/// The contents of an image, read from where they are. Each is checked when it is opened and again behind its last byte.
#[derive(Debug)]
pub struct FileSource<'a> {
    contents: &'a Contents,
    opener: Opener,
    open: Option<Open<'a>>,
}

#[derive(Debug)]
enum Open<'a> {
    Live { file: OwnedFd, id: ContentId, print: Print, at: u64, size: u64 },
    Stashed { file: BorrowedFd<'a>, at: u64, end: u64 },
}

impl<'a> FileSource<'a> {
    /// The contents that a tree refers to by their numbers.
    pub fn new(contents: &'a Contents) -> Self {
        Self { contents, opener: Opener::default(), open: None }
    }

    fn shown(&self, id: ContentId) -> String {
        match self.contents.get(id) {
            Some(Content::Live { dir, name, .. }) => self.contents.shown(dir, self.contents.name(name)),
            Some(Content::Stashed { .. }) | None => "a copy in the stash".to_owned(),
        }
    }
}

impl ContentSource for FileSource<'_> {
    type Error = Error;

    fn open(&mut self, id: ContentId, size: u64) -> Result<(), Error> {
        self.open = None;
        self.open = Some(match self.contents.get(id) {
            Some(Content::Live { print, dir, name }) => {
                let (file, _) = self
                    .opener
                    .file(self.contents, print, dir, name)
                    .map_err(|trouble| trouble.error(&self.shown(id)))?;
                if size >= READ_AHEAD {
                    let _ = fadvise(&file, 0, None, Advice::Sequential);
                }
                Open::Live { file, id, print, at: 0, size }
            }
            Some(Content::Stashed { file, place }) => {
                let file = self.contents.stash_file(file).ok_or_else(missing)?;
                Open::Stashed { file, at: place.0, end: { place.0 }.saturating_add(size) }
            }
            None => return Err(missing()),
        });
        Ok(())
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let (file, at, left) = match &mut self.open {
            Some(Open::Live { file, at, size, .. }) => (OwnedFd::as_fd(file), at, *size),
            Some(Open::Stashed { file, at, end }) => (*file, at, *end),
            None => return Err(missing()),
        };
        let wanted = (left.saturating_sub(*at)).min(buf.len() as u64) as usize;
        let read = loop {
            match pread(file, &mut buf[..wanted], *at) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        match read {
            Ok(read) => {
                *at += read as u64;
                Ok(read)
            }
            Err(errno) => {
                let path = match &self.open {
                    Some(Open::Live { id, .. }) => self.shown(*id),
                    _ => "a copy in the stash".to_owned(),
                };
                Err(errors::unreadable_now(&path, &errno.into()))
            }
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        match self.open.take() {
            Some(Open::Live { file, id, print, .. }) => {
                let checked = check(self.contents, file.as_fd(), print);
                checked.map(drop).map_err(|trouble| trouble.error(&self.shown(id)))
            }
            Some(Open::Stashed { .. }) | None => Ok(()),
        }
    }
}

fn missing() -> Error {
    Error::new(
        ErrorKind::InvalidImage,
        "the image refers to a content that is not there; add the files again",
    )
}
