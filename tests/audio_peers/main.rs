//! Audio discs of ours as other people's programs see them: cdrdao, cdrskin (libburn) and cd-info (libcdio) read them, and write
//! the same disc from their cue sheets.
//!
//! Where they are wrong themselves:
//!
//! | Program | What | Why |
//! |---|---|---|
//! | cdrdao `read-toc` | texts in MS-JIS | Version 1.2.4 ends a text at its first zero byte, where two end one of two bytes a character |
//! | cdrdao, cue sheets | index points after 01 | It takes their time in the file for one from the track's start: it gets the sheet without them |
//! | cdrdao, cue sheets | texts | A field that the disc has, every track must have as well: it gets the sheet without texts |
//! | cd-info | texts behind an empty one | libcdio 2.1 takes the text for that of the track before, until the next pack begins |
//! | cd-info | texts in MS-JIS, and of all languages but one | libcdio 2.1 shows the first language, byte by byte |
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod mixed;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use discmaster::audio::cd_text;
use discmaster::audio::cue::{CueFile, CueSheet, FileKind};
use discmaster::vdrive::medium::Medium;
use encoding_rs::WINDOWS_1252;
use support::album::{Album, BLOCK, cue_sheet, noise as sound, wav};
use support::burner::{Burner, content};
use support::recorder::Recorder;
use support::tree::{assert_same, listing};
use support::{Bench, options};

/// A disc with something of everything.
async fn stage(album: &Album) -> Vec<Vec<u8>> {
    let tracks = vec![sound(450, 1), sound(500, 2), sound(600, 3)];
    for track in &tracks {
        album.track(track).await;
    }
    let disc = [
        ("Title", "Lieder".into()),
        ("Performer", "Chor".into()),
        ("Composer", "Niemand".into()),
        ("Genre", "Classical".into()),
        ("DiscId", "XY-1".into()),
        ("UpcEan", "4012345123456".into()),
    ];
    album.say(0, options(disc)).await;
    album.say(1, options([("Title", "Größe".into()), ("Isrc", "DEABC0712345".into())])).await;
    let second = [
        ("Title", "Zwei".into()),
        ("PreGap", 0_u32.into()),
        ("SoundingGap", 75_u32.into()),
        ("CopyPermitted", true.into()),
    ];
    album.say(2, options(second)).await;
    let third = [
        ("Title", "Drei".into()),
        ("PreGap", 150_u32.into()),
        ("Indexes", vec![150_u32, 300].into()),
        ("PreEmphasis", true.into()),
        ("Isrc", "DEABC0712346".into()),
    ];
    album.say(3, options(third)).await;
    tracks
}

