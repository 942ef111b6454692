//! The way of commands through SG_IO: the worker's own code, a kernel that umockdev plays, and a recorder behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/plus_r.rs"]
mod plus_r;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use discmaster::api::{self, Device, Phase, RecordOptions, Verify};
use discmaster::mmc::sense::Sense;
use discmaster::mmc::transport::vdrive_protocol::{
    CommandEnd, Hello, HostReply, HostRequest, Identity, MAX_DATA, Role, Welcome, receive_framed,
    receive_message, send_framed, send_message, widen,
};
use discmaster::mmc::transport::{Data, SgIo, Status, Transport};
use discmaster::wire::broker_worker::{Expected, FromWorker, RecordOrder, ToWorker};
use discmaster::wire::ring::{self, CHUNK, Producer, RingEnd};
use discmaster::wire::{self, Channel};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use plus_r::{CAPACITY, PlusR};

const ROLE: &str = "DISCMASTER_TEST_HOST";
const NAME: &str = "commands_data_and_sense_pass_through_sg_io_unchanged";
const LIMIT: Duration = Duration::from_secs(10);

const INQUIRY: [u8; 6] = [0x12, 0, 0, 0, 96, 0];
const WRITE: [u8; 10] = [0x2a, 0, 0, 1, 0xe2, 0x40, 0, 0, 32, 0];
const FORMAT: [u8; 6] = [0x04, 0x11, 0, 0, 0, 0];

/// This test plays two parts: the recorder, and, below umockdev's library, the host.
#[test]
fn commands_data_and_sense_pass_through_sg_io_unchanged() {
    if std::env::var_os(ROLE).is_some() {
        return be_the_host();
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vd0.sock");
    let recorder = serve(&path, |commands: &mut Vec<Vec<u8>>, request, data| {
        commands.push(request.cdb[..usize::from(request.cdb_len)].to_vec());
        let content = content(65_536);
        match request.cdb[0] {
            0x12 if request.from_drive == 96 => {
                (CommandEnd::Good, b"0123456789abcdefghijklmnopqrstuvwxyz".to_vec())
            }
            0x2a if data == content => (CommandEnd::Good, Vec::new()),
            0x04 if data == [1, 2, 3] => (CommandEnd::Check(refusal()), Vec::new()),
            _ => (CommandEnd::Busy, Vec::new()),
        }
    });
    let output = bridge(&path)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(ROLE, "1")
        .output()
        .expect(PACKAGES);
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}\n{PACKAGES}", String::from_utf8_lossy(&said));
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

    let outcome = drive.execute(&WRITE, Data::ToDrive(&content(65_536)), LIMIT).unwrap();
    assert_eq!((outcome.status, outcome.transferred), (Status::Good, 65_536));

    let outcome = drive.execute(&FORMAT, Data::ToDrive(&[1, 2, 3]), LIMIT).unwrap();
    assert_eq!(outcome.status, Status::Check(refusal()));

    let outcome = drive.execute(&[0; 6], Data::None, LIMIT).unwrap();
    assert_eq!(outcome.status, Status::Busy);
}

fn refusal() -> Sense {
    Sense { information: Some(0x0001_e240), field: Some(0x0102), ..Sense::new(5, 0x21, 2) }
}

