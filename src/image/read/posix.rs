//! What the system use entries of a record say in terms of POSIX (SUSP 1.12, RRIP 1.12).

use crate::image::date;
use crate::image::iso9660::number::Both32;
use crate::image::on_disc::ZF_LENGTH;
use zerocopy::FromBytes;

/// The entries of one record, read. What is missing or malformed is `None`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Posix {
    /// PX: mode, links, owner, group, and the serial number of RRIP 1.12.
    pub attributes: Option<Attributes>,
    /// TF: the last modification, in seconds since 1970.
    pub modified: Option<i64>,
    /// NM.
    pub name: Option<Vec<u8>>,
    /// SL: the target of a symbolic link.
    pub target: Option<Vec<u8>>,
    /// CL: the first block of a directory that was moved elsewhere.
    pub moved_to: Option<u32>,
    /// RE: this directory is here because it was moved.
    pub moved_here: bool,
    /// SF: the file has holes, told in a way of its own.
    pub sparse: bool,
    /// ZF: how the content is compressed.
    pub compression: Option<[u8; ZF_LENGTH]>,
    /// ER: Rock Ridge is announced.
    pub announced: bool,
}

/// What PX tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub mode: u32,
    pub links: u32,
    pub uid: u32,
    pub gid: u32,
    /// 0 when there is none.
    pub serial: u32,
}

impl Posix {
    /// Reads entries, one behind the other. Those that are not known do not matter.
    pub fn parse(mut rest: &[u8]) -> Self {
        let mut posix = Self::default();
        let mut link = Link::default();
        while let Some((entry, behind)) = split_entry(rest) {
            rest = behind;
            let body = &entry[4..];
            match &entry[..2] {
                b"PX" => posix.attributes = attributes(body).or(posix.attributes),
                b"TF" => posix.modified = modified(body).or(posix.modified),
                // Neither `.` nor `..` has a name.
                b"NM" if body.first().is_some_and(|flags| flags & 0x06 == 0) => {
                    posix.name.get_or_insert_default().extend_from_slice(&body[1..]);
                }
                b"SL" => link.take(body),
                b"CL" => posix.moved_to = number(body, 0),
                b"RE" => posix.moved_here = true,
                b"SF" => posix.sparse = true,
                b"ZF" => posix.compression = entry.try_into().ok(),
                b"ER" => posix.announced |= announces(body),
                _ => {}
            }
        }
        posix.target = link.begun.then_some(link.target);
        posix
    }
}

/// The first entry and what follows it; `None` at the end of what can be read.
pub(super) fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(*bytes.get(2)?);
    (length >= 4).then(|| bytes.split_at_checked(length))?
}

/// A target, component by component.
#[derive(Default)]
struct Link {
    target: Vec<u8>,
    begun: bool,
    /// The next component follows without a slash.
    joined: bool,
}

impl Link {
    fn take(&mut self, body: &[u8]) {
        self.joined |= !std::mem::replace(&mut self.begun, true);
        let mut rest = body.get(1..).unwrap_or_default();
        while let &[flags, length, ref behind @ ..] = rest {
            let Some((text, behind)) = behind.split_at_checked(length.into()) else { return };
            rest = behind;
            if !std::mem::take(&mut self.joined) {
                self.target.push(b'/');
            }
            match flags & 0x0e {
                0x02 => self.target.extend_from_slice(b"."),
                0x04 => self.target.extend_from_slice(b".."),
                0x08 => {
                    self.target.push(b'/');
                    self.joined = true;
                }
                _ => self.target.extend_from_slice(text),
            }
            self.joined |= flags & 0x01 != 0;
        }
    }
}

fn attributes(body: &[u8]) -> Option<Attributes> {
    Some(Attributes {
        mode: number(body, 0)?,
        links: number(body, 1)?,
        uid: number(body, 2)?,
        gid: number(body, 3)?,
        serial: number(body, 4).unwrap_or(0),
    })
}

