//! Virtual recorders come, speak and go in the directory that the broker watches.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use discmaster::api;
use discmaster::broker::recorders::{RecorderEvent, RecorderSeed, WatchConfig, watch};
use discmaster::mmc::transport::vdrive_protocol::{
    Event, Hello, Identity, Role, Welcome, receive_message, send_message,
};
use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockType, UnixAddr, bind, listen, shutdown, socket,
};
use tokio::sync::mpsc::Receiver;

/// A recorder's side of the socket, without a drive behind it.
struct Fake {
    path: PathBuf,
    listener: Arc<UnixListener>,
    clients: Arc<Mutex<Vec<OwnedFd>>>,
}

impl Fake {
    /// A socket that is there, but that nobody listens on yet.
    fn bound(path: &Path) -> Self {
        let flags = SockFlag::SOCK_CLOEXEC;
        let listener = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap();
        bind(listener.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
        Self {
            path: path.to_owned(),
            listener: Arc::new(UnixListener::from(listener)),
            clients: Arc::default(),
        }
    }

    fn start(path: &Path, welcome: Welcome) -> Self {
        let fake = Self::bound(path);
        fake.greet_with(welcome);
        fake
    }

    fn greet_with(&self, welcome: Welcome) {
        listen(&self.listener, Backlog::new(8).unwrap()).unwrap();
        let (listener, clients) = (Arc::clone(&self.listener), Arc::clone(&self.clients));
        thread::spawn(move || {
            // The standard library accepts on any kind of Unix socket.
            while let Ok((client, _)) = listener.accept() {
                let client = OwnedFd::from(client);
                let hello: Hello = receive_message(client.as_fd()).unwrap().unwrap();
                assert_eq!(hello.role, Role::Events);
                // Pushed before it greets: whoever hears the greeting may rely on the next event.
                let mut clients = clients.lock().unwrap();
                send_message(client.as_fd(), &welcome).unwrap();
                clients.push(client);
            }
        });
    }

    fn say(&self, event: Event) {
        for client in &*self.clients.lock().unwrap() {
            send_message(client.as_fd(), &event).unwrap();
        }
    }

    /// What a recorder's death looks like: its connections end, its file stays.
    fn die(self) {
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
        self.clients.lock().unwrap().clear();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = shutdown(self.listener.as_raw_fd(), Shutdown::Both);
    }
}

fn ready() -> Welcome {
    Welcome::Ready(Identity {
        vendor: "DISCMSTR".to_owned(),
        product: "VIRTUAL RECORDER".to_owned(),
        revision: "1.0".to_owned(),
        serial: "0001".to_owned(),
        profiles: vec![0x1b, 0x09, 0x41],
        present: true,
    })
}

async fn watched(directory: &Path) -> Receiver<RecorderEvent> {
    watch(WatchConfig { virtual_dir: Some(directory.to_owned()), udev: false }).await.unwrap()
}

async fn next(events: &mut Receiver<RecorderEvent>) -> RecorderEvent {
    tokio::time::timeout(Duration::from_secs(10), events.recv())
        .await
        .expect("an event")
        .expect("an open channel")
}

fn added(event: RecorderEvent) -> RecorderSeed {
    match event {
        RecorderEvent::Added(seed) => seed,
        other => panic!("{other:?} instead of a recorder"),
    }
}

fn id() -> String {
    "vd0".to_owned()
}

#[tokio::test]
async fn recorders_that_are_there_are_known_when_the_watch_begins() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vd0.sock");
    let _fake = Fake::start(&path, ready());
    let mut events = watched(dir.path()).await;
    let seed = added(events.try_recv().expect("without any waiting"));
    let expected = RecorderSeed {
        id: id(),
        device: api::Device::Virtual(path.clone()),
        identity: api::Identity {
            vendor: "DISCMSTR".to_owned(),
            product: "VIRTUAL RECORDER".to_owned(),
            revision: "1.0".to_owned(),
            serial: "0001".to_owned(),
        },
        profiles: vec![0x09, 0x1b, 0x41],
        seat: "seat0".to_owned(),
        node: path.display().to_string(),
    };
    assert_eq!(seed, expected);
}

