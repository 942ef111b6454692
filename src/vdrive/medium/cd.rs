//! CDs beside the cue sheet: a track at once, what lies at an address, and the Q sub-channel of every block.

use super::layout::{Layout, Session};
use super::track::{CdTrack, Track, TrackState};
use crate::mmc::cue::SectorMode;
use crate::mmc::msf::Msf;
use crate::mmc::subchannel::{Position, Q, bcd, catalog, isrc};
use crate::mmc::toc::LEAD_OUT;
use crate::vdrive::refusal::Refusal;

/// What lies at a block of a CD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The track, from 1; [`LEAD_OUT`] behind a session.
    pub track: u8,
    /// Its index there; 0 is the pause before it.
    pub index: u8,
    /// Where its index 1 starts.
    pub start: i32,
    /// What the track is.
    pub cd: CdTrack,
    /// Whether there is something to be read.
    pub spot: Spot,
    /// Its sub-channels are the host's.
    pub raw: bool,
    /// The catalog number of its session.
    catalog: Option<[u8; 13]>,
}

/// Whether a block of a CD can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// As it was recorded.
    Recorded,
    /// It counts, and holds nothing: sound is silent there, data cannot be read.
    Empty,
}

impl Layout {
    /// Takes `blocks` at `lba` into a track of a CD that is written at once; `wish` says what track it is, should it
    /// begin here.
    ///
    /// # Errors
    /// The drive's refusal: as [`Self::write`], and a track that holds something else.
    pub fn write_track(
        &mut self,
        lba: u32,
        blocks: u32,
        wish: CdTrack,
        mcn: Option<[u8; 13]>,
        kind: u8,
    ) -> Result<(), Refusal> {
        let goes_on = |track: &Track| {
            let open = matches!(track.state, TrackState::Open | TrackState::Reserved);
            open && track.written > 0 && track.start + track.written == lba
        };
        let another = |track: &CdTrack| (track.mode, track.whole) != (wish.mode, wish.whole);
        if self.tracks().any(|(_, track)| goes_on(track) && another(&track.cd)) {
            return Err(Refusal::WrongMode);
        }
        self.write(lba, blocks)?;
        if blocks == 0 {
            return Ok(());
        }
        let session = self.last_session_mut();
        if let Some(track) = session.tracks.iter_mut().find(|track| track.start == lba) {
            track.cd = wish;
            session.cd.catalog = mcn.or(session.cd.catalog);
            session.cd.kind = kind;
        }
        Ok(())
    }

    /// What lies at `lba` of a CD; nothing where nothing was recorded.
    pub fn place(&self, lba: i32) -> Option<Place> {
        let mut number = 0_u8;
        for session in &self.sessions {
            for track in &session.tracks {
                number = number.saturating_add(1);
                let start = track.start.cast_signed();
                let from = start - track.cd.pause.cast_signed();
                if (from..track.end().cast_signed()).contains(&lba) {
                    return Some(session.place(number, track, lba));
                }
            }
        }
        None
    }
}

impl Session {
    fn place(&self, number: u8, track: &Track, lba: i32) -> Place {
        let start = track.start.cast_signed();
        let later = self.cd.indexes.iter().filter(|(of, _, at)| *of == number && at.cast_signed() <= lba);
        let index = if lba < start { 0 } else { later.map(|(_, index, _)| *index).max().unwrap_or(1) };
        let recorded = if lba < start {
            // The drive makes the pause before a track at once, and links blocks there.
            self.cd.at_once
        } else {
            lba < (track.start + track.written).cast_signed()
        };
        Place {
            track: number,
            index,
            start,
            cd: track.cd,
            spot: if recorded { Spot::Recorded } else { Spot::Empty },
            raw: self.cd.raw,
            catalog: self.cd.catalog,
        }
    }
}

impl Place {
    /// Whether there is a sector to be read.
    pub fn is_readable(&self) -> bool {
        self.spot == Spot::Recorded || self.cd.mode == SectorMode::Audio
    }

