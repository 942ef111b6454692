//! What goes into an image, and out of it, over the bus.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::os::fd::OwnedFd;

use support::burner::Burner;
use support::{Bench, Refusal, options};

impl Burner {
    async fn add_path(&self, path: &str) -> Result<String, Refusal> {
        let options = options([("wait", true.into())]);
        self.client.path(&self.joliet, "Joliet", "AddPath", &(path, options)).await
    }
}

#[tokio::test]
async fn a_directory_by_descriptor_is_listed_renamed_and_emptied_again() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let folder = bench.dir().join("folder");
    fs::create_dir_all(folder.join("empty")).unwrap();
    fs::write(folder.join("a file.txt"), "0123456789").unwrap();
    std::os::unix::fs::symlink("a file.txt", folder.join("link")).unwrap();
    let directory = zbus::OwnedFd::from(OwnedFd::from(fs::File::open(&folder).unwrap()));
    let wishes = options([("destination", "/here".into()), ("wait", true.into())]);
    burner.client.path(&burner.joliet, "Joliet", "AddData", &(&directory, wishes)).await.unwrap();
    let row = |name: &str, kind: &str, size| (name.to_owned(), kind.to_owned(), size);
    assert_eq!(burner.list("/").await, [row("content.bin", "file", 5000), row("here", "directory", 0)]);
    assert_eq!(
        burner.list("/here").await,
        [row("a file.txt", "file", 10), row("empty", "directory", 0), row("link", "symlink", 0)]
    );

    let set = (options([("VolumeName", "HOLIDAYS".into())]),);
    burner.client.call::<()>(&burner.joliet, "Joliet", "SetJolietProperties", &set).await.unwrap();
    let job = burner.record().await.unwrap();
    assert!(burner.client.result(&job).await.0);
    let about =
        std::process::Command::new("isoinfo").args(["-d", "-i"]).arg(bench.disc("vd0")).output().unwrap();
    assert!(String::from_utf8_lossy(&about.stdout).contains("Volume id: HOLIDAYS"));

    for path in ["/here", "/content.bin"] {
        burner.client.call::<()>(&burner.joliet, "Joliet", "Remove", &path).await.unwrap();
    }
    assert!(burner.list("/").await.is_empty());
    assert_eq!(burner.record().await.unwrap_err().name, "InvalidImage");
}

#[tokio::test]
async fn what_does_not_fit_or_fails_leaves_the_image_as_it_was() {
    let bench = Bench::new().recorder("vd0", "cd-r:2000").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let before = (burner.list("/").await, burner.used().await);
    let large = bench.dir().join("large");
    fs::File::create(&large).unwrap().set_len(2000 * 2048).unwrap();
    assert_eq!(burner.add_path(large.to_str().unwrap()).await.unwrap_err().name, "DiscFull");
    let missing = burner.add_path("/nowhere/at/all").await.unwrap_err();
    assert_eq!(missing.name, "FileUnreadable");
    assert!(missing.message.contains("/nowhere"), "{}", missing.message);
    let socket = bench.dir().join("recorders/vd0.sock");
    assert_eq!(burner.add_path(socket.to_str().unwrap()).await.unwrap_err().name, "SpecialFile");
    let relative = burner.add_path("content.bin").await.unwrap_err();
    assert_eq!(relative.name, "org.freedesktop.DBus.Error.InvalidArgs");
    let again = burner.add_path(bench.dir().join("content.bin").to_str().unwrap()).await.unwrap_err();
    assert_eq!(again.name, "FileExists");
    assert_eq!((burner.list("/").await, burner.used().await), before);
}

#[tokio::test]
async fn an_image_outlives_a_simulation_a_burn_and_a_change_of_recorders_but_not_a_clearing() {
    let bench = Bench::new().recorder("vd0", "cd-r").start().await;
    let burner = Burner::ready(&bench, "vd0", 5000, false).await;
    let simulate = (options([("simulate", true.into()), ("wait", true.into())]),);
    burner.client.path(&burner.session, "Session", "RecordDisc", &simulate).await.unwrap();
    assert!(burner.client.property::<bool>(&burner.recorder, "Medium", "Blank").await.unwrap());
    let job = burner.record().await.expect("the disc is as it was");
    assert!(burner.client.result(&job).await.0);
    assert!(burner.used().await > 0);
    burner.client.call::<()>(&burner.session, "Session", "ClearFormatContent", &()).await.unwrap();
    assert_eq!(burner.used().await, 0);
    assert_eq!(burner.record().await.unwrap_err().name, "InvalidImage");
}
