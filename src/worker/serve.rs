//! The worker's life: open one device, then do one thing at a time for the broker.

use std::os::fd::OwnedFd;

use nix::sys::mman::{MlockAllFlags, mlockall, munlockall};

use crate::api::{self, Device, ErrorKind, Inspection, Report};
use crate::mmc::transport::Traced;
use crate::wire::broker_worker::{FromWorker, NO_ORDER, ReadOrder, ToWorker};
use crate::wire::ring::{Consumer, RingEnd};
use crate::wire::{Channel, ChannelError};

use super::alone::Alone;
use super::broker::Broker;
use super::device::{self, AnyTransport};
use super::drive::Drive;
use super::error::with_command;
use super::{confine, contents, erase, inspect, lend, record, refresh, sound, tray};

/// A worker's end of its channel.
pub type WorkerEnd = Channel<ToWorker, FromWorker>;

/// What a worker is doing when a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No device is open yet.
    Fresh,
    /// The device is open.
    Idle,
    /// An operation runs.
    Busy,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    /// It is done.
    Granted,
    /// It comes too late to matter.
    Pointless,
    /// The broker is not what it should be: it is not listened to any more.
    Denied,
}

/// The table of what a broker may ask when. A new message does not compile until somebody decides.
pub(super) const fn permission(ask: &ToWorker, state: State) -> Permission {
    match (ask, state) {
        (ToWorker::Open(_), State::Fresh) => Permission::Granted,
        (ToWorker::Open(_), State::Idle | State::Busy) => Permission::Denied,
        (
            ToWorker::Inspect
            | ToWorker::Read(_)
            | ToWorker::ReadContents
            | ToWorker::Record(_)
            | ToWorker::RecordAudio(_)
            | ToWorker::CloseUnfinished
            | ToWorker::Erase { .. }
            | ToWorker::Format { .. }
            | ToWorker::Eject
            | ToWorker::Load,
            State::Idle,
        ) => Permission::Granted,
        (
            ToWorker::Inspect
            | ToWorker::Read(_)
            | ToWorker::ReadContents
            | ToWorker::Record(_)
            | ToWorker::RecordAudio(_)
            | ToWorker::CloseUnfinished
            | ToWorker::Erase { .. }
            | ToWorker::Format { .. }
            | ToWorker::Eject
            | ToWorker::Load,
            State::Fresh | State::Busy,
        ) => Permission::Denied,
        (ToWorker::Again, State::Idle) => Permission::Granted,
        (ToWorker::Again, State::Busy) => Permission::Pointless,
        (ToWorker::Again, State::Fresh) => Permission::Denied,
        (ToWorker::Cancel, State::Busy) => Permission::Granted,
        (ToWorker::Cancel, State::Fresh | State::Idle) => Permission::Pointless,
    }
}

/// Serves a broker until it leaves. A burn, an erasure or a format outlives it. Once the device is open, the thread can
/// be `confined` to it, for good.
///
/// # Errors
/// When the channel fails, or the broker asks for what it may not.
pub fn serve(channel: &WorkerEnd, confined: bool) -> Result<(), ChannelError> {
    let mut device: Option<Traced<AnyTransport>> = None;
    let mut last = nothing_done();
    loop {
        let (ask, fds) = match channel.receive() {
            Ok(message) => message,
            Err(ChannelError::Closed) => return Ok(()),
            Err(error) => return Err(error),
        };
        let state = if device.is_some() { State::Idle } else { State::Fresh };
        match permission(&ask, state) {
            Permission::Granted => {}
            Permission::Pointless => continue,
            Permission::Denied => {
                return Err(ChannelError::Malformed(format!("{ask:?} came while {state:?}")));
            }
        }
        let stays = match (ask, device.as_mut()) {
            (ToWorker::Open(path), _) => {
                let (opened, stays) = open(channel, &path, confined)?;
                device = opened;
                stays
            }
            (ToWorker::Again, _) => say(channel, &last)?,
            (ask, Some(device)) => {
                let lasts = is_asked_for_again(&ask);
                let (done, gone) = operate(channel, device, ask, fds);
                let stays = tell(channel, gone, &done)?;
                // What comes before an order is not the end of one.
                last = if lasts { done } else { nothing_done() };
                stays
            }
            (_, None) => true,
        };
        if !stays {
            return Ok(());
        }
    }
}

/// Opens the device, gives up all else, and looks at it; whether the broker is still there.
fn open(
    channel: &WorkerEnd,
    path: &Device,
    confined: bool,
) -> Result<(Option<Traced<AnyTransport>>, bool), ChannelError> {
    let mut broker = Broker::new(channel, false);
    let (device, answer) = match device::open(path) {
        Ok(transport) => {
            let mut device = Traced::new(transport);
            // Before a drive has said anything: what it says is not to be trusted.
            if confined {
                confine::confine(device.inner());
            }
            let look = inspect::inspect(&mut Drive::new(&mut device, &mut broker));
            // The kernel locks the tray of a disc that is mounted.
            if look.is_ok() && !device.inner().is_mounted() {
                tray::unlock_what_was_left(&mut Drive::new(&mut device, &mut broker));
            }
            (Some(device), look.map(|look| look.inspection))
        }
        Err(error) => (None, Err(error)),
    };
    let answer = match &device {
        Some(device) => answer.map_err(|error| with_command(error, device)),
        None => answer,
    };
    if let (Some(device), Err(error)) = (&device, &answer) {
        explain(device, error);
    }
    // A device that could not be looked at is let go: somebody may plug in another cable.
    let device = device.filter(|_| answer.is_ok());
    Ok((device, tell(channel, broker.gone(), &FromWorker::Opened(answer))?))
}

