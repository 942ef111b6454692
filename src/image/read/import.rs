//! Importing the tree of a session, whoever recorded it: names and attributes, and where the contents are.
//!
//! Of the trees that a session has, the one that tells most is taken: Rock Ridge, else Joliet, else plain ISO 9660.
//! What is read may be hostile. Directories wait in a list and are not followed into each other; none is read twice, so
//! that nothing loops; blocks, entries and depth have limits.

use super::directory::{AREAS_MAX, Found, continuation, take_record};
use super::posix::{Attributes, Posix, split_entry};
use super::{Reader, StructureError, Volume, damaged, number, read_descriptors};
use crate::image::iso9660::descriptor::FIRST_DESCRIPTOR;
use crate::image::iso9660::directory_record::{RecordHeader, flags};
use crate::image::on_disc::{OnDisc, Section};
use crate::image::tree::{ContentId, Meta, NAME_MAX, NodeId, Tree, TreeError};
use crate::image::{BLOCK, BLOCK_BYTES, date};
use std::collections::{HashMap, HashSet};
use thiserror::Error;

/// Most blocks that an import reads: directories of 512 MiB.
pub const IMPORT_BLOCKS_MAX: u64 = 1 << 18;
/// Deepest directory that is imported.
pub const DEPTH_MAX: u32 = 512;

/// What an import is held to.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The first block of the medium in which nothing is recorded: all that is pointed at lies before.
    pub end: u32,
    /// Most entries of the tree.
    pub entries: u64,
    /// Attributes of a directory where the disc tells none. A file has the same without the right to execute.
    pub directory: Meta,
}

/// A tree from a disc. All of its nodes are marked as imported.
#[derive(Debug)]
pub struct Imported {
    /// Names, attributes, and where the contents are.
    pub tree: Tree,
    /// Which of the session's trees it is.
    pub kind: TreeKind,
    /// Name of the volume, from the primary descriptor.
    pub volume_name: String,
    /// First block after the volume and all that it names. Of a later session's volume, some programs tell the length and
    /// not the end.
    pub end: u32,
    /// CRC-32 of the primary descriptor, by which the session is known again.
    pub checksum: u32,
    /// Entries that cannot be in an image made here: device nodes, sockets and pipes, files with holes, interleaved
    /// files, resource forks, links that are too long, and what has a name that is taken.
    pub left_out: u64,
}

/// A kind of directory tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    /// ISO 9660 with Rock Ridge.
    RockRidge,
    /// Joliet.
    Joliet,
    /// ISO 9660 with names in capitals.
    Iso9660,
}

/// Why a tree cannot be imported.
#[derive(Debug, Error)]
pub enum ImportError<E> {
    /// There is none.
    #[error("there is no ISO 9660 file system: block {block} holds no volume descriptor")]
    NoFileSystem {
        /// Where its first descriptor would be, from block 0 of the medium.
        block: u32,
    },
    /// The structure is damaged, too large, or cannot be read.
    #[error(transparent)]
    Structure(StructureError<E>),
    /// More entries than are allowed.
    #[error("it holds more than {0} files and directories")]
    TooManyEntries(u64),
    /// Directories in directories in directories.
    #[error("its directories are nested deeper than {DEPTH_MAX}")]
    TooDeep,
}

impl<E> From<StructureError<E>> for ImportError<E> {
    fn from(error: StructureError<E>) -> Self {
        Self::Structure(error)
    }
}

