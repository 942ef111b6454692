//! What goes into a session's audio disc: tracks, their sound, and what is said of them.

mod addition;
mod order;

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::face::Object;
use super::jobs::{About, Handle};
use super::recorder::DEFAULT_GAP;
use super::service::{Service, State};
use super::session::{Activity, Format, Session};
use super::staging::out_of_turn;
use crate::api::audio::{
    AUDIO_BLOCK, AlbumState, AudioFileOptions, AudioFileSummary, DiscProperties, LANGUAGES_MAX, TRACKS_MAX,
    Texts, TrackProperties, Translation,
};
use crate::api::language::{Language, Letters};
use crate::api::{DiscStatus, Error, ErrorKind, MediaKind, Medium, Operation, Result};
use crate::wire::broker_stager::{Answer, Ask, AudioAsk};

use addition::Addition;
pub use addition::Sound;
pub use order::{Ordered, ordered};

/// Where sound comes from that takes its time.
#[derive(Debug)]
pub enum SoundSource {
    /// Raw, into the open track.
    Stream(OwnedFd),
    /// A file, as a track of its own.
    File(OwnedFd, AudioFileOptions),
    /// An image, as the track of data.
    Image(OwnedFd),
}

impl Service {
    /// `CreateAudioTrack`.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`, `WrongFormat`, `Busy`, `TrackOpen`, `DiscFull`, and what the stager says.
    pub async fn create_audio_track(&self, session: u64) -> Result<()> {
        let (_occupied, ()) = self.occupy(session, "CreateAudioTrack", |session| {
            idle_redbook(session)?;
            match session.album.state.open {
                Some(_) => Err(Error::new(
                    ErrorKind::TrackOpen,
                    "An audio track is open. Close it with CloseAudioTrack first.",
                )),
                None => check_tracks(session),
            }
        })?;
        if self.state().room(session)? == 0 {
            let message =
                "The disc has no room for another track. Record what is staged, or use a larger disc.";
            return Err(Error::new(ErrorKind::DiscFull, message).with("available-blocks", 0_u64));
        }
        self.ask_album(session, AudioAsk::Create, None).await
    }

    /// `AddAudioTrackBlocks`: as much as fits is taken.
    ///
    /// # Errors
    /// As for [`Service::create_audio_track`]; `TrackNotOpen`; `InvalidArgs` for bytes that are not whole blocks.
    pub async fn add_audio_blocks(&self, session: u64, bytes: &[u8]) -> Result<()> {
        let (_occupied, ()) = self.occupy(session, "AddAudioTrackBlocks", open_track)?;
        if !bytes.len().is_multiple_of(AUDIO_BLOCK) {
            let message = format!(
                "The sound has {} bytes, which are not whole blocks of {AUDIO_BLOCK}: nothing was added.",
                bytes.len()
            );
            return Err(Error::new(ErrorKind::InvalidArgs, message));
        }
        let room = self.state().room(session)?;
        // A frame to the stager is short; memory that both see is not.
        let sound = shared(bytes).map_err(|error| {
            let message =
                format!("There is no memory for the sound: {error}. Nothing was added: give less at a time.");
            Error::new(ErrorKind::Generic, message)
        })?;
        self.ask_album(session, AudioAsk::Stream { room }, Some(sound)).await
    }

    /// `CloseAudioTrack`.
    ///
    /// # Errors
    /// As for [`Service::create_audio_track`]; `TrackNotOpen`, `TrackNotBigEnough`.
    pub async fn close_audio_track(&self, session: u64) -> Result<()> {
        let (_occupied, ()) = self.occupy(session, "CloseAudioTrack", open_track)?;
        let room = self.state().room(session)?;
        self.ask_album(session, AudioAsk::Close { room }, None).await
    }

    /// `AddAudioTrackStream`, `AddAudioFile` and `AddDataTrackStream`: starts a job that takes sound in.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`, `WrongFormat`, `Busy`, `TrackOpen`, `TrackNotOpen`, `InvalidArgs`, `LimitsExceeded`.
    pub fn add_sound(&self, session: u64, source: SoundSource) -> Result<Handle> {
        let handle = {
            let mut guard = self.state();
            let state = &mut *guard;
            let entry = state.session_mut(session)?;
            idle_redbook(entry)?;
            match (&source, entry.album.state.open) {
                (SoundSource::Stream(_), None) => return Err(track_not_open()),
                (SoundSource::File(..), Some(_)) => {
                    let message = "An audio track is open, and a file becomes a track of its own. Close the track with \
                                   CloseAudioTrack first.";
                    return Err(Error::new(ErrorKind::TrackOpen, message));
                }
                (SoundSource::File(..), None) => check_tracks(entry)?,
                (SoundSource::Stream(_), Some(_)) => {}
                (SoundSource::Image(_), _) => check_image(entry)?,
            }
            let about = About {
                operation: Operation::Add,
                session: Some(session),
                recorder: None,
                uid: entry.owner.uid,
                connection: entry.owner.connection.clone(),
            };
            let handle = self.enter_job(state, about)?;
            state.session_mut(session)?.activity = Some(Activity::Adding(handle.number));
            if let Some(job) = state.jobs.get_mut(handle.number) {
                job.sound = Some(source.sound());
            }
            handle
        };
        self.face().sync(Object::Session(session));
        let addition = Addition { service: self.clone(), session, handle: handle.clone(), source };
        tokio::spawn(addition.run());
        Ok(handle)
    }

