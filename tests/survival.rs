//! Who dies takes no disc along, and leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::burner::{Burner, content};
use support::processes::{STAGER, WORKER, descriptors, helper, helpers};
use support::{Bench, Client, eventually, options};

const VD0: &str = "/org/discmaster1/recorders/vd0";
/// What takes some three seconds at 8x.
const SIZE: usize = 4 << 20;

/// A bench with one slow recorder, and a ring so small that the stager is needed to the end.
async fn slow() -> Bench {
    let setup = Bench::new().recorder_with("vd0", &["--create=cd-r", "--speed=8x"]);
    setup.option("--ring=524288").start().await
}

/// The file on a disc reads back as it was staged, by somebody else's eyes.
fn assert_recorded(disc: &Path) {
    let read = Command::new("bsdtar").arg("-xOf").arg(disc).arg("content.bin").output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert!(read.stdout == content(SIZE), "{} differs from what was staged", disc.display());
}

/// Puts a new disc in, and waits until the service knows it.
async fn new_disc(bench: &Bench, client: &Client, name: &str) {
    bench.control("vd0", &["insert", bench.dir().join(name).to_str().unwrap(), "--create=cd-r"]);
    client
        .until("the new disc is looked at", async || {
            let state: String = client.property(VD0, "Recorder", "State").await.ok()?;
            let blank: bool = client.property(VD0, "Medium", "Blank").await.ok()?;
            (state != "busy" && blank).then_some(())
        })
        .await;
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_program_that_is_killed_while_it_burns_loses_its_session_and_not_its_disc() {
    let bench = slow().await;
    let client = bench.client().await;
    let file = bench.dir().join("content.bin");
    fs::write(&file, content(SIZE)).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_discmaster"))
        .args(["--bus=session", "burn", "--verify=full"])
        .arg(&file)
        .env("DBUS_SESSION_BUS_ADDRESS", &bench.bus.address)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The first job is the addition.
    let (session, job) = ("/org/discmaster1/sessions/1", "/org/discmaster1/jobs/2");
    client
        .until("the disc is being written", async || {
            let phase: String = client.property(job, "Job", "Phase").await.ok()?;
            (phase == "writing").then_some(())
        })
        .await;
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(client.open(options([])).await.unwrap_err().name, "StashInUse");
    let (success, error, message, details) = client.result(job).await;
    assert!(success, "{error}: {message}");
    assert_eq!(details["verified-full"], true.into());
    let gone = async || client.property::<String>(session, "Session", "State").await.err();
    client.until("the session is gone", gone).await;
    client.open(options([])).await.expect("the lock is free");
    assert_recorded(&bench.disc("vd0"));
    eventually("the helpers leave", async || helpers(bench.daemon_pid(), STAGER).is_empty()).await;
}

#[tokio::test]
async fn a_client_that_leaves_while_it_stages_leaves_nothing() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let other = bench.client().await;
    let burner = Burner::ready(&bench, "vd0", SIZE, false).await;
    let stager = helper(bench.daemon_pid(), STAGER);
    let stopped = stager.stop();
    let more = bench.dir().join("more.bin");
    fs::write(&more, content(SIZE)).unwrap();
    let add = (more.to_str().unwrap(), options([("copy", true.into())]));
    let job = burner.client.path(&burner.joliet, "Joliet", "AddPath", &add).await.unwrap();
    let session = burner.session.clone();
    drop(burner);
    let gone = async || other.property::<String>(&session, "Session", "State").await.err();
    other.until("the session is gone", gone).await;
    other.open(options([])).await.expect("the lock is free");
    drop(stopped);
    stager.ended().await;
    assert_eq!(other.result(&job).await.1, "org.discmaster1.Error.UserAbort");
    let stash = bench.dir().join("stash").join(nix::unistd::geteuid().to_string());
    assert_eq!(entries(&stash), 0, "{}", stash.display());
}

#[tokio::test]
async fn a_broker_that_is_killed_while_it_burns_leaves_a_disc_that_is_complete() {
    let mut bench = slow().await;
    let burner = Burner::ready(&bench, "vd0", SIZE, false).await;
    let job = burner.record_with(options([("verify", "full".into())])).await.unwrap();
    burner.under_way(&job).await;
    let broker = bench.daemon_pid();
    let (worker, stager) = (helper(broker, WORKER), helper(broker, STAGER));
    bench.kill_daemon();
    drop(burner);
    // Each ends by itself, the worker when it has closed the disc and read it again.
    stager.ended().await;
    worker.ended().await;
    assert_recorded(&bench.disc("vd0"));
    bench.start_daemon();
    let client = bench.client().await;
    client.looked_at("vd0").await;
    assert!(client.property::<bool>(VD0, "Medium", "Closed").await.unwrap());
    assert!(!client.property::<bool>(VD0, "Medium", "Damaged").await.unwrap());
    new_disc(&bench, &client, "next.disc").await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    assert_eq!(burner.recorded(options([])).await.name, "");
}

