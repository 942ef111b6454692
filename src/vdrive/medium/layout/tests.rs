use super::*;

fn cd(capacity: u32) -> Layout {
    Layout::blank(Profile::CD_R, capacity)
}

fn dvd(capacity: u32) -> Layout {
    Layout::blank(Profile::DVD_PLUS_R, capacity)
}

fn next(layout: &Layout) -> Option<u32> {
    layout.open_track().and_then(|view| view.next)
}

#[test]
fn the_last_block_fits_and_one_more_does_not() {
    for (mut disc, room) in [(cd(5000), 4998), (dvd(4096), 4096)] {
        let mut over = disc.clone();
        assert_eq!(disc.write(0, room), Ok(()));
        assert_eq!(disc.write(room, 1), Err(Refusal::OutOfRange { lba: room }));
        assert_eq!(over.write(0, room + 1), Err(Refusal::EndOfTrack));
        assert!(over.is_blank(), "a refused write leaves no trace");
    }
}

#[test]
fn a_write_elsewhere_is_refused_with_the_address_that_is_due() {
    let mut disc = cd(5000);
    disc.write(0, 400).unwrap();
    assert_eq!(disc.write(401, 1), Err(Refusal::NotNextWritable { asked: 401, expected: 400 }));
    assert_eq!(disc.write(399, 1), Err(Refusal::NotNextWritable { asked: 399, expected: 400 }));
    assert_eq!(disc.write(5000, 1), Err(Refusal::OutOfRange { lba: 5000 }));
    assert_eq!(disc.write(400, 1), Ok(()));
}

#[test]
fn a_flush_ends_a_cd_track_with_run_out_and_gap() {
    let mut disc = cd(20_000);
    disc.write(0, 400).unwrap();
    assert_eq!(disc.flush(), 0);
    assert_eq!(
        (disc.content(399), disc.content(400), disc.content(401)),
        (Content::Data(1), Content::RunOut, Content::RunOut)
    );
    assert_eq!(disc.content(402), Content::Beyond);
    assert_eq!(next(&disc), Some(552));
    disc.write(552, 300).unwrap();
    assert_eq!(disc.content(402), Content::Gap);
}

#[test]
fn a_cd_track_of_299_blocks_is_too_short_and_300_is_not() {
    for (blocks, missing) in [(299, 1), (300, 0)] {
        let mut disc = cd(5000);
        disc.write(0, blocks).unwrap();
        assert_eq!(disc.flush(), missing);
        assert_eq!(disc.tracks().next().map(|(_, track)| track.size), Some(302));
    }
}

#[test]
fn sessions_of_a_cd_lie_11400_and_then_6900_blocks_apart() {
    let mut disc = cd(60_000);
    disc.write(0, 400).unwrap();
    disc.close_session(true).unwrap();
    assert_eq!(next(&disc), Some(402 + 11_400));
    disc.write(11_802, 300).unwrap();
    disc.close_session(true).unwrap();
    assert_eq!(next(&disc), Some(11_802 + 302 + 6900));
    disc.write(19_004, 300).unwrap();
    disc.close_session(false).unwrap();
    assert_eq!((disc.finalized, next(&disc)), (true, None));
    assert_eq!(disc.write(26_206, 1), Err(Refusal::WriteProtected));
    assert!(disc.is_sound());
}

#[test]
fn a_disc_without_room_for_another_session_is_finalised() {
    // The next session would start at 402 + 11400 and needs 300 blocks and 2 of run-out.
    for (capacity, finalized) in [(402 + 11_400 + 302, false), (402 + 11_400 + 301, true)] {
        let mut disc = cd(capacity);
        disc.write(0, 400).unwrap();
        disc.close_session(true).unwrap();
        assert_eq!(disc.finalized, finalized);
        assert!(disc.is_sound());
    }
}

