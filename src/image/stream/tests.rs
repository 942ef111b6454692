use super::*;
use crate::image::iso9660::descriptor::VolumeDescriptor;
use crate::image::read::{StructureSummary, check_structure};
use crate::image::{ImageError, JolietLength, Meta, NodeId, Options, write_image};
use proptest::prelude::*;
use std::convert::Infallible;
use zerocopy::FromBytes;

const META: Meta = Meta { mode: 0o644, uid: 1000, gid: 100, mtime: 1_234_567_890 };

/// Every byte of a content tells which content it is and where.
#[derive(Default)]
struct Pattern {
    open: Option<(u32, u64)>,
    at: u64,
    log: Vec<u32>,
}

fn pattern(content: u32, at: u64) -> u8 {
    (u64::from(content) * 31 + at + at / 2048 * 7) as u8 | 1
}

impl ContentSource for Pattern {
    type Error = Infallible;

    fn open(&mut self, content: ContentId, size: u64) -> Result<(), Infallible> {
        assert_eq!(self.open, None, "one at a time");
        self.open = Some((content.0, size));
        self.at = 0;
        self.log.push(content.0);
        Ok(())
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let (content, size) = self.open.unwrap();
        // Reads come out in uneven parts, as those of pipes do.
        let part = (buf.len().min((size - self.at) as usize)).div_ceil(2);
        for byte in &mut buf[..part] {
            *byte = pattern(content, self.at);
            self.at += 1;
        }
        Ok(part)
    }

    fn close(&mut self) -> Result<(), Infallible> {
        let (_, size) = self.open.take().unwrap();
        assert_eq!(self.at, size);
        Ok(())
    }
}

fn image(tree: &Tree, options: &Options) -> Vec<u8> {
    let layout = Layout::plan(tree, options).unwrap();
    let mut bytes = Vec::new();
    let mut source = Pattern::default();
    let written = write_image(&layout, tree, &mut source, &mut bytes).unwrap();
    assert_eq!(written, layout.bytes());
    assert_eq!(bytes.len() as u64, layout.blocks() * 2048);
    bytes
}

fn check(bytes: &[u8], start: u32) -> StructureSummary {
    check_structure(
        |block, out| {
            let at = (block - u64::from(start)) as usize * BLOCK;
            out.copy_from_slice(bytes.get(at..at + BLOCK).ok_or("outside")?);
            Ok::<_, &str>(())
        },
        start,
    )
    .unwrap()
}

fn options() -> Options {
    Options { pad_blocks: 3, ..Options::new("My Disc", 1_234_567_890) }
}

fn sample() -> Tree {
    let mut tree = Tree::new(META);
    let root = tree.root();
    let dir = tree.add_dir(root, b"dir", META).unwrap();
    tree.add_file(root, b"one.txt", META, ContentId(0), 3000).unwrap();
    tree.add_file(dir, b"link to one", META, ContentId(0), 3000).unwrap();
    tree.add_file(dir, b"two", META, ContentId(1), 2048).unwrap();
    tree.add_file(dir, b"empty", META, ContentId(2), 0).unwrap();
    tree.add_symlink(dir, &[b's'; 255], META, b"../one.txt").unwrap();
    tree
}

#[test]
fn the_primary_descriptor_is_byte_for_byte_that_of_the_standard() {
    let tree = sample();
    let bytes = image(&tree, &options());
    let primary = &bytes[16 * BLOCK..17 * BLOCK];
    assert_eq!(&primary[..8], b"\x01CD001\x01\x00");
    assert_eq!(&primary[8..44], b"LINUX                           MY_D");
    let blocks = (bytes.len() / BLOCK) as u8;
    assert_eq!(primary[80..88], [blocks, 0, 0, 0, 0, 0, 0, blocks]);
    assert_eq!(primary[120..132], [1, 0, 0, 1, 1, 0, 0, 1, 0, 8, 8, 0]);
    // Root and one directory: 10 and 12 bytes. Blocks 19 and 20, behind two descriptors and the terminator.
    assert_eq!(
        primary[132..156],
        [22, 0, 0, 0, 0, 0, 0, 22, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0]
    );
    #[rustfmt::skip]
    let root = [
        34, 0, 23, 0, 0, 0, 0, 0, 0, 23, 0, 8, 0, 0, 0, 0, 8, 0, 109, 2, 13, 23, 31, 30, 0, 2, 0, 0,
        1, 0, 0, 1, 1, 0,
    ];
    assert_eq!(primary[156..190], root);
    assert_eq!(&primary[813..847], b"2009021323313000\x002009021323313000\x00");
    assert_eq!(&primary[847..882], b"0000000000000000\x000000000000000000\x00\x01");
}

