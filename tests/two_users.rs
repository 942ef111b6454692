//! Two users at one service: neither sees or uses what is the other's, and polkit is asked about every deed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::sync::Arc;

use discmaster::api::names;
use roxmltree::{Document, ParsingOptions};
use support::burner::Burner;
use support::polkit::Answer;
use support::users::{ANNA, BEN, SECRET, Stage, contains, file, is_root};
use support::{Bench, Client, Refusal, options};
use tokio::sync::Notify;
use zbus::{Fd, ObjectPath, Variant};

/// Calls a method with whatever fits its signature.
async fn attempt(client: &Client, path: &str, interface: &str, method: &str, takes: &str) -> Refusal {
    let (none, here) = (options([]), ObjectPath::try_from("/org/discmaster1/recorders/vd0").unwrap());
    let folder = File::open("/").unwrap();
    let reply = match takes {
        "" => client.raw_call(path, interface, method, &()).await,
        "s" => client.raw_call(path, interface, method, &"/").await,
        "as" => client.raw_call(path, interface, method, &(Vec::<String>::new(),)).await,
        "su" => client.raw_call(path, interface, method, &("de", 1_u32)).await,
        "sua{sv}" => client.raw_call(path, interface, method, &("de", 1_u32, none)).await,
        "u" => client.raw_call(path, interface, method, &1_u32).await,
        "ua{sv}" => client.raw_call(path, interface, method, &(1_u32, none)).await,
        "ay" => client.raw_call(path, interface, method, &(&[0_u8; 2352][..],)).await,
        "h" => client.raw_call(path, interface, method, &Fd::from(folder.as_fd())).await,
        "a{sv}" => client.raw_call(path, interface, method, &(none,)).await,
        "oa{sv}" => client.raw_call(path, interface, method, &(here, none)).await,
        "sa{sv}" => client.raw_call(path, interface, method, &("/etc", none)).await,
        "ha{sv}" => client.raw_call(path, interface, method, &(Fd::from(folder.as_fd()), none)).await,
        other => panic!("{interface}.{method} takes {other}: teach this test"),
    };
    reply.expect_err(&format!("{interface}.{method} at {path} is not for everybody"))
}

/// Tries every method of every session, format and job that there is, and counts them.
async fn everything_is_refused(client: &Client) -> usize {
    let mut tried = 0;
    let owned = |path: &str| path.starts_with(names::SESSIONS) || path.starts_with(names::JOBS);
    for path in client.managed().await.0.keys().map(|path| path.as_str()).filter(|path| owned(path)) {
        let text = client.introspect(path).await;
        let parsing = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        let document = Document::parse_with_options(&text, parsing).unwrap();
        // What is described below it is described again where it is.
        let interfaces = document.root_element().children().filter(|node| node.has_tag_name("interface"));
        for method in interfaces.flat_map(|node| node.children()).filter(|node| node.has_tag_name("method")) {
            let interface = method.parent().and_then(|node| node.attribute("name")).unwrap();
            if !interface.starts_with("org.discmaster1.") {
                continue;
            }
            let arguments = method.children().filter(|node| node.attribute("direction") == Some("in"));
            let takes: String = arguments.filter_map(|node| node.attribute("type")).collect();
            let name = method.attribute("name").unwrap();
            let refusal = attempt(client, path, interface, name, &takes).await;
            assert_eq!(refusal.name, "NotAuthorized", "{interface}.{name}: {}", refusal.message);
            assert!(!contains(refusal.message.as_bytes(), b"secret"), "{}", refusal.message);
            tried += 1;
        }
    }
    tried
}

