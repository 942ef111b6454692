//! Other people's burners on our discs, and our discs in other people's readers: cdrskin and xorriso (libburn), wodim,
//! growisofs and cdrdao find the virtual recorder at /dev/sr0 on a kernel that umockdev plays.
//!
//! What they cannot do here, and why:
//!
//! | Program | What | Why |
//! |---|---|---|
//! | growisofs | all | It calls fstat, which umockdev leaves as it is: fstat.c stands in |
//! | growisofs `-M`, genisoimage `-M` | appending | They read the disc through the block layer, of which there is none |
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use discmaster::vdrive::medium::TrackState;
use support::Bench;
use support::recorder::{PACKAGES, Recorder, bridge};
use support::tree::{Listing, assert_same, listing};
use tempfile::TempDir;

const BLOCK: usize = 2048;

/// Programs of this kind sleep most of the time. All at once, they take as long as the slowest.
#[test]
fn other_burners_record_our_discs_and_read_ours_and_theirs() {
    let cases: [(&str, fn()); 10] = [
        ("every program tells the same about a blank disc", blank_discs_are_described_alike),
        ("cdrskin closes a CD-R", || closes_a_cd_r("cdrskin", &["-tao"])),
        ("wodim closes a CD-R", || closes_a_cd_r("wodim", &["-tao", "gracetime=2"])),
        ("xorriso appends to a CD-R that cdrskin left open", || continues("cd-r", cdrskin_leaves_open)),
        ("xorriso appends to a DVD+R that growisofs left open", || continues("dvd+r", growisofs_leaves_open)),
        ("cdrskin erases a CD-RW and burns it anew", cdrskin_erases_and_burns_again),
        ("cdrskin writes nothing in a test", cdrskin_writes_nothing_in_a_test),
        ("growisofs closes a DVD+R", growisofs_closes_a_dvd_plus_r),
        ("wodim reserves a DVD+R's track and closes it", wodim_closes_a_dvd_plus_r),
        ("xorriso reads our discs and appends to them", our_discs_are_continued),
    ];
    let running = cases.map(|(name, case)| thread::Builder::new().name(name.into()).spawn(case).unwrap());
    let failed: Vec<_> =
        cases.iter().zip(running).filter_map(|(case, thread)| thread.join().err().map(|_| case.0)).collect();
    assert_eq!(failed, [""; 0]);
}

fn blank_discs_are_described_alike() {
    let recorder = Recorder::new("cd-r");
    for (program, arguments, wanted) in [
        ("cdrskin", &["dev=/dev/sr0", "-atip"][..], "ATIP start of lead out: 359849 (79:59/74)"),
        ("wodim", &["dev=/dev/sr0", "-atip"], "ATIP start of lead out: 359849 (79:59/74)"),
        ("cdrdao", &["disk-info", "--device", "/dev/sr0"], "79:57:74 (359849 blocks, 702/807 MB)"),
        (
            "xorriso",
            &["-outdev", "/dev/sr0", "-toc"],
            "Media blocks : 0 readable , 359847 writable , 359847 overall",
        ),
    ] {
        let said = run(&recorder, program, arguments);
        assert!(said.contains(wanted), "{program}: {said}");
    }
    assert_eq!(recorder.violations(), [""; 0]);
}

fn closes_a_cd_r(program: &str, options: &[&str]) {
    let (recorder, source) = (Recorder::new("cd-r"), Source::new("first"));
    run(&recorder, program, &[&["dev=/dev/sr0"], options, &[source.image()]].concat());
    let layout = recorder.layout();
    assert!(layout.finalized);
    let (_, track) = layout.tracks().next().unwrap();
    assert_eq!(track.written as usize * BLOCK, source.bytes.len());
    let (said, bytes) = read_back(&recorder);
    assert!(bytes == source.bytes, "the disc holds something else");
    // The run-out blocks, which count and cannot be read.
    assert!(said.contains(" 2 , 0 tao_end"), "{said}");
    let toc = run(&recorder, program, &["dev=/dev/sr0", "-toc"]);
    assert!(toc.contains(&format!("track:lout lba: {:9}", track.size)), "{toc}");
    assert_eq!(recorder.violations(), [""; 0]);
}

