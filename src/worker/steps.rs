//! A plan's steps, one by one: what each tells the drive, and what its failure means.

use std::time::Duration;

use crate::api::{self, ErrorKind, MediaKind, Phase, Report};
use crate::burn::{Act, CloseFunction, Harm, Plan, Step, WriteMode, WriteParameters};
use crate::mmc::cdb::{Cdb, CloseTrackSession, ModeSelect10, ModeSense10, SynchronizeCache};
use crate::mmc::disc_info;
use crate::mmc::page::{self, DataBlock, MultiSession, WriteType};
use crate::mmc::policy::{During, Verdict};
use crate::mmc::sense::Sense;
use crate::wire::broker_worker::RecordOrder;
use crate::wire::ring::Consumer;

use super::drive::Drive;
use super::error::{Doing, Scene, Trouble};
use super::inspect::{self, Look};
use super::speed;
use super::write::{self, Job, Stats, Stop, Writer};

/// A plan under way.
pub(super) struct Burn<'b, 'a> {
    drive: &'b mut Drive<'a>,
    ring: &'b mut Consumer,
    look: &'b Look,
    plan: &'b Plan,
    order: &'b RecordOrder,
    report: Report,
    sums: Option<Vec<u32>>,
    first_write: Option<Duration>,
    /// Writing ended early: what is closed now is not all of the content.
    early: bool,
}

impl<'b, 'a> Burn<'b, 'a> {
    /// A plan of which no step is done.
    pub fn new(
        drive: &'b mut Drive<'a>,
        ring: &'b mut Consumer,
        look: &'b Look,
        plan: &'b Plan,
        order: &'b RecordOrder,
    ) -> Self {
        let report = Report {
            start: order.start,
            blocks: order.blocks,
            simulated: order.options.simulate,
            ..Report::default()
        };
        Self { drive, ring, look, plan, order, report, sums: None, first_write: None, early: false }
    }

    /// Runs every step. `sums` has room for a checksum of each block, when they are wanted.
    pub fn run(mut self, sums: Option<Vec<u32>>) -> api::Result<(Report, Option<Vec<u32>>)> {
        self.sums = sums;
        for (at, step) in self.plan.steps.iter().enumerate() {
            tracing::debug!(at, %step, "step");
            self.step(at, step)?;
        }
        Ok((self.report, self.sums))
    }

    fn step(&mut self, at: usize, step: &Step) -> api::Result<()> {
        let scene = |doing| self.scene(doing, step.if_it_fails);
        let (preparing, flushing, closing) =
            (scene(Doing::Preparing), scene(Doing::Flushing), scene(Doing::Closing));
        match &step.act {
            Act::SetSpeed(wish) => {
                let set = speed::choose(self.drive, self.kind(), &self.look.speeds, *wish);
                self.report.speed = set.map_err(|trouble| preparing.error(&trouble))?;
                self.note_speed(*wish);
                Ok(())
            }
            Act::WriteParameters(parameters) => {
                write_parameters(self.drive, parameters).map_err(|trouble| preparing.error(&trouble))
            }
            Act::Write { from, content, blocks, alignment, least } => {
                let job = Job {
                    from: *from,
                    content: *content,
                    blocks: *blocks,
                    alignment: *alignment,
                    least: *least,
                    timeout: step.timeout,
                    last_track: self.look.facts.as_ref().map_or(1, |facts| facts.last_track),
                    cd: matches!(self.kind(), MediaKind::CdR | MediaKind::CdRw),
                };
                self.write(at, job)
            }
            Act::Flush => {
                flush(self.drive, step.timeout).map_err(|trouble| flushing.error(&trouble))?;
                let began = self.first_write.unwrap_or_default();
                let took = self.drive.host.now().saturating_sub(began).as_micros();
                self.report.write_time = u64::try_from(took).unwrap_or(u64::MAX);
                Ok(())
            }
            Act::CloseTrack(track) => {
                self.begin_closing();
                match close(self.drive, CloseTrackSession::TRACK, *track, step.timeout) {
                    // Closing the session closes its track, too; if it does not, that will be refused.
                    Err(Trouble::Refused { sense, why, .. }) if sense.key == 5 && !sense.deferred => {
                        tracing::warn!(%sense, why, "the track could not be closed by itself");
                        Ok(())
                    }
                    closed => closed.map_err(|trouble| closing.error(&trouble)),
                }
            }
            Act::CloseSession { function, otherwise } => {
                self.begin_closing();
                self.close_session(*function, *otherwise, step.timeout)
                    .map_err(|trouble| closing.error(&trouble))
            }
            // No recipe for a burn has this step.
            Act::Blank { .. } => Ok(()),
        }
    }