#[test]
fn the_worker_records_closes_and_verifies_a_disc_through_sg_io() {
    const BLOCKS: usize = 1003;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vd0.sock");
    let recorder = serve(&path, |drive: &mut PlusR, request, data| match drive.execute(&request.cdb, data) {
        Ok(answer) => (CommandEnd::Good, answer),
        Err(sense) => (CommandEnd::Check(sense), Vec::new()),
    });
    let (broker, worker) = wire::pair::<FromWorker, ToWorker>().unwrap();
    let mut process = bridge(&path)
        .arg(env!("CARGO_BIN_EXE_discmaster-worker"))
        .stdin(Stdio::from(worker.into_socket()))
        .spawn()
        .expect(PACKAGES);

    broker.send(&ToWorker::Open(Device::Scsi("/dev/sr0".into())), &[]).unwrap();
    let Ok((FromWorker::Opened(opened), _)) = broker.receive() else { panic!("no worker: {PACKAGES}") };
    let medium = opened.unwrap().medium.unwrap();
    assert_eq!((medium.profile, medium.free_blocks), (0x1b, u64::from(CAPACITY)));

    let (filling, emptying) = ring::create(1 << 20).unwrap();
    let content = content(BLOCKS * api::BLOCK);
    let order = RecordOrder {
        blocks: BLOCKS as u64,
        start: 0,
        options: RecordOptions { verify: Verify::Full, ..Default::default() },
        expected: Expected {
            profile: medium.profile,
            next_writable: medium.next_writable.unwrap(),
            free_blocks: medium.free_blocks,
        },
    };
    let feeder = feed(filling, content.clone());
    broker.send(&ToWorker::Record(order), &[emptying.memory.as_fd(), emptying.wake.as_fd()]).unwrap();
    drop(emptying);
    let report = end(&broker).unwrap();
    feeder.join().unwrap();
    drop(broker);
    assert!(process.wait().unwrap().success());

    assert_eq!(report.blocks, BLOCKS as u64);
    let verified = report.verify.unwrap();
    assert_eq!((verified.blocks, verified.full), (BLOCKS as u64, true));
    let disc = recorder.join().unwrap();
    assert!(disc.data[..content.len()] == content, "the disc holds something else");
    assert!(disc.data[content.len()..].iter().all(|byte| *byte == 0), "what follows is padding");
    assert_eq!(disc.data.len() % (16 * api::BLOCK), 0, "whole ECC blocks");
    assert_eq!(disc.closed_by, [1, 5], "the track, then the disc");
    assert!(disc.writes <= BLOCKS / 16, "blocks travel in bundles");
}

/// Everything until `Done`; the phases of a burn come by in their order.
fn end(broker: &Channel<FromWorker, ToWorker>) -> api::Result<api::Report> {
    let mut phases = Vec::new();
    loop {
        match broker.receive().unwrap().0 {
            FromWorker::Progress(progress) => {
                if phases.last() != Some(&progress.phase) {
                    phases.push(progress.phase);
                }
            }
            FromWorker::Done { result, .. } => {
                let writing = phases.iter().position(|phase| *phase == Phase::Writing);
                let verifying = phases.iter().position(|phase| *phase == Phase::Verifying);
                assert!(result.is_err() || (writing.is_some() && writing < verifying), "{phases:?}");
                return result;
            }
            FromWorker::Opened(_) => panic!("it was open"),
        }
    }
}

fn feed(end: RingEnd, content: Vec<u8>) -> JoinHandle<()> {
    let mut producer = Producer::attach(end).unwrap();
    thread::spawn(move || {
        for chunk in content.chunks(CHUNK) {
            loop {
                if let Some(slot) = producer.slot().unwrap() {
                    slot[..chunk.len()].copy_from_slice(chunk);
                    break;
                }
                producer.wait(None, Some(LIMIT)).unwrap();
            }
            producer.commit(chunk.len()).unwrap();
        }
        producer.finish();
    })
}

/// Bytes without a pattern that a wrong offset would leave unnoticed.
fn content(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

const PACKAGES: &str = "the packages umockdev, gir1.2-umockdev-1.0 and python3-gi are needed";

/// A program that follows finds the recorder of this socket at `/dev/sr0`.
fn bridge(socket: &Path) -> Command {
    let mut command = Command::new("umockdev-wrapper");
    command
        .args(["/usr/bin/python3", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/umockdev/bridge.py")])
        .arg(socket);
    command
}

/// A recorder behind a socket, for one host; its state when the host has left.
fn serve<S, F>(path: &Path, mut respond: F) -> JoinHandle<S>
where
    S: Default + Send + 'static,
    F: FnMut(&mut S, &HostRequest, &[u8]) -> (CommandEnd, Vec<u8>) + Send + 'static,
{
    let listener = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(listener.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
    listen(&listener, Backlog::new(1).unwrap()).unwrap();
    thread::spawn(move || {
        let host = OwnedFd::from(UnixListener::from(listener).accept().unwrap().0);
        widen(host.as_fd());
        let hello: Hello = receive_message(host.as_fd()).unwrap().unwrap();
        assert_eq!(hello.role, Role::Host);
        send_message(host.as_fd(), &Welcome::Ready(Identity::default())).unwrap();
        let mut state = S::default();
        let mut data = vec![0; MAX_DATA];
        while let Some((request, came)) = receive_framed::<HostRequest>(host.as_fd(), &mut data).unwrap() {
            let (end, mut answer) = respond(&mut state, &request, &data[..came]);
            answer.truncate(request.from_drive as usize);
            let travelled = if end == CommandEnd::Good { came.max(answer.len()) } else { 0 };
            let reply = HostReply { tag: request.tag, end, transferred: travelled as u32 };
            send_framed(host.as_fd(), &reply, &answer).unwrap();
        }
        state
    })
}
