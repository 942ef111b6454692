//! Thousands of calls of every method, in every state, with every kind of argument: each is answered, nothing is left.
//!
//! `DISCMASTER_FLOOD` is how often each method is called.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use support::burner::Burner;
use support::noise::Argument::{self, Anything, Directory, Flag, Options, Path, Word};
use support::noise::Noise;
use support::processes::{STAGER, WORKER, descriptors, helper, helpers, resident};
use support::{Bench, Client, eventually, options};
use tokio::sync::Semaphore;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, OwnedObjectPath, OwnedVariant, Structure};

/// How often each method is called unless the environment says otherwise.
const TIMES: usize = 10_000;
/// The states of a session that are flooded, and none in particular.
const STATES: [&str; 6] = ["open", "format", "ready", "adding", "burning", "chaos"];
/// Connections that call at the same time.
const CONNECTIONS: usize = 4;
/// Calls of one connection that may be unanswered. A bus allows 128.
const UNANSWERED: usize = 96;

const ADD: Argument = Options(&[
    ("destination", 's'),
    ("overwrite", 'b'),
    ("copy", 'b'),
    ("special-files", 's'),
    ("wait", 'b'),
]);
const RECORDERS: Argument = Path(&[RECORDER]);
const RECORDER: &str = "/org/discmaster1/recorders/vd0";
const OURS: &[&str] = &[
    "org.discmaster1.DiscMaster",
    "org.discmaster1.Session",
    "org.discmaster1.Joliet",
    "org.discmaster1.Redbook",
    "org.discmaster1.Recorder",
    "org.discmaster1.Medium",
    "org.discmaster1.Job",
];

