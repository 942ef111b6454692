//! The service in a machine with seats, sleep and shutdown, whose administrator sets figures and looks at the log.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use discmaster::api::names;
use nix::sys::signal::Signal;
use serde::Serialize;
use support::burner::{Burner, object};
use support::bus::{Mock, PrivateBus};
use support::manager::Ear;
use support::polkit::Answer;
use support::users::{ANNA, BEN, Stage, is_root};
use support::{Bench, options};
use zbus::proxy::CacheProperties;
use zbus::{Connection, DBusError, DynamicType, Variant};

const VD0: &str = "/org/discmaster1/recorders/vd0";

/// A user who sits at no seat, and is in every user database.
const NOWHERE: u32 = 2;

/// python-dbusmock's logind.
struct Logind {
    _mock: Mock,
    connection: Connection,
}

impl Logind {
    async fn start(bus: &PrivateBus) -> Self {
        Self { _mock: bus.mock("logind", "org.freedesktop.login1").await, connection: bus.connect().await }
    }

    async fn mock(&self, method: &str, body: &(impl Serialize + DynamicType)) {
        self.call("org.freedesktop.DBus.Mock", method, body).await;
    }

    async fn call(
        &self,
        interface: &str,
        method: &str,
        body: &(impl Serialize + DynamicType),
    ) -> zbus::Message {
        let path = "/org/freedesktop/login1";
        self.connection
            .call_method(Some("org.freedesktop.login1"), path, Some(interface), method, body)
            .await
            .expect("the mock answers")
    }

    /// What is inhibited: what, who, why, how.
    async fn inhibitors(&self) -> Vec<(String, String, String, String)> {
        let reply = self.call("org.freedesktop.login1.Manager", "ListInhibitors", &()).await;
        let all: Vec<(String, String, String, String, u32, u32)> = reply.body().deserialize().unwrap();
        all.into_iter().map(|(what, who, why, how, ..)| (what, who, why, how)).collect()
    }

    async fn prepare_for_shutdown(&self, going: bool) {
        let arguments = vec![Variant::from(going)];
        let signal = ("org.freedesktop.login1.Manager", "PrepareForShutdown", "b", arguments);
        self.mock("EmitSignal", &signal).await;
    }
}

#[tokio::test]
async fn who_sits_at_another_seat_is_asked_about_by_another_action() {
    if !is_root() {
        return;
    }
    let mut stage = Stage::new(Bench::new().recorder("vd0", "cd-rw")).await;
    let logind = Logind::start(&stage.bench.bus).await;
    logind.mock("AddSession", &("c1", "seat0", ANNA, "anna", true)).await;
    logind.mock("AddSession", &("c2", "seat1", BEN, "ben", true)).await;
    let deeds = [names::ACTION_OPEN, names::ACTION_ERASE, names::ACTION_EJECT];
    for (uid, seat) in [(ANNA, ""), (BEN, "-other-seat"), (0, "")] {
        let client = stage.bench.client_of(uid).await;
        stage.polkit.answer(Answer::Deny);
        client.call::<()>(VD0, "Recorder", "OpenExclusive", &()).await.unwrap_err();
        client.path(VD0, "Recorder", "Erase", &(false, options([]))).await.unwrap_err();
        client.call::<()>(VD0, "Recorder", "Eject", &()).await.unwrap_err();
        let expected = deeds.map(|action| (format!("{action}{seat}"), "vd0".to_owned()));
        assert_eq!(stage.asked(), BTreeSet::from(expected), "user {uid}");
    }
    // Every recorder at once is one question: who sits at a seat, and not at that of each, reaches for another. Who sits
    // nowhere is refused by the first action as well.
    let expected = [
        (ANNA, names::ACTION_OPEN),
        (BEN, names::ACTION_OPEN_OTHER_SEAT),
        (0, names::ACTION_OPEN),
        (NOWHERE, names::ACTION_OPEN),
    ];
    for (uid, action) in expected {
        let client = stage.bench.client_of(uid).await;
        client.open(options([])).await.unwrap_err();
        assert_eq!(stage.asked(), BTreeSet::from([(action.to_owned(), "*".to_owned())]), "user {uid}");
    }
}