#[tokio::test]
async fn what_a_user_stages_and_records_is_neither_seen_nor_used_by_another() {
    if !is_root() {
        return;
    }
    let setup = Bench::new().recorder_with("vd0", &["--create=cd-r", "--fault=write nth=2 hang(1s)"]);
    let stage = Stage::new(setup).await;
    let (bench, private) = (&stage.bench, stage.private());
    let ben = bench.client_of(BEN).await;
    let mut heard = ben.signals().await;

    let anna = stage.session(ANNA, "vd0").await;
    let name = (options([("VolumeName", "SECRETS".into())]),);
    anna.client.call::<()>(&anna.joliet, "Joliet", "SetJolietProperties", &name).await.unwrap();
    anna.stage_with(&private, []).await.unwrap();
    let missing = private.join("secret-missing");
    let refusal = anna.stage_with(&missing, []).await.unwrap_err();
    assert!(refusal.message.contains(missing.to_str().unwrap()), "its owner is told: {}", refusal.message);
    let listed = anna.list("/").await;
    assert_eq!(listed, [("letter.txt".to_owned(), "file".to_owned(), SECRET.len() as u64)]);

    let job = anna.record().await.unwrap();
    anna.under_way(&job).await;
    let tried = everything_is_refused(&ben).await;
    assert!(tried >= 24, "a session, its format and three jobs have more methods than {tried}");
    let refused = anna.close().await.unwrap_err();
    assert_eq!(refused.name, "Busy", "the burn is still under way: {}", refused.message);
    assert!(!contains(ben.managed().await.1.data(), b"secret"), "a property names a file");
    let (success, error, message, _) = anna.client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert_eq!(anna.list("/").await, listed, "nothing that was refused changed anything");

    // Everything that was sent to everybody until the job's end: that is told to everybody last.
    loop {
        let signal = heard.next().await;
        assert!(!contains(signal.message.data(), b"secret"), "{signal:?}");
        let public = ["PropertiesChanged", "InterfacesAdded", "InterfacesRemoved", "JobEnded"];
        assert!(public.contains(&signal.name.as_str()), "{signal:?} is nobody's business but Anna's");
        if signal.name == "JobEnded" {
            let body = signal.message.body();
            let (ended, _): (ObjectPath<'_>, &str) = body.deserialize().unwrap();
            if ended.as_str() == job {
                break;
            }
        }
    }
    everything_is_refused(&ben).await;
    assert!(!contains(bench.logged("discmasterd").as_bytes(), b"secret"), "the log names a file");
}

#[tokio::test]
async fn a_detached_session_is_its_users_by_any_connection_and_roots_and_nobody_elses() {
    if !is_root() {
        return;
    }
    let stage = Stage::new(Bench::new().recorder("vd0", "cd-r")).await;
    let (bench, private) = (&stage.bench, stage.private());
    let ben = bench.client_of(BEN).await;
    let mut heard = ben.signals().await;
    let first = Burner::of(bench.client_of(ANNA).await, "vd0", true).await;
    first.format().await;
    first.select().await.unwrap();
    first.stage_with(&private, []).await.unwrap();
    let Burner { session, joliet, recorder, client } = first;
    drop(client);

    let again = Burner { client: bench.client_of(ANNA).await, session, joliet, recorder };
    assert_eq!(again.list("/").await.len(), 1, "another connection of Anna's finds what she staged");
    everything_is_refused(&ben).await;
    let taken = ben.open(options([("detached", true.into())])).await.unwrap_err();
    assert_eq!(taken.name, "StashInUse");
    assert!(taken.message.contains("uid 1)"), "{}", taken.message);

    // A burn that fails by a file: everybody hears that it did, and Anna alone by which.
    fs::write(private.join("letter.txt"), "Another letter.").unwrap();
    let job = again.record().await.unwrap();
    let (_, error, message, details) = again.client.result(&job).await;
    assert_eq!(error, "org.discmaster1.Error.FileChanged");
    assert!(message.contains("secret-folder/letter.txt") && details.contains_key("path"), "{message}");
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "BurnComplete") {
        let signal = heard.next().await;
        assert!(!contains(signal.message.data(), b"secret"), "{signal:?}");
        assert!(!contains(signal.message.data(), b"letter"), "{signal:?}");
        told.push(signal.name);
    }
    assert!(told.contains(&"Completed".to_owned()), "{told:?}");

    let root = Burner { client: bench.client().await, ..again };
    assert_eq!(root.list("/").await.len(), 1, "root may look");
    root.close().await.expect("root may close");
    ben.open(options([])).await.expect("the recorder is free again");
}

