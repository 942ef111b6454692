//! A broker that is killed, or asked to end, leaves everything to the next one: sessions, locks, jobs, and progress that never
//! runs backwards.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use discmaster::api::Device;
use discmaster::wire::broker_stager::{FromStager, ToStager};
use discmaster::wire::broker_worker::{FromWorker, ToWorker};
use discmaster::wire::pair;
use nix::sys::signal::Signal;
use support::album::{Album, BLOCK};
use support::burner::{Burner, content, object};
use support::processes::{STAGER, WORKER, has_mapped, helper, helpers};
use support::{Bench, Client, eventually, options};
use zbus::Fd;

const VD0: &str = "/org/discmaster1/recorders/vd0";
/// What takes some six seconds at 4x.
const SIZE: usize = 4 << 20;

/// A bench whose broker is restarted with what it left: one slow recorder, and a small ring.
async fn slow(kind: &str) -> Bench {
    let create = format!("--create={kind}");
    let setup = Bench::new().recorder_with("vd0", &[&create, "--speed=4x"]);
    setup.option("--ring=524288").kept().start().await
}

/// A burn that is held up before anything is written, by a drive that takes its time for a command.
async fn held_up(fault: &str) -> (Bench, Burner, String) {
    let bench = Bench::new().recorder("vd0", "cd-r").kept().start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    bench.control("vd0", &["fault", fault]);
    let job = burner.record().await.unwrap();
    (bench, burner, job)
}

/// Ends the broker by a signal, and starts the next one.
fn restart(bench: &mut Bench, signal: Signal) {
    bench.signal_daemon(signal);
    bench.daemon_ended();
    bench.start_daemon();
}

/// How far a job is: its phase, and the blocks of it.
async fn progress(client: &Client, job: &str) -> (String, u64) {
    let phase: String = client.property(job, "Job", "Phase").await.expect("the job is there");
    let done: u64 = client.property(job, "Job", "BlocksDone").await.expect("the job is there");
    (phase, done)
}

/// The order in which the phases of a burn come.
fn rank(phase: &str) -> usize {
    let order =
        ["queued", "preparing", "writing", "flushing", "closing", "verifying", "ejecting", "finished"];
    order.iter().position(|one| *one == phase).expect("a phase of a burn")
}

fn read_back(bench: &Bench) -> Vec<u8> {
    let read = Command::new("bsdtar").arg("-xOf").arg(bench.disc("vd0")).arg("content.bin").output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    read.stdout
}

#[tokio::test]
async fn a_burn_goes_on_through_brokers_that_are_killed_and_asked_to_end() {
    let mut bench = slow("cd-r").await;
    let burner = Burner::ready(&bench, "vd0", SIZE, false).await;
    let client = &burner.client;
    let job = burner.record_with(options([("verify", "full".into())])).await.unwrap();
    let began: u64 = client.property(&job, "Job", "StartTime").await.unwrap();
    let mut seen = (0, 0);
    let mut restarts = 0;
    loop {
        let (phase, done) = progress(client, &job).await;
        let now = (rank(&phase), done);
        // Preparing counts nothing, and each phase counts its own blocks.
        assert!(now.0 > seen.0 || now >= seen, "{now:?} after {seen:?}");
        seen = now;
        if phase == "finished" {
            break;
        }
        restart(&mut bench, if restarts % 2 == 0 { Signal::SIGKILL } else { Signal::SIGTERM });
        restarts += 1;
        let state: String = burner.property("State").await;
        let over: String = client.property(&job, "Job", "Result").await.unwrap();
        assert!(state == "burning" || !over.is_empty(), "{state}");
        let other = bench.client().await;
        let taken = other.open(options([("recorder", object(VD0))])).await;
        assert_eq!(taken.unwrap_err().name, "StashInUse", "the lock outlives the broker");
    }
    assert!(restarts >= 10, "{restarts} restarts are too few to tell anything");
    let (success, error, message, details) = client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert_eq!(details["verified-full"], true.into());
    assert_eq!(client.property::<u64>(&job, "Job", "StartTime").await.unwrap(), began);
    assert!(read_back(&bench) == content(SIZE));
    bench.check_manners("vd0");
    // What is staged stays staged, and the session works on.
    assert_eq!(burner.list("/").await.len(), 1);
    burner.close().await.unwrap();
    let store = bench.store.as_mut().unwrap();
    eventually("nothing is kept but the memory", async || store.names() == ["memory"]).await;
}

