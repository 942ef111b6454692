//! `SetActiveDiscRecorder` and `RecordDisc`: from a staged image to a disc.

use std::os::fd::AsFd;
use std::sync::Arc;

use super::audio;
use super::authority::Caller;
use super::events::{BurnEvents, Event};
use super::face::Object;
use super::inspect::Turn;
use super::jobs::{About, Handle};
use super::lifecycle::recorder_id;
use super::outcome::{Outcome, Yield};
use super::permission::asker;
use super::recorder;
use super::resume::{Begun, worker_name};
use super::select;
use super::service::{Service, forgotten};
use super::session::{Activity, Decided, Format, Selection};
use super::stager_link::{Request, StagerLink};
use super::staging::blocks;
use super::worker_link::{Ended, WorkerLink};
use crate::api::{
    Detail, DiscStatus, Error, ErrorKind, Inspection, Medium, Multisession, Operation, Phase, Progress,
    RecordOptions, Report, Result, Unfinished, names,
};
use crate::wire::broker_stager::{Ask, AudioAsk};
use crate::wire::broker_worker::{AudioOrder, Expected, NO_ORDER, RecordOrder, ToWorker};
use crate::wire::ring;

mod unfinished;

/// A burn, from the moment that it is accepted.
struct Burn {
    service: Service,
    session: u64,
    handle: Handle,
    selection: Selection,
    options: RecordOptions,
    /// The tracks of an audio disc.
    album: Option<audio::Ordered>,
    events: BurnEvents,
}

impl Service {
    /// `SetActiveDiscRecorder`: looks at the disc, and selects the recorder if the image can go there.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`, `Busy`, `DeviceNotPresent`, `DeviceNotAccessible`, what [`select::target`]
    /// says of the disc, what the worker says of the drive, and what the import of the disc's tree says.
    pub async fn select_recorder(
        &self,
        caller: &Caller,
        session: u64,
        path: &str,
        multisession: Multisession,
    ) -> Result<()> {
        let (occupied, (scope, format)) = self.occupy(session, "SetActiveDiscRecorder", |session| {
            let format = session.active_format()?;
            session.check_idle()?;
            Ok((session.scope.clone(), format))
        })?;
        let id = recorder_id(path)?;
        self.state().recorder(&id)?;
        if !scope.covers(&id) {
            let message = format!("The session does not hold recorder {id}. Open one that does.");
            return Err(Error::new(ErrorKind::DeviceNotAccessible, message));
        }
        let seated = self.sits_at(caller, &id).await;
        // A lock on every recorder was asked for as that; each is asked for by name when it is chosen.
        let plug = self.authorize_recorder(caller, names::ACTION_OPEN, &id).await?;
        let seen = self.inspect(&id).await?;
        let target = select::target(&id, seen.medium.as_ref(), multisession)?;
        let Some(medium) = seen.medium else { return Err(select::no_medium(&id)) };
        if format == Format::Redbook {
            audio::check_disc(&id, &medium)?;
        }
        self.state().plugged_mut(&id, &plug)?.settings.write_speed = None;
        let (start, free) = (medium.next_writable.unwrap_or_default(), medium.free_blocks);
        let multisession = target.decided();
        let selection =
            Selection { recorder: id, medium, start, free, lost: false, multisession, imprint: None, seated };
        match target {
            select::Target::Append { .. } => self.import(session, selection, target, occupied).await,
            select::Target::New => self.select(session, selection).await,
        }
    }

    /// Selects a disc for an image with a tree of its own.
    async fn select(&self, number: u64, selection: Selection) -> Result<()> {
        let stager = {
            let mut state = self.state();
            let session = state.session_mut(number)?;
            session.stager.clone().filter(|stager| session.imported && !stager.is_gone())
        };
        let left = match stager {
            Some(stager) => Some(blocks(stager.ask(Ask::Forget, &[]).await?)?),
            None => None,
        };
        let mut guard = self.state();
        let state = &mut *guard;
        let session = state.sessions.get_mut(&number).ok_or_else(forgotten)?;
        session.imported = false;
        if let Some(blocks) = left {
            session.set_staged(blocks, session.staged);
        }
        session.selection = Some(selection);
        Ok(())
    }

