//! What only some kinds of disc have: a format, a boundary between layers, spares.

use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::overwrite::{FormatState, Overwrite};
use super::track::TrackState;
use crate::mmc::Profile;
use crate::mmc::profile::WriteModel;
use crate::mmc::speed::Family;
use crate::vdrive::refusal::Refusal;

/// What a disc has beside sessions and tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Special {
    /// Discs that are overwritten: how they are formatted.
    #[serde(default)]
    pub overwrite: Option<Overwrite>,
    /// DVD-RW: blanked so quickly that it can only be written at once.
    #[serde(default)]
    pub minimally_blanked: bool,
    /// DVD-R, DVD-RW: the one track is reserved to be written at once.
    #[serde(default)]
    pub at_once: bool,
    /// Two layers: blocks of layer 0, once a host chose.
    #[serde(default)]
    pub boundary: Option<u32>,
    /// BD-R: formatted before the first write.
    #[serde(default)]
    pub bd_r: Option<BdRFormat>,
}

/// A BD-R that was formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BdRFormat {
    /// Written blocks can be replaced, each time by spares (POW).
    pub pseudo_overwrite: bool,
    /// Spare blocks.
    pub spares: u32,
    /// Spare blocks that are taken.
    pub used: u32,
}

impl Layout {
    /// DVD and BD: how many layers the disc has.
    pub fn layers(&self) -> u8 {
        match (self.profile, self.profile.family()) {
            (Profile::DVD_R_DL | Profile::DVD_PLUS_R_DL, _) => 2,
            (_, Some(Family::Bd)) => {
                let smaller = [12_219_392, 24_438_784, 48_878_592].iter().filter(|it| **it < self.total());
                1 + smaller.count() as u8
            }
            _ => 1,
        }
    }

    /// Blocks of the disc as it was bought.
    pub fn total(&self) -> u32 {
        self.capacity.saturating_add(self.special.bd_r.map_or(0, |format| format.spares))
    }

    /// Blocks of layer 0 at most.
    fn largest_layer(&self) -> u32 {
        self.capacity / 2 / 16 * 16
    }

    /// Where layer 0 ends, and whether that can no longer be changed.
    pub fn boundary(&self) -> Option<(u32, bool)> {
        let two = matches!(self.profile, Profile::DVD_R_DL | Profile::DVD_PLUS_R_DL);
        let chosen = self.special.boundary;
        two.then(|| (chosen.unwrap_or(self.largest_layer()), chosen.is_some() || !self.is_blank()))
    }

    /// SEND DISC STRUCTURE 20h: layer 0 is to have so many blocks. Layer 1 is no larger.
    ///
    /// # Errors
    /// The drive's refusal: one layer, too late, or no such boundary.
    pub fn set_boundary(&mut self, blocks: u32) -> Result<(), Refusal> {
        let (_, fixed) = self.boundary().ok_or(Refusal::IncompatibleMedium)?;
        if fixed {
            return Err(Refusal::SequenceError);
        }
        if blocks == 0 || !blocks.is_multiple_of(16) || blocks > self.largest_layer() {
            return Err(Refusal::BadParameter { byte: 8 });
        }
        self.special.boundary = Some(blocks);
        self.capacity = blocks * 2;
        Ok(())
    }

    /// DVD-R, DVD-RW: the track that was reserved is to be written at once. Only a blank disc can be.
    ///
    /// # Errors
    /// The drive's refusal.
    pub fn reserve_at_once(&mut self, blocks: u32) -> Result<(), Refusal> {
        if !self.is_blank() {
            return Err(Refusal::SequenceError);
        }
        self.reserve(blocks)?;
        self.special.at_once = true;
        Ok(())
    }

    /// Ends a disc that is written at once, if that was begun; returns by how many blocks it is short of what
    /// was reserved. The rest is zeros.
    pub fn finish_at_once(&mut self) -> Option<u32> {
        if !self.special.at_once || self.finalized {
            return None;
        }
        let session = self.sessions.last_mut()?;
        let track = session.tracks.last_mut()?;
        let missing = track.size - track.written;
        if track.written == 0 {
            return None;
        }
        track.written = track.size;
        track.state = TrackState::Closed;
        session.lead_out = Some(track.start + track.size);
        self.finalized = true;
        Some(missing)
    }

    /// Ends what is under way when the disc leaves the drive: a track, a disc at once, a format in the background.
    pub fn put_away(&mut self) {
        match self.overwrite().map(|format| format.state) {
            Some(FormatState::Running) => {
                let _ = self.end_format();
            }
            Some(_) => {}
            // Without its lead-out a session at once is no session.
            None if self.at_once.is_some() => self.damage(),
            None if self.finish_at_once().is_some() => {}
            None => {
                self.flush();
            }
        }
    }

