//! Discs that grow: readers find the session that was recorded last.

use super::bench::{Stage, image};
use crate::api::{BLOCK, DiscStatus, RecordOptions, Verify};
use crate::image::{ContentId, ContentSource, Layout, Meta, Options, Stream, Tree};
use crate::vdrive::Pace;
use crate::wire::broker_worker::{Expected, RecordOrder};

struct Letters;

impl ContentSource for Letters {
    type Error = std::convert::Infallible;

    fn open(&mut self, _: ContentId, _: u64) -> Result<(), Self::Error> {
        Ok(())
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        buf.fill(b'x');
        Ok(buf.len())
    }

    fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// An image with one file, laid out for this block.
fn iso(name: &str, start: u32) -> Vec<u8> {
    let meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    let mut tree = Tree::new(meta);
    tree.add_file(tree.root(), name.as_bytes(), meta, ContentId(0), 700_000).unwrap();
    let layout = Layout::plan(&tree, &Options { start_block: start, ..Options::new(name, 0) }).unwrap();
    let mut bytes = vec![0; layout.bytes() as usize];
    Stream::new(&layout, &tree, Letters).fill(&mut bytes).unwrap();
    bytes
}

fn burn_at(stage: &mut Stage, start: u32, image: Vec<u8>) {
    let medium = stage.look().medium.unwrap();
    let order = RecordOrder {
        blocks: (image.len() / BLOCK) as u64,
        start,
        options: RecordOptions { verify: Verify::Full, ..RecordOptions::default() },
        expected: Expected {
            profile: medium.profile,
            next_writable: start,
            free_blocks: medium.free_blocks - u64::from(start),
        },
        imprint: None,
    };
    stage.burn_as(&order, image).unwrap();
}

#[test]
fn the_first_descriptors_are_those_of_the_last_session_and_all_else_stays() {
    for kind in ["dvd+rw:8192", "dvd-ram:8192", "dvd-rw-ro:8192", "bd-re:8192"] {
        let mut stage = Stage::new(kind, "", Pace::Unlimited);
        let first = iso("FIRST", 0);
        burn_at(&mut stage, 0, first.clone());
        assert!(stage.recorded().starts_with(&first), "{kind}");
        for (name, start) in [("SECOND", 1024), ("THIRD", 2048)] {
            let later = iso(name, start);
            burn_at(&mut stage, start, later.clone());
            let disc = stage.recorded();
            let at = start as usize * BLOCK;
            assert!(disc[at..].starts_with(&later), "{kind}");
            assert!(disc[16 * BLOCK..19 * BLOCK] == later[16 * BLOCK..19 * BLOCK], "{kind} {name}");
            assert!(disc[..16 * BLOCK] == first[..16 * BLOCK], "{kind}");
            assert!(disc[19 * BLOCK..].starts_with(&first[19 * BLOCK..]), "{kind}");
            assert_eq!(stage.look().medium.unwrap().status, DiscStatus::Other);
        }
    }
}

#[test]
fn what_is_no_file_system_redirects_nobody() {
    let mut stage = Stage::new("dvd+rw:8192", "", Pace::Unlimited);
    let first = iso("FIRST", 0);
    burn_at(&mut stage, 0, first.clone());
    burn_at(&mut stage, 1024, image(64));
    assert!(stage.recorded().starts_with(&first));
}
