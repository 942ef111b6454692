//! BLANK on CD-RW: a track, a session, or what closes one (MMC-6, 6.2).

use super::layout::Layout;
use super::track::{CdSession, TrackState};
use crate::mmc::Profile;
use crate::vdrive::refusal::Refusal;

impl Layout {
    /// Erases the track of the open session that `lba` lies in. Its place stays reserved.
    ///
    /// # Errors
    /// The drive's refusal: no such track, or a closed session.
    pub fn erase_track(&mut self, lba: u32) -> Result<(), Refusal> {
        self.erase_from(lba, |track_start| track_start)
    }

    /// Erases the rest of the track of the open session that `lba` lies in, from there on.
    ///
    /// # Errors
    /// The drive's refusal: no such track, or a closed session.
    pub fn erase_tail(&mut self, lba: u32) -> Result<(), Refusal> {
        self.erase_from(lba, |_| lba)
    }

    /// Takes the reservation of the last track back.
    ///
    /// # Errors
    /// The drive's refusal if it is not reserved, or written to.
    pub fn unreserve(&mut self) -> Result<(), Refusal> {
        self.is_piecewise()?;
        let tracks = &mut self.last_session_mut().tracks;
        let reserved =
            tracks.last().is_some_and(|last| last.state == TrackState::Reserved && last.written == 0);
        if !reserved {
            return Err(Refusal::SequenceError);
        }
        tracks.pop();
        Ok(())
    }

    /// Opens the last session again.
    ///
    /// # Errors
    /// The drive's refusal if none is closed, or one is open with tracks in it.
    pub fn unclose(&mut self) -> Result<(), Refusal> {
        self.is_piecewise()?;
        if !self.finalized {
            let empty = self.sessions.last().is_some_and(|session| session.tracks.is_empty());
            if !empty || self.sessions.len() < 2 {
                return Err(Refusal::SequenceError);
            }
            self.sessions.pop();
        }
        self.finalized = false;
        self.last_session_mut().lead_out = None;
        Ok(())
    }

    /// Erases the last session: the open one if there is something in it, else the last one that is closed.
    ///
    /// # Errors
    /// The drive's refusal if there is none.
    pub fn erase_session(&mut self) -> Result<(), Refusal> {
        self.is_piecewise()?;
        if self.last_session_mut().tracks.is_empty() || self.finalized {
            self.unclose()?;
        }
        let session = self.last_session_mut();
        session.tracks.clear();
        session.cd = CdSession::default();
        Ok(())
    }

    fn erase_from(&mut self, lba: u32, from: impl Fn(u32) -> u32) -> Result<(), Refusal> {
        self.is_piecewise()?;
        if self.finalized {
            return Err(Refusal::SequenceError);
        }
        let tracks = &mut self.last_session_mut().tracks;
        let track = tracks.iter_mut().find(|track| (track.start..track.end()).contains(&lba));
        let track = track.ok_or(Refusal::BadField { byte: 2 })?;
        if track.state == TrackState::Open {
            return Err(Refusal::SequenceError);
        }
        track.written = track.written.min(from(track.start).saturating_sub(track.start));
        track.state = TrackState::Reserved;
        Ok(())
    }

    fn is_piecewise(&self) -> Result<(), Refusal> {
        if self.profile != Profile::CD_RW {
            return Err(Refusal::CannotErase);
        }
        if self.at_once.is_some() { Err(Refusal::SequenceError) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A closed session of one track, and behind it two tracks of which the second is reserved.
    fn disc() -> Layout {
        let mut disc = Layout::blank(Profile::CD_RW, 40_000);
        disc.write(0, 400).unwrap();
        disc.close_session(true).unwrap();
        disc.write(11_802, 300).unwrap();
        disc.flush();
        disc.reserve(500).unwrap();
        disc
    }

    #[test]
    fn a_track_of_the_open_session_is_erased_and_stays_reserved() {
        let mut disc = disc();
        assert_eq!(disc.erase_track(10), Err(Refusal::BadField { byte: 2 }));
        disc.erase_tail(11_902).unwrap();
        let second = |disc: &Layout| *disc.tracks().nth(1).unwrap().1;
        assert_eq!((second(&disc).written, second(&disc).state), (100, TrackState::Reserved));
        disc.erase_track(11_850).unwrap();
        assert_eq!((second(&disc).written, second(&disc).size), (0, 302));
        assert!(disc.is_sound());
    }

    #[test]
    fn reservations_and_sessions_are_taken_back_one_after_the_other() {
        let mut disc = disc();
        assert_eq!(disc.unclose(), Err(Refusal::SequenceError));
        disc.unreserve().unwrap();
        assert_eq!(disc.unreserve(), Err(Refusal::SequenceError));
        disc.erase_session().unwrap();
        assert_eq!((disc.sessions.len(), disc.tracks().count()), (2, 1));
        disc.unclose().unwrap();
        assert_eq!((disc.sessions.len(), disc.tracks().count()), (1, 1));
        disc.close_session(false).unwrap();
        disc.erase_session().unwrap();
        assert!(disc.is_blank() && disc.is_sound());
        assert_eq!(disc.erase_session(), Err(Refusal::SequenceError));
    }
}