#[tokio::test]
async fn who_has_left_the_seat_since_they_selected_its_recorder_is_asked_about_before_a_disc_is_recorded() {
    if !is_root() {
        return;
    }
    let mut stage = Stage::new(Bench::new().recorder("vd0", "cd-r")).await;
    let logind = Logind::start(&stage.bench.bus).await;
    logind.mock("AddSession", &("c1", "seat0", ANNA, "anna", true)).await;
    let anna = Burner::of(stage.bench.client_of(ANNA).await, "vd0", true).await;
    anna.format().await;
    anna.select().await.unwrap();
    anna.stage_with(&stage.private(), []).await.unwrap();
    stage.asked();
    // A simulation leaves the disc as it was selected.
    let simulated = async || anna.recorded(options([("simulate", true.into())])).await.name;
    stage.polkit.answer(Answer::Deny);
    assert_eq!((simulated().await.as_str(), stage.asked()), ("", BTreeSet::new()));

    logind.mock("AddSession", &("c2", "seat0", BEN, "ben", true)).await;
    let about_the_seat = BTreeSet::from([(names::ACTION_OPEN_OTHER_SEAT.to_owned(), "vd0".to_owned())]);
    assert_eq!((simulated().await.as_str(), stage.asked()), ("NotAuthorized", about_the_seat.clone()));
    stage.polkit.answer(Answer::Allow);
    assert_eq!((simulated().await.as_str(), stage.asked()), ("", about_the_seat.clone()));

    // Who sits elsewhere when they select it is asked about then, and once.
    anna.select().await.unwrap();
    assert_eq!(stage.asked(), about_the_seat);
    stage.polkit.answer(Answer::Deny);
    assert_eq!((simulated().await.as_str(), stage.asked()), ("", BTreeSet::new()));
}

#[tokio::test]
async fn another_users_job_is_cancelled_and_session_closed_by_whom_polkit_lets_alone() {
    if !is_root() {
        return;
    }
    let setup = Bench::new().recorder_with("vd0", &["--create=cd-r", "--fault=write nth=2 hang(1s)"]);
    let mut stage = Stage::new(setup).await;
    let anna = stage.session(ANNA, "vd0").await;
    anna.stage_with(&stage.private(), []).await.unwrap();
    let job = anna.record().await.unwrap();
    let ben = stage.bench.client_of(BEN).await;
    stage.asked();
    assert_eq!(ben.call::<()>(&job, "Job", "Cancel", &()).await.unwrap_err().name, "NotAuthorized");
    assert_eq!(
        ben.call::<()>(&anna.session, "Session", "Close", &()).await.unwrap_err().name,
        "NotAuthorized"
    );
    let all = [names::ACTION_CANCEL_OTHER_USER, names::ACTION_CLOSE_OTHER_USER];
    assert_eq!(stage.asked(), BTreeSet::from(all.map(|action| (action.to_owned(), "vd0".to_owned()))));

    stage.polkit.answer_about_others(Answer::Allow);
    ben.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    assert_eq!(anna.client.result(&job).await.1, "org.discmaster1.Error.UserAbort");
    ben.call::<()>(&anna.session, "Session", "Close", &()).await.unwrap();
    let state: String = anna.property("State").await;
    assert_eq!(state, "closed");
    // And nothing else: polkit is not even asked.
    stage.asked();
    let refused = ben.call::<()>(&anna.session, "Session", "ClearFormatContent", &()).await.unwrap_err();
    assert_eq!(refused.name, "NotAuthorized");
    assert_eq!(stage.asked(), BTreeSet::new());
}