#[tokio::test]
async fn the_sheets_of_a_staged_and_of_a_burned_disc_say_the_same_and_other_programs_read_the_disc_so() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let tracks = stage(&album).await;
    let staged = album.sheet(&["disc.bin"]).await;
    let ended = album.burner.recorded(options([("verify", "full".into())])).await;
    assert_eq!((ended.name.as_str(), ended.message.as_str()), ("", ""));
    album.burner.close().await.unwrap();
    let burned = read_sheet(&album, "disc.bin").await;
    assert_eq!(CueSheet::parse(burned.as_bytes()), CueSheet::parse(staged.as_bytes()), "{burned}\n{staged}");

    let ours = unplugged(&mut bench, "vd0");
    let programme = [&tracks[0][..], &tracks[1], &vec![0; 150 * BLOCK], &tracks[2]].concat();
    let (bin, _) = exported(&ours);
    assert!(bin == programme, "the disc holds something else");
    let our_texts = texts(&ours);
    assert!(our_texts.len() >= 10, "{our_texts:?}");

    let toc =
        ours.run("cdrdao", &["read-toc", "--device", "/dev/sr0", "--driver", "generic-mmc", "read.toc"]);
    let read = fs::read_to_string(ours.dir().join("read.toc")).expect(&toc);
    // The second track's gap is the end of the first one's sound, the third one's is silence: for cdrdao both are START.
    for line in [
        "CATALOG \"4012345123456\"",
        "ISRC \"DEABC0712345\"",
        "ISRC \"DEABC0712346\"",
        "START 00:01:00",
        "START 00:02:00",
        "INDEX 00:02:00",
        "INDEX 00:04:00",
        "TITLE \"Lieder\"",
        "PERFORMER \"Chor\"",
        "TITLE \"Drei\"",
    ] {
        assert!(read.contains(line), "{line}: {read}");
    }
    assert_eq!((read.matches("NO COPY").count(), read.matches("NO PRE_EMPHASIS").count()), (2, 2), "{read}");
    let text = ours.run("cdrskin", &["dev=/dev/sr0", "cdtext_to_v07t=-"]);
    for line in
        ["Album Title         = Lieder", "Track 03 Title      = Drei", "ISRC 01             = DEABC0712345"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let info = ours.run("cd-info", &["--no-header", "/dev/sr0"]);
    for line in ["000450 audio", "001100 audio", "(MCN): 4012345123456", "TITLE: Zwei"] {
        assert!(info.contains(line), "{line}: {info}");
    }
    assert_eq!(ours.violations(), [""; 0]);

    let refused = ["INDEX 02", "INDEX 03", "TITLE", "PERFORMER", "SONGWRITER", "REM"];
    let taken = |line: &&str| !refused.iter().any(|word| line.trim_start().starts_with(word));
    let without: String = staged.lines().filter(taken).map(|line| format!("{line}\n")).collect();
    let burners =
        [(cdrskin_burns as fn(&Recorder, &Path), &staged), (cdrdao_burns, &without), (wodim_burns, &staged)];
    for (burn, staged) in burners {
        let theirs = Recorder::new("cd-r");
        fs::write(theirs.dir().join("disc.bin"), &programme).unwrap();
        // They take the bytes of a sheet's texts as they are.
        fs::write(theirs.dir().join("disc.cue"), WINDOWS_1252.encode(staged).0).unwrap();
        burn(&theirs, Path::new("disc.cue"));
        let (bin, sheet) = exported(&theirs);
        assert!(bin == programme, "the disc holds something else: {sheet}");
        let parsed = CueSheet::parse(sheet.as_bytes()).unwrap();
        let wanted = CueSheet::parse(staged.as_bytes()).unwrap();
        for (track, wanted) in parsed.tracks.iter().zip(&wanted.tracks) {
            assert_eq!(track.indexes, wanted.indexes, "{sheet}");
            assert_eq!(track.properties.isrc, wanted.properties.isrc, "{sheet}");
        }
        for text in texts(&theirs) {
            assert!(our_texts.contains(&text), "ours lacks {text:?}: {our_texts:?}");
        }
    }
}

