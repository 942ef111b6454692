//! What goes into a session's image, and out of it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use super::events::AddEvents;
use super::face::Object;
use super::jobs::{About, Handle};
use super::outcome::{Outcome, Yield};
use super::resume::{Begun, stager_name};
use super::service::{Service, State, forgotten};
use super::session::{Activity, Format, Session};
use super::stager_link::{Request, StagerLink};
use crate::api::{
    AddOptions, AddSummary, Entry, Error, ErrorKind, JolietProperties, Operation, Phase, Progress, Result,
};
use crate::wire::broker_stager::{Answer, Ask, Begin};

/// What `AddData` and `AddPath` take in.
#[derive(Debug)]
pub enum Source {
    /// A directory or file that the caller has opened.
    Descriptor(OwnedFd),
    /// An absolute path, resolved with the owner's rights.
    Path(PathBuf),
}

/// An addition, from the moment that it is accepted.
struct Addition {
    service: Service,
    session: u64,
    handle: Handle,
    source: Source,
    options: AddOptions,
    capacity: Option<u64>,
}

impl Service {
    /// `AddData` and `AddPath`: starts a job that takes files in.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`, `WrongFormat`, `Busy`, `LimitsExceeded`.
    pub fn add(&self, session: u64, source: Source, options: AddOptions) -> Result<Handle> {
        let (handle, capacity) = {
            let mut guard = self.state();
            let state = &mut *guard;
            let entry = state.session_mut(session)?;
            entry.check_data()?;
            entry.check_idle()?;
            let about = About {
                operation: Operation::Add,
                session: Some(session),
                recorder: None,
                uid: entry.owner.uid,
                connection: entry.owner.connection.clone(),
            };
            let capacity = state.data_room(session)?;
            let handle = self.enter_job(state, about)?;
            state.session_mut(session)?.activity = Some(Activity::Adding(handle.number));
            (handle, capacity)
        };
        self.face().sync(Object::Session(session));
        let service = self.clone();
        let addition = Addition { service, session, handle: handle.clone(), source, options, capacity };
        tokio::spawn(addition.run());
        Ok(handle)
    }

    /// `Remove`: takes an entry, and what is below it, out of the image.
    ///
    /// # Errors
    /// As for [`Service::add`], and what the stager says.
    pub async fn remove(&self, session: u64, path: String) -> Result<()> {
        let (_occupied, ()) = self.occupy(session, "Remove", idle_joliet)?;
        let stager = self.stager(session).await?;
        let blocks = blocks(stager.ask(Ask::Remove(path), &[]).await?)?;
        let (left, _) = entries(stager.ask(Ask::List("/".to_owned()), &[]).await?)?;
        if let Ok(session) = self.state().session_mut(session) {
            session.set_staged(blocks, !left.is_empty());
        }
        Ok(())
    }

    /// `List`: the entries of a directory of the image; the flag tells that there are more.
    ///
    /// # Errors
    /// As for [`Service::add`], and what the stager says.
    pub async fn list(&self, session: u64, path: String) -> Result<(Vec<Entry>, bool)> {
        let (_occupied, ()) = self.occupy(session, "List", idle_joliet)?;
        entries(self.stager(session).await?.ask(Ask::List(path), &[]).await?)
    }

    /// `ClearFormatContent`: empties the image and forgets the disc that it was planned for appending to.
    ///
    /// # Errors
    /// `NotOpened`, `Busy`.
    pub async fn clear(&self, session: u64) -> Result<()> {
        let (_occupied, ()) = self.occupy(session, "ClearFormatContent", Session::check_idle)?;
        self.clear_staged(session).await
    }

    /// `SetActiveDiscMasterFormat`: selects a format; what was staged is discarded.
    ///
    /// # Errors
    /// `NotOpened`, `Busy`, `InvalidArgs`.
    pub async fn set_format(&self, session: u64, name: &str) -> Result<Object> {
        let (occupied, format) = self.occupy(session, "SetActiveDiscMasterFormat", |session| {
            session.check_idle()?;
            Format::from_name(name)
        })?;
        self.clear_staged(session).await?;
        {
            let mut guard = self.state();
            let state = &mut *guard;
            let recorders = &state.recorders;
            // The recorder stays selected if it can record the format.
            let eligible = |id: &str| recorders.get(id).is_some_and(|recorder| recorder.records(format));
            let Some(session) = state.sessions.get_mut(&session) else { return Err(forgotten()) };
            session.format = Some(format);
            session.selection = session.selection.take().filter(|one| eligible(&one.recorder));
        }
        drop(occupied);
        self.tell(session, super::events::Event::PnpActivity);
        match format {
            Format::Joliet => Ok(Object::Joliet(session)),
            Format::Redbook => Ok(Object::Redbook(session)),
        }
    }

