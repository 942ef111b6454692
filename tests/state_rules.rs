//! What may be called when, and what a call clears: IMAPI's rules for data discs, each broken once over the bus.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::PathBuf;

use support::processes::{STAGER, helper};
use support::steps::{Open, descriptor, object, recorder_path};
use support::{Bench, Client, options};
use zbus::OwnedObjectPath;

/// What every state is called, in the order of the table's columns.
const STATES: [&str; 7] = ["closed", "open", "format", "ready", "staged", "adding", "burning"];

const FINE: &str = "";
const CLOSED: &str = "NotOpened";
const FORMAT: &str = "NoActiveFormat";
const RECORDER: &str = "NoActiveRecorder";
const IMAGE: &str = "InvalidImage";
const ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";
const BUSY: &str = "Busy";

/// What a call answers in each state of a session. `Close` is last: it ends the state.
#[rustfmt::skip]
const RULES: &[(&str, [&str; 7])] = &[
    //                             closed  open    format    ready     staged  adding  burning
    ("EnumDiscMasterFormats",     [CLOSED, FINE,   FINE,     FINE,     FINE,   FINE,   FINE]),
    ("GetActiveDiscMasterFormat", [CLOSED, FORMAT, FINE,     FINE,     FINE,   FINE,   FINE]),
    ("SetActiveDiscMasterFormat", [CLOSED, FINE,   FINE,     FINE,     FINE,   BUSY,   BUSY]),
    ("EnumDiscRecorders",         [CLOSED, FORMAT, FINE,     FINE,     FINE,   FINE,   FINE]),
    ("GetActiveDiscRecorder",     [CLOSED, FORMAT, RECORDER, FINE,     FINE,   FINE,   FINE]),
    ("SetActiveDiscRecorder",     [CLOSED, FORMAT, FINE,     FINE,     FINE,   BUSY,   BUSY]),
    ("ClearFormatContent",        [CLOSED, FINE,   FINE,     FINE,     FINE,   BUSY,   BUSY]),
    ("RecordDisc",                [CLOSED, FORMAT, RECORDER, IMAGE,    FINE,   BUSY,   BUSY]),
    ("GetTotalDataBlocks",        [CLOSED, FORMAT, RECORDER, FINE,     FINE,   FINE,   FINE]),
    ("GetUsedDataBlocks",         [CLOSED, FORMAT, FINE,     FINE,     FINE,   FINE,   FINE]),
    ("GetDataBlockSize",          [CLOSED, FORMAT, FINE,     FINE,     FINE,   FINE,   FINE]),
    ("AddData",                   [CLOSED, FORMAT, FINE,     FINE,     FINE,   BUSY,   BUSY]),
    ("AddPath",                   [CLOSED, FORMAT, FINE,     FINE,     FINE,   BUSY,   BUSY]),
    ("Remove",                    [CLOSED, FORMAT, ARGS,     ARGS,     FINE,   BUSY,   BUSY]),
    ("List",                      [CLOSED, FORMAT, FINE,     FINE,     FINE,   BUSY,   BUSY]),
    ("GetJolietProperties",       [CLOSED, FORMAT, FINE,     FINE,     FINE,   FINE,   FINE]),
    ("SetJolietProperties",       [CLOSED, FORMAT, FINE,     FINE,     FINE,   BUSY,   BUSY]),
    ("Close",                     [FINE,   FINE,   FINE,     FINE,     FINE,   FINE,   BUSY]),
];

/// A bench with recorders, and two files to stage.
struct Stage {
    bench: Bench,
    folder: PathBuf,
    more: PathBuf,
}

impl Stage {
    async fn new(recorders: &[(&str, &str)]) -> Self {
        let setup = recorders.iter().fold(Bench::new(), |setup, (id, kind)| setup.recorder(id, kind));
        let bench = setup.start().await;
        let (folder, more) = (bench.dir().join("folder"), bench.dir().join("more"));
        for (place, name) in [(&folder, "letter.txt"), (&more, "answer.txt")] {
            fs::create_dir(place).unwrap();
            fs::write(place.join(name), format!("{name} was written by hand\n")).unwrap();
        }
        Self { bench, folder, more }
    }

