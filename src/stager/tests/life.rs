use super::*;
use crate::stager::origin::Origin;
use crate::stager::plan::Image;
use crate::stager::pulse::Pulse;
use crate::stager::stash::Stash;
use crate::stager::state::{State, allowed_in};

#[test]
fn requests_are_permitted_by_state() {
    let begin = || {
        let stash = PathBuf::new();
        Ask::Begin(Begin { uid: 1, gid: 2, groups: vec![], stash, quota: 0, max_entries: 0 })
    };
    let path = || "a".to_owned();
    let add = Ask::Add { path: None, options: AddOptions::default(), capacity: None };
    let properties = Ask::SetProperties(api::JolietProperties::default());
    let rows = [
        // request, in Fresh, in Ready
        (begin(), true, false),
        (add, false, true),
        (Ask::Import { start: 0, end: 100 }, false, true),
        (Ask::Forget, false, true),
        (Ask::Remove(path()), false, true),
        (Ask::List(path()), false, true),
        (Ask::Clear, false, true),
        (properties, false, true),
        (Ask::Plan { start: 0, redirects: false, recorded: None }, false, true),
        (Ask::Feed, false, true),
        (Ask::Again, false, true),
        (Ask::Cancel, false, true),
    ];
    for (ask, fresh, ready) in rows {
        assert_eq!(
            (allowed_in(&ask, State::Fresh), allowed_in(&ask, State::Ready)),
            (fresh, ready),
            "{ask:?}"
        );
    }
}

#[test]
fn an_idle_stager_leaves_when_the_broker_is_gone() {
    assert_eq!(Bench::new().leave().unwrap(), Ended::BrokerGone);
}

#[test]
fn a_second_begin_or_missing_descriptors_end_the_connection() {
    let begin = Begin { uid: 0, gid: 0, groups: vec![], stash: "/".into(), quota: 0, max_entries: 0 };
    for ask in [
        Ask::Begin(begin),
        Ask::Feed,
        Ask::Add { path: None, options: AddOptions::default(), capacity: None },
        Ask::Import { start: 0, end: 100 },
    ] {
        let mut bench = Bench::new();
        bench.send(ask, &[]);
        assert!(matches!(bench.broker.receive(), Err(ChannelError::Closed)));
        assert_eq!(bench.leave().unwrap(), Ended::Protocol);
    }
}

#[test]
fn a_cancel_that_comes_too_late_is_passed_over() {
    let mut bench = Bench::new();
    bench.file("a", "x");
    bench.add_in().unwrap();
    let id = bench.next;
    bench.broker.send(&ToStager { id, ask: Ask::Cancel }, &[]).unwrap();
    assert_eq!(bench.list("/"), ["a"]);
}

#[test]
fn an_add_that_is_cancelled_or_loses_its_broker_leaves_the_image_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let files = directory.path().join("files");
    fs::create_dir(&files).unwrap();
    let kept = directory.path().join("kept");
    fs::write(&kept, "kept").unwrap();
    (0..200).for_each(|number| fs::write(files.join(number.to_string()), "some").unwrap());
    let mut image = Image::new(Stash::new(directory.path().to_owned(), 1 << 20), 1000);
    let mut silent = Pulse::silent(api::Phase::Staging);
    let options = AddOptions::default();
    image.add(Origin::path(&kept).unwrap(), &options, None, &mut silent).unwrap();

    for die in [false, true] {
        let (broker, stager): (BrokerEnd, StagerEnd) = pair().unwrap();
        broker.send(&ToStager { id: 6, ask: Ask::Cancel }, &[]).unwrap();
        let mut pulse = Pulse::new(&stager, 7, api::Phase::Staging);
        pulse.listen().unwrap();
        broker.send(&ToStager { id: 7, ask: Ask::Cancel }, &[]).unwrap();
        if die {
            drop(stager.receive().unwrap());
            drop(broker);
        }
        let origin = Origin::path(&files).unwrap();
        let error = image.add(origin, &options, None, &mut pulse).unwrap_err();
        assert_eq!((error.kind, error.message.contains("gone")), (ErrorKind::UserAbort, die));
        assert_eq!(image.list("/").unwrap().0.len(), 1);
    }
    image.plan(0, false, None, &mut silent).unwrap();
}

