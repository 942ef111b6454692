//! DVD and BD: every kind of disc formatted, written, closed and read, by the answers that a host gets.

use super::*;
use crate::mmc::capacity::{CapacityKind, FormatCapacities, ReadableCapacity};
use crate::mmc::disc_info::{BackgroundFormat, SessionState};
use crate::mmc::disc_structure::{LayerBoundary, SpareArea, StructureList};
use crate::mmc::event::{MediaCode, MediaEvent};
use crate::mmc::feature::{Configuration, code};
use crate::mmc::format::{FormatParameters, bd_r, bd_re, kind};

impl Bench {
    fn format(&mut self, list: &FormatParameters) -> Option<(u8, u8, u8)> {
        match self.run(&cdb::FormatUnit::new(), &list.emit()).ending {
            Ending::Check(sense) => Some((sense.key, sense.asc, sense.ascq)),
            _ => None,
        }
    }

    fn formats(&mut self) -> FormatCapacities {
        FormatCapacities::parse(&self.ask(&cdb::ReadFormatCapacities::new(252))).unwrap()
    }

    fn features(&mut self) -> Configuration {
        Configuration::parse(&self.ask(&cdb::GetConfiguration::new(0, 0, 1024))).unwrap()
    }

    /// The codes of the features that are current, of those that tell how a disc is written.
    fn current(&mut self) -> Vec<u16> {
        let of_writing = |code: &u16| matches!(code, 0x20..=0x41);
        let features = self.features().features;
        features.iter().filter(|it| it.current).map(|it| it.code).filter(of_writing).collect()
    }

    fn readable(&mut self) -> u32 {
        ReadableCapacity::parse(&self.ask(&cdb::ReadCapacity::zeroed())).unwrap().last_lba + 1
    }

    fn track(&mut self, number: u32) -> TrackInformation {
        TrackInformation::parse(&self.ask(&cdb::ReadTrackInformation::track(number))).unwrap()
    }

    fn byte_at(&mut self, lba: i32) -> u8 {
        self.ask(&cdb::Read10::new(lba, 1))[0]
    }

    /// Waits for what runs.
    fn settle(&mut self) {
        while let Some(operation) = &self.drive.operation {
            self.now = operation.ends;
            self.drive.advance(self.now);
        }
    }

    fn set_incremental(&mut self, more: bool) {
        let multi = if more { MultiSession::More } else { MultiSession::Last };
        assert_eq!(self.parameters(&WriteParameters::dvd_incremental(multi, false)), Ending::Good);
    }
}

/// Lists as they are offered, sent back.
fn offered(bench: &mut Bench, index: usize) -> FormatParameters {
    FormatParameters::offered(&bench.formats().formats[index], false)
}

#[test]
fn every_disc_has_its_profile_and_the_features_that_go_with_it() {
    for (name, profile, features) in [
        ("dvd-r", 0x11, &[0x21, 0x2f][..]),
        ("dvd-r-dl", 0x15, &[0x21, 0x2f]),
        ("dvd-rw", 0x14, &[0x21, 0x23, 0x2f]),
        ("dvd-rw-ro", 0x13, &[0x23, 0x2c]),
        ("dvd+r", 0x1b, &[0x2b]),
        ("dvd+r-dl", 0x2b, &[0x3b]),
        ("dvd+rw", 0x1a, &[0x23, 0x2a]),
        ("dvd-ram", 0x12, &[0x20, 0x23, 0x24]),
        ("bd-r", 0x41, &[0x23, 0x40, 0x41]),
        ("bd-re", 0x43, &[0x23, 0x40, 0x41]),
    ] {
        let mut bench = Bench::with(name);
        assert_eq!(bench.features().current, Profile(profile), "{name}");
        assert_eq!(bench.current(), features, "{name}");
    }
}