#[tokio::test]
async fn sound_that_is_left_open_takes_a_session_of_data_and_is_a_cd_extra_to_others() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let tracks = stage(&album).await;
    let wishes: [(&str, zbus::Variant<'static>); 2] =
        [("verify", "full".into()), ("close", "appendable".into())];
    let ended = album.burner.recorded(options(wishes)).await;
    assert_eq!((ended.name.as_str(), ended.message.as_str()), ("", ""));
    album.burner.close().await.unwrap();

    let folder = bench.dir().join("extra");
    fs::create_dir_all(folder.join("booklet")).unwrap();
    fs::write(folder.join("booklet/page"), content(400_000)).unwrap();
    let burner = Burner::open(&bench, "vd0", false).await;
    burner.format().await;
    burner.select().await.unwrap();
    assert_eq!(burner.property::<String>("Multisession").await, "new");
    burner.stage(&folder).await.unwrap();
    let job = burner.record_with(options([("verify", "full".into())])).await.unwrap();
    let (success, error, message, details) = burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert!(!details.contains_key("notes"), "{details:?}");
    let start = u32::try_from(details["start"].try_clone().unwrap()).unwrap();
    burner.close().await.unwrap();

    let ours = unplugged(&mut bench, "vd0");
    let programme = [&tracks[0][..], &tracks[1], &vec![0; 150 * BLOCK], &tracks[2]].concat();
    let (bin, sheet) = exported(&ours);
    assert!(bin.starts_with(&programme), "the sound is something else: {sheet}");
    // A lead-out of a minute and a half, a lead-in of a minute, a pre-gap of two seconds.
    assert_eq!(start as usize, programme.len() / BLOCK + 6750 + 4500 + 150);
    let info = ours.run("cd-info", &["--no-header", "/dev/sr0"]);
    for line in ["CD-Plus/Extra", "ISO 9660", "(MCN): 4012345123456", "TITLE: Zwei"] {
        assert!(info.contains(line), "{line}: {info}");
    }
    // It looks for boot images at block 0 as well, which is sound, and is sorry.
    let toc = ours.run(
        "xorriso",
        &[
            "-return_with",
            "FAILURE",
            "32",
            "-osirrox",
            "on",
            "-indev",
            "/dev/sr0",
            "-toc",
            "-extract",
            "/",
            "out",
        ],
    );
    assert!(toc.contains(&format!("ISO session  :   2 ,{start:>10} ,")), "{toc}");
    assert_same(&listing(&ours.dir().join("out")), &listing(&folder));
    let said = ours.run(
        "cdrdao",
        &["read-toc", "--device", "/dev/sr0", "--driver", "generic-mmc", "--session", "2", "read.toc"],
    );
    let read = fs::read_to_string(ours.dir().join("read.toc")).expect(&said);
    assert!(read.contains("TRACK MODE1"), "{read}");
    assert_eq!(ours.violations(), [""; 0]);
}

fn cdrskin_burns(recorder: &Recorder, sheet: &Path) {
    let cue = format!("cuefile={}", sheet.display());
    recorder.run("cdrskin", &["dev=/dev/sr0", "-sao", "-text", &cue]);
}

fn cdrdao_burns(recorder: &Recorder, sheet: &Path) {
    let sheet = sheet.to_str().unwrap();
    // It takes raw files for big endian.
    recorder.run(
        "cdrdao",
        &["write", "-n", "--swap", "--device", "/dev/sr0", "--driver", "generic-mmc:0x10", sheet],
    );
}

fn wodim_burns(recorder: &Recorder, sheet: &Path) {
    // It knows sound by its header.
    let programme = fs::read(recorder.dir().join("disc.bin")).unwrap();
    fs::write(recorder.dir().join("disc.wav"), wav(&programme)).unwrap();
    let sheet = fs::read(recorder.dir().join(sheet)).unwrap();
    let sheet = WINDOWS_1252.decode(&sheet).0.replace("\"disc.bin\" BINARY", "\"disc.wav\" WAVE");
    fs::write(recorder.dir().join("wave.cue"), WINDOWS_1252.encode(&sheet).0).unwrap();
    recorder.run("wodim", &["dev=/dev/sr0", "gracetime=2", "-dao", "-text", "cuefile=wave.cue"]);
}

#[tokio::test]
async fn a_disc_of_ninety_nine_tracks_is_one_to_others() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let tracks: Vec<Vec<u8>> = (1..=99).map(|number| sound(300, number)).collect();
    album.say(0, options([("Gapless", true.into()), ("Title", "Ninety-nine".into())])).await;
    for (number, track) in (1..).zip(&tracks) {
        album.track(track).await;
        album.say(number, options([("Title", format!("No. {number}").into())])).await;
    }
    let ended = album.burn([("verify", "full".into())]).await;
    assert_eq!((ended.name.as_str(), ended.message.as_str()), ("", ""));
    let ours = unplugged(&mut bench, "vd0");
    assert!(exported(&ours).0 == tracks.concat(), "the sound is something else");
    let info = ours.run("cd-info", &["--no-header", "/dev/sr0"]);
    for line in ["CD-ROM Track List (1 - 99)", "99: 06:34:00  029400 audio", "TITLE: No. 99"] {
        assert!(info.contains(line), "{line}: {info}");
    }
    assert_eq!(ours.violations(), [""; 0]);
}