/// The end of an order that never came.
fn nothing_done() -> FromWorker {
    let message = "The order did not reach the worker. Nothing was written: call again.";
    let error = api::Error::new(ErrorKind::HelperFailed, message).with("source", NO_ORDER);
    FromWorker::Done { result: Err(error), inspection: None }
}

/// Does what is asked and looks at the drive again; the answer, and whether the broker is gone.
fn operate(
    channel: &WorkerEnd,
    device: &mut Traced<AnyTransport>,
    ask: ToWorker,
    fds: Vec<OwnedFd>,
) -> (FromWorker, bool) {
    let changes = changes(&ask);
    let mut broker = Broker::new(channel, changes);
    let mut inspection = None;
    let wanted_out = takes_the_disc_out(&ask);
    let alone = keep_others_away(device.inner(), &ask);
    // A disc that is refused because it is mounted is not touched by what follows either.
    let changes = changes && alone.is_ok();
    let result = alone.and_then(|alone| {
        let mut drive = Drive::new(device, &mut broker);
        let result = match ask {
            ToWorker::Record(order) => {
                burn(&mut drive, fds, |drive, ring| record::record(drive, &order, ring))
            }
            ToWorker::RecordAudio(order) => {
                burn(&mut drive, fds, |drive, ring| sound::record(drive, &order, ring))
            }
            ToWorker::Read(order) => read(&mut drive, order, fds).map(|()| Report::default()),
            ToWorker::ReadContents => contents::contents(&mut drive)
                .map(|contents| Report { contents: Some(Box::new(contents)), ..Report::default() }),
            ToWorker::CloseUnfinished => erase::close_unfinished(&mut drive).map(|()| Report::default()),
            ToWorker::Erase { full, eject } => {
                erase::erase(&mut drive, full, eject).map(|()| Report::default())
            }
            ToWorker::Format { choice, full, eject } => {
                erase::format(&mut drive, choice.as_deref(), full, eject).map(|()| Report::default())
            }
            ToWorker::Eject => tray::eject(&mut drive).map(|()| Report::default()),
            ToWorker::Load => tray::load(&mut drive).map(|()| Report::default()),
            ToWorker::Inspect => inspect::inspect(&mut drive).map(|look| {
                inspection = Some(look.inspection);
                Report::default()
            }),
            // The table has let none of them come here.
            ToWorker::Open(_) | ToWorker::Cancel | ToWorker::Again => Ok(Report::default()),
        };
        drop(alone);
        result
    });
    let mut result = result.map_err(|error| with_command(error, device));
    if let Err(error) = &result {
        explain(device, error);
    }
    if changes && !wanted_out {
        broker.forget_cancel();
        if let (Some(note), Ok(report)) = (refresh::kernel(device, &mut broker), result.as_mut()) {
            report.notes.push(note);
        }
    }
    if inspection.is_none() && !broker.gone() {
        inspection = look_again(device, &mut broker);
    }
    // Whoever waits for the end may mount the disc at once.
    device.inner().share();
    (FromWorker::Done { result, inspection }, broker.gone())
}

/// A broker that is started meanwhile goes on with it, and asks how it ended.
const fn is_asked_for_again(ask: &ToWorker) -> bool {
    matches!(
        ask,
        ToWorker::Record(_) | ToWorker::RecordAudio(_) | ToWorker::Erase { .. } | ToWorker::Format { .. }
    )
}

/// The disc is another one afterwards.
const fn changes(ask: &ToWorker) -> bool {
    matches!(
        ask,
        ToWorker::Record(_)
            | ToWorker::RecordAudio(_)
            | ToWorker::CloseUnfinished
            | ToWorker::Erase { .. }
            | ToWorker::Format { .. }
    )
}

