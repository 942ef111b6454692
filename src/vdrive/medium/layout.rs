//! What is where on a disc: sessions, tracks, the next writable address. Pure state; the data are elsewhere.

use serde::{Deserialize, Serialize};

use super::at_once::AtOnce;
use super::rules::Rules;
use super::special::Special;
use super::track::{CdSession, CdTrack, Track, TrackState, TrackView};
use crate::mmc::Profile;
use crate::vdrive::refusal::Refusal;

/// The layout of a disc. A disc that is not finalised always ends with an open session, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The kind of disc.
    pub profile: Profile,
    /// Blocks up to the last possible lead-out.
    pub capacity: u32,
    /// No session can be added.
    pub finalized: bool,
    /// Sessions in order.
    pub sessions: Vec<Session>,
    /// What only some kinds of disc have.
    #[serde(default)]
    pub special: Special,
    /// CD: a session that is written at once and not yet complete. A disc that loses its drive loses it.
    #[serde(skip)]
    pub at_once: Option<Box<AtOnce>>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Where its first track starts.
    pub start: u32,
    /// Where its lead-out starts, once closed.
    pub lead_out: Option<u32>,
    /// Its tracks in order.
    pub tracks: Vec<Track>,
    /// What it is on a CD.
    #[serde(default)]
    pub cd: CdSession,
}

impl Session {
    /// An empty session.
    pub fn at(start: u32) -> Self {
        Self { start, lead_out: None, tracks: Vec::new(), cd: CdSession::default() }
    }
}

/// What a block is when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// So many blocks of data from here on.
    Data(u32),
    /// A sector without a block of data: sound.
    Sound,
    /// Run-out behind a track.
    RunOut,
    /// Lead-out, lead-in or gap between tracks.
    Gap,
    /// Beyond everything that was recorded.
    Beyond,
}

impl Layout {
    /// A blank disc.
    pub fn blank(profile: Profile, capacity: u32) -> Self {
        let special = Special::default();
        let sessions = vec![Session::at(0)];
        Self { profile, capacity, finalized: false, sessions, special, at_once: None }.sold()
    }

    /// Takes `blocks` at `lba` into the layout, if that is where the next write has to be.
    ///
    /// # Errors
    /// The drive's refusal: closed, elsewhere, or full.
    pub fn write(&mut self, lba: u32, blocks: u32) -> Result<(), Refusal> {
        if let Some(result) = self.write_anywhere(lba, blocks) {
            return result;
        }
        if self.finalized {
            return Err(Refusal::WriteProtected);
        }
        if let Some(result) = self.overwrite_recorded(lba, blocks) {
            return result;
        }
        let views = self.writable();
        let Some(view) = views.iter().find(|view| view.next == Some(lba)) else {
            return Err(match views.first().and_then(|view| view.next) {
                Some(expected) if lba < self.capacity => Refusal::NotNextWritable { asked: lba, expected },
                _ => Refusal::OutOfRange { lba },
            });
        };
        if blocks > view.free {
            return Err(if view.free == 0 { Refusal::OutOfRange { lba } } else { Refusal::EndOfTrack });
        }
        if blocks == 0 {
            return Ok(());
        }
        let number = view.number;
        if view.state.is_none() {
            let track = Track::at(lba, TrackState::Open);
            self.last_session_mut().tracks.push(track);
        }
        if let Some(track) = self.track_mut(number) {
            track.written += blocks;
            track.size = track.size.max(track.written);
        }
        Ok(())
    }

    /// Ends what the buffer holds: pads to whole blocks of the medium, and ends a track written at once.
    /// Returns by how many blocks a track was too short.
    pub fn flush(&mut self) -> u32 {
        if self.overwrite().is_some() {
            return 0;
        }
        let rules = self.rules();
        let limit = self.limit();
        let mut missing = 0;
        for track in &mut self.last_session_mut().tracks {
            let room = limit.saturating_sub(track.start);
            match track.state {
                TrackState::Open if rules.flush_closes => {
                    missing = rules.min_track.saturating_sub(track.written);
                    track.close(rules, room);
                }
                TrackState::Open => {
                    track.written = rules.padded(track.written).min(room.max(track.written));
                    track.size = track.written;
                }
                TrackState::Reserved => {
                    track.written = rules.padded(track.written).min(track.size);
                    // A reservation that is used up is a complete track.
                    if track.written == track.size {
                        track.state = TrackState::Closed;
                    }
                }
                TrackState::Closed | TrackState::Damaged => {}
            }
        }
        missing
    }

    /// CLOSE TRACK. A closed track stays as it is.
    ///
    /// # Errors
    /// The drive's refusal if there is no such track.
    pub fn close_track(&mut self, number: u16) -> Result<(), Refusal> {
        let rules = self.rules();
        let limit = self.limit();
        let track = self.track_mut(number).ok_or(Refusal::BadField { byte: 4 })?;
        match track.state {
            TrackState::Open => track.close(rules, limit.saturating_sub(track.start)),
            TrackState::Reserved => {
                // The rest of a reservation is recorded with zeros.
                track.written = track.size;
                track.state = TrackState::Closed;
            }
            TrackState::Closed | TrackState::Damaged => {}
        }
        Ok(())
    }

