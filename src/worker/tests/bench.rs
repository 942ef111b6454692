//! What a test of the worker needs: time without a clock, an image, a ring with its feeder.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use crate::api::audio::AUDIO_BLOCK;
use crate::api::{self, BLOCK, Phase, Progress, RecordOptions, Report};
use crate::mmc::cdb::TestUnitReady;
use crate::mmc::transport::{Data, Outcome, Traced, Transport, TransportError, tell};
use crate::vdrive::fault::FaultScript;
use crate::vdrive::front::InProcess;
use crate::vdrive::medium::Medium;
use crate::vdrive::{self, DriveOptions, Pace};
use crate::wire::broker_worker::{AudioOrder, Expected, RecordOrder};
use crate::wire::ring::{self, CHUNK, Consumer, Producer, RingEnd, RingError};
use crate::worker::error::with_command;
use crate::worker::{self, Drive, Host};

/// Time that passes by pauses alone, and a canceller that waits for a moment.
#[derive(Default)]
pub struct Bench {
    pub now: Duration,
    pub shown: Vec<Progress>,
    pub cancel_at: Option<(Phase, u64)>,
    pub cancelled: bool,
}

impl Bench {
    /// Cancels in this phase, once so many blocks are done.
    pub fn cancelling(phase: Phase, done: u64) -> Self {
        Self { cancel_at: Some((phase, done)), ..Self::default() }
    }

    /// The phases in order.
    pub fn phases(&self) -> Vec<Phase> {
        let mut phases: Vec<Phase> = self.shown.iter().map(|progress| progress.phase).collect();
        phases.dedup();
        phases
    }
}

impl Host for Bench {
    fn now(&self) -> Duration {
        self.now
    }

    fn pause(&mut self, length: Duration) {
        self.now += length;
    }

    fn cancelled(&mut self) -> bool {
        // Commands take time, too: without that no figure would ever be shown.
        self.now += Duration::from_millis(20);
        self.cancelled
    }

    fn progress(&mut self, progress: &Progress) {
        self.shown.push(*progress);
        self.cancelled |=
            self.cancel_at.is_some_and(|(phase, done)| progress.phase == phase && progress.done >= done);
    }
}

/// An image in which every block differs.
pub fn image(blocks: usize) -> Vec<u8> {
    (0..blocks * BLOCK).map(|at| (at / BLOCK * 31 + at % 251) as u8).collect()
}

/// How a feeder ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Finish,
    Fail,
    Die,
    /// Fails after everything was handed over.
    FailLate,
}

/// A ring and a thread that feeds it.
pub fn feed(image: Vec<u8>, ending: Ending) -> (Consumer, JoinHandle<()>) {
    let (producer, consumer) = ring::create(16 * CHUNK).unwrap();
    let feeder = thread::spawn(move || pour(producer, &image, ending));
    (Consumer::attach(consumer).unwrap(), feeder)
}

/// A ring and a thread that feeds it with the sound of tracks, each from a chunk's beginning on.
pub fn feed_sound(tracks: Vec<Vec<u8>>) -> (Consumer, JoinHandle<()>) {
    let (end, consumer) = ring::create(16 * CHUNK).unwrap();
    let feeder = thread::spawn(move || {
        let mut producer = Producer::attach(end).unwrap();
        producer.count_in(AUDIO_BLOCK);
        let whole = CHUNK / AUDIO_BLOCK * AUDIO_BLOCK;
        let poured =
            tracks.iter().flat_map(|track| track.chunks(whole)).all(|chunk| put(&mut producer, chunk));
        if poured {
            producer.finish();
        }
    });
    (Consumer::attach(consumer).unwrap(), feeder)
}

/// Feeds an image, until nobody wants more of it.
pub fn pour(end: RingEnd, image: &[u8], ending: Ending) {
    let mut producer = Producer::attach(end).unwrap();
    if !image.chunks(CHUNK).all(|chunk| put(&mut producer, chunk)) {
        return;
    }
    match ending {
        Ending::Finish => producer.finish(),
        Ending::Fail | Ending::FailLate => producer.fail(),
        Ending::Die => drop(producer),
    }
}

