use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::*;
use crate::api::SpecialFiles;

#[test]
fn the_contents_of_a_directory_arrive_under_their_names_and_once() {
    let mut bench = Bench::new();
    bench.file("b/deep/er/one.txt", "first of all");
    bench.file("a.txt", "second");
    bench.file("empty", "");
    link("../nowhere", &bench.path("in/link"));
    let summary = bench.add_in().unwrap();
    assert_eq!((summary.files, summary.directories, summary.symlinks), (3, 3, 1));
    assert_eq!((summary.bytes, summary.skipped), (18, 0));
    assert_eq!(bench.list("/"), ["a.txt", "b", "empty", "link"]);
    assert_eq!(bench.list("b//deep/er/"), ["one.txt"]);
    let image = bench.burn().unwrap();
    assert_eq!(summary.used_blocks * 2048, image.len() as u64);
    assert_eq!((count(&image, b"first of all"), count(&image, b"second")), (1, 1));
}

#[test]
fn a_directory_can_be_passed_as_a_descriptor_and_is_opened_again() {
    let mut bench = Bench::new();
    bench.file("a", "passed along");
    let flags = nix::fcntl::OFlag::O_PATH;
    let path = nix::fcntl::open(&bench.path("in"), flags, Mode::empty()).unwrap();
    for (fd, destination) in [(path, "one"), (directory(&bench.path("in")), "two")] {
        let options = AddOptions { destination: destination.to_owned(), ..AddOptions::default() };
        let id = bench.send(Ask::Add { path: None, options, capacity: None }, &[fd.as_fd()]);
        bench.answer(id).unwrap();
        assert_eq!(bench.list(destination), ["a"]);
    }
    let file = directory(&bench.path("in/a"));
    let ask = Ask::Add { path: None, options: AddOptions::default(), capacity: None };
    let id = bench.send(ask, &[file.as_fd()]);
    assert_eq!(bench.answer(id).unwrap_err().kind, ErrorKind::InvalidArgs);
}

#[test]
fn a_single_file_is_added_under_its_name_and_a_link_to_one_under_the_link_s() {
    let mut bench = Bench::new();
    let file = bench.file("dir/song", "la la");
    link("dir/song", &bench.path("in/tune"));
    let options = AddOptions { destination: "/music/good".to_owned(), ..AddOptions::default() };
    bench.add(&file, options.clone()).unwrap();
    let tune = bench.path("in/tune");
    assert_eq!(bench.add(&tune, options).unwrap().files, 1);
    assert_eq!(bench.list("music/good"), ["song", "tune"]);
    assert!(holds(&bench.burn().unwrap(), b"la la"));
}

#[test]
fn a_link_to_a_directory_is_followed_at_the_top_and_nowhere_else() {
    let mut bench = Bench::new();
    bench.file("real/file", "x");
    link("real", &bench.path("in/alias"));
    let alias = bench.path("in/alias");
    bench.add(&alias, AddOptions::default()).unwrap();
    assert_eq!(bench.list("/"), ["file"]);
    let summary = bench.add_in().unwrap();
    assert_eq!((summary.symlinks, summary.directories), (1, 1));
}

#[test]
fn hard_links_share_their_content_across_additions() {
    let mut bench = Bench::new();
    bench.file("one/name", "shared by all");
    fs::hard_link(bench.path("in/one/name"), bench.path("in/one/other")).unwrap();
    fs::create_dir(bench.path("in/two")).unwrap();
    fs::hard_link(bench.path("in/one/name"), bench.path("in/two/third")).unwrap();
    let (one, two) = (bench.path("in/one"), bench.path("in/two"));
    let summary = bench.add(&one, AddOptions::default()).unwrap();
    assert_eq!((summary.files, summary.bytes), (2, 13));
    let summary = bench.add(&two, AddOptions::default()).unwrap();
    assert_eq!((summary.files, summary.bytes), (1, 0));
    assert_eq!(count(&bench.burn().unwrap(), b"shared by all"), 1);
}

