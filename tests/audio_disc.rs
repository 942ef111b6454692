//! Audio discs, from files to the virtual recorder and back: every sample, gap, index, code and text where it was asked for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use discmaster::audio::{cd_text, cue::CueSheet};
use support::album::{Album, BLOCK, noise};
use support::{Bench, options};
use zbus::Fd;

/// The disc in a recorder as `.bin` and `.cue`: all of its bytes from block 0 on, and the sheet.
struct Exported {
    bytes: Vec<u8>,
    sheet: CueSheet,
    text: Vec<(u8, u8, String)>,
}

fn exported(bench: &mut Bench, id: &str) -> Exported {
    // A disc is exported by itself.
    bench.unplug(id);
    let disc = bench.dir().join(format!("{id}.disc"));
    let cue = bench.dir().join("out.cue");
    let done = Command::new(env!("CARGO_BIN_EXE_discmaster-vdrive"))
        .arg("export")
        .args([&disc, &cue])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let sheet = CueSheet::parse(&fs::read(&cue).unwrap()).unwrap();
    let bytes = fs::read(bench.dir().join(&sheet.files[0].name)).unwrap();
    let text = sheet.cd_text_file.as_ref().map_or_else(Vec::new, |name| {
        cd_text::read(&cd_text::whole(&fs::read(bench.dir().join(name)).unwrap()))
    });
    Exported { bytes, sheet, text }
}

impl Exported {
    /// The sound of a track, counted from 0, from its beginning to the next one's gap or beginning.
    fn track(&self, at: usize) -> &[u8] {
        let begin = |at: usize| {
            self.sheet.tracks.get(at).and_then(|track| track.index(1)).map(|index| index.at as usize)
        };
        let gap = |at: usize| {
            self.sheet.tracks.get(at).and_then(|track| track.index(0)).map(|index| index.at as usize)
        };
        let end = gap(at + 1).or_else(|| begin(at + 1)).map_or(self.bytes.len(), |end| end * BLOCK);
        &self.bytes[begin(at).unwrap() * BLOCK..end]
    }

    /// The silence before a track.
    fn gap(&self, at: usize) -> &[u8] {
        let track = &self.sheet.tracks[at];
        match (track.index(0), track.index(1)) {
            (Some(gap), Some(begin)) => &self.bytes[gap.at as usize * BLOCK..begin.at as usize * BLOCK],
            _ => &[],
        }
    }
}

#[tokio::test]
async fn a_session_at_once_has_every_sample_gap_index_code_and_text_where_it_was_asked_for() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let tracks = [noise(400, 1), noise(333, 2), noise(500, 3)];
    for track in &tracks {
        album.track(track).await;
    }
    album
        .say(
            0,
            options([
                ("Title", "Größe".into()),
                ("Performer", "Chor".into()),
                ("UpcEan", "4012345123456".into()),
            ]),
        )
        .await;
    album.say(1, options([("Title", "Eins".into()), ("Isrc", "DEABC0712345".into())])).await;
    album
        .say(2, options([("Title", "Zwei".into()), ("PreGap", 0_u32.into()), ("CopyPermitted", true.into())]))
        .await;
    album
        .say(
            3,
            options([
                ("PreGap", 75_u32.into()),
                ("Indexes", vec![100_u32, 250].into()),
                ("PreEmphasis", true.into()),
            ]),
        )
        .await;
    let mut signals = album.burner.client.signals().await;
    let ended = album.burn([("verify", "full".into())]).await;
    assert_eq!((ended.name.as_str(), ended.message.as_str()), ("", ""));
    let told = signals.up_to(&album.burner.session, "BurnComplete").await;
    assert_eq!(told.iter().filter(|signal| signal.name == "TrackProgress").count(), 4);

    let disc = exported(&mut bench, "vd0");
    for (at, track) in tracks.iter().enumerate() {
        assert!(disc.track(at) == track.as_slice(), "track {}", at + 1);
    }
    let blocks = |at: usize| disc.gap(at).len() / BLOCK;
    assert_eq!((blocks(1), blocks(2)), (0, 75));
    assert!(disc.gap(2).iter().all(|byte| *byte == 0));
    assert_eq!(disc.bytes.len(), (400 + 333 + 75 + 500) * BLOCK);
    let [first, second, third] = &disc.sheet.tracks[..] else { panic!("{:?}", disc.sheet) };
    assert_eq!(disc.sheet.disc.upc_ean, "4012345123456");
    assert_eq!(first.properties.isrc, "DEABC0712345");
    assert!(
        second.properties.copy_permitted && third.properties.pre_emphasis && !first.properties.copy_permitted
    );
    let begin = third.index(1).unwrap().at;
    assert_eq!((third.index(2).unwrap().at - begin, third.index(3).unwrap().at - begin), (100, 250));
    let text = |kind, track, text: &str| (kind, track, text.to_owned());
    assert_eq!(
        disc.text,
        [
            text(0x80, 0, "Größe"),
            text(0x80, 1, "Eins"),
            text(0x80, 2, "Zwei"),
            text(0x81, 0, "Chor"),
            text(0x8e, 0, "4012345123456"),
            text(0x8e, 1, "DEABC0712345"),
        ]
    );
}

