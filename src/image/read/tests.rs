use super::*;
use crate::image::on_disc::Section;
use crate::image::{Kind, Layout, Meta, Options, Stream, Tree, stream::ContentSource, tree::ContentId};
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

fn import_up_to(bytes: &[u8], end: usize, entries: u64) -> Result<Imported, ImportError<String>> {
    let directory = Meta { mode: 0o755, uid: 7, gid: 7, mtime: 0 };
    import_tree(
        |block, out| {
            let at = block as usize * BLOCK;
            out.copy_from_slice(bytes.get(at..at + BLOCK).ok_or_else(|| format!("no block {block}"))?);
            Ok(())
        },
        0,
        Bounds { end: end as u32, entries, directory },
    )
}

fn import(bytes: &[u8]) -> Result<Imported, ImportError<String>> {
    import_up_to(bytes, bytes.len() / BLOCK, 1000)
}

fn why(bytes: &[u8]) -> String {
    import(bytes).map(|imported| imported.left_out).unwrap_err().to_string()
}

/// Where the first record of this name begins from a block on.
fn record_of(bytes: &[u8], block: usize, name: &[u8]) -> usize {
    // The number of the disc in its set, and the length of the name, come before it.
    let wanted = [&[1, 0, 0, 1, name.len() as u8], name].concat();
    let at = bytes[block * BLOCK..].windows(wanted.len()).position(|window| window == wanted).unwrap();
    block * BLOCK + at - 28
}

fn point(bytes: &mut [u8], record: usize, extent: u32, size: u32) {
    for (at, number) in [(2, extent), (10, size)] {
        bytes[record + at..record + at + 4].copy_from_slice(&number.to_le_bytes());
        bytes[record + at + 4..record + at + 8].copy_from_slice(&number.to_be_bytes());
    }
}

#[test]
fn a_volume_name_that_is_filled_up_with_zeroes_ends_before_them() {
    let mut bytes = image();
    let name = &mut bytes[16 * BLOCK + 40..][..32];
    name.fill(0);
    name[..8].copy_from_slice(b"OTHER\0\x1bS");
    assert_eq!(import(&bytes).unwrap().volume_name, "OTHERS");
}

#[test]
fn an_imported_tree_is_the_one_that_was_written() {
    let bytes = image();
    let Imported { tree, kind, volume_name, left_out, end, .. } = import(&bytes).unwrap();
    assert_eq!((kind, volume_name.as_str(), left_out), (TreeKind::RockRidge, "CHECK", 0));
    assert_eq!(end as usize, bytes.len() / BLOCK);
    let counts = tree.counts();
    assert_eq!((counts.directories, counts.files, counts.symlinks), (7, 3, 3));
    for (number, dir) in ["a", "b", "c"].into_iter().enumerate() {
        let sub = tree.find(format!("{dir}/sub").as_bytes()).unwrap();
        let (file, link) = (tree.lookup(sub, &[b'n'; 255]).unwrap(), tree.lookup(sub, b"link").unwrap());
        assert!([sub, file, link].iter().all(|&node| tree.is_imported(node)));
        assert_eq!(tree.kind(link), Kind::Symlink { target: &[b't'; 1000] });
        let Kind::File { content, size: 5000 } = tree.kind(file) else { panic!("a file") };
        let block = (bytes.len() / BLOCK - 9 + 3 * number) as u32;
        assert_eq!(tree.on_disc().sections(content), [Section { block, size: 5000 }]);
        assert_eq!(tree.meta(file).mode, 0o100_755);
    }
    // Planned for behind the disc, it has the same files in the same places, and brings none of their blocks.
    let options = Options { start_block: 1000, pad_blocks: 0, ..Options::new("check", 0) };
    let layout = Layout::plan(&tree, &options).unwrap();
    assert_eq!(layout.content_blocks(), 0);
    let mut second = vec![0; layout.bytes() as usize];
    Stream::new(&layout, &tree, Zeros).fill(&mut second).unwrap();
    let mut disc = bytes.clone();
    disc.resize(1000 * BLOCK, 0);
    disc.extend_from_slice(&second);
    let again = import_tree(
        |block, out| {
            out.copy_from_slice(&disc[block as usize * BLOCK..][..BLOCK]);
            Ok::<_, Infallible>(())
        },
        1000,
        Bounds { end: (disc.len() / BLOCK) as u32, entries: 13, directory: tree.meta(tree.root()) },
    );
    let again = again.unwrap().tree;
    let file = again.find(&[&b"b/sub/"[..], &[b'n'; 255]].concat()).unwrap();
    let Kind::File { content, .. } = again.kind(file) else { panic!("a file") };
    assert_eq!(again.on_disc().sections(content)[0].block as usize, bytes.len() / BLOCK - 6);
}

#[test]
fn a_disc_without_a_file_system_is_told_from_a_damaged_one() {
    assert_eq!(
        why(&[0; 40 * BLOCK]),
        "there is no ISO 9660 file system: block 16 holds no volume descriptor"
    );
    let mut bytes = image();
    bytes[17 * BLOCK + 1] = b'x';
    assert_eq!(why(&bytes), "block 17 of the image's structure is damaged: not a volume descriptor");
}

