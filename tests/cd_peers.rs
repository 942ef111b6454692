//! CDs by other people's programs: sound, data and both, a track or a session at once or raw, burned by cdrskin (libburn),
//! xorriso, wodim and cdrdao, read by them and by cd-info (libcdio), and compared with what was given to them.
//!
//! Where they are wrong themselves:
//!
//! | Program | What | Why |
//! |---|---|---|
//! | cdrdao `read-cd` | lengths of pauses | Version 1.2.4 counts from the end of what it has just read; `read-toc` is right |
//! | cdrdao `read-cd` | sound | It writes the bytes of each sample the other way round |
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use discmaster::vdrive::medium::{Layout, Medium, TrackState};
use support::album::cue_sheet;
use support::burner::Burner;
use support::recorder::{Recorder, outcome};
use support::{Bench, options};
use tempfile::TempDir;

const BLOCK: usize = 2048;
const SECTOR: usize = 2352;

/// Programs of this kind sleep most of the time. All at once, they take as long as the slowest.
#[test]
fn other_programs_record_and_read_cds_of_every_kind() {
    let cases: [(&str, fn()); 12] = [
        ("cdrskin burns sound a track at once", cdrskin_burns_sound_a_track_at_once),
        ("cdrskin burns a cue sheet with CD-TEXT", cdrskin_burns_a_cue_sheet),
        ("cdrskin burns data a session at once", cdrskin_burns_data_at_once),
        ("xorriso burns data a session at once", xorriso_burns_data_at_once),
        ("wodim burns a cue sheet with CD-TEXT", wodim_burns_a_cue_sheet),
        ("wodim burns data and sound a session at once", wodim_burns_a_mixed_disc),
        ("wodim burns data in mode 2", wodim_burns_mode_2),
        ("wodim burns sound raw", wodim_burns_sound_raw),
        ("wodim erases sessions", wodim_erases_sessions),
        ("cdrdao burns sound with CD-TEXT and reads it", || cdrdao_burns_sound("generic-mmc:0x10")),
        ("cdrdao burns sound raw and reads it", || cdrdao_burns_sound("generic-mmc-raw")),
        ("cdrdao burns data and sound", cdrdao_burns_a_mixed_disc),
    ];
    let running = cases.map(|(name, case)| thread::Builder::new().name(name.into()).spawn(case).unwrap());
    let failed: Vec<_> =
        cases.iter().zip(running).filter_map(|(case, thread)| thread.join().err().map(|_| case.0)).collect();
    assert_eq!(failed, [""; 0]);
}

fn cdrskin_burns_sound_a_track_at_once() {
    let (recorder, music) = (Recorder::new("cd-r"), Music::new());
    let burn = ["dev=/dev/sr0", "-audio", "-tao", "padsize=0", &music.file("1.wav"), &music.file("2.wav")];
    recorder.run("cdrskin", &burn);
    // Each track ends with two blocks of run-out, and the next begins with a pause.
    let second = Music::FIRST + 2 + 150;
    let (bin, _) = exported(&recorder);
    assert!(bin[..Music::FIRST * SECTOR] == music.first, "the disc holds something else");
    assert!(
        bin[second * SECTOR..][..Music::SECOND * SECTOR] == music.second,
        "the disc holds something else"
    );
    let toc = recorder.run("cdrskin", &["dev=/dev/sr0", "-toc"]);
    assert!(toc.contains(&format!("track:   2 lba: {second:9}")), "{toc}");
    assert!(toc.contains(&format!("track:lout lba: {:9}", second + Music::SECOND + 2)), "{toc}");
    let read = recorder.run("cd-info", &["--no-header", "-A", "/dev/sr0"]);
    assert!(read.contains(&format!("{second:06} audio")), "{read}");
    assert_eq!(recorder.violations(), [""; 0]);
}

