//! The steps of an audio plan, one by one.

use std::time::Duration;

use crate::api::{self, ErrorKind, MediaKind, Phase, Report};
use crate::burn::{AudioAct, AudioPlan, Harm};
use crate::mmc::cd_text::{PER_BLOCK, Pack, unfold};
use crate::mmc::cdb::{Cdb, CloseTrackSession, ModeSelect10, ReadToc, SynchronizeCache, WriteLeadIn};
use crate::mmc::page::{self, WriteParameters};
use crate::mmc::policy::{During, Verdict};
use crate::mmc::subchannel::RAW;
use crate::mmc::toc::Atip;
use crate::mmc::transport::Data;
use crate::wire::broker_worker::AudioOrder;
use crate::wire::ring::Consumer;

use super::super::acts;
use super::super::drive::{Drive, Pace, Patience};
use super::super::error::{Doing, Scene, Trouble};
use super::super::inspect::{self, Look};
use super::super::speed;
use super::other_disc;
use super::verify::Memory;
use super::write::{Form, Stop, Writer, prefill};

/// A plan under way.
pub(super) struct Run<'r, 'a> {
    drive: &'r mut Drive<'a>,
    ring: &'r mut Consumer,
    look: &'r Look,
    plan: &'r AudioPlan,
    order: &'r AudioOrder,
    report: Report,
    /// When the first block was written.
    began: Option<Duration>,
    /// Blocks of data and sound on the disc.
    done: u64,
}

impl<'r, 'a> Run<'r, 'a> {
    /// A plan of which no step is done.
    pub fn new(
        drive: &'r mut Drive<'a>,
        ring: &'r mut Consumer,
        look: &'r Look,
        plan: &'r AudioPlan,
        order: &'r AudioOrder,
    ) -> Self {
        let report = Report {
            start: 0,
            blocks: order.blocks(),
            data_blocks: order.data.unwrap_or_default().into(),
            simulated: order.options.simulate,
            ..Report::default()
        };
        Self { drive, ring, look, plan, order, report, began: None, done: 0 }
    }

    /// Runs every step. `memory` remembers what is written, for whoever compares it later.
    pub fn run(mut self, memory: Memory) -> api::Result<(Report, Memory)> {
        if let Err(stop) = prefill(self.drive, self.ring) {
            return Err(self.stopped(&stop));
        }
        self.recheck()?;
        if self.order.at_once && !self.plan.at_once {
            self.report.notes.push(
                "This drive does not write audio sessions at once: the tracks were written one by one, without CD-TEXT and \
                 index points."
                    .to_owned(),
            );
        }
        let buffer = self.look.inspection.buffer_bytes;
        let mut writer = Writer::new(buffer, memory);
        for step in &self.plan.steps {
            tracing::debug!(%step, "step");
            self.step(step, &mut writer)?;
        }
        if let Err(stop) = writer.expect_end(self.drive, self.ring) {
            tracing::warn!(?stop, "the sound is written, and its source did not end in order");
        }
        let (memory, stats) = writer.finish();
        self.report.ring_empty = stats.ring_empty;
        self.report.least_drive_buffer = stats.least_buffer;
        Ok((self.report, memory))
    }

    fn step(&mut self, step: &AudioAct, writer: &mut Writer) -> api::Result<()> {
        let scene = self.scene(Doing::Preparing);
        let preparing = |trouble: Trouble| scene.error(&trouble);
        match step {
            AudioAct::SetSpeed(wish) => {
                let kind = self.kind();
                self.report.speed =
                    speed::choose(self.drive, kind, &self.look.speeds, *wish).map_err(preparing)?;
                Ok(())
            }
            AudioAct::Page(page) => set_page(self.drive, page).map_err(preparing),
            AudioAct::CueSheet(sheet) => acts::cue_sheet(self.drive, sheet, LONG).map_err(preparing),
            AudioAct::Text(packs) => {
                self.begin_writing();
                let scene = self.scene(Doing::Writing);
                write_text(self.drive, packs).map_err(|trouble| scene.error(&trouble))
            }
            AudioAct::Silence { from, blocks } => self.zeroes(writer, Form::Sound, *from, *blocks),
            AudioAct::Zeroes { from, blocks } => self.zeroes(writer, Form::Data, *from, *blocks),
            AudioAct::Data { from, blocks, post_gap } => {
                let from = self.track(writer, Form::Data, 1, *from, *blocks)?;
                self.zeroes(writer, Form::Data, from + blocks.cast_signed(), *post_gap)
            }
            AudioAct::Sound { track, from, blocks } => {
                self.track(writer, Form::Sound, *track, *from, *blocks).map(drop)
            }
            AudioAct::Flush => {
                let scene = self.scene(Doing::Flushing);
                // Between tracks the drive flushes, too; that is a part of writing.
                if self.done >= self.order.blocks() {
                    self.drive.begin(Phase::Flushing, 0, false);
                }
                flush(self.drive).map_err(|trouble| scene.error(&trouble))?;
                let took = self.drive.host.now().saturating_sub(self.began.unwrap_or_default()).as_micros();
                self.report.write_time = u64::try_from(took).unwrap_or(u64::MAX);
                Ok(())
            }
            AudioAct::CloseSession => {
                self.drive.begin(Phase::Closing, 0, false);
                let scene = Scene { harm: Harm::WrittenNotClosed, ..self.scene(Doing::Closing) };
                close_session(self.drive).map_err(|trouble| scene.error(&trouble))
            }
        }
    }

