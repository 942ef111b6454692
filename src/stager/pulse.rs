//! The pulse of a long request: shows progress, and notices that it is cancelled or that the broker is gone.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::StagerEnd;
use super::errors;
use crate::api::{Error, ErrorKind, Phase, Progress, Result};
use crate::wire::broker_stager::{Ask, FromStager, Tell};

/// How often the broker is listened to while something runs.
const LISTEN: Duration = Duration::from_millis(20);
/// How often progress is shown at most.
const SHOW: Duration = Duration::from_millis(100);
/// `Again`s that can wait: brokers ask twice, and are killed again and again.
const MOST_AGAIN: usize = 1024;
/// Steps between two looks at the clock.
const STEPS: u32 = 64;

/// The pulse of one request.
#[derive(Debug)]
pub struct Pulse<'a> {
    channel: Option<&'a StagerEnd>,
    id: u32,
    survives: bool,
    steps: u32,
    listened: Instant,
    shown: Instant,
    shown_done: u64,
    progress: Progress,
    again: Vec<u32>,
}

impl<'a> Pulse<'a> {
    /// The pulse of request `id`.
    pub fn new(channel: &'a StagerEnd, id: u32, phase: Phase) -> Self {
        Self { channel: Some(channel), id, ..Self::silent(phase) }
    }

    /// The pulse of something that nobody watches.
    pub fn silent(phase: Phase) -> Self {
        let now = Instant::now();
        Self {
            channel: None,
            id: 0,
            survives: false,
            steps: 0,
            // Whoever has been waiting with a cancel is heard at once.
            listened: now.checked_sub(LISTEN).unwrap_or(now),
            shown: now,
            shown_done: 0,
            progress: Progress::begin(phase),
            again: Vec::new(),
        }
    }

    /// From now on the broker's death, or its breaking the protocol, ends nothing.
    pub fn survive(&mut self, total: u64) {
        self.survives = true;
        self.progress.total = total;
    }

    /// So much is to be done.
    pub fn expect(&mut self, total: u64) {
        self.progress.total = total;
    }

    /// A small step, of which there are thousands a second: looks at the clock now and then.
    ///
    /// # Errors
    /// `UserAbort` when the request is cancelled, or the broker is gone.
    pub fn step(&mut self, done: u64) -> Result<()> {
        self.steps += 1;
        if self.steps < STEPS {
            return Ok(());
        }
        self.beat(done, None)
    }

    /// A large step.
    ///
    /// # Errors
    /// As for [`Pulse::step`].
    pub fn beat(&mut self, done: u64, ring_fill: Option<f64>) -> Result<()> {
        self.steps = 0;
        let now = Instant::now();
        if now.duration_since(self.listened) >= LISTEN {
            self.listened = now;
            self.listen()?;
        }
        if now.duration_since(self.shown) >= SHOW {
            self.show(now, done, ring_fill);
        }
        Ok(())
    }

    /// What to watch beside the ring while waiting for it; nothing once the broker is gone.
    pub fn watch(&self) -> Option<BorrowedFd<'a>> {
        self.channel.map(AsFd::as_fd)
    }

    /// Takes what the broker says while the request runs.
    ///
    /// # Errors
    /// As for [`Pulse::step`].
    pub fn listen(&mut self) -> Result<()> {
        let Some(channel) = self.channel else { return Ok(()) };
        let ended = match channel.try_receive() {
            Ok(None) => return Ok(()),
            Ok(Some((message, _))) => match message.ask {
                Ask::Cancel if message.id == self.id => return Err(errors::cancelled()),
                // One that crossed the end of an earlier request; ours may wait behind it.
                Ask::Cancel => return self.listen(),
                Ask::Again if self.again.len() < MOST_AGAIN => {
                    self.again.push(message.id);
                    return self.listen();
                }
                other => format!("it asked for {} while another request ran", super::state::name(&other)),
            },
            Err(error) => error.to_string(),
        };
        self.channel = None;
        if self.survives {
            tracing::warn!("the broker is not heard any more ({ended}); the burn goes on");
            return Ok(());
        }
        Err(Error::new(ErrorKind::UserAbort, format!("the broker is gone: {ended}")))
    }

    /// The numbers of those `Again` that came on the way, and are to be answered at the end.
    pub fn again(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.again)
    }

    /// Whether the broker was lost on the way.
    pub const fn is_deaf(&self) -> bool {
        self.channel.is_none()
    }

    fn show(&mut self, now: Instant, done: u64, ring_fill: Option<f64>) {
        let seconds = now.duration_since(self.shown).as_secs_f64();
        self.progress.rate = (done.saturating_sub(self.shown_done) as f64 / seconds) as u64;
        self.progress.done = done;
        self.progress.ring_fill = ring_fill;
        self.shown = now;
        self.shown_done = done;
        if let Some(channel) = self.channel {
            // A broker that is too slow for it, or gone, goes without.
            let _ = channel.try_send(&FromStager { id: self.id, tell: Tell::Progress(self.progress) });
        }
    }
}
