//! What can be typed. Each command's own arguments are in its file.

use std::fmt;

use clap::{Parser, Subcommand, ValueEnum};

use super::commands::{burn, eject, erase, format, image, info, jobs, list, load, monitor};
use super::exit::Exit;

/// Record discs, and see to recorders, through the discmaster service.
#[derive(Debug, Parser)]
#[command(name = "discmaster", version, after_long_help = after_help())]
pub struct Cli {
    /// The bus that the service is on
    #[arg(long, global = true, value_enum, default_value_t = Bus::System, value_name = "BUS")]
    pub bus: Bus,
    /// Write data as JSON: one object, or one a line where things go on
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the documentation is each command's help, in its own file")]
pub enum Command {
    List(list::ListArgs),
    Info(info::InfoArgs),
    Burn(burn::BurnArgs),
    Image(image::ImageArgs),
    Erase(erase::EraseArgs),
    Format(format::FormatArgs),
    Eject(eject::EjectArgs),
    Load(load::LoadArgs),
    Monitor(monitor::MonitorArgs),
    Jobs(jobs::JobsArgs),
}

/// A message bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bus {
    /// The machine's: recorders for every user.
    System,
    /// The user's own: a service that runs without privileges.
    Session,
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::Session => "session",
        })
    }
}

fn after_help() -> String {
    format!(
        "{}\n\n\
         Data go to standard output, talk and progress to standard error. With --json a failure is an object on\n\
         standard error too: error, message, hint, exit, details.",
        Exit::help()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_free_of_contradictions() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_long_help_tells_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for exit in Exit::ALL {
            assert!(help.contains(exit.meaning()), "{exit:?}");
        }
    }

    #[test]
    fn the_manual_tells_every_command_option_and_exit_code() {
        const MANUAL: &str = include_str!("../../docs/command-line.md");
        for exit in Exit::ALL {
            assert!(MANUAL.contains(&format!("| {} | {} |", exit.code(), exit.meaning())), "{exit:?}");
        }
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(MANUAL.contains(&format!("`discmaster {name}")), "{name}");
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(MANUAL.contains(&format!("--{option}")), "{name} --{option}");
            }
        }
    }
}
