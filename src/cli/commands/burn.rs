//! `discmaster burn`

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::cli::args::Bus;
use crate::cli::failure::{Failure, Result};
use crate::cli::interrupt::Interrupts;
use crate::cli::messages::tr;
use crate::cli::screen::Screen;
use crate::mmc::speed::{Family, Speed};

use super::burning::Burning;
use super::sources::{distant, sources};

/// Burn folders and files to a disc
///
/// A single DIR gives its content to the root of the disc. Of several, each becomes a folder of its own name; files lie
/// at the root. Two that would get the same name are refused, unless --overwrite is given.
///
/// A disc that earlier sessions left open is gone on with: its files stay, and those that are given join them. A name that
/// is on the disc already is refused, unless --overwrite is given.
///
/// The disc is finalised, and read back in full and compared, unless other is asked for. Ctrl-C while files are taken
/// in ends it and leaves the disc alone. Once the burn has begun, Ctrl-C only ends this program: the burn goes on
/// without it (exit code 8), and `discmaster jobs --cancel` ends it.
///
/// With --json, a line each: event "progress" (job, phase, share 0 to 1, done and total in bytes, rate in bytes a
/// second, medium, ring and drive 0 to 1, left in seconds; what is not known is null, a total of 0 is not known), then
/// event "completed" (job, recorder, bytes, simulated, details, notes), or event "detached" (job, recorder).
#[derive(Debug, Default, Args)]
pub struct BurnArgs {
    /// Folders and files to burn
    #[arg(required = true, value_name = "DIR")]
    pub paths: Vec<PathBuf>,
    /// The recorder, by id or device; needless where there is only one
    #[arg(long, value_name = "ID")]
    pub recorder: Option<String>,
    /// The disc's name; otherwise today's date
    #[arg(long, value_name = "NAME")]
    pub volume: Option<String>,
    /// How the disc is checked after writing
    #[arg(long, value_enum, default_value_t = Check::Full, value_name = "HOW")]
    pub verify: Check,
    /// A test write: everything but the laser
    #[arg(long)]
    pub simulate: bool,
    /// Open the tray at the end
    #[arg(long)]
    pub eject: bool,
    /// Unmount the disc first, should it be mounted
    #[arg(long)]
    pub unmount: bool,
    /// How fast: 16x, or kB/s; otherwise as fast as drive and disc allow
    #[arg(long, value_parser = speed)]
    pub speed: Option<String>,
    /// Leave the disc open for a later session
    #[arg(long)]
    pub appendable: bool,
    /// Go on with the files that are on the disc; only a disc to which can be appended will do
    #[arg(long, conflicts_with = "new")]
    pub append: bool,
    /// Begin without the files that are on the disc: readers do not find them any more
    #[arg(long)]
    pub new: bool,
    /// If the last session on the disc was cut off, close it first
    #[arg(long)]
    pub close_unfinished: bool,
    /// Go on with a burn of the same files that was cut off on the disc
    #[arg(long, conflicts_with_all = ["close_unfinished", "simulate"])]
    pub resume: bool,
    /// Write a CD as a session at once: without run-out blocks, and filled up should the burn end early
    #[arg(long)]
    pub session_at_once: bool,
    /// Copy the files before burning, so that they may change meanwhile
    #[arg(long)]
    pub copy: bool,
    /// Of two files with the same name, take the later one
    #[arg(long)]
    pub overwrite: bool,
    /// Leave out device nodes, sockets and pipes
    #[arg(long)]
    pub skip_special: bool,
    /// Leave as soon as the disc is being written; the burn goes on
    #[arg(long)]
    pub detach: bool,
}

/// How a disc is checked after writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Not at all.
    None,
    /// Its structure is read again.
    Quick,
    /// Every block is read and compared.
    #[default]
    Full,
}

impl BurnArgs {
    /// The word on the bus for what becomes of the disc's files.
    pub(super) const fn multisession(&self) -> &'static str {
        match (self.append, self.new) {
            (true, _) => "append",
            (false, true) => "new",
            (false, false) => "auto",
        }
    }
}

impl Check {
    /// The word on the bus.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

impl ValueEnum for Check {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::None, Self::Quick, Self::Full]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::None => tr!("Not at all"),
            Self::Quick => tr!("Its structure is read again"),
            Self::Full => tr!("Every block is read and compared"),
        };
        Some(PossibleValue::new(self.word()).help(help))
    }
}

/// Burns.
///
/// # Errors
/// Wrong arguments, those of the service, and an interruption.
pub async fn run(bus: Bus, args: &BurnArgs, screen: &mut Screen) -> Result<()> {
    let sources = match bus {
        Bus::Host(_) => distant(&args.paths)?,
        Bus::System | Bus::Session => sources(&args.paths)?,
    };
    let mut interrupts = Interrupts::take_over()?;
    let mut burning = Burning::default();
    let staged = tokio::select! {
        staged = burning.stage(bus, args, &sources, screen) => Some(staged),
        () = interrupts.next() => None,
    };
    let Some(staged) = staged else {
        return Err(burning.give_up(screen).await);
    };
    if let Err(failure) = staged {
        burning.close().await;
        return Err(failure.before_writing());
    }
    burning.record(args, screen).await?;
    tokio::select! {
        ended = burning.finish(args, screen) => ended,
        () = interrupts.next() => Err(burning.leave(screen)),
    }
}

/// Checks a speed's form; what "16x" is, only the disc tells.
pub(super) fn speed(text: &str) -> std::result::Result<String, String> {
    Speed::parse(text, Family::Cd)
        .map(|_| text.to_owned())
        .ok_or_else(|| tr!("a speed is a factor such as 16x or 2.4x, or kB/s such as 22160"))
}

/// The speed in kB/s for this kind of disc.
///
/// # Errors
/// A factor, and the disc is of a kind without one.
pub(super) fn kilobytes(text: Option<&str>, kind: &str) -> Result<Option<u32>> {
    let Some(text) = text else { return Ok(None) };
    let family = crate::cli::units::family(kind);
    match (text.parse::<u32>(), family) {
        (Ok(kbs), _) => Ok(Some(kbs)),
        (Err(_), Some(family)) => Ok(Speed::parse(text, family).map(|speed| speed.0)),
        (Err(_), None) => {
            Err(Failure::usage(tr!("what {} is depends on the disc, and its kind is not known", text))
                .hint(tr!("give the speed in kB/s")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_worth_what_the_disc_makes_of_it() {
        assert_eq!(kilobytes(Some("16x"), "DVD+R"), Ok(Some(22_160)));
        assert_eq!(kilobytes(Some("16x"), "CD-R"), Ok(Some(2822)));
        assert_eq!(kilobytes(Some("5540"), ""), Ok(Some(5540)));
        assert_eq!(kilobytes(None, "CD-R"), Ok(None));
        assert!(kilobytes(Some("16x"), "").is_err());
    }

    #[test]
    fn nonsense_is_refused_before_anything_is_asked() {
        assert!(speed("fast").is_err());
        assert!(speed("0").is_err());
        assert!(speed("2.4x").is_ok());
    }
}