#[test]
fn the_joliet_descriptor_has_its_escape_sequence_and_ucs_2_names() {
    let bytes = image(&sample(), &options());
    let joliet = &bytes[17 * BLOCK..18 * BLOCK];
    assert_eq!(&joliet[..8], b"\x02CD001\x01\x00");
    assert_eq!(&joliet[40..56], b"\0M\0y\0 \0D\0i\0s\0c\0 ");
    assert_eq!(joliet[88..92], [0x25, 0x2f, 0x45, 0]);
    assert_eq!(&bytes[18 * BLOCK..18 * BLOCK + 8], b"\xffCD001\x01\x00");
}

#[test]
fn path_tables_list_the_directories_in_both_byte_orders() {
    let bytes = image(&sample(), &options());
    let tables: Vec<&[u8]> = (19..23).map(|block| &bytes[block * BLOCK..block * BLOCK + 26]).collect();
    assert_eq!(&tables[0][..23], b"\x01\0\x17\0\0\0\x01\0\0\0\x03\0\x19\0\0\0\x01\0DIR\0\0");
    assert_eq!(&tables[1][..23], b"\x01\0\0\0\0\x17\0\x01\0\0\x03\0\0\0\0\x19\0\x01DIR\0\0");
    assert_eq!(tables[2], b"\x01\0\x1b\0\0\0\x01\0\0\0\x06\0\x1c\0\0\0\x01\0\0d\0i\0r\0\0");
    assert_eq!(tables[3], b"\x01\0\0\0\0\x1b\0\x01\0\0\x06\0\0\0\0\x1c\0\x01\0d\0i\0r\0\0");
}

#[test]
fn contents_follow_the_tree_and_shared_ones_come_once() {
    let tree = sample();
    let layout = Layout::plan(&tree, &options()).unwrap();
    let mut source = Pattern::default();
    let mut bytes = Vec::new();
    write_image(&layout, &tree, &mut source, &mut bytes).unwrap();
    assert_eq!(source.log, [0, 1]);
    assert_eq!(layout.content_blocks(), 3);
    let data = bytes.len() - (3 + 3) * BLOCK;
    let one: Vec<u8> = (0..3000).map(|at| pattern(0, at)).collect();
    assert_eq!(bytes[data..data + 3000], one);
    assert!(bytes[data + 3000..data + 2 * BLOCK].iter().all(|&byte| byte == 0));
    assert_eq!(bytes[data + 2 * BLOCK], pattern(1, 0));
    let summary = check(&bytes, 0);
    assert_eq!((summary.iso.directories, summary.iso.files, summary.iso.bytes), (2, 5, 8048));
    let joliet = summary.joliet.unwrap();
    assert_eq!((joliet.directories, joliet.files, joliet.bytes), (2, 4, 8048));
}

#[test]
fn addresses_count_from_the_start_of_the_medium() {
    let tree = sample();
    let later = Options { start_block: 0x0102_0300, ..options() };
    let bytes = image(&tree, &later);
    let summary = check(&bytes, 0x0102_0300);
    assert_eq!(summary.end, 0x0102_0300 + (bytes.len() / BLOCK) as u32);
    assert_eq!(summary.volume_name, "MY_DISC");
}

#[test]
fn an_image_without_joliet_or_rock_ridge_has_no_trace_of_them() {
    let plain = Options { joliet: None, rock_ridge: false, ..options() };
    let bytes = image(&sample(), &plain);
    assert_eq!(bytes[17 * BLOCK], 255);
    for trace in [&b"RRIP"[..], b"PX,", b"%/E", b"NM"] {
        assert!(!bytes.windows(trace.len()).any(|window| window == trace), "{trace:?}");
    }
    let summary = check(&bytes, 0);
    // The symbolic link is left out: nothing could tell what it is.
    assert_eq!((summary.joliet, summary.iso.files), (None, 4));
}

