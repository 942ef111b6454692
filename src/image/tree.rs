//! The names that will be on the disc. Holds no content: a file names its content by the caller's number.
//!
//! Compact, since a tree may hold millions of names: nodes of one fixed size, names in one arena, children as linked
//! siblings, and one hash table over all names (keyed, as the names may come from an enemy).

mod imported;
mod index;
mod merge;
#[cfg(test)]
mod tests;

use super::on_disc::OnDisc;
use index::Index;
use std::sync::Arc;
use thiserror::Error;

/// Longest file name, in bytes (NAME_MAX, and what Rock Ridge readers accept).
pub const NAME_MAX: usize = 255;
/// Longest target of a symbolic link, in bytes. Rock Ridge knows no limit, but readers do: with more, xorriso gives the
/// whole image up and isoinfo crashes.
pub const TARGET_MAX: usize = 1023;

const NONE: u32 = u32::MAX;
/// Numbers above this mark free slots of the index.
const NODES_MAX: usize = NONE as usize - 1;

/// A node of one [`Tree`]. Stays valid until the node is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// The caller's number of a content. Files that share one are hard links and share their data on the disc. Numbers from
/// [`super::on_disc::FIRST_ON_DISC`] on are of contents that are on the medium already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentId(pub u32);

/// Attributes of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Permissions as in `st_mode`; the type bits are set from the kind of the node.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification, in seconds since 1970-01-01 UTC; [`Meta::UNDATED`] of what has none.
    pub mtime: i64,
}

impl Meta {
    /// The date of a node that nobody made before the image was: the volume's date of creation stands for it.
    pub const UNDATED: i64 = i64::MIN;

    /// The date that is recorded, in an image that was created at `created`.
    pub const fn date(&self, created: i64) -> i64 {
        if self.mtime == Self::UNDATED { created } else { self.mtime }
    }
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A directory.
    Dir,
    /// A regular file.
    File {
        /// Its content, by the caller's number.
        content: ContentId,
        /// Length in bytes.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points, as stored.
        target: &'a [u8],
    },
}

/// How many nodes of each kind a tree holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Directories, the root included.
    pub directories: u64,
    /// Names of regular files; hard links count each.
    pub files: u64,
    /// Symbolic links.
    pub symlinks: u64,
}

/// Why a name cannot be added. The tree is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TreeError {
    /// The name is taken.
    #[error("{path} is in the image already; remove it first, or ask for overwriting")]
    Exists {
        /// The taken path inside the image.
        path: String,
    },
    /// A directory on one side, something else on the other: overwriting does not apply.
    #[error(
        "{path} is a directory on one side and not on the other, so neither can replace the other; rename one"
    )]
    KindsDiffer {
        /// The path inside the image.
        path: String,
    },
    /// Not a name of a file.
    #[error("{name:?} cannot be a file name: {reason}")]
    BadName {
        /// The name, as far as it can be shown.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not the target of a symbolic link.
    #[error("the symbolic link {name:?} cannot be recorded: {reason}")]
    BadTarget {
        /// The name of the link.
        name: String,
        /// What is wrong with its target.
        reason: &'static str,
    },
    /// The parent is a file, a symbolic link, or gone.
    #[error("{path} is not a directory, so nothing can be put into it")]
    NotADirectory {
        /// The path inside the image.
        path: String,
    },
    /// More names than 32-bit offsets reach.
    #[error("the image holds too many names (4 GiB of them); leave some files out")]
    Full,
}

/// Names, kinds and attributes of everything in an image.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: Vec<Node>,
    arena: Vec<u8>,
    index: Index,
    counts: Counts,
    generation: u64,
    /// Contents of imported files.
    on_disc: Arc<OnDisc>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    mtime: i64,
    body: Body,
    parent: u32,
    next: u32,
    previous: u32,
    name_at: u32,
    uid: u32,
    gid: u32,
    mode: u16,
    name_len: u8,
    /// It came from an earlier session of the medium.
    imported: bool,
}

const _: () = assert!(size_of::<Node>() == 56, "there are millions of them");

#[derive(Debug, Clone, Copy)]
enum Body {
    Dir { first: u32, last: u32 },
    File { content: u32, size: u64 },
    Symlink { at: u32, len: u16 },
    Removed,
}