#[tokio::test]
async fn tracks_at_once_have_imapis_gaps() {
    let mut bench = Bench::new().recorder("vd0", "cd-rw").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let tracks = [noise(310, 1), noise(10, 2), noise(320, 3)];
    for track in &tracks {
        album.track(track).await;
    }
    album.say(0, options([("TrackAtOnce", true.into())])).await;
    album.say(2, options([("Isrc", "DEABC0712345".into())])).await;
    let used = album.counters().await.1;
    let ended = album.burn([("verify", "full".into())]).await;
    assert_eq!((ended.name.as_str(), ended.message.as_str()), ("", ""));
    let disc = exported(&mut bench, "vd0");
    for (at, track) in tracks.iter().enumerate() {
        assert!(disc.track(at).starts_with(track), "track {}", at + 1);
        assert!(
            disc.track(at)[track.len()..].iter().all(|byte| *byte == 0),
            "silence behind track {}",
            at + 1
        );
    }
    assert_eq!(disc.sheet.tracks[1].properties.isrc, "DEABC0712345");
    let begins: Vec<_> = disc.sheet.tracks.iter().map(|track| track.index(1).unwrap().at).collect();
    assert_eq!(begins, [0, 310 + 152, 310 + 152 + 300 + 152]);
    assert_eq!(used, u64::from(begins[2]) + 320);
}

#[tokio::test]
async fn a_folder_of_every_kind_of_file_and_a_pipe_become_what_other_decoders_make_of_them() {
    for at_once in [true, false] {
        a_folder_and_a_pipe(at_once).await;
    }
}

