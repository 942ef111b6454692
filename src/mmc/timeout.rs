//! How long a drive may take over one command before it counts as hung.
//!
//! The figures are those that recording programs arrived at. The kernel resets a drive whose time is up, and with it
//! the disc that it was writing: where two programs differ, the longer stands. A command with its Immed bit is answered
//! at once by the standard; a drive that takes no notice of the bit gets an hour before it is given up.

use std::time::Duration;

use super::opcode::Opcode;

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The command.
    pub opcode: Opcode,
    /// Seconds.
    pub seconds: u64,
    /// Why so many.
    pub why: &'static str,
}

/// The longest that this command may take.
pub fn longest(cdb: &[u8]) -> Duration {
    let opcode = cdb.first().map(|code| Opcode(*code));
    let limit = LIMITS.iter().find(|limit| Some(limit.opcode) == opcode);
    let seconds = limit.map_or(USUAL, |limit| limit.seconds);
    Duration::from_secs(if immediate(cdb) { seconds.min(IMMEDIATE) } else { seconds })
}

/// BLANK with its Immed bit; the others that know one never take longer than an hour, or have it in their parameters.
fn immediate(cdb: &[u8]) -> bool {
    matches!(cdb, [code, flags, ..] if Opcode(*code) == Opcode::BLANK && flags & 0x10 != 0)
}

const fn limit(opcode: Opcode, seconds: u64, why: &'static str) -> Limit {
    Limit { opcode, seconds, why }
}

/// Commands that are answered at once, or after a spin-up.
const USUAL: u64 = 30;

const IMMEDIATE: u64 = 3_600;

/// The commands that may take longer than the usual thirty seconds.
#[rustfmt::skip]
pub const LIMITS: &[Limit] = &[
    limit(Opcode::WRITE_10,            200,    "calibrates at the first, writes its buffer out before it answers"),
    limit(Opcode::WRITE_12,            200,    "as WRITE(10)"),
    limit(Opcode::RESERVE_TRACK,       200,    "writes to the program memory area"),
    limit(Opcode::SEND_CUE_SHEET,      200,    "writes to the program memory area"),
    limit(Opcode::SEND_DISC_STRUCTURE, 180,    "some calibrate here"),
    limit(Opcode::SEND_OPC,            200,    "calibration, on some drives over several speeds"),
    limit(Opcode::READ_10,             60,     "searches and tries again on bad blocks"),
    limit(Opcode::READ_CD,             60,     "as READ(10)"),
    limit(Opcode::START_STOP_UNIT,     300,    "pulls a disc in and makes it ready"),
    limit(Opcode::SYNCHRONIZE_CACHE,   3_600,  "a buffer, and on write-once DVD the rest of the least lead-out"),
    limit(Opcode::CLOSE_TRACK_SESSION, 3_600,  "lead-in and lead-out"),
    limit(Opcode::BLANK,               18_000, "every block at single speed"),
    limit(Opcode::FORMAT_UNIT,         18_000, "every block, written and read"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::IntoBytes as _;

    use crate::mmc::cdb::{Blank, SynchronizeCache, TestUnitReady};

    #[test]
    fn no_command_has_two_limits_and_none_less_than_the_usual() {
        for (at, limit) in LIMITS.iter().enumerate() {
            assert!(LIMITS[..at].iter().all(|above| above.opcode != limit.opcode), "{}", limit.opcode);
            assert!(limit.seconds > USUAL, "{}", limit.opcode);
        }
    }

    #[test]
    fn a_command_is_known_by_its_first_byte() {
        assert_eq!(longest(TestUnitReady::zeroed().as_bytes()).as_secs(), 30);
        assert_eq!(longest(SynchronizeCache::new(false).as_bytes()).as_secs(), 3600);
        assert_eq!(longest(Blank::new(Blank::FULL, false).as_bytes()).as_secs(), 18_000);
        assert_eq!(longest(Blank::new(Blank::FULL, true).as_bytes()).as_secs(), 3600);
        assert_eq!(longest(&[]).as_secs(), 30);
    }
}