    fn write(&mut self, at: usize, job: Job) -> api::Result<()> {
        if let Err(stop) = write::prefill(self.drive, self.ring) {
            return Err(self.stopped(stop, false));
        }
        self.recheck(job)?;
        self.set_again()?;
        self.first_write = Some(self.drive.host.now());
        let (buffer, sums) = (self.look.inspection.buffer_bytes, self.sums.take());
        let mut writer = Writer::new(self.drive, self.ring, job, buffer, sums);
        let ended = writer.run();
        let unsure = writer.unsure();
        let rounded = match &ended {
            Err(Stop::Cancelled | Stop::Source(_)) if unsure || writer.written() > 0 => writer.round_up(),
            _ => Ok(()),
        };
        let (written, content) = (writer.written(), writer.content());
        let (sums, stats) = writer.finish();
        self.sums = sums;
        self.take(stats);
        match (ended, rounded) {
            (Ok(()), _) => Ok(()),
            (Err(Stop::Drive(trouble, block)), _) => {
                Err(self.stopped(Stop::Drive(trouble, block), written > 0 || unsure))
            }
            // Padding that the drive refuses is no reason to leave the disc open.
            (Err(_), Err(Stop::Drive(trouble @ Trouble::Link { .. }, block))) => {
                Err(self.stopped(Stop::Drive(trouble, block), true))
            }
            (Err(stop), Ok(())) if written == 0 => Err(self.stopped(stop, false)),
            (Err(stop), rounded) => {
                if let Err(Stop::Drive(trouble, block)) = rounded {
                    tracing::warn!(%trouble, block, "the track could not be padded");
                }
                Err(self.end_early(at, &stop, content))
            }
        }
    }

    /// The last look before the first write: the disc is still there, and as it was.
    fn recheck(&mut self, job: Job) -> api::Result<()> {
        let scene = self.scene(Doing::Preparing, Harm::DiscUntouched);
        let facts = inspect::facts(self.drive).map_err(|trouble| scene.error(&trouble))?;
        let same = facts.is_some_and(|facts| {
            facts.profile == self.plan.expected.profile
                && self.look.facts.as_ref().is_some_and(|before| before.status == facts.status)
                && facts.start() == Some(self.plan.expected.next_writable)
                // The write mode has been set meanwhile, and may have cost some blocks.
                && facts.free_blocks >= u64::from(job.blocks)
        });
        if same {
            return Ok(());
        }
        Err(api::Error::new(
            ErrorKind::WrongDisc,
            "The disc was changed, or does not answer as it did, while the burn was prepared: nothing was written. \
             Insert the disc again and start the recording anew.",
        ))
    }

    /// Page 05h once more, and read back: a drive that was reset while the ring filled has forgotten it, and would
    /// write in some other way, or write for real what was to be a simulation.
    fn set_again(&mut self) -> api::Result<()> {
        let scene = self.scene(Doing::Preparing, Harm::DiscUntouched);
        let set = self.plan.steps.iter().find_map(|step| match &step.act {
            Act::WriteParameters(parameters) => Some(parameters),
            _ => None,
        });
        let Some(wanted) = set else { return Ok(()) };
        write_parameters(self.drive, wanted).map_err(|trouble| scene.error(&trouble))?;
        match read_back(self.drive).map_err(|trouble| scene.error(&trouble))? {
            Some(page) if holds(&page, wanted) => Ok(()),
            None if !wanted.test => {
                tracing::debug!("the drive does not tell how it is set");
                Ok(())
            }
            found => {
                tracing::warn!(?found, ?wanted, "the drive is not set as it was told");
                Err(self.not_set(wanted.test))
            }
        }
    }

