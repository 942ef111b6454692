//! The broker's end of a worker: one request at a time, and its end.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, watch};

use super::launcher::{Helper, Launcher};
use super::manager::{Kept, Manager};
use crate::api::{Device, Error, ErrorKind, Inspection, Progress, Report, Result};
use crate::wire::broker_worker::{FromWorker, ToWorker};
use crate::wire::{AsyncChannel, Channel, ChannelError};

/// A worker that has opened its drive. It leaves when this is dropped, and the gate opens when it has left.
#[derive(Debug)]
pub struct WorkerLink {
    channel: Arc<AsyncChannel<FromWorker, ToWorker>>,
    gate: Option<OwnedMutexGuard<()>>,
    recorder: String,
    kept: Option<Kept>,
}

/// How an operation ended, and what the drive looked like afterwards.
#[derive(Debug)]
pub struct Ended {
    /// The outcome.
    pub result: Result<Report>,
    /// The drive and the disc, where the worker could look again.
    pub inspection: Option<Inspection>,
}

impl WorkerLink {
    /// Starts a worker and has it open a drive and look at it. The gate keeps other workers from the drive.
    ///
    /// # Errors
    /// What the worker says of the drive, or `HelperFailed`.
    pub async fn open(
        launcher: &dyn Launcher,
        id: &str,
        device: &Device,
        gate: OwnedMutexGuard<()>,
    ) -> Result<(Self, Inspection)> {
        let unstarted = |error: std::io::Error| {
            let message = format!(
                "The worker for recorder {id} could not be started: {error}. The disc was not touched."
            );
            Error::new(ErrorKind::HelperFailed, message)
        };
        let theirs = launcher.start(Helper::Worker { recorder: id }).await.map_err(unstarted)?.socket;
        let channel = Arc::new(Channel::new(theirs).into_async().map_err(unstarted)?);
        let link = Self { channel, gate: Some(gate), recorder: id.to_owned(), kept: None };
        link.send(&ToWorker::Open(device.clone()), &[]).await?;
        match link.receive().await? {
            FromWorker::Opened(inspection) => Ok((link, inspection?)),
            other => Err(link.out_of_turn(&other)),
        }
    }

    /// A worker that an earlier broker gave an order, and that tells its end again if it was told to nobody.
    ///
    /// # Errors
    /// `HelperFailed` when it is gone.
    pub async fn adopt(id: &str, socket: OwnedFd, gate: OwnedMutexGuard<()>, kept: Kept) -> Result<Self> {
        let channel = Channel::new(socket).into_async().map_err(|error| lost(id, &error.into()))?;
        let (channel, recorder) = (Arc::new(channel), id.to_owned());
        let link = Self { channel, gate: Some(gate), recorder, kept: Some(kept) };
        link.send(&ToWorker::Again, &[]).await?;
        Ok(link)
    }

    /// Has the service manager keep the socket under a name, for as long as this lives.
    pub fn keep(&mut self, manager: &Manager, name: String) {
        self.kept = Some(manager.keep_while(name, self.channel.as_fd()));
    }

    /// Sends a request; descriptors are lent to go with it.
    ///
    /// # Errors
    /// `HelperFailed` when the worker is gone.
    pub async fn send(&self, ask: &ToWorker, fds: &[BorrowedFd<'_>]) -> Result<()> {
        self.channel.send(ask, fds).await.map_err(|error| lost(&self.recorder, &error))
    }

    /// Follows the request sent last to its end. Progress goes to `report`; a cancel is passed on once.
    pub async fn follow(&self, mut cancel: watch::Receiver<bool>, mut report: impl FnMut(Progress)) -> Ended {
        let mut cancelled = false;
        loop {
            let message = tokio::select! {
                message = self.receive() => message,
                asked = async { cancel.wait_for(|asked| *asked).await.is_ok() }, if !cancelled => {
                    cancelled = true;
                    // A worker that cannot be told is gone, which the next message says.
                    if asked && let Err(error) = self.send(&ToWorker::Cancel, &[]).await {
                        tracing::debug!("a cancel did not reach a worker: {error}");
                    }
                    continue;
                }
            };
            match message {
                Ok(FromWorker::Progress(progress)) => report(progress),
                Ok(FromWorker::Done { result, inspection }) => return Ended { result, inspection },
                Ok(other) => return Ended { result: Err(self.out_of_turn(&other)), inspection: None },
                Err(error) => return Ended { result: Err(error), inspection: None },
            }
        }
    }

    async fn receive(&self) -> Result<FromWorker> {
        match self.channel.receive().await {
            Ok((message, _)) => Ok(message),
            Err(error) => Err(lost(&self.recorder, &error)),
        }
    }

    fn out_of_turn(&self, message: &FromWorker) -> Error {
        let what = match message {
            FromWorker::Opened(_) => "Opened",
            FromWorker::Progress(_) => "Progress",
            FromWorker::Done { .. } => "Done",
        };
        let id = &self.recorder;
        Error::new(ErrorKind::HelperFailed, format!("The worker of recorder {id} sent {what} out of turn."))
            .with("source", "worker")
    }
}

impl Drop for WorkerLink {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (channel, gate) = (Arc::clone(&self.channel), self.gate.take());
        // The worker reads the end of the line; its own end closes when it has let go of the drive.
        channel.hang_up();
        runtime.spawn(async move {
            while channel.receive().await.is_ok() {}
            drop(gate);
        });
    }
}

fn lost(id: &str, error: &ChannelError) -> Error {
    Error::new(
        ErrorKind::HelperFailed,
        format!(
            "The worker of recorder {id} is gone ({error}). If a disc was being written, it may be unfinished: \
             look at the drive before you use it again."
        ),
    )
    .with("source", "worker")
}
