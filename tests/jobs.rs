//! Jobs: how they are waited for, told of, cancelled, and forgotten.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use support::burner::Burner;
use support::processes::{STAGER, helper};
use support::{Bench, Client, Signal, options};
use zbus::OwnedVariant;

const ABORTED: &str = "org.discmaster1.Error.UserAbort";

/// Waits until a job has come to a phase.
async fn comes_to(client: &Client, job: &str, phase: &str) {
    client
        .until(&format!("the job comes to {phase}"), async || {
            let now: String = client.property(job, "Job", "Phase").await.unwrap();
            assert!(now != "finished", "the job was over before it came to {phase}");
            (now == phase).then_some(())
        })
        .await;
}

/// Cancels a job and waits for its end: the error's name, and its message.
async fn cancelled(client: &Client, job: &str) -> (String, String) {
    client.call::<()>(job, "Job", "Cancel", &()).await.unwrap();
    let (success, error, message, _) = client.result(job).await;
    assert_eq!(success, error.is_empty());
    (error, message)
}

async fn medium(burner: &Burner, property: &str) -> bool {
    burner.client.property(&burner.recorder, "Medium", property).await.unwrap()
}

#[tokio::test]
async fn a_call_that_waits_replies_at_the_end_with_the_jobs_error_as_its_own() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    let Burner { client, session, joliet, .. } = &burner;
    let wait = || options([("wait", true.into())]);
    let missing = bench.dir().join("missing");
    let missing = missing.to_str().unwrap();
    let refused = client.path(joliet, "Joliet", "AddPath", &(missing, wait())).await.unwrap_err();
    assert_eq!(refused.name, "FileUnreadable");
    assert!(refused.message.contains(missing), "{}", refused.message);
    // Without waiting, the same error is the job's.
    let job = client.path(joliet, "Joliet", "AddPath", &(missing, options([]))).await.unwrap();
    let (_, error, message, details) = client.result(&job).await;
    assert_eq!((error.as_str(), message), ("org.discmaster1.Error.FileUnreadable", refused.message));
    assert_eq!(details["path"], zbus::Str::from(missing).into());

    bench.control("vd0", &["fault", "write sense(3/0C/00)"]);
    let refused = client.path(session, "Session", "RecordDisc", &(wait(),)).await.unwrap_err();
    assert_eq!(refused.name, "WriteFailed");
    let fresh = bench.dir().join("fresh.disc");
    bench.control("vd0", &["insert", fresh.to_str().unwrap(), "--create=cd-r"]);
    burner.select().await.unwrap();
    let job = client.path(session, "Session", "RecordDisc", &(wait(),)).await.unwrap();
    let ended: String = client.property(&job, "Job", "Result").await.unwrap();
    assert_eq!(ended, "success");
}

#[tokio::test]
async fn whoever_waits_hears_that_somebody_else_cancelled() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    let stager = helper(bench.daemon_pid(), STAGER);
    let stopped = stager.stop();
    let other = bench.client().await;
    let wait = (options([("wait", true.into())]),);
    let waiting = burner.client.path(&burner.session, "Session", "RecordDisc", &wait);
    let cancelling = async {
        let job = other
            .until("the job is there", async || {
                let job: zbus::OwnedObjectPath =
                    other.property(&burner.session, "Session", "Job").await.unwrap();
                (job.as_str() != "/").then(|| job.to_string())
            })
            .await;
        let early = other.refusal(&job, "Job", "GetResult", &()).await.unwrap();
        assert_eq!(early.name, "Busy");
        for _ in 0..2 {
            other.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
        }
        drop(stopped);
        job
    };
    let (waited, job) = tokio::join!(waiting, cancelling);
    let refused = waited.unwrap_err();
    assert_eq!(refused.name, "UserAbort");
    // The end, and how it came about, can be asked for again and again, and a cancel changes nothing any more.
    for _ in 0..2 {
        let (_, error, message, _) = other.result(&job).await;
        assert_eq!((error.as_str(), &message), (ABORTED, &refused.message));
        other.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    }
}

#[tokio::test]
async fn an_ended_job_can_be_looked_at_for_a_while_and_is_then_forgotten() {
    let bench = Bench::new().recorder("vd0", "cd-r").option("--job-retention=1").start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    let client = &burner.client;
    let mut signals = client.signals().await;
    let job = burner.record_with(options([("simulate", true.into())])).await.unwrap();
    signals.up_to(&job, "Completed").await;
    let ended = Instant::now();
    assert!(client.result(&job).await.0);
    let forgotten = async || client.refusal(&job, "Job", "GetResult", &()).await;
    let refused = client.until("the job is forgotten", forgotten).await;
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.UnknownObject");
    // The broker's second began a moment before ours.
    assert!(ended.elapsed() > Duration::from_millis(900), "{:?}", ended.elapsed());
    // It goes before the eyes of those who list objects.
    loop {
        let signal = signals.next().await;
        if signal.name == "InterfacesRemoved" {
            let (path, _): (zbus::OwnedObjectPath, Vec<String>) =
                signal.message.body().deserialize().unwrap();
            if path.as_str() == job {
                break;
            }
        }
    }
}