    fn not_set(&self, test: bool) -> api::Error {
        let disc = self.kind().name();
        if test {
            let message = format!(
                "The drive does not confirm that it would only simulate, and might write the {disc} for real: nothing \
                 was written. Record without `simulate`."
            );
            return api::Error::new(ErrorKind::NotSupported, message);
        }
        let message = format!(
            "The drive does not keep the settings that writing the {disc} needs: nothing was written. Switch it off \
             and on, and try again."
        );
        api::Error::new(ErrorKind::InitializeWrite, message)
    }

    /// The error of a burn that has to be left as it is; `begun` when something is, or may be, on the disc.
    fn stopped(&self, stop: Stop, begun: bool) -> api::Error {
        let harm = match &stop {
            Stop::Drive(..) if !begun => Harm::DiscUntouched,
            Stop::Cancelled | Stop::Source(_) => Harm::DiscUntouched,
            Stop::Drive(..) if self.order.options.simulate => Harm::DiscUntouched,
            Stop::Drive(..) => Harm::DiscUnfinished,
        };
        match stop {
            Stop::Drive(trouble, block) => self.scene(Doing::Writing, harm).at(block).error(&trouble),
            Stop::Cancelled => api::Error::new(
                ErrorKind::UserAbort,
                "The burn was cancelled before anything was written: the disc is as it was.",
            ),
            Stop::Source(why) => source_failed(format!(
                "The image could not be had: {why}. Nothing was written: the disc is as it was."
            )),
        }
    }

    /// Closes what was written, so that the disc is readable as far as it goes, and says what it is now.
    fn end_early(&mut self, at: usize, stop: &Stop, content: u32) -> api::Error {
        self.early = true;
        let mut closed = Ok(());
        for step in self.plan.steps.iter().skip(at + 1) {
            closed = self.step(at, step);
            if closed.is_err() {
                break;
            }
        }
        let disc = self.kind().name();
        let total = self.order.blocks;
        let rewritable = self.look.facts.as_ref().is_some_and(|facts| facts.rewritable);
        let now = match (&closed, rewritable) {
            _ if self.order.options.simulate => "It was a simulation: the disc is as it was.".to_owned(),
            (Ok(()), true) => {
                format!("The {disc} was closed and is incomplete: erase it before it is used again.")
            }
            (Ok(()), false) => {
                format!(
                    "The {disc} was closed and is incomplete: what was written can be read, but not replaced."
                )
            }
            (Err(error), _) => format!("The {disc} is incomplete and could not be closed. {}", error.message),
        };
        match stop {
            Stop::Source(why) => source_failed(format!(
                "The image did not arrive whole: {why}. {content} of {total} blocks were written. {now}"
            )),
            Stop::Cancelled | Stop::Drive(..) => api::Error::new(
                ErrorKind::UserAbort,
                format!("The burn was cancelled after {content} of {total} blocks. {now}"),
            ),
        }
    }

    /// Some drives want a CD's track closed by name before its session, though the flush has ended it.
    fn close_session(
        &mut self,
        function: CloseFunction,
        otherwise: Option<CloseFunction>,
        limit: Duration,
    ) -> Result<(), Trouble> {
        let closed = close_session(self.drive, function, otherwise, limit);
        let cd = matches!(self.kind(), MediaKind::CdR | MediaKind::CdRw);
        match closed {
            Err(Trouble::Refused { sense, .. })
                if cd
                    && !self.drive.quirks.no_close_track_on_cd
                    && !sense.deferred
                    && sense.is(5, 0x72, 0x03) =>
            {
                let track = self.look.facts.as_ref().map_or(1, |facts| facts.last_track.max(1));
                tracing::warn!(track, "the drive calls the track incomplete: closing it by name");
                match close(self.drive, CloseTrackSession::TRACK, track, limit) {
                    Ok(()) => {}
                    Err(Trouble::Refused { sense, why, .. }) if sense.key == 5 => {
                        tracing::warn!(%sense, why, "the track could not be closed");
                    }
                    Err(trouble) => return Err(trouble),
                }
                close_session(self.drive, function, otherwise, limit)
            }
            closed => closed,
        }
    }

