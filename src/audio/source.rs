//! A file as the decoders read it: its place is known, and so is why it could not be read.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::MediaSource;

/// Something to read and seek, such as a file.
pub trait Source: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> Source for T {}

/// What is known of a source from outside of the decoder that owns it.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    at: AtomicU64,
    failed: Mutex<Option<String>>,
}

impl Watch {
    /// The byte that was read to.
    pub fn at(&self) -> u64 {
        self.0.at.load(Ordering::Relaxed)
    }

    /// Why the source could not be read, if it could not.
    pub fn failure(&self) -> Option<String> {
        self.0.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            let mut failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert_with(|| error.to_string());
        }
        result
    }
}

/// A source that is watched.
pub struct Watched {
    source: Box<dyn Source>,
    length: u64,
    watch: Watch,
}

impl Watched {
    /// Watches a source, which then stands at its beginning.
    pub fn new(mut source: Box<dyn Source>, watch: Watch) -> io::Result<Self> {
        let length = watch.note(source.seek(SeekFrom::End(0)))?;
        watch.note(source.rewind())?;
        Ok(Self { source, length, watch })
    }

    /// Its length in bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// What is at a place, as far as there is something.
    pub fn peek(&mut self, at: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut found = Vec::new();
        self.seek(SeekFrom::Start(at))?;
        Read::by_ref(self).take(most as u64).read_to_end(&mut found)?;
        Ok(found)
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.watch.note(self.source.read(buffer))?;
        self.watch.0.at.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // A place before the beginning is the decoder's mistake, not the file's.
        let at = self.source.seek(to)?;
        self.watch.0.at.store(at, Ordering::Relaxed);
        Ok(at)
    }
}

impl MediaSource for Watched {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}
