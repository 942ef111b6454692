//! What of a tree came from an earlier session of the medium.

use super::super::on_disc::OnDisc;
use super::{Kind, NodeId, Tree, TreeError};
use std::sync::Arc;

impl Tree {
    /// Marks a node as one of an earlier session.
    pub fn set_imported(&mut self, node: NodeId, imported: bool) {
        self.nodes[node.index()].imported = imported;
    }

    /// Whether a node came from an earlier session. A directory that did may hold new entries.
    pub fn is_imported(&self, node: NodeId) -> bool {
        self.nodes[node.index()].imported
    }

    /// Where contents are that are on the medium already.
    pub fn on_disc(&self) -> &OnDisc {
        &self.on_disc
    }

    /// Says where contents are that are on the medium already.
    pub fn set_on_disc(&mut self, on_disc: OnDisc) {
        self.generation += 1;
        self.on_disc = Arc::new(on_disc);
    }

    /// Says that contents on the medium are where they are for another tree.
    pub fn share_on_disc(&mut self, other: &Self) {
        self.generation += 1;
        self.on_disc = Arc::clone(&other.on_disc);
    }

    /// A tree of what did not come from an earlier session, and of the directories that hold it. Nodes that were
    /// removed take no room in it.
    ///
    /// # Errors
    /// None that a sound tree could cause: a part of it has room where the whole had.
    pub fn without_imported(&self) -> Result<Self, TreeError> {
        self.copied(|node| !self.is_imported(node), false)
    }

    /// A copy without the places of what was removed.
    ///
    /// # Errors
    /// As for [`Tree::without_imported`].
    pub fn compacted(&self) -> Result<Self, TreeError> {
        self.copied(|_| true, true)
    }

    /// Copies the nodes that are wanted, and the directories that hold them.
    fn copied(&self, wanted: impl Fn(NodeId) -> bool, imports: bool) -> Result<Self, TreeError> {
        let mut keep = vec![false; self.nodes.len()];
        for id in self.alive() {
            let mut at = id;
            while wanted(id) && !std::mem::replace(&mut keep[at.index()], true) {
                at = self.parent(at);
            }
        }
        let mut tree = Self::new(self.meta(self.root()));
        if imports {
            tree.on_disc = Arc::clone(&self.on_disc);
        }
        let mut pending = vec![(self.root(), tree.root())];
        while let Some((from, to)) = pending.pop() {
            for child in self.children(from).filter(|child| keep[child.index()]) {
                let (name, meta) = (self.name(child), self.meta(child));
                let copy = match self.kind(child) {
                    Kind::Dir => {
                        let copy = tree.add_dir(to, name, meta)?;
                        pending.push((child, copy));
                        copy
                    }
                    Kind::File { content, size } => tree.add_file(to, name, meta, content, size)?,
                    Kind::Symlink { target } => tree.add_symlink(to, name, meta, target)?,
                };
                tree.set_imported(copy, imports && self.is_imported(child));
            }
        }
        Ok(tree)
    }

    /// All nodes but the root, those above before those below.
    fn alive(&self) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut pending = vec![self.root()];
        while let Some(directory) = pending.pop() {
            for child in self.children(directory) {
                found.push(child);
                if self.kind(child) == Kind::Dir {
                    pending.push(child);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::on_disc::Section;
    use crate::image::tree::{ContentId, Meta};

    const META: Meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0 };

    /// An old directory with an old file and a new one in it, and an old directory of old things alone.
    fn mixed() -> Tree {
        let mut tree = Tree::new(META);
        let mut on_disc = OnDisc::default();
        let content = on_disc.add(&[Section { block: 50, size: 3 }]).unwrap();
        tree.set_on_disc(on_disc);
        for name in [&b"both"[..], b"old"] {
            let dir = tree.add_dir(tree.root(), name, META).unwrap();
            let file = tree.add_file(dir, b"f", META, content, 3).unwrap();
            tree.set_imported(dir, true);
            tree.set_imported(file, true);
        }
        let both = tree.lookup(tree.root(), b"both").unwrap();
        tree.add_file(both, b"new", META, ContentId(0), 7).unwrap();
        tree
    }

    #[test]
    fn without_imports_the_new_and_the_way_to_it_are_left() {
        let tree = mixed().without_imported().unwrap();
        let both = tree.lookup(tree.root(), b"both").unwrap();
        assert!(tree.lookup(both, b"new").is_some() && tree.lookup(both, b"f").is_none());
        assert!(!tree.is_imported(both));
        assert_eq!(tree.counts().directories, 2);
    }

    #[test]
    fn a_compacted_tree_knows_what_was_imported_and_forgets_what_was_removed() {
        let mut tree = mixed();
        let old = tree.lookup(tree.root(), b"old").unwrap();
        tree.remove(old);
        let tree = tree.compacted().unwrap();
        assert_eq!(tree.node_limit(), 4);
        let both = tree.lookup(tree.root(), b"both").unwrap();
        let file = tree.lookup(both, b"f").unwrap();
        assert!(tree.is_imported(both) && tree.is_imported(file));
        let Kind::File { content, .. } = tree.kind(file) else { panic!("a file") };
        assert_eq!(tree.on_disc().sections(content), [Section { block: 50, size: 3 }]);
    }
}