/// Imports the tree of the session that starts at `start_block`. `read_block` reads one block of the medium.
///
/// # Errors
/// There is no tree, it is damaged or too large, or a block cannot be read.
pub fn import_tree<E>(
    read_block: impl FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    start_block: u32,
    bounds: Bounds,
) -> Result<Imported, ImportError<E>> {
    let mut reader = Reader { read_block, blocks: 0, most: IMPORT_BLOCKS_MAX };
    let first = start_block.saturating_add(FIRST_DESCRIPTOR);
    let (primary, joliet) = match read_descriptors(&mut reader, start_block) {
        Err(StructureError::Damaged { block, .. }) if block == u64::from(first) => {
            return Err(ImportError::NoFileSystem { block: first });
        }
        other => other?,
    };
    let mut import = Import::new(reader, bounds, TreeKind::RockRidge);
    let announced = import.announcement(&primary)?;
    let volume = match (announced, &joliet) {
        (Some(skip), _) => {
            import.skip = skip;
            &primary
        }
        (None, Some(joliet)) => {
            import.kind = TreeKind::Joliet;
            joliet
        }
        (None, None) => {
            import.kind = TreeKind::Iso9660;
            &primary
        }
    };
    import.run(volume)?;
    import.tree.set_on_disc(import.on_disc);
    Ok(Imported {
        tree: import.tree,
        kind: import.kind,
        volume_name: primary.name,
        end: import.end.max(primary.end.min(bounds.end)),
        checksum: primary.checksum,
        left_out: import.left_out,
    })
}

struct Import<F> {
    reader: Reader<F>,
    bounds: Bounds,
    kind: TreeKind,
    /// Bytes of each system use area that are not for Rock Ridge.
    skip: usize,
    tree: Tree,
    on_disc: OnDisc,
    left_out: u64,
    entries: u64,
    /// First block after all that was met.
    end: u32,
    /// First blocks of all directories that were met.
    met: HashSet<u32>,
    pending: Vec<Directory>,
    /// Contents that have several names, by their serial number and first block.
    links: HashMap<(u32, u32), ContentId>,
    /// The block of continuation areas that was read last: neighbours share one.
    area: Option<(u32, Box<[u8; BLOCK]>)>,
}

/// A directory that is still to be read.
struct Directory {
    node: NodeId,
    block: u32,
    /// `None` when only the directory itself tells.
    blocks: Option<u32>,
    depth: u32,
}

/// The sections of a file that were met, and that are to be followed by others.
#[derive(Default)]
struct Sections {
    name: Vec<u8>,
    found: Vec<Section>,
}

impl<F> Import<F> {
    fn new(reader: Reader<F>, bounds: Bounds, kind: TreeKind) -> Self {
        Self {
            reader,
            bounds,
            kind,
            skip: 0,
            tree: Tree::new(bounds.directory),
            on_disc: OnDisc::default(),
            left_out: 0,
            entries: 0,
            end: 0,
            met: HashSet::new(),
            pending: Vec::new(),
            links: HashMap::new(),
            area: None,
        }
    }

    /// Looks whether the root announces Rock Ridge, and how many bytes come before its entries.
    fn announcement<E>(&mut self, volume: &Volume) -> Result<Option<usize>, ImportError<E>>
    where
        F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    {
        self.inside(volume.root_block, volume.root_size, volume.root_block)?;
        let bytes = self.reader.read(volume.root_block)?;
        let Some(own) = take_record(&mut &bytes[..]) else {
            return Err(damaged(volume.root_block, "the root directory is cut off").into());
        };
        // CD-ROM XA has 14 bytes of its own before.
        let at = [0, 14].into_iter().find(|&at| {
            let entry = own.system_use.get(at..).and_then(split_entry).map(|(entry, _)| entry);
            entry.is_some_and(|entry| entry.starts_with(b"SP\x07") && entry[4..6] == [0xbe, 0xef])
        });
        let Some(at) = at else { return Ok(None) };
        let skip = usize::from(own.system_use.get(at + 6).copied().unwrap_or_default());
        let entries = self.system_use(own.system_use.get(at..).unwrap_or_default(), volume.root_block)?;
        let posix = Posix::parse(&entries);
        if !posix.announced && posix.attributes.is_none() {
            return Ok(None);
        }
        let root = self.tree.root();
        let meta = self.meta(&posix, &own.header, true);
        self.tree.set_meta(root, meta);
        Ok(Some(skip))
    }

