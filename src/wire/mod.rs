//! Between the processes: typed channels over seqpacket sockets, the messages that they carry, and the ring.
//!
//! A frame is one packet: a version byte, then postcard. File descriptors travel beside it as `SCM_RIGHTS`.

pub mod broker_stager;
pub mod broker_worker;
mod channel;
mod entrance;
mod inheritance;
pub mod ring;
pub mod stager_worker;

pub use channel::{AsyncChannel, Channel, ChannelError, MAX_FDS, MAX_FRAME, pair, watch};
pub use entrance::{BROKER_USER, broker_socket};
pub use inheritance::{Passed, inherit_nothing, passed};