fn cdrskin_erases_and_burns_again() {
    let recorder = Recorder::new("cd-rw");
    let (first, second) = (Source::new("first"), Source::new("second"));
    run(&recorder, "cdrskin", &["dev=/dev/sr0", "-tao", first.image()]);
    assert!(recorder.recorded().starts_with(&first.bytes), "the disc holds something else");
    let again = ["dev=/dev/sr0", "-tao", second.image()];
    let (success, said) = attempt(&recorder, "cdrskin", &again);
    assert!(!success && said.contains("** closed ** CD-RW"), "{said}");
    run(&recorder, "cdrskin", &[&["blank=fast"], &again[..]].concat());
    assert!(read_back(&recorder).1 == second.bytes, "the disc holds something else");
    assert_eq!(recorder.violations(), [""; 0]);
}

fn cdrskin_writes_nothing_in_a_test() {
    let (recorder, source) = (Recorder::new("cd-r"), Source::new("first"));
    let said = run(&recorder, "cdrskin", &["-v", "dev=/dev/sr0", "-dummy", "-tao", source.image()]);
    assert!(said.contains("in dummy TAO mode"), "{said}");
    assert!(recorder.layout().is_blank() && recorder.recorded().is_empty());
    assert_eq!(recorder.violations(), [""; 0]);
}

fn growisofs_closes_a_dvd_plus_r() {
    let (recorder, source) = (Recorder::new("dvd+r"), Source::new("first"));
    run_it(recorder.growisofs(&["-dvd-compat", "-Z", &format!("/dev/sr0={}", source.image())]));
    is_a_closed_dvd_plus_r(&recorder, &source);
}

fn wodim_closes_a_dvd_plus_r() {
    let (recorder, source) = (Recorder::new("dvd+r"), Source::new("first"));
    run(&recorder, "wodim", &["dev=/dev/sr0", "gracetime=2", source.image()]);
    let layout = recorder.layout();
    assert_eq!(layout.tracks().next().unwrap().1.state, TrackState::Closed);
    // Closing the session is all that wodim does to any disc; on DVD+R another may follow.
    assert!(!layout.finalized && layout.sessions.len() == 2);
    assert!(read_back(&recorder).1.starts_with(&source.bytes), "the disc holds something else");
    assert_eq!(recorder.violations(), [""; 0]);
}

fn is_a_closed_dvd_plus_r(recorder: &Recorder, source: &Source) {
    assert!(recorder.layout().finalized);
    let (said, bytes) = read_back(recorder);
    assert!(said.contains("is written , is closed"), "{said}");
    assert!(bytes.starts_with(&source.bytes), "the disc holds something else");
    assert_eq!(bytes.len(), source.bytes.len().next_multiple_of(16 * BLOCK), "whole ECC blocks");
    assert_eq!(recorder.violations(), [""; 0]);
}

fn cdrskin_leaves_open(recorder: &Recorder, source: &Source) {
    run(recorder, "cdrskin", &["dev=/dev/sr0", "-tao", "-multi", source.image()]);
    // The lead-out is where the track ends with its run-out blocks; the next session is 11400 blocks away.
    let next = source.bytes.len() / BLOCK + 2 + 11_400;
    // cdrdao asks while page 05h is set for a session at once, and adds the pre-gap to what it is told; libburn takes
    // the same answer as it is. No drive can please both.
    for (program, arguments, next) in [
        ("cdrskin", &["dev=/dev/sr0", "-msinfo"][..], next),
        ("cdrdao", &["msinfo", "--device", "/dev/sr0"], next + 150),
    ] {
        let said = run(recorder, program, arguments);
        assert!(said.contains(&format!("0,{next}")), "{program}: {said}");
    }
}

fn growisofs_leaves_open(recorder: &Recorder, source: &Source) {
    run_it(recorder.growisofs(&["-Z", &format!("/dev/sr0={}", source.image())]));
}

/// One program burns the first session, xorriso the second, and both are on the disc.
fn continues(kind: &str, first_session: fn(&Recorder, &Source)) {
    let (recorder, source) = (Recorder::new(kind), Source::new("first"));
    first_session(&recorder, &source);
    assert!(recorder.recorded().starts_with(&source.bytes), "the disc holds something else");
    let device = |program: &str| recorder.command(program);
    xorriso_appends(device, recorder.dir(), &source.folder());
    assert_eq!(recorder.violations(), [""; 0]);
}

