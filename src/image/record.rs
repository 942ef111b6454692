//! Directory records of a view, one by one: measured by the plan, written by the stream, from the same code.

use super::contents::Contents;
use super::continuation::{Area, Continuation};
use super::date;
use super::iso9660::directory_record::{
    Extent, HEADER, RECORD_MAX, RecordHeader, base_length, flags, section, sections,
};
use super::on_disc::OnDisc;
use super::options::Ownership;
use super::rock_ridge::{Attributes, SystemUse};
use super::tree::{ContentId, Kind, NodeId, Tree};
use super::view::{Directory, View};
use super::{BLOCK, BLOCK_BYTES};
use zerocopy::IntoBytes;

/// All that records are made from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub tree: &'a Tree,
    pub contents: &'a Contents,
    pub view: &'a View,
    pub ownership: Ownership,
    /// The date of nodes that have none, in seconds since 1970.
    pub created: i64,
    /// Where records without data point: a block that is no file's.
    pub empty_block: u32,
}

/// Walks the records of one directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// 0 for `.`, 1 for `..`, then the children.
    entry: u32,
    /// Which section of a large file.
    section: u64,
}

/// A record in the making; reused from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub bytes: Vec<u8>,
    pub entries: SystemUse,
    /// Where the bytes of `entries.spill` go.
    pub areas: Vec<Area>,
}

impl Source<'_> {
    /// Bytes of the next record if nothing of it spills; `None` if it must be built to know.
    fn plain_length(&self, directory: &Directory, at: Cursor) -> Option<usize> {
        let subject = self.subject(directory, at);
        let base = base_length(subject.name.len() + subject.version.len());
        let inline = if self.view.rock_ridge {
            subject.attributes(self).inline_length(RECORD_MAX - base)?
        } else {
            0
        };
        Some((base + inline).next_multiple_of(2))
    }

    /// The record at `at`. What spills is placed by `continuation`.
    pub fn build(
        &self,
        directory: &Directory,
        at: Cursor,
        continuation: &mut Continuation,
        record: &mut Record,
    ) {
        let subject = self.subject(directory, at);
        let name_length = subject.name.len() + subject.version.len();
        let base = base_length(name_length);
        record.entries.inline.clear();
        record.entries.spill.clear();
        if self.view.rock_ridge {
            record.entries.build(&subject.attributes(self), RECORD_MAX - base);
        }
        let base_block = directory.block.saturating_add(directory.blocks);
        record.areas = continuation.place(&mut record.entries, base_block);
        let length = (base + record.entries.inline.len()).next_multiple_of(2);
        let date = date::short(self.tree.meta(subject.node).date(self.created));
        let header = RecordHeader::new(subject.extent, date, length as u8, name_length as u8);
        record.bytes.clear();
        record.bytes.extend_from_slice(header.as_bytes());
        record.bytes.extend_from_slice(subject.name);
        record.bytes.extend_from_slice(subject.version);
        record.bytes.resize(base, 0);
        record.bytes.extend_from_slice(&record.entries.inline);
        record.bytes.resize(length, 0);
    }

    /// Whether the record at `at` has a continuation area.
    pub fn spills(&self, directory: &Directory, at: Cursor) -> bool {
        self.plain_length(directory, at).is_none()
    }

    /// The record after `at`; `None` behind the last one.
    pub fn next(&self, directory: &Directory, at: Cursor) -> Option<Cursor> {
        let more = self.child(directory, at).is_some_and(|node| match self.tree.kind(node) {
            Kind::File { content, size } => at.section + 1 < self.sections(content, size),
            Kind::Dir | Kind::Symlink { .. } => false,
        });
        if more {
            return Some(Cursor { section: at.section + 1, ..at });
        }
        let entry = at.entry + 1;
        (entry < directory.count + 2).then_some(Cursor { entry, section: 0 })
    }

    /// Blocks of records and blocks of continuation areas.
    pub fn measure(&self, directory: &Directory) -> (u64, u64) {
        let mut continuation = Continuation::default();
        let mut record = Record::default();
        let mut used = 0_u64;
        let mut cursor = Some(Cursor::default());
        while let Some(at) = cursor {
            let length = self.plain_length(directory, at).unwrap_or_else(|| {
                self.build(directory, at, &mut continuation, &mut record);
                record.bytes.len()
            });
            if used % BLOCK_BYTES + length as u64 > BLOCK_BYTES {
                used = used.next_multiple_of(BLOCK_BYTES);
            }
            used += length as u64;
            cursor = self.next(directory, at);
        }
        (used.div_ceil(BLOCK_BYTES), continuation.blocks() as u64)
    }

    /// How many records a file needs.
    fn sections(&self, content: ContentId, size: u64) -> u64 {
        match OnDisc::is_on_disc(content) {
            true => self.tree.on_disc().sections(content).len() as u64,
            false => sections(size),
        }
    }

    fn child(&self, directory: &Directory, at: Cursor) -> Option<NodeId> {
        let index = at.entry.checked_sub(2)?;
        self.view.children(directory).get(index as usize).map(|&node| NodeId::from_number(node))
    }

    fn subject(&self, directory: &Directory, at: Cursor) -> Subject<'_> {
        let view = self.view;
        let Some(node) = self.child(directory, at) else {
            let parent = at.entry == 1;
            let directory = if parent { &view.directories[directory.parent as usize] } else { directory };
            let name: &[u8] = if parent { &[1] } else { &[0] };
            return Subject::of_directory(directory, name, !parent && directory.node == self.tree.root());
        };
        let name = view.names.get(node.number());
        match self.tree.kind(node) {
            Kind::Dir => {
                let number = view.by_ordinal[self.contents.refs[node.index()] as usize];
                Subject {
                    original: self.tree.name(node),
                    ..Subject::of_directory(&view.directories[number as usize], name, false)
                }
            }
            Kind::File { content, size } => {
                let slot = &self.contents.slots[self.contents.refs[node.index()] as usize];
                let on_disc = self.tree.on_disc();
                let extent = if OnDisc::is_on_disc(content) {
                    on_disc.extent(content, at.section, self.empty_block)
                } else {
                    section(slot.block, size, at.section)
                };
                Subject {
                    node,
                    name,
                    version: view.naming.version(),
                    extent,
                    compression: on_disc.compression(content),
                    original: self.tree.name(node),
                    target: &[],
                    links: slot.links,
                    serial: slot.first.number(),
                    announces: false,
                }
            }
            Kind::Symlink { target } => Subject {
                node,
                name,
                version: view.naming.version(),
                extent: Extent { block: self.empty_block, size: 0, flags: 0 },
                original: self.tree.name(node),
                compression: &[],
                target,
                links: 1,
                serial: node.number(),
                announces: false,
            },
        }
    }
}