    /// CLOSE SESSION; `more` tells whether another may follow.
    ///
    /// # Errors
    /// The drive's refusal if something in it is open, or there is nothing to close.
    pub fn close_session(&mut self, more: bool) -> Result<(), Refusal> {
        if self.finalized {
            return Err(Refusal::WriteProtected);
        }
        let rules = self.rules();
        if rules.session_closes_tracks {
            self.flush();
        }
        let count = self.sessions.len();
        let session = self.last_session_mut();
        if session.tracks.iter().any(|track| track.state == TrackState::Open) {
            return Err(Refusal::IncompleteTrack);
        }
        if session.tracks.iter().any(|track| track.state == TrackState::Reserved) {
            return Err(Refusal::EmptyReservation);
        }
        let Some(last) = session.tracks.last() else {
            return self.close_empty_session(more);
        };
        let lead_out = last.end();
        session.lead_out = Some(lead_out);
        let gap = if count == 1 { rules.first_session_gap } else { rules.session_gap };
        let start = lead_out.saturating_add(gap);
        if more
            && start.saturating_add(rules.min_track) <= self.limit()
            && self.tracks().count() < rules.max_tracks.into()
        {
            self.sessions.push(Session::at(start));
        } else {
            self.finalized = true;
        }
        Ok(())
    }

    /// RESERVE TRACK.
    ///
    /// # Errors
    /// The drive's refusal if it does not fit, or a track is being written.
    pub fn reserve(&mut self, size: u32) -> Result<(), Refusal> {
        let rules = self.rules();
        let view = self.invisible().ok_or(Refusal::SequenceError)?;
        let size = size.checked_next_multiple_of(rules.alignment).unwrap_or(u32::MAX).max(rules.min_track);
        if size > view.free {
            return Err(Refusal::OutOfRange { lba: view.start.saturating_add(view.free) });
        }
        let track = Track { size, ..Track::at(view.start, TrackState::Reserved) };
        self.last_session_mut().tracks.push(track);
        Ok(())
    }

    /// BLANK: the disc as it was bought. A DVD-RW is written in sequence again, and after a minimal blanking at
    /// once alone.
    ///
    /// # Errors
    /// The drive's refusal if the disc cannot be erased.
    pub fn erase(&mut self, minimal: bool) -> Result<(), Refusal> {
        let profile = match self.profile {
            Profile::CD_RW => Profile::CD_RW,
            Profile::DVD_RW | Profile::DVD_RW_OVERWRITE => Profile::DVD_RW,
            _ => return Err(Refusal::CannotErase),
        };
        *self = Self::blank(profile, self.capacity);
        self.special.minimally_blanked = minimal && profile == Profile::DVD_RW;
        Ok(())
    }

    /// What a failure of the laser does to the track that is being written.
    pub fn damage(&mut self) {
        let run_out = self.rules().run_out;
        let capacity = self.capacity;
        self.at_once = None;
        for track in self.last_session_mut().tracks.iter_mut().filter(|track| track.state == TrackState::Open)
        {
            track.state = TrackState::Damaged;
            track.size = track.written.saturating_add(run_out).min(capacity.saturating_sub(track.start));
        }
    }

    /// What is found after a power cut, when `recorded` blocks from the start of the disc hold data.
    pub fn recover(&mut self, recorded: u32) {
        if self.recover_format(recorded) {
            return;
        }
        self.at_once = None;
        self.recover_reserved(recorded);
        let rules = self.rules();
        let limit = self.limit();
        let mut cut = false;
        for track in self.last_session_mut().tracks.iter_mut().filter(|track| track.state == TrackState::Open)
        {
            let room = limit.saturating_sub(track.start);
            // The length of a file is anybody's to choose.
            let found = recorded.saturating_sub(track.start).checked_next_multiple_of(rules.alignment);
            track.written = track.written.max(found.unwrap_or(room)).min(room);
            track.size = track.written;
            cut = true;
        }
        if cut && rules.flush_closes {
            self.damage();
        }
    }

    /// What the block at `lba` is when it is read.
    pub fn content(&self, lba: u32) -> Content {
        if let Some(more) = self.readable_anywhere(lba) {
            return if more > 0 { Content::Data(more) } else { Content::Beyond };
        }
        let Some((_, track)) = self.tracks().filter(|(_, track)| track.start <= lba).last() else {
            return if self.tracks().next().is_some() { Content::Gap } else { Content::Beyond };
        };
        let data = track.start + track.written;
        if lba < data && !track.cd.has_blocks() {
            Content::Sound
        } else if lba < data {
            Content::Data(data - lba)
        } else if lba < track.end() {
            Content::RunOut
        } else if self.tracks().any(|(_, later)| later.start > lba) {
            Content::Gap
        } else {
            Content::Beyond
        }
    }

    /// The tracks that can be written, the one that would be written next first.
    pub fn writable(&self) -> Vec<TrackView> {
        let open = self.views().filter(|view| view.next.is_some());
        let mut views: Vec<_> = open.chain(self.invisible()).collect();
        views.reverse();
        views
    }