#[test]
fn a_dvd_r_takes_sessions_incrementally_and_page_05h_closes_it() {
    let mut bench = Bench::with("dvd-r:60000");
    bench.set_incremental(true);
    assert_eq!(bench.write(0, 16), None);
    assert_eq!(bench.write(16, 8), None);
    bench.flush();
    assert_eq!(bench.next_writable(), Some(32));
    let track = bench.track(1);
    assert_eq!((track.mode, track.packet, track.fixed_packets, track.packet_size), (5, true, false, 16));
    assert_eq!(bench.close(2, 0), Some((5, 0x72, 3)));
    assert_eq!((bench.close(1, 1), bench.close(2, 0)), (None, None));
    assert_eq!(bench.disc().status, DiscStatus::Appendable);
    assert_eq!(bench.next_writable(), Some(32 + 28_672));
    bench.set_incremental(false);
    assert_eq!(bench.write(32 + 28_672, 16), None);
    bench.flush();
    assert_eq!((bench.close(1, 2), bench.close(2, 0)), (None, None));
    assert_eq!(bench.disc().status, DiscStatus::Complete);
    assert_eq!(bench.write(0, 16), Some((7, 0x27, 0)));
    assert_eq!(bench.close(6, 0), Some((5, 0x24, 0)));
}

#[test]
fn a_dvd_r_at_once_is_reserved_first_and_closed_by_its_last_flush() {
    let mut bench = Bench::with("dvd-r:4096");
    let parameters = WriteParameters::dvd_disc_at_once(false);
    assert_eq!(bench.parameters(&parameters), Ending::Good);
    assert_eq!(bench.write(0, 16), Some((5, 0x2c, 0)));
    assert_eq!(bench.sense(&cdb::ReserveTrack::new(50)), None);
    assert_eq!(bench.sense(&cdb::ReserveTrack::new(16)), Some((5, 0x2c, 0)));
    assert_eq!(bench.next_writable(), Some(0));
    for (lba, blocks) in [(0, 16), (16, 16), (32, 16), (48, 2)] {
        assert_eq!(bench.write(lba, blocks), None);
    }
    assert_eq!(bench.disc().status, DiscStatus::Appendable);
    bench.flush();
    assert_eq!(bench.disc().status, DiscStatus::Complete);
    assert_eq!(bench.readable(), 64);
    assert_eq!(bench.next_writable(), None);
}

#[test]
fn a_disc_at_once_that_falls_short_is_filled_with_zeros_and_held_against_the_host() {
    let mut bench = Bench::with("dvd-r:4096");
    bench.parameters(&WriteParameters::dvd_disc_at_once(false));
    assert_eq!(bench.sense(&cdb::ReserveTrack::new(160)), None);
    assert_eq!(bench.write(0, 16), None);
    bench.flush();
    assert_eq!((bench.disc().status, bench.readable()), (DiscStatus::Complete, 160));
    assert_eq!((bench.byte_at(15), bench.byte_at(16)), (0x5a, 0));
    assert!(bench.drive.violations()[0].contains("144 blocks short"));
}

#[test]
fn a_test_write_at_once_leaves_the_disc_blank() {
    let mut bench = Bench::with("dvd-r:4096");
    bench.parameters(&WriteParameters::dvd_disc_at_once(true));
    assert_eq!(bench.sense(&cdb::ReserveTrack::new(32)), None);
    assert_eq!(bench.write(0, 32), None);
    bench.flush();
    assert_eq!(bench.disc().status, DiscStatus::Blank);
    assert!(bench.drive.medium().unwrap().layout().is_blank());
}

#[test]
fn a_disc_at_once_that_the_power_leaves_is_lost() {
    let mut bench = Bench::with("dvd-rw:4096");
    bench.parameters(&WriteParameters::dvd_disc_at_once(false));
    assert_eq!(bench.sense(&cdb::ReserveTrack::new(160)), None);
    assert_eq!(bench.write(0, 16), None);
    bench.drive.power_cut(bench.now);
    bench.settle();
    while bench.sense(&cdb::TestUnitReady::zeroed()).is_some() {}
    assert!(bench.track(1).damaged);
    assert_eq!(bench.write(16, 16), Some((7, 0x27, 0)));
    // A DVD-RW can be used again.
    assert_eq!(bench.sense(&cdb::Blank::new(0, false)), None);
    assert_eq!(bench.write(0, 16), None);
}

