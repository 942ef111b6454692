//! The worker: started with its broker's channel as standard input, or with the socket at which the broker is to be
//! met.

use std::io;
use std::process::ExitCode;

use discmaster::wire::{Channel, broker_socket};
use discmaster::worker;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("DISCMASTER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
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
