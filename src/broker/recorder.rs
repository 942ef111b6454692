//! One recorder as the broker knows it: identity, the last look at the disc, what is being done with it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

use super::authority::RecorderDetails;
use super::recorders::RecorderSeed;
use super::session::Format;
use crate::api::{Device, DiscStatus, Identity, Inspection, MediaKind, Medium, RecorderState};

/// IMAPI's default gap between audio tracks, in blocks of 2352 bytes: two seconds.
pub const DEFAULT_GAP: u32 = 150;

/// A recorder that is plugged in.
#[derive(Debug)]
pub struct Recorder {
    /// Which plugging-in this is.
    pub plug: Plug,
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
    /// The disc is to be looked at when the present activity ends.
    pub stale: bool,
}

/// One plugging-in of a recorder: unplugged and plugged in again it is another, whatever its id.
#[derive(Clone, Debug, Default)]
pub struct Plug(Arc<()>);

impl PartialEq for Plug {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What is being done with a recorder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// Nothing.
    #[default]
    None,
    /// The disc is looked at.
    Looking,
    /// The directories of the disc are read, for a session that goes on with it.
    Importing,
    /// The disc's tracks are read.
    Reading,
    /// The disc is ejected or loaded.
    Moving,
    /// A disc is recorded.
    Burning,
    /// A disc is erased.
    Erasing,
}

/// The writable properties of IMAPI's recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The speed of the next burn in kB/s; `None` is the fastest.
    pub write_speed: Option<u32>,
    /// Silent blocks between audio tracks.
    pub audio_gap: u32,
    /// The next burn does without the drive's protection against buffer underruns.
    pub unprotected: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { write_speed: None, audio_gap: DEFAULT_GAP, unprotected: false }
    }
}

impl Recorder {
    /// A recorder just plugged in.
    pub fn new(seed: RecorderSeed) -> Self {
        Self {
            plug: Plug::default(),
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
            stale: false,
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
    fn records_data(&self) -> bool {
        self.profiles().iter().any(|profile| {
            !matches!(
                MediaKind::from_profile(*profile),
                MediaKind::CdRom | MediaKind::DvdRom | MediaKind::BdRom | MediaKind::Other(_)
            )
        })
    }

    /// Whether the drive records discs of this format.
    pub fn records(&self, format: Format) -> bool {
        match format {
            Format::Joliet => self.records_data(),
            Format::Redbook => self.knows(MediaKind::CdR) || self.knows(MediaKind::CdRw),
        }
    }

    /// Whether the drive lists this profile.
    pub fn knows(&self, kind: MediaKind) -> bool {
        self.profiles().iter().any(|profile| MediaKind::from_profile(*profile) == kind)
    }

    /// IMAPI's number for the kind of drive: 2 when it rewrites CDs, 1 when it records them, 0 otherwise.
    pub fn imapi_type(&self) -> u32 {
        if self.knows(MediaKind::CdRw) { 2 } else { u32::from(self.knows(MediaKind::CdR)) }
    }

    /// Sixteen bytes that stay the same for this drive: a UUID of version 8 (RFC 9562, 5.8) over what identifies it.
    pub fn guid(&self) -> [u8; 16] {
        let Identity { vendor, product, revision, serial } = self.identity();
        let parts = [vendor, product, revision, serial, &self.node];
        let mut bytes = fnv1a(parts.into_iter().flat_map(|part| part.bytes().chain([0]))).to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        bytes
    }

    /// What the recorder is doing, as the bus shows it; `held` tells whether somebody holds it.
    pub const fn state(&self, held: bool) -> RecorderState {
        match self.activity {
            Activity::Burning => RecorderState::Burning,
            Activity::Erasing => RecorderState::Erasing,
            Activity::Looking | Activity::Importing | Activity::Reading | Activity::Moving => {
                RecorderState::Busy
            }
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

/// The 128-bit FNV-1a hash (draft-eastlake-fnv, 5).
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::api::Tray;
    use crate::broker::select::tests::blank_cd;

    /// A recorder that was looked at, with this disc in it.
    pub fn holding(medium: Medium) -> Recorder {
        let device = Device::Scsi("/dev/sr0".into());
        let mut recorder = Recorder::new(RecorderSeed {
            id: "sr0".into(),
            device,
            node: "/dev/sr0".into(),
            seat: "seat0".into(),
            identity: Identity::default(),
            profiles: vec![medium.profile],
        });
        recorder.inspection = Some(Inspection {
            identity: Identity::default(),
            profiles: vec![medium.profile],
            tray: Tray::Closed,
            medium: Some(medium),
            buffer_underrun_free: true,
            buffer_bytes: 0,
        });
        recorder
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // Test vectors of the draft's appendix C.
        assert_eq!(fnv1a("".bytes()), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a("foobar".bytes()), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }

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
