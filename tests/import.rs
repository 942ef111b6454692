//! Trees that other programs recorded, imported: genisoimage's and xorriso's, as they are on the first session of many
//! discs. What is imported is what was put in, and the contents are where the tree says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/oracles.rs"]
mod oracles;
#[path = "support/tree.rs"]
mod tree;

use discmaster::image::read::{Bounds, Imported, TreeKind, import_tree};
use discmaster::image::{Kind, Meta, Tree};
use oracles::run;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tree::{Listing, assert_same, listing, nasty};

const BLOCK: usize = 2048;

struct Disc {
    dir: TempDir,
}

impl Disc {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        Self { dir }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("folder")
    }

    /// The image that a program makes of the folder.
    fn image(&self, package: &str, program: &[&str]) -> Vec<u8> {
        let image = self.dir.path().join("image.iso");
        let _ = fs::remove_file(&image);
        let mut args: Vec<&OsStr> = program[1..].iter().map(OsStr::new).collect();
        let folder = self.folder();
        args.extend([OsStr::new("-o"), image.as_os_str(), folder.as_os_str()]);
        run(package, program[0], &args);
        fs::read(image).unwrap()
    }
}

fn import(image: &[u8], start: u32) -> Imported {
    let bounds = Bounds {
        end: (image.len() / BLOCK) as u32,
        entries: 10_000,
        directory: Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0 },
    };
    let read = |block: u64, out: &mut [u8; BLOCK]| {
        out.copy_from_slice(
            image.get(block as usize * BLOCK..).and_then(|rest| rest.get(..BLOCK)).ok_or("end")?,
        );
        Ok::<_, &str>(())
    };
    import_tree(read, start, bounds).unwrap()
}

/// A tree as a folder's listing has it, contents taken from the image.
fn shown(tree: &Tree, image: &[u8]) -> Listing {
    let mut found = Listing::new();
    let mut pending = vec![tree.root()];
    while let Some(directory) = pending.pop() {
        for node in tree.children(directory) {
            assert!(tree.is_imported(node));
            let (meta, path) = (tree.meta(node), tree.path(node)[1..].to_vec());
            let (mtime, body) = match tree.kind(node) {
                Kind::Dir => {
                    pending.push(node);
                    (0, Vec::new())
                }
                Kind::Symlink { target } => (0, target.to_vec()),
                Kind::File { content, size } => {
                    let sections = tree.on_disc().sections(content).iter();
                    let bytes: Vec<u8> = sections
                        .flat_map(|one| &image[one.block as usize * BLOCK..][..one.size as usize])
                        .copied()
                        .collect();
                    assert_eq!(bytes.len() as u64, size);
                    (meta.mtime, bytes)
                }
            };
            found.insert(path, (meta.mode, mtime, body));
        }
    }
    found
}

