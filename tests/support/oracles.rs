//! Readers of images that others wrote: xorriso, bsdtar and isoinfo.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

use super::tree::{Listing, assert_same, listing};

/// xorriso restores from its Rock Ridge tree what was put in.
pub fn xorriso_extracts(image: &Path, wanted: &Listing) {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let args = ["-osirrox".as_ref(), "on".as_ref(), "-indev".as_ref(), image.as_os_str()];
    run("xorriso", "xorriso", &[&args[..], &["-extract".as_ref(), "/".as_ref(), out.as_os_str()]].concat());
    assert_same(&listing(&out), wanted);
}

/// bsdtar restores from its Rock Ridge tree what was put in, of [`super::tree::nasty`] hard links included.
pub fn bsdtar_extracts(image: &Path, wanted: &Listing) {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path();
    let args = ["-xpf".as_ref(), image.as_os_str(), "-C".as_ref(), out.as_os_str()];
    run("libarchive-tools", "bsdtar", &args);
    assert_same(&listing(out), wanted);
    let (more, link) =
        (fs::metadata(out.join("more")).unwrap(), fs::metadata(out.join("many/hard link")).unwrap());
    assert_eq!((more.ino(), more.nlink()), (link.ino(), 2));
}

/// isoinfo lists every name and link of the Rock Ridge tree.
pub fn isoinfo_lists_rock_ridge(image: &Path, wanted: &Listing) {
    let paths: Vec<u8> = wanted.keys().flat_map(|path| [&b"/"[..], path, b"\n"].concat()).collect();
    // The name with a line break falls into two lines on either side.
    assert_eq!(lines(&isoinfo(image, &["-R", "-f"])), lines(&paths));
    let long = String::from_utf8_lossy(&isoinfo(image, &["-R", "-l"])).into_owned();
    for (path, (mode, _, target)) in wanted {
        if mode & 0o170_000 == 0o120_000 && target != b"/" {
            let shown = format!("{} -> {}", String::from_utf8_lossy(path), String::from_utf8_lossy(target));
            assert!(long.contains(&shown), "{shown}");
        }
    }
}

/// The Joliet tree has a name for everything but links: legal, no longer than `most`, unique without regard to case,
/// recognizable, with its extension.
pub fn joliet_names_are_sound(image: &Path, wanted: &Listing, most: usize) {
    let args = ["--options", "!rockridge", "-tf"].map(OsStr::new);
    let output = run("libarchive-tools", "bsdtar", &[&args[..], &[image.as_os_str()]].concat());
    let output = String::from_utf8(output.stdout).unwrap();
    let listed: Vec<&str> =
        output.lines().map(|path| path.trim_end_matches('/')).filter(|path| *path != ".").collect();
    let links = wanted.values().filter(|(mode, ..)| mode & 0o170_000 == 0o120_000).count();
    assert_eq!(listed.len(), wanted.len() - links);
    assert_eq!(lines(&isoinfo(image, &["-J", "-f"])).len(), listed.len());
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

/// isoinfo reads the content of a file through every tree that has names.
pub fn isoinfo_reads_contents(image: &Path, wanted: &Listing) {
    let wanted = &wanted[&b"more"[..]].2;
    assert!(isoinfo(image, &["-R", "-x", "/many/hard link"]) == *wanted);
    assert!(isoinfo(image, &["-J", "-x", "/more;1"]) == *wanted);
    assert!(isoinfo(image, &["-x", "/MORE.;1"]) == *wanted);
}

/// What isoinfo prints.
pub fn isoinfo(image: &Path, flags: &[&str]) -> Vec<u8> {
    let flags = flags.iter().map(OsStr::new);
    let args: Vec<&OsStr> = flags.chain(["-i".as_ref(), image.as_os_str()]).collect();
    run("genisoimage", "isoinfo", &args).stdout
}

/// The lines of a text that are not empty.
pub fn lines(bytes: &[u8]) -> BTreeSet<Vec<u8>> {
    bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Runs a program of this package, which has to succeed.
pub fn run(package: &str, tool: &str, args: &[&OsStr]) -> Output {
    let output = Command::new(tool).args(args).env("LC_ALL", "C.UTF-8").output();
    let output = output.unwrap_or_else(|error| panic!("{tool}: {error}; install the package {package}"));
    assert!(output.status.success(), "{tool} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
