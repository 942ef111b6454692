//! A session's state: what is selected, staged and under way, and what that permits. No bus, no process, no clock.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::locks::{Asker, LockId, Scope};
use super::stager_link::StagerLink;
use crate::api::audio::{Album, AlbumState};
use crate::api::{Error, ErrorKind, JolietProperties, Medium, Result, names};
use crate::wire::broker_worker::Imprint;

/// A session, from `Open` to `Close` and a while beyond.
#[derive(Debug)]
pub struct Session {
    /// Whose it is.
    pub owner: Owner,
    /// Who to name to others.
    pub client_name: String,
    /// What it locks.
    pub scope: Scope,
    /// Its lock; `None` once it is closed.
    pub lock: Option<LockId>,
    /// The active format.
    pub format: Option<Format>,
    /// The active recorder.
    pub selection: Option<Selection>,
    /// Properties of the data format.
    pub properties: JolietProperties,
    /// The audio disc as it is staged.
    pub album: Album,
    /// Blocks that the staged image takes; 0 while it is empty.
    pub used_blocks: u64,
    /// Files have been staged, or were taken out of what was imported.
    pub staged: bool,
    /// The stager holds the tree of an earlier session.
    pub imported: bool,
    /// What is under way.
    pub activity: Option<Activity>,
    /// It is to close when the running job has ended.
    pub leaving: bool,
    /// The last call, for the idle time.
    pub touched: Instant,
    /// The process that holds the image; started when first needed.
    pub stager: Option<Arc<StagerLink>>,
}

/// Whose a session is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// Their primary group.
    pub gid: u32,
    /// Their supplementary groups.
    pub groups: Vec<u32>,
    /// The bus connection that the session ends with; `None` for a detached one.
    pub connection: Option<String>,
}

/// The formats that can be staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// ISO 9660 with Joliet and Rock Ridge.
    Joliet,
    /// Sound, as the Red Book has it.
    Redbook,
}

/// The active recorder and the disc that was in it when it was selected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Selection {
    /// The recorder's id.
    pub recorder: String,
    /// The disc that the image is planned for.
    pub medium: Medium,
    /// Where the image begins on it.
    pub start: u32,
    /// Blocks that it has from there on.
    pub free: u64,
    /// The recorder was unplugged since.
    pub lost: bool,
    /// What becomes of that which the disc holds.
    pub multisession: Decided,
    /// The session whose tree was imported, when there is one.
    pub imprint: Option<Imprint>,
    /// Who selected it sat at the recorder's seat, and was let for that; an older broker's state does not tell.
    #[serde(default)]
    pub seated: bool,
}

/// What was decided of the sessions that a disc holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decided {
    /// The image has a tree of its own.
    New,
    /// The image goes on with the tree of the last session.
    Append,
    /// That tree was cleared away: the disc has to be selected again.
    Dropped,
}

impl Decided {
    /// The word on the bus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Append => "append",
            Self::Dropped => "",
        }
    }
}

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Staging, as this job.
    Adding(u64),
    /// Reading the tree of the disc that is to be appended to, as this job.
    Importing(u64),
    /// Recording, as this job.
    Burning(u64),
    /// A call that is over in a moment.
    Calling(&'static str),
}

impl Session {
    /// Refuses unless the session is open.
    ///
    /// # Errors
    /// `NotOpened`.
    pub fn check_open(&self) -> Result<()> {
        if self.is_closed() {
            return Err(Error::new(
                ErrorKind::NotOpened,
                "This session is closed. Call DiscMaster.Open for a new one.",
            ));
        }
        Ok(())
    }

    /// Refuses unless the session is open and nothing is under way.
    ///
    /// # Errors
    /// `NotOpened`, `Busy`.
    pub fn check_idle(&self) -> Result<()> {
        self.check_open()?;
        let doing = match self.activity {
            None => return Ok(()),
            Some(Activity::Adding(job)) => format!("is staging files (job {job})"),
            Some(Activity::Importing(job)) => format!("is reading the disc's directories (job {job})"),
            Some(Activity::Burning(job)) => format!("is recording a disc (job {job})"),
            Some(Activity::Calling(method)) => format!("has not finished {method}"),
        };
        Err(Error::new(
            ErrorKind::Busy,
            format!("The session {doing}. Wait for its end, or cancel it, and call again."),
        ))
    }