/// Where a method is called, its interface and name, and what it takes.
#[rustfmt::skip]
const METHODS: &[(&str, &str, &str, &[Argument])] = &[
    ("root", "org.discmaster1.DiscMaster", "Open", &[Options(&[("recorder", 'o'), ("detached", 'b'), ("client-name", 's')])]),
    ("root", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &[]),
    ("session", "org.discmaster1.Session", "EnumDiscMasterFormats", &[]),
    ("session", "org.discmaster1.Session", "GetActiveDiscMasterFormat", &[]),
    ("session", "org.discmaster1.Session", "SetActiveDiscMasterFormat", &[Word(&["joliet", "redbook"])]),
    ("session", "org.discmaster1.Session", "EnumDiscRecorders", &[]),
    ("session", "org.discmaster1.Session", "GetActiveDiscRecorder", &[]),
    ("session", "org.discmaster1.Session", "SetActiveDiscRecorder", &[RECORDERS, Options(&[("multisession", 's')])]),
    ("session", "org.discmaster1.Session", "ClearFormatContent", &[]),
    ("session", "org.discmaster1.Session", "RecordDisc", &[Options(&[("simulate", 'b'), ("eject", 'b'), ("verify", 's'), ("speed", 'u'), ("close", 's'), ("wait", 'b')])]),
    ("session", "org.discmaster1.Session", "Close", &[]),
    ("joliet", "org.discmaster1.Joliet", "GetTotalDataBlocks", &[]),
    ("joliet", "org.discmaster1.Joliet", "GetUsedDataBlocks", &[]),
    ("joliet", "org.discmaster1.Joliet", "GetDataBlockSize", &[]),
    ("joliet", "org.discmaster1.Joliet", "AddData", &[Directory, ADD]),
    ("joliet", "org.discmaster1.Joliet", "AddPath", &[Word(&["FOLDER", "/nowhere"]), ADD]),
    ("joliet", "org.discmaster1.Joliet", "Remove", &[Word(&["/letter.txt", "/"])]),
    ("joliet", "org.discmaster1.Joliet", "List", &[Word(&["/", "/a"])]),
    ("joliet", "org.discmaster1.Joliet", "GetJolietProperties", &[]),
    ("joliet", "org.discmaster1.Joliet", "SetJolietProperties", &[Options(&[("VolumeName", 's'), ("LongNames", 'b')])]),
    ("redbook", "org.discmaster1.Redbook", "GetTotalAudioTracks", &[]),
    ("redbook", "org.discmaster1.Redbook", "GetUsedAudioBlocks", &[]),
    ("redbook", "org.discmaster1.Redbook", "GetAvailableAudioTrackBlocks", &[]),
    ("redbook", "org.discmaster1.Redbook", "CreateAudioTrack", &[Anything]),
    ("redbook", "org.discmaster1.Redbook", "AddAudioTrackBlocks", &[Anything]),
    ("redbook", "org.discmaster1.Redbook", "AddAudioTrackStream", &[Directory, Options(&[("wait", 'b')])]),
    ("redbook", "org.discmaster1.Redbook", "AddAudioFile", &[Directory, Options(&[("gapless", 'b'), ("replay-gain", 's'), ("tags", 'b'), ("wait", 'b')])]),
    ("redbook", "org.discmaster1.Redbook", "AddDataTrackStream", &[Directory, Options(&[("wait", 'b')])]),
    ("redbook", "org.discmaster1.Redbook", "CloseAudioTrack", &[]),
    ("redbook", "org.discmaster1.Redbook", "SetRedbookProperties", &[Options(&[("Title", 's'), ("UpcEan", 's'), ("Gapless", 'b'), ("DataTrack", 'b')])]),
    ("redbook", "org.discmaster1.Redbook", "GetCueSheet", &[Anything]),
    ("redbook", "org.discmaster1.Redbook", "GetTranslation", &[Word(&["de", "ja"]), Anything]),
    ("redbook", "org.discmaster1.Redbook", "SetTranslation", &[Word(&["de", "ja"]), Anything, Options(&[("Title", 's'), ("Letters", 's')])]),
    ("redbook", "org.discmaster1.Redbook", "RemoveTranslation", &[Word(&["de", "ja"])]),
    ("redbook", "org.discmaster1.Redbook", "SetAudioTrackProperties", &[Anything, Options(&[("Isrc", 's'), ("PreGap", 'u')])]),
    ("recorder", "org.discmaster1.Recorder", "OpenExclusive", &[]),
    ("recorder", "org.discmaster1.Recorder", "Close", &[]),
    ("recorder", "org.discmaster1.Recorder", "GetRecorderGUID", &[]),
    ("recorder", "org.discmaster1.Recorder", "GetRecorderType", &[]),
    ("recorder", "org.discmaster1.Recorder", "GetDisplayNames", &[]),
    ("recorder", "org.discmaster1.Recorder", "GetBasePnPID", &[]),
    ("recorder", "org.discmaster1.Recorder", "GetPath", &[]),
    ("recorder", "org.discmaster1.Recorder", "GetRecorderState", &[]),
    ("recorder", "org.discmaster1.Recorder", "GetRecorderProperties", &[]),
    ("recorder", "org.discmaster1.Recorder", "SetRecorderProperties", &[Options(&[("WriteSpeed", 'u'), ("AudioGapSize", 'u'), ("EnableBufferUnderrunFree", 'b')])]),
    ("recorder", "org.discmaster1.Recorder", "QueryMediaType", &[]),
    ("recorder", "org.discmaster1.Recorder", "QueryMediaInfo", &[]),
    ("recorder", "org.discmaster1.Recorder", "Eject", &[]),
    ("recorder", "org.discmaster1.Recorder", "Load", &[]),
    ("recorder", "org.discmaster1.Recorder", "ReadCueSheet", &[Word(&["disc.bin", ""])]),
    ("recorder", "org.discmaster1.Recorder", "Erase", &[Flag, Options(&[("eject", 'b'), ("wait", 'b')])]),
    ("recorder", "org.discmaster1.Recorder", "Format", &[Options(&[("format", 's'), ("full", 'b'), ("eject", 'b'), ("unmount", 'b'), ("wait", 'b')])]),
    ("job", "org.discmaster1.Job", "Cancel", &[]),
    ("job", "org.discmaster1.Job", "GetResult", &[]),
    ("any", "org.freedesktop.DBus.Properties", "Get", &[Word(OURS), Word(&["State", "Phase", "Version", "Kind", "Tracks"])]),
    ("any", "org.freedesktop.DBus.Properties", "GetAll", &[Word(OURS)]),
    ("any", "org.freedesktop.DBus.Properties", "Set", &[Word(OURS), Word(&["State", "Version"]), Anything]),
    ("any", "org.freedesktop.DBus.Introspectable", "Introspect", &[]),
    ("any", "org.freedesktop.DBus.Peer", "Ping", &[]),
];

