//! How often progress is told: at most ten times a second, and at every change of phase.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::{Phase, Progress};

/// The shortest time between two tellings within a phase.
const INTERVAL: Duration = Duration::from_millis(100);

/// Decides which of a stream of progress reports are worth telling.
#[derive(Debug, Default)]
pub struct Pace {
    told: Option<(Instant, Phase, u64, u64)>,
}

impl Pace {
    /// Whether this report is to be told: the first of its phase, the first that reaches the end, or one that comes
    /// long enough after the last.
    pub fn admits(&mut self, now: Instant, progress: &Progress) -> bool {
        let Progress { phase, done, total, .. } = *progress;
        let admitted = self.told.is_none_or(|(at, last, last_done, last_total)| {
            let ends = done == total && total > 0 && !(last_done == last_total && last_total > 0);
            phase != last || ends || now.saturating_duration_since(at) >= INTERVAL
        });
        if admitted {
            self.told = Some((now, phase, done, total));
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn writing(done: u64, total: u64) -> Progress {
        Progress { done, total, ..Progress::begin(Phase::Writing) }
    }

    #[test]
    fn the_first_the_last_and_every_phase_are_told_however_fast_they_come() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert!(pace.admits(now, &writing(0, 9)));
        assert!(!pace.admits(now, &writing(4, 9)));
        assert!(pace.admits(now, &writing(9, 9)));
        assert!(!pace.admits(now, &writing(9, 9)));
        assert!(pace.admits(now, &Progress::begin(Phase::Closing)));
    }

    #[test]
    fn a_tenth_of_a_second_is_enough_and_a_millisecond_less_is_not() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert!(pace.admits(now, &writing(1, 9)));
        assert!(!pace.admits(now + Duration::from_millis(99), &writing(2, 9)));
        assert!(pace.admits(now + Duration::from_millis(100), &writing(3, 9)));
    }

    proptest! {
        #[test]
        fn one_phase_is_told_at_most_ten_times_a_second_and_once_at_its_end(
            steps in proptest::collection::vec((0..40_u64, 0..30_u64), 1..200)
        ) {
            let mut pace = Pace::default();
            let start = Instant::now();
            let mut at = 0;
            let mut told = 0;
            let mut ended = 0;
            for (gap, done) in steps {
                at += gap;
                if pace.admits(start + Duration::from_millis(at), &writing(done.min(20), 20)) {
                    told += 1;
                    ended += u64::from(done >= 20);
                }
            }
            prop_assert!(told <= 2 + at / 100 + ended);
        }
    }
}
