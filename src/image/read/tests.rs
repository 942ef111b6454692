use super::*;
use crate::image::{Layout, Meta, Options, Stream, Tree, stream::ContentSource, tree::ContentId};
use proptest::prelude::*;
use std::convert::Infallible;

struct Zeros;

impl ContentSource for Zeros {
    type Error = Infallible;

    fn open(&mut self, _: ContentId, _: u64) -> Result<(), Infallible> {
        Ok(())
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        buf.fill(0);
        Ok(buf.len())
    }

    fn close(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn image() -> Vec<u8> {
    let meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    let mut tree = Tree::new(meta);
    for name in ["a", "b", "c"] {
        let dir = tree.add_dir(tree.root(), name.as_bytes(), meta).unwrap();
        let sub = tree.add_dir(dir, b"sub", meta).unwrap();
        tree.add_file(sub, &[b'n'; 255], meta, ContentId(tree.counts().files as u32), 5000).unwrap();
        tree.add_symlink(sub, b"link", meta, &[b't'; 1000]).unwrap();
    }
    let layout = Layout::plan(&tree, &Options { pad_blocks: 0, ..Options::new("check", 0) }).unwrap();
    let mut bytes = vec![0; layout.bytes() as usize];
    Stream::new(&layout, &tree, Zeros).fill(&mut bytes).unwrap();
    bytes
}

fn check(bytes: &[u8]) -> Result<StructureSummary, StructureError<String>> {
    check_structure(
        |block, out| {
            let at = block as usize * BLOCK;
            out.copy_from_slice(bytes.get(at..at + BLOCK).ok_or_else(|| format!("no block {block}"))?);
            Ok(())
        },
        0,
    )
}

#[test]
fn a_sound_image_passes_and_every_structure_block_is_read() {
    let bytes = image();
    let summary = check(&bytes).unwrap();
    assert_eq!(summary.iso, TreeSummary { directories: 7, files: 6, bytes: 15000 });
    assert_eq!(summary.joliet, Some(TreeSummary { directories: 7, files: 3, bytes: 15000 }));
    // All but the system area and the three files of three blocks.
    assert_eq!(summary.blocks_read as usize, bytes.len() / BLOCK - 16 - 9);
}

#[test]
fn a_block_that_cannot_be_read_is_named() {
    let bytes = image();
    let error = check(&bytes[..25 * BLOCK]).unwrap_err();
    assert_eq!(error.to_string(), "cannot read block 25 of the image's structure: no block 25");
}

#[test]
fn nothing_readable_is_no_image() {
    assert!(matches!(check(&[0; 40 * BLOCK]), Err(StructureError::Damaged { block: 16, .. })));
}

#[test]
fn a_directory_that_claims_gigabytes_ends_the_check_in_time() {
    let mut bytes = image();
    let root = 23 * BLOCK;
    assert_eq!(bytes[root + 10..root + 14], [0, 8, 0, 0]);
    for volume in [16, 17] {
        bytes[volume * BLOCK + 80..volume * BLOCK + 88].fill(0xff);
    }
    bytes[root + 10..root + 18].copy_from_slice(&[0, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xf8, 0]);
    let mut reads = 0_u64;
    let result = check_structure(
        |block, out| {
            reads += 1;
            // The medium goes on for ever with the same records.
            let at = (block as usize).min(23) * BLOCK;
            out.copy_from_slice(&bytes[at..at + BLOCK]);
            Ok::<_, String>(())
        },
        0,
    );
    assert!(result.is_err());
    assert!(reads <= BLOCKS_MAX);
}

proptest! {
    #[test]
    fn damage_is_an_answer_and_never_a_panic(
        blows in prop::collection::vec((16 * BLOCK..60 * BLOCK, any::<u8>()), 1..8),
    ) {
        let mut bytes = image();
        for (at, value) in blows {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let _ = check(&bytes);
    }

    #[test]
    fn a_flipped_number_in_a_directory_does_not_pass(at in 0..8_usize, bit in 0..8_u8) {
        let mut bytes = image();
        // Extent of the root's own record: four bytes in each order.
        bytes[23 * BLOCK + 2 + at] ^= 1 << bit;
        prop_assert!(check(&bytes).is_err());
    }
}