    /// A session that has come to one of the states which last.
    async fn session<'c>(&self, client: &'c Client, recorder: &str, state: &str) -> Open<'c> {
        let open = client.open_on(recorder).await;
        if state == "closed" {
            open.close().await.unwrap();
        } else if state != "open" {
            open.format().await;
        }
        if ["ready", "staged"].contains(&state) {
            open.select(recorder).await.unwrap();
        }
        if state == "staged" {
            open.stage(&self.folder).await.unwrap();
        }
        assert_eq!(open.property::<String>("State").await, if state == "staged" { "ready" } else { state });
        open
    }

    /// Does one call of the table; the refusal's name.
    async fn call(&self, open: &Open<'_>, recorder: &str, method: &str) -> String {
        let Open { client, session, joliet } = open;
        let wait = || options([("wait", true.into())]);
        let path = || OwnedObjectPath::try_from(recorder_path(recorder)).unwrap();
        let more = self.more.to_str().unwrap();
        let simulate = || (options([("simulate", true.into()), ("wait", true.into())]),);
        let refusal = match method {
            "SetActiveDiscMasterFormat" => client.refusal(session, "Session", method, &"joliet").await,
            "SetActiveDiscRecorder" => {
                client.refusal(session, "Session", method, &(path(), options([]))).await
            }
            "RecordDisc" => client.refusal(session, "Session", method, &simulate()).await,
            "AddData" => client.refusal(joliet, "Joliet", method, &(descriptor(&self.more), wait())).await,
            "AddPath" => client.refusal(joliet, "Joliet", method, &(more, wait())).await,
            "Remove" => client.refusal(joliet, "Joliet", method, &"/letter.txt").await,
            "List" => client.refusal(joliet, "Joliet", method, &"/").await,
            "SetJolietProperties" => {
                let properties = (options([("VolumeName", "LETTERS".into())]),);
                client.refusal(joliet, "Joliet", method, &properties).await
            }
            _ if method.contains("Joliet") || method.contains("Data") => {
                client.refusal(joliet, "Joliet", method, &()).await
            }
            _ => client.refusal(session, "Session", method, &()).await,
        };
        refusal.map(|refusal| refusal.name).unwrap_or_default()
    }
}