#[tokio::test]
async fn cancelling_what_is_only_prepared_leaves_everything_as_it_was() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    let client = &burner.client;
    let used = burner.used().await;
    let stager = helper(bench.daemon_pid(), STAGER);
    // An addition.
    let stopped = stager.stop();
    let more = bench.dir().join("more.bin");
    std::fs::write(&more, "more").unwrap();
    let add = (more.to_str().unwrap(), options([]));
    let job = client.path(&burner.joliet, "Joliet", "AddPath", &add).await.unwrap();
    comes_to(client, &job, "staging").await;
    client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    drop(stopped);
    let (error, message) = cancelled(client, &job).await;
    assert_eq!(error, ABORTED, "{message}");
    assert_eq!(burner.used().await, used);
    // A burn, while the stager lays the image out.
    let stopped = stager.stop();
    let job = burner.record().await.unwrap();
    comes_to(client, &job, "preparing").await;
    client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    drop(stopped);
    let (error, message) = cancelled(client, &job).await;
    assert_eq!(error, ABORTED, "{message}");
    assert!(medium(&burner, "Blank").await);
    // A burn, while the drive is set up.
    bench.control("vd0", &["fault", "mode-select-10 hang(2s)"]);
    let job = burner.record().await.unwrap();
    comes_to(client, &job, "preparing").await;
    let (error, message) = cancelled(client, &job).await;
    assert_eq!(error, ABORTED, "{message}");
    assert!(medium(&burner, "Blank").await);
    bench.control("vd0", &["clear-faults"]);
    assert_eq!(burner.recorded(options([("verify", "full".into())])).await.name, "");
}

#[tokio::test]
async fn cancelling_a_burn_closes_the_disc_and_says_what_it_is_now() {
    let kinds = [("cd-r", "not replaced"), ("cd-rw", "erase it"), ("dvd+r", "not replaced")];
    for (kind, advice) in kinds {
        let arguments = [&format!("--create={kind}"), "--speed=2000"];
        let bench = Bench::new().recorder_with("vd0", &arguments).start().await;
        let burner = Burner::ready(&bench, "vd0", 8 << 20, false).await;
        let job = burner.record().await.unwrap();
        comes_to(&burner.client, &job, "writing").await;
        let (error, message) = cancelled(&burner.client, &job).await;
        assert_eq!(error, ABORTED, "{kind}: {message}");
        let says = ["was closed", "incomplete", advice].iter().all(|words| message.contains(words));
        assert!(says, "{kind}: {message}");
        assert!(medium(&burner, "Closed").await, "{kind}");
        assert!(!medium(&burner, "Damaged").await, "{kind}");
        // The image is still there, for another disc.
        let fresh = bench.dir().join("fresh.disc");
        bench.control("vd0", &["insert", fresh.to_str().unwrap(), arguments[0]]);
        bench.control("vd0", &["speed", "unlimited"]);
        burner.select().await.unwrap();
        assert_eq!(burner.recorded(options([("verify", "full".into())])).await.name, "", "{kind}");
    }
}

#[tokio::test]
async fn a_cancelled_simulation_leaves_the_disc_as_it_was() {
    let bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=8x"]).start().await;
    let burner = Burner::ready(&bench, "vd0", 8 << 20, false).await;
    let job = burner.record_with(options([("simulate", true.into())])).await.unwrap();
    comes_to(&burner.client, &job, "writing").await;
    let (error, message) = cancelled(&burner.client, &job).await;
    assert_eq!(error, ABORTED);
    assert!(message.contains("simulation") && message.contains("as it was"), "{message}");
    assert!(medium(&burner, "Blank").await);
    bench.control("vd0", &["speed", "unlimited"]);
    assert_eq!(
        burner.recorded(options([])).await.name,
        "",
        "the real burn follows without another selection"
    );
}

#[tokio::test]
async fn what_cannot_be_cancelled_any_more_says_so_and_comes_to_its_end() {
    for (phase, fault) in [("flushing", "flush hang(2s)"), ("closing", "close-session hang(2s)")] {
        let bench = Bench::new().recorder("vd0", "cd-r").start().await;
        let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
        bench.control("vd0", &["fault", fault]);
        let job = burner.record().await.unwrap();
        comes_to(&burner.client, &job, phase).await;
        assert!(!burner.client.property::<bool>(&job, "Job", "Cancelable").await.unwrap(), "{phase}");
        assert_eq!(cancelled(&burner.client, &job).await, (String::new(), String::new()), "{phase}");
        assert!(medium(&burner, "Closed").await, "{phase}");
    }
    let bench = Bench::new().recorder_with("vd0", &["--create=cd-rw", "--speed=8x"]).start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    assert_eq!(burner.recorded(options([])).await.name, "");
    let erase = (false, options([]));
    let job = burner.client.path(&burner.recorder, "Recorder", "Erase", &erase).await.unwrap();
    comes_to(&burner.client, &job, "erasing").await;
    assert!(!burner.client.property::<bool>(&job, "Job", "Cancelable").await.unwrap());
    assert_eq!(cancelled(&burner.client, &job).await, (String::new(), String::new()));
    assert!(medium(&burner, "Blank").await);
}

