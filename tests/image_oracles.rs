//! Images as other readers see them: xorriso, isoinfo and bsdtar list and extract what was put in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/oracles.rs"]
mod oracles;
#[path = "support/tree.rs"]
mod tree;

use discmaster::image::{
    ContentId, ContentSource, JolietLength, Layout, Meta, Options, Stream, Tree, write_image,
};
use oracles::{isoinfo, lines, run};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tree::{assert_same, listing, nasty};

/// Contents are the files of a folder, by number.
#[derive(Default)]
struct Files {
    paths: Vec<PathBuf>,
    open: Option<File>,
}

impl ContentSource for Files {
    type Error = io::Error;

    fn open(&mut self, content: ContentId, _: u64) -> io::Result<()> {
        self.open = Some(File::open(&self.paths[content.0 as usize])?);
        Ok(())
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.open.as_mut().unwrap().read(buf)
    }

    fn close(&mut self) -> io::Result<()> {
        self.open = None;
        Ok(())
    }
}

fn meta_of(path: &Path) -> Meta {
    let meta = fs::symlink_metadata(path).unwrap();
    Meta { mode: meta.mode(), uid: meta.uid(), gid: meta.gid(), mtime: meta.mtime() }
}

fn tree_of(folder: &Path) -> (Tree, Files) {
    let mut tree = Tree::new(meta_of(folder));
    let mut files = Files::default();
    let mut numbers = BTreeMap::new();
    let mut pending = vec![(folder.to_owned(), tree.root())];
    while let Some((path, node)) = pending.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap();
            let (name, path, meta) =
                (entry.file_name(), entry.path(), fs::symlink_metadata(entry.path()).unwrap());
            if meta.is_dir() {
                pending.push((path.clone(), tree.add_dir(node, name.as_bytes(), meta_of(&path)).unwrap()));
            } else if meta.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                tree.add_symlink(node, name.as_bytes(), meta_of(&path), target.as_os_str().as_bytes())
                    .unwrap();
            } else {
                let number = *numbers.entry(meta.ino()).or_insert_with(|| {
                    files.paths.push(path.clone());
                    files.paths.len() as u32 - 1
                });
                tree.add_file(node, name.as_bytes(), meta_of(&path), ContentId(number), meta.len()).unwrap();
            }
        }
    }
    (tree, files)
}

struct Case {
    scratch: TempDir,
    folder: PathBuf,
    image: PathBuf,
}

fn nasty_image(wishes: &Options) -> Case {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("folder");
    fs::create_dir(&folder).unwrap();
    nasty(&folder);
    let image = scratch.path().join("image.iso");
    let (tree, files) = tree_of(&folder);
    let layout = Layout::plan(&tree, wishes).unwrap();
    write_image(&layout, &tree, files, File::create(&image).unwrap()).unwrap();
    Case { scratch, folder, image }
}

fn wishes() -> Options {
    Options::new("Oracles", 1_700_000_000)
}

#[test]
fn xorriso_extracts_what_was_put_in() {
    let case = nasty_image(&wishes());
    oracles::xorriso_extracts(&case.image, &listing(&case.folder));
}