#[test]
fn minimal_blanking_leaves_a_dvd_rw_that_is_written_at_once_alone() {
    let mut bench = Bench::with("dvd-rw:4096");
    bench.set_incremental(false);
    assert_eq!(bench.write(0, 16), None);
    bench.flush();
    assert_eq!(bench.sense(&cdb::Blank::new(1, false)), None);
    assert!(!bench.features().is_current(code::INCREMENTAL));
    assert_eq!(bench.write(0, 16), Some((5, 0x64, 0)));
    assert_eq!(bench.next_writable(), Some(0));
    bench.parameters(&WriteParameters::dvd_disc_at_once(false));
    assert_eq!(bench.sense(&cdb::ReserveTrack::new(16)), None);
    assert_eq!(bench.write(0, 16), None);
    bench.flush();
    assert_eq!(bench.sense(&cdb::Blank::new(0, false)), None);
    assert!(bench.features().is_current(code::INCREMENTAL));
    assert_eq!(bench.sense(&cdb::Blank::new(2, false)), Some((5, 0x24, 0)));
}

#[test]
fn a_dvd_rw_formatted_quickly_grows_until_its_session_is_closed() {
    let mut bench = Bench::with("dvd-rw:4096");
    assert_eq!(bench.format(&FormatParameters::dvd_rw_quick(true)), None);
    assert_eq!(bench.sense(&cdb::TestUnitReady::zeroed()), Some((2, 4, 4)));
    bench.settle();
    assert_eq!(bench.features().current, Profile::DVD_RW_OVERWRITE);
    assert_eq!(bench.formats().kind, CapacityKind::Unknown);
    assert_eq!(bench.write(0, 8), Some((5, 0x64, 1)));
    assert_eq!(bench.write(32, 16), Some((5, 0x21, 2)));
    assert_eq!(bench.write(0, 32), None);
    assert_eq!(bench.track(1).next_writable, Some(32));
    assert_eq!(bench.disc().last_session, SessionState::Incomplete);
    bench.flush();
    assert_eq!(bench.close(2, 0), None);
    assert_eq!((bench.readable(), bench.disc().status), (32, DiscStatus::Complete));
    assert_eq!(bench.write(32, 16), Some((5, 0x21, 0)));
    assert_eq!(bench.write(16, 16), None);
    assert_eq!(bench.format(&FormatParameters::dvd_rw_quick_grow(false)), None);
    assert_eq!(bench.byte_at(31), 0x5a);
    assert_eq!(bench.write(32, 32), None);
    assert_eq!(bench.close(2, 0), None);
    assert_eq!(bench.readable(), 64);
    assert_eq!(bench.sense(&cdb::Blank::new(0, false)), None);
    assert_eq!(bench.features().current, Profile::DVD_RW);
    assert_eq!(bench.disc().status, DiscStatus::Blank);
}

#[test]
fn a_plus_rw_formats_in_the_background_while_it_is_written() {
    let mut bench = Bench::made("dvd+rw:8192", slow(40));
    assert_eq!(bench.disc().background_format, BackgroundFormat::None);
    assert_eq!(bench.write(0, 16), Some((5, 0x30, 5)));
    assert_eq!(bench.format(&FormatParameters::dvd_plus_rw(false, true)), None);
    assert_eq!(bench.sense(&cdb::TestUnitReady::zeroed()), Some((2, 4, 4)));
    bench.settle();
    assert_eq!(bench.sense(&cdb::TestUnitReady::zeroed()), None);
    assert_eq!(bench.disc().background_format, BackgroundFormat::Running);
    assert_eq!(bench.write(0, 16), None);
    // Beyond: the drive formats up to there first.
    assert_eq!(bench.write(1600, 1), None);
    bench.flush();
    assert_eq!((bench.byte_at(1600), bench.byte_at(1500)), (0x5a, 0));
    let sense = Sense::parse(&bench.ask(&cdb::RequestSense::new(18))).unwrap();
    assert!(sense.is(0, 4, 4));
    assert_eq!(sense.progress, Some((1616_u32 * 65_536 / 8192) as u16));
    assert_eq!((bench.close(0, 0), bench.close(2, 0)), (None, None));
    assert_eq!(bench.disc().background_format, BackgroundFormat::Suspended);
    assert_eq!(bench.write(4000, 16), Some((5, 0x30, 5)));
    assert_eq!(bench.format(&FormatParameters::dvd_plus_rw(true, true)), None);
    bench.settle();
    bench.drive.news.media.clear();
    bench.now = bench.drive.next_deadline().unwrap();
    bench.drive.advance(bench.now);
    assert_eq!(bench.disc().background_format, BackgroundFormat::Complete);
    let event = MediaEvent::parse(&bench.ask(&cdb::GetEventStatus::new(0x10, 8))).unwrap().unwrap();
    assert_eq!(event.code, MediaCode::FormatCompleted);
    assert_eq!((bench.byte_at(1600), bench.readable()), (0x5a, 8192));
    assert_eq!(bench.write(8191, 1), None);
}

