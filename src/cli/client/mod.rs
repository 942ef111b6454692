//! The service as the command line sees it. zbus is named in this folder alone.
//!
//! [`Client`] makes the calls, [`Events`] carries what the service tells by signal, [`Props`] reads an object's
//! properties, and [`Options`] are the `a{sv}` of a call.

mod calls;
mod events;
mod fault;
mod options;
mod props;

pub use calls::{Client, Objects};
pub use events::{Completion, Event, Events};
pub use options::Options;
pub use props::Props;
