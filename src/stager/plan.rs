//! The staged image: its names, its contents, and what may be done to them. Every change is made wholly or not at all.

mod imported;

use std::time::{SystemTime, UNIX_EPOCH};

use super::contents::Contents;
use super::errors;
use super::open::check_all;
use super::origin::Origin;
use super::pulse::Pulse;
use super::sound::Sound;
use super::stash::Stash;
use super::walk::{DEPTH_MAX, Rules, Walk};
use crate::api::{AddOptions, AddSummary, Entry, EntryKind, Error, ErrorKind, JolietProperties, Result};
use crate::image::{ContentId, JolietLength, Kind, Layout, Meta, NodeId, Options, Tree, TreeError};

/// Longest volume name: what ISO 9660 holds (ECMA-119 8.4.8); Joliet keeps the first 16 characters.
const VOLUME_NAME_MAX: usize = 32;
/// Bytes of entries that a list may have, with room to spare in a frame.
const LIST_MAX: usize = 96 * 1024;

/// An image as it is staged.
#[derive(Debug)]
pub struct Image {
    tree: Tree,
    contents: Contents,
    properties: JolietProperties,
    stash: Stash,
    max_entries: u64,
    layout: Option<Layout>,
    /// The volume name of the session that the tree was imported from.
    inherited_name: Option<String>,
    sound: Sound,
}

impl Image {
    /// An empty image of at most `max_entries` entries.
    pub fn new(stash: Stash, max_entries: u64) -> Self {
        Self {
            tree: Tree::new(directory_meta()),
            contents: Contents::default(),
            properties: JolietProperties::default(),
            stash,
            max_entries,
            layout: None,
            inherited_name: None,
            sound: Sound::default(),
        }
    }

    /// The tracks of an audio disc, and where they are kept.
    pub fn sound(&mut self) -> (&mut Sound, &Stash) {
        (&mut self.sound, &self.stash)
    }

    /// Takes in what is at `origin`, if the image then takes at most `capacity` blocks.
    ///
    /// # Errors
    /// Whatever is wrong with the files, the names, the room on the disc or in the stash; the image is then as it was.
    pub fn add(
        &mut self,
        origin: Origin,
        options: &AddOptions,
        capacity: Option<u64>,
        pulse: &mut Pulse<'_>,
    ) -> Result<AddSummary> {
        let mark = self.contents.mark();
        let result = self.try_add(origin, options, capacity, pulse);
        if result.is_err() {
            self.contents.roll_back(mark);
        }
        result
    }

    fn try_add(
        &mut self,
        origin: Origin,
        options: &AddOptions,
        capacity: Option<u64>,
        pulse: &mut Pulse<'_>,
    ) -> Result<AddSummary> {
        let mark = self.contents.mark();
        let (tree, mut summary) = self.grafted(origin, options, pulse)?;
        let used = Layout::plan(&tree, &self.options(0, now()))?.blocks();
        if let Some(capacity) = capacity
            && used > capacity
        {
            return Err(errors::disc_full(used, capacity));
        }
        if options.copy {
            self.stash.copy(&mut self.contents, mark, pulse)?;
        }
        // A cancel that is here by now must not find its addition done, however small that is.
        pulse.listen()?;
        summary.used_blocks = used;
        self.tree = tree;
        self.layout = None;
        self.tidy();
        Ok(summary)
    }

    /// Takes in what is at `origin` without measuring the image.
    ///
    /// # Errors
    /// As for [`Image::add`], but for room.
    pub fn add_unmeasured(
        &mut self,
        origin: Origin,
        options: &AddOptions,
        pulse: &mut Pulse<'_>,
    ) -> Result<AddSummary> {
        let mark = self.contents.mark();
        match self.grafted(origin, options, pulse) {
            Ok((tree, summary)) => {
                self.tree = tree;
                self.layout = None;
                Ok(summary)
            }
            Err(error) => {
                self.contents.roll_back(mark);
                Err(error)
            }
        }
    }

    /// The tree as it would be with what is at `origin` in it.
    fn grafted(
        &mut self,
        origin: Origin,
        options: &AddOptions,
        pulse: &mut Pulse<'_>,
    ) -> Result<(Tree, AddSummary)> {
        let destination = components(&options.destination)?;
        if destination.len() >= DEPTH_MAX as usize {
            let message =
                format!("the destination lies {DEPTH_MAX} directories deep or more: use a shorter one");
            return Err(errors::invalid(message));
        }
        let rules = Rules {
            special_files: options.special_files,
            entries: self.max_entries.saturating_sub(self.entries() + destination.len() as u64),
            copy: options.copy,
        };
        let root = self.tree.meta(self.tree.root());
        let walk = Walk::new(&mut self.contents, pulse, rules, root);
        let (walked, summary) = origin.walk(walk)?;
        if destination.is_empty() && self.entries() == 0 {
            return Ok((walked, summary));
        }
        let mut tree = self.tree.clone();
        let at = ensure_directory(&mut tree, &destination)?;
        tree.merge(at, &walked, options.overwrite)?;
        Ok((tree, summary))
    }

