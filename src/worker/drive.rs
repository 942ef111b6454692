//! A drive and whoever waits for it: commands sent with patience, by the one table of what a refusal means.

use std::time::Duration;

use crate::api::{Phase, Progress};
use crate::mmc::cdb::{Cdb, Inquiry, RequestSense, StartStopUnit, TestUnitReady};
use crate::mmc::inquiry::InquiryData;
use crate::mmc::opcode::Opcode;
use crate::mmc::policy::{During, Verdict, judge};
use crate::mmc::quirks::Quirks;
use crate::mmc::sense::Sense;
use crate::mmc::timeout::longest;
use crate::mmc::transport::{self, Data, Outcome, Transport, TransportError};

use super::error::Trouble;
use super::host::{Host, Reporter};

/// A drive, with the host of the operation that uses it.
pub struct Drive<'a> {
    transport: &'a mut dyn Transport,
    pub(super) host: &'a mut dyn Host,
    progress: Reporter,
    /// What is done now has to be done whoever cancels.
    insisting: bool,
    /// Questions are asked in the middle of writing.
    amid: bool,
    /// What this drive is known to do otherwise; nothing until it was looked at.
    pub(super) quirks: Quirks,
    /// The end of all patience, for what is made of many questions.
    pub(super) until: Option<Duration>,
}

