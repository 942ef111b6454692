//! Blocks for a stager: what it may ask for, what it gets, and how it ends.

use std::thread;

use super::bench::{Stage, image};
use crate::api::{self, BLOCK, Close, ErrorKind, Phase, RecordOptions};
use crate::vdrive::Pace;
use crate::wire::broker_worker::ReadOrder;
use crate::wire::pair;
use crate::wire::stager_worker::{AskingEnd, BlocksRead, ReadBlocks, ReadingEnd};
use crate::worker::Drive;
use crate::worker::lend::lend;

/// A disc of 500 blocks, some of which cannot be read.
fn stage(faults: &str) -> Stage {
    let mut stage = Stage::new("dvd+r", faults, Pace::Unlimited).lenient();
    let options = RecordOptions { close: Close::Appendable, ..RecordOptions::default() };
    stage.burn(image(500), options).unwrap();
    stage
}

/// Lends the disc to somebody who asks like this.
fn lent<T: Send>(stage: &mut Stage, ask: impl FnOnce(&AskingEnd) -> T + Send) -> (api::Result<()>, T) {
    let (asking, reading): (AskingEnd, ReadingEnd) = pair().unwrap();
    let mut drive = stage.drive.clone();
    thread::scope(|scope| {
        let asker = scope.spawn(move || {
            let answer = ask(&asking);
            drop(asking);
            answer
        });
        let order = ReadOrder { end: 500 };
        let ended = lend(&mut Drive::new(&mut drive, stage), order, reading.into_socket());
        (ended, asker.join().unwrap())
    })
}

fn question(end: &AskingEnd, block: u32, count: u16) -> Option<api::Result<Vec<u8>>> {
    end.send(&ReadBlocks { block, count }, &[]).ok()?;
    end.receive().ok().map(|(BlocksRead(answer), _)| answer)
}

#[test]
fn a_stager_gets_the_blocks_that_it_asks_for_until_it_leaves() {
    let mut stage = stage("");
    let (ended, (some, last)) = lent(&mut stage, |end| (question(end, 17, 3), question(end, 499, 1)));
    ended.unwrap();
    let disc = image(500);
    assert!(some.unwrap().unwrap() == disc[17 * BLOCK..20 * BLOCK]);
    assert!(last.unwrap().unwrap() == disc[499 * BLOCK..]);
    assert_eq!(stage.shown.last().unwrap().phase, Phase::Preparing);
}

#[test]
fn what_a_stager_may_not_see_ends_the_lending() {
    for (block, count) in [(500, 1), (499, 2), (0, 0), (0, 33), (u32::MAX, u16::MAX)] {
        let mut stage = stage("");
        let (ended, answer) = lent(&mut stage, |end| question(end, block, count));
        assert_eq!(ended.unwrap_err().kind, ErrorKind::HelperFailed, "{block} + {count}");
        assert_eq!(answer, None);
    }
}

#[test]
fn a_block_that_cannot_be_read_is_told_and_the_next_one_read() {
    let mut stage = stage("read lba=100 forever*sense(3/11/00)");
    let (ended, (bad, good)) = lent(&mut stage, |end| (question(end, 96, 8), question(end, 101, 1)));
    ended.unwrap();
    let error = bad.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::DiscInfo);
    assert!(error.message.contains("directories could not be read at block 96"), "{error}");
    assert!(good.unwrap().is_ok());
}
