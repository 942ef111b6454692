//! What every object of the bus stands on: the state, the way to the bus, and who may do what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use zbus::Connection;
use zbus::message::Header;

use super::authority::{Authority, Caller, Callers, RecorderDetails};
use super::config::{Bus, Config};
use super::face::{Face, Object};
use super::jobs::{About, Handle, Jobs, Outcome};
use super::launcher::{Launcher, Process};
use super::locks::{Asker, LockTable, Scope};
use super::logind::Logind;
use super::manager::Manager;
use super::memory::Memory;
use super::recorder::{Plug, Recorder};
use super::resume::Begun;
use super::select::no_recorder;
use super::session::{Activity, Session};
use super::snapshot::{SavedRecorder, Snapshot};
use crate::api::{self, Detail, Error, ErrorKind, Operation, Progress, names};

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

    /// Who sent this message.
    ///
    /// # Errors
    /// When the bus does not know them any more.
    pub async fn caller(&self, header: &Header<'_>) -> api::Result<Caller> {
        self.state().called = Some(Instant::now());
        self.door()?.callers.identify(header).await
    }

    /// Lets the caller do an action to a recorder, or refuses. No lock may be held, and what was checked before must
    /// be checked again: the answer may take minutes.
    ///
    /// # Errors
    /// The authority's refusal; `LimitsExceeded` when too many questions of the caller's wait for an answer.
    pub async fn authorize(
        &self,
        caller: &Caller,
        action: &str,
        details: &RecorderDetails,
    ) -> api::Result<()> {
        let _question = self.question(caller)?;
        let door = self.door()?;
        let action = match &door.logind {
            Some(logind) if is_elsewhere(logind, caller, &details.seat).await => of_other_seat(action),
            _ => action,
        };
        door.authority.authorize(caller, action, details).await
    }

    /// A place among the questions that wait for an answer. A dialog may stand for minutes, and nobody is to pile up
    /// dialogs.
    fn question(&self, caller: &Caller) -> api::Result<Question> {
        let limits = self.config().limits;
        let mut state = self.state();
        let asked = |of: &dyn Fn(&Asked) -> bool| state.questions.iter().filter(|one| of(one)).count();
        if asked(&|one| one.connection == caller.sender) >= limits.questions_per_connection
            || asked(&|one| one.uid == caller.uid) >= limits.questions_per_user
        {
            let message = "Your earlier calls still wait for an authorisation. Answer their dialogs first.";
            return Err(Error::new(ErrorKind::LimitsExceeded, message));
        }
        state.last_question += 1;
        let number = state.last_question;
        state.questions.push(Asked { number, connection: caller.sender.clone(), uid: caller.uid });
        Ok(Question { service: self.clone(), number })
    }

    /// Lets the caller do an action to a recorder that is plugged in, and still is when the answer comes.
    ///
    /// # Errors
    /// The authority's refusal; `DeviceNotPresent` when it was unplugged meanwhile, even if it is back.
    pub async fn authorize_recorder(&self, caller: &Caller, action: &str, id: &str) -> api::Result<Plug> {
        let (details, plug) = {
            let state = self.state();
            let recorder = state.recorder(id)?;
            (recorder.details(id), recorder.plug.clone())
        };
        self.authorize(caller, action, &details).await?;
        self.state().plugged_mut(id, &plug)?;
        Ok(plug)
    }

    /// The caller of a method of a session, who must be its owner's user or root.
    ///
    /// # Errors
    /// `NotAuthorized`; `NotOpened` for a session that is forgotten.
    pub async fn visitor(&self, header: &Header<'_>, session: u64) -> api::Result<Caller> {
        let caller = self.caller(header).await?;
        let mut state = self.state();
        let session = state.session_mut(session)?;
        self.check_owner(&caller, session.owner.uid)?;
        session.touched = Instant::now();
        Ok(caller)
    }

    /// Refuses everybody but this user and, on the system bus, root.
    ///
    /// # Errors
    /// `NotAuthorized`.
    pub fn check_owner(&self, caller: &Caller, owner: u32) -> api::Result<()> {
        check_owner(caller, owner, self.config().bus)
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

/// A question that waits for the authority's answer.
#[derive(Debug)]
pub struct Asked {
    number: u64,
    connection: String,
    uid: u32,
}

/// A question's place, until this is dropped.
struct Question {
    service: Service,
    number: u64,
}

impl Drop for Question {
    fn drop(&mut self) {
        self.service.state().questions.retain(|one| one.number != self.number);
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

/// A caller as one who asks for locks.
pub fn asker(caller: &Caller) -> Asker<'_> {
    Asker { uid: caller.uid, connection: &caller.sender }
}

/// Whether the caller's session is not the active one of this seat. Root is everywhere, and no seat is one that everybody
/// sits at.
async fn is_elsewhere(logind: &Logind, caller: &Caller, seat: &str) -> bool {
    caller.uid != 0 && !seat.is_empty() && !logind.is_at_seat(caller.uid, seat).await
}

/// What an action is called for a recorder of another seat.
fn of_other_seat(action: &str) -> &str {
    match action {
        names::ACTION_OPEN => names::ACTION_OPEN_OTHER_SEAT,
        names::ACTION_ERASE => names::ACTION_ERASE_OTHER_SEAT,
        names::ACTION_EJECT => names::ACTION_EJECT_OTHER_SEAT,
        other => other,
    }
}

fn check_owner(caller: &Caller, owner: u32, bus: Bus) -> api::Result<()> {
    if caller.uid == owner || (caller.uid == 0 && bus == Bus::System) {
        return Ok(());
    }
    let message = format!("This belongs to another user (uid {owner}); only they and root may use it.");
    Err(Error::new(ErrorKind::NotAuthorized, message))
}

/// The error for a session that is closed and not remembered.
pub fn forgotten() -> Error {
    Error::new(ErrorKind::NotOpened, "This session is closed. Call DiscMaster.Open for a new one.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::launcher::ChildLauncher;
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

    #[test]
    fn nobody_piles_up_questions_to_the_authority() {
        let service =
            Service::new(Config::empty(), Box::new(ChildLauncher::new(None, true)), Manager::default(), None);
        let caller = |sender: &str, uid| Caller {
            sender: sender.into(),
            uid,
            gid: uid,
            groups: vec![],
            interactive: true,
        };
        let mut open = vec![service.question(&caller(":1.1", 7)).unwrap()];
        open.push(service.question(&caller(":1.1", 7)).unwrap());
        let refused = |one: &Caller| service.question(one).err().map(|error| error.kind);
        assert_eq!(refused(&caller(":1.1", 7)), Some(ErrorKind::LimitsExceeded));
        open.extend((2..8).map(|n| service.question(&caller(&format!(":1.{n}"), 7)).unwrap()));
        assert_eq!(refused(&caller(":1.9", 7)), Some(ErrorKind::LimitsExceeded));
        assert_eq!(refused(&caller(":1.9", 8)), None);
        open.pop();
        assert_eq!(refused(&caller(":1.9", 7)), None);
    }

    #[test]
    fn only_the_owner_and_the_systems_root_may_use_what_is_the_owners() {
        let allowed = |uid, bus| {
            let caller = Caller { sender: ":1.9".into(), uid, gid: uid, groups: vec![], interactive: false };
            check_owner(&caller, 1000, bus).map_err(|error| error.kind)
        };
        assert_eq!((allowed(1000, Bus::System), allowed(0, Bus::System)), (Ok(()), Ok(())));
        assert_eq!(allowed(1001, Bus::System), Err(ErrorKind::NotAuthorized));
        assert_eq!(allowed(0, Bus::Session), Err(ErrorKind::NotAuthorized));
    }
}
