use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::layout::{Mapping, Side};
use super::*;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

fn ends(chunks: usize) -> (Producer, Consumer) {
    let (producer, consumer) = create(chunks * CHUNK).unwrap();
    (Producer::attach(producer).unwrap(), Consumer::attach(consumer).unwrap())
}

/// Both ends, and the memory as an enemy on either side sees it.
fn with_enemy(chunks: usize) -> (Producer, Consumer, Mapping) {
    let (producer, consumer) = create(chunks * CHUNK).unwrap();
    let enemy = Mapping::new(producer.memory.as_fd(), Side::Producer).unwrap();
    (Producer::attach(producer).unwrap(), Consumer::attach(consumer).unwrap(), enemy)
}

fn put(producer: &mut Producer, byte: u8, len: usize) {
    producer.slot().unwrap().unwrap()[..len].fill(byte);
    producer.commit(len).unwrap();
}

fn take(consumer: &mut Consumer) -> (Take, u8) {
    let mut bytes = vec![0xa5; CHUNK];
    let taken = consumer.take(&mut bytes).unwrap();
    (taken, bytes[0])
}

/// Fills chunk after chunk with what `write` makes of its number, sleeping while the ring is full.
fn produce(mut producer: Producer, chunks: u64, write: impl Fn(u64, &mut [u8]) -> usize) {
    for number in 0..chunks {
        let len = loop {
            if let Some(slot) = producer.slot().unwrap() {
                break write(number, slot);
            }
            assert!(producer.wait(None, PATIENCE).unwrap().ring, "a wake-up was lost at chunk {number}");
        };
        producer.commit(len).unwrap();
    }
    producer.finish();
}

/// Takes everything, sleeping while the ring is empty.
fn consume(consumer: &mut Consumer, mut look: impl FnMut(&[u8])) -> Take {
    let mut bytes = vec![0; CHUNK];
    loop {
        match consumer.take(&mut bytes).unwrap() {
            Take::Bytes(len) => look(&bytes[..len]),
            Take::Empty => assert!(consumer.wait(None, PATIENCE).unwrap().ring, "a wake-up was lost"),
            end => return end,
        }
    }
}

#[test]
fn two_gigabytes_arrive_whole_and_in_order() {
    let (producer, mut consumer) = ends(64);
    let chunks = (2 << 30) / CHUNK as u64;
    let pattern = move |number: u64, slot: &mut [u8]| {
        // Every block starts with its own number: swapped, stale or repeated blocks show.
        for (block, bytes) in slot.chunks_exact_mut(2048).enumerate() {
            bytes[..8].copy_from_slice(&(number * 32 + block as u64).to_le_bytes());
            bytes[2040..].copy_from_slice(&(!number).to_le_bytes());
        }
        if number + 1 == chunks { 3 * 2048 } else { CHUNK }
    };
    let writer = thread::spawn(move || produce(producer, chunks, pattern));
    let mut expected = 0_u64;
    let end = consume(&mut consumer, |bytes| {
        for block in bytes.chunks_exact(2048) {
            assert_eq!(block[..8], expected.to_le_bytes());
            assert_eq!(block[2040..], (!(expected / 32)).to_le_bytes());
            expected += 1;
        }
    });
    writer.join().unwrap();
    assert_eq!((end, expected), (Take::End, (chunks - 1) * 32 + 3));
}

#[test]
fn no_wake_up_is_lost_in_many_short_sleeps() {
    // Two chunks: both sides sleep all the time, and each must be woken by the other.
    let (producer, mut consumer) = ends(2);
    let writer = thread::spawn(move || {
        produce(producer, 30_000, |number, slot| {
            slot[..8].copy_from_slice(&number.to_le_bytes());
            CHUNK
        });
    });
    let mut taken = 0_u64;
    let end = consume(&mut consumer, |bytes| {
        assert_eq!(bytes[..8], taken.to_le_bytes());
        taken += 1;
    });
    writer.join().unwrap();
    assert_eq!((end, taken), (Take::End, 30_000));
}

