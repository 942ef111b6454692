//! A process that reads files can hang for good, on a file server that is gone for one. Nothing else may hang with it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use support::burner::Burner;
use support::processes::{STAGER, helper};
use support::{Bench, Refusal, options};

/// A bench with a session that has staged a file, and its stager held still.
macro_rules! stuck {
    ($bench:ident, $burner:ident, $stager:ident) => {
        let $bench = Bench::new().recorder("vd0", "cd-r").start().await;
        let $burner = Burner::ready(&$bench, "vd0", 7, false).await;
        let $stager = helper($bench.daemon_pid(), STAGER);
        std::mem::forget($stager.stop());
    };
}

#[tokio::test]
async fn a_cancel_ends_a_burn_whose_files_cannot_be_read_any_more() {
    stuck!(bench, burner, stager);
    let job = burner.record().await.unwrap();
    burner.client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    let (success, error, message, _) = burner.client.result(&job).await;
    assert!(!success);
    assert_eq!(Refusal::new(&error, message).name, "UserAbort");
    stager.ended().await;
    // The image is lost, which the session says once; the recorder is free.
    let lost = burner.recorded(options([])).await;
    assert!(["HelperFailed", "InvalidImage"].contains(&lost.name.as_str()), "{lost:?}");
    burner.add(&bench, 2048).await;
    assert_eq!(burner.recorded(options([])).await.name, "");
}

#[tokio::test]
async fn a_recorder_is_free_again_when_its_user_has_left_and_the_files_cannot_be_read() {
    stuck!(bench, burner, stager);
    let job = burner.record().await.unwrap();
    let other = bench.client().await;
    drop(burner);
    let (success, error, message, _) = other.result(&job).await;
    assert!(!success);
    assert_eq!(Refusal::new(&error, message).name, "HelperFailed");
    stager.ended().await;
    let next = Burner::open(&bench, "vd0", false).await;
    next.format().await;
    next.select().await.unwrap();
    assert_eq!(next.recorded(options([])).await.name, "InvalidImage");
}

#[tokio::test]
async fn a_detached_session_ends_though_its_job_waits_for_files_that_cannot_be_read() {
    for burns in [true, false] {
        let bench = Bench::new().recorder("vd0", "cd-r").option("--idle-time=2").start().await;
        let burner = Burner::ready(&bench, "vd0", 7, true).await;
        let stager = helper(bench.daemon_pid(), STAGER);
        std::mem::forget(stager.stop());
        let file = bench.dir().join("content.bin");
        let add = (file.to_str().unwrap(), options([("overwrite", true.into())]));
        let job = match burns {
            true => burner.record().await.unwrap(),
            false => burner.client.path(&burner.joliet, "Joliet", "AddPath", &add).await.unwrap(),
        };
        let (success, error, message, _) = burner.client.result(&job).await;
        assert!(!success);
        assert_eq!(Refusal::new(&error, message).name, "UserAbort", "burns: {burns}");
        stager.ended().await;
        let closed = async || (burner.property::<String>("State").await == "closed").then_some(());
        burner.client.until("the session is closed, and says so", closed).await;
        let next = Burner::open(&bench, "vd0", false).await;
        next.format().await;
        next.select().await.expect("the recorder is free");
    }
}
