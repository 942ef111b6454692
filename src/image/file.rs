//! A whole image into a file or pipe.

use super::layout::Layout;
use super::stream::{ContentSource, Stream, StreamError};
use super::tree::Tree;
use std::io::Write;
use thiserror::Error;

/// Bytes that travel at once: large enough to make calls rare, small enough to stay in the cache.
const BUFFER: usize = 512 * 1024;

/// Why an image was not written to its end.
#[derive(Debug, Error)]
pub enum WriteError<E: std::error::Error + Send + Sync + 'static> {
    /// The image could not be made.
    #[error(transparent)]
    Stream(#[from] StreamError<E>),
    /// The image could not be stored.
    #[error("cannot write the image at byte {position}: {source}")]
    Write {
        /// How many bytes had been written.
        position: u64,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Writes all blocks of an image, and tells how many bytes they were. Does not sync.
///
/// # Errors
/// The image could not be made or stored; what was written up to then is not an image.
pub fn write_image<S: ContentSource>(
    layout: &Layout,
    tree: &Tree,
    source: S,
    mut out: impl Write,
) -> Result<u64, WriteError<S::Error>> {
    let mut stream = Stream::new(layout, tree, source);
    let mut buffer = vec![0; BUFFER];
    loop {
        let position = stream.position();
        let bytes = stream.fill(&mut buffer)?;
        if bytes == 0 {
            break;
        }
        out.write_all(&buffer[..bytes]).map_err(|source| WriteError::Write { position, source })?;
    }
    let position = stream.position();
    out.flush().map_err(|source| WriteError::Write { position, source })?;
    Ok(position)
}