    fn run<E>(&mut self, volume: &Volume) -> Result<(), ImportError<E>>
    where
        F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    {
        self.inside(volume.root_block, volume.root_size, volume.root_block)?;
        self.met.insert(volume.root_block);
        let blocks = Some(volume.root_size.div_ceil(BLOCK as u32).max(1));
        let root = Directory { node: self.tree.root(), block: volume.root_block, blocks, depth: 0 };
        self.pending.push(root);
        while let Some(directory) = self.pending.pop() {
            self.directory(&directory)?;
        }
        Ok(())
    }

    fn directory<E>(&mut self, directory: &Directory) -> Result<(), ImportError<E>>
    where
        F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    {
        let mut blocks = directory.blocks.unwrap_or(1);
        let mut open = Sections::default();
        let mut done = 0;
        while done < blocks {
            let block = directory.block.saturating_add(done);
            let bytes = self.reader.read(block)?;
            let mut rest: &[u8] = &bytes;
            if done == 0 && directory.blocks.is_none() {
                blocks = self.own_length(rest, directory.block)?;
            }
            while rest.first().is_some_and(|&length| length > 0) {
                let found =
                    take_record(&mut rest).ok_or_else(|| damaged(block, "a directory record is cut off"))?;
                if !matches!(found.name, [0] | [1]) {
                    self.entry(&found, block, directory, &mut open)?;
                }
            }
            done += 1;
        }
        if open.found.is_empty() {
            return Ok(());
        }
        Err(damaged(directory.block, "the last section of a file is missing").into())
    }

    /// How many blocks a directory has, by its record of itself.
    fn own_length<E>(&mut self, mut bytes: &[u8], block: u32) -> Result<u32, ImportError<E>> {
        let own = take_record(&mut bytes).filter(|own| own.name == [0]);
        let own = own.ok_or_else(|| damaged(block, "a directory that was moved does not know itself"))?;
        let (extent, size) = self.extent(&own.header, block)?;
        if extent != block {
            return Err(damaged(block, "a directory that was moved does not know itself").into());
        }
        Ok(size.div_ceil(BLOCK as u32).max(1))
    }

    fn entry<E>(
        &mut self,
        found: &Found<'_>,
        block: u32,
        directory: &Directory,
        open: &mut Sections,
    ) -> Result<(), ImportError<E>>
    where
        F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    {
        let header = &found.header;
        let (extent, size) = self.extent(header, block)?;
        if header.flags & flags::DIRECTORY == 0 && self.is_section(found, extent, size, block, open)? {
            return Ok(());
        }
        let sections = std::mem::take(open).found;
        let posix = match self.kind {
            TreeKind::RockRidge => {
                let area = found.system_use.get(self.skip..).unwrap_or_default();
                Posix::parse(&self.system_use(area, block)?)
            }
            TreeKind::Joliet | TreeKind::Iso9660 => Posix::default(),
        };
        if posix.moved_here {
            return Ok(());
        }
        self.entries += 1;
        if self.entries > self.bounds.entries {
            return Err(ImportError::TooManyEntries(self.bounds.entries));
        }
        let subdirectory = match posix.moved_to {
            Some(child) => Some((child, None)),
            None if header.flags & flags::DIRECTORY != 0 => {
                Some((extent, Some(size.div_ceil(BLOCK as u32).max(1))))
            }
            None => None,
        };
        let name = self.name(&posix, found.name);
        let meta = self.meta(&posix, header, subdirectory.is_some());
        let added = match subdirectory {
            Some((child, blocks)) => {
                self.inside(child, 1, block)?;
                self.subdirectory(directory, &name, meta, (child, blocks), block)?
            }
            None if is_unusual(header) => Ok(None),
            None => self.leaf(directory.node, &name, meta, &posix, &sections)?,
        };
        match added {
            Ok(Some(node)) => self.tree.set_imported(node, true),
            Ok(None) | Err(TreeError::Exists { .. } | TreeError::BadTarget { .. }) => self.left_out += 1,
            Err(TreeError::Full) => return Err(ImportError::TooManyEntries(self.entries)),
            Err(_) => return Err(damaged(block, "a name is none that a file can have").into()),
        }
        Ok(())
    }