#[tokio::test]
async fn a_verification_that_is_cancelled_leaves_a_disc_that_is_complete() {
    for phase in ["closing", "verifying"] {
        let bench = Bench::new().recorder("vd0", "cd-r").start().await;
        let burner = Burner::ready(&bench, "vd0", 900_000, false).await;
        bench.control("vd0", &["fault", "close-session hang(1s); read forever*hang(100ms)"]);
        let job = burner.record_with(options([("verify", "full".into())])).await.unwrap();
        comes_to(&burner.client, &job, phase).await;
        let (error, message) = cancelled(&burner.client, &job).await;
        assert_eq!(error, ABORTED, "{message}");
        assert!(message.contains("complete and closed") && message.contains("not verified"), "{message}");
        bench.control("vd0", &["clear-faults"]);
        let read = std::process::Command::new("bsdtar")
            .arg("-xOf")
            .arg(bench.disc("vd0"))
            .arg("content.bin")
            .output()
            .unwrap();
        assert!(read.stdout == support::burner::content(900_000), "{phase}");
    }
}

/// The properties of an object that a signal says have changed.
fn changes(signal: &Signal) -> HashMap<String, OwnedVariant> {
    let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
        signal.message.body().deserialize().unwrap();
    changed
}

#[tokio::test]
async fn progress_never_goes_back_and_is_told_at_most_ten_times_a_second() {
    let bench = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=8x"]).start().await;
    let burner = Burner::ready(&bench, "vd0", 3 << 20, false).await;
    let mut all = burner.client.signals().await;
    let began = Instant::now();
    let job = burner.record_with(options([("verify", "full".into())])).await.unwrap();
    let mut signals = Vec::new();
    while signals.last().is_none_or(|last: &Signal| last.name != "BurnComplete") {
        signals.push(all.next().await);
    }
    let took = began.elapsed();
    let told: Vec<_> = signals
        .iter()
        .filter(|signal| signal.path == job && signal.name == "PropertiesChanged")
        .map(changes)
        .collect();

    let mut phases: Vec<String> = Vec::new();
    let mut done: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for change in &told {
        if let Some(phase) = change.get("Phase") {
            phases.push(String::try_from(phase.try_clone().unwrap()).unwrap());
        }
        if let Some(blocks) = change.get("BlocksDone") {
            let phase = phases.last().cloned().unwrap_or_default();
            done.entry(phase).or_default().push(u64::try_from(blocks.try_clone().unwrap()).unwrap());
        }
        if let Some(progress) = change.get("Progress") {
            let progress = f64::try_from(progress.try_clone().unwrap()).unwrap();
            assert!((0.0..=1.0).contains(&progress), "{progress}");
        }
    }
    assert_eq!(phases, ["preparing", "writing", "flushing", "closing", "verifying", "finished"]);
    for (phase, done) in &done {
        assert!(done.is_sorted(), "{phase}: {done:?}");
    }
    assert!(done["writing"].len() >= 5, "{done:?}");
    // Beside ten a second, each phase may be told when it begins, and when it is complete.
    let most = took.as_millis() as usize / 100 + 2 * phases.len();
    assert!(told.len() <= most, "{} in {took:?}", told.len());

    let blocks: Vec<(u64, u64)> = signals
        .iter()
        .filter(|signal| signal.name == "BlockProgress")
        .map(|signal| signal.message.body().deserialize().unwrap())
        .collect();
    let total = burner.used().await;
    assert_eq!((blocks.first(), blocks.last()), (Some(&(0, total)), Some(&(total, total))));
    assert!(blocks.windows(2).all(|pair| pair[0].0 < pair[1].0), "{blocks:?}");
    assert!(blocks.len() <= most, "{} in {took:?}", blocks.len());
}

#[tokio::test]
async fn a_jobs_end_is_told_in_full_to_its_owner_and_with_figures() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    let mut signals = burner.client.signals().await;
    let job = burner.record_with(options([("verify", "full".into())])).await.unwrap();
    let end = signals.up_to(&job, "Completed").await.pop().unwrap();
    let told: (bool, String, String, HashMap<String, OwnedVariant>) =
        end.message.body().deserialize().unwrap();
    assert_eq!(told, burner.client.result(&job).await);
    let (success, error, message, details) = told;
    assert_eq!((success, error.as_str(), message.as_str()), (true, "", ""));
    let used = burner.used().await;
    assert_eq!((&details["blocks"], &details["verified-blocks"]), (&used.into(), &used.into()));
    for key in ["start", "simulated", "speed", "write-time", "ring-empty", "verified-full"] {
        assert!(details.contains_key(key), "{key} is not in {details:?}");
    }
    let about = async |name: &str| -> String { burner.client.property(&job, "Job", name).await.unwrap() };
    assert_eq!((about("Operation").await, about("Result").await), ("record".into(), "success".into()));
    let whose: u32 = burner.client.property(&job, "Job", "StartedByUID").await.unwrap();
    assert_eq!(whose, nix::unistd::geteuid().as_raw());
}