#[tokio::test]
async fn a_stager_that_is_killed_while_it_feeds_a_burn_ends_it_with_a_closed_disc() {
    let bench = slow().await;
    let burner = Burner::ready(&bench, "vd0", SIZE, false).await;
    let client = &burner.client;
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    helper(bench.daemon_pid(), STAGER).kill().await;
    let (success, error, message, details) = client.result(&job).await;
    assert_eq!((success, error.as_str()), (false, "org.discmaster1.Error.HelperFailed"), "{message}");
    assert!(message.contains("add the files again") && message.contains("was closed"), "{message}");
    assert_eq!(details["source"], zbus::Str::from("stager").into());
    assert!(client.property::<bool>(VD0, "Medium", "Closed").await.unwrap());
    // The image died with it; the session did not.
    new_disc(&bench, client, "next.disc").await;
    burner.select().await.unwrap();
    let refused = burner.recorded(options([])).await;
    assert!(["HelperFailed", "InvalidImage"].contains(&refused.name.as_str()), "{refused:?}");
    assert_eq!(burner.used().await, 0);
    assert_eq!(burner.recorded(options([])).await.name, "InvalidImage");
    burner.add(&bench, SIZE).await;
    bench.control("vd0", &["speed", "unlimited"]);
    assert_eq!(burner.recorded(options([("verify", "full".into())])).await.name, "");
    assert_recorded(&bench.dir().join("next.iso"));
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_burns_leaves_the_recorder_usable_and_the_image_staged() {
    let bench = slow().await;
    let burner = Burner::ready(&bench, "vd0", SIZE, false).await;
    let client = &burner.client;
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    helper(bench.daemon_pid(), WORKER).kill().await;
    let (success, error, message, _) = client.result(&job).await;
    assert_eq!((success, error.as_str()), (false, "org.discmaster1.Error.HelperFailed"), "{message}");
    assert!(message.contains("vd0") && message.contains("unfinished"), "{message}");
    client.looked_at("vd0").await;
    burner.select().await.unwrap();
    assert_eq!(burner.record().await.unwrap_err().name, "CannotWriteToMedia", "it was not asked to close it");
    // The worker had locked the tray.
    client.call::<()>(VD0, "Recorder", "Eject", &()).await.unwrap();
    new_disc(&bench, client, "next.disc").await;
    burner.select().await.unwrap();
    bench.control("vd0", &["speed", "unlimited"]);
    assert_eq!(burner.recorded(options([("verify", "full".into())])).await.name, "");
    assert_recorded(&bench.dir().join("next.iso"));
}

#[tokio::test]
async fn a_recorder_that_is_unplugged_while_it_burns_ends_the_job_and_works_when_it_is_back() {
    let mut bench = slow().await;
    let burner = Burner::ready(&bench, "vd0", SIZE, false).await;
    let client = &burner.client;
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    bench.unplug("vd0");
    let (success, error, message, _) = client.result(&job).await;
    assert!(!success);
    assert!(error.ends_with(".DeviceNotPresent") || error.ends_with(".WriteFailed"), "{error}: {message}");
    assert_eq!(burner.recorded(options([])).await.name, "DeviceNotPresent");
    bench.plug("vd0");
    client.looked_at("vd0").await;
    new_disc(&bench, client, "next.disc").await;
    burner.select().await.unwrap();
    bench.control("vd0", &["speed", "unlimited"]);
    assert_eq!(burner.recorded(options([("verify", "full".into())])).await.name, "");
    assert_recorded(&bench.dir().join("next.iso"));
}

#[tokio::test]
async fn twenty_sessions_leave_no_process_descriptor_or_copy_behind() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let (broker, client) = (bench.daemon_pid(), bench.client().await);
    let file = bench.dir().join("content.bin");
    fs::write(&file, content(70_000)).unwrap();
    let stash = bench.dir().join("stash").join(nix::unistd::geteuid().to_string());
    let cycle = async |burn: bool| {
        let session = client.open(options([("recorder", support::burner::object(VD0))])).await.unwrap();
        let recorder = VD0.to_owned();
        let burner =
            Burner { client: bench.client().await, joliet: format!("{session}/joliet"), session, recorder };
        burner.format().await;
        burner.select().await.unwrap();
        let add = (file.to_str().unwrap(), options([("copy", true.into()), ("wait", true.into())]));
        burner.client.path(&burner.joliet, "Joliet", "AddPath", &add).await.unwrap();
        assert_eq!(entries(&stash), 0, "copies have no names");
        if burn {
            assert_eq!(burner.recorded(options([("simulate", true.into())])).await.name, "");
        }
        burner.close().await.unwrap();
    };
    let alone = async || helpers(broker, STAGER).is_empty() && helpers(broker, WORKER).is_empty();
    // What is opened once and kept is open after the first.
    cycle(true).await;
    eventually("the helpers leave", alone).await;
    let before = descriptors(broker);
    for number in 0..20 {
        cycle(number % 5 == 0).await;
    }
    eventually("the helpers leave", alone).await;
    let most = before.len();
    eventually("the broker has no more open than before", async || descriptors(broker).len() <= most).await;
    assert_eq!(entries(&stash), 0, "{}", stash.display());
}
