//! The rules of sessions, locks and jobs, each with the error that IMAPI gives it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::HashMap;

use support::burner::Burner;
use support::{Bench, Client, Refusal, options};
use zbus::{ObjectPath, OwnedObjectPath, OwnedVariant};

const VD0: &str = "/org/discmaster1/recorders/vd0";

async fn name_of<R>(client: &Client, path: &str, interface: &str, method: &str) -> String
where
    R: serde::de::DeserializeOwned + zbus::Type + std::fmt::Debug,
{
    client.call::<R>(path, interface, method, &()).await.unwrap_err().name
}

fn on(recorder: &str) -> (&'static str, zbus::Variant<'static>) {
    ("recorder", ObjectPath::try_from(recorder.to_owned()).unwrap().into())
}

fn name<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    result.unwrap_err().name
}

#[tokio::test]
async fn every_step_taken_too_early_is_refused_by_the_step_that_is_missing() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let client = bench.client().await;
    let session = client.open(options([])).await.unwrap();
    let joliet = format!("{session}/joliet");
    let record = async || name(client.path(&session, "Session", "RecordDisc", &(options([]),)).await);
    assert_eq!(
        name_of::<String>(&client, &session, "Session", "GetActiveDiscMasterFormat").await,
        "NoActiveFormat"
    );
    assert_eq!(
        name_of::<Vec<OwnedObjectPath>>(&client, &session, "Session", "EnumDiscRecorders").await,
        "NoActiveFormat"
    );
    assert_eq!(name_of::<u64>(&client, &joliet, "Joliet", "GetUsedDataBlocks").await, "NoActiveFormat");
    assert_eq!(record().await, "NoActiveFormat");

    client.path(&session, "Session", "SetActiveDiscMasterFormat", &"joliet").await.unwrap();
    assert_eq!(record().await, "NoActiveRecorder");
    assert_eq!(name_of::<u64>(&client, &joliet, "Joliet", "GetTotalDataBlocks").await, "NoActiveRecorder");
    assert_eq!(
        name_of::<OwnedObjectPath>(&client, &session, "Session", "GetActiveDiscRecorder").await,
        "NoActiveRecorder"
    );

    let select = (ObjectPath::try_from(VD0).unwrap(), options([]));
    client.call::<()>(&session, "Session", "SetActiveDiscRecorder", &select).await.unwrap();
    assert_eq!(record().await, "InvalidImage");

    client.call::<()>(&session, "Session", "Close", &()).await.unwrap();
    client.call::<()>(&session, "Session", "Close", &()).await.expect("closing a closed session is no error");
    assert_eq!(record().await, "NotOpened");
    assert_eq!(
        name_of::<Vec<String>>(&client, &session, "Session", "EnumDiscMasterFormats").await,
        "NotOpened"
    );
    assert_eq!(name_of::<u64>(&client, &joliet, "Joliet", "GetUsedDataBlocks").await, "NotOpened");
    assert_eq!(client.property::<String>(&session, "Session", "State").await.unwrap(), "closed");
}

#[tokio::test]
async fn what_is_wrong_with_an_argument_is_said_by_name() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let client = bench.client().await;
    let wrong = client.open(options([("detatched", true.into())])).await.unwrap_err();
    assert_eq!(wrong.name, "org.freedesktop.DBus.Error.InvalidArgs");
    assert!(wrong.message.contains("detatched"), "{}", wrong.message);
    let wrong = client.open(options([("detached", 1_u32.into())])).await.unwrap_err();
    assert_eq!(wrong.name, "org.freedesktop.DBus.Error.InvalidArgs");
    assert!(wrong.message.contains("detached"), "{}", wrong.message);
    assert_eq!(name(client.open(options([on("/org/discmaster1/recorders/vd9")])).await), "DeviceNotPresent");
    assert_eq!(name(client.open(options([on("/elsewhere")])).await), "DeviceNotPresent");
    let session = client.open(options([])).await.unwrap();
    let wrong = client.path(&session, "Session", "SetActiveDiscMasterFormat", &"udf").await.unwrap_err();
    assert_eq!(wrong.name, "org.freedesktop.DBus.Error.InvalidArgs");
    assert!(wrong.message.contains("joliet"), "{}", wrong.message);
}

