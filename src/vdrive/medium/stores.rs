//! What is recorded on a disc: blocks of 2048 bytes, and of a CD with sound the whole sectors and the sub-channels.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::recording::{Run, Sent, SentSub, user_data};
use super::store::Store;
use super::track::CdTrack;
use super::{MediumError, image_path};
use crate::mmc::BLOCK;
use crate::mmc::cue::SectorMode;
use crate::mmc::sector::{SECTOR, Sector, mode_1};
use crate::mmc::subchannel::RAW;

/// Sectors before block 0 that are kept.
const BEFORE: i32 = 150;

/// The files of a disc. Those that only some CDs need are made when they are needed.
#[derive(Debug)]
pub struct Stores {
    blocks: Store,
    sectors: Option<Store>,
    sub_channels: Option<Store>,
    disc: Option<PathBuf>,
}

impl Stores {
    /// In memory, for tests.
    pub fn in_memory() -> Self {
        Self { blocks: Store::memory(BLOCK as u32), sectors: None, sub_channels: None, disc: None }
    }

    /// Nowhere, to measure hosts with.
    pub fn discarding() -> Self {
        Self { blocks: Store::discard(BLOCK as u32), ..Self::in_memory() }
    }

    /// In files beside `disc`, which are made if they are `new`.
    ///
    /// # Errors
    /// [`MediumError`].
    pub fn beside(disc: &Path, new: bool) -> Result<Self, MediumError> {
        let path = image_path(disc);
        let at = |source| MediumError::Io { path: path.clone(), source };
        let file = open(&path, new).map_err(at)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(MediumError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(at(source)),
        }
        let blocks = Store::file(file, BLOCK as u32);
        let mut stores = Self { blocks, sectors: None, sub_channels: None, disc: Some(disc.to_owned()) };
        for (kind, path) in Extra::ALL.map(|kind| (kind, disc.with_extension(kind.extension()))) {
            // What is left of another disc of this name is not on this one.
            if new || !path.exists() {
                let _ = std::fs::remove_file(&path);
            } else {
                stores.extra(kind).map_err(|source| MediumError::Io { path, source })?;
            }
        }
        Ok(stores)
    }

    /// Records whole blocks.
    ///
    /// # Errors
    /// Those of the file.
    pub fn write(&mut self, lba: u32, data: &[u8]) -> io::Result<()> {
        self.blocks.write(lba, data)
    }

    /// Reads whole blocks.
    ///
    /// # Errors
    /// Those of the file.
    pub fn read(&self, lba: u32, data: &mut [u8]) -> io::Result<()> {
        self.blocks.read(lba, data)
    }

    /// Records blocks of a CD as they were sent. Of what lies before the pre-gap only the meaning is kept, elsewhere.
    ///
    /// # Errors
    /// Those of the file.
    pub fn record(&mut self, run: &Run, data: &[u8]) -> io::Result<()> {
        if self.blocks.discards() {
            return self.blocks.set_blocks(u32::try_from(run.lba).unwrap_or(0).saturating_add(run.blocks));
        }
        match (run.sent, run.sub) {
            (Sent::User, SentSub::Nothing) => {
                // What comes before block 0 has no place among the blocks, and is zeros by the standard.
                let before = usize::try_from(-run.lba.min(0)).unwrap_or(0) * BLOCK;
                let lba = u32::try_from(run.lba).unwrap_or(0);
                self.blocks.write(lba, data.get(before..).unwrap_or_default())
            }
            (Sent::Whole(SectorMode::Audio), SentSub::Nothing) if run.lba >= -BEFORE => {
                self.extra(Extra::Sectors)?.write(before(run.lba), data)
            }
            (Sent::Ignored(SectorMode::Mode1, _), SentSub::Nothing) => Ok(()),
            _ => self.record_each(run, data),
        }
    }

    fn record_each(&mut self, run: &Run, data: &[u8]) -> io::Result<()> {
        for (lba, block) in (run.lba..).zip(data.chunks_exact(run.unit().max(1))) {
            if lba < -BEFORE {
                continue;
            }
            let (main, sub) = block.split_at(run.sent.bytes());
            let sector = run.sent.sector(lba, main);
            if run.sent.is_kept_whole() {
                self.extra(Extra::Sectors)?.write(before(lba), &sector)?;
            }
            if let (Ok(lba), Some(user)) = (u32::try_from(lba), user_data(run.sent.mode(), &sector)) {
                self.blocks.write(lba, user)?;
            }
            if !sub.is_empty() {
                self.extra(Extra::SubChannels)?.write(before(lba), &run.sub.p_to_w(sub))?;
            }
        }
        Ok(())
    }