async fn a_folder_and_a_pipe(at_once: bool) {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    album.say(0, options([("Gapless", at_once.into()), ("TrackAtOnce", (!at_once).into())])).await;
    let sound = noise(420, 7);
    let wav = album.wav("a.wav", &sound);
    let folder = bench.dir().to_owned();
    let path = |name: &str| folder.join(name);
    let run = |program: &str, arguments: &[&str], to: &str| {
        let arguments = arguments.iter().map(|one| match *one {
            "IN" => wav.clone(),
            "OUT" => path(to),
            other => PathBuf::from(other),
        });
        assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program}");
        path(to)
    };
    let lossless = [
        wav.clone(),
        run("flac", &["-s", "-o", "OUT", "IN"], "a.flac"),
        run("ffmpeg", &["-v", "error", "-i", "IN", "-c:a", "alac", "OUT"], "a.m4a"),
        run("ffmpeg", &["-v", "error", "-i", "IN", "OUT"], "a.aiff"),
    ];
    let lossy = [
        run("lame", &["--quiet", "-b", "192", "IN", "OUT"], "a.mp3"),
        run("oggenc", &["-Q", "-o", "OUT", "IN"], "a.ogg"),
    ];
    for file in lossless.iter().chain(&lossy) {
        let added = album.file(file, []).await;
        assert_eq!(added.name, "", "{file:?}: {}", added.message);
    }
    // A pipe, out of another program.
    assert_eq!(album.create().await, "");
    let mut decoder = Command::new("flac")
        .args(["-s", "-d", "-c", "--force-raw-format", "--endian=little", "--sign=signed"])
        .arg(&lossless[1])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pipe = decoder.stdout.take().unwrap();
    let body = (Fd::from(&pipe), options([("wait", true.into())]));
    let client = &album.burner.client;
    client.path(&album.redbook, "Redbook", "AddAudioTrackStream", &body).await.unwrap();
    assert!(decoder.wait().unwrap().success());
    assert_eq!(album.close().await, "");

    let ended = album.burn([("verify", "full".into())]).await;
    assert_eq!((ended.name.as_str(), ended.message.as_str()), ("", ""));
    let disc = exported(&mut bench, "vd0");
    assert_eq!(disc.sheet.tracks.len(), 7);
    // A track at once has two blocks that run out behind it.
    let run_out = if at_once { 0 } else { 2 * BLOCK };
    for at in [0, 1, 2, 3, 6] {
        let (track, behind) = disc.track(at).split_at(sound.len());
        assert!(track == sound.as_slice(), "track {}", at + 1);
        assert!(behind == vec![0; run_out], "something sounds behind track {}", at + 1);
        let gap = if at_once || at == 0 { 0 } else { 150 * BLOCK };
        assert!(disc.gap(at) == vec![0; gap], "the gap before track {}", at + 1);
    }
    for (at, file) in (4..).zip(&lossy) {
        let judge = judged(file, &path("judge.pcm"));
        let ours = disc.track(at);
        assert_eq!(ours.len(), judge.len().next_multiple_of(BLOCK) + run_out, "{file:?}");
        assert!(rms(&ours[..judge.len()], &judge) < 1.5, "{file:?}: {}", rms(&ours[..judge.len()], &judge));
    }
}

#[tokio::test]
async fn a_full_disc_is_recorded_to_its_last_block() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let total = album.total().await;
    let nothing = bench.dir().join("nothing.pcm");
    File::create(&nothing).unwrap().set_len((total - 400) * BLOCK as u64).unwrap();
    album.say(0, options([("Gapless", true.into())])).await;
    album.create().await;
    assert_eq!(album.stream(&nothing).await.name, "");
    assert_eq!(album.close().await, "");
    let last = noise(400, 5);
    album.track(&last).await;
    assert_eq!(album.counters().await, (2, total, 0));
    let ended = album.burn([]).await;
    assert_eq!((ended.name.as_str(), ended.message.as_str()), ("", ""));
    let disc = exported(&mut bench, "vd0");
    assert_eq!(disc.bytes.len() as u64, total * BLOCK as u64);
    assert!(disc.track(1) == last.as_slice());
}

#[tokio::test]
async fn a_simulation_leaves_the_disc_and_the_album_as_they_were_and_a_cancel_says_what_is_left() {
    let bench = Bench::new().recorder("vd0", "cd-rw").start().await;
    let album = Album::ready(&bench, "vd0").await;
    album.track(&noise(2000, 1)).await;
    assert_eq!(album.burn([("simulate", true.into())]).await.name, "");
    let client = &album.burner.client;
    assert!(client.property::<bool>(&album.burner.recorder, "Medium", "Blank").await.unwrap());
    let verified = album.burn([("simulate", true.into()), ("verify", "full".into())]).await;
    assert_eq!(verified.name, "org.freedesktop.DBus.Error.InvalidArgs", "{}", verified.message);
    assert_eq!(album.burn([("verify", "full".into())]).await.name, "");
    // What is on the disc is no blank disc.
    assert_eq!(album.burner.select().await.unwrap_err().name, "CannotWriteToMedia");
}