    fn begin_closing(&mut self) {
        let seconds = self.closing_seconds();
        self.drive.begin_for(Phase::Closing, seconds);
    }

    /// Lead-in and lead-out of a CD's session, at the speed of the burn; unknown elsewhere.
    fn closing_seconds(&self) -> Option<u32> {
        let bytes_a_second = u64::from(self.report.speed).checked_mul(1000).filter(|speed| *speed > 0)?;
        let cd = matches!(self.kind(), MediaKind::CdR | MediaKind::CdRw);
        let seconds = (LEAD_IN + LEAD_OUT) * RAW_BLOCK / bytes_a_second;
        u32::try_from(seconds + CD_SETTLING).ok().filter(|_| cd)
    }

    fn take(&mut self, stats: Stats) {
        self.report.ring_empty = stats.ring_empty;
        self.report.least_drive_buffer = stats.least_buffer;
        if stats.recovered > 0 {
            self.report.notes.push(format!(
                "The drive had trouble with {} writes and recovered from it: a lower speed may suit this disc.",
                stats.recovered
            ));
        }
    }

    fn note_speed(&mut self, wish: Option<u32>) {
        let asked = self.order.options.speed;
        if let (Some(asked), Some(wish)) = (asked, wish)
            && wish != asked
        {
            self.report.notes.push(format!(
                "The drive does not offer {asked} kB/s for this disc: {wish} kB/s was chosen."
            ));
        }
    }

    fn scene(&self, doing: Doing, harm: Harm) -> Scene<'static> {
        let rewritable = self.look.facts.as_ref().is_some_and(|facts| facts.rewritable);
        let harm = if self.early && harm == Harm::WrittenNotClosed { Harm::DiscUnfinished } else { harm };
        Scene { doing, harm, block: None, disc: self.kind().name(), rewritable }
    }

    fn kind(&self) -> MediaKind {
        MediaKind::from_profile(self.plan.expected.profile)
    }
}

/// The caller of the worker knows more about what its source met.
fn source_failed(message: String) -> api::Error {
    api::Error::new(ErrorKind::HelperFailed, message).with("source", "ring")
}

/// Ends what a simulation pretended: drives show its track, and its next writable address, until test writing is off.
pub(super) fn leave_test_write(drive: &mut Drive<'_>, plan: &Plan) {
    for step in &plan.steps {
        if let Act::WriteParameters(parameters) = &step.act
            && parameters.test
            && let Err(trouble) = write_parameters(drive, &WriteParameters { test: false, ..*parameters })
        {
            tracing::warn!(%trouble, "the drive could not be taken out of test writing");
        }
    }
}

/// Page 05h as the drive has it; `None` when it does not tell.
fn read_back(drive: &mut Drive<'_>) -> Result<Option<page::WriteParameters>, Trouble> {
    let code = page::WriteParameters::CODE;
    let answer = drive.query(&ModeSense10::new(code, 256))?.unwrap_or_default();
    Ok(page::find(&answer, code).and_then(|page| page::WriteParameters::parse(page).ok()))
}

/// The page says what was wanted, as far as a wrong value would spoil the disc.
fn holds(page: &page::WriteParameters, wanted: &WriteParameters) -> bool {
    let (write_type, track_mode, data_block) = match wanted.mode {
        WriteMode::TrackAtOnce => (WriteType::TrackAtOnce, 4, DataBlock::MODE_1),
    };
    page.write_type == write_type
        && page.track_mode == track_mode
        && page.data_block == data_block
        && page.test_write == wanted.test
        && page.multi_session == multi_session(wanted)
}

const fn multi_session(wanted: &WriteParameters) -> MultiSession {
    if wanted.appendable { MultiSession::More } else { MultiSession::Last }
}

