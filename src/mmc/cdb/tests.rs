use super::*;

/// Every command beside the bytes that the standard's tables give it. Fields have asymmetric values.
#[expect(clippy::too_many_lines, reason = "one table, a row a command")]
fn samples() -> Vec<(Vec<u8>, Vec<u8>, Transfer)> {
    fn row<C: Cdb>(cdb: C, bytes: &[u8]) -> (Vec<u8>, Vec<u8>, Transfer) {
        assert_eq!(C::read(bytes).map(|read| read.as_bytes().to_vec()), Some(bytes.to_vec()));
        (cdb.as_bytes().to_vec(), bytes.to_vec(), cdb.transfer())
    }
    use Transfer::{FromDrive, None, ToDrive};
    let check = |row: (Vec<u8>, Vec<u8>, Transfer), transfer| {
        assert_eq!(row.2, transfer, "{:02x?}", row.1);
        row
    };
    vec![
        check(row(TestUnitReady::zeroed(), &[0, 0, 0, 0, 0, 0]), None),
        check(row(RequestSense::new(18), &[3, 0, 0, 0, 18, 0]), FromDrive(18)),
        check(row(FormatUnit::new(), &[4, 0x11, 0, 0, 0, 0]), ToDrive(12)),
        check(row(FormatUnit::forgetting_defects(), &[4, 0x19, 0, 0, 0, 0]), ToDrive(12)),
        check(row(Inquiry::new(0x0124), &[0x12, 0, 0, 1, 0x24, 0]), FromDrive(0x124)),
        check(row(Inquiry::vital(0x80, 0x0124), &[0x12, 1, 0x80, 1, 0x24, 0]), FromDrive(0x124)),
        check(row(StartStopUnit::eject(true), &[0x1b, 1, 0, 0, 2, 0]), None),
        check(row(StartStopUnit::load(false), &[0x1b, 0, 0, 0, 3, 0]), None),
        check(row(StartStopUnit::start(false), &[0x1b, 0, 0, 0, 1, 0]), None),
        check(row(PreventAllow::new(true), &[0x1e, 0, 0, 0, 1, 0]), None),
        check(
            row(ReadFormatCapacities::new(0x01fc), &[0x23, 0, 0, 0, 0, 0, 0, 1, 0xfc, 0]),
            FromDrive(0x1fc),
        ),
        check(row(ReadCapacity::zeroed(), &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]), FromDrive(8)),
        check(
            row(Read10::new(0x0102_0304, 0x0506), &[0x28, 0, 1, 2, 3, 4, 0, 5, 6, 0]),
            FromDrive(0x506 * 2048),
        ),
        check(
            row(Write10::new(-150, 0x0010), &[0x2a, 0, 0xff, 0xff, 0xff, 0x6a, 0, 0, 0x10, 0]),
            ToDrive(32768),
        ),
        check(row(Verify10::new(0x0102_0304, 0x0506), &[0x2f, 0, 1, 2, 3, 4, 0, 5, 6, 0]), None),
        check(row(SynchronizeCache::new(true), &[0x35, 2, 0, 0, 0, 0, 0, 0, 0, 0]), None),
        check(row(ReadToc::new(2, 1, 0x0324), &[0x43, 0, 2, 0, 0, 0, 1, 3, 0x24, 0]), FromDrive(0x324)),
        check(
            row(GetConfiguration::new(2, 0x0107, 0x1020), &[0x46, 2, 1, 7, 0, 0, 0, 0x10, 0x20, 0]),
            FromDrive(0x1020),
        ),
        check(row(GetEventStatus::new(0x10, 8), &[0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0]), FromDrive(8)),
        check(row(ReadDiscInformation::new(34), &[0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0]), FromDrive(34)),
        check(row(ReadTrackInformation::track(0xff), &[0x52, 1, 0, 0, 0, 0xff, 0, 0, 36, 0]), FromDrive(36)),
        check(
            row(ReadTrackInformation::address(0x0102_0304), &[0x52, 0, 1, 2, 3, 4, 0, 0, 36, 0]),
            FromDrive(36),
        ),
        check(row(ReserveTrack::new(0x0102_0304), &[0x53, 0, 0, 0, 0, 1, 2, 3, 4, 0]), None),
        check(row(SendOpc::calibrate(), &[0x54, 1, 0, 0, 0, 0, 0, 0, 0, 0]), ToDrive(0)),
        check(row(ModeSelect10::new(60), &[0x55, 0x10, 0, 0, 0, 0, 0, 0, 60, 0]), ToDrive(60)),
        check(
            row(ModeSense10::new(0x2a, 0x0110), &[0x5a, 8, 0x2a, 0, 0, 0, 0, 1, 0x10, 0]),
            FromDrive(0x110),
        ),
        check(row(CloseTrackSession::new(1, 0x0102, true), &[0x5b, 1, 1, 0, 1, 2, 0, 0, 0, 0]), None),
        check(row(ReadBufferCapacity::new(), &[0x5c, 0, 0, 0, 0, 0, 0, 0, 12, 0]), FromDrive(12)),
        check(row(SendCueSheet::new(0x01_0203), &[0x5d, 0, 0, 0, 0, 0, 1, 2, 3, 0]), ToDrive(0x10203)),
        check(row(Blank::new(1, true), &[0xa1, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None),
        check(
            row(Read12::new(0x0102_0304, 0x0000_0506), &[0xa8, 0, 1, 2, 3, 4, 0, 0, 5, 6, 0, 0]),
            FromDrive(0x506 * 2048),
        ),
        check(
            row(Write12::new(0x0102_0304, 0x0000_0506, true), &[0xaa, 0, 1, 2, 3, 4, 0, 0, 5, 6, 0x80, 0]),
            ToDrive(0x506 * 2048),
        ),
        check(
            row(GetPerformance::write_speeds(0x0102), &[0xac, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0]),
            FromDrive(8 + 16 * 0x102),
        ),
        check(
            row(ReadDiscStructure::new(0, 0x11, 0x0104), &[0xad, 0, 0, 0, 0, 0, 0, 0x11, 1, 4, 0, 0]),
            FromDrive(0x104),
        ),
        check(row(SetStreaming::new(), &[0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 28, 0]), ToDrive(28)),
        check(row(SetCdSpeed::new(0xffff, 0x0b0c), &[0xbb, 0, 0xff, 0xff, 0xb, 0xc, 0, 0, 0, 0, 0, 0]), None),
        check(
            row(ReadCd::new(0x0102_0304, 0x05_0607, 0xf8), &[0xbe, 0, 1, 2, 3, 4, 5, 6, 7, 0xf8, 0, 0]),
            FromDrive(0x50607 * 2352),
        ),
        check(
            row(SendDiscStructure::new(0x20, 12), &[0xbf, 0, 0, 0, 0, 0, 0, 0x20, 0, 12, 0, 0]),
            ToDrive(12),
        ),
    ]
}

#[test]
fn every_command_has_the_bytes_of_the_standard() {
    for (ours, standard, _) in samples() {
        assert_eq!(ours, standard);
        assert_eq!(ours.len(), Opcode(standard[0]).cdb_len(), "{:02x?}", standard);
    }
}

#[test]
fn a_command_that_is_cut_short_is_not_read() {
    let bytes = [0x2a, 0, 1, 2, 3, 4, 0, 5, 6, 0];
    for cut in 0..bytes.len() {
        assert_eq!(Write10::read(&bytes[..cut]), None);
    }
}

#[test]
fn padding_behind_a_command_does_not_matter_but_the_code_does() {
    let mut bytes = [0xa5; 16];
    bytes[..10].copy_from_slice(&[0x2a, 0, 1, 2, 3, 4, 0, 5, 6, 0]);
    assert_eq!(
        Write10::read(&bytes).map(|write| (write.lba.get(), write.blocks.get())),
        Some((0x0102_0304, 0x0506))
    );
    assert_eq!(Read10::read(&bytes), None);
}
