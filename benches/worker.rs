//! Ring to a drive that takes everything at once: what the worker itself costs, in GB/s and CPU seconds a GB.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::time::{Duration, Instant};
use std::{env, thread};

use discmaster::api::{BLOCK, Progress, RecordOptions, Verify};
use discmaster::mmc::cdb::{Cdb, Write10};
use discmaster::mmc::disc_info::{BackgroundFormat, DiscInformation, DiscStatus, SessionState};
use discmaster::mmc::feature::{Configuration, Feature, code};
use discmaster::mmc::inquiry::InquiryData;
use discmaster::mmc::opcode::Opcode;
use discmaster::mmc::profile::Profile;
use discmaster::mmc::sense::Sense;
use discmaster::mmc::track_info::TrackInformation;
use discmaster::mmc::transport::{Data, Outcome, Status, Transport, TransportError};
use discmaster::wire::broker_worker::{Expected, RecordOrder};
use discmaster::wire::ring::{self, CHUNK, Consumer, Producer, RingEnd};
use discmaster::worker::{self, Drive, Host};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// A blank DVD+R of endless size in a drive without a mechanism.
struct Null {
    blocks: u64,
}

impl Null {
    fn answer(&self, opcode: Opcode) -> Result<Vec<u8>, Sense> {
        Ok(match opcode {
            Opcode::INQUIRY => {
                InquiryData { device_type: InquiryData::OPTICAL, ..InquiryData::default() }.emit().to_vec()
            }
            Opcode::GET_CONFIGURATION => {
                let write = Feature {
                    code: code::DVD_PLUS_R,
                    version: 1,
                    persistent: false,
                    current: true,
                    data: vec![1, 0, 0, 0],
                };
                Configuration { current: Profile::DVD_PLUS_R, features: vec![write] }.emit()
            }
            Opcode::READ_DISC_INFORMATION => DiscInformation {
                status: DiscStatus::Blank,
                last_session: SessionState::Empty,
                erasable: false,
                first_track: 1,
                sessions: 1,
                first_track_in_last_session: 1,
                last_track_in_last_session: 1,
                unrestricted: false,
                background_format: BackgroundFormat::None,
                disc_type: 0,
                disc_id: None,
                last_lead_in: 0,
                last_lead_out: 0,
                opc_tables: 0,
            }
            .emit()
            .to_vec(),
            Opcode::READ_TRACK_INFORMATION => {
                let free = 0x4000_0000;
                TrackInformation { track: 1, next_writable: Some(0), free, ..TrackInformation::default() }
                    .emit()
                    .to_vec()
            }
            Opcode::READ_BUFFER_CAPACITY | Opcode::MODE_SENSE_10 | Opcode::GET_PERFORMANCE => {
                return Err(Sense::new(5, 0x20, 0));
            }
            _ => Vec::new(),
        })
    }
}

impl Transport for Null {
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, _: Duration) -> Result<Outcome, TransportError> {
        if let Some(write) = Write10::read(cdb) {
            self.blocks += u64::from(write.blocks.get());
            return Ok(Outcome { status: Status::Good, transferred: data.len() });
        }
        Ok(match (self.answer(Opcode(cdb[0])), data) {
            (Ok(bytes), Data::FromDrive(buffer)) => {
                let length = bytes.len().min(buffer.len());
                buffer[..length].copy_from_slice(&bytes[..length]);
                Outcome { status: Status::Good, transferred: length }
            }
            (Ok(_), data) => Outcome { status: Status::Good, transferred: data.len() },
            (Err(sense), _) => Outcome { status: Status::Check(sense), transferred: 0 },
        })
    }

    fn name(&self) -> &str {
        "null"
    }
}

struct Watch(Instant);

impl Host for Watch {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
    fn pause(&mut self, length: Duration) {
        thread::sleep(length);
    }
    fn cancelled(&mut self) -> bool {
        false
    }
    fn progress(&mut self, _: &Progress) {}
}

fn main() {
    let gib = env::args().filter_map(|argument| argument.parse::<usize>().ok()).next().unwrap_or(4);
    for (name, verify) in [("plain", Verify::None), ("checksums kept", Verify::Full)] {
        run(name, gib << 30, verify);
    }
}

fn run(name: &str, bytes: usize, verify: Verify) {
    let options = RecordOptions { verify, ..RecordOptions::default() };
    let expected = Expected { profile: Profile::DVD_PLUS_R.0, next_writable: 0, free_blocks: 0x4000_0000 };
    let order = RecordOrder { blocks: (bytes / BLOCK) as u64, start: 0, options, expected, imprint: None };
    let (producer, consumer) = ring::create(64 << 20).expect("memory for the ring");
    let feeder = thread::spawn(move || feed(producer, bytes / CHUNK));
    let ring = Consumer::attach(consumer).expect("a fresh ring");
    let (mut null, mut watch) = (Null { blocks: 0 }, Watch(Instant::now()));
    let (began, cpu) = (Instant::now(), thread_cpu());
    // With checksums kept, verification fails at its first block: the null drive has nothing to read. The writing is done.
    let report = worker::record(&mut Drive::new(&mut null, &mut watch), &order, ring);
    let (took, cpu) = (began.elapsed(), thread_cpu() - cpu);
    feeder.join().expect("the feeder");
    let gb = (null.blocks as usize * BLOCK) as f64 / 1e9;
    println!(
        "{name:15} {gb:.2} GB in {:.2} s: {:.2} GB/s; worker {:.3} CPU s/GB ({:.2} GB/s a core); {}",
        took.as_secs_f64(),
        gb / took.as_secs_f64(),
        cpu / gb,
        gb / cpu,
        report.map_or_else(
            |error| error.kind.name().to_owned(),
            |report| format!("ring empty {} times", report.ring_empty)
        )
    );
}

/// Commits chunks without filling them: the feeder costs nothing, so that the worker is what is measured.
fn feed(end: RingEnd, chunks: usize) {
    let mut producer = Producer::attach(end).expect("a fresh ring");
    for at in 0..chunks {
        loop {
            match producer.slot().expect("a reader") {
                Some(slot) => {
                    slot[..8].copy_from_slice(&at.to_ne_bytes());
                    break producer.commit(CHUNK).expect("a slot");
                }
                None => drop(producer.wait(None, None).expect("a wake-up")),
            }
        }
    }
    producer.finish();
}

/// CPU seconds of this thread.
fn thread_cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("the kernel counts");
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
}
