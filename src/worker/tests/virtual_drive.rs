//! Whole burns on the virtual recorder, which judges its host: medium × wish × size × pace.

use super::bench::{Stage, image};
use crate::api::{BLOCK, Close, DiscStatus, ErrorKind, Phase, RecordOptions, Tray, Verify};
use crate::image::{ContentId, ContentSource, Layout, Meta, Options, Tree, write_image};
use crate::vdrive::Pace;

const KINDS: [&str; 3] = ["cd-r", "cd-rw", "dvd+r"];

fn verified() -> RecordOptions {
    RecordOptions { verify: Verify::Full, ..RecordOptions::default() }
}

#[test]
fn every_medium_takes_every_size_finalised_or_appendable() {
    for kind in KINDS {
        for blocks in [1, 299, 301, 1024, 1025] {
            for close in [Close::Finalise, Close::Appendable] {
                let mut stage = Stage::new(kind, "", Pace::Unlimited);
                let report = stage.burn(image(blocks), RecordOptions { close, ..verified() }).unwrap();
                assert_eq!(report.verify.unwrap().blocks, blocks as u64);
                assert!(stage.recorded().starts_with(&image(blocks)), "{kind}");
                let medium = stage.look().medium.unwrap();
                let status =
                    if close == Close::Finalise { DiscStatus::Closed } else { DiscStatus::Appendable };
                assert_eq!((medium.status, medium.sessions, medium.tracks.len()), (status, 1, 1), "{kind}");
            }
        }
    }
}

#[test]
fn a_slow_drive_fills_its_buffer_and_nothing_is_lost() {
    for kind in KINDS {
        let mut stage = Stage::new(kind, "", Pace::Times(80));
        let report = stage.burn(image(15_000), verified()).unwrap();
        assert!(report.least_drive_buffer.is_some(), "{kind}: the buffer was never asked about");
        assert!(report.write_time > 1_000_000, "{kind}: {} µs", report.write_time);
        assert!(report.speed > 0);
        let rates = stage.shown.iter().filter(|progress| progress.phase == Phase::Writing);
        assert!(rates.clone().any(|progress| progress.rate > 500_000), "{kind}");
        assert!(rates.filter_map(|progress| progress.drive_buffer_fill).any(|fill| fill > 0.5), "{kind}");
    }
}

#[test]
fn the_last_block_fits_and_one_more_is_refused_before_anything_is_written() {
    for kind in ["cd-r:1000", "dvd+r:992"] {
        let mut stage = Stage::new(kind, "", Pace::Unlimited);
        let room = stage.look().medium.unwrap().free_blocks as usize;
        let error = stage.burn(image(room + 1), verified()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::DiscFull);
        assert_eq!(stage.look().medium.unwrap().status, DiscStatus::Blank);
        stage.burn(image(room), verified()).unwrap();
    }
}

#[test]
fn a_simulation_leaves_a_cd_blank_and_is_refused_on_dvd_plus_r() {
    let simulate = RecordOptions { simulate: true, ..RecordOptions::default() };
    for kind in ["cd-r", "cd-rw"] {
        let mut stage = Stage::new(kind, "", Pace::Unlimited);
        let before = stage.look().medium;
        assert!(stage.burn(image(700), simulate).unwrap().simulated);
        assert_eq!(stage.look().medium, before, "what a simulation pretends ends with it");
        // The real burn follows on the same disc.
        stage.burn(image(700), verified()).unwrap();
    }
    let refused = Stage::new("dvd+r", "", Pace::Unlimited).burn(image(700), simulate).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotSupported);
}