#[tokio::test]
async fn a_machine_stays_awake_for_the_length_of_a_burn_and_is_told_why() {
    if !is_root() {
        return;
    }
    let setup = Bench::new().recorder_with("vd0", &["--create=cd-rw", "--speed=8x"]);
    let stage = Stage::new(setup.option("--ring=524288")).await;
    let logind = Logind::start(&stage.bench.bus).await;
    let burner = Burner::ready(&stage.bench, "vd0", 2 << 20, false).await;
    assert_eq!(logind.inhibitors().await, [], "staging keeps nobody awake");
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    let all = async || Some(logind.inhibitors().await).filter(|held| held.len() == 3);
    let mut held = burner.client.until("each of three things is inhibited", all).await;
    held.sort();
    // Each by itself: logind's polkit has no action for several.
    for ((what, who, why, how), wanted) in held.iter().zip(["idle", "shutdown", "sleep"]) {
        assert_eq!((what.as_str(), who.as_str(), how.as_str()), (wanted, "discmaster", "block"));
        assert!(
            why.starts_with("Recording a disc in ") && why.contains("(vd0)") && why.ends_with("(job 2)"),
            "{why}"
        );
    }
    assert!(burner.client.result(&job).await.0);
    burner
        .client
        .until("the machine may sleep", async || logind.inhibitors().await.is_empty().then_some(()))
        .await;
}

#[tokio::test]
async fn no_disc_is_begun_while_the_machine_is_going_down() {
    if !is_root() {
        return;
    }
    let bench = Bench::new().recorder("vd0", "cd-rw").for_every_user();
    let stage = Stage::new(bench).await;
    let logind = Logind::start(&stage.bench.bus).await;
    let burner = Burner::ready(&stage.bench, "vd0", 5000, false).await;
    logind.prepare_for_shutdown(true).await;
    let refusal =
        burner.client.until("the service has heard of it", async || burner.record().await.err()).await;
    assert_eq!(refusal.name, "Busy", "{}", refusal.message);
    assert!(refusal.message.contains("going down"), "{}", refusal.message);
    logind.prepare_for_shutdown(false).await;
    let job = burner.client.until("it stays up after all", async || burner.record().await.ok()).await;
    assert!(burner.client.result(&job).await.0);
}

#[tokio::test]
async fn the_logs_level_is_read_and_set_and_a_wrong_one_is_refused() {
    let bench = Bench::new().start().await;
    let connection = bench.bus.connect().await;
    let path = "/org/freedesktop/LogControl1";
    let log: zbus::Proxy<'_> = zbus::proxy::Builder::new(&connection)
        .destination("org.discmaster1")
        .path(path)
        .interface("org.freedesktop.LogControl1")
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .unwrap();
    let level = async || log.get_property::<String>("LogLevel").await.unwrap();
    assert_eq!(level().await, "info");
    assert_eq!(log.get_property::<String>("LogTarget").await.unwrap(), "console");
    assert_eq!(log.get_property::<String>("SyslogIdentifier").await.unwrap(), "discmasterd");
    let quiet = bench.logged("discmasterd").len();
    log.set_property("LogLevel", "debug").await.unwrap();
    let refused = log.set_property("LogLevel", "chatty").await.unwrap_err().to_string();
    assert!(refused.contains("warning, notice, info"), "{refused}");
    log.set_property("LogTarget", "journal").await.expect_err("standard error is a file");
    log.set_property("LogTarget", "null").await.unwrap();
    assert_eq!(log.get_property::<String>("LogTarget").await.unwrap(), "null");
    bench.signal_daemon(Signal::SIGHUP);
    log.set_property("LogTarget", "auto").await.unwrap();
    assert!(bench.logged("discmasterd").len() >= quiet);
}

