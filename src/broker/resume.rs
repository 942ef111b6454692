//! Going on where an earlier broker stopped: its sessions, locks and jobs, and the helpers that worked on in its absence.
//!
//! The service manager hands over what that broker had it keep: the memory with its last snapshot, and the sockets of
//! helpers. Helpers are asked to repeat their last word, which may have been said to nobody.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::audio::Sound;
use super::events::Event;
use super::face::Object;
use super::jobs::{About, Handle, Running};
use super::launcher::Process;
use super::locks::LockId;
use super::manager::{Kept, Manager};
use super::memory::Memory;
use super::outcome::Outcome;
use super::recorder;
use super::service::Service;
use super::session::{Activity, Format, Session};
use super::snapshot::{SavedSession, Snapshot};
use super::stager_link::{Request, StagerLink, left_behind};
use super::staging::set_staged_again;
use crate::api::{Error, ErrorKind, Operation, RecordOptions};
use crate::wire::Passed;
use crate::wire::broker_stager::{Answer, Ask, AudioAsk};

/// Under what the memory is kept.
const MEMORY: &str = "memory";
/// How long a recorder with a job may be missing when the broker starts.
const LATE: Duration = Duration::from_secs(10);

/// What an earlier broker left.
#[derive(Debug, Default)]
pub struct Past {
    snapshot: Snapshot,
    sockets: BTreeMap<String, OwnedFd>,
}

/// A job on a recorder that an earlier broker began, until that recorder is there.
#[derive(Debug)]
pub struct Begun {
    /// The job.
    pub handle: Handle,
    /// What it is about.
    pub about: About,
    /// What is wished of a burn.
    pub wishes: Option<RecordOptions>,
    /// What sound is taken in.
    pub sound: Option<Sound>,
    /// The worker and the stager have their orders.
    pub ordered: bool,
    /// The worker.
    pub worker: Option<OwnedFd>,
    /// The stager's answer to come.
    pub feed: Option<Request>,
    /// The lock that the job holds for its own length.
    pub lock: Option<LockId>,
}

impl Past {
    /// What an earlier broker left, and the memory to go on with; none without a service manager that keeps it.
    pub fn find(manager: &Manager, passed: Vec<Passed>) -> (Self, Option<Memory>) {
        if !manager.is_there() {
            return (Self::default(), None);
        }
        let mut sockets: BTreeMap<String, OwnedFd> =
            passed.into_iter().map(|passed| (passed.name, passed.fd)).collect();
        let Some(fd) = sockets.remove(MEMORY) else { return (Self::default(), fresh(manager)) };
        let (memory, text) = Memory::left_behind(fd);
        let snapshot = match text.as_deref().map(Snapshot::from_text) {
            None => Snapshot::default(),
            Some(Ok(snapshot)) => snapshot,
            Some(Err(error)) => {
                tracing::error!("what the last broker left cannot be understood: {error}");
                Snapshot::default()
            }
        };
        (Self { snapshot, sockets }, Some(memory))
    }
}

fn fresh(manager: &Manager) -> Option<Memory> {
    match Memory::new() {
        Ok(memory) => {
            manager.keep(MEMORY, std::os::fd::AsFd::as_fd(&memory));
            Some(memory)
        }
        Err(error) => {
            tracing::warn!("there is no memory for the next broker: {error}");
            None
        }
    }
}

/// The name under which a worker's socket is kept.
pub fn worker_name(recorder: &str) -> String {
    format!("worker-{recorder}")
}

/// The name under which a stager's socket is kept.
pub fn stager_name(session: u64) -> String {
    format!("stager-{session}")
}

impl Service {
    /// Takes in what an earlier broker left. Called once, before there are recorders.
    pub fn restore(&self, past: Past) {
        let Past { mut snapshot, mut sockets } = past;
        snapshot.forget_cut_off();
        let Snapshot { sessions, last_session, locks, jobs, last_job, recorders } = snapshot;
        let all: Vec<u64> = jobs.keys().copied().collect();
        let running = {
            let mut state = self.state();
            state.last_session = last_session;
            state.locks = locks;
            state.known = recorders;
            state.jobs.restore(jobs, last_job)
        };
        let (mut open, mut feeds) = (0, BTreeMap::new());
        for (number, saved) in sessions {
            let job = running.iter().find(|begun| begun.about.session == Some(number));
            let expected = job.and_then(|begun| Some((begun.handle.number, begun.request?)));
            // An import ends here: its stager is asked as one that has nothing to do.
            let working = job.is_some_and(|begun| begun.about.operation != Operation::Import);
            let socket = sockets.remove(&stager_name(number));
            open += usize::from(saved.lock.is_some());
            if let Some((job, request)) = self.restore_session(number, saved, socket, (expected, working)) {
                feeds.insert(job, request);
            }
        }
        if open + running.len() > 0 {
            tracing::info!(
                "going on with {open} sessions and {} running jobs of an earlier broker",
                running.len()
            );
        }
        for begun in running {
            let number = begun.handle.number;
            let ordered = begun.request.is_some();
            let recorder = begun.about.recorder.as_deref();
            // One that has no order yet is left behind, to be closed below: it waits for one, and keeps the next worker out.
            let worker = recorder.filter(|_| ordered).and_then(|id| sockets.remove(&worker_name(id)));
            let Running { handle, about, wishes, sound, lock, .. } = begun;
            self.occupy_again(&about, number);
            let feed = feeds.remove(&number);
            self.go_on(Begun { handle, about, wishes, sound, ordered, worker, feed, lock });
        }
        // Those that have ended as well: whoever waited for one asks how.
        for number in all {
            self.face().sync(Object::Job(number));
        }
        for (name, socket) in sockets {
            if let Some(left) = left_behind(&name, &socket) {
                self.state().stagers.push(left);
                continue;
            }
            tracing::info!("{name} was left by an earlier broker and belongs to nothing");
            self.manager().drop_kept(&name);
        }
        tokio::spawn(self.clone().give_up_waiting());
    }

