//! A plan as text: a line a step, with its limit and what a failure of it would mean.

use std::fmt;

use crate::api::MediaKind;

use super::plan::{Act, CloseFunction, Plan, Step, WriteMode, WriteParameters};

/// The plan, a line a step.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = MediaKind::from_profile(self.expected.profile).name();
        writeln!(
            f,
            "expect  {kind} {:02X}h, nwa {}, free {}",
            self.expected.profile, self.expected.next_writable, self.expected.free_blocks
        )?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = self.act.to_string();
        write!(f, "{act:<56}{:>6} s  {}", self.timeout.as_secs(), self.if_it_fails.text())
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetSpeed(None) => f.write_str("speed   fastest"),
            Self::SetSpeed(Some(speed)) => write!(f, "speed   {speed} kB/s"),
            Self::WriteParameters(parameters) => write!(f, "mode    {parameters}"),
            Self::Write { from, content, blocks, alignment, .. } => {
                write!(f, "write   {from} + {blocks} by {alignment}")?;
                match blocks.saturating_sub(*content) {
                    0 => Ok(()),
                    padding => write!(f, ", {padding} of them padding"),
                }
            }
            Self::Flush => f.write_str("flush"),
            Self::CloseTrack(track) => write!(f, "close   track {track}"),
            Self::CloseSession { function, otherwise: None } => write!(f, "close   {function}"),
            Self::CloseSession { function, otherwise: Some(other) } => {
                write!(f, "close   {function}, else {other}")
            }
            Self::Blank { full: true } => f.write_str("blank   full"),
            Self::Blank { full: false } => f.write_str("blank   minimal"),
        }
    }
}

impl fmt::Display for WriteParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            WriteMode::TrackAtOnce => f.write_str("track at once")?,
        }
        f.write_str(if self.appendable { ", multi 11b" } else { ", multi 00b" })?;
        f.write_str(if self.underrun_free { ", bufe" } else { "" })?;
        f.write_str(if self.test { ", test" } else { "" })
    }
}

impl fmt::Display for CloseFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Session => "session",
            Self::FinaliseMinimal => "disc, minimal",
            Self::Finalise => "disc",
        };
        write!(f, "{name} (f{})", self.number())
    }
}
