//! The drive for a host that does not come through the socket.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Shared;
use crate::vdrive::drive::{Drive, Reply};

/// Where a host sits. There is one: who comes through the socket meanwhile finds the drive in use.
#[derive(Clone, Debug)]
pub struct Seat {
    shared: Arc<Shared>,
}

impl Seat {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// Sits down, unless somebody sits there.
    pub fn take(&self) -> bool {
        !self.shared.host_in.swap(true, Ordering::AcqRel)
    }

    /// Gets up. A machine that is switched off holds no tray.
    pub fn leave(&self) {
        self.with(|drive, _| drive.locked = false);
        self.shared.host_in.store(false, Ordering::Release);
    }

    /// Has the drive carry out a command. The caller lets [`Reply::takes`] pass.
    pub fn execute(&self, cdb: &[u8], data: &[u8]) -> Reply {
        self.with(|drive, now| drive.execute(cdb, data, now))
    }

    /// Does something with the drive.
    pub fn with<R>(&self, act: impl FnOnce(&mut Drive, Duration) -> R) -> R {
        self.shared.with(act)
    }

    /// Pulls the drive out.
    pub fn unplug(&self) {
        self.shared.unplug();
    }

    /// Whether the drive was pulled out.
    pub fn is_gone(&self) -> bool {
        self.shared.is_gone.load(Ordering::Acquire)
    }

    /// Readable for ever, once the drive is pulled out.
    pub fn gone(&self) -> BorrowedFd<'_> {
        self.shared.gone.as_fd()
    }
}
