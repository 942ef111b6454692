//! A stager that was taken over: it writes what it likes into every word of the ring that it shares with the worker, whenever
//! it likes. The worker ends in order, the drive is never misused, and the disc is never left in a state that nobody told of.

use std::os::fd::{AsFd, OwnedFd};
use std::thread::{self, JoinHandle};

use proptest::prelude::*;
use proptest::sample::select;
use rustix::io::{pwrite, write};

use super::bench::{Stage, order};
use super::sound;
use crate::api::{self, Detail, DiscStatus, ErrorKind, RecordOptions, Report, Verify};
use crate::vdrive::Pace;
use crate::wire::broker_worker::AudioOrder;
use crate::wire::ring::{self, CHUNK, Consumer, RingEnd};
use crate::worker;

/// Chunks of the ring.
const CHUNKS: u64 = 4;
/// Where the words lie that both sides share (`wire::ring::layout`).
const HEAD: u64 = 0;
const STATE: u64 = 8;
const WORDS: [u64; 6] = [HEAD, STATE, 16, 128, 136, 144];
const LENGTHS: u64 = 4096;
const FINISHED: u64 = 1;

/// What a stager does next.
#[derive(Clone, Debug)]
enum Deed {
    /// Hands over chunks as it should, each of so many bytes.
    Chunks(u64, u32),
    /// Writes a word.
    Word(u64, u64),
    /// Writes the length of a place.
    Length(u64, u32),
    /// Scribbles over a chunk that may be read just now.
    Content(u64, u8),
    /// Wakes the worker for nothing.
    Knock,
    /// Has the worker run on.
    Yield,
    /// Says that this was all.
    Finish,
}

/// A stager that does as it likes.
fn lying(end: RingEnd, deeds: Vec<Deed>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut head = 0_u64;
        for deed in deeds {
            let put = |memory: &OwnedFd, at: u64, bytes: &[u8]| {
                pwrite(memory, bytes, at).expect("the ring's memory is there");
            };
            // The worker may have gone: then nobody hears it.
            let knock = || {
                let _ = write(end.wake.as_fd(), &[1]);
            };
            match deed {
                Deed::Chunks(count, bytes) => {
                    for _ in 0..count {
                        put(&end.memory, LENGTHS + head % CHUNKS * 4, &bytes.to_ne_bytes());
                        head += 1;
                        put(&end.memory, HEAD, &head.to_ne_bytes());
                        knock();
                        thread::yield_now();
                    }
                }
                Deed::Word(at, value) => put(&end.memory, at, &value.to_ne_bytes()),
                Deed::Length(place, bytes) => put(&end.memory, LENGTHS + place * 4, &bytes.to_ne_bytes()),
                Deed::Content(place, byte) => {
                    put(&end.memory, (place + 1) * CHUNK as u64, &vec![byte; CHUNK]);
                }
                Deed::Knock => knock(),
                Deed::Yield => thread::yield_now(),
                Deed::Finish => put(&end.memory, STATE, &FINISHED.to_ne_bytes()),
            }
        }
    })
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let number = prop_oneof![
        select(vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 63, 64, u64::from(u32::MAX), u64::MAX - 1, u64::MAX]),
        any::<u64>(),
    ];
    let length = prop_oneof![
        select(vec![0, 1, 2047, 2048, 2049, 2352, 4096, 63_504, 65_535, 65_536, 65_537, 67_584, u32::MAX]),
        any::<u32>(),
    ];
    let deed = prop_oneof![
        6 => (1..6_u64, select(vec![CHUNK as u32, 63_504, 2048, 2352])).prop_map(|(count, bytes)| Deed::Chunks(count, bytes)),
        4 => (select(WORDS.to_vec()), number).prop_map(|(at, value)| Deed::Word(at, value)),
        2 => (0..CHUNKS, length).prop_map(|(place, bytes)| Deed::Length(place, bytes)),
        1 => (0..CHUNKS, any::<u8>()).prop_map(|(place, byte)| Deed::Content(place, byte)),
        1 => Just(Deed::Knock),
        2 => Just(Deed::Yield),
        1 => Just(Deed::Finish),
    ];
    prop::collection::vec(deed, 1..24)
}

fn options() -> RecordOptions {
    RecordOptions { verify: Verify::Full, ..RecordOptions::default() }
}

/// Whatever was done to the worker, it says of the disc what is so.
fn judge(stage: &mut Stage, report: api::Result<Report>, closes: bool) {
    let medium = stage.look().medium.expect("the disc is there");
    match report {
        Ok(report) => {
            assert_eq!(medium.status, DiscStatus::Closed);
            assert!(report.verify.is_none_or(|verify| verify.full && verify.blocks > 0));
        }
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::HelperFailed, "{error}");
            assert_eq!(error.details.get("source"), Some(&Detail::Text("ring".into())), "{error}");
            let untouched = error.message.contains("as it was") || error.message.contains("is untouched");
            if medium.status == DiscStatus::Blank {
                return;
            }
            assert!(!untouched, "{:?}: {error}", medium.status);
            // A disc of data is closed as far as it goes; one of sound is told to be spoilt.
            assert!(!closes || medium.status == DiscStatus::Closed, "{:?}: {error}", medium.status);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn on_every_word_about_data_neither_crashes_nor_misleads_the_worker(deeds in deeds(), blocks in 1_usize..400) {
        let mut stage = Stage::new("cd-rw:2000", "", Pace::Unlimited).lenient();
        let order = order(&mut stage.drive.clone(), blocks, options());
        let (producer, consumer) = ring::create(CHUNKS as usize * CHUNK).unwrap();
        let stager = lying(producer, deeds);
        let ring = Consumer::attach(consumer).unwrap();
        let report = stage.burn_from(|drive| worker::record(drive, &order, ring));
        stager.join().unwrap();
        judge(&mut stage, report, true);
    }

    #[test]
    fn on_every_word_about_sound_neither_crashes_nor_misleads_the_worker(
        deeds in deeds(), blocks in 300_u32..400, data in prop::option::of(1_u32..200), at_once in any::<bool>(),
    ) {
        let mut stage = Stage::new("cd-r:3000", "", Pace::Unlimited).lenient();
        let order = AudioOrder { data, at_once, ..sound::order(&[(blocks, 150), (300, 150)], options()) };
        let (producer, consumer) = ring::create(CHUNKS as usize * CHUNK).unwrap();
        let stager = lying(producer, deeds);
        let ring = Consumer::attach(consumer).unwrap();
        let report = stage.burn_from(|drive| worker::record_audio(drive, &order, ring));
        stager.join().unwrap();
        judge(&mut stage, report, false);
    }
}