#[tokio::test]
async fn a_worker_that_has_no_order_yet_when_its_broker_is_killed_keeps_no_other_out() {
    let (mut bench, burner, job) = held_up("get-configuration hang(2s)").await;
    // Its broker has had it kept, and is killed right then.
    let (worker, theirs) = UnixStream::pair().unwrap();
    bench.store.as_mut().unwrap().put("worker-vd0", theirs.into());
    restart(&mut bench, Signal::SIGKILL);
    let store = bench.store.as_mut().unwrap();
    worker.set_nonblocking(true).unwrap();
    eventually("the worker hears that nobody is there", async || {
        store.names();
        (&worker).read(&mut [0]).is_ok_and(|read| read == 0)
    })
    .await;
    let (success, error, message, _) = burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert!(read_back(&bench) == content(70_000));
}

#[tokio::test]
async fn a_burn_whose_files_die_with_their_stager_before_it_has_begun_ends_with_the_disc_untouched() {
    let (mut bench, burner, job) = held_up("get-configuration hang(2s)").await;
    let stager = helper(bench.daemon_pid(), STAGER);
    bench.signal_daemon(Signal::SIGKILL);
    bench.daemon_ended();
    stager.kill().await;
    bench.start_daemon();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert_eq!((success, error.as_str()), (false, "org.discmaster1.Error.HelperFailed"), "{message}");
    assert!(message.contains("add the files again"), "{message}");
    burner.client.looked_at("vd0").await;
    assert!(burner.client.property::<bool>(VD0, "Medium", "Blank").await.unwrap());
}

#[tokio::test]
async fn a_burn_whose_stager_says_nothing_any_more_after_a_restart_can_be_cancelled() {
    let (mut bench, burner, job) = held_up("get-configuration hang(2s)").await;
    let stager = helper(bench.daemon_pid(), STAGER);
    bench.signal_daemon(Signal::SIGKILL);
    bench.daemon_ended();
    // Not before: the kernel ends what is stopped when its parent dies.
    let _silent = stager.stop();
    bench.start_daemon();
    burner.client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert_eq!((success, error.as_str()), (false, "org.discmaster1.Error.UserAbort"), "{message}");
    burner.client.looked_at("vd0").await;
    assert!(burner.client.property::<bool>(VD0, "Medium", "Blank").await.unwrap());
}

#[tokio::test]
async fn an_order_that_was_noted_and_never_reached_its_worker_is_given_anew() {
    // The first of the order's commands.
    let (mut bench, burner, job) = held_up("mode-select-10 hang(5s)").await;
    let broker = bench.daemon_pid();
    eventually("the worker has its order, and the ring with it", async || {
        helpers(broker, WORKER).iter().any(|worker| has_mapped(worker.pid, "discmaster-ring"))
    })
    .await;
    bench.signal_daemon(Signal::SIGSTOP);
    helper(broker, WORKER).kill().await;
    bench.signal_daemon(Signal::SIGKILL);
    bench.daemon_ended();
    // A worker as it was before the order: it has the drive, and waits.
    let (ours, theirs) = pair::<FromWorker, ToWorker>().unwrap();
    let program = env!("CARGO_BIN_EXE_discmaster-worker");
    let mut worker = Command::new(program).stdin(theirs.into_socket()).spawn().unwrap();
    ours.send(&ToWorker::Open(Device::Virtual(bench.socket("vd0"))), &[]).unwrap();
    assert!(matches!(ours.receive().unwrap().0, FromWorker::Opened(Ok(_))));
    bench.store.as_mut().unwrap().put("worker-vd0", ours.into_socket());
    bench.start_daemon();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert!(bench.logged("discmasterd").contains("beginning anew"));
    assert!(read_back(&bench) == content(70_000));
    worker.wait().unwrap();
}

#[tokio::test]
async fn a_burn_that_ends_while_there_is_no_broker_is_told_of_by_the_next() {
    let mut bench = slow("cd-r").await;
    let burner = Burner::ready(&bench, "vd0", SIZE, true).await;
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    bench.kill_daemon();
    bench.control("vd0", &["speed", "unlimited"]);
    eventually("the disc is closed", async || bench.scene("vd0", "disc").ends_with("closed")).await;
    bench.start_daemon();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert!(read_back(&bench) == content(SIZE));
}

#[tokio::test]
async fn what_was_staged_locked_and_set_is_there_after_a_restart_and_can_be_burned() {
    let mut bench = slow("cd-rw").await;
    let burner = Burner::ready(&bench, "vd0", 70_000, true).await;
    let (used, listed) = (burner.used().await, burner.list("/").await);
    let other = bench.client().await;
    restart(&mut bench, Signal::SIGKILL);
    let refused = other.open(options([("recorder", object(VD0))])).await.unwrap_err();
    assert_eq!(refused.name, "AlreadyOpen", "{}", refused.message);
    assert_eq!(burner.property::<String>("State").await, "ready");
    let free =
        async || burner.client.raw_call(&burner.joliet, "org.discmaster1.Joliet", "List", &"/").await.is_ok();
    eventually("the stager has said its last word again", free).await;
    assert_eq!((burner.used().await, burner.list("/").await), (used, listed));
    bench.control("vd0", &["speed", "unlimited"]);
    let ended = burner.recorded(options([("verify", "full".into())])).await;
    assert_eq!(ended.name, "", "{ended:?}");
    assert!(read_back(&bench) == content(70_000));
}

