//! discmaster: the disc-mastering service. The house, one line a room; arrows point down only.

pub mod broker;
pub mod cli;
pub mod stager;
pub mod vdrive;
pub mod worker;

pub mod audio;
pub mod burn;
pub mod image;

pub mod api;
pub mod log;
pub mod mmc;
pub mod wire;