#[test]
fn an_empty_tree_makes_an_image() {
    let bytes = image(&Tree::new(META), &Options { pad_blocks: 0, ..options() });
    assert_eq!(check(&bytes, 0).iso.directories, 1);
    // 16 and 3 descriptors, 4 path tables, the root with its continuation area, the root of Joliet.
    assert_eq!(bytes.len() / BLOCK, 26);
}

#[test]
fn a_file_that_shrinks_is_named() {
    struct Short;
    impl ContentSource for Short {
        type Error = Infallible;
        fn open(&mut self, _: ContentId, _: u64) -> Result<(), Infallible> {
            Ok(())
        }
        fn read(&mut self, _: &mut [u8]) -> Result<usize, Infallible> {
            Ok(0)
        }
        fn close(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }
    let tree = sample();
    let layout = Layout::plan(&tree, &options()).unwrap();
    let error = write_image(&layout, &tree, Short, std::io::sink()).unwrap_err();
    assert_eq!(error.to_string(), "/one.txt is 3000 bytes shorter than when it was added; add it again");
}

#[test]
fn a_changed_tree_and_a_ragged_buffer_are_refused() {
    let mut tree = sample();
    let layout = Layout::plan(&tree, &options()).unwrap();
    let mut source = Pattern::default();
    let mut buffer = [0; 3000];
    let error = Stream::new(&layout, &tree, &mut source).fill(&mut buffer).unwrap_err();
    assert!(matches!(error, StreamError::Buffer { length: 3000 }));
    tree.remove(tree.find(b"dir/two").unwrap());
    let error = Stream::new(&layout, &tree, &mut source).fill(&mut buffer[..2048]).unwrap_err();
    assert!(matches!(error, StreamError::TreeChanged));
}

#[test]
fn too_many_directories_are_refused_and_the_last_one_fits() {
    let mut tree = Tree::new(META);
    for number in 1..65535 {
        tree.add_dir(tree.root(), format!("{number}").as_bytes(), META).unwrap();
    }
    assert!(Layout::plan(&tree, &options()).is_ok());
    tree.add_dir(tree.root(), b"last", META).unwrap();
    assert_eq!(Layout::plan(&tree, &options()).unwrap_err(), ImageError::TooManyDirectories { count: 65536 });
}

#[test]
fn images_end_within_32_bits_of_blocks() {
    let mut tree = Tree::new(META);
    let plain = Options { pad_blocks: 0, ..options() };
    let overhead = Layout::plan(&tree, &plain).unwrap().blocks();
    let room = u64::from(u32::MAX) - overhead;
    // 2049 records of one file: a few blocks of records more.
    let file = tree.add_file(tree.root(), b"big", META, ContentId(0), (room - 1000) * 2048).unwrap();
    assert!(Layout::plan(&tree, &plain).is_ok());
    tree.remove(file);
    tree.add_file(tree.root(), b"big", META, ContentId(0), (room + 1) * 2048).unwrap();
    assert!(matches!(Layout::plan(&tree, &plain).unwrap_err(), ImageError::TooManyBlocks { .. }));
    tree.add_file(tree.root(), b"huge", META, ContentId(1), u64::MAX).unwrap();
    assert!(matches!(Layout::plan(&tree, &plain).unwrap_err(), ImageError::TooManyBlocks { .. }));
}

#[test]
fn links_to_one_content_must_agree_on_its_size() {
    let mut tree = sample();
    tree.add_file(tree.root(), b"liar", META, ContentId(1), 99).unwrap();
    let error = Layout::plan(&tree, &options()).unwrap_err();
    assert!(matches!(error, ImageError::SizesDiffer { content: 1, .. }), "{error}");
}

#[derive(Debug, Clone)]
struct Entry {
    parent: usize,
    name: Vec<u8>,
    what: Leaf,
}

#[derive(Debug, Clone)]
enum Leaf {
    Dir,
    File(u32, u16),
    Link(Vec<u8>),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-zA-Z .*é~😀]{1,80}".prop_map(String::into_bytes),
        prop::collection::vec(1..=255_u8, 1..255),
        "[ab]{1,2}(\\.[ab])?".prop_map(String::into_bytes),
        (1..=255_usize).prop_map(|length| vec![b'x'; length]),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let what = prop_oneof![
        1 => Just(Leaf::Dir),
        3 => (0..20_u32, any::<u16>()).prop_map(|(content, size)| Leaf::File(content, size % 9000)),
        1 => prop::collection::vec(1..=255_u8, 1..1000).prop_map(Leaf::Link),
    ];
    (any::<usize>(), name(), what).prop_map(|(parent, name, what)| Entry { parent, name, what })
}

