//! What surrounds an operation: time, whoever watches, and whoever may cancel.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::api::{BLOCK, Phase, Progress};

/// Time, the watcher and the canceller of an operation. The worker's own is the broker at the other end of its
/// channel; tests and benchmarks bring theirs, with a clock that need not be the wall's.
pub trait Host {
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Waits so long, or less when something arrives that [`Host::cancelled`] tells of.
    fn pause(&mut self, length: Duration);

    /// Somebody wants the operation to end.
    fn cancelled(&mut self) -> bool;

    /// Shows how far it is. Must not wait.
    fn progress(&mut self, progress: &Progress);

    /// A descriptor that becomes readable when [`Host::cancelled`] may have changed.
    fn wake(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// Keeps the figures of an operation and shows them: each change of phase, else ten times a second at most.
#[derive(Debug)]
pub(super) struct Reporter {
    current: Progress,
    shown: Option<Duration>,
    /// When and at how many blocks the rate was last taken.
    mark: (Duration, u64),
    /// Bytes of a block.
    block: u32,
}

impl Reporter {
    pub const fn new() -> Self {
        Self {
            current: Progress::begin(Phase::Queued),
            shown: None,
            mark: (Duration::ZERO, 0),
            block: BLOCK as u32,
        }
    }

    /// From here on blocks have so many bytes.
    pub const fn count_in(&mut self, block: u32) {
        self.block = block;
    }

    /// Enters a phase of `total` blocks, 0 when that says nothing.
    pub fn begin(&mut self, host: &mut dyn Host, phase: Phase, total: u64, cancelable: bool) {
        self.enter(host, Progress { total, cancelable, ..Progress::begin(phase) });
    }

    /// Enters a phase that cannot be cancelled and is expected to take so long.
    pub fn begin_for(&mut self, host: &mut dyn Host, phase: Phase, seconds: Option<u32>) {
        let begun = Progress::begin(phase);
        self.enter(host, Progress { expected_seconds: seconds, cancelable: false, ..begun });
    }

    fn enter(&mut self, host: &mut dyn Host, begun: Progress) {
        let ring_fill = self.current.ring_fill.filter(|_| begun.phase == Phase::Writing);
        self.current = Progress { ring_fill, tracks: self.current.tracks, block: self.block, ..begun };
        self.mark = (host.now(), 0);
        self.show(host);
    }

    /// Takes in new figures, and shows them when it is time to.
    pub fn update(&mut self, host: &mut dyn Host, change: impl FnOnce(&mut Progress)) {
        let now = host.now();
        if self.shown.is_some_and(|shown| now.saturating_sub(shown) < SHOW_EVERY) {
            return;
        }
        change(&mut self.current);
        self.take_rate(now);
        self.show(host);
    }

    /// Takes in how many tracks of an audio disc are written, and shows it.
    pub fn tracks(&mut self, host: &mut dyn Host, done: u32, total: u32) {
        self.current.tracks = Some((done, total));
        self.show(host);
    }

    /// A cancel would be honoured now.
    pub const fn cancelable(&self) -> bool {
        self.current.cancelable
    }

    fn take_rate(&mut self, now: Duration) {
        let (since, blocks) = self.mark;
        let elapsed = now.saturating_sub(since);
        if elapsed >= RATE_OVER {
            let bytes = u128::from(self.current.done.saturating_sub(blocks)) * u128::from(self.current.block);
            let rate = bytes * 1_000_000 / elapsed.as_micros().max(1);
            self.current.rate = u64::try_from(rate).unwrap_or(u64::MAX);
            self.mark = (now, self.current.done);
        }
    }

    fn show(&mut self, host: &mut dyn Host) {
        // Before its first phase an operation has nothing to tell.
        if self.current.phase == Phase::Queued {
            return;
        }
        self.shown = Some(host.now());
        host.progress(&self.current);
    }
}

/// The broker coalesces to ten a second as well; more would wake it for nothing.
const SHOW_EVERY: Duration = Duration::from_millis(100);
const RATE_OVER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Log {
        now: Duration,
        shown: Vec<Progress>,
    }

    impl Host for Log {
        fn now(&self) -> Duration {
            self.now
        }
        fn pause(&mut self, length: Duration) {
            self.now += length;
        }
        fn cancelled(&mut self) -> bool {
            false
        }
        fn progress(&mut self, progress: &Progress) {
            self.shown.push(*progress);
        }
    }

    #[test]
    fn figures_come_ten_times_a_second_and_every_phase_at_once() {
        let (mut log, mut reporter) = (Log::default(), Reporter::new());
        reporter.begin(&mut log, Phase::Writing, 1000, true);
        for step in 0..200 {
            log.pause(Duration::from_millis(10));
            reporter.update(&mut log, |p| p.done = step);
        }
        reporter.begin(&mut log, Phase::Flushing, 0, false);
        assert_eq!(log.shown.len(), 22);
        assert_eq!(log.shown.last().unwrap().phase, Phase::Flushing);
    }

    #[test]
    fn the_rate_is_taken_over_a_second() {
        let (mut log, mut reporter) = (Log::default(), Reporter::new());
        reporter.begin(&mut log, Phase::Writing, 1000, true);
        for second in 1..=3 {
            log.pause(Duration::from_secs(1));
            reporter.update(&mut log, |p| p.done = second * 75);
        }
        assert_eq!(log.shown.last().unwrap().rate, 75 * 2048);
    }

    #[test]
    fn blocks_of_sound_count_as_many_bytes_as_they_have() {
        let (mut log, mut reporter) = (Log::default(), Reporter::new());
        reporter.count_in(2352);
        reporter.begin(&mut log, Phase::Writing, 1000, true);
        log.pause(Duration::from_secs(1));
        reporter.update(&mut log, |p| p.done = 75);
        let shown = log.shown.last().unwrap();
        assert_eq!((shown.rate, shown.block), (75 * 2352, 2352));
    }
}
