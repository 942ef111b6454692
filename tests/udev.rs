//! Real recorders are found and followed through udev, on a machine that umockdev makes up.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use discmaster::broker::recorders::{RecorderEvent, WatchConfig, watch};

const ROLE: &str = "DISCMASTER_TEST_OBSERVER";

/// This test plays two parts: it starts the driver, and under the driver it is the observer. libudev has to be
/// loaded below umockdev's own library, so it takes a process of its own.
#[tokio::test]
async fn drives_are_found_hot_plugged_and_their_discs_heard_of_through_udev() {
    if std::env::var_os(ROLE).is_some() {
        return observe().await;
    }
    let output = Command::new("umockdev-wrapper")
        .args(["/usr/bin/python3", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/umockdev/hotplug.py")])
        .arg(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "drives_are_found_hot_plugged_and_their_discs_heard_of_through_udev",
            "--nocapture",
        ])
        .env(ROLE, "1")
        .output()
        .expect("umockdev-wrapper is needed: install the packages umockdev, gir1.2-umockdev-1.0, python3-gi");
    assert!(
        output.status.success(),
        "{}\n(packages: umockdev, gir1.2-umockdev-1.0, python3-gi)",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn observe() {
    let mut events = watch(WatchConfig { virtual_dir: None, udev: true }).await.expect("a watch");
    while let Ok(event) = events.try_recv() {
        tell(&event);
    }
    println!("event: watching");
    while let Some(event) = events.recv().await {
        tell(&event);
    }
}

fn tell(event: &RecorderEvent) {
    match event {
        RecorderEvent::Added(seed) => {
            let identity = &seed.identity;
            let profiles: Vec<_> = seed.profiles.iter().map(|profile| format!("{profile:x}")).collect();
            println!(
                "event: added {} {} {}|{}|{}|{} {} {}",
                seed.id,
                seed.device.path().display(),
                identity.vendor,
                identity.product,
                identity.revision,
                identity.serial,
                profiles.join(","),
                seed.seat,
            );
        }
        RecorderEvent::Seated { id, seat } => println!("event: seated {id} {seat}"),
        RecorderEvent::Removed(id) => println!("event: removed {id}"),
        RecorderEvent::MediaChanged(id) => println!("event: media {id}"),
        RecorderEvent::EjectRequested(id) => println!("event: eject {id}"),
    }
}