/// What ends the state that the other calls are to meet, and so goes elsewhere unless chaos is wanted.
const SPOILERS: &[(&str, &str)] = &[
    ("session", "Close"),
    ("session", "ClearFormatContent"),
    ("session", "SetActiveDiscMasterFormat"),
    ("recorder", "OpenExclusive"),
    ("recorder", "Eject"),
    ("job", "Cancel"),
];

/// Sessions and jobs that somebody has been given, the youngest last.
#[derive(Debug, Default)]
struct Known {
    closed: String,
    sessions: Vec<String>,
    jobs: Vec<String>,
}

/// One connection that calls without waiting for answers.
struct Flooder {
    connection: Connection,
    known: Arc<Mutex<Known>>,
    noise: Noise,
    folder: File,
    path: String,
    /// It may end the state that it floods.
    chaos: bool,
}

/// How often each answer came: an error's name, or nothing.
type Answers = BTreeMap<String, usize>;

impl Flooder {
    /// Calls every method so often, in a random order, and returns how often each answer came.
    async fn flood(mut self, times: usize) -> Answers {
        let total = times * METHODS.len();
        let room = Arc::new(Semaphore::new(UNANSWERED));
        let answers = MessageStream::from(&self.connection);
        let reader = tokio::spawn(read(answers, total, Arc::clone(&room), Arc::clone(&self.known)));
        let mut left: Vec<(usize, usize)> = (0..METHODS.len()).map(|method| (method, times)).collect();
        while !left.is_empty() {
            let at = self.noise.below(left.len());
            let message = self.call(left[at].0);
            room.acquire().await.unwrap().forget();
            self.connection.send(&message).await.unwrap();
            left[at].1 -= 1;
            if left[at].1 == 0 {
                left.swap_remove(at);
            }
        }
        reader.await.unwrap()
    }

    fn call(&mut self, method: usize) -> Message {
        let (place, interface, name, arguments) = METHODS[method];
        let path = if SPOILERS.contains(&(place, name)) && !self.chaos {
            let closed = &self.known.lock().unwrap().closed;
            if place == "session" { closed.clone() } else { "/org/discmaster1/recorders/vd9".to_owned() }
        } else {
            self.place(place)
        };
        let mut arguments = self.noise.arguments(arguments, &self.folder);
        for argument in &mut arguments {
            match argument {
                zbus::Variant::Str(word) if *word == "FOLDER" => *argument = self.path.clone().into(),
                // Whoever has a session keeps everybody else from one.
                zbus::Variant::Dict(_) if name == "Open" && !self.chaos => {
                    *argument = options([("surprise", true.into())]).into();
                }
                _ => {}
            }
        }
        let body =
            arguments.into_iter().fold(Structure::builder(), |body, one| body.append_field(one)).build();
        let call = Message::method_call(path, name);
        let call = call.destination("org.discmaster1").interface(interface);
        match body {
            Ok(body) => call.build(&body).unwrap(),
            Err(_) => call.build(&()).unwrap(),
        }
    }

    /// An object of a kind: mostly one that may be there.
    fn place(&mut self, kind: &str) -> String {
        let root = "/org/discmaster1";
        let kinds = ["root", "session", "joliet", "redbook", "recorder", "job", "elsewhere"];
        let kind = if kind == "any" || self.noise.one_in(16) { *self.noise.pick(&kinds) } else { kind };
        let known = self.known.lock().unwrap();
        let young = |all: &Vec<String>, noise: &mut Noise| {
            let recent = &all[all.len().saturating_sub(3)..];
            if recent.is_empty() { format!("{root}/sessions/1") } else { noise.pick(recent).clone() }
        };
        match kind {
            "root" => root.to_owned(),
            "session" => young(&known.sessions, &mut self.noise),
            "redbook" => format!("{}/redbook", young(&known.sessions, &mut self.noise)),
            "joliet" => format!("{}/joliet", young(&known.sessions, &mut self.noise)),
            "recorder" => format!("{root}/recorders/{}", self.noise.pick(&["vd0", "vd0", "vd0", "vd9"])),
            "job" => young(&known.jobs, &mut self.noise),
            _ => "/elsewhere".to_owned(),
        }
    }
}

