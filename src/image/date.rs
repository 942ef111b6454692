//! Dates of ISO 9660: 7 bytes in records, 17 in descriptors. Always UTC; clamped to what the 7 bytes can hold.

use time::{Date, Month, OffsetDateTime, Time};

/// 1900-01-01 00:00:00 UTC: the first second of a 7-byte date.
const FIRST: i64 = -2_208_988_800;
/// 2155-12-31 23:59:59 UTC: the last second of a 7-byte date.
const LAST: i64 = 5_869_583_999;

/// Directory record date (ECMA-119 §9.1.5) of `seconds` since 1970: years since 1900, month, day, hour, minute,
/// second, and 0 quarter-hours from GMT.
pub fn short(seconds: i64) -> [u8; 7] {
    let date = clamped(seconds);
    let years = u8::try_from(date.year() - 1900).unwrap_or(u8::MAX);
    [years, date.month().into(), date.day(), date.hour(), date.minute(), date.second(), 0]
}

/// Volume descriptor date (ECMA-119 §8.4.26.1) of `seconds` since 1970: 16 digits, and 0 quarter-hours from GMT.
pub fn long(seconds: i64) -> [u8; 17] {
    let date = clamped(seconds);
    let text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}00",
        date.year(),
        u8::from(date.month()),
        date.day(),
        date.hour(),
        date.minute(),
        date.second()
    );
    let mut bytes = UNSPECIFIED;
    for (byte, digit) in bytes[..16].iter_mut().zip(text.bytes()) {
        *byte = digit;
    }
    bytes
}

/// Seconds since 1970 of a 7-byte date; `None` when it is none (all zero, or no date of the calendar).
pub fn read_short(bytes: &[u8]) -> Option<i64> {
    let (&years, rest) = bytes.split_first()?;
    seconds(1900 + i32::from(years), rest.try_into().ok()?)
}

/// Seconds since 1970 of a 17-byte date; `None` when it is none.
pub fn read_long(bytes: &[u8]) -> Option<i64> {
    let (digits, [offset]) = bytes.split_first_chunk::<16>().filter(|(_, rest)| rest.len() == 1)? else {
        return None;
    };
    let number = |from: usize, to: usize| std::str::from_utf8(&digits[from..to]).ok()?.parse::<u16>().ok();
    let small = |from: usize| u8::try_from(number(from, from + 2)?).ok();
    let rest = [small(4)?, small(6)?, small(8)?, small(10)?, small(12)?, *offset];
    seconds(number(0, 4)?.into(), rest)
}

/// Of a year, and month, day, hour, minute, second, and the signed number of quarter-hours from GMT (ECMA-119 §9.1.5).
fn seconds(year: i32, [month, day, hour, minute, second, offset]: [u8; 6]) -> Option<i64> {
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let time = Time::from_hms(hour, minute, second).ok()?;
    let offset = i64::from(offset.cast_signed()) * 15 * 60;
    Some(date.with_time(time).assume_utc().unix_timestamp() - offset)
}

/// A descriptor date that says nothing: 16 digits 0 and a zero byte (ECMA-119 §8.4.26.1).
pub const UNSPECIFIED: [u8; 17] = *b"0000000000000000\0";

fn clamped(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds.clamp(FIRST, LAST)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_dates_are_years_since_1900_in_utc() {
        assert_eq!(short(1_234_567_890), [109, 2, 13, 23, 31, 30, 0]);
        assert_eq!(short(0), [70, 1, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn dates_outside_1900_to_2155_are_clamped() {
        assert_eq!(short(FIRST), [0, 1, 1, 0, 0, 0, 0]);
        assert_eq!(short(FIRST - 1), [0, 1, 1, 0, 0, 0, 0]);
        assert_eq!(short(LAST), [255, 12, 31, 23, 59, 59, 0]);
        assert_eq!(short(LAST + 1), [255, 12, 31, 23, 59, 59, 0]);
        assert_eq!(short(i64::MIN), short(FIRST));
        assert_eq!(short(i64::MAX), short(LAST));
    }

    #[test]
    fn dates_are_read_back_with_their_distance_from_gmt() {
        assert_eq!(read_short(&short(1_234_567_890)), Some(1_234_567_890));
        assert_eq!(read_long(&long(1_234_567_890)), Some(1_234_567_890));
        // Two hours east, and three quarters of an hour west.
        assert_eq!(read_short(&[70, 1, 1, 2, 0, 0, 8]), Some(0));
        assert_eq!(read_short(&[69, 12, 31, 23, 15, 0, 0xfd]), Some(0));
        assert_eq!((read_short(&[0; 7]), read_long(&UNSPECIFIED)), (None, None));
        assert_eq!((read_short(&[70, 2, 30, 0, 0, 0, 0]), read_short(&[70; 6])), (None, None));
        assert_eq!(read_long(b"19700101000000+0\0"), Some(0));
        assert_eq!(read_long(b"1970010100-00000\0"), None);
    }

    #[test]
    fn long_dates_are_digits_and_an_offset() {
        assert_eq!(&long(1_234_567_890), b"2009021323313000\0");
        assert_eq!(&long(i64::MAX), b"2155123123595900\0");
    }
}