#[tokio::test]
async fn a_cue_sheet_becomes_its_disc_by_one_command() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r").start().await;
    bench.client().await.looked_at("vd0").await;
    bench.client().await.looked_at("vd1").await;
    let sound = noise(1500, 9);
    let more = noise(301, 10);
    let album = Wav(&bench).write("The Album.wav", &sound);
    let flac = bench.dir().join("The Album.flac");
    assert!(Command::new("flac").args(["-s", "-o"]).args([&flac, &album]).status().unwrap().success());
    fs::remove_file(&album).unwrap();
    Wav(&bench).write("more.wav", &more[..more.len() - 1000]);
    let text = concat!(
        "CATALOG 4012345123456\nPERFORMER \"Der Chor\"\nTITLE \"Gr\u{f6}\u{df}e\"\nFILE \"The Album.wav\" WAVE\n",
        "  TRACK 01 AUDIO\n    TITLE \"Eins\"\n    ISRC DEABC0712345\n    INDEX 01 00:00:00\n",
        "  TRACK 02 AUDIO\n    TITLE \"Zwei\"\n    FLAGS DCP\n    INDEX 00 00:06:00\n    INDEX 01 00:08:00\n    INDEX 02 00:10:00\n",
        "FILE \"more.wav\" WAVE\n  TRACK 03 AUDIO\n    TITLE \"Drei\"\n    PREGAP 00:02:00\n    INDEX 01 00:00:00\n",
    );
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    fs::write(bench.dir().join("album.cue"), latin).unwrap();
    for (recorder, way) in [("vd0", "--cd-text"), ("vd1", "--track-at-once")] {
        let burned = Command::new(env!("CARGO_BIN_EXE_discmaster"))
            .args(["--bus=session", "audio", "album.cue", "--verify", "--recorder", recorder, way])
            .current_dir(bench.dir())
            .env("DBUS_SESSION_BUS_ADDRESS", &bench.bus.address)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&burned.stderr);
        assert!(burned.status.success(), "{said}");
        assert!(said.contains("every block was verified"), "{said}");
    }
    // What sounds in a gap ends the track before it, and the drive puts a gap of its own behind that.
    let disc = exported(&mut bench, "vd1");
    assert!(
        disc.track(0).starts_with(&sound[..600 * BLOCK]) && disc.track(1).starts_with(&sound[600 * BLOCK..])
    );
    assert!(disc.track(2).starts_with(&more[..more.len() - 1000]));
    assert_eq!(disc.sheet.tracks[0].properties.isrc, "DEABC0712345");
    for at in [1, 2] {
        assert!(disc.gap(at) == [0; 150 * BLOCK], "the gap before track {}", at + 1);
    }

    let disc = exported(&mut bench, "vd0");
    assert!(disc.track(0) == &sound[..450 * BLOCK] && disc.track(1) == &sound[600 * BLOCK..]);
    assert!(disc.gap(1) == &sound[450 * BLOCK..600 * BLOCK]);
    assert!(disc.track(2).starts_with(&more[..more.len() - 1000]));
    assert_eq!(disc.gap(2).len(), 150 * BLOCK);
    assert_eq!(disc.sheet.tracks[1].index(2).unwrap().at, 750);
    assert!(disc.sheet.tracks[1].properties.copy_permitted);
    assert_eq!(disc.sheet.tracks[0].properties.isrc, "DEABC0712345");
    let titles: Vec<_> =
        disc.text.iter().filter(|(kind, ..)| *kind == 0x80).map(|(.., text)| text.as_str()).collect();
    assert_eq!(titles, ["Größe", "Eins", "Zwei", "Drei"]);
}

/// Writes WAV files without a session.
struct Wav<'a>(&'a Bench);

impl Wav<'_> {
    fn write(&self, name: &str, sound: &[u8]) -> PathBuf {
        let path = self.0.dir().join(name);
        let length = sound.len() as u32;
        let mut bytes = Vec::from(*b"RIFF");
        bytes.extend((36 + length).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data");
        bytes.extend(length.to_le_bytes());
        bytes.extend(sound);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn judged(file: &Path, to: &Path) -> Vec<u8> {
    let mut ffmpeg = Command::new("ffmpeg");
    let ran = ffmpeg
        .args(["-v", "error", "-y", "-i"])
        .arg(file)
        .args(["-f", "s16le", "-ar", "44100", "-ac", "2"])
        .arg(to);
    assert!(ran.status().unwrap().success());
    fs::read(to).unwrap()
}

fn rms(one: &[u8], other: &[u8]) -> f64 {
    let samples = |bytes: &[u8]| -> Vec<f64> {
        bytes.chunks_exact(2).map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]]))).collect()
    };
    let (one, other) = (samples(one), samples(other));
    let sum: f64 = one.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum();
    (sum / one.len() as f64).sqrt()
}
