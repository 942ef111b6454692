//! Jobs: what is under way, how far it is, and for a while how it ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use super::audio::Sound;
use super::clock;
use super::config::Limits;
use super::locks::LockId;
use super::outcome::Outcome;
use super::pace::Pace;
use super::service::State;
use super::snapshot::SavedJob;
use crate::api::{self, Error, ErrorKind, Operation, Phase, Progress, RecordOptions};

/// Every job that can be looked at.
#[derive(Debug, Default)]
pub struct Jobs {
    jobs: BTreeMap<u64, Job>,
    last: u64,
}

/// One job.
#[derive(Debug)]
pub struct Job {
    /// What it is about.
    pub about: About,
    /// When it was accepted.
    pub started: SystemTime,
    /// When it is expected to end, as far as anybody can tell.
    pub expected_end: Option<SystemTime>,
    /// How far it is.
    pub progress: Progress,
    /// How it ended.
    pub outcome: Option<Arc<Outcome>>,
    /// What is wished of a burn, for a broker that begins it anew.
    pub wishes: Option<RecordOptions>,
    /// What sound is taken in, where that is what is added.
    pub sound: Option<Sound>,
    /// The helpers have their orders and go on without a broker: the number of the stager's request, or 0 where only a
    /// worker is at work.
    pub ordered: Option<u32>,
    /// The lock that it holds for its own length.
    pub lock: Option<LockId>,
    ended: Option<Instant>,
    /// When it last told something new.
    moved: Instant,
    pace: Pace,
    cancel: watch::Sender<bool>,
    deserted: watch::Sender<bool>,
    done: watch::Sender<Option<Arc<Outcome>>>,
}

/// What a job does, and for whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    /// What is done.
    pub operation: Operation,
    /// The session that it belongs to.
    pub session: Option<u64>,
    /// The recorder that it uses.
    pub recorder: Option<String>,
    /// The user who started it.
    pub uid: u32,
    /// The connection that its signals go to; `None` tells everybody, in words that name no file.
    pub connection: Option<String>,
}

impl About {
    /// What is done, for people who want to switch the machine off.
    pub fn sentence(&self, state: &State) -> String {
        let recorder = self.recorder.as_deref().unwrap_or_default();
        let name = state.recorders.get(recorder).map(|one| one.details(recorder).title());
        let doing = match self.operation {
            Operation::Add => "Staging files",
            Operation::Import => "Reading a disc's directories",
            Operation::Record => "Recording a disc",
            Operation::Erase => "Erasing a disc",
            Operation::Format => "Formatting a disc",
        };
        format!("{doing} in {}", name.unwrap_or_else(|| recorder.to_owned()))
    }
}

/// The two ends of a job that its task and its waiters hold.
#[derive(Clone, Debug)]
pub struct Handle {
    /// The job's number.
    pub number: u64,
    /// Becomes true when the job is asked to end.
    pub cancel: watch::Receiver<bool>,
    /// Becomes true when the job's owner has left, and the job goes on without them.
    pub deserted: watch::Receiver<bool>,
    done: watch::Receiver<Option<Arc<Outcome>>>,
}

impl Jobs {
    /// Enters a job. A cap that is reached pushes out the oldest ended job that counts towards it.
    ///
    /// # Errors
    /// `LimitsExceeded` when every job that counts is still running.
    pub fn enter(&mut self, about: About, limits: &Limits) -> api::Result<(Handle, Vec<u64>)> {
        let uid = about.uid;
        let mine = self.make_room(limits.jobs_per_user, |job| job.about.uid == uid)?;
        let anybodys = self.make_room(limits.jobs, |_| true)?;
        let pushed = mine.into_iter().chain(anybodys).collect();
        self.last += 1;
        let (job, handle) = Job::new(self.last, about);
        self.jobs.insert(self.last, job);
        Ok((handle, pushed))
    }

    /// What the next broker needs to know: the jobs, and the last one's number.
    pub fn saved(&self) -> (BTreeMap<u64, SavedJob>, u64) {
        (self.jobs.iter().map(|(number, job)| (*number, job.saved())).collect(), self.last)
    }

    /// Takes in the jobs that an earlier broker left, and gives those that are still running.
    pub fn restore(&mut self, saved: BTreeMap<u64, SavedJob>, last: u64) -> Vec<Running> {
        self.last = last;
        let mut running = Vec::new();
        for (number, saved) in saved {
            let (mut job, handle) = Job::new(number, saved.about.clone());
            job.started = saved.started;
            job.progress = saved.progress;
            job.wishes = saved.wishes;
            job.sound = saved.sound;
            job.ordered = saved.ordered;
            job.lock = saved.lock;
            job.cancel.send_replace(saved.cancelled);
            job.deserted.send_replace(saved.deserted);
            match saved.outcome {
                Some(outcome) => {
                    job.end(outcome);
                    let since = saved.ended.and_then(|ended| ended.elapsed().ok()).unwrap_or_default();
                    job.ended = Instant::now().checked_sub(since).or(job.ended);
                }
                None => {
                    let (about, wishes, request, lock) =
                        (saved.about, saved.wishes, saved.ordered, saved.lock);
                    let sound = saved.sound;
                    running.push(Running { handle, about, wishes, sound, request, lock });
                }
            }
            self.jobs.insert(number, job);
        }
        running
    }

