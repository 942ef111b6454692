//! Who may do what: polkit's answers, its absence, other users, clients that leave.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/bus.rs"]
mod bus;
#[path = "support/polkit.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod polkit;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bus::PrivateBus;
use discmaster::api::{self, names};
use discmaster::broker::authority::{Authority, Caller, Callers, OwnUser, Polkit, RecorderDetails};
use nix::unistd::geteuid;
use polkit::{Answer, Asked, MockPolkit};
use tokio::sync::Notify;
use zbus::message::Header;
use zbus::proxy::MethodFlags;
use zbus::{Connection, interface};

const DOOR: &str = "org.example.Door";
/// Nobody, who exists everywhere.
const NOBODY: u32 = 65534;

/// A service with one method, which asks the authority under test for its caller.
struct Door {
    callers: Callers,
    authority: Arc<dyn Authority>,
}

/// Uid, gid, groups, interactive, and the error's name, empty when let in.
type Knocked = (u32, u32, Vec<u32>, bool, String);

#[interface(name = "org.example.Door")]
impl Door {
    async fn knock(&self, action: String, #[zbus(header)] header: Header<'_>) -> Knocked {
        let caller = self.callers.identify(&header).await.expect("a caller");
        let answer = self.authority.authorize(&caller, &action, &recorder()).await;
        let Caller { uid, gid, groups, interactive, .. } = caller;
        (uid, gid, groups, interactive, answer.err().map(|error| error.bus_name()).unwrap_or_default())
    }
}

fn recorder() -> RecorderDetails {
    let identity = api::Identity {
        vendor: "HL-DT-ST".to_owned(),
        product: "BD-RE WH16NS60".to_owned(),
        revision: "1.02".to_owned(),
        serial: "K1".to_owned(),
    };
    RecorderDetails::new("sr0", &api::Device::Scsi("/dev/sr0".into()), &identity, "seat0")
}

struct Bench {
    bus: PrivateBus,
    client: Connection,
    _door: Connection,
}

impl Bench {
    async fn with_polkit(bus: PrivateBus, patience: Duration) -> Self {
        let connection = bus.connect().await;
        let callers = Callers::new(&connection).await.expect("callers");
        let polkit = Polkit::new(&connection, &callers).await.expect("polkit").with_patience(patience);
        Self::with(bus, callers, Arc::new(polkit)).await
    }

    async fn with(bus: PrivateBus, callers: Callers, authority: Arc<dyn Authority>) -> Self {
        let door = zbus::connection::Builder::address(bus.address.as_str())
            .serve_at("/", Door { callers, authority })
            .name(DOOR)
            .build()
            .await
            .expect("the door");
        let client = bus.connect().await;
        Self { bus, client, _door: door }
    }

    async fn knock(&self, action: &str, interactive: bool) -> Knocked {
        knock(&self.client, action, interactive).await.expect("an answer")
    }

    async fn refusal(&self, interactive: bool) -> String {
        self.knock(names::ACTION_OPEN, interactive).await.4
    }