impl std::fmt::Debug for Drive<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drive").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl<'a> Drive<'a> {
    /// The drive at the end of a transport.
    pub fn new(transport: &'a mut dyn Transport, host: &'a mut dyn Host) -> Self {
        Self {
            transport,
            host,
            progress: Reporter::new(),
            insisting: false,
            amid: false,
            quirks: Quirks::default(),
            until: None,
        }
    }

    /// The device node or socket.
    pub fn name(&self) -> &str {
        self.transport.name()
    }

    /// From here on progress is told in blocks of so many bytes.
    pub(super) const fn count_in(&mut self, block: u32) {
        self.progress.count_in(block);
    }

    /// Enters a phase of `total` blocks, 0 when that says nothing.
    pub(super) fn begin(&mut self, phase: Phase, total: u64, cancelable: bool) {
        self.progress.begin(self.host, phase, total, cancelable);
    }

    /// Enters a phase that cannot be cancelled and is expected to take so many seconds.
    pub(super) fn begin_for(&mut self, phase: Phase, seconds: Option<u32>) {
        self.progress.begin_for(self.host, phase, seconds);
    }

    /// Takes in new figures, and shows them when it is time to.
    pub(super) fn update(&mut self, change: impl FnOnce(&mut Progress)) {
        self.progress.update(self.host, change);
    }

    /// Shows how many tracks of an audio disc are written.
    pub(super) fn show_tracks(&mut self, done: u32, total: u32) {
        self.progress.tracks(self.host, done, total);
    }

    /// Learns what this drive does otherwise, for operations that begin without a look.
    pub(super) fn get_to_know(&mut self) -> Result<(), Trouble> {
        let answer = self.query(&Inquiry::new(InquiryData::LEN as u16))?.unwrap_or_default();
        self.quirks =
            InquiryData::parse(&answer).map_or_else(|_| Quirks::default(), |drive| Quirks::of(&drive));
        Ok(())
    }

    /// Sends a command without data, again as often as its refusals mean "later".
    pub(super) fn tell<C: Cdb>(&mut self, cdb: &C, during: During, limit: Duration) -> Result<(), Trouble> {
        let once = limit.max(longest(cdb.as_bytes()));
        self.attempt(C::OPCODE, during, limit, |drive| drive.once(cdb, Data::None, once)).map(drop)
    }

    /// Sends a command with data, again as often as its refusals mean "later".
    pub(super) fn give<C: Cdb>(&mut self, cdb: &C, data: &[u8], during: During) -> Result<(), Trouble> {
        let limit = longest(cdb.as_bytes());
        self.attempt(C::OPCODE, during, limit, |drive| drive.once(cdb, Data::ToDrive(data), limit)).map(drop)
    }

    /// Asks for data.
    pub(super) fn ask<C: Cdb>(&mut self, cdb: &C, during: During) -> Result<Vec<u8>, Trouble> {
        let mut answer = vec![0; cdb.transfer().bytes()];
        let limit = longest(cdb.as_bytes());
        let outcome = self.attempt(C::OPCODE, during, limit, |drive| {
            drive.once(cdb, Data::FromDrive(&mut answer), limit)
        })?;
        answer.truncate(outcome.transferred);
        Ok(answer)
    }

    /// Asks for data that a drive need not have: `None` when it refuses in whatever way.
    pub(super) fn query<C: Cdb>(&mut self, cdb: &C) -> Result<Option<Vec<u8>>, Trouble> {
        let during = if self.amid { During::Amid } else { During::Query };
        match self.ask(cdb, during) {
            Ok(answer) => Ok(Some(answer)),
            // The end of the burn, told to whoever asks first.
            Err(trouble @ Trouble::Refused { .. })
                if matches!(trouble.verdict(), Some(Verdict::Interrupted | Verdict::WriteFailed)) =>
            {
                Err(trouble)
            }
            Err(Trouble::Refused { .. } | Trouble::NeverReady { .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Sends a command once. The sense is the drive's refusal.
    pub(super) fn once<C: Cdb>(
        &mut self,
        cdb: &C,
        data: Data<'_>,
        limit: Duration,
    ) -> Result<Outcome, TransportError> {
        transport::send(self.transport, cdb, data, limit)
    }

    /// Polls until the drive is ready, and shows the progress that it tells.
    ///
    /// # Errors
    /// What the drive refuses for good while `during`, `NeverReady` after `limit`, `Cancelled` where that is allowed.
    pub(super) fn settle(&mut self, during: During, limit: Duration) -> Result<(), Trouble> {
        let mut patience = self.patience(limit, Pace::POLL);
        loop {
            let outcome = self.once(&TestUnitReady::zeroed(), Data::None, poll_limit(during));
            let outcome = outcome.map_err(|source| Trouble::link(Opcode::TEST_UNIT_READY, source))?;
            let Some(sense) = outcome.status.refusal() else { return Ok(()) };
            match judge(sense, during) {
                (Verdict::Proceed, _) => return Ok(()),
                (Verdict::InProgress | Verdict::Retry | Verdict::DriveBufferFull, _) => {}
                (Verdict::StartUnit, _) if patience.start_once() => self.spin_up()?,
                (verdict, why) => {
                    return Err(Trouble::refused(Opcode::TEST_UNIT_READY, sense, verdict, why));
                }
            }
            self.show(sense, during)?;
            self.wait(&mut patience)?;
        }
    }

    /// For drives that call themselves ready too early: the end of a long operation, made sure of by a STOP UNIT that is
    /// repeated until it is accepted.
    pub(super) fn barrier(&mut self, limit: Duration) -> Result<(), Trouble> {
        if !self.quirks.stop_is_barrier {
            return Ok(());
        }
        match self.tell(&StartStopUnit::stop(true), During::Load, limit) {
            // A drive that does not stop at all has ended whatever it did.
            Err(Trouble::Refused { sense, .. }) if sense.key == 5 && !sense.deferred => Ok(()),
            other => other,
        }
    }

    /// Waits, when waiting is allowed to go on.
    pub(super) fn wait(&mut self, patience: &mut Patience) -> Result<(), Trouble> {
        self.check_cancel()?;
        if patience.over(self.host.now()) {
            return Err(Trouble::NeverReady { limit: patience.limit });
        }
        let pause = patience.step();
        self.host.pause(pause);
        self.check_cancel()
    }

    /// Fails when somebody cancels and the phase allows that.
    pub(super) fn check_cancel(&mut self) -> Result<(), Trouble> {
        let heard = self.progress.cancelable() && !self.insisting && self.host.cancelled();
        if heard { Err(Trouble::Cancelled) } else { Ok(()) }
    }

    /// Does what has to be done even when somebody has cancelled: putting the drive back as it was.
    pub(super) fn insist<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.insisting, true);
        let result = act(self);
        self.insisting = before;
        result
    }

    /// Asks in the middle of writing.
    pub(super) fn amid<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.amid, true);
        let result = act(self);
        self.amid = before;
        result
    }

    fn attempt(
        &mut self,
        command: Opcode,
        during: During,
        limit: Duration,
        mut send: impl FnMut(&mut Self) -> Result<Outcome, TransportError>,
    ) -> Result<Outcome, Trouble> {
        let mut patience = self.patience(limit, Pace::COMMAND);
        loop {
            let outcome = send(self).map_err(|source| Trouble::link(command, source))?;
            let Some(sense) = outcome.status.refusal() else { return Ok(outcome) };
            match judge(sense, during) {
                (Verdict::Proceed, why) => {
                    tracing::debug!(%command, %sense, why, "the drive remarks");
                    return Ok(outcome);
                }
                verdict => self.later(command, sense, verdict, during, &mut patience)?,
            }
        }
    }

    fn patience(&self, limit: Duration, pace: Pace) -> Patience {
        let now = self.host.now();
        let left = self.until.map_or(limit, |until| until.saturating_sub(now));
        Patience::new(now, limit.min(left), pace)
    }

    /// Waits until a refused command can be sent again, if it ever can.
    pub(super) fn later(
        &mut self,
        command: Opcode,
        sense: Sense,
        (verdict, why): (Verdict, &'static str),
        during: During,
        patience: &mut Patience,
    ) -> Result<(), Trouble> {
        match verdict {
            // News is told once: the next try will do without a wait.
            Verdict::Retry if (sense.key == 6 || sense.deferred) && patience.news_once() => return Ok(()),
            Verdict::Retry | Verdict::InProgress => self.show(sense, during)?,
            Verdict::StartUnit if patience.start_once() => self.spin_up()?,
            _ => return Err(Trouble::refused(command, sense, verdict, why)),
        }
        self.wait(patience).map_err(|trouble| match trouble {
            // What the drive said last tells more than that the time is up.
            Trouble::NeverReady { .. } => {
                Trouble::refused(command, sense, Verdict::Fail, "it did not get ready in time")
            }
            other => other,
        })
    }

    /// Shows the progress of a long operation. Some drives tell it in REQUEST SENSE alone.
    fn show(&mut self, sense: Sense, during: During) -> Result<(), Trouble> {
        let fraction = match sense.fraction() {
            Some(fraction) => Some(fraction),
            None if sense.key == 2 && sense.asc == 0x04 => self.request_sense(during)?,
            None => None,
        };
        self.update(|progress| progress.fraction = fraction.or(progress.fraction));
        Ok(())
    }

    /// Shows how far a format in the background is.
    pub(super) fn show_background(&mut self) -> Result<(), Trouble> {
        let fraction = self.request_sense(During::Format)?;
        self.update(|progress| progress.fraction = fraction.or(progress.fraction));
        Ok(())
    }

    /// Asks how far it is. Whatever else the drive says is gone once it is told: while something is brought onto the
    /// disc it counts as if a command had been answered so.
    fn request_sense(&mut self, during: During) -> Result<Option<f64>, Trouble> {
        let mut answer = [0; Sense::FIXED_LEN];
        let cdb = RequestSense::new(Sense::FIXED_LEN as u8);
        let outcome = self.once(&cdb, Data::FromDrive(&mut answer), poll_limit(during));
        let outcome = outcome.map_err(|source| Trouble::link(Opcode::REQUEST_SENSE, source))?;
        let sense = match outcome.status.refusal() {
            Some(sense) if sense.key == 5 && !sense.deferred => None,
            Some(sense) => Some(sense),
            None => Sense::parse(answer.get(..outcome.transferred).unwrap_or_default()),
        };
        let Some(sense) = sense.filter(|sense| !matches!(sense.key, 0 | 2)) else {
            return Ok(sense.and_then(|sense| sense.fraction()));
        };
        let recording = matches!(
            during,
            During::Write | During::Flush | During::Close | During::Blanking | During::Format
        );
        match judge(sense, during) {
            (
                Verdict::Proceed
                | Verdict::Retry
                | Verdict::InProgress
                | Verdict::DriveBufferFull
                | Verdict::AskNextAddress,
                why,
            ) => tracing::debug!(%sense, why, "the drive remarks"),
            (verdict, why) if recording => {
                return Err(Trouble::refused(Opcode::REQUEST_SENSE, sense, verdict, why));
            }
            (_, why) => tracing::debug!(%sense, why, "the drive remarks"),
        }
        Ok(None)
    }

    fn spin_up(&mut self) -> Result<(), Trouble> {
        let cdb = StartStopUnit::start(true);
        self.once(&cdb, Data::None, QUICK).map(drop).map_err(|e| Trouble::link(Opcode::START_STOP_UNIT, e))
    }
}

