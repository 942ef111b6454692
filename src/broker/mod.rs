//! (room under construction)

pub mod authority;
pub mod recorders;
