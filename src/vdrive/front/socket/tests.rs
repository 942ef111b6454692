use std::time::Duration;

use super::*;
use crate::mmc::cdb::{
    Inquiry, PreventAllow, Read10, StartStopUnit, SynchronizeCache, TestUnitReady, Write10,
};
use crate::mmc::inquiry::InquiryData;
use crate::mmc::transport::vdrive_protocol::ControlRequest;
use crate::mmc::transport::{
    ControlClient, Data, EventsClient, News, Status, Transport, TransportError, VirtualSocket, ask, send,
    tell,
};
use crate::mmc::{BLOCK, Sense};
use crate::vdrive::drive::DriveOptions;
use crate::vdrive::medium::Medium;

const LIMIT: Duration = Duration::from_secs(10);

struct Recorder {
    folder: tempfile::TempDir,
    running: Option<Running>,
}

impl Recorder {
    fn start(kind: &str, faults: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let faults = faults.parse().unwrap();
        let mut drive = Drive::new(DriveOptions { faults, ..DriveOptions::default() });
        drive.start_with(Medium::in_memory(kind.parse().unwrap()));
        let server = Server::bind(&folder.path().join("drive"), drive).unwrap();
        Self { running: Some(server.spawn().unwrap()), folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("drive")
    }

    /// A host, once the drive is ready.
    fn host(&self) -> VirtualSocket {
        let mut host = VirtualSocket::connect(&self.path()).unwrap();
        while tell(&mut host, &TestUnitReady::zeroed(), LIMIT).unwrap().is_err() {}
        host
    }
}

fn next(events: &EventsClient) -> News {
    let mut ready = [PollFd::new(events.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut ready, 10_000_u16), Ok(1), "no news within 10 s");
    events.next().unwrap()
}

#[test]
fn a_host_reads_back_what_it_wrote() {
    let recorder = Recorder::start("dvd+r:4096", "");
    let mut host = recorder.host();
    let inquiry = ask(&mut host, &Inquiry::new(36), LIMIT).unwrap().unwrap();
    assert_eq!(InquiryData::parse(&inquiry).unwrap().vendor, "DISCMAST");
    let data: Vec<u8> = (0..32 * BLOCK).map(|at| (at / 7) as u8).collect();
    let outcome = send(&mut host, &Write10::new(0, 32), Data::ToDrive(&data), LIMIT).unwrap();
    assert_eq!((outcome.status, outcome.transferred), (Status::Good, data.len()));
    tell(&mut host, &SynchronizeCache::new(false), LIMIT).unwrap().unwrap();
    assert_eq!(ask(&mut host, &Read10::new(0, 32), LIMIT).unwrap(), Ok(data));
    let outcome = send(&mut host, &Write10::new(9, 1), Data::ToDrive(&[0; BLOCK]), LIMIT).unwrap();
    assert!(matches!(outcome.status, Status::Check(sense) if sense.is(5, 0x21, 2)));
}

#[test]
fn a_second_host_is_told_that_the_drive_is_in_use() {
    let recorder = Recorder::start("cd-r", "");
    let first = recorder.host();
    assert!(matches!(VirtualSocket::connect(&recorder.path()), Err(TransportError::InUse { .. })));
    drop(first);
    assert!(VirtualSocket::connect_within(&recorder.path(), LIMIT).is_ok());
}

#[test]
fn a_place_is_taken_from_the_dead_alone() {
    let mut recorder = Recorder::start("cd-r", "");
    let drive = || Drive::new(DriveOptions::default());
    let taken = Server::bind(&recorder.path(), drive()).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    assert!(VirtualSocket::connect(&recorder.path()).is_ok());
    // A recorder whose place somebody else has taken leaves it to them.
    std::fs::remove_file(recorder.path()).unwrap();
    let second = Server::bind(&recorder.path(), drive()).unwrap().spawn().unwrap();
    recorder.running.take();
    assert!(VirtualSocket::connect(&recorder.path()).is_ok());
    drop(second);
    assert!(!recorder.path().exists());
    // What a dead one has left is no obstacle.
    let path = recorder.path();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    drop(Server::bind(&path, drive()).unwrap());
}

#[test]
fn the_tray_is_free_when_its_host_has_gone_and_a_disc_that_is_none_leaves_the_other_in() {
    let recorder = Recorder::start("cd-r", "");
    let mut host = recorder.host();
    tell(&mut host, &PreventAllow::new(true), LIMIT).unwrap().unwrap();
    let hands = ControlClient::connect(&recorder.path()).unwrap();
    assert!(hands.request(&ControlRequest::Eject).is_err());
    let path = recorder.folder.path().join("none.disc").display().to_string();
    let insert = ControlRequest::Insert { path, create: None };
    drop(host);
    let mut host = VirtualSocket::connect_within(&recorder.path(), LIMIT).unwrap();
    assert!(hands.request(&insert).is_err());
    assert_eq!(tell(&mut host, &TestUnitReady::zeroed(), LIMIT).unwrap(), Ok(()));
    hands.request(&ControlRequest::Eject).unwrap();
}

#[test]
fn an_answer_that_comes_too_late_is_nobodys() {
    let recorder = Recorder::start("cd-r", "inquiry hang(300ms)");
    let mut host = VirtualSocket::connect(&recorder.path()).unwrap();
    let short = Duration::from_millis(100);
    assert!(matches!(ask(&mut host, &Inquiry::new(36), short), Err(TransportError::Timeout { .. })));
    // The late answer arrives while this one is waited for.
    let inquiry = ask(&mut host, &Inquiry::new(8), LIMIT).unwrap().unwrap();
    assert_eq!(inquiry.len(), 8);
}

#[test]
fn listeners_hear_of_discs_and_of_the_end() {
    let mut recorder = Recorder::start("cd-r", "");
    let mut host = recorder.host();
    let events = EventsClient::connect(&recorder.path()).unwrap();
    assert_eq!(events.identity().profiles[..3], [0x09, 0x0a, 0x1b]);
    assert!(events.identity().present);
    assert_eq!(events.next().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    tell(&mut host, &StartStopUnit::eject(false), LIMIT).unwrap().unwrap();
    assert_eq!(next(&events), News::Event(Event::MediaChange { present: false, open: true }));
    let hands = ControlClient::connect(&recorder.path()).unwrap();
    hands.request(&ControlRequest::Load).unwrap();
    assert_eq!(next(&events), News::Event(Event::MediaChange { present: true, open: false }));
    recorder.running.take();
    assert_eq!(next(&events), News::Unplugged);
    let lost = host.execute(&[0; 6], Data::None, LIMIT);
    assert!(matches!(lost, Err(TransportError::LinkLost { .. })), "{lost:?}");
    assert!(!recorder.path().exists());
}

#[test]
fn hands_change_discs_and_faults() {
    let recorder = Recorder::start("cd-r", "");
    let hands = ControlClient::connect(&recorder.path()).unwrap();
    let path = recorder.folder.path().join("two.disc").display().to_string();
    let insert =
        |create: Option<&str>| ControlRequest::Insert { path: path.clone(), create: create.map(Into::into) };
    assert!(hands.request(&insert(None)).is_err());
    assert!(hands.request(&insert(Some("floppy"))).is_err());
    hands.request(&insert(Some("dvd+r:4096"))).unwrap();
    // The same file again: it has to come out first.
    hands.request(&insert(None)).unwrap();
    assert!(hands.request(&ControlRequest::Faults("wrte busy".into())).is_err());
    hands.request(&ControlRequest::Faults("write sense(3/0C/00)".into())).unwrap();
    assert_eq!(hands.lines(&ControlRequest::Unfired).unwrap(), ["write sense(3/0C/00)"]);
    let mut host = recorder.host();
    let outcome = send(&mut host, &Write10::new(0, 1), Data::ToDrive(&[0; BLOCK]), LIMIT).unwrap();
    assert_eq!(outcome.status, Status::Check(Sense::new(3, 0x0c, 0)));
    assert!(hands.lines(&ControlRequest::Unfired).unwrap().is_empty());
    assert!(hands.lines(&ControlRequest::Dump).unwrap()[0].contains("DVD+R of 4096 blocks, blank"));
    assert_eq!(hands.lines(&ControlRequest::Violations).unwrap(), Vec::<String>::new());
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_one() {
    let recorder = Recorder::start("cd-r", "inquiry hang(200ms)");
    let mut host = recorder.host();
    let early = ask(&mut host, &Inquiry::new(36), Duration::from_millis(20));
    assert!(matches!(early, Err(TransportError::Timeout { .. })), "{early:?}");
    assert_eq!(tell(&mut host, &TestUnitReady::zeroed(), LIMIT).unwrap(), Ok(()));
}

#[test]
fn a_drive_that_vanishes_takes_its_socket_with_it() {
    let mut recorder = Recorder::start("cd-r", "inquiry vanish");
    let mut host = recorder.host();
    let lost = ask(&mut host, &Inquiry::new(36), LIMIT);
    assert!(matches!(lost, Err(TransportError::LinkLost { .. })), "{lost:?}");
    recorder.running.take();
    assert!(!recorder.path().exists());
}

#[test]
fn packets_that_are_no_commands_end_their_client_and_nothing_else() {
    use crate::mmc::transport::vdrive_protocol::{Role, greet};
    let recorder = Recorder::start("cd-r", "");
    for role in [Role::Host, Role::Control, Role::Events] {
        let (socket, _) = greet(&recorder.path(), role).unwrap();
        send_message(socket.as_fd(), &[0xff_u8; 40].to_vec()).unwrap();
    }
    assert!(VirtualSocket::connect_within(&recorder.path(), LIMIT).is_ok());
}
