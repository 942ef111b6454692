//! The tray: locked during an operation, opened and closed on request.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::api::{self, ErrorKind, Phase};
use crate::mmc::cdb::{PreventAllow, StartStopUnit};
use crate::mmc::opcode::Opcode;
use crate::mmc::policy::{During, Verdict};

use super::drive::{Drive, QUICK};
use super::error::{Doing, Scene, Trouble};
use super::inspect::READY;

/// A drive whose tray is locked; dropping it unlocks, whatever happened in between.
#[derive(Debug)]
pub(super) struct Locked<'d, 'a> {
    drive: &'d mut Drive<'a>,
}

impl<'d, 'a> Locked<'d, 'a> {
    /// Locks the tray. A drive that cannot is used all the same.
    pub fn new(drive: &'d mut Drive<'a>) -> Result<Self, Trouble> {
        match drive.tell(&PreventAllow::new(true), During::SetSpeed, QUICK) {
            Ok(()) => {}
            Err(trouble @ Trouble::Refused { .. }) => tracing::debug!(%trouble, "the tray cannot be locked"),
            Err(trouble) => return Err(trouble),
        }
        Ok(Self { drive })
    }
}

impl Drop for Locked<'_, '_> {
    fn drop(&mut self) {
        let allow = |drive: &mut Drive<'_>| drive.tell(&PreventAllow::new(false), During::SetSpeed, QUICK);
        if let Err(trouble) = self.drive.insist(allow) {
            tracing::warn!(%trouble, "the tray could not be unlocked");
        }
    }
}

impl<'a> Deref for Locked<'_, 'a> {
    type Target = Drive<'a>;

    fn deref(&self) -> &Drive<'a> {
        self.drive
    }
}

impl<'a> DerefMut for Locked<'_, 'a> {
    fn deref_mut(&mut self) -> &mut Drive<'a> {
        self.drive
    }
}

/// Takes away the lock of a worker that died, should there be one: its successor has nothing under way yet.
pub(super) fn unlock_what_was_left(drive: &mut Drive<'_>) {
    let unlocked = drive.tell(&PreventAllow::new(false), During::SetSpeed, QUICK);
    if let Err(trouble) = unlocked {
        tracing::debug!(%trouble, "the tray may be locked");
    }
}

/// Opens the tray, and waits until it is open.
///
/// # Errors
/// `DeviceInvalidType` when the drive cannot, `DeviceNotAccessible` when it is stuck or locked by somebody else.
pub fn eject(drive: &mut Drive<'_>) -> api::Result<()> {
    drive.begin(Phase::Ejecting, 0, false);
    // A lock may be left from a program that died.
    let unlocked = drive.tell(&PreventAllow::new(false), During::SetSpeed, QUICK);
    if let Err(trouble @ Trouble::Link { .. }) = unlocked {
        return Err(Scene::new(Doing::Tray).error(&trouble));
    }
    let done = drive
        .get_to_know()
        .and_then(|()| stopped(drive))
        .and_then(|()| drive.tell(&StartStopUnit::eject(true), During::Load, MOVE))
        .and_then(|()| opened(drive));
    done.map_err(|trouble| moving(&trouble, "open"))
}

/// Closes the tray, and waits until the disc in it is ready or there proves to be none.
///
/// # Errors
/// `DeviceInvalidType` when the tray has to be pushed in by hand, `UserAbort` when cancelled while waiting.
pub fn load(drive: &mut Drive<'_>) -> api::Result<()> {
    drive.begin(Phase::Preparing, 0, true);
    let done = drive.get_to_know().and_then(|()| {
        let command = StartStopUnit::load(!drive.quirks.loads_synchronously);
        drive.tell(&command, During::Query, MOVE)
    });
    let done = done.and_then(|()| loaded(drive));
    done.map_err(|trouble| moving(&trouble, "close"))
}

/// Stops the disc of a drive that would not let it out otherwise.
fn stopped(drive: &mut Drive<'_>) -> Result<(), Trouble> {
    if !drive.quirks.ejects_after_stop {
        return Ok(());
    }
    match drive.tell(&StartStopUnit::stop(false), During::Load, MOVE) {
        Err(Trouble::Refused { .. }) => Ok(()),
        other => other,
    }
}

fn opened(drive: &mut Drive<'_>) -> Result<(), Trouble> {
    match drive.settle(During::Query, MOVE) {
        Err(trouble) if trouble.verdict() == Some(Verdict::NoMedium) => Ok(()),
        // Slot-in drives are ready again at once when the disc is not taken.
        other => other,
    }
}

/// Drives deny the disc while they pull it in, so its absence is believed only after a while.
fn loaded(drive: &mut Drive<'_>) -> Result<(), Trouble> {
    let denied = |trouble: &Trouble| match trouble {
        Trouble::Refused { sense, command: Opcode::TEST_UNIT_READY, .. } if sense.asc == 0x3a => Some(*sense),
        _ => None,
    };
    let end = drive.host.now().saturating_add(PULL_IN);
    loop {
        match drive.settle(During::Query, READY) {
            Err(trouble) => match denied(&trouble) {
                Some(_) if drive.host.now() < end => {}
                // The tray is out after all: whoever moves it, it was not the drive.
                Some(sense) if sense.ascq == TRAY_OPEN => return Err(trouble),
                Some(_) => return Ok(()),
                None => return Err(trouble),
            },
            Ok(()) => return Ok(()),
        }
        drive.host.pause(PULL_POLL);
        drive.check_cancel()?;
    }
}

fn moving(trouble: &Trouble, what: &str) -> api::Error {
    let by_hand = match trouble {
        Trouble::Refused { sense, .. } => {
            trouble.verdict() == Some(Verdict::Unsupported) || (sense.asc, sense.ascq) == (0x3a, TRAY_OPEN)
        }
        _ => false,
    };
    if by_hand {
        let error = api::Error::new(
            ErrorKind::DeviceInvalidType,
            format!("This drive does not {what} its tray by itself: {what} it by hand."),
        );
        return Scene::new(Doing::Tray).details(error, trouble);
    }
    Scene::new(Doing::Tray).error(trouble)
}

const MOVE: Duration = Duration::from_secs(60);
const PULL_IN: Duration = Duration::from_secs(20);
const PULL_POLL: Duration = Duration::from_millis(250);
const TRAY_OPEN: u8 = 0x02;
