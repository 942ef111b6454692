//! What a drive answers in every state, and to anything at all.

use super::*;

/// What each state says to each command: a sense, or that it goes.
#[test]
fn every_state_answers_every_command_as_it_should() {
    type State = (&'static str, fn() -> Bench);
    type Command = (&'static str, fn(&mut Bench) -> Option<(u8, u8, u8)>);
    let states: [State; 8] = [
        ("empty", || Bench::empty(DriveOptions::default())),
        ("open", || Bench::empty(DriveOptions { open: true, ..DriveOptions::default() })),
        ("loading", || {
            let mut bench = Bench::empty(DriveOptions::default());
            bench.drive.start_with(Medium::in_memory("cd-r".parse().unwrap()));
            bench
        }),
        ("cd blank", || Bench::with("cd-r")),
        ("cd writing", || {
            let mut bench = Bench::with("cd-r");
            bench.write(0, 16);
            bench
        }),
        ("cd closed", || {
            let mut bench = Bench::with("cd-r");
            (0..320).step_by(16).for_each(|lba| {
                bench.write(lba, 16);
            });
            bench.flush();
            bench.close(2, 0);
            bench
        }),
        ("dvd writing", || {
            let mut bench = Bench::with("dvd+r:4096");
            bench.write(0, 16);
            bench
        }),
        ("dvd closed", || {
            let mut bench = Bench::with("dvd+r:4096");
            bench.write(0, 16);
            bench.close(1, 1);
            bench.close(6, 0);
            bench
        }),
    ];
    let commands: [Command; 10] = [
        ("ready", |bench| bench.sense(&cdb::TestUnitReady::zeroed())),
        ("toc", |bench| bench.sense(&cdb::ReadToc::new(0, 0, 12))),
        ("disc", |bench| bench.sense(&cdb::ReadDiscInformation::new(34))),
        ("track", |bench| bench.sense(&cdb::ReadTrackInformation::track(0xff))),
        ("write", |bench| bench.write(16, 16)),
        ("read", |bench| bench.sense(&cdb::Read10::new(0, 1))),
        ("session", |bench| bench.close(2, 0)),
        ("blank", |bench| bench.sense(&cdb::Blank::new(1, false))),
        ("reserve", |bench| bench.sense(&cdb::ReserveTrack::new(320))),
        ("eject", |bench| bench.sense(&cdb::StartStopUnit::eject(false))),
    ];
    let mut table = String::new();
    for (state, make) in states {
        table += &format!("{state:12}");
        for (_, command) in commands {
            let sense = command(&mut make());
            table +=
                &sense.map_or(" ok     ".into(), |(key, asc, ascq)| format!(" {key:X}/{asc:02X}/{ascq:02X}"));
        }
        table += "\n";
    }
    let head = commands.map(|(name, _)| format!(" {name:7}")).concat();
    let table = format!("{:12}{head}\n{table}", "");
    assert_eq!(
        table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"),
        STATES.trim_matches('\n'),
        "\n{table}"
    );
}

const STATES: &str = "
             ready   toc     disc    track   write   read    session blank   reserve eject
empty        2/3A/01 2/3A/01 2/3A/01 2/3A/01 2/3A/01 2/3A/01 2/3A/01 2/3A/01 2/3A/01 ok
open         2/3A/02 2/3A/02 2/3A/02 2/3A/02 2/3A/02 2/3A/02 2/3A/02 2/3A/02 2/3A/02 ok
loading      2/04/01 2/04/01 2/04/01 2/04/01 2/04/01 2/04/01 2/04/01 2/04/01 2/04/01 2/04/01
cd blank     ok      5/24/00 ok      ok      5/21/02 5/21/00 5/2C/00 5/30/05 ok      ok
cd writing   ok      5/24/00 ok      ok      ok      5/2C/00 ok      5/30/05 5/2C/00 ok
cd closed    ok      ok      ok      5/24/00 7/27/00 ok      7/27/00 5/30/05 5/2C/00 ok
dvd writing  ok      5/24/00 ok      ok      ok      ok      5/72/03 5/30/05 5/2C/00 ok
dvd closed   ok      ok      ok      5/24/00 7/27/00 ok      7/27/00 5/30/05 5/2C/00 ok
";

/// Commands that a host might send, in any order, with fields that may be nonsense.
fn any_command() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let known = prop_oneof![
        (any::<i16>(), 0_u16..40)
            .prop_map(|(lba, blocks)| cdb::Write10::new(lba.into(), blocks).as_bytes().to_vec()),
        (any::<i16>(), 0_u16..40)
            .prop_map(|(lba, blocks)| cdb::Read10::new(lba.into(), blocks).as_bytes().to_vec()),
        any::<bool>().prop_map(|immed| cdb::SynchronizeCache::new(immed).as_bytes().to_vec()),
        (0_u8..8, 0_u16..5, any::<bool>()).prop_map(|(function, track, immed)| {
            cdb::CloseTrackSession::new(function, track, immed).as_bytes().to_vec()
        }),
        (0_u32..9000).prop_map(|size| cdb::ReserveTrack::new(size).as_bytes().to_vec()),
        (0_u8..8, 0_u32..30_000)
            .prop_map(|(what, address)| { cdb::Blank::new(what, false).at(address).as_bytes().to_vec() }),
        (any::<i16>(), 0_u32..60, any::<u8>(), any::<u8>()).prop_map(|(lba, blocks, main, sub)| {
            cdb::ReadCd::new(lba.into(), blocks, main).with_sub_channel(sub).as_bytes().to_vec()
        }),
        (0_u32..300).prop_map(|track| cdb::ReadTrackInformation::track(track).as_bytes().to_vec()),
        (0_u8..8).prop_map(|format| cdb::ReadToc::new(format, 0, 2048).as_bytes().to_vec()),
        (0_u8..4).prop_map(|action| vec![0x1b, 0, 0, 0, action, 0]),
        Just(cdb::ReadDiscInformation::new(34).as_bytes().to_vec()),
        (
            prop_oneof![
                Just(0x46_u8),
                Just(0x5a),
                Just(0x51),
                Just(0x23),
                Just(0xac),
                Just(0xad),
                any::<u8>()
            ],
            proptest::collection::vec(any::<u8>(), 0..16)
        )
            .prop_map(|(opcode, rest)| [&[opcode][..], &rest].concat()),
    ];
    (known, proptest::collection::vec(any::<u8>(), 0..80))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_sequence_of_commands_makes_it_panic_or_go_back(
        kind in prop_oneof![Just("cd-r:30000"), Just("cd-rw:5000"), Just("dvd+r:8192")],
        commands in proptest::collection::vec((any_command(), 0_u64..20, any::<bool>()), 1..60),
    ) {
        let mut bench = Bench::with(kind);
        let mut highest = 0;
        for ((cdb, noise), millis, at_next) in commands {
            bench.now += Duration::from_millis(millis);
            let next = bench.drive.visible_layout().ok().and_then(|layout| layout.open_track()?.next);
            let mut cdb = cdb;
            if let (Some(mut write), Some(next), true) = (cdb::Write10::read(&cdb), next, at_next) {
                write.lba = i32::try_from(next).unwrap().into();
                cdb = write.as_bytes().to_vec();
            }
            let data = match cdb::Write10::read(&cdb).map(|write| write.transfer()) {
                Some(Transfer::ToDrive(bytes)) => vec![7; bytes],
                _ => noise,
            };
            let reply = bench.drive.execute(&cdb, &data, bench.now);
            bench.now += reply.takes;
            prop_assert!(reply.data.len() <= 65_535 * 512);
            let layout = bench.drive.medium().unwrap().layout();
            prop_assert!(layout.is_sound(), "{}", bench.drive.scene());
            if cdb.first() == Some(&0xa1) {
                highest = 0;
            }
            // The next writable address of what is open never falls, except by erasing.
            let end = layout.data_end();
            prop_assert!(end >= highest, "{} < {highest}\n{}", end, bench.drive.scene());
            highest = end;
        }
    }
}