    /// Takes out an entry and what is below it, and gives the blocks that the image takes then.
    ///
    /// # Errors
    /// `InvalidArgs` when there is no such entry.
    pub fn remove(&mut self, path: &str) -> Result<u64> {
        let node = self.find(path)?;
        if node == self.tree.root() {
            self.clear_tree();
            return self.blocks();
        }
        self.tree.remove(node);
        self.layout = None;
        self.tidy();
        self.blocks()
    }

    /// The entries of a directory, sorted by name; the flag tells that there are more than a list may have.
    ///
    /// # Errors
    /// `InvalidArgs` when there is no such directory.
    pub fn list(&self, path: &str) -> Result<(Vec<Entry>, bool)> {
        let node = self.find(path)?;
        if self.tree.kind(node) != Kind::Dir {
            return Err(errors::invalid(format!(
                "{path} is not a directory of the image, so it has no list"
            )));
        }
        let mut children: Vec<NodeId> = self.tree.children(node).collect();
        children.sort_unstable_by_key(|&child| self.tree.name(child));
        let mut room = LIST_MAX;
        let mut entries = Vec::new();
        for &child in &children {
            let entry = self.entry(child);
            // A length, a kind, two numbers of ten bytes at most.
            match room.checked_sub(entry.name.len() + 24) {
                Some(left) => room = left,
                None => return Ok((entries, true)),
            }
            entries.push(entry);
        }
        Ok((entries, false))
    }

    /// Empties the image and the stash, and gives the blocks that the empty image takes.
    ///
    /// # Errors
    /// None that can be thought of: an empty image can always be laid out.
    pub fn clear(&mut self) -> Result<u64> {
        self.clear_tree();
        self.sound = Sound::default();
        self.blocks()
    }

    fn clear_tree(&mut self) {
        self.layout = None;
        self.tree = Tree::new(directory_meta());
        self.contents = Contents::default();
        self.inherited_name = None;
    }

    /// Sets the volume's properties, and gives the blocks that the image takes then.
    ///
    /// # Errors
    /// `BadJolietName` for a volume name that is too long or has control characters.
    pub fn set_properties(&mut self, properties: JolietProperties) -> Result<u64> {
        let name = &properties.volume_name;
        let length = name.chars().count();
        if length > VOLUME_NAME_MAX || name.chars().any(char::is_control) {
            return Err(Error::new(
                ErrorKind::BadJolietName,
                format!(
                    "the volume name {name:?} does not do: at most 32 characters, none of them for control"
                ),
            ));
        }
        self.properties = properties;
        self.layout = None;
        self.blocks()
    }

    /// Checks that every file is the one that was staged, lays the image out for a disc on which it starts at block
    /// `start`, and gives its length in blocks. With `redirects`, its volume descriptors are going to be copied to block 16.
    /// It is made now, or was `created` at some time, in seconds since 1970, and is to be the same once more.
    ///
    /// # Errors
    /// `FileChanged` or `FileUnreadable` naming the first and counting all, `UserAbort`, `NotSupported` when a copy would
    /// hit a file, or what the layout says.
    pub fn plan(
        &mut self,
        start: u32,
        redirects: bool,
        created: Option<i64>,
        pulse: &mut Pulse<'_>,
    ) -> Result<u64> {
        self.layout = None;
        if redirects {
            self.check_overwritten()?;
        }
        let used = self.used_contents();
        let ids = (0..).map(ContentId).zip(used).filter_map(|(id, used)| used.then_some(id));
        let mut checked = 0;
        check_all(&self.contents, ids, || {
            checked += 1;
            pulse.step(checked)
        })?;
        let layout = Layout::plan(&self.tree, &self.options(start, created.unwrap_or_else(now)))?;
        let blocks = layout.blocks();
        self.layout = Some(layout);
        Ok(blocks)
    }

