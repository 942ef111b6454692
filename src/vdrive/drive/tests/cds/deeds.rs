//! Whatever hosts and hands do to a CD, it stays one.

use super::*;

/// What a host, or somebody's hands, might do to a CD.
#[derive(Clone, Debug)]
enum Deed {
    Parameters(WriteParameters),
    CueSheet(u8, Option<(usize, usize, u8)>),
    Write(u16, bool),
    Flush,
    Close(u8),
    Blank(u8, u32),
    Read(i32, u8, u8),
    Ask(u8),
    Reserve(u32),
    PowerCut,
    Reload,
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let parameters = prop_oneof![
        any::<bool>().prop_map(|more| session_at_once(more, false)),
        any::<bool>().prop_map(|test| session_at_once(true, test)),
        Just(audio_track()),
        Just(WriteParameters::cd_track_at_once(MultiSession::More, false)),
        (1_u8..4).prop_map(raw),
    ];
    let spoiled = proptest::option::of((0_usize..11, 0_usize..8, any::<u8>()));
    prop_oneof![
        3 => parameters.prop_map(Deed::Parameters),
        3 => (prop_oneof![Just(0x01_u8), Just(0x41)], spoiled).prop_map(|(lead_in, spoiled)| Deed::CueSheet(lead_in, spoiled)),
        8 => (0_u16..400, proptest::bool::weighted(0.9)).prop_map(|(blocks, next)| Deed::Write(blocks, next)),
        2 => Just(Deed::Flush),
        2 => (0_u8..4).prop_map(Deed::Close),
        1 => (0_u8..8, 0_u32..30_000).prop_map(|(what, address)| Deed::Blank(what, address)),
        2 => (-200_i32..20_000, any::<u8>(), 0_u8..5).prop_map(|(lba, main, sub)| Deed::Read(lba, main, sub)),
        2 => (0_u8..6).prop_map(Deed::Ask),
        1 => (0_u32..9000).prop_map(Deed::Reserve),
        1 => Just(Deed::PowerCut),
        1 => Just(Deed::Reload),
    ]
}

impl Bench {
    fn act(&mut self, deed: &Deed) {
        match deed {
            Deed::Parameters(parameters) => {
                self.parameters(parameters);
            }
            Deed::CueSheet(lead_in, spoiled) => {
                let mut sheet = sheet(*lead_in);
                if let Some((entry, byte, value)) = spoiled {
                    sheet[*entry][*byte] = *value;
                }
                self.cue_sheet(&sheet);
            }
            Deed::Write(blocks, next) => {
                let at = self.next_writable().unwrap_or(0) - i32::from(!next);
                // One of these is what the drive waits for; it takes nothing of the others.
                for unit in [2352, 2048, 96, 2448, 2368, 2336] {
                    let data = vec![7; usize::from(*blocks) * unit];
                    if self.write_bytes(at, *blocks, &data) != Some((5, 0x1a, 0)) {
                        break;
                    }
                }
            }
            Deed::Flush => drop(self.sense(&cdb::SynchronizeCache::new(false))),
            Deed::Close(function) => drop(self.close(*function, 1)),
            Deed::Blank(what, address) => {
                let cdb = cdb::Blank::new(*what, false).at(*address);
                self.sense(&cdb);
            }
            Deed::Read(lba, main, sub) => {
                self.sense(&ReadCd::new(*lba, 3, *main).with_sub_channel(*sub));
            }
            Deed::Ask(format) => drop(self.sense(&cdb::ReadToc::new(*format, 1, 804))),
            Deed::Reserve(blocks) => drop(self.sense(&cdb::ReserveTrack::new(*blocks))),
            Deed::PowerCut => self.drive.power_cut(self.now),
            Deed::Reload => {
                let _ = self.drive.eject(self.now);
                self.drive.load(self.now);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_sequence_of_deeds_makes_a_cd_that_cannot_be(
        kind in prop_oneof![Just("cd-r:30000"), Just("cd-rw:13000"), Just("cd-rw:1000")],
        deeds in proptest::collection::vec(any_deed(), 1..60),
    ) {
        let mut bench = Bench::with(kind);
        for deed in deeds {
            bench.act(&deed);
            bench.now += Duration::from_millis(5);
            while bench.sense(&cdb::TestUnitReady::zeroed()).is_some() {
                bench.now += Duration::from_millis(5);
            }
            let scene = bench.drive.scene().to_string();
            let medium = bench.drive.medium().unwrap();
            let layout = medium.layout();
            prop_assert!(layout.is_sound(), "{deed:?}\n{scene}");
            // Whatever a closed session tells of itself can be read, or is the end of a data track.
            if let Ok(toc) = Toc::parse(&bench.run(&cdb::ReadToc::new(0, 0, 804), &[]).data) {
                for entry in toc.entries.iter().filter(|entry| entry.track != LEAD_OUT) {
                    let refused = bench.sense(&ReadCd::new(entry.start, 1, 0xf8));
                    prop_assert!(matches!(refused, None | Some((5, 0x64, 0) | (5, 0x2c, 0))), "{deed:?}\n{scene}");
                }
            }
        }
    }
}
