//! System use entries of Rock Ridge (SUSP 1.12, RRIP 1.12).
//!
//! Announced as `RRIP_1991A`, which all readers know, with the 44-byte PX of RRIP 1.12, whose serial number tells hard
//! links apart: readers that know only the 36-byte form go by the length.

use super::iso9660::number::Both32;
use zerocopy::{Immutable, IntoBytes, Unaligned};

/// Bytes of a CE entry.
pub(crate) const CE_LENGTH: usize = 28;
const PX_LENGTH: usize = 44;
const TF_LENGTH: usize = 12;
const SP_LENGTH: usize = 7;
/// Longest system use entry: its length is one byte.
const ENTRY_MAX: usize = 255;
const NM_HEADER: usize = 5;
const SL_HEADER: usize = 5;

const ER_ID: &[u8] = b"RRIP_1991A";
const ER_DESCRIPTOR: &[u8] =
    b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS";
const ER_SOURCE: &[u8] = b"PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  \
    SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.";

/// What Rock Ridge says of one record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes<'a> {
    pub mode: u32,
    pub links: u32,
    pub uid: u32,
    pub gid: u32,
    pub serial: u32,
    pub modified: [u8; 7],
    /// Empty for `.` and `..`, which have no name.
    pub name: &'a [u8],
    /// Empty for all but symbolic links.
    pub target: &'a [u8],
    /// The ZF entry of a file that zisofs compressed; empty for all others.
    pub compression: &'a [u8],
    /// Whether this is the `.` of the root, which announces the protocol.
    pub announces: bool,
}

/// The entries of one record: those inside it, and those that spill into a continuation area.
#[derive(Debug, Default)]
pub(crate) struct SystemUse {
    pub inline: Vec<u8>,
    /// Entries of the continuation area, without links between its parts.
    pub spill: Vec<u8>,
}

/// PX, POSIX file attributes (RRIP 1.12 §4.1.1).
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct Px {
    signature: [u8; 2],
    length: u8,
    version: u8,
    mode: Both32,
    links: Both32,
    uid: Both32,
    gid: Both32,
    serial: Both32,
}

/// CE, continuation area (SUSP 1.12 §5.1).
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct Ce {
    signature: [u8; 2],
    length: u8,
    version: u8,
    block: Both32,
    offset: Both32,
    area_length: Both32,
}

/// The 28 bytes that point to `length` bytes at `offset` in `block`.
pub(crate) fn continuation_entry(block: u32, offset: u32, length: u32) -> [u8; CE_LENGTH] {
    let mut bytes = [0; CE_LENGTH];
    let entry = Ce {
        signature: *b"CE",
        length: CE_LENGTH as u8,
        version: 1,
        block: Both32::new(block),
        offset: Both32::new(offset),
        area_length: Both32::new(length),
    };
    bytes.copy_from_slice(entry.as_bytes());
    bytes
}

impl Attributes<'_> {
    /// Bytes of all entries together if they fit into `room`; `None` if some must spill.
    pub fn inline_length(&self, room: usize) -> Option<usize> {
        let announcement = if self.announces { SP_LENGTH + CE_LENGTH + ENTRY_MAX } else { 0 };
        let target = if self.target.is_empty() { 0 } else { link_length(self.target) };
        let length = PX_LENGTH
            + TF_LENGTH
            + name_length(self.name.len())
            + target
            + announcement
            + self.compression.len();
        (length <= room).then_some(length)
    }
}

impl SystemUse {
    /// Fills both parts, `room` bytes being free in the record. When something spills, the last
    /// [`CE_LENGTH`] bytes of `inline` wait for [`continuation_entry`].
    pub fn build(&mut self, of: &Attributes<'_>, room: usize) {
        self.inline.clear();
        self.spill.clear();
        if of.announces {
            self.inline.extend_from_slice(&[b'S', b'P', SP_LENGTH as u8, 1, 0xBE, 0xEF, 0]);
        }
        self.push_attributes(of);
        if of.inline_length(room).is_some() {
            push_name(&mut self.inline, of.name);
            push_link(&mut self.inline, of.target);
            return;
        }
        let room = room - CE_LENGTH;
        let name_fits = self.inline.len() + name_length(of.name.len()) <= room;
        push_name(if name_fits { &mut self.inline } else { &mut self.spill }, of.name);
        push_link(&mut self.spill, of.target);
        if of.announces {
            push_announcement(&mut self.spill);
        }
        self.inline.extend_from_slice(&[0; CE_LENGTH]);
    }

