//! Fault scripts as text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Condition, Fault, FaultScript, Patch, Pattern, Step, Verb};
use crate::mmc::{Opcode, Sense};

/// A line that is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{line}\" is no fault: {why}")]
pub struct NotAFault {
    line: String,
    why: String,
}

/// Names of groups and variants of commands, beside the commands' own.
const PATTERNS: &[(&str, Pattern)] = &[
    ("any", Pattern::Any),
    ("write", Pattern::Write),
    ("read", Pattern::Read),
    ("load", Pattern::Load),
    ("eject", Pattern::Eject),
    ("close-track", Pattern::CloseTrack),
    ("close-session", Pattern::CloseSession),
    ("finalize", Pattern::Finalize),
    ("flush", Pattern::Opcode(Opcode::SYNCHRONIZE_CACHE)),
];

impl FromStr for FaultScript {
    type Err = NotAFault;

    fn from_str(text: &str) -> Result<Self, NotAFault> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let parts = lines.flat_map(|line| line.split(';')).map(str::trim).filter(|part| !part.is_empty());
        Ok(Self { faults: parts.map(str::parse).collect::<Result<_, _>>()? })
    }
}

impl fmt::Display for FaultScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.faults.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

impl FromStr for Fault {
    type Err = NotAFault;

    fn from_str(line: &str) -> Result<Self, NotAFault> {
        parse_fault(line).map_err(|why| NotAFault { line: line.to_owned(), why })
    }
}

fn parse_fault(line: &str) -> Result<Fault, String> {
    let mut words = line.split_whitespace().peekable();
    let pattern = parse_pattern(words.next().ok_or("it is empty")?)?;
    let mut conditions = Vec::new();
    while let Some(condition) = words.peek().map(|word| parse_condition(word)) {
        match condition? {
            Some(condition) => conditions.push(condition),
            None => break,
        }
        words.next();
    }
    let rest = words.collect::<Vec<_>>().join(" ");
    if rest.is_empty() {
        return Err("it does not say what happens".into());
    }
    let steps = rest.split("->").map(|step| parse_step(step.trim())).collect::<Result<_, _>>()?;
    Ok(Fault { pattern, conditions, steps, seen: 0, fired: 0, step: 0, taken: 0 })
}

fn parse_pattern(word: &str) -> Result<Pattern, String> {
    if let Some((_, pattern)) = PATTERNS.iter().find(|(name, _)| *name == word) {
        return Ok(*pattern);
    }
    if let Some((opcode, _)) = Opcode::NAMED.iter().find(|(_, name)| *name == word) {
        return Ok(Pattern::Opcode(*opcode));
    }
    let number = word.strip_suffix(['h', 'H']).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    number.map(|code| Pattern::Opcode(Opcode(code))).ok_or_else(|| format!("\"{word}\" is no command"))
}

/// A condition; none if the word is none, so that what happens begins there.
fn parse_condition(word: &str) -> Result<Option<Condition>, String> {
    let number = |text: &str| text.parse::<i32>().map_err(|_| format!("\"{text}\" is no block"));
    Ok(Some(if let Some(lba) = word.strip_prefix("lba>=") {
        Condition::LbaFrom(number(lba)?)
    } else if let Some(lba) = word.strip_prefix("lba<=") {
        Condition::LbaTo(number(lba)?)
    } else if let Some(lba) = word.strip_prefix("lba=") {
        Condition::Lba(number(lba)?)
    } else if let Some(time) = word.strip_prefix("after=") {
        Condition::After(parse_time(time)?)
    } else if let Some(nth) = word.strip_prefix("nth=") {
        match nth.parse() {
            Ok(nth @ 1..) => Condition::Nth(nth),
            _ => return Err(format!("\"{nth}\" is no count from 1 on")),
        }
    } else {
        return Ok(None);
    }))
}

fn parse_step(text: &str) -> Result<Step, String> {
    let (times, verb) = match text.split_once('*') {
        Some(("forever", verb)) => (None, verb),
        Some((times, verb)) => match times.trim().parse() {
            Ok(times @ 1..) => (Some(times), verb),
            _ => return Err(format!("\"{times}\" is no count from 1 on")),
        },
        None => (Some(1), text),
    };
    Ok(Step { times, verb: parse_verb(verb.trim())? })
}

