//! Several users on one machine: whose session it is, whose files are read, and what polkit says.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/polkit.rs"]
#[allow(dead_code, reason = "what polkit is asked is looked at elsewhere")]
mod polkit;
mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use polkit::{Answer, MockPolkit};
use support::bus::{self, PrivateBus};
use support::{Bench, options};

/// Users that every system has, `daemon` and `bin`: the bus lets nobody in whom it cannot look up.
const ALICE: u32 = 1;
const BOB: u32 = 2;
const ROOT: &str = "/org/discmaster1";
const SESSION: &str = "/org/discmaster1/sessions/1";
const JOLIET: &str = "/org/discmaster1/sessions/1/joliet";

/// A bench for every user, with a polkit that answers as told; `None` when this is not run by root.
async fn bench(answer: Answer) -> Option<(Bench, MockPolkit)> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can be several users");
        return None;
    }
    let bus = PrivateBus::start();
    let polkit = MockPolkit::start(&bus, answer).await;
    Some((Bench::new().for_every_user().recorder("vd0", "cd-r").start_on(bus).await, polkit))
}

async fn session(bench: &Bench, uid: u32, arguments: &[&str]) -> Result<String, String> {
    let (method, rest) = arguments.split_first().unwrap();
    bench.call_as(uid, &[&[SESSION, "org.discmaster1.Session", method], rest].concat()).await
}

async fn open(bench: &Bench, uid: u32) -> Result<String, String> {
    bench
        .call_as(uid, &[ROOT, "org.discmaster1.DiscMaster", "Open", "a{sv}", "1", "detached", "b", "true"])
        .await
}

async fn add(bench: &Bench, uid: u32, path: &str) -> Result<String, String> {
    let options = ["sa{sv}", path, "1", "wait", "b", "true"];
    bench.call_as(uid, &[&[JOLIET, "org.discmaster1.Joliet", "AddPath"][..], &options].concat()).await
}

#[tokio::test]
async fn a_user_burns_the_own_files_and_nobody_elses_in_a_session_that_is_nobody_elses() {
    let Some((bench, _polkit)) = bench(Answer::Allow).await else { return };
    let file = |name: &str, owner: u32| {
        let path = bench.dir().join(name);
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner), Some(owner)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (of_alice, of_bob, of_root) = (file("alice", ALICE), file("bob", BOB), file("root", 0));

    assert_eq!(open(&bench, ALICE).await.unwrap(), format!("o \"{SESSION}\""));
    session(&bench, ALICE, &["SetActiveDiscMasterFormat", "s", "joliet"]).await.unwrap();
    let refused = session(&bench, BOB, &["ClearFormatContent"]).await.unwrap_err();
    assert!(refused.contains("only they and root"), "{refused}");
    assert!(add(&bench, BOB, &of_bob).await.is_err());
    let refused = open(&bench, BOB).await.unwrap_err();
    assert!(refused.contains(&format!("(uid {ALICE}) has a session on every recorder")), "{refused}");

    for forbidden in [&of_bob, &of_root] {
        let refused = add(&bench, ALICE, forbidden).await.unwrap_err();
        assert!(refused.contains(forbidden.as_str()), "{refused}");
    }
    let refused = add(&bench, 0, &of_root).await.unwrap_err();
    assert!(refused.contains(&of_root), "root's call reads no more than the owner may: {refused}");
    add(&bench, ALICE, &of_alice).await.unwrap();
    session(&bench, ALICE, &["SetActiveDiscRecorder", "oa{sv}", "/org/discmaster1/recorders/vd0", "0"])
        .await
        .unwrap();
    session(&bench, ALICE, &["RecordDisc", "a{sv}", "1", "wait", "b", "true"]).await.unwrap();

    session(&bench, 0, &["Close"]).await.expect("root may close anybody's session");
    open(&bench, BOB).await.unwrap();
    let disc = fs::read(bench.disc("vd0")).unwrap();
    assert!(disc.windows(5).any(|bytes| bytes == b"alice"));
}

#[tokio::test]
async fn what_polkit_refuses_is_refused_by_the_name_of_the_refusal() {
    let Some((bench, polkit)) = bench(Answer::Deny).await else { return };
    let client = bench.client().await;
    let refusal = async || client.open(options([])).await.unwrap_err().name;
    assert_eq!(refusal().await, "NotAuthorized");
    polkit.answer(Answer::Challenge);
    assert_eq!(refusal().await, "NotAuthorizedCanObtain");
    let recorder = "/org/discmaster1/recorders/vd0";
    let eject = client.call::<()>(recorder, "Recorder", "Eject", &()).await.unwrap_err();
    assert_eq!(eject.name, "NotAuthorizedCanObtain");
    let erase = (false, options([]));
    assert_eq!(
        client.path(recorder, "Recorder", "Erase", &erase).await.unwrap_err().name,
        "NotAuthorizedCanObtain"
    );
    polkit.answer(Answer::Allow);
    client.open(options([])).await.unwrap();
}