    /// The planned image, to be streamed.
    ///
    /// # Errors
    /// `InvalidImage` when nothing has been planned since the last change.
    pub fn planned(&self) -> Result<(&Layout, &Tree, &Contents)> {
        let layout = self.layout.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidImage,
                "the image was changed after it was laid out; lay it out again",
            )
        })?;
        Ok((layout, &self.tree, &self.contents))
    }

    /// The tree and its contents, for who streams them in this process.
    pub fn into_parts(self) -> (Tree, Contents) {
        (self.tree, self.contents)
    }

    /// The blocks that the image takes, and whether there is anything in it.
    ///
    /// # Errors
    /// What the layout says.
    pub fn staged(&self) -> Result<(u64, bool)> {
        Ok((self.blocks()?, !self.list("/")?.0.is_empty()))
    }

    fn blocks(&self) -> Result<u64> {
        Ok(Layout::plan(&self.tree, &self.options(0, now()))?.blocks())
    }

    /// Entries of the tree, its root not counted.
    fn entries(&self) -> u64 {
        let counts = self.tree.counts();
        counts.directories - 1 + counts.files + counts.symlinks
    }

    /// What is wanted of an image made at `created`, on a disc on which it starts at block `start`.
    pub(super) fn options(&self, start: u32, created: i64) -> Options {
        let name = match self.properties.volume_name.as_str() {
            "" => self.inherited_name.clone().unwrap_or_else(|| today(created)),
            name => name.to_owned(),
        };
        let length = if self.properties.long_names { JolietLength::Long } else { JolietLength::Standard };
        Options { start_block: start, joliet: Some(length), ..Options::new(name, created) }
    }

    /// The entry at a path as it is listed.
    fn find(&self, path: &str) -> Result<NodeId> {
        let mut at = self.tree.root();
        for name in components(path)? {
            at = self.child(at, name).ok_or_else(|| {
                errors::invalid(format!("there is no {path} in the image; list the directory above it"))
                    .with("path", path)
            })?;
        }
        Ok(at)
    }

    /// A child by its name, or by what a list makes of a name that is not UTF-8.
    fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        let exact = self.tree.lookup(parent, name.as_bytes());
        let shown = |&child: &NodeId| String::from_utf8_lossy(self.tree.name(child)) == name;
        exact.or_else(|| {
            name.contains(char::REPLACEMENT_CHARACTER).then(|| self.tree.children(parent).find(shown))?
        })
    }

    fn entry(&self, node: NodeId) -> Entry {
        let (kind, size) = match self.tree.kind(node) {
            Kind::Dir => (EntryKind::Directory, 0),
            Kind::File { size, .. } => (EntryKind::File, size),
            Kind::Symlink { .. } => (EntryKind::Symlink, 0),
        };
        let name = String::from_utf8_lossy(self.tree.name(node)).into_owned();
        Entry { name, kind, size, mtime: self.tree.meta(node).date(now()) }
    }

    /// Which contents the tree names.
    fn used_contents(&self) -> Vec<bool> {
        let mut used = vec![false; self.contents.count()];
        let mut directories = vec![self.tree.root()];
        while let Some(directory) = directories.pop() {
            for child in self.tree.children(directory) {
                match self.tree.kind(child) {
                    Kind::Dir => directories.push(child),
                    Kind::File { content, .. } => {
                        if let Some(slot) = used.get_mut(content.0 as usize) {
                            *slot = true;
                        }
                    }
                    Kind::Symlink { .. } => {}
                }
            }
        }
        used
    }

    /// Compacts once more is dead than alive, so that adding and removing in turns does not
    /// grow without bounds, and the stash gives back what nobody names any more.
    fn tidy(&mut self) {
        let alive = self.entries() as usize;
        let dead_nodes = self.tree.node_limit() - 1 - alive;
        let dead_contents = self.contents.count().saturating_sub(self.tree.counts().files as usize);
        if dead_nodes.max(dead_contents) > alive + 1000 || self.contents.has_idle_stash(&self.used_contents())
        {
            self.compact();
        }
    }

    /// Builds tree and contents anew without what is dead.
    pub fn compact(&mut self) {
        let used = self.used_contents();
        // More names cannot be there than were there before, so the new tree has room for all.
        if let Ok(tree) = rebuilt(&self.tree, &self.contents.renumbered(&used)) {
            self.contents.keep(&used);
            self.tree = tree;
            self.layout = None;
        }
    }
}

/// A copy of a tree without the places of what was removed, in which the contents have their new numbers.
fn rebuilt(old: &Tree, contents: &[ContentId]) -> std::result::Result<Tree, TreeError> {
    let mut tree = Tree::new(old.meta(old.root()));
    tree.share_on_disc(old);
    let mut pending = vec![(old.root(), tree.root())];
    while let Some((from, to)) = pending.pop() {
        for child in old.children(from) {
            let (name, meta) = (old.name(child), old.meta(child));
            let copy = match old.kind(child) {
                Kind::Dir => {
                    let copy = tree.add_dir(to, name, meta)?;
                    pending.push((child, copy));
                    copy
                }
                Kind::File { content, size } => {
                    let content = contents.get(content.0 as usize).copied().unwrap_or(content);
                    tree.add_file(to, name, meta, content, size)?
                }
                Kind::Symlink { target } => tree.add_symlink(to, name, meta, target)?,
            };
            tree.set_imported(copy, old.is_imported(child));
        }
    }
    Ok(tree)
}

/// The names of a path inside the image; empty ones are skipped.
fn components(path: &str) -> Result<Vec<&str>> {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    match names.iter().find(|name| matches!(**name, "." | "..")) {
        Some(_) => Err(errors::invalid(format!("{path}: paths inside the image have no `.` and `..`"))),
        None => Ok(names),
    }
}

fn ensure_directory(tree: &mut Tree, names: &[&str]) -> Result<NodeId> {
    let mut at = tree.root();
    for name in names {
        at = match tree.lookup(at, name.as_bytes()) {
            Some(node) => node,
            None => tree.add_dir(at, name.as_bytes(), directory_meta())?,
        };
    }
    Ok(at)
}

/// Attributes of a directory that is not one of the user's.
fn directory_meta() -> Meta {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    Meta { mode: 0o755, uid, gid, mtime: Meta::UNDATED }
}

pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

fn today(seconds: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .map_or_else(|_| "DISC".to_owned(), |date| date.date().to_string())
}
