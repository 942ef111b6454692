//! Who the drive talks to, and whose clock it has: a test in the same process, whoever comes to a socket, or a virtual
//! machine.

mod in_process;
mod socket;
#[cfg(feature = "vhost-user")]
mod vhost_user;

pub use in_process::InProcess;
pub use socket::{Running, Server};
#[cfg(feature = "vhost-user")]
pub use vhost_user::{Serving, VhostUser};
