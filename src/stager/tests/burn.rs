use std::io::Write;

use super::*;

fn append(path: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn an_image_goes_through_the_ring_again_and_again() {
    let mut bench = Bench::new();
    bench.file("big", (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
    bench.add_in().unwrap();
    let one = bench.burn().unwrap();
    let (id, mut consumer) = bench.feed();
    let mut two = Vec::new();
    assert_eq!(drain(&mut consumer, &mut two), Take::End);
    bench.answer(id).unwrap();
    assert!(one == two);
}

#[test]
fn whoever_asks_again_on_the_way_is_answered_at_the_end_as_often_as_asked() {
    let mut bench = Bench::new();
    bench.file("big", vec![7; 40 * CHUNK]);
    bench.add_in().unwrap();
    bench.plan().unwrap();
    let (id, mut consumer) = bench.feed();
    let asked: Vec<u32> = (0..3).map(|_| bench.send(Ask::Again, &[])).collect();
    assert_eq!(drain(&mut consumer, &mut Vec::new()), Take::End);
    bench.answer(id).unwrap();
    for id in asked {
        assert!(matches!(bench.answer(id), Ok(Answer::Staged { anything: true, .. })));
    }
}

#[test]
fn an_image_that_was_not_laid_out_since_its_last_change_is_not_streamed() {
    let mut bench = Bench::new();
    bench.file("a", "x");
    bench.add_in().unwrap();
    bench.plan().unwrap();
    bench.ask(Ask::Remove("a".to_owned())).unwrap();
    let (id, mut consumer) = bench.feed();
    assert_eq!(drain(&mut consumer, &mut Vec::new()), Take::Failed);
    assert_eq!(bench.answer(id).unwrap_err().kind, ErrorKind::InvalidImage);
}

#[test]
fn files_that_changed_after_they_were_staged_stop_the_plan_by_name_and_count() {
    let mut bench = Bench::new();
    let [grown, replaced, removed] = ["grown", "replaced", "removed"].map(|name| bench.file(name, "1234"));
    bench.file("same", "1234");
    bench.add_in().unwrap();
    bench.plan().unwrap();

    append(&grown, b"5");
    let error = bench.plan().unwrap_err();
    assert_eq!((error.kind, text(&error, "path")), (ErrorKind::FileChanged, grown.display().to_string()));

    fs::write(bench.path("other"), "1234").unwrap();
    fs::rename(bench.path("other"), &replaced).unwrap();
    fs::remove_file(&removed).unwrap();
    assert_eq!(text(&bench.plan().unwrap_err(), "count"), "3");

    // Taken out of the image, they no longer matter.
    for name in ["grown", "replaced", "removed"] {
        bench.ask(Ask::Remove(name.to_owned())).unwrap();
    }
    bench.plan().unwrap();
}

#[test]
fn a_directory_swapped_for_a_link_leads_nowhere() {
    let mut bench = Bench::new();
    bench.file("dir/file", "mine");
    fs::create_dir(bench.path("elsewhere")).unwrap();
    fs::write(bench.path("elsewhere/file"), "mine").unwrap();
    bench.add_in().unwrap();
    bench.plan().unwrap();
    fs::rename(bench.path("in/dir"), bench.path("moved")).unwrap();
    link("../elsewhere", &bench.path("in/dir"));
    let (id, mut consumer) = bench.feed();
    assert_eq!(drain(&mut consumer, &mut Vec::new()), Take::Failed);
    let error = bench.answer(id).unwrap_err();
    assert_eq!((error.kind, text(&error, "path").ends_with("in/dir/file")), (ErrorKind::FileChanged, true));
    assert_eq!(bench.plan().unwrap_err().kind, ErrorKind::FileChanged);
}

#[test]
fn a_file_swapped_for_a_pipe_does_not_block() {
    let mut bench = Bench::new();
    let file = bench.file("file", "x");
    bench.add_in().unwrap();
    bench.plan().unwrap();
    fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (id, mut consumer) = bench.feed();
    assert_eq!(drain(&mut consumer, &mut Vec::new()), Take::Failed);
    assert_eq!(bench.answer(id).unwrap_err().kind, ErrorKind::FileChanged);
}

/// Waits until the clock of the file system, which may tick only every few milliseconds, shows another time.
fn wait_for_another_time_than(path: &Path) {
    let modified = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let probe = path.with_file_name("probe");
    loop {
        fs::write(&probe, "tick").unwrap();
        if modified(&probe) != modified(path) {
            break;
        }
    }
}

/// Streams a large file, does something to it half-way, and gives the error.
fn spoiled(spoil: impl FnOnce(&Path)) -> (Take, api::Error) {
    let mut bench = Bench::new();
    let big = bench.file("big", vec![7; 40 * CHUNK]);
    bench.add_in().unwrap();
    bench.plan().unwrap();
    let (id, mut consumer) = bench.feed();
    let mut chunk = vec![0; CHUNK];
    let mut taken = 0;
    while taken < 10 {
        match consumer.take(&mut chunk).unwrap() {
            Take::Bytes(_) => taken += 1,
            Take::Empty => assert!(consumer.wait(None, Some(Duration::from_secs(20))).unwrap().ring),
            end => panic!("{end:?}"),
        }
    }
    wait_for_another_time_than(&big);
    spoil(&big);
    let end = drain(&mut consumer, &mut Vec::new());
    (end, bench.answer(id).unwrap_err())
}

#[test]
fn a_file_that_changes_while_it_is_burned_fails_the_ring_and_is_named() {
    let truncated =
        spoiled(|path| fs::File::options().write(true).open(path).unwrap().set_len(5000).unwrap());
    let grown = spoiled(|path| append(path, b"more"));
    let rewritten = spoiled(|path| {
        let mut file = fs::File::options().write(true).open(path).unwrap();
        file.write_all(b"!").unwrap();
    });
    for (end, error) in [truncated, grown, rewritten] {
        assert_eq!((end, error.kind), (Take::Failed, ErrorKind::FileChanged), "{error}");
        assert!(text(&error, "path").ends_with("/big"), "{error}");
    }
}

#[test]
fn a_copy_is_what_the_file_was_whatever_becomes_of_it() {
    let mut bench = Bench::new();
    let file = bench.file("dir/a", "as it was");
    fs::hard_link(&file, bench.path("in/dir/b")).unwrap();
    bench.file("dir/big", vec![9; 1_000_003]);
    let summary = bench.add_copy().unwrap();
    assert_eq!((summary.files, summary.bytes), (3, 1_000_012));
    fs::remove_dir_all(bench.path("in")).unwrap();
    let image = bench.burn().unwrap();
    assert_eq!(count(&image, b"as it was"), 1);
    assert_eq!(count(&image, &[9; 2048]), 488);
    let own = bench.path("stash").join(rustix::process::geteuid().to_string());
    assert_eq!(fs::read_dir(own).unwrap().count(), 0, "the stash has no names");
}

#[test]
fn holes_are_neither_copied_nor_counted() {
    let mut bench = Bench::with(|begin| begin.quota = 1 << 20);
    let mut file = fs::File::create(bench.path("in/sparse")).unwrap();
    file.write_all(b"start").unwrap();
    file.set_len(8 << 20).unwrap();
    drop(file);
    append(&bench.path("in/sparse"), b"the end");
    bench.add_copy().unwrap();
    let image = bench.burn().unwrap();
    assert!(holds(&image, b"start") && holds(&image, b"the end"));
}

#[test]
fn the_quota_of_the_stash_is_kept_and_given_back() {
    let mut bench = Bench::with(|begin| begin.quota = 100_000);
    bench.file("a", vec![1; 60_000]);
    let first = bench.add_copy().unwrap();
    let again = AddOptions { copy: true, destination: "again".to_owned(), ..AddOptions::default() };
    let path = bench.path("in");
    let error = bench.add(&path, again.clone()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotEnoughDiskForStash);
    assert_eq!(
        (text(&error, "needed-bytes"), text(&error, "available-bytes")),
        ("60000".into(), "40000".into())
    );
    assert_eq!(bench.list("/"), ["a"]);
    bench.ask(Ask::Remove("a".to_owned())).unwrap();
    bench.add(&path, again).unwrap();
    bench.ask(Ask::Clear).unwrap();
    assert_eq!(bench.add_copy().unwrap(), first);
}

#[test]
fn a_stash_that_is_not_there_is_told_when_it_is_needed() {
    let mut bench = Bench::with(|begin| begin.stash = "/dev/null/stash".into());
    bench.file("a", "x");
    let error = bench.add_copy().unwrap_err();
    let own = format!("/dev/null/stash/{}", rustix::process::geteuid().as_raw());
    assert_eq!((error.kind, text(&error, "path")), (ErrorKind::FileAccess, own));
    bench.add_in().unwrap();
}

#[test]
fn an_image_made_in_process_is_the_one_that_the_stager_makes() {
    let mut bench = Bench::new();
    bench.file("dir/a", "local");
    let (local, summaries) = image_of([bench.path("in")], &AddOptions::default()).unwrap();
    assert_eq!(summaries[0].files, 1);
    let options = crate::image::Options::new("", 0);
    let layout = crate::image::Layout::plan(&local.tree, &options).unwrap();
    let mut image = Vec::new();
    crate::image::write_image(&layout, &local.tree, local.source(), &mut image).unwrap();
    assert!(holds(&image, b"local"));
    bench.add_in().unwrap();
    assert_eq!(bench.burn().unwrap().len(), image.len());
}
