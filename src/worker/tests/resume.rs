//! Burns that go on where an earlier one was cut off, at every place in a chunk.

use std::time::Duration;

use zerocopy::IntoBytes;

use super::bench::{Stage, image};
use crate::api::{self, BLOCK, DiscStatus, ErrorKind, Phase, RecordOptions, Report, Unfinished, Verify};
use crate::mmc::cdb::{SynchronizeCache, Write10};
use crate::mmc::transport::{Data, Transport, tell};
use crate::vdrive::Pace;
use crate::wire::broker_worker::{Expected, RecordOrder};

const LIMIT: Duration = Duration::from_secs(30);

/// A disc on which the first blocks of this image were recorded, and then no more.
fn cut_off(kind: &str, faults: &str, image: &[u8], recorded: usize) -> Stage {
    let mut stage = Stage::new(kind, faults, Pace::Unlimited);
    stage.look();
    let mut drive = stage.drive.clone();
    for (at, blocks) in image[..recorded * BLOCK].chunks(16 * BLOCK).enumerate() {
        let write = Write10::new((at * 16) as i32, (blocks.len() / BLOCK) as u16);
        let outcome = drive.execute(write.as_bytes(), Data::ToDrive(blocks), LIMIT).unwrap();
        assert_eq!(outcome.status.refusal(), None);
    }
    tell(&mut drive, &SynchronizeCache::new(false), LIMIT).unwrap().unwrap();
    stage
}

fn go_on(stage: &mut Stage, image: Vec<u8>) -> api::Result<Report> {
    let medium = stage.look().medium.unwrap();
    let options =
        RecordOptions { unfinished: Unfinished::Resume, verify: Verify::Full, ..RecordOptions::default() };
    let expected = Expected {
        profile: medium.profile,
        next_writable: medium.next_writable.unwrap(),
        free_blocks: medium.free_blocks,
    };
    let order =
        RecordOrder { blocks: (image.len() / BLOCK) as u64, start: 0, options, expected, imprint: None };
    stage.burn_as(&order, image)
}

#[test]
fn a_burn_goes_on_in_the_middle_of_a_chunk_at_its_end_and_in_the_padding() {
    for (blocks, recorded) in
        [(1000, 16), (1000, 32), (1000, 48), (1000, 992), (1000, 1008), (33, 32), (33, 48), (7, 16)]
    {
        let mut stage = cut_off(
            "dvd+r",
            "",
            &{
                let mut whole = image(blocks);
                whole.resize(blocks.next_multiple_of(16) * BLOCK, 0);
                whole
            },
            recorded,
        );
        let report =
            go_on(&mut stage, image(blocks)).unwrap_or_else(|error| panic!("{blocks} {recorded}: {error}"));
        assert_eq!(report.verify.unwrap().blocks, blocks as u64);
        assert!(stage.recorded().starts_with(&image(blocks)), "{blocks} {recorded}");
        let medium = stage.look().medium.unwrap();
        assert_eq!((medium.status, medium.sessions, medium.tracks.len()), (DiscStatus::Closed, 1, 1));
        let first = stage
            .sent
            .iter()
            .find(|cdb| cdb[0] == 0x2a)
            .map(|cdb| u32::from_be_bytes([cdb[2], cdb[3], cdb[4], cdb[5]]));
        let wanted = (recorded < blocks.next_multiple_of(16)).then_some(recorded as u32);
        assert_eq!(first, wanted, "{blocks} {recorded}: the first write is behind what is recorded");
    }
}

#[test]
fn a_disc_that_was_cut_off_has_no_more_blocks_than_a_blank_one() {
    for kind in ["dvd+r", "dvd-r", "bd-r"] {
        let whole = Stage::new(kind, "", Pace::Unlimited).look().medium.unwrap().total_blocks;
        let medium = cut_off(kind, "", &image(100), 64).look().medium.unwrap();
        assert!(medium.is_unfinished() && medium.tracks.len() == 1, "{kind}: {medium:?}");
        assert_eq!(medium.total_blocks, whole, "{kind}");
    }
}

#[test]
fn a_disc_that_can_be_written_over_counts_no_block_twice() {
    for kind in ["dvd+rw", "dvd-rw-ro", "dvd-ram", "bd-re"] {
        let mut stage = Stage::new(kind, "", Pace::Unlimited);
        let blank = stage.look().medium.unwrap();
        assert_eq!(blank.total_blocks, blank.free_blocks, "{kind}");
        stage.burn(image(300), RecordOptions::default()).unwrap();
        assert_eq!(stage.look().medium.unwrap().total_blocks, blank.total_blocks, "{kind}");
    }
}

#[test]
fn the_first_block_that_differs_is_named_and_nothing_is_written() {
    for block in [0, 31, 32, 47, 63] {
        let mut other = image(1000);
        other[block * BLOCK + 5] ^= 1;
        let mut stage = cut_off("bd-r", "", &other, 64);
        let before = stage.look().medium;
        let error = go_on(&mut stage, image(1000)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::WrongDisc);
        assert!(error.message.contains(&format!("block {block} of it is not that")), "{error}");
        assert_eq!(stage.look().medium, before);
        assert!(stage.sent.iter().all(|cdb| cdb[0] != 0x2a), "nothing is written");
    }
}

#[test]
fn a_cancel_while_it_is_compared_leaves_the_disc_as_it_was() {
    let mut stage = cut_off("bd-r", "read lba>=1024 hang(200ms)", &image(4000), 2048);
    stage.when(Phase::Preparing, 1000, |_| true);
    let before = stage.look().medium;
    let error = go_on(&mut stage, image(4000)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UserAbort);
    assert!(error.message.contains("before anything was written"), "{error}");
    assert_eq!(stage.look().medium, before);
    go_on(&mut stage, image(4000)).unwrap();
}

#[test]
fn a_burn_that_went_on_and_fails_again_goes_on_again() {
    let mut stage = cut_off("dvd+r", "write lba>=1024 sense(3/0C/00)", &image(3000), 512);
    let error = go_on(&mut stage, image(3000)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::WriteFailed);
    assert!(error.message.contains("“resume”"), "{error}");
    go_on(&mut stage, image(3000)).unwrap();
    assert!(stage.recorded().starts_with(&image(3000)));
}