#[tokio::test]
async fn in_every_state_of_a_session_every_call_answers_as_the_table_says() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let client = stage.bench.client().await;
    let mut wrong = Vec::new();
    for (column, state) in STATES.into_iter().enumerate().take(5) {
        for (method, answers) in RULES {
            let open = stage.session(&client, "vd0", state).await;
            let answer = stage.call(&open, "vd0", method).await;
            if answer != answers[column] {
                wrong.push(format!("{method} when {state}: {answer:?} instead of {:?}", answers[column]));
            }
            open.close().await.unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn while_a_job_runs_every_call_answers_as_the_table_says() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let client = stage.bench.client().await;
    let mut wrong = Vec::new();
    for (column, state) in [(5, "adding"), (6, "burning")] {
        let open = stage.session(&client, "vd0", "staged").await;
        let stager = helper(stage.bench.daemon_pid(), STAGER);
        let stopped = stager.stop();
        let job = match state {
            "adding" => {
                let add = (stage.more.to_str().unwrap(), options([]));
                client.path(&open.joliet, "Joliet", "AddPath", &add).await.unwrap()
            }
            _ => open.record(options([])).await.unwrap(),
        };
        for (method, answers) in RULES {
            let answer = stage.call(&open, "vd0", method).await;
            if answer != answers[column] {
                wrong.push(format!("{method} when {state}: {answer:?} instead of {:?}", answers[column]));
            }
        }
        client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
        drop(stopped);
        assert_eq!(client.result(&job).await.1, "org.discmaster1.Error.UserAbort");
        open.close().await.unwrap();
        stager.ended().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_call_that_waits_for_the_stager_makes_the_next_one_busy_and_not_wait() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let client = stage.bench.client().await;
    let open = stage.session(&client, "vd0", "staged").await;
    let stager = helper(stage.bench.daemon_pid(), STAGER);
    let stopped = stager.stop();
    let clearing = open.client.refusal(&open.session, "Session", "ClearFormatContent", &());
    let then = async {
        let refused = loop {
            let refused = client.refusal(&open.joliet, "Joliet", "List", &"/").await.unwrap();
            if refused.name == "Busy" {
                break refused;
            }
        };
        assert!(refused.message.contains("ClearFormatContent"), "{}", refused.message);
        drop(stopped);
    };
    assert_eq!(tokio::join!(clearing, then).0, None);
    assert_eq!(open.used().await, 0);
}

#[tokio::test]
async fn media_calls_of_a_recorder_want_it_held() {
    let stage = Stage::new(&[("vd0", "cd-rw")]).await;
    let client = stage.bench.client().await;
    let recorder = recorder_path("vd0");
    let speed = (options([("WriteSpeed", 1000_u32.into())]),);
    let refusals = async || {
        let mut refusals = Vec::new();
        for method in ["QueryMediaType", "QueryMediaInfo"] {
            refusals.push(client.refusal(&recorder, "Recorder", method, &()).await);
        }
        refusals.push(client.refusal(&recorder, "Recorder", "SetRecorderProperties", &speed).await);
        refusals
            .into_iter()
            .map(|refusal| refusal.map_or_else(String::new, |one| one.name))
            .collect::<Vec<_>>()
    };
    let name = async |method: &str| {
        let refusal = client.refusal(&recorder, "Recorder", method, &()).await;
        refusal.map_or_else(String::new, |one| one.name)
    };
    assert_eq!(refusals().await, [CLOSED; 3]);
    assert_eq!(name("Close").await, CLOSED);
    assert_eq!(name("OpenExclusive").await, FINE);
    assert_eq!(refusals().await, [FINE; 3]);
    assert_eq!(name("OpenExclusive").await, "AlreadyOpen");
    assert_eq!(name("Close").await, FINE);
    // Unlike the session's, a recorder's Close is not idempotent.
    assert_eq!(name("Close").await, CLOSED);
    assert_eq!(refusals().await, [CLOSED; 3]);
    let open = client.open_on("vd0").await;
    assert_eq!(refusals().await, [FINE; 3]);
    assert_eq!(name("Close").await, CLOSED);
    open.close().await.unwrap();
    assert_eq!(refusals().await, [CLOSED; 3]);
    // Who it is and what it does can be asked without.
    for method in [
        "GetRecorderGUID",
        "GetRecorderType",
        "GetDisplayNames",
        "GetBasePnPID",
        "GetPath",
        "GetRecorderState",
    ] {
        assert_eq!(name(method).await, FINE, "{method}");
    }
}

#[tokio::test]
async fn somebody_elses_exclusive_opening_stands_in_the_way_of_recording_and_ones_own_does_not() {
    let stage = Stage::new(&[("vd0", "cd-r"), ("vd1", "cd-r")]).await;
    let (one, other) = (stage.bench.client().await, stage.bench.client().await);
    let recorder = recorder_path("vd0");
    other.call::<()>(&recorder, "Recorder", "OpenExclusive", &()).await.unwrap();
    let open = stage.session(&one, "vd0", "staged").await;
    let refused = open.record(options([])).await.unwrap_err();
    assert_eq!(refused.name, "DeviceNotAccessible");
    let holder = format!("connection {}", other.connection.unique_name().unwrap());
    assert!(refused.message.contains(&holder), "{}", refused.message);
    assert_eq!(one.refusal(&recorder, "Recorder", "Eject", &()).await.unwrap().name, "DeviceNotAccessible");
    other.call::<()>(&recorder, "Recorder", "Close", &()).await.unwrap();
    // The other way round, a session keeps others from opening its recorder, and from moving its tray.
    for (method, name) in [("OpenExclusive", "DeviceNotAccessible"), ("Eject", "StashInUse")] {
        assert_eq!(other.refusal(&recorder, "Recorder", method, &()).await.unwrap().name, name);
    }
    one.call::<()>(&recorder, "Recorder", "OpenExclusive", &()).await.unwrap();
    assert_eq!(open.recorded(options([])).await, (String::new(), String::new()));
    // A recorder that the session does not cover cannot be selected.
    assert_eq!(open.select("vd1").await.unwrap_err().name, "DeviceNotAccessible");
    assert_eq!(open.select("vd9").await.unwrap_err().name, "DeviceNotPresent");
}

#[tokio::test]
async fn a_burn_goes_to_the_disc_and_the_drive_that_were_selected() {
    let mut stage = Stage::new(&[("vd0", "cd-r")]).await;
    let client = stage.bench.client().await;
    let open = stage.session(&client, "vd0", "staged").await;
    let other = stage.bench.dir().join("other.disc");
    stage.bench.control("vd0", &["eject"]);
    stage.bench.control("vd0", &["remove"]);
    assert_eq!(open.recorded(options([])).await.0, "MediumNotPresent");
    assert_eq!(open.select("vd0").await.unwrap_err().name, "MediumNotPresent");
    stage.bench.control("vd0", &["insert", other.to_str().unwrap(), "--create=cd-r-74"]);
    client.looked_at("vd0").await;
    let (name, message) = open.recorded(options([])).await;
    assert_eq!(name, "WrongDisc", "{message}");
    assert!(message.contains("SetActiveDiscRecorder"), "{message}");
    assert!(fs::metadata(other.with_extension("iso")).map_or(0, |file| file.len()) == 0, "the disc is blank");

    stage.bench.unplug("vd0");
    client
        .until("the recorder is gone", async || {
            let recorders: Vec<OwnedObjectPath> =
                client.call(&open.session, "Session", "EnumDiscRecorders", &()).await.unwrap();
            recorders.is_empty().then_some(())
        })
        .await;
    assert_eq!(open.recorded(options([])).await.0, "DeviceNotPresent");
    let gone = client.refusal(&open.session, "Session", "GetActiveDiscRecorder", &()).await;
    assert_eq!(gone.unwrap().name, "DeviceNotPresent");
    assert_eq!(open.property::<String>("State").await, "format");
    assert_eq!(open.property::<OwnedObjectPath>("ActiveRecorder").await.as_str(), "/");
    assert!(open.used().await > 0, "the image is kept");

    // Plugged in again it is another one, and has to be chosen again; the image is still there.
    stage.bench.plug("vd0");
    client.looked_at("vd0").await;
    assert_eq!(open.recorded(options([])).await.0, "DeviceNotPresent");
    open.select("vd0").await.unwrap();
    assert_eq!(open.recorded(options([("verify", "full".into())])).await.0, FINE);
}

#[tokio::test]
async fn a_full_or_unsuitable_disc_is_refused_when_it_is_selected() {
    let stage = Stage::new(&[("vd0", "cd-r"), ("vd1", "cd-rw")]).await;
    let client = stage.bench.client().await;
    for (recorder, advice) in [("vd0", "Insert a blank disc"), ("vd1", "Erase it first")] {
        let open = stage.session(&client, recorder, "staged").await;
        assert_eq!(open.recorded(options([])).await.0, FINE);
        let refused = open.select(recorder).await.unwrap_err();
        assert_eq!(refused.name, "CannotWriteToMedia");
        assert!(refused.message.contains(advice), "{}", refused.message);
        // The disc that was selected is not blank any more.
        assert_eq!(open.recorded(options([])).await.0, "WrongDisc");
        open.close().await.unwrap();
    }
    let erase = async |recorder: &str| {
        let body = (false, options([("wait", true.into())]));
        client.refusal(&recorder_path(recorder), "Recorder", "Erase", &body).await
    };
    assert_eq!(erase("vd0").await.unwrap().name, "MediumInvalidType");
    assert_eq!(erase("vd1").await, None);
    let open = stage.session(&client, "vd1", "ready").await;
    open.close().await.unwrap();
}

#[tokio::test]
async fn what_is_staged_does_not_fit_a_smaller_disc_and_stays_staged() {
    let stage = Stage::new(&[("vd0", "cd-r"), ("vd1", "cd-r:400")]).await;
    let client = stage.bench.client().await;
    let open = client.open_with(options([])).await;
    open.format().await;
    open.select("vd0").await.unwrap();
    fs::write(stage.folder.join("book"), vec![7; 500 * 2048]).unwrap();
    open.stage(&stage.folder).await.unwrap();
    let used = open.used().await;
    open.select("vd1").await.unwrap();
    let total: u64 = client.call(&open.joliet, "Joliet", "GetTotalDataBlocks", &()).await.unwrap();
    let (name, message) = open.recorded(options([])).await;
    assert_eq!(name, "DiscFull");
    assert!(message.contains(&used.to_string()) && message.contains(&total.to_string()), "{message}");
    // Nor does a single addition: what was staged before it stays as it was.
    assert_eq!(open.stage(&stage.more).await.unwrap_err().name, "DiscFull");
    assert_eq!(open.used().await, used);
    open.select("vd0").await.unwrap();
    assert_eq!(open.recorded(options([("verify", "full".into())])).await.0, FINE);
}

#[tokio::test]
async fn the_image_stays_valid_after_every_burn_until_it_is_cleared() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let client = stage.bench.client().await;
    let open = stage.session(&client, "vd0", "staged").await;
    let used = open.used().await;
    let disc = |name: &str| stage.bench.dir().join(name).to_str().unwrap().to_owned();
    let simulate = options([("simulate", true.into())]);
    assert_eq!(open.recorded(simulate).await.0, FINE);
    assert_eq!(open.used().await, used);
    stage.bench.control("vd0", &["fault", "write sense(3/0C/00)"]);
    let (name, message) = open.recorded(options([])).await;
    assert_eq!(name, "WriteFailed", "{message}");
    assert_eq!(open.used().await, used);
    for name in ["second.disc", "third.disc"] {
        stage.bench.control("vd0", &["insert", &disc(name), "--create=cd-r"]);
        open.select("vd0").await.unwrap();
        assert_eq!(open.recorded(options([("verify", "full".into())])).await.0, FINE, "{name}");
        assert_eq!(open.used().await, used);
    }
    let image = |name: &str| fs::read(disc(name).replace(".disc", ".iso")).unwrap();
    assert!(image("second.disc") == image("third.disc"), "the copies differ");

    stage.bench.control("vd0", &["insert", &disc("fourth.disc"), "--create=cd-r"]);
    open.select("vd0").await.unwrap();
    client.call::<()>(&open.session, "Session", "ClearFormatContent", &()).await.unwrap();
    assert_eq!((open.used().await, open.record(options([])).await.unwrap_err().name), (0, IMAGE.to_owned()));
    // Format, recorder and disc are still those that were selected.
    open.stage(&stage.more).await.unwrap();
    assert_eq!(open.recorded(options([])).await.0, FINE);
}

#[tokio::test]
async fn selecting_a_format_discards_what_is_staged_even_if_it_is_the_same() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let client = stage.bench.client().await;
    let open = stage.session(&client, "vd0", "staged").await;
    let named = (options([("VolumeName", "LETTERS".into())]),);
    client.call::<()>(&open.joliet, "Joliet", "SetJolietProperties", &named).await.unwrap();
    let mut signals = client.signals().await;
    open.format().await;
    signals.up_to(&open.session, "PnPActivity").await;
    assert_eq!((open.used().await, open.record(options([])).await.unwrap_err().name), (0, IMAGE.to_owned()));
    let (entries, _): (Vec<(String, String, u64, i64)>, bool) =
        client.call(&open.joliet, "Joliet", "List", &"/").await.unwrap();
    assert_eq!(entries, []);
    let unknown = client.refusal(&open.session, "Session", "SetActiveDiscMasterFormat", &"redbook").await;
    assert_eq!(unknown.unwrap().name, ARGS);
    // The recorder stays, and so does the format that was active before the refusal.
    open.stage(&stage.folder).await.unwrap();
    assert_eq!(open.recorded(options([])).await.0, FINE);
}

