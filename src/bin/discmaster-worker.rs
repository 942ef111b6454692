//! The worker: started by the broker with its channel as standard input.

use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use discmaster::wire::Channel;
use discmaster::worker;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("DISCMASTER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    worker::shield();
    let channel = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(socket) => Channel::new(socket),
        Err(error) => {
            tracing::error!(%error, "standard input is not the broker's socket");
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
