//! Locks while time goes on: recorders and clients come and go, discs are burned, nobody calls.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::{Duration, Instant};

use support::burner::{Burner, content, object};
use support::{Bench, Client, options};
use zbus::OwnedObjectPath;

const VD0: &str = "/org/discmaster1/recorders/vd0";
const VD1: &str = "/org/discmaster1/recorders/vd1";

/// Opens a session on one recorder; the error's name, or nothing.
async fn opened_on(client: &Client, recorder: &str) -> String {
    let opened = client.open(options([("recorder", object(recorder))])).await;
    opened.err().map_or_else(String::new, |refused| refused.name)
}

#[tokio::test]
async fn a_lock_on_every_recorder_covers_one_that_is_plugged_in_later() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r").start().await;
    bench.unplug("vd1");
    let (one, two) = (bench.client().await, bench.client().await);
    two.until("the recorder is gone", async || two.property::<String>(VD1, "Recorder", "State").await.err())
        .await;
    let session = one.open(options([("client-name", "brasero".into())])).await.unwrap();
    let locked =
        async || -> Vec<OwnedObjectPath> { one.property(&session, "Session", "Recorders").await.unwrap() };
    assert_eq!(locked().await.iter().map(|path| path.as_str()).collect::<Vec<_>>(), [VD0]);
    let mut signals = one.signals().await;
    bench.plug("vd1");
    signals.up_to(&session, "PnPActivity").await;
    two.looked_at("vd1").await;
    assert_eq!(locked().await.iter().map(|path| path.as_str()).collect::<Vec<_>>(), [VD0, VD1]);
    let holder: String = two.property(VD1, "Recorder", "Holder").await.unwrap();
    assert!(holder.starts_with("brasero (uid "), "{holder}");
    assert_eq!(opened_on(&two, VD1).await, "StashInUse");
    let refused = two.refusal(VD1, "Recorder", "OpenExclusive", &()).await.unwrap();
    assert_eq!(refused.name, "DeviceNotAccessible");
    // And it can be recorded in.
    let joliet = format!("{session}/joliet");
    let burner = Burner { client: one, session, joliet, recorder: VD1.to_owned() };
    burner.format().await;
    burner.select().await.unwrap();
    burner.add(&bench, 5000).await;
    assert_eq!(burner.recorded(options([])).await.name, "");
}

#[tokio::test]
async fn sessions_on_two_recorders_burn_at_the_same_time() {
    let slow = ["--create=cd-r", "--speed=6x"];
    let bench = Bench::new().recorder_with("vd0", &slow).recorder_with("vd1", &slow).start().await;
    let file = bench.dir().join("content.bin");
    std::fs::write(&file, content(3 << 20)).unwrap();
    let (one, two) = (Burner::open(&bench, "vd0", false).await, Burner::open(&bench, "vd1", false).await);
    for burner in [&one, &two] {
        burner.format().await;
        burner.select().await.unwrap();
        burner.stage(&file).await.unwrap();
    }
    let (first, second) = (one.record().await.unwrap(), two.record().await.unwrap());
    two.under_way(&second).await;
    one.under_way(&first).await;
    for (burner, job) in [(&one, first), (&two, second)] {
        let (success, error, message, _) = burner.client.result(&job).await;
        assert!(success, "{error}: {message}");
    }
}

#[tokio::test]
async fn a_detached_session_is_used_by_one_connection_after_another() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let Burner { client, session, joliet, recorder } = Burner::open(&bench, "vd0", true).await;
    drop(client);
    let step = async || {
        let (session, joliet, recorder) = (session.clone(), joliet.clone(), recorder.clone());
        Burner { client: bench.client().await, session, joliet, recorder }
    };
    step().await.format().await;
    step().await.select().await.unwrap();
    step().await.add(&bench, 5000).await;
    assert_eq!(opened_on(&bench.client().await, VD0).await, "AlreadyOpen");
    let job = step().await.record().await.unwrap();
    assert!(bench.client().await.result(&job).await.0);
    let last = step().await;
    last.client.call::<()>(&last.recorder, "Recorder", "Eject", &()).await.expect("the user holds it");
    last.close().await.unwrap();
    assert_eq!(opened_on(&bench.client().await, VD0).await, "");
}

#[tokio::test]
async fn an_exclusive_opening_ends_with_its_connection() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let (one, two) = (bench.client().await, bench.client().await);
    one.call::<()>(VD0, "Recorder", "OpenExclusive", &()).await.unwrap();
    let state = async || two.property::<String>(VD0, "Recorder", "State").await.unwrap();
    two.until("the recorder is shown as held", async || (state().await == "opened").then_some(())).await;
    drop(one);
    two.until("the recorder is free", async || (state().await == "idle").then_some(())).await;
    two.call::<()>(VD0, "Recorder", "OpenExclusive", &()).await.unwrap();
}

#[tokio::test]
async fn a_detached_session_lives_a_second_from_its_last_call_and_as_long_as_a_burn() {
    let setup = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=8x"]).option("--idle-time=1");
    let bench = setup.start().await;
    let burner = Burner::ready(&bench, "vd0", 3 << 20, true).await;
    let mut signals = burner.client.signals().await;
    let began = Instant::now();
    // Reading a property is no call; this is one.
    while began.elapsed() < Duration::from_millis(1400) {
        burner.used().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let job = burner.record().await.expect("an open session");
    let began = Instant::now();
    signals.up_to(&job, "Completed").await;
    let took = began.elapsed();
    assert!(took > Duration::from_millis(1200), "the burn took only {took:?}");
    let ended = Instant::now();
    assert!(burner.used().await > 0, "the session has outlived the burn");
    let closed = async || (burner.property::<String>("State").await == "closed").then(|| ended.elapsed());
    let lived = burner.client.until("the session is closed", closed).await;
    assert!(lived >= Duration::from_secs(1), "closed after {lived:?}");
    let refused = burner.client.refusal(&burner.session, "Session", "ClearFormatContent", &()).await;
    assert_eq!(refused.unwrap().name, "NotOpened");
    assert_eq!(opened_on(&burner.client, VD0).await, "");
}

#[tokio::test]
async fn the_last_sixteen_closed_sessions_are_remembered_and_their_connection_is_not() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let (client, other) = (bench.client().await, bench.client().await);
    let mut sessions = Vec::new();
    for _ in 0..17 {
        let session = client.open(options([])).await.unwrap();
        client.call::<()>(&session, "Session", "Close", &()).await.unwrap();
        sessions.push(session);
    }
    let asked = async |who: &Client, session: &str| {
        who.refusal(session, "Session", "EnumDiscMasterFormats", &()).await.unwrap().name
    };
    assert_eq!(asked(&client, &sessions[0]).await, "org.freedesktop.DBus.Error.UnknownObject");
    for session in &sessions[1..] {
        assert_eq!(asked(&client, session).await, "NotOpened");
    }
    drop(client);
    let last = &sessions[16];
    other
        .until("the closed sessions are gone with their connection", async || {
            (asked(&other, last).await == "org.freedesktop.DBus.Error.UnknownObject").then_some(())
        })
        .await;
}
