//! Folders to put on discs, and what a folder holds.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

/// What a folder holds: for every path its kind, permissions, time, and bytes or target.
pub type Listing = BTreeMap<Vec<u8>, (u32, i64, Vec<u8>)>;

pub fn listing(folder: &Path) -> Listing {
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
pub fn nasty(folder: &Path) {
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

/// Two listings are the same, or the first path that differs is named.
pub fn assert_same(found: &Listing, wanted: &Listing) {
    for (path, what) in wanted {
        assert_eq!(found.get(path), Some(what), "{}", path.escape_ascii());
    }
    assert_eq!(found.len(), wanted.len());
}