/// Our own service burns, and leaves the disc open.
fn our_discs_are_continued() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kinds = ["cd-r", "dvd+r"];
    let source = Source::new("first");
    runtime.block_on(async {
        let bench = Bench::new().recorder("vd0", kinds[0]).recorder("vd1", kinds[1]).start().await;
        for id in ["vd0", "vd1"] {
            let mut burn = Command::new(env!("CARGO_BIN_EXE_discmaster"));
            burn.args(["--bus=session", "burn", "--appendable", "--recorder", id]).arg(source.folder());
            burn.env("DBUS_SESSION_BUS_ADDRESS", &bench.bus.address);
            let (success, said) = outcome(&mut burn);
            assert!(success, "{said}");
        }
        thread::scope(|scope| {
            for id in ["vd0", "vd1"] {
                let (bench, folder) = (&bench, source.folder());
                scope.spawn(move || {
                    let out = bench.dir().join(format!("{id}.out"));
                    fs::create_dir(&out).unwrap();
                    let device = |program: &str| {
                        let mut command = bridge(&bench.socket(id));
                        command.arg(program);
                        command
                    };
                    xorriso_appends(device, &out, &folder);
                    assert_eq!(bench.control(id, &["violations"]), "");
                });
            }
        });
    });
}

/// xorriso adds a session to a disc with `first` on it, and then finds both.
fn xorriso_appends(device: impl Fn(&str) -> Command, scratch: &Path, first: &Path) {
    let second = Source::new("second");
    let xorriso = |arguments: &[&str]| {
        let mut command = device("xorriso");
        command.args(arguments).current_dir(scratch);
        let (success, said) = outcome(&mut command);
        assert!(success, "{arguments:?}: {said}");
        said
    };
    let added = second.folder();
    xorriso(&["-dev", "/dev/sr0", "-map", added.to_str().unwrap(), "/second", "-commit"]);
    let said = xorriso(&["-osirrox", "on", "-indev", "/dev/sr0", "-toc", "-extract", "/", "out"]);
    assert_eq!(said.matches("ISO session  :").count(), 2, "{said}");
    assert!(said.contains("is written , is appendable"), "{said}");
    let found = listing(&scratch.join("out"));
    let (of_second, of_first): (Listing, Listing) =
        found.into_iter().partition(|(path, _)| path.starts_with(b"second"));
    assert_same(&of_first, &listing(first));
    assert_eq!(of_second.len(), 1 + listing(&added).len());
    assert_eq!(of_second[&b"second/noise"[..]].2, fs::read(added.join("noise")).unwrap());
}

/// A folder, and an image of it that genisoimage made.
struct Source {
    dir: TempDir,
    image: String,
    bytes: Vec<u8>,
}

impl Source {
    fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        fs::create_dir_all(folder.join("letters")).unwrap();
        fs::write(folder.join("letters/to_alice.txt"), format!("Dear Alice,\nthis is the {name}.\n"))
            .unwrap();
        let seed = name.len() as u32;
        let noise = |at: u32| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8;
        fs::write(folder.join("noise"), (0..500_001 + 100_000 * seed).map(noise).collect::<Vec<u8>>())
            .unwrap();
        let image = dir.path().join("image.iso").to_str().unwrap().to_owned();
        let mut make = Command::new("genisoimage");
        make.args(["-quiet", "-R", "-J", "-o"]).arg(&image).arg(&folder);
        let (success, said) = outcome(&mut make);
        assert!(success, "{said}");
        let bytes = fs::read(&image).unwrap();
        Self { dir, image, bytes }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("folder")
    }

    fn image(&self) -> &str {
        &self.image
    }
}

/// What xorriso says of a disc, and every block that it can read, by READ (10).
fn read_back(recorder: &Recorder) -> (String, Vec<u8>) {
    let copy = recorder.dir().join("copy.raw");
    let _ = fs::remove_file(&copy);
    let check = ["-indev", "/dev/sr0", "-check_media", "use=indev", "what=disc", "data_to=copy.raw", "--"];
    let said = run(recorder, "xorriso", &check);
    (said, fs::read(copy).unwrap())
}

fn run_it(mut command: Command) {
    let (success, said) = outcome(&mut command);
    assert!(success, "{command:?}: {said}");
}

/// Runs a program on this recorder, which has to succeed; what it says.
fn run(recorder: &Recorder, program: &str, arguments: &[impl AsRef<str>]) -> String {
    let (success, said) = attempt(recorder, program, arguments);
    assert!(success, "{program}: {said}");
    said
}

fn attempt(recorder: &Recorder, program: &str, arguments: &[impl AsRef<str>]) -> (bool, String) {
    outcome(recorder.command(program).args(arguments.iter().map(AsRef::as_ref)))
}

/// Whether a program succeeds, and all that it says.
fn outcome(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().expect(PACKAGES);
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}