#[tokio::test]
async fn a_job_that_has_ended_is_told_of_by_the_next_broker_as_well() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").kept().start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, true).await;
    let job = burner.record().await.unwrap();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert!(success, "{error}: {message}");
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        restart(&mut bench, signal);
        assert_eq!(burner.client.property::<String>(&job, "Job", "Result").await.unwrap(), "success");
        let (success, ..) = burner.client.result(&job).await;
        assert!(success);
    }
}

#[tokio::test]
async fn a_cancel_reaches_a_burn_of_an_earlier_broker() {
    let mut bench = slow("cd-r").await;
    let burner = Burner::ready(&bench, "vd0", SIZE, false).await;
    let job = burner.record().await.unwrap();
    burner.blocks_written(&job).await;
    restart(&mut bench, Signal::SIGKILL);
    burner.client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert_eq!((success, error.as_str()), (false, "org.discmaster1.Error.UserAbort"), "{message}");
    burner.client.looked_at("vd0").await;
    assert!(burner.client.property::<bool>(VD0, "Medium", "Closed").await.unwrap());
}

#[tokio::test]
async fn an_erasure_goes_on_and_its_lock_ends_with_it() {
    let mut bench = slow("cd-rw").await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    assert_eq!(burner.recorded(options([])).await.name, "");
    burner.close().await.unwrap();
    bench.control("vd0", &["fault", "blank hang(1s)"]);
    let client = bench.client().await;
    let job = client.path(VD0, "Recorder", "Erase", &(false, options([]))).await.unwrap();
    client
        .until("the disc is being erased", async || {
            let phase: String = client.property(&job, "Job", "Phase").await.ok()?;
            (phase == "erasing").then_some(())
        })
        .await;
    restart(&mut bench, Signal::SIGKILL);
    let other = bench.client().await;
    let state: String = other.property(VD0, "Recorder", "State").await.unwrap();
    let (success, error, message, _) = client.result(&job).await;
    assert!(success, "{state}: {error}: {message}");
    other.looked_at("vd0").await;
    assert!(other.property::<bool>(VD0, "Medium", "Blank").await.unwrap());
    other.open(options([])).await.expect("the lock is free");
}

#[tokio::test]
async fn who_leaves_while_there_is_no_broker_has_left() {
    let mut bench = slow("cd-r").await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let other = bench.client().await;
    let session = burner.session.clone();
    bench.kill_daemon();
    burner.client.connection.close().await.unwrap();
    bench.start_daemon();
    let gone = async || other.property::<String>(&session, "Session", "State").await.err();
    other.until("the session is gone", gone).await;
    other.open(options([])).await.expect("the lock is free");
    let store = bench.store.as_mut().unwrap();
    eventually("nothing is kept but the memory", async || store.names() == ["memory"]).await;
}

#[tokio::test]
async fn sound_that_is_taken_in_during_a_restart_is_there_once_and_so_is_what_was_said_of_the_disc() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").kept().start().await;
    let album = Album::ready(&bench, "vd0").await;
    assert_eq!(album.create().await, "");
    assert_eq!(album.name("SetRedbookProperties", &(options([("Title", "Kept".into())]),)).await, "");
    restart(&mut bench, Signal::SIGKILL);
    let client = &album.burner.client;
    assert_eq!(album.text(0, "Title").await, "Kept");
    let (reader, mut writer) = std::io::pipe().unwrap();
    let body = (Fd::from(&reader), options([]));
    let job = client.path(&album.redbook, "Redbook", "AddAudioTrackStream", &body).await.unwrap();
    drop(reader);
    // More than the pipe holds: the stager is at it.
    writer.write_all(&vec![5; 300 * BLOCK]).unwrap();
    client
        .until("sound is taken in", async || {
            (client.property::<u64>(&job, "Job", "BlocksDone").await.ok()? > 0).then_some(())
        })
        .await;
    restart(&mut bench, Signal::SIGKILL);
    assert_eq!(album.burner.property::<String>("State").await, "adding");
    writer.write_all(&vec![6; 10 * BLOCK]).unwrap();
    drop(writer);
    let (success, error, message, _) = client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert_eq!(album.counters().await.1, 310);
    assert_eq!(album.close().await, "");
    let ended = album.burner.recorded(options([("verify", "full".into())])).await;
    assert_eq!(ended.name, "", "{ended:?}");
}