    /// The Q sub-channel of the block at `lba`: mostly where it is, and once in a hundred blocks the disc's catalog
    /// number and the track's recording code, if there are such (IEC 60908).
    pub fn q(&self, lba: i32) -> [u8; Q] {
        let absolute = Msf::from_lba(lba).unwrap_or_default();
        // A change of index has to be told by the position itself.
        let into = lba - self.start;
        let settled = self.index > 0 && !(0..4).contains(&into);
        match (lba.rem_euclid(100), self.catalog, self.cd.isrc) {
            (49, Some(digits), _) if settled => catalog(self.cd.control, &digits, absolute.frame),
            (99, _, Some(code)) if settled => isrc(self.cd.control, &code, absolute.frame),
            _ => Position {
                control: self.cd.control,
                track: if self.track == LEAD_OUT { LEAD_OUT } else { bcd(self.track) },
                index: bcd(self.index),
                relative: self.relative(lba),
                zero: 0,
                absolute,
            }
            .emit(),
        }
    }

    /// The time in the track; in a pause it runs down to zero.
    pub fn relative(&self, lba: i32) -> Msf {
        let blocks = if lba < self.start { self.start - 1 - lba } else { lba - self.start };
        Msf::from_lba(blocks - 150).unwrap_or_default()
    }

    /// Whether P is set: in a pause.
    pub fn p(&self) -> bool {
        self.index == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmc::Profile;
    use crate::mmc::subchannel::{parse_catalog, parse_isrc};

    const SOUND: CdTrack = CdTrack {
        control: 0,
        mode: SectorMode::Audio,
        whole: true,
        sub_channel: false,
        pause: 150,
        isrc: Some(*b"DEABC0712345"),
    };

    fn disc() -> Layout {
        let mut disc = Layout::blank(Profile::CD_R, 20_000);
        disc.write_track(0, 400, SOUND, Some(*b"4012345123456"), 0).unwrap();
        disc.flush();
        disc.write_track(552, 400, SOUND, None, 0).unwrap();
        disc
    }

    #[test]
    fn a_track_holds_one_thing() {
        let mut disc = disc();
        assert_eq!(disc.write_track(952, 1, CdTrack::default(), None, 0), Err(Refusal::WrongMode));
        assert_eq!(disc.write_track(952, 1, SOUND, None, 0), Ok(()));
    }

    #[test]
    fn every_block_has_its_track_index_and_time() {
        let disc = disc();
        for (lba, track, index, relative, readable) in [
            (-150, 1, 0, "00:01:74", true),
            (-1, 1, 0, "00:00:00", true),
            (0, 1, 1, "00:00:00", true),
            (401, 1, 1, "00:05:26", true),
            (402, 2, 0, "00:01:74", true),
            (551, 2, 0, "00:00:00", true),
            (552, 2, 1, "00:00:00", true),
        ] {
            let place = disc.place(lba).unwrap();
            assert_eq!((place.track, place.index), (track, index), "{lba}");
            assert_eq!((place.relative(lba).to_string().as_str(), place.is_readable()), (relative, readable));
        }
        assert_eq!((disc.place(-151), disc.place(952)), (None, None));
    }

    #[test]
    fn q_tells_positions_and_now_and_then_the_numbers() {
        let disc = disc();
        let q = |lba| disc.place(lba).unwrap().q(lba);
        let position = Position::parse(&q(553)).unwrap();
        assert_eq!((position.track, position.index, position.control), (2, 1, 0));
        assert_eq!((position.relative, position.absolute), (Msf::new(0, 0, 1), Msf::new(0, 9, 28)));
        assert_eq!(parse_catalog(&q(149)), Some(*b"4012345123456"));
        assert_eq!(parse_isrc(&q(199)), Some(*b"DEABC0712345"));
        assert!((0..400).filter(|lba| parse_isrc(&q(*lba)).is_some()).count() == 4);
    }
}