    /// The active format.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`.
    pub fn active_format(&self) -> Result<Format> {
        self.check_open()?;
        self.format.ok_or_else(|| {
            Error::new(
                ErrorKind::NoActiveFormat,
                "No format is selected. Call SetActiveDiscMasterFormat first, with “joliet” for a data disc \
                 or “redbook” for an audio disc.",
            )
        })
    }

    /// Refuses unless this format is the active one.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`, `WrongFormat`.
    pub fn check_format(&self, wanted: Format) -> Result<()> {
        let active = self.active_format()?;
        if active == wanted {
            return Ok(());
        }
        let (active, wanted) = (active.name(), wanted.name());
        Err(Error::new(
            ErrorKind::WrongFormat,
            format!("The active format is {active}. Call SetActiveDiscMasterFormat with “{wanted}” first."),
        ))
    }

    /// Refuses unless files can be staged: for a disc of data, or for the track of data of an audio disc.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`, `WrongFormat`.
    pub fn check_data(&self) -> Result<()> {
        match self.active_format()? {
            Format::Redbook if self.album.state.image.is_some() => {
                let message = "The track of data has its image already. Clear everything with ClearFormatContent to stage files \
                               for it instead.";
                Err(Error::new(ErrorKind::WrongFormat, message))
            }
            Format::Redbook if self.album.disc.data_track => Ok(()),
            Format::Redbook => {
                let message = "The active format is redbook. Call SetActiveDiscMasterFormat with “joliet” first or, for a track of \
                               data before the sound, SetRedbookProperties with DataTrack.";
                Err(Error::new(ErrorKind::WrongFormat, message))
            }
            Format::Joliet => Ok(()),
        }
    }

    /// Something is staged, of whatever kind.
    pub fn holds_anything(&self) -> bool {
        self.staged || !self.album.state.is_empty() || self.album.state.image.is_some()
    }