/// Takes so many answers, and learns from them which sessions and jobs there are.
async fn read(
    mut messages: MessageStream,
    total: usize,
    room: Arc<Semaphore>,
    known: Arc<Mutex<Known>>,
) -> Answers {
    let mut answers = Answers::new();
    for _ in 0..total {
        let answer = loop {
            let message = tokio::time::timeout(support::DEADLINE, messages.next()).await;
            let message = message.expect("every call is answered").unwrap().unwrap();
            if matches!(message.message_type(), Type::MethodReturn | Type::Error) {
                break message;
            }
        };
        room.add_permits(1);
        let header = answer.header();
        let name = header.error_name().map(ToString::to_string).unwrap_or_default();
        *answers.entry(name).or_default() += 1;
        if let Ok(path) = answer.body().deserialize::<OwnedObjectPath>() {
            let mut known = known.lock().unwrap();
            if path.contains("/jobs/") {
                known.jobs.push(path.to_string());
            } else if path.contains("/sessions/") && !path.ends_with("/joliet") {
                known.sessions.push(path.to_string());
            }
        }
    }
    answers
}

/// Brings a session into a state, floods the service from several connections, and lets go of the session.
async fn flood_in(state: &str, bench: &Bench, times: usize) -> Answers {
    bench.control(
        "vd0",
        &["insert", bench.dir().join(format!("{state}.disc")).to_str().unwrap(), "--create=cd-rw"],
    );
    // The session of the state, and a closed one for what would end the state.
    let mut burner = Burner::open(bench, "vd0", false).await;
    burner.close().await.unwrap();
    let closed = burner.session;
    burner.session = burner.client.open(options([])).await.unwrap();
    burner.joliet = format!("{}/joliet", burner.session);
    if state != "open" {
        burner.format().await;
    }
    if ["ready", "adding", "burning"].contains(&state) {
        burner.select().await.unwrap();
        burner.add(bench, 3 << 20).await;
    }
    let folder = bench.dir().join("folder");
    let mut held_up = None;
    let job = match state {
        "adding" => {
            held_up = Some(helper(bench.daemon_pid(), STAGER).stop());
            let add = (folder.to_str().unwrap(), options([]));
            Some(burner.client.path(&burner.joliet, "Joliet", "AddPath", &add).await.unwrap())
        }
        "burning" => {
            // Slow enough to be met.
            bench.control("vd0", &["speed", "24x"]);
            let job = burner.record().await.unwrap();
            burner.under_way(&job).await;
            held_up = Some(helper(bench.daemon_pid(), WORKER).stop());
            Some(job)
        }
        _ => None,
    };
    let (sessions, jobs) = (vec![burner.session.clone()], job.clone().into_iter().collect());
    let known = Known { closed, sessions, jobs };
    let answers = flood(bench, known, state == "chaos", times).await;
    if let Some(job) = job {
        let result: String = burner.client.property(&job, "Job", "Result").await.unwrap();
        assert_eq!(result, "", "the state did not last");
        burner.client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
        drop(held_up);
        bench.control("vd0", &["speed", "unlimited"]);
        burner.client.result(&job).await;
    }
    quiet(bench, &burner.client).await;
    answers
}

async fn flood(bench: &Bench, known: Known, chaos: bool, times: usize) -> Answers {
    let folder = bench.dir().join("folder");
    let known = Arc::new(Mutex::new(known));
    let mut tasks = Vec::new();
    for number in 0..CONNECTIONS {
        let flooder = Flooder {
            connection: bench.bus.connect().await,
            known: Arc::clone(&known),
            noise: Noise::new((times * CONNECTIONS + number) as u64),
            folder: File::open(&folder).unwrap(),
            path: folder.to_str().unwrap().to_owned(),
            chaos,
        };
        tasks.push(tokio::spawn(flooder.flood(times.div_ceil(CONNECTIONS))));
    }
    let mut answers = Answers::new();
    for task in tasks {
        for (name, count) in task.await.unwrap() {
            *answers.entry(name).or_default() += count;
        }
    }
    answers
}

