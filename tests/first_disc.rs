//! The eight steps, from an empty service to a verified disc.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::process::Command;

use support::{Bench, options};

#[tokio::test]
async fn a_folder_becomes_a_verified_disc_in_eight_steps() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let folder = bench.dir().join("folder");
    fs::create_dir_all(folder.join("letters")).unwrap();
    fs::write(folder.join("letters/to_alice.txt"), "Dear Alice,\n").unwrap();
    let noise: Vec<u8> = (0..300_001_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(folder.join("noise.bin"), &noise).unwrap();

    let client = bench.client().await;
    let mut signals = client.signals().await;
    let session = client.open(options([("client-name", "first disc".into())])).await.unwrap();
    let formats: Vec<String> = client.call(&session, "Session", "EnumDiscMasterFormats", &()).await.unwrap();
    assert_eq!(formats, ["joliet", "redbook"]);
    let joliet = client.path(&session, "Session", "SetActiveDiscMasterFormat", &"joliet").await.unwrap();
    let recorders: Vec<zbus::OwnedObjectPath> =
        client.call(&session, "Session", "EnumDiscRecorders", &()).await.unwrap();
    assert_eq!(recorders.len(), 1);
    let choice = (&recorders[0], options([]));
    client.call::<()>(&session, "Session", "SetActiveDiscRecorder", &choice).await.unwrap();
    let total: u64 = client.call(&joliet, "Joliet", "GetTotalDataBlocks", &()).await.unwrap();
    assert!(total > 300_000, "an 80-minute disc has {total} blocks");

    let add = (folder.to_str().unwrap(), options([("wait", true.into())]));
    client.path(&joliet, "Joliet", "AddPath", &add).await.unwrap();
    let used: u64 = client.call(&joliet, "Joliet", "GetUsedDataBlocks", &()).await.unwrap();
    assert!((150..1000).contains(&used), "300 kB take {used} blocks");

    let record = options([("verify", "full".into())]);
    let job = client.path(&session, "Session", "RecordDisc", &(record,)).await.unwrap();
    let (success, error, message, details) = client.result(&job).await;
    assert!(success, "{error}: {message}");
    assert_eq!(details["blocks"], used.into());

    let names: Vec<String> = signals
        .up_to(&session, "BurnComplete")
        .await
        .into_iter()
        .map(|signal| signal.name)
        .filter(|name| name != "PropertiesChanged")
        .collect();
    let mut once = names.clone();
    once.dedup();
    assert_eq!(
        once,
        ["PnPActivity", "AddProgress", "PreparingBurn", "BlockProgress", "ClosingDisc", "BurnComplete"]
    );

    client.call::<()>(&session, "Session", "Close", &()).await.unwrap();
    let listing = Command::new("isoinfo").args(["-J", "-f", "-i"]).arg(bench.disc("vd0")).output().unwrap();
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    assert!(listing.contains("/letters/to_alice.txt"), "{listing}");
    let read = Command::new("bsdtar").arg("-xOf").arg(bench.disc("vd0")).arg("noise.bin").output().unwrap();
    assert!(read.stdout == noise, "noise.bin reads back otherwise than it was");
}
