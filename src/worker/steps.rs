//! A plan's steps, one by one: what each tells the drive, and what its failure means.

use std::time::Duration;

use crate::api::{self, ErrorKind, MediaKind, Phase, Report};
use crate::burn::{Act, CloseFunction, Facts, Harm, Plan, Step};
use crate::mmc::cdb::CloseTrackSession;
use crate::wire::broker_worker::RecordOrder;
use crate::wire::ring::Consumer;

use super::acts;
use super::drive::Drive;
use super::error::{Doing, Scene, Trouble};
use super::inspect::{self, Look};
use super::redirect;
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
    /// The ring is full, the disc is the one that was planned for, and the drive is set.
    ready: bool,
    /// What was done to the disc before the first write.
    done_before: Option<Before>,
    /// Writing ended early: what is closed now is not all of the content.
    early: bool,
}

/// What a disc that nothing was written to yet is no longer.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// It was formatted.
    Formatted,
    /// It has a track that waits to be written.
    Reserved,
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
        Self {
            drive,
            ring,
            look,
            plan,
            order,
            report,
            sums: None,
            first_write: None,
            ready: false,
            done_before: None,
            early: false,
        }
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
        if step.act.changes_disc() && !self.ready {
            self.get_ready()?;
        }
        let scene = |doing| self.scene(doing, step.if_it_fails);
        let (preparing, flushing, closing) =
            (scene(Doing::Preparing), scene(Doing::Flushing), scene(Doing::Closing));
        let limit = step.timeout;
        match &step.act {
            Act::SetSpeed(wish) => {
                let set = speed::choose(self.drive, self.kind(), &self.look.speeds, *wish);
                self.report.speed = set.map_err(|trouble| preparing.error(&trouble))?;
                self.note_speed(*wish);
                Ok(())
            }
            Act::WriteParameters(parameters) => {
                acts::write_parameters(self.drive, parameters).map_err(|trouble| preparing.error(&trouble))
            }
            Act::Calibrate | Act::LayerBreak(_) | Act::Reserve(_) | Act::CueSheet(_) | Act::Format(_) => {
                let doing =
                    if matches!(step.act, Act::Format(_)) { Doing::Formatting } else { Doing::Preparing };
                let scene = scene(doing);
                self.make_ready(&step.act, limit).map_err(|trouble| scene.error(&trouble))
            }
            Act::Write { from, recorded, content, blocks, alignment, least, streaming } => {
                let kind = self.kind();
                let job = Job {
                    from: *from,
                    recorded: *recorded,
                    content: *content,
                    blocks: *blocks,
                    alignment: *alignment,
                    least: *least,
                    timeout: limit,
                    last_track: self.look.facts.as_ref().map_or(1, |facts| facts.last_track),
                    cd: matches!(kind, MediaKind::CdR | MediaKind::CdRw),
                    overwrites: self.look.facts.as_ref().is_some_and(Facts::overwrites),
                    streaming: *streaming,
                    reserved: matches!(self.done_before, Some(Before::Reserved)),
                };
                self.write(at, job)
            }
            Act::PreGap { from, blocks } => self.pre_gap(*from, *blocks, limit),
            Act::Flush => self.flush(limit).map_err(|trouble| flushing.error(&trouble)),
            Act::CloseTrack(track) => {
                self.begin_closing();
                match acts::close(self.drive, CloseTrackSession::TRACK, *track, limit) {
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
                self.close_session(*function, *otherwise, limit).map_err(|trouble| closing.error(&trouble))
            }
            Act::Redirect { session, alignment } => {
                self.redirect(*session, *alignment).map_err(|trouble| closing.error(&trouble))
            }
            Act::StopFormat => {
                self.begin_closing();
                acts::stop_format(self.drive, limit).map_err(|trouble| closing.error(&trouble))
            }
            // No recipe for a burn has these steps.
            Act::Fill { .. } | Act::AwaitFormat | Act::Blank { .. } => Ok(()),
        }
    }

    fn flush(&mut self, limit: Duration) -> Result<(), Trouble> {
        acts::flush(self.drive, limit)?;
        let began = self.first_write.unwrap_or_default();
        let took = self.drive.host.now().saturating_sub(began).as_micros();
        self.report.write_time = u64::try_from(took).unwrap_or(u64::MAX);
        Ok(())
    }

    /// What is done to the disc before the first write.
    fn make_ready(&mut self, act: &Act, limit: Duration) -> Result<(), Trouble> {
        match act {
            Act::Calibrate => acts::calibrate(self.drive, limit),
            Act::LayerBreak(blocks) => acts::layer_break(self.drive, *blocks, limit),
            Act::CueSheet(sheet) => acts::cue_sheet(self.drive, sheet, limit),
            Act::Reserve(blocks) => {
                self.done_before = Some(Before::Reserved);
                acts::reserve(self.drive, *blocks, limit)
            }
            Act::Format(how) => {
                self.done_before = Some(Before::Formatted);
                self.drive.begin(Phase::Erasing, 0, false);
                acts::format(self.drive, how, limit)
            }
            _ => Ok(()),
        }
    }

    /// All that comes before the first change of the disc: the ring fills, and the disc is looked at a last time.
    fn get_ready(&mut self) -> api::Result<()> {
        if let Err(stop) = write::prefill(self.drive, self.ring) {
            return Err(self.stopped(stop, false));
        }
        self.recheck()?;
        self.set_again()?;
        self.ready = true;
        Ok(())
    }

    /// What is before the first track of a session at once. From here on every block of the session has to be written.
    fn pre_gap(&mut self, from: i32, blocks: u32, limit: Duration) -> api::Result<()> {
        self.done_before = Some(Before::Reserved);
        let job = Job {
            from: from.cast_unsigned(),
            recorded: 0,
            content: 0,
            blocks,
            alignment: 1,
            least: blocks,
            timeout: limit,
            last_track: self.look.facts.as_ref().map_or(1, |facts| facts.last_track),
            cd: true,
            overwrites: false,
            streaming: false,
            reserved: true,
        };
        let buffer = self.look.inspection.buffer_bytes;
        Writer::zeroes(self.drive, job, buffer).pre_gap().map_err(|stop| self.stopped(stop, true))
    }

    fn write(&mut self, at: usize, job: Job) -> api::Result<()> {
        let (buffer, sums) = (self.look.inspection.buffer_bytes, self.sums.take());
        let mut writer = Writer::new(self.drive, self.ring, job, buffer, sums);
        let ended = writer.run();
        let rounded = match &ended {
            Err(Stop::Cancelled | Stop::Source(_)) if writer.begun() => writer.round_up(),
            _ => Ok(()),
        };
        let (begun, content) = (writer.begun(), writer.content());
        let (sums, stats) = writer.finish();
        self.sums = sums;
        self.first_write = stats.began;
        self.take(stats);
        match (ended, rounded) {
            (Ok(()), _) => Ok(()),
            (Err(Stop::Drive(trouble, block)), _) => Err(self.stopped(Stop::Drive(trouble, block), begun)),
            // Padding that the drive refuses is no reason to leave the disc open.
            (Err(_), Err(Stop::Drive(trouble @ Trouble::Link { .. }, block))) => {
                Err(self.stopped(Stop::Drive(trouble, block), true))
            }
            (Err(stop), Ok(())) if !begun => Err(self.stopped(stop, false)),
            (Err(stop), rounded) => {
                if let Err(Stop::Drive(trouble, block)) = rounded {
                    tracing::warn!(%trouble, block, "the track could not be padded");
                }
                Err(self.end_early(at, &stop, content))
            }
        }
    }

    /// The last look before anything is changed: the disc is still there, and as it was.
    fn recheck(&mut self) -> api::Result<()> {
        let scene = self.scene(Doing::Preparing, Harm::DiscUntouched);
        let facts = inspect::facts(self.drive).map_err(|trouble| scene.error(&trouble))?;
        let blocks = self.plan.steps.iter().filter_map(|step| match &step.act {
            Act::Write { blocks, recorded, .. } => Some(u64::from(blocks.saturating_sub(*recorded))),
            _ => None,
        });
        let blocks = blocks.sum::<u64>();
        let same = facts.is_some_and(|facts| {
            let expected = self.plan.expected;
            facts.profile == expected.profile
                && self.look.facts.as_ref().is_some_and(|before| before.status == facts.status)
                && facts.expected_at(expected.next_writable).is_some_and(|now| {
                    // The write mode has been set meanwhile, and may have cost some blocks.
                    let free = if facts.overwrites() { now.free_blocks } else { facts.free_blocks };
                    now.next_writable == expected.next_writable && free >= blocks
                })
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
        acts::write_parameters(self.drive, wanted).map_err(|trouble| scene.error(&trouble))?;
        match acts::read_back(self.drive).map_err(|trouble| scene.error(&trouble))? {
            Some(page) if acts::holds(&page, wanted) => Ok(()),
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
            Stop::Drive(..) if !begun && self.done_before.is_none() => Harm::DiscUntouched,
            Stop::Cancelled | Stop::Source(_) | Stop::Differs(_) | Stop::Unreadable(..) => {
                Harm::DiscUntouched
            }
            Stop::Drive(..) if self.order.options.simulate => Harm::DiscUntouched,
            Stop::Drive(..) => Harm::DiscUnfinished,
        };
        let now = match (self.done_before, self.order.options.simulate) {
            (None, _) => "Nothing was written: the disc is as it was.",
            (Some(Before::Formatted), _) => "The disc was formatted, and nothing was written to it.",
            (Some(Before::Reserved), true) => "It was a simulation: the disc is as it was.",
            (Some(Before::Reserved), false) => {
                "The disc was made ready for being written at once, and nothing was written: it may be of no more use."
            }
        };
        match stop {
            Stop::Drive(trouble, block) => self.scene(Doing::Writing, harm).at(block).error(&trouble),
            Stop::Cancelled if self.done_before.is_none() => api::Error::new(
                ErrorKind::UserAbort,
                "The burn was cancelled before anything was written: the disc is as it was.",
            ),
            Stop::Cancelled => {
                api::Error::new(ErrorKind::UserAbort, format!("The burn was cancelled. {now}"))
            }
            Stop::Source(why) => source_failed(format!("The image could not be had: {why}. {now}")),
            Stop::Differs(block) => self.cannot_go_on(block, &format!(
                "block {block} of it is not that of this image. Stage the very files of that burn, unchanged"
            )),
            Stop::Unreadable(trouble, block) => {
                self.cannot_go_on(block, &format!("block {block} of it cannot be read ({trouble})"))
            }
        }
    }

    /// The error of a burn that was cut off and does not go on.
    fn cannot_go_on(&self, block: u32, why: &str) -> api::Error {
        let message = format!(
            "The burn that was cut off on the {} cannot be gone on with: {why}; or record with `unfinished` set to \
             `close`. Nothing was written: the disc is as it was.",
            self.kind().name()
        );
        api::Error::new(ErrorKind::WrongDisc, message).with("block", u64::from(block))
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
            Stop::Cancelled | Stop::Drive(..) | Stop::Differs(_) | Stop::Unreadable(..) => api::Error::new(
                ErrorKind::UserAbort,
                format!("The burn was cancelled after {content} of {total} blocks. {now}"),
            ),
        }
    }

    /// Has readers find the session that was written. What ended early has no directories that could be relied on.
    fn redirect(&mut self, session: u32, alignment: u32) -> Result<(), Trouble> {
        self.begin_closing();
        if self.early { Ok(()) } else { redirect::redirect(self.drive, session, alignment) }
    }

    /// Some drives want a CD's track closed by name before its session, though the flush has ended it.
    fn close_session(
        &mut self,
        function: CloseFunction,
        otherwise: Option<CloseFunction>,
        limit: Duration,
    ) -> Result<(), Trouble> {
        let closed = acts::close_session(self.drive, function, otherwise, limit);
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
                match acts::close(self.drive, CloseTrackSession::TRACK, track, limit) {
                    Ok(()) => {}
                    Err(Trouble::Refused { sense, why, .. }) if sense.key == 5 => {
                        tracing::warn!(%sense, why, "the track could not be closed");
                    }
                    Err(trouble) => return Err(trouble),
                }
                acts::close_session(self.drive, function, otherwise, limit)
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

/// Blocks of a CD's first lead-out, and of the lead-in that the session gets (MMC-6 4.2.3.5).
const LEAD_OUT: u64 = 6750;
const LEAD_IN: u64 = 4500;
const RAW_BLOCK: u64 = 2352;
/// Positioning and calibrating between the two.
const CD_SETTLING: u64 = 10;
