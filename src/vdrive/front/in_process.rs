//! The drive in the process of its host, in virtual time: no test waits for a disc.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::mmc::transport::{Data, Outcome, Status, Transport, TransportError};
use crate::vdrive::drive::{Drive, Ending};

/// A drive as a transport. Clones are the same drive: one for the host, one for the hands.
#[derive(Clone, Debug)]
pub struct InProcess {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    drive: Drive,
    now: Duration,
    /// How long every command takes at least, so that polling makes time pass.
    pace: Duration,
    vanished: bool,
}

impl InProcess {
    /// The drive at time zero. Each command lets a millisecond pass.
    pub fn new(drive: Drive) -> Self {
        let pace = Duration::from_millis(1);
        Self { shared: Arc::new(Mutex::new(Shared { drive, now: Duration::ZERO, pace, vanished: false })) }
    }

    /// Chooses how long every command takes at least.
    pub fn every_command_takes(&self, pace: Duration) {
        self.lock().pace = pace;
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        let mut shared = self.lock();
        shared.now += time;
        let now = shared.now;
        shared.drive.advance(now);
    }

    /// The time.
    pub fn now(&self) -> Duration {
        self.lock().now
    }

    /// Does something with the drive, as hands would.
    pub fn with<R>(&self, act: impl FnOnce(&mut Drive, Duration) -> R) -> R {
        let mut shared = self.lock();
        let now = shared.now;
        act(&mut shared.drive, now)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for InProcess {
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, timeout: Duration) -> Result<Outcome, TransportError> {
        let mut shared = self.lock();
        let name = || "the drive in this process".to_owned();
        let lost = || TransportError::LinkLost { name: name(), why: "the drive vanished".into() };
        if shared.vanished {
            return Err(lost());
        }
        let (now, pace) = (shared.now, shared.pace);
        let given: &[u8] = if let Data::ToDrive(given) = data { given } else { &[] };
        let reply = shared.drive.execute(cdb, given, now);
        let takes = reply.takes.max(pace);
        shared.now += takes.min(timeout.max(pace));
        if takes > timeout {
            return Err(TransportError::Timeout { name: name(), limit: timeout });
        }
        let status = match reply.ending {
            Ending::Good => Status::Good,
            Ending::Check(sense) => Status::Check(sense),
            Ending::Busy => Status::Busy,
            Ending::Lost => {
                let why = "the answer was lost".into();
                return Err(TransportError::LinkLost { name: name(), why });
            }
            Ending::Vanished => {
                shared.vanished = true;
                return Err(lost());
            }
        };
        let transferred = match data {
            Data::FromDrive(buffer) => {
                let length = reply.data.len().min(buffer.len());
                buffer[..length].copy_from_slice(&reply.data[..length]);
                length
            }
            Data::ToDrive(_) => reply.taken,
            Data::None => 0,
        };
        Ok(Outcome { status, transferred })
    }

    fn name(&self) -> &str {
        "virtual drive"
    }
}