/// Whoever changes a disc has the drive alone, and who reads one as long as it is not mounted. A tray with a mounted disc
/// in it stays shut.
fn keep_others_away(device: &mut AnyTransport, ask: &ToWorker) -> api::Result<Option<Alone>> {
    match ask {
        ask if changes(ask) => Alone::with(device).map(Some),
        ToWorker::Eject => device.insist_on_exclusive().map(|()| None),
        ToWorker::Read(_) | ToWorker::ReadContents | ToWorker::Load => match device.insist_on_exclusive() {
            Err(error) if !device.is_mounted() => Err(error),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The tray opens at the end: what the kernel knows of this disc does not matter any more.
const fn takes_the_disc_out(ask: &ToWorker) -> bool {
    match ask {
        ToWorker::Record(order) => order.options.eject,
        ToWorker::RecordAudio(order) => order.options.eject,
        ToWorker::Erase { eject, .. } | ToWorker::Format { eject, .. } => *eject,
        _ => false,
    }
}

fn look_again(device: &mut Traced<AnyTransport>, broker: &mut Broker<'_>) -> Option<Inspection> {
    broker.forget_cancel();
    match inspect::inspect(&mut Drive::new(device, broker)) {
        Ok(look) => Some(look.inspection),
        Err(error) => {
            tracing::warn!(%error, "the drive could not be looked at afterwards");
            None
        }
    }
}

fn read(drive: &mut Drive<'_>, order: ReadOrder, fds: Vec<OwnedFd>) -> api::Result<()> {
    let [socket] = <[OwnedFd; 1]>::try_from(fds).map_err(|fds| {
        let message = format!("A stager came with {} descriptors instead of one.", fds.len());
        api::Error::new(ErrorKind::HelperFailed, message).with("source", "stager")
    })?;
    lend::lend(drive, order, socket)
}

fn burn(
    drive: &mut Drive<'_>,
    fds: Vec<OwnedFd>,
    record: impl FnOnce(&mut Drive<'_>, Consumer) -> api::Result<Report>,
) -> api::Result<Report> {
    let broken = |why: String| api::Error::new(ErrorKind::HelperFailed, why).with("source", "ring");
    let [memory, wake] = <[OwnedFd; 2]>::try_from(fds).map_err(|fds| {
        broken(format!("A burn came with {} descriptors instead of a ring's two.", fds.len()))
    })?;
    let ring = Consumer::attach(RingEnd { memory, wake })
        .map_err(|error| broken(format!("The ring cannot be used: {error}. Nothing was written.")))?;
    // Nothing of this process, the ring included, is to be fetched from a swap device in the middle of a write.
    let locked = mlockall(MlockAllFlags::MCL_CURRENT);
    if let Err(error) = locked {
        tracing::debug!(%error, "the memory stays pageable");
    }
    let report = record(drive, ring);
    if locked.is_ok() {
        let _ = munlockall();
    }
    report
}

fn tell(channel: &WorkerEnd, gone: bool, message: &FromWorker) -> Result<bool, ChannelError> {
    if gone {
        tracing::info!(?message, "nobody is left to tell");
        return Ok(false);
    }
    say(channel, message)
}

fn say(channel: &WorkerEnd, message: &FromWorker) -> Result<bool, ChannelError> {
    match channel.send(message, &[]) {
        Ok(()) => Ok(true),
        Err(ChannelError::Closed) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The last commands, for who reads the log after a failure.
fn explain(device: &Traced<AnyTransport>, error: &api::Error) {
    tracing::warn!(%error, details = ?error.details, "failed");
    for line in device.lines() {
        tracing::info!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::api::RecordOptions;
    use crate::wire::broker_worker::{AudioOrder, Expected, RecordOrder};

    #[test]
    fn what_may_be_asked_when_is_this_table() {
        let expected = Expected { profile: 9, next_writable: 0, free_blocks: 1 };
        let options = RecordOptions::default();
        let order = RecordOrder { blocks: 1, start: 0, options, expected, imprint: None };
        let audio = AudioOrder {
            data: None,
            tracks: vec![],
            catalog: None,
            packs: vec![],
            at_once: true,
            options: RecordOptions::default(),
            expected,
        };
        let asks = [
            ("open", ToWorker::Open(Device::Scsi("/dev/sr0".into()))),
            ("inspect", ToWorker::Inspect),
            ("read", ToWorker::Read(ReadOrder { end: 1 })),
            ("contents", ToWorker::ReadContents),
            ("record", ToWorker::Record(order)),
            ("audio", ToWorker::RecordAudio(audio)),
            ("close", ToWorker::CloseUnfinished),
            ("erase", ToWorker::Erase { full: false, eject: false }),
            ("format", ToWorker::Format { choice: None, full: false, eject: false }),
            ("eject", ToWorker::Eject),
            ("load", ToWorker::Load),
            ("cancel", ToWorker::Cancel),
            ("again", ToWorker::Again),
        ];
        let mut table = String::new();
        for (name, ask) in &asks {
            let cells = [State::Fresh, State::Idle, State::Busy].map(|state| permission(ask, state));
            writeln!(table, "{name:8}{cells:?}").unwrap();
        }
        assert_eq!(
            table,
            "open    [Granted, Denied, Denied]\n\
             inspect [Denied, Granted, Denied]\n\
             read    [Denied, Granted, Denied]\n\
             contents[Denied, Granted, Denied]\n\
             record  [Denied, Granted, Denied]\n\
             audio   [Denied, Granted, Denied]\n\
             close   [Denied, Granted, Denied]\n\
             erase   [Denied, Granted, Denied]\n\
             format  [Denied, Granted, Denied]\n\
             eject   [Denied, Granted, Denied]\n\
             load    [Denied, Granted, Denied]\n\
             cancel  [Pointless, Pointless, Granted]\n\
             again   [Denied, Granted, Pointless]\n"
        );
    }
}