    /// `SetRedbookProperties`.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`, `WrongFormat`, `Busy`, and what `change` says.
    pub fn set_disc_properties(
        &self,
        session: u64,
        change: impl FnOnce(DiscProperties) -> Result<DiscProperties>,
    ) -> Result<()> {
        let mut state = self.state();
        let entry = state.session_mut(session)?;
        idle_redbook(entry)?;
        let changed = change(entry.album.disc.clone())?;
        let full = entry.staged || entry.album.state.image.is_some();
        if entry.album.disc.data_track && !changed.data_track && full {
            let message = "Something is staged for the track of data: take files out with Remove before DataTrack is set \
                           to false, or clear everything with ClearFormatContent.";
            return Err(Error::new(ErrorKind::InvalidArgs, message));
        }
        if changed.data_track && entry.album.state.total_tracks() >= TRACKS_MAX {
            let message = "The disc has 99 audio tracks, and no place for one of data.";
            return Err(Error::new(ErrorKind::LimitsExceeded, message));
        }
        entry.album.disc = changed;
        drop(state);
        self.save();
        Ok(())
    }

    /// `SetAudioTrackProperties`, of a track by its number.
    ///
    /// # Errors
    /// As for [`Service::set_disc_properties`]; `InvalidArgs` when there is no such track.
    pub fn set_track_properties(
        &self,
        session: u64,
        number: u32,
        change: impl FnOnce(TrackProperties) -> Result<TrackProperties>,
    ) -> Result<()> {
        let mut state = self.state();
        let session = state.session_mut(session)?;
        idle_redbook(session)?;
        let at = track_at(session, number)?;
        let changed = change(session.album.track(at))?;
        if session.album.tracks.len() <= at {
            session.album.tracks.resize(at + 1, TrackProperties::default());
        }
        session.album.tracks[at] = changed;
        drop(state);
        self.save();
        Ok(())
    }

    /// `SetTranslation`: of a track by its number, or of the disc, which is 0.
    ///
    /// # Errors
    /// As for [`Service::set_track_properties`]; `LimitsExceeded` for the ninth language.
    pub fn set_translation(
        &self,
        session: u64,
        language: Language,
        number: u32,
        change: impl FnOnce(Texts, &mut Letters) -> Result<Texts>,
    ) -> Result<()> {
        let mut state = self.state();
        let session = state.session_mut(session)?;
        idle_redbook(session)?;
        let at = if number == 0 { None } else { Some(track_at(session, number)?) };
        let others = &mut session.album.translations;
        let known = others.iter().position(|other| other.language == language);
        if known.is_none() && others.len() + 1 >= LANGUAGES_MAX {
            let message = format!("CD-TEXT has room for {LANGUAGES_MAX} languages: remove one first.");
            return Err(Error::new(ErrorKind::LimitsExceeded, message));
        }
        let mut other = known.map_or_else(
            || Translation { language, letters: Letters::Any, disc: Texts::default(), tracks: vec![] },
            |known| others[known].clone(),
        );
        match at {
            None => other.disc = change(other.disc, &mut other.letters)?,
            Some(at) => {
                let present = other.tracks.get(at).cloned().unwrap_or_default();
                let changed = change(present, &mut other.letters)?;
                if other.tracks.len() <= at {
                    other.tracks.resize(at + 1, Texts::default());
                }
                other.tracks[at] = changed;
            }
        }
        match known {
            Some(known) => others[known] = other,
            None => others.push(other),
        }
        drop(state);
        self.save();
        Ok(())
    }

    /// `RemoveTranslation`.
    ///
    /// # Errors
    /// As for [`Service::set_disc_properties`]; `InvalidArgs` when nothing is said in this language.
    pub fn remove_translation(&self, session: u64, language: Language) -> Result<()> {
        let mut state = self.state();
        let session = state.session_mut(session)?;
        idle_redbook(session)?;
        let at = translation_at(session, language)?;
        session.album.translations.remove(at);
        drop(state);
        self.save();
        Ok(())
    }

    /// Asks the stager something about the tracks, and takes in what they are then, also when it refuses.
    async fn ask_album(&self, session: u64, ask: AudioAsk, fd: Option<OwnedFd>) -> Result<()> {
        let stager = self.stager(session).await?;
        let lent: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
        let result = stager.ask(Ask::Audio(ask), &lent).await.and_then(album);
        let (result, state) = match result {
            Ok((state, _)) => (Ok(()), state),
            Err(error) => (Err(error), album(stager.ask(Ask::Audio(AudioAsk::State), &[]).await?)?.0),
        };
        self.state().session_mut(session)?.set_album(state);
        result
    }
}