    /// There is none, running or ended.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The job of this number.
    pub fn get(&self, number: u64) -> Option<&Job> {
        self.jobs.get(&number)
    }

    /// The job of this number, to be changed.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut Job> {
        self.jobs.get_mut(&number)
    }

    /// Forgets the jobs that ended this long ago. Returns them, and when the next is to be forgotten.
    pub fn forget_ended(&mut self, now: Instant, retention: Duration) -> (Vec<u64>, Option<Instant>) {
        let due = |job: &Job| job.ended.map(|ended| ended + retention);
        let over = |job: &Job| due(job).is_some_and(|due| due <= now);
        let forgotten = self.jobs.iter().filter(|(_, job)| over(job)).map(|(number, _)| *number).collect();
        self.jobs.retain(|_, job| !over(job));
        (forgotten, self.jobs.values().filter_map(due).min())
    }

    fn make_room(&mut self, cap: usize, counts: impl Fn(&Job) -> bool) -> api::Result<Option<u64>> {
        let counted = || self.jobs.iter().filter(|(_, job)| counts(job));
        if counted().count() < cap {
            return Ok(None);
        }
        let ended = counted().find(|(_, job)| job.outcome.is_some()).map(|(number, _)| *number);
        let number = ended.ok_or_else(|| {
            let message = format!("{cap} jobs are running already. Wait until one of them has ended.");
            Error::new(ErrorKind::LimitsExceeded, message)
        })?;
        self.jobs.remove(&number);
        Ok(Some(number))
    }
}

/// A job that an earlier broker began and that has not ended.
#[derive(Debug)]
pub struct Running {
    /// Its ends.
    pub handle: Handle,
    /// What it is about.
    pub about: About,
    /// What is wished of a burn.
    pub wishes: Option<RecordOptions>,
    /// See [`Job::sound`].
    pub sound: Option<Sound>,
    /// See [`Job::ordered`].
    pub request: Option<u32>,
    /// The lock that it holds for its own length.
    pub lock: Option<LockId>,
}

impl Job {
    fn new(number: u64, about: About) -> (Self, Handle) {
        let (cancel, cancelled) = watch::channel(false);
        let (deserted, left) = watch::channel(false);
        let (done, waiting) = watch::channel(None);
        let job = Self {
            about,
            started: SystemTime::now(),
            expected_end: None,
            progress: Progress::begin(Phase::Queued),
            outcome: None,
            wishes: None,
            sound: None,
            ordered: None,
            lock: None,
            ended: None,
            moved: Instant::now(),
            pace: Pace::default(),
            cancel,
            deserted,
            done,
        };
        (job, Handle { number, cancel: cancelled, deserted: left, done: waiting })
    }

    fn saved(&self) -> SavedJob {
        let ended = self.ended.and_then(|ended| SystemTime::now().checked_sub(ended.elapsed()));
        SavedJob {
            about: self.about.clone(),
            started: self.started,
            ended,
            progress: self.progress,
            outcome: self.outcome.as_deref().cloned(),
            cancelled: *self.cancel.borrow(),
            deserted: *self.deserted.borrow(),
            wishes: self.wishes,
            sound: self.sound,
            ordered: self.ordered,
            lock: self.lock,
        }
    }

    /// Takes in a report, and tells whether it is worth passing on.
    pub fn report(&mut self, now: Instant, progress: Progress) -> bool {
        let far = |progress: &Progress| (progress.phase, progress.done, progress.total, progress.fraction);
        if far(&progress) != far(&self.progress) {
            self.moved = now;
        }
        self.progress = progress;
        let told = self.pace.admits(now, &progress);
        if told {
            self.expected_end = remaining(&progress).and_then(|left| SystemTime::now().checked_add(left));
        }
        told
    }

    /// Ends the job.
    pub fn end(&mut self, outcome: Outcome) -> Arc<Outcome> {
        let outcome = Arc::new(outcome);
        self.progress.phase = Phase::Finished;
        self.progress.rate = 0;
        self.progress.cancelable = false;
        self.expected_end = None;
        self.outcome = Some(Arc::clone(&outcome));
        self.ended = Some(Instant::now());
        self.done.send_replace(Some(Arc::clone(&outcome)));
        outcome
    }

    /// When it last told something new; `None` while a disc is changed, which is never at a standstill for good: a burn
    /// whose worker has its order, an erasure, a format.
    pub const fn moved(&self) -> Option<Instant> {
        match self.about.operation {
            Operation::Erase | Operation::Format => None,
            Operation::Record if self.ordered.is_some() => None,
            Operation::Add | Operation::Import | Operation::Record => Some(self.moved),
        }
    }

    /// Asks the job to end. Asking again, or after the end, changes nothing.
    pub fn cancel(&self) {
        self.cancel.send_replace(true);
    }

    /// Tells the job that its owner has left.
    pub fn desert(&self) {
        self.deserted.send_replace(true);
    }