fn cdrskin_burns_a_cue_sheet() {
    let (recorder, music) = (Recorder::new("cd-r"), Music::new());
    let cue = format!("cuefile={}", music.file("disc.cue"));
    recorder.run("cdrskin", &["dev=/dev/sr0", "-sao", "-text", &cue]);
    music.is_on(&recorder);
    let text = recorder.run("cdrskin", &["dev=/dev/sr0", "cdtext_to_v07t=-"]);
    for line in [
        "Album Title         = Lieder",
        "UPC / EAN           = 4012345123456",
        "Track 01 Artist     = Alice",
        "Track 02 Title      = Nacht",
        "ISRC 02             = DEABC0712346",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

fn cdrskin_burns_data_at_once() {
    let (recorder, image) = (Recorder::new("cd-rw"), Image::new());
    // Without a wish it takes a session at once where the length is known.
    for way in [&["-sao"][..], &[]] {
        recorder.run(
            "cdrskin",
            &[&["dev=/dev/sr0", "blank=as_needed", "padsize=0"], way, &[image.path.as_str()]].concat(),
        );
        let layout = recorder.layout();
        let (_, track) = layout.tracks().next().unwrap();
        assert_eq!((track.written as usize, track.size), (image.bytes.len() / BLOCK, track.written));
        assert!(layout.finalized && recorder.recorded() == image.bytes, "the disc holds something else");
    }
    assert_eq!(recorder.violations(), [""; 0]);
}

/// Our session at once next to cdrskin's of the same image: the same programme, sector by sector, and the same table of
/// contents; cd-info finds the volume on ours.
#[tokio::test]
async fn our_session_at_once_is_the_one_that_cdrskin_writes() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 900_001, false).await;
    let wishes = [("write-mode", "session-at-once".into()), ("verify", "full".into())];
    assert_eq!(burner.recorded(options(wishes)).await.name, "");
    let image = bench.disc("vd0");
    let bytes = fs::read(&image).unwrap();
    bench.control("vd0", &["violations"]);
    // Its files are free then.
    bench.unplug("vd0");
    let recorder = Recorder::new("cd-r");
    let way = ["dev=/dev/sr0", "-sao", "padsize=0", image.to_str().unwrap()];
    recorder.run("cdrskin", &way);
    let (theirs, their_sheet) = exported(&recorder);
    let ours = recorder.dir().join("ours.cue");
    let medium = Medium::open(&image.with_extension("disc")).unwrap();
    medium.export(&ours).unwrap();
    assert!(fs::read(ours.with_extension("bin")).unwrap() == theirs, "the programmes differ");
    assert_eq!(fs::read_to_string(&ours).unwrap(), their_sheet.replace("disc.bin", "ours.bin"));
    let (layout, theirs) = (medium.layout().clone(), recorder.layout());
    let tracks = |layout: &Layout| layout.tracks().map(|(_, track)| *track).collect::<Vec<_>>();
    assert_eq!(tracks(&layout), tracks(&theirs));
    assert_eq!((layout.finalized, bytes.len() % BLOCK), (theirs.finalized, 0));
    assert!(recorder.hands(|drive, now| drive.insert(medium, now).is_ok()));
    let toc = recorder.run("cdrskin", &["dev=/dev/sr0", "-toc"]);
    assert!(toc.contains(&format!("track:lout lba: {:9}", bytes.len() / BLOCK)), "{toc}");
    let read = recorder.run("cd-info", &["--no-header", "-A", "/dev/sr0"]);
    assert!(read.contains("000000 data"), "{read}");
}

fn xorriso_burns_data_at_once() {
    let (recorder, image) = (Recorder::new("cd-r"), Image::new());
    let folder = image.folder();
    let folder = folder.to_str().unwrap();
    let way = ["-outdev", "/dev/sr0", "-write_type", "sao", "-close", "on", "-map", folder, "/", "-commit"];
    recorder.run("xorriso", &way);
    recorder.run("xorriso", &["-indev", "/dev/sr0", "-osirrox", "on", "-extract", "/", "out"]);
    let read = fs::read(recorder.dir().join("out/noise")).unwrap();
    assert!(read == fs::read(image.folder().join("noise")).unwrap(), "the disc holds something else");
    assert!(recorder.layout().finalized);
    assert_eq!(recorder.violations(), [""; 0]);
}

