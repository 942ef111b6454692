//! Looking at discs: after a recorder is plugged in, when its disc changes, and when a session selects it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::face::Object;
use super::manager::Kept;
use super::recorder::{Activity, Plug};
use super::resume::worker_name;
use super::service::Service;
use super::udisks;
use super::worker_link::WorkerLink;
use crate::api::{Device, Error, ErrorKind, Inspection, Result};

/// How long a turn at the drive is waited for, once nobody else has a claim to it.
const PATIENCE: Duration = Duration::from_secs(60);
/// When a drive is looked at again that somebody else had.
const LATER: Duration = Duration::from_secs(15);

/// A recorder that this task alone may speak to, through one worker after the other.
pub struct Turn {
    service: Service,
    recorder: String,
    plug: Plug,
    device: Device,
    activity: Activity,
}

impl Service {
    /// Reserves a recorder for an activity. Its turn at the drive comes with [`Turn::worker`].
    ///
    /// # Errors
    /// `DeviceNotPresent`, `Busy`.
    pub fn reserve(&self, recorder: &str, activity: Activity) -> Result<Turn> {
        let (plug, device) = {
            let mut state = self.state();
            let entry = state.recorder_mut(recorder)?;
            let doing = match entry.activity {
                // A look is over soon, and stands in nobody's way.
                Activity::None | Activity::Looking => None,
                Activity::Importing => Some("reading the directories of a disc"),
                Activity::Reading => Some("reading the tracks of a disc"),
                Activity::Moving => Some("ejecting or loading a disc"),
                Activity::Burning => Some("recording a disc"),
                Activity::Erasing => Some("erasing or formatting a disc"),
            };
            if let Some(doing) = doing {
                let message = format!("Recorder {recorder} is {doing}. Wait for its end.");
                return Err(Error::new(ErrorKind::Busy, message));
            }
            entry.activity = activity;
            (entry.plug.clone(), entry.device.clone())
        };
        self.face().sync(Object::Recorder(recorder.to_owned()));
        Ok(Turn { service: self.clone(), recorder: recorder.to_owned(), plug, device, activity })
    }

    /// Has a worker look at the disc now, and returns what it saw.
    ///
    /// # Errors
    /// `DeviceNotPresent`, `Busy`, and what the worker says.
    pub async fn inspect(&self, recorder: &str) -> Result<Inspection> {
        let turn = self.reserve(recorder, Activity::Looking)?;
        let seen = turn.worker().await.map(|(_, inspection)| inspection);
        turn.saw(seen.as_ref().ok().cloned());
        seen
    }

    /// Looks at a recorder's disc whenever that is called for, until the recorder is unplugged.
    pub async fn keep_looking(self, recorder: String, look: Arc<Notify>) {
        // Whoever has the drive may let go of it without a word.
        let mut in_use = false;
        loop {
            match in_use {
                true => drop(tokio::time::timeout(LATER, look.notified()).await),
                false => look.notified().await,
            }
            match self.may_look(&recorder, &look) {
                None => return,
                Some(false) => continue,
                Some(true) => {}
            }
            match self.inspect(&recorder).await {
                Ok(_) => in_use = false,
                Err(error) => {
                    let before = in_use;
                    in_use =
                        matches!(error.kind, ErrorKind::DeviceNotAccessible | ErrorKind::DeviceStillInUse);
                    if !(before && in_use) {
                        tracing::warn!("recorder {recorder} could not be looked at: {error}");
                    }
                }
            }
        }
    }

    /// Has the disc looked at soon.
    pub fn look(&self, recorder: &str) {
        if let Ok(entry) = self.state().recorder(recorder) {
            entry.look.notify_one();
        }
    }

    /// Whether nobody speaks to the drive now; otherwise it is looked at when they have finished. `None` when this
    /// recorder was unplugged.
    fn may_look(&self, recorder: &str, look: &Arc<Notify>) -> Option<bool> {
        let mut state = self.state();
        let entry = state.recorders.get_mut(recorder).filter(|entry| Arc::ptr_eq(&entry.look, look))?;
        let free = matches!(entry.activity, Activity::None | Activity::Looking);
        entry.stale |= !free;
        Some(free)
    }
}

impl Turn {
    /// Waits for the turn at the drive, and starts a worker there.
    ///
    /// # Errors
    /// `DeviceNotPresent`, `DeviceStillInUse`, `HelperFailed`, or what the worker says of the drive.
    pub async fn worker(&self) -> Result<(WorkerLink, Inspection)> {
        let gate = Arc::clone(&self.service.state().plugged_mut(&self.recorder, &self.plug)?.gate);
        let Ok(gate) = tokio::time::timeout(PATIENCE, gate.lock_owned()).await else {
            let message = format!(
                "Recorder {} is still at work for what was asked of it before, perhaps by an earlier start of the service: a disc \
                 that is being recorded goes on to its end. Try again later. Switch it off and on only if its lamp stays dark.",
                self.recorder
            );
            return Err(Error::new(ErrorKind::DeviceStillInUse, message));
        };
        WorkerLink::open(self.service.launcher(), &self.recorder, &self.device, gate).await
    }

    /// Has the disc unmounted, should it be mounted.
    ///
    /// # Errors
    /// `FileSystem`.
    pub async fn unmount(&self) -> Result<()> {
        udisks::unmount(&self.service.door()?.bus, &self.device).await
    }

    /// Goes on with a worker that an earlier broker gave its order.
    ///
    /// # Errors
    /// `DeviceNotPresent`, `DeviceStillInUse`, `HelperFailed`.
    pub async fn adopt(&self, socket: Option<OwnedFd>) -> Result<WorkerLink> {
        let gate = Arc::clone(&self.service.state().plugged_mut(&self.recorder, &self.plug)?.gate);
        let gate = gate.lock_owned().await;
        let Some(socket) = socket else {
            let message = format!(
                "The worker of recorder {} died in the service's absence. If a disc was being written, it may be unfinished: \
                 look at the drive before you use it again.",
                self.recorder
            );
            return Err(Error::new(ErrorKind::HelperFailed, message).with("source", "worker"));
        };
        let kept = Kept::already(self.service.manager(), worker_name(&self.recorder));
        WorkerLink::adopt(&self.recorder, socket, gate, kept).await
    }

    /// The recorder's id.
    pub fn recorder(&self) -> &str {
        &self.recorder
    }

    /// Takes in what a worker saw; `None` when nothing is known of the disc any more.
    pub fn saw(&self, inspection: Option<Inspection>) {
        if let Ok(entry) = self.service.state().plugged_mut(&self.recorder, &self.plug) {
            entry.inspection = inspection;
        }
        self.service.face().sync(Object::Recorder(self.recorder.clone()));
        self.service.face().sync(Object::Medium(self.recorder.clone()));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Ok(entry) = self.service.state().plugged_mut(&self.recorder, &self.plug)
            && entry.activity == self.activity
        {
            entry.activity = Activity::None;
            if std::mem::take(&mut entry.stale) {
                entry.look.notify_one();
            }
        }
        self.service.face().sync(Object::Recorder(self.recorder.clone()));
    }
}