fn grow(entries: Vec<Entry>) -> Tree {
    let mut tree = Tree::new(META);
    let mut directories: Vec<NodeId> = vec![tree.root()];
    for Entry { parent, name, what } in entries {
        let parent = directories[parent % directories.len()];
        let _ = match what {
            Leaf::Dir => tree.add_dir(parent, &name, META).map(|node| directories.push(node)),
            // Linked contents have one size.
            Leaf::File(content, _) if content < 10 => {
                tree.add_file(parent, &name, META, ContentId(content), u64::from(content) * 999).map(drop)
            }
            Leaf::File(_, size) => {
                let content = 1000 + tree.counts().files as u32;
                tree.add_file(parent, &name, META, ContentId(content), size.into()).map(drop)
            }
            Leaf::Link(target) => tree.add_symlink(parent, &name, META, &target).map(drop),
        };
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_tree_makes_a_sound_image_of_the_planned_length(
        entries in prop::collection::vec(entry(), 0..120),
        start in prop_oneof![Just(0), 1..9_999_999_u32],
        long in any::<bool>(),
        rock_ridge in any::<bool>(),
    ) {
        let tree = grow(entries);
        let joliet = Some(if long { JolietLength::Long } else { JolietLength::Standard });
        let wishes = Options { start_block: start, joliet, rock_ridge, ..options() };
        let bytes = image(&tree, &wishes);
        let summary = check(&bytes, start);
        let counts = tree.counts();
        let links = if rock_ridge { counts.symlinks } else { 0 };
        prop_assert_eq!(summary.iso.directories, counts.directories);
        prop_assert_eq!(summary.iso.files, counts.files + links);
        prop_assert_eq!(summary.joliet.unwrap().directories, counts.directories);
        prop_assert_eq!(summary.joliet.unwrap().files, counts.files);
        prop_assert_eq!(summary.joliet.unwrap().bytes, summary.iso.bytes);
    }

    #[test]
    fn buffers_of_any_size_yield_the_same_bytes(
        entries in prop::collection::vec(entry(), 0..60),
        sizes in prop::collection::vec(1..40_usize, 1..8),
    ) {
        let tree = grow(entries);
        let whole = image(&tree, &options());
        let layout = Layout::plan(&tree, &options()).unwrap();
        let mut source = Pattern::default();
        let mut stream = Stream::new(&layout, &tree, &mut source);
        let mut parts = Vec::new();
        for blocks in sizes.into_iter().cycle() {
            let mut buffer = vec![0xa5; blocks * BLOCK];
            prop_assert_eq!(stream.position(), parts.len() as u64);
            let bytes = stream.fill(&mut buffer).unwrap();
            parts.extend_from_slice(&buffer[..bytes]);
            if bytes < buffer.len() {
                break;
            }
        }
        prop_assert_eq!(stream.fill(&mut [0; BLOCK]).unwrap(), 0);
        prop_assert!(parts == whole);
    }
}

#[test]
fn the_volume_name_of_joliet_keeps_16_characters() {
    let wishes = Options { volume_name: "Ein langer Name, zu lang".into(), ..options() };
    let bytes = image(&sample(), &wishes);
    let descriptor = VolumeDescriptor::read_from_bytes(&bytes[17 * BLOCK..18 * BLOCK]).unwrap();
    let units: Vec<u16> =
        descriptor.volume.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    assert_eq!(String::from_utf16(&units).unwrap(), "Ein langer Name,");
}