#[tokio::test]
async fn files_that_are_taken_in_during_a_restart_are_there() {
    let mut bench = Bench::new().recorder("vd0", "dvd+r").kept().start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let folder = bench.dir().join("folder");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..5000 {
        std::fs::write(folder.join(format!("{number}.txt")), [1]).unwrap();
    }
    let client = &burner.client;
    let body = (folder.to_str().unwrap(), options([("destination", "/folder".into())]));
    let job = client.path(&burner.joliet, "Joliet", "AddPath", &body).await.unwrap();
    restart(&mut bench, Signal::SIGKILL);
    // Whether it was noted in time or not: nothing is staged half, and what is told of it is true.
    let (success, error, message, _) = client.result(&job).await;
    let free = async || client.raw_call(&burner.joliet, "org.discmaster1.Joliet", "List", &"/").await.is_ok();
    eventually("the stager is asked no more", free).await;
    let staged = burner.list("/").await.iter().any(|(name, ..)| name == "folder");
    assert!(success == staged || message.contains("See with List"), "{staged}: {error}: {message}");
    assert_eq!(burner.used().await > 5000, staged);
}

#[tokio::test]
async fn an_import_that_is_cut_off_puts_nothing_of_that_disc_onto_another() {
    let mut bench = Bench::new().recorder("vd0", "dvd+r").kept().start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, false).await;
    assert_eq!(burner.recorded(options([("close", "appendable".into())])).await.name, "");
    burner.close().await.unwrap();
    let burner = Burner::open(&bench, "vd0", false).await;
    burner.format().await;
    let own = bench.dir().join("own");
    std::fs::write(&own, content(3000)).unwrap();
    burner.stage(&own).await.unwrap();
    // The look at the disc when its tree has been read is the third, and asks for the speeds twice as each does.
    bench.control("vd0", &["fault", "get-performance nth=5 hang(3s)"]);
    let (_, refused) = tokio::join!(
        async {
            eventually("the tree is read", async || bench.scene("vd0", "unfired").is_empty()).await;
            restart(&mut bench, Signal::SIGKILL);
        },
        burner.select()
    );
    assert!(refused.is_err(), "the call ends with the broker");
    let free =
        async || burner.client.raw_call(&burner.joliet, "org.discmaster1.Joliet", "List", &"/").await.is_ok();
    eventually("the stager is asked no more", free).await;
    bench.insert("vd0", "other", "dvd+r");
    burner
        .client
        .until("the other disc is seen", async || {
            burner.client.property::<bool>(VD0, "Medium", "Blank").await.ok().filter(|blank| *blank).map(drop)
        })
        .await;
    burner.select().await.unwrap();
    let ended = burner.recorded(options([("verify", "full".into())])).await;
    assert_eq!(ended.name, "", "{ended:?}");
    let listed = Command::new("bsdtar").arg("-tf").arg(bench.disc("other")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), ".\nown\n");
}

#[tokio::test]
async fn a_recorder_that_was_unplugged_in_the_brokers_absence_has_to_be_selected_again() {
    let mut bench = Bench::new().recorder("vd0", "cd-r").kept().start().await;
    let burner = Burner::ready(&bench, "vd0", 70_000, true).await;
    bench.kill_daemon();
    bench.unplug("vd0");
    bench.start_daemon();
    let lost = async || burner.property::<String>("State").await != "ready";
    eventually("the selection is lost", lost).await;
    assert_eq!(burner.record().await.unwrap_err().name, "DeviceNotPresent");
}

#[tokio::test]
async fn a_process_that_does_not_end_counts_towards_its_users_whichever_broker_serves_them() {
    let place = tempfile::tempdir().unwrap();
    let limits = place.path().join("discmaster.toml");
    std::fs::write(&limits, "[limits]\nstagers-per-user = 1\n").unwrap();
    let setup = Bench::new().recorder("vd0", "cd-r").option(&format!("--config={}", limits.display()));
    let mut bench = setup.kept().start().await;
    let file = bench.dir().join("file");
    std::fs::write(&file, [7]).unwrap();
    // As the broker leaves one that was let go of: what it is, does not matter, as long as it holds its end.
    bench.kill_daemon();
    let (stopped, theirs) = pair::<ToStager, FromStager>().unwrap();
    let name = format!("left-{}-1", nix::unistd::getuid());
    bench.store.as_mut().unwrap().put(&name, theirs.into_socket());
    bench.start_daemon();
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        restart(&mut bench, signal);
        let next = Burner::open(&bench, "vd0", false).await;
        next.format().await;
        assert_eq!(next.stage(&file).await.unwrap_err().name, "LimitsExceeded", "after {signal}");
        next.close().await.unwrap();
    }
    drop(stopped);
    let next = Burner::open(&bench, "vd0", false).await;
    next.format().await;
    next.client.until("it has ended", async || next.stage(&file).await.ok()).await;
    next.close().await.unwrap();
    let store = bench.store.as_mut().unwrap();
    eventually("nothing is kept but the memory", async || store.names() == ["memory"]).await;
}
