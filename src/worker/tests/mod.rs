//! Burns, erasures and looks against a drive that checks the rules.

mod bench;
mod broken;
mod cancel;
mod every_disc;
mod grow;
mod inspect;
mod lend;
mod liars;
mod lying_stager;
mod mock;
mod policy;
mod quirks;
mod record;
mod resume;
mod sound;
mod tray;
mod virtual_drive;
mod virtual_faults;
mod whole;