/// While a drive brings something onto the disc it may leave even the simplest question waiting; giving up on one
/// resets it, and costs the disc.
const fn poll_limit(during: During) -> Duration {
    match during {
        During::Write | During::Flush | During::Close | During::Blanking | During::Format => PATIENT,
        _ => QUICK,
    }
}

/// The pauses between one try and the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    next: Duration,
    grows: Duration,
    most: Duration,
}

impl Pace {
    /// A command that was put off.
    pub const COMMAND: Self = Self::of(100, 100, 500);
    /// A WRITE that was put off: the drive's buffer is draining meanwhile.
    pub const WRITE: Self = Self::of(2, 2, 25);
    /// Whether a long operation has ended: short ones end within the first polls.
    pub const POLL: Self = Self::of(10, 10, 500);

    const fn of(first: u64, grows: u64, most: u64) -> Self {
        Self {
            next: Duration::from_millis(first),
            grows: Duration::from_millis(grows),
            most: Duration::from_millis(most),
        }
    }
}

/// How long something is tried, and at what pace.
#[derive(Debug)]
pub(super) struct Patience {
    end: Duration,
    limit: Duration,
    pace: Pace,
    started: bool,
    news: u8,
}

impl Patience {
    pub const fn new(now: Duration, limit: Duration, pace: Pace) -> Self {
        Self { end: now.saturating_add(limit), limit, pace, started: false, news: 0 }
    }

    /// START UNIT is due, the first time.
    const fn start_once(&mut self) -> bool {
        !std::mem::replace(&mut self.started, true)
    }

    /// A drive may have several pieces of news in a row, but not without end.
    const fn news_once(&mut self) -> bool {
        self.news += 1;
        self.news <= 8
    }

    /// The time is up.
    pub const fn over(&self, now: Duration) -> bool {
        now.as_nanos() >= self.end.as_nanos()
    }

    /// The next pause.
    pub fn step(&mut self) -> Duration {
        let pause = self.pace.next;
        self.pace.next = (pause + self.pace.grows).min(self.pace.most);
        pause
    }
}

/// Commands that are answered at once, or after a spin-up.
pub(super) const QUICK: Duration = Duration::from_secs(30);
/// Questions to a drive that may be busy with the disc.
const PATIENT: Duration = Duration::from_secs(300);