#[tokio::test]
async fn the_configuration_is_read_again_at_a_hangup_and_one_with_mistakes_changes_nothing() {
    let (ear, place) = (Ear::new(), tempfile::tempdir().unwrap());
    let file = place.path().join("discmaster.toml");
    fs::write(&file, "[limits]\nsessions-per-user = 1\n").unwrap();
    let config = format!("--config={}", file.display());
    let setup = Bench::new().recorder("vd0", "cd-r").recorder("vd1", "cd-r").option(&config);
    let bench = setup.variable("NOTIFY_SOCKET", &ear.address()).start().await;
    let client = bench.client().await;
    let open = async |id: &str| {
        let recorder = object(&format!("/org/discmaster1/recorders/{id}"));
        client.open(options([("recorder", recorder), ("detached", true.into())])).await
    };
    open("vd0").await.unwrap();
    assert_eq!(open("vd1").await.unwrap_err().name, "LimitsExceeded");

    ear.until("READY=1");
    fs::write(&file, "\n[limits]\nsessions-per-user = 0\n").unwrap();
    bench.signal_daemon(Signal::SIGHUP);
    let told = ear.next();
    assert!(told.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{told}");
    assert_eq!(ear.next(), "READY=1");
    let mistake = format!("{}:3: sessions-per-user is 0, and may be 1 to 100000", file.display());
    assert!(bench.logged("discmasterd").contains(&mistake), "{}", bench.logged("discmasterd"));
    assert_eq!(open("vd1").await.unwrap_err().name, "LimitsExceeded");

    fs::write(&file, "[limits]\nsessions-per-user = 2\n").unwrap();
    bench.signal_daemon(Signal::SIGHUP);
    ear.until("READY=1");
    open("vd1").await.unwrap();
}

/// A bus with the policy as it is installed, on which root plays the user discmaster.
fn guarded_bus() -> PrivateBus {
    let policy = include_str!("../dbus/org.discmaster1.conf").replace("user=\"discmaster\"", "user=\"root\"");
    let rules = policy.split("<busconfig>").nth(1).unwrap().split("</busconfig>").next().unwrap().to_owned();
    PrivateBus::configured(|socket| {
        // As the system bus has it: nobody owns anything, and no method is called that is not allowed.
        format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">
             <busconfig><listen>unix:path={}</listen><auth>EXTERNAL</auth>
             <policy context=\"default\"><allow user=\"*\"/><deny own=\"*\"/><deny send_type=\"method_call\"/>
             <allow send_type=\"signal\"/><allow send_requested_reply=\"true\" send_type=\"method_return\"/>
             <allow send_requested_reply=\"true\" send_type=\"error\"/><allow receive_type=\"method_call\"/>
             <allow receive_type=\"method_return\"/><allow receive_type=\"error\"/><allow receive_type=\"signal\"/>
             <allow send_destination=\"org.freedesktop.DBus\"/></policy>{rules}</busconfig>",
            socket.display()
        )
    })
}

#[tokio::test]
async fn the_bus_lets_everybody_call_and_read_nobody_own_the_name_and_root_alone_set_the_log() {
    if !is_root() {
        return;
    }
    let bus = guarded_bus();
    // It serves next to nothing, and so answers that there is nothing.
    let owner = zbus::connection::Builder::address(bus.address.as_str());
    let owner = owner.serve_at("/", zbus::fdo::ObjectManager).build().await.unwrap();
    owner.request_name("org.discmaster1").await.expect("its user owns the name");
    let anna = bus.connect_as(ANNA, &[ANNA]).await;
    anna.request_name("org.discmaster1").await.expect_err("nobody else may have the name");
    let denied = async |who: &Connection, path: &str, interface: &str, member: &str| {
        let name = "org.discmaster1";
        let asked = who.call_method(Some(name), path, Some(interface), member, &()).await.unwrap_err();
        let error = match asked {
            zbus::Error::MethodError(name, ..) => name.to_string(),
            zbus::Error::FDO(error) => error.name().to_string(),
            other => panic!("{other:?}"),
        };
        error == "org.freedesktop.DBus.Error.AccessDenied"
    };
    // Every interface of the contract that has methods; nothing answers here but the library, that there is none.
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/dbus")).unwrap() {
        let file = file.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        if file.extension().is_some_and(|extension| extension == "xml") && text.contains("<method") {
            let interface = file.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(!denied(&anna, "/org/discmaster1", &interface, "Anything").await, "{interface}");
        }
    }
    let (properties, log) = ("org.freedesktop.DBus.Properties", "/org/freedesktop/LogControl1");
    for (member, path, anna_may, root_may) in [
        ("Get", log, true, true),
        ("GetAll", "/org/discmaster1", true, true),
        ("Set", log, false, true),
        ("Set", "/org/discmaster1", false, false),
    ] {
        let root = bus.connect().await;
        assert_eq!(!denied(&anna, path, properties, member).await, anna_may, "{member} {path}");
        assert_eq!(!denied(&root, path, properties, member).await, root_may, "{member} {path} by root");
    }
    assert!(denied(&anna, "/org/discmaster1", "org.example.Other", "Anything").await);
}