#[test]
fn a_background_format_stops_when_the_disc_leaves_or_the_power_fails() {
    for leave in [
        |bench: &mut Bench| bench.drive.power_cut(bench.now),
        |bench: &mut Bench| {
            bench.drive.eject(bench.now).unwrap();
            bench.drive.load(bench.now);
        },
    ] {
        let mut bench = Bench::with("dvd+rw:8192");
        assert_eq!(bench.format(&FormatParameters::dvd_plus_rw(false, false)), None);
        assert_eq!(bench.write(0, 160), None);
        leave(&mut bench);
        bench.settle();
        while bench.sense(&cdb::TestUnitReady::zeroed()).is_some() {}
        assert_eq!(bench.disc().background_format, BackgroundFormat::Suspended);
        bench.now += Duration::from_secs(100);
        assert_eq!(bench.disc().background_format, BackgroundFormat::Suspended);
    }
}

#[test]
fn a_dvd_ram_comes_formatted_and_is_quick_where_it_need_not_verify() {
    // 2x: 2770 kB/s; the buffer holds 512 blocks.
    let mut bench = Bench::made("dvd-ram:8192", slow(20));
    assert_eq!(bench.formats().kind, CapacityKind::Formatted);
    let size = bench.readable() as i32;
    assert_eq!(bench.write(size - 1, 1), None);
    assert_eq!(bench.write(size, 1), Some((5, 0x21, 0)));
    assert_eq!(bench.byte_at(size - 2), 0);
    bench.flush();
    let unaligned = bench.run(&cdb::Write12::new(8, 16, true), &[0; 16 * BLOCK]).ending;
    assert!(matches!(unaligned, Ending::Check(sense) if sense.is(5, 0x24, 0)));
    let mut times = [false, true].map(|streaming| {
        for lba in (0..512).step_by(16) {
            let write = cdb::Write12::new(lba, 16, streaming);
            assert_eq!(bench.run(&write, &[7; 16 * BLOCK]).ending, Ending::Good);
        }
        let reply = bench.run(&cdb::SynchronizeCache::new(false), &[]);
        reply.takes.as_millis()
    });
    assert!(times[0].abs_diff(times[1] * 2) <= 2, "{times:?}");
    times.sort_unstable();
    // CmpLst keeps the data.
    let list = offered(&mut bench, 0);
    assert_eq!(bench.run(&cdb::FormatUnit::forgetting_defects(), &list.emit()).ending, Ending::Good);
    assert_eq!(bench.byte_at(0), 7);
    assert_eq!(bench.format(&list), None);
    assert_eq!(bench.byte_at(0), 0);
}

#[test]
fn a_bd_re_is_formatted_before_it_is_written_with_the_spares_that_the_host_wants() {
    let mut bench = Bench::with("bd-re:65536");
    assert_eq!(bench.write(0, 32), Some((5, 0x30, 5)));
    assert_eq!(bench.formats().kind, CapacityKind::Unformatted);
    let formats = bench.formats().formats;
    assert_eq!(formats.iter().map(|it| it.kind).collect::<Vec<_>>(), [0x00, 0x30, 0x30, 0x30, 0x31]);
    for (index, certification) in [(2, bd_re::QUICK_CERTIFICATION), (4, bd_re::DEFAULT)] {
        let list = FormatParameters { subtype: certification, ..offered(&mut bench, index) };
        assert_eq!(bench.format(&list), None);
        assert_eq!(bench.readable(), formats[index].blocks);
        let spares = SpareArea::parse(&bench.ask(&cdb::ReadDiscStructure::new(1, 0x0a, 16))).unwrap();
        assert_eq!(spares.allocated, 65_536 - formats[index].blocks);
        assert_eq!(bench.features().is_current(code::DEFECT_MANAGEMENT), spares.allocated > 0);
    }
    assert_eq!(bench.write(65_535, 1), None);
    assert_eq!(bench.close(2, 0), Some((5, 0x24, 0)));
    let last = bench.features().feature(code::RANDOM_WRITABLE).unwrap().data.clone();
    assert_eq!(last, [0, 0, 0xff, 0xff, 0, 0, 8, 0, 0, 32, 1, 0]);
}