fn wodim_burns_a_cue_sheet() {
    let (recorder, music) = (Recorder::new("cd-r"), Music::new());
    let cue = format!("cuefile={}", music.file("wave.cue"));
    recorder.run("wodim", &["dev=/dev/sr0", "gracetime=2", "-dao", "-text", &cue]);
    music.is_on(&recorder);
    let read = recorder.run("cd-info", &["--no-header", "/dev/sr0"]);
    for line in ["TITLE: Lieder", "PERFORMER: Bob", "(MCN): 4012345123456", "TRACK  2 ISRC: DEABC0712346"] {
        assert!(read.contains(line), "{line}: {read}");
    }
}

fn wodim_burns_a_mixed_disc() {
    let (recorder, image, music) = (Recorder::new("cd-r"), Image::new(), Music::new());
    let tracks = ["-data", &image.path, "-audio", &music.file("1.wav"), &music.file("2.wav")];
    recorder.run("wodim", &[&["dev=/dev/sr0", "gracetime=2", "-dao"][..], &tracks].concat());
    assert!(recorder.recorded().starts_with(&image.bytes), "the disc holds something else");
    let (bin, sheet) = exported(&recorder);
    assert!(ends_with_both(&bin, &music), "the disc holds something else");
    let modes = ["TRACK 01 MODE1/2352", "TRACK 02 AUDIO", "TRACK 03 AUDIO"];
    assert!(modes.iter().all(|mode| sheet.contains(mode)), "{sheet}");
    let read = recorder.run("cd-info", &["--no-header", "-A", "/dev/sr0"]);
    assert_eq!((read.matches("000000 data").count(), read.matches("audio  false").count()), (1, 2), "{read}");
    assert_eq!(recorder.violations(), [""; 0]);
}

fn wodim_burns_mode_2() {
    let (recorder, image) = (Recorder::new("cd-r"), Image::new());
    recorder.run("wodim", &["dev=/dev/sr0", "gracetime=2", "-tao", "-multi", &image.path]);
    assert!(recorder.recorded().starts_with(&image.bytes), "the disc holds something else");
    let (bin, sheet) = exported(&recorder);
    // Mode 2, and behind header and sub-header the user data of form 1.
    assert_eq!((bin[15], &bin[24..24 + BLOCK]), (2, &image.bytes[..BLOCK]));
    assert!(sheet.contains("TRACK 01 MODE2/2352"), "{sheet}");
    assert!(!recorder.layout().finalized);
    assert_eq!(recorder.violations(), [""; 0]);
}

fn wodim_burns_sound_raw() {
    for way in ["-raw96r", "-raw16"] {
        let (recorder, music) = (Recorder::new("cd-r"), Music::new());
        let tracks = [way, "-audio", &music.file("1.wav"), &music.file("2.wav")];
        recorder.run("wodim", &[&["dev=/dev/sr0", "gracetime=2"][..], &tracks].concat());
        let (bin, _) = exported(&recorder);
        assert!(ends_with_both(&bin, &music), "the disc holds something else");
        assert!(recorder.layout().finalized);
        assert_eq!(recorder.violations(), [""; 0]);
    }
}

fn wodim_erases_sessions() {
    let (recorder, image) = (Recorder::new("cd-rw"), Image::new());
    let wodim = |way: &[&str]| recorder.run("wodim", &[&["dev=/dev/sr0", "gracetime=2"], way].concat());
    wodim(&["-tao", "-data", "-multi", &image.path]);
    wodim(&["-tao", "-data", "-multi", &image.path]);
    assert_eq!(recorder.layout().sessions.len(), 3);
    wodim(&["blank=unclose"]);
    assert_eq!(recorder.layout().sessions.len(), 2);
    wodim(&["blank=session"]);
    assert_eq!(recorder.layout().tracks().count(), 1);
    wodim(&["blank=fast"]);
    assert!(recorder.layout().is_blank());
    assert_eq!(recorder.violations(), [""; 0]);
}

