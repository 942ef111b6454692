//! The way to the bus: what is to be shown there, in order.
//!
//! Anybody may put something in, without waiting; one task, [`tree`](super::tree), takes it out. An object is not
//! described here, only named: what it looks like, or that it is gone, is read from the state when its turn comes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::outcome::Outcome;
use crate::api::names;

pub use super::events::Event;

/// Changes that may wait for the bus before progress is left out.
const MOST_WAITING: usize = 1024;

/// The queue to the bus.
#[derive(Debug, Default)]
pub struct Face {
    queue: Mutex<VecDeque<Change>>,
    ring: Notify,
}

/// An interface of an object on the bus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A session.
    Session(u64),
    /// A session's data format.
    Joliet(u64),
    /// A session's audio format.
    Redbook(u64),
    /// A recorder.
    Recorder(String),
    /// The disc in a recorder.
    Medium(String),
    /// A job.
    Job(u64),
}

/// One thing to do on the bus.
#[derive(Debug)]
pub enum Change {
    /// Show the object as it is now, or that it is gone.
    Sync(Object),
    /// A session's signal: whose, and to whom.
    Event(u64, Option<String>, Event),
    /// A job's end: which, who is told the whole of it, and the end.
    Completed(u64, Option<String>, Arc<Outcome>),
    /// Everything put in before has been done.
    Settled(oneshot::Sender<()>),
}

impl Face {
    /// Has an object shown as the state has it when its turn comes.
    pub fn sync(&self, object: Object) {
        let mut queue = self.queue();
        let waits = queue.iter().rev().take_while(|change| matches!(change, Change::Sync(_)));
        // A turn that is still to come shows this change as well, provided that no signal lies in between.
        let waits = waits.into_iter().any(|change| matches!(change, Change::Sync(other) if *other == object));
        if !waits {
            queue.push_back(Change::Sync(object));
            self.ring.notify_one();
        }
    }

    /// Has a session's signal sent: to one connection, or to everybody.
    pub fn event(&self, session: u64, connection: Option<String>, event: Event) {
        let mut queue = self.queue();
        let progress = matches!(event, Event::AddProgress(..) | Event::BlockProgress(..));
        if progress && queue.len() >= MOST_WAITING {
            return;
        }
        queue.push_back(Change::Event(session, connection, event));
        self.ring.notify_one();
    }

    /// Has a job's end told.
    pub fn completed(&self, job: u64, connection: Option<String>, outcome: Arc<Outcome>) {
        self.queue().push_back(Change::Completed(job, connection, outcome));
        self.ring.notify_one();
    }

    /// Waits until everything put in so far is on the bus.
    pub async fn settled(&self) {
        let (done, settled) = oneshot::channel();
        self.queue().push_back(Change::Settled(done));
        self.ring.notify_one();
        // The sender is dropped when the broker ends; then there is nothing to wait for.
        let _ = settled.await;
    }

    /// The next thing to do; waits for one.
    pub async fn next(&self) -> Change {
        loop {
            if let Some(change) = self.queue().pop_front() {
                return change;
            }
            self.ring.notified().await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Change>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Object {
    /// The object's path.
    pub fn path(&self) -> String {
        match self {
            Self::Session(number) => format!("{}/{number}", names::SESSIONS),
            Self::Joliet(number) => format!("{}/{number}/{}", names::SESSIONS, names::JOLIET),
            Self::Redbook(number) => format!("{}/{number}/{}", names::SESSIONS, names::REDBOOK),
            Self::Recorder(id) | Self::Medium(id) => format!("{}/{id}", names::RECORDERS),
            Self::Job(number) => format!("{}/{number}", names::JOBS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_object_waits_once_but_never_changes_places_with_a_signal() {
        let face = Face::default();
        face.sync(Object::Job(1));
        face.sync(Object::Session(1));
        face.sync(Object::Job(1));
        face.event(1, None, Event::PnpActivity);
        face.sync(Object::Job(1));
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(match face.next().await {
                Change::Sync(object) => object.path(),
                other => format!("{other:?}"),
            });
        }
        assert_eq!(
            order,
            [
                "/org/discmaster1/jobs/1",
                "/org/discmaster1/sessions/1",
                "Event(1, None, PnpActivity)",
                "/org/discmaster1/jobs/1",
            ]
        );
    }

    #[test]
    fn progress_is_left_out_when_the_bus_is_slow_and_the_end_is_not() {
        let face = Face::default();
        for done in 0..2000 {
            face.event(1, None, Event::BlockProgress(done, 2000));
        }
        face.event(1, None, Event::BurnComplete(String::new(), String::new()));
        assert_eq!(face.queue().len(), MOST_WAITING + 1);
    }
}
