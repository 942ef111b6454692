//! A plan as text: a line a step, with its limit and what a failure of it would mean.

use std::fmt;

use crate::api::MediaKind;

use super::plan::{Act, CloseFunction, Formatting, Plan, Step, WriteMode, WriteParameters};

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
            Self::Calibrate => f.write_str("opc"),
            Self::Format(formatting) => write!(f, "format  {formatting}"),
            Self::AwaitFormat => f.write_str("await   background format"),
            Self::LayerBreak(blocks) => write!(f, "break   layer 0 of {blocks}"),
            Self::Reserve(blocks) => write!(f, "reserve {blocks}"),
            Self::CueSheet(sheet) => {
                f.write_str("cue    ")?;
                sheet.iter().try_for_each(|entry| {
                    f.write_str(" ")?;
                    entry.emit().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
                })
            }
            Self::PreGap { from, blocks } => write!(f, "pre-gap {from} + {blocks}"),
            Self::Fill { from, blocks, alignment, streaming } => {
                write!(f, "zero    {from} + {blocks} by {alignment}{}", streamed(*streaming))
            }
            Self::Write { from, recorded, content, blocks, alignment, streaming, least } => {
                write!(f, "write   {from} + {blocks} by {alignment}{}", streamed(*streaming))?;
                if least == blocks && least > alignment {
                    f.write_str(", all of them")?;
                }
                if *recorded > 0 {
                    write!(f, ", {recorded} of them recorded")?;
                }
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
            Self::Redirect { session, .. } => write!(f, "redirect readers to {session}"),
            Self::StopFormat => f.write_str("stop    background format (f0)"),
            Self::Blank { full: true } => f.write_str("blank   full"),
            Self::Blank { full: false } => f.write_str("blank   minimal"),
        }
    }
}

impl fmt::Display for WriteParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            WriteMode::TrackAtOnce => f.write_str("track at once")?,
            WriteMode::SessionAtOnce => f.write_str("session at once")?,
            WriteMode::Incremental => f.write_str("incremental")?,
            WriteMode::DiscAtOnce => f.write_str("disc at once")?,
        }
        f.write_str(if self.appendable { ", multi 11b" } else { ", multi 00b" })?;
        f.write_str(if self.underrun_free { ", bufe" } else { "" })?;
        f.write_str(if self.test { ", test" } else { "" })
    }
}

const fn streamed(streaming: bool) -> &'static str {
    if streaming { ", streaming" } else { "" }
}

impl fmt::Display for Formatting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}h", self.kind)?;
        if self.subtype > 0 {
            write!(f, ".{}", self.subtype)?;
        }
        match self.blocks {
            u32::MAX => f.write_str(", all blocks")?,
            blocks => write!(f, ", {blocks} blocks")?,
        }
        write!(f, ", {:06X}h", self.parameter)?;
        f.write_str(if self.forgets_defects { ", forgetting defects" } else { "" })
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
