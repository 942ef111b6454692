//! How much there is to burn, and which disc takes it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use discmaster::api::BLOCK;
use discmaster::cli::units;

/// A folder that is to be burned.
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Regular files in it.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Blocks of 2048 that an image of it takes, estimated from above.
    blocks: u64,
}

/// A kind of blank disc.
pub struct Disc {
    /// Its name on the box.
    pub name: &'static str,
    /// Its name to `discmaster-vdrive`.
    pub kind: &'static str,
    /// How fast the recorder is with it, as `discmaster-vdrive` takes it.
    pub speed: &'static str,
}

/// Blank discs, the smallest first: names, blocks of 2048, a good recorder's speed and its content in bytes a second.
const DISCS: [(&str, &str, u64, &str, u64); 2] =
    [("CD-R", "cd-r", 359_847, "48x", 7_372_800), ("DVD+R", "dvd+r", 2_295_104, "16x", 22_160_000)];
/// Nobody watches a bar for longer, in seconds.
const PATIENCE: u64 = 20;

impl Folder {
    /// Walks it, without following symbolic links.
    pub fn measure(path: &Path) -> Result<Self> {
        let path = fs::canonicalize(path).with_context(|| format!("{} cannot be opened", path.display()))?;
        if !path.is_dir() {
            bail!("{} is no folder", path.display());
        }
        let mut folder = Self { path: path.clone(), files: 0, bytes: 0, blocks: 1000 };
        let mut pending = vec![path];
        while let Some(directory) = pending.pop() {
            let entries = fs::read_dir(&directory)
                .with_context(|| format!("{} cannot be read", directory.display()))?;
            // Two trees of names, and room for long ones.
            folder.blocks += 4;
            for entry in entries {
                let entry = entry?;
                let metadata = entry.metadata()?;
                if metadata.is_dir() {
                    pending.push(entry.path());
                } else if metadata.is_file() {
                    folder.files += 1;
                    folder.bytes += metadata.len();
                    folder.blocks += metadata.len().div_ceil(BLOCK as u64);
                }
            }
        }
        folder.blocks += folder.files / 4;
        Ok(folder)
    }

    /// The smallest disc that takes it.
    pub fn disc(&self) -> Result<Disc> {
        let fits = DISCS.into_iter().find(|(_, _, blocks, ..)| *blocks >= self.blocks);
        let (name, kind, _, real, rate) = fits.with_context(|| {
            format!(
                "{} is more than a DVD takes; name a smaller folder",
                units::size(self.blocks * BLOCK as u64)
            )
        })?;
        let speed = if self.bytes / rate <= PATIENCE { real } else { "unlimited" };
        Ok(Disc { name, kind, speed })
    }
}
