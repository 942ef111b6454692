//! What hosts did that no host may do: the drive's own judgement of whoever talks to it.
//!
//! The rule that matters most is that a failed WRITE is never repeated blindly: before the next one the host
//! has to ask for the next writable address (READ TRACK INFORMATION). Only the very same write may come again
//! when the sense was NOT READY (02/04), because then the drive took nothing of it.

use crate::mmc::Sense;

/// Violations that are kept.
const KEPT: usize = 100;

/// The list of violations, and what the host owes.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    violations: Vec<String>,
    failed: Option<FailedWrite>,
}

#[derive(Clone, Copy, Debug)]
struct FailedWrite {
    lba: i32,
    blocks: u32,
    sense: Sense,
}

impl Ledger {
    /// A WRITE came.
    pub fn write_begins(&mut self, lba: i32, blocks: u32) {
        let Some(failed) = self.failed.take() else { return };
        let not_ready = failed.sense.key == 2 && failed.sense.asc == 0x04 && !failed.sense.deferred;
        let same = (failed.lba, failed.blocks) == (lba, blocks);
        if !(not_ready && same) {
            self.note(format!(
                "WRITE of {blocks} blocks at {lba} after the WRITE of {} at {} failed with {}, without asking for \
                 the next writable address in between",
                failed.blocks, failed.lba, failed.sense,
            ));
        }
    }

    /// A WRITE failed. A recovered error is none: the blocks are written.
    pub fn write_failed(&mut self, lba: i32, blocks: u32, sense: Sense) {
        if sense.key == 1 && !sense.deferred {
            return;
        }
        self.failed = Some(FailedWrite { lba, blocks, sense });
    }

    /// The host asked where the disc goes on, or the disc is another.
    pub fn settled(&mut self) {
        self.failed = None;
    }

    /// Records a violation.
    pub fn note(&mut self, violation: String) {
        if self.violations.len() < KEPT {
            self.violations.push(violation);
        }
    }

    /// What was recorded.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(sense: Sense, asked: bool, lba: i32) -> usize {
        let mut ledger = Ledger::default();
        ledger.write_begins(64, 32);
        ledger.write_failed(64, 32, sense);
        if asked {
            ledger.settled();
        }
        ledger.write_begins(lba, 32);
        ledger.violations().len()
    }

    #[test]
    fn only_not_ready_allows_the_same_write_again() {
        assert_eq!(after(Sense::new(2, 4, 8), false, 64), 0);
        assert_eq!(after(Sense::new(2, 4, 8), false, 96), 1);
        assert_eq!(after(Sense::new(2, 4, 8).deferred(), false, 64), 1);
        assert_eq!(after(Sense::new(3, 0x0c, 0), false, 64), 1);
        assert_eq!(after(Sense::new(0xb, 8, 1), false, 64), 1);
        assert_eq!(after(Sense::new(0xb, 8, 1), true, 64), 0);
        assert_eq!(after(Sense::new(1, 0x0c, 1), false, 96), 0);
    }
}