fn modified(body: &[u8]) -> Option<i64> {
    let (&flags, stamps) = body.split_first()?;
    if flags & 0x02 == 0 {
        return None;
    }
    // Stamps come in the order of their flags: only that of the creation comes before.
    let length = if flags & 0x80 == 0 { 7 } else { 17 };
    let at = usize::from(flags & 0x01) * length;
    let stamp = stamps.get(at..at + length)?;
    if length == 7 { date::read_short(stamp) } else { date::read_long(stamp) }
}

fn announces(body: &[u8]) -> bool {
    const NAMES: [&[u8]; 3] = [b"RRIP_1991A", b"IEEE_P1282", b"IEEE_1282"];
    let name = body.first().and_then(|&length| body.get(4..4 + usize::from(length)));
    name.is_some_and(|name| NAMES.contains(&name))
}

fn number(body: &[u8], index: usize) -> Option<u32> {
    Both32::read_from_bytes(body.get(index * 8..index * 8 + 8)?).ok()?.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::rock_ridge::{Attributes as Written, SystemUse};
    use proptest::prelude::*;

    fn entry(name: &[u8; 2], body: &[u8]) -> Vec<u8> {
        [&name[..], &[body.len() as u8 + 4, 1], body].concat()
    }

    fn target(entries: &[&[u8]]) -> String {
        let all: Vec<u8> = entries.iter().flat_map(|body| entry(b"SL", body)).collect();
        String::from_utf8(Posix::parse(&all).target.unwrap()).unwrap()
    }

    #[test]
    fn targets_are_put_together_from_their_components() {
        assert_eq!(target(&[b"\0\x08\0\0\x03usr\0\x03bin"]), "/usr/bin");
        assert_eq!(target(&[b"\0\x04\0\x04\0\0\x01a\x02\0"]), "../../a/.");
        assert_eq!(target(&[b"\x01\x01\x02be", b"\0\0\x04come\0\x01x"]), "become/x");
        assert_eq!(target(&[b"\0\x08\0"]), "/");
        assert_eq!(target(&[b"\0\0\x09cut"]), "");
    }

    #[test]
    fn the_modification_is_found_among_the_stamps() {
        let stamps =
            |flags: u8, bytes: &[u8]| Posix::parse(&entry(b"TF", &[&[flags], bytes].concat())).modified;
        let (at, other) = (date::short(1_234_567_890), date::short(5));
        assert_eq!(stamps(0x0e, &[at, other, other].concat()), Some(1_234_567_890));
        assert_eq!(stamps(0x0f, &[other, at, other, other].concat()), Some(1_234_567_890));
        assert_eq!(stamps(0x82, &date::long(1_234_567_890)), Some(1_234_567_890));
        assert_eq!(stamps(0x0c, &[at, other].concat()), None);
        assert_eq!(stamps(0x03, &other), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = Posix::parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read_again(
            name in prop::collection::vec(any::<u8>(), 1..256),
            parts in prop::collection::vec("[a-z.]{1,60}", 1..8),
            absolute: bool,
            mode: u16,
        ) {
            let target = format!("{}{}", if absolute { "/" } else { "" }, parts.join("/"));
            let written = Written {
                mode: mode.into(), links: 3, uid: 1000, gid: 100, serial: 9, modified: date::short(77),
                name: &name, target: target.as_bytes(), compression: &[], announces: false,
            };
            let mut entries = SystemUse::default();
            entries.build(&written, usize::MAX / 2);
            let read = Posix::parse(&[entries.inline, entries.spill].concat());
            prop_assert_eq!(read.name, Some(name));
            prop_assert_eq!(read.target, Some(target.into_bytes()));
            prop_assert_eq!(read.modified, Some(77));
            let wanted = Attributes { mode: mode.into(), links: 3, uid: 1000, gid: 100, serial: 9 };
            prop_assert_eq!(read.attributes, Some(wanted));
        }
    }
}
