//! The audio format on the bus: IMAPI's rules, each broken once; its counters; and what is staged in which way.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use support::album::{Album, BLOCK};
use support::{Bench, options};
use zbus::Fd;

/// Blocks that a gap costs.
const GAP: u64 = 150 + 2;

const FINE: &str = "";
const CLOSED: &str = "NotOpened";
const FORMAT: &str = "NoActiveFormat";
const WRONG: &str = "WrongFormat";
const RECORDER: &str = "NoActiveRecorder";
const OPEN: &str = "TrackOpen";
const NOT: &str = "TrackNotOpen";
const ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";
const IMAGE: &str = "InvalidImage";
const EMPTY: &str = "TrackNotBigEnough";

const STATES: [&str; 7] = ["closed", "open", "joliet", "format", "ready", "track", "staged"];

/// What a call answers in each state of a session; in “track” one is open and empty, in “staged” one is closed.
#[rustfmt::skip]
const RULES: &[(&str, [&str; 7])] = &[
    //                                closed  open    joliet format    ready  track  staged
    ("GetTotalAudioTracks",          [CLOSED, FORMAT, WRONG, FINE,     FINE,  FINE,  FINE]),
    ("GetTotalAudioBlocks",          [CLOSED, FORMAT, WRONG, RECORDER, FINE,  FINE,  FINE]),
    ("GetUsedAudioBlocks",           [CLOSED, FORMAT, WRONG, FINE,     FINE,  FINE,  FINE]),
    ("GetAvailableAudioTrackBlocks", [CLOSED, FORMAT, WRONG, RECORDER, FINE,  FINE,  FINE]),
    ("GetAudioBlockSize",            [CLOSED, FORMAT, WRONG, FINE,     FINE,  FINE,  FINE]),
    ("CreateAudioTrack",             [CLOSED, FORMAT, WRONG, FINE,     FINE,  OPEN,  FINE]),
    ("AddAudioTrackBlocks",          [CLOSED, FORMAT, WRONG, NOT,      NOT,   FINE,  NOT]),
    ("AddAudioTrackStream",          [CLOSED, FORMAT, WRONG, NOT,      NOT,   FINE,  NOT]),
    ("AddAudioFile",                 [CLOSED, FORMAT, WRONG, FINE,     FINE,  OPEN,  FINE]),
    ("AddDataTrackStream",           [CLOSED, FORMAT, WRONG, ARGS,     ARGS,  ARGS,  ARGS]),
    ("CloseAudioTrack",              [CLOSED, FORMAT, WRONG, NOT,      NOT,   EMPTY, NOT]),
    ("GetRedbookProperties",         [CLOSED, FORMAT, WRONG, FINE,     FINE,  FINE,  FINE]),
    ("SetRedbookProperties",         [CLOSED, FORMAT, WRONG, FINE,     FINE,  FINE,  FINE]),
    ("GetTranslations",              [CLOSED, FORMAT, WRONG, FINE,     FINE,  FINE,  FINE]),
    ("GetTranslation",               [CLOSED, FORMAT, WRONG, ARGS,     ARGS,  ARGS,  ARGS]),
    ("SetTranslation",               [CLOSED, FORMAT, WRONG, FINE,     FINE,  FINE,  FINE]),
    ("RemoveTranslation",            [CLOSED, FORMAT, WRONG, ARGS,     ARGS,  ARGS,  ARGS]),
    ("GetAudioTrackProperties",      [CLOSED, FORMAT, WRONG, ARGS,     ARGS,  FINE,  FINE]),
    ("SetAudioTrackProperties",      [CLOSED, FORMAT, WRONG, ARGS,     ARGS,  FINE,  FINE]),
    ("GetCueSheet",                  [CLOSED, FORMAT, WRONG, IMAGE,    IMAGE, IMAGE, FINE]),
    ("GetJolietProperties",          [CLOSED, FORMAT, FINE,  WRONG,    WRONG, WRONG, WRONG]),
];