    /// Whether a cancel would be honoured now.
    pub const fn cancelable(&self) -> bool {
        self.outcome.is_none() && self.progress.cancelable
    }

    /// How far the phase is, 0–1, if anybody knows.
    pub fn fraction(&self) -> Option<f64> {
        if let Some(outcome) = &self.outcome {
            return outcome.result.is_ok().then_some(1.0);
        }
        let Progress { done, total, fraction, .. } = self.progress;
        let counted = || (total > 0).then(|| ratio(done, total));
        fraction
            .or_else(counted)
            .filter(|fraction| fraction.is_finite())
            .map(|fraction| fraction.clamp(0.0, 1.0))
    }

    /// The property `Result`: empty while running, then `success` or the error's name.
    pub fn result_name(&self) -> String {
        match self.outcome.as_deref() {
            None => String::new(),
            Some(Outcome { result: Ok(_) }) => "success".to_owned(),
            Some(Outcome { result: Err(error) }) => error.bus_name(),
        }
    }

    /// When it is expected to end, µs since 1970; 0 when nobody knows.
    pub fn expected_end_micros(&self) -> u64 {
        self.expected_end.map_or(0, clock::micros)
    }
}

impl Handle {
    /// Waits for the job's end.
    pub async fn finished(&mut self) -> Arc<Outcome> {
        let lost = || {
            let error = Error::new(ErrorKind::Generic, "The job was forgotten before it ended.");
            Arc::new(Outcome { result: Err(error) })
        };
        match self.done.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(lost),
            Err(_) => lost(),
        }
    }
}

/// How long the job still takes, judged by its present phase.
fn remaining(progress: &Progress) -> Option<Duration> {
    if let Some(seconds) = progress.expected_seconds {
        return Some(Duration::from_secs(seconds.into()));
    }
    let unit = if progress.phase == Phase::Staging { 1 } else { u64::from(progress.block) };
    let left = progress.total.checked_sub(progress.done)?.checked_mul(unit)?;
    left.checked_div(progress.rate).map(Duration::from_secs)
}

#[expect(clippy::cast_precision_loss, reason = "a fraction for a progress bar")]
fn ratio(done: u64, total: u64) -> f64 {
    done as f64 / total as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(uid: u32) -> About {
        About { operation: Operation::Add, session: Some(1), recorder: None, uid, connection: None }
    }

    fn failure(message: &str) -> Outcome {
        let error =
            Error::new(ErrorKind::FileChanged, message).with("path", "/home/me/secret").with("block", 7);
        Outcome { result: Err(error) }
    }

    #[test]
    fn a_full_table_forgets_ended_jobs_and_never_a_running_one() {
        let mut jobs = Jobs::default();
        let limits = Limits { jobs: 3, jobs_per_user: 2, ..Limits::default() };
        let first = jobs.enter(about(1), &limits).unwrap().0.number;
        jobs.enter(about(1), &limits).unwrap();
        assert_eq!(jobs.enter(about(1), &limits).unwrap_err().kind, ErrorKind::LimitsExceeded);
        jobs.get_mut(first).unwrap().end(failure("it changed"));
        let (third, pushed) = jobs.enter(about(1), &limits).unwrap();
        assert_eq!((pushed, third.number), (vec![first], 3));
        jobs.enter(about(2), &limits).unwrap();
        assert_eq!(jobs.enter(about(3), &limits).unwrap_err().kind, ErrorKind::LimitsExceeded);
    }

    #[tokio::test]
    async fn a_waiter_gets_the_outcome_even_after_the_job_is_forgotten() {
        let mut jobs = Jobs::default();
        let (mut handle, _) = jobs.enter(about(1), &Limits::default()).unwrap();
        jobs.get_mut(handle.number).unwrap().end(failure("it changed"));
        let retention = Duration::from_secs(300);
        let (forgotten, next) = jobs.forget_ended(Instant::now(), retention);
        assert!(forgotten.is_empty());
        assert_eq!(jobs.forget_ended(next.unwrap(), retention), (vec![handle.number], None));
        assert_eq!(*handle.finished().await, failure("it changed"));
    }

    #[test]
    fn no_figure_of_a_helper_puts_the_end_beyond_all_time() {
        let mut jobs = Jobs::default();
        let number = jobs.enter(about(1), &Limits::default()).unwrap().0.number;
        let job = jobs.get_mut(number).unwrap();
        job.report(Instant::now(), Progress { total: u64::MAX, rate: 1, ..Progress::begin(Phase::Staging) });
        assert_eq!(job.expected_end, None);
    }

    #[test]
    fn the_end_is_expected_by_the_rate_or_by_the_drives_own_word() {
        let mut progress =
            Progress { done: 100, total: 1100, rate: 204_800, ..Progress::begin(Phase::Writing) };
        assert_eq!(remaining(&progress), Some(Duration::from_secs(10)));
        progress.rate = 0;
        assert_eq!(remaining(&progress), None);
        progress.expected_seconds = Some(33);
        assert_eq!(remaining(&progress), Some(Duration::from_secs(33)));
    }
}