    /// The active recorder.
    ///
    /// # Errors
    /// `NotOpened`, `NoActiveFormat`, `NoActiveRecorder`, `DeviceNotPresent`.
    pub fn active_recorder(&self) -> Result<&Selection> {
        self.active_format()?;
        let selection = self.selection.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::NoActiveRecorder,
                "No recorder is selected. Insert a disc and call SetActiveDiscRecorder.",
            )
        })?;
        if selection.lost {
            return Err(Error::new(
                ErrorKind::DeviceNotPresent,
                format!(
                    "Recorder {} was unplugged. The staged image is kept: select a recorder again.",
                    selection.recorder
                ),
            ));
        }
        Ok(selection)
    }

    /// What `RecordDisc` needs of the session: the recorder to record in.
    ///
    /// # Errors
    /// As for [`Session::active_recorder`] and [`Session::check_idle`]; `TrackOpen` when an audio track is not closed,
    /// `InvalidImage` when nothing is staged.
    pub fn check_record(&self) -> Result<&Selection> {
        let selection = self.active_recorder()?;
        self.check_idle()?;
        if selection.multisession == Decided::Dropped {
            let message = format!(
                "The disc in {} holds sessions, and their directory tree was cleared away: a disc recorded now would \
                 hide them. Call SetActiveDiscRecorder again, with “multisession” set to “new” if that is meant.",
                selection.recorder
            );
            return Err(Error::new(ErrorKind::CannotWriteToMedia, message));
        }
        if self.album.state.open.is_some() {
            return Err(Error::new(
                ErrorKind::TrackOpen,
                "An audio track is open. Close it with CloseAudioTrack before RecordDisc.",
            ));
        }
        let album = (self.format == Some(Format::Redbook)).then_some(&self.album);
        let missing = match album {
            None if !self.staged => "Nothing is staged. Add files before RecordDisc.",
            Some(album) if album.state.is_empty() => {
                "No audio track is staged. Add a file, or close an audio track, before RecordDisc."
            }
            Some(album) if album.disc.data_track && !self.staged && album.state.image.is_none() => {
                "The disc is to have a track of data, and nothing is staged for it. Add files with the data format's \
                 methods or an image with AddDataTrackStream, or set DataTrack to false, before RecordDisc."
            }
            _ => return Ok(selection),
        };
        Err(Error::new(ErrorKind::InvalidImage, missing))
    }

    /// The owner as one who asks for locks; a detached session is asked for by `connection`.
    pub fn asker<'a>(&'a self, connection: &'a str) -> Asker<'a> {
        Asker { uid: self.owner.uid, connection: self.owner.connection.as_deref().unwrap_or(connection) }
    }

    /// Takes in what the image takes now, and whether there is anything in it: the file system of an empty image does
    /// not count.
    pub fn set_staged(&mut self, blocks: u64, anything: bool) {
        self.staged = anything;
        self.used_blocks = if anything || self.imported { blocks } else { 0 };
        self.album.image = self.used_blocks;
    }

    /// Takes in what the tracks of an audio disc are now.
    pub fn set_album(&mut self, state: AlbumState) {
        self.album.tracks.truncate(state.total_tracks());
        self.album.translations.iter_mut().for_each(|other| other.tracks.truncate(state.total_tracks()));
        if let Some(blocks) = state.image {
            self.album.image = blocks.into();
        }
        self.album.state = state;
    }

    /// Takes in what a stager says that it has staged. What was imported counts when something of it was changed.
    pub fn set_staged_again(&mut self, blocks: u64, anything: bool) {
        self.set_staged(blocks, if self.imported { self.staged } else { anything });
    }

    /// Forgets the staged image; the stager must forget it as well.
    pub fn clear_image(&mut self) {
        self.used_blocks = 0;
        self.album = Album::default();
        self.staged = false;
        self.imported = false;
        if let Some(selection) = &mut self.selection
            && selection.multisession == Decided::Append
        {
            (selection.multisession, selection.imprint) = (Decided::Dropped, None);
        }
    }

    /// The job that is under way.
    pub const fn job(&self) -> Option<u64> {
        match self.activity {
            Some(Activity::Adding(job) | Activity::Importing(job) | Activity::Burning(job)) => Some(job),
            Some(Activity::Calling(_)) | None => None,
        }
    }

    /// The session is closed, and only remembered in order to say so.
    pub const fn is_closed(&self) -> bool {
        self.lock.is_none()
    }

    /// The state's name on the bus.
    pub const fn state_name(&self) -> &'static str {
        if self.is_closed() {
            return "closed";
        }
        match (self.activity, self.format, &self.selection) {
            (Some(Activity::Burning(_)), ..) => "burning",
            (Some(Activity::Adding(_)), ..) => "adding",
            (Some(Activity::Importing(_)), ..) => "importing",
            (_, None, _) => "open",
            (_, Some(_), Some(selection)) if !selection.lost => "ready",
            (_, Some(_), _) => "format",
        }
    }
}

impl Format {
    /// Every format, in the order in which they are listed.
    pub const ALL: &[Self] = &[Self::Joliet, Self::Redbook];

