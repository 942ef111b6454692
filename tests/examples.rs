//! The examples of the documentation do what they say.

mod support;

use std::process::Command;

use support::Bench;

#[tokio::test]
async fn the_busctl_script_of_the_eight_steps_burns_a_folder() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let folder = bench.dir().join("content");
    std::fs::create_dir_all(folder.join("sub folder")).unwrap();
    std::fs::write(folder.join("sub folder/Ein Brief.txt"), "Liebe Welt\n").unwrap();

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/eight-steps.sh");
    let mut command = Command::new("sh");
    command.arg(script).arg(&folder).env("DISCMASTER_BUS", &bench.bus.address).env("VOLUME", "EXAMPLE");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("The disc is done."), "{said}");

    let listing = Command::new("isoinfo").args(["-J", "-f", "-i"]).arg(bench.disc("vd0")).output();
    let listing = listing.expect("isoinfo runs (Debian package genisoimage)");
    assert!(String::from_utf8_lossy(&listing.stdout).contains("/sub folder/Ein Brief.txt"), "{listing:?}");
}