/// Hands over a chunk; false when nobody wants it any more.
fn put(producer: &mut Producer, chunk: &[u8]) -> bool {
    loop {
        match producer.slot() {
            Ok(Some(slot)) => {
                slot[..chunk.len()].copy_from_slice(chunk);
                match producer.commit(chunk.len()) {
                    Ok(()) => return true,
                    Err(RingError::Closed | RingError::Died) => return false,
                    Err(error) => panic!("{error}"),
                }
            }
            Ok(None) => drop(producer.wait(None, None).unwrap()),
            Err(RingError::Closed | RingError::Died) => return false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// An order for an image of so many blocks on this drive's disc, as a broker makes it.
pub fn order(drive: &mut dyn Transport, blocks: usize, options: RecordOptions) -> RecordOrder {
    let mut bench = Bench::default();
    let look = worker::inspect(&mut Drive::new(drive, &mut bench)).unwrap();
    let medium = look.inspection.medium.unwrap();
    let expected = Expected {
        profile: medium.profile,
        next_writable: medium.next_writable.unwrap_or(0),
        free_blocks: medium.free_blocks,
    };
    RecordOrder { blocks: blocks as u64, start: expected.next_writable, options, expected, imprint: None }
}

/// Records an image.
pub fn burn(
    drive: &mut dyn Transport,
    bench: &mut Bench,
    image: Vec<u8>,
    ending: Ending,
    options: RecordOptions,
) -> api::Result<Report> {
    let order = order(drive, image.len() / BLOCK, options);
    let (ring, feeder) = feed(image, ending);
    let report = worker::record(&mut Drive::new(drive, bench), &order, ring);
    feeder.join().unwrap();
    report
}

/// A virtual drive with a disc in a directory of its own, in virtual time; as host, it can meddle at a moment.
pub struct Stage {
    pub drive: InProcess,
    pub shown: Vec<Progress>,
    /// Every command that was sent in burns and erasures, in order; equal ones in a row once.
    pub sent: Vec<Vec<u8>>,
    meddling: Option<(Phase, u64, Meddle)>,
    cancelled: bool,
    lenient: bool,
    directory: TempDir,
}

type Meddle = Box<dyn FnOnce(&InProcess) -> bool>;

impl Stage {
    /// A drive with a blank disc of this kind (`cd-r`, `cd-rw:5000`, …), this script of faults, and this pace.
    pub fn new(kind: &str, faults: &str, pace: Pace) -> Self {
        Self::with(kind, faults, DriveOptions { pace, ..DriveOptions::default() })
    }

    /// The same, by the name of a drive that exists.
    pub fn named(vendor: &str, product: &str, kind: &str, faults: &str) -> Self {
        let (vendor, product) = (vendor.to_owned(), product.to_owned());
        Self::with(kind, faults, DriveOptions { vendor, product, ..DriveOptions::default() })
    }

    /// The same, with a drive of one's own making.
    pub fn with(kind: &str, faults: &str, options: DriveOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let faults = faults.parse::<FaultScript>().unwrap();
        let mut drive = vdrive::Drive::new(DriveOptions { faults, ..options });
        drive.start_with(Medium::create(&directory.path().join("test.disc"), kind.parse().unwrap()).unwrap());
        let drive = InProcess::new(drive);
        Self {
            drive,
            shown: Vec::new(),
            sent: Vec::new(),
            meddling: None,
            cancelled: false,
            lenient: false,
            directory,
        }
    }

    /// Faults that never fire are no failure: what a medium is never asked cannot go wrong.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Does something once this phase has so many blocks done; `true` cancels.
    pub fn when(&mut self, phase: Phase, done: u64, meddle: impl FnOnce(&InProcess) -> bool + 'static) {
        self.meddling = Some((phase, done, Box::new(meddle)));
    }

    /// Records an image.
    pub fn burn(&mut self, image: Vec<u8>, options: RecordOptions) -> api::Result<Report> {
        let mut drive = self.drive.clone();
        let order = order(&mut drive, image.len() / BLOCK, options);
        self.burn_as(&order, image)
    }

    /// Records an image as it is ordered.
    pub fn burn_as(&mut self, order: &RecordOrder, image: Vec<u8>) -> api::Result<Report> {
        let (ring, feeder) = feed(image, Ending::Finish);
        let report = self.burn_from(|drive| worker::record(drive, order, ring));
        feeder.join().unwrap();
        report
    }

    /// Burns out of a ring of one's own.
    pub fn burn_from(
        &mut self,
        burn: impl FnOnce(&mut Drive<'_>) -> api::Result<Report>,
    ) -> api::Result<Report> {
        let mut traced = Traced::new(self.overheard());
        let report = burn(&mut Drive::new(&mut traced, self));
        self.sent.append(&mut traced.inner().sent);
        self.judge();
        report.map_err(|error| with_command(error, &traced))
    }

    /// Records an audio disc; its sound is that of the order's tracks.
    pub fn burn_sound(&mut self, order: &AudioOrder, tracks: Vec<Vec<u8>>) -> api::Result<Report> {
        let (ring, feeder) = feed_sound(tracks);
        let report = self.burn_from(|drive| worker::record_audio(drive, order, ring));
        feeder.join().unwrap();
        report
    }

    /// Erases the disc.
    pub fn erase(&mut self, full: bool) -> api::Result<()> {
        let mut traced = Traced::new(self.overheard());
        let erased = worker::erase(&mut Drive::new(&mut traced, self), full, false);
        self.sent.append(&mut traced.inner().sent);
        self.judge();
        erased.map_err(|error| with_command(error, &traced))
    }

    /// Formats the disc.
    pub fn format(&mut self, choice: Option<&str>, full: bool) -> api::Result<()> {
        let mut traced = Traced::new(self.overheard());
        let formatted = worker::format(&mut Drive::new(&mut traced, self), choice, full, false);
        self.sent.append(&mut traced.inner().sent);
        self.judge();
        formatted.map_err(|error| with_command(error, &traced))
    }

    /// The drive, by a way that writes down what is sent.
    pub fn overheard(&self) -> Overheard {
        Overheard { drive: self.drive.clone(), sent: Vec::new() }
    }

    /// Looks at the drive.
    pub fn look(&mut self) -> api::Inspection {
        let mut drive = self.drive.clone();
        self.cancelled = false;
        worker::inspect(&mut Drive::new(&mut drive, self)).unwrap().inspection
    }

    /// What lies on the disc.
    pub fn recorded(&self) -> Vec<u8> {
        std::fs::read(self.directory.path().join("test.iso")).unwrap()
    }

    /// No rule was broken, no fault left over, and the tray is free.
    fn judge(&self) {
        let ready = tell(&mut self.drive.clone(), &TestUnitReady::zeroed(), Duration::from_secs(30));
        // Nobody can unlock what is gone.
        let gone = ready.is_err();
        self.drive.with(|drive, now| {
            assert!(drive.violations().is_empty(), "{:?}\n{}", drive.violations(), drive.scene());
            assert!(self.lenient || drive.unfired().is_empty(), "{:?}", drive.unfired());
            assert!(
                gone || !drive.is_loaded() || drive.eject(now).map(|()| drive.load(now)).is_ok(),
                "the tray is locked"
            );
        });
    }
}

/// Writes down what is sent.
pub struct Overheard {
    drive: InProcess,
    pub sent: Vec<Vec<u8>>,
}

impl Transport for Overheard {
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, limit: Duration) -> Result<Outcome, TransportError> {
        if self.sent.last().is_none_or(|last| last != cdb) {
            self.sent.push(cdb.to_vec());
        }
        self.drive.execute(cdb, data, limit)
    }

    fn name(&self) -> &str {
        self.drive.name()
    }
}

impl Host for Stage {
    fn now(&self) -> Duration {
        self.drive.now()
    }

    fn pause(&mut self, length: Duration) {
        self.drive.advance(length);
    }

    fn cancelled(&mut self) -> bool {
        self.cancelled
    }

    fn progress(&mut self, progress: &Progress) {
        self.shown.push(*progress);
        let due =
            |(phase, done, _): &mut (Phase, u64, Meddle)| progress.phase == *phase && progress.done >= *done;
        if let Some((.., meddle)) = self.meddling.take_if(due) {
            self.cancelled |= meddle(&self.drive);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let missed = self.meddling.is_some() && !thread::panicking();
        assert!(!missed, "the moment never came");
    }
}