#[test]
fn waiting_for_a_full_ring_wakes_a_producer_that_sleeps_on_a_nearly_full_one() {
    let (producer, mut consumer) = ends(64);
    let writer = thread::spawn(move || produce(producer, 4000, |_, _| CHUNK));
    let mut bytes = vec![0; CHUNK];
    let mut taken = 0;
    loop {
        while !consumer.wake_when(consumer.chunks()).unwrap() {
            assert!(consumer.wait(None, PATIENCE).unwrap().ring, "a wake-up was lost");
        }
        assert!(consumer.full() || consumer.finished());
        match consumer.take(&mut bytes).unwrap() {
            Take::Bytes(_) => taken += 1,
            end => break assert_eq!((end, taken), (Take::End, 4000)),
        }
    }
    writer.join().unwrap();
}

#[test]
fn an_end_that_waits_sees_another_descriptor_too() {
    let (mut producer, consumer) = ends(2);
    let (read, write) = nix::unistd::pipe().unwrap();
    put(&mut producer, 1, CHUNK);
    put(&mut producer, 2, CHUNK);
    assert!(producer.slot().unwrap().is_none());
    let waited = producer.wait(Some(read.as_fd()), Some(Duration::ZERO)).unwrap();
    assert_eq!(waited, Woken { ring: false, also: false });
    nix::unistd::write(&write, b"x").unwrap();
    let waited = producer.wait(Some(read.as_fd()), PATIENCE).unwrap();
    assert_eq!(waited, Woken { ring: false, also: true });
    drop(consumer);
    let waited = producer.wait(Some(read.as_fd()), PATIENCE).unwrap();
    assert_eq!(waited, Woken { ring: true, also: true });
}

#[test]
fn figures_tell_how_full_the_ring_is() {
    let (mut producer, mut consumer) = ends(4);
    assert_eq!((consumer.fill(), consumer.full(), consumer.finished()), (0.0, false, false));
    for byte in 1..=3 {
        put(&mut producer, byte, CHUNK);
    }
    assert_eq!((consumer.fill(), consumer.full(), producer.fill()), (0.75, false, 0.75));
    put(&mut producer, 4, 2048);
    assert!(consumer.full() && producer.slot().unwrap().is_none());
    assert_eq!(take(&mut consumer), (Take::Bytes(CHUNK), 1));
    producer.finish();
    assert!(consumer.finished() && !consumer.full());
}

#[test]
fn a_producer_that_dies_leaves_its_chunks_and_then_a_failure() {
    let (mut producer, mut consumer) = ends(4);
    put(&mut producer, 7, CHUNK);
    drop(producer);
    assert_eq!(take(&mut consumer), (Take::Bytes(CHUNK), 7));
    assert_eq!(take(&mut consumer).0, Take::Failed);
    assert!(consumer.finished() && !consumer.drain_wake().unwrap());
}

#[test]
fn a_producer_that_finishes_and_leaves_is_not_a_dead_one() {
    let (mut producer, mut consumer) = ends(4);
    put(&mut producer, 9, 2 * 2048);
    producer.finish();
    drop(producer);
    assert_eq!(take(&mut consumer), (Take::Bytes(4096), 9));
    assert_eq!(take(&mut consumer).0, Take::End);
    assert_eq!(take(&mut consumer).0, Take::End);
}

#[test]
fn the_death_of_a_producer_wakes_a_consumer_that_sleeps() {
    let (producer, mut consumer) = ends(4);
    assert_eq!(take(&mut consumer).0, Take::Empty);
    let killer = thread::spawn(move || drop(producer));
    assert!(consumer.wait(None, PATIENCE).unwrap().ring);
    killer.join().unwrap();
    assert_eq!(take(&mut consumer).0, Take::Failed);
}

#[test]
fn a_failure_of_the_content_is_told_before_the_chunks_that_wait() {
    let (mut producer, mut consumer) = ends(4);
    put(&mut producer, 1, CHUNK);
    producer.fail();
    assert_eq!(take(&mut consumer).0, Take::Failed);
    assert!(matches!(producer.slot(), Err(RingError::Misused(_))));
}

