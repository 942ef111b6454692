//! A CD session at once as its cue sheet says (MMC-6, 6.37): what has to come next, and what the session will be.

use super::at_once::{PRE_GAP, Site};
use super::recording::{Run, Sent, SentSub};
use super::track::{CdSession, CdTrack, Track, TrackState};
use crate::mmc::cd_text::{self, MAX_PACKS};
use crate::mmc::cue::CueEntry;
use crate::mmc::subchannel::{RAW, is_isrc};
use crate::mmc::toc::LEAD_OUT;
use crate::vdrive::refusal::Refusal;

/// The shortest track of the Red Book, blocks.
const MIN_TRACK: u32 = 300;

/// A session that a cue sheet has announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    parts: Vec<Part>,
    /// Its tracks as they will be.
    tracks: Vec<Track>,
    session: CdSession,
    lead_out: u32,
    /// Where the next write has to start.
    pub next: i32,
    /// Something was written.
    pub begun: bool,
    /// The packs of CD-TEXT have begun to repeat.
    text_ends: bool,
}

/// Blocks that are sent alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    start: i32,
    end: i32,
    sent: Sent,
    sub: SentSub,
}

/// A cue sheet that is being read.
struct Reader<'a> {
    entries: Vec<CueEntry>,
    at: usize,
    site: &'a Site,
}

impl Sheet {
    pub fn read(sheet: &[u8], site: &Site) -> Result<Self, Refusal> {
        let chunks = sheet.chunks_exact(CueEntry::LEN);
        if !chunks.remainder().is_empty() {
            return Err(Refusal::ParameterLength);
        }
        let entries = chunks.filter_map(|raw| Some(CueEntry::parse(raw.try_into().ok()?))).collect();
        Reader { entries, at: 0, site }.session()
    }

    /// Takes `blocks` at `lba`, and tells in which forms they are sent.
    ///
    /// # Errors
    /// The drive's refusal if that is not what comes next, or too much.
    pub fn take(&mut self, lba: i32, blocks: u32) -> Result<Vec<Run>, Refusal> {
        if lba != self.next {
            let (asked, expected) = (lba.cast_unsigned(), self.next.cast_unsigned());
            return Err(Refusal::NotNextWritable { asked, expected });
        }
        let mut runs = Vec::new();
        let mut missing = blocks;
        while missing > 0 {
            let Some(part) = self.parts.iter().find(|part| part.start <= self.next && self.next < part.end)
            else {
                let full = runs.is_empty();
                return Err(if full {
                    Refusal::OutOfRange { lba: lba.cast_unsigned() }
                } else {
                    Refusal::EndOfTrack
                });
            };
            let count = missing.min(self.next.abs_diff(part.end));
            runs.push(Run { lba: self.next, blocks: count, sent: part.sent, sub: part.sub });
            missing -= count;
            self.next = self.next.saturating_add_unsigned(count);
            self.begun = true;
            self.skip_generated();
        }
        Ok(runs)
    }

    /// Goes on behind what the drive makes by itself.
    fn skip_generated(&mut self) {
        while let Some(part) = self.parts.iter().find(|part| part.start <= self.next && self.next < part.end)
            && part.sent.bytes() + part.sub.bytes() == 0
        {
            self.next = part.end;
        }
    }

    /// Keeps the CD-TEXT in the sub-channels of the lead-in: packs follow each other without end.
    pub fn take_text(&mut self, symbols: &[u8]) {
        for block in symbols.chunks_exact(RAW).filter_map(|block| block.try_into().ok()) {
            for pack in cd_text::fold(block).into_iter().filter(cd_text::is_whole) {
                self.text_ends |= self.session.text.first() == Some(&pack);
                if !self.text_ends && self.session.text.len() < MAX_PACKS {
                    self.session.text.push(pack);
                }
            }
        }
    }

    /// The tracks as far as they are written, the one whose pause is being written with them.
    pub fn tracks(&self) -> Vec<Track> {
        let next = u32::try_from(self.next).unwrap_or(0);
        let begun = |track: &&Track| track.start.saturating_sub(track.cd.pause) <= next;
        let so_far = self.tracks.iter().take_while(begun).map(|track| {
            let written = next.saturating_sub(track.start).min(track.size);
            let state = if written < track.size { TrackState::Open } else { TrackState::Closed };
            Track { written, state, ..*track }
        });
        so_far.collect()
    }
}