    /// `SetJolietProperties`.
    ///
    /// # Errors
    /// As for [`Service::add`], and what the stager says of the values.
    pub async fn set_properties(&self, session: u64, properties: JolietProperties) -> Result<()> {
        let (_occupied, ()) = self.occupy(session, "SetJolietProperties", idle_joliet)?;
        // The stager is the judge of the values, so it is started if need be.
        let stager = self.stager(session).await?;
        let blocks = blocks(stager.ask(Ask::SetProperties(properties.clone()), &[]).await?)?;
        if let Ok(session) = self.state().session_mut(session) {
            session.properties = properties;
            session.set_staged(blocks, session.staged);
        }
        Ok(())
    }

    /// The session's stager; started when there is none.
    ///
    /// # Errors
    /// `HelperFailed` when it cannot be started, and once when it has died with the image.
    pub async fn stager(&self, session: u64) -> Result<Arc<StagerLink>> {
        let (present, owner, properties) = {
            let mut state = self.state();
            let entry = state.session_mut(session)?;
            entry.check_open()?;
            if entry.stager.as_ref().is_some_and(|stager| stager.is_gone()) {
                entry.stager = None;
                if entry.holds_anything() {
                    entry.clear_image();
                    return Err(Error::new(
                        ErrorKind::HelperFailed,
                        "The process that held the staged image has died, and the image with it: add the files again.",
                    ));
                }
            }
            (entry.stager.clone(), entry.owner.clone(), entry.properties.clone())
        };
        if let Some(stager) = present {
            return Ok(stager);
        }
        self.state().check_stagers(owner.uid, self.config().limits.stagers_per_user)?;
        let config = self.config();
        let begin = Begin {
            uid: owner.uid,
            gid: owner.gid,
            groups: owner.groups,
            stash: config.stash.clone(),
            quota: config.quota,
            max_entries: config.limits.entries,
        };
        let stager = Arc::new(StagerLink::open(self.launcher(), session, begin).await?);
        stager.keep(self.manager(), stager_name(session));
        self.state().stagers.push((owner.uid, stager.process().clone()));
        if properties != JolietProperties::default() {
            stager.ask(Ask::SetProperties(properties), &[]).await?;
        }
        let mut state = self.state();
        let entry = state.session_mut(session)?;
        entry.check_open()?;
        entry.stager = Some(Arc::clone(&stager));
        Ok(stager)
    }

    async fn clear_staged(&self, session: u64) -> Result<()> {
        let stager = {
            let mut state = self.state();
            let entry = state.session_mut(session)?;
            entry.clear_image();
            entry.stager.clone().filter(|stager| !stager.is_gone())
        };
        let Some(stager) = stager else { return Ok(()) };
        if let Err(error) = stager.ask(Ask::Clear, &[]).await {
            // A stager that cannot clear is let go; the next one begins with nothing.
            tracing::warn!("session {session}: the stager did not clear its image: {error}");
            self.state().session_mut(session)?.stager = None;
        }
        Ok(())
    }
}

impl State {
    /// Blocks that the image may take on the disc that was selected, with what else is to be there; `None` when there is none.
    ///
    /// # Errors
    /// `NotOpened`.
    pub fn data_room(&self, session: u64) -> Result<Option<u64>> {
        let session = self.session(session)?;
        let Some(selection) = &session.selection else { return Ok(None) };
        let others = match session.format {
            Some(Format::Redbook) => session.album.beside_image(self.gap(session)),
            _ => 0,
        };
        Ok(Some(selection.free.saturating_sub(others)))
    }

    /// Refuses another stager to a user whose stagers do not end: those that a dead file system holds up cannot be
    /// killed.
    fn check_stagers(&mut self, uid: u32, most: usize) -> Result<()> {
        self.stagers.retain(|(_, process)| process.is_alive());
        if self.stagers.iter().filter(|(owner, _)| *owner == uid).count() < most {
            return Ok(());
        }
        let message = format!(
            "{most} processes that read your files have not ended. Close other sessions, or see to the file system that \
             holds them up."
        );
        Err(Error::new(ErrorKind::LimitsExceeded, message))
    }
}

impl Service {
    /// Goes on with an addition of an earlier broker.
    pub fn resume_addition(&self, begun: Begun) {
        let service = self.clone();
        tokio::spawn(async move {
            let (job, Some(session)) = (begun.handle.number, begun.about.session) else { return };
            let (link, events) = {
                let state = service.state();
                let link = state.sessions.get(&session).and_then(|one| one.stager.clone());
                (link, state.jobs.get(job).map(|job| AddEvents::told(&job.progress)).unwrap_or_default())
            };
            match (link, begun.feed, begun.sound) {
                (Some(link), Some(request), Some(sound)) => {
                    service.resume_sound(session, &link, request, (&begun.handle, events), sound).await;
                }
                (Some(link), Some(request), None) => {
                    let result =
                        follow_addition(&service, session, &link, request, (&begun.handle, events)).await;
                    conclude(&service, session, job, result);
                }
                (link, ..) => {
                    let error = service.end_of_unnoted(session, link, &begun.handle).await;
                    conclude(&service, session, job, Err(error));
                }
            }
        });
    }

