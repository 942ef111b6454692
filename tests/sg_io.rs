//! The way of a command through SG_IO: the worker's own code, a kernel that umockdev plays, and a recorder behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use discmaster::mmc::sense::Sense;
use discmaster::mmc::transport::vdrive_protocol::{
    CommandEnd, Hello, HostReply, HostRequest, Identity, MAX_DATA, Role, Welcome, receive_framed,
    receive_message, send_framed, send_message, widen,
};
use discmaster::mmc::transport::{Data, SgIo, Status, Transport};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};

const ROLE: &str = "DISCMASTER_TEST_HOST";
const NAME: &str = "commands_data_and_sense_pass_through_sg_io_unchanged";
const LIMIT: Duration = Duration::from_secs(10);

const INQUIRY: [u8; 6] = [0x12, 0, 0, 0, 96, 0];
const WRITE: [u8; 10] = [0x2a, 0, 0, 1, 0xe2, 0x40, 0, 0, 32, 0];
const FORMAT: [u8; 6] = [0x04, 0x11, 0, 0, 0, 0];

fn refusal() -> Sense {
    Sense { information: Some(0x0001_e240), field: Some(0x0102), ..Sense::new(5, 0x21, 2) }
}

fn content() -> Vec<u8> {
    (0..65_536_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// This test plays two parts: the recorder, and, below umockdev's library, the host.
#[test]
fn commands_data_and_sense_pass_through_sg_io_unchanged() {
    if std::env::var_os(ROLE).is_some() {
        return be_the_host();
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vd0.sock");
    let recorder = recorder(&path);
    let output = Command::new("umockdev-wrapper")
        .args(["/usr/bin/python3", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/umockdev/bridge.py")])
        .arg(&path)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(ROLE, "1")
        .output()
        .expect("umockdev-wrapper is needed: install the packages umockdev, gir1.2-umockdev-1.0, python3-gi");
    assert!(
        output.status.success(),
        "{}\n{}\n(packages: umockdev, gir1.2-umockdev-1.0, python3-gi)",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let commands = recorder.join().unwrap();
    assert_eq!(commands, [INQUIRY.to_vec(), WRITE.to_vec(), FORMAT.to_vec(), vec![0; 6]]);
}

fn be_the_host() {
    let mut drive = SgIo::open(Path::new("/dev/sr0")).unwrap();
    let mut answer = [0xee; 96];
    let outcome = drive.execute(&INQUIRY, Data::FromDrive(&mut answer), LIMIT).unwrap();
    assert_eq!((outcome.status, outcome.transferred), (Status::Good, 36));
    assert_eq!(answer[..36], *b"0123456789abcdefghijklmnopqrstuvwxyz");
    assert_eq!(answer[36..], [0xee; 60], "what the drive did not send is not touched");

    let outcome = drive.execute(&WRITE, Data::ToDrive(&content()), LIMIT).unwrap();
    assert_eq!((outcome.status, outcome.transferred), (Status::Good, 65_536));

    let outcome = drive.execute(&FORMAT, Data::ToDrive(&[1, 2, 3]), LIMIT).unwrap();
    assert_eq!(outcome.status, Status::Check(refusal()));

    let outcome = drive.execute(&[0; 6], Data::None, LIMIT).unwrap();
    assert_eq!(outcome.status, Status::Busy);
}

/// A recorder that knows four commands, and returns them as they came.
fn recorder(path: &Path) -> JoinHandle<Vec<Vec<u8>>> {
    let listener = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(listener.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
    listen(&listener, Backlog::new(1).unwrap()).unwrap();
    thread::spawn(move || {
        let host = OwnedFd::from(UnixListener::from(listener).accept().unwrap().0);
        widen(host.as_fd());
        let hello: Hello = receive_message(host.as_fd()).unwrap().unwrap();
        assert_eq!(hello.role, Role::Host);
        send_message(host.as_fd(), &Welcome::Ready(Identity::default())).unwrap();
        let mut commands = Vec::new();
        let mut data = vec![0; MAX_DATA];
        while let Some((request, came)) = receive_framed::<HostRequest>(host.as_fd(), &mut data).unwrap() {
            commands.push(request.cdb[..usize::from(request.cdb_len)].to_vec());
            let (end, transferred, answer) = respond(&request, &data[..came]);
            send_framed(host.as_fd(), &HostReply { tag: request.tag, end, transferred }, answer).unwrap();
        }
        commands
    })
}

fn respond(request: &HostRequest, data: &[u8]) -> (CommandEnd, u32, &'static [u8]) {
    match request.cdb[0] {
        0x12 => {
            assert_eq!(request.from_drive, 96);
            (CommandEnd::Good, 36, b"0123456789abcdefghijklmnopqrstuvwxyz")
        }
        0x2a => {
            assert_eq!(data, content());
            (CommandEnd::Good, 65_536, &[])
        }
        0x04 => {
            assert_eq!(data, [1, 2, 3]);
            (CommandEnd::Check(refusal()), 0, &[])
        }
        _ => (CommandEnd::Busy, 0, &[]),
    }
}