fn cdrdao_burns_sound(driver: &str) {
    let (recorder, music) = (Recorder::new("cd-r"), Music::new());
    let device = ["--device", "/dev/sr0", "--driver"];
    let toc = music.file("disc.toc");
    recorder.run("cdrdao", &[&["write", "-n"][..], &device, &[driver, &toc]].concat());
    music.is_on(&recorder);
    let said = |read: &str| fs::read_to_string(recorder.dir().join(read)).unwrap();
    recorder.run("cdrdao", &[&["read-toc"][..], &device, &["generic-mmc", "read.toc"]].concat());
    let read = said("read.toc");
    for line in [
        "CATALOG \"4012345123456\"",
        "COPY",
        "PRE_EMPHASIS",
        "ISRC \"DEABC0712345\"",
        "INDEX 00:02:00",
        "ISRC \"DEABC0712346\"",
        "START 00:02:00",
        "TITLE \"Lieder\"",
        "PERFORMER \"Bob\"",
    ] {
        assert!(read.contains(line), "{line}: {read}");
    }
    let to = ["generic-mmc", "--datafile", "read.bin", "cd.toc"];
    recorder.run("cdrdao", &[&["read-cd"][..], &device, &to].concat());
    let mut sound = fs::read(recorder.dir().join("read.bin")).unwrap();
    sound.chunks_exact_mut(2).for_each(<[u8]>::reverse);
    assert!(sound == music.whole(), "cdrdao reads something else");
}

fn cdrdao_burns_a_mixed_disc() {
    for driver in ["generic-mmc", "generic-mmc-raw"] {
        let (recorder, image, music) = (Recorder::new("cd-r"), Image::new(), Music::new());
        let toc = format!(
            "CD_ROM\nTRACK MODE1\nDATAFILE \"{}\"\nTRACK AUDIO\nPREGAP 00:02:00\nFILE \"{}\" 0\n",
            image.path,
            music.file("1.wav")
        );
        fs::write(recorder.dir().join("mixed.toc"), toc).unwrap();
        let device = ["--device", "/dev/sr0", "--driver"];
        recorder.run("cdrdao", &[&["write", "-n"][..], &device, &[driver, "mixed.toc"]].concat());
        assert!(recorder.recorded() == image.bytes, "the disc holds something else");
        let (bin, _) = exported(&recorder);
        assert!(bin.ends_with(&music.first), "the disc holds something else");
        let to = ["generic-mmc", "--datafile", "read.bin", "read.toc"];
        recorder.run("cdrdao", &[&["read-cd"][..], &device, &to].concat());
        let read = fs::read(recorder.dir().join("read.bin")).unwrap();
        assert!(read.starts_with(&image.bytes), "cdrdao reads something else");
        assert!(recorder.layout().tracks().all(|(_, track)| track.state == TrackState::Closed));
        assert_eq!(recorder.violations(), [""; 0]);
    }
}

/// Whether both pieces follow each other at the end, with nothing or silence between them.
fn ends_with_both(bin: &[u8], music: &Music) -> bool {
    let Some(before) = bin.strip_suffix(&music.second[..]) else { return false };
    [0, 150].iter().any(|pause| {
        let end = before.len().saturating_sub(pause * SECTOR);
        before[..end].ends_with(&music.first) && before[end..].iter().all(|byte| *byte == 0)
    })
}

/// The disc as .bin, and its cue sheet.
fn exported(recorder: &Recorder) -> (Vec<u8>, String) {
    let to = recorder.dir().join("disc.cue");
    recorder.hands(|drive, _| drive.medium().expect("a disc").export(&to)).unwrap();
    (fs::read(to.with_extension("bin")).unwrap(), fs::read_to_string(to).unwrap())
}

