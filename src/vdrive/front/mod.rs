//! Who the drive talks to, and whose clock it has: a test in the same process, or whoever comes to a socket.

mod in_process;
mod socket;

pub use in_process::InProcess;
pub use socket::{Running, Server};
