//! `org.discmaster1.Redbook`: a session's audio format.

use std::collections::HashMap;

use zbus::message::Header;
use zbus::{OwnedFd, OwnedObjectPath, OwnedVariant, interface};

use super::reply_with_job;
use crate::api;
use crate::api::audio::AUDIO_BLOCK;
use crate::api::language::{Language, Letters};
use crate::broker::audio::{SoundSource, track_at, translation_at};
use crate::broker::audio_options as options;
use crate::broker::contents;
use crate::broker::error::Result;
use crate::broker::options::Dict;
use crate::broker::service::{Service, State};
use crate::broker::session::{Format, Session};

/// A session's audio format.
pub struct RedbookObject {
    /// The broker.
    pub service: Service,
    /// The session's number.
    pub session: u64,
}

#[interface(name = "org.discmaster1.Redbook", introspection_docs = false)]
impl RedbookObject {
    #[zbus(out_args("tracks"))]
    async fn get_total_audio_tracks(&self, #[zbus(header)] header: Header<'_>) -> Result<u32> {
        self.enter(&header, |_, session| Ok(session.album.state.total_tracks() as u32)).await
    }

    #[zbus(out_args("blocks"))]
    async fn get_total_audio_blocks(&self, #[zbus(header)] header: Header<'_>) -> Result<u64> {
        self.enter(&header, |_, session| Ok(session.active_recorder()?.medium.free_blocks)).await
    }

    #[zbus(out_args("blocks"))]
    async fn get_used_audio_blocks(&self, #[zbus(header)] header: Header<'_>) -> Result<u64> {
        self.enter(&header, |state, session| Ok(session.album.used(state.gap(session)))).await
    }

    #[zbus(out_args("blocks"))]
    async fn get_available_audio_track_blocks(&self, #[zbus(header)] header: Header<'_>) -> Result<u64> {
        self.enter(&header, |state, session| {
            let total = session.active_recorder()?.medium.free_blocks;
            Ok(session.album.available(total, state.gap(session)))
        })
        .await
    }

    #[zbus(out_args("bytes"))]
    async fn get_audio_block_size(&self, #[zbus(header)] header: Header<'_>) -> Result<u32> {
        self.enter(&header, |_, _| Ok(AUDIO_BLOCK as u32)).await
    }

    async fn create_audio_track(&self, blocks: u32, #[zbus(header)] header: Header<'_>) -> Result<()> {
        self.enter(&header, |_, _| Ok(())).await?;
        // A hint is a hint: nothing else depends on it.
        tracing::debug!(blocks, "a track is to be opened");
        Ok(self.service.create_audio_track(self.session).await?)
    }

    async fn add_audio_track_blocks(&self, sound: Vec<u8>, #[zbus(header)] header: Header<'_>) -> Result<()> {
        self.enter(&header, |_, _| Ok(())).await?;
        Ok(self.service.add_audio_blocks(self.session, &sound).await?)
    }

    #[zbus(out_args("job"))]
    async fn add_audio_track_stream(
        &self,
        sound: OwnedFd,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath> {
        self.enter(&header, |_, _| Ok(())).await?;
        let wait = options::stream(options)?;
        let job = self.service.add_sound(self.session, SoundSource::Stream(sound.into()))?;
        reply_with_job(&self.service, job, wait).await
    }

    #[zbus(out_args("job"))]
    async fn add_audio_file(
        &self,
        file: OwnedFd,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath> {
        self.enter(&header, |_, _| Ok(())).await?;
        let (options, wait) = options::file(options)?;
        let job = self.service.add_sound(self.session, SoundSource::File(file.into(), options))?;
        reply_with_job(&self.service, job, wait).await
    }

    #[zbus(out_args("job"))]
    async fn add_data_track_stream(
        &self,
        image: OwnedFd,
        options: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<OwnedObjectPath> {
        self.enter(&header, |_, _| Ok(())).await?;
        let wait = options::stream(options)?;
        let job = self.service.add_sound(self.session, SoundSource::Image(image.into()))?;
        reply_with_job(&self.service, job, wait).await
    }

    async fn close_audio_track(&self, #[zbus(header)] header: Header<'_>) -> Result<()> {
        self.enter(&header, |_, _| Ok(())).await?;
        Ok(self.service.close_audio_track(self.session).await?)
    }

    #[zbus(out_args("sheet"))]
    async fn get_cue_sheet(&self, files: Vec<String>, #[zbus(header)] header: Header<'_>) -> Result<String> {
        self.enter(&header, |state, session| contents::staged(state, session, &files)).await
    }

    #[zbus(out_args("properties"))]
    async fn get_redbook_properties(
        &self,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<HashMap<String, OwnedVariant>> {
        self.enter(&header, |_, session| Ok(options::disc_dict(&session.album.disc))).await
    }

    async fn set_redbook_properties(
        &self,
        properties: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<()> {
        self.enter(&header, |_, _| Ok(())).await?;
        let change = |present| options::disc(properties, present);
        Ok(self.service.set_disc_properties(self.session, change)?)
    }

    #[zbus(out_args("languages"))]
    async fn get_translations(&self, #[zbus(header)] header: Header<'_>) -> Result<Vec<String>> {
        self.enter(&header, |_, session| {
            let names = session.album.translations.iter().map(|other| other.language.name().to_owned());
            Ok(names.collect())
        })
        .await
    }

    #[zbus(out_args("texts"))]
    async fn get_translation(
        &self,
        language: String,
        track: u32,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<HashMap<String, OwnedVariant>> {
        self.enter(&header, |_, session| {
            let other = &session.album.translations[translation_at(session, Language::named(&language)?)?];
            let texts = match track {
                0 => other.disc.clone(),
                _ => other.tracks.get(track_at(session, track)?).cloned().unwrap_or_default(),
            };
            Ok(options::translation_dict(&texts, other.letters))
        })
        .await
    }

    async fn set_translation(
        &self,
        language: String,
        track: u32,
        texts: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<()> {
        self.enter(&header, |_, _| Ok(())).await?;
        let change = |present, letters: &mut Letters| options::translation(texts, present, letters);
        Ok(self.service.set_translation(self.session, Language::named(&language)?, track, change)?)
    }

    async fn remove_translation(&self, language: String, #[zbus(header)] header: Header<'_>) -> Result<()> {
        self.enter(&header, |_, _| Ok(())).await?;
        Ok(self.service.remove_translation(self.session, Language::named(&language)?)?)
    }

    #[zbus(out_args("properties"))]
    async fn get_audio_track_properties(
        &self,
        track: u32,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<HashMap<String, OwnedVariant>> {
        self.enter(&header, |state, session| {
            let at = track_at(session, track)?;
            let gap = session.album.gap_before(at, state.gap(session));
            Ok(options::track_dict(&session.album.track(at), gap))
        })
        .await
    }

    async fn set_audio_track_properties(
        &self,
        track: u32,
        properties: Dict,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<()> {
        self.enter(&header, |_, _| Ok(())).await?;
        let change = |present| options::track(properties, present);
        Ok(self.service.set_track_properties(self.session, track, change)?)
    }
}

impl RedbookObject {
    /// Lets the owner in while this is the active format, and reads something of the session.
    async fn enter<T>(
        &self,
        header: &Header<'_>,
        read: impl FnOnce(&State, &Session) -> api::Result<T>,
    ) -> Result<T> {
        self.service.visitor(header, self.session).await?;
        let state = self.service.state();
        let session = state.session(self.session)?;
        session.check_format(Format::Redbook)?;
        Ok(read(&state, session)?)
    }
}