#[test]
fn xorriso_knows_hard_links_by_their_serial_number() {
    let case = nasty_image(&wishes());
    let args = ["-hardlinks", "on:lsl_count", "-indev"].map(OsStr::new);
    let find = ["-lsl", "/more", "/block", "/many/hard link", "--"].map(OsStr::new);
    let output = run("xorriso", "xorriso", &[&args[..], &[case.image.as_os_str()], &find[..]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let links: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(links, ["1", "2", "2"], "{text}");
}

#[test]
fn bsdtar_extracts_what_was_put_in() {
    let case = nasty_image(&wishes());
    oracles::bsdtar_extracts(&case.image, &listing(&case.folder));
}

#[test]
fn isoinfo_lists_the_names_of_rock_ridge() {
    let case = nasty_image(&wishes());
    oracles::isoinfo_lists_rock_ridge(&case.image, &listing(&case.folder));
}

#[test]
fn joliet_names_are_legal_unique_and_keep_their_extension() {
    for (length, most) in [(JolietLength::Standard, 64), (JolietLength::Long, 103)] {
        let case = nasty_image(&Options { joliet: Some(length), ..wishes() });
        oracles::joliet_names_are_sound(&case.image, &listing(&case.folder), most);
    }
}

#[test]
fn isoinfo_finds_the_contents_through_every_tree() {
    let case = nasty_image(&wishes());
    oracles::isoinfo_reads_contents(&case.image, &listing(&case.folder));
}

#[test]
fn isoinfo_lists_the_names_of_iso_9660() {
    let case = nasty_image(&wishes());
    let output = String::from_utf8(isoinfo(&case.image, &["-f"])).unwrap();
    let listed: Vec<&str> = output.lines().collect();
    assert_eq!(listed.len(), listing(&case.folder).len());
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len());
    for path in &listed {
        let name = path.rsplit('/').next().unwrap();
        let name = name.strip_suffix(";1").unwrap_or(name);
        assert!((1..=31).contains(&name.len()), "{name}");
        assert!(name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.')), "{name}");
        assert!(name.matches('.').count() <= 1, "{name}");
    }
    for sample in ["/README.;1", "/README_2.;1", "/LEVEL_0/LEVEL_1/FILE.;1", "/A_B_C.D;1", "/EMPTY_DIR"] {
        assert!(listed.contains(&sample), "{sample}");
    }
}

#[test]
fn isovfy_finds_no_fault() {
    let case = nasty_image(&Options { rock_ridge: false, ..wishes() });
    let output = run("genisoimage", "isovfy", &[case.image.as_os_str()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("No errors found"), "{text}");
}

#[test]
fn a_later_session_is_read_from_where_it_starts() {
    const START: u32 = 5008;
    let case = nasty_image(&Options { start_block: START, ..wishes() });
    let disc = case.scratch.path().join("disc");
    let mut out = File::create(&disc).unwrap();
    let first = Tree::new(Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0 });
    write_image(&Layout::plan(&first, &wishes()).unwrap(), &first, Files::default(), &mut out).unwrap();
    out.seek(SeekFrom::Start(u64::from(START) * 2048)).unwrap();
    io::copy(&mut File::open(&case.image).unwrap(), &mut out).unwrap();
    let start = START.to_string();
    let to = case.scratch.path().join("out");
    let args = ["-osirrox", "on", "-load", "sbsector", &start, "-indev"].map(OsStr::new);
    let extract = [disc.as_os_str(), "-extract".as_ref(), "/".as_ref(), to.as_os_str()];
    run("xorriso", "xorriso", &[&args[..], &extract].concat());
    assert_same(&listing(&to), &listing(&case.folder));
    let listed = lines(&isoinfo(&disc, &["-R", "-f", "-T", &start]));
    assert!(listed.contains(&b"/many/hard link"[..]), "isoinfo finds the session");
}

/// A file past 4 GiB: zeros, but for a line here and there.
struct Sparse {
    at: u64,
    size: u64,
}

const MARK: &[u8] = b"here and there";
const BIG: u64 = (1 << 32) + 12_345;
const MARKS: [u64; 4] = [0, 0xFFFF_F800 - 5, 0x1_0000_0000, BIG - MARK.len() as u64];

impl ContentSource for Sparse {
    type Error = io::Error;

    fn open(&mut self, _: ContentId, size: u64) -> io::Result<()> {
        (self.at, self.size) = (0, size);
        Ok(())
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let part = (buf.len() as u64).min(self.size - self.at) as usize;
        buf[..part].fill(0);
        if self.size == BIG {
            mark(self.at, &mut buf[..part]);
        }
        self.at += part as u64;
        Ok(part)
    }

    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn mark(at: u64, buf: &mut [u8]) {
    for start in MARKS {
        for (byte, place) in MARK.iter().zip(start..) {
            if let Some(slot) = place.checked_sub(at).and_then(|place| buf.get_mut(place as usize)) {
                *slot = *byte;
            }
        }
    }
}

/// Writes a stream, leaving holes for zeros.
fn write_sparse(layout: &Layout, tree: &Tree, image: &Path) {
    let mut out = File::create(image).unwrap();
    let mut stream = Stream::new(layout, tree, Sparse { at: 0, size: 0 });
    let mut buffer = vec![0; 1 << 20];
    let zeros = vec![0; 1 << 20];
    loop {
        let bytes = stream.fill(&mut buffer).unwrap();
        match bytes {
            0 => break,
            _ if buffer[..bytes] == zeros[..bytes] => {
                out.seek(SeekFrom::Current(bytes as i64)).unwrap();
            }
            _ => out.write_all(&buffer[..bytes]).unwrap(),
        }
    }
    out.set_len(layout.bytes()).unwrap();
}

#[test]
fn a_file_past_4_gib_is_one_file_to_all_readers() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.iso");
    let meta = Meta { mode: 0o644, uid: 0, gid: 0, mtime: 1_700_000_000 };
    let mut tree = Tree::new(meta);
    let long = "A file past the limit, with a name that is too long for its record".repeat(3);
    tree.add_file(tree.root(), long.as_bytes(), meta, ContentId(0), BIG).unwrap();
    tree.add_file(tree.root(), b"after", meta, ContentId(1), 10).unwrap();
    let layout = Layout::plan(&tree, &wishes()).unwrap();
    write_sparse(&layout, &tree, &image);

    let listed = run("libarchive-tools", "bsdtar", &["-tvf".as_ref(), image.as_os_str()]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(&format!(" {BIG} ")) && listed.contains(&long), "{listed}");
    check_big_content(&image, &long);

    let args = ["-indev".as_ref(), image.as_os_str()];
    let find = ["-find", "/", "-type", "f", "-exec", "report_lba", "--"].map(OsStr::new);
    let listed = run("xorriso", "xorriso", &[&args[..], &find[..]].concat());
    let listed = String::from_utf8(listed.stdout).unwrap();
    let sections: Vec<&str> = listed.lines().filter(|line| line.contains(&long)).collect();
    assert_eq!(sections.len(), 2, "{listed}");
    assert!(sections.iter().all(|line| line.contains(&format!(" {BIG} "))), "{listed}");
}

/// Compares all of the big file, as bsdtar extracts it, with what it should be.
fn check_big_content(image: &Path, name: &str) {
    let args = ["-xOf".as_ref(), image.as_os_str(), OsStr::new(name)];
    let mut child = Command::new("bsdtar").args(args).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let (mut at, mut found, mut wanted) = (0, vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let bytes = out.read(&mut found).unwrap();
        if bytes == 0 {
            break;
        }
        wanted.fill(0);
        mark(at, &mut wanted[..bytes]);
        assert!(found[..bytes] == wanted[..bytes], "at {at}");
        at += bytes as u64;
    }
    assert_eq!(at, BIG);
    assert!(child.wait().unwrap().success());
}
