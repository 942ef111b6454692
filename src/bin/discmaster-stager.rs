//! discmaster-stager: walks, copies and streams the files of one session, as its owner. Started by discmasterd, whose
//! requests come through standard input.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::process::ExitCode;

use discmaster::stager::{Ended, StagerEnd, harden, serve};

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).init();
    match run() {
        Ok(Ended::BrokerGone) => ExitCode::SUCCESS,
        Ok(Ended::Protocol | Ended::NotTheOwner) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<Ended> {
    harden()?;
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(serve(&StagerEnd::new(socket))?)
}