    /// The track that READ TRACK INFORMATION means by number FFh: open, or not yet begun.
    pub fn open_track(&self) -> Option<TrackView> {
        let open = self.views().find(|view| view.state == Some(TrackState::Open));
        open.or_else(|| self.invisible()).or_else(|| self.views().filter(|view| view.next.is_some()).last())
    }

    /// Every track, the one not yet begun last.
    pub fn all_views(&self) -> Vec<TrackView> {
        self.views().chain(self.invisible()).collect()
    }

    /// Whether nothing at all was recorded.
    pub fn is_blank(&self) -> bool {
        !self.finalized && self.tracks().next().is_none()
    }

    /// The sessions that are closed.
    pub fn closed_sessions(&self) -> impl Iterator<Item = (u16, &Session, u32)> {
        (1_u16..)
            .zip(&self.sessions)
            .filter_map(|(number, session)| session.lead_out.map(|lead_out| (number, session, lead_out)))
    }

    /// Tracks in order with their session's number.
    pub fn tracks(&self) -> impl Iterator<Item = (u16, &Track)> {
        (1_u16..)
            .zip(&self.sessions)
            .flat_map(|(number, session)| session.tracks.iter().map(move |track| (number, track)))
    }

    /// The number of the first track in session `session` (from 1).
    pub fn first_track_of(&self, session: u16) -> u16 {
        let before = self.tracks().filter(|(number, _)| *number < session).count();
        u16::try_from(before + 1).unwrap_or(u16::MAX)
    }

    /// The first block behind all data.
    pub fn data_end(&self) -> u32 {
        self.tracks().map(|(_, track)| track.start + track.written).max().unwrap_or(0)
    }

    /// Whether a track is being written.
    pub fn is_writing(&self) -> bool {
        self.tracks().any(|(_, track)| track.state == TrackState::Open)
    }

    /// Whether what a file says can be a disc.
    pub fn is_sound(&self) -> bool {
        let Some(rules) = Rules::of(self.profile) else { return false };
        let limit = self.capacity;
        let in_order = self
            .tracks()
            .try_fold(0_u32, |at, (_, track)| {
                let end = track.start.checked_add(track.size)?;
                (track.start >= at && track.written <= track.size && end <= limit).then_some(end)
            })
            .is_some();
        let last_open =
            self.sessions.last().is_some_and(|session| session.lead_out.is_none() != self.finalized);
        let others_closed = self
            .sessions
            .iter()
            .rev()
            .skip(1)
            .all(|session| session.lead_out.is_some() && !session.tracks.is_empty());
        let starts = self.sessions.iter().all(|session| session.start < limit);
        in_order
            && self.has_sound_specials()
            && last_open
            && others_closed
            && starts
            && self.tracks().count() <= rules.max_tracks.into()
    }

    /// The rules of its kind.
    pub fn rules(&self) -> &'static Rules {
        // A layout is only made for kinds in the table; the first stands in rather than panic.
        Rules::of(self.profile).unwrap_or(&Rules::all()[0])
    }

    /// Behind the last block that data may take.
    pub(super) fn limit(&self) -> u32 {
        self.capacity.saturating_sub(self.rules().run_out)
    }

    fn close_empty_session(&mut self, more: bool) -> Result<(), Refusal> {
        if self.sessions.len() < 2 {
            return Err(Refusal::SequenceError);
        }
        if !more {
            self.sessions.pop();
            self.finalized = true;
        }
        Ok(())
    }

    fn views(&self) -> impl Iterator<Item = TrackView> {
        let limit = self.limit();
        (1_u16..).zip(self.tracks()).map(move |(number, (session, track))| track.view(number, session, limit))
    }

    /// The track that the next write would begin, if there can be one.
    fn invisible(&self) -> Option<TrackView> {
        let rules = self.rules();
        let count = self.tracks().count();
        if self.finalized || self.special.at_once || self.is_writing() || count >= rules.max_tracks.into() {
            return None;
        }
        let session = self.sessions.last()?;
        // What comes at once is known, and its tracks are there as soon as they begin.
        if self.at_once.is_some() && !session.tracks.is_empty() {
            return None;
        }
        let start =
            session.tracks.last().map_or(session.start, |last| last.end().saturating_add(rules.track_gap));
        let free = self.limit().saturating_sub(start);
        Some(TrackView {
            number: u16::try_from(count + 1).ok()?,
            session: u16::try_from(self.sessions.len()).ok()?,
            start,
            size: free,
            next: Some(start),
            free,
            last: None,
            state: None,
            cd: CdTrack::default(),
        })
    }

    pub(super) fn last_session_mut(&mut self) -> &mut Session {
        if self.sessions.is_empty() {
            self.sessions.push(Session::at(0));
        }
        let last = self.sessions.len() - 1;
        &mut self.sessions[last]
    }

    pub(super) fn track_mut(&mut self, number: u16) -> Option<&mut Track> {
        let index = usize::from(number.checked_sub(1)?);
        self.sessions.iter_mut().flat_map(|session| session.tracks.iter_mut()).nth(index)
    }
}

#[cfg(test)]
mod tests;
