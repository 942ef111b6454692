//! The drive: a command and the time go in, an answer comes out.

use std::time::Duration;

use super::background::Background;
use super::buffer::Buffer;
use super::command::{self, Answer, Call};
use super::fault::{FaultScript, Verb};
use super::ledger::Ledger;
use super::medium::{Layout, Medium};
use super::refusal::Refusal;
use super::speed::Pace;
use super::state::{Effect, News, Operation, OperationKind, Tray};
use crate::mmc::event::MediaCode;
use crate::mmc::page::{MultiSession, WriteParameters, WriteType};
use crate::mmc::speed::{Family, Speed};
use crate::mmc::transport::vdrive_protocol::{Event, Identity};
use crate::mmc::{Profile, Sense};

/// What a drive is made with.
#[derive(Clone, Debug)]
pub struct DriveOptions {
    /// Up to 8 characters.
    pub vendor: String,
    /// Up to 16 characters.
    pub product: String,
    /// Up to 4 characters.
    pub revision: String,
    /// Serial number.
    pub serial: String,
    /// Size of the buffer, bytes.
    pub buffer: u32,
    /// How fast it is.
    pub pace: Pace,
    /// What goes wrong.
    pub faults: FaultScript,
    /// The tray starts open.
    pub open: bool,
    /// How many samples late it reads sound; real drives are off by some hundreds, early or late.
    pub read_offset: i32,
}

impl Default for DriveOptions {
    fn default() -> Self {
        Self {
            vendor: "DISCMAST".into(),
            product: "Virtual Recorder".into(),
            revision: "0.1".into(),
            serial: "VD000001".into(),
            buffer: 2 * 1024 * 1024,
            pace: Pace::Unlimited,
            faults: FaultScript::default(),
            open: false,
            read_offset: 0,
        }
    }
}

/// A virtual drive.
#[derive(Debug)]
pub struct Drive {
    pub(super) options: DriveOptions,
    pub(super) tray: Tray,
    pub(super) medium: Option<Medium>,
    /// The disc is spun up and known.
    pub(super) ready: bool,
    pub(super) locked: bool,
    pub(super) operation: Option<Operation>,
    /// The format that goes on in the background.
    pub(super) background: Option<Background>,
    pub(super) buffer: Buffer,
    pub(super) parameters: WriteParameters,
    /// The layout that a test write pretends.
    pub(super) pretended: Option<Layout>,
    /// Writing speed that was chosen, kB/s of 1000.
    pub(super) write_speed: u32,
    pub(super) news: News,
    pub(super) ledger: Ledger,
    /// What REQUEST SENSE tells.
    pub(super) last_sense: Sense,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it ended.
    pub ending: Ending,
    /// Bytes for the host.
    pub data: Vec<u8>,
    /// Bytes of the host's that were taken.
    pub taken: usize,
    /// How long it takes until the host gets the answer.
    pub takes: Duration,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// GOOD.
    Good,
    /// CHECK CONDITION.
    Check(Sense),
    /// BUSY.
    Busy,
    /// There is no answer: the drive is gone.
    Vanished,
    /// There is no answer: it was lost on its way. The drive is there.
    Lost,
}

impl Drive {
    /// A drive without a disc.
    pub fn new(options: DriveOptions) -> Self {
        let buffer = Buffer::new(options.buffer, None);
        let tray = if options.open { Tray::Open } else { Tray::Closed };
        let mut drive = Self {
            tray,
            medium: None,
            ready: false,
            locked: false,
            operation: None,
            background: None,
            buffer,
            parameters: Self::default_parameters(),
            pretended: None,
            write_speed: 0,
            news: News::default(),
            ledger: Ledger::default(),
            last_sense: Sense::default(),
            options,
        };
        drive.news.attention(Sense::new(6, 0x29, 0x00));
        drive.choose_speed(u32::MAX);
        drive
    }

    /// Puts in the disc that the drive starts with: on the tray if that is open, else about to be ready.
    pub fn start_with(&mut self, medium: Medium) {
        self.medium = Some(medium);
        if self.tray == Tray::Closed {
            self.begin(OperationKind::Load, self.load_time(), Effect::Ready, Duration::ZERO);
        }
    }

