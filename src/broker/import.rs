//! Reading the tree of the disc that is to be appended to: a job of its own, since a slow drive takes minutes over it.
//!
//! A worker reads, and the session's stager asks it through a socket of theirs; nothing of it comes here but the end.

use std::os::fd::AsFd;
use std::time::Duration;

use super::face::Object;
use super::inspect::Turn;
use super::jobs::{About, Handle};
use super::outcome::{Outcome, Yield};
use super::recorder;
use super::select::{Target, no_medium, same_disc};
use super::service::{Occupied, Service};
use super::session::{Activity, Selection};
use super::staging::out_of_turn;
use crate::api::{DiscStatus, Error, ErrorKind, ImportSummary, Operation, Phase, Progress, Result};
use crate::image::iso9660::descriptor::FIRST_DESCRIPTOR;
use crate::wire::broker_stager::{Answer, Ask};
use crate::wire::broker_worker::{Imprint, ReadOrder, ToWorker};
use crate::wire::pair;
use crate::wire::stager_worker::{AskingEnd, ReadingEnd};

/// How long `SetActiveDiscRecorder` waits for the tree: with the look at the disc before, less than the 25 s after which
/// clients of D-Bus give a call up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Blocks of which the start of an image is a multiple on every medium: what a BD writes at once.
const ALIGNMENT: u32 = 32;

/// An import, from the moment that it is accepted.
struct Import {
    service: Service,
    session: u64,
    handle: Handle,
    turn: Turn,
    selection: Selection,
    target: Target,
    /// The stager held the tree of an earlier session before.
    imported: bool,
}

impl Service {
    /// Starts the job that imports a disc's tree and selects the disc when it has, and waits for it a while.
    ///
    /// # Errors
    /// Those of the job, when it ends in time; `Busy`, `DeviceNotPresent`, `LimitsExceeded`.
    pub async fn import(
        &self,
        session: u64,
        selection: Selection,
        target: Target,
        occupied: Occupied,
    ) -> Result<()> {
        let turn = self.reserve(&selection.recorder, recorder::Activity::Importing)?;
        let (mut handle, imported) = {
            let mut guard = self.state();
            let state = &mut *guard;
            let owner = state.session(session)?.owner.clone();
            let about = About {
                operation: Operation::Import,
                session: Some(session),
                recorder: Some(selection.recorder.clone()),
                uid: owner.uid,
                connection: owner.connection,
            };
            let handle = self.enter_job(state, about)?;
            let entry = state.session_mut(session)?;
            entry.activity = Some(Activity::Importing(handle.number));
            // What was selected before is not, whatever becomes of this.
            entry.selection = None;
            // A broker that is started meanwhile cannot know how far the stager came.
            let imported = std::mem::replace(&mut entry.imported, true);
            (handle, imported)
        };
        // From here on the job keeps others away.
        drop(occupied);
        let service = self.clone();
        let import = Import { service, session, handle: handle.clone(), turn, selection, target, imported };
        tokio::spawn(import.run());
        match tokio::time::timeout(PATIENCE, handle.finished()).await {
            Ok(outcome) => outcome.result.as_ref().map(drop).map_err(Clone::clone),
            Err(_) => Ok(()),
        }
    }
}

/// The image behind all that is on a disc that is written anywhere; on others the drive says where it begins.
fn behind(selection: Selection, end: u32) -> Selection {
    if selection.medium.status != DiscStatus::Other {
        return selection;
    }
    let start = end.checked_next_multiple_of(ALIGNMENT).unwrap_or(u32::MAX);
    let free = selection.medium.free_blocks.saturating_sub(start.into());
    Selection { start, free, ..selection }
}

impl Import {
    async fn run(self) {
        let result = self.take_over().await;
        let Self { service, session, handle, turn, selection, target, imported } = self;
        let leaving = match service.state().sessions.get_mut(&session) {
            Some(entry) if entry.activity == Some(Activity::Importing(handle.number)) => {
                entry.activity = None;
                entry.touched = tokio::time::Instant::now();
                entry.imported = imported;
                if let (Ok(summary), Target::Append { session, .. }) = (&result, target) {
                    let block = session.saturating_add(FIRST_DESCRIPTOR);
                    let imprint = Some(Imprint { block, checksum: summary.checksum });
                    entry.selection = Some(Selection { imprint, ..behind(selection, summary.end) });
                    entry.imported = true;
                    entry.set_staged(summary.used_blocks, entry.staged);
                }
                entry.leaving
            }
            _ => false,
        };
        drop(turn);
        service.end_job(handle.number, Outcome { result: result.map(Yield::Imported) });
        service.face().sync(Object::Session(session));
        if leaving {
            service.close(session, false);
        }
    }

    async fn take_over(&self) -> Result<ImportSummary> {
        let Self { service, handle, turn, selection, .. } = self;
        let Target::Append { session: start, end } = self.target else {
            return Ok(ImportSummary::default());
        };
        service.report(handle.number, Progress::begin(Phase::Preparing));
        let stager = service.stager(self.session).await?;
        let (worker, seen) = turn.worker().await?;
        let id = turn.recorder();
        let medium = seen.medium.as_ref().ok_or_else(|| no_medium(id))?;
        if !same_disc(&selection.medium, medium) {
            let message =
                format!("The disc in {id} was changed meanwhile. Call SetActiveDiscRecorder again.");
            return Err(Error::new(ErrorKind::WrongDisc, message));
        }
        let (asking, reading): (AskingEnd, ReadingEnd) = pair().map_err(|error| {
            Error::new(ErrorKind::Generic, format!("There is no socket for reading the disc: {error}."))
        })?;
        worker.send(&ToWorker::Read(ReadOrder { end }), &[reading.as_fd()]).await?;
        let request = stager.begin(Ask::Import { start, end }, &[asking.as_fd()]).await;
        // Each helper is to see the other's end, and nobody else's.
        drop((asking, reading));
        let report = |progress| {
            service.report(handle.number, progress);
        };
        let answer = match request {
            Ok(request) => stager.follow(request, handle, report).await,
            Err(error) => Err(error),
        };
        // The stager has let go of its end by now, or is gone: the worker ends.
        let ended = worker.follow(handle.cancel.clone(), |_| {}).await;
        if ended.inspection.is_some() {
            turn.saw(ended.inspection);
        }
        match (answer, ended.result) {
            (Ok(Answer::Imported(summary)), _) => Ok(summary),
            (Ok(other), _) => Err(out_of_turn(&other)),
            // Whose fault it was, the worker knows better when it is the one that left first.
            (Err(of_stager), Err(of_worker)) if of_stager.kind == ErrorKind::HelperFailed => Err(of_worker),
            (Err(of_stager), _) => Err(of_stager),
        }
    }
}
