//! A process that reads files can hang for good, on a file server that is gone for one. Nothing else may hang with it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use support::processes::{STAGER, helper};
use support::steps::short;
use support::{Bench, options};

/// A bench with a session that has staged a file, and its stager held still.
macro_rules! stuck {
    ($bench:ident, $client:ident, $open:ident, $stager:ident) => {
        let $bench = Bench::new().recorder("vd0", "cd-r").start().await;
        let $client = $bench.client().await;
        $client.looked_at("vd0").await;
        let $open = $client.ready("vd0").await;
        let file = $bench.dir().join("file");
        std::fs::write(&file, "content").unwrap();
        $open.stage(&file).await.unwrap();
        let $stager = helper($bench.daemon_pid(), STAGER);
        std::mem::forget($stager.stop());
    };
}

#[tokio::test]
async fn a_cancel_ends_a_burn_whose_files_cannot_be_read_any_more() {
    stuck!(bench, client, open, stager);
    let job = open.record(options([])).await.unwrap();
    client.call::<()>(&job, "Job", "Cancel", &()).await.unwrap();
    let (success, error, message, _) = client.result(&job).await;
    assert_eq!((success, short(&error)), (false, "UserAbort"), "{message}");
    stager.ended().await;
    // The image is lost, which the session says once; the recorder is free.
    let (error, _) = open.recorded(options([])).await;
    assert!(["HelperFailed", "InvalidImage"].contains(&error.as_str()), "{error}");
    open.stage(&bench.dir().join("file")).await.unwrap();
    assert_eq!(open.recorded(options([])).await, (String::new(), String::new()));
}

#[tokio::test]
async fn a_recorder_is_free_again_when_its_user_has_left_and_the_files_cannot_be_read() {
    stuck!(bench, client, open, stager);
    let job = open.record(options([])).await.unwrap();
    let other = bench.client().await;
    drop(client.connection);
    let (success, error, message, _) = other.result(&job).await;
    assert_eq!((success, short(&error)), (false, "HelperFailed"), "{message}");
    stager.ended().await;
    assert_eq!(other.ready("vd0").await.recorded(options([])).await.0, "InvalidImage");
}
