//! The way of commands through SG_IO: the worker's own code, a kernel that umockdev plays, and a recorder behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::HashMap;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use discmaster::api::{self, Device, DiscStatus, Medium, Phase, RecordOptions, Report, Verify};
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
use support::Bench;
use support::burner::Burner;
use support::processes::{WORKER, helper};
use support::recorder::{PACKAGES, Recorder, bridge};

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
fn the_worker_erases_records_closes_and_verifies_discs_through_sg_io() {
    for kind in ["cd-r", "cd-rw", "dvd+r"] {
        let recorder = Recorder::new(kind);
        let mut worker = Worker::start(&recorder);
        let first = worker.open();
        assert_eq!((first.status, first.sessions), (DiscStatus::Blank, 0), "{kind}");
        let content = content(1003 * api::BLOCK);
        let closed = worker.record(&first, &content);
        assert_eq!((closed.status, closed.sessions), (DiscStatus::Closed, 1), "{kind}");
        if kind == "cd-rw" {
            let blank = worker.erase();
            assert_eq!((blank.status, blank.free_blocks), (DiscStatus::Blank, first.free_blocks));
            assert!(recorder.recorded().is_empty());
            worker.record(&blank, &content);
        }
        worker.end();
        let recorded = recorder.recorded();
        assert!(recorded.starts_with(&content), "{kind}: the disc holds something else");
        assert!(recorded[content.len()..].iter().all(|byte| *byte == 0), "{kind}: what follows is padding");
        assert!(recorder.layout().finalized, "{kind}");
        assert_eq!(recorder.violations(), [""; 0], "{kind}");
    }
}

#[tokio::test]
async fn the_service_finds_a_drive_through_udev_and_burns_through_sg_io() {
    let bench = Bench::new().kernel_drive("cd-r").start().await;
    let recorder = bench.sr0.as_ref().unwrap();
    let client = bench.client().await;
    let sr0 = "/org/discmaster1/recorders/sr0";
    let product: String = client.property(sr0, "Recorder", "Product").await.unwrap();
    let device: String = client.property(sr0, "Recorder", "Device").await.unwrap();
    assert_eq!((product.as_str(), device.as_str()), ("Virtual Recorder", "/dev/sr0"));

    let folder = bench.dir().join("folder");
    fs::create_dir(&folder).unwrap();
    let noise = content(1_000_001);
    fs::write(folder.join("noise.bin"), &noise).unwrap();
    let burn = discmaster(&bench, &["burn", "folder", "--recorder=sr0", "--verify=full"]);
    assert!(burn.status.success(), "{}", String::from_utf8_lossy(&burn.stderr));
    let read = Command::new("bsdtar").arg("-xOf").arg(recorder.image()).arg("noise.bin").output().unwrap();
    assert!(read.stdout == noise, "noise.bin reads back otherwise than it was");
    assert!(client.property::<bool>(sr0, "Medium", "Closed").await.unwrap());
    assert_eq!(recorder.violations(), [""; 0]);

    // The drive's own news come as uevents.
    recorder.hands(|drive, now| drive.eject(now).unwrap());
    client
        .until("the disc is gone", async || {
            client.property::<String>(sr0, "Medium", "Kind").await.is_err().then_some(())
        })
        .await;
}

#[tokio::test]
async fn the_tray_that_a_killed_worker_left_locked_is_unlocked_by_the_next() {
    let bench = Bench::new().kernel_drive("cd-r").start().await;
    let recorder = bench.sr0.as_ref().unwrap();
    let burner = Burner::ready(&bench, "sr0", 64 << 20, false).await;
    let job = burner.record().await.unwrap();
    burner.under_way(&job).await;
    recorder.hands(|drive, now| drive.eject(now)).expect_err("the tray is locked while the disc is written");
    // Between them is the program that plays the kernel.
    let daemon = helper(bench.daemon_pid(), "discmasterd");
    helper(daemon.pid, WORKER).kill().await;
    let (good, ..) = burner.client.result(&job).await;
    assert!(!good);
    let opens = async || recorder.hands(|drive, now| drive.eject(now)).ok();
    burner.client.until("the tray opens at the press of its button", opens).await;
}

/// A udisks that unmounts, or has a reason not to.
struct Udisks {
    refuses: bool,
    calls: Arc<AtomicU32>,
}