impl Tree {
    /// A tree of nothing but its root.
    pub fn new(root: Meta) -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            arena: Vec::new(),
            index: Index::default(),
            counts: Counts { directories: 1, ..Counts::default() },
            generation: 0,
            on_disc: Arc::default(),
        };
        tree.nodes.push(Node::new(NONE, root, Body::Dir { first: NONE, last: NONE }));
        tree
    }

    /// The root directory.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// Adds an empty directory.
    ///
    /// # Errors
    /// The name is taken or no file name, the parent is no directory, or the tree is full.
    pub fn add_dir(&mut self, parent: NodeId, name: &[u8], meta: Meta) -> Result<NodeId, TreeError> {
        let id = self.add(parent, name, meta, Body::Dir { first: NONE, last: NONE }, &[])?;
        self.counts.directories += 1;
        Ok(id)
    }

    /// Adds a regular file of `size` bytes.
    ///
    /// # Errors
    /// The name is taken or no file name, the parent is no directory, or the tree is full.
    pub fn add_file(
        &mut self,
        parent: NodeId,
        name: &[u8],
        meta: Meta,
        content: ContentId,
        size: u64,
    ) -> Result<NodeId, TreeError> {
        let id = self.add(parent, name, meta, Body::File { content: content.0, size }, &[])?;
        self.counts.files += 1;
        Ok(id)
    }

    /// Adds a symbolic link. Rock Ridge stores the target by components: doubled and trailing slashes are lost.
    ///
    /// # Errors
    /// The name is taken or no file name, the parent is no directory, the tree is full, or the target is empty,
    /// longer than [`TARGET_MAX`], or holds a zero byte.
    pub fn add_symlink(
        &mut self,
        parent: NodeId,
        name: &[u8],
        meta: Meta,
        target: &[u8],
    ) -> Result<NodeId, TreeError> {
        let reason = match target {
            [] => Some("its target is empty"),
            long if long.len() > TARGET_MAX => {
                Some("its target is longer than 1023 bytes, the most that readers of Rock Ridge take")
            }
            odd if odd.contains(&0) => Some("its target holds a zero byte"),
            _ => None,
        };
        if let Some(reason) = reason {
            return Err(TreeError::BadTarget { name: show(name), reason });
        }
        let len = target.len() as u16;
        let at = self.arena.len().saturating_add(name.len()) as u32;
        let id = self.add(parent, name, meta, Body::Symlink { at, len }, target)?;
        self.counts.symlinks += 1;
        Ok(id)
    }

    /// The child of `parent` that has this name.
    pub fn lookup(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        self.index.find(parent.0, name, |id| self.named(id)).map(NodeId)
    }

    /// The node at a path such as `a/b/c`; empty components are skipped, `.` and `..` mean nothing here.
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        let names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
        names.into_iter().try_fold(self.root(), |at, name| self.lookup(at, name))
    }

    /// Removes a node and everything below it. Removing the root empties the tree.
    pub fn remove(&mut self, node: NodeId) {
        self.generation += 1;
        let mut doomed = vec![node.0];
        if node.0 == 0 {
            doomed = self.children(node).map(|child| child.0).collect();
            self.nodes[0].body = Body::Dir { first: NONE, last: NONE };
        } else {
            self.unlink(node.0);
        }
        while let Some(id) = doomed.pop() {
            doomed.extend(self.children(NodeId(id)).map(|child| child.0));
            let node = self.nodes[id as usize];
            match node.body {
                Body::Dir { .. } => self.counts.directories -= 1,
                Body::File { .. } => self.counts.files -= 1,
                Body::Symlink { .. } => self.counts.symlinks -= 1,
                Body::Removed => continue,
            }
            self.index.remove(node.parent, node.name(&self.arena), id);
            self.nodes[id as usize].body = Body::Removed;
        }
    }

    /// The children of a directory, in the order in which they were added; none for anything else.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let mut next = match self.nodes[node.index()].body {
            Body::Dir { first, .. } => first,
            _ => NONE,
        };
        std::iter::from_fn(move || {
            let here = next;
            next = self.nodes.get(here as usize)?.next;
            Some(NodeId(here))
        })
    }

    /// The name of a node, as bytes; empty for the root.
    pub fn name(&self, node: NodeId) -> &[u8] {
        self.nodes[node.index()].name(&self.arena)
    }

    /// What a node is. A removed node looks like an empty directory.
    pub fn kind(&self, node: NodeId) -> Kind<'_> {
        match self.nodes[node.index()].body {
            Body::Dir { .. } | Body::Removed => Kind::Dir,
            Body::File { content, size } => Kind::File { content: ContentId(content), size },
            Body::Symlink { at, len } => {
                Kind::Symlink { target: &self.arena[at as usize..at as usize + usize::from(len)] }
            }
        }
    }

    /// The attributes of a node; `mode` with the type bits of its kind.
    pub fn meta(&self, node: NodeId) -> Meta {
        let Node { mode, uid, gid, mtime, .. } = self.nodes[node.index()];
        Meta { mode: u32::from(mode), uid, gid, mtime }
    }

    /// Sets the attributes of a node.
    pub fn set_meta(&mut self, node: NodeId, meta: Meta) {
        self.generation += 1;
        let old = &mut self.nodes[node.index()];
        *old = Node {
            mode: mode_of(meta.mode, old.body),
            uid: meta.uid,
            gid: meta.gid,
            mtime: meta.mtime,
            ..*old
        };
    }

    /// The directory that holds a node; the root's is the root.
    pub fn parent(&self, node: NodeId) -> NodeId {
        match self.nodes[node.index()].parent {
            NONE => self.root(),
            parent => NodeId(parent),
        }
    }

    /// The path of a node from the root, as bytes: `/a/b`, or `/` for the root.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = node;
        while at != self.root() {
            names.push(self.name(at));
            at = self.parent(at);
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        path
    }

    /// How many nodes of each kind there are.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// One more than the largest node number ever given out.
    pub(crate) fn node_limit(&self) -> usize {
        self.nodes.len()
    }

    /// A mark that changes with every change of the tree.
    pub(crate) fn stamp(&self) -> (usize, u64) {
        (self.nodes.len(), self.generation)
    }

    pub(crate) fn shown_path(&self, node: NodeId) -> String {
        show(&self.path(node))
    }

    /// Adds a node; `target` goes right behind its name in the arena.
    fn add(
        &mut self,
        parent: NodeId,
        name: &[u8],
        meta: Meta,
        body: Body,
        target: &[u8],
    ) -> Result<NodeId, TreeError> {
        check_name(name)?;
        let Body::Dir { last, .. } = self.nodes[parent.index()].body else {
            return Err(TreeError::NotADirectory { path: self.shown_path(parent) });
        };
        if let Some(taken) = self.lookup(parent, name) {
            return Err(TreeError::Exists { path: self.shown_path(taken) });
        }
        if self.nodes.len() >= NODES_MAX || self.arena.len() + name.len() + target.len() >= NONE as usize {
            return Err(TreeError::Full);
        }
        let id = self.nodes.len() as u32;
        let mut node = Node::new(parent.0, meta, body);
        node.previous = last;
        node.name_at = self.arena.len() as u32;
        node.name_len = name.len() as u8;
        self.arena.extend_from_slice(name);
        self.arena.extend_from_slice(target);
        self.nodes.push(node);
        match self.nodes.get_mut(last as usize) {
            Some(sibling) => sibling.next = id,
            None => self.set_ends(parent.0, |first, _| *first = id),
        }
        self.set_ends(parent.0, |_, last| *last = id);
        let (nodes, arena) = (&self.nodes, &self.arena);
        self.index.insert(parent.0, name, id, |other| {
            let other = &nodes[other as usize];
            (other.parent, other.name(arena))
        });
        self.generation += 1;
        Ok(NodeId(id))
    }

    fn unlink(&mut self, id: u32) {
        let Node { parent, previous, next, .. } = self.nodes[id as usize];
        match self.nodes.get_mut(previous as usize) {
            Some(node) => node.next = next,
            None => self.set_ends(parent, |first, _| *first = next),
        }
        match self.nodes.get_mut(next as usize) {
            Some(node) => node.previous = previous,
            None => self.set_ends(parent, |_, last| *last = previous),
        }
    }

    fn set_ends(&mut self, dir: u32, set: impl FnOnce(&mut u32, &mut u32)) {
        if let Some(Node { body: Body::Dir { first, last }, .. }) = self.nodes.get_mut(dir as usize) {
            set(first, last);
        }
    }

    fn named(&self, id: u32) -> (u32, &[u8]) {
        let node = &self.nodes[id as usize];
        (node.parent, node.name(&self.arena))
    }
}

impl Node {
    fn new(parent: u32, meta: Meta, body: Body) -> Self {
        Self {
            mtime: meta.mtime,
            body,
            parent,
            next: NONE,
            previous: NONE,
            name_at: 0,
            uid: meta.uid,
            gid: meta.gid,
            mode: mode_of(meta.mode, body),
            name_len: 0,
            imported: false,
        }
    }

    fn name<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.name_at as usize..self.name_at as usize + usize::from(self.name_len)]
    }
}

fn mode_of(mode: u32, body: Body) -> u16 {
    let kind = match body {
        Body::Dir { .. } | Body::Removed => 0o040_000,
        Body::File { .. } => 0o100_000,
        Body::Symlink { .. } => 0o120_000,
    };
    (mode & 0o7777) as u16 | kind
}

fn check_name(name: &[u8]) -> Result<(), TreeError> {
    let reason = match name {
        [] => "it is empty",
        b"." | b".." => "it stands for a directory itself",
        long if long.len() > NAME_MAX => "it is longer than 255 bytes",
        odd if odd.iter().any(|&byte| byte == b'/' || byte == 0) => "it holds a slash or a zero byte",
        _ => return Ok(()),
    };
    Err(TreeError::BadName { name: show(name), reason })
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
