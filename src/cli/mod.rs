//! The command line: a plain client of the service, but for `image`, which needs none.
//!
//! [`args`] is what can be typed and [`commands`] what it does, a command a file. [`client`] speaks D-Bus, [`view`]
//! is what it brought, [`follow`] waits for a job. [`screen`] writes it all: data to standard output, talk to
//! standard error, progress as [`progress`] words it with the figures of [`units`], in the language that [`messages`] knows.
//! How it ends is an [`exit`] code, and a [`failure`] with a [`hint`]. [`pages`] are the man pages and completions.

pub mod args;
pub mod client;
pub mod commands;
pub mod exit;
pub mod failure;
pub mod follow;
pub mod hint;
pub mod interrupt;
pub mod messages;
pub mod pages;
pub mod progress;
pub mod screen;
pub mod units;
pub mod view;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::{Cli, Command};
use exit::Exit;
use failure::{Failure, Result};
use messages::tr;
use screen::Screen;

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    if let Some(written) = pages::asked(Cli::command(), "1") {
        return written;
    }
    messages::start();
    let cli = match parsed() {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    let mut screen = Screen::new(cli.json);
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(tr!("the program cannot start"), &error))
        .and_then(|runtime| runtime.block_on(run(&cli, &mut screen)));
    match done {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            screen.fail(&failure);
            failure.exit.into()
        }
    }
}

fn parsed() -> std::result::Result<Cli, clap::Error> {
    Cli::from_arg_matches(&messages::described(Cli::command()).try_get_matches()?)
}

async fn run(cli: &Cli, screen: &mut Screen) -> Result<()> {
    let bus = cli.bus();
    match &cli.command {
        Command::List(_) => commands::list::run(bus, screen).await,
        Command::Info(args) => commands::info::run(bus, args, screen).await,
        Command::Audio(args) => commands::audio::run(bus, args, screen).await,
        Command::Burn(args) => commands::burn::run(bus, args, screen).await,
        Command::Toc(args) => commands::toc::run(bus, args, screen).await,
        Command::Image(args) => commands::image::run(bus, args, screen).await,
        Command::Erase(args) => commands::erase::run(bus, args, screen).await,
        Command::Format(args) => commands::format::run(bus, args, screen).await,
        Command::Eject(args) => commands::eject::run(bus, args, screen).await,
        Command::Load(args) => commands::load::run(bus, args, screen).await,
        Command::Monitor(_) => commands::monitor::run(bus, screen).await,
        Command::Jobs(args) => commands::jobs::run(bus, args, screen).await,
    }
}

/// What clap has to say: help and version as they are, a complaint as JSON where that was asked for.
fn unparsed(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        Screen::new(true).fail(&Failure::usage(complaint(&error.to_string())));
        return Exit::Usage.into();
    }
    // Nobody to tell is no reason for another code.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

/// The parser's complaint as one line: what is behind the first empty line is advice.
fn complaint(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_in_one_line_says_what_is_missing() {
        let error = Cli::command().try_get_matches_from(["discmaster", "burn"]).unwrap_err();
        assert_eq!(
            complaint(&error.to_string()),
            "the following required arguments were not provided: <DIR>..."
        );
    }
}