    /// Carries out a command at the time `now`, counted from the drive's start. `data` are the host's bytes.
    pub fn execute(&mut self, cdb: &[u8], data: &[u8], now: Duration) -> Reply {
        self.advance(now);
        let command = command::describe(cdb);
        let verb = self.options.faults.before(&command, now);
        let mut hangs = Duration::ZERO;
        let result = match &verb {
            Verb::Vanish => return Reply::ended(Ending::Vanished),
            Verb::Busy => return Reply::ended(Ending::Busy),
            Verb::Reset => {
                command::witness(self, &command);
                self.bus_reset(now);
                // This command is the first to hear of it.
                self.news.attention.clear();
                Err(Refusal::Scripted(RESET))
            }
            Verb::Lost => {
                command::witness(self, &command);
                let _ = command::execute(self, &Call { cdb, data, now });
                command::refused(self, &command, LINK_FAILED);
                return Reply::ended(Ending::Lost);
            }
            Verb::Sense(sense) | Verb::Deferred(sense) => {
                command::witness(self, &command);
                self.mind(*sense);
                Err(Refusal::Scripted(*sense))
            }
            Verb::SenseAfter(sense) => {
                command::witness(self, &command);
                let _ = command::execute(self, &Call { cdb, data, now });
                self.mind(*sense);
                Err(Refusal::Scripted(*sense))
            }
            Verb::Hang(time) => {
                hangs = *time;
                command::witness(self, &command);
                command::execute(self, &Call { cdb, data, now: now + *time })
            }
            Verb::Pass | Verb::Lie(_) | Verb::Cut(_) => {
                command::witness(self, &command);
                command::execute(self, &Call { cdb, data, now })
            }
        };
        let mut reply = self.reply(result, data.len());
        if let Ending::Check(sense) = reply.ending {
            command::refused(self, &command, sense);
        }
        match verb {
            Verb::Lie(patches) if !reply.data.is_empty() => {
                patches.iter().for_each(|patch| patch.apply(&mut reply.data));
            }
            Verb::Cut(length) => reply.data.truncate(length),
            _ => {}
        }
        reply.takes += hangs;
        reply
    }

    /// Page 05h as it is before a host sets it: packets, incrementally.
    fn default_parameters() -> WriteParameters {
        WriteParameters {
            write_type: WriteType::Packet,
            ..WriteParameters::cd_track_at_once(MultiSession::Last, false)
        }
    }

    /// A drive that says that it was reset, or that its parameters have changed, has forgotten what hosts set.
    fn mind(&mut self, sense: Sense) {
        if matches!((sense.key, sense.asc, sense.ascq), (6, 0x29, _) | (6, 0x2a, 0x01)) {
            self.forget_settings();
        }
    }

    fn forget_settings(&mut self) {
        self.parameters = Self::default_parameters();
        self.pretended = None;
    }

    /// Lets the time pass up to `now`: the buffer drains, operations end.
    pub fn advance(&mut self, now: Duration) {
        self.buffer.advance(now);
        if self.operation.as_ref().is_some_and(|operation| operation.ends <= now)
            && let Some(operation) = self.operation.take()
        {
            self.finish(operation.effect);
        }
        self.advance_background(now);
    }

    /// When something will happen by itself, if anything.
    pub fn next_deadline(&self) -> Option<Duration> {
        let ends = self.operation.as_ref().map(|operation| operation.ends);
        ends.into_iter().chain(self.background_ends()).min()
    }

    /// Puts a disc in and closes the tray. It is ready after a moment.
    ///
    /// # Errors
    /// Gives the disc back if the tray is locked with another one in.
    pub fn insert(&mut self, medium: Medium, now: Duration) -> Result<(), Box<Medium>> {
        if self.locked && self.medium.is_some() {
            return Err(Box::new(medium));
        }
        self.advance(now);
        self.open_tray();
        self.medium = Some(medium);
        self.close_tray(now);
        Ok(())
    }

    /// Takes the disc out of the tray and away.
    ///
    /// # Errors
    /// [`Refusal::RemovalPrevented`] if the tray is locked.
    pub fn remove(&mut self, now: Duration) -> Result<Option<Medium>, Refusal> {
        self.eject(now)?;
        Ok(self.medium.take())
    }

    /// Somebody presses the button: the tray opens or closes; if it is locked, the host is asked.
    pub fn press_button(&mut self, now: Duration) {
        self.advance(now);
        match (self.tray, self.locked) {
            (Tray::Open, _) => self.close_tray(now),
            (Tray::Closed, false) => self.open_tray(),
            (Tray::Closed, true) => self.news.media(MediaCode::EjectRequest, Event::EjectRequest),
        }
    }

    /// Opens the tray.
    ///
    /// # Errors
    /// [`Refusal::RemovalPrevented`] if it is locked.
    pub fn eject(&mut self, now: Duration) -> Result<(), Refusal> {
        self.advance(now);
        if self.locked {
            return Err(Refusal::RemovalPrevented);
        }
        self.open_tray();
        Ok(())
    }