/// What one record is about.
struct Subject<'a> {
    node: NodeId,
    /// Mangled.
    name: &'a [u8],
    version: &'a [u8],
    extent: Extent,
    /// As in the tree; empty for `.` and `..`.
    original: &'a [u8],
    /// How the content is compressed, or nothing.
    compression: &'a [u8],
    target: &'a [u8],
    links: u32,
    serial: u32,
    announces: bool,
}

impl<'a> Subject<'a> {
    fn of_directory(directory: &Directory, name: &'a [u8], announces: bool) -> Self {
        // The plan has checked that the records are shorter than 4 GiB.
        let size = directory.blocks.saturating_mul(BLOCK as u32);
        Self {
            node: directory.node,
            name,
            version: &[],
            extent: Extent { block: directory.block, size, flags: flags::DIRECTORY },
            original: &[],
            compression: &[],
            target: &[],
            links: directory.subdirectories + 2,
            serial: directory.node.number(),
            announces,
        }
    }

    fn attributes(&self, source: &Source<'_>) -> Attributes<'a> {
        let meta = source.tree.meta(self.node);
        let (mode, uid, gid) = source.ownership.apply(meta.mode, meta.uid, meta.gid);
        Attributes {
            mode,
            links: self.links,
            uid,
            gid,
            // 0 is a serial number that readers take for none.
            serial: self.serial.saturating_add(1),
            modified: date::short(meta.date(source.created)),
            name: self.original,
            target: self.target,
            compression: self.compression,
            announces: self.announces,
        }
    }
}

const _: () = assert!(HEADER + 206 + 4 < RECORD_MAX, "the longest Joliet name fits into a record");
