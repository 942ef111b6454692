//! Figures as people read them: sizes, times, fills, and the "x" of the box.

use crate::mmc::speed::{Family, Speed};

/// A size in bytes: `0 B`, `812 kB`, `702.4 MB`, `4.70 GB`; units of 1000, as on the box.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A stretch of time: `0:07`, `12:30`, `1:02:03`.
pub fn time(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A share of 1 as whole percent, rounded down so that 100 means all.
pub fn percent(share: f64) -> u8 {
    // The share comes over the bus: it may be anything, NaN included, and `as` saturates.
    (share * 100.0 + 1e-9).clamp(0.0, 100.0) as u8
}

/// The family of a kind of medium, by its name on the bus.
pub fn family(kind: &str) -> Option<Family> {
    match kind.get(..2)? {
        "CD" => Some(Family::Cd),
        "DV" => Some(Family::Dvd),
        "BD" => Some(Family::Bd),
        _ => None,
    }
}

/// A recorder's speed in kB/s of 1000 with its label: `16× (22160 kB/s)`.
pub fn speed(kbs: u32, kind: &str) -> String {
    match family(kind) {
        Some(family) => format!("{} ({kbs} kB/s)", Speed(kbs).label(family).replace('x', "×")),
        None => format!("{kbs} kB/s"),
    }
}

/// The speed at which content flows, with its factor when the medium is known: `7.2 MB/s (47×)`.
pub fn rate(bytes_a_second: u64, kind: &str) -> String {
    let plain = format!("{}/s", size(bytes_a_second));
    match single(kind) {
        Some(single) => format!("{plain} ({}×)", factor(bytes_a_second as f64 / f64::from(single))),
        None => plain,
    }
}

/// One "x" of content, bytes a second. A CD carries 2048 bytes of content in each of its 75 sectors of 2352 a second.
fn single(kind: &str) -> Option<u32> {
    Some(match family(kind)? {
        Family::Cd => 75 * 2048,
        other => other.bytes_per_second(),
    })
}

fn factor(factor: f64) -> String {
    if factor < 9.95 { format!("{factor:.1}") } else { format!("{factor:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_three_or_four_figures() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (812_345, "812 kB"),
            (702_400_000, "702.4 MB"),
            (4_700_372_992, "4.70 GB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn times_show_hours_only_when_there_are_any() {
        assert_eq!([time(7), time(750), time(3723)], ["0:07", "12:30", "1:02:03"]);
    }

    #[test]
    fn a_share_is_whole_percent_whatever_comes_over_the_bus() {
        let shares = [0.0, 0.29, 0.999, 1.0, 7.0, -1.0, f64::NAN];
        assert_eq!(shares.map(percent), [0, 29, 99, 100, 100, 0, 0]);
    }

    #[test]
    fn speeds_carry_the_label_of_their_medium() {
        assert_eq!(speed(22_160, "DVD+R"), "16× (22160 kB/s)");
        assert_eq!(speed(3_324, "DVD+R"), "2.4× (3324 kB/s)");
        assert_eq!(speed(8_467, "CD-R"), "48× (8467 kB/s)");
        assert_eq!(speed(17_984, "BD-R"), "4× (17984 kB/s)");
        assert_eq!(speed(1_000, "unknown"), "1000 kB/s");
    }

    #[test]
    fn content_flows_at_a_factor_of_its_own() {
        assert_eq!(rate(7_372_800, "CD-R"), "7.4 MB/s (48×)");
        assert_eq!(rate(3_324_000, "DVD-RW"), "3.3 MB/s (2.4×)");
        assert_eq!(rate(812_000, ""), "812 kB/s");
    }
}