    /// Closes the tray.
    pub fn load(&mut self, now: Duration) {
        self.advance(now);
        if self.tray == Tray::Open {
            self.close_tray(now);
        }
    }

    /// The power fails for a moment: the buffer is lost, the drive starts anew.
    pub fn power_cut(&mut self, now: Duration) {
        self.advance(now);
        let lost = self.buffer.level();
        self.buffer.clear();
        self.operation = None;
        self.background = None;
        self.forget_settings();
        self.ledger.settled();
        self.locked = false;
        self.ready = false;
        let failed = self.medium.as_mut().is_some_and(|medium| medium.power_cut(lost).is_err());
        self.news.attention.clear();
        self.news.attention(Sense::new(6, 0x29, 0x01));
        if failed {
            self.news.attention(Refusal::MediumFailed.sense().deferred());
        }
        if self.tray == Tray::Closed && self.medium.is_some() {
            self.begin(OperationKind::Load, self.load_time(), Effect::Ready, now);
        }
    }

    /// The bus is reset: for the drive as good as a cut of its power, but for what it says of it.
    pub fn bus_reset(&mut self, now: Duration) {
        self.power_cut(now);
        self.news.attention.retain(|sense| sense.asc != RESET.asc);
        self.news.attention(RESET);
    }

    /// Adds faults to the script.
    pub fn add_faults(&mut self, script: FaultScript) {
        self.options.faults.append(script);
    }

    /// Forgets the fault script.
    pub fn clear_faults(&mut self) {
        self.options.faults.clear();
    }

    /// Chooses the pace.
    pub fn set_pace(&mut self, pace: Pace) {
        self.options.pace = pace;
        self.choose_speed(u32::MAX);
    }

    /// What hosts did that no host may do.
    pub fn violations(&self) -> &[String] {
        self.ledger.violations()
    }

    /// The faults that never fired, as text.
    pub fn unfired(&self) -> Vec<String> {
        self.options.faults.unfired().map(ToString::to_string).collect()
    }

    /// The next thing that happened and that listeners have not heard of.
    pub fn next_event(&mut self) -> Option<Event> {
        self.news.events.pop_front()
    }

    /// Who it is.
    pub fn identity(&self) -> Identity {
        Identity {
            vendor: self.options.vendor.clone(),
            product: self.options.product.clone(),
            revision: self.options.revision.clone(),
            serial: self.options.serial.clone(),
            profiles: super::medium::Rules::all().iter().map(|rules| rules.profile.0).collect(),
            present: self.is_loaded(),
        }
    }

    /// The disc, if one is in the drive or on its open tray.
    pub fn medium(&self) -> Option<&Medium> {
        self.medium.as_ref()
    }

    /// Whether a disc is in and the tray closed.
    pub fn is_loaded(&self) -> bool {
        self.medium.is_some() && self.tray == Tray::Closed
    }

    /// The profile of the loaded disc.
    pub(super) fn profile(&self) -> Profile {
        match &self.medium {
            Some(medium) if self.ready => medium.layout().profile,
            _ => Profile::NONE,
        }
    }

    /// The ready disc.
    pub(super) fn ready_medium(&self) -> Result<&Medium, Refusal> {
        match &self.medium {
            Some(medium) if self.ready => Ok(medium),
            _ => Err(Refusal::NoMedium { open: self.tray == Tray::Open }),
        }
    }

    /// The layout that the host is to believe in: the pretended one during a test write.
    pub(super) fn visible_layout(&self) -> Result<&Layout, Refusal> {
        let medium = self.ready_medium()?;
        Ok(self.pretended.as_ref().unwrap_or(medium.layout()))
    }

    /// Chooses the highest speed offered that is not above `wish` kB/s, or the lowest.
    pub(super) fn choose_speed(&mut self, wish: u32) {
        let offered = self.options.pace.offered(self.profile());
        let chosen = offered.iter().find(|speed| speed.0 <= wish).or(offered.last());
        self.write_speed = chosen.map_or(0, |speed| speed.0);
        let limited = self.options.pace != Pace::Unlimited;
        self.buffer.set_rate(limited.then_some(self.content_rate()));
    }

    /// Whether the writes that come are verified, which takes as long again.
    pub(super) fn verify_writes(&mut self, verified: bool) {
        if self.options.pace != Pace::Unlimited {
            let rate = self.content_rate();
            self.buffer.set_rate(Some(if verified { rate / 2 } else { rate }));
        }
    }

