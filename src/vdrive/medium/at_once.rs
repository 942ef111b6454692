//! A CD session that is written at once: by a cue sheet, or raw.

use super::layout::{Layout, Session};
use super::raw::Raw;
use super::recording::{Run, SentSub};
use super::sheet::Sheet;
use super::track::TrackState;
use crate::vdrive::refusal::Refusal;

/// Blocks before the first track of a session.
pub const PRE_GAP: i32 = 150;

/// A session that is written at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtOnce {
    /// As a cue sheet says.
    Sheet(Sheet),
    /// As the sub-channels say that the host sends.
    Raw(Raw),
}

/// Where a session can be put.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// First block of its first track.
    pub start: u32,
    /// Number of that track.
    pub first: u8,
    /// First block of the lead-in, counted backwards from the disc's first.
    pub lead_in: i32,
    /// The last possible lead-out.
    pub limit: u32,
}

/// How a session at once ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There was none.
    None,
    /// Complete, but for so many blocks, which are zeros.
    Short(u32),
    /// It has no lead-out or no table of contents: its tracks are damaged.
    Unreadable,
}

impl AtOnce {
    /// Where the next write has to start.
    pub fn next(&self) -> i32 {
        match self {
            Self::Sheet(sheet) => sheet.next,
            Self::Raw(raw) => raw.next,
        }
    }

    /// Whether something was written.
    pub fn begun(&self) -> bool {
        match self {
            Self::Sheet(sheet) => sheet.begun,
            Self::Raw(_) => true,
        }
    }
}

impl Layout {
    /// SEND CUE SHEET: what the next session will be. `lead_in` is where the disc's lead-in starts.
    ///
    /// # Errors
    /// The drive's refusal: no place for a session, or the byte of the sheet that is wrong.
    pub fn announce(&mut self, sheet: &[u8], lead_in: i32) -> Result<(), Refusal> {
        let site = self.site(lead_in)?;
        self.at_once = Some(Box::new(AtOnce::Sheet(Sheet::read(sheet, &site)?)));
        Ok(())
    }

    /// Forgets a cue sheet of which nothing was written.
    ///
    /// # Errors
    /// The drive's refusal once something was.
    pub fn forget_cue_sheet(&mut self) -> Result<(), Refusal> {
        if self.at_once.as_ref().is_some_and(|at_once| at_once.begun()) {
            return Err(Refusal::SequenceError);
        }
        self.at_once = None;
        Ok(())
    }

    /// Takes `blocks` at `lba` into the session that its cue sheet announced.
    ///
    /// # Errors
    /// The drive's refusal.
    pub fn write_at_once(&mut self, lba: i32, blocks: u32) -> Result<Vec<Run>, Refusal> {
        if self.finalized {
            return Err(Refusal::WriteProtected);
        }
        let Some(AtOnce::Sheet(sheet)) = self.at_once.as_deref_mut() else {
            return Err(Refusal::SequenceError);
        };
        let runs = sheet.take(lba, blocks)?;
        let tracks = sheet.tracks();
        self.last_session_mut().tracks = tracks;
        Ok(runs)
    }

    /// Takes raw blocks at `lba`, each with its sub-channels in the form `sub`. The first of them begins the lead-in.
    ///
    /// # Errors
    /// The drive's refusal.
    pub fn write_raw(
        &mut self,
        (lba, blocks): (i32, u32),
        sub: SentSub,
        data: &[u8],
        lead_in: i32,
    ) -> Result<Vec<Run>, Refusal> {
        if self.at_once.is_none() {
            let site = self.site(lead_in)?;
            self.at_once = Some(Box::new(AtOnce::Raw(Raw::new(&site, sub))));
        }
        let Some(AtOnce::Raw(raw)) = self.at_once.as_deref_mut() else { return Err(Refusal::SequenceError) };
        let runs = raw.take(lba, blocks, sub, data)?;
        let tracks = raw.tracks();
        self.last_session_mut().tracks = tracks;
        Ok(runs)
    }

    /// Keeps the CD-TEXT that was sent with blocks of the lead-in.
    pub fn take_text(&mut self, symbols: &[u8]) {
        if let Some(AtOnce::Sheet(sheet)) = self.at_once.as_deref_mut() {
            sheet.take_text(symbols);
        }
    }

    /// Where the next block of a session that is written at once has to go.
    pub fn next_at_once(&self) -> Option<i32> {
        self.at_once.as_ref().map(|at_once| at_once.next())
    }

    /// Ends a session that is written at once, if one was begun.
    ///
    /// # Errors
    /// Those of closing a session.
    pub fn finish_session(&mut self, more: bool) -> Result<Ended, Refusal> {
        let Some(at_once) = self.at_once.take_if(|at_once| at_once.begun()) else { return Ok(Ended::None) };
        let complete = match *at_once {
            AtOnce::Sheet(sheet) => Some(sheet.complete()),
            AtOnce::Raw(raw) => raw.complete(),
        };
        let last = self.last_session_mut();
        let Some((tracks, session, missing)) = complete else {
            last.tracks.iter_mut().for_each(|track| track.state = TrackState::Damaged);
            return Ok(Ended::Unreadable);
        };
        (last.tracks, last.cd) = (tracks, session);
        self.close_session(more)?;
        Ok(Ended::Short(missing))
    }

    fn site(&self, lead_in: i32) -> Result<Site, Refusal> {
        if self.finalized {
            return Err(Refusal::WriteProtected);
        }
        if self.at_once.as_ref().is_some_and(|at_once| at_once.begun()) {
            return Err(Refusal::SequenceError);
        }
        let session = self.sessions.last().filter(|session| session.tracks.is_empty());
        let Session { start, .. } = *session.ok_or(Refusal::SequenceError)?;
        let first = self.first_track_of(u16::try_from(self.sessions.len()).unwrap_or(u16::MAX));
        let first = u8::try_from(first).ok().filter(|first| *first < 100).ok_or(Refusal::SequenceError)?;
        // The lead-in of a later session is as long as the standard says, and no longer.
        let lead_in = if start == 0 { lead_in } else { start.cast_signed() - PRE_GAP - 4500 };
        Ok(Site { start, first, lead_in, limit: self.capacity })
    }
}
