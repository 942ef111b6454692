//! Cue sheets: of the disc that a session has staged, and of the one in a recorder.

use super::authority::Caller;
use super::recorder::Activity;
use super::select::no_medium;
use super::service::{Service, State};
use super::session::Session;
use crate::api::contents::DiscContents;
use crate::api::{Error, ErrorKind, MediaKind, Result, names};
use crate::audio::cue::CueSheet;
use crate::wire::broker_worker::ToWorker;

/// Bytes of a file's name in a sheet.
const NAME_MAX: usize = 4096;

impl Service {
    /// `ReadCueSheet`: the sheet of the CD in a recorder.
    ///
    /// # Errors
    /// `InvalidArgs` for the file's name, `DeviceNotPresent`, `MediumNotPresent`, `MediumInvalidType`, `StashInUse`,
    /// `DeviceNotAccessible`, `Busy`, the authority's refusal, and what the worker says of the disc.
    pub async fn read_cue_sheet(&self, caller: &Caller, recorder: &str, file: &str) -> Result<String> {
        check_name(file)?;
        self.authorize_recorder(caller, names::ACTION_OPEN, recorder).await?;
        check_cd(recorder, &self.state())?;
        let _lock = self.lock_for_verb(caller, recorder)?;
        let contents = self.contents(recorder).await?;
        let note = match contents.points_missing {
            true => "REM Gaps and index points could not be read everywhere.\n",
            false => "",
        };
        Ok(format!("{note}{}", CueSheet::of_disc(&contents, file)))
    }

    async fn contents(&self, recorder: &str) -> Result<DiscContents> {
        let turn = self.reserve(recorder, Activity::Reading)?;
        let (worker, _) = turn.worker().await?;
        worker.send(&ToWorker::ReadContents, &[]).await?;
        let (_never, cancel) = tokio::sync::watch::channel(false);
        let ended = worker.follow(cancel, |_| {}).await;
        turn.saw(ended.inspection);
        ended.result?.contents.map(|contents| *contents).ok_or_else(|| {
            let message = format!("The worker of recorder {recorder} told nothing of the disc.");
            Error::new(ErrorKind::HelperFailed, message).with("source", "worker")
        })
    }
}

/// The sheet of a session's closed tracks, whose sound lies in these files.
///
/// # Errors
/// `InvalidImage` without a track; `InvalidArgs` for other than one file or one for each track, or a name that no sheet holds.
pub fn staged(state: &State, session: &Session, files: &[String]) -> Result<String> {
    let tracks = session.album.state.tracks.len();
    if tracks == 0 {
        let message = "No track is staged: a cue sheet needs one. Add a file, or close a track.";
        return Err(Error::new(ErrorKind::InvalidImage, message));
    }
    let all = tracks + usize::from(session.album.disc.data_track);
    if files.len() != 1 && files.len() != all {
        let message = format!(
            "A cue sheet has one file for the whole disc, or one for each of its {all} tracks: {} were named.",
            files.len()
        );
        return Err(Error::new(ErrorKind::InvalidArgs, message));
    }
    files.iter().try_for_each(|name| check_name(name))?;
    Ok(CueSheet::of_album(&session.album, state.gap(session), files).to_string())
}

/// Refuses names that a sheet cannot hold.
fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_MAX || name.contains('"') || name.chars().any(char::is_control) {
        let message = "A cue sheet's file has a name without quotes and control characters.";
        return Err(Error::new(ErrorKind::InvalidArgs, message));
    }
    Ok(())
}

/// Refuses what is known to be no CD; a recorder that was never looked at is left to the worker.
fn check_cd(id: &str, state: &State) -> Result<()> {
    let recorder = state.recorder(id)?;
    if recorder.inspection.is_none() {
        return Ok(());
    }
    let kind = recorder.medium().ok_or_else(|| no_medium(id))?.kind();
    if matches!(kind, MediaKind::CdR | MediaKind::CdRw | MediaKind::CdRom) {
        return Ok(());
    }
    let message = format!("The disc in {id} ({}) is no CD, and only CDs have cue sheets.", kind.name());
    Err(Error::new(ErrorKind::MediumInvalidType, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_sheet_could_name_is_refused() {
        for wrong in ["", "a\"b", "a\nb", &"a".repeat(NAME_MAX + 1)] {
            assert_eq!(check_name(wrong).unwrap_err().kind, ErrorKind::InvalidArgs);
        }
        check_name("Größe – 1.flac").unwrap();
    }
}
