//! One of the directory trees of an image, planned: mangled names, sorted records, sizes. A few bytes a name.
//!
//! Directories stay at their level however deep it is, and paths may be of any length. ECMA-119 §6.8.2.1 allows eight
//! levels, and Rock Ridge could move deeper ones; but Linux, xorriso, isoinfo and libarchive follow any depth, xorriso
//! writes so by default, and a moved directory is in the wrong place for all who read no Rock Ridge.

#[cfg(test)]
mod tests;

use super::error::ImageError;
use super::iso9660::{name as iso_name, path_table};
use super::options::JolietLength;
use super::tree::{Kind, NodeId, Tree};
use super::{joliet, unique};

/// Which rules the names of a tree follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// ISO 9660, level 3.
    Iso,
    /// Joliet.
    Joliet(JolietLength),
}

impl Naming {
    /// Appends the mangled form of a name, without a version.
    fn mangle(self, name: &[u8], directory: bool, out: &mut Vec<u8>) {
        match self {
            Self::Iso => iso_name::mangle(name, directory, out),
            Self::Joliet(length) => joliet::mangle(name, directory, length.characters(), out),
        }
    }

    /// Appends a mangled name with a number.
    pub fn numbered(self, mangled: &[u8], directory: bool, number: u32, out: &mut Vec<u8>) {
        match self {
            Self::Iso => iso_name::numbered(mangled, directory, number, out),
            Self::Joliet(length) => joliet::numbered(mangled, directory, length.characters(), number, out),
        }
    }

    /// What must be unique in a directory: a file without extension and a directory may not share a name, nor may
    /// two Joliet names that differ only in case.
    pub fn fold<'a>(self, mangled: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
        match self {
            Self::Iso => mangled.strip_suffix(b".").unwrap_or(mangled),
            Self::Joliet(_) => {
                buffer.clear();
                joliet::fold(mangled, buffer);
                buffer
            }
        }
    }

    /// Bytes of a mangled name in front of its extension.
    pub fn stem_length(self, mangled: &[u8], directory: bool) -> usize {
        match self {
            Self::Iso => iso_name::split(mangled, directory).0.len(),
            Self::Joliet(_) => joliet::stem_length(mangled, directory),
        }
    }

    /// Most bytes of a mangled name.
    pub fn limit_bytes(self) -> usize {
        match self {
            Self::Iso => 31,
            Self::Joliet(length) => length.characters() * 2,
        }
    }

    /// Bytes of a character.
    pub fn unit(self) -> usize {
        match self {
            Self::Iso => 1,
            Self::Joliet(_) => 2,
        }
    }

    /// What follows the name of a file in its record (ECMA-119 §7.5.1; Joliet keeps it, and readers strip it).
    pub fn version(self) -> &'static [u8] {
        match self {
            Self::Iso => b";1",
            Self::Joliet(_) => b"\0;\x001",
        }
    }
}

/// Mangled names by node, in one arena, each behind its length.
#[derive(Debug, Default)]
pub(crate) struct Names {
    at: Vec<u32>,
    bytes: Vec<u8>,
}

impl Names {
    /// The mangled name of a node, without a version.
    pub fn get(&self, node: u32) -> &[u8] {
        let at = self.at[node as usize] as usize;
        &self.bytes[at + 1..=at + usize::from(self.bytes[at])]
    }

    /// Gives a node another name.
    pub fn set(&mut self, node: u32, name: &[u8]) {
        self.put(node, |bytes| bytes.extend_from_slice(name));
    }

    fn put(&mut self, node: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.bytes.len();
        self.at[node as usize] = at as u32;
        self.bytes.push(0);
        write(&mut self.bytes);
        self.bytes[at] = (self.bytes.len() - at - 1) as u8;
    }
}

/// A directory of a view. Numbered from 0 in the order of the path table.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    pub node: NodeId,
    /// Number of the directory that holds it; the root's is its own.
    pub parent: u32,
    /// Where its records start in [`View::order`], and how many names it has there.
    pub first: u32,
    pub count: u32,
    /// How many of them are directories.
    pub subdirectories: u32,
    /// First block of its records, on the medium.
    pub block: u32,
    /// Blocks of its records.
    pub blocks: u32,
    /// Blocks of continuation areas right behind them.
    pub continuation_blocks: u32,
}

