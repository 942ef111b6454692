#![doc = include_str!("../../../docs/faults.md")]

mod text;

pub use text::NotAFault;

use std::time::Duration;

use crate::mmc::{Opcode, Sense};

/// What a fault may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// The operation code.
    pub opcode: Opcode,
    /// First block, of commands that have one.
    pub lba: Option<i32>,
    /// Blocks from there.
    pub blocks: u32,
    /// The byte that tells variants of START STOP UNIT and CLOSE TRACK/SESSION apart.
    pub variant: u8,
}

/// What happens to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Nothing.
    Pass,
    /// Not carried out; fails.
    Sense(Sense),
    /// Carried out; fails all the same.
    SenseAfter(Sense),
    /// Not carried out; an earlier command is said to have failed.
    Deferred(Sense),
    /// Not carried out; BUSY.
    Busy,
    /// Carried out; answered later.
    Hang(Duration),
    /// Carried out; bytes of the answer are others.
    Lie(Vec<Patch>),
    /// Carried out; the answer ends after so many bytes.
    Cut(usize),
    /// Carried out; the answer is lost on its way, and with it whether the command was.
    Lost,
    /// Not carried out: the bus, and the drive with it, is reset.
    Reset,
    /// The drive is gone.
    Vanish,
}

/// Bytes of an answer that are replaced; behind its end they make it longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Offset of the first.
    pub at: u16,
    /// What the host finds there.
    pub bytes: Vec<u8>,
}

/// Which commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Write,
    Read,
    Load,
    Eject,
    CloseTrack,
    CloseSession,
    Finalize,
    Opcode(Opcode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    LbaFrom(i32),
    LbaTo(i32),
    Lba(i32),
    After(Duration),
    Nth(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// None is for ever.
    times: Option<u32>,
    verb: Verb,
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    pattern: Pattern,
    conditions: Vec<Condition>,
    steps: Vec<Step>,
    /// Commands so far that fit all but `nth`.
    seen: u32,
    /// How often it had something to say.
    fired: u32,
    /// The step it is at, and how often that was taken.
    step: usize,
    taken: u32,
}

/// Two faults are the same when they say the same, wherever they are.
impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        (self.pattern, &self.conditions, &self.steps) == (other.pattern, &other.conditions, &other.steps)
    }
}

/// A script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultScript {
    faults: Vec<Fault>,
}

impl FaultScript {
    /// Asked before every command. The first fault with something to say decides.
    pub fn before(&mut self, command: &Command, now: Duration) -> Verb {
        let mut decided = None;
        for fault in &mut self.faults {
            // Every fault counts the command, also when one above it decides.
            if fault.notices(command, now) && decided.is_none() {
                decided = fault.fire();
            }
        }
        decided.unwrap_or(Verb::Pass)
    }

    /// The faults that never fired.
    pub fn unfired(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|fault| fault.fired == 0)
    }

    /// Puts another script's faults behind these.
    pub fn append(&mut self, other: Self) {
        self.faults.extend(other.faults);
    }

    /// Forgets every fault.
    pub fn clear(&mut self) {
        self.faults.clear();
    }
}

impl Fault {
    /// Whether the command fits, counted if it fits all but `nth`.
    fn notices(&mut self, command: &Command, now: Duration) -> bool {
        if !self.pattern.fits(command)
            || !self.conditions.iter().all(|condition| condition.holds(command, now))
        {
            return false;
        }
        self.seen = self.seen.saturating_add(1);
        self.conditions.iter().all(|condition| match condition {
            Condition::Nth(nth) => self.seen >= *nth,
            _ => true,
        })
    }

    /// Its next step, if there is one left.
    fn fire(&mut self) -> Option<Verb> {
        let step = self.steps.get(self.step)?;
        self.taken = self.taken.saturating_add(1);
        if step.times.is_some_and(|times| self.taken >= times) {
            self.step += 1;
            self.taken = 0;
        }
        self.fired = self.fired.saturating_add(1);
        Some(step.verb.clone())
    }
}

impl Patch {
    /// Puts the bytes into an answer.
    pub fn apply(&self, answer: &mut Vec<u8>) {
        let from = usize::from(self.at);
        let end = from + self.bytes.len();
        if answer.len() < end {
            answer.resize(end, 0);
        }
        answer[from..end].copy_from_slice(&self.bytes);
    }
}

impl Pattern {
    fn fits(self, command: &Command) -> bool {
        let Command { opcode, variant, .. } = *command;
        let closes = opcode == Opcode::CLOSE_TRACK_SESSION;
        match self {
            Self::Any => true,
            Self::Write => matches!(opcode, Opcode::WRITE_10 | Opcode::WRITE_12),
            Self::Read => matches!(opcode, Opcode::READ_10 | Opcode::READ_12 | Opcode::READ_CD),
            Self::Load => opcode == Opcode::START_STOP_UNIT && variant & 3 == 3,
            Self::Eject => opcode == Opcode::START_STOP_UNIT && variant & 3 == 2,
            Self::CloseTrack => closes && variant & 7 == 1,
            Self::CloseSession => closes && variant & 7 == 2,
            Self::Finalize => closes && variant & 7 > 2,
            Self::Opcode(wanted) => opcode == wanted,
        }
    }
}

impl Condition {
    fn holds(self, command: &Command, now: Duration) -> bool {
        let first = command.lba.map(i64::from);
        let last = first.map(|first| first + i64::from(command.blocks.max(1)) - 1);
        match self {
            Self::LbaFrom(lba) => last.is_some_and(|last| last >= i64::from(lba)),
            Self::LbaTo(lba) => first.is_some_and(|first| first <= i64::from(lba)),
            Self::Lba(lba) => {
                let lba = i64::from(lba);
                first.is_some_and(|first| first <= lba) && last.is_some_and(|last| lba <= last)
            }
            Self::After(time) => now >= time,
            // Counted by the fault itself.
            Self::Nth(_) => true,
        }
    }
}

#[cfg(test)]
mod tests;
