use super::*;

fn disc(kind: &str) -> Layout {
    let kind: super::super::Kind = kind.parse().unwrap();
    Layout::blank(kind.profile, kind.capacity)
}

fn offers(layout: &Layout) -> Vec<(u8, u32, u32)> {
    layout.formats().iter().map(|it| (it.kind, it.blocks, it.parameter)).collect()
}

/// The figures that dvd+rw-mediainfo shows of discs that are sold.
#[test]
fn discs_that_are_sold_offer_the_formats_that_are_known_of_them() {
    assert_eq!(
        offers(&disc("bd-re")),
        [
            (0x00, 11_826_176, 0x3000),
            (0x30, 11_826_176, 0x3000),
            (0x30, 11_564_032, 0x5000),
            (0x30, 12_088_320, 0x1000),
            (0x31, 12_219_392, 0x800)
        ]
    );
    assert_eq!(
        offers(&disc("bd-r")),
        [
            (0x00, 11_826_176, 0x3000),
            (0x32, 11_826_176, 0x3000),
            (0x32, 11_564_032, 0x5000),
            (0x32, 12_088_320, 0x1000)
        ]
    );
    assert_eq!(offers(&disc("bd-re-dl"))[0], (0x00, 23_652_352, 0x6000));
    assert_eq!(offers(&disc("bd-r-tl"))[0], (0x00, 47_305_728, 0xc000));
    assert_eq!(offers(&disc("bd-r-ql"))[0], (0x00, 60_403_712, 0x1_0000));
    assert_eq!(offers(&disc("dvd+rw")), [(0x00, 2_295_104, 0x800), (0x26, 2_295_104, 0)]);
    assert_eq!(offers(&disc("dvd-ram")), [(0x00, 2_236_704, 0x800), (0x00, 2_295_072, 0x800)]);
    assert_eq!(disc("dvd-ram").format_now(), (CapacityKind::Formatted, 2_236_704));
    assert_eq!(
        offers(&disc("dvd-rw")),
        [(0x00, 2_297_888, 0x800), (0x10, 2_297_888, 16), (0x15, 2_297_888, 16)]
    );
    for kind in ["cd-r", "cd-rw", "dvd-r", "dvd-r-dl", "dvd+r", "dvd+r-dl"] {
        let disc = disc(kind);
        assert_eq!(offers(&disc), []);
        assert_eq!(disc.format(&FormatParameters::default()), Err(Refusal::CannotFormat), "{kind}");
    }
}

#[test]
fn every_format_that_is_offered_is_carried_out_and_keeps_the_disc_sound() {
    for kind in ["dvd-rw", "dvd-rw-ro", "dvd+rw", "dvd-ram", "bd-r", "bd-r-dl", "bd-re:4096", "bd-re-tl"] {
        let disc = disc(kind);
        for offer in disc.formats() {
            if offer.blocks == 0 {
                continue;
            }
            let done = disc.format(&FormatParameters::offered(&offer, true)).unwrap();
            assert!(done.layout.is_sound(), "{kind} {offer:?}");
            assert_eq!(done.layout.total(), disc.total(), "{kind} {offer:?}");
        }
    }
}