/// A directory tree as it will be recorded.
#[derive(Debug)]
pub(crate) struct View {
    pub naming: Naming,
    /// Whether records carry Rock Ridge.
    pub rock_ridge: bool,
    pub names: Names,
    pub directories: Vec<Directory>,
    /// The nodes of all directories, one directory after the other, sorted by name.
    pub order: Vec<u32>,
    /// Directory number by the number that the layout gave to the node.
    pub by_ordinal: Vec<u32>,
}

impl View {
    /// Mangles, sorts and numbers. `ordinals` has the layout's number of each directory, by node.
    pub fn build(
        tree: &Tree,
        naming: Naming,
        rock_ridge: bool,
        ordinals: &[u32],
    ) -> Result<Self, ImageError> {
        let counts = tree.counts();
        let mut view = Self {
            naming,
            rock_ridge,
            names: Names { at: vec![0; tree.node_limit()], bytes: Vec::new() },
            directories: Vec::with_capacity(counts.directories as usize),
            order: Vec::with_capacity((counts.directories + counts.files + counts.symlinks) as usize),
            by_ordinal: vec![0; counts.directories as usize],
        };
        view.directories.push(Directory::new(tree.root(), 0));
        let mut number = 0;
        while number < view.directories.len() {
            view.collect(tree, number)?;
            let node = view.directories[number].node;
            view.by_ordinal[ordinals[node.index()] as usize] = number as u32;
            number += 1;
        }
        view.names.bytes.shrink_to_fit();
        Ok(view)
    }

    /// Bytes of the path table.
    pub fn path_table_length(&self) -> u64 {
        let names = (0..self.directories.len()).map(|number| self.directory_name(number).len());
        names.map(|length| path_table::entry_length(length) as u64).sum()
    }

    /// The name of a directory in the path table: one zero byte for the root (ECMA-119 §9.4.5).
    pub fn directory_name(&self, number: usize) -> &[u8] {
        if number == 0 { &[0] } else { self.names.get(self.directories[number].node.number()) }
    }

    /// The nodes of a directory, sorted by name.
    pub fn children(&self, directory: &Directory) -> &[u32] {
        &self.order[directory.first as usize..][..directory.count as usize]
    }

    fn collect(&mut self, tree: &Tree, number: usize) -> Result<(), ImageError> {
        let node = self.directories[number].node;
        let first = self.order.len();
        let mut subdirectories = Vec::new();
        for child in tree.children(node) {
            let directory = match tree.kind(child) {
                Kind::Dir => true,
                Kind::File { .. } => false,
                // Only Rock Ridge can tell what a symbolic link is.
                Kind::Symlink { .. } if self.rock_ridge => false,
                Kind::Symlink { .. } => continue,
            };
            self.order.push(child.number());
            self.names.put(child.number(), |out| self.naming.mangle(tree.name(child), directory, out));
        }
        let is_directory = |node| tree.kind(NodeId::from_number(node)) == Kind::Dir;
        unique::settle(self.naming, &self.order[first..], is_directory, &mut self.names);
        if u32::try_from(self.names.bytes.len()).is_err() {
            return Err(ImageError::TooManyNames);
        }
        let names = &self.names;
        self.order[first..].sort_unstable_by(|&a, &b| names.get(a).cmp(names.get(b)));
        subdirectories.extend(self.order[first..].iter().copied().filter(|&child| is_directory(child)));
        let directory = &mut self.directories[number];
        directory.first = first as u32;
        directory.count = (self.order.len() - first) as u32;
        directory.subdirectories = subdirectories.len() as u32;
        let below =
            subdirectories.into_iter().map(|node| Directory::new(NodeId::from_number(node), number as u32));
        self.directories.extend(below);
        Ok(())
    }
}

impl Directory {
    fn new(node: NodeId, parent: u32) -> Self {
        Self {
            node,
            parent,
            first: 0,
            count: 0,
            subdirectories: 0,
            block: 0,
            blocks: 0,
            continuation_blocks: 0,
        }
    }
}
