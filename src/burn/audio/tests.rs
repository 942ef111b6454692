//! What an audio disc's plan consists of, and what has none.

use super::*;
use crate::api::RecordOptions;

fn track(blocks: u32, gap: u32) -> AudioTrack {
    AudioTrack { blocks, gap, sounding_gap: 0, indexes: vec![], isrc: None, copy: false, pre_emphasis: false }
}

fn order(tracks: Vec<AudioTrack>) -> AudioOrder {
    AudioOrder {
        data: None,
        tracks,
        catalog: None,
        packs: vec![],
        at_once: true,
        options: RecordOptions::default(),
        expected: Expected { profile: 9, next_writable: 0, free_blocks: 359_847 },
    }
}

fn cd_r() -> Facts {
    crate::burn::tests::discs::cd_r()
}

fn planned(order: &AudioOrder) -> String {
    plan_audio(&cd_r(), true, order).unwrap().to_string()
}

#[test]
fn a_session_at_once_is_told_whole_and_written_from_its_pre_gap_on() {
    let mut order = order(vec![track(1000, 150), track(300, 75), track(400, 0)]);
    order.catalog = Some(*b"0724384260958");
    order.tracks[1].isrc = Some(*b"DEA123456789");
    order.tracks[1].copy = true;
    order.tracks[2].indexes = vec![100];
    order.tracks[2].pre_emphasis = true;
    order.packs = vec![[0x80; 18]];
    assert_eq!(
        planned(&order),
        "expect  CD-R, nwa 0, free 359847\n\
         speed   fastest\n\
         mode    write type 2, multi 00b, pause 150\n\
         cue     0230373234333834 0232363039353800 0100004100000000 0101000000000000 0101010000000200 \
         2302444541313233 2302343536373839 2102000000000f19 2102010000001019 1103010000001419 1103020000001532 \
         11aa0101000019 32\n"
            .replace("19 32", "1932")
            .as_str()
            .to_owned()
            + "text    1 packs\n\
               silence -150 + 150\n\
               track   1: 0 + 1000\n\
               silence 1000 + 75\n\
               track   2: 1075 + 300\n\
               track   3: 1375 + 400\n\
               flush\n"
    );
}

#[test]
fn a_track_of_data_comes_before_the_sound_with_a_gap_on_each_side() {
    let mut order = order(vec![track(1000, 150), track(300, 0)]);
    order.data = Some(200);
    order.packs = vec![[0x80; 18]];
    assert_eq!(
        planned(&order),
        "expect  CD-R, nwa 0, free 359847\n\
         speed   fastest\n\
         mode    write type 2, multi 00b, pause 150\n\
         cue     4100005400000000 4101001000000000 4101011000000200 0102000000000632 0102010000000832 \
         0103010000001600 01aa010100001a00\n\
         text    1 packs\n\
         zeroes  -150 + 150\n\
         data    0 + 200 + 150\n\
         silence 350 + 150\n\
         track   2: 500 + 1000\n\
         track   3: 1500 + 300\n\
         flush\n"
    );
    (order.at_once, order.tracks[1].gap) = (false, 75);
    assert_eq!(
        planned(&order),
        "expect  CD-R, nwa 0, free 359847\n\
         speed   fastest\n\
         mode    write type 1, multi 00b, pause 150\n\
         data    next + 200 + 150\n\
         flush\n\
         mode    write type 1, multi 00b, pause 150\n\
         track   2: next + 1000\n\
         flush\n\
         mode    write type 1, multi 00b, pause 75\n\
         track   3: next + 300\n\
         flush\n\
         close   session (f2)\n"
    );
}

#[test]
fn tracks_at_once_have_a_page_each_and_go_where_the_drive_says() {
    let mut order = order(vec![track(1000, 150), track(300, 75)]);
    order.at_once = false;
    order.options.close = Close::Appendable;
    assert_eq!(
        planned(&order),
        "expect  CD-R, nwa 0, free 359847\n\
         speed   fastest\n\
         mode    write type 1, multi 11b, pause 150\n\
         track   1: next + 1000\n\
         flush\n\
         mode    write type 1, multi 11b, pause 75\n\
         track   2: next + 300\n\
         flush\n\
         close   session (f2)\n"
    );
}

#[test]
fn the_last_block_of_a_disc_fits_and_one_more_does_not() {
    let most = 359_849;
    assert!(plan_audio(&cd_r(), true, &order(vec![track(most, 150)])).is_ok());
    let error = plan_audio(&cd_r(), true, &order(vec![track(most + 1, 150)])).unwrap_err();
    assert_eq!(error.kind, ErrorKind::DiscFull);
    assert!(plan_audio(&cd_r(), true, &order(vec![track(1000, 0), track(most - 1000, 0)])).is_ok());
    assert!(plan_audio(&cd_r(), true, &order(vec![track(1000, 0), track(most - 1000, 1)])).is_err());
    // Before sound a track of data takes a post-gap as well.
    let mixed = |blocks, gap| AudioOrder { data: Some(1000), ..order(vec![track(blocks, gap)]) };
    assert!(plan_audio(&cd_r(), true, &mixed(most - 1300, 150)).is_ok());
    assert!(plan_audio(&cd_r(), true, &mixed(most - 1299, 150)).is_err());
    // Track by track a run-out costs two.
    let mut one_by_one = order(vec![track(most - 2, 150)]);
    one_by_one.at_once = false;
    assert!(plan_audio(&cd_r(), true, &one_by_one).is_ok());
    one_by_one.tracks[0].blocks += 1;
    assert!(plan_audio(&cd_r(), true, &one_by_one).is_err());
}

#[test]
fn what_cannot_be_recorded_is_refused_by_name() {
    let refused = |facts: Facts, masters: bool, order: &AudioOrder| {
        plan_audio(&facts, masters, order).err().map(|error| error.kind)
    };
    let good = order(vec![track(300, 150); 2]);
    assert_eq!(refused(cd_r(), true, &good), None);
    assert_eq!(refused(Facts { profile: 0x1b, ..cd_r() }, true, &good), Some(ErrorKind::MediumInvalidType));
    let closed = Facts { status: DiscStatus::Closed, ..cd_r() };
    assert_eq!(refused(closed, true, &good), Some(ErrorKind::CannotWriteToMedia));
    assert_eq!(
        refused(Facts { can_write: false, ..cd_r() }, true, &good),
        Some(ErrorKind::DeviceInvalidType)
    );
    assert_eq!(refused(cd_r(), false, &order(vec![track(300, 0); 2])), Some(ErrorKind::NotSupported));
    for wrong in [vec![], vec![track(299, 150)], vec![track(300, 150); 100]] {
        assert_eq!(refused(cd_r(), true, &order(wrong)), Some(ErrorKind::InvalidImage));
    }
    let mixed = |data, gap, tracks| AudioOrder { data: Some(data), ..order(vec![track(300, gap); tracks]) };
    for wrong in [mixed(150, 149, 1), mixed(150, 150, 99), mixed(150, 150, 0)] {
        assert_eq!(refused(cd_r(), true, &wrong), Some(ErrorKind::InvalidImage));
    }
    assert_eq!(refused(cd_r(), true, &mixed(24, 150, 98)), None);
}