/// Sets page 05h: composed anew, or when the drive does not like that, its own page with our fields.
fn write_parameters(drive: &mut Drive<'_>, wanted: &WriteParameters) -> Result<(), Trouble> {
    let multi = multi_session(wanted);
    let page = match wanted.mode {
        WriteMode::TrackAtOnce => page::WriteParameters {
            underrun_protection: wanted.underrun_free,
            ..page::WriteParameters::cd_track_at_once(multi, wanted.test)
        },
    };
    let page = page.emit();
    let select = |drive: &mut Drive<'_>, page: &[u8]| {
        let list = page::select(page);
        // A page of 255 bytes is the longest there is.
        let length = u16::try_from(list.len()).unwrap_or(u16::MAX);
        drive.give(&ModeSelect10::new(length), &list, During::SetSpeed)
    };
    match select(drive, &page) {
        Err(refused) if refused.verdict() == Some(Verdict::Unsupported) => {
            let code = page::WriteParameters::CODE;
            let answer = drive.query(&ModeSense10::new(code, 256))?.unwrap_or_default();
            let Some(own) = page::find(&answer, code).filter(|own| own.len() > FIELDS) else {
                return Err(refused);
            };
            let mut own = own.to_vec();
            own[0] &= 0x3f;
            own[2..5].copy_from_slice(&page[2..5]);
            own[FIELDS] = page[FIELDS];
            select(drive, &own)
        }
        other => other,
    }
}

fn flush(drive: &mut Drive<'_>, limit: Duration) -> Result<(), Trouble> {
    drive.begin(Phase::Flushing, 0, false);
    match drive.tell(&SynchronizeCache::new(true), During::Flush, limit) {
        Err(trouble) if trouble.verdict() == Some(Verdict::Unsupported) => {
            drive.tell(&SynchronizeCache::new(false), During::Flush, limit)
        }
        other => {
            other.and_then(|()| drive.settle(During::Flush, limit))?;
            if drive.quirks.flushes_twice {
                drive.tell(&SynchronizeCache::new(false), During::Flush, limit)?;
            }
            Ok(())
        }
    }
}

fn close_session(
    drive: &mut Drive<'_>,
    function: CloseFunction,
    otherwise: Option<CloseFunction>,
    limit: Duration,
) -> Result<(), Trouble> {
    match (close(drive, function.number(), 0, limit), otherwise) {
        (Err(trouble), Some(other)) if trouble.verdict() == Some(Verdict::Unsupported) => {
            close(drive, other.number(), 0, limit)
        }
        (closed, _) => closed,
    }
}

fn close(drive: &mut Drive<'_>, function: u8, track: u16, limit: Duration) -> Result<(), Trouble> {
    match drive.tell(&CloseTrackSession::new(function, track, true), During::Close, limit) {
        Err(trouble) if trouble.verdict() == Some(Verdict::Unsupported) => {
            drive.tell(&CloseTrackSession::new(function, track, false), During::Close, limit)?;
        }
        other => other?,
    }
    match drive.settle(During::Close, limit) {
        // Drives announce the disc anew once it is closed. If it still is recorded, it is ours.
        Err(Trouble::Refused { sense, .. }) if (sense.key, sense.asc) == (6, 0x28) => {
            still_there(drive, limit, sense)
        }
        other => other,
    }?;
    drive.barrier(limit)
}

fn still_there(drive: &mut Drive<'_>, limit: Duration, sense: Sense) -> Result<(), Trouble> {
    drive.settle(During::Close, limit)?;
    let disc = inspect::disc_information(drive)?;
    if disc.status == disc_info::DiscStatus::Blank {
        let why = "another disc is in the drive";
        return Err(Trouble::refused(CloseTrackSession::OPCODE, sense, Verdict::Interrupted, why));
    }
    Ok(())
}

/// The byte of page 05h behind which nothing of ours stands: the session format.
const FIELDS: usize = 8;
/// Blocks of a CD's first lead-out, and of the lead-in that the session gets (MMC-6 4.2.3.5).
const LEAD_OUT: u64 = 6750;
const LEAD_IN: u64 = 4500;
const RAW_BLOCK: u64 = 2352;
/// Positioning and calibrating between the two.
const CD_SETTLING: u64 = 10;