    /// The format's identifier, which is also the last element of its object's path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joliet => names::JOLIET,
            Self::Redbook => names::REDBOOK,
        }
    }

    /// The format of this identifier.
    ///
    /// # Errors
    /// `InvalidArgs`, listing those that exist.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|format| format.name()).collect();
            let message = format!("There is no format “{name}”. There are: {}.", names.join(", "));
            Error::new(ErrorKind::InvalidArgs, message)
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::broker::locks::{Grant, Holder, LockTable, Purpose};
    use crate::broker::select::tests::blank_cd;

    /// A session that was just opened.
    pub fn session() -> Session {
        let owner = Owner { uid: 1000, gid: 1000, groups: vec![], connection: Some(":1.1".into()) };
        let holder = Holder {
            uid: 1000,
            connection: owner.connection.clone(),
            client_name: "test".into(),
            since: std::time::UNIX_EPOCH,
        };
        let grant = Grant { scope: Scope::Whole, purpose: Purpose::Session, holder };
        let lock = LockTable::default().acquire(grant, Asker { uid: 1000, connection: ":1.1" }).unwrap();
        Session {
            owner,
            client_name: "test".into(),
            scope: Scope::Whole,
            lock: Some(lock),
            format: None,
            selection: None,
            properties: JolietProperties::default(),
            album: Album::default(),
            used_blocks: 0,
            staged: false,
            imported: false,
            activity: None,
            leaving: false,
            touched: Instant::now(),
            stager: None,
        }
    }

    fn selection() -> Selection {
        Selection {
            recorder: "sr0".into(),
            medium: blank_cd(),
            start: 0,
            free: 359_849,
            lost: false,
            multisession: Decided::New,
            imprint: None,
            seated: false,
        }
    }

    fn refusal(session: &Session) -> Option<ErrorKind> {
        session.check_record().err().map(|error| error.kind)
    }

    #[test]
    fn recording_asks_for_format_recorder_and_image_in_imapis_order() {
        let mut session = session();
        assert_eq!(refusal(&session), Some(ErrorKind::NoActiveFormat));
        session.format = Some(Format::Joliet);
        assert_eq!(refusal(&session), Some(ErrorKind::NoActiveRecorder));
        session.selection = Some(selection());
        assert_eq!(refusal(&session), Some(ErrorKind::InvalidImage));
        session.staged = true;
        assert_eq!(refusal(&session), None);
        session.album.state.open = Some(7);
        assert_eq!(refusal(&session), Some(ErrorKind::TrackOpen));
        session.activity = Some(Activity::Adding(3));
        assert_eq!(refusal(&session), Some(ErrorKind::Busy));
        session.selection.as_mut().unwrap().lost = true;
        assert_eq!(refusal(&session), Some(ErrorKind::DeviceNotPresent));
        session.lock = None;
        assert_eq!(refusal(&session), Some(ErrorKind::NotOpened));
    }

    #[test]
    fn a_disc_whose_tree_was_cleared_away_is_not_recorded_before_it_is_selected_again() {
        let mut session = session();
        session.format = Some(Format::Joliet);
        session.selection = Some(Selection { multisession: Decided::Append, ..selection() });
        session.imported = true;
        session.set_staged(77, false);
        assert_eq!((session.used_blocks, refusal(&session)), (77, Some(ErrorKind::InvalidImage)));
        session.set_staged(78, true);
        assert_eq!(refusal(&session), None);
        session.clear_image();
        session.set_staged(90, true);
        assert_eq!(refusal(&session), Some(ErrorKind::CannotWriteToMedia));
        assert_eq!(session.selection.as_ref().unwrap().multisession.name(), "");
        // What was to hide the old tree from the start still is.
        session.selection = Some(selection());
        session.clear_image();
        assert_eq!(session.selection.unwrap().multisession, Decided::New);
    }

    #[test]
    fn a_selection_of_a_broker_that_knew_no_seats_is_understood() {
        let mut saved = serde_json::to_value(Selection { seated: true, ..selection() }).unwrap();
        assert_eq!(saved.as_object_mut().unwrap().remove("seated"), Some(true.into()));
        assert!(!serde_json::from_value::<Selection>(saved).unwrap().seated);
    }

    #[test]
    fn the_state_is_named_after_what_comes_next() {
        let mut session = session();
        assert_eq!(session.state_name(), "open");
        session.format = Some(Format::Joliet);
        assert_eq!(session.state_name(), "format");
        session.selection = Some(selection());
        assert_eq!(session.state_name(), "ready");
        session.activity = Some(Activity::Burning(1));
        assert_eq!((session.state_name(), session.job()), ("burning", Some(1)));
        session.lock = None;
        assert_eq!(session.state_name(), "closed");
    }

    #[test]
    fn an_unknown_format_is_refused_with_those_that_exist() {
        let error = Format::from_name("udf").unwrap_err();
        assert_eq!(error.message, "There is no format “udf”. There are: joliet, redbook.");
    }
}