#[test]
fn a_cancelled_feed_fails_the_ring_and_leaves_the_image() {
    let mut bench = Bench::new();
    bench.file("big", vec![7; 40 * CHUNK]);
    bench.add_in().unwrap();
    bench.plan().unwrap();
    // Nobody takes anything: the stager sleeps on a full ring.
    let (id, mut consumer) = bench.feed();
    while !consumer.wake_when(consumer.chunks()).unwrap() {
        assert!(consumer.wait(None, Some(Duration::from_secs(20))).unwrap().ring);
    }
    bench.broker.send(&ToStager { id, ask: Ask::Cancel }, &[]).unwrap();
    assert_eq!(bench.answer(id).unwrap_err().kind, ErrorKind::UserAbort);
    assert_eq!(drain(&mut consumer, &mut Vec::new()), Take::Failed);
    assert!(bench.burn().is_ok());
}

#[test]
fn a_burn_outlives_the_broker_and_then_the_stager_leaves() {
    let mut bench = Bench::new();
    bench.file("big", vec![7; 40 * CHUNK]);
    bench.add_in().unwrap();
    let blocks = bench.plan().unwrap();
    let (_, mut consumer) = bench.feed();
    let Bench { broker, stager, directory, .. } = bench;
    drop(broker);
    let mut image = Vec::new();
    assert_eq!(drain(&mut consumer, &mut image), Take::End);
    assert_eq!(image.len() as u64, blocks * 2048);
    assert!(matches!(stager.unwrap().join().unwrap(), Ok(Ended::BrokerGone | Ended::Protocol)));
    drop(directory);
}

#[test]
fn a_broker_that_breaks_the_rules_mid_burn_is_left_after_the_burn() {
    let mut bench = Bench::new();
    bench.file("big", vec![7; 40 * CHUNK]);
    bench.add_in().unwrap();
    bench.plan().unwrap();
    let (id, mut consumer) = bench.feed();
    while !consumer.wake_when(consumer.chunks()).unwrap() {
        assert!(consumer.wait(None, Some(Duration::from_secs(20))).unwrap().ring);
    }
    bench.send(Ask::Clear, &[]);
    assert_eq!(drain(&mut consumer, &mut Vec::new()), Take::End);
    bench.answer(id).unwrap();
    assert!(matches!(bench.broker.receive(), Err(ChannelError::Closed)));
    assert_eq!(bench.leave().unwrap(), Ended::Protocol);
}

#[test]
fn the_death_of_the_recorder_s_side_ends_a_feed() {
    for close in [true, false] {
        let mut bench = Bench::new();
        bench.file("big", vec![7; 40 * CHUNK]);
        bench.add_in().unwrap();
        bench.plan().unwrap();
        let (id, consumer) = bench.feed();
        if close {
            consumer.close();
        } else {
            drop(consumer);
        }
        let error = bench.answer(id).unwrap_err();
        assert_eq!((error.kind, text(&error, "source")), (ErrorKind::HelperFailed, "ring".to_owned()));
    }
}

#[test]
fn a_broken_ring_is_refused() {
    let mut bench = Bench::new();
    bench.plan().unwrap();
    let (end, _other): (RingEnd, RingEnd) = ring::create(CHUNK).unwrap();
    let plain = tempfile::tempfile().unwrap();
    let id = bench.send(Ask::Feed, &[plain.as_fd(), end.wake.as_fd()]);
    assert_eq!(bench.answer(id).unwrap_err().kind, ErrorKind::HelperFailed);
}