    /// An addition that an earlier broker may have asked for, and did not note: whatever the stager is at comes to its end
    /// first, and is looked at.
    async fn end_of_unnoted(&self, session: u64, link: Option<Arc<StagerLink>>, handle: &Handle) -> Error {
        let told = match &link {
            Some(link) => match link.begin(Ask::Again, &[]).await {
                Ok(request) => link.follow(request, handle, |_| {}).await,
                Err(error) => Err(error),
            },
            None => Ok(Answer::Nothing),
        };
        match (told, link) {
            (Ok(Answer::Staged { blocks, anything }), Some(link)) => {
                if let Some(entry) = self.state().sessions.get_mut(&session)
                    && entry.check_data().is_ok()
                {
                    entry.set_staged_again(blocks, anything);
                }
                self.take_tracks(session, &link).await;
                let message = "The service was started again in the middle of this. See with List, or by the tracks, what is \
                               staged before you add it again.";
                Error::new(ErrorKind::HelperFailed, message)
            }
            (Err(error), _) => error,
            (Ok(_), _) => {
                let message =
                    "The service was started again before the files were looked at: add them again.";
                Error::new(ErrorKind::HelperFailed, message)
            }
        }
    }
}

/// Takes in what a stager says that it has staged, unless a job is at it.
pub fn set_staged_again(service: &Service, session: u64, blocks: u64, anything: bool) {
    if let Some(entry) = service.state().sessions.get_mut(&session)
        && entry.job().is_none()
        && entry.check_data().is_ok()
    {
        entry.set_staged_again(blocks, anything);
    }
    service.face().sync(Object::Session(session));
}

/// The end of an addition.
fn conclude(service: &Service, session: u64, job: u64, result: Result<AddSummary>) {
    let leaving = match service.state().sessions.get_mut(&session) {
        Some(entry) if entry.activity == Some(Activity::Adding(job)) => {
            entry.activity = None;
            entry.touched = tokio::time::Instant::now();
            if let Ok(summary) = &result {
                entry.set_staged(summary.used_blocks, entry.staged || summary.brought_anything());
            }
            entry.leaving
        }
        _ => false,
    };
    service.end_job(job, Outcome { result: result.map(Yield::Added) });
    service.face().sync(Object::Session(session));
    if leaving {
        service.close(session, false);
    }
}

/// Follows a stager's addition to its end, and tells of it.
async fn follow_addition(
    service: &Service,
    session: u64,
    stager: &StagerLink,
    request: Request,
    (handle, mut events): (&Handle, AddEvents),
) -> Result<AddSummary> {
    let report = |progress| {
        let due = service.report(handle.number, progress);
        for event in events.report(&progress, due) {
            service.tell(session, event);
        }
    };
    let summary = match stager.follow(request, handle, report).await? {
        Answer::Added(summary) => summary,
        other => return Err(out_of_turn(&other)),
    };
    for event in events.succeed(summary.bytes) {
        service.tell(session, event);
    }
    Ok(summary)
}

impl Addition {
    async fn run(self) {
        let (service, session, job) = (self.service.clone(), self.session, self.handle.number);
        let result = self.take_in().await;
        conclude(&service, session, job, result);
    }

    async fn take_in(self) -> Result<AddSummary> {
        let Self { service, session, handle, source, options, capacity } = self;
        service.report(handle.number, Progress::begin(Phase::Staging));
        let stager = service.stager(session).await?;
        let (path, descriptor) = match source {
            Source::Path(path) => (Some(path), None),
            Source::Descriptor(descriptor) => (None, Some(descriptor)),
        };
        let lent: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
        let request = stager.begin(Ask::Add { path, options, capacity }, &lent).await?;
        service.order(handle.number, request.id);
        follow_addition(&service, session, &stager, request, (&handle, AddEvents::default())).await
    }
}

fn idle_joliet(session: &Session) -> Result<()> {
    session.check_data()?;
    session.check_idle()
}

/// The size that an answer tells.
///
/// # Errors
/// `HelperFailed` for an answer to another question.
pub fn blocks(answer: Answer) -> Result<u64> {
    match answer {
        Answer::Blocks(blocks) => Ok(blocks),
        other => Err(out_of_turn(&other)),
    }
}

fn entries(answer: Answer) -> Result<(Vec<Entry>, bool)> {
    match answer {
        Answer::Entries(entries, cut) => Ok((entries, cut)),
        other => Err(out_of_turn(&other)),
    }
}

/// The error for an answer to another question.
pub fn out_of_turn(answer: &Answer) -> Error {
    let what = match answer {
        Answer::Nothing => "nothing",
        Answer::Added(_) => "an addition",
        Answer::Imported(_) => "an import",
        Answer::Entries(..) => "a list",
        Answer::Blocks(_) => "a size",
        Answer::Album(_) => "tracks",
        Answer::Staged { .. } => "what is staged",
    };
    Error::new(ErrorKind::HelperFailed, format!("The stager answered another question, with {what}."))
}