/// Every object of the service, by path, with its interfaces.
async fn objects(client: &Client) -> HashMap<OwnedObjectPath, Vec<String>> {
    type All = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;
    let manager = "org.freedesktop.DBus.ObjectManager";
    let call = client.connection.call_method(
        Some("org.discmaster1"),
        "/org/discmaster1",
        Some(manager),
        "GetManagedObjects",
        &(),
    );
    let all: All = call.await.unwrap().body().deserialize().unwrap();
    all.into_iter().map(|(path, interfaces)| (path, interfaces.into_keys().collect())).collect()
}

/// Closes what detached sessions are left, and waits until jobs and helpers have ended.
async fn quiet(bench: &Bench, client: &Client) {
    for path in objects(client).await.into_keys().filter(|path| path.contains("/jobs/")) {
        // One that has ended may be forgotten by now.
        let ended = async || match client.property::<String>(&path, "Job", "Result").await {
            Ok(result) => (!result.is_empty()).then_some(()),
            Err(_) => Some(()),
        };
        client.until("the job ends", ended).await;
    }
    for path in objects(client).await.into_keys() {
        if path.contains("/sessions/") && !path.ends_with("/joliet") {
            client.refusal(&path, "Session", "Close", &()).await;
        }
    }
    let broker = bench.daemon_pid();
    let alone = async || helpers(broker, STAGER).is_empty() && helpers(broker, WORKER).is_empty();
    eventually("the helpers leave", alone).await;
}

#[tokio::test]
async fn a_flood_of_calls_is_answered_and_leaves_nothing_behind() {
    let times = std::env::var("DISCMASTER_FLOOD").ok().map_or(TIMES, |times| times.parse().unwrap());
    // What has ended does not make the list of all objects long.
    let bench = Bench::new().recorder("vd0", "cd-rw").option("--job-retention=1").start().await;
    let (broker, client) = (bench.daemon_pid(), bench.client().await);
    std::fs::create_dir(bench.dir().join("folder")).unwrap();
    std::fs::write(bench.dir().join("folder/letter.txt"), "a letter").unwrap();
    // What is kept for later is there after a while.
    flood_in("chaos", &bench, (times / 10).max(100)).await;
    let (memory, open) = (resident(broker), descriptors(broker).len());

    let began = std::time::Instant::now();
    let mut answers = Answers::new();
    for state in STATES {
        for (name, count) in flood_in(state, &bench, times.div_ceil(STATES.len())).await {
            *answers.entry(name).or_default() += count;
        }
    }
    eprintln!("{} calls in {:?}: {answers:#?}", answers.values().sum::<usize>(), began.elapsed());

    let standard = "org.freedesktop.DBus.Error.";
    let named = [
        "InvalidArgs",
        "UnknownMethod",
        "UnknownObject",
        "UnknownInterface",
        "UnknownProperty",
        "PropertyReadOnly",
    ];
    for name in answers.keys().filter(|name| !name.is_empty()) {
        let ours = name.starts_with("org.discmaster1.Error.");
        let known = name.strip_prefix(standard).is_some_and(|name| named.contains(&name));
        assert!((ours || known) && !name.ends_with(".Generic"), "{name}");
    }
    let log = bench.logged("discmasterd");
    assert!(!log.contains("panicked"), "{log}");
    let count = |part: &str, all: &HashMap<OwnedObjectPath, Vec<String>>| {
        all.keys().filter(|path| path.contains(part)).count()
    };
    let all = objects(&client).await;
    assert!(count("/jobs/", &all) <= 64, "{}", count("/jobs/", &all));
    // Each session has its format's object beside it.
    assert!(count("/sessions/", &all) <= 2 * 16, "{}", count("/sessions/", &all));
    assert!(
        descriptors(broker).len() <= open + 8,
        "{open} descriptors before, now {:#?}",
        descriptors(broker)
    );
    let now = resident(broker);
    assert!(now < memory + 8192, "{memory} kB of memory before, {now} kB now");

    // And it still does what it is for.
    let fresh = bench.dir().join("fresh.disc");
    bench.control("vd0", &["insert", fresh.to_str().unwrap(), "--create=cd-r"]);
    client.looked_at("vd0").await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    let verified = burner.recorded(options([("verify", "full".into())])).await;
    assert_eq!(verified.name, "", "{}", verified.message);
}
