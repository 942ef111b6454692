//! A CD session that a host writes raw: lead-in, programme and lead-out, with sub-channels of its own. What the session is
//! stands in their Q (IEC 60908); data sectors come scrambled.

use super::at_once::{PRE_GAP, Site};
use super::recording::{Run, Sent, SentSub};
use super::track::{CdSession, CdTrack, Track, TrackState};
use crate::mmc::cd_text::{self, MAX_PACKS};
use crate::mmc::cue::SectorMode;
use crate::mmc::sector::{SECTOR, SYNC, Sector, scramble};
use crate::mmc::subchannel::{Position, Q, RAW, from_bcd, parse_catalog, parse_isrc};
use crate::mmc::toc::LEAD_OUT;
use crate::vdrive::refusal::Refusal;

/// Blocks of the longest lead-out.
const LONGEST_LEAD_OUT: i32 = 2 * 6750;
/// The point of a lead-in that tells the first track, and the kind of disc.
const FIRST_TRACK: u8 = 0xa0;

/// A raw session as far as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// Where the next write has to start.
    pub next: i32,
    sub: SentSub,
    start: i32,
    first: u8,
    limit: i32,
    tracks: Vec<Track>,
    session: CdSession,
    /// Tracks that the lead-in names.
    points: Vec<u8>,
    /// Where the pause before the next track begins.
    pause: Option<u32>,
    /// The recording code of the track whose pause this is.
    isrc: Option<[u8; 12]>,
    lead_out: Option<u32>,
    text_ends: bool,
}

impl Raw {
    /// Nothing yet.
    pub fn new(site: &Site, sub: SentSub) -> Self {
        Self {
            next: site.lead_in,
            sub,
            start: site.start.cast_signed(),
            first: site.first,
            limit: site.limit.cast_signed(),
            tracks: Vec::new(),
            session: CdSession { at_once: true, raw: true, ..CdSession::default() },
            points: Vec::new(),
            pause: None,
            isrc: None,
            lead_out: None,
            text_ends: false,
        }
    }

    /// Takes blocks, and tells what their main channel holds.
    ///
    /// # Errors
    /// The drive's refusal.
    pub fn take(&mut self, lba: i32, blocks: u32, sub: SentSub, data: &[u8]) -> Result<Vec<Run>, Refusal> {
        if lba != self.next {
            let (asked, expected) = (lba.cast_unsigned(), self.next.cast_unsigned());
            return Err(Refusal::NotNextWritable { asked, expected });
        }
        if sub != self.sub {
            return Err(Refusal::WrongMode);
        }
        let unit = SECTOR + sub.bytes();
        if data.len() != unit * blocks as usize {
            return Err(Refusal::ParameterLength);
        }
        let end = lba.checked_add_unsigned(blocks).filter(|end| *end <= self.limit + LONGEST_LEAD_OUT);
        let end = end.ok_or(Refusal::OutOfRange { lba: lba.cast_unsigned() })?;
        let mut runs: Vec<Run> = Vec::new();
        for (at, block) in (lba..).zip(data.chunks_exact(unit)) {
            let (main, channels) = block.split_at(SECTOR);
            let data = self.hear(at, sub, channels);
            if at >= self.limit && self.lead_out.is_none() {
                return Err(Refusal::OutOfRange { lba: at.cast_unsigned() });
            }
            let sent = if data { in_data(main) } else { Sent::Whole(SectorMode::Audio) };
            match runs.last_mut().filter(|run| run.sent == sent) {
                Some(run) => run.blocks += 1,
                None => runs.push(Run { lba: at, blocks: 1, sent, sub }),
            }
            self.advance(at, sent);
        }
        self.next = end;
        Ok(runs)
    }

    /// The tracks as far as they are written.
    pub fn tracks(&self) -> Vec<Track> {
        self.tracks.clone()
    }

    /// The complete session; none without lead-in or lead-out.
    pub fn complete(mut self) -> Option<(Vec<Track>, CdSession, u32)> {
        let lead_out = self.lead_out?;
        self.end_track(lead_out);
        let named = |number: u8| self.points.contains(&number);
        let last = self.first.checked_add(u8::try_from(self.tracks.len()).ok()?)?;
        let complete = !self.tracks.is_empty() && (self.first..last).all(named) && named(FIRST_TRACK);
        let sound = self.tracks.iter().all(|track| track.written > 0);
        (complete && sound).then_some((self.tracks, self.session, 0))
    }