#[tokio::test]
async fn a_recorder_has_one_session_and_a_refusal_says_whose() {
    let bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r").start().await;
    let (one, two) = (bench.client().await, bench.client().await);
    one.open(options([on(VD0), ("client-name", "brasero".into())])).await.unwrap();
    assert_eq!(name(one.open(options([on(VD0)])).await), "AlreadyOpen");
    assert_eq!(name(one.open(options([])).await), "AlreadyOpen");
    let refused = two.open(options([on(VD0)])).await.unwrap_err();
    assert_eq!(refused.name, "StashInUse");
    assert!(
        refused.message.contains("brasero (uid ") && refused.message.contains("vd0"),
        "{}",
        refused.message
    );
    assert_eq!(name(two.open(options([])).await), "StashInUse");
    two.open(options([on("/org/discmaster1/recorders/vd1")]))
        .await
        .expect("sessions on two recorders coexist");
    let holder: String = two.property(VD0, "Recorder", "Holder").await.unwrap();
    assert!(holder.starts_with("brasero (uid "), "{holder}");
}

#[tokio::test]
async fn a_session_ends_with_its_connection_unless_it_is_detached() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let other = bench.client().await;
    let client = bench.client().await;
    client.open(options([])).await.unwrap();
    assert_eq!(name(other.open(options([])).await), "StashInUse");
    drop(client);
    let session = other
        .until("the lock is given back", async || other.open(options([("detached", true.into())])).await.ok())
        .await;
    drop(other);
    let third = bench.client().await;
    third
        .call::<()>(&session, "Session", "ClearFormatContent", &())
        .await
        .expect("a detached session lives on");
    assert_eq!(name(third.open(options([("detached", true.into())])).await), "AlreadyOpen");
}

#[tokio::test]
async fn a_detached_session_ends_when_it_is_idle_for_too_long() {
    let bench = Bench::new().option("--idle-time=1").start().await;
    let client = bench.client().await;
    let session = client.open(options([("detached", true.into())])).await.unwrap();
    client
        .until("the session is closed", async || {
            let state: String = client.property(&session, "Session", "State").await.unwrap();
            (state == "closed").then_some(())
        })
        .await;
    client.open(options([])).await.expect("the lock is free again");
}

#[tokio::test]
async fn a_burn_outlives_its_client_and_the_session_ends_after_it() {
    let bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=8x"]).start().await;
    let burner = Burner::ready(&bench, "vd0", 4 << 20, false).await;
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    let refused = burner.close().await.unwrap_err();
    assert_eq!(refused.name, "Busy");
    let session = burner.session.clone();
    drop(burner);
    let other = bench.client().await;
    assert_eq!(name(other.open(options([])).await), "StashInUse");
    let (success, error, message, _) = other.result(&job).await;
    assert!(success, "{error}: {message}");
    other
        .until("the session is gone", async || {
            other.property::<String>(&session, "Session", "State").await.err()
        })
        .await;
    other.open(options([])).await.expect("the lock is free again");
}

#[tokio::test]
async fn a_disc_is_finished_though_the_broker_is_killed() {
    let mut bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=8x"]).start().await;
    let burner = Burner::ready(&bench, "vd0", 4 << 20, false).await;
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    bench.kill_daemon();
    drop(burner);
    let deadline = std::time::Instant::now() + support::DEADLINE;
    while !bench.control("vd0", &["dump"]).to_lowercase().contains("closed") {
        assert!(std::time::Instant::now() < deadline, "{}", bench.control("vd0", &["dump"]));
    }
    let listing =
        std::process::Command::new("isoinfo").args(["-J", "-f", "-i"]).arg(bench.disc("vd0")).output();
    assert!(String::from_utf8_lossy(&listing.unwrap().stdout).contains("/content.bin"));
}

