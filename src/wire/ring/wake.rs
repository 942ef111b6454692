//! Sleeping and waking. Who waits writes the index that it waits for into its word, looks once more, and sleeps on the
//! socket; who passes that index clears the word and sends a byte.
//!
//! No wake-up is lost, because (1) word and index are ordered by a fence on both sides, so that at least one side sees
//! the other; (2) whoever clears the word sends a byte afterwards; (3) a sleeper empties the socket *before* it writes
//! its word, so that such a byte is still there when it sleeps.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};

use super::RingError;

/// What ended a wait. Neither: the time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Woken {
    /// The other side has moved, or died: look at the ring again.
    pub ring: bool,
    /// The other descriptor is readable, or at its end.
    pub also: bool,
}

/// This side's end of the wake socket.
#[derive(Debug)]
pub struct Wake {
    socket: OwnedFd,
    dead: Cell<bool>,
}

impl Wake {
    pub const fn new(socket: OwnedFd) -> Self {
        Self { socket, dead: Cell::new(false) }
    }

    /// Asks to be woken at `index` (not 0). The caller looks at the ring once more before it sleeps.
    pub fn ask(&self, word: &AtomicU64, index: u64) -> Result<(), RingError> {
        self.drain()?;
        word.store(index, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        Ok(())
    }

    /// Wakes the other side if it waits for an index up to `reached`. The caller has published its index before.
    pub fn answer(&self, word: &AtomicU64, reached: u64) {
        fence(Ordering::SeqCst);
        let wanted = word.load(Ordering::Relaxed);
        if wanted != 0 && wanted <= reached {
            word.store(0, Ordering::Relaxed);
            self.knock();
        }
    }

    /// Sends a byte. A full socket holds bytes enough to wake anybody, and a dead reader needs none.
    pub fn knock(&self) {
        let _ = send(self.socket.as_raw_fd(), &[1], MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL);
    }

    /// Takes the bytes that wait, at most a few hundred, and notices the other's end.
    pub fn drain(&self) -> Result<(), RingError> {
        let mut bytes = [0_u8; 256];
        match recv(self.socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(0) | Err(nix::Error::ECONNRESET) => self.dead.set(true),
            Ok(_) | Err(nix::Error::EAGAIN | nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The other side's end has been seen.
    pub const fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// Sleeps until a byte comes, the other side dies, `also` is readable, or the time is up.
    pub fn sleep(&self, also: Option<BorrowedFd<'_>>, limit: Option<Duration>) -> Result<Woken, RingError> {
        let watch = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let timeout =
            limit.map_or(PollTimeout::NONE, |limit| PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX));
        let mut ring = [watch(self.socket.as_fd())];
        let mut both = also.map(|also| [watch(self.socket.as_fd()), watch(also)]);
        let fds = both.as_mut().map_or(ring.as_mut_slice(), |both| both.as_mut_slice());
        match poll(fds, timeout) {
            Ok(_) => {}
            Err(nix::Error::EINTR) => return Ok(Woken { ring: true, also: false }),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let ready = |at: usize| fds.get(at).is_some_and(|fd| fd.any().unwrap_or(true));
        Ok(Woken { ring: ready(0), also: ready(1) })
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
