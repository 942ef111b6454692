//! A job's progress as one line of text. No terminal, no clock: every case is a row in a test.

use serde::Serialize;

use super::messages::{tr, word};
use super::units;

/// All that a line of progress shows, and the keys of its JSON. What is not known is `None`, and left out of the line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JobView {
    /// The stretch under way, as the bus names it.
    pub phase: String,
    /// How far the phase is, 0–1.
    pub share: Option<f64>,
    /// Bytes done in this phase.
    pub done: u64,
    /// Bytes of this phase; 0 when unknown.
    pub total: u64,
    /// Bytes a second; 0 when nothing moves.
    pub rate: u64,
    /// The kind of the medium: what one "x" is.
    pub medium: Option<String>,
    /// How full the ring is, 0–1.
    pub ring: Option<f64>,
    /// How full the drive's buffer is, 0–1.
    pub drive: Option<f64>,
    /// Seconds left in this phase.
    pub left: Option<u64>,
}

/// One line of at most `width` columns. Too narrow: what matters least goes first, the phase last of all.
pub fn line(job: &JobView, width: usize) -> String {
    let mut fields = fields(job, true);
    while columns(&fields) > width && fields.len() > 1 {
        let least = fields.iter().enumerate().min_by_key(|(_, field)| field.weight).map_or(0, |(at, _)| at);
        fields.remove(least);
    }
    join(&fields).chars().take(width).collect()
}

/// The line for a log: everything that is known, and no bar.
pub fn plain(job: &JobView) -> String {
    join(&fields(job, false))
}

/// A part of the line; the lightest goes first when room is short.
struct Field {
    weight: u8,
    text: String,
}

fn fields(job: &JobView, bar: bool) -> Vec<Field> {
    let field = |weight, text| Field { weight, text };
    let mut fields = vec![field(9, format!("{:<9}", word(&job.phase)))];
    if let Some(share) = job.share {
        let percent = units::percent(share);
        fields.push(field(8, format!("{percent:>3} %")));
        if bar {
            fields.push(field(2, drawn(percent)));
        }
    }
    match (job.done, job.total) {
        (0, 0) => {}
        (done, 0) => fields.push(field(6, units::size(done))),
        (done, total) => fields
            .push(field(6, tr!("{done} of {total}", done = units::size(done), total = units::size(total)))),
    }
    if job.rate > 0 {
        fields.push(field(5, units::rate(job.rate, job.medium.as_deref().unwrap_or_default())));
    }
    if let Some(ring) = job.ring {
        fields.push(field(3, tr!("ring {} %", units::percent(ring))));
    }
    if let Some(drive) = job.drive {
        fields.push(field(4, tr!("drive {} %", units::percent(drive))));
    }
    if let Some(left) = job.left {
        fields.push(field(7, tr!("{} left", units::time(left))));
    }
    fields
}

fn drawn(percent: u8) -> String {
    let full = usize::from(percent) / 5;
    format!("[{}{}]", "#".repeat(full), "-".repeat(20 - full.min(20)))
}

fn columns(fields: &[Field]) -> usize {
    fields.iter().map(|field| field.text.chars().count() + 2).sum::<usize>().saturating_sub(2)
}

fn join(fields: &[Field]) -> String {
    let texts: Vec<&str> = fields.iter().map(|field| field.text.as_str()).collect();
    texts.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writing() -> JobView {
        JobView {
            phase: "writing".to_owned(),
            share: Some(0.43),
            done: 302_100_480,
            total: 702_511_104,
            rate: 7_219_200,
            medium: Some("CD-R".to_owned()),
            ring: Some(0.98),
            drive: Some(0.931),
            left: Some(55),
        }
    }

    #[test]
    fn room_is_given_up_from_the_least_to_the_most_telling() {
        #[rustfmt::skip]
        let cases = [
            (120, "writing     43 %  [########------------]  302.1 MB of 702.5 MB  7.2 MB/s (47×)  ring 98 %  drive 93 %  0:55 left"),
            (100, "writing     43 %  302.1 MB of 702.5 MB  7.2 MB/s (47×)  ring 98 %  drive 93 %  0:55 left"),
            (80, "writing     43 %  302.1 MB of 702.5 MB  7.2 MB/s (47×)  drive 93 %  0:55 left"),
            (70, "writing     43 %  302.1 MB of 702.5 MB  7.2 MB/s (47×)  0:55 left"),
            (60, "writing     43 %  302.1 MB of 702.5 MB  0:55 left"),
            (40, "writing     43 %  0:55 left"),
            (20, "writing     43 %"),
            (10, "writing"),
            (4, "writ"),
            (0, ""),
        ];
        for (width, text) in cases {
            assert_eq!(line(&writing(), width), text, "{width}");
        }
    }

    #[test]
    fn a_line_never_exceeds_its_width() {
        for width in 0..140 {
            assert!(line(&writing(), width).chars().count() <= width, "{width}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let job = |phase: &str| JobView { phase: phase.to_owned(), ..JobView::default() };
        assert_eq!(line(&job("closing"), 80), "closing");
        assert_eq!(line(&JobView { left: Some(32), ..job("closing") }, 80), "closing    0:32 left");
        assert_eq!(line(&JobView { done: 1_204_000, ..job("staging") }, 80), "staging    1.2 MB");
        assert_eq!(
            line(&JobView { share: Some(1.0), ..job("erasing") }, 80),
            "erasing    100 %  [####################]"
        );
    }

    #[test]
    fn a_log_shows_everything_but_the_bar() {
        assert_eq!(
            plain(&writing()),
            "writing     43 %  302.1 MB of 702.5 MB  7.2 MB/s (47×)  ring 98 %  drive 93 %  0:55 left"
        );
    }

    #[test]
    fn nonsense_from_the_bus_is_still_a_line() {
        let job = JobView { share: Some(f64::NAN), ring: Some(-3.0), total: u64::MAX, ..writing() };
        assert!(line(&job, 200).contains("  0 %"));
        assert!(line(&job, 200).contains("ring 0 %"));
    }
}
