//! What may be called when, and what a call clears: IMAPI's rules for data discs, each broken once over the bus.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::PathBuf;

use support::burner::{Burner, descriptor, object};
use support::processes::{STAGER, helper};
use support::{Bench, Client, Refusal, options};
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
    async fn session(&self, recorder: &str, state: &str) -> Burner {
        let open = Burner::open(&self.bench, recorder, false).await;
        if state == "closed" {
            open.close().await.unwrap();
        } else if state != "open" {
            open.format().await;
        }
        if ["ready", "staged"].contains(&state) {
            open.select().await.unwrap();
        }
        if state == "staged" {
            open.stage(&self.folder).await.unwrap();
        }
        assert_eq!(open.property::<String>("State").await, if state == "staged" { "ready" } else { state });
        open
    }

    /// Does one call of the table; the refusal's name.
    async fn call(&self, open: &Burner, method: &str) -> String {
        let Burner { client, session, joliet, recorder } = open;
        let wait = || options([("wait", true.into())]);
        let path = || OwnedObjectPath::try_from(recorder.as_str()).unwrap();
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
    let mut wrong = Vec::new();
    for (column, state) in STATES.into_iter().enumerate().take(5) {
        for (method, answers) in RULES {
            let open = stage.session("vd0", state).await;
            let answer = stage.call(&open, method).await;
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
    let mut wrong = Vec::new();
    for (column, state) in [(5, "adding"), (6, "burning")] {
        let open = stage.session("vd0", "staged").await;
        let stager = helper(stage.bench.daemon_pid(), STAGER);
        let stopped = stager.stop();
        let job = match state {
            "adding" => {
                let add = (stage.more.to_str().unwrap(), options([]));
                open.client.path(&open.joliet, "Joliet", "AddPath", &add).await.unwrap()
            }
            _ => open.record().await.unwrap(),
        };
        for (method, answers) in RULES {
            let answer = stage.call(&open, method).await;
            if answer != answers[column] {
                wrong.push(format!("{method} when {state}: {answer:?} instead of {:?}", answers[column]));
            }
        }
        open.client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
        drop(stopped);
        assert_eq!(open.client.result(&job).await.1, "org.discmaster1.Error.UserAbort");
        open.close().await.unwrap();
        stager.ended().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_call_that_waits_for_the_stager_makes_the_next_one_busy_and_not_wait() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let open = stage.session("vd0", "staged").await;
    let stager = helper(stage.bench.daemon_pid(), STAGER);
    let stopped = stager.stop();
    let clearing = open.client.refusal(&open.session, "Session", "ClearFormatContent", &());
    let then = async {
        let refused = loop {
            let refused = open.client.refusal(&open.joliet, "Joliet", "List", &"/").await.unwrap();
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
    let recorder = "/org/discmaster1/recorders/vd0";
    let name = async |client: &Client, method: &str| {
        let speed = (options([("WriteSpeed", 1000_u32.into())]),);
        let refusal = match method {
            "SetRecorderProperties" => client.refusal(recorder, "Recorder", method, &speed).await,
            _ => client.refusal(recorder, "Recorder", method, &()).await,
        };
        refusal.map_or_else(String::new, |one| one.name)
    };
    let media = async |client: &Client, answer: &str| {
        for method in ["QueryMediaType", "QueryMediaInfo", "SetRecorderProperties"] {
            assert_eq!(name(client, method).await, answer, "{method}");
        }
    };
    media(&client, CLOSED).await;
    assert_eq!(name(&client, "Close").await, CLOSED);
    assert_eq!(name(&client, "OpenExclusive").await, FINE);
    media(&client, FINE).await;
    assert_eq!(name(&client, "OpenExclusive").await, "AlreadyOpen");
    assert_eq!(name(&client, "Close").await, FINE);
    // Unlike the session's, a recorder's Close is not idempotent.
    assert_eq!(name(&client, "Close").await, CLOSED);
    media(&client, CLOSED).await;
    // A session holds its recorder as well, without having opened it for itself alone.
    let open = stage.session("vd0", "open").await;
    media(&open.client, FINE).await;
    assert_eq!(name(&open.client, "Close").await, CLOSED);
    open.close().await.unwrap();
    media(&open.client, CLOSED).await;
    // Who it is and what it does can be asked without.
    let free = ["GetRecorderGUID", "GetRecorderType", "GetDisplayNames", "GetBasePnPID", "GetPath"];
    for method in free.into_iter().chain(["GetRecorderState", "GetRecorderProperties"]) {
        assert_eq!(name(&client, method).await, FINE, "{method}");
    }
}

#[tokio::test]
async fn a_session_keeps_others_from_its_recorder_and_keeps_to_it() {
    let stage = Stage::new(&[("vd0", "cd-rw"), ("vd1", "cd-r")]).await;
    let open = stage.session("vd0", "staged").await;
    let other = stage.bench.client().await;
    let refusal = async |method: &str| {
        let refusal = match method {
            "Erase" => other.refusal(&open.recorder, "Recorder", method, &(false, options([]))).await,
            _ => other.refusal(&open.recorder, "Recorder", method, &()).await,
        };
        refusal.unwrap()
    };
    assert_eq!(refusal("OpenExclusive").await.name, "DeviceNotAccessible");
    for method in ["Eject", "Load", "Erase"] {
        assert_eq!(refusal(method).await.name, "StashInUse", "{method}");
    }
    let wrong = async |id: &str| {
        let path = format!("/org/discmaster1/recorders/{id}");
        open.select_other(&path).await.unwrap_err().name
    };
    assert_eq!(wrong("vd1").await, "DeviceNotAccessible");
    assert_eq!(wrong("vd9").await, "DeviceNotPresent");
    assert_eq!(open.recorded(options([])).await, Refusal::new(FINE, String::new()));
}

#[tokio::test]
async fn a_burn_goes_to_the_disc_and_the_drive_that_were_selected() {
    let mut stage = Stage::new(&[("vd0", "cd-r")]).await;
    let open = stage.session("vd0", "staged").await;
    let client = &open.client;
    let other = stage.bench.dir().join("other.disc");
    stage.bench.control("vd0", &["eject"]);
    stage.bench.control("vd0", &["insert", other.to_str().unwrap(), "--create=cd-r-74"]);
    client
        .until("the other disc is looked at", async || {
            let total = client.property::<u64>(&open.recorder, "Medium", "TotalBlocks").await.ok()?;
            (total < 340_000).then_some(())
        })
        .await;
    let refused = open.recorded(options([])).await;
    assert_eq!(refused.name, "WrongDisc", "{}", refused.message);
    assert!(refused.message.contains("SetActiveDiscRecorder"), "{}", refused.message);
    assert!(client.property::<bool>(&open.recorder, "Medium", "Blank").await.unwrap());

    stage.bench.unplug("vd0");
    client
        .until("the recorder is gone", async || {
            let recorders: Vec<OwnedObjectPath> =
                client.call(&open.session, "Session", "EnumDiscRecorders", &()).await.unwrap();
            recorders.is_empty().then_some(())
        })
        .await;
    assert_eq!(open.recorded(options([])).await.name, "DeviceNotPresent");
    let gone = client.refusal(&open.session, "Session", "GetActiveDiscRecorder", &()).await;
    assert_eq!(gone.unwrap().name, "DeviceNotPresent");
    assert_eq!(open.property::<String>("State").await, "format");
    assert_eq!(open.property::<OwnedObjectPath>("ActiveRecorder").await.as_str(), "/");

    // Plugged in again it has to be selected again. The image is still there.
    stage.bench.plug("vd0");
    client.looked_at("vd0").await;
    assert_eq!(open.recorded(options([])).await.name, "DeviceNotPresent");
    open.select().await.unwrap();
    assert_eq!(open.recorded(options([("verify", "full".into())])).await.name, FINE);
}

#[tokio::test]
async fn options_that_are_unknown_or_of_a_wrong_type_are_refused_by_name() {
    let stage = Stage::new(&[("vd0", "cd-rw")]).await;
    let open = stage.session("vd0", "staged").await;
    let Burner { client, session, joliet, recorder } = &open;
    let path = || OwnedObjectPath::try_from(recorder.as_str()).unwrap();
    let folder = stage.folder.to_str().unwrap();
    let add = ["destination", "overwrite", "copy", "special-files", "wait"];
    let methods: &[(&str, &str, &str, &[&str])] = &[
        ("/org/discmaster1", "DiscMaster", "Open", &["recorder", "detached", "client-name"]),
        (session, "Session", "SetActiveDiscRecorder", &["multisession"]),
        (session, "Session", "RecordDisc", &["simulate", "eject", "verify", "speed", "close", "wait"]),
        (joliet, "Joliet", "AddData", &add),
        (joliet, "Joliet", "AddPath", &add),
        (joliet, "Joliet", "SetJolietProperties", &["VolumeName", "LongNames"]),
        (recorder, "Recorder", "SetRecorderProperties", &["WriteSpeed", "AudioGapSize"]),
        (recorder, "Recorder", "SetRecorderProperties", &["MaxWriteSpeed", "EnableBufferUnderrunFree"]),
        (recorder, "Recorder", "Erase", &["eject", "wait"]),
        (recorder, "Recorder", "Format", &["format", "full", "eject", "unmount", "wait"]),
    ];
    for (at, interface, method, known) in methods.iter().copied() {
        for name in known.iter().copied().chain(["surprise"]) {
            let dict = || options([(name, 0.5_f64.into())]);
            let refusal = match method {
                "SetActiveDiscRecorder" => client.refusal(at, interface, method, &(path(), dict())).await,
                "AddData" => {
                    client.refusal(at, interface, method, &(descriptor(&stage.folder), dict())).await
                }
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
    assert_eq!(open.recorded(options([("verify", "full".into())])).await.name, FINE);
}

#[tokio::test]
async fn words_and_figures_out_of_range_are_refused_with_what_is_possible() {
    let stage = Stage::new(&[("vd0", "cd-r")]).await;
    let open = stage.session("vd0", "staged").await;
    let client = &open.client;
    for (wish, says) in [
        (("verify", "later".into()), "none, quick, full"),
        (("close", "never".into()), "finalise, appendable"),
        (("speed", 0_u32.into()), "fastest"),
    ] {
        let refused = open.record_with(options([wish])).await.unwrap_err();
        assert_eq!(refused.name, ARGS);
        assert!(refused.message.contains(says), "{}", refused.message);
    }
    let relative = ("folder", options([]));
    let refused = client.refusal(&open.joliet, "Joliet", "AddPath", &relative).await.unwrap();
    assert_eq!((refused.name.as_str(), refused.message.contains("absolute")), (ARGS, true));
    let append = options([("multisession", "append".into())]);
    let append = (OwnedObjectPath::try_from(open.recorder.as_str()).unwrap(), append);
    let refused = client.refusal(&open.session, "Session", "SetActiveDiscRecorder", &append).await;
    assert_eq!(refused.unwrap().name, "CannotWriteToMedia");
    for wish in [("client-name", "".into()), ("client-name", "a\nb".into())] {
        assert_eq!(client.open(options([wish])).await.unwrap_err().name, ARGS);
    }
    assert_eq!(client.open(options([("recorder", object("/"))])).await.unwrap_err().name, "DeviceNotPresent");
}
