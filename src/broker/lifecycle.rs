//! Sessions and exclusive openings: how they begin, and every way in which they end.

use std::time::SystemTime;

use tokio::time::Instant;

use super::authority::Caller;
use super::face::{Event, Object};
use super::locks::{Grant, Holder, Purpose, Scope};
use super::options::OpenOptions;
use super::permission::asker;
use super::service::{Service, State};
use super::session::{Activity, Owner, Session};
use crate::api::audio::Album;
use crate::api::{Error, ErrorKind, JolietProperties, Result, names};

impl Service {
    /// `DiscMaster.Open`: a session for the caller, by number.
    ///
    /// # Errors
    /// `DeviceNotPresent`, `AlreadyOpen`, `StashInUse`, `LimitsExceeded`, or the authority's refusal.
    pub async fn open(&self, caller: &Caller, options: OpenOptions) -> Result<u64> {
        let scope = match &options.recorder {
            None => Scope::Whole,
            Some(path) => Scope::One(recorder_id(path.as_str())?),
        };
        self.authorize_scope(caller, &scope).await?;
        let number = self.enter_session(caller, &scope, &options)?;
        if !options.detached && !self.is_present(caller).await {
            // They left before the lock could be seen to be theirs; nobody else would ever end it.
            self.close(number, false);
        }
        self.face().sync(Object::Session(number));
        self.face().sync(Object::Joliet(number));
        self.face().sync(Object::Redbook(number));
        self.sync_recorders(&scope);
        self.face().settled().await;
        self.bell().notify_one();
        Ok(number)
    }

    /// `Session.Close`. Closing a closed session is no error.
    ///
    /// # Errors
    /// `Busy` while a disc is recorded or erased, or another call is not over.
    pub async fn close_on_request(&self, number: u64) -> Result<()> {
        {
            let mut state = self.state();
            let Ok(session) = state.session_mut(number) else { return Ok(()) };
            if session.is_closed() {
                return Ok(());
            }
            if !matches!(session.activity, Some(Activity::Adding(_) | Activity::Importing(_))) {
                session.check_idle()?;
            }
        }
        self.close(number, true);
        self.face().settled().await;
        Ok(())
    }

    /// Ends a session: at once, or with the job that it waits for. One that is `remembered` still answers its owner, and so does
    /// one that belongs to no connection, however late it ends.
    pub fn close(&self, number: u64, remembered: bool) {
        let scope = {
            let mut state = self.state();
            let Some(session) = state.sessions.get_mut(&number) else { return };
            session.leaving = true;
            let remembered = remembered || session.owner.connection.is_none();
            match session.activity {
                Some(Activity::Burning(job)) => {
                    if let Some(job) = state.jobs.get(job) {
                        job.desert();
                    }
                    return;
                }
                Some(Activity::Calling(_)) => return,
                Some(Activity::Adding(job) | Activity::Importing(job)) => {
                    // The job ends by itself now; it has nothing left to change.
                    session.activity = None;
                    if let Some(job) = state.jobs.get(job) {
                        job.cancel();
                    }
                }
                None => {}
            }
            state.end_session(number, remembered)
        };
        for forgotten in self.state().forget_closed(self.config().limits.closed_sessions) {
            self.sync_session(forgotten);
        }
        self.sync_session(number);
        if let Some(scope) = scope {
            self.sync_recorders(&scope);
        }
    }

    /// Everything that a connection held ends with it, except what records a disc.
    pub fn client_vanished(&self, connection: &str) {
        let (sessions, exclusives) = {
            let mut state = self.state();
            let owned = |session: &Session| session.owner.connection.as_deref() == Some(connection);
            let sessions: Vec<u64> =
                state.sessions.iter().filter(|(_, one)| owned(one)).map(|(number, _)| *number).collect();
            (sessions, state.locks.release_exclusives(connection))
        };
        for number in sessions {
            tracing::info!("session {number}: its owner has left the bus");
            self.close(number, false);
        }
        for grant in exclusives {
            self.sync_recorders(&grant.scope);
        }
    }

    /// `Recorder.OpenExclusive`.
    ///
    /// # Errors
    /// `DeviceNotPresent`, `DeviceNotAccessible`, `AlreadyOpen`, or the authority's refusal.
    pub async fn open_exclusive(&self, caller: &Caller, id: &str) -> Result<()> {
        let scope = Scope::One(id.to_owned());
        self.authorize_scope(caller, &scope).await?;
        let lock = {
            let mut state = self.state();
            state.recorder(id)?;
            let client_name = format!("connection {}", caller.sender);
            let holder = holder(caller, Some(caller.sender.clone()), client_name);
            let grant = Grant { scope: scope.clone(), purpose: Purpose::Exclusive, holder };
            state.locks.acquire(grant, asker(caller))?
        };
        if !self.is_present(caller).await {
            self.state().locks.release(lock);
        }
        self.sync_recorders(&scope);
        Ok(())
    }

    /// `Recorder.Close`.
    ///
    /// # Errors
    /// `NotOpened` when the caller does not hold the recorder with `OpenExclusive`.
    pub fn close_exclusive(&self, caller: &Caller, id: &str) -> Result<()> {
        {
            let mut state = self.state();
            let lock = state.locks.exclusive_of(id, asker(caller)).ok_or_else(|| not_held(id))?;
            state.locks.release(lock);
        }
        self.sync_recorders(&Scope::One(id.to_owned()));
        Ok(())
    }

