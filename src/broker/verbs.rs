//! What a recorder does by itself: eject, load, erase, format.

use super::authority::Caller;
use super::events::Event;
use super::face::Object;
use super::inspect::Turn;
use super::jobs::{About, Handle};
use super::locks::{Grant, Holder, LockId, Purpose, Scope};
use super::options::{EraseOptions, FormatOptions};
use super::outcome::{Outcome, Yield};
use super::permission::asker;
use super::recorder::{Activity, Recorder};
use super::resume::{Begun, worker_name};
use super::select::{no_medium, same_disc};
use super::service::{Service, State};
use super::session::{Activity as Occupation, Session};
use super::worker_link::WorkerLink;
use crate::api::{
    DiscStatus, Error, ErrorKind, MediaKind, Medium, Operation, Phase, Progress, Report, Result, names,
};
use crate::wire::broker_worker::ToWorker;

/// A verb's own lock on a recorder, for as long as this lives.
pub struct VerbLock {
    service: Service,
    lock: LockId,
    recorder: String,
}

/// An erasure or a format, from the moment that it is accepted.
struct Erasure {
    service: Service,
    handle: Handle,
    session: Option<u64>,
    /// The disc that the caller was authorised to change, if it was known.
    asked: Option<Medium>,
    /// A mounted disc is unmounted first.
    unmount: bool,
    turn: Turn,
    lock: Option<VerbLock>,
}

impl Service {
    /// `Eject` and `Load`, whichever is asked of the worker.
    ///
    /// # Errors
    /// `DeviceNotPresent`, `StashInUse`, `DeviceNotAccessible`, `Busy`, the authority's refusal, and what the drive
    /// says.
    pub async fn move_tray(&self, caller: &Caller, recorder: &str, ask: ToWorker) -> Result<()> {
        self.authorize_recorder(caller, names::ACTION_EJECT, recorder).await?;
        let _lock = self.lock_for_verb(caller, recorder)?;
        self.drive_tray(recorder, &ask).await
    }

    /// Somebody pressed the recorder's button: eject, unless the disc is in use.
    pub async fn button_pressed(self, recorder: String) {
        if self.state().locks.holder(&recorder).is_some() {
            tracing::info!("recorder {recorder}: its button was pressed while it is held");
            return;
        }
        if let Err(error) = self.drive_tray(&recorder, &ToWorker::Eject).await {
            tracing::warn!("recorder {recorder} did not eject at the press of its button: {error}");
        }
    }

    /// `Erase`: starts a job that blanks the disc.
    ///
    /// # Errors
    /// `DeviceNotPresent`, `DeviceInvalidType`, `MediumNotPresent`, `MediumInvalidType`, `StashInUse`,
    /// `DeviceNotAccessible`, `Busy`, `LimitsExceeded`, and the authority's refusal. The job: `WrongDisc`.
    pub async fn erase(
        &self,
        caller: &Caller,
        recorder: &str,
        full: bool,
        options: EraseOptions,
    ) -> Result<Handle> {
        let ask = ToWorker::Erase { full, eject: options.eject };
        self.wipe(caller, recorder, ask, options.unmount).await
    }

    /// `Format`: starts a job that formats the disc.
    ///
    /// # Errors
    /// As for [`Service::erase`], and `InvalidArgs` for a format that is not offered.
    pub async fn format(&self, caller: &Caller, recorder: &str, options: FormatOptions) -> Result<Handle> {
        let FormatOptions { choice, full, eject, unmount, .. } = options;
        self.wipe(caller, recorder, ToWorker::Format { choice, full, eject }, unmount).await
    }

    async fn wipe(&self, caller: &Caller, recorder: &str, ask: ToWorker, unmount: bool) -> Result<Handle> {
        let asked = self.state().recorder(recorder)?.medium().cloned();
        self.authorize_recorder(caller, names::ACTION_ERASE, recorder).await?;
        let operation = match &ask {
            ToWorker::Format { choice, .. } => {
                check_formattable(recorder, self.state().recorder(recorder)?, choice.as_deref())?;
                Operation::Format
            }
            _ => {
                check_erasable(recorder, self.state().recorder(recorder)?)?;
                Operation::Erase
            }
        };
        let lock = self.lock_for_verb(caller, recorder)?;
        let turn = self.reserve(recorder, Activity::Erasing)?;
        let (handle, session) = self.enter_wipe(caller, recorder, operation)?;
        if let Some(session) = session {
            self.face().sync(Object::Session(session));
        }
        if let (Some(held), Some(job)) = (&lock, self.state().jobs.get_mut(handle.number)) {
            job.lock = Some(held.lock);
        }
        let erasure =
            Erasure { service: self.clone(), handle: handle.clone(), session, asked, unmount, turn, lock };
        tokio::spawn(erasure.run(ask));
        Ok(handle)
    }

