//! A disc whose last session was cut off: refused, closed before another one follows, or gone on with.

use std::os::fd::AsFd;

use super::{Burn, blocks, check_same};
use crate::api::{
    Error, ErrorKind, Inspection, MediaKind, Medium, Phase, Progress, RecordOptions, Result, Unfinished,
};
use crate::broker::inspect::Turn;
use crate::broker::select;
use crate::broker::session::{Format, Selection};
use crate::broker::stager_link::StagerLink;
use crate::broker::worker_link::WorkerLink;
use crate::wire::broker_stager::Ask;
use crate::wire::broker_worker::{ReadOrder, ToWorker};
use crate::wire::pair;
use crate::wire::stager_worker::{AskingEnd, ReadingEnd};

impl Burn {
    /// Has the session closed that was cut off. What the disc looks like then is what the image is planned for.
    pub(super) async fn close_unfinished(&mut self, turn: &Turn) -> Result<(WorkerLink, Inspection)> {
        let (worker, seen) = turn.worker().await?;
        check_same(turn.recorder(), &self.selection.medium, seen.medium.as_ref())?;
        worker.send(&ToWorker::CloseUnfinished, &[]).await?;
        // It is no part of this burn's events: what they call closing comes at its end.
        let report = |progress: Progress| {
            self.service.report(self.handle.number, Progress { phase: Phase::Preparing, ..progress });
        };
        let ended = worker.follow(self.handle.cancel.clone(), report).await;
        turn.saw(ended.inspection.clone());
        ended.result?;
        let id = turn.recorder();
        let inspection = ended.inspection.ok_or_else(|| select::no_medium(id))?;
        let medium = inspection.medium.clone().ok_or_else(|| select::no_medium(id))?;
        match medium.next_writable.filter(|_| medium.is_appendable() && !medium.is_unfinished()) {
            Some(start) => {
                let free = medium.free_blocks;
                self.selection = Selection { medium, start, free, ..self.selection.clone() };
                Ok((worker, inspection))
            }
            None => {
                let message = format!(
                    "The session that was cut off on the disc in {id} was closed, but the drive takes nothing behind it. \
                     Nothing was recorded: insert another disc."
                );
                Err(Error::new(ErrorKind::CannotWriteToMedia, message))
            }
        }
    }

    /// Plans the image of the burn that was cut off once more, with the dates that it has on the disc; its blocks. It begins
    /// where that one began, and some of the room that it takes has been taken by then.
    pub(super) async fn plan_again(
        &mut self,
        turn: &Turn,
        stager: &StagerLink,
    ) -> Result<(WorkerLink, Inspection, u64)> {
        if self.options.unmount {
            turn.unmount().await?;
        }
        let (worker, seen) = turn.worker().await?;
        check_same(turn.recorder(), &self.selection.medium, seen.medium.as_ref())?;
        let (start, end) = recorded(turn.recorder(), &self.selection.medium)?;
        self.selection.start = start;
        self.selection.free += u64::from(end - start);
        let redirects = false;
        if end - start <= DESCRIPTOR {
            // Nothing that has a date was recorded.
            let plan = stager.begin(Ask::Plan { start, redirects, recorded: None }, &[]).await?;
            let blocks = blocks(stager.follow(plan, &self.handle, |_| {}).await?)?;
            return Ok((worker, seen, blocks));
        }
        let (asking, reading): (AskingEnd, ReadingEnd) = pair().map_err(|error| {
            Error::new(ErrorKind::Generic, format!("There is no socket for reading the disc: {error}."))
        })?;
        worker.send(&ToWorker::Read(ReadOrder { end }), &[reading.as_fd()]).await?;
        let plan = Ask::Plan { start, redirects, recorded: Some(end) };
        let request = stager.begin(plan, &[asking.as_fd()]).await;
        // Each helper is to see the other's end, and nobody else's.
        drop((asking, reading));
        let answer = match request {
            Ok(request) => stager.follow(request, &self.handle, |_| {}).await,
            Err(error) => Err(error),
        };
        let read = worker.follow(self.handle.cancel.clone(), |_| {}).await;
        match (answer, read.result) {
            (Ok(answer), _) => Ok((worker, read.inspection.unwrap_or(seen), blocks(answer)?)),
            // Whose fault it was, the worker knows better when it is the one that left first.
            (Err(of_stager), Err(of_worker)) if of_stager.kind == ErrorKind::HelperFailed => Err(of_worker),
            (Err(of_stager), _) => Err(of_stager),
        }
    }
}

/// Refuses a disc whose last session was cut off, unless that is to be closed or gone on with; and to go on with nothing.
pub(super) fn check(selection: &Selection, options: &RecordOptions, format: Option<Format>) -> Result<()> {
    let id = &selection.recorder;
    let cd = matches!(selection.medium.kind(), MediaKind::CdR | MediaKind::CdRw);
    let (kind, message) = match (selection.medium.is_unfinished(), options.unfinished) {
        (false, Unfinished::Refuse | Unfinished::Close) => return Ok(()),
        (false, Unfinished::Resume) => (
            ErrorKind::CannotWriteToMedia,
            format!(
                "No burn was cut off on the disc in {id}, there is none to go on with. Record without “unfinished”."
            ),
        ),
        (true, Unfinished::Refuse) if cd => (
            ErrorKind::CannotWriteToMedia,
            format!(
                "The last session of the disc in {id} was cut off. To close it as it is and record behind it, call RecordDisc \
                 with “unfinished” set to “close”; or insert another disc."
            ),
        ),
        (true, Unfinished::Refuse) => (
            ErrorKind::CannotWriteToMedia,
            format!(
                "The last session of the disc in {id} was cut off. To go on with the same files where it ended, call \
                 RecordDisc with “unfinished” set to “resume”; to close it as it is and record behind it, with “close”; or \
                 insert another disc."
            ),
        ),
        (true, _) if options.simulate => (
            ErrorKind::NotSupported,
            format!(
                "The last session of the disc in {id} was cut off, and what becomes of it cannot be simulated: record \
                 without `simulate`."
            ),
        ),
        (true, Unfinished::Resume) if format == Some(Format::Redbook) => (
            ErrorKind::NotSupported,
            "An audio disc that was cut off cannot be gone on with: the track ends there. Insert another disc.".to_owned(),
        ),
        (true, Unfinished::Resume) if cd => (
            ErrorKind::NotSupported,
            format!(
                "A burn that was cut off on a CD, such as that in {id}, cannot be gone on with: its track ends there. Record with \
                 “unfinished” set to “close”, or insert another disc."
            ),
        ),
        (true, Unfinished::Close | Unfinished::Resume) => return Ok(()),
    };
    Err(Error::new(kind, message))
}

/// From where to where the session is recorded that was cut off.
fn recorded(id: &str, medium: &Medium) -> Result<(u32, u32)> {
    let end = medium.next_writable.ok_or_else(|| {
        let message = format!(
            "The burn that was cut off on the disc in {id} cannot be gone on with: the drive offers no address behind it. \
             Record with “unfinished” set to “close”, or insert another disc."
        );
        Error::new(ErrorKind::NotSupported, message)
    })?;
    let open = medium.tracks.iter().filter(|track| track.session >= medium.sessions);
    let start = open.map(|track| track.start).max().filter(|&start| start <= end);
    Ok((start.unwrap_or(end), end))
}

/// Of an image's blocks the one with its primary volume descriptor.
const DESCRIPTOR: u32 = 16;
