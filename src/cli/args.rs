//! What can be typed. Each command's own arguments are in its file.

use std::fmt;

use clap::builder::PossibleValue;
use clap::{Parser, Subcommand, ValueEnum};

use super::commands::{audio, burn, eject, erase, format, image, info, jobs, list, load, monitor, toc};
use super::exit::Exit;
use super::messages::tr;

/// Record discs, and see to recorders, through the discmaster service.
#[derive(Debug, Parser)]
#[command(name = "discmaster", version, after_long_help = after_help())]
pub struct Cli {
    /// The bus that the service is on
    #[arg(long, global = true, value_enum, default_value_t = BusName::System, value_name = "BUS")]
    bus: BusName,
    /// The system bus of another machine, over SSH; what `burn` is given is that machine's, one absolute path
    #[arg(short = 'H', long, global = true, value_name = "[USER@]HOST", conflicts_with = "bus", value_parser = host)]
    host: Option<String>,
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
    Audio(audio::AudioArgs),
    Image(image::ImageArgs),
    Toc(toc::TocArgs),
    Erase(erase::EraseArgs),
    Format(format::FormatArgs),
    Eject(eject::EjectArgs),
    Load(load::LoadArgs),
    Monitor(monitor::MonitorArgs),
    Jobs(jobs::JobsArgs),
}

/// A message bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// The machine's: recorders for every user.
    System,
    /// The user's own: a service that runs without privileges.
    Session,
    /// Another machine's system bus, by the name that ssh knows it under.
    Host(&'static str),
}

/// The buses of this machine, as they are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BusName {
    /// The machine's: recorders for every user.
    System,
    /// The user's own: a service that runs without privileges.
    Session,
}

impl Cli {
    /// The bus that is meant.
    pub fn bus(&self) -> Bus {
        match (&self.host, self.bus) {
            // It lives as long as the program.
            (Some(host), _) => Bus::Host(host.clone().leak()),
            (None, BusName::System) => Bus::System,
            (None, BusName::Session) => Bus::Session,
        }
    }
}

/// A host that ssh cannot take for an option of its own.
fn host(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@.-_:[]".contains(&byte);
    if text.starts_with('-') || text.is_empty() || !text.bytes().all(plain) {
        return Err(tr!("a host is [USER@]NAME"));
    }
    Ok(text.to_owned())
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str(&tr!("system bus")),
            Self::Session => f.write_str(&tr!("session bus")),
            Self::Host(host) => f.write_str(&tr!("system bus of {}", host)),
        }
    }
}

impl ValueEnum for BusName {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::System, Self::Session]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::System => PossibleValue::new("system").help(tr!("The machine's: recorders for every user")),
            Self::Session => PossibleValue::new("session")
                .help(tr!("The user's own: a service that runs without privileges")),
        })
    }
}

fn after_help() -> String {
    let streams = tr!(
        "Data go to standard output, talk and progress to standard error. With --json a failure is an object on \
         standard error too: error, message, hint, exit, details."
    );
    format!("{}\n\n{streams}", Exit::help())
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
    fn a_host_is_no_option_of_sshs_and_stands_for_a_bus_of_its_own() {
        let parsed = |arguments: &[&str]| {
            let typed = std::iter::once("discmaster").chain(arguments.iter().copied());
            Cli::try_parse_from(typed).map(|cli| cli.bus())
        };
        assert_eq!(parsed(&["-H", "anna@burner", "list"]).unwrap(), Bus::Host("anna@burner"));
        assert_eq!(parsed(&["list"]).unwrap(), Bus::System);
        for wrong in [
            &["-H", "-oProxyCommand=x", "list"][..],
            &["--host=a b", "list"],
            &["-H", "a", "--bus=session", "list"],
        ] {
            parsed(wrong).unwrap_err();
        }
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
