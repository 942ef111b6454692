//! Images as other readers see them: xorriso, isoinfo and bsdtar list and extract what was put in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use discmaster::image::{
    ContentId, ContentSource, JolietLength, Layout, Meta, Options, Stream, Tree, write_image,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

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

fn run(package: &str, tool: &str, args: &[&OsStr]) -> Output {
    let output = Command::new(tool).args(args).env("LC_ALL", "C.UTF-8").output();
    let output = output.unwrap_or_else(|error| panic!("{tool}: {error}; install the package {package}"));
    assert!(output.status.success(), "{tool} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
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

/// What a folder holds: for every path its kind, permissions, time, and bytes or target.
type Listing = BTreeMap<Vec<u8>, (u32, i64, Vec<u8>)>;

fn listing(folder: &Path) -> Listing {
    let mut found = Listing::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let body = if meta.is_dir() {
                pending.push(path.clone());
                Vec::new()
            } else if meta.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_vec()
            } else {
                fs::read(&path).unwrap()
            };
            // Extracting sets no time on symbolic links, and writing into directories changes theirs.
            let mtime = if meta.is_file() { meta.mtime() } else { 0 };
            let name = path.strip_prefix(folder).unwrap().as_os_str().as_bytes().to_vec();
            found.insert(name, (meta.mode(), mtime, body));
        }
    }
    found
}

fn write(folder: &Path, name: &[u8], content: &[u8]) {
    fs::write(folder.join(OsStr::from_bytes(name)), content).unwrap();
}

