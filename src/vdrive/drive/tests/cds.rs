//! CDs: sound and data, a track or a session at once, read back in every form.

mod deeds;
mod raw;

use super::*;
use crate::mmc::cd_text::{self, Pack};
use crate::mmc::cdb::{ReadCd, ReadSubChannel};
use crate::mmc::cue::CueEntry;
use crate::mmc::msf::Msf;
use crate::mmc::page::DataBlock;
use crate::mmc::sector::{SECTOR, mode_1};
use crate::mmc::subchannel::{Position, q_of};
use crate::mmc::toc::LEAD_OUT;
use crate::mmc::track_info::TrackInformation;

/// Sound of its own in every block.
fn sound(lba: i32) -> Vec<u8> {
    let noise = |at: u32| (at.wrapping_add_signed(lba * 7919).wrapping_mul(2_654_435_761) >> 15) as u8;
    (0..SECTOR as u32).map(noise).collect()
}

fn sounds(lba: i32, blocks: u32) -> Vec<u8> {
    (lba..).take(blocks as usize).flat_map(sound).collect()
}

fn audio_track() -> WriteParameters {
    WriteParameters {
        track_mode: 2,
        data_block: DataBlock(0),
        ..WriteParameters::cd_track_at_once(MultiSession::Last, false)
    }
}

fn session_at_once(more: bool, test: bool) -> WriteParameters {
    let multi = if more { MultiSession::More } else { MultiSession::Last };
    WriteParameters {
        write_type: page::WriteType::SessionAtOnce,
        ..WriteParameters::cd_track_at_once(multi, test)
    }
}

fn raw(block_type: u8) -> WriteParameters {
    WriteParameters {
        write_type: page::WriteType::Raw,
        data_block: DataBlock(block_type),
        ..WriteParameters::cd_track_at_once(MultiSession::Last, false)
    }
}

fn entry(control_adr: u8, track: u8, index: u8, form: u8, lba: i32) -> [u8; 8] {
    let start = Msf::from_lba(lba).unwrap();
    CueEntry { control_adr, track, index, form, scms: 0, start }.emit()
}

fn text(control_adr: u8, from: usize, text: &[u8]) -> [u8; 8] {
    let mut entry = [0; 8];
    entry[0] = control_adr;
    entry[from..from + text.len()].copy_from_slice(text);
    entry
}

fn isrc(track: u8, code: &[u8; 12]) -> [[u8; 8]; 2] {
    [&code[..6], &code[6..]].map(|half| {
        let mut entry = text(0x03, 2, half);
        entry[1] = track;
        entry
    })
}

/// Two tracks of sound: the first with an index 2, the second with a pause of 75 blocks, pre-emphasis and copying.
fn sheet(lead_in: u8) -> Vec<[u8; 8]> {
    let mut sheet =
        vec![text(0x02, 1, b"4012345"), text(0x02, 1, b"123456\0"), entry(1, 0, 0, lead_in, -150)];
    sheet.extend(isrc(1, b"DEABC0712345"));
    sheet.extend([entry(1, 1, 0, 0, -150), entry(1, 1, 1, 0, 0), entry(1, 1, 2, 0, 200)]);
    sheet.extend([entry(0x31, 2, 0, 0, 400), entry(0x31, 2, 1, 0, 475), entry(1, LEAD_OUT, 1, 1, 900)]);
    sheet
}

fn pack(kind: u8, number: u8) -> Pack {
    let mut pack = [0; cd_text::PACK];
    pack[..4].copy_from_slice(&[kind, 0, number, 0]);
    pack[4..16].copy_from_slice(b"Lieder\0Nacht");
    cd_text::seal(&mut pack);
    pack
}

impl Bench {
    fn cue_sheet(&mut self, sheet: &[[u8; 8]]) -> Option<(u8, u8, u8)> {
        let bytes = sheet.as_flattened();
        numbers(self.run(&cdb::SendCueSheet::new(bytes.len() as u32), bytes).ending)
    }