    /// Whether a power cut would find something half done.
    pub fn is_interrupted(&self) -> bool {
        match self.overwrite().map(|format| format.state) {
            Some(state) => matches!(state, FormatState::Running | FormatState::Intermediate),
            None => {
                self.tracks().any(|(_, track)| matches!(track.state, TrackState::Open | TrackState::Reserved))
            }
        }
    }

    /// What is found of reserved tracks after a power cut, when `recorded` blocks from the start of the disc hold
    /// data. A disc at once that was begun is lost.
    pub(super) fn recover_reserved(&mut self, recorded: u32) {
        let at_once = self.special.at_once && !self.finalized;
        let Some(session) = self.sessions.last_mut() else { return };
        // Only the last track with data in it can be told from the length of what is recorded.
        let Some(track) = session
            .tracks
            .iter_mut()
            .rev()
            .find(|track| track.start < recorded || track.written > 0)
            .filter(|track| track.state == TrackState::Reserved)
        else {
            return;
        };
        let found = recorded.saturating_sub(track.start).checked_next_multiple_of(16).unwrap_or(track.size);
        track.written = track.written.max(found).min(track.size);
        if at_once && track.written > 0 {
            track.state = TrackState::Damaged;
            session.lead_out = Some(track.start + track.size);
            self.finalized = true;
        }
    }

    /// BD-R with pseudo-overwrite: takes a write over blocks that are recorded, if that is what it is.
    pub(super) fn overwrite_recorded(&mut self, lba: u32, blocks: u32) -> Option<Result<(), Refusal>> {
        let end = lba.checked_add(blocks)?;
        let recorded = |layout: &Self| {
            layout.tracks().any(|(_, track)| track.start <= lba && end <= track.start + track.written)
        };
        let mut format = self.special.bd_r.filter(|format| format.pseudo_overwrite)?;
        if blocks == 0 || !recorded(self) {
            return None;
        }
        let clusters = end.div_ceil(32) - lba / 32;
        let used = format.used.saturating_add(clusters * 32);
        if used > format.spares {
            return Some(Err(Refusal::NoSpares));
        }
        format.used = used;
        self.special.bd_r = Some(format);
        Some(Ok(()))
    }

    /// Whether what a file tells of these things can be.
    pub(super) fn has_sound_specials(&self) -> bool {
        let Special { minimally_blanked, at_once, boundary, bd_r, .. } = self.special;
        let incremental = self.profile.write_model() == WriteModel::Incremental;
        self.has_sound_format()
            && (!minimally_blanked || self.profile == Profile::DVD_RW)
            && (!at_once || (incremental && self.tracks().count() <= 1))
            && boundary.is_none_or(|blocks| self.layers() == 2 && blocks <= self.capacity)
            && bd_r.is_none_or(|format| {
                self.profile == Profile::BD_R
                    && format.used <= format.spares
                    && self.capacity.checked_add(format.spares).is_some()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_of_layers_is_chosen_once_and_halves_the_disc() {
        let mut disc = Layout::blank(Profile::DVD_PLUS_R_DL, 4_173_824);
        assert_eq!(disc.boundary(), Some((2_086_912, false)));
        for (blocks, refusal) in [
            (0, Refusal::BadParameter { byte: 8 }),
            (2_086_928, Refusal::BadParameter { byte: 8 }),
            (1_000_001, Refusal::BadParameter { byte: 8 }),
        ] {
            assert_eq!(disc.set_boundary(blocks), Err(refusal));
        }
        disc.set_boundary(1_000_000).unwrap();
        assert_eq!((disc.boundary(), disc.capacity), (Some((1_000_000, true)), 2_000_000));
        assert_eq!(disc.set_boundary(16), Err(Refusal::SequenceError));
        assert!(disc.is_sound());
        assert_eq!(
            Layout::blank(Profile::DVD_PLUS_R, 4096).set_boundary(16),
            Err(Refusal::IncompatibleMedium)
        );
    }

    #[test]
    fn a_disc_at_once_ends_when_it_is_flushed_even_if_it_is_short() {
        let mut disc = Layout::blank(Profile::DVD_R, 4096);
        disc.reserve_at_once(100).unwrap();
        assert_eq!(disc.finish_at_once(), None);
        disc.write(0, 90).unwrap();
        assert_eq!(disc.finish_at_once(), Some(22));
        assert!(disc.finalized && disc.is_sound());
        assert_eq!(disc.reserve_at_once(16), Err(Refusal::SequenceError));
    }

    #[test]
    fn pseudo_overwriting_costs_spares() {
        let mut disc = Layout::blank(Profile::BD_R, 4096);
        disc.special.bd_r = Some(BdRFormat { pseudo_overwrite: true, spares: 64, used: 0 });
        disc.write(0, 128).unwrap();
        assert_eq!(disc.write(31, 2), Ok(()));
        assert_eq!(disc.special.bd_r.map(|format| format.used), Some(64));
        assert_eq!(disc.write(0, 1), Err(Refusal::NoSpares));
        assert_eq!(disc.write(128, 32), Ok(()));
    }
}
