//! What keeps a burn going in a busy or closing system. Each is tried, none is needed.

use nix::sys::signal::{SigSet, Signal};

/// Takes the process out of reach of a terminal's Ctrl-C and of polite requests to end, and ahead of other work.
///
/// A burn ends by its own rules (a cancel from the broker); an idle worker leaves when its channel closes.
pub fn shield() {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGPIPE] {
        signals.add(signal);
    }
    if let Err(error) = signals.thread_block() {
        tracing::debug!(%error, "signals stay as they were");
    }
    // Real-time scheduling is the service manager's to give; this much can be had without.
    if let Err(error) = rustix::process::setpriority_process(None, URGENT) {
        tracing::debug!(%error, "the priority stays as it was");
    }
}

const URGENT: i32 = -15;