#[tokio::test]
async fn in_every_state_of_a_session_every_call_answers_as_the_table_says() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let mut wrong = Vec::new();
    for (column, state) in STATES.into_iter().enumerate() {
        for (method, answers) in RULES {
            let album = Album::open(&bench, "vd0").await;
            album.state(state).await;
            let answer = album.call(method).await;
            if answer != answers[column] {
                wrong.push(format!("{method} when {state}: {answer:?} instead of {:?}", answers[column]));
            }
            album.burner.close().await.unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_counters_count_gaps_and_go_down_as_the_track_grows() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let total = album.total().await;
    assert_eq!(album.counters().await, (0, 0, total));
    album.create().await;
    assert_eq!(album.counters().await, (1, 0, total));
    album.blocks(&vec![1; 350 * BLOCK]).await;
    assert_eq!(album.counters().await, (1, 350, total - 350));
    album.close().await;
    assert_eq!(album.counters().await, (1, 350, total - 350 - GAP));
    album.create().await;
    assert_eq!(album.counters().await, (2, 350 + GAP, total - 350 - GAP));
    // One that is too short is filled up.
    album.blocks(&vec![1; 10 * BLOCK]).await;
    album.close().await;
    assert_eq!(album.counters().await, (2, 650 + GAP, total - 650 - 2 * GAP));
    // A gap of the recorder's, and one of the track's own.
    let client = &album.burner.client;
    let gap = (options([("AudioGapSize", 100_u32.into())]),);
    client.call::<()>(&album.burner.recorder, "Recorder", "SetRecorderProperties", &gap).await.unwrap();
    assert_eq!(album.counters().await, (2, 650 + 102, total - 650 - 2 * 102));
    let gap = (2_u32, options([("PreGap", 0_u32.into())]));
    assert_eq!(album.name("SetAudioTrackProperties", &gap).await, FINE);
    assert_eq!(album.counters().await, (2, 650, total - 650 - 102));
    let clear = client.refusal(&album.burner.session, "Session", "ClearFormatContent", &()).await;
    assert_eq!(clear, None);
    assert_eq!(album.counters().await, (0, 0, total));
}

#[tokio::test]
async fn blocks_are_whole_and_what_fits_of_them_is_kept_when_the_disc_is_full() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let total = album.total().await;
    album.create().await;
    assert_eq!(album.blocks(&[0; BLOCK - 4]).await, ARGS);
    // Nearly a whole disc of nothing, out of a file without content.
    let nothing = bench.dir().join("nothing.pcm");
    File::create(&nothing).unwrap().set_len((total - 3) * BLOCK as u64).unwrap();
    assert_eq!(album.stream(&nothing).await.name, FINE);
    assert_eq!(album.counters().await, (1, total - 3, 3));
    let sound = vec![1_u8; 5 * BLOCK];
    let body = (sound.as_slice(),);
    let refusal =
        album.burner.client.refusal(&album.redbook, "Redbook", "AddAudioTrackBlocks", &body).await.unwrap();
    assert_eq!(refusal.name, "DiscFull");
    assert!(refusal.message.contains("3 blocks"), "{}", refusal.message);
    assert_eq!(album.counters().await, (1, total, 0));
    assert_eq!(album.blocks(&[1; BLOCK]).await, "DiscFull");
    assert_eq!(album.close().await, FINE);
    assert_eq!(album.create().await, "DiscFull");
    let file = album.file(&album.wav("more.wav", &vec![1; 400 * BLOCK]), []).await;
    assert_eq!(file.name, "DiscFull", "{}", file.message);
    assert_eq!(album.counters().await, (1, total, 0));
}

#[tokio::test]
async fn a_disc_has_ninety_nine_tracks_and_not_one_more() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    for _ in 0..99 {
        assert_eq!(album.create().await, FINE);
        assert_eq!(album.blocks(&[3; BLOCK]).await, FINE);
        assert_eq!(album.close().await, FINE);
    }
    assert_eq!(album.create().await, "LimitsExceeded");
    assert_eq!(album.counters().await.0, 99);
    assert_eq!(album.counters().await.1, 99 * 300 + 98 * GAP);
}