#[tokio::test]
async fn a_disc_of_another_programs_becomes_the_sheet_that_it_was_burned_from() {
    let theirs = Recorder::new("cd-r");
    let programme = sound(1500, 5);
    fs::write(theirs.dir().join("disc.bin"), &programme).unwrap();
    let sheet = cue_sheet("disc.bin", "BINARY");
    fs::write(theirs.dir().join("disc.cue"), &sheet).unwrap();
    cdrskin_burns(&theirs, Path::new("disc.cue"));
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    // Their disc, in our recorder.
    bench.unplug("vd0");
    for end in ["disc", "iso", "sectors", "sub"] {
        let file = theirs.dir().join(format!("vd0.{end}"));
        if file.exists() {
            fs::copy(&file, bench.dir().join(format!("vd0.{end}"))).unwrap();
        }
    }
    bench.plug("vd0");
    let client = bench.client().await;
    client.looked_at("vd0").await;
    let read = toc(&bench, &[]);
    assert_eq!(CueSheet::parse(read.as_bytes()), CueSheet::parse(sheet.as_bytes()), "{read}");
    let named = toc(&bench, &["--names=other.wav"]);
    let file = CueFile { name: "other.wav".into(), kind: FileKind::Sound };
    assert_eq!(CueSheet::parse(named.as_bytes()).unwrap().files, [file]);
}

#[tokio::test]
async fn a_sheet_names_the_files_and_makes_the_same_sound_again() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r").start().await;
    for (seed, name) in [(1, "one.wav"), (2, "zwei.wav")] {
        fs::write(bench.dir().join(name), wav(&sound(400, seed))).unwrap();
    }
    let burn = |arguments: &[&str]| {
        let burned = discmaster(&bench).args(["audio", "--cd-text"]).args(arguments).output().unwrap();
        assert!(burned.status.success(), "{}", String::from_utf8_lossy(&burned.stderr));
    };
    burn(&["--recorder=vd0", "--write-cue=album.cue", "one.wav", "zwei.wav"]);
    let sheet = fs::read_to_string(bench.dir().join("album.cue")).unwrap();
    assert!(sheet.contains("FILE \"zwei.wav\" WAVE") && sheet.contains("PREGAP 00:02:00"), "{sheet}");
    burn(&["--recorder=vd1", "album.cue"]);
    let (first, second) = (unplugged(&mut bench, "vd0"), unplugged(&mut bench, "vd1"));
    assert!(exported(&first).0 == exported(&second).0, "the discs differ");
}

