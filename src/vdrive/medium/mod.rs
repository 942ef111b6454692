//! Discs. A disc is two files that outlive the drive: `NAME.disc`, its layout as JSON, and `NAME.iso`, its data
//! with block n at byte n × 2048, so that a data disc of one session is a file that can be mounted as it is.
//! A CD with more on it than that, such as sound, has a third, `NAME.sectors`: whole sectors, block n at byte
//! (n + 150) × 2352; and where a host sent sub-channels a fourth, `NAME.sub`, with 96 bytes a block.

mod at_once;
mod cd;
mod erase;
mod export;
mod format;
mod kind;
mod layout;
mod overwrite;
mod raw;
mod recording;
mod rules;
mod sheet;
mod special;
mod store;
mod stores;
mod track;

pub use at_once::Ended;
pub use cd::{Place, Spot};
pub use export::ExportError;
pub use format::Formatted;
pub use kind::{Kind, NotAKind};
pub use layout::{Content, Layout, Session};
pub use overwrite::{FormatState, Overwrite};
pub use recording::{Run, Sent, SentSub};
pub use rules::Rules;
pub use special::{BdRFormat, Special};
pub use track::{CdSession, CdTrack, Track, TrackState, TrackView};

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::mmc::sector::Sector;
use crate::mmc::subchannel::RAW;
use stores::Stores;

/// A disc: its layout, its data, and where both are kept.
#[derive(Debug)]
pub struct Medium {
    layout: Layout,
    stores: Stores,
    /// The `.disc` file. The `.iso` beside it is held locked, so that no two drives have the same disc in.
    home: Option<PathBuf>,
    /// The layout as it would be found after a power cut, before recovery.
    saved: Layout,
}

/// What stands in a `.disc` file.
#[derive(Serialize, Deserialize)]
struct Saved {
    format: String,
    layout: Layout,
}

const FORMAT: &str = "discmaster virtual disc 1";

/// Why a disc cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum MediumError {
    /// The system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another drive has it in.
    #[error("{} is in another recorder", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file describes no disc.
    #[error("{} does not describe a virtual disc", path.display())]
    NotADisc {
        /// The file.
        path: PathBuf,
    },
}

impl Medium {
    /// A blank disc in memory.
    pub fn in_memory(kind: Kind) -> Self {
        Self::homeless(kind, Stores::in_memory())
    }

    /// A blank disc that forgets its data.
    pub fn discarding(kind: Kind) -> Self {
        Self::homeless(kind, Stores::discarding())
    }

    /// Makes a blank disc in the file `disc` (and `.iso` beside it), which must not exist.
    ///
    /// # Errors
    /// [`MediumError`], also if the file exists.
    pub fn create(disc: &Path, kind: Kind) -> Result<Self, MediumError> {
        let at = |source| MediumError::Io { path: disc.to_owned(), source };
        if disc.exists() {
            return Err(at(io::ErrorKind::AlreadyExists.into()));
        }
        let layout = Layout::blank(kind.profile, kind.capacity);
        let stores = Stores::beside(disc, true)?;
        let mut medium = Self { saved: layout.clone(), layout, stores, home: Some(disc.to_owned()) };
        medium.save().map_err(at)?;
        Ok(medium)
    }

    /// Opens the disc in the file `disc`. A track that was being written when the power failed is found as a
    /// drive would find it.
    ///
    /// # Errors
    /// [`MediumError`].
    pub fn open(disc: &Path) -> Result<Self, MediumError> {
        let at = |source| MediumError::Io { path: disc.to_owned(), source };
        let text = fs::read(disc).map_err(at)?;
        let not_a_disc = || MediumError::NotADisc { path: disc.to_owned() };
        let saved: Saved = serde_json::from_slice(&text).map_err(|_| not_a_disc())?;
        if saved.format != FORMAT || !saved.layout.is_sound() {
            return Err(not_a_disc());
        }
        let stores = Stores::beside(disc, false)?;
        let home = Some(disc.to_owned());
        let mut medium = Self { layout: saved.layout.clone(), saved: saved.layout, stores, home };
        medium.recover().map_err(at)?;
        Ok(medium)
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(in crate::vdrive) fn layout_mut(&mut self) -> &mut Layout {
        &mut self.layout
    }

    /// The file with the data, if they are in one.
    pub fn image(&self) -> Option<PathBuf> {
        self.home.as_deref().map(image_path)
    }

    /// The `.disc` file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// Records whole blocks that the layout has room for.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::vdrive) fn record(&mut self, lba: u32, data: &[u8], after: Layout) -> io::Result<()> {
        let begins = after.tracks().count() != self.layout.tracks().count();
        self.stores.write(lba, data)?;
        self.layout = after;
        // A power cut must find that a track was begun.
        if begins { self.save() } else { Ok(()) }
    }