#[test]
fn a_consumer_that_closes_is_told_from_one_that_dies() {
    let (mut producer, consumer) = ends(2);
    consumer.close();
    assert!(matches!(producer.slot(), Err(RingError::Closed)));

    let (mut producer, consumer) = ends(2);
    put(&mut producer, 1, CHUNK);
    put(&mut producer, 2, CHUNK);
    assert!(producer.slot().unwrap().is_none());
    drop(consumer);
    assert!(producer.wait(None, PATIENCE).unwrap().ring);
    assert!(matches!(producer.slot(), Err(RingError::Died)));
}

#[test]
fn a_producer_cannot_hand_over_what_is_no_chunk() {
    let (mut producer, _consumer) = ends(2);
    for len in [0, 1, 2047, CHUNK + 2048, usize::MAX] {
        producer.slot().unwrap().unwrap();
        assert!(matches!(producer.commit(len), Err(RingError::Misused(_))), "{len}");
    }
    put(&mut producer, 1, CHUNK);
    put(&mut producer, 1, CHUNK);
    assert!(matches!(producer.commit(CHUNK), Err(RingError::Misused(_))));
}

#[test]
fn a_buffer_smaller_than_a_chunk_is_refused() {
    let (_producer, mut consumer) = ends(2);
    assert!(matches!(consumer.take(&mut [0; CHUNK - 1]), Err(RingError::Misused(_))));
}