#[tokio::test]
async fn taking_the_last_entry_out_leaves_nothing_to_record() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let client = stage.bench.client().await;
    let open = stage.session(&client, "vd0", "staged").await;
    let missing = client.refusal(&open.joliet, "Joliet", "Remove", &"/nothing.txt").await;
    assert_eq!(missing.unwrap().name, ARGS);
    client.call::<()>(&open.joliet, "Joliet", "Remove", &"/letter.txt").await.unwrap();
    assert_eq!((open.used().await, open.record(options([])).await.unwrap_err().name), (0, IMAGE.to_owned()));
}

#[tokio::test]
async fn properties_last_until_close_and_the_speed_until_the_next_selection() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let client = stage.bench.client().await;
    let recorder = recorder_path("vd0");
    let figures = async |name: &str| -> u32 {
        let (mut properties,): (std::collections::HashMap<String, zbus::OwnedVariant>,) =
            client.call(&recorder, "Recorder", "GetRecorderProperties", &()).await.unwrap();
        properties.remove(name).unwrap().try_into().unwrap()
    };
    let set = async |name: &str, value: u32| {
        let body = (options([(name, value.into())]),);
        client.refusal(&recorder, "Recorder", "SetRecorderProperties", &body).await
    };
    let open = client.open_on("vd0").await;
    open.format().await;
    let fastest = figures("MaxWriteSpeed").await;
    assert!(fastest > 1000, "{fastest}");
    assert_eq!(figures("WriteSpeed").await, fastest);
    assert_eq!(set("WriteSpeed", 1000).await, None);
    assert_eq!(set("AudioGapSize", 75).await, None);
    assert_eq!((figures("WriteSpeed").await, figures("AudioGapSize").await), (1000, 75));
    open.select("vd0").await.unwrap();
    assert_eq!((figures("WriteSpeed").await, figures("AudioGapSize").await), (fastest, 75));
    assert_eq!(set("WriteSpeed", 2000).await, None);
    assert_eq!(set("WriteSpeed", fastest + 1).await.unwrap().name, ARGS);
    assert_eq!(figures("WriteSpeed").await, 2000);
    let named = (options([("VolumeName", "LETTERS".into()), ("LongNames", true.into())]),);
    client.call::<()>(&open.joliet, "Joliet", "SetJolietProperties", &named).await.unwrap();
    open.close().await.unwrap();
    assert_eq!((figures("WriteSpeed").await, figures("AudioGapSize").await), (fastest, 150));

    let open = client.open_on("vd0").await;
    open.format().await;
    let (properties,): (std::collections::HashMap<String, zbus::OwnedVariant>,) =
        client.call(&open.joliet, "Joliet", "GetJolietProperties", &()).await.unwrap();
    assert_eq!(properties["VolumeName"], zbus::Str::from("").into());
    assert_eq!(properties["LongNames"], false.into());
}