#[tokio::test]
async fn only_the_owners_connection_hears_of_an_attached_session() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let other = bench.client().await;
    let mut overheard = other.signals().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let job = burner.record().await.unwrap();
    burner.client.result(&job).await;
    let mut names = Vec::new();
    loop {
        let signal = overheard.next().await;
        let ended = signal.name == "JobEnded"
            && signal.message.body().deserialize::<(ObjectPath<'_>, &str)>().unwrap().0 == *job;
        names.push(signal.name);
        if ended {
            break;
        }
    }
    let told = ["PnPActivity", "AddProgress", "BlockProgress", "PreparingBurn", "Completed", "BurnComplete"];
    assert!(!names.iter().any(|name| told.contains(&name.as_str())), "{names:?}");
}

#[tokio::test]
async fn what_a_detached_session_tells_everybody_names_no_file() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, true).await;
    std::fs::write(bench.dir().join("content.bin"), "other content").unwrap();
    let other = bench.client().await;
    let mut overheard = other.signals().await;
    let job = burner.record().await.unwrap();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert_eq!((success, error.as_str()), (false, "org.discmaster1.Error.FileChanged"));
    assert!(message.contains("content.bin"), "{message}");
    for signal in overheard.up_to(&burner.session, "BurnComplete").await {
        let text = format!("{:?}", signal.message.body());
        assert!(!text.contains("content.bin"), "{}: {text}", signal.name);
    }
}

#[tokio::test]
async fn the_disc_that_was_selected_is_recorded_and_no_other() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let job = burner.record().await.unwrap();
    assert!(burner.client.result(&job).await.0);
    assert_eq!(name(burner.record().await), "WrongDisc");
    let refused = burner.select().await.unwrap_err();
    assert_eq!(refused.name, "CannotWriteToMedia");
    assert!(refused.message.contains("Insert a blank disc"), "{}", refused.message);
    bench.control("vd0", &["eject"]);
    burner
        .client
        .until("the disc is gone", async || {
            burner.client.property::<String>(&burner.recorder, "Medium", "Kind").await.err()
        })
        .await;
    assert_eq!(name(burner.record().await), "MediumNotPresent");
    assert_eq!(name(burner.select().await), "MediumNotPresent");
}

#[tokio::test]
async fn an_unplugged_recorder_is_lost_and_the_image_is_not() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r").start().await;
    let client = bench.client().await;
    let mut signals = client.signals().await;
    let session = client.open(options([])).await.unwrap();
    let joliet = client.path(&session, "Session", "SetActiveDiscMasterFormat", &"joliet").await.unwrap();
    let burner = Burner { client, session, joliet, recorder: VD0.to_owned() };
    burner.select().await.unwrap();
    burner.add(&bench, 5000).await;
    signals.up_to(&burner.session, "AddProgress").await;
    bench.unplug("vd0");
    signals.up_to(&burner.session, "PnPActivity").await;
    assert_eq!(name(burner.record().await), "DeviceNotPresent");
    assert_eq!(name(burner.select().await), "DeviceNotPresent");
    let burner = Burner { recorder: "/org/discmaster1/recorders/vd1".to_owned(), ..burner };
    burner.select().await.unwrap();
    let job = burner.record().await.unwrap();
    assert!(burner.client.result(&job).await.0);
}

#[tokio::test]
async fn a_cancelled_burn_ends_with_user_abort() {
    let bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=8x"]).start().await;
    let burner = Burner::ready(&bench, "vd0", 4 << 20, false).await;
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    burner.client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert_eq!((success, error.as_str()), (false, "org.discmaster1.Error.UserAbort"), "{message}");
    burner
        .client
        .call::<()>(&job, "Job", "Cancel", &())
        .await
        .expect("cancelling what has ended changes nothing");
    burner.close().await.unwrap();
}