#[test]
fn a_recorded_disc_is_not_recorded_again_until_it_is_erased() {
    for full in [false, true] {
        let mut stage = Stage::new("cd-rw", "", Pace::Unlimited);
        stage.burn(image(400), verified()).unwrap();
        let error = stage.burn(image(400), verified()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CannotWriteToMedia);
        assert!(error.message.contains("Erase it"), "{error}");
        stage.erase(full).unwrap();
        assert_eq!(stage.look().medium.unwrap().status, DiscStatus::Blank);
        stage.burn(image(401), verified()).unwrap();
    }
    let mut stage = Stage::new("dvd+r", "", Pace::Unlimited);
    stage.burn(image(400), verified()).unwrap();
    assert_eq!(stage.burn(image(16), verified()).unwrap_err().kind, ErrorKind::CannotWriteToMedia);
    assert_eq!(stage.erase(false).unwrap_err().kind, ErrorKind::MediumInvalidType);
}

#[test]
fn sessions_follow_each_other_until_the_disc_is_closed() {
    for kind in ["cd-r", "cd-rw", "dvd+r"] {
        let mut stage = Stage::new(kind, "", Pace::Unlimited);
        for _ in 0..3 {
            stage.burn(image(400), RecordOptions { close: Close::Appendable, ..verified() }).unwrap();
        }
        stage.burn(image(401), verified()).unwrap();
        let medium = stage.look().medium.unwrap();
        assert_eq!((medium.sessions, medium.status), (4, DiscStatus::Closed), "{kind}");
        let starts: Vec<_> = medium.tracks.iter().map(|track| (track.session, track.start)).collect();
        assert!(starts.is_sorted() && starts.len() == 4, "{kind}: {starts:?}");
    }
}

#[test]
fn the_tray_opens_at_the_end_when_that_is_asked_for() {
    let mut stage = Stage::new("dvd+r", "", Pace::Unlimited);
    stage.burn(image(64), RecordOptions { eject: true, ..verified() }).unwrap();
    let inspection = stage.look();
    assert_eq!((inspection.tray, inspection.medium), (Tray::Open, None));
}

#[test]
fn a_look_tells_what_the_virtual_recorder_is_and_has() {
    let inspection = Stage::new("dvd+r", "", Pace::Times(160)).look();
    assert_eq!(inspection.identity.vendor, "DISCMAST");
    assert!(inspection.buffer_underrun_free);
    assert_eq!(inspection.buffer_bytes, 2 << 20);
    let medium = inspection.medium.unwrap();
    assert_eq!((medium.next_writable, medium.free_blocks), (Some(0), 2_295_104));
    assert!(!medium.manufacturer_id.is_empty() && !medium.write_speeds.is_empty());
}

struct Zeroes;

impl ContentSource for Zeroes {
    type Error = std::io::Error;
    fn open(&mut self, _: ContentId, _: u64) -> Result<(), Self::Error> {
        Ok(())
    }
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        buffer.fill(0x5a);
        Ok(buffer.len())
    }
    fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn iso() -> Vec<u8> {
    let meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 1_000_000_000 };
    let mut tree = Tree::new(meta);
    for number in 0_u32..40 {
        let directory = tree.add_dir(tree.root(), format!("directory {number}").as_bytes(), meta).unwrap();
        tree.add_file(directory, b"file", meta, ContentId(number), 5000).unwrap();
    }
    let layout = Layout::plan(&tree, &Options::new("TEST", 1_000_000_000)).unwrap();
    let mut image = Vec::new();
    write_image(&layout, &tree, Zeroes, &mut image).unwrap();
    image
}

#[test]
fn the_quick_verification_reads_the_structure_and_finds_what_is_wrong_with_it() {
    let quick = RecordOptions { verify: Verify::Quick, ..RecordOptions::default() };
    let mut stage = Stage::new("cd-r", "", Pace::Unlimited);
    let report = stage.burn(iso(), quick).unwrap().verify.unwrap();
    assert!(!report.full && report.blocks > 40 && report.blocks < (iso().len() / BLOCK) as u64);
    let mut broken = iso();
    broken[17 * BLOCK + 1] ^= 0x20;
    let error = Stage::new("cd-r", "", Pace::Unlimited).burn(broken, quick).unwrap_err();
    assert_eq!((error.kind, &error.details["block"]), (ErrorKind::VerifyFailed, &17_u64.into()));
}
