//! `org.discmaster1.Job`.

use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{OwnedObjectPath, interface};

use super::path_of;
use crate::api::{self, Error, ErrorKind, Operation};
use crate::broker::authority::Caller;
use crate::broker::clock;
use crate::broker::error::Result;
use crate::broker::face::Object;
use crate::broker::jobs::Job;
use crate::broker::options::Dict;
use crate::broker::service::Service;

/// A job.
pub struct JobObject {
    /// The broker.
    pub service: Service,
    /// The job's number.
    pub number: u64,
}

#[interface(name = "org.discmaster1.Job", introspection_docs = false)]
impl JobObject {
    async fn cancel(&self, #[zbus(header)] header: Header<'_>) -> Result<()> {
        let caller = self.service.caller(&header).await?;
        Ok(self.service.cancel_job(&caller, self.number).await?)
    }

    #[zbus(out_args("success", "error", "message", "details"))]
    async fn get_result(&self, #[zbus(header)] header: Header<'_>) -> Result<(bool, String, String, Dict)> {
        let caller = self.service.caller(&header).await?;
        self.of_owner(&caller, |job| {
            let outcome = job.outcome.as_ref().ok_or_else(|| {
                Error::new(ErrorKind::Busy, "The job has not ended. Wait for its signal Completed.")
            })?;
            Ok(outcome.parts())
        })
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn operation(&self) -> String {
        self.read(|job| job.about.operation.name().to_owned())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn session(&self) -> OwnedObjectPath {
        path_of(self.read(|job| job.about.session.map(Object::Session)))
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn recorder(&self) -> OwnedObjectPath {
        path_of(self.read(|job| job.about.recorder.clone().map(Object::Recorder)))
    }

    #[zbus(property(emits_changed_signal = "const"), name = "StartedByUID")]
    fn started_by_uid(&self) -> u32 {
        self.read(|job| job.about.uid)
    }

    #[zbus(property)]
    fn phase(&self) -> String {
        self.read(|job| job.progress.phase.name().to_owned())
    }

    #[zbus(property)]
    fn progress(&self) -> f64 {
        self.read(|job| job.fraction().unwrap_or(0.0))
    }

    #[zbus(property)]
    fn progress_valid(&self) -> bool {
        self.read(|job| job.fraction().is_some())
    }

    #[zbus(property)]
    fn blocks_done(&self) -> u64 {
        self.read(|job| blocks(job, job.progress.done))
    }

    #[zbus(property)]
    fn blocks_total(&self) -> u64 {
        self.read(|job| blocks(job, job.progress.total))
    }

    #[zbus(property)]
    fn block_size(&self) -> u32 {
        self.read(|job| job.progress.block)
    }

    #[zbus(property)]
    fn rate(&self) -> u64 {
        self.read(|job| job.progress.rate)
    }

    #[zbus(property)]
    fn ring_fill(&self) -> f64 {
        self.read(|job| fill(job.progress.ring_fill))
    }

    #[zbus(property)]
    fn drive_buffer_fill(&self) -> f64 {
        self.read(|job| fill(job.progress.drive_buffer_fill))
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn start_time(&self) -> u64 {
        self.read(|job| clock::micros(job.started))
    }

    #[zbus(property)]
    fn expected_end_time(&self) -> u64 {
        self.read(Job::expected_end_micros)
    }

    #[zbus(property)]
    fn cancelable(&self) -> bool {
        self.read(Job::cancelable)
    }

    #[zbus(property)]
    fn result(&self) -> String {
        self.read(Job::result_name)
    }

    #[zbus(signal)]
    pub async fn completed(
        emitter: &SignalEmitter<'_>,
        success: bool,
        error: &str,
        message: &str,
        details: Dict,
    ) -> zbus::Result<()>;
}

impl JobObject {
    fn read<T: Default>(&self, of: impl FnOnce(&Job) -> T) -> T {
        self.service.state().jobs.get(self.number).map(of).unwrap_or_default()
    }

    /// Lets the job's user and root at the job.
    fn of_owner<T>(&self, caller: &Caller, act: impl FnOnce(&Job) -> api::Result<T>) -> Result<T> {
        let state = self.service.state();
        let gone = || Error::new(ErrorKind::NotOpened, "The job has ended and is forgotten.");
        let job = state.jobs.get(self.number).ok_or_else(gone)?;
        self.service.check_owner(caller, job.about.uid)?;
        Ok(act(job)?)
    }
}

/// Staging counts bytes, all else blocks; the bus shows blocks.
fn blocks(job: &Job, figure: u64) -> u64 {
    match job.about.operation {
        Operation::Add => figure.div_ceil(api::BLOCK as u64),
        Operation::Record | Operation::Erase | Operation::Format | Operation::Import => figure,
    }
}

/// A filling, 0–1, or −1 when it is not known.
fn fill(figure: Option<f64>) -> f64 {
    figure.filter(|fill| fill.is_finite()).map_or(-1.0, |fill| fill.clamp(0.0, 1.0))
}