impl State {
    /// Blocks that a session's open track, or a new one, may take on the disc that was selected; without one, all that the
    /// stash has room for.
    pub fn room(&self, session: u64) -> Result<u64> {
        let session = self.session(session)?;
        let total =
            session.selection.as_ref().map_or(u64::from(u32::MAX), |selection| selection.medium.free_blocks);
        Ok(session.album.available(total, self.gap(session)))
    }

    /// Silent blocks that the selected recorder leaves between tracks.
    pub fn gap(&self, session: &Session) -> u32 {
        let recorder =
            session.selection.as_ref().and_then(|selection| self.recorders.get(&selection.recorder));
        recorder.map_or(DEFAULT_GAP, |recorder| recorder.settings.audio_gap)
    }
}

impl State {
    /// Blocks that a session's tracks take, gaps included.
    pub fn gap_used(&self, session: u64) -> u64 {
        self.session(session).map_or(0, |session| session.album.used(self.gap(session)))
    }
}

/// Refuses a disc that cannot become an audio disc.
///
/// # Errors
/// `MediumInvalidType` for a disc that is no CD, `CannotWriteToMedia` for one that is not blank.
pub fn check_disc(recorder: &str, medium: &Medium) -> Result<()> {
    let kind = medium.kind();
    if !matches!(kind, MediaKind::CdR | MediaKind::CdRw) {
        let message = format!(
            "The disc in {recorder} ({}) cannot hold audio tracks. Insert a blank CD-R or CD-RW.",
            kind.name()
        );
        return Err(Error::new(ErrorKind::MediumInvalidType, message));
    }
    if medium.status != DiscStatus::Blank {
        let message = format!(
            "The disc in {recorder} ({}) is not blank, and an audio disc begins on a blank one. {} a blank CD.",
            kind.name(),
            if medium.rewritable { "Erase it first, or insert" } else { "Insert" }
        );
        return Err(Error::new(ErrorKind::CannotWriteToMedia, message));
    }
    Ok(())
}

/// The place of a track in the album, by its number.
///
/// # Errors
/// `InvalidArgs` when there is no such track.
pub fn track_at(session: &Session, number: u32) -> Result<usize> {
    let total = session.album.state.total_tracks();
    (number as usize).checked_sub(1).filter(|at| *at < total).ok_or_else(|| {
        let message = format!("There is no track {number}: {total} are staged, counted from 1.");
        Error::new(ErrorKind::InvalidArgs, message)
    })
}

/// The place of a language among the translations.
///
/// # Errors
/// `InvalidArgs` when nothing is said in it.
pub fn translation_at(session: &Session, language: Language) -> Result<usize> {
    session.album.translations.iter().position(|other| other.language == language).ok_or_else(|| {
        let message = format!("Nothing is said in “{}” beside the disc's own texts.", language.name());
        Error::new(ErrorKind::InvalidArgs, message)
    })
}

fn idle_redbook(session: &Session) -> Result<()> {
    session.check_format(Format::Redbook)?;
    session.check_idle()
}

/// Refuses an image where there is no track of data, or files are staged for it.
fn check_image(session: &Session) -> Result<()> {
    let message = match (session.album.disc.data_track, session.staged) {
        (true, false) => return Ok(()),
        (false, _) => "The disc has no track of data: set DataTrack with SetRedbookProperties first.",
        (true, true) => {
            "Files are staged for the track of data: take them out with Remove before an image is added, or clear everything \
             with ClearFormatContent."
        }
    };
    Err(Error::new(ErrorKind::InvalidArgs, message))
}

/// Refuses the track after the last that a disc can have.
fn check_tracks(session: &Session) -> Result<()> {
    let most = session.album.most_tracks();
    if session.album.state.total_tracks() < most {
        return Ok(());
    }
    let with = if most < TRACKS_MAX { " beside one of data" } else { "" };
    let message =
        format!("A disc holds {most} audio tracks{with}, and so many are staged. Record them first.");
    Err(Error::new(ErrorKind::LimitsExceeded, message))
}

fn open_track(session: &Session) -> Result<()> {
    idle_redbook(session)?;
    session.album.state.open.map(drop).ok_or_else(track_not_open)
}

fn track_not_open() -> Error {
    Error::new(ErrorKind::TrackNotOpen, "No audio track is open. Open one with CreateAudioTrack first.")
}

fn album(answer: Answer) -> Result<(AlbumState, Option<AudioFileSummary>)> {
    match answer {
        Answer::Album(album) if album.0.is_plausible() => Ok(*album),
        Answer::Album(_) => {
            let message =
                "The process that holds the staged tracks tells of such as no disc has. Close the session.";
            Err(Error::new(ErrorKind::HelperFailed, message).with("source", "stager"))
        }
        other => Err(out_of_turn(&other)),
    }
}

/// Bytes in memory that can be passed on.
fn shared(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("discmaster-sound", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}
