//! What ends by itself: detached sessions that nobody calls, jobs that ended a while ago, and the broker itself when
//! there is nothing left for it to do.
//!
//! One task with one timer, which sleeps while there is nothing to wait for.

use tokio::time::{Instant, sleep_until};

use super::face::Object;
use super::manager::Tell;
use super::service::{Service, State};

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
            self.close(session, true);
        }
        let leave = self.state().idle().map(|since| since.unwrap_or(self.began()));
        let leave = leave.zip(config.idle_exit).map(|(since, stays)| since + stays);
        if leave.is_some_and(|due| due <= now) {
            self.leave().notify_one();
        }
        waiting.into_iter().map(|(_, due)| due).chain(next_job).chain(leave.filter(|due| *due > now)).min()
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

    /// Detached sessions, and since when nobody has called them; one that is at work is called just now.
    fn idle_since(&self, now: Instant) -> Vec<(u64, Instant)> {
        let detached =
            self.sessions.iter().filter(|(_, one)| one.owner.connection.is_none() && !one.is_closed());
        detached.map(|(number, one)| (*number, one.activity.map_or(one.touched, |_| now))).collect()
    }
}