#[test]
fn every_broken_rule_of_a_producer_is_named() {
    let broken = |scribble: fn(&Mapping)| {
        let (mut producer, mut consumer, enemy) = with_enemy(4);
        put(&mut producer, 1, CHUNK);
        put(&mut producer, 2, CHUNK);
        assert_eq!(take(&mut consumer), (Take::Bytes(CHUNK), 1));
        scribble(&enemy);
        match consumer.take(&mut vec![0; CHUNK]) {
            Err(RingError::Hostile(rule)) => rule,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(broken(|m| m.head().store(0, Ordering::SeqCst)), "the writer's index went back");
    let far = "the writer's index is further ahead than the ring is large";
    assert_eq!(broken(|m| m.head().store(6, Ordering::SeqCst)), far);
    assert_eq!(broken(|m| m.head().store(u64::MAX, Ordering::SeqCst)), far);
    assert_eq!(broken(|m| m.state().store(3, Ordering::SeqCst)), "an unknown state");
    let length = "a chunk has an impossible length";
    assert_eq!(broken(|m| m.length(1).store(0, Ordering::SeqCst)), length);
    assert_eq!(broken(|m| m.length(1).store(2049, Ordering::SeqCst)), length);
    assert_eq!(broken(|m| m.length(1).store(65536 + 2048, Ordering::SeqCst)), length);
}

#[test]
fn a_chunk_behind_the_last_one_breaks_the_rules() {
    let (mut producer, mut consumer) = ends(4);
    put(&mut producer, 1, 2048);
    put(&mut producer, 2, CHUNK);
    assert_eq!(take(&mut consumer), (Take::Bytes(2048), 1));
    assert!(matches!(consumer.take(&mut vec![0; CHUNK]), Err(RingError::Hostile(_))));
}

#[test]
fn a_reader_s_index_beyond_the_bounds_stops_the_producer() {
    for (put_before, tail) in [(1, 2), (1, u64::MAX)] {
        let (mut producer, _consumer, enemy) = with_enemy(4);
        (0..put_before).for_each(|_| put(&mut producer, 1, CHUNK));
        enemy.tail().store(tail, Ordering::SeqCst);
        assert!(matches!(producer.slot(), Err(RingError::Hostile(_))));
    }
}

#[test]
fn memory_without_seals_or_of_another_size_is_refused() {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let attach = |bytes: i64, seals: Option<SealFlag>| {
        let memory = memfd_create("test", flags).unwrap();
        ftruncate(&memory, bytes).unwrap();
        if let Some(seals) = seals {
            fcntl(memory.as_fd(), FcntlArg::F_ADD_SEALS(seals)).unwrap();
        }
        let (_producer, consumer) = create(1).unwrap();
        Consumer::attach(RingEnd { memory, wake: consumer.wake }).map(drop)
    };
    let good = file_bytes(4) as i64;
    assert!(attach(good, Some(SEALS)).is_ok());
    for (bytes, seals) in [
        (good, None),
        (good, Some(SealFlag::F_SEAL_SHRINK)),
        (good, Some(SealFlag::F_SEAL_GROW)),
        (good + 4096, Some(SEALS)),
        (0, Some(SEALS)),
        (file_bytes(1) as i64, Some(SEALS)),
        (file_bytes(MAX_CHUNKS + 1) as i64, Some(SEALS)),
    ] {
        assert!(matches!(attach(bytes, seals), Err(RingError::Unfit(_))), "{bytes} {seals:?}");
    }
    let (_producer, consumer) = create(1).unwrap();
    let plain = OwnedFd::from(tempfile::tempfile().unwrap());
    assert!(matches!(
        Consumer::attach(RingEnd { memory: plain, wake: consumer.wake }),
        Err(RingError::Unfit(_))
    ));
}

#[test]
fn a_ring_can_neither_shrink_nor_grow_nor_lose_its_seals() {
    let (producer, _consumer) = create(10 * CHUNK).unwrap();
    for chunks in [0, 4, 20] {
        assert_eq!(ftruncate(&producer.memory, file_bytes(chunks) as i64), Err(nix::Error::EPERM));
    }
    let more = FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE);
    assert_eq!(fcntl(producer.memory.as_fd(), more), Err(nix::Error::EPERM));
}

#[derive(Clone, Debug)]
enum Scribble {
    Head(u64),
    State(u32),
    Tail(u64),
    Closed(u32),
    Wants(u64, u64),
    Length(u64, u32),
}

fn scribble() -> impl Strategy<Value = Scribble> {
    let small_or_any = || prop_oneof![0..12_u64, any::<u64>(), Just(u64::MAX)];
    let length = prop_oneof![Just(65_536_u32), (0..40_u32).prop_map(|n| n * 2048), any::<u32>()];
    prop_oneof![
        small_or_any().prop_map(Scribble::Head),
        prop_oneof![0..4_u32, any::<u32>()].prop_map(Scribble::State),
        small_or_any().prop_map(Scribble::Tail),
        (0..2_u32).prop_map(Scribble::Closed),
        (small_or_any(), small_or_any()).prop_map(|(one, two)| Scribble::Wants(one, two)),
        (0..4_u64, length).prop_map(|(at, length)| Scribble::Length(at, length)),
    ]
}

impl Scribble {
    fn onto(&self, memory: &Mapping) {
        match *self {
            Self::Head(value) => memory.head().store(value, Ordering::SeqCst),
            Self::State(value) => memory.state().store(value, Ordering::SeqCst),
            Self::Tail(value) => memory.tail().store(value, Ordering::SeqCst),
            Self::Closed(value) => memory.closed().store(value, Ordering::SeqCst),
            Self::Wants(one, two) => {
                memory.producer_wants().store(one, Ordering::SeqCst);
                memory.consumer_wants().store(two, Ordering::SeqCst);
            }
            Self::Length(at, value) => memory.length(at).store(value, Ordering::SeqCst),
        }
    }
}

proptest! {
    #[test]
    fn no_header_makes_either_end_panic_or_leave_its_bounds(
        scribbles in prop::collection::vec(prop::collection::vec(scribble(), 0..3), 1..20)
    ) {
        let (mut producer, mut consumer, enemy) = with_enemy(4);
        let mut bytes = vec![0xa5; CHUNK + 8];
        for round in &scribbles {
            if let Ok(Some(slot)) = producer.slot() {
                prop_assert_eq!(slot.len(), CHUNK);
                slot.fill(0x11);
                let _ = producer.commit(CHUNK);
            }
            round.iter().for_each(|one| one.onto(&enemy));
            let _ = consumer.wake_when(3);
            prop_assert!((0.0..=1.0).contains(&consumer.fill()));
            let _ = (consumer.full(), consumer.finished());
            if let Ok(Take::Bytes(len)) = consumer.take(&mut bytes) {
                prop_assert!(len > 0 && len <= CHUNK && len.is_multiple_of(2048));
            }
            prop_assert_eq!(&bytes[CHUNK..], &[0xa5; 8]);
        }
    }
}
