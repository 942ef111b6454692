//! Ctrl-C and its kin, as something to wait for.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::{Failure, Result};
use super::messages::tr;

/// The signals by which a person or a supervisor asks us to leave. From its making on they no longer end the program.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Takes over SIGINT and SIGTERM. SIGHUP still ends the program: with the terminal gone there is nobody to talk to.
    ///
    /// # Errors
    /// The process may have no signal handlers.
    pub fn take_over() -> Result<Self> {
        let on = |kind| signal(kind).map_err(|error| Failure::io(tr!("signals cannot be caught"), &error));
        Ok(Self { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    /// Waits for the next of them.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