    /// The blocks of a CD that come have `unit` bytes each: as many a second, whatever is in them.
    pub(super) fn write_cd_blocks(&mut self, unit: usize) {
        if self.options.pace != Pace::Unlimited {
            let rate = u64::from(self.write_speed) * 1000 * unit as u64 / 2352;
            self.buffer.set_rate(Some(rate));
        }
    }

    /// Bytes of content that the chosen speed moves a second.
    pub(super) fn content_rate(&self) -> u64 {
        let family = self.profile().family().unwrap_or(Family::Cd);
        Speed(self.write_speed).content_bytes(family).max(1)
    }

    /// Carries out a long operation: in the background if `immed`, or before the answer.
    pub(super) fn run(
        &mut self,
        kind: OperationKind,
        takes: Duration,
        effect: Effect,
        immed: bool,
        now: Duration,
    ) -> Answer {
        if immed {
            self.begin(kind, takes, effect, now);
            Answer::default()
        } else {
            self.finish(effect);
            Answer { takes, ..Answer::default() }
        }
    }

    pub(super) fn begin(&mut self, kind: OperationKind, takes: Duration, effect: Effect, now: Duration) {
        self.operation = Some(Operation { kind, started: now, ends: now + takes, effect });
    }

    pub(super) fn open_tray(&mut self) {
        if self.tray == Tray::Open {
            return;
        }
        let was_loaded = self.is_loaded();
        self.tray = Tray::Open;
        self.ready = false;
        self.operation = None;
        self.forget_settings();
        self.buffer.clear();
        self.ledger.settled();
        if let Some(medium) = &mut self.medium {
            // A track that is open when the disc is taken out is ended, as drives do.
            let mut after = medium.layout().clone();
            after.put_away();
            if medium.settle(after).is_err() {
                self.news.attention(Refusal::MediumFailed.sense().deferred());
            }
        }
        let code = if was_loaded { MediaCode::Removal } else { MediaCode::NoChange };
        self.news.media(code, Event::MediaChange { present: false, open: true });
    }

    pub(super) fn close_tray(&mut self, now: Duration) {
        self.tray = Tray::Closed;
        if self.medium.is_some() {
            self.begin(OperationKind::Load, self.load_time(), Effect::Ready, now);
        } else {
            self.news.media(MediaCode::NoChange, Event::MediaChange { present: false, open: false });
        }
    }

    fn load_time(&self) -> Duration {
        self.options.pace.duration(Duration::from_millis(700))
    }

    /// The end of an operation.
    fn finish(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Ready => {
                self.ready = true;
                self.choose_speed(u32::MAX);
                self.news.attention(Sense::new(6, 0x28, 0x00));
                self.news.media(MediaCode::New, Event::MediaChange { present: true, open: false });
            }
            Effect::Formatted { after, wiped } => {
                if let Some(medium) = &mut self.medium
                    && ((wiped && medium.wipe().is_err()) || medium.settle(*after).is_err())
                {
                    self.news.attention(Refusal::MediumFailed.sense().deferred());
                }
                self.choose_speed(u32::MAX);
                self.news.media(MediaCode::New, Event::MediaChange { present: true, open: false });
            }
            Effect::Layout { after, changed } => {
                let other = after.profile != self.profile();
                if let Some(medium) = &mut self.medium
                    && medium.settle(*after).is_err()
                {
                    self.news.attention(Refusal::MediumFailed.sense().deferred());
                }
                if other {
                    self.choose_speed(u32::MAX);
                }
                // Hosts have to read a disc anew whose sessions are others than before.
                if changed {
                    self.news.media(MediaCode::New, Event::MediaChange { present: true, open: false });
                }
            }
        }
    }

    fn reply(&mut self, result: Result<Answer, Refusal>, given: usize) -> Reply {
        match result {
            Ok(answer) => {
                Reply { ending: Ending::Good, data: answer.data, taken: given, takes: answer.takes }
            }
            Err(refusal) => {
                let sense = refusal.sense();
                self.last_sense = sense;
                Reply::ended(Ending::Check(sense))
            }
        }
    }
}

/// SCSI bus reset occurred (SPC-4).
const RESET: Sense = Sense::new(6, 0x29, 0x02);
/// What a host knows of a command whose answer was lost.
const LINK_FAILED: Sense = Sense::new(4, 0x08, 0x00);

impl Reply {
    fn ended(ending: Ending) -> Self {
        Self { ending, data: Vec::new(), taken: 0, takes: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests;