#[tokio::test]
async fn options_that_are_unknown_or_of_a_wrong_type_are_refused_by_name() {
    let stage = Stage::new(&[("vd0", "cd-rw")]).await;
    let client = stage.bench.client().await;
    let open = stage.session(&client, "vd0", "staged").await;
    let (root, recorder) = ("/org/discmaster1", recorder_path("vd0"));
    let path = || OwnedObjectPath::try_from(recorder.clone()).unwrap();
    let folder = stage.folder.to_str().unwrap();
    let fd = || descriptor(&stage.folder);
    // A method, and its options, each with a value of the type next to its own.
    let (session, joliet) = (open.session.as_str(), open.joliet.as_str());
    let methods: &[(&str, &str, &str, &[&str])] = &[
        (root, "DiscMaster", "Open", &["recorder", "detached", "client-name"]),
        (session, "Session", "SetActiveDiscRecorder", &["multisession"]),
        (session, "Session", "RecordDisc", &["simulate", "eject", "verify", "speed", "close", "wait"]),
        (joliet, "Joliet", "AddData", &["destination", "overwrite", "copy", "special-files", "wait"]),
        (joliet, "Joliet", "AddPath", &["destination", "overwrite", "copy", "special-files", "wait"]),
        (joliet, "Joliet", "SetJolietProperties", &["VolumeName", "LongNames"]),
        (&recorder, "Recorder", "SetRecorderProperties", &["WriteSpeed", "AudioGapSize"]),
        (&recorder, "Recorder", "SetRecorderProperties", &["MaxWriteSpeed", "EnableBufferUnderrunFree"]),
        (&recorder, "Recorder", "Erase", &["eject", "wait"]),
        (&recorder, "Recorder", "Format", &[]),
    ];
    for (at, interface, method, known) in methods.iter().copied() {
        for name in known.iter().copied().chain(["surprise"]) {
            let dict = || options([(name, 0.5_f64.into())]);
            let refusal = match method {
                "SetActiveDiscRecorder" => client.refusal(at, interface, method, &(path(), dict())).await,
                "AddData" => client.refusal(at, interface, method, &(fd(), dict())).await,
                "AddPath" => client.refusal(at, interface, method, &(folder, dict())).await,
                "Erase" => client.refusal(at, interface, method, &(true, dict())).await,
                _ => client.refusal(at, interface, method, &(dict(),)).await,
            };
            let refusal = refusal.unwrap_or_else(|| panic!("{method} takes a wrong {name}"));
            assert_eq!(refusal.name, ARGS, "{method} {name}");
            assert!(refusal.message.contains(&format!("“{name}”")), "{method}: {}", refusal.message);
        }
    }
    // Nothing was done on the way.
    assert_eq!(open.recorded(options([("verify", "full".into())])).await.0, FINE);
}