#[tokio::test]
async fn a_recorder_appears_speaks_dies_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vd0.sock");
    let mut events = watched(&dir.path().join("")).await;
    let fake = Fake::start(&path, ready());
    added(next(&mut events).await);
    fake.say(Event::MediaChange { present: true, open: false });
    assert_eq!(next(&mut events).await, RecorderEvent::MediaChanged(id()));
    fake.say(Event::EjectRequest);
    assert_eq!(next(&mut events).await, RecorderEvent::EjectRequested(id()));
    fake.die();
    assert_eq!(next(&mut events).await, RecorderEvent::Removed(id()));
    std::fs::remove_file(&path).unwrap();
    let _fake = Fake::start(&path, ready());
    added(next(&mut events).await);
}

#[tokio::test]
async fn a_socket_that_is_taken_away_takes_its_recorder_along() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start(&dir.path().join("vd0.sock"), ready());
    let mut events = watched(dir.path()).await;
    added(next(&mut events).await);
    std::fs::rename(&fake.path, dir.path().join("vd0.sock.old")).unwrap();
    assert_eq!(next(&mut events).await, RecorderEvent::Removed(id()));
    std::fs::rename(dir.path().join("vd0.sock.old"), &fake.path).unwrap();
    added(next(&mut events).await);
}

#[tokio::test]
async fn a_socket_that_is_not_listened_on_yet_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::bound(&dir.path().join("vd0.sock"));
    let mut events = watched(dir.path()).await;
    assert!(events.try_recv().is_err(), "nobody listens");
    fake.greet_with(ready());
    added(next(&mut events).await);
}

#[tokio::test]
async fn recorders_that_are_mute_full_or_of_another_kind_hold_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let mute = Fake::bound(&dir.path().join("mute.sock"));
    listen(&mute.listener, Backlog::new(8).unwrap()).unwrap();
    let _full = Fake::start(&dir.path().join("full.sock"), Welcome::Busy);
    let _refusing = Fake::start(&dir.path().join("refusing.sock"), Welcome::Refused("no".to_owned()));
    std::fs::write(dir.path().join("file.sock"), b"not a socket").unwrap();
    std::os::unix::fs::symlink(dir.path().join("vd0.sock"), dir.path().join("link.sock")).unwrap();
    let _fake = Fake::start(&dir.path().join("vd0.sock"), ready());
    let begun = Instant::now();
    let mut events = watched(dir.path()).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "the mute one held the others up");
    assert_eq!(added(events.try_recv().unwrap()).id, "vd0");
    assert!(events.try_recv().is_err(), "one recorder alone is of use");
}

#[tokio::test]
async fn a_flood_of_sockets_ends_at_the_cap_and_a_free_place_is_given_away() {
    const MOST: usize = 64;
    let dir = tempfile::tempdir().unwrap();
    let fakes: Vec<_> =
        (0..=MOST).map(|n| Fake::start(&dir.path().join(format!("vd{n}.sock")), ready())).collect();
    let mut events = watched(dir.path()).await;
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..MOST {
        ids.insert(added(next(&mut events).await).id);
    }
    assert_eq!(ids.len(), MOST);
    let first = ids.first().unwrap().clone();
    std::fs::remove_file(dir.path().join(format!("{first}.sock"))).unwrap();
    assert_eq!(next(&mut events).await, RecorderEvent::Removed(first));
    assert!(!ids.contains(&added(next(&mut events).await).id), "the one that had to wait");
    drop(fakes);
}

#[tokio::test]
async fn a_directory_that_is_removed_takes_all_along_and_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let recorders = dir.path().join("recorders");
    std::fs::create_dir(&recorders).unwrap();
    let path = recorders.join("vd0.sock");
    let _fake = Fake::start(&path, ready());
    let mut events = watched(&recorders).await;
    added(next(&mut events).await);
    std::fs::rename(&recorders, dir.path().join("elsewhere")).unwrap();
    assert_eq!(next(&mut events).await, RecorderEvent::Removed(id()));
    let _again = Fake::start(&path, ready());
    added(next(&mut events).await);
}

#[tokio::test]
async fn a_machine_without_drives_serves_virtual_recorders() {
    let dir = tempfile::tempdir().unwrap();
    let _fake = Fake::start(&dir.path().join("vd0.sock"), ready());
    let config = WatchConfig { virtual_dir: Some(dir.path().to_owned()), udev: true };
    let mut events = watch(config).await.unwrap();
    while added(next(&mut events).await).id != "vd0" {}
}
