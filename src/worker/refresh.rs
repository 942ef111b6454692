//! Making the kernel see a disc that was changed behind its back.
//!
//! Commands sent through SG_IO do not pass the kernel's own view of the disc: after a burn its block device keeps the
//! size of the blank one, reading and mounting fail, and no event tells a desktop (`burning.md`, users' points 1, 17, 18).
//! It looks again when the drive reports a new medium, which many do after closing, and all do after a reload.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::mmc::capacity::ReadableCapacity;
use crate::mmc::cdb::{GetConfiguration, ReadCapacity};
use crate::mmc::feature::{Configuration, code};
use crate::mmc::transport::Traced;

use super::alone::sysfs;
use super::broker::Broker;
use super::device::AnyTransport;
use super::drive::Drive;
use super::tray;

/// Has the kernel take in the disc's new size, with a reload where nothing less helps and the drive can close its tray
/// again; what a person has to do when it cannot.
pub(super) fn kernel(device: &mut Traced<AnyTransport>, broker: &mut Broker<'_>) -> Option<String> {
    let node = device.inner().node()?.to_path_buf();
    let blocks = recorded(device, broker)?;
    if knows(&node, blocks) || looks_again(&node, blocks) {
        return None;
    }
    if reloads(device, broker) {
        tracing::info!("the disc is reloaded, so that the kernel sees it");
        let mut drive = Drive::new(device, broker);
        if let Err(error) = tray::eject(&mut drive).and_then(|()| tray::load(&mut drive)) {
            tracing::warn!(%error, "the disc could not be reloaded");
            return Some(format!(
                "The disc was to be reloaded, so that the system sees what is on it. {} Close the tray by hand.",
                error.message
            ));
        }
        if looks_again(&node, blocks) {
            return None;
        }
    }
    Some(
        "The system still takes the disc for what it was before: take it out and insert it again before you read it."
            .to_owned(),
    )
}

/// Blocks that can be read by the drive's own word; `None` on a disc that is blank.
fn recorded(device: &mut Traced<AnyTransport>, broker: &mut Broker<'_>) -> Option<u64> {
    let answer = Drive::new(device, broker).query(&ReadCapacity::zeroed()).ok().flatten()?;
    let last = ReadableCapacity::parse(&answer).ok()?.last_lba;
    (last > 0).then(|| u64::from(last) + 1)
}

/// The size of the block device, in its units of 512 bytes, is that of the disc.
fn knows(node: &Path, blocks: u64) -> bool {
    let Some(size) = sysfs(node).and_then(|device| fs::read_to_string(device.join("size")).ok()) else {
        // Nothing is known of what the kernel knows.
        return true;
    };
    size.trim().parse::<u64>().is_ok_and(|sectors| sectors / 4 == blocks)
}

/// Each opening has the kernel ask the drive for news of its disc.
fn looks_again(node: &Path, blocks: u64) -> bool {
    let flags = libc::O_NONBLOCK | libc::O_CLOEXEC;
    if let Err(error) = OpenOptions::new().read(true).custom_flags(flags).open(node) {
        tracing::debug!(%error, "the device cannot be opened again");
    }
    knows(node, blocks)
}

/// The drive opens and closes its tray by itself (MMC-6 5.3.4: a tray, Eject and Load).
fn reloads(device: &mut Traced<AnyTransport>, broker: &mut Broker<'_>) -> bool {
    const ONE: u8 = 2;
    const TRAY: u8 = 0b001;
    const LOAD: u8 = 0x10;
    const EJECT: u8 = 0x08;
    let ask = GetConfiguration::new(ONE, code::REMOVABLE, 16);
    let answer = Drive::new(device, broker).query(&ask).ok().flatten().unwrap_or_default();
    Configuration::parse(&answer).ok().is_some_and(|drive| {
        drive.feature(code::REMOVABLE).and_then(|feature| feature.data.first()).is_some_and(|mechanism| {
            mechanism >> 5 == TRAY && mechanism & LOAD != 0 && mechanism & EJECT != 0
        })
    })
}