    fn write_bytes(&mut self, lba: i32, blocks: u16, data: &[u8]) -> Option<(u8, u8, u8)> {
        numbers(self.run(&cdb::Write10::new(lba, blocks), data).ending)
    }

    /// Writes sound from `lba` up to `end`.
    fn write_sound(&mut self, lba: i32, end: i32) {
        for at in (lba..end).step_by(26) {
            let blocks = (end - at).min(26);
            assert_eq!(self.write_bytes(at, blocks as u16, &sounds(at, blocks as u32)), None, "{at}");
        }
    }

    fn sectors(&mut self, lba: i32, blocks: u32, main: u8, sub: u8) -> Vec<u8> {
        self.ask(&ReadCd::new(lba, blocks, main).with_sub_channel(sub))
    }

    fn cd_track(&mut self, number: u32) -> TrackInformation {
        TrackInformation::parse(&self.ask(&cdb::ReadTrackInformation::track(number))).unwrap()
    }

    /// Writes what [`sheet`] announces.
    fn burn_sheet(&mut self, more: bool) {
        assert_eq!(self.parameters(&session_at_once(more, false)), Ending::Good);
        assert_eq!(self.cue_sheet(&sheet(0x01)), None);
        self.write_sound(-150, 900);
        self.flush();
    }
}

