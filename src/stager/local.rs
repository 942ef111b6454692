//! The same walk and the same reading without a process of its own, for who makes an image of their own files.

use std::path::{Path, PathBuf};

use super::contents::Contents;
use super::feed::FileSource;
use super::origin::Origin;
use super::plan::{Image, now};
use super::pulse::Pulse;
use super::stash::Stash;
use crate::api::{AddOptions, AddSummary, JolietProperties, Phase, Result};
use crate::image::{Layout, Tree};

/// A tree and where its contents are.
#[derive(Debug)]
pub struct Local {
    /// The names.
    pub tree: Tree,
    contents: Contents,
}

impl Local {
    /// The contents, for a [`crate::image::Stream`] of the tree.
    pub fn source(&self) -> FileSource<'_> {
        FileSource::new(&self.contents)
    }
}

/// Takes in files and the contents of directories, at absolute paths and with this process's rights, and tells what each
/// brought. Nothing is copied, whatever `options` say.
///
/// # Errors
/// As for an `Add` of the same paths: `FileUnreadable`, `SpecialFile`, `FileExists`, `BadJolietName`, `LimitsExceeded`.
pub fn image_of<P: AsRef<Path>>(
    paths: impl IntoIterator<Item = P>,
    options: &AddOptions,
) -> Result<(Local, Vec<AddSummary>)> {
    let mut image = Image::new(Stash::new(std::path::PathBuf::new(), 0), u64::from(u32::MAX));
    let options = AddOptions { copy: false, ..options.clone() };
    let mut summaries = Vec::new();
    for path in paths {
        let origin = Origin::path(path.as_ref())?;
        summaries.push(image.add_unmeasured(origin, &options, &mut Pulse::silent(Phase::Staging))?);
    }
    let (tree, contents) = image.into_parts();
    Ok((Local { tree, contents }, summaries))
}

/// Takes in what is at each absolute path with options of its own, and lays it out as a burn to a blank disc would.
/// The summary is of all together.
///
/// # Errors
/// As for [`image_of`]; `BadJolietName` for the volume's name; or what the layout says.
pub fn planned_image_of(
    additions: impl IntoIterator<Item = (PathBuf, AddOptions)>,
    properties: JolietProperties,
) -> Result<(Local, Layout, AddSummary)> {
    let mut image = Image::new(Stash::new(PathBuf::new(), 0), u64::from(u32::MAX));
    image.set_properties(properties)?;
    let mut all = AddSummary::default();
    for (path, options) in additions {
        let options = AddOptions { copy: false, ..options };
        let one = image.add_unmeasured(Origin::path(&path)?, &options, &mut Pulse::silent(Phase::Staging))?;
        all.files += one.files;
        all.directories += one.directories;
        all.symlinks += one.symlinks;
        all.skipped += one.skipped;
        all.bytes += one.bytes;
    }
    let options = image.options(0, now());
    let (tree, contents) = image.into_parts();
    let layout = Layout::plan(&tree, &options)?;
    all.used_blocks = layout.blocks();
    Ok((Local { tree, contents }, layout, all))
}