/// Everything that polkit is asked about, as this client tries it on `vd0`: what is tried, and how it ended.
async fn try_all(client: &Client) -> Vec<(&'static str, Result<(), Refusal>)> {
    let recorder = "/org/discmaster1/recorders/vd0";
    let on_it: (&str, Variant<'static>) = ("recorder", ObjectPath::try_from(recorder).unwrap().into());
    let erase = (false, options([("wait", true.into())]));
    vec![
        (names::ACTION_OPEN, client.open(options([on_it])).await.map(drop)),
        (names::ACTION_OPEN, client.open(options([])).await.map(drop)),
        (names::ACTION_OPEN, client.call(recorder, "Recorder", "OpenExclusive", &()).await),
        (names::ACTION_ERASE, client.path(recorder, "Recorder", "Erase", &erase).await.map(drop)),
        (names::ACTION_EJECT, client.call(recorder, "Recorder", "Eject", &()).await),
        (names::ACTION_EJECT, client.call(recorder, "Recorder", "Load", &()).await),
    ]
}

#[tokio::test]
async fn whom_polkit_denies_touches_nothing_and_each_deed_is_asked_for_by_its_action() {
    if !is_root() {
        return;
    }
    let mut stage = Stage::new(Bench::new().recorder("vd0", "cd-rw")).await;
    let anna = stage.session(ANNA, "vd0").await;
    anna.stage_with(&stage.private(), []).await.unwrap();
    let (success, error, message, _) = anna.client.result(&anna.record().await.unwrap()).await;
    assert!(success, "{error}: {message}");
    anna.close().await.unwrap();
    let opened = [(names::ACTION_OPEN.to_owned(), "vd0".to_owned())];
    assert_eq!(stage.asked(), BTreeSet::from(opened.clone()));

    let ben = stage.bench.client_of(BEN).await;
    let scene = stage.bench.control("vd0", &["dump"]);
    let content = fs::read(stage.bench.disc("vd0")).unwrap();
    for (answer, error) in [
        (Answer::Deny, "NotAuthorized"),
        (Answer::Challenge, "NotAuthorizedCanObtain"),
        (Answer::Dismissed, "NotAuthorizedDismissed"),
        (Answer::Fail, "NotAuthorized"),
    ] {
        stage.polkit.answer(answer);
        for (action, result) in try_all(&ben).await {
            assert_eq!(result.expect_err(action).name, error, "{action}");
        }
        let all = [names::ACTION_OPEN, names::ACTION_ERASE, names::ACTION_EJECT];
        let mut expected = BTreeSet::from(all.map(|action| (action.to_owned(), "vd0".to_owned())));
        // A session on every recorder is one question about all of them.
        expected.insert((names::ACTION_OPEN.to_owned(), "*".to_owned()));
        assert_eq!(stage.asked(), expected);
        let shown = ben.managed().await.0;
        let sessions =
            shown.iter().filter(|(_, interfaces)| interfaces.contains_key("org.discmaster1.Session"));
        assert_eq!(sessions.count(), 1, "only what is left of Anna's");
        let state: String =
            ben.property("/org/discmaster1/recorders/vd0", "Recorder", "State").await.unwrap();
        assert_eq!(state, "idle");
    }
    assert_eq!(stage.bench.control("vd0", &["dump"]), scene);
    assert!(fs::read(stage.bench.disc("vd0")).unwrap() == content, "the disc was touched");

    // A session that was allowed is not the last word: a recorder is asked for when it is selected.
    stage.polkit.answer(Answer::Allow);
    let burner = Burner::of(stage.bench.client_of(BEN).await, "vd0", false).await;
    burner.format().await;
    stage.polkit.answer(Answer::Deny);
    assert_eq!(burner.select().await.unwrap_err().name, "NotAuthorized");
    assert_eq!(stage.asked(), BTreeSet::from(opened));
    burner.close().await.expect("one's own session is closed without asking");
    assert_eq!(stage.asked(), BTreeSet::new());

    stage.polkit.answer(Answer::Allow);
    ben.call::<()>("/org/discmaster1/recorders/vd0", "Recorder", "Eject", &()).await.unwrap();
    assert_eq!(stage.bench.scene("vd0", "tray"), "open");
}

#[tokio::test]
async fn whoever_is_let_in_late_finds_things_as_they_are_by_then() {
    if !is_root() {
        return;
    }
    let mut stage = Stage::new(Bench::new().recorder("vd0", "cd-rw")).await;
    let scene = stage.bench.control("vd0", &["dump"]);
    let permit = Arc::new(Notify::new());
    stage.polkit.answer(Answer::Wait(Arc::clone(&permit)));
    let ben = stage.bench.client_of(BEN).await;
    // One after the other, each while a person is still being asked whether Ben may.
    let asking = tokio::spawn(async move { try_all(&ben).await });
    for round in 0..6 {
        stage.polkit.asked.recv().await.expect("a question");
        if round == 0 {
            stage.polkit.answer(Answer::Allow);
            Burner::of(stage.bench.client_of(ANNA).await, "vd0", true).await;
            assert_eq!(stage.asked().len(), 1, "Anna is asked about as well, and let in at once");
            stage.polkit.answer(Answer::Wait(Arc::clone(&permit)));
        }
        permit.notify_one();
    }
    for (deed, result) in asking.await.unwrap() {
        let refusal = result.expect_err(deed);
        assert!(refusal.message.contains("(uid 1)"), "{deed}: {refusal:?}");
    }
    assert_eq!(stage.bench.control("vd0", &["dump"]), scene);
}

#[tokio::test]
async fn what_one_user_holds_another_can_neither_move_nor_erase_nor_open() {
    if !is_root() {
        return;
    }
    let stage = Stage::new(Bench::new().recorder("vd0", "cd-rw")).await;
    let _anna = stage.session(ANNA, "vd0").await;
    let ben = stage.bench.client_of(BEN).await;
    let scene = stage.bench.control("vd0", &["dump"]);
    let expected =
        ["StashInUse", "StashInUse", "DeviceNotAccessible", "StashInUse", "StashInUse", "StashInUse"];
    for ((deed, result), error) in try_all(&ben).await.into_iter().zip(expected) {
        let refusal = result.expect_err(deed);
        assert_eq!(refusal.name, error, "{deed}: {}", refusal.message);
        assert!(refusal.message.contains("(uid 1)"), "who holds it is named: {}", refusal.message);
    }
    let slower = (options([("WriteSpeed", 1000_u32.into())]),);
    let set = ben.call::<()>("/org/discmaster1/recorders/vd0", "Recorder", "SetRecorderProperties", &slower);
    assert_eq!(set.await.unwrap_err().name, "StashInUse");
    let close = ben.call::<()>("/org/discmaster1/recorders/vd0", "Recorder", "Close", &());
    assert_eq!(close.await.unwrap_err().name, "NotOpened");
    assert_eq!(stage.bench.control("vd0", &["dump"]), scene);
}

#[tokio::test]
async fn two_users_record_at_the_same_time_and_each_disc_has_its_owners_files() {
    if !is_root() {
        return;
    }
    let stage = Stage::new(Bench::new().recorder("vd0", "cd-r").recorder("vd1", "dvd+r")).await;
    let (anna, ben) = (stage.session(ANNA, "vd0").await, stage.session(BEN, "vd1").await);
    let shelf = stage.folder("shelf", BEN, 0o700);
    file(&shelf.join("poem.txt"), b"Ben's poem, which nobody else has read", BEN, 0o600);
    anna.stage_with(&stage.private(), []).await.unwrap();
    ben.stage_with(&shelf, []).await.unwrap();
    let wishes = || options([("verify", "full".into())]);
    let (one, two) = (anna.record_with(wishes()).await.unwrap(), ben.record_with(wishes()).await.unwrap());
    for (burner, job) in [(&anna, &one), (&ben, &two)] {
        let (success, error, message, _) = burner.client.result(job).await;
        assert!(success, "{error}: {message}");
    }
    let discs = ["vd0", "vd1"].map(|id| fs::read(stage.bench.disc(id)).unwrap());
    assert_eq!(discs.each_ref().map(|disc| contains(disc, SECRET)), [true, false]);
    assert_eq!(discs.each_ref().map(|disc| contains(disc, b"Ben's poem")), [false, true]);
    for id in ["vd0", "vd1"] {
        stage.bench.check_manners(id);
    }
}

#[tokio::test]
async fn on_a_session_bus_every_other_user_is_refused() {
    if !is_root() {
        return;
    }
    let bench = Bench::new().recorder("vd0", "cd-rw").start().await;
    let scene = bench.control("vd0", &["dump"]);
    let ben = bench.client_of(BEN).await;
    for (deed, result) in try_all(&ben).await {
        assert_eq!(result.expect_err(deed).name, "NotAuthorized", "{deed}");
    }
    let own = Burner::ready(&bench, "vd0", 5000, true).await;
    assert!(everything_is_refused(&ben).await >= 20);
    assert_eq!(own.list("/").await.len(), 1);
    assert_eq!(bench.control("vd0", &["dump"]), scene);
}
