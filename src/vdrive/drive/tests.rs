mod cds;
mod discs;
mod states;

use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::*;
use crate::mmc::BLOCK;
use crate::mmc::cdb::{self, Cdb, Transfer};
use crate::mmc::disc_info::{DiscInformation, DiscStatus};
use crate::mmc::page;
use crate::mmc::toc::Toc;
use crate::mmc::track_info::TrackInformation;
use crate::vdrive::medium::Kind;

/// A drive with a hand on its clock.
struct Bench {
    drive: Drive,
    now: Duration,
}

impl Bench {
    /// A drive with a blank disc, ready, set to track at once on CD, and nothing left to tell.
    fn with(kind: &str) -> Self {
        Self::made(kind, DriveOptions::default())
    }

    fn made(kind: &str, options: DriveOptions) -> Self {
        let mut drive = Drive::new(options);
        drive.start_with(Medium::in_memory(kind.parse::<Kind>().unwrap()));
        let mut bench = Self { drive, now: Duration::from_secs(1) };
        while bench.sense(&cdb::TestUnitReady::zeroed()).is_some() {}
        bench.drive.news = News::default();
        if bench.drive.profile().is_cd() {
            bench.track_at_once(false, false);
        }
        bench
    }

    fn empty(options: DriveOptions) -> Self {
        let mut bench = Self { drive: Drive::new(options), now: Duration::ZERO };
        bench.drive.news = News::default();
        bench
    }

    fn run(&mut self, cdb: &impl Cdb, data: &[u8]) -> Reply {
        let reply = self.drive.execute(cdb.as_bytes(), data, self.now);
        self.now += reply.takes;
        reply
    }

    fn sense(&mut self, cdb: &impl Cdb) -> Option<(u8, u8, u8)> {
        match self.run(cdb, &[]).ending {
            Ending::Good => None,
            Ending::Check(sense) => Some((sense.key, sense.asc, sense.ascq)),
            other => panic!("{other:?}"),
        }
    }

    fn ask(&mut self, cdb: &impl Cdb) -> Vec<u8> {
        let reply = self.run(cdb, &[]);
        assert_eq!(reply.ending, Ending::Good);
        reply.data
    }

    fn write(&mut self, lba: i32, blocks: u16) -> Option<(u8, u8, u8)> {
        let data = vec![0x5a; usize::from(blocks) * BLOCK];
        match self.run(&cdb::Write10::new(lba, blocks), &data).ending {
            Ending::Check(sense) => Some((sense.key, sense.asc, sense.ascq)),
            _ => None,
        }
    }

    fn parameters(&mut self, parameters: &WriteParameters) -> Ending {
        let list = page::select(&parameters.emit());
        self.run(&cdb::ModeSelect10::new(60), &list).ending
    }

    fn track_at_once(&mut self, more: bool, test: bool) {
        let multi = if more { MultiSession::More } else { MultiSession::Last };
        assert_eq!(self.parameters(&WriteParameters::cd_track_at_once(multi, test)), Ending::Good);
    }

    fn next_writable(&mut self) -> Option<i32> {
        let reply = self.run(&cdb::ReadTrackInformation::track(0xff), &[]);
        TrackInformation::parse(&reply.data).ok().and_then(|info| info.next_writable)
    }

    fn disc(&mut self) -> DiscInformation {
        DiscInformation::parse(&self.ask(&cdb::ReadDiscInformation::new(34))).unwrap()
    }

    fn close(&mut self, function: u8, track: u16) -> Option<(u8, u8, u8)> {
        self.sense(&cdb::CloseTrackSession::new(function, track, false))
    }

    fn flush(&mut self) {
        assert_eq!(self.sense(&cdb::SynchronizeCache::new(false)), None);
    }
}

fn slow(tenths: u32) -> DriveOptions {
    DriveOptions { pace: Pace::Times(tenths), buffer: 1 << 20, ..DriveOptions::default() }
}