    /// Records blocks of a CD as they were sent.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::vdrive) fn record_runs(
        &mut self,
        runs: &[Run],
        mut data: &[u8],
        after: Layout,
    ) -> io::Result<()> {
        let begins = after.tracks().count() != self.layout.tracks().count();
        for run in runs {
            let (sent, rest) = data.split_at(run.bytes().min(data.len()));
            self.stores.record(run, sent)?;
            data = rest;
        }
        self.layout = after;
        if begins { self.save() } else { Ok(()) }
    }

    /// The sector of a CD at `lba`, where that is `place`.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::vdrive) fn sector(&self, lba: i32, place: &Place) -> io::Result<Sector> {
        self.stores.sector(lba, &place.cd)
    }

    /// The sub-channels that were recorded at `lba`.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::vdrive) fn sub_channels(&self, lba: i32) -> io::Result<[u8; RAW]> {
        self.stores.sub_channels(lba)
    }

    /// Reads whole blocks.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::vdrive) fn read(&self, lba: u32, data: &mut [u8]) -> io::Result<()> {
        self.stores.read(lba, data)
    }

    /// Makes `after` the layout, records the padding that it speaks of, and saves it.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::vdrive) fn settle(&mut self, after: Layout) -> io::Result<()> {
        // Where anything can be overwritten, what was never written is zeros without being stored.
        if after.overwrite().is_none() {
            self.stores.end_at(&after)?;
        }
        self.layout = after;
        self.save()
    }

    /// Forgets every block.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::vdrive) fn wipe(&mut self) -> io::Result<()> {
        self.stores.wipe()
    }

    /// Lets a format in the background get as far as `formatted`. What it got to is saved when it ends.
    pub(in crate::vdrive) fn format_reaches(&mut self, formatted: u32) {
        if let Some(format) = self.layout.special.overwrite.as_mut().filter(|it| it.formatted < formatted) {
            format.formatted = formatted.min(format.size);
        }
    }

    /// What is left when the power fails with `lost` bytes in the drive's buffer.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::vdrive) fn power_cut(&mut self, lost: u64) -> io::Result<()> {
        if self.layout.overwrite().is_none() && self.layout.is_writing() && lost > 0 {
            self.stores.lose(lost, &self.saved)?;
        }
        self.layout = self.saved.clone();
        self.layout.at_once = None;
        self.recover()
    }

    /// Writes the layout to its file, whole or not at all.
    ///
    /// # Errors
    /// Those of the file.
    pub(in crate::vdrive) fn save(&mut self) -> io::Result<()> {
        if let Some(disc) = &self.home {
            let saved = Saved { format: FORMAT.into(), layout: self.layout.clone() };
            let text = serde_json::to_vec_pretty(&saved).map_err(io::Error::other)?;
            let new = disc.with_extension("disc.new");
            fs::write(&new, text)?;
            fs::rename(&new, disc)?;
        }
        self.saved = self.layout.clone();
        Ok(())
    }

    fn homeless(kind: Kind, stores: Stores) -> Self {
        let layout = Layout::blank(kind.profile, kind.capacity);
        Self { saved: layout.clone(), layout, stores, home: None }
    }

    fn recover(&mut self) -> io::Result<()> {
        if self.layout.is_interrupted() {
            self.layout.recover(self.stores.recorded()?);
            self.save()?;
        }
        Ok(())
    }
}

/// The file with the data of the disc in the file `disc`.
fn image_path(disc: &Path) -> PathBuf {
    disc.with_extension("iso")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmc::BLOCK;

    fn kind(text: &str) -> Kind {
        text.parse().unwrap()
    }

    fn write(medium: &mut Medium, lba: u32, byte: u8) {
        let mut after = medium.layout().clone();
        after.write(lba, 1).unwrap();
        medium.record(lba, &[byte; BLOCK], after).unwrap();
    }

    #[test]
    fn a_disc_is_found_again_as_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.disc");
        let mut medium = Medium::create(&path, kind("dvd+r:4096")).unwrap();
        write(&mut medium, 0, 0xb1);
        let mut after = medium.layout().clone();
        after.flush();
        medium.settle(after.clone()).unwrap();
        assert!(matches!(Medium::open(&path), Err(MediumError::InUse { .. })));
        drop(medium);
        let again = Medium::open(&path).unwrap();
        assert_eq!(again.layout(), &after);
        let image = fs::read(again.image().unwrap()).unwrap();
        assert_eq!((image.len(), image[0], image[BLOCK]), (16 * BLOCK, 0xb1, 0));
        assert!(Medium::create(&path, kind("cd-r")).is_err());
    }

    #[test]
    fn a_killed_drive_leaves_a_disc_that_goes_on_where_the_data_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.disc");
        let mut medium = Medium::create(&path, kind("dvd+r:4096")).unwrap();
        for lba in 0..20 {
            write(&mut medium, lba, 7);
        }
        drop(medium);
        let again = Medium::open(&path).unwrap();
        assert_eq!(again.layout().open_track().and_then(|track| track.next), Some(32));
    }

    #[test]
    fn a_power_cut_loses_what_the_buffer_held() {
        let mut medium = Medium::in_memory(kind("dvd+r:4096"));
        for lba in 0..64 {
            write(&mut medium, lba, 7);
        }
        medium.power_cut(20 * BLOCK as u64).unwrap();
        assert_eq!(medium.layout().open_track().and_then(|track| track.next), Some(48));
    }

    #[test]
    fn a_file_that_is_no_disc_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no.disc");
        for text in [
            "",
            "{}",
            "[1,2",
            r#"{"format":"discmaster virtual disc 1","layout":{"profile":9,"capacity":5,"finalized":false,"sessions":[]}}"#,
        ] {
            fs::write(&path, text).unwrap();
            assert!(matches!(Medium::open(&path), Err(MediumError::NotADisc { .. })), "{text}");
        }
    }
}
