//! The worker: started with its broker's channel as standard input, or with the socket at which the broker is to be
//! met.

use std::process::ExitCode;

use discmaster::log;
use discmaster::wire::{Channel, broker_socket};
use discmaster::worker;

fn main() -> ExitCode {
    log::start("DISCMASTER_LOG");
    worker::shield();
    let channel = match broker_socket() {
        Ok(socket) => Channel::new(socket),
        Err(error) => {
            tracing::error!(%error, "there is no broker to serve");
            return ExitCode::FAILURE;
        }
    };
    match worker::serve(&channel) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the broker cannot be served");
            ExitCode::FAILURE
        }
    }
}