    /// Another user's process calls; busctl is a client that is not ours.
    async fn knock_as(&self, uid: u32, action: &str, interactive: bool) -> String {
        let output = tokio::process::Command::new("setpriv")
            .args([&format!("--reuid={uid}"), &format!("--regid={uid}"), "--clear-groups", "busctl"])
            .arg(format!("--address={}", self.bus.address))
            .arg(format!("--allow-interactive-authorization={interactive}"))
            .args(["call", DOOR, "/", DOOR, "Knock", "s", action])
            .output()
            .await
            .expect("setpriv and busctl are needed: install the packages util-linux and systemd");
        assert!(output.status.success(), "busctl failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }
}

async fn knock(client: &Connection, action: &str, interactive: bool) -> zbus::Result<Knocked> {
    let proxy = zbus::Proxy::new(client, DOOR, "/", DOOR).await?;
    let flags = if interactive { MethodFlags::ALLOW_INTERACTIVE_AUTH } else { MethodFlags::empty() };
    let answer = proxy.call_with_flags("Knock", flags, &(action,)).await?;
    Ok(answer.expect("a reply was asked for"))
}

const LONG: Duration = Duration::from_secs(25);

fn error(kind: api::ErrorKind) -> String {
    kind.bus_name()
}

#[tokio::test]
async fn polkits_answers_become_entry_or_the_fitting_refusal() {
    let bus = PrivateBus::start();
    let mock = MockPolkit::start(&bus, Answer::Deny).await;
    let bench = Bench::with_polkit(bus, LONG).await;
    assert_eq!(bench.refusal(false).await, error(api::ErrorKind::NotAuthorized));
    for (answer, expected) in [
        (Answer::Challenge, api::ErrorKind::NotAuthorizedCanObtain),
        (Answer::Dismissed, api::ErrorKind::NotAuthorizedDismissed),
        // An action that polkit does not know is an error of polkit's, and no entry, not even for root.
        (Answer::Fail, api::ErrorKind::NotAuthorized),
    ] {
        mock.answer(answer);
        assert_eq!(bench.refusal(true).await, error(expected));
    }
    mock.answer(Answer::Allow);
    assert_eq!(bench.refusal(false).await, "");
}

#[tokio::test]
async fn polkit_is_asked_about_the_sender_with_all_the_details_and_the_callers_wish() {
    let bus = PrivateBus::start();
    let mut mock = MockPolkit::start(&bus, Answer::Allow).await;
    let bench = Bench::with_polkit(bus, LONG).await;
    let mut cancellations = Vec::new();
    for (interactive, expected_flags) in [(false, 0), (true, 1)] {
        bench.knock(names::ACTION_ERASE, interactive).await;
        let Some(Asked::Check { subject, name, action, details, flags, cancellation }) =
            mock.asked.recv().await
        else {
            panic!("a check was expected");
        };
        assert_eq!((subject.as_str(), action.as_str()), ("system-bus-name", names::ACTION_ERASE));
        assert_eq!(Some(name.as_str()), bench.client.unique_name().map(|name| name.as_str()));
        assert_eq!(flags, expected_flags);
        let expected = [
            ("recorder.name", "HL-DT-ST BD-RE WH16NS60 (sr0)"),
            ("recorder.id", "sr0"),
            ("recorder.device", "/dev/sr0"),
            ("recorder.vendor", "HL-DT-ST"),
            ("recorder.product", "BD-RE WH16NS60"),
            ("recorder.revision", "1.02"),
            ("recorder.serial", "K1"),
            ("recorder.seat", "seat0"),
            ("recorder.kind", "real"),
        ];
        let expected: HashMap<_, _> =
            expected.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        assert_eq!(details, expected);
        cancellations.push(cancellation);
    }
    assert!(cancellations.iter().all(|id| !id.is_empty()) && cancellations[0] != cancellations[1]);
}

#[tokio::test]
async fn a_question_is_withdrawn_when_its_client_leaves() {
    let bus = PrivateBus::start();
    let mut mock = MockPolkit::start(&bus, Answer::Wait(Arc::default())).await;
    let bench = Bench::with_polkit(bus, LONG).await;
    let leaving = bench.bus.connect().await;
    let caller = tokio::spawn({
        let leaving = leaving.clone();
        async move { knock(&leaving, names::ACTION_OPEN, true).await }
    });
    let Some(Asked::Check { cancellation, .. }) = mock.asked.recv().await else { panic!("no check") };
    leaving.close().await.expect("closed");
    let Some(Asked::Cancel(cancelled)) = mock.asked.recv().await else { panic!("no withdrawal") };
    assert_eq!(cancelled, cancellation);
    caller.abort();
}

#[tokio::test]
async fn a_polkit_that_hangs_is_given_up_unless_a_person_is_asked() {
    let bus = PrivateBus::start();
    let permit = Arc::new(Notify::new());
    let mut mock = MockPolkit::start(&bus, Answer::Wait(Arc::clone(&permit))).await;
    let bench = Bench::with_polkit(bus, Duration::from_millis(20)).await;

    assert_eq!(bench.refusal(false).await, error(api::ErrorKind::NotAuthorized));
    let Some(Asked::Check { cancellation, .. }) = mock.asked.recv().await else { panic!("no check") };
    let Some(Asked::Cancel(cancelled)) = mock.asked.recv().await else { panic!("no withdrawal") };
    assert_eq!(cancelled, cancellation);

    let mut waiting = Box::pin(bench.refusal(true));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(early.is_err(), "a person needs more time than {early:?}");
    permit.notify_waiters();
    assert_eq!(waiting.await, "");
}

#[tokio::test]
async fn without_polkit_root_alone_is_served() {
    let bench = Bench::with_polkit(PrivateBus::start(), LONG).await;
    let expected = if geteuid().is_root() { String::new() } else { error(api::ErrorKind::NotAuthorized) };
    assert_eq!(bench.refusal(true).await, expected);
    if geteuid().is_root() {
        let answer = bench.knock_as(NOBODY, names::ACTION_OPEN, true).await;
        assert!(answer.ends_with(r#""org.discmaster1.Error.NotAuthorized""#), "{answer}");
    }
}

#[tokio::test]
async fn the_mock_polkit_of_the_desktops_denies_and_allows() {
    let bus = PrivateBus::start();
    let _mock = bus.mock("polkitd", "org.freedesktop.PolicyKit1").await;
    let bench = Bench::with_polkit(bus, LONG).await;
    assert_eq!(bench.refusal(false).await, error(api::ErrorKind::NotAuthorized));
    bench
        .client
        .call_method(
            Some("org.freedesktop.PolicyKit1"),
            "/org/freedesktop/PolicyKit1/Authority",
            Some("org.freedesktop.DBus.Mock"),
            "SetAllowed",
            &(vec![names::ACTION_OPEN],),
        )
        .await
        .expect("SetAllowed");
    assert_eq!(bench.refusal(false).await, "");
    assert_eq!(bench.knock(names::ACTION_ERASE, false).await.4, error(api::ErrorKind::NotAuthorized));
}

#[tokio::test]
async fn callers_are_who_the_bus_says_they_are() {
    let bus = PrivateBus::start();
    let _mock = MockPolkit::start(&bus, Answer::Allow).await;
    let bench = Bench::with_polkit(bus, LONG).await;
    for interactive in [false, true] {
        let (uid, gid, groups, asked, _) = bench.knock(names::ACTION_OPEN, interactive).await;
        assert_eq!((uid, asked), (geteuid().as_raw(), interactive));
        assert!(groups.contains(&gid) && groups.is_sorted(), "{gid} {groups:?}");
    }
    if geteuid().is_root() {
        // One group alone, whatever the user database says.
        for (uid, interactive) in [(NOBODY, false), (1, true)] {
            let expected = format!(r#"uuaubs {uid} {uid} 1 {uid} {interactive} """#);
            assert_eq!(bench.knock_as(uid, names::ACTION_OPEN, interactive).await, expected);
        }
    }
}

#[tokio::test]
async fn a_session_service_serves_its_own_user_alone() {
    let bus = PrivateBus::start();
    let callers = Callers::new(&bus.connect().await).await.expect("callers");
    let bench = Bench::with(bus, callers, Arc::new(OwnUser::new())).await;
    assert_eq!(bench.refusal(false).await, "");
    if geteuid().is_root() {
        let answer = bench.knock_as(NOBODY, names::ACTION_OPEN, true).await;
        assert!(answer.ends_with(r#""org.discmaster1.Error.NotAuthorized""#), "{answer}");
    }
}

#[tokio::test]
async fn a_message_without_a_sender_is_refused() {
    let bus = PrivateBus::start();
    let callers = Callers::new(&bus.connect().await).await.expect("callers");
    let message = zbus::Message::method_call("/", "Knock").build(&()).expect("a message");
    let error = callers.identify(&message.header()).await.expect_err("a refusal");
    assert_eq!(error.kind, api::ErrorKind::NotAuthorized);
}

#[tokio::test]
async fn departures_are_told_once_subscribed_and_past_ones_are_noticed() {
    let bus = PrivateBus::start();
    let callers = Callers::new(&bus.connect().await).await.expect("callers");
    let client = bus.connect().await;
    let name = client.unique_name().expect("a name").to_string();
    assert!(callers.present(&name).await);
    let (gone, mut vanished) = (callers.gone(&name), callers.vanished());
    client.close().await.expect("closed");
    let within = Duration::from_secs(5);
    tokio::time::timeout(within, gone).await.expect("the departure is noticed");
    let told = tokio::time::timeout(within, vanished.recv()).await.expect("in time").expect("a name");
    assert_eq!(told, name);
    tokio::time::timeout(within, callers.gone(&name)).await.expect("an earlier departure is noticed");
    assert!(!callers.present(&name).await);
}

#[tokio::test]
async fn when_the_bus_ends_everybody_has_left() {
    let bus = PrivateBus::start();
    let callers = Callers::new(&bus.connect().await).await.expect("callers");
    let client = bus.connect().await;
    let gone = callers.gone(client.unique_name().expect("a name"));
    drop(bus);
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("noticed");
}

const PAGE: &str = include_str!("../docs/polkit.md");
const POLICY: &str = include_str!("../polkit/org.discmaster1.policy");

/// Ids and bodies of the actions that the policy declares.
fn declared() -> HashMap<&'static str, &'static str> {
    POLICY
        .split("<action id=\"")
        .skip(1)
        .map(|rest| {
            let (id, body) = rest.split_once("\">").expect("an id");
            (id, body.split_once("</action>").expect("an end").0)
        })
        .collect()
}

/// Names and values of the constants of actions.
fn constants() -> HashMap<&'static str, &'static str> {
    include_str!("../src/api/names.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ACTION_"))
        .map(|line| (line.split_once(':').expect("a type").0, line.split('"').nth(1).expect("a value")))
        .collect()
}

#[test]
fn every_action_of_the_sources_is_declared_and_every_declared_one_is_asked_for() {
    let (declared, constants) = (declared(), constants());
    assert!(!constants.is_empty());
    let mut known: Vec<_> = constants.values().copied().collect();
    let mut listed: Vec<_> = declared.keys().copied().collect();
    known.sort_unstable();
    listed.sort_unstable();
    assert_eq!(known, listed);
    for name in constants.keys() {
        let used = sources().iter().any(|text| text.contains(&format!("ACTION_{name}")));
        assert!(used, "ACTION_{name} is declared, but the broker never asks for it");
    }
}

/// The broker's sources, the authority's own left out.
fn sources() -> Vec<String> {
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/broker"))];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("authority") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                texts.push(std::fs::read_to_string(path).expect("a source file"));
            }
        }
    }
    texts
}

#[test]
fn the_policy_lets_the_person_at_the_machine_pass_and_nobody_else_without_a_password() {
    for (id, body) in declared() {
        for expected in [
            "<allow_any>auth_admin</allow_any>",
            "<allow_inactive>auth_admin</allow_inactive>",
            r#"<annotate key="org.freedesktop.policykit.owner">unix-user:discmaster</annotate>"#,
            "<description ",
            "<message ",
        ] {
            assert!(body.contains(expected), "{id} lacks {expected}");
        }
        let own = !id.contains("-other-");
        let active =
            if own { "<allow_active>yes</allow_active>" } else { "<allow_active>auth_admin</allow_active>" };
        assert!(body.contains(active), "{id} lacks {active}");
        assert!(!body.contains("_keep"), "{id}: what is kept holds for every recorder");
    }
}

#[test]
fn the_policys_messages_and_the_rule_writers_page_name_details_that_exist() {
    let details = ["name", "id", "device", "vendor", "product", "revision", "serial", "seat", "kind"];
    for detail in details {
        assert!(PAGE.contains(&format!("| `recorder.{detail}` |")), "recorder.{detail} is not documented");
    }
    for action in declared().keys().filter_map(|id| id.strip_prefix("org.discmaster1.")) {
        assert!(PAGE.contains(&format!("`{action}`")), "{action} is not documented");
    }
    for used in POLICY.split("$(recorder.").skip(1) {
        let name = used.split_once(')').expect("an end").0;
        assert!(details.contains(&name), "recorder.{name} is never passed");
    }
}