    /// `RecordDisc`: starts a job that records the staged image.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`, `NoActiveRecorder`, `DeviceNotPresent`, `Busy`, `InvalidImage`,
    /// `DeviceNotAccessible`, `MediumNotPresent`, `WrongDisc`, `CannotWriteToMedia`, `NotSupported`, `LimitsExceeded`.
    pub fn record(&self, caller: &Caller, number: u64, mut options: RecordOptions) -> Result<Handle> {
        let (selection, about, album) = {
            let state = self.state();
            let session = state.session(number)?;
            let selection = session.check_record()?.clone();
            let id = &selection.recorder;
            let present = state.recorder(id)?;
            state.locks.check_not_exclusive(id, &[asker(caller), session.asker(&caller.sender)])?;
            if let Some(seen) = &present.inspection {
                check_same(id, &selection.medium, seen.medium.as_ref())?;
            }
            unfinished::check(&selection, &options, session.format)?;
            options.speed = options.speed.or(present.settings.write_speed);
            options.unprotected = present.settings.unprotected;
            let about = About {
                operation: Operation::Record,
                session: Some(number),
                recorder: Some(id.clone()),
                uid: session.owner.uid,
                connection: session.owner.connection.clone(),
            };
            let album = (session.format == Some(Format::Redbook))
                .then(|| audio::ordered(&session.album, state.gap(session)));
            (selection, about, album)
        };
        let turn = self.reserve(&selection.recorder, recorder::Activity::Burning)?;
        let handle = {
            let mut guard = self.state();
            let state = &mut *guard;
            // Somebody may have been quicker since the look above.
            state.session(number)?.check_record()?;
            let handle = self.enter_job(state, about)?;
            state.session_mut(number)?.activity = Some(Activity::Burning(handle.number));
            if let Some(job) = state.jobs.get_mut(handle.number) {
                job.wishes = Some(options);
            }
            handle
        };
        self.face().sync(Object::Session(number));
        let service = self.clone();
        let burn = Burn {
            service,
            session: number,
            handle: handle.clone(),
            selection,
            options,
            album,
            events: BurnEvents::default(),
        };
        tokio::spawn(burn.run(turn));
        Ok(handle)
    }

    /// A session whose disc is finished: free again or, when it waits to be closed, closed.
    pub fn release_session(&self, number: u64, job: u64) {
        let leaving = match self.state().sessions.get_mut(&number) {
            Some(session) if session.activity == Some(Activity::Burning(job)) => {
                session.activity = None;
                session.touched = tokio::time::Instant::now();
                session.leaving
            }
            _ => false,
        };
        self.face().sync(Object::Session(number));
        if leaving {
            self.close(number, false);
        }
    }
}