    /// Takes in a section; whether others of the same file follow.
    fn is_section<E>(
        &self,
        found: &Found<'_>,
        extent: u32,
        size: u32,
        block: u32,
        open: &mut Sections,
    ) -> Result<bool, ImportError<E>> {
        if open.found.is_empty() {
            open.name = found.name.to_vec();
        } else if open.name != found.name {
            return Err(damaged(block, "the last section of a file is missing").into());
        }
        open.found.push(Section { block: extent, size });
        Ok(found.header.flags & flags::MORE_SECTIONS != 0)
    }

    fn subdirectory<E>(
        &mut self,
        directory: &Directory,
        name: &[u8],
        meta: Meta,
        (child, blocks): (u32, Option<u32>),
        block: u32,
    ) -> Result<Result<Option<NodeId>, TreeError>, ImportError<E>> {
        if !self.met.insert(child) {
            return Err(damaged(block, "a directory is in two places, or in itself").into());
        }
        let depth = directory.depth + 1;
        if depth > DEPTH_MAX {
            return Err(ImportError::TooDeep);
        }
        let added = self.tree.add_dir(directory.node, name, meta);
        if let Ok(node) = added {
            self.pending.push(Directory { node, block: child, blocks, depth });
        }
        Ok(added.map(Some))
    }

    /// Adds a file or a link; `None` for what cannot be in an image made here.
    fn leaf<E>(
        &mut self,
        parent: NodeId,
        name: &[u8],
        meta: Meta,
        posix: &Posix,
        sections: &[Section],
    ) -> Result<Result<Option<NodeId>, TreeError>, ImportError<E>> {
        const TYPE: u32 = 0o170_000;
        const REGULAR: u32 = 0o100_000;
        const SYMLINK: u32 = 0o120_000;
        if let Some(target) = &posix.target {
            return Ok(self.tree.add_symlink(parent, name, meta, target).map(Some));
        }
        let mode = posix.attributes.map_or(REGULAR, |attributes| attributes.mode) & TYPE;
        if !matches!(mode, REGULAR | 0) || mode == SYMLINK || posix.sparse {
            return Ok(Ok(None));
        }
        if self.tree.lookup(parent, name).is_some() {
            return Ok(Ok(None));
        }
        let size = sections.iter().map(|section| u64::from(section.size)).sum();
        let Some(content) = self.content(posix, sections) else {
            return Err(ImportError::TooManyEntries(self.entries));
        };
        Ok(self.tree.add_file(parent, name, meta, content, size).map(Some))
    }

    /// The content of these sections; the same for all names of a file that has several.
    fn content(&mut self, posix: &Posix, sections: &[Section]) -> Option<ContentId> {
        let linked = posix.attributes.filter(|attributes| attributes.links > 1);
        let key =
            linked.zip(sections.first()).map(|(Attributes { serial, .. }, first)| (serial, first.block));
        if let Some(&known) = key.and_then(|key| self.links.get(&key))
            && self.on_disc.sections(known) == sections
        {
            return Some(known);
        }
        let content = self.on_disc.add(sections)?;
        if let Some(entry) = posix.compression {
            self.on_disc.set_compressed(content, entry);
        }
        if let Some(key) = key {
            self.links.insert(key, content);
        }
        Some(content)
    }

    /// The name as it is shown: that of Rock Ridge, or the recorded one without its version.
    fn name(&self, posix: &Posix, recorded: &[u8]) -> Vec<u8> {
        let mut name = match (&posix.name, self.kind) {
            (Some(name), _) => name.clone(),
            (None, TreeKind::Joliet) => {
                let units = recorded.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                let text: String = char::decode_utf16(units)
                    .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect();
                without_version(text.as_bytes()).to_vec()
            }
            (None, TreeKind::RockRidge | TreeKind::Iso9660) => {
                let plain = without_version(recorded);
                plain.strip_suffix(b".").unwrap_or(plain).to_vec()
            }
        };
        for byte in name.iter_mut().filter(|byte| matches!(**byte, b'/' | 0)) {
            *byte = b'_';
        }
        while name.len() > NAME_MAX {
            // A character that is cut is no character.
            name.truncate(NAME_MAX);
            if let Err(error) = std::str::from_utf8(&name)
                && error.error_len().is_none()
            {
                name.truncate(error.valid_up_to());
            }
        }
        name
    }

