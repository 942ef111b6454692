//! Keeping everybody else from a drive while a disc is changed: mounts, udev and what follows it, the sibling node.
//!
//! A mount and other burning programs are kept out by `O_EXCL`. udev and whoever acts on its word (udisks, automounters)
//! stay away from a block device that is locked with flock(2), as systemd's "Locking Block Device Access" has it, and
//! take up what came in meanwhile when the lock is gone. Neither covers the SCSI generic node of the same drive.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::stat::{major, minor};

use crate::api::{self, ErrorKind};

use super::device::AnyTransport;
use super::mounts;

/// What keeps others away, for as long as it lives.
#[derive(Debug)]
pub(super) struct Alone {
    _lock: Option<File>,
    _generic: Option<File>,
}

impl Alone {
    /// Keeps others from the device. A virtual recorder has one host at a time by itself.
    ///
    /// # Errors
    /// `FileSystem` when the disc is mounted; `DeviceNotAccessible` when another program has the drive.
    pub fn with(device: &mut AnyTransport) -> api::Result<Self> {
        let Some(node) = device.node().map(Path::to_path_buf) else {
            return Ok(Self { _lock: None, _generic: None });
        };
        device.insist_on_exclusive()?;
        Ok(Self { _lock: locked(&node)?, _generic: generic(&node)? })
    }
}

/// A directory of the kernel's about the device.
pub(super) fn sysfs(node: &Path) -> Option<PathBuf> {
    let device = fs::metadata(node).ok()?.rdev();
    Some(PathBuf::from(format!("/sys/dev/block/{}:{}", major(device), minor(device))))
}

/// The node, locked against udev; whoever has it locked gets ten seconds.
fn locked(node: &Path) -> api::Result<Option<File>> {
    let flags = libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(node) {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(%error, "the device is not locked against udev");
            return Ok(None);
        }
    };
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(in_use(node)),
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "the device is not locked against udev");
                return Ok(None);
            }
        }
    }
}

/// The SCSI generic node of the same drive. A machine may have none.
pub(super) fn sibling(node: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(sysfs(node)?.join("device/scsi_generic")).ok()?;
    Some(Path::new("/dev").join(entries.next()?.ok()?.file_name()))
}

/// The sibling, opened so that nobody else can.
fn generic(node: &Path) -> api::Result<Option<File>> {
    let Some(sibling) = sibling(node) else { return Ok(None) };
    let flags = libc::O_NONBLOCK | libc::O_EXCL | libc::O_CLOEXEC;
    let end = Instant::now() + PATIENCE;
    loop {
        match OpenOptions::new().read(true).write(true).custom_flags(flags).open(&sibling) {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end => {
                thread::sleep(PAUSE);
            }
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => return Err(in_use(&sibling)),
            Err(error) => {
                // A sandbox may allow the one node alone.
                tracing::debug!(%error, node = %sibling.display(), "the sibling node stays open to others");
                return Ok(None);
            }
        }
    }
}

fn in_use(node: &Path) -> api::Error {
    let places = mounts::of(node);
    if !places.is_empty() {
        return mounts::refusal(node, &places);
    }
    api::Error::new(
        ErrorKind::DeviceNotAccessible,
        format!(
            "Another program has {} open, and did not let go within {} seconds. The disc was not touched: end that \
             program, and try again.",
            node.display(),
            PATIENCE.as_secs()
        ),
    )
}

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_waits_for_whoever_has_it_and_ends_with_its_holder() {
        let node = tempfile::NamedTempFile::new().unwrap();
        let other = File::open(node.path()).unwrap();
        other.lock_shared().unwrap();
        let waiter = thread::spawn({
            let path = node.path().to_path_buf();
            move || locked(&path).unwrap().is_some()
        });
        drop(other);
        assert!(waiter.join().unwrap());
        assert!(File::open(node.path()).unwrap().try_lock().is_ok(), "it is free again");
    }

    #[test]
    fn a_node_that_cannot_be_opened_is_left_unlocked() {
        assert!(locked(Path::new("/dev/nothing-here")).unwrap().is_none());
        assert!(generic(Path::new("/dev/null")).unwrap().is_none());
    }
}