    /// Writes a track out of the ring; where it began.
    fn track(
        &mut self,
        writer: &mut Writer,
        form: Form,
        number: u8,
        from: Option<i32>,
        blocks: u32,
    ) -> api::Result<i32> {
        self.begin_writing();
        let from = match from {
            Some(from) => from,
            None => self.next_address()?,
        };
        tracing::debug!(number, from, blocks, ?form, "track");
        // A block is a block of the disc, however many bytes of it are the host's.
        self.drive.count_in(form.bytes() as u32);
        let ended = writer.track(self.drive, self.ring, form, from, blocks);
        self.done = writer.done();
        ended.map_err(|stop| self.stopped(&stop))?;
        self.drive.show_tracks(u32::from(number), self.tracks());
        Ok(from)
    }

    fn zeroes(&mut self, writer: &mut Writer, form: Form, from: i32, blocks: u32) -> api::Result<()> {
        self.begin_writing();
        let ended = writer.zeroes(self.drive, self.ring, form, from, blocks);
        ended.map_err(|stop| self.stopped(&stop))
    }

    fn begin_writing(&mut self) {
        if self.began.is_none() {
            self.began = Some(self.drive.host.now());
            self.drive.begin(Phase::Writing, self.order.blocks(), true);
            self.drive.show_tracks(0, self.tracks());
        }
    }

    /// Tracks of the disc.
    fn tracks(&self) -> u32 {
        self.order.numbered().last().map_or(0, |(number, _)| u32::from(number))
    }

    /// Where the drive wants the next track.
    fn next_address(&mut self) -> api::Result<i32> {
        let scene = self.scene(Doing::Writing);
        let track = inspect::open_track(self.drive, u16::MAX).map_err(|trouble| scene.error(&trouble))?;
        match track.and_then(|track| track.next_writable) {
            // The pre-gap of the first track is the drive's own business.
            Some(-150) if self.done == 0 => Ok(0),
            Some(next) if next >= 0 => Ok(next),
            _ => Err(api::Error::new(
                ErrorKind::DiscInfo,
                "The drive does not tell where the next track goes. The tracks before it are on the disc, which is not closed.",
            )),
        }
    }

    /// The last look before the first write: the disc is still there, and as it was.
    fn recheck(&mut self) -> api::Result<()> {
        let scene = self.scene(Doing::Preparing);
        let facts = inspect::facts(self.drive).map_err(|trouble| scene.error(&trouble))?;
        let before = self.look.facts.as_ref();
        let same = facts.is_some_and(|now| {
            before.is_some_and(|before| (before.profile, before.status) == (now.profile, now.status))
        });
        if same { Ok(()) } else { Err(other_disc()) }
    }

    /// The error of a burn that has to be left as it is. An audio disc of which a part is missing is not closed: there is
    /// no shorter disc that the drive was told of.
    fn stopped(&self, stop: &Stop) -> api::Error {
        let begun = self.began.is_some() && !self.order.options.simulate;
        let (done, total) = (self.done, self.order.blocks());
        let rewritable = self.look.facts.as_ref().is_some_and(|facts| facts.rewritable);
        let disc = self.kind().name();
        let now = match (begun, rewritable) {
            (false, _) => "The disc is as it was.".to_owned(),
            (true, true) => format!("The {disc} is unfinished: erase it before it is used again."),
            (true, false) => format!("The {disc} is unfinished, and cannot be used any more."),
        };
        match stop {
            Stop::Drive(trouble, block) => {
                let harm = if begun { Harm::DiscUnfinished } else { Harm::DiscUntouched };
                let scene = Scene { harm, ..self.scene(Doing::Writing) };
                match u32::try_from(*block) {
                    Ok(block) => scene.at(block).error(trouble),
                    Err(_) => scene.error(trouble),
                }
            }
            Stop::Cancelled => api::Error::new(
                ErrorKind::UserAbort,
                format!("The burn was cancelled after {done} of {total} blocks. {now}"),
            ),
            Stop::Source(why) => api::Error::new(
                ErrorKind::HelperFailed,
                format!(
                    "The tracks did not arrive whole: {why}. {done} of {total} blocks were written. {now}"
                ),
            )
            .with("source", "ring"),
        }
    }