/// Everything that names can do to an image.
fn nasty(folder: &Path) {
    for length in [63, 64, 65, 103, 104, 204, 250, 251, 255] {
        let same = [&vec![b'L'; length - 4][..], b".txt"].concat();
        write(folder, &same, format!("same {length}").as_bytes());
        let mut own = format!("own{length}-").into_bytes();
        own.resize(length - 5, b'm');
        write(folder, &[&own, &b".jpeg"[..]].concat(), format!("own {length}").as_bytes());
    }
    let texts = ["caf\u{e9}.txt", "cafe\u{301}.txt", "smile \u{1f600}.txt", "日本語.txt", "Ünïcödé ß.ŧxt"];
    for name in texts {
        write(folder, name.as_bytes(), name.as_bytes());
    }
    let composed = "\u{e9}".repeat(100) + "e\u{323}\u{301}.dat";
    write(folder, composed.as_bytes(), b"many accents");
    let bytes: [&[u8]; 16] = [
        b"README",
        b"readme",
        b"ReadMe",
        b"readme_1",
        b"*?;:|\"<>\\",
        b"semi;1",
        b".lead",
        b"..two",
        b"trail.",
        b"trail",
        b"trail..",
        b" sp ace ",
        b"bad\xff\xfename.txt",
        b"tab\tnew\nline",
        b"-dash",
        b"a.b.c.d",
    ];
    for name in bytes {
        write(folder, name, name);
    }
    write(folder, b"empty", b"");
    write(folder, b"block", &[b'b'; 2048]);
    write(folder, b"more", &[b'c'; 70_001]);
    fs::create_dir(folder.join("empty dir")).unwrap();
    let mut deep = folder.to_owned();
    for level in 0..12 {
        deep.push(format!("level {level}"));
        fs::create_dir(&deep).unwrap();
        write(&deep, b"file", format!("{level}").as_bytes());
    }
    let many = folder.join("many");
    fs::create_dir(&many).unwrap();
    for number in 0..400 {
        write(&many, format!("a file with a longish name, number {number}.dat").as_bytes(), &[number as u8]);
    }
    fs::hard_link(folder.join("more"), many.join("hard link")).unwrap();
    let long = [&[b'p'; 60][..]; 16].join(&b'/');
    let targets: [(&str, &[u8]); 8] = [
        ("to file", b"README"),
        ("absolute", b"/etc/hostname"),
        ("dots", b"../../x/./y"),
        ("root", b"/"),
        ("component", &[b'c'; 255]),
        ("long", &long),
        ("bytes", b"bad\xfe/\xff"),
        ("up", b".."),
    ];
    for (name, target) in targets {
        symlink(OsStr::from_bytes(target), folder.join(name)).unwrap();
    }
    symlink(OsStr::from_bytes(&long), folder.join("S".repeat(255))).unwrap();
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

fn assert_same(found: &Listing, wanted: &Listing) {
    for (path, what) in wanted {
        assert_eq!(found.get(path), Some(what), "{}", path.escape_ascii());
    }
    assert_eq!(found.len(), wanted.len());
}

#[test]
fn xorriso_extracts_what_was_put_in() {
    let case = nasty_image(&wishes());
    let out = case.scratch.path().join("out");
    let args = ["-osirrox".as_ref(), "on".as_ref(), "-indev".as_ref(), case.image.as_os_str()];
    run("xorriso", "xorriso", &[&args[..], &["-extract".as_ref(), "/".as_ref(), out.as_os_str()]].concat());
    assert_same(&listing(&out), &listing(&case.folder));
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
    let out = case.scratch.path().join("out");
    fs::create_dir(&out).unwrap();
    let args = ["-xpf".as_ref(), case.image.as_os_str(), "-C".as_ref(), out.as_os_str()];
    run("libarchive-tools", "bsdtar", &args);
    assert_same(&listing(&out), &listing(&case.folder));
    let (more, link) =
        (fs::metadata(out.join("more")).unwrap(), fs::metadata(out.join("many/hard link")).unwrap());
    assert_eq!((more.ino(), more.nlink()), (link.ino(), 2));
}

fn isoinfo(image: &Path, flags: &[&str]) -> Vec<u8> {
    let flags = flags.iter().map(OsStr::new);
    let args: Vec<&OsStr> = flags.chain(["-i".as_ref(), image.as_os_str()]).collect();
    run("genisoimage", "isoinfo", &args).stdout
}

fn lines(bytes: &[u8]) -> BTreeSet<Vec<u8>> {
    bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

#[test]
fn isoinfo_lists_the_names_of_rock_ridge() {
    let case = nasty_image(&wishes());
    let wanted = listing(&case.folder);
    let paths: Vec<u8> = wanted.keys().flat_map(|path| [&b"/"[..], path, b"\n"].concat()).collect();
    // The name with a line break falls into two lines on either side.
    assert_eq!(lines(&isoinfo(&case.image, &["-R", "-f"])), lines(&paths));
    let long = String::from_utf8_lossy(&isoinfo(&case.image, &["-R", "-l"])).into_owned();
    for (path, (mode, _, target)) in &wanted {
        if mode & 0o170_000 == 0o120_000 && target != b"/" {
            let shown = format!("{} -> {}", String::from_utf8_lossy(path), String::from_utf8_lossy(target));
            assert!(long.contains(&shown), "{shown}");
        }
    }
}

#[test]
fn joliet_names_are_legal_unique_and_keep_their_extension() {
    for (length, most) in [(JolietLength::Standard, 64), (JolietLength::Long, 103)] {
        let case = nasty_image(&Options { joliet: Some(length), ..wishes() });
        let args = ["--options", "!rockridge", "-tf"].map(OsStr::new);
        let output = run("libarchive-tools", "bsdtar", &[&args[..], &[case.image.as_os_str()]].concat());
        let output = String::from_utf8(output.stdout).unwrap();
        let listed: Vec<&str> =
            output.lines().map(|path| path.trim_end_matches('/')).filter(|path| *path != ".").collect();
        let wanted = listing(&case.folder);
        let links = wanted.values().filter(|(mode, ..)| mode & 0o170_000 == 0o120_000).count();
        assert_eq!(listed.len(), wanted.len() - links);
        assert_eq!(lines(&isoinfo(&case.image, &["-J", "-f"])).len(), listed.len());
        let folded: BTreeSet<String> = listed.iter().map(|path| path.to_lowercase()).collect();
        assert_eq!(folded.len(), listed.len(), "unique without regard to case");
        for path in &listed {
            let name = path.rsplit('/').next().unwrap();
            assert!((1..=most).contains(&name.chars().count()), "{name}");
            assert!(!name.contains(['*', '?', ';', ':', '\\']) && !name.ends_with(['.', ' ']), "{name}");
        }
        let samples = [
            "caf\u{e9}.txt",
            "smile _.txt",
            "日本語.txt",
            "____|\"<>_",
            "bad__name.txt",
            " sp ace_",
            "Ünïcödé ß.ŧxt",
        ];
        for sample in samples {
            assert!(listed.contains(&sample), "{sample} in {listed:#?}");
        }
        for own in [64, 65, 103, 104, 255] {
            let cut = listed.iter().find(|path| path.starts_with(&format!("own{own}-"))).unwrap();
            assert_eq!(cut.chars().count(), own.min(most), "{cut}");
            assert!(cut.ends_with(".jpeg"), "{cut}");
        }
    }
}

#[test]
fn isoinfo_finds_the_contents_through_every_tree() {
    let case = nasty_image(&wishes());
    let wanted = fs::read(case.folder.join("more")).unwrap();
    assert_eq!(isoinfo(&case.image, &["-R", "-x", "/many/hard link"]), wanted);
    assert_eq!(isoinfo(&case.image, &["-J", "-x", "/more;1"]), wanted);
    assert_eq!(isoinfo(&case.image, &["-x", "/MORE.;1"]), wanted);
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
