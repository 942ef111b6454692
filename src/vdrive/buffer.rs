//! The drive's buffer: filled by writes, drained at the speed of writing. A model of time; the data themselves
//! are on the medium at once.

use std::time::Duration;

/// How full the buffer is, and whether the laser is on.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    size: u64,
    /// Bytes in it as of `at`.
    level: u64,
    at: Duration,
    /// Bytes a second; none for a drive that takes everything at once.
    rate: Option<u64>,
    writing: bool,
    underruns: u32,
    /// It ran empty since this was last asked.
    starved: bool,
}

impl Buffer {
    /// An empty buffer of `size` bytes, drained at `rate` bytes a second.
    pub fn new(size: u32, rate: Option<u64>) -> Self {
        Self {
            size: u64::from(size.max(1)),
            level: 0,
            at: Duration::ZERO,
            rate,
            writing: false,
            underruns: 0,
            starved: false,
        }
    }

    /// Lets it drain up to `now`.
    pub fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at);
        let Some(rate) = self.rate else {
            (self.level, self.at) = (0, self.at.max(now));
            return;
        };
        if !self.writing {
            self.at = self.at.max(now);
            return;
        }
        let drained = u64::try_from(passed.as_nanos() * u128::from(rate) / 1_000_000_000).unwrap_or(u64::MAX);
        if drained == 0 {
            // Less than a byte: keep the time, or polling often would stop the laser.
            return;
        }
        self.at = now;
        if drained >= self.level {
            self.underruns += 1;
            self.starved = true;
            self.writing = false;
        }
        self.level = self.level.saturating_sub(drained);
    }

    /// Takes `bytes` if there is room now.
    pub fn take(&mut self, bytes: u64) -> bool {
        if self.rate.is_none() {
            return true;
        }
        // What is larger than the buffer goes through an empty one.
        if self.level + bytes > self.size && self.level > 0 {
            return false;
        }
        self.level = (self.level + bytes).min(self.size);
        // The laser goes on when there is enough to burn for a while.
        self.writing |= self.level * 4 >= self.size * 3;
        true
    }

    /// Writes out what is there: starts the laser, returns how long it takes. Running empty is no fault then.
    pub fn flush(&mut self) -> Duration {
        let time = self.time_to_drain();
        self.level = 0;
        self.writing = false;
        self.starved = false;
        time
    }

    /// Throws away what is there.
    pub fn clear(&mut self) {
        self.level = 0;
        self.writing = false;
        self.starved = false;
    }

    /// Chooses the speed, bytes a second.
    pub fn set_rate(&mut self, rate: Option<u64>) {
        self.rate = rate.map(|rate| rate.max(1));
        if rate.is_none() {
            self.clear();
        }
    }

    /// Whether it ran empty under the laser since this was last asked.
    pub fn starved(&mut self) -> bool {
        std::mem::take(&mut self.starved)
    }

    /// How often it ran empty.
    pub fn underruns(&self) -> u32 {
        self.underruns
    }

    /// Bytes that it holds at most.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes in it.
    pub fn level(&self) -> u64 {
        self.level
    }

    fn time_to_drain(&self) -> Duration {
        match self.rate {
            Some(rate) => Duration::from_nanos(
                u64::try_from(u128::from(self.level) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX),
            ),
            None => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_last_byte_fits_and_one_more_does_not() {
        let mut buffer = Buffer::new(1000, Some(100));
        assert!(buffer.take(999));
        assert!(!buffer.clone().take(2));
        assert!(buffer.take(1));
    }

    #[test]
    fn it_drains_at_its_rate_however_often_it_is_looked_at() {
        let mut buffer = Buffer::new(1000, Some(100));
        buffer.take(1000);
        for step in 1..=4000 {
            buffer.advance(SECOND * step / 1000);
        }
        assert_eq!(buffer.level(), 600);
        assert!(!buffer.starved());
    }

    #[test]
    fn it_starves_when_the_host_is_late_but_not_when_it_flushes() {
        let mut late = Buffer::new(1000, Some(100));
        late.take(1000);
        late.advance(SECOND * 11);
        assert!(late.starved() && !late.starved());
        assert_eq!(late.underruns(), 1);
        let mut flushed = Buffer::new(1000, Some(100));
        flushed.take(500);
        assert_eq!(flushed.flush(), SECOND * 5);
        flushed.advance(SECOND * 60);
        assert_eq!((flushed.starved(), flushed.level()), (false, 0));
    }

    #[test]
    fn the_laser_waits_for_three_quarters() {
        let mut buffer = Buffer::new(1000, Some(100));
        buffer.take(749);
        buffer.advance(SECOND);
        assert_eq!(buffer.level(), 749);
        buffer.take(1);
        buffer.advance(SECOND * 2);
        assert_eq!(buffer.level(), 650);
    }

    #[test]
    fn a_drive_without_limit_takes_everything() {
        let mut buffer = Buffer::new(10, None);
        assert!((0..100).all(|_| buffer.take(1 << 30)));
        buffer.advance(SECOND);
        assert_eq!((buffer.level(), buffer.underruns()), (0, 0));
    }
}