impl Service {
    /// Goes on with a burn of an earlier broker, or begins it anew where its worker had no order yet.
    pub fn resume_burn(&self, begun: Begun, turn: Turn) {
        let Begun { handle, about, wishes, sound, ordered, worker, feed, .. } = begun;
        let (session, selection, lost, stager, progress, album) = {
            let state = self.state();
            let number = about.session.unwrap_or_default();
            let session = state.sessions.get(&number);
            let selection = session.and_then(|session| session.selection.clone());
            let lost = !ordered && session.is_some_and(|session| !session.holds_anything());
            let progress = state.jobs.get(handle.number).map(|job| job.progress);
            let album = session
                .filter(|session| session.format == Some(Format::Redbook))
                .map(|session| audio::ordered(&session.album, state.gap(session)));
            let stager = session.and_then(|session| session.stager.clone());
            (number, selection, lost, stager, progress, album)
        };
        let Some(selection) = selection else {
            let message = "The session of this burn is gone. If a disc was being written, look at it before you use it again.";
            let lost = Error::new(ErrorKind::Generic, message);
            return self
                .end_begun(Begun { handle, about, wishes, sound, ordered, worker, feed, lock: None }, lost);
        };
        if lost {
            let message = "The process that held the staged image died while the service started again, and the image with it. \
                           The disc was not touched: add the files again.";
            let error = Error::new(ErrorKind::HelperFailed, message).with("source", "stager");
            return self
                .end_begun(Begun { handle, about, wishes, sound, ordered, worker, feed, lock: None }, error);
        }
        let (service, options) = (self.clone(), wishes.unwrap_or_default());
        let events = progress.filter(|_| ordered).map(|told| BurnEvents::told(&told)).unwrap_or_default();
        let mut burn = Burn { service, session, handle, selection, options, album, events };
        tokio::spawn(async move {
            if !ordered {
                // What was asked of the stager before comes to its end first.
                if let Some(stager) = stager
                    && let Ok(request) = stager.begin(Ask::Again, &[]).await
                    && let Err(error) = stager.follow(request, &burn.handle, |_| {}).await
                    && stager.is_gone()
                {
                    return burn.conclude(Err(error), turn);
                }
                return burn.run(turn).await;
            }
            let feed = stager.zip(feed).map(|(stager, request)| Feed { stager, request });
            let result = match turn.adopt(worker).await {
                Ok(worker) => burn.finish(&turn, worker, feed, Ok(())).await,
                Err(error) => Err(error),
            };
            match result {
                // The earlier broker was killed between its note of the order and the order itself.
                Err(error) if error.details.get("source") == Some(&Detail::Text(NO_ORDER.to_owned())) => {
                    tracing::info!("the worker had no order yet: beginning anew");
                    burn.service.take_back(burn.handle.number);
                    burn.run(turn).await;
                }
                result => burn.conclude(result, turn),
            }
        });
    }
}

impl Burn {
    async fn run(mut self, turn: Turn) {
        let result = self.burn(&turn).await;
        self.conclude(result, turn);
    }

    fn conclude(mut self, result: Result<Report>, turn: Turn) {
        if result.is_ok() {
            for event in self.events.succeed() {
                self.service.tell(self.session, event);
            }
        }
        drop(turn);
        let everybody = match self.service.state().sessions.get(&self.session) {
            Some(session) => session.owner.connection.is_none(),
            None => true,
        };
        let outcome = Outcome { result: result.map(Yield::Disc) };
        let (error, message) = outcome.name_and_message(everybody);
        self.service.end_job(self.handle.number, outcome);
        self.service.tell(self.session, Event::BurnComplete(error, message));
        self.service.release_session(self.session, self.handle.number);
    }

    async fn burn(&mut self, turn: &Turn) -> Result<Report> {
        self.service.report(self.handle.number, Progress::begin(Phase::Preparing));
        let stager = self.service.stager(self.session).await?;
        let resumes = self.options.unfinished == Unfinished::Resume;
        let (mut worker, seen, blocks) = match self.selection.medium.is_unfinished() && resumes {
            true => self.plan_again(turn, &stager).await?,
            false => self.plan(turn, &stager).await?,
        };
        self.check_disc(&seen, blocks)?;
        worker.keep(self.service.manager(), worker_name(turn.recorder()));
        let (request, sent) = self.order(&worker, &stager, blocks).await?;
        self.finish(turn, worker, Some(Feed { stager, request }), sent).await
    }

    /// Has the image laid out for the disc, once a session that was cut off is closed; its blocks.
    async fn plan(&mut self, turn: &Turn, stager: &StagerLink) -> Result<(WorkerLink, Inspection, u64)> {
        let closed = match self.selection.medium.is_unfinished() {
            true => Some(self.close_unfinished(turn).await?),
            false => None,
        };
        let start = self.selection.start;
        let redirects = start > 0 && self.selection.medium.status == DiscStatus::Other;
        let image = match &self.album {
            Some(album) if !album.has_files() => 0,
            _ => {
                let plan = stager.begin(Ask::Plan { start, redirects, recorded: None }, &[]).await?;
                blocks(stager.follow(plan, &self.handle, |_| {}).await?)?
            }
        };
        let blocks = match &mut self.album {
            Some(album) => {
                if album.has_files() {
                    album.set_image(image);
                }
                album.blocks()
            }
            None => image,
        };
        if self.options.unmount {
            turn.unmount().await?;
        }
        let (worker, seen) = match closed {
            Some(ready) => ready,
            None => turn.worker().await?,
        };
        Ok((worker, seen, blocks))
    }