fn numbers(ending: Ending) -> Option<(u8, u8, u8)> {
    match ending {
        Ending::Good => None,
        Ending::Check(sense) => Some((sense.key, sense.asc, sense.ascq)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sound_is_written_a_track_at_once_and_read_back_bit_by_bit() {
    let mut bench = Bench::with("cd-r:20000");
    let parameters =
        WriteParameters { mcn: Some(*b"4012345123456"), isrc: Some(*b"DEABC0712345"), ..audio_track() };
    assert_eq!(bench.parameters(&parameters), Ending::Good);
    bench.write_sound(0, 400);
    // A track holds one thing, and blocks are as long as they were said to be.
    assert_eq!(bench.write_bytes(400, 1, &[0; BLOCK]), Some((5, 0x1a, 0)));
    assert_eq!(bench.next_writable(), Some(400));
    bench.track_at_once(false, false);
    assert_eq!(bench.write(400, 1), Some((5, 0x64, 0)));
    assert_eq!(bench.next_writable(), Some(400));
    bench.flush();
    assert_eq!(bench.next_writable(), Some(552));
    for lba in (552..852).step_by(30) {
        assert_eq!(bench.write(lba, 30), None);
    }
    bench.flush();
    assert_eq!(bench.close(2, 0), None);
    // Control 2: copying is permitted; 4: data.
    let toc = bench.ask(&cdb::ReadToc::new(0, 0, 804));
    assert_eq!(toc[4..8], [0, 0x12, 1, 0]);
    assert_eq!(toc[12..], [0, 0x14, 2, 0, 0, 0, 2, 0x28, 0, 0x14, 0xaa, 0, 0, 0, 3, 0x56]);
    assert_eq!(bench.sectors(0, 26, 0x10, 0), sounds(0, 26));
    assert_eq!(bench.sectors(390, 12, 0xf8, 0), [sounds(390, 10), vec![0; 2 * SECTOR]].concat());
    assert_eq!(bench.sense(&cdb::Read10::new(0, 1)), Some((5, 0x64, 0)));
    assert_eq!(bench.sectors(552, 1, 0xf8, 0), mode_1(552, &[0x5a; BLOCK]));
    // The run-out of a data track holds nothing.
    assert_eq!(bench.sense(&ReadCd::new(852, 1, 0xf8)), Some((5, 0x64, 0)));
    let wrong = ReadCd::new(0, 1, 0x10).expecting(2);
    assert_eq!(bench.sense(&wrong), Some((5, 0x64, 0)));
    let catalog = bench.ask(&ReadSubChannel::new(ReadSubChannel::CATALOG, 0, 24));
    assert_eq!(catalog, *b"\0\x15\0\x14\x02\x22\0\0\x804012345123456\0\0");
    let code = bench.ask(&ReadSubChannel::new(ReadSubChannel::ISRC, 1, 24));
    assert_eq!(code, *b"\0\x15\0\x14\x03\x32\x01\0\x80DEABC0712345\0\0\0");
    assert_eq!(bench.ask(&ReadSubChannel::new(ReadSubChannel::ISRC, 2, 24))[8..20], [0; 12]);
    assert!(bench.drive.violations().is_empty());
}

#[test]
fn a_session_at_once_has_everything_that_its_cue_sheet_says() {
    let mut bench = Bench::with("cd-r:20000");
    bench.burn_sheet(false);
    assert_eq!(bench.disc().status, DiscStatus::Complete);
    let full = bench.ask(&cdb::ReadToc::new(2, 1, 804));
    #[rustfmt::skip]
    assert_eq!(full, [
        0, 57, 1, 1,
        1, 0x10, 0, 0xa0, 0, 0, 0, 0, 1, 0, 0,
        1, 0x13, 0, 0xa1, 0, 0, 0, 0, 2, 0, 0,
        1, 0x13, 0, 0xa2, 0, 0, 0, 0, 0, 14, 0,
        1, 0x10, 0, 0x01, 0, 0, 0, 0, 0, 2, 0,
        1, 0x13, 0, 0x02, 0, 0, 0, 0, 0, 8, 25,
    ]);
    for lba in (-150..900).step_by(30) {
        assert_eq!(bench.sectors(lba, 30, 0x10, 0), sounds(lba, 30), "{lba}");
    }
    assert_eq!(bench.sense(&ReadCd::new(900, 1, 0x10)), Some((5, 0x21, 0)));
    for (lba, track, index, relative) in [
        (-1, 1, 0, Msf::new(0, 0, 0)),
        (10, 1, 1, Msf::new(0, 0, 10)),
        (200, 1, 2, Msf::new(0, 2, 50)),
        (400, 2, 0, Msf::new(0, 0, 74)),
        (475, 2, 1, Msf::new(0, 0, 0)),
    ] {
        let raw = bench.sectors(lba, 1, 0, 1);
        let position = Position::parse(&q_of(raw[..].try_into().unwrap())).unwrap();
        assert_eq!((position.track, position.index, position.relative), (track, index, relative), "{lba}");
        assert_eq!(bench.sectors(lba, 1, 0, 2)[..12], q_of(raw[..].try_into().unwrap()));
    }
    let code = bench.ask(&ReadSubChannel::new(ReadSubChannel::ISRC, 1, 24));
    assert_eq!(code[9..21], *b"DEABC0712345");
    assert_eq!(bench.ask(&ReadSubChannel::new(ReadSubChannel::CATALOG, 0, 24))[9..22], *b"4012345123456");
    let info = bench.cd_track(2);
    assert_eq!((info.start, info.size, info.mode, info.copy), (475, 425, 3, true));
    assert_eq!(bench.sense(&cdb::ReadToc::new(5, 0, 804)), Some((5, 0x24, 0)));
    assert!(bench.drive.violations().is_empty());
}

#[test]
fn a_session_at_once_is_written_where_it_goes_on_and_nowhere_else() {
    let mut bench = Bench::with("cd-r:20000");
    assert_eq!(bench.cue_sheet(&sheet(0x01)), Some((5, 0x2c, 0)));
    assert_eq!(bench.parameters(&session_at_once(false, false)), Ending::Good);
    assert_eq!(bench.write_bytes(-150, 1, &sound(0)), Some((5, 0x2c, 0)));
    assert_eq!(bench.cue_sheet(&sheet(0x01)), None);
    assert_eq!(bench.next_writable(), Some(-150));
    assert_eq!(bench.write_bytes(0, 1, &sound(0)), Some((5, 0x21, 2)));
    assert_eq!(bench.write_bytes(-150, 1, &[0; BLOCK]), Some((5, 0x1a, 0)));
    bench.write_sound(-150, 26);
    assert_eq!(bench.next_writable(), Some(26));
    assert_eq!(bench.disc().status, DiscStatus::Appendable);
    // Once begun there is no other way, neither to write nor to close.
    let Ending::Check(sense) = bench.parameters(&audio_track()) else { panic!("another write type") };
    assert!(sense.is(5, 0x2c, 0));
    assert_eq!(bench.cue_sheet(&sheet(0x01)), Some((5, 0x2c, 0)));
    assert_eq!(bench.close(2, 0), Some((5, 0x2c, 0)));
    bench.write_sound(26, 900);
    assert_eq!(bench.write_bytes(900, 1, &sound(0)), Some((5, 0x21, 0)));
    bench.flush();
    assert_eq!(bench.disc().status, DiscStatus::Complete);
}

#[test]
fn cd_text_is_written_into_the_lead_in_and_read_from_there() {
    let mut bench = Bench::with("cd-r:20000");
    assert_eq!(bench.parameters(&session_at_once(false, false)), Ending::Good);
    assert_eq!(bench.cue_sheet(&sheet(0x41)), None);
    // Three packs, four to a block, again and again: 97:15:17 is 12508 blocks before the first.
    let packs = [pack(0x80, 0), pack(0x80, 1), pack(0x81, 2)];
    assert_eq!(bench.next_writable(), Some(-12_508));
    let mut endless = packs.iter().cycle().copied();
    for lba in (-12_508..-150).step_by(37) {
        let blocks = (-150 - lba).min(37);
        let symbols: Vec<u8> = (0..blocks)
            .flat_map(|_| cd_text::unfold(&std::array::from_fn(|_| endless.next().unwrap())))
            .collect();
        assert_eq!(bench.write_bytes(lba, blocks as u16, &symbols), None, "{lba}");
    }
    bench.write_sound(-150, 900);
    bench.flush();
    let answer = bench.ask(&cdb::ReadToc::new(5, 0, 804));
    assert_eq!(answer, [&[0, 56, 0, 0][..], packs.as_flattened()].concat());
    assert!(bench.drive.violations().is_empty());
}

#[test]
fn data_and_sound_share_a_session_at_once() {
    let mut bench = Bench::with("cd-rw:20000");
    assert_eq!(bench.parameters(&session_at_once(false, false)), Ending::Good);
    let sheet = [
        entry(0x41, 0, 0, 0x14, -150),
        entry(0x41, 1, 0, 0x10, -150),
        entry(0x41, 1, 1, 0x10, 0),
        // The drive makes this pause itself.
        entry(0x01, 2, 0, 0x01, 300),
        entry(0x01, 2, 1, 0x00, 450),
        entry(0x01, LEAD_OUT, 1, 0x01, 750),
    ];
    assert_eq!(bench.cue_sheet(&sheet), None);
    for lba in (-150..300).step_by(30) {
        assert_eq!(bench.write(lba, 30), None);
    }
    assert_eq!(bench.next_writable(), Some(450));
    bench.write_sound(450, 750);
    bench.flush();
    assert_eq!(bench.sense(&cdb::Read10::new(299, 1)), None);
    assert_eq!(bench.sense(&cdb::Read10::new(300, 1)), Some((5, 0x64, 0)));
    assert_eq!(bench.sectors(299, 1, 0xf8, 0), mode_1(299, &[0x5a; BLOCK]));
    assert_eq!(bench.sectors(300, 1, 0xf8, 0), [0; SECTOR]);
    assert_eq!(bench.sectors(749, 1, 0xf8, 0), sound(749));
    assert_eq!(bench.sense(&cdb::Blank::new(1, false)), None);
    assert_eq!(bench.disc().status, DiscStatus::Blank);
    bench.burn_sheet(false);
    assert_eq!(bench.sectors(449, 1, 0x10, 0), sound(449));
}

#[test]
fn sessions_at_once_follow_each_other() {
    let mut bench = Bench::with("cd-r:40000");
    bench.burn_sheet(true);
    let start = 900 + 11_400;
    assert_eq!(bench.next_writable(), Some(start));
    assert_eq!(bench.parameters(&session_at_once(false, false)), Ending::Good);
    let sheet = [
        entry(0x41, 0, 0, 0x14, -150),
        entry(0x41, 3, 0, 0x10, start - 150),
        entry(0x41, 3, 1, 0x10, start),
        entry(0x41, LEAD_OUT, 1, 0x14, start + 300),
    ];
    assert_eq!(bench.cue_sheet(&sheet), None);
    for lba in (start - 150..start + 300).step_by(30) {
        assert_eq!(bench.write(lba, 30), None);
    }
    bench.flush();
    let info = bench.disc();
    assert_eq!((info.status, info.sessions), (DiscStatus::Complete, 2));
    assert_eq!(bench.ask(&cdb::ReadToc::new(1, 0, 12))[4..], [0, 0x14, 3, 0, 0, 0, 0x30, 0x0c]);
    assert_eq!(bench.sectors(0, 1, 0x10, 0), sound(0));
}

#[test]
fn a_cue_sheet_that_makes_no_session_is_refused_with_the_byte_that_is_wrong() {
    let change = |at: usize, byte: usize, value: u8| {
        let mut sheet = sheet(0x01);
        sheet[at][byte] = value;
        sheet
    };
    for (name, wrong, byte) in [
        ("catalog number of letters", change(0, 1, b'X'), Some(1 + 2 * 8)),
        ("half a catalog number", change(1, 0, 1), Some(8)),
        ("lead-in of data that are sent", change(2, 3, 0x10), Some(2 * 8 + 3)),
        ("reserved sub-channel", change(2, 3, 0x81), Some(2 * 8 + 3)),
        ("recording code of signs", change(3, 2, b'-'), Some(5 * 8 + 2)),
        ("reserved form", change(6, 3, 0x02), Some(6 * 8 + 3)),
        ("track that is left out", change(8, 1, 3), Some(8 * 8 + 2)),
        ("first track that is the second", change(5, 1, 2), Some(5 * 8 + 2)),
        ("index that is left out", change(7, 2, 3), Some(7 * 8 + 2)),
        ("time that goes back", change(9, 6, 4), Some(9 * 8 + 5)),
        ("second 60", change(9, 6, 60), Some(9 * 8 + 5)),
        ("track of less than four seconds", change(9, 6, 11), Some(10 * 8 + 5)),
        ("lead-out that is sent", change(10, 3, 0), Some(10 * 8 + 3)),
        ("pre-gap that is too short", change(5, 7, 1), Some(5 * 8 + 5)),
        ("no lead-out", sheet(0x01)[..10].to_vec(), Some(10 * 8 + 1)),
        ("nothing", Vec::new(), Some(0)),
    ] {
        let mut bench = Bench::with("cd-r:20000");
        bench.parameters(&session_at_once(false, false));
        let bytes = wrong.as_flattened();
        let reply = bench.run(&cdb::SendCueSheet::new(bytes.len() as u32), bytes);
        let Ending::Check(sense) = reply.ending else { panic!("{name}") };
        assert_eq!((sense.is(5, 0x26, 0), sense.field), (true, byte), "{name}");
        assert_eq!(bench.write_bytes(-150, 1, &sound(0)), Some((5, 0x2c, 0)), "{name}");
    }
    let mut bench = Bench::with("cd-r:899");
    bench.parameters(&session_at_once(false, false));
    assert_eq!(bench.cue_sheet(&sheet(0x01)), Some((5, 0x21, 0)));
}

#[test]
fn a_test_write_of_a_session_at_once_leaves_the_disc_blank() {
    let mut bench = Bench::with("cd-r:20000");
    bench.parameters(&session_at_once(false, true));
    assert_eq!(bench.cue_sheet(&sheet(0x01)), None);
    bench.write_sound(-150, 900);
    bench.flush();
    assert_eq!(bench.disc().status, DiscStatus::Blank);
    assert!(bench.drive.medium().unwrap().layout().is_blank());
    assert_eq!(bench.cue_sheet(&sheet(0x01)), None);
}

#[test]
fn a_session_at_once_that_ends_early_is_held_against_the_host_or_lost_with_the_power() {
    let begun = || {
        let mut bench = Bench::with("cd-r:20000");
        bench.parameters(&session_at_once(false, false));
        bench.cue_sheet(&sheet(0x01));
        bench.write_sound(-150, 26);
        bench
    };
    let mut short = begun();
    short.flush();
    assert!(short.drive.violations()[0].contains("874 blocks short"));
    assert_eq!(short.sectors(899, 1, 0x10, 0), [0; SECTOR]);
    let lose: [fn(&mut Bench); 2] = [
        |bench| bench.drive.power_cut(bench.now),
        |bench| {
            bench.drive.eject(bench.now).unwrap();
            bench.drive.load(bench.now);
        },
    ];
    for lose in lose {
        let mut lost = begun();
        lose(&mut lost);
        lost.now += Duration::from_secs(1);
        while lost.sense(&cdb::TestUnitReady::zeroed()).is_some() {}
        assert!(lost.cd_track(1).damaged);
        lost.parameters(&session_at_once(false, false));
        assert_eq!(lost.cue_sheet(&sheet(0x01)), Some((5, 0x2c, 0)));
    }
}

#[test]
fn read_cd_msf_reads_the_same_blocks() {
    let mut bench = Bench::with("cd-r:20000");
    bench.burn_sheet(false);
    let mut cdb = cdb::ReadCdMsf::zeroed();
    (cdb.start, cdb.end, cdb.main_channel) = ([0, 2, 10], [0, 2, 12], 0x10);
    assert_eq!(bench.ask(&cdb), sounds(10, 2));
    cdb.end = [0, 2, 9];
    assert_eq!(bench.sense(&cdb), Some((5, 0x24, 0)));
    assert_eq!(bench.sense(&ReadCd::new(0, 1, 0x10).expecting(ReadCd::AUDIO)), None);
    for (main, sub) in [(0x16, 0), (0x11, 0), (0x10, 3)] {
        let cdb = ReadCd::new(0, 1, main).with_sub_channel(sub);
        assert_eq!(bench.sense(&cdb), Some((5, 0x24, 0)), "{main:02x} {sub}");
    }
    let with_errors = bench.sectors(0, 2, 0x12, 2);
    assert_eq!(with_errors.len(), 2 * (SECTOR + 294 + 16));
    assert_eq!(with_errors[SECTOR..SECTOR + 294], [0; 294]);
}

#[test]
fn mode_2_is_written_a_track_at_once_in_all_its_forms() {
    for (block, bytes, selection, read) in
        [(9, 2336, 0x10, 2336), (10, 2048, 0x10, 2048), (11, 2056, 0x50, 2056), (12, 2324, 0x10, 2324)]
    {
        let mut bench = Bench::with("cd-r:20000");
        let parameters = WriteParameters {
            data_block: DataBlock(block),
            session_format: 0x20,
            ..WriteParameters::cd_track_at_once(MultiSession::Last, false)
        };
        assert_eq!(bench.parameters(&parameters), Ending::Good);
        let data: Vec<u8> = sounds(3, 1)[..bytes].iter().map(|byte| byte & 0x1f).collect();
        assert_eq!(bench.write_bytes(0, 1, &data), None);
        bench.flush();
        assert_eq!(bench.close(2, 0), None);
        assert_eq!(bench.sectors(0, 1, selection, 0), data[..read], "{block}");
        assert_eq!(bench.ask(&cdb::ReadToc::new(2, 1, 804))[13], 0x20);
    }
}

#[test]
fn a_disc_is_exported_as_bin_and_cue_and_found_again_in_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.disc");
    let mut drive = Drive::new(DriveOptions::default());
    drive.start_with(Medium::create(&path, "cd-r:20000".parse().unwrap()).unwrap());
    let mut bench = Bench { drive, now: Duration::from_secs(1) };
    while bench.sense(&cdb::TestUnitReady::zeroed()).is_some() {}
    bench.burn_sheet(false);
    drop(bench);
    let medium = Medium::open(&path).unwrap();
    medium.export(&folder.path().join("out.cue")).unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("out.bin") == sounds(0, 900), "the .bin holds something else");
    let sheet = [
        "CATALOG 4012345123456",
        "FILE \"out.bin\" BINARY",
        "  TRACK 01 AUDIO",
        "    ISRC DEABC0712345",
        "    INDEX 01 00:00:00",
        "    INDEX 02 00:02:50",
        "  TRACK 02 AUDIO",
        "    FLAGS DCP PRE",
        "    INDEX 00 00:05:25",
        "    INDEX 01 00:06:25",
        "",
    ];
    assert_eq!(String::from_utf8(read("out.cue")).unwrap(), sheet.join("\n"));
    let refusal = medium.export(&folder.path().join("out.iso")).unwrap_err().to_string();
    assert!(refusal.starts_with("track 1 is no data track"), "{refusal}");
    assert!(medium.export(&folder.path().join("out.img")).is_err());
}

#[test]
fn a_rewritable_cd_is_erased_piece_by_piece() {
    let mut bench = Bench::with("cd-rw:40000");
    let blank =
        |bench: &mut Bench, what: u8, address: u32| bench.sense(&cdb::Blank::new(what, false).at(address));
    bench.burn_sheet(true);
    bench.track_at_once(true, false);
    let start = 900 + 11_400;
    for lba in (start..start + 300).step_by(30) {
        assert_eq!(bench.write(lba, 30), None);
    }
    bench.flush();
    assert_eq!(blank(&mut bench, cdb::Blank::TRACK, 10), Some((5, 0x24, 0)));
    assert_eq!(blank(&mut bench, cdb::Blank::TRACK, start as u32), None);
    let info = bench.cd_track(3);
    assert_eq!((info.reserved, info.blank, info.next_writable, info.size), (true, true, Some(start), 302));
    assert_eq!(blank(&mut bench, cdb::Blank::UNRESERVE, 0), None);
    assert_eq!(blank(&mut bench, cdb::Blank::UNRESERVE, 0), Some((5, 0x2c, 0)));
    assert_eq!(blank(&mut bench, cdb::Blank::UNCLOSE, 0), None);
    let info = bench.disc();
    assert_eq!((info.status, info.sessions), (DiscStatus::Appendable, 1));
    assert_eq!(blank(&mut bench, cdb::Blank::SESSION, 0), None);
    assert_eq!(bench.disc().status, DiscStatus::Blank);
    assert_eq!(blank(&mut bench, 7, 0), Some((5, 0x24, 0)));
    bench.burn_sheet(false);
    assert_eq!(bench.sectors(0, 1, 0x10, 0), sound(0));
    assert!(bench.drive.violations().is_empty());
}

#[test]
fn a_track_of_a_cd_is_reserved_filled_and_closed() {
    let mut bench = Bench::with("cd-r:20000");
    assert_eq!(bench.sense(&cdb::ReserveTrack::new(400)), None);
    assert_eq!(bench.cd_track(1).size, 400);
    let pma = bench.ask(&cdb::ReadToc::new(3, 0, 804));
    assert_eq!(pma, [0, 13, 0, 0, 1, 0x14, 0, 1, 0, 7, 25, 0, 0, 2, 0]);
    assert_eq!(bench.parameters(&audio_track()), Ending::Good);
    bench.write_sound(0, 390);
    assert_eq!(bench.write_bytes(390, 11, &sounds(390, 11)), Some((5, 0x63, 0)));
    assert_eq!(bench.cd_track(1).next_writable, Some(390));
    assert_eq!(bench.close(2, 0), Some((5, 0x72, 4)));
    assert_eq!(bench.close(1, 1), None);
    assert_eq!(bench.close(2, 0), None);
    assert_eq!(bench.sectors(389, 11, 0x10, 0), [sounds(389, 1), vec![0; 10 * SECTOR]].concat());
    assert!(bench.drive.violations().is_empty());
}
