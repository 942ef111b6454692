//! What every object of the bus stands on: the state, and the way to the bus.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use zbus::Connection;

use super::authority::{Authority, Callers};
use super::config::Config;
use super::face::{Face, Object};
use super::jobs::{About, Handle, Jobs};
use super::launcher::{Launcher, Process};
use super::locks::{LockTable, Scope};
use super::logind::Logind;
use super::manager::Manager;
use super::memory::Memory;
use super::outcome::Outcome;
use super::permission::Asked;
use super::recorder::{Plug, Recorder};
use super::resume::Begun;
use super::select::no_recorder;
use super::session::{Activity, Session};
use super::snapshot::{SavedRecorder, Snapshot};
use crate::api::{self, Detail, Error, ErrorKind, Operation, Progress};

/// The broker, shared by all of its objects and tasks. Clones are the same broker.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    config: Mutex<Arc<Config>>,
    state: Mutex<State>,
    face: Face,
    launcher: Box<dyn Launcher>,
    manager: Manager,
    memory: Option<Memory>,
    door: OnceLock<Door>,
    bell: Notify,
    leave: Notify,
    began: Instant,
}

/// Who is let in.
pub struct Door {
    /// Who sent a message.
    pub callers: Callers,
    /// What they may do.
    pub authority: Box<dyn Authority>,
    /// The bus itself.
    pub bus: Connection,
    /// Where they sit, on the system bus.
    pub logind: Option<Logind>,
}

/// Everything that the objects show. It is locked for moments only, and never across an await.
#[derive(Debug, Default)]
pub struct State {
    /// Sessions by number, and for a while closed ones.
    pub sessions: BTreeMap<u64, Session>,
    /// The number of the session opened last.
    pub last_session: u64,
    /// Recorders that are plugged in, by id.
    pub recorders: BTreeMap<String, Recorder>,
    /// Who holds which recorder.
    pub locks: LockTable,
    /// What is under way.
    pub jobs: Jobs,
    /// Questions that wait for the authority's answer.
    pub questions: Vec<Asked>,
    /// The number of the question asked last.
    pub last_question: u64,
    /// Stagers that may still be there, each with its owner's user id.
    pub stagers: Vec<(u32, Process)>,
    /// Recorders that an earlier broker knew and that are not there yet.
    pub known: BTreeMap<String, SavedRecorder>,
    /// Jobs of an earlier broker whose recorder is not there yet.
    pub begun: BTreeMap<String, Begun>,
    /// The machine is going down: nothing new is begun.
    pub closing: bool,
    /// When somebody called last.
    pub called: Option<Instant>,
}

impl Service {
    /// A broker without recorders, sessions or anybody at its door.
    pub fn new(
        config: Config,
        launcher: Box<dyn Launcher>,
        manager: Manager,
        memory: Option<Memory>,
    ) -> Self {
        Self(Arc::new(Inner {
            config: Mutex::new(Arc::new(config)),
            state: Mutex::default(),
            face: Face::default(),
            launcher,
            manager,
            memory,
            door: OnceLock::new(),
            bell: Notify::new(),
            leave: Notify::new(),
            began: Instant::now(),
        }))
    }

    /// Opens the door. Called once, before the name is taken.
    pub fn open_door(&self, door: Door) {
        // A second door would be a mistake in `run`; the first one stays.
        let _ = self.0.door.set(door);
    }

    /// The configuration as it is now.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.0.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the configuration file again. What it says holds for what begins from now on; a file with mistakes changes
    /// nothing.
    pub fn reload(&self) {
        let mut config = Config::clone(&self.config());
        match config.fill() {
            Ok(()) => {
                *self.0.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!("the configuration was read again");
                self.bell().notify_one();
            }
            Err(mistakes) => {
                mistakes.iter().for_each(|mistake| tracing::error!("{mistake}"));
                tracing::error!("the configuration stays as it was");
            }
        }
    }

    /// The way to the bus.
    pub fn face(&self) -> &Face {
        &self.0.face
    }

    /// How helpers are started.
    pub fn launcher(&self) -> &dyn Launcher {
        self.0.launcher.as_ref()
    }

    /// The service manager.
    pub fn manager(&self) -> &Manager {
        &self.0.manager
    }

    /// When the broker began.
    pub fn began(&self) -> Instant {
        self.0.began
    }

    /// Leaves the state as it is now to the next broker.
    pub fn save(&self) {
        let Some(memory) = &self.0.memory else { return };
        let text = Snapshot::of(&self.state()).text();
        let saved = text.map_err(std::io::Error::from).and_then(|text| memory.write(&text));
        if let Err(error) = saved {
            tracing::warn!("the next broker will not know of the last change: {error}");
        }
    }