#[test]
fn a_dvd_rw_goes_from_sequential_to_overwriting_and_back() {
    let quick = disc("dvd-rw:4096").format(&FormatParameters::dvd_rw_quick(true)).unwrap().layout;
    assert_eq!(quick.profile, Profile::DVD_RW_OVERWRITE);
    assert_eq!(quick.format_now(), (CapacityKind::Unknown, 4096));
    assert!(offers(&quick).iter().all(|offer| !matches!(offer.0, 0x11 | 0x13)));
    let mut written = quick;
    written.write(0, 64).unwrap();
    written.end_format().unwrap();
    assert_eq!(written.format_now(), (CapacityKind::Formatted, 64));
    assert_eq!(offers(&written)[3..], [(0x11, 4032, 16), (0x13, 4032, 16)]);
    let grow = FormatParameters { kind: kind::DVD_RW_GROW, blocks: 32, ..FormatParameters::default() };
    let grown = written.format(&grow).unwrap();
    assert!(!grown.wiped);
    assert_eq!(grown.layout.format_now(), (CapacityKind::Formatted, 96));
    let mut more = grown.layout.format(&FormatParameters::dvd_rw_quick_grow(true)).unwrap().layout;
    assert_eq!(more.open_track().and_then(|track| track.next), Some(96));
    more.write(96, 4000).unwrap();
    more.end_format().unwrap();
    assert_eq!(offers(&more)[3..], [(0x11, 0, 16), (0x13, 0, 16)]);
    assert_eq!(more.format(&FormatParameters::dvd_rw_quick_grow(true)), Err(BAD_KIND));
    more.erase(true).unwrap();
    assert_eq!(
        (more.profile, more.is_blank(), more.special.minimally_blanked),
        (Profile::DVD_RW, true, true)
    );
}

#[test]
fn a_plus_rw_is_restarted_only_where_it_was_stopped() {
    let new = disc("dvd+rw:4096");
    let restart = FormatParameters::dvd_plus_rw(true, true);
    assert_eq!(new.format(&restart), Err(Refusal::SequenceError));
    let mut running = new.format(&FormatParameters::dvd_plus_rw(false, true)).unwrap().layout;
    running.write(0, 320).unwrap();
    running.end_format().unwrap();
    let again = running.format(&restart).unwrap();
    assert!(!again.wiped);
    assert_eq!(
        again.layout.overwrite().map(|it| (it.state, it.formatted)),
        Some((FormatState::Running, 320))
    );
}

/// As growisofs writes its parameters: 00 b8 74 00 c0 00 00 00.
#[test]
fn the_spares_of_a_bd_can_be_chosen_by_its_blocks_alone() {
    for (name, kind, blocks, spares) in [
        ("bd-re", 0x30, 12_088_320, 0x1000),
        ("bd-re", 0x30, 11_564_032, 0x5000),
        ("bd-r", 0x32, 11_826_176, 0x3000),
    ] {
        let wish = FormatParameters { kind, blocks, ..FormatParameters::default() };
        let full = FormatParameters { parameter: spares, ..wish };
        assert_eq!(disc(name).format(&wish).unwrap(), disc(name).format(&full).unwrap());
        let odd = FormatParameters { blocks: blocks - 1, ..wish };
        assert_eq!(disc(name).format(&odd), Err(BAD_SIZE));
    }
}

#[test]
fn formats_that_are_not_offered_are_refused_where_they_are_wrong() {
    let refused = |kind: &str, list: FormatParameters| disc(kind).format(&list).unwrap_err();
    let list = FormatParameters::default();
    let all = FormatParameters::ALL;
    for (kind, list, byte) in [
        ("bd-r", FormatParameters { blocks: all, subtype: bd_r::RANDOM, ..list }, 8),
        ("bd-r", FormatParameters { kind: 0x30, blocks: all, ..list }, 8),
        ("bd-re", FormatParameters { kind: 0x30, blocks: 11_826_176, parameter: 0x3001, ..list }, 4),
        ("bd-re", FormatParameters { kind: 0x30, blocks: 11_826_176, parameter: 0x5001, ..list }, 9),
        ("bd-re", FormatParameters { kind: 0x31, blocks: 1, ..list }, 4),
        ("dvd-ram", FormatParameters { blocks: 16, ..list }, 4),
        ("dvd+rw", FormatParameters { kind: 0x26, blocks: 16, ..list }, 4),
        ("dvd-rw", FormatParameters { kind: 0x10, blocks: 17, ..list }, 4),
        ("dvd-rw", FormatParameters { kind: 0x13, ..list }, 8),
    ] {
        assert_eq!(refused(kind, list), Refusal::BadParameter { byte }, "{kind} {list:?}");
    }
}