impl Reader<'_> {
    fn session(mut self) -> Result<Sheet, Refusal> {
        let mut session = CdSession { at_once: true, ..CdSession::default() };
        if self.peek().is_some_and(|entry| entry.adr() == CueEntry::CATALOG) {
            session.catalog = Some(self.catalog()?);
        }
        let lead_in = self.lead_in()?;
        let mut tracks: Vec<Track> = Vec::new();
        let mut positions: Vec<(i32, Sent, SentSub)> = Vec::new();
        let mut isrc = None;
        // What index 0 says of the track that follows.
        let mut pause = None;
        let mut last = (self.site.first.saturating_sub(1), 1);
        while let Some(entry) = self.peek().filter(|entry| entry.track != LEAD_OUT) {
            if entry.adr() == CueEntry::ISRC {
                let code = self.isrc()?;
                match tracks.last_mut().filter(|_| (entry.track, last.1 > 0) == (last.0, true)) {
                    Some(track) => track.cd.isrc = Some(code),
                    None => isrc = Some(code),
                }
                continue;
            }
            let (lba, sent, sub) = self.position(positions.last().map(|position| position.0))?;
            let follows = (entry.track, entry.index) == (last.0, last.1 + 1);
            let begins = entry.track == last.0 + 1 && entry.index <= 1;
            match entry.index {
                0 if begins && last.1 > 0 => pause = Some(lba),
                1 if (begins && last.1 > 0) || (follows && last.1 == 0) => {
                    let start = u32::try_from(lba).map_err(|_| self.bad(5))?;
                    let pause = pause.take().unwrap_or(lba);
                    let first = tracks.is_empty();
                    if first && lba - pause < PRE_GAP {
                        return Err(self.bad(5));
                    }
                    self.end_track(&mut tracks, pause)?;
                    let cd = CdTrack {
                        control: entry.control(),
                        mode: sent.mode(),
                        whole: sent.is_kept_whole(),
                        sub_channel: sub != SentSub::Nothing,
                        pause: lba.abs_diff(pause),
                        isrc: isrc.take(),
                    };
                    tracks.push(Track { cd, ..Track::at(start, TrackState::Open) });
                }
                2..=99 if follows && last.1 > 0 => {
                    session.indexes.push((entry.track, entry.index, u32::try_from(lba).unwrap_or(0)));
                }
                _ => return Err(self.bad(2)),
            }
            if positions.is_empty() && lba != self.site.start.cast_signed() - PRE_GAP {
                return Err(self.bad(5));
            }
            last = (entry.track, entry.index);
            positions.push((lba, sent, sub));
            self.at += 1;
        }
        let lead_out = self.lead_out(positions.last().map(|position| position.0))?;
        self.end_track(&mut tracks, lead_out.cast_signed())?;
        if tracks.is_empty() || last.1 == 0 {
            return Err(self.bad(2));
        }
        if lead_out > self.site.limit {
            return Err(Refusal::OutOfRange { lba: lead_out });
        }
        let ends = positions.iter().skip(1).map(|position| position.0).chain([lead_out.cast_signed()]);
        let part = |(start, sent, sub): (i32, Sent, SentSub), end| Part { start, end, sent, sub };
        let parts: Vec<_> = positions.iter().zip(ends).map(|(position, end)| part(*position, end)).collect();
        Ok(self.made(session, tracks, parts, lead_in, lead_out))
    }

    fn made(
        &self,
        session: CdSession,
        tracks: Vec<Track>,
        mut parts: Vec<Part>,
        lead_in: SentSub,
        lead_out: u32,
    ) -> Sheet {
        let first = self.site.start.cast_signed() - PRE_GAP;
        let mut next = first;
        if lead_in != SentSub::Nothing {
            next = self.site.lead_in;
            parts.insert(0, Part { start: next, end: first, sent: Sent::Nothing, sub: lead_in });
        }
        let mut made = Sheet { parts, tracks, session, lead_out, next, begun: false, text_ends: false };
        made.skip_generated();
        made
    }

    fn peek(&self) -> Option<CueEntry> {
        self.entries.get(self.at).copied()
    }

    /// Byte `byte` of this entry is at fault.
    fn bad(&self, byte: usize) -> Refusal {
        let at = self.at * CueEntry::LEN + byte;
        Refusal::BadParameter { byte: u16::try_from(at).unwrap_or(u16::MAX) }
    }

    /// Two entries with the digits of the catalog number.
    fn catalog(&mut self) -> Result<[u8; 13], Refusal> {
        let text = self.text::<14>(CueEntry::CATALOG, 1)?;
        let digits = text.first_chunk().filter(|digits: &&[u8; 13]| digits.iter().all(u8::is_ascii_digit));
        digits.copied().ok_or(self.bad(1))
    }

    /// Two entries with the characters of a recording code.
    fn isrc(&mut self) -> Result<[u8; 12], Refusal> {
        let text = self.text::<12>(CueEntry::ISRC, 2)?;
        if is_isrc(&text) { Ok(text) } else { Err(self.bad(2)) }
    }

    /// The text of two entries, each from byte `from` on.
    fn text<const N: usize>(&mut self, adr: u8, from: usize) -> Result<[u8; N], Refusal> {
        let mut text = [0; N];
        for half in text.chunks_exact_mut(N / 2) {
            let entry = self.peek().filter(|entry| entry.adr() == adr).ok_or(self.bad(0))?;
            half.copy_from_slice(&entry.emit()[from..]);
            self.at += 1;
        }
        Ok(text)
    }

    /// What is sent with the lead-in.
    fn lead_in(&mut self) -> Result<SentSub, Refusal> {
        let entry = self.peek().ok_or(self.bad(0))?;
        if (entry.adr(), entry.track, entry.index, entry.start.lba()) != (CueEntry::POSITION, 0, 0, -PRE_GAP)
        {
            return Err(self.bad(1));
        }
        if !entry.data_form().is_generated() {
            return Err(self.bad(3));
        }
        let sub = self.sub(entry)?;
        self.at += 1;
        Ok(sub)
    }

    fn lead_out(&mut self, after: Option<i32>) -> Result<u32, Refusal> {
        let entry = self.peek().ok_or(self.bad(1))?;
        let (lba, sent, _) = self.position(after)?;
        if entry.index != 1 || sent.bytes() != 0 {
            return Err(self.bad(if entry.index == 1 { 3 } else { 2 }));
        }
        if self.at + 1 != self.entries.len() {
            self.at += 1;
            return Err(self.bad(1));
        }
        u32::try_from(lba).map_err(|_| self.bad(5))
    }

    /// An entry with a position that is not before `after`.
    fn position(&self, after: Option<i32>) -> Result<(i32, Sent, SentSub), Refusal> {
        let entry = self.peek().ok_or(self.bad(0))?;
        if entry.adr() != CueEntry::POSITION {
            return Err(self.bad(0));
        }
        let sent = Sent::by_form(entry.data_form()).ok_or(self.bad(3))?;
        let time = entry.start;
        if time.second > 59 || time.frame > 74 || after.is_some_and(|after| time.lba() < after) {
            return Err(self.bad(5));
        }
        Ok((time.lba(), sent, self.sub(entry)?))
    }

    fn sub(&self, entry: CueEntry) -> Result<SentSub, Refusal> {
        match entry.form & crate::mmc::cue::DataForm::SUB_CHANNEL {
            0 => Ok(SentSub::Nothing),
            0x40 | 0xc0 => Ok(SentSub::Symbols),
            _ => Err(self.bad(3)),
        }
    }

    /// The last track ends where the next one's pause begins.
    fn end_track(&self, tracks: &mut [Track], end: i32) -> Result<(), Refusal> {
        let Some(track) = tracks.last_mut() else { return Ok(()) };
        track.size = u32::try_from(end).map_or(0, |end| end.saturating_sub(track.start));
        if track.size < MIN_TRACK { Err(self.bad(5)) } else { Ok(()) }
    }
}

impl Sheet {
    /// The complete session, and how many of its blocks were not written: they are zeros.
    pub fn complete(self) -> (Vec<Track>, CdSession, u32) {
        let missing = self.lead_out.cast_signed().saturating_sub(self.next);
        let whole = |track: Track| Track { written: track.size, state: TrackState::Closed, ..track };
        let tracks = self.tracks.into_iter().map(whole).collect();
        (tracks, self.session, u32::try_from(missing).unwrap_or(0))
    }
}