    fn push_attributes(&mut self, of: &Attributes<'_>) {
        let px = Px {
            signature: *b"PX",
            length: PX_LENGTH as u8,
            version: 1,
            mode: Both32::new(of.mode),
            links: Both32::new(of.links),
            uid: Both32::new(of.uid),
            gid: Both32::new(of.gid),
            serial: Both32::new(of.serial),
        };
        self.inline.extend_from_slice(px.as_bytes());
        const MODIFY: u8 = 0x02;
        self.inline.extend_from_slice(&[b'T', b'F', TF_LENGTH as u8, 1, MODIFY]);
        self.inline.extend_from_slice(&of.modified);
        self.inline.extend_from_slice(of.compression);
    }
}

fn name_length(name: usize) -> usize {
    name + name.div_ceil(ENTRY_MAX - NM_HEADER) * NM_HEADER
}

/// NM, alternate name (RRIP 1.12 §4.1.4).
fn push_name(out: &mut Vec<u8>, name: &[u8]) {
    const CONTINUE: u8 = 0x01;
    let mut parts = name.chunks(ENTRY_MAX - NM_HEADER).peekable();
    while let Some(part) = parts.next() {
        let flags = if parts.peek().is_some() { CONTINUE } else { 0 };
        out.extend_from_slice(&[b'N', b'M', (NM_HEADER + part.len()) as u8, 1, flags]);
        out.extend_from_slice(part);
    }
}

/// ER, extensions reference (SUSP 1.12 §5.5).
fn push_announcement(out: &mut Vec<u8>) {
    let length = 8 + ER_ID.len() + ER_DESCRIPTOR.len() + ER_SOURCE.len();
    let lengths = [ER_ID.len() as u8, ER_DESCRIPTOR.len() as u8, ER_SOURCE.len() as u8];
    out.extend_from_slice(&[b'E', b'R', length as u8, 1, lengths[0], lengths[1], lengths[2], 1]);
    out.extend_from_slice(ER_ID);
    out.extend_from_slice(ER_DESCRIPTOR);
    out.extend_from_slice(ER_SOURCE);
}

/// One component record of an SL entry.
struct Component<'a> {
    flags: u8,
    text: &'a [u8],
    /// Whether it starts a new entry.
    begins: bool,
}

const CONTINUE: u8 = 0x01;
const CURRENT: u8 = 0x02;
const PARENT: u8 = 0x04;
const ROOT: u8 = 0x08;
const COMPONENT_HEADER: usize = 2;