#[tokio::test]
async fn other_programs_read_every_language_in_its_letters() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    album.track(&sound(400, 1)).await;
    album.track(&sound(400, 2)).await;
    album.say(0, options([("Title", "Songs".into()), ("Letters", "ascii".into())])).await;
    album.say(1, options([("Title", "Cherry Blossom".into())])).await;
    album.say(2, options([("Title", "Evening".into())])).await;
    let said = [
        ("de", ["Lieder für Anna", "Kirschblüte", "Abendgruß"], "latin-1"),
        ("ja", ["歌集", "桜の花", "夕べ"], ""),
        ("fr", ["Chansons", "Fleur de cerisier", "Soirée"], ""),
    ];
    for (language, titles, letters) in said {
        for (track, title) in (0_u32..).zip(titles) {
            let texts = options([("Title", title.into()), ("Letters", letters.into())]);
            assert_eq!(album.name("SetTranslation", &(language, track, texts)).await, "");
        }
    }
    let client = &album.burner.client;
    let languages: Vec<String> =
        client.call(&album.redbook, "Redbook", "GetTranslations", &()).await.unwrap();
    assert_eq!(languages, ["de", "ja", "fr"]);
    assert_eq!(album.burn([]).await.name, "");
    album.burner.close().await.unwrap();

    let ours = unplugged(&mut bench, "vd0");
    let packs = ours.layout().sessions[0].cd.text.clone();
    let languages: Vec<_> = cd_text::languages(&packs).iter().map(|one| one.name()).collect();
    assert_eq!(languages, ["en", "de", "ja", "fr"]);
    let title = |track, text: &str| (0x80, track, text.to_owned());
    assert_eq!(cd_text::read_block(&packs, 2), [title(0, "歌集"), title(1, "桜の花"), title(2, "夕べ")]);

    // cdrskin writes a sheet a language, in the letters of each.
    ours.run("cdrskin", &["dev=/dev/sr0", "cdtext_to_v07t=text"]);
    let text = fs::read(ours.dir().join("text")).unwrap();
    let has = |bytes: &[u8]| text.windows(bytes.len()).any(|window| window == bytes);
    let (japanese, ..) = encoding_rs::SHIFT_JIS.encode("桜の花");
    let (german, ..) = encoding_rs::WINDOWS_1252.encode("Kirschblüte");
    for wanted in
        [&b"Cherry Blossom"[..], &german, &japanese, b"Fleur de cerisier", b"German", b"Japanese", b"French"]
    {
        assert!(has(wanted), "{}: {}", String::from_utf8_lossy(wanted), String::from_utf8_lossy(&text));
    }
    let device = ["read-toc", "--device", "/dev/sr0", "--driver", "generic-mmc", "read.toc"];
    ours.run("cdrdao", &device);
    let read = fs::read(ours.dir().join("read.toc")).unwrap();
    let read: String = read.iter().copied().map(char::from).collect();
    for wanted in ["0: 9", "1: 8", "2: 105", "3: 15", "Cherry Blossom", "Fleur de cerisier"] {
        assert!(read.contains(wanted), "{wanted}: {read}");
    }
    let info = ours.run("cd-info", &["--no-header", "/dev/sr0"]);
    assert!(info.contains("TITLE: Cherry Blossom"), "{info}");
    assert_eq!(ours.violations(), [""; 0]);
}

fn discmaster(bench: &Bench) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_discmaster"));
    command.arg("--bus=session").current_dir(bench.dir()).env("DBUS_SESSION_BUS_ADDRESS", &bench.bus.address);
    command
}

fn toc(bench: &Bench, arguments: &[&str]) -> String {
    let read = discmaster(bench).args(["toc", "vd0"]).args(arguments).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    String::from_utf8(read.stdout).unwrap()
}

async fn read_sheet(album: &Album, file: &str) -> String {
    let client = &album.burner.client;
    client.call(&album.burner.recorder, "Recorder", "ReadCueSheet", &file).await.unwrap()
}

/// The disc of a recorder on the bench, in one that other programs can use.
fn unplugged(bench: &mut Bench, id: &str) -> Recorder {
    bench.unplug(id);
    let disc: PathBuf = bench.dir().join(format!("{id}.disc"));
    Recorder::with(Medium::open(&disc).unwrap())
}

/// The disc's CD-TEXT: kind of pack, track, text.
fn texts(recorder: &Recorder) -> Vec<(u8, u8, String)> {
    let sheet = CueSheet::parse(exported(recorder).1.as_bytes()).unwrap();
    let packs = sheet.cd_text_file.map(|name| fs::read(recorder.dir().join(name)).unwrap());
    packs.map_or_else(Vec::new, |packs| cd_text::read(&cd_text::whole(&packs)))
}

/// The disc as .bin, and its cue sheet.
fn exported(recorder: &Recorder) -> (Vec<u8>, String) {
    let to = recorder.dir().join("exported.cue");
    recorder.hands(|drive, _| drive.medium().expect("a disc").export(&to)).unwrap();
    (fs::read(to.with_extension("bin")).unwrap(), fs::read_to_string(to).unwrap())
}