    /// Tells every session that a recorder came or went, or that its format changed.
    pub fn pnp_activity(&self, recorder: &str) {
        let told: Vec<u64> = {
            let state = self.state();
            let open = state.sessions.iter().filter(|(_, session)| !session.is_closed());
            open.filter(|(_, session)| session.scope.covers(recorder)).map(|(number, _)| *number).collect()
        };
        for number in told {
            self.tell(number, Event::PnpActivity);
            self.face().sync(Object::Session(number));
        }
    }

    /// Sends a session's event: to its owner or, for a detached session, to everybody.
    pub fn tell(&self, session: u64, event: Event) {
        let connection = match self.state().sessions.get(&session) {
            Some(session) => session.owner.connection.clone(),
            None => return,
        };
        self.face().event(session, connection, event);
    }

    fn enter_session(&self, caller: &Caller, scope: &Scope, options: &OpenOptions) -> Result<u64> {
        let limits = self.config().limits;
        let mut state = self.state();
        if let Scope::One(id) = scope {
            state.recorder(id)?;
        }
        let open = || state.sessions.values().filter(|session| !session.is_closed());
        let mine = open().filter(|session| session.owner.uid == caller.uid).count();
        if open().count() >= limits.sessions || mine >= limits.sessions_per_user {
            let message = "Too many sessions are open. Close one of them first.";
            return Err(Error::new(ErrorKind::LimitsExceeded, message));
        }
        let connection = (!options.detached).then(|| caller.sender.clone());
        let client_name =
            options.client_name.clone().unwrap_or_else(|| format!("connection {}", caller.sender));
        let holder = holder(caller, connection.clone(), client_name.clone());
        let grant = Grant { scope: scope.clone(), purpose: Purpose::Session, holder };
        let lock = state.locks.acquire(grant, asker(caller))?;
        let owner = Owner { uid: caller.uid, gid: caller.gid, groups: caller.groups.clone(), connection };
        state.last_session += 1;
        let number = state.last_session;
        let session = Session {
            owner,
            client_name,
            scope: scope.clone(),
            lock: Some(lock),
            format: None,
            selection: None,
            properties: JolietProperties::default(),
            album: Album::default(),
            used_blocks: 0,
            staged: false,
            imported: false,
            activity: None,
            leaving: false,
            touched: Instant::now(),
            stager: None,
        };
        state.sessions.insert(number, session);
        Ok(number)
    }

    async fn authorize_scope(&self, caller: &Caller, scope: &Scope) -> Result<()> {
        match scope {
            Scope::One(id) => self.authorize_recorder(caller, names::ACTION_OPEN, id).await.map(drop),
            Scope::Whole => self.authorize_every(caller).await,
        }
    }

    /// Whether the caller's connection is still on the bus. Departures are listened to before anything is granted,
    /// so that one is either seen here or comes to `client_vanished`.
    async fn is_present(&self, caller: &Caller) -> bool {
        match self.door() {
            Ok(door) => door.callers.present(&caller.sender).await,
            Err(_) => false,
        }
    }

    fn sync_session(&self, number: u64) {
        self.face().sync(Object::Joliet(number));
        self.face().sync(Object::Redbook(number));
        self.face().sync(Object::Session(number));
    }
}

impl State {
    /// Gives back what a session holds; returns what its lock covered.
    fn end_session(&mut self, number: u64, remembered: bool) -> Option<Scope> {
        let session = self.sessions.get_mut(&number)?;
        // The stager leaves when the last of its links is dropped, and the stash with it.
        session.stager = None;
        session.format = None;
        session.selection = None;
        session.clear_image();
        let lock = session.lock.take();
        if !remembered {
            self.sessions.remove(&number);
        }
        let scope = self.locks.release(lock?)?.scope;
        for (_, recorder) in self.recorders.iter_mut().filter(|(id, _)| scope.covers(id)) {
            recorder.settings = Default::default();
        }
        Some(scope)
    }

    /// Forgets all but the youngest of the closed sessions.
    fn forget_closed(&mut self, keep: usize) -> Vec<u64> {
        let closed: Vec<u64> =
            self.sessions.iter().filter(|(_, one)| one.is_closed()).map(|(number, _)| *number).collect();
        let forgotten: Vec<u64> = closed.iter().rev().skip(keep).copied().collect();
        self.sessions.retain(|number, _| !forgotten.contains(number));
        forgotten
    }
}

/// The id of the recorder at this object path.
///
/// # Errors
/// `DeviceNotPresent` when no recorder can be there.
pub fn recorder_id(path: &str) -> Result<String> {
    let id = path.strip_prefix(names::RECORDERS).and_then(|rest| rest.strip_prefix('/'));
    id.filter(|id| !id.is_empty() && !id.contains('/'))
        .map(str::to_owned)
        .ok_or_else(|| super::select::no_recorder(path))
}

/// The error for a recorder that the caller should hold and does not.
pub fn not_held(id: &str) -> Error {
    Error::new(
        ErrorKind::NotOpened,
        format!("You do not hold recorder {id}. Call its OpenExclusive, or open a session on it, first."),
    )
}

fn holder(caller: &Caller, connection: Option<String>, client_name: String) -> Holder {
    Holder { uid: caller.uid, connection, client_name, since: SystemTime::now() }
}
