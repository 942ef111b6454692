//! What ends by itself: detached sessions that nobody calls, jobs that ended a while ago, and the broker itself when
//! there is nothing left for it to do.
//!
//! One task with one timer, which sleeps while there is nothing to wait for.

use tokio::time::{Instant, sleep_until};

use super::face::Object;
use super::jobs::Job;
use super::manager::Tell;
use super::service::{Service, State};
use super::session::{Activity, Session};

impl Service {
    /// Keeps dates, for ever.
    pub async fn keep_house(self) {
        loop {
            match self.tidy(Instant::now()) {
                None => self.bell().notified().await,
                Some(next) => tokio::select! {
                    () = sleep_until(next) => {}
                    () = self.bell().notified() => {}
                },
            }
        }
    }

    /// Ends what is due, and tells when something is due next.
    fn tidy(&self, now: Instant) -> Option<Instant> {
        let config = self.config();
        let (jobs, next_job) = self.state().jobs.forget_ended(now, config.job_retention);
        for job in jobs {
            self.face().sync(Object::Job(job));
        }
        let idle = self.state().idle_since(now);
        let (over, waiting): (Vec<_>, Vec<_>) = idle
            .into_iter()
            .map(|(session, since)| (session, since + config.idle_time))
            .partition(|(_, due)| *due <= now);
        for (session, _) in over {
            tracing::info!("session {session}: closed after {:?} without a call", config.idle_time);
            self.close_idle(session);
        }
        let leave = self.state().idle().map(|since| since.unwrap_or(self.began()));
        let mut leave = leave.zip(config.idle_exit).map(|(since, stays)| since + stays);
        if leave.is_some_and(|due| due <= now) {
            if self.state().has_stagers() {
                // Another broker would not know of them, and let their user have more. Nobody tells when they have gone.
                leave = config.idle_exit.map(|stays| now + stays);
            } else {
                self.leave().notify_one();
            }
        }
        waiting.into_iter().map(|(_, due)| due).chain(next_job).chain(leave.filter(|due| *due > now)).min()
    }

    /// Ends a session that nobody calls. A job that is at a standstill is cancelled, which a helper that does not answer is not
    /// asked about twice; a burn takes the session along when it has ended.
    fn close_idle(&self, number: u64) {
        {
            let state = self.state();
            let job = state.sessions.get(&number).and_then(Session::job);
            match job.and_then(|job| state.jobs.get(job)) {
                // It has got its order this very moment.
                Some(job) if job.moved().is_none() => return,
                Some(job) => job.cancel(),
                None => {}
            }
        }
        self.close(number, true);
    }

    /// Shows the service manager, as often as it wants, that the broker's tasks are run and its state can be had.
    pub async fn show_life(self) {
        let Some(period) = self.manager().watchdog() else { return };
        loop {
            tokio::time::sleep(period / 3).await;
            drop(self.state());
            self.manager().tell(Tell::Watchdog);
        }
    }
}

impl State {
    /// Nothing is open or under way, and somebody called last then; `None` within when nobody ever did.
    pub fn idle(&self) -> Option<Option<Instant>> {
        let open = self.sessions.values().any(|session| !session.is_closed());
        let busy = open || !self.jobs.is_empty() || !self.locks.is_empty() || !self.questions.is_empty();
        (!busy).then_some(self.called)
    }

    /// There are processes that read users' files: those of closed sessions, when nothing is open.
    fn has_stagers(&self) -> bool {
        self.stagers.iter().any(|(_, process)| process.is_alive())
    }

    /// Detached sessions, and since when nobody has called them, and their jobs have told nothing new; one that changes a
    /// disc, or answers a call, is called just now. Those that end already do not count.
    fn idle_since(&self, now: Instant) -> Vec<(u64, Instant)> {
        let detached = self.sessions.iter().filter(|(_, one)| {
            let ends = one.leaving && one.activity.is_some();
            one.owner.connection.is_none() && !one.is_closed() && !ends
        });
        let since = |one: &Session| match one.activity {
            None => one.touched,
            Some(Activity::Calling(_)) => now,
            Some(Activity::Adding(job) | Activity::Importing(job) | Activity::Burning(job)) => {
                let moved = self.jobs.get(job).map_or(Some(one.touched), Job::moved);
                moved.map_or(now, |moved| moved.max(one.touched))
            }
        };
        detached.map(|(number, one)| (*number, since(one))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::{Operation, Phase, Progress};
    use crate::broker::config::Limits;
    use crate::broker::jobs::About;
    use crate::broker::session::tests::session;

    /// A state with one detached session, which is doing this.
    fn doing(operation: Operation) -> (State, u64) {
        let mut state = State::default();
        let about = About { operation, session: Some(1), recorder: None, uid: 1000, connection: None };
        let job = state.jobs.enter(about, &Limits::default()).unwrap().0.number;
        let mut session = session();
        session.owner.connection = None;
        session.activity = Some(match operation {
            Operation::Add => Activity::Adding(job),
            Operation::Import => Activity::Importing(job),
            Operation::Record | Operation::Erase | Operation::Format => Activity::Burning(job),
        });
        state.sessions.insert(1, session);
        (state, job)
    }

    #[test]
    fn a_job_keeps_its_session_for_as_long_as_it_tells_something_new() {
        let hour = Instant::now() + Duration::from_secs(3600);
        let next = hour + Duration::from_secs(3600);
        for operation in [Operation::Add, Operation::Import, Operation::Record] {
            let (mut state, number) = doing(operation);
            let since = |state: &State, now| state.idle_since(now)[0].1;
            assert!(since(&state, hour) < hour, "{operation:?}");
            let told = Progress { done: 7, ..Progress::begin(Phase::Staging) };
            state.jobs.get_mut(number).unwrap().report(hour, told);
            assert_eq!(since(&state, next), hour);
            // The same figures, at another rate, are nothing new.
            state.jobs.get_mut(number).unwrap().report(next, Progress { rate: 1, ..told });
            assert_eq!(since(&state, next), hour);
            // A call counts as much as a report.
            state.sessions.get_mut(&1).unwrap().touched = next;
            assert_eq!(since(&state, next), next);
            state.sessions.get_mut(&1).unwrap().leaving = true;
            assert_eq!(state.idle_since(next), [], "{operation:?}: it ends already");
        }
    }

    #[test]
    fn a_session_is_never_idle_while_a_disc_is_changed() {
        let hour = Instant::now() + Duration::from_secs(3600);
        let (mut state, number) = doing(Operation::Record);
        state.jobs.get_mut(number).unwrap().ordered = Some(7);
        assert_eq!(state.idle_since(hour), [(1, hour)]);
        for operation in [Operation::Erase, Operation::Format] {
            assert_eq!(doing(operation).0.idle_since(hour), [(1, hour)]);
        }
    }
}
