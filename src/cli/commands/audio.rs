//! `discmaster audio`

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::Bus;
use crate::cli::failure::{Failure, Result};
use crate::cli::interrupt::Interrupts;
use crate::cli::messages::tr;
use crate::cli::screen::Screen;

use super::album::Album;
use super::burn::{BurnArgs, Check};
use super::burning::Burning;
use super::sources::sources;

/// Burn an audio disc
///
/// Each FILE becomes a track: WAV, AIFF, CAF, FLAC, ALAC, MP3, Ogg Vorbis or AAC, of any rate and any number of channels. A
/// single file that ends in .cue is a cue sheet: its tracks, gaps, index points and codes are those of the disc.
///
/// With --data a folder becomes the first track, before the sound: computers find its files, and players had better skip it.
///
/// Between files lie two seconds of silence, or nothing with --gapless. A cue sheet says itself where silence lies.
///
/// With --cd-text the titles and names in the files, or in the cue sheet, are written for players that show them.
#[derive(Debug, Args)]
pub struct AudioArgs {
    /// Sound files, or a cue sheet
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Put this folder, or file, on the disc as well, in a track of data before the sound; may be given more than once
    #[arg(long, value_name = "FOLDER")]
    pub data: Vec<PathBuf>,
    /// The name of the volume of --data
    #[arg(long, value_name = "NAME", requires = "data")]
    pub volume: Option<String>,
    /// Copy the files of --data before burning, so that they may change meanwhile
    #[arg(long, requires = "data")]
    pub copy: bool,
    /// Of two files of --data with the same name, take the later one
    #[arg(long, requires = "data")]
    pub overwrite: bool,
    /// Leave device nodes, sockets and pipes of --data out
    #[arg(long, requires = "data")]
    pub skip_special: bool,
    /// The recorder, by id or device; needless where there is only one
    #[arg(long, value_name = "ID")]
    pub recorder: Option<String>,
    /// No silence between files: the sound of each goes on where the one before ended
    #[arg(long)]
    pub gapless: bool,
    /// Write titles and names as CD-TEXT
    #[arg(long)]
    pub cd_text: bool,
    /// Write a cue sheet of the disc as well, which names the files
    #[arg(long, value_name = "CUE")]
    pub write_cue: Option<PathBuf>,
    /// Write the tracks one by one instead of all at once
    #[arg(long)]
    pub track_at_once: bool,
    /// Read the disc back and compare it, where the drive can do that
    #[arg(long)]
    pub verify: bool,
    /// A test write: everything but the laser
    #[arg(long)]
    pub simulate: bool,
    /// Leave the disc open for a session of data behind the sound (CD Extra)
    #[arg(long)]
    pub appendable: bool,
    /// Open the tray at the end
    #[arg(long)]
    pub eject: bool,
    /// Unmount the disc first, should it be mounted
    #[arg(long)]
    pub unmount: bool,
    /// How fast: 16x, or kB/s; otherwise as fast as drive and disc allow
    #[arg(long, value_parser = super::burn::speed)]
    pub speed: Option<String>,
    /// Leave as soon as the disc is being written; the burn goes on
    #[arg(long)]
    pub detach: bool,
}

impl AudioArgs {
    /// What of it is the same for every burn.
    fn burn(&self) -> BurnArgs {
        BurnArgs {
            recorder: self.recorder.clone(),
            verify: if self.verify { Check::Full } else { Check::None },
            simulate: self.simulate,
            appendable: self.appendable,
            eject: self.eject,
            unmount: self.unmount,
            copy: self.copy,
            overwrite: self.overwrite,
            skip_special: self.skip_special,
            speed: self.speed.clone(),
            volume: self.volume.clone(),
            detach: self.detach,
            ..BurnArgs::default()
        }
    }
}

/// Burns an audio disc.
///
/// # Errors
/// Wrong arguments, those of the service, and an interruption.
pub async fn run(bus: Bus, args: &AudioArgs, screen: &mut Screen) -> Result<()> {
    // Sound goes through descriptors, which ssh does not pass on.
    if let Bus::Host(_) = bus {
        return Err(Failure::usage(tr!("sound cannot be handed to another machine"))
            .hint(tr!("burn it there: {}", "discmaster audio")));
    }
    let album = Album::of(&args.files)?;
    let data = sources(&args.data)?;
    if args.gapless && args.track_at_once {
        return Err(Failure::usage(tr!(
            "tracks that are written one by one have gaps: leave out --gapless or --track-at-once"
        )));
    }
    if args.write_cue.is_some() && matches!(album, Album::Sheet(..)) {
        return Err(Failure::usage(tr!(
            "the disc has a cue sheet already: leave out --write-cue, or give the files"
        )));
    }
    if args.write_cue.is_some() && !data.is_empty() {
        return Err(Failure::usage(tr!(
            "a cue sheet names files, and a track of data from a folder has none: leave out --write-cue or --data"
        )));
    }
    let burn = args.burn();
    let mut interrupts = Interrupts::take_over()?;
    let mut burning = Burning::default();
    let staged = tokio::select! {
        staged = burning.stage_album(bus, args, &burn, (&album, &data), screen) => Some(staged),
        () = interrupts.next() => None,
    };
    let Some(staged) = staged else {
        return Err(burning.give_up(screen).await);
    };
    if let Err(failure) = staged {
        burning.close().await;
        return Err(failure.before_writing());
    }
    burning.record(&burn, screen).await?;
    tokio::select! {
        ended = burning.finish(&burn, screen) => ended,
        () = interrupts.next() => Err(burning.leave(screen)),
    }
}
