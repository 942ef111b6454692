//! Points in time as the bus and people see them.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// Microseconds since 1970, as every time on the bus.
pub fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A point in time for a person, in UTC: `2026-11-23T01:15:02Z`.
pub fn rfc3339(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_reads_as_people_write_it() {
        let at = UNIX_EPOCH + Duration::from_secs(1_795_396_502);
        assert_eq!(rfc3339(at), "2026-11-23T01:15:02Z");
        assert_eq!(micros(at), 1_795_396_502_000_000);
    }
}