#[test]
fn a_bd_r_is_written_in_sequence_as_it_is_and_can_be_formatted_before() {
    let mut bench = Bench::with("bd-r:65536");
    assert_eq!(bench.formats().kind, CapacityKind::Unformatted);
    assert_eq!(bench.write(0, 40), None);
    bench.flush();
    assert_eq!((bench.close(1, 1), bench.close(2, 0)), (None, None));
    assert_eq!(bench.next_writable(), Some(64));
    assert!(bench.formats().formats.is_empty());
    let all = FormatParameters { kind: kind::FULL, blocks: FormatParameters::ALL, ..Default::default() };
    assert_eq!(bench.format(&all), Some((5, 0x30, 6)));
    assert_eq!(bench.write(64, 32), None);
    bench.flush();
    assert_eq!(bench.close(5, 0), Some((5, 0x24, 0)));
    assert_eq!((bench.close(1, 2), bench.close(6, 0)), (None, None));
    assert_eq!((bench.disc().status, bench.readable()), (DiscStatus::Complete, 96));
}

#[test]
fn a_formatted_bd_r_counts_as_appendable_with_nothing_on_it() {
    for subtype in [bd_r::PSEUDO_OVERWRITE, bd_r::SEQUENTIAL] {
        let mut bench = Bench::with("bd-r:65536");
        let list = FormatParameters { subtype, ..offered(&mut bench, 3) };
        assert_eq!(bench.format(&list), None);
        let disc = bench.disc();
        assert_eq!((disc.status, disc.last_session), (DiscStatus::Appendable, SessionState::Empty));
        assert_eq!(bench.readable(), 1);
        assert_eq!(bench.track(1).free, list.blocks);
        assert_eq!(bench.write(0, 64), None);
        let overwriting = subtype == bd_r::PSEUDO_OVERWRITE;
        assert_eq!(bench.features().is_current(code::BD_R_PSEUDO_OVERWRITE), overwriting);
        assert_eq!(bench.write(0, 32), if overwriting { None } else { Some((5, 0x21, 2)) });
        let spares = SpareArea::parse(&bench.ask(&cdb::ReadDiscStructure::new(1, 0x0a, 16))).unwrap();
        assert_eq!(spares.allocated - spares.free, if overwriting { 32 } else { 0 });
    }
    let mut bench = Bench::with("bd-r:65536");
    let list = FormatParameters { subtype: bd_r::RANDOM, ..offered(&mut bench, 0) };
    assert_eq!(bench.format(&list), Some((5, 0x26, 0)));
}

#[test]
fn the_boundary_of_two_layers_is_sent_once_and_before_the_first_write() {
    for name in ["dvd+r-dl", "dvd-r-dl"] {
        let mut bench = Bench::with(name);
        let read = cdb::ReadDiscStructure::new(0, 0x20, 12);
        let first = LayerBoundary::parse(&bench.ask(&read)).unwrap();
        assert!(!first.fixed);
        let list = StructureList::parse(&bench.ask(&cdb::ReadDiscStructure::new(0, 0xff, 64))).unwrap();
        assert!(list.entry(0x20).is_some_and(|entry| entry.sent && entry.read));
        let send = cdb::SendDiscStructure::new(0x20, 12);
        let wish = LayerBoundary { fixed: false, blocks: 1600 };
        assert_eq!(bench.run(&send, &wish.emit()).ending, Ending::Good);
        assert_eq!(LayerBoundary::parse(&bench.ask(&read)), Ok(LayerBoundary { fixed: true, ..wish }));
        assert_eq!(bench.track(1).free, 3200);
        let again = bench.run(&send, &wish.emit()).ending;
        assert!(matches!(again, Ending::Check(sense) if sense.is(5, 0x2c, 0)));
    }
}

#[test]
fn the_laser_is_calibrated_for_discs_that_are_overwritten_as_well() {
    for name in ["dvd+rw", "dvd-rw-ro", "dvd-ram", "bd-re"] {
        let mut bench = Bench::with(name);
        let list = offered(&mut bench, 0);
        assert_eq!(bench.format(&list), None, "{name}");
        assert_eq!(bench.run(&cdb::SendOpc::calibrate(), &[]).ending, Ending::Good, "{name}");
    }
}