#[tokio::test]
async fn words_and_figures_out_of_range_are_refused_with_what_is_possible() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let client = stage.bench.client().await;
    let open = stage.session(&client, "vd0", "staged").await;
    for (wish, says) in [
        (("verify", "later".into()), "none, quick, full"),
        (("close", "never".into()), "finalise, appendable"),
        (("speed", 0_u32.into()), "fastest"),
    ] {
        let refused = open.record(options([wish])).await.unwrap_err();
        assert_eq!(refused.name, ARGS);
        assert!(refused.message.contains(says), "{}", refused.message);
    }
    let relative = ("folder", options([]));
    let refused = client.refusal(&open.joliet, "Joliet", "AddPath", &relative).await.unwrap();
    assert_eq!((refused.name.as_str(), refused.message.contains("absolute")), (ARGS, true));
    let append = (
        OwnedObjectPath::try_from(recorder_path("vd0")).unwrap(),
        options([("multisession", "append".into())]),
    );
    let refused = client.refusal(&open.session, "Session", "SetActiveDiscRecorder", &append).await;
    assert_eq!(refused.unwrap().name, "NotSupported");
    for wish in [("client-name", "".into()), ("client-name", "a\nb".into()), ("recorder", object("/nowhere"))]
    {
        assert!(client.open(options([wish])).await.is_err());
    }
}