#[test]
fn news_are_told_once_and_inquiry_does_not_take_them() {
    let mut drive = Drive::new(DriveOptions::default());
    drive.start_with(Medium::in_memory("cd-r".parse().unwrap()));
    let mut bench = Bench { drive, now: Duration::ZERO };
    assert_eq!(bench.ask(&cdb::Inquiry::new(36))[8..32], *b"DISCMASTVirtual Recorder");
    let ready = cdb::TestUnitReady::zeroed();
    assert_eq!(bench.sense(&ready), Some((6, 0x29, 0)));
    assert_eq!(bench.sense(&ready), Some((2, 4, 1)));
    bench.now += Duration::from_millis(3);
    assert_eq!(bench.sense(&ready), Some((6, 0x28, 0)));
    assert_eq!(bench.sense(&ready), None);
}

#[test]
fn a_cd_burnt_track_at_once_has_the_table_of_contents_of_a_real_one() {
    let mut bench = Bench::with("cd-r");
    assert_eq!(bench.disc().capacity(Profile::CD_R), Some(359_849));
    bench.track_at_once(false, false);
    assert_eq!(bench.next_writable(), Some(0));
    for lba in (0..400).step_by(16) {
        assert_eq!(bench.write(lba, 16), None);
    }
    bench.flush();
    assert_eq!(bench.disc().status, DiscStatus::Appendable);
    assert_eq!(bench.next_writable(), Some(552));
    assert_eq!(bench.close(2, 0), None);
    assert_eq!(bench.disc().status, DiscStatus::Complete);
    assert_eq!(bench.next_writable(), None);
    let toc = bench.ask(&cdb::ReadToc::new(0, 0, 804));
    assert_eq!(toc, [0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0x01, 0x92]);
    assert_eq!(bench.ask(&cdb::ReadCapacity::zeroed()), [0, 0, 0x01, 0x91, 0, 0, 8, 0]);
    // The two run-out blocks count and cannot be read.
    assert_eq!(bench.sense(&cdb::Read10::new(399, 1)), None);
    assert_eq!(
        bench.ask(&cdb::Read10::new(0, 400)).len(),
        400 * BLOCK,
        "more than a ring's chunk, as kernels read ahead"
    );
    assert_eq!(bench.sense(&cdb::Read10::new(399, 2)), Some((5, 0x64, 0)));
    assert_eq!(bench.sense(&cdb::Read10::new(402, 1)), Some((5, 0x21, 0)));
    assert_eq!(bench.write(552, 1), Some((7, 0x27, 0)));
    assert!(bench.drive.violations().is_empty());
}