    /// Goes on with an erasure of an earlier broker.
    pub fn resume_erasure(&self, begun: Begun, turn: Turn) {
        let Begun { handle, about, worker, lock, .. } = begun;
        let (service, recorder) = (self.clone(), turn.recorder().to_owned());
        let lock = lock.map(|lock| VerbLock { service: service.clone(), lock, recorder });
        let erasure =
            Erasure { service, handle, session: about.session, asked: None, unmount: false, turn, lock };
        tokio::spawn(async move {
            let result = match erasure.turn.adopt(worker).await {
                Ok(worker) => erasure.follow(worker).await,
                Err(error) => Err(error),
            };
            erasure.conclude(result);
        });
    }

    /// The job of an erasure or a format, and the caller's session, which is occupied by it.
    fn enter_wipe(
        &self,
        caller: &Caller,
        recorder: &str,
        operation: Operation,
    ) -> Result<(Handle, Option<u64>)> {
        let mut guard = self.state();
        let state = &mut *guard;
        let session = state.session_holding(recorder, caller);
        let connection = match session {
            Some(number) => {
                let session = state.session(number)?;
                session.check_idle()?;
                session.owner.connection.clone()
            }
            None => Some(caller.sender.clone()),
        };
        let about =
            About { operation, session, recorder: Some(recorder.to_owned()), uid: caller.uid, connection };
        let handle = self.enter_job(state, about)?;
        if let Some(number) = session {
            // The session stays as long as its disc is being changed.
            state.session_mut(number)?.activity = Some(Occupation::Burning(handle.number));
        }
        Ok((handle, session))
    }

    async fn drive_tray(&self, recorder: &str, ask: &ToWorker) -> Result<()> {
        let turn = self.reserve(recorder, Activity::Moving)?;
        let (worker, _) = turn.worker().await?;
        worker.send(ask, &[]).await?;
        let (_never, cancel) = tokio::sync::watch::channel(false);
        let ended = worker.follow(cancel, |_| {}).await;
        turn.saw(ended.inspection);
        ended.result.map(drop)
    }

    /// A lock for the length of a verb, unless the caller holds the recorder already.
    pub(super) fn lock_for_verb(&self, caller: &Caller, recorder: &str) -> Result<Option<VerbLock>> {
        let lock = {
            let mut state = self.state();
            let asker = asker(caller);
            let holder = Holder {
                uid: caller.uid,
                connection: Some(caller.sender.clone()),
                client_name: format!("connection {}", caller.sender),
                since: std::time::SystemTime::now(),
            };
            let scope = Scope::One(recorder.to_owned());
            let lock = state.locks.acquire(Grant { scope, purpose: Purpose::Verb, holder }, asker)?;
            if state.locks.holds(recorder, asker) {
                state.locks.release(lock);
                return Ok(None);
            }
            lock
        };
        self.face().sync(Object::Recorder(recorder.to_owned()));
        Ok(Some(VerbLock { service: self.clone(), lock, recorder: recorder.to_owned() }))
    }
}

impl Erasure {
    async fn run(self, ask: ToWorker) {
        let result = self.blank(ask).await;
        self.conclude(result);
    }

    fn conclude(self, result: Result<Report>) {
        let Self { service, handle, session, turn, lock, .. } = self;
        let detached = |session: &Session| session.owner.connection.is_none();
        let everybody =
            session.is_some_and(|number| service.state().sessions.get(&number).is_some_and(detached));
        let outcome = Outcome { result: result.map(Yield::Disc) };
        let (error, message) = outcome.name_and_message(everybody);
        drop(turn);
        drop(lock);
        service.end_job(handle.number, outcome);
        if let Some(session) = session {
            service.tell(session, Event::EraseComplete(error, message));
            service.release_session(session, handle.number);
        }
    }

    async fn blank(&self, ask: ToWorker) -> Result<Report> {
        let Self { service, handle, turn, .. } = self;
        service.report(handle.number, Progress::begin(Phase::Preparing));
        if self.unmount {
            turn.unmount().await?;
        }
        let (mut worker, seen) = turn.worker().await?;
        if let Err(error) = check_asked(turn.recorder(), self.asked.as_ref(), seen.medium.as_ref()) {
            turn.saw(Some(seen));
            return Err(error);
        }
        worker.keep(service.manager(), worker_name(turn.recorder()));
        service.order(handle.number, 0);
        worker.send(&ask, &[]).await?;
        self.follow(worker).await
    }

    /// Follows a worker to the end of an erasure that it has its order for.
    async fn follow(&self, worker: WorkerLink) -> Result<Report> {
        let Self { service, handle, turn, .. } = self;
        let report = |progress| {
            service.report(handle.number, progress);
        };
        let ended = worker.follow(handle.cancel.clone(), report).await;
        let unseen = ended.inspection.is_none();
        turn.saw(ended.inspection);
        if unseen {
            service.look(turn.recorder());
        }
        ended.result
    }
}

impl State {
    /// The caller's open session that covers this recorder.
    pub fn session_holding(&self, recorder: &str, caller: &Caller) -> Option<u64> {
        let mine = |one: &Session| match &one.owner.connection {
            Some(connection) => *connection == caller.sender,
            None => one.owner.uid == caller.uid,
        };
        let covers = |one: &Session| !one.is_closed() && one.scope.covers(recorder);
        self.sessions.iter().find(|(_, one)| covers(one) && mine(one)).map(|(number, _)| *number)
    }
}

