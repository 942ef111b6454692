//! discmaster-stager: walks, copies and streams the files of one session, as its owner. Started for
//! discmasterd, whose requests come through standard input or the socket that the service manager passes.

use std::process::ExitCode;

use discmaster::log;
use discmaster::stager::{Ended, StagerEnd, harden, serve};
use discmaster::wire::broker_socket;

fn main() -> ExitCode {
    log::start("DISCMASTER_LOG");
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
    let socket = broker_socket()?;
    Ok(serve(&StagerEnd::new(socket))?)
}
