//! The scene: drive and disc in words, to look at when a test fails.

use std::fmt;

use super::drive::Drive;
use super::medium::TrackState;
use super::state::Tray;

/// A drive, as text.
#[derive(Debug)]
pub struct Scene<'a>(&'a Drive);

impl Drive {
    /// Drive and disc in words.
    pub fn scene(&self) -> Scene<'_> {
        Scene(self)
    }
}

impl fmt::Display for Scene<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drive = self.0;
        let options = &drive.options;
        writeln!(
            f,
            "drive    {} {} {} ({})",
            options.vendor, options.product, options.revision, options.serial
        )?;
        let tray = if drive.tray == Tray::Open { "open" } else { "closed" };
        writeln!(f, "tray     {tray}{}", if drive.locked { ", locked" } else { "" })?;
        writeln!(f, "pace     {}, writes at {} kB/s", options.pace, drive.write_speed)?;
        let buffer = &drive.buffer;
        writeln!(
            f,
            "buffer   {} of {} bytes, ran empty {} times",
            buffer.level(),
            buffer.size(),
            buffer.underruns()
        )?;
        if let Some(operation) = &drive.operation {
            writeln!(f, "busy     {:?} until {:?}", operation.kind, operation.ends)?;
        }
        self.disc(f)?;
        drive.violations().iter().try_for_each(|violation| writeln!(f, "VIOLATED {violation}"))?;
        drive.unfired().iter().try_for_each(|fault| writeln!(f, "unfired  {fault}"))
    }
}

impl Scene<'_> {
    fn disc(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(medium) = self.0.medium() else { return writeln!(f, "disc     none") };
        let layout = medium.layout();
        let state = match (layout.is_blank(), layout.finalized) {
            (true, _) => "blank",
            (_, true) => "closed",
            _ => "appendable",
        };
        writeln!(f, "disc     {} of {} blocks, {state}", layout.profile, layout.capacity)?;
        if let Some(image) = medium.image() {
            writeln!(f, "image    {}", image.display())?;
        }
        for (number, (session, track)) in (1..).zip(layout.tracks()) {
            let state = match track.state {
                TrackState::Open => "open",
                TrackState::Reserved => "reserved",
                TrackState::Closed => "closed",
                TrackState::Damaged => "damaged",
            };
            let (start, end, written) = (track.start, track.end(), track.written);
            writeln!(
                f,
                "track    {number} in session {session}: {start}..{end}, {written} written, {state}"
            )?;
        }
        if let Some(next) = self.0.visible_layout().ok().and_then(|layout| layout.open_track()?.next) {
            let pretended = if self.0.pretended.is_some() { " (test write)" } else { "" };
            writeln!(f, "next     {next}{pretended}")?;
        }
        Ok(())
    }
}
