//! The broker as the host of an operation: it watches, it may cancel, and it may die.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::api::Progress;
use crate::wire::broker_worker::{FromWorker, ToWorker};
use crate::wire::{Channel, ChannelError};

use super::host::Host;
use super::serve::{Permission, State, permission};

/// The broker at the other end of the worker's channel, during one operation.
#[derive(Debug)]
pub(super) struct Broker<'c> {
    channel: &'c Channel<ToWorker, FromWorker>,
    began: Instant,
    looked: Option<Instant>,
    cancel: bool,
    gone: bool,
    /// The operation outlives the broker.
    outlives: bool,
}

impl<'c> Broker<'c> {
    /// The broker for an operation that ends, or does not, when the broker dies.
    pub fn new(channel: &'c Channel<ToWorker, FromWorker>, outlives: bool) -> Self {
        Self { channel, began: Instant::now(), looked: None, cancel: false, gone: false, outlives }
    }

    /// The broker is gone, or broke the rules and is no longer listened to.
    pub const fn gone(&self) -> bool {
        self.gone
    }

    /// What was asked to end has ended: what follows is another matter.
    pub const fn forget_cancel(&mut self) {
        self.cancel = false;
    }

    fn look(&mut self) {
        self.looked = Some(Instant::now());
        while !self.gone {
            match self.channel.try_receive() {
                Ok(None) => return,
                Ok(Some((ask, _))) => match permission(&ask, State::Busy) {
                    Permission::Granted => self.cancel = true,
                    Permission::Pointless => {}
                    Permission::Denied => {
                        tracing::error!(?ask, "the broker asks for something while the drive is busy");
                        self.lose();
                    }
                },
                Err(ChannelError::Closed) => self.lose(),
                Err(error) => {
                    tracing::error!(%error, "the broker cannot be understood");
                    self.lose();
                }
            }
        }
    }

    fn lose(&mut self) {
        self.gone = true;
        if self.outlives {
            tracing::warn!("the broker is gone; going on to the end");
        } else {
            self.cancel = true;
        }
    }
}

impl Host for Broker<'_> {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn pause(&mut self, length: Duration) {
        let timeout = PollTimeout::try_from(length).unwrap_or(PollTimeout::MAX);
        if self.gone || self.cancel {
            // Nothing can arrive any more that would shorten it.
            std::thread::sleep(length);
            return;
        }
        let mut fds = [PollFd::new(self.channel.as_fd(), PollFlags::POLLIN)];
        // A poll in milliseconds ends at once for less.
        let arrived = if length < Duration::from_millis(1) {
            std::thread::sleep(length);
            true
        } else {
            poll(&mut fds, timeout) != Ok(0)
        };
        if arrived {
            self.look();
        }
    }

    fn cancelled(&mut self) -> bool {
        // Between two writes of a fast drive this would cost more than the write.
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            self.look();
        }
        self.cancel
    }

    fn progress(&mut self, progress: &Progress) {
        // A broker that is slow misses figures; a burn never waits for it.
        if !self.gone
            && matches!(self.channel.try_send(&FromWorker::Progress(*progress)), Err(ChannelError::Closed))
        {
            self.lose();
        }
    }

    fn wake(&self) -> Option<BorrowedFd<'_>> {
        (!self.gone).then(|| self.channel.as_fd())
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(10);
