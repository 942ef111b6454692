//! The ring: content on its way from a stager to a worker, in sealed shared memory.
//!
//! One producer, one consumer, chunks of [`CHUNK`] bytes. Neither trusts the other: each keeps its own index in private
//! memory, reads the other's once and checks it, and the seals keep the memory from shrinking under either. Whoever has
//! to wait says so in a word of the header and sleeps on a socket; the other sends one byte when the time has come.
//! End of file on that socket is the other's death, which a preceding `finish`, `fail` or `close` makes orderly.
//!
//! - `layout`: where the words and chunks lie, and the only access to them
//! - `wake`: who waits for what, and the socket
//! - `producer`, `consumer`: the two ends

mod consumer;
mod layout;
mod producer;
#[cfg(test)]
mod tests;
mod wake;

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::ftruncate;

pub use consumer::{Consumer, Take};
pub use layout::MAX_CHUNKS;
pub use producer::Producer;
pub use wake::Woken;

use layout::{SEALS, file_bytes};

/// Bytes in a chunk: what fits one WRITE of every drive's liking. All chunks are full but the last of an image.
pub const CHUNK: usize = 64 * 1024;

/// What a process needs to attach to a ring. The descriptors travel in this order.
#[derive(Debug)]
pub struct RingEnd {
    /// The shared memory, a sealed memfd.
    pub memory: OwnedFd,
    /// This side's end of the wake socket.
    pub wake: OwnedFd,
}

/// Why a ring cannot be used (any longer).
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// What was passed as the ring's memory is not a memfd of a fitting size with the seals on.
    #[error("the ring's memory is unfit: {0}")]
    Unfit(&'static str),
    /// The other side has written something into the ring that cannot be.
    #[error("the other side of the ring broke the rules: {0}")]
    Hostile(&'static str),
    /// The consumer wants no more: it has closed the ring in good order.
    #[error("the reader of the ring has closed it")]
    Closed,
    /// The other side died without a word.
    #[error("the other side of the ring died")]
    Died,
    /// A call on this side that breaks the rules: a wrong length, a buffer that is too small.
    #[error("the ring was used wrongly: {0}")]
    Misused(&'static str),
    /// The kernel refused something.
    #[error("the ring failed: {0}")]
    Io(#[from] io::Error),
}

impl From<nix::Error> for RingError {
    fn from(error: nix::Error) -> Self {
        Self::Io(error.into())
    }
}

/// Makes a ring that holds at least `bytes` (rounded up to whole chunks, at least two, at most [`MAX_CHUNKS`]):
/// the producer's end, then the consumer's. The memory costs nothing until it is filled.
///
/// # Errors
/// When the kernel has no more memory or descriptors.
pub fn create(bytes: usize) -> io::Result<(RingEnd, RingEnd)> {
    let chunks = bytes.div_ceil(CHUNK).clamp(2, MAX_CHUNKS);
    let memory = memfd_create("discmaster-ring", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    ftruncate(&memory, i64::try_from(file_bytes(chunks)).map_err(io::Error::other)?)?;
    fcntl(memory.as_fd(), FcntlArg::F_ADD_SEALS(SEALS | SealFlag::F_SEAL_SEAL))?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (one, two) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    let producer = RingEnd { memory: memory.try_clone()?, wake: one };
    Ok((producer, RingEnd { memory, wake: two }))
}
