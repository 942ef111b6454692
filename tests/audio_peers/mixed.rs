//! Data and sound in one session, the data first: our discs as other people's programs read them, and theirs beside ours.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use discmaster::audio::cue::CueSheet;

use super::support::album::{Album, BLOCK, noise as sound, wav};
use super::support::burner::content;
use super::support::recorder::Recorder;
use super::support::tree::{assert_same, listing};
use super::support::{Bench, options};
use super::{discmaster, exported, read_sheet, unplugged};

/// Bytes of a block of data.
const DATA: usize = 2048;

fn folder(bench: &Bench) -> PathBuf {
    let folder = bench.dir().join("data");
    fs::create_dir_all(folder.join("maps")).unwrap();
    fs::write(folder.join("maps/level one"), content(900_000)).unwrap();
    fs::write(folder.join("readme.txt"), "Play tracks 2 and up.").unwrap();
    folder
}

/// An album with files for a track of data before it; the tracks' sound.
async fn stage(album: &Album, folder: &Path, at_once: bool) -> Vec<Vec<u8>> {
    album
        .say(
            0,
            options([
                ("DataTrack", true.into()),
                ("TrackAtOnce", (!at_once).into()),
                ("Title", "Game".into()),
                ("UpcEan", "4012345123456".into()),
            ]),
        )
        .await;
    album.burner.stage(folder).await.unwrap();
    let tracks = vec![sound(450, 1), sound(500, 2), sound(321, 3)];
    for track in &tracks {
        album.track(track).await;
    }
    album.say(1, options([("Title", "Intro".into()), ("Isrc", "DEABC0712345".into())])).await;
    album.say(2, options([("Title", "Level One".into())])).await;
    album.say(3, options([("Title", "Credits".into())])).await;
    if at_once {
        album.say(2, options([("PreGap", 0_u32.into())])).await;
        album.say(3, options([("PreGap", 200_u32.into())])).await;
    }
    tracks
}

/// The user data of raw sectors of mode 1 (ECMA-130, 14.1).
fn user_data(sectors: &[u8]) -> Vec<u8> {
    sectors.as_chunks::<BLOCK>().0.iter().flat_map(|sector| sector[16..16 + DATA].iter().copied()).collect()
}

/// A disc of ours, burned and verified: its recorder, its image and its tracks of sound.
async fn burned(at_once: bool) -> (Recorder, Bench, PathBuf, u32, Vec<Vec<u8>>) {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let folder = folder(&bench);
    let album = Album::ready(&bench, "vd0").await;
    let tracks = stage(&album, &folder, at_once).await;
    let used = album.counters().await.1;
    let job = album.burner.record_with(options([("verify", "full".into())])).await.unwrap();
    let (success, error, message, details) = album.burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert!(!details.contains_key("notes"), "{details:?}");
    let figure = |name: &str| u64::try_from(details[name].try_clone().unwrap()).unwrap();
    let image = figure("data-blocks");
    let sound: u64 = tracks.iter().map(|track| (track.len() / BLOCK) as u64).sum();
    assert_eq!((figure("blocks"), figure("verified-blocks")), (image + sound, image + sound));
    let gaps = if at_once { 150 + 200 + 2 + 2 } else { 3 * 152 };
    assert_eq!(used, image + 150 + sound + gaps, "every block is counted, and those that run out");
    if at_once {
        let (read, staged) = (read_sheet(&album, "disc.bin").await, album.sheet(&["disc.bin"]).await);
        assert_eq!(CueSheet::parse(read.as_bytes()), CueSheet::parse(staged.as_bytes()), "{read}\n{staged}");
        assert!(!read.contains("could not be read"), "{read}");
    }
    album.burner.close().await.unwrap();
    let ours = unplugged(&mut bench, "vd0");
    (ours, bench, folder, u32::try_from(image).unwrap(), tracks)
}

#[tokio::test]
async fn others_find_the_files_and_the_sound_where_they_were_asked_for() {
    for at_once in [true, false] {
        let (ours, bench, folder, image, tracks) = burned(at_once).await;
        let (bin, sheet) = exported(&ours);
        let run_out = if at_once { 0 } else { 2 };
        let (second_gap, third_gap) = if at_once { (0, 200) } else { (152, 152) };
        let starts = {
            let first = image as usize + 150 + run_out + 150;
            let second = first + 450 + second_gap;
            [first, second, second + 500 + third_gap]
        };
        for (start, track) in starts.iter().zip(&tracks) {
            assert!(
                bin[start * BLOCK..].starts_with(track),
                "the sound at {start} is something else: {sheet}"
            );
        }
        let silence = (image as usize + 150 + run_out) * BLOCK..starts[0] * BLOCK;
        assert!(bin[silence].iter().all(|byte| *byte == 0), "something sounds before the first track");
        let data = user_data(&bin[..(image as usize + 150) * BLOCK]);
        assert!(data[image as usize * DATA..].iter().all(|byte| *byte == 0), "the post-gap is empty");

        let info = ours.run("cd-info", &["--no-header", "/dev/sr0"]);
        for line in ["mixed mode CD", "(MCN): 4012345123456"] {
            assert!(info.contains(line), "{line}: {info}");
        }
        // Number, time with the 150 blocks before block 0, address, kind.
        let row = |number: usize, at: usize, kind: &str| {
            let (seconds, frames) = ((at + 150) / 75, (at + 150) % 75);
            let row =
                format!("{number:>2}: {:02}:{:02}:{frames:02}  {at:06} {kind}", seconds / 60, seconds % 60);
            assert!(info.contains(&row), "{row}: {info}");
        };
        row(1, 0, "data");
        (2..).zip(starts).for_each(|(number, start)| row(number, start, "audio"));
        let read = ours.run("xorriso", &["-osirrox", "on", "-indev", "/dev/sr0", "-extract", "/", "out"]);
        assert_same(&listing(&ours.dir().join("out")), &listing(&folder));
        assert!(!read.contains("SORRY"), "{read}");

        let said =
            ours.run("cdrdao", &["read-toc", "--device", "/dev/sr0", "--driver", "generic-mmc", "read.toc"]);
        let toc = fs::read_to_string(ours.dir().join("read.toc")).expect(&said);
        assert_eq!((toc.matches("TRACK MODE1").count(), toc.matches("TRACK AUDIO").count()), (1, 3), "{toc}");
        assert!(toc.contains("ISRC \"DEABC0712345\""), "{toc}");
        let titles: Vec<_> = toc.lines().filter_map(|line| line.trim().strip_prefix("TITLE ")).collect();
        // The track of data has an empty text, which is none.
        let asked: &[&str] = match at_once {
            true => &["\"Game\"", "\"Intro\"", "\"Level One\"", "\"Credits\""],
            false => &[],
        };
        assert_eq!(titles, asked, "{toc}");
        assert_eq!(ours.violations(), [""; 0]);
        drop(bench);
    }
}