/// Two pieces of noise, which nobody would call music, as files and in tables of contents.
struct Music {
    dir: TempDir,
    first: Vec<u8>,
    second: Vec<u8>,
}

impl Music {
    const FIRST: usize = 450;
    const SECOND: usize = 600;

    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (noise(Self::FIRST * SECTOR, 1), noise(Self::SECOND * SECTOR, 2));
        let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
        write("1.wav", &wav(&first));
        write("2.wav", &wav(&second));
        let music = Self { dir, first, second };
        let whole = music.whole();
        fs::write(music.file("disc.bin"), &whole).unwrap();
        fs::write(music.file("disc.wav"), wav(&whole)).unwrap();
        for (name, file, kind) in [("disc.cue", "disc.bin", "BINARY"), ("wave.cue", "disc.wav", "WAVE")] {
            fs::write(music.file(name), cue_sheet(&music.file(file), kind)).unwrap();
        }
        let toc = TOC.replace("FIRST", &music.file("1.wav")).replace("SECOND", &music.file("2.wav"));
        fs::write(music.file("disc.toc"), toc).unwrap();
        music
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// The programme: the second piece has a pause of two seconds.
    fn whole(&self) -> Vec<u8> {
        [&self.first[..], &vec![0; 150 * SECTOR], &self.second].concat()
    }

    /// The disc holds the programme, and what its table of contents says.
    fn is_on(&self, recorder: &Recorder) {
        let (bin, sheet) = exported(recorder);
        assert!(bin == self.whole(), "the disc holds something else: {sheet}");
        for line in [
            "CATALOG 4012345123456",
            "ISRC DEABC0712345",
            "ISRC DEABC0712346",
            "INDEX 00 00:06:00",
            "INDEX 01 00:08:00",
        ] {
            assert!(sheet.contains(line), "{line}: {sheet}");
        }
        assert!(recorder.layout().finalized);
        assert_eq!(recorder.violations(), [""; 0]);
    }
}

const TOC: &str = r#"CD_DA
CATALOG "4012345123456"
CD_TEXT {
  LANGUAGE_MAP { 0 : EN }
  LANGUAGE 0 { TITLE "Lieder" PERFORMER "Nobody" }
}
TRACK AUDIO
COPY
PRE_EMPHASIS
ISRC "DEABC0712345"
CD_TEXT { LANGUAGE 0 { TITLE "Tag" PERFORMER "Alice" } }
FILE "FIRST" 0
INDEX 00:02:00
TRACK AUDIO
ISRC "DEABC0712346"
CD_TEXT { LANGUAGE 0 { TITLE "Nacht" PERFORMER "Bob" } }
PREGAP 00:02:00
FILE "SECOND" 0
"#;

/// An image of a folder.
struct Image {
    dir: TempDir,
    path: String,
    bytes: Vec<u8>,
}

impl Image {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("noise"), noise(900_001, 3)).unwrap();
        let path = dir.path().join("image.iso").to_str().unwrap().to_owned();
        let mut make = Command::new("genisoimage");
        let (success, said) = outcome(make.args(["-quiet", "-R", "-o", &path]).arg(folder));
        assert!(success, "{said}");
        let bytes = fs::read(&path).unwrap();
        Self { dir, path, bytes }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("folder")
    }
}

fn noise(bytes: usize, seed: u32) -> Vec<u8> {
    (0..bytes as u32)
        .map(|at| (at.wrapping_add(seed << 24).wrapping_mul(2_654_435_761) >> 14) as u8)
        .collect()
}

/// Sound as a WAVE file: 44100 times a second two samples of 16 bits.
fn wav(sound: &[u8]) -> Vec<u8> {
    let length = sound.len() as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((length + 36).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    bytes.extend(44_100_u32.to_le_bytes());
    bytes.extend(176_400_u32.to_le_bytes());
    bytes.extend(b"\x04\0\x10\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(sound);
    bytes
}