    /// The whole sector at `lba` of a track like `cd`.
    ///
    /// # Errors
    /// Those of the file.
    pub fn sector(&self, lba: i32, cd: &CdTrack) -> io::Result<Sector> {
        let mut sector = [0; SECTOR];
        if cd.whole {
            if let Some(store) = &self.sectors {
                store.read(before(lba), &mut sector)?;
            }
            return Ok(sector);
        }
        let mut user = [0; BLOCK];
        if let Ok(lba) = u32::try_from(lba) {
            self.blocks.read(lba, &mut user)?;
        }
        Ok(mode_1(lba, &user))
    }

    /// The sub-channels that were sent for `lba`.
    ///
    /// # Errors
    /// Those of the file.
    pub fn sub_channels(&self, lba: i32) -> io::Result<[u8; RAW]> {
        let mut bytes = [0; RAW];
        if let Some(store) = &self.sub_channels {
            store.read(before(lba), &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Blocks from block 0 to the last one recorded in any form.
    ///
    /// # Errors
    /// Those of the file.
    pub fn recorded(&self) -> io::Result<u32> {
        let sectors = self.sectors.as_ref().map_or(Ok(0), Store::blocks)?;
        Ok(self.blocks.blocks()?.max(sectors.saturating_sub(BEFORE.unsigned_abs())))
    }

    /// Lets the files end where the data of `layout` do.
    ///
    /// # Errors
    /// Those of the file.
    pub fn end_at(&mut self, layout: &Layout) -> io::Result<()> {
        let (blocks, sectors) = ends(layout);
        if self.blocks.blocks()? != blocks {
            self.blocks.set_blocks(blocks)?;
        }
        let sectors = if sectors == 0 { 0 } else { sectors + BEFORE.unsigned_abs() };
        for store in [&mut self.sectors, &mut self.sub_channels].into_iter().flatten() {
            if store.blocks()? > sectors {
                store.set_blocks(sectors)?;
            }
        }
        Ok(())
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// Those of the file.
    pub fn wipe(&mut self) -> io::Result<()> {
        let stores = [Some(&mut self.blocks), self.sectors.as_mut(), self.sub_channels.as_mut()];
        stores.into_iter().flatten().try_for_each(|store| store.set_blocks(0))
    }

    /// Loses the last `bytes`, but nothing of what `safe` has.
    ///
    /// # Errors
    /// Those of the file.
    pub fn lose(&mut self, bytes: u64, safe: &Layout) -> io::Result<()> {
        let (blocks, sectors) = ends(safe);
        let lost = |unit: usize| u32::try_from(bytes / unit as u64).unwrap_or(u32::MAX);
        let kept = self.blocks.blocks()?.saturating_sub(lost(BLOCK));
        self.blocks.set_blocks(kept.max(blocks))?;
        if let Some(store) = &mut self.sectors {
            let kept = store.blocks()?.saturating_sub(lost(SECTOR));
            store.set_blocks(kept.max(sectors))?;
        }
        Ok(())
    }

    fn extra(&mut self, kind: Extra) -> io::Result<&mut Store> {
        let (slot, unit) = match kind {
            Extra::Sectors => (&mut self.sectors, SECTOR),
            Extra::SubChannels => (&mut self.sub_channels, RAW),
        };
        let store = match slot.take() {
            Some(store) => store,
            None => match &self.disc {
                Some(disc) => Store::file(open(&disc.with_extension(kind.extension()), false)?, unit as u32),
                None => Store::memory(unit as u32),
            },
        };
        Ok(slot.insert(store))
    }
}

/// What only some CDs need.
#[derive(Clone, Copy, Debug)]
enum Extra {
    Sectors,
    SubChannels,
}

impl Extra {
    const ALL: [Self; 2] = [Self::Sectors, Self::SubChannels];

    const fn extension(self) -> &'static str {
        match self {
            Self::Sectors => "sectors",
            Self::SubChannels => "sub",
        }
    }
}

/// Where blocks and whole sectors end in a layout.
fn ends(layout: &Layout) -> (u32, u32) {
    let end = |wanted: fn(&CdTrack) -> bool| {
        let tracks = layout.tracks().filter(|(_, track)| wanted(&track.cd));
        tracks.map(|(_, track)| track.start + track.written).max().unwrap_or(0)
    };
    (end(CdTrack::has_blocks), end(|cd| cd.whole || cd.sub_channel))
}

/// The place of a block in a store that begins before block 0.
fn before(lba: i32) -> u32 {
    lba.saturating_add(BEFORE).max(0).unsigned_abs()
}

fn open(path: &Path, new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).create_new(new);
    options.open(path)
}