impl Drop for VerbLock {
    fn drop(&mut self) {
        self.service.state().locks.release(self.lock);
        self.service.face().sync(Object::Recorder(self.recorder.clone()));
    }
}

/// Refuses a disc that is not the one that was asked about: a dialog may have stood for minutes.
fn check_asked(id: &str, asked: Option<&Medium>, seen: Option<&Medium>) -> Result<()> {
    let (Some(asked), Some(seen)) = (asked, seen) else { return Ok(()) };
    if same_disc(asked, seen) {
        return Ok(());
    }
    let message = format!(
        "The disc in {id} is not the one that was there when you asked, or has changed since. Nothing was changed: \
         look at the disc, and call again."
    );
    Err(Error::new(ErrorKind::WrongDisc, message))
}

/// Refuses what is known not to be erasable; a recorder that was never looked at is left to the worker.
fn check_erasable(id: &str, recorder: &Recorder) -> Result<()> {
    if recorder.inspection.is_none() {
        return Ok(());
    }
    let rewrites = [
        MediaKind::CdRw,
        MediaKind::DvdMinusRwSequential,
        MediaKind::DvdMinusRwRestrictedOverwrite,
        MediaKind::DvdPlusRw,
        MediaKind::DvdRam,
        MediaKind::BdRe,
    ];
    if !rewrites.iter().any(|kind| recorder.knows(*kind)) {
        let message = format!("Recorder {id} cannot rewrite discs of any kind, so it cannot erase one.");
        return Err(Error::new(ErrorKind::DeviceInvalidType, message));
    }
    let Some(medium) = recorder.medium() else { return Err(no_medium(id)) };
    if !medium.rewritable && medium.status != DiscStatus::Other {
        let kind = medium.kind().name();
        let message = format!(
            "The disc in {id} ({kind}) can be written once and not erased. Insert a rewritable disc."
        );
        return Err(Error::new(ErrorKind::MediumInvalidType, message));
    }
    Ok(())
}

/// Refuses what is known not to be formatted, or not so; a recorder that was never looked at is left to the worker.
fn check_formattable(id: &str, recorder: &Recorder, choice: Option<&str>) -> Result<()> {
    if recorder.inspection.is_none() {
        return Ok(());
    }
    let Some(medium) = recorder.medium() else { return Err(no_medium(id)) };
    let kind = medium.kind().name();
    if medium.formats.is_empty() {
        let message = format!(
            "The disc in {id} ({kind}) is not one that is formatted, or no longer can be. Erase makes rewritable discs \
             blank."
        );
        return Err(Error::new(ErrorKind::MediumInvalidType, message));
    }
    match choice.filter(|name| medium.formats.iter().all(|format| format.name != **name)) {
        None => Ok(()),
        Some(name) => {
            let offered: Vec<_> = medium.formats.iter().map(|format| format.name.as_str()).collect();
            let offered = offered.join(", ");
            let message = format!("The disc in {id} ({kind}) has no format “{name}”. It has: {offered}.");
            Err(Error::new(ErrorKind::InvalidArgs, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::FormatChoice;
    use crate::broker::select::tests::blank_cd;

    #[test]
    fn only_the_disc_that_was_asked_about_is_erased() {
        let kind = |asked, seen| check_asked("sr0", asked, seen).err().map(|error| error.kind);
        let written = Medium { profile: 0x0a, status: DiscStatus::Closed, free_blocks: 0, ..blank_cd() };
        let other = Medium { manufacturer_id: "97m15s17f".into(), ..written.clone() };
        assert_eq!(kind(Some(&written), Some(&written)), None);
        assert_eq!(kind(Some(&written), Some(&other)), Some(ErrorKind::WrongDisc));
        // What was never looked at, and an empty tray, are the worker's to judge.
        assert_eq!((kind(None, Some(&other)), kind(Some(&written), None)), (None, None));
    }

    #[test]
    fn a_format_is_checked_against_those_of_the_disc() {
        let mut recorder = crate::broker::recorder::tests::holding(Medium {
            profile: 0x43,
            formats: vec![
                FormatChoice { name: "default".into(), blocks: 9 },
                FormatChoice { name: "no-spares".into(), blocks: 10 },
            ],
            ..blank_cd()
        });
        let kind = |recorder: &Recorder, name| {
            check_formattable("sr0", recorder, name).err().map(|error| error.kind)
        };
        assert_eq!((kind(&recorder, None), kind(&recorder, Some("no-spares"))), (None, None));
        assert_eq!(kind(&recorder, Some("fast")), Some(ErrorKind::InvalidArgs));
        recorder.inspection.as_mut().unwrap().medium = Some(blank_cd());
        assert_eq!(kind(&recorder, None), Some(ErrorKind::MediumInvalidType));
        recorder.inspection.as_mut().unwrap().medium = None;
        assert_eq!(kind(&recorder, None), Some(ErrorKind::MediumNotPresent));
        recorder.inspection = None;
        assert_eq!(kind(&recorder, Some("fast")), None);
    }
}
