//! One recorder as the broker knows it: identity, the last look at the disc, what is being done with it.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};

use super::authority::RecorderDetails;
use super::recorders::RecorderSeed;
use crate::api::{Device, DiscStatus, Identity, Inspection, MediaKind, Medium, RecorderState};

/// IMAPI's default gap between audio tracks, in blocks of 2352 bytes: two seconds.
const DEFAULT_GAP: u32 = 150;

/// A recorder that is plugged in.
#[derive(Debug)]
pub struct Recorder {
    /// Where it is reached.
    pub device: Device,
    /// The device node or socket, as the bus shows it.
    pub node: String,
    /// The seat that it is plugged in at.
    pub seat: String,
    identity: Identity,
    profiles: Vec<u16>,
    /// The last look at the drive; `None` before the first, and after one that failed.
    pub inspection: Option<Inspection>,
    /// What is being done with it.
    pub activity: Activity,
    /// What `SetRecorderProperties` can set.
    pub settings: Settings,
    /// Held while anything speaks to the drive.
    pub gate: Arc<Mutex<()>>,
    /// Rung when the disc should be looked at.
    pub look: Arc<Notify>,
}

/// What is being done with a recorder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// Nothing.
    #[default]
    None,
    /// The disc is looked at, ejected or loaded.
    Busy,
    /// A disc is recorded.
    Burning,
    /// A disc is erased.
    Erasing,
}

/// The writable properties of IMAPI's recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The speed of the next burn in kB/s; `None` is the fastest.
    pub write_speed: Option<u32>,
    /// Silent blocks between audio tracks.
    pub audio_gap: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { write_speed: None, audio_gap: DEFAULT_GAP }
    }
}

impl Recorder {
    /// A recorder just plugged in.
    pub fn new(seed: RecorderSeed) -> Self {
        Self {
            device: seed.device,
            node: seed.node,
            seat: seed.seat,
            identity: seed.identity,
            profiles: seed.profiles,
            inspection: None,
            activity: Activity::None,
            settings: Settings::default(),
            gate: Arc::default(),
            look: Arc::default(),
        }
    }

    /// Who the drive is: what it said itself or, before it was asked, what the system knows.
    pub fn identity(&self) -> &Identity {
        self.inspection.as_ref().map_or(&self.identity, |seen| &seen.identity)
    }

    /// The profiles that the drive knows.
    pub fn profiles(&self) -> &[u16] {
        match &self.inspection {
            Some(seen) if !seen.profiles.is_empty() => &seen.profiles,
            _ => &self.profiles,
        }
    }

    /// The disc in the drive.
    pub fn medium(&self) -> Option<&Medium> {
        self.inspection.as_ref()?.medium.as_ref()
    }

    /// The fastest speed that drive and disc offer, kB/s; 0 without a disc.
    pub fn max_write_speed(&self) -> u32 {
        self.medium().and_then(|medium| medium.write_speeds.iter().max().copied()).unwrap_or(0)
    }

    /// Whether the drive can record data on some disc.
    pub fn records_data(&self) -> bool {
        self.profiles().iter().any(|profile| {
            !matches!(
                MediaKind::from_profile(*profile),
                MediaKind::CdRom | MediaKind::DvdRom | MediaKind::BdRom | MediaKind::Other(_)
            )
        })
    }

    /// Whether the drive lists this profile.
    pub fn knows(&self, kind: MediaKind) -> bool {
        self.profiles().iter().any(|profile| MediaKind::from_profile(*profile) == kind)
    }

    /// What the recorder is doing, as the bus shows it; `held` tells whether somebody holds it.
    pub const fn state(&self, held: bool) -> RecorderState {
        match self.activity {
            Activity::Burning => RecorderState::Burning,
            Activity::Erasing => RecorderState::Erasing,
            Activity::Busy => RecorderState::Busy,
            Activity::None if held => RecorderState::Opened,
            Activity::None => RecorderState::Idle,
        }
    }

    /// What an authority is told of it.
    pub fn details(&self, id: &str) -> RecorderDetails {
        RecorderDetails::new(id, &self.device, self.identity(), &self.seat)
    }
}

/// IMAPI's number for the kind of a disc: 1 for every CD, 6 (special) for all else, 0 for none.
pub fn imapi_media_type(medium: Option<&Medium>) -> u32 {
    match medium.map(Medium::kind) {
        None => 0,
        Some(MediaKind::CdRom | MediaKind::CdR | MediaKind::CdRw) => 1,
        Some(_) => 6,
    }
}

/// IMAPI's flags of a disc: 1 blank, 2 rewritable, 4 writable, 8 unusable; 0 for none.
pub fn imapi_media_flags(medium: Option<&Medium>) -> u32 {
    let Some(medium) = medium else { return 0 };
    let blank = medium.status == DiscStatus::Blank;
    let writable = medium.next_writable.is_some() && medium.free_blocks > 0 && !medium.protected;
    [(blank, 1), (medium.rewritable, 2), (writable, 4), (!writable && !medium.rewritable, 8)]
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, bit)| bit)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::select::tests::blank_cd;

    #[test]
    fn imapis_numbers_tell_blank_rewritable_and_closed_discs_apart() {
        let blank = blank_cd();
        assert_eq!((imapi_media_type(Some(&blank)), imapi_media_flags(Some(&blank))), (1, 1 | 4));
        let mut closed = blank_cd();
        closed.status = DiscStatus::Closed;
        closed.next_writable = None;
        closed.free_blocks = 0;
        assert_eq!(imapi_media_flags(Some(&closed)), 8);
        closed.profile = 0x0a;
        closed.rewritable = true;
        assert_eq!(imapi_media_flags(Some(&closed)), 2);
        assert_eq!((imapi_media_type(None), imapi_media_flags(None)), (0, 0));
        assert_eq!(imapi_media_type(Some(&Medium { profile: 0x1b, ..blank_cd() })), 6);
    }
}
