//! The broker's end of a stager: numbered requests, each with its answer.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::fs::fstat;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::jobs::Handle;
use super::launcher::{Helper, Launcher, Process};
use super::manager::{Kept, Manager};
use crate::api::{Error, ErrorKind, Progress, Result};
use crate::wire::broker_stager::{Answer, Ask, Begin, FromStager, Tell, ToStager};
use crate::wire::{AsyncChannel, Channel, ChannelError};

/// How the names begin under which sockets of stagers are kept that were let go of; user and a number follow.
const LEFT: &str = "left-";
/// Requests that may be under way at once.
const MOST_REQUESTS: usize = 8;
/// How long a stager has for the end of a request that nobody wants any more. One that takes longer is held up by a file
/// system that does not answer, and may be so for ever.
const LAST_WORD: Duration = Duration::from_secs(10);
/// How long a stager has for what touches no file.
const PATIENCE: Duration = Duration::from_secs(120);

/// A stager that has become its session's owner. It leaves when this is dropped, unless it feeds a burn.
#[derive(Debug)]
pub struct StagerLink {
    shared: Arc<Shared>,
    next: AtomicU32,
    process: Process,
    /// The user as whom it reads.
    owner: OnceLock<u32>,
    kept: OnceLock<Kept>,
}

/// A request under way.
#[derive(Debug)]
pub struct Request {
    /// Its number, for [`StagerLink::cancel`].
    pub id: u32,
    progress: watch::Receiver<Option<Progress>>,
    answer: oneshot::Receiver<Result<Answer>>,
}

#[derive(Debug)]
struct Shared {
    channel: AsyncChannel<FromStager, ToStager>,
    pending: Mutex<HashMap<u32, Pending>>,
    gone: AtomicBool,
}

#[derive(Debug)]
struct Pending {
    progress: watch::Sender<Option<Progress>>,
    answer: oneshot::Sender<Result<Answer>>,
}

impl StagerLink {
    /// Starts a stager and has it become the owner.
    ///
    /// # Errors
    /// What the stager says, or `HelperFailed`.
    pub async fn open(launcher: &dyn Launcher, session: u64, begin: Begin) -> Result<Self> {
        let started = launcher.start(Helper::Stager { session }).await.map_err(|error| {
            Error::new(
                ErrorKind::HelperFailed,
                format!(
                    "The stager for session {session} could not be started: {error}. Nothing was staged."
                ),
            )
        })?;
        let channel = Channel::new(started.socket).into_async().map_err(|error| lost(&error.into()))?;
        let shared = Arc::new(Shared { channel, pending: Mutex::default(), gone: AtomicBool::new(false) });
        tokio::spawn(Arc::clone(&shared).read());
        let (next, process) = (AtomicU32::new(1), started.process);
        let link = Self { shared, next, process, owner: OnceLock::from(begin.uid), kept: OnceLock::new() };
        link.ask(Ask::Begin(begin), &[]).await?;
        Ok(link)
    }

    /// A stager that an earlier broker started, and whose answer to `expected` is still to come.
    ///
    /// # Errors
    /// When the socket cannot be watched.
    pub fn adopt(
        socket: OwnedFd,
        process: Process,
        next: u32,
        expected: Option<u32>,
    ) -> io::Result<(Self, Option<Request>)> {
        let channel = Channel::new(socket).into_async()?;
        let shared = Arc::new(Shared { channel, pending: Mutex::default(), gone: AtomicBool::new(false) });
        // Before anything is read: the answer may be there already.
        let request = expected.map(|id| shared.expect(id));
        tokio::spawn(Arc::clone(&shared).read());
        // Whatever was asked since the number was noted has a smaller one.
        let next = AtomicU32::new(next.wrapping_add(1 << 16));
        Ok((Self { shared, next, process, owner: OnceLock::new(), kept: OnceLock::new() }, request))
    }

    /// Has the service manager keep the socket under a name, for as long as this lives.
    pub fn keep(&self, manager: &Manager, name: String) {
        self.keep_as(manager.keep_while(name, self.shared.channel.as_fd()));
    }

    /// It was started for this user.
    pub fn belongs_to(&self, uid: u32) {
        // Only ever told once.
        let _ = self.owner.set(uid);
    }