#[test]
fn the_full_table_of_a_multisession_cd_tells_where_the_next_session_starts() {
    let mut bench = Bench::with("cd-r");
    bench.track_at_once(true, false);
    for lba in (0..320).step_by(16) {
        bench.write(lba, 16);
    }
    bench.flush();
    assert_eq!(bench.close(2, 0), None);
    let full = bench.ask(&cdb::ReadToc::new(2, 1, 804));
    #[rustfmt::skip]
    assert_eq!(full, [
        0, 68, 1, 1,
        1, 0x14, 0, 0xa0, 0, 0, 0, 0, 1, 0, 0,
        1, 0x14, 0, 0xa1, 0, 0, 0, 0, 1, 0, 0,
        1, 0x14, 0, 0xa2, 0, 0, 0, 0, 0, 6, 22,
        1, 0x14, 0, 0x01, 0, 0, 0, 0, 0, 2, 0,
        // Next session at 322 + 11400 = 11722: 2 min 38 s 22; last possible lead-out 79:59:74.
        1, 0x54, 0, 0xb0, 2, 38, 22, 2, 79, 59, 74,
        1, 0x54, 0, 0xc0, 0, 0, 0, 0, 97, 15, 17,
    ]);
    assert_eq!(bench.next_writable(), Some(11_722));
    let info = bench.disc();
    assert_eq!((info.sessions, info.first_track_in_last_session, info.last_track_in_last_session), (2, 2, 2));
    assert_eq!(bench.ask(&cdb::ReadToc::new(1, 0, 12)), [0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_dvd_plus_r_takes_sessions_until_it_is_finalised() {
    let mut bench = Bench::with("dvd+r:40000");
    assert_eq!(bench.write(0, 20), None);
    assert_eq!(bench.write(20, 12), None);
    bench.flush();
    assert_eq!(bench.close(2, 0), Some((5, 0x72, 3)));
    assert_eq!(bench.close(1, 1), None);
    assert_eq!(bench.close(2, 0), None);
    assert_eq!(bench.next_writable(), Some(32 + 2048));
    assert_eq!(bench.write(32 + 2048, 16), None);
    bench.flush();
    assert_eq!(bench.close(1, 2), None);
    assert_eq!(bench.close(6, 0), None);
    let toc = Toc::parse(&bench.ask(&cdb::ReadToc::new(0, 0, 804))).unwrap();
    assert_eq!((toc.first, toc.last, toc.lead_out()), (1, 2, Some(2096)));
    assert_eq!(bench.disc().status, DiscStatus::Complete);
    assert_eq!(bench.sense(&cdb::Read10::new(31, 1)), None);
    assert_eq!(bench.sense(&cdb::Read10::new(32, 1)), Some((5, 0x64, 0)));
    assert_eq!(bench.close(5, 0), Some((7, 0x27, 0)));
}

#[test]
fn a_test_write_moves_the_address_and_leaves_no_trace() {
    let mut bench = Bench::with("cd-r:5000");
    bench.track_at_once(false, true);
    assert_eq!(bench.write(0, 32), None);
    assert_eq!(bench.next_writable(), Some(32));
    assert_eq!(bench.write(0, 32), Some((5, 0x21, 2)));
    assert_eq!(bench.next_writable(), Some(32));
    for lba in (32..512).step_by(32) {
        assert_eq!(bench.write(lba, 32), None);
    }
    bench.flush();
    assert_eq!(bench.next_writable(), Some(512 + 152));
    assert_eq!(bench.close(2, 0), None);
    assert_eq!(bench.disc().status, DiscStatus::Blank);
    assert_eq!(bench.next_writable(), Some(0));
    assert!(bench.drive.medium().unwrap().layout().is_blank());
    assert!(bench.drive.violations().is_empty());
}

#[test]
fn long_operations_run_in_the_background_and_tell_how_far_they_are() {
    let mut bench = Bench::made("cd-rw:5000", slow(100));
    bench.track_at_once(false, false);
    for lba in (0..320).step_by(32) {
        assert_eq!(bench.write(lba, 32), None);
    }
    assert_eq!(bench.sense(&cdb::SynchronizeCache::new(true)), None);
    let started = bench.now;
    let ends = bench.drive.next_deadline().unwrap();
    bench.now = started + (ends - started) / 4;
    let reply = bench.run(&cdb::TestUnitReady::zeroed(), &[]);
    let Ending::Check(sense) = reply.ending else { panic!("{reply:?}") };
    assert!(sense.is(2, 4, 8));
    assert!(sense.progress.unwrap().abs_diff(16_384) <= 1);
    // REQUEST SENSE tells the same.
    assert_eq!(Sense::parse(&bench.ask(&cdb::RequestSense::new(18))).unwrap().progress, sense.progress);
    bench.now = ends;
    assert_eq!(bench.sense(&cdb::TestUnitReady::zeroed()), None);
    assert_eq!(bench.sense(&cdb::CloseTrackSession::new(2, 0, true)), None);
    assert_eq!(bench.write(472, 1), Some((2, 4, 7)));
    bench.now = bench.drive.next_deadline().unwrap();
    assert_eq!(bench.sense(&cdb::Blank::new(1, true)), None);
    assert_eq!(bench.sense(&cdb::TestUnitReady::zeroed()), Some((2, 4, 7)));
    bench.now = bench.drive.next_deadline().unwrap();
    assert_eq!(bench.disc().status, DiscStatus::Blank);
    assert_eq!(bench.next_writable(), Some(0));
}

#[test]
fn a_full_buffer_asks_for_the_same_write_again() {
    // 8x: 1411 kB/s; the buffer holds 512 blocks.
    let mut bench = Bench::made("cd-r:5000", slow(80));
    bench.track_at_once(false, false);
    for lba in (0..512).step_by(32) {
        assert_eq!(bench.write(lba, 32), None);
    }
    assert_eq!(bench.write(512, 32), Some((2, 4, 8)));
    let capacity = bench.ask(&cdb::ReadBufferCapacity::new());
    assert_eq!(capacity, [0, 10, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]);
    // 65536 bytes at 1411000 × 2048 / 2352 a second.
    bench.now += Duration::from_micros(53_330);
    assert_eq!(bench.write(512, 32), Some((2, 4, 8)));
    bench.now += Duration::from_micros(20);
    assert_eq!(bench.write(512, 32), None);
    assert!(bench.drive.violations().is_empty());
}

#[test]
fn a_late_host_loses_the_disc_only_without_underrun_protection() {
    for protected in [true, false] {
        let mut bench = Bench::made("cd-r:5000", slow(80));
        let parameters = WriteParameters {
            underrun_protection: protected,
            ..WriteParameters::cd_track_at_once(MultiSession::Last, false)
        };
        assert_eq!(bench.parameters(&parameters), Ending::Good);
        for lba in (0..512).step_by(32) {
            bench.write(lba, 32);
        }
        bench.now += Duration::from_secs(2);
        assert_eq!(bench.write(512, 32), if protected { None } else { Some((3, 0x0c, 9)) });
        assert_eq!(bench.drive.buffer.underruns(), 1);
    }
}

#[test]
fn write_parameters_are_taken_only_as_far_as_the_drive_goes() {
    let mut bench = Bench::with("cd-r");
    let good = WriteParameters::cd_track_at_once(MultiSession::More, true);
    for (parameters, byte) in [
        (WriteParameters { write_type: page::WriteType::Packet, ..good }, 10),
        (WriteParameters { write_type: page::WriteType::Other(9), ..good }, 10),
        (WriteParameters { fixed_packets: true, ..good }, 11),
        (WriteParameters { data_block: page::DataBlock::RAW, ..good }, 11),
        (WriteParameters { track_mode: 0, ..good }, 12),
        (WriteParameters { data_block: page::DataBlock(7), ..good }, 12),
        (WriteParameters { mcn: Some(*b"401234512345X"), ..good }, 25),
        (WriteParameters { isrc: Some(*b"DEABC07123-5"), ..good }, 41),
    ] {
        let Ending::Check(sense) = bench.parameters(&parameters) else { panic!("{parameters:?}") };
        assert!(sense.is(5, 0x26, 0));
        assert_eq!(sense.field, Some(byte));
    }
    assert_eq!(bench.parameters(&good), Ending::Good);
    let answer = bench.ask(&cdb::ModeSense10::new(5, 60));
    assert_eq!(answer[..2], [0, 58]);
    assert_eq!(WriteParameters::parse(page::find(&answer, 5).unwrap()), Ok(good));
}

#[test]
fn a_cd_is_not_written_before_a_way_of_writing_is_chosen_and_a_reset_forgets_it() {
    let forget: [fn(&mut Bench); 3] = [
        |bench| bench.drive.power_cut(bench.now),
        |bench| {
            bench.drive.eject(bench.now).unwrap();
            bench.drive.load(bench.now);
        },
        |bench| {
            bench.drive.add_faults("test-unit-ready sense(6/29/00)".parse().unwrap());
            assert_eq!(bench.sense(&cdb::TestUnitReady::zeroed()), Some((6, 0x29, 0)));
        },
    ];
    for forget in forget {
        let mut bench = Bench::with("cd-r:5000");
        bench.track_at_once(true, true);
        forget(&mut bench);
        bench.now += Duration::from_secs(1);
        while bench.sense(&cdb::TestUnitReady::zeroed()).is_some() {}
        let answer = bench.ask(&cdb::ModeSense10::new(5, 60));
        let page = WriteParameters::parse(page::find(&answer, 5).unwrap()).unwrap();
        assert_eq!((page.write_type, page.test_write), (WriteType::Packet, false));
        assert_eq!(bench.write(0, 32), Some((5, 0x64, 0)));
        bench.track_at_once(false, false);
        assert_eq!(bench.write(0, 32), None);
    }
}

#[test]
fn a_locked_tray_stays_closed_and_tells_of_the_button() {
    let mut bench = Bench::with("cd-r");
    let gesn = cdb::GetEventStatus::new(0x10, 8);
    assert_eq!(bench.ask(&gesn), [0, 6, 4, 0x10, 0, 2, 0, 0]);
    assert_eq!(bench.sense(&cdb::PreventAllow::new(true)), None);
    assert_eq!(bench.sense(&cdb::StartStopUnit::eject(false)), Some((5, 0x53, 2)));
    bench.drive.press_button(bench.now);
    assert_eq!(bench.drive.next_event(), Some(Event::EjectRequest));
    assert_eq!(bench.ask(&gesn), [0, 6, 4, 0x10, 1, 2, 0, 0]);
    assert_eq!(bench.ask(&gesn), [0, 6, 4, 0x10, 0, 2, 0, 0]);
    assert_eq!(bench.sense(&cdb::PreventAllow::new(false)), None);
    bench.drive.press_button(bench.now);
    assert_eq!(bench.ask(&gesn), [0, 6, 4, 0x10, 3, 1, 0, 0]);
    assert_eq!(bench.sense(&cdb::TestUnitReady::zeroed()), Some((2, 0x3a, 2)));
    assert_eq!(bench.sense(&cdb::StartStopUnit::load(false)), None);
    assert_eq!(bench.ask(&gesn), [0, 6, 4, 0x10, 2, 2, 0, 0]);
    assert_eq!(bench.sense(&cdb::TestUnitReady::zeroed()), Some((6, 0x28, 0)));
    assert_eq!(bench.ask(&gesn), [0, 6, 4, 0x10, 0, 2, 0, 0]);
}

#[test]
fn closing_a_session_tells_that_the_disc_is_another_now() {
    let mut bench = Bench::with("dvd+r:4096");
    bench.write(0, 32);
    bench.flush();
    assert_eq!(bench.close(1, 1), None);
    assert_eq!(bench.drive.next_event(), None);
    assert_eq!(bench.close(2, 0), None);
    assert_eq!(bench.drive.next_event(), Some(Event::MediaChange { present: true, open: false }));
    assert_eq!(bench.ask(&cdb::GetEventStatus::new(0x10, 8))[4..6], [2, 2]);
    assert_eq!(bench.sense(&cdb::TestUnitReady::zeroed()), None);
}

#[test]
fn speeds_are_those_that_are_offered() {
    let mut bench = Bench::made("dvd+r", slow(80));
    let answer = bench.ask(&cdb::GetPerformance::write_speeds(16));
    assert_eq!(
        answer[..24],
        [0, 0, 0, 68, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0x23, 5, 0x3f, 0, 0, 0x2b, 0x48, 0, 0, 0x2b, 0x48]
    );
    let speeds = crate::mmc::performance::WriteSpeed::parse_all(&answer).unwrap();
    assert_eq!(speeds.iter().map(|speed| speed.write).collect::<Vec<_>>(), [11_080, 8310, 5540, 3324]);
    let set = cdb::SetStreaming::new();
    assert_eq!(bench.run(&set, &speeds[2].request().emit()).ending, Ending::Good);
    assert_eq!(bench.drive.write_speed, 5540);
    let beyond = crate::mmc::performance::Streaming { end: 2_295_104, ..speeds[2].request() };
    assert!(matches!(bench.run(&set, &beyond.emit()).ending, Ending::Check(sense) if sense.is(5, 0x26, 0)));
    assert_eq!(bench.sense(&cdb::SetCdSpeed::new(0xffff, 6000)), None);
    assert_eq!(bench.drive.write_speed, 5540);
    assert_eq!(bench.sense(&cdb::SetCdSpeed::new(0xffff, 0xffff)), None);
    assert_eq!(bench.drive.write_speed, 11_080);
}

#[test]
fn features_follow_the_disc() {
    use crate::mmc::feature::{Configuration, code};
    let mut cd = Bench::with("cd-rw");
    let all = Configuration::parse(&cd.ask(&cdb::GetConfiguration::new(0, 0, 8192))).unwrap();
    assert_eq!(all.current, Profile::CD_RW);
    let profiles = [0x43, 0x41, 0x2b, 0x1b, 0x1a, 0x15, 0x14, 0x13, 0x12, 0x11, 0x0a, 0x09];
    assert_eq!(all.profiles(), profiles.map(Profile));
    assert!(all.is_current(code::CD_TAO) && !all.is_current(code::DVD_PLUS_R) && all.can_test_write());
    assert!(all.features.windows(2).all(|pair| pair[0].code < pair[1].code));
    assert_eq!(all.serial().as_deref(), Some("VD000001"));
    let one = cd.ask(&cdb::GetConfiguration::new(2, 0x2d, 8192));
    assert_eq!(one, [0, 0, 0, 12, 0, 0, 0, 0x0a, 0, 0x2d, 9, 4, 0x46, 0, 0x3f, 1]);
    // Session at once and raw; a cue sheet of 16 KiB at most.
    let one = cd.ask(&cdb::GetConfiguration::new(2, 0x2e, 8192));
    assert_eq!(one, [0, 0, 0, 12, 0, 0, 0, 0x0a, 0, 0x2e, 1, 4, 0x7f, 0, 0x40, 0]);
    let mut empty = Bench::empty(DriveOptions::default());
    let none = Configuration::parse(&empty.ask(&cdb::GetConfiguration::new(0, 0, 8192))).unwrap();
    assert_eq!(none.current, Profile::NONE);
    assert!(!none.is_current(code::CD_TAO) && none.feature(code::DVD_PLUS_R).is_some());
}

#[test]
fn a_write_repeated_blindly_after_an_error_is_held_against_the_host() {
    let faults = "write nth=2 sense(3/0C/00); write nth=3 sense-after(B/08/01)";
    let options = DriveOptions { faults: faults.parse().unwrap(), ..DriveOptions::default() };
    let mut bench = Bench::made("dvd+r:4096", options);
    assert_eq!(bench.write(0, 16), None);
    assert_eq!(bench.write(16, 16), Some((3, 0x0c, 0)));
    assert!(bench.drive.violations().is_empty());
    assert_eq!(bench.write(16, 16), Some((0x0b, 8, 1)));
    assert_eq!(bench.drive.violations().len(), 1);
    // The blocks were taken: who asks learns it.
    assert_eq!(bench.next_writable(), Some(32));
    assert_eq!(bench.write(32, 16), None);
    assert_eq!(bench.drive.violations().len(), 1);
    assert!(bench.drive.unfired().is_empty());
    assert!(bench.drive.scene().to_string().contains("VIOLATED WRITE of 16 blocks at 16"));
}

#[test]
fn faults_delay_and_make_the_drive_vanish() {
    let faults = "read-toc hang(60s); inquiry vanish; test-unit-ready busy";
    let options = DriveOptions { faults: faults.parse().unwrap(), ..DriveOptions::default() };
    let mut bench = Bench::empty(options);
    assert_eq!(bench.run(&cdb::TestUnitReady::zeroed(), &[]).ending, Ending::Busy);
    assert_eq!(bench.run(&cdb::ReadToc::new(0, 0, 4), &[]).takes, Duration::from_secs(60));
    assert_eq!(bench.run(&cdb::Inquiry::new(36), &[]).ending, Ending::Vanished);
}

#[test]
fn data_of_another_length_than_announced_are_refused() {
    let mut bench = Bench::with("dvd+r:4096");
    for length in [0, BLOCK, 2 * BLOCK - 1, 2 * BLOCK + 1] {
        let reply = bench.run(&cdb::Write10::new(0, 2), &vec![0; length]);
        assert!(matches!(reply.ending, Ending::Check(sense) if sense.is(5, 0x1a, 0)), "{length}");
        assert_eq!(bench.next_writable(), Some(0));
    }
}