    fn scene(&self, doing: Doing) -> Scene<'static> {
        let rewritable = self.look.facts.as_ref().is_some_and(|facts| facts.rewritable);
        let begun = self.began.is_some() && !self.order.options.simulate;
        let harm = if begun { Harm::DiscUnfinished } else { Harm::DiscUntouched };
        Scene { doing, harm, block: None, disc: self.kind().name(), rewritable }
    }

    fn kind(&self) -> MediaKind {
        MediaKind::from_profile(self.plan.expected.profile)
    }
}

/// Sets page 05h.
pub(super) fn set_page(drive: &mut Drive<'_>, page: &WriteParameters) -> Result<(), Trouble> {
    let list = page::select(&page.emit());
    // A page of 255 bytes is the longest there is.
    let length = u16::try_from(list.len()).unwrap_or(u16::MAX);
    drive.give(&ModeSelect10::new(length), &list, During::SetSpeed)
}

/// Writes packs over and over from the beginning of the lead-in to its end.
fn write_text(drive: &mut Drive<'_>, packs: &[Pack]) -> Result<(), Trouble> {
    let answer = drive.ask(&ReadToc::new(ATIP, 0, 32), During::Query)?;
    let begin = Atip::parse(&answer)?.lead_in.lba();
    let mut pack = packs.iter().cycle();
    let mut at = begin;
    while at < PROGRAMME {
        let blocks = (PROGRAMME - at).min(TEXT_BLOCKS);
        let mut bytes = Vec::with_capacity(blocks.unsigned_abs() as usize * RAW);
        for _ in 0..blocks {
            let mut four = [[0; 18]; PER_BLOCK];
            four.iter_mut().zip(&mut pack).for_each(|(place, pack)| *place = *pack);
            bytes.extend(unfold(&four));
        }
        let cdb = WriteLeadIn::new(at, u16::try_from(blocks).unwrap_or_default());
        let mut patience = Patience::new(drive.host.now(), WRITE, Pace::COMMAND);
        loop {
            let outcome = drive.once(&cdb, Data::ToDrive(&bytes), WRITE);
            let outcome = outcome.map_err(|source| Trouble::link(WriteLeadIn::OPCODE, source))?;
            let Some(sense) = outcome.status.refusal() else { break };
            let verdict = crate::mmc::policy::judge(sense, During::Write);
            match verdict.0 {
                Verdict::Proceed => break,
                // The drive's buffer is full.
                Verdict::DriveBufferFull if !patience.over(drive.host.now()) => {
                    let pause = patience.step();
                    drive.host.pause(pause);
                }
                _ => drive.later(WriteLeadIn::OPCODE, sense, verdict, During::Write, &mut patience)?,
            }
        }
        at += blocks;
    }
    Ok(())
}

fn flush(drive: &mut Drive<'_>) -> Result<(), Trouble> {
    match drive.tell(&SynchronizeCache::new(true), During::Flush, LONG) {
        Err(trouble) if trouble.verdict() == Some(Verdict::Unsupported) => {
            drive.tell(&SynchronizeCache::new(false), During::Flush, LONG)
        }
        other => other.and_then(|()| drive.settle(During::Flush, LONG)),
    }
}

fn close_session(drive: &mut Drive<'_>) -> Result<(), Trouble> {
    match drive.tell(&CloseTrackSession::new(SESSION, 0, true), During::Close, LONG) {
        Err(trouble) if trouble.verdict() == Some(Verdict::Unsupported) => {
            drive.tell(&CloseTrackSession::new(SESSION, 0, false), During::Close, LONG)?;
        }
        other => other?,
    }
    drive.settle(During::Close, LONG)?;
    drive.barrier(LONG)
}

/// CLOSE TRACK/SESSION function 2.
const SESSION: u8 = 2;
/// READ TOC/PMA/ATIP format 4.
const ATIP: u8 = 4;
/// Where the lead-in ends, and the first track's gap begins.
const PROGRAMME: i32 = -150;
/// Blocks of the lead-in in one WRITE.
const TEXT_BLOCKS: i32 = 128;
const WRITE: Duration = Duration::from_secs(200);
const LONG: Duration = Duration::from_secs(3600);