    /// The socket is kept, for as long as this lives.
    pub fn keep_as(&self, kept: Kept) {
        // Only ever done once.
        let _ = self.kept.set(kept);
    }

    /// The number of the next request.
    pub fn next_request(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    /// Asks for what touches no file, and waits for the answer.
    ///
    /// # Errors
    /// What the stager answers, or `HelperFailed` when it is gone.
    pub async fn ask(&self, ask: Ask, fds: &[BorrowedFd<'_>]) -> Result<Answer> {
        let answered = async { self.begin(ask, fds).await?.answer().await };
        timeout(PATIENCE, answered).await.unwrap_or_else(|_| Err(self.abandon(ErrorKind::HelperFailed)))
    }

    /// Asks, for an answer that is waited for elsewhere.
    ///
    /// # Errors
    /// `HelperFailed` when the stager is gone, `Busy` when too much is asked of it.
    pub async fn begin(&self, ask: Ask, fds: &[BorrowedFd<'_>]) -> Result<Request> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        if self.shared.pending().len() >= MOST_REQUESTS {
            return Err(Error::new(ErrorKind::Busy, "The session has too many requests under way."));
        }
        let request = self.shared.expect(id);
        if self.is_gone() {
            self.shared.fail_all(&ChannelError::Closed);
        } else if let Err(error) = self.shared.channel.send(&ToStager { id, ask }, fds).await {
            self.shared.pending().remove(&id);
            return Err(match error {
                ChannelError::TooLarge(bytes) => {
                    let message = format!("A request of {bytes} bytes is too long. Nothing was changed.");
                    Error::new(ErrorKind::InvalidArgs, message)
                }
                error => lost(&error),
            });
        }
        Ok(request)
    }

    /// Follows a request of a job to its end. Progress goes to `report`; a cancel is passed on once. A stager that does
    /// not answer a cancel, or that is silent after the job's owner has left, is abandoned.
    ///
    /// # Errors
    /// What the stager answers, `HelperFailed` when it is gone or was abandoned, `UserAbort` when that was by a cancel.
    pub async fn follow(
        &self,
        request: Request,
        job: &Handle,
        mut report: impl FnMut(Progress),
    ) -> Result<Answer> {
        let Request { id, mut progress, mut answer } = request;
        let (mut cancel, mut deserted) = (job.cancel.clone(), job.deserted.clone());
        let mut cancelled = false;
        let mut lonely = false;
        let mut watched = true;
        // No matter before somebody has lost interest.
        let mut until = Instant::now();
        loop {
            tokio::select! {
                answer = &mut answer => return answer.unwrap_or_else(|_| Err(lost(&ChannelError::Closed))),
                changed = progress.changed(), if watched => match changed {
                    Ok(()) => {
                        if !cancelled {
                            until = Instant::now() + LAST_WORD;
                        }
                        let now = *progress.borrow_and_update();
                        if let Some(now) = now {
                            report(now);
                        }
                    }
                    Err(_) => watched = false,
                },
                asked = async { cancel.wait_for(|asked| *asked).await.is_ok() }, if !cancelled => {
                    cancelled = true;
                    until = Instant::now() + LAST_WORD;
                    if asked {
                        self.cancel(id).await;
                    }
                }
                () = async { drop(deserted.wait_for(|gone| *gone).await) }, if !lonely => {
                    lonely = true;
                    until = Instant::now() + LAST_WORD;
                }
                () = sleep_until(until), if cancelled || lonely => {
                    let why = if cancelled { ErrorKind::UserAbort } else { ErrorKind::HelperFailed };
                    return Err(self.abandon(why));
                }
            }
        }
    }

    /// Waits for the answer to a request that has nothing to do any more; a stager that does not give it is abandoned.
    ///
    /// # Errors
    /// As for [`StagerLink::follow`].
    pub async fn last_word(&self, request: &mut Request) -> Result<Answer> {
        timeout(LAST_WORD, request.answer())
            .await
            .unwrap_or_else(|_| Err(self.abandon(ErrorKind::HelperFailed)))
    }

    /// Lets go of a stager that does not answer: it is lost, and the image with it.
    fn abandon(&self, why: ErrorKind) -> Error {
        tracing::warn!("a stager does not answer and is abandoned");
        self.shared.gone.store(true, Ordering::Release);
        self.shared.fail_all(&ChannelError::Closed);
        self.process.kill();
        let message = "The process that reads your files does not answer and was abandoned, and the staged image with it. \
                       Perhaps a file system in use is out of reach: see to that, and add the files again.";
        Error::new(why, message).with("source", "stager")
    }

    /// The stager's process, which may outlive this.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Asks a running request to end; its answer tells when it has.
    pub async fn cancel(&self, id: u32) {
        let asked = ToStager { id, ask: Ask::Cancel };
        match timeout(LAST_WORD, self.shared.channel.send(&asked, &[])).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("a cancel did not reach a stager: {error}"),
            Err(_) => tracing::debug!("a stager takes no messages any more"),
        }
    }

    /// The stager has died, and the image with it.
    pub fn is_gone(&self) -> bool {
        self.shared.gone.load(Ordering::Acquire)
    }
}

impl Drop for StagerLink {
    fn drop(&mut self) {
        // What it still has to say is taken in, and wanted by nobody, until it has left.
        self.shared.channel.hang_up();
        if let (Some(kept), Some(owner)) = (self.kept.take(), self.owner.get())
            && let Ok(socket) = fstat(&self.shared.channel)
        {
            // One that does not leave counts towards its user's, also for the next broker. The manager lets go of the socket
            // when the other end closes.
            kept.keep_on(&format!("{LEFT}{owner}-{}", socket.st_ino), self.shared.channel.as_fd());
        }
    }
}

/// Takes in a stager that an earlier broker let go of, should this be the name of one: its user, and its process.
pub fn left_behind(name: &str, socket: &OwnedFd) -> Option<(u32, Process)> {
    let (owner, _) = name.strip_prefix(LEFT)?.split_once('-')?;
    let owner = owner.parse().ok()?;
    let (process, copy) = (Process::unit(socket.try_clone().ok()?), socket.try_clone().ok()?);
    let channel: AsyncChannel<FromStager, ToStager> = Channel::new(copy).into_async().ok()?;
    // As above: one that cannot say what it has to would not leave.
    tokio::spawn(async move { while channel.receive().await.is_ok() {} });
    Some((owner, process))
}

impl Request {
    /// Waits for the answer. May be called again when the wait was cut short.
    ///
    /// # Errors
    /// What the stager answers, or `HelperFailed` when it is gone.
    pub async fn answer(&mut self) -> Result<Answer> {
        match (&mut self.answer).await {
            Ok(answer) => answer,
            Err(_) => Err(lost(&ChannelError::Closed)),
        }
    }
}

impl Shared {
    /// A place for the answer to a request.
    fn expect(&self, id: u32) -> Request {
        let (progress, watched) = watch::channel(None);
        let (answer, answered) = oneshot::channel();
        self.pending().insert(id, Pending { progress, answer });
        Request { id, progress: watched, answer: answered }
    }

    async fn read(self: Arc<Self>) {
        let error = loop {
            match self.channel.receive().await {
                Ok((message, _)) => self.take(message),
                Err(error) => break error,
            }
        };
        self.gone.store(true, Ordering::Release);
        self.fail_all(&error);
    }

    fn take(&self, FromStager { id, tell }: FromStager) {
        match tell {
            Tell::Progress(progress) => {
                if let Some(request) = self.pending().get(&id) {
                    request.progress.send_replace(Some(progress));
                }
            }
            Tell::Done(answer) => {
                let request = self.pending().remove(&id);
                // The asker may have lost interest; then there is nobody to tell.
                request.map(|request| request.answer.send(answer));
            }
        }
    }

    fn fail_all(&self, error: &ChannelError) {
        for (_, request) in self.pending().drain() {
            let _ = request.answer.send(Err(lost(error)));
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<u32, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error for a stager that died: its image died with it.
fn lost(error: &ChannelError) -> Error {
    Error::new(
        ErrorKind::HelperFailed,
        format!("The process that held the staged image is gone ({error}), and the image with it: add the files again."),
    )
    .with("source", "stager")
}