#[test]
fn rock_ridge_trees_of_others_are_imported_whole() {
    let disc = Disc::new();
    nasty(&disc.folder());
    for program in [
        &["xorriso", "-as", "mkisofs", "-quiet", "-R", "-J"][..],
        &["xorriso", "-as", "mkisofs", "-quiet", "-R"],
    ] {
        is_imported_whole(&disc, "xorriso", program);
    }
    // genisoimage never ends over links as long as these, nor with -J over these names.
    for entry in fs::read_dir(disc.folder()).unwrap().map(Result::unwrap) {
        if fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str().len() > 255) {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    for program in [&["genisoimage", "-quiet", "-R"][..], &["genisoimage", "-quiet", "-R", "-D"]] {
        is_imported_whole(&disc, "genisoimage", program);
    }
}

fn is_imported_whole(disc: &Disc, package: &str, program: &[&str]) {
    let wanted = listing(&disc.folder());
    let image = disc.image(package, program);
    let Imported { tree, kind, left_out, .. } = import(&image, 0);
    assert_eq!((kind, left_out), (TreeKind::RockRidge, 0), "{program:?}");
    let mut found = shown(&tree, &image);
    // Deep directories lie in one of their own, and are where they belong all the same.
    found.remove(&b"rr_moved"[..]);
    assert_same(&found, &wanted);
    let content = |path: &[u8]| match tree.kind(tree.find(path).unwrap()) {
        Kind::File { content, .. } => content,
        other => panic!("{other:?}"),
    };
    assert_eq!(content(b"more"), content(b"many/hard link"), "{program:?}");
    let owner = fs::metadata(disc.folder()).unwrap();
    let root = tree.meta(tree.find(b"more").unwrap());
    assert_eq!((root.uid, root.gid), (owner.uid(), owner.gid()));
}

#[test]
fn joliet_and_plain_names_do_where_there_is_no_rock_ridge() {
    let disc = Disc::new();
    fs::create_dir(disc.folder().join("Süß")).unwrap();
    fs::write(disc.folder().join("Süß/Ein längerer Name.html"), b"joliet").unwrap();
    fs::write(disc.folder().join("none"), b"").unwrap();
    for (package, program) in [
        ("genisoimage", &["genisoimage", "-quiet", "-J", "-input-charset", "utf-8"][..]),
        ("xorriso", &["xorriso", "-as", "mkisofs", "-quiet", "--norock", "-J"]),
    ] {
        let image = disc.image(package, program);
        let Imported { tree, kind, .. } = import(&image, 0);
        assert_eq!(kind, TreeKind::Joliet, "{program:?}");
        let found = shown(&tree, &image);
        let names: Vec<_> = found.keys().map(|path| String::from_utf8_lossy(path)).collect();
        assert_eq!(names, ["Süß", "Süß/Ein längerer Name.html", "none"], "{program:?}");
        assert_eq!(found["Süß/Ein längerer Name.html".as_bytes()].2, b"joliet");
    }
    fs::remove_dir_all(disc.folder().join("Süß")).unwrap();
    fs::write(disc.folder().join("readme.txt"), b"plain").unwrap();
    let image = disc.image("genisoimage", &["genisoimage", "-quiet"]);
    let Imported { tree, kind, .. } = import(&image, 0);
    let names: Vec<_> = shown(&tree, &image).into_keys().collect();
    assert_eq!((kind, names), (TreeKind::Iso9660, vec![b"NONE".to_vec(), b"README.TXT".to_vec()]));
}

#[test]
fn what_cannot_be_in_our_images_is_counted_and_left_out() {
    let disc = Disc::new();
    fs::write(disc.folder().join("file"), b"stays").unwrap();
    nix::unistd::mkfifo(&disc.folder().join("pipe"), nix::sys::stat::Mode::from_bits_truncate(0o600))
        .unwrap();
    let image = disc.image("genisoimage", &["genisoimage", "-quiet", "-R"]);
    let Imported { tree, left_out, .. } = import(&image, 0);
    assert_eq!((left_out, tree.counts().files), (1, 1));
}

/// A second session of genisoimage's names the files of the first where they are.
#[test]
fn a_second_session_of_others_is_imported_with_the_first_ones_files() {
    let disc = Disc::new();
    fs::write(disc.folder().join("old"), b"of the first session").unwrap();
    let first = disc.image("genisoimage", &["genisoimage", "-quiet", "-R", "-J"]);
    let kept = disc.dir.path().join("first.iso");
    fs::write(&kept, &first).unwrap();
    fs::remove_file(disc.folder().join("old")).unwrap();
    fs::write(disc.folder().join("new"), b"of the second").unwrap();
    let start = (first.len() / BLOCK + 11_400) as u32;
    let offset = format!("0,{start}");
    let second =
        disc.image("genisoimage", &["genisoimage", "-quiet", "-R", "-J", "-C", &offset, "-M", path(&kept)]);
    let mut image = first;
    image.resize(start as usize * BLOCK, 0);
    image.extend_from_slice(&second);
    let Imported { tree, .. } = import(&image, start);
    let found = shown(&tree, &image);
    assert_eq!(found[&b"old"[..]].2, b"of the first session");
    assert_eq!(found[&b"new"[..]].2, b"of the second");
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