    /// Follows worker and stager to the end of a burn that they have their orders for.
    async fn finish(
        &mut self,
        turn: &Turn,
        worker: WorkerLink,
        feed: Option<Feed>,
        sent: Result<()>,
    ) -> Result<Report> {
        let ended = match sent {
            Ok(()) => self.follow(&worker).await,
            Err(error) => Ended { result: Err(error), inspection: None },
        };
        drop(worker);
        let unseen = ended.inspection.is_none();
        turn.saw(ended.inspection);
        if unseen {
            self.service.look(turn.recorder());
        }
        match (ended.result, feed) {
            (Ok(mut report), feed) => {
                self.tell_of_hidden(&mut report);
                report.notes.extend(self.album.iter().flat_map(|album| album.notes.clone()));
                // It has nothing to say but that it has finished, and takes no other request before.
                if let Some(Feed { stager, mut request }) = feed
                    && let Err(error) = stager.last_word(&mut request).await
                {
                    tracing::warn!("the disc is written, and its stager failed afterwards: {error}");
                }
                Ok(report)
            }
            (Err(error), Some(feed)) => Err(feed.better_account(error).await),
            // The stager had died before this broker began.
            (Err(error), None) => Err(error),
        }
    }

    /// Gives worker and stager an end of the ring each, and the word to start.
    async fn order(
        &self,
        worker: &WorkerLink,
        stager: &StagerLink,
        blocks: u64,
    ) -> Result<(Request, Result<()>)> {
        let (producer, consumer) = ring::create(self.service.config().ring).map_err(|error| {
            let message = format!("There is no memory for the ring: {error}. The disc was not touched.");
            Error::new(ErrorKind::Generic, message)
        })?;
        let Selection { medium, start, free, .. } = &self.selection;
        let (start, options) = (*start, self.options);
        let expected = match options.unfinished {
            // It goes on behind what is recorded of it.
            Unfinished::Resume => Expected {
                profile: medium.profile,
                next_writable: medium.next_writable.unwrap_or(start),
                free_blocks: medium.free_blocks,
            },
            _ => Expected { profile: medium.profile, next_writable: start, free_blocks: *free },
        };
        let (feed, order) = match &self.album {
            Some(album) => {
                let album = album.order.clone();
                let feed = AudioAsk::Feed { data: album.data.is_some() };
                (Ask::Audio(feed), ToWorker::RecordAudio(AudioOrder { options, expected, ..album }))
            }
            None => {
                let imprint = self.selection.imprint;
                (Ask::Feed, ToWorker::Record(RecordOrder { blocks, start, options, expected, imprint }))
            }
        };
        // The stager first: whatever becomes of it, the worker sees it in the ring and closes the disc properly.
        let request = stager.begin(feed, &[producer.memory.as_fd(), producer.wake.as_fd()]).await?;
        let lent = [consumer.memory.as_fd(), consumer.wake.as_fd()];
        self.service.order(self.handle.number, request.id);
        Ok((request, worker.send(&order, &lent).await))
    }

    async fn follow(&mut self, worker: &WorkerLink) -> Ended {
        let Self { service, session, handle, events, .. } = self;
        let report = |progress| {
            let due = service.report(handle.number, progress);
            for event in events.report(&progress, due) {
                service.tell(*session, event);
            }
        };
        worker.follow(handle.cancel.clone(), report).await
    }

