//! The broker under a service manager: helpers by their sockets, readiness, signs of life, and the end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use discmaster::stager::BrokerEnd;
use discmaster::wire::ChannelError;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;
use support::burner::{Burner, content};
use support::manager::{Ear, Units};
use support::processes::{STAGER, helper};
use support::users::{ANNA, is_root};
use support::{Bench, options};

#[tokio::test]
async fn a_disc_is_recorded_and_verified_by_helpers_that_the_service_manager_starts() {
    let units = Units::start(&["vd0"]);
    let sockets = format!("--sockets={}", units.path().display());
    let bench = Bench::new().recorder("vd0", "cd-r").option(&sockets).start().await;
    let burner = Burner::ready(&bench, "vd0", 3 << 20, false).await;
    let ended = burner.recorded(options([("verify", "full".into())])).await;
    assert_eq!(ended.name, "", "{ended:?}");
    burner.close().await.unwrap();
    let read =
        std::process::Command::new("bsdtar").arg("-xOf").arg(bench.disc("vd0")).arg("content.bin").output();
    assert!(read.unwrap().stdout == content(3 << 20));
}

#[test]
fn a_helper_serves_nobody_but_the_broker() {
    if !is_root() {
        return;
    }
    let units = Units::start(&[]);
    let path = units.stager();
    // Everybody may come in here, as nobody may into the socket of the unit.
    fs::set_permissions(units.path(), fs::Permissions::from_mode(0o755)).unwrap();
    while fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).is_err() {
        std::thread::yield_now();
    }
    let stranger = std::thread::spawn({
        let path = path.clone();
        move || {
            let user = Uid::from_raw(ANNA);
            set_thread_res_uid(user, user, user).unwrap();
            dial(&path)
        }
    });
    let channel = BrokerEnd::new(stranger.join().unwrap());
    assert!(matches!(channel.receive(), Err(ChannelError::Closed)), "a stranger is served");
    // Its own user is.
    let channel = BrokerEnd::new(dial(&path));
    assert!(channel.try_receive().unwrap().is_none());
}

/// Connects as soon as somebody listens.
fn dial(path: &Path) -> OwnedFd {
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
    while connect(socket.as_raw_fd(), &UnixAddr::new(path).unwrap()).is_err() {
        std::thread::yield_now();
    }
    socket
}

#[tokio::test]
async fn the_service_manager_hears_of_readiness_of_life_and_of_the_end() {
    let ear = Ear::new();
    let setup = Bench::new().variable("NOTIFY_SOCKET", &ear.address()).variable("WATCHDOG_USEC", "300000");
    let mut bench = setup.start().await;
    // Ready means that the name is taken: the bench has waited for it, and this comes right before.
    ear.until("READY=1");
    ear.until("WATCHDOG=1");
    bench.ask_daemon_to_end();
    ear.until("STOPPING=1");
    assert!(bench.daemon_ended().success());
}

#[tokio::test]
async fn a_broker_that_has_nothing_to_do_leaves_and_one_with_a_session_stays() {
    let ear = Ear::new();
    let setup = Bench::new().recorder("vd0", "cd-r").variable("NOTIFY_SOCKET", &ear.address());
    let mut bench = setup.option("--idle-exit=1").option("--job-retention=0").start().await;
    ear.until("READY=1");
    let burner = Burner::open(&bench, "vd0", false).await;
    // Nothing tells that it stays: more than twice the time after which it would leave.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    burner.close().await.expect("a session keeps the broker");
    ear.until("STOPPING=1");
    assert!(bench.daemon_ended().success());
}

#[tokio::test]
async fn a_broker_stays_for_as_long_as_a_process_is_left_that_reads_files() {
    let ear = Ear::new();
    let setup = Bench::new().recorder("vd0", "cd-r").variable("NOTIFY_SOCKET", &ear.address());
    let mut bench = setup.option("--idle-exit=1").option("--job-retention=0").start().await;
    let burner = Burner::ready(&bench, "vd0", 7, false).await;
    let stopped = helper(bench.daemon_pid(), STAGER).stop();
    burner.close().await.unwrap();
    // As above.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let version = burner.client.property::<String>("/org/discmaster1", "DiscMaster", "Version").await;
    version.expect("it counts towards its user's, and keeps the broker");
    drop(stopped);
    ear.until("STOPPING=1");
    assert!(bench.daemon_ended().success());
}
