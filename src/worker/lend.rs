//! Reading blocks of the disc for a stager that imports the tree of an earlier session.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::api::{self, BLOCK, ErrorKind, Phase};
use crate::mmc::policy::During;
use crate::wire::broker_worker::ReadOrder;
use crate::wire::stager_worker::{BLOCKS_AT_ONCE, BLOCKS_IN_ALL, BlocksRead, ReadBlocks, ReadingEnd};
use crate::wire::{Channel, ChannelError};

use super::drive::Drive;
use super::error::{Doing, Scene, Trouble};
use super::inspect::READY;
use super::verify::read_at_once;

/// How long a stager may think between two questions. It does nothing but take directories apart.
const THOUGHT: Duration = Duration::from_secs(60);
/// How often a cancel is looked for while it thinks.
const LOOK: u16 = 200;

/// Reads what a stager asks for, until it leaves. A block that cannot be read is its business; only a cancel, a lost
/// drive, or a stager that asks for what it may not ends this with an error.
///
/// # Errors
/// `UserAbort`, `HelperFailed`, or what became of the drive.
pub fn lend(drive: &mut Drive<'_>, order: ReadOrder, socket: OwnedFd) -> api::Result<()> {
    let stager: ReadingEnd = Channel::new(socket);
    let scene = Scene::new(Doing::Importing);
    drive.begin(Phase::Preparing, 0, true);
    drive.settle(During::Load, READY).map_err(|trouble| scene.error(&trouble))?;
    let mut left = BLOCKS_IN_ALL;
    while let Some(ask) = next(drive, &stager, scene)? {
        let answer = match check(ask, order, left) {
            Ok(()) => read(drive, ask, scene)?,
            Err(error) => return Err(error),
        };
        left -= u64::from(ask.count);
        if !give(drive, &stager, &BlocksRead(answer), scene)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Gives an answer; `false` when the stager has left. One that takes no answers is not waited for without end.
fn give(
    drive: &mut Drive<'_>,
    stager: &ReadingEnd,
    answer: &BlocksRead,
    scene: Scene<'_>,
) -> api::Result<bool> {
    let since = drive.host.now();
    loop {
        match stager.try_send(answer) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(ChannelError::Closed) => return Ok(false),
            Err(error) => return Err(misled(&error.to_string())),
        }
        wait(drive, stager, PollFlags::POLLOUT, since, scene)?;
    }
}

/// The next question; `None` when the stager has left.
fn next(drive: &mut Drive<'_>, stager: &ReadingEnd, scene: Scene<'_>) -> api::Result<Option<ReadBlocks>> {
    let since = drive.host.now();
    loop {
        match stager.try_receive() {
            Ok(Some((ask, _))) => return Ok(Some(ask)),
            Ok(None) => {}
            Err(ChannelError::Closed) => return Ok(None),
            Err(error) => return Err(misled(&error.to_string())),
        }
        wait(drive, stager, PollFlags::POLLIN, since, scene)?;
    }
}

/// Waits a moment for the stager to do its part; an error once it has had its time, or nobody wants this any more.
fn wait(
    drive: &mut Drive<'_>,
    stager: &ReadingEnd,
    until: PollFlags,
    since: Duration,
    scene: Scene<'_>,
) -> api::Result<()> {
    drive.check_cancel().map_err(|trouble| scene.error(&trouble))?;
    if drive.host.now().saturating_sub(since) > THOUGHT {
        return Err(misled("it neither asks for more nor takes what it asked for, and does not leave"));
    }
    let mut fds = [PollFd::new(stager.as_fd(), until)];
    let _ = poll(&mut fds, PollTimeout::from(LOOK));
    Ok(())
}

fn check(ask: ReadBlocks, order: ReadOrder, left: u64) -> api::Result<()> {
    let end = u64::from(ask.block) + u64::from(ask.count);
    if !(1..=BLOCKS_AT_ONCE).contains(&ask.count) || end > u64::from(order.end) {
        return Err(misled("it asked for blocks that it may not see"));
    }
    if u64::from(ask.count) > left {
        return Err(misled("it asked for more than any directories take"));
    }
    Ok(())
}

/// The blocks, or why they cannot be read; an error when nothing can be read any more.
fn read(drive: &mut Drive<'_>, ask: ReadBlocks, scene: Scene<'_>) -> api::Result<api::Result<Vec<u8>>> {
    let mut bytes = vec![0; usize::from(ask.count) * BLOCK];
    match read_at_once(drive, ask.block, &mut bytes) {
        Ok(()) => Ok(Ok(bytes)),
        Err(trouble @ (Trouble::Link { .. } | Trouble::Cancelled)) => Err(scene.error(&trouble)),
        Err(trouble) => Ok(Err(scene.at(ask.block).error(&trouble))),
    }
}

fn misled(what: &str) -> api::Error {
    let message = format!("The stager was not read to any more: {what}. The disc is as it was.");
    api::Error::new(ErrorKind::HelperFailed, message).with("source", "stager")
}
