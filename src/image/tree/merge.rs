//! Putting one tree into another: wholly, or not at all.

use super::{Body, ContentId, Kind, NODES_MAX, NONE, NodeId, Tree, TreeError};

impl Tree {
    /// Adds everything in `other` to the directory `at`. Directories that exist on both sides are merged;
    /// with `overwrite`, files and symbolic links replace those of the same name, and directories take the new attributes.
    /// The attributes of `other`'s root are not used.
    ///
    /// # Errors
    /// A name is taken (and `overwrite` is off), a directory meets something else, `at` is no directory, or the tree
    /// would be full. The tree is then as it was.
    pub fn merge(&mut self, at: NodeId, other: &Tree, overwrite: bool) -> Result<(), TreeError> {
        self.check_merge(at, other, overwrite)?;
        let mut pairs = vec![(at, other.root())];
        while let Some((into, from)) = pairs.pop() {
            for child in other.children(from) {
                let here = self.take(into, other, child, overwrite)?;
                if other.kind(child) == Kind::Dir {
                    pairs.push((here, child));
                }
            }
        }
        Ok(())
    }

    /// Every reason for which the second pass could stop half-way.
    fn check_merge(&self, at: NodeId, other: &Tree, overwrite: bool) -> Result<(), TreeError> {
        if !matches!(self.nodes[at.index()].body, Body::Dir { .. }) {
            return Err(TreeError::NotADirectory { path: self.shown_path(at) });
        }
        if self.nodes.len() + other.nodes.len() > NODES_MAX
            || self.arena.len() + other.arena.len() >= NONE as usize
        {
            return Err(TreeError::Full);
        }
        let mut pairs = vec![(at, other.root())];
        while let Some((into, from)) = pairs.pop() {
            for child in other.children(from) {
                let Some(mine) = self.lookup(into, other.name(child)) else { continue };
                match (self.kind(mine) == Kind::Dir, other.kind(child) == Kind::Dir) {
                    (true, true) => pairs.push((mine, child)),
                    (false, false) if overwrite => {}
                    (false, false) => return Err(TreeError::Exists { path: self.shown_path(mine) }),
                    _ => return Err(TreeError::KindsDiffer { path: self.shown_path(mine) }),
                }
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        into: NodeId,
        other: &Tree,
        child: NodeId,
        overwrite: bool,
    ) -> Result<NodeId, TreeError> {
        let (name, meta) = (other.name(child), other.meta(child));
        let taken = self.lookup(into, name);
        match (taken, other.kind(child)) {
            (Some(mine), Kind::Dir) => {
                if overwrite {
                    self.set_meta(mine, meta);
                }
                return Ok(mine);
            }
            (Some(mine), _) => self.remove(mine),
            (None, _) => {}
        }
        match other.kind(child) {
            Kind::Dir => self.add_dir(into, name, meta),
            Kind::File { content: ContentId(content), size } => {
                self.add_file(into, name, meta, ContentId(content), size)
            }
            Kind::Symlink { target } => self.add_symlink(into, name, meta, target),
        }
    }
}