#[tokio::test]
async fn an_exclusive_opening_is_one_connections_and_keeps_others_from_recording() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let (one, two) = (bench.client().await, bench.client().await);
    let call = async |client: &Client, method| client.call::<()>(VD0, "Recorder", method, &()).await;
    assert_eq!(name_of::<(u32, u32)>(&one, VD0, "Recorder", "QueryMediaType").await, "NotOpened");
    assert_eq!(name(call(&one, "Close").await), "NotOpened");
    call(&one, "OpenExclusive").await.unwrap();
    assert_eq!(one.call::<(u32, u32)>(VD0, "Recorder", "QueryMediaType", &()).await.unwrap(), (1, 5));
    assert_eq!(name(call(&one, "OpenExclusive").await), "AlreadyOpen");
    assert_eq!(name(call(&two, "OpenExclusive").await), "DeviceNotAccessible");
    assert_eq!(name(call(&two, "Eject").await), "DeviceNotAccessible");

    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    assert_eq!(name(burner.record().await), "DeviceNotAccessible");
    call(&one, "Close").await.unwrap();
    burner.client.call::<()>(VD0, "Recorder", "OpenExclusive", &()).await.unwrap();
    let job = burner.record().await.expect("one's own exclusive opening is not in the way");
    assert!(burner.client.result(&job).await.0);
}

#[tokio::test]
async fn a_rewritable_disc_is_blank_again_after_an_erasure_and_a_write_once_disc_is_refused() {
    let bench = Bench::new().recorder("vd0", "cd-rw").recorder("vd1", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let job = burner.record().await.unwrap();
    assert!(burner.client.result(&job).await.0);
    let other = bench.client().await;
    let erase = (false, options([("wait", true.into())]));
    assert_eq!(name(other.path(VD0, "Recorder", "Erase", &erase).await), "StashInUse");
    let mut signals = burner.client.signals().await;
    burner.client.path(VD0, "Recorder", "Erase", &erase).await.unwrap();
    signals.up_to(&burner.session, "EraseComplete").await;
    assert!(burner.client.property::<bool>(VD0, "Medium", "Blank").await.unwrap());
    burner.select().await.expect("the disc is blank again");
    let vd1 = "/org/discmaster1/recorders/vd1";
    assert_eq!(name(other.path(vd1, "Recorder", "Erase", &erase).await), "MediumInvalidType");
}

#[tokio::test]
async fn the_tray_opens_and_closes_without_a_session_and_the_medium_follows() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let client = bench.client().await;
    client.call::<()>(VD0, "Recorder", "Eject", &()).await.unwrap();
    client
        .until("the disc is gone", async || client.property::<String>(VD0, "Medium", "Kind").await.err())
        .await;
    client.call::<()>(VD0, "Recorder", "Load", &()).await.unwrap();
    client.looked_at("vd0").await;
    assert_eq!(client.property::<String>(VD0, "Medium", "Kind").await.unwrap(), "CD-R");
    assert_eq!(client.property::<String>(VD0, "Recorder", "Holder").await.unwrap(), "");
}

#[tokio::test]
async fn recorder_properties_are_set_by_the_holder_and_checked() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let (one, two) = (bench.client().await, bench.client().await);
    let set = async |client: &Client, key: &'static str, value: zbus::Variant<'static>| {
        client.call::<()>(VD0, "Recorder", "SetRecorderProperties", &(options([(key, value)]),)).await
    };
    assert_eq!(name(set(&one, "AudioGapSize", 75_u32.into()).await), "NotOpened");
    one.open(options([])).await.unwrap();
    set(&one, "AudioGapSize", 75_u32.into()).await.unwrap();
    assert_eq!(name(set(&two, "AudioGapSize", 75_u32.into()).await), "StashInUse");
    let invalid = "org.freedesktop.DBus.Error.InvalidArgs";
    assert_eq!(name(set(&one, "AudioGapSize", 226_u32.into()).await), invalid);
    assert_eq!(name(set(&one, "MaxWriteSpeed", 1_u32.into()).await), invalid);
    assert_eq!(name(set(&one, "Colour", 1_u32.into()).await), invalid);
    set(&one, "EnableBufferUnderrunFree", false.into()).await.unwrap();
    let now: HashMap<String, OwnedVariant> =
        one.call(VD0, "Recorder", "GetRecorderProperties", &()).await.unwrap();
    assert_eq!(now["EnableBufferUnderrunFree"], OwnedVariant::from(false));
    assert_eq!(now["BufferUnderrunFreeCapable"], OwnedVariant::from(true));
}