#[test]
fn special_files_are_refused_by_name_or_skipped_and_counted_and_never_opened() {
    let mut bench = Bench::new();
    bench.file("a", "x");
    mkfifo(&bench.path("in/pipe"), Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(bench.path("in/socket")).unwrap();
    let error = bench.add_in().unwrap_err();
    assert_eq!((error.kind, text(&error, "count")), (ErrorKind::SpecialFile, "2".to_owned()));
    assert!(text(&error, "path").starts_with(bench.path("in").to_str().unwrap()));
    assert!(bench.list("/").is_empty());

    let options = AddOptions { special_files: SpecialFiles::Skip, ..AddOptions::default() };
    let path = bench.path("in");
    assert_eq!(bench.add(&path, options).unwrap().skipped, 2);
    assert_eq!(bench.list("/"), ["a"]);
    let pipe = bench.path("in/pipe");
    assert_eq!(bench.add(&pipe, AddOptions::default()).unwrap_err().kind, ErrorKind::SpecialFile);
}

#[test]
fn names_that_are_not_utf_8_are_kept_listed_and_removed() {
    let mut bench = Bench::new();
    fs::write(bench.path("in").join(OsStr::from_bytes(b"caf\xe9")), "latin").unwrap();
    bench.add_in().unwrap();
    assert_eq!(bench.list("/"), ["caf\u{fffd}"]);
    let image = bench.burn().unwrap();
    assert!(image.windows(4).any(|bytes| bytes == b"caf\xe9"));
    bench.ask(Ask::Remove("caf\u{fffd}".to_owned())).unwrap();
    assert!(bench.list("/").is_empty());
}

#[test]
fn what_is_there_already_is_replaced_only_if_asked() {
    let mut bench = Bench::new();
    bench.file("dir/a", "old");
    bench.add_in().unwrap();
    fs::write(bench.path("in/dir/a"), "new content").unwrap();
    bench.file("dir/b", "b");
    let error = bench.add_in().unwrap_err();
    assert_eq!((error.kind, text(&error, "path")), (ErrorKind::FileExists, "/dir/a".to_owned()));
    assert_eq!(bench.list("dir"), ["a"]);
    let path = bench.path("in");
    bench.add(&path, AddOptions { overwrite: true, ..AddOptions::default() }).unwrap();
    assert_eq!(bench.list("dir"), ["a", "b"]);
    assert!(holds(&bench.burn().unwrap(), b"new content"));
}

#[test]
fn the_last_block_fits_and_one_more_does_not() {
    let mut bench = Bench::new();
    bench.file("a", vec![1; 10_000]);
    let path = bench.path("in");
    let used = bench.add(&path, AddOptions::default()).unwrap().used_blocks;
    bench.ask(Ask::Clear).unwrap();
    let error = bench.add_within(&path, AddOptions::default(), Some(used - 1)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DiscFull);
    assert_eq!(text(&error, "needed-blocks"), used.to_string());
    assert_eq!(text(&error, "available-blocks"), (used - 1).to_string());
    assert!(bench.list("/").is_empty());
    bench.add_within(&path, AddOptions::default(), Some(used)).unwrap();
}

#[test]
fn a_sparse_terabyte_is_measured_and_not_read() {
    let mut bench = Bench::new();
    let file = fs::File::create(bench.path("in/huge")).unwrap();
    file.set_len(1 << 40).unwrap();
    let path = bench.path("in");
    let error = bench.add_within(&path, AddOptions::default(), Some(2_000_000)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DiscFull);
    assert_eq!(bench.add(&path, AddOptions::default()).unwrap().bytes, 1 << 40);
}

#[test]
fn entries_and_depth_are_limited_and_the_last_one_fits() {
    let mut bench = Bench::with(|begin| begin.max_entries = 3);
    for name in ["a", "b", "c"] {
        bench.file(name, name);
    }
    assert_eq!(bench.add_in().unwrap().files, 3);
    bench.ask(Ask::Clear).unwrap();
    bench.file("d", "d");
    assert_eq!(bench.add_in().unwrap_err().kind, ErrorKind::LimitsExceeded);
    assert!(bench.list("/").is_empty());

    let mut bench = Bench::new();
    let down = |levels| vec!["d"; levels].join("/");
    fs::create_dir_all(bench.path("in").join(down(512))).unwrap();
    assert_eq!(bench.add_in().unwrap().directories, 512);
    bench.ask(Ask::Clear).unwrap();
    fs::create_dir_all(bench.path("in").join(down(513))).unwrap();
    assert_eq!(bench.add_in().unwrap_err().kind, ErrorKind::LimitsExceeded);
}

#[test]
fn paths_longer_than_the_kernel_takes_at_once_are_staged_and_read() {
    let mut bench = Bench::new();
    let long = "n".repeat(250);
    let mut at = directory(&bench.path("in"));
    for _ in 0..40 {
        rustix::fs::mkdirat(&at, &long, rustix::fs::Mode::RWXU).unwrap();
        at =
            rustix::fs::openat(&at, &long, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    }
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    let file = rustix::fs::openat(&at, "end", flags, rustix::fs::Mode::RUSR).unwrap();
    rustix::io::write(&file, b"ten thousand characters down").unwrap();
    assert_eq!(bench.add_in().unwrap().directories, 40);
    assert!(holds(&bench.burn().unwrap(), b"ten thousand characters down"));
}

#[test]
fn files_of_proc_are_what_they_say_they_are() {
    let mut bench = Bench::new();
    // Every file there claims to be empty, whatever reading it would give.
    let summary = bench.add(Path::new("/proc/sys/kernel/random"), AddOptions::default());
    assert!(summary.is_ok_and(|summary| summary.bytes == 0 && summary.files > 3));
    let error = bench.add(Path::new("/proc/self/fd/0"), AddOptions::default()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::FileUnreadable, "a magic link is not followed");
}

#[test]
fn adding_and_removing_in_turns_does_not_grow_the_image() {
    let mut bench = Bench::new();
    bench.file("keep/me", "kept through it all");
    let keep = bench.path("in/keep");
    bench.add(&keep, AddOptions { copy: true, ..AddOptions::default() }).unwrap();
    for number in 0..700 {
        bench.file(&format!("many/{}/{number}", number % 7), number.to_string());
    }
    let many = bench.path("in/many");
    let options = AddOptions { destination: "many".to_owned(), ..AddOptions::default() };
    let first = bench.add(&many, options.clone()).unwrap();
    for _ in 0..5 {
        bench.ask(Ask::Remove("many".to_owned())).unwrap();
        assert_eq!(bench.add(&many, options.clone()).unwrap(), first);
    }
    bench.ask(Ask::Remove("many/3".to_owned())).unwrap();
    assert_eq!(bench.list("many").len(), 6);
    let image = bench.burn().unwrap();
    assert!(holds(&image, b"kept through it all") && holds(&image, b"699") && !holds(&image, b"696"));
}

#[test]
fn a_list_that_is_too_long_for_a_frame_is_cut_and_says_so() {
    let mut bench = Bench::new();
    for number in 0..600 {
        bench.file(&format!("{number:0>240}"), "");
    }
    bench.add_in().unwrap();
    let Answer::Entries(entries, true) = bench.ask(Ask::List("/".to_owned())).unwrap() else { panic!() };
    assert!(entries.len() > 300 && entries.is_sorted_by_key(|entry| entry.name.clone()));
}

#[test]
fn paths_inside_the_image_are_plain() {
    let mut bench = Bench::new();
    for path in ["..", "a/../b", "/nothing", "."] {
        for ask in [Ask::List(path.to_owned()), Ask::Remove(path.to_owned())] {
            assert_eq!(bench.ask(ask).unwrap_err().kind, ErrorKind::InvalidArgs, "{path}");
        }
        let options = AddOptions { destination: "../up".to_owned(), ..AddOptions::default() };
        let place = bench.path("in");
        assert_eq!(bench.add(&place, options).unwrap_err().kind, ErrorKind::InvalidArgs);
    }
    let relative = bench.add(Path::new("etc"), AddOptions::default()).unwrap_err();
    assert_eq!(relative.kind, ErrorKind::InvalidArgs);
    let missing = bench.path("missing");
    assert_eq!(bench.add(&missing, AddOptions::default()).unwrap_err().kind, ErrorKind::FileUnreadable);
}

#[test]
fn properties_shape_the_image() {
    let mut bench = Bench::new();
    let named = |name: &str| {
        Ask::SetProperties(api::JolietProperties { volume_name: name.to_owned(), long_names: false })
    };
    bench.blocks(named("HOLIDAYS")).unwrap();
    assert!(bench.burn().unwrap()[16 * 2048 + 40..].starts_with(b"HOLIDAYS"));
    for bad in ["n".repeat(33).as_str(), "new\nline"] {
        assert_eq!(bench.ask(named(bad)).unwrap_err().kind, ErrorKind::BadJolietName);
    }
}

#[test]
fn an_answer_too_long_for_a_message_costs_neither_the_stager_nor_the_image() {
    let mut bench = Bench::new();
    let file = bench.file("kept", "content");
    bench.add(&file, AddOptions::default()).unwrap();
    // The error would tell the path more than once.
    let error = bench.ask(Ask::List(format!("/{}", "n".repeat(100_000)))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::LimitsExceeded);
    assert!(
        matches!(bench.ask(Ask::List("/".to_owned())).unwrap(), Answer::Entries(kept, _) if kept.len() == 1)
    );
    let deep = AddOptions { destination: "d/".repeat(512), ..AddOptions::default() };
    assert_eq!(bench.add(&file, deep).unwrap_err().kind, ErrorKind::InvalidArgs);
}
