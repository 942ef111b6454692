//! The state as a broker leaves it for the next: what is open, held and under way.
//!
//! What is left out ends with the broker, as the connection of a call does whose reply is not sent. Fields may be added: a
//! newer broker takes in what an older one has left.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::audio::Sound;
use super::jobs::About;
use super::locks::{LockId, LockTable, Scope};
use super::outcome::Outcome;
use super::recorder::Settings;
use super::service::State;
use super::session::{Format, Owner, Selection, Session};
use crate::api::audio::Album;
use crate::api::{Inspection, JolietProperties, Progress, RecordOptions};

/// All that outlives a broker.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Sessions by number, closed ones too.
    pub sessions: BTreeMap<u64, SavedSession>,
    /// The number of the session opened last.
    pub last_session: u64,
    /// Who holds what.
    pub locks: LockTable,
    /// Jobs by number, ended ones too.
    pub jobs: BTreeMap<u64, SavedJob>,
    /// The number of the job entered last.
    pub last_job: u64,
    /// What is known of recorders that were plugged in, by id.
    pub recorders: BTreeMap<String, SavedRecorder>,
}

/// A session without its process.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedSession {
    /// Whose it is.
    pub owner: Owner,
    /// Who to name to others.
    pub client_name: String,
    /// What it locks.
    pub scope: Scope,
    /// Its lock.
    pub lock: Option<LockId>,
    /// The active format.
    pub format: Option<Format>,
    /// The active recorder.
    pub selection: Option<Selection>,
    /// Properties of the data format.
    pub properties: JolietProperties,
    /// Blocks of the staged image.
    pub used_blocks: u64,
    /// Something is staged.
    pub staged: bool,
    /// The stager holds the tree of an earlier session.
    pub imported: bool,
    /// The audio disc as it is staged.
    #[serde(default)]
    pub album: Album,
    /// It closes with its job.
    pub leaving: bool,
    /// The number of the next request to its stager, if it has one.
    pub next_request: Option<u32>,
}

/// A job without its task.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedJob {
    /// What it is about.
    pub about: About,
    /// When it was accepted.
    pub started: SystemTime,
    /// When it ended.
    pub ended: Option<SystemTime>,
    /// How far it is.
    pub progress: Progress,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// It was asked to end.
    pub cancelled: bool,
    /// Its owner has left.
    pub deserted: bool,
    /// What is wished of a burn.
    pub wishes: Option<RecordOptions>,
    /// What sound is taken in.
    #[serde(default)]
    pub sound: Option<Sound>,
    /// See [`Job::ordered`](super::jobs::Job::ordered).
    pub ordered: Option<u32>,
    /// The lock that it holds for its own length.
    pub lock: Option<LockId>,
}

/// What outlives a broker of a recorder.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedRecorder {
    /// What was set.
    pub settings: Settings,
    /// The last look at the drive.
    pub inspection: Option<Inspection>,
}

impl Snapshot {
    /// The state as it is.
    pub fn of(state: &State) -> Self {
        let sessions = state.sessions.iter().map(|(number, session)| (*number, saved(session))).collect();
        let recorders = state.recorders.iter().map(|(id, one)| {
            (id.clone(), SavedRecorder { settings: one.settings, inspection: one.inspection.clone() })
        });
        let (jobs, last_job) = state.jobs.saved();
        Self {
            sessions,
            last_session: state.last_session,
            locks: state.locks.clone(),
            jobs,
            last_job,
            recorders: recorders.collect(),
        }
    }

    /// The snapshot as text, for [`Memory`](super::memory::Memory).
    ///
    /// # Errors
    /// When something in it cannot be told in text.
    pub fn text(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// The snapshot that a text tells.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_text(text: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(text)
    }

    /// Forgets what is held by nobody that outlives the broker: the locks of calls that are cut off.
    pub fn forget_cut_off(&mut self) {
        let running = self.jobs.values().filter(|job| job.outcome.is_none()).filter_map(|job| job.lock);
        self.locks.keep_verbs(&running.collect::<Vec<_>>());
    }
}

fn saved(session: &Session) -> SavedSession {
    SavedSession {
        owner: session.owner.clone(),
        client_name: session.client_name.clone(),
        scope: session.scope.clone(),
        lock: session.lock,
        format: session.format,
        selection: session.selection.clone(),
        properties: session.properties.clone(),
        used_blocks: session.used_blocks,
        staged: session.staged,
        imported: session.imported,
        album: session.album.clone(),
        leaving: session.leaving,
        next_request: session.stager.as_ref().filter(|one| !one.is_gone()).map(|one| one.next_request()),
    }
}