    /// A job on a recorder that is there now.
    pub fn resume(&self, recorder: &str, begun: Begun) {
        let activity = match begun.about.operation {
            Operation::Add | Operation::Import | Operation::Record => recorder::Activity::Burning,
            Operation::Erase | Operation::Format => recorder::Activity::Erasing,
        };
        match (self.reserve(recorder, activity), begun.about.operation) {
            (Err(error), _) => self.end_begun(begun, error),
            (Ok(turn), Operation::Erase | Operation::Format) => self.resume_erasure(begun, turn),
            (Ok(turn), _) => self.resume_burn(begun, turn),
        }
    }

    /// Ends a job that cannot go on.
    pub fn end_begun(&self, begun: Begun, error: Error) {
        let number = begun.handle.number;
        if let (Some(recorder), Some(_)) = (&begun.about.recorder, &begun.worker) {
            // It finishes what it is at, and leaves when it finds nobody to tell.
            self.manager().drop_kept(&worker_name(recorder));
        }
        let outcome = Outcome { result: Err(error) };
        let (error, message) = outcome.name_and_message(begun.about.connection.is_none());
        self.end_job(number, outcome);
        match (begun.about.operation, begun.about.session) {
            (Operation::Record, Some(session)) => self.tell(session, Event::BurnComplete(error, message)),
            (Operation::Erase | Operation::Format, Some(session)) => {
                self.tell(session, Event::EraseComplete(error, message));
            }
            _ => {}
        }
        if let Some(lock) = begun.lock {
            self.state().locks.release(lock);
        }
        if let Some(session) = begun.about.session {
            self.free_session(session, number);
        }
    }

    /// A session whose job is over; closed if it waited for that.
    fn free_session(&self, number: u64, job: u64) {
        let leaving = match self.state().sessions.get_mut(&number) {
            Some(session) if session.job() == Some(job) => {
                session.activity = None;
                session.leaving
            }
            _ => false,
        };
        self.face().sync(Object::Session(number));
        if leaving {
            self.close(number, false);
        }
    }

    fn restore_session(
        &self,
        number: u64,
        saved: SavedSession,
        socket: Option<OwnedFd>,
        (expected, working): (Option<(u64, u32)>, bool),
    ) -> Option<(u64, Request)> {
        let (link, request) = match (saved.next_request, socket) {
            (Some(next), Some(socket)) => self.adopt_stager(number, next, socket, expected.map(|(_, id)| id)),
            _ => (None, None),
        };
        let uid = saved.owner.uid;
        let mut session = Session {
            owner: saved.owner,
            client_name: saved.client_name,
            scope: saved.scope,
            lock: saved.lock,
            format: saved.format,
            selection: saved.selection,
            properties: saved.properties,
            used_blocks: saved.used_blocks,
            staged: saved.staged,
            imported: saved.imported,
            album: saved.album,
            activity: None,
            leaving: saved.leaving,
            touched: Instant::now(),
            stager: link.clone(),
        };
        if link.is_none() && (session.imported || session.holds_anything()) {
            session.clear_image();
            tracing::warn!(
                "session {number}: its stager died in the broker's absence, and the staged image with it"
            );
        }
        {
            let mut state = self.state();
            state.sessions.insert(number, session);
            if let Some(link) = &link {
                link.belongs_to(uid);
                state.stagers.push((uid, link.process().clone()));
            }
        }
        if let Some(link) = link {
            tokio::spawn(self.clone().ask_again(number, link, working));
        }
        self.face().sync(Object::Session(number));
        self.face().sync(Object::Joliet(number));
        self.face().sync(Object::Redbook(number));
        Some((expected?.0, request?))
    }

