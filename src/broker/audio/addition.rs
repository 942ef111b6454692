//! Taking sound in: a job, and one that a broker goes on with which is started meanwhile.

use std::os::fd::AsFd;

use serde::{Deserialize, Serialize};

use super::{SoundSource, album};
use crate::api::audio::{AUDIO_BLOCK, AudioFileSummary, TrackProperties};
use crate::api::{AddSummary, BLOCK, Phase, Progress, Result};
use crate::broker::events::AddEvents;
use crate::broker::face::Object;
use crate::broker::jobs::Handle;
use crate::broker::outcome::{Outcome, Yield};
use crate::broker::service::Service;
use crate::broker::session::{Activity, Session};
use crate::broker::stager_link::{Request, StagerLink};
use crate::wire::broker_stager::{Ask, AudioAsk};

/// What is taken in, as far as it matters when it has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sound {
    /// Raw sound, into the open track.
    Stream,
    /// A file, as a track of its own.
    File {
        /// The track gets the texts of its tags.
        texts: bool,
    },
    /// An image, as the track of data.
    Image,
}

/// An addition, from the moment that it is accepted.
pub(super) struct Addition {
    pub(super) service: Service,
    pub(super) session: u64,
    pub(super) handle: Handle,
    pub(super) source: SoundSource,
}

impl Service {
    /// Follows an addition of an earlier broker, which its stager has been asked for, to its end.
    pub async fn resume_sound(
        &self,
        session: u64,
        stager: &StagerLink,
        request: Request,
        (handle, events): (&Handle, AddEvents),
        sound: Sound,
    ) {
        let result = self.follow_sound(session, stager, request, (handle, events), sound).await;
        self.conclude_sound(session, handle.number, result);
    }

    async fn follow_sound(
        &self,
        session: u64,
        stager: &StagerLink,
        request: Request,
        (handle, mut events): (&Handle, AddEvents),
        sound: Sound,
    ) -> Result<AddSummary> {
        let report = |progress| {
            let due = self.report(handle.number, progress);
            for event in events.report(&progress, due) {
                self.tell(session, event);
            }
        };
        let followed = stager.follow(request, handle, report).await.and_then(album);
        let (brought, state, failed) = match followed {
            Ok((state, brought)) => (brought, state, None),
            Err(error) if stager.is_gone() => return Err(error),
            Err(error) => (None, album(stager.ask(Ask::Audio(AudioAsk::State), &[]).await?)?.0, Some(error)),
        };
        let summary = {
            let mut guard = self.state();
            let entry = guard.session_mut(session)?;
            let before = entry.album.state.sound();
            entry.set_album(state);
            if let (Some(brought), Sound::File { texts: true }) = (&brought, sound) {
                take_texts(entry, brought);
            }
            let added = entry.album.state.sound().saturating_sub(before);
            let bytes = match (&brought, sound) {
                (Some(brought), _) => brought.bytes,
                (None, Sound::Image) => entry.album.image.saturating_mul(BLOCK as u64),
                (None, _) => added * AUDIO_BLOCK as u64,
            };
            let used_blocks = guard.gap_used(session);
            let files = u64::from(matches!(sound, Sound::File { .. }));
            AddSummary { files, bytes, used_blocks, ..AddSummary::default() }
        };
        if let Some(error) = failed {
            return Err(error);
        }
        for event in events.succeed(summary.bytes) {
            self.tell(session, event);
        }
        Ok(summary)
    }

    fn conclude_sound(&self, session: u64, job: u64, result: Result<AddSummary>) {
        let leaving = match self.state().sessions.get_mut(&session) {
            Some(entry) if entry.activity == Some(Activity::Adding(job)) => {
                entry.activity = None;
                entry.touched = tokio::time::Instant::now();
                entry.leaving
            }
            _ => false,
        };
        self.end_job(job, Outcome { result: result.map(Yield::Added) });
        self.face().sync(Object::Session(session));
        if leaving {
            self.close(session, false);
        }
    }
}

impl SoundSource {
    /// What it is, for the end of the addition.
    pub(super) const fn sound(&self) -> Sound {
        match self {
            Self::Stream(_) => Sound::Stream,
            Self::File(_, options) => Sound::File { texts: !options.without_tags },
            Self::Image(_) => Sound::Image,
        }
    }
}

impl Addition {
    pub(super) async fn run(self) {
        let (service, session, job) = (self.service.clone(), self.session, self.handle.number);
        let result = self.take_in().await;
        service.conclude_sound(session, job, result);
    }

    async fn take_in(self) -> Result<AddSummary> {
        let Self { service, session, handle, source } = self;
        service.report(handle.number, Progress::begin(Phase::Staging));
        let stager = service.stager(session).await?;
        let room = service.state().room(session)?;
        let sound = source.sound();
        let (ask, descriptor) = match source {
            SoundSource::Stream(fd) => (AudioAsk::Stream { room }, fd),
            SoundSource::File(fd, options) => (AudioAsk::File { options, room }, fd),
            SoundSource::Image(fd) => {
                let room = service.state().data_room(session)?.unwrap_or(u64::from(u32::MAX));
                (AudioAsk::Image { room }, fd)
            }
        };
        let request = stager.begin(Ask::Audio(ask), &[descriptor.as_fd()]).await?;
        drop(descriptor);
        service.order(handle.number, request.id);
        service.follow_sound(session, &stager, request, (&handle, AddEvents::default()), sound).await
    }
}

/// The last track gets the texts of its file, and a disc that has none those of the first file's album.
fn take_texts(session: &mut Session, brought: &AudioFileSummary) {
    let album = &mut session.album;
    let Some(at) = album.state.tracks.len().checked_sub(1) else { return };
    album.tracks.resize(at + 1, TrackProperties::default());
    let track = &mut album.tracks[at];
    track.texts = brought.texts.clone();
    track.isrc.clone_from(&brought.isrc);
    if at == 0 && album.disc.texts.is_empty() {
        album.disc.texts = brought.album.clone();
        if album.disc.texts.performer.is_empty() {
            album.disc.texts.performer.clone_from(&brought.texts.performer);
        }
    }
}