/// What cdrdao and wodim make of the same image and sound.
#[tokio::test]
async fn others_write_the_same_disc() {
    let (ours, _bench, _, image, tracks) = burned(true).await;
    let (bin, _) = exported(&ours);
    let data = user_data(&bin[..(image as usize + 150) * BLOCK]);

    let theirs = Recorder::new("cd-r");
    fs::write(theirs.dir().join("data.img"), &data).unwrap();
    let mut toc = "CD_ROM\nTRACK MODE1\nDATAFILE \"data.img\"\n".to_owned();
    for (number, (track, gap)) in (2..).zip(tracks.iter().zip([150_usize, 0, 200])) {
        fs::write(theirs.dir().join(format!("{number}.wav")), wav(track)).unwrap();
        let (seconds, frames) = (gap / 75, gap % 75);
        write!(toc, "TRACK AUDIO\nPREGAP 0:{seconds}:{frames}\nFILE \"{number}.wav\" 0\n").unwrap();
    }
    fs::write(theirs.dir().join("disc.toc"), toc.replace("PREGAP 0:0:0\n", "")).unwrap();
    theirs
        .run("cdrdao", &["write", "-n", "--device", "/dev/sr0", "--driver", "generic-mmc:0x10", "disc.toc"]);
    assert!(bin == exported(&theirs).0, "cdrdao's disc differs");

    let (ours, _bench, _, image, tracks) = burned(false).await;
    let (bin, _) = exported(&ours);
    let theirs = Recorder::new("cd-r");
    fs::write(theirs.dir().join("data.img"), user_data(&bin[..(image as usize + 150) * BLOCK])).unwrap();
    let mut arguments: Vec<String> =
        ["dev=/dev/sr0", "-tao", "-data", "data.img", "-audio"].map(Into::into).into();
    for (number, track) in (2..).zip(&tracks) {
        fs::write(theirs.dir().join(format!("{number}.wav")), wav(track)).unwrap();
        arguments.push(format!("{number}.wav"));
    }
    theirs.run("wodim", &arguments);
    let (their_bin, sheet) = exported(&theirs);
    assert!(bin == their_bin, "wodim's disc differs: {sheet}");
}

#[tokio::test]
async fn one_command_makes_a_disc_of_files_and_sound() {
    let mut bench = Bench::new().recorder("vd0", "cd-rw").start().await;
    let folder = folder(&bench);
    fs::write(bench.dir().join("one.wav"), wav(&sound(400, 1))).unwrap();
    fs::write(bench.dir().join("two.wav"), wav(&sound(400, 2))).unwrap();
    let burn = ["audio", "--data", "data", "--volume=EXTRAS", "--verify", "one.wav", "two.wav"];
    let burned = discmaster(&bench).args(burn).output().unwrap();
    let said = String::from_utf8_lossy(&burned.stderr).into_owned();
    assert!(burned.status.success() && said.contains("every block was verified"), "{said}");
    let sheet = discmaster(&bench).args(["toc", "vd0"]).output().unwrap();
    let sheet = String::from_utf8(sheet.stdout).unwrap();
    assert_eq!((sheet.matches("MODE1/2352").count(), sheet.matches("AUDIO").count()), (1, 2), "{sheet}");
    let ours = unplugged(&mut bench, "vd0");
    let pvd =
        ours.run("xorriso", &["-osirrox", "on", "-indev", "/dev/sr0", "-pvd_info", "-extract", "/", "out"]);
    assert!(pvd.contains("EXTRAS"), "{pvd}");
    assert_same(&listing(&ours.dir().join("out")), &listing(&folder));
}

#[tokio::test]
async fn a_disc_that_was_read_whole_is_burned_again_from_its_cue_sheet() {
    let (ours, _bench, ..) = burned(true).await;
    let (bin, sheet) = exported(&ours);
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    fs::write(bench.dir().join("exported.bin"), &bin).unwrap();
    fs::write(bench.dir().join("game.cue"), &sheet).unwrap();
    let again = discmaster(&bench).args(["audio", "--verify", "game.cue"]).output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.success() && said.contains("every block was verified"), "{said}");
    let copy = unplugged(&mut bench, "vd0");
    let (copied, copied_sheet) = exported(&copy);
    assert!(copied == bin, "the copy differs: {sheet}{copied_sheet}");
}