    /// Says that the files of earlier sessions are not in the tree that readers see now. Sound is not in any tree.
    fn tell_of_hidden(&self, report: &mut Report) {
        let Selection { medium, multisession, .. } = &self.selection;
        let mut sessions: Vec<u16> =
            medium.tracks.iter().filter(|track| track.data).map(|track| track.session).collect();
        sessions.dedup();
        // What was gone on with is no earlier session.
        let own = usize::from(self.options.unfinished == Unfinished::Resume);
        let sessions = sessions.len().saturating_sub(own);
        if *multisession == Decided::New && sessions > 0 && medium.status == DiscStatus::Appendable {
            report.notes.push(format!(
                "The disc holds {sessions} earlier session(s). As was asked for, their files are not in the directory \
                 tree that readers find now; they are still on the disc."
            ));
        }
    }

    fn check_disc(&self, seen: &Inspection, blocks: u64) -> Result<()> {
        let id = &self.selection.recorder;
        check_same(id, &self.selection.medium, seen.medium.as_ref())?;
        let free = self.selection.free;
        if blocks <= free {
            return Ok(());
        }
        let message = format!(
            "The image takes {blocks} blocks and the disc in {id} has {free}. Nothing was written: take something \
             out, or insert a larger disc and select the recorder again."
        );
        Err(Error::new(ErrorKind::DiscFull, message)
            .with("needed-blocks", blocks)
            .with("available-blocks", free))
    }
}

/// The stager's side of a burn under way.
struct Feed {
    stager: Arc<StagerLink>,
    request: Request,
}

impl Feed {
    /// Why a burn failed: when the content failed, the stager knows better than the worker.
    async fn better_account(mut self, of_worker: Error) -> Error {
        let by_content = of_worker.details.get("source") == Some(&Detail::Text("ring".to_owned()));
        if !by_content {
            self.stager.cancel(self.request.id).await;
        }
        match self.stager.last_word(&mut self.request).await {
            Err(of_stager) if by_content => tell_disc(of_stager, &of_worker),
            _ => of_worker,
        }
    }
}

/// The stager's error, with what the worker says of the disc, and knows better.
fn tell_disc(mut of_stager: Error, of_worker: &Error) -> Error {
    of_stager.message = format!("{} {}", of_stager.message, of_worker.message);
    let of_disc = of_worker.details.iter().filter(|(key, _)| key.as_str() != "source");
    of_stager.details.extend(of_disc.map(|(key, detail)| (key.clone(), detail.clone())));
    of_stager
}

/// Refuses when the disc is not the one that was selected.
fn check_same(recorder: &str, selected: &Medium, now: Option<&Medium>) -> Result<()> {
    let Some(now) = now else { return Err(select::no_medium(recorder)) };
    if select::same_disc(selected, now) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::WrongDisc,
        format!(
            "The disc in {recorder} is not the one that was selected, or has changed since. Nothing was written: call \
             SetActiveDiscRecorder again to plan for this disc."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::select::tests::blank_cd;

    fn kind(now: Option<&Medium>) -> Option<ErrorKind> {
        check_same("sr0", &blank_cd(), now).err().map(|error| error.kind)
    }

    #[test]
    fn a_burn_goes_to_the_disc_that_was_selected_and_to_no_other() {
        assert_eq!(kind(Some(&blank_cd())), None);
        assert_eq!(kind(None), Some(ErrorKind::MediumNotPresent));
        assert_eq!(kind(Some(&Medium { free_blocks: 333_000, ..blank_cd() })), Some(ErrorKind::WrongDisc));
        assert_eq!(kind(Some(&Medium { profile: 0x0a, ..blank_cd() })), Some(ErrorKind::WrongDisc));
    }

    #[test]
    fn the_stagers_account_is_completed_by_what_the_worker_says_of_the_disc() {
        let of_stager = Error::new(ErrorKind::FileChanged, "/a changed.").with("path", "/a");
        let of_worker = Error::new(ErrorKind::HelperFailed, "The disc is unfinished.")
            .with("source", "ring")
            .with("block", 9);
        let told = tell_disc(of_stager, &of_worker);
        assert_eq!(
            (told.kind, told.message.as_str()),
            (ErrorKind::FileChanged, "/a changed. The disc is unfinished.")
        );
        assert_eq!(told.details.keys().collect::<Vec<_>>(), ["block", "path"]);
    }
}
