//! The worker as the broker knows it: its channel, a virtual recorder's socket, the ring.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use super::bench::{self, Ending, image};
use crate::api::{
    Detail, Device, DiscStatus, ErrorKind, Inspection, Phase, Progress, RecordOptions, Report, Result, Tray,
    Verify,
};
use crate::vdrive::front::{Running, Server};
use crate::vdrive::medium::Medium;
use crate::vdrive::{Drive, DriveOptions, Pace};
use crate::wire::broker_worker::{Expected, FromWorker, NO_ORDER, ReadOrder, RecordOrder, ToWorker};
use crate::wire::ring::{self, CHUNK, RingEnd};
use crate::wire::stager_worker::{AskingEnd, ReadBlocks, ReadingEnd};
use crate::wire::{Channel, ChannelError, pair};
use crate::worker::serve;

/// A worker in a thread, a recorder behind a socket, and the broker's end.
struct House {
    broker: Channel<FromWorker, ToWorker>,
    worker: JoinHandle<std::result::Result<(), ChannelError>>,
    recorder: Running,
    socket: PathBuf,
    _directory: TempDir,
}

impl House {
    fn new(kind: &str, pace: Pace) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut drive = Drive::new(DriveOptions { pace, ..DriveOptions::default() });
        drive.start_with(Medium::in_memory(kind.parse().unwrap()));
        let socket = directory.path().join("vd0.sock");
        let recorder = Server::bind(&socket, drive).unwrap().spawn().unwrap();
        let (broker, worker) = pair().unwrap();
        let worker = thread::spawn(move || serve(&worker, true));
        Self { broker, worker, recorder, socket, _directory: directory }
    }

    fn open(&self) -> Result<Inspection> {
        self.broker.send(&ToWorker::Open(Device::Virtual(self.socket.clone())), &[]).unwrap();
        match self.broker.receive().unwrap().0 {
            FromWorker::Opened(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    fn ask(&self, ask: &ToWorker) -> (Result<Report>, Option<Inspection>) {
        self.broker.send(ask, &[]).unwrap();
        self.done(|_| {})
    }

    fn record(&self, inspection: &Inspection, blocks: u64, options: RecordOptions) -> RingEnd {
        let medium = inspection.medium.as_ref().unwrap();
        let expected = Expected {
            profile: medium.profile,
            next_writable: medium.next_writable.unwrap(),
            free_blocks: medium.free_blocks,
        };
        let (producer, consumer) = ring::create(16 * CHUNK).unwrap();
        let order = ToWorker::Record(RecordOrder { blocks, start: 0, options, expected, imprint: None });
        self.broker.send(&order, &[consumer.memory.as_fd(), consumer.wake.as_fd()]).unwrap();
        producer
    }

    fn done(&self, mut each: impl FnMut(Progress)) -> (Result<Report>, Option<Inspection>) {
        loop {
            match self.broker.receive().unwrap().0 {
                FromWorker::Progress(progress) => each(progress),
                FromWorker::Done { result, inspection } => return (result, inspection),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn pour(end: RingEnd, image: Vec<u8>) -> JoinHandle<()> {
    thread::spawn(move || bench::pour(end, &image, Ending::Finish))
}

#[test]
fn a_worker_looks_records_verifies_and_moves_the_tray() {
    let house = House::new("dvd+r", Pace::Unlimited);
    let inspection = house.open().unwrap();
    let options = RecordOptions { verify: Verify::Full, ..RecordOptions::default() };
    let feeder = pour(house.record(&inspection, 1000, options), image(1000));
    let mut phases = Vec::new();
    let (report, after) = house.done(|progress| phases.push(progress.phase));
    feeder.join().unwrap();
    phases.dedup();
    assert_eq!(report.unwrap().verify.unwrap().blocks, 1000);
    assert_eq!(after.unwrap().medium.unwrap().status, DiscStatus::Closed);
    use Phase::{Closing, Flushing, Preparing, Verifying, Writing};
    assert_eq!(phases, [Preparing, Writing, Flushing, Closing, Verifying]);
    let (result, after) = house.ask(&ToWorker::Eject);
    result.unwrap();
    assert_eq!(after.unwrap().tray, Tray::Open);
    let (result, after) = house.ask(&ToWorker::Load);
    result.unwrap();
    assert!(after.unwrap().medium.is_some());
    let (result, _) = house.ask(&ToWorker::Erase { full: false, eject: false });
    assert_eq!(result.unwrap_err().kind, ErrorKind::MediumInvalidType);
    let (result, after) = house.ask(&ToWorker::Inspect);
    assert!(result.is_ok() && after.is_some());
    drop(house.broker);
    house.worker.join().unwrap().unwrap();
}

#[test]
fn a_cancel_through_the_channel_is_heard() {
    let house = House::new("cd-rw", Pace::KiloBytes(40_000));
    let inspection = house.open().unwrap();
    let feeder = pour(house.record(&inspection, 20_000, RecordOptions::default()), image(20_000));
    let mut cancelled = false;
    let (result, after) = house.done(|progress| {
        if progress.done > 0 && !std::mem::replace(&mut cancelled, true) {
            house.broker.send(&ToWorker::Cancel, &[]).unwrap();
        }
    });
    feeder.join().unwrap();
    let error = result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::UserAbort, "{error}");
    assert_eq!(after.unwrap().medium.unwrap().status, DiscStatus::Closed);
}

#[test]
fn a_burn_outlives_the_broker() {
    let house = House::new("cd-r", Pace::Unlimited);
    let inspection = house.open().unwrap();
    let end = house.record(&inspection, 4000, RecordOptions::default());
    // Gone before the first block is there.
    drop(house.broker);
    pour(end, image(4000)).join().unwrap();
    house.worker.join().unwrap().unwrap();
    house.recorder.with(|drive, now| {
        assert!(drive.medium().unwrap().layout().finalized);
        assert!(drive.violations().is_empty());
        assert!(drive.eject(now).is_ok(), "the tray is locked");
    });
}

#[test]
fn a_broker_that_breaks_the_rules_is_left_but_its_burn_is_finished() {
    let house = House::new("cd-r", Pace::Unlimited);
    let inspection = house.open().unwrap();
    let end = house.record(&inspection, 2000, RecordOptions::default());
    house.broker.send(&ToWorker::Eject, &[]).unwrap();
    pour(end, image(2000)).join().unwrap();
    house.worker.join().unwrap().unwrap();
    house.recorder.with(|drive, _| assert!(drive.medium().unwrap().layout().finalized));
    let house = House::new("cd-r", Pace::Unlimited);
    house.broker.send(&ToWorker::Eject, &[]).unwrap();
    assert!(house.worker.join().unwrap().is_err());
}

#[test]
fn a_recorder_that_is_not_there_can_be_asked_for_again() {
    let house = House::new("cd-r", Pace::Unlimited);
    let nowhere = ToWorker::Open(Device::Virtual("/nonexistent/vd9.sock".into()));
    house.broker.send(&nowhere, &[]).unwrap();
    let FromWorker::Opened(Err(error)) = house.broker.receive().unwrap().0 else { panic!("opened") };
    assert_eq!(error.kind, ErrorKind::DeviceNotPresent, "{error}");
    house.open().unwrap();
}

#[test]
fn a_burn_without_a_ring_is_refused() {
    let house = House::new("cd-r", Pace::Unlimited);
    house.open().unwrap();
    let expected = Expected { profile: 9, next_writable: 0, free_blocks: 1 };
    let order =
        RecordOrder { blocks: 1, start: 0, options: RecordOptions::default(), expected, imprint: None };
    let (result, _) = house.ask(&ToWorker::Record(order));
    assert_eq!(result.unwrap_err().kind, ErrorKind::HelperFailed);
}

#[test]
fn a_stager_that_takes_no_answers_holds_up_no_cancel() {
    let house = House::new("cd-r", Pace::Unlimited);
    let inspection = house.open().unwrap();
    let poured = pour(house.record(&inspection, 500, RecordOptions::default()), image(500));
    house.done(|_| {}).0.unwrap();
    poured.join().unwrap();
    let (asking, reading): (AskingEnd, ReadingEnd) = pair().unwrap();
    let reading = reading.into_socket();
    house.broker.send(&ToWorker::Read(ReadOrder { end: 500 }), &[reading.as_fd()]).unwrap();
    drop(reading);
    // Until nothing goes through any more, either way.
    let mut stuck = 0;
    while stuck < 50 {
        stuck = if asking.try_send(&ReadBlocks { block: 0, count: 32 }).unwrap() { 0 } else { stuck + 1 };
        thread::sleep(Duration::from_millis(2));
    }
    house.broker.send(&ToWorker::Cancel, &[]).unwrap();
    assert_eq!(house.done(|_| {}).0.unwrap_err().kind, ErrorKind::UserAbort);
}

#[test]
fn what_was_done_before_an_order_is_not_repeated_as_its_end() {
    let house = House::new("cd-rw", Pace::Unlimited);
    house.open().unwrap();
    let erase = ToWorker::Erase { full: false, eject: false };
    house.ask(&erase).0.unwrap();
    house.ask(&ToWorker::Again).0.unwrap();
    house.ask(&ToWorker::Load).0.unwrap();
    let error = house.ask(&ToWorker::Again).0.unwrap_err();
    assert_eq!(error.details.get("source"), Some(&Detail::Text(NO_ORDER.to_owned())), "{error}");
}