    /// A job's helpers are about to have their orders: from here on they go on without this broker.
    pub fn order(&self, job: u64, request: u32) {
        if let Some(job) = self.state().jobs.get_mut(job) {
            job.ordered = Some(request);
        }
        self.save();
    }

    /// A job's helpers turned out to have no orders.
    pub fn take_back(&self, job: u64) {
        if let Some(job) = self.state().jobs.get_mut(job) {
            job.ordered = None;
        }
        self.save();
    }

    /// Rung when nothing has been open, and nobody has called, for as long as the broker stays then.
    pub fn leave(&self) -> &Notify {
        &self.0.leave
    }

    /// Rung when the [housekeeper](super::housekeeping) has a new date to keep.
    pub fn bell(&self) -> &Notify {
        &self.0.bell
    }

    /// The state, for a moment.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The door.
    ///
    /// # Errors
    /// `Generic` while the broker is starting.
    pub fn door(&self) -> api::Result<&Door> {
        self.0
            .door
            .get()
            .ok_or_else(|| Error::new(ErrorKind::Generic, "The service is starting. Call again in a moment."))
    }

    /// Takes in how far a job is; tells whether that is worth a signal.
    pub fn report(&self, job: u64, progress: Progress) -> bool {
        let told = match self.state().jobs.get_mut(job) {
            Some(job) => job.report(Instant::now(), progress),
            None => false,
        };
        if told {
            self.face().sync(Object::Job(job));
        }
        told
    }

    /// Enters a job into the state that the caller of this has locked, and shows it.
    ///
    /// # Errors
    /// `LimitsExceeded`.
    pub fn enter_job(&self, state: &mut State, about: About) -> api::Result<Handle> {
        let disc = matches!(about.operation, Operation::Record | Operation::Erase | Operation::Format);
        if disc && state.closing {
            let message = "The machine is going down. Nothing was begun: call again when it is back.";
            return Err(Error::new(ErrorKind::Busy, message));
        }
        let why = about.sentence(state);
        let (handle, pushed) = state.jobs.enter(about, &self.config().limits)?;
        if disc {
            tokio::spawn(self.clone().stay_awake(handle.clone(), why));
        }
        for number in pushed.into_iter().chain([handle.number]) {
            self.face().sync(Object::Job(number));
        }
        Ok(handle)
    }

    /// Keeps the machine awake for a job that an earlier broker began.
    pub fn stay_awake_again(&self, begun: &Begun) {
        let why = begun.about.sentence(&self.state());
        tokio::spawn(self.clone().stay_awake(begun.handle.clone(), why));
    }

    /// Keeps the machine awake for the length of a job.
    async fn stay_awake(self, mut job: Handle, why: String) {
        let Ok(Door { logind: Some(logind), .. }) = self.door() else { return };
        let why = format!("{why} (job {})", job.number);
        let held = logind.keep_awake(&why).await;
        job.finished().await;
        drop(held);
    }

    /// Ends a job, and tells so. It is forgotten after a while.
    pub fn end_job(&self, number: u64, outcome: Outcome) -> Arc<Outcome> {
        let (outcome, connection) = {
            let mut state = self.state();
            match state.jobs.get_mut(number) {
                Some(job) => (job.end(outcome), job.about.connection.clone()),
                None => (Arc::new(outcome), None),
            }
        };
        self.log_end(number, &outcome);
        self.face().sync(Object::Job(number));
        self.face().completed(number, connection, Arc::clone(&outcome));
        self.bell().notify_one();
        outcome
    }

    fn log_end(&self, number: u64, outcome: &Outcome) {
        let state = self.state();
        let about = state.jobs.get(number).map(|job| &job.about);
        let recorder = about.and_then(|about| about.recorder.as_deref()).unwrap_or_default();
        let operation = about.map(|about| about.operation.name()).unwrap_or_default();
        match &outcome.result {
            Ok(_) => tracing::info!(job = number, recorder, operation, "the job ended well"),
            Err(error) => {
                let figure = |key| match error.details.get(key) {
                    Some(Detail::Number(number)) => format!("{number:X}"),
                    Some(Detail::Text(text)) => text.clone(),
                    None => String::new(),
                };
                let sense = ["sense-key", "asc", "ascq"].map(figure).join("/");
                let sense = if sense == "//" { "" } else { &sense };
                let kind = error.kind.name();
                tracing::info!(job = number, recorder, operation, sense, "the job ended: {kind}");
            }
        }
    }