    /// What the Q of a block says; whether the block is data.
    fn hear(&mut self, lba: i32, sub: SentSub, channels: &[u8]) -> bool {
        let raw = sub.p_to_w(channels);
        let q = crate::mmc::subchannel::q_of(&raw);
        let in_lead_in = lba < self.start - PRE_GAP;
        if let Some(digits) = parse_catalog(&q) {
            self.session.catalog = Some(digits);
        } else if let Some(code) = parse_isrc(&q) {
            match self.tracks.last_mut().filter(|_| self.pause.is_none()) {
                Some(track) => track.cd.isrc = Some(code),
                None => self.isrc = Some(code),
            }
        } else if let Some(position) = Position::parse(&q) {
            if in_lead_in { self.point(&position, &q) } else { self.position(lba, &position) }
        }
        if in_lead_in {
            self.take_text(&raw);
        }
        q[0] & 0x40 != 0
    }

    fn point(&mut self, position: &Position, q: &[u8; Q]) {
        // A0h says in its seconds, as they stand there, what kind of disc it is.
        let number = from_bcd(position.index).unwrap_or(position.index);
        if number == FIRST_TRACK {
            self.session.kind = q[8];
        }
        if !self.points.contains(&number) {
            self.points.push(number);
        }
    }

    fn position(&mut self, lba: i32, position: &Position) {
        let (Some(index), Ok(here)) = (from_bcd(position.index), u32::try_from(lba.max(0))) else { return };
        if position.track == LEAD_OUT {
            self.lead_out.get_or_insert(here);
            return;
        }
        let Some(number) = from_bcd(position.track) else { return };
        let next = usize::from(self.first) + self.tracks.len();
        match index {
            0 if usize::from(number) == next && self.pause.is_none() => {
                self.pause = Some(here);
                self.end_track(here);
            }
            1 if usize::from(number) == next && lba >= 0 && self.lead_out.is_none() => {
                let pause = match self.pause.take() {
                    // The pre-gap of a session lies before its first block.
                    _ if self.tracks.is_empty() => PRE_GAP.unsigned_abs(),
                    pause => here - pause.unwrap_or(here),
                };
                self.end_track(here - pause.min(here));
                let cd = CdTrack {
                    control: position.control,
                    mode: SectorMode::Audio,
                    whole: true,
                    sub_channel: true,
                    pause,
                    isrc: self.isrc.take(),
                };
                self.tracks.push(Track { cd, ..Track::at(here, TrackState::Open) });
            }
            2.. if usize::from(number) + 1 == next
                && !self.session.indexes.iter().any(|known| (known.0, known.1) == (number, index)) =>
            {
                self.session.indexes.push((number, index, here));
            }
            _ => {}
        }
    }

    /// A block of the programme was written.
    fn advance(&mut self, lba: i32, sent: Sent) {
        let Some(track) = self.tracks.last_mut().filter(|track| track.state == TrackState::Open) else {
            return;
        };
        if self.lead_out.is_none() && self.pause.is_none() {
            if track.written == 0 {
                track.cd.mode = sent.mode();
            }
            track.written = u32::try_from(lba).map_or(0, |lba| (lba + 1).saturating_sub(track.start));
            track.size = track.written;
        }
    }

    fn end_track(&mut self, end: u32) {
        if let Some(track) = self.tracks.last_mut().filter(|track| track.state == TrackState::Open) {
            track.size = end.saturating_sub(track.start);
            track.written = track.size;
            track.state = TrackState::Closed;
        }
    }

    fn take_text(&mut self, symbols: &[u8; RAW]) {
        for pack in cd_text::fold(symbols).into_iter().filter(cd_text::is_whole) {
            self.text_ends |= self.session.text.first() == Some(&pack);
            if !self.text_ends && self.session.text.len() < MAX_PACKS {
                self.session.text.push(pack);
            }
        }
    }
}

/// What a data sector turns out to be when the scrambling is undone.
fn in_data(main: &[u8]) -> Sent {
    let Some(mut sector) = main.first_chunk::<SECTOR>().copied() else { return Sent::Nothing };
    scramble(&mut sector);
    Sent::Scrambled(mode_of(&sector))
}

fn mode_of(sector: &Sector) -> SectorMode {
    match (sector[..12] == SYNC, sector[15]) {
        (true, 1) => SectorMode::Mode1,
        // XA repeats its sub-header.
        (true, 2) if sector[16..20] == sector[20..24] => SectorMode::Xa,
        _ => SectorMode::Mode2,
    }
}