#[zbus::interface(name = "org.freedesktop.UDisks2.Filesystem")]
impl Udisks {
    fn unmount(&self, _options: HashMap<String, zbus::OwnedVariant>) -> zbus::fdo::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.refuses { Err(zbus::fdo::Error::Failed("target is busy".to_owned())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_disc_is_unmounted_when_that_is_asked_for_and_left_alone_where_it_cannot_be() {
    let bench = Bench::new().kernel_drive("cd-rw").start().await;
    let recorder = bench.sr0.as_ref().unwrap();
    let folder = bench.dir().join("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("noise.bin"), content(100_000)).unwrap();
    let burn = ["burn", "folder", "--recorder=sr0", "--verify=none", "--unmount"];
    let calls = Arc::new(AtomicU32::new(0));
    {
        let udisks = Udisks { refuses: true, calls: Arc::clone(&calls) };
        let _bus = udisks_on(&bench, udisks).await;
        let refused = discmaster_meanwhile(&bench, &burn).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("target is busy"), "{said}");
        assert!(recorder.recorded().is_empty(), "the disc is as it was");
    }
    let _bus = udisks_on(&bench, Udisks { refuses: false, calls: Arc::clone(&calls) }).await;
    assert!(discmaster_meanwhile(&bench, &burn).await.status.success());
    assert!(discmaster_meanwhile(&bench, &["erase", "sr0", "--unmount"]).await.status.success());
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    // Nobody is asked to unmount by those who did not ask for it.
    assert!(discmaster_meanwhile(&bench, &burn[..4]).await.status.success());
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

async fn udisks_on(bench: &Bench, udisks: Udisks) -> zbus::Connection {
    zbus::connection::Builder::address(bench.bus.address.as_str())
        .serve_at("/org/freedesktop/UDisks2/block_devices/sr0", udisks)
        .name("org.freedesktop.UDisks2")
        .build()
        .await
        .unwrap()
}

fn discmaster(bench: &Bench, arguments: &[&str]) -> Output {
    command(bench, arguments).output().unwrap()
}

/// The same, while this thread serves the bus.
async fn discmaster_meanwhile(bench: &Bench, arguments: &[&str]) -> Output {
    tokio::process::Command::from(command(bench, arguments)).output().await.unwrap()
}

fn command(bench: &Bench, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_discmaster"));
    command.arg("--bus=session").args(arguments).current_dir(bench.dir());
    command.env("DBUS_SESSION_BUS_ADDRESS", &bench.bus.address).stdin(Stdio::null());
    command
}

/// The worker's program at `/dev/sr0`, and the broker's end of its channel.
struct Worker {
    process: Child,
    broker: Channel<FromWorker, ToWorker>,
}

impl Worker {
    fn start(recorder: &Recorder) -> Self {
        let (broker, theirs) = wire::pair::<FromWorker, ToWorker>().unwrap();
        let process = recorder
            .command(env!("CARGO_BIN_EXE_discmaster-worker"))
            .env("DISCMASTER_LOG", "warn")
            // umockdev's library makes a connection for each opening of the device.
            .env("DISCMASTER_UNCONFINED", "1")
            .stdin(Stdio::from(theirs.into_socket()))
            .spawn()
            .expect(PACKAGES);
        Self { process, broker }
    }

    fn open(&mut self) -> Medium {
        self.broker.send(&ToWorker::Open(Device::Scsi("/dev/sr0".into())), &[]).unwrap();
        let Ok((FromWorker::Opened(opened), _)) = self.broker.receive() else {
            panic!("no worker: {PACKAGES}")
        };
        opened.unwrap().medium.unwrap()
    }

    /// Records with a full verification; the disc afterwards.
    fn record(&mut self, medium: &Medium, content: &[u8]) -> Medium {
        let (filling, emptying) = ring::create(1 << 20).unwrap();
        let blocks = (content.len() / api::BLOCK) as u64;
        let order = RecordOrder {
            blocks,
            start: 0,
            options: RecordOptions { verify: Verify::Full, ..Default::default() },
            expected: Expected {
                profile: medium.profile,
                next_writable: medium.next_writable.unwrap(),
                free_blocks: medium.free_blocks,
            },
            imprint: None,
        };
        let feeder = feed(filling, content.to_vec());
        let ring = [emptying.memory.as_fd(), emptying.wake.as_fd()];
        self.broker.send(&ToWorker::Record(order), &ring).unwrap();
        drop(emptying);
        let mut phases = Vec::new();
        let (report, medium) = self.done(|phase| phases.push(phase));
        feeder.join().unwrap();
        phases.dedup();
        use Phase::{Closing, Flushing, Preparing, Verifying, Writing};
        assert_eq!(phases, [Preparing, Writing, Flushing, Closing, Verifying]);
        let verified = report.verify.unwrap();
        assert_eq!((report.blocks, verified.blocks, verified.full), (blocks, blocks, true));
        medium
    }

    fn erase(&mut self) -> Medium {
        self.broker.send(&ToWorker::Erase { full: false, eject: false }, &[]).unwrap();
        self.done(|_| {}).1
    }

    fn done(&mut self, mut shown: impl FnMut(Phase)) -> (Report, Medium) {
        loop {
            match self.broker.receive().unwrap().0 {
                FromWorker::Progress(progress) => shown(progress.phase),
                FromWorker::Done { result, inspection } => {
                    return (result.unwrap(), inspection.unwrap().medium.unwrap());
                }
                FromWorker::Opened(_) => panic!("it was open"),
            }
        }
    }

    fn end(mut self) {
        drop(self.broker);
        assert!(self.process.wait().unwrap().success());
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

/// A recorder behind a socket, for one host; its state when the host has left.
fn serve<S, F>(path: &Path, mut respond: F) -> JoinHandle<S>
where
    S: Default + Send + 'static,
    F: FnMut(&mut S, &HostRequest, &[u8]) -> (CommandEnd, Vec<u8>) + Send + 'static,
{
    let listener = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(listener.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
    listen(&listener, Backlog::new(1).unwrap()).unwrap();
    let listener = UnixListener::from(listener);
    thread::spawn(move || {
        // Whoever comes after the host waits for a welcome until the end.
        let host = OwnedFd::from(listener.accept().unwrap().0);
        widen(host.as_fd());
        let hello: Hello = receive_message(host.as_fd()).unwrap().unwrap();
        assert_eq!(hello.role, Role::Host);
        send_message(host.as_fd(), &Welcome::Ready(Identity::default())).unwrap();
        let mut state = S::default();
        let mut data = vec![0; MAX_DATA];
        while let Some(received) = receive_framed::<HostRequest>(host.as_fd(), &mut data).unwrap() {
            let (request, came) = (received.message, received.data);
            let (end, mut answer) = respond(&mut state, &request, &data[..came]);
            answer.truncate(request.from_drive as usize);
            let travelled = if end == CommandEnd::Good { came.max(answer.len()) } else { 0 };
            let reply = HostReply { tag: request.tag, end, transferred: travelled as u32 };
            send_framed(host.as_fd(), &reply, &answer).unwrap();
        }
        state
    })
}