/// Hands out the component records of a target, entry by entry.
///
/// An entry ends inside a component wherever it can: libarchive forgets the slash between components when one
/// entry ends with the first and the next starts with the second.
fn components(target: &[u8], mut put: impl FnMut(Component<'_>)) {
    const ROOM: usize = ENTRY_MAX - SL_HEADER;
    const SMALLEST_PART: usize = COMPONENT_HEADER + 1;
    let root = target.starts_with(b"/").then_some(&b"/"[..]);
    let names = target.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    let mut names = root.into_iter().chain(names).peekable();
    let (mut room, mut begins) = (ROOM, true);
    while let Some(name) = names.next() {
        let (flags, mut text) = match name {
            b"/" => (ROOT, &[][..]),
            b"." => (CURRENT, &[][..]),
            b".." => (PARENT, &[][..]),
            name => (0, name),
        };
        loop {
            let length = COMPONENT_HEADER + text.len();
            let tight = names.peek().is_some() && text.len() > 1 && length + SMALLEST_PART > room;
            if length <= room && !tight {
                put(Component { flags, text, begins });
                (room, begins) = (room - length, false);
                break;
            }
            if text.len() > 1 && room >= SMALLEST_PART {
                let (part, rest) = text.split_at((text.len() - 1).min(room - COMPONENT_HEADER));
                put(Component { flags: CONTINUE, text: part, begins });
                text = rest;
            }
            (room, begins) = (ROOM, true);
        }
    }
}

fn link_length(target: &[u8]) -> usize {
    let mut length = 0;
    components(target, |component| {
        length += COMPONENT_HEADER + component.text.len() + if component.begins { SL_HEADER } else { 0 };
    });
    length
}

/// SL, symbolic link (RRIP 1.12 §4.1.3).
fn push_link(out: &mut Vec<u8>, target: &[u8]) {
    let first = out.len();
    let mut entry = first;
    components(target, |Component { flags, text, begins }| {
        if begins {
            if out.len() > first {
                out[entry + 4] = CONTINUE;
            }
            entry = out.len();
            out.extend_from_slice(&[b'S', b'L', 0, 1, 0]);
        }
        out.extend_from_slice(&[flags, text.len() as u8]);
        out.extend_from_slice(text);
        out[entry + 2] = (out.len() - entry) as u8;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes<'a>(name: &'a [u8], target: &'a [u8]) -> Attributes<'a> {
        Attributes {
            mode: 0o100_644,
            links: 0x0102,
            uid: 0x0304_0506,
            gid: 0x0708,
            serial: 0x090a_0b0c,
            modified: [109, 2, 13, 23, 31, 30, 0],
            name,
            target,
            compression: b"",
            announces: false,
        }
    }

    #[test]
    fn attributes_and_name_are_the_bytes_of_the_protocol() {
        let mut entries = SystemUse::default();
        entries.build(&attributes(b"ab", b""), 200);
        #[rustfmt::skip]
        let bytes = [
            b'P', b'X', 44, 1, 0xa4, 0x81, 0, 0, 0, 0, 0x81, 0xa4, 2, 1, 0, 0, 0, 0, 1, 2,
            6, 5, 4, 3, 3, 4, 5, 6, 8, 7, 0, 0, 0, 0, 7, 8, 0x0c, 0x0b, 0x0a, 9, 9, 0x0a, 0x0b, 0x0c,
            b'T', b'F', 12, 1, 2, 109, 2, 13, 23, 31, 30, 0,
            b'N', b'M', 7, 1, 0, b'a', b'b',
        ];
        assert_eq!(entries.inline, bytes);
        assert!(entries.spill.is_empty());
    }

    #[test]
    fn links_are_stored_by_components() {
        let mut entry = Vec::new();
        push_link(&mut entry, b"/.././ab//c/");
        let bytes = [b'S', b'L', 18, 1, 0, ROOT, 0, PARENT, 0, CURRENT, 0, 0, 2, b'a', b'b', 0, 1, b'c'];
        assert_eq!(entry, bytes);
        assert_eq!(link_length(b"/.././ab//c/"), bytes.len());
    }

    #[test]
    fn long_components_continue_in_the_next_entry() {
        let target = [b'x'; 250];
        let mut entries = Vec::new();
        push_link(&mut entries, &target);
        assert_eq!(entries[..7], [b'S', b'L', 255, 1, CONTINUE, CONTINUE, 248]);
        assert_eq!(entries[255..], [b'S', b'L', 9, 1, 0, 0, 2, b'x', b'x']);
        assert_eq!(entries.len(), link_length(&target));
    }

    #[test]
    fn an_entry_ends_inside_a_component_if_it_can() {
        let target = [&[b'a'; 120][..], &[b'b'; 125], &[b'c'; 9]].join(&b'/');
        let mut entries = Vec::new();
        push_link(&mut entries, &target);
        // The second name would just fit, but then the entry would end with it.
        assert_eq!(entries[127..131], [CONTINUE, 124, b'b', b'b']);
        assert_eq!(entries[253..], *b"SL\x13\x01\x00\x00\x01b\x00\x09ccccccccc");
        assert_eq!(entries[..5], [b'S', b'L', 253, 1, CONTINUE]);
        assert_eq!(entries.len(), link_length(&target));
    }

    #[test]
    fn a_name_of_255_bytes_spills_in_two_parts() {
        let name = [b'n'; 255];
        let mut entries = SystemUse::default();
        entries.build(&attributes(&name, b""), 188);
        assert_eq!(entries.inline.len(), PX_LENGTH + TF_LENGTH + CE_LENGTH);
        assert_eq!(entries.spill[..5], [b'N', b'M', 255, 1, 1]);
        assert_eq!(entries.spill[255..], [b'N', b'M', 10, 1, 0, b'n', b'n', b'n', b'n', b'n']);
    }

    #[test]
    fn a_continuation_entry_has_block_offset_and_length() {
        #[rustfmt::skip]
        let bytes = [
            b'C', b'E', 28, 1, 4, 3, 2, 1, 1, 2, 3, 4, 6, 5, 0, 0, 0, 0, 5, 6, 8, 7, 0, 0, 0, 0, 7, 8,
        ];
        assert_eq!(continuation_entry(0x0102_0304, 0x0506, 0x0708), bytes);
    }

    #[test]
    fn the_announcement_is_237_bytes() {
        let mut out = Vec::new();
        push_announcement(&mut out);
        assert_eq!(out.len(), 237);
        assert_eq!(out[..8], [b'E', b'R', 237, 1, 10, 84, 135, 1]);
        assert_eq!(&out[8..18], b"RRIP_1991A");
    }
}
