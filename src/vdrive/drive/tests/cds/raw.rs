//! Raw sessions: the host makes every byte of the main channel and the sub-channels.

use super::*;

/// The Q that a host makes for each block of a raw session of one track of data and one of sound: its lead-in names
/// them and where they are.
fn raw_q(lba: i32) -> [u8; 12] {
    let position = |control, track, index, start: i32| Position {
        control,
        track,
        index,
        relative: Msf::from_lba((lba - start).abs() - 150).unwrap(),
        zero: 0,
        absolute: Msf::from_lba(lba).unwrap(),
    };
    let point = |control, point, absolute| Position {
        control,
        track: 0,
        index: point,
        relative: Msf::default(),
        zero: 0,
        absolute,
    };
    let q = match lba {
        ..-150 => match lba.rem_euclid(5) {
            0 => point(4, 0xa0, Msf::new(1, 0, 0)),
            1 => point(0, 0xa1, Msf::new(2, 0, 0)),
            2 => point(0, 0xa2, Msf::from_lba(900).unwrap()),
            3 => point(4, 0x01, Msf::from_lba(0).unwrap()),
            _ => point(0, 0x02, Msf::from_lba(450).unwrap()),
        },
        -150..0 => position(4, 1, 0, 0),
        0..300 => position(4, 1, 1, 0),
        // A pause is the next track's already.
        350 | 700 => return crate::mmc::subchannel::isrc(0, b"DEABC0712345", 7),
        300..450 => position(0, 2, 0, 450),
        450..900 => position(0, 2, 1, 450),
        _ => position(0, LEAD_OUT, 1, 900),
    };
    q.emit()
}

/// What a host sends for a block of it: data scrambled, and 96 bytes or 16 of sub-channels.
fn raw_block(lba: i32, block_type: u8) -> Vec<u8> {
    let mut main = match lba {
        -150..300 => mode_1(lba, &[0x5a; BLOCK]),
        300..900 => sound(lba).try_into().unwrap(),
        _ => [0; SECTOR],
    };
    if (-150..300).contains(&lba) {
        crate::mmc::sector::scramble(&mut main);
    }
    let q = raw_q(lba);
    match block_type {
        // Its check bytes are the drive's.
        1 => [&main[..], &q[..10], &[0; 6]].concat(),
        // A bit of R in every byte.
        _ => [&main[..], &crate::mmc::subchannel::raw(false, &q).map(|byte| byte | 0x20)].concat(),
    }
}

impl Bench {
    fn write_raw(&mut self, from: i32, end: i32, block_type: u8) {
        for at in (from..end).step_by(50) {
            let blocks = (end - at).min(50);
            let data: Vec<u8> =
                (at..).take(blocks as usize).flat_map(|lba| raw_block(lba, block_type)).collect();
            assert_eq!(self.write_bytes(at, blocks as u16, &data), None, "{at}");
        }
    }
}

#[test]
fn a_raw_session_is_what_its_sub_channels_say() {
    for block_type in [1, 3] {
        let mut bench = Bench::with("cd-r:20000");
        assert_eq!(bench.parameters(&raw(block_type)), Ending::Good);
        let first = raw_block(-12_508, block_type);
        assert_eq!(bench.write_bytes(-150, 1, &first), Some((5, 0x21, 2)));
        assert!(bench.next_writable().is_some());
        assert_eq!(bench.write_bytes(-12_508, 1, &first[1..]), Some((5, 0x1a, 0)));
        assert!(bench.next_writable().is_some());
        bench.write_raw(-12_508, 900 + 6750, block_type);
        bench.flush();
        assert_eq!(bench.disc().status, DiscStatus::Complete);
        let toc = bench.ask(&cdb::ReadToc::new(0, 0, 804));
        #[rustfmt::skip]
        assert_eq!(toc, [
            0, 26, 1, 2,
            0, 0x14, 1, 0, 0, 0, 0, 0,
            0, 0x10, 2, 0, 0, 0, 0x01, 0xc2,
            0, 0x10, 0xaa, 0, 0, 0, 0x03, 0x84,
        ]);
        assert_eq!(bench.sectors(10, 1, 0xf8, 0), mode_1(10, &[0x5a; BLOCK]));
        assert_eq!(bench.sense(&cdb::Read10::new(299, 1)), None);
        assert_eq!(bench.sectors(450, 2, 0x10, 0), sounds(450, 2));
        assert_eq!(bench.sectors(320, 1, 0x10, 0), sound(320));
        let code = bench.ask(&ReadSubChannel::new(ReadSubChannel::ISRC, 2, 24));
        assert_eq!(code[9..21], *b"DEABC0712345");
        assert_eq!(bench.ask(&ReadSubChannel::new(ReadSubChannel::ISRC, 1, 24))[8..21], [0; 13]);
        let channels = bench.sectors(460, 1, 0, 1);
        assert_eq!(q_of(channels[..].try_into().unwrap()), raw_q(460));
        assert_eq!(channels[0] & 0x3f, if block_type == 1 { 0 } else { 0x20 });
        assert!(bench.drive.violations().is_empty());
    }
}

#[test]
fn a_raw_session_without_lead_out_or_contents_is_damaged() {
    for (from, end) in [(-12_508, 900), (-150, 1000)] {
        let mut bench = Bench::with("cd-r:20000");
        bench.parameters(&raw(3));
        // What has no points in its lead-in: positions of the programme from the start.
        if from == -150 {
            let block = raw_block(1000, 3);
            for at in (-12_508..-150).step_by(50) {
                let blocks = (-150 - at).min(50);
                let data = block.repeat(blocks as usize);
                assert_eq!(bench.write_bytes(at, blocks as u16, &data), None);
            }
        }
        bench.write_raw(from, end, 3);
        bench.flush();
        assert!(bench.cd_track(1).damaged);
        assert!(bench.drive.violations()[0].contains("raw session"));
    }
}