#[tokio::test]
async fn files_are_decoded_with_their_tags_and_are_added_wholly_or_not_at_all() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let wav = album.wav("a.wav", &vec![9; 400 * BLOCK + 1000]);
    let flac = bench.dir().join("a.flac");
    let tags = ["TITLE=An die Freude", "ARTIST=Chor", "ALBUM=Neunte", "ISRC=DEA123456789"];
    let tags = tags.iter().flat_map(|tag| ["-T", tag]);
    assert!(
        Command::new("flac").args(["-s", "-o"]).arg(&flac).args(tags).arg(&wav).status().unwrap().success()
    );
    assert_eq!(album.file(&flac, []).await.name, FINE);
    assert_eq!(album.counters().await.1, 401);
    assert_eq!(album.text(1, "Title").await, "An die Freude");
    assert_eq!(album.text(1, "Isrc").await, "DEA123456789");
    assert_eq!(
        (album.text(0, "Title").await, album.text(0, "Performer").await),
        ("Neunte".into(), "Chor".into())
    );
    // The second goes on inside of the first one's last block.
    let gapless = album.file(&wav, [("gapless", true.into()), ("tags", false.into())]).await;
    assert_eq!(gapless.name, FINE, "{}", gapless.message);
    assert_eq!(album.counters().await.1, 401 + GAP + 400);

    let before = album.counters().await;
    let bytes = fs::read(&flac).unwrap();
    let broken = bench.dir().join("broken.flac");
    fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    let refused = album.file(&broken, []).await;
    assert_eq!(refused.name, "FileDamaged", "{}", refused.message);
    assert!(refused.message.contains("broken.flac"), "{}", refused.message);
    fs::write(&broken, "This is not music").unwrap();
    assert_eq!(album.file(&broken, []).await.name, "NotSupported");
    let folder = album.file(bench.dir(), []).await;
    assert_eq!(folder.name, "FileUnreadable", "{}", folder.message);
    assert_eq!(album.file(&wav, [("loudness", true.into())]).await.name, ARGS);
    assert_eq!(album.counters().await, before);
}

#[tokio::test]
async fn sound_comes_through_a_pipe_in_pieces_of_any_length_and_can_be_cancelled() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    album.create().await;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let client = &album.burner.client;
    let job = client
        .path(&album.redbook, "Redbook", "AddAudioTrackStream", &(Fd::from(&reader), options([])))
        .await
        .unwrap();
    drop(reader);
    assert_eq!(album.burner.property::<String>("State").await, "adding");
    let written = tokio::task::spawn_blocking(move || {
        for piece in [1, 999, 4 * BLOCK, 300 * BLOCK] {
            writer.write_all(&vec![5; piece]).unwrap();
        }
    });
    written.await.unwrap();
    assert!(client.result(&job).await.0);
    assert_eq!(album.counters().await.1, 305);

    let (reader, writer) = std::io::pipe().unwrap();
    let job = client
        .path(&album.redbook, "Redbook", "AddAudioTrackStream", &(Fd::from(&reader), options([])))
        .await
        .unwrap();
    assert_eq!(album.close().await, "Busy");
    client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    assert_eq!(client.result(&job).await.1, "org.discmaster1.Error.UserAbort");
    drop(writer);
    assert_eq!(album.close().await, FINE);
}

#[tokio::test]
async fn only_a_blank_cd_will_do() {
    let bench = Bench::new().recorder("vd0", "dvd+r").recorder("vd1", "cd-r").start().await;
    let album = Album::open(&bench, "vd0").await;
    album.format("redbook").await;
    assert_eq!(album.burner.select().await.unwrap_err().name, "MediumInvalidType");
    album.burner.close().await.unwrap();
    let album = Album::ready(&bench, "vd1").await;
    album.create().await;
    let record = album.burner.record_with(options([])).await.unwrap_err();
    assert_eq!(record.name, OPEN);
    album.close().await;
    let record = album.burner.record_with(options([])).await.unwrap_err();
    assert_eq!(record.name, "InvalidImage");
}

