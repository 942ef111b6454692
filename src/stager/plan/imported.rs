//! What of an image came from an earlier session of the disc.

use std::os::fd::OwnedFd;

use super::{Image, directory_meta};
use crate::api::{Error, ErrorKind, ImportSummary, Result};
use crate::image::read::Bounds;
use crate::image::{Kind, OnDisc};
use crate::stager::import::read_tree;
use crate::stager::pulse::Pulse;

/// The first block behind those that a session's volume descriptors are copied over: block 16, and as many as our images
/// have.
const DESCRIPTORS_END: u32 = 16 + 3;

impl Image {
    /// Takes in the tree of an earlier session, read through a worker's socket, instead of any that was imported before.
    /// What was added stays, and wins over imported files of the same names.
    ///
    /// # Errors
    /// As for [`read_tree`]; `FileExists` where a directory meets something else. The image is then as it was.
    pub fn import(
        &mut self,
        socket: OwnedFd,
        start: u32,
        end: u32,
        pulse: &mut Pulse<'_>,
    ) -> Result<ImportSummary> {
        let added = self.tree.without_imported()?;
        let counts = added.counts();
        let own = counts.directories + counts.files + counts.symlinks;
        let entries = self.max_entries.saturating_sub(own);
        let bounds = Bounds { end, entries, directory: directory_meta() };
        let imported = read_tree(socket, start, bounds, pulse)?;
        let counts = imported.tree.counts();
        let mut tree = imported.tree;
        tree.merge(tree.root(), &added, true)?;
        let name = self.inherited_name.replace(imported.volume_name.clone());
        let before = std::mem::replace(&mut self.tree, tree);
        self.layout = None;
        let used_blocks = self.blocks().inspect_err(|_| {
            (self.tree, self.inherited_name) = (before, name);
        })?;
        Ok(ImportSummary {
            files: counts.files,
            directories: counts.directories - 1,
            symlinks: counts.symlinks,
            left_out: imported.left_out,
            volume_name: imported.volume_name,
            checksum: imported.checksum,
            end: imported.end,
            used_blocks,
        })
    }

    /// Forgets what was imported, and gives the blocks that the image takes then.
    ///
    /// # Errors
    /// None that can be thought of: what was added could be laid out before.
    pub fn forget_imported(&mut self) -> Result<u64> {
        self.tree = self.tree.without_imported()?;
        self.inherited_name = None;
        self.layout = None;
        self.blocks()
    }

    /// Refuses when the copy of this image's volume descriptors would be written over a file that stays: none of the
    /// programs that are known puts one there.
    ///
    /// # Errors
    /// `NotSupported` naming the file.
    pub(super) fn check_overwritten(&self) -> Result<()> {
        let mut directories = vec![self.tree.root()];
        while let Some(directory) = directories.pop() {
            for child in self.tree.children(directory) {
                let content = match self.tree.kind(child) {
                    Kind::Dir => {
                        directories.push(child);
                        continue;
                    }
                    Kind::File { content, .. } if OnDisc::is_on_disc(content) => content,
                    Kind::File { .. } | Kind::Symlink { .. } => continue,
                };
                let sections = self.tree.on_disc().sections(content);
                if sections.iter().any(|section| section.size > 0 && section.block < DESCRIPTORS_END) {
                    let path = String::from_utf8_lossy(&self.tree.path(child)).into_owned();
                    let message = format!(
                        "{path} lies in the first blocks of the disc, which have to be written anew to append to it; nothing \
                         was written. Remove that file from the image, or erase the disc"
                    );
                    return Err(Error::new(ErrorKind::NotSupported, message).with("path", path));
                }
            }
        }
        Ok(())
    }
}
