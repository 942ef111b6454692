//! The worker: started with its broker's channel as standard input, or with the socket at which the broker is to be
//! met. `DISCMASTER_UNCONFINED=1` is for whoever looks into it with a tool that gets in the way.

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
    let confined = std::env::var_os("DISCMASTER_UNCONFINED").is_none();
    match worker::serve(&channel, confined) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the broker cannot be served");
            ExitCode::FAILURE
        }
    }
}
