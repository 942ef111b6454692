//! IMAPI's events, told once each and in IMAPI's order, out of what helpers report.

use crate::api::{Phase, Progress};

/// A signal of the Session interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The list of recorders, or the format, changed.
    PnpActivity,
    /// Staging: done and total, in bytes.
    AddProgress(u64, u64),
    /// Recording: done and total, in blocks.
    BlockProgress(u64, u64),
    /// Recording an audio disc: done and total, in tracks.
    TrackProgress(u32, u32),
    /// Silence follows until the first block, for about so many seconds.
    PreparingBurn(u32),
    /// Silence follows until the end, for about so many seconds.
    ClosingDisc(u32),
    /// The end of `RecordDisc`: the error's name or an empty string, and a sentence.
    BurnComplete(String, String),
    /// The end of `Erase`, likewise.
    EraseComplete(String, String),
}

/// The events of one burn, from its first report to its end.
#[derive(Debug, Default)]
pub struct BurnEvents {
    prepared: bool,
    closing: bool,
    blocks: Blocks,
    tracks: Option<u32>,
}

/// Progress in steps that begin at nothing and end at all.
#[derive(Debug, Default)]
struct Blocks {
    told: Option<u64>,
    total: u64,
}

impl BurnEvents {
    /// The events of a burn that has been told of as far as this.
    pub fn told(progress: &Progress) -> Self {
        let mut events = Self::default();
        events.report(progress, true);
        events
    }

    /// The events that a report calls for; `due` tells whether figures may be told again.
    pub fn report(&mut self, progress: &Progress, due: bool) -> Vec<Event> {
        let seconds = progress.expected_seconds.unwrap_or(0);
        let mut events = Vec::new();
        match progress.phase {
            Phase::Queued | Phase::Staging | Phase::Erasing | Phase::Finished => {}
            Phase::Preparing => self.prepare(seconds, &mut events),
            Phase::Writing => {
                self.prepare(0, &mut events);
                let told = self.blocks.step(progress.done, progress.total, due);
                events.extend(told.into_iter().map(|done| Event::BlockProgress(done, progress.total)));
                self.track(progress, &mut events);
            }
            Phase::Flushing => {
                self.track(progress, &mut events);
                self.written(&mut events);
            }
            Phase::Closing => self.close(seconds, &mut events),
            Phase::Verifying | Phase::Ejecting => self.close(0, &mut events),
        }
        events
    }

    /// What is still to be told when the burn has succeeded.
    pub fn succeed(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.close(0, &mut events);
        events
    }

    /// Tracks are told one by one: reports may leave some out.
    fn track(&mut self, progress: &Progress, events: &mut Vec<Event>) {
        let Some((done, total)) = progress.tracks else { return };
        let from = self.tracks.map_or(0, |told| told.saturating_add(1));
        events.extend((from..=done.min(total)).map(|done| Event::TrackProgress(done, total)));
        self.tracks = Some(done.max(self.tracks.unwrap_or(0)));
    }

    fn prepare(&mut self, seconds: u32, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.prepared, true) {
            events.push(Event::PreparingBurn(seconds));
        }
    }

    fn written(&mut self, events: &mut Vec<Event>) {
        self.prepare(0, events);
        let total = self.blocks.total;
        events.extend(self.blocks.end().into_iter().map(|done| Event::BlockProgress(done, total)));
    }

    fn close(&mut self, seconds: u32, events: &mut Vec<Event>) {
        self.written(events);
        if !std::mem::replace(&mut self.closing, true) {
            events.push(Event::ClosingDisc(seconds));
        }
    }
}

/// The events of one addition.
#[derive(Debug, Default)]
pub struct AddEvents {
    bytes: Blocks,
}

impl AddEvents {
    /// The events of an addition that has been told of as far as this.
    pub fn told(progress: &Progress) -> Self {
        let mut events = Self::default();
        if progress.phase == Phase::Staging && progress.total > 0 {
            events.report(progress, true);
        }
        events
    }

    /// The events that a report calls for; `due` tells whether figures may be told again.
    pub fn report(&mut self, progress: &Progress, due: bool) -> Vec<Event> {
        let told = self.bytes.step(progress.done, progress.total, due);
        told.into_iter().map(|done| Event::AddProgress(done, progress.total)).collect()
    }

    /// What is still to be told when the addition has succeeded and brought so many bytes.
    pub fn succeed(&mut self, bytes: u64) -> Vec<Event> {
        let total = if self.bytes.total == 0 { bytes } else { self.bytes.total };
        let mut told = self.bytes.step(total, total, true);
        told.extend(self.bytes.end());
        told.into_iter().map(|done| Event::AddProgress(done, total)).collect()
    }
}

