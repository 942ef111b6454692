//! The broker: the service's face on the bus, its sessions and locks, its jobs and its helpers. It opens no device
//! and reads no user's file.
//!
//! [`run`] puts it together. [`service`] holds the state, which every object of [`objects`] reads; [`tree`] alone
//! changes what is on the bus, out of the queue [`face`]. What the methods do lies in [`lifecycle`], [`staging`], [`audio`],
//! [`select`], [`record`] and [`verbs`], over the pure parts [`session`], [`locks`], [`jobs`], [`outcome`], [`events`] and
//! [`pace`]; what ends by itself is ended by [`housekeeping`]. Helpers are started by [`launcher`] and
//! spoken to through [`worker_link`] and [`stager_link`]. [`permission`] is asked who may do what, [`logind`] who sits
//! where; [`manager`] is the service manager, and [`settings`] the configuration file. What belongs to [`others`] can be
//! ended by whom polkit lets.
//! A broker that ends leaves a [`snapshot`] in [`memory`] that the service manager keeps, with which the next one
//! [`resume`]s.

pub mod authority;
pub mod recorders;

mod audio;
mod audio_options;
mod clock;
mod config;
mod contents;
mod error;
mod events;
mod face;
mod housekeeping;
mod import;
mod inspect;
mod jobs;
mod launcher;
mod lifecycle;
mod locks;
mod logind;
mod manager;
mod memory;
mod objects;
mod options;
mod others;
mod outcome;
mod pace;
mod permission;
mod record;
mod recorder;
mod resume;
mod run;
mod select;
mod service;
mod session;
mod settings;
mod snapshot;
mod stager_link;
mod staging;
mod tree;
mod udisks;
mod verbs;
mod worker_link;

pub use config::{Bus, Config, Limits};
pub use run::run;
pub use settings::{Chosen, SYSTEM_FILE};