    /// Shows what a lock of this scope changed on the recorders that it covers.
    pub fn sync_recorders(&self, scope: &Scope) {
        let covered: Vec<String> =
            self.state().recorders.keys().filter(|id| scope.covers(id)).cloned().collect();
        for id in covered {
            self.face().sync(Object::Recorder(id));
        }
        self.bell().notify_one();
    }

    /// Marks a session as occupied by a call, after `check` has allowed it.
    ///
    /// # Errors
    /// What `check` says; `NotOpened`.
    pub fn occupy<T>(
        &self,
        session: u64,
        method: &'static str,
        check: impl FnOnce(&Session) -> api::Result<T>,
    ) -> api::Result<(Occupied, T)> {
        let mut state = self.state();
        let entry = state.session_mut(session)?;
        let checked = check(entry)?;
        entry.activity = Some(Activity::Calling(method));
        Ok((Occupied { service: self.clone(), session }, checked))
    }
}

impl State {
    /// The session of this number.
    ///
    /// # Errors
    /// `NotOpened` when it is closed and forgotten.
    pub fn session(&self, number: u64) -> api::Result<&Session> {
        self.sessions.get(&number).ok_or_else(forgotten)
    }

    /// The session of this number, to be changed.
    ///
    /// # Errors
    /// As for [`State::session`].
    pub fn session_mut(&mut self, number: u64) -> api::Result<&mut Session> {
        self.sessions.get_mut(&number).ok_or_else(forgotten)
    }

    /// The recorder of this id.
    ///
    /// # Errors
    /// `DeviceNotPresent`.
    pub fn recorder(&self, id: &str) -> api::Result<&Recorder> {
        self.recorders.get(id).ok_or_else(|| no_recorder(id))
    }

    /// The recorder of this id, to be changed.
    ///
    /// # Errors
    /// `DeviceNotPresent`.
    pub fn recorder_mut(&mut self, id: &str) -> api::Result<&mut Recorder> {
        self.recorders.get_mut(id).ok_or_else(|| no_recorder(id))
    }

    /// The recorder of this id, if it has not been unplugged since.
    ///
    /// # Errors
    /// `DeviceNotPresent`.
    pub fn plugged_mut(&mut self, id: &str, plug: &Plug) -> api::Result<&mut Recorder> {
        let present = self.recorders.get_mut(id).filter(|recorder| recorder.plug == *plug);
        present.ok_or_else(|| {
            let message = format!("Recorder {id} was unplugged meanwhile. Nothing was done: call again.");
            Error::new(ErrorKind::DeviceNotPresent, message)
        })
    }
}

impl State {
    /// Every connection that something ends with.
    pub fn connections(&self) -> Vec<String> {
        let sessions = self.sessions.values().filter_map(|session| session.owner.connection.clone());
        let mut all: Vec<String> = sessions.chain(self.locks.connections()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// A session occupied by a call that is over when this is dropped.
pub struct Occupied {
    service: Service,
    session: u64,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let leaving = match self.service.state().sessions.get_mut(&self.session) {
            Some(session) => {
                // The call may have left a job behind it.
                if matches!(session.activity, Some(Activity::Calling(_))) {
                    session.activity = None;
                }
                session.touched = Instant::now();
                session.leaving
            }
            None => false,
        };
        self.service.face().sync(Object::Session(self.session));
        if leaving {
            self.service.close(self.session, false);
        }
    }
}

/// The error for a session that is closed and not remembered.
pub fn forgotten() -> Error {
    Error::new(ErrorKind::NotOpened, "This session is closed. Call DiscMaster.Open for a new one.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::recorders::RecorderSeed;

    fn recorder() -> Recorder {
        Recorder::new(RecorderSeed {
            id: "vd0".into(),
            device: api::Device::Virtual("/run/vd0.sock".into()),
            identity: api::Identity::default(),
            profiles: vec![],
            seat: "seat0".into(),
            node: "/run/vd0.sock".into(),
        })
    }

    #[test]
    fn a_recorder_that_was_plugged_in_again_is_not_the_one_that_was_asked_about() {
        let mut state = State::default();
        state.recorders.insert("vd0".into(), recorder());
        let asked = state.recorders["vd0"].plug.clone();
        assert!(state.plugged_mut("vd0", &asked).is_ok());
        state.recorders.insert("vd0".into(), recorder());
        assert_eq!(state.plugged_mut("vd0", &asked).unwrap_err().kind, ErrorKind::DeviceNotPresent);
    }
}
