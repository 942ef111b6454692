//! Audio discs on the virtual recorder.

use super::bench::Stage;
use crate::api::audio::AUDIO_BLOCK;
use crate::api::{ErrorKind, Phase, RecordOptions, Verify};
use crate::mmc::opcode::Opcode;
use crate::vdrive::{DriveOptions, Pace};
use crate::wire::broker_worker::{AudioOrder, AudioTrack, Expected};

/// Sound that is nowhere twice.
fn noise(blocks: u32, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..blocks as usize * AUDIO_BLOCK).map(|_| next()).collect()
}

pub fn order(tracks: &[(u32, u32)], options: RecordOptions) -> AudioOrder {
    let track = |(blocks, gap): &(u32, u32)| AudioTrack {
        blocks: *blocks,
        gap: *gap,
        sounding_gap: 0,
        indexes: vec![],
        isrc: None,
        copy: false,
        pre_emphasis: false,
    };
    AudioOrder {
        data: None,
        tracks: tracks.iter().map(track).collect(),
        catalog: None,
        packs: vec![],
        at_once: true,
        options,
        expected: Expected { profile: 9, next_writable: 0, free_blocks: 0 },
    }
}

fn verified() -> RecordOptions {
    RecordOptions { verify: Verify::Full, ..RecordOptions::default() }
}

#[test]
fn a_drive_that_reads_sound_early_or_late_is_found_out_and_every_block_compared() {
    for offset in [1, 30, 587, 588, 667, 1776, -1, -30, -588, -1164] {
        for at_once in [true, false] {
            let options = DriveOptions { read_offset: offset, ..DriveOptions::default() };
            let mut stage = Stage::with("cd-r", "", options);
            let order = AudioOrder { at_once, ..order(&[(700, 150), (300, 150), (1000, 150)], verified()) };
            let tracks = vec![noise(700, 1), noise(300, 2), noise(1000, 3)];
            let report = stage.burn_sound(&order, tracks).unwrap();
            // What lies over the edges of tracks is left out.
            let edges = 6 * (u64::from(offset.unsigned_abs()) / 588 + 1);
            assert_eq!(report.verify.unwrap().blocks, 2000 - edges, "{offset}");
            assert!(report.notes[0].contains(&format!(" {offset} samples ")), "{:?}", report.notes);
        }
    }
}

#[test]
fn a_wrong_sample_is_found_by_a_drive_with_an_offset_as_well() {
    let options = DriveOptions { read_offset: 667, ..DriveOptions::default() };
    let mut stage = Stage::with("cd-r", "read-cd lba>=600 lie(1000=55555555)", options).lenient();
    let error = stage.burn_sound(&order(&[(1000, 150)], verified()), vec![noise(1000, 4)]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::VerifyFailed, "{error}");
}

#[test]
fn progress_counts_blocks_of_sound_and_the_rate_their_bytes() {
    let options = DriveOptions { pace: Pace::Times(160), ..DriveOptions::default() };
    let mut stage = Stage::with("cd-r", "", options);
    let blocks = 12_000;
    stage.burn_sound(&order(&[(blocks, 150)], RecordOptions::default()), vec![noise(blocks, 5)]).unwrap();
    assert!(stage.shown.iter().all(|progress| progress.block == AUDIO_BLOCK as u32));
    let rates: Vec<u64> = stage
        .shown
        .iter()
        .filter(|progress| progress.phase == Phase::Writing && progress.rate > 0)
        .map(|progress| progress.rate)
        .collect();
    // Sixteen times 75 blocks a second, once the buffer is full.
    let steady = rates.last().copied().unwrap();
    assert!((2_700_000..2_950_000).contains(&steady), "{rates:?}");
}

#[test]
fn the_speed_of_a_burn_is_given_back_to_the_drive() {
    let mut stage = Stage::new("cd-r", "", Pace::Times(160));
    let options = RecordOptions { speed: Some(706), ..RecordOptions::default() };
    stage.burn_sound(&order(&[(400, 150)], options), vec![noise(400, 6)]).unwrap();
    let asked: Vec<&[u8]> =
        stage.sent.iter().filter(|cdb| cdb[0] == Opcode::SET_CD_SPEED.0).map(|cdb| &cdb[4..6]).collect();
    assert_eq!(asked.len(), 2, "{asked:x?}");
    assert_ne!(asked[0], [0xff, 0xff]);
    assert_eq!(asked[1], [0xff, 0xff]);
}