    fn meta(&self, posix: &Posix, header: &RecordHeader, directory: bool) -> Meta {
        let default = self.bounds.directory;
        let mtime = posix.modified.or_else(|| date::read_short(&header.date)).unwrap_or(default.mtime);
        match posix.attributes {
            Some(Attributes { mode, uid, gid, .. }) => Meta { mode, uid, gid, mtime },
            None if directory => Meta { mtime, ..default },
            None => Meta { mode: default.mode & !0o111, mtime, ..default },
        }
    }

    /// Block and size of an extent that was recorded. Its extended attributes, which nobody reads, come first.
    fn extent<E>(&mut self, header: &RecordHeader, block: u32) -> Result<(u32, u32), ImportError<E>> {
        let (extent, size) = (number(header.extent, block)?, number(header.size, block)?);
        let extent = extent.saturating_add(header.extended_length.into());
        self.inside(extent, size, block)?;
        Ok((extent, size))
    }

    fn inside<E>(&mut self, extent: u32, size: u32, block: u32) -> Result<(), ImportError<E>> {
        let end = u64::from(extent) + u64::from(size).div_ceil(BLOCK_BYTES);
        if size == 0 {
            return Ok(());
        }
        match u32::try_from(end) {
            Ok(end) if end <= self.bounds.end => {
                self.end = self.end.max(end);
                Ok(())
            }
            _ => Err(damaged(block, "an extent lies where nothing is recorded").into()),
        }
    }

    /// The system use entries of a record and of the areas that continue it, without those that only connect them.
    fn system_use<E>(&mut self, inline: &[u8], block: u32) -> Result<Vec<u8>, ImportError<E>>
    where
        F: FnMut(u64, &mut [u8; BLOCK]) -> Result<(), E>,
    {
        let mut entries = inline.to_vec();
        let mut next = continuation(inline).ok_or_else(|| damaged(block, "a system use entry is cut off"))?;
        trim(&mut entries, 0);
        for _ in 0..AREAS_MAX {
            let Some((area, offset, length)) = next else { return Ok(entries) };
            self.inside(area, 1, block)?;
            let cached = self.area.take().filter(|(at, _)| *at == area);
            let bytes = match cached {
                Some((_, bytes)) => bytes,
                None => Box::new(self.reader.read(area)?),
            };
            let end = offset.saturating_add(length) as usize;
            let more = bytes.get(offset as usize..end);
            let more =
                more.ok_or_else(|| damaged(block, "a continuation area crosses the end of its block"))?;
            next = continuation(more).ok_or_else(|| damaged(area, "a system use entry is cut off"))?;
            let at = entries.len();
            entries.extend_from_slice(more);
            trim(&mut entries, at);
            self.area = Some((area, bytes));
        }
        Err(damaged(block, "a directory record continues without end").into())
    }
}

/// Cuts what follows the last entry of an area: padding, or whatever stands behind a terminator (ST).
fn trim(entries: &mut Vec<u8>, from: usize) {
    let mut rest = &entries[from..];
    while let Some((entry, behind)) = split_entry(rest) {
        if entry.starts_with(b"ST") {
            break;
        }
        rest = behind;
    }
    let end = entries.len() - rest.len();
    entries.truncate(end);
}

/// A name of ISO 9660 or Joliet without the version behind its semicolon.
fn without_version(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|&byte| byte == b';') {
        Some(at) if name[at + 1..].iter().all(u8::is_ascii_digit) => &name[..at],
        _ => name,
    }
}

/// What no file made here is: interleaved, or associated with another.
fn is_unusual(header: &RecordHeader) -> bool {
    header.unit_size != 0 || header.gap_size != 0 || header.flags & flags::ASSOCIATED != 0
}