fn parse_verb(text: &str) -> Result<Verb, String> {
    let (name, argument) = match text.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')').ok_or("a bracket is not closed")?)),
        None => (text, None),
    };
    let sense = |text: &str| text.trim().parse::<Sense>().map_err(|error| error.to_string());
    match (name.trim(), argument) {
        ("pass", None) => Ok(Verb::Pass),
        ("busy", None) => Ok(Verb::Busy),
        ("vanish", None) => Ok(Verb::Vanish),
        ("sense", Some(text)) => sense(text).map(Verb::Sense),
        ("sense-after", Some(text)) => sense(text).map(Verb::SenseAfter),
        ("deferred", Some(text)) => sense(text).map(|sense| Verb::Deferred(sense.deferred())),
        ("hang", Some(text)) => parse_time(text.trim()).map(Verb::Hang),
        ("lie", Some(text)) => {
            text.split(',').map(|part| parse_patch(part.trim())).collect::<Result<_, _>>().map(Verb::Lie)
        }
        ("cut", Some(text)) => text
            .trim()
            .parse::<u16>()
            .map(|length| Verb::Cut(length.into()))
            .map_err(|_| format!("\"{text}\" is no length")),
        ("lost", None) => Ok(Verb::Lost),
        ("reset", None) => Ok(Verb::Reset),
        _ => Err(format!("\"{text}\" is nothing that can happen")),
    }
}

/// `12=ffffff6a`: an offset, and what is found from there on.
fn parse_patch(text: &str) -> Result<Patch, String> {
    let wrong = || format!("\"{text}\" is no lie such as 12=ffffff6a");
    let (at, hex) = text.split_once('=').ok_or_else(wrong)?;
    let at = at.trim().parse().map_err(|_| wrong())?;
    let hex = hex.trim().as_bytes();
    if hex.is_empty() || hex.len() % 2 != 0 || hex.len() > 2 * MOST_PATCHED {
        return Err(wrong());
    }
    let byte = |pair: &[u8]| {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        Some(digit(pair[0])? << 4 | digit(pair[1])?)
    };
    let bytes = hex.chunks_exact(2).map(byte).collect::<Option<_>>().ok_or_else(wrong)?;
    Ok(Patch { at, bytes })
}

/// Bytes of one patch.
const MOST_PATCHED: usize = 64;

fn parse_time(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000)];
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|digits| (digits, *factor)))
        .ok_or_else(|| format!("\"{text}\" is no time such as 12s or 500ms"))?;
    let count: u64 = digits.parse().map_err(|_| format!("\"{text}\" is no time such as 12s or 500ms"))?;
    // A year is long enough, and keeps sums of times from running over.
    let millis = count.checked_mul(factor).filter(|millis| *millis <= 365 * 24 * 3_600_000);
    millis.map(Duration::from_millis).ok_or_else(|| format!("\"{text}\" is too long"))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (PATTERNS.iter().find(|(_, pattern)| *pattern == self.pattern), self.pattern) {
            (Some((name, _)), _) => f.write_str(name)?,
            (None, Pattern::Opcode(opcode)) => write!(f, "{opcode}")?,
            (None, _) => {}
        }
        self.conditions.iter().try_for_each(|condition| write!(f, " {condition}"))?;
        for (at, step) in self.steps.iter().enumerate() {
            write!(f, "{} {step}", if at == 0 { "" } else { " ->" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LbaFrom(lba) => write!(f, "lba>={lba}"),
            Self::LbaTo(lba) => write!(f, "lba<={lba}"),
            Self::Lba(lba) => write!(f, "lba={lba}"),
            Self::After(time) => write!(f, "after={}", Time(*time)),
            Self::Nth(nth) => write!(f, "nth={nth}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.times {
            None => write!(f, "forever*")?,
            Some(1) => {}
            Some(times) => write!(f, "{times}*")?,
        }
        match &self.verb {
            Verb::Pass => write!(f, "pass"),
            Verb::Busy => write!(f, "busy"),
            Verb::Vanish => write!(f, "vanish"),
            Verb::Sense(sense) => write!(f, "sense({})", Numbers(*sense)),
            Verb::SenseAfter(sense) => write!(f, "sense-after({})", Numbers(*sense)),
            Verb::Deferred(sense) => write!(f, "deferred({})", Numbers(*sense)),
            Verb::Hang(time) => write!(f, "hang({})", Time(*time)),
            Verb::Lie(patches) => write!(f, "lie({})", Patches(patches)),
            Verb::Cut(length) => write!(f, "cut({length})"),
            Verb::Lost => write!(f, "lost"),
            Verb::Reset => write!(f, "reset"),
        }
    }
}

struct Patches<'a>(&'a [Patch]);

impl fmt::Display for Patches<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, patch) in self.0.iter().enumerate() {
            write!(f, "{}{}=", if number == 0 { "" } else { "," }, patch.at)?;
            patch.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}

struct Numbers(Sense);

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:02X}/{:02X}", self.0.key, self.0.asc, self.0.ascq)
    }
}

struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            millis if millis % 1000 == 0 => write!(f, "{}s", millis / 1000),
            millis => write!(f, "{millis}ms"),
        }
    }
}