impl Blocks {
    /// The figures to tell now: nothing done first, and nothing twice.
    fn step(&mut self, done: u64, total: u64, due: bool) -> Vec<u64> {
        self.total = total;
        let mut tell = Vec::new();
        if self.told.is_none() {
            tell.push(0);
            self.told = Some(0);
        }
        if (due || done == total) && self.told < Some(done) {
            tell.push(done);
            self.told = Some(done);
        }
        tell
    }

    /// The last figure, unless it was told.
    fn end(&mut self) -> Option<u64> {
        let missing = self.told.is_some_and(|told| told < self.total);
        missing.then(|| {
            self.told = Some(self.total);
            self.total
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_track_is_told_once_and_in_order() {
        let mut burn = BurnEvents::default();
        let mut told = Vec::new();
        for (phase, done) in
            [(Phase::Writing, 0), (Phase::Writing, 2), (Phase::Writing, 2), (Phase::Flushing, 3)]
        {
            let progress = Progress { tracks: Some((done, 3)), ..Progress::begin(phase) };
            told.extend(burn.report(&progress, false));
        }
        told.retain(|event| matches!(event, Event::TrackProgress(..)));
        assert_eq!(told, [0, 1, 2, 3].map(|done| Event::TrackProgress(done, 3)));
    }

    fn report(phase: Phase, done: u64, total: u64, seconds: Option<u32>) -> Progress {
        Progress { done, total, expected_seconds: seconds, ..Progress::begin(phase) }
    }

    #[test]
    fn a_whole_burn_tells_imapis_events_in_imapis_order() {
        let mut events = BurnEvents::default();
        let mut told = Vec::new();
        for progress in [
            report(Phase::Preparing, 0, 0, Some(7)),
            report(Phase::Preparing, 0, 0, Some(5)),
            report(Phase::Writing, 32, 300, None),
            report(Phase::Writing, 288, 300, None),
            report(Phase::Flushing, 0, 0, None),
            report(Phase::Closing, 0, 0, Some(9)),
            report(Phase::Closing, 0, 0, Some(4)),
            report(Phase::Verifying, 17, 300, None),
        ] {
            told.extend(events.report(&progress, true));
        }
        told.extend(events.succeed());
        assert_eq!(
            told,
            [
                Event::PreparingBurn(7),
                Event::BlockProgress(0, 300),
                Event::BlockProgress(32, 300),
                Event::BlockProgress(288, 300),
                Event::BlockProgress(300, 300),
                Event::ClosingDisc(9),
            ]
        );
    }

    #[test]
    fn a_worker_that_reports_little_still_makes_every_event() {
        let mut events = BurnEvents::default();
        let mut told = events.report(&report(Phase::Writing, 300, 300, None), false);
        told.extend(events.succeed());
        assert_eq!(
            told,
            [
                Event::PreparingBurn(0),
                Event::BlockProgress(0, 300),
                Event::BlockProgress(300, 300),
                Event::ClosingDisc(0),
            ]
        );
    }

    #[test]
    fn a_burn_that_fails_while_preparing_tells_no_block_and_no_closing() {
        let mut events = BurnEvents::default();
        assert_eq!(events.report(&report(Phase::Preparing, 0, 0, None), true), [Event::PreparingBurn(0)]);
    }

    #[test]
    fn an_addition_that_is_gone_on_with_does_not_begin_anew() {
        let mut events = AddEvents::told(&report(Phase::Staging, 500, 900, None));
        assert_eq!(
            events.report(&report(Phase::Staging, 600, 900, None), true),
            [Event::AddProgress(600, 900)]
        );
        let mut events = AddEvents::told(&Progress::begin(Phase::Staging));
        assert_eq!(events.report(&report(Phase::Staging, 0, 900, None), true), [Event::AddProgress(0, 900)]);
    }

    #[test]
    fn an_addition_tells_its_first_and_its_last_step() {
        let mut events = AddEvents::default();
        let mut told = events.report(&report(Phase::Staging, 70, 900, None), false);
        told.extend(events.succeed(900));
        assert_eq!(told, [Event::AddProgress(0, 900), Event::AddProgress(900, 900)]);
        assert_eq!(AddEvents::default().succeed(5), [Event::AddProgress(0, 5), Event::AddProgress(5, 5)]);
    }
}