#[test]
fn directories_that_hold_themselves_or_each_other_are_refused() {
    let bytes = image();
    let (a, b) = (record_of(&bytes, 23, b"A"), record_of(&bytes, 23, b"B"));
    let block_of = |record: usize| u32::from_le_bytes(bytes[record + 2..record + 6].try_into().unwrap());
    let twice = "block 23 of the image's structure is damaged: a directory is in two places, or in itself";
    for (record, block) in [(a, 23), (b, block_of(a))] {
        let mut bytes = bytes.clone();
        point(&mut bytes, record, block, 2048);
        assert_eq!(why(&bytes), twice);
    }
    // The directory in `a` is `b` again: found wherever it is read first.
    let mut deep = bytes.clone();
    let at = record_of(&bytes, block_of(a) as usize, b"SUB");
    point(&mut deep, at, block_of(b), 2048);
    assert!(why(&deep).ends_with("a directory is in two places, or in itself"));
}

#[test]
fn gigantic_directories_and_extents_past_the_recorded_end_them() {
    let mut bytes = image();
    let end = (bytes.len() / BLOCK) as u32;
    let a = record_of(&bytes, 23, b"A");
    let where_nothing_is =
        "block 23 of the image's structure is damaged: an extent lies where nothing is recorded";
    for (extent, size) in [(end, 2048), (30, u32::MAX), (u32::MAX, 1), (end - 1, 2049)] {
        let mut bytes = bytes.clone();
        point(&mut bytes, a, extent, size);
        assert_eq!(why(&bytes), where_nothing_is);
    }
    // On a medium without an end the limits of an import stop it.
    let root = 16 * BLOCK + 156;
    point(&mut bytes, root, 23, u32::MAX);
    let mut reads = 0_u64;
    let directory = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    let empty = [0; BLOCK];
    let error = import_tree(
        |block, out| {
            reads += 1;
            let at = block as usize * BLOCK;
            out.copy_from_slice(if block < 24 { &bytes[at..at + BLOCK] } else { &empty });
            Ok::<_, String>(())
        },
        0,
        Bounds { end: u32::MAX, entries: 1000, directory },
    );
    assert!(matches!(error, Err(ImportError::Structure(StructureError::TooLarge))));
    assert_eq!(reads, IMPORT_BLOCKS_MAX);
}

#[test]
fn more_entries_than_allowed_are_refused_by_number() {
    let bytes = image();
    let error = import_up_to(&bytes, bytes.len() / BLOCK, 11).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "it holds more than 11 files and directories");
    assert!(import_up_to(&bytes, bytes.len() / BLOCK, 12).is_ok());
}

#[test]
fn a_file_whose_last_section_is_missing_is_damage() {
    let bytes = image();
    let joliet_only = {
        let mut bytes = bytes.clone();
        // No Rock Ridge: the root does not announce it.
        let sp = bytes.windows(2).position(|window| window == b"SP").unwrap();
        bytes[sp] = b'X';
        bytes
    };
    let Imported { kind, tree, .. } = import(&joliet_only).unwrap();
    assert_eq!((kind, tree.counts().files, tree.counts().symlinks), (TreeKind::Joliet, 3, 0));
    let sub = tree.find(b"a/sub").unwrap();
    let file = tree.children(sub).next().unwrap();
    assert_eq!((tree.name(file), tree.meta(file).mode, tree.meta(file).uid), (&[b'n'; 64][..], 0o100_644, 7));
    let mut cut = bytes;
    let name = cut.windows(8).position(|window| window == b"NNNNNNNN").unwrap();
    cut[name - 33 + 25] |= 0x80;
    assert!(why(&cut).ends_with("the last section of a file is missing"));
}

proptest! {
    #[test]
    fn an_import_of_damage_is_an_answer_and_never_a_panic(
        blows in prop::collection::vec((16 * BLOCK..60 * BLOCK, any::<u8>()), 1..8),
    ) {
        let mut bytes = image();
        for (at, value) in blows {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        if let Ok(imported) = import(&bytes) {
            let tree = imported.tree;
            prop_assert!(tree.counts().directories < 100);
            // What was imported can be laid out, or is refused by name.
            let _ = Layout::plan(&tree, &Options { start_block: 500, ..Options::new("x", 0) });
        }
    }

    /// Whole numbers of records, not bytes alone: extents, sizes, lengths, flags.
    #[test]
    fn an_import_of_lies_ends(
        lies in prop::collection::vec((0..40_usize, 0..6_usize, any::<u32>()), 1..6),
    ) {
        let mut bytes = image();
        let records: Vec<usize> = (23 * BLOCK..bytes.len() - 9 * BLOCK)
            .filter(|&at| bytes[at + 28..].starts_with(&[1, 0, 0, 1]))
            .collect();
        for (which, field, value) in lies {
            let Some(&record) = records.get(which) else { continue };
            let (extent, size) = (value % 60, value >> 8);
            match field {
                0 => point(&mut bytes, record, extent, 2048),
                1 => point(&mut bytes, record, extent, size),
                2 => bytes[record] = value as u8,
                3 => bytes[record + 25] = value as u8,
                4 => bytes[record + 32] = value as u8,
                _ => bytes[record + 1] = value as u8,
            }
        }
        let _ = import(&bytes);
    }
}