#[test]
fn dvd_plus_r_pads_to_16_and_wants_its_track_closed_first() {
    let mut disc = dvd(10_000);
    disc.write(0, 17).unwrap();
    assert_eq!(next(&disc), Some(17));
    disc.flush();
    assert_eq!(next(&disc), Some(32));
    assert_eq!(disc.close_session(true), Err(Refusal::IncompleteTrack));
    disc.close_track(1).unwrap();
    assert_eq!(next(&disc), Some(32 + 32));
    disc.close_session(true).unwrap();
    assert_eq!(next(&disc), Some(32 + 2048));
    assert_eq!(disc.close_track(2), Err(Refusal::BadField { byte: 4 }));
    disc.close_session(false).unwrap();
    assert!(disc.finalized && disc.is_sound());
}

#[test]
fn a_reservation_is_written_within_its_bounds_and_filled_when_closed() {
    let mut disc = dvd(10_000);
    disc.reserve(100).unwrap();
    assert_eq!(disc.writable().len(), 2);
    assert_eq!(disc.write(0, 113), Err(Refusal::EndOfTrack));
    disc.write(0, 50).unwrap();
    assert_eq!(disc.clone().close_session(true), Err(Refusal::EmptyReservation));
    disc.close_track(1).unwrap();
    assert_eq!(disc.tracks().next().map(|(_, track)| (track.written, track.size)), Some((112, 112)));
    assert_eq!(disc.reserve(9_857), Err(Refusal::OutOfRange { lba: 10_000 }));
    assert_eq!(disc.reserve(9_856), Ok(()));
}

#[test]
fn only_what_can_be_erased_is() {
    let mut disc = cd(5000);
    disc.write(0, 400).unwrap();
    assert_eq!(disc.erase(true), Err(Refusal::CannotErase));
    let mut disc = Layout::blank(Profile::CD_RW, 5000);
    disc.write(0, 400).unwrap();
    disc.close_session(false).unwrap();
    disc.erase(true).unwrap();
    assert_eq!(disc, Layout::blank(Profile::CD_RW, 5000));
}

#[test]
fn after_a_power_cut_a_cd_track_is_damaged_and_a_dvd_goes_on() {
    let mut disc = cd(5000);
    disc.write(0, 400).unwrap();
    disc.recover(410);
    assert_eq!(
        disc.tracks().next().map(|(_, track)| (track.written, track.state)),
        Some((410, TrackState::Damaged))
    );
    let mut disc = dvd(5008);
    disc.write(0, 32).unwrap();
    disc.recover(49);
    assert_eq!(next(&disc), Some(64));
    // A file longer than any disc is a full disc.
    disc.recover(u32::MAX);
    assert_eq!(disc.tracks().next().map(|(_, track)| track.written), Some(5008));
}

#[test]
fn a_file_that_cannot_be_a_disc_is_noticed() {
    let mut disc = cd(5000);
    disc.write(0, 400).unwrap();
    disc.flush();
    assert!(disc.is_sound());
    let spoil: [fn(&mut Layout); 6] = [
        |disc| disc.profile = Profile::BD_ROM,
        |disc| disc.sessions.clear(),
        |disc| disc.sessions[0].tracks[0].size = u32::MAX,
        |disc| disc.sessions[0].tracks[0].written = 403,
        |disc| disc.finalized = true,
        |disc| disc.capacity = 401,
    ];
    for spoil in spoil {
        let mut disc = disc.clone();
        spoil(&mut disc);
        assert!(!disc.is_sound(), "{disc:?}");
    }
}

#[test]
fn a_reservation_that_is_used_up_is_complete_and_one_that_is_not_waits() {
    for (blocks, closes) in [(96, Ok(())), (95, Ok(())), (80, Err(Refusal::EmptyReservation))] {
        let mut disc = dvd(4096);
        disc.reserve(90).unwrap();
        disc.write(0, blocks).unwrap();
        disc.flush();
        assert_eq!(disc.close_session(true), closes, "{blocks}");
    }
}