    fn adopt_stager(
        &self,
        session: u64,
        next: u32,
        socket: OwnedFd,
        expected: Option<u32>,
    ) -> (Option<Arc<StagerLink>>, Option<Request>) {
        let kept = Kept::already(self.manager(), stager_name(session));
        let process = socket.try_clone().map(Process::unit);
        let adopted = process.and_then(|process| StagerLink::adopt(socket, process, next, expected));
        match adopted {
            Ok((link, request)) => {
                link.keep_as(kept);
                (Some(Arc::new(link)), request)
            }
            Err(error) => {
                tracing::error!("session {session}: its stager cannot be spoken to: {error}");
                (None, None)
            }
        }
    }

    /// Has a stager repeat its last word, and takes in what it has staged. A session without a job is occupied until
    /// then: the stager may still be at what the earlier broker asked for.
    async fn ask_again(self, session: u64, link: Arc<StagerLink>, working: bool) {
        let occupied = if working {
            None
        } else {
            self.occupy(session, "what was asked before the service started again", Session::check_idle).ok()
        };
        let answer = if working {
            // It comes behind the end of what the stager is at, which whoever follows that waits for.
            match link.begin(Ask::Again, &[]).await {
                Ok(mut request) => request.answer().await,
                Err(error) => Err(error),
            }
        } else {
            link.ask(Ask::Again, &[]).await
        };
        match answer {
            Ok(Answer::Staged { blocks, anything }) => {
                set_staged_again(&self, session, blocks, anything);
                // The tracks are known while a job is at them, and what it brings is taken in at its end.
                if !working {
                    self.take_tracks(session, &link).await;
                }
            }
            Ok(_) => tracing::warn!("session {session}: the stager answered another question"),
            Err(error) => tracing::warn!("session {session}: {error}"),
        }
        drop(occupied);
    }

    /// Takes in the tracks that the stager of an audio disc has.
    pub async fn take_tracks(&self, session: u64, link: &StagerLink) {
        let redbook = |session: &Session| session.format == Some(Format::Redbook);
        if !self.state().sessions.get(&session).is_some_and(redbook) {
            return;
        }
        match link.ask(Ask::Audio(AudioAsk::State), &[]).await {
            Ok(Answer::Album(told)) if told.0.is_plausible() => {
                if let Some(entry) = self.state().sessions.get_mut(&session) {
                    entry.set_album(told.0);
                }
                self.face().sync(Object::Redbook(session));
            }
            Ok(_) => tracing::warn!("session {session}: the stager answered another question"),
            Err(error) => tracing::warn!("session {session}: {error}"),
        }
    }

    /// The session of a job does what the job does.
    fn occupy_again(&self, about: &About, job: u64) {
        let mut state = self.state();
        let session = about.session.and_then(|number| state.sessions.get_mut(&number));
        if let Some(session) = session {
            session.activity = Some(match about.operation {
                Operation::Add => Activity::Adding(job),
                Operation::Import => Activity::Importing(job),
                Operation::Record | Operation::Erase | Operation::Format => Activity::Burning(job),
            });
        }
    }

    fn go_on(&self, begun: Begun) {
        match (begun.about.operation, begun.about.recorder.clone()) {
            (Operation::Add, _) => self.resume_addition(begun),
            (Operation::Import, _) => {
                let message = "The service was started again while the disc was read. Nothing on it was changed: call \
                               SetActiveDiscRecorder again.";
                self.end_begun(begun, Error::new(ErrorKind::HelperFailed, message));
            }
            (Operation::Erase | Operation::Format, Some(_)) if !begun.ordered => {
                self.end_begun(begun, cut_off())
            }
            (Operation::Record | Operation::Erase | Operation::Format, Some(id)) => {
                self.stay_awake_again(&begun);
                self.state().begun.insert(id, begun);
            }
            (Operation::Record | Operation::Erase | Operation::Format, None) => {
                self.end_begun(begun, cut_off())
            }
        }
    }

    /// Recorders that do not come back take their jobs along.
    async fn give_up_waiting(self) {
        {
            let state = self.state();
            if state.begun.is_empty() && state.sessions.is_empty() {
                return;
            }
        }
        tokio::time::sleep(LATE).await;
        let left = std::mem::take(&mut self.state().begun);
        for (id, begun) in left {
            let message = format!(
                "Recorder {id} was gone when the service started again. If a disc was being written, its worker finishes it as \
                 far as it can: look at the disc before you use it again."
            );
            self.end_begun(begun, Error::new(ErrorKind::DeviceNotPresent, message));
        }
        for session in self.lose_selections() {
            self.face().sync(Object::Session(session));
        }
    }

    /// Whoever had selected a recorder that did not come back selects one again, as after any unplugging.
    fn lose_selections(&self) -> Vec<u64> {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut lost = Vec::new();
        for (number, session) in &mut state.sessions {
            let selection = session.selection.as_mut();
            if let Some(selection) = selection.filter(|one| !state.recorders.contains_key(&one.recorder)) {
                selection.lost = true;
                lost.push(*number);
            }
        }
        lost
    }
}

/// The error of a job that was cut off before anything was done.
fn cut_off() -> Error {
    let message = "The service was started again before anything was done. Nothing was changed: call again.";
    Error::new(ErrorKind::HelperFailed, message)
}