#[tokio::test]
async fn files_are_staged_beside_the_sound_where_the_disc_has_a_track_of_data() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let burner = &album.burner;
    let small = bench.dir().join("small");
    fs::write(&small, vec![7; 600_000]).unwrap();
    assert_eq!(burner.stage(&small).await.unwrap_err().name, "WrongFormat");
    album.say(0, options([("DataTrack", true.into())])).await;
    album.track(&vec![1; 300 * BLOCK]).await;
    assert_eq!(album.burn([]).await.name, "InvalidImage", "no file is staged for the track of data");

    let room = async || -> u64 {
        burner.client.call(&burner.joliet, "Joliet", "GetTotalDataBlocks", &()).await.unwrap()
    };
    let (before, total) = (room().await, album.total().await);
    // The sound, a gap before it with the blocks that run out, and a post-gap.
    assert_eq!(total - before, 300 + 152 + 150);
    burner.stage(&small).await.unwrap();
    let image = burner.used().await;
    assert!((294..700).contains(&image), "{image} blocks");
    assert_eq!((room().await, album.counters().await.1), (before, image + 150 + 152 + 300));
    album.track(&vec![1; 300 * BLOCK]).await;
    assert_eq!(room().await, before - 452);

    let large = bench.dir().join("large");
    fs::File::create(&large).unwrap().set_len(before * 2048).unwrap();
    assert_eq!(burner.stage(&large).await.unwrap_err().name, "DiscFull");
    let off = (options([("DataTrack", false.into())]),);
    assert_eq!(album.name("SetRedbookProperties", &off).await, "org.freedesktop.DBus.Error.InvalidArgs");
    burner.client.call::<()>(&burner.joliet, "Joliet", "Remove", &"/small").await.unwrap();
    assert_eq!(album.name("SetRedbookProperties", &off).await, "");
    assert_eq!(album.counters().await.1, 300 + 152 + 300);
    // The root is everything that is staged of files, and nothing of sound.
    album.say(0, options([("DataTrack", true.into())])).await;
    burner.stage(&small).await.unwrap();
    burner.client.call::<()>(&burner.joliet, "Joliet", "Remove", &"/").await.unwrap();
    assert_eq!(album.counters().await.0, 2);
    burner.stage(&small).await.unwrap();
    let ended = album.burn([]).await;
    assert_eq!((ended.name.as_str(), ended.message.as_str()), ("", ""));
    album.say(0, options([("DataTrack", true.into())])).await;
    burner.client.call::<()>(&burner.session, "Session", "ClearFormatContent", &()).await.unwrap();
    assert_eq!(burner.stage(&small).await.unwrap_err().name, "WrongFormat");
}

#[tokio::test]
async fn beside_a_track_of_data_a_disc_has_ninety_eight_tracks_of_sound() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    album.say(0, options([("DataTrack", true.into()), ("Gapless", true.into())])).await;
    for _ in 0..98 {
        album.track(&vec![1; BLOCK]).await;
    }
    assert_eq!(album.create().await, "LimitsExceeded");
    album.say(0, options([("DataTrack", false.into())])).await;
    album.track(&vec![1; BLOCK]).await;
    let on = (options([("DataTrack", true.into())]),);
    assert_eq!(album.name("SetRedbookProperties", &on).await, "LimitsExceeded");
    let file = bench.dir().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(album.burner.stage(&file).await.unwrap_err().name, "WrongFormat");
}

#[tokio::test]
async fn a_track_of_data_comes_ready_made_as_well_wholly_or_not_at_all() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let album = Album::ready(&bench, "vd0").await;
    let image = |name: &str, bytes: u64| {
        let path = bench.dir().join(name);
        File::create(&path).unwrap().set_len(bytes).unwrap();
        path
    };
    album.say(0, options([("DataTrack", true.into())])).await;
    assert_eq!(album.image(&image("whole", 400 * 2048)).await.name, "");
    assert_eq!(album.counters().await.1, 400 + 150);
    // What fails leaves the one before; what succeeds replaces it.
    let total = album.total().await;
    for (name, bytes, error) in
        [("cut", 401 * 2048 - 1, IMAGE), ("empty", 0, IMAGE), ("long", (total + 1) * 2048, "DiscFull")]
    {
        assert_eq!(album.image(&image(name, bytes)).await.name, error, "{name}");
        assert_eq!(album.counters().await.1, 400 + 150, "{name}");
    }
    assert_eq!(album.image(&image("other", 500 * 2048)).await.name, "");
    assert_eq!(album.counters().await.1, 500 + 150);
    // Files would be a second image.
    assert_eq!(album.burner.stage(&bench.dir().join("whole")).await.unwrap_err().name, WRONG);
    assert_eq!(album.name("SetRedbookProperties", &(options([("DataTrack", false.into())]),)).await, ARGS);
    album.track(&vec![1; 300 * BLOCK]).await;
    let ended = album.burn([("verify", "full".into())]).await;
    assert_eq!((ended.name.as_str(), ended.message.as_str()), ("", ""));
}
