use super::*;

#[test]
fn no_rule_is_hidden_by_one_above_it() {
    for (at, rule) in POLICY.iter().enumerate() {
        for above in &POLICY[..at] {
            assert!(!above.covers(rule), "{above:?} hides {rule:?}");
        }
    }
}

/// What recording programs do about each code, a row each: key, codes, what was being done, what follows.
#[rustfmt::skip]
const EXPECTED: &[(u8, u8, u8, During, Verdict)] = &[
    (1, 0x17, 0x01, Read,      Verdict::Proceed),
    (1, 0x0c, 0x00, Write,     Verdict::Proceed),
    (2, 0x04, 0x00, Load,      Verdict::Retry),
    (2, 0x04, 0x00, Write,     Verdict::Fail),
    (2, 0x04, 0x01, Load,      Verdict::Retry),
    (2, 0x04, 0x01, Write,     Verdict::Retry),
    (2, 0x04, 0x02, Query,     Verdict::StartUnit),
    (2, 0x04, 0x03, Load,      Verdict::StartUnit),
    (2, 0x04, 0x04, Format,    Verdict::InProgress),
    (2, 0x04, 0x04, Write,     Verdict::FlushThenRepeat),
    (2, 0x04, 0x07, Close,     Verdict::InProgress),
    (2, 0x04, 0x07, Flush,     Verdict::InProgress),
    (2, 0x04, 0x07, Write,     Verdict::FlushThenRepeat),
    (2, 0x04, 0x08, Write,     Verdict::DriveBufferFull),
    (2, 0x04, 0x08, Flush,     Verdict::InProgress),
    (2, 0x06, 0x00, Load,      Verdict::Retry),
    (4, 0x08, 0x03, Write,     Verdict::AskNextAddress),
    (4, 0x08, 0x00, Query,     Verdict::Retry),
    (0xb, 0x08, 0x01, Write,   Verdict::AskNextAddress),
    (2, 0x30, 0x00, Query,     Verdict::UnsuitableMedium),
    (5, 0x30, 0x05, Write,     Verdict::UnsuitableMedium),
    (5, 0x30, 0x06, Format,    Verdict::UnsuitableMedium),
    (5, 0x30, 0x08, Write,     Verdict::UnsuitableMedium),
    (5, 0x30, 0x09, Write,     Verdict::UnsuitableMedium),
    (2, 0x3a, 0x01, Query,     Verdict::NoMedium),
    (2, 0x3a, 0x02, Query,     Verdict::NoMedium),
    (2, 0x3a, 0x00, Load,      Verdict::Retry),
    (2, 0x3a, 0x00, Write,     Verdict::Interrupted),
    (3, 0x02, 0x00, Read,      Verdict::HardwareFailed),
    (3, 0x09, 0x01, Write,     Verdict::WriteFailed),
    (3, 0x0c, 0x00, Write,     Verdict::WriteFailed),
    (3, 0x0c, 0x07, Flush,     Verdict::WriteFailed),
    (3, 0x0c, 0x09, Write,     Verdict::WriteFailed),
    (3, 0x0c, 0x0f, Close,     Verdict::WriteFailed),
    (3, 0x11, 0x05, Read,      Verdict::ReadFailed),
    (3, 0x11, 0x05, ReadTail,  Verdict::RunOut),
    (3, 0x32, 0x00, Write,     Verdict::WriteFailed),
    (3, 0x31, 0x00, Query,     Verdict::UnsuitableMedium),
    (3, 0x31, 0x01, Format,    Verdict::FormatFailed),
    (3, 0x51, 0x00, Blanking,  Verdict::EraseFailed),
    (5, 0x51, 0x01, Blanking,  Verdict::EraseFailed),
    (3, 0x57, 0x00, Query,     Verdict::UnsuitableMedium),
    (1, 0x73, 0x01, Calibrate, Verdict::Proceed),
    (3, 0x73, 0x01, Write,     Verdict::WriteFailed),
    (3, 0x73, 0x02, Calibrate, Verdict::CalibrationFailed),
    (3, 0x73, 0x03, Calibrate, Verdict::CalibrationFailed),
    (3, 0x73, 0x03, Write,     Verdict::CalibrationFailed),
    (3, 0x73, 0x04, Close,     Verdict::WrittenNotClosed),
    (5, 0x20, 0x00, Calibrate, Verdict::Proceed),
    (5, 0x27, 0x00, Calibrate, Verdict::Proceed),
    (5, 0x2c, 0x00, Calibrate, Verdict::Proceed),
    (5, 0x30, 0x02, Calibrate, Verdict::UnsuitableMedium),
    (4, 0x15, 0x00, Write,     Verdict::HardwareFailed),
    (4, 0x3e, 0x00, Read,      Verdict::HardwareFailed),
    (4, 0x44, 0x00, Close,     Verdict::HardwareFailed),
    (5, 0x1a, 0x00, Query,     Verdict::Unsupported),
    (5, 0x20, 0x00, Query,     Verdict::Unsupported),
    (5, 0x24, 0x00, Flush,     Verdict::Unsupported),
    (5, 0x26, 0x00, SetSpeed,  Verdict::Unsupported),
    (5, 0x21, 0x00, Write,     Verdict::EndOfMedium),
    (5, 0x21, 0x00, Read,      Verdict::ReadFailed),
    (5, 0x21, 0x02, Write,     Verdict::AddressMismatch),
    (5, 0x21, 0x03, Write,     Verdict::AddressMismatch),
    (5, 0x2c, 0x00, Write,     Verdict::FlushThenRepeat),
    (5, 0x2c, 0x00, Close,     Verdict::WrittenNotClosed),
    (5, 0x2e, 0x00, Write,     Verdict::Fail),
    (5, 0x63, 0x00, Write,     Verdict::EndOfMedium),
    (5, 0x64, 0x00, Write,     Verdict::WrongMode),
    (5, 0x64, 0x00, Read,      Verdict::ReadFailed),
    (5, 0x64, 0x00, ReadTail,  Verdict::RunOut),
    (5, 0x64, 0x01, Write,     Verdict::WrongMode),
    (5, 0x72, 0x00, Close,     Verdict::WrittenNotClosed),
    (5, 0x72, 0x03, Close,     Verdict::WrittenNotClosed),
    (5, 0x72, 0x05, Close,     Verdict::WrittenNotClosed),
    (5, 0x6f, 0x03, Read,      Verdict::CopyProtected),
    (6, 0x28, 0x00, Query,     Verdict::Retry),
    (6, 0x28, 0x00, Write,     Verdict::Interrupted),
    (6, 0x28, 0x00, Amid,      Verdict::Interrupted),
    (6, 0x29, 0x03, Amid,      Verdict::Interrupted),
    (6, 0x2a, 0x01, Amid,      Verdict::Retry),
    (2, 0x3a, 0x01, Amid,      Verdict::Interrupted),
    (5, 0x24, 0x00, Amid,      Verdict::Unsupported),
    (6, 0x29, 0x00, Load,      Verdict::Retry),
    (6, 0x29, 0x02, Flush,     Verdict::Interrupted),
    (7, 0x27, 0x00, Write,     Verdict::WriteProtected),
    (0xb, 0x00, 0x06, Write,   Verdict::Fail),
];

#[test]
fn every_known_complaint_has_its_verdict() {
    for &(key, asc, ascq, during, verdict) in EXPECTED {
        let sense = Sense::new(key, asc, ascq);
        assert_eq!(judge(sense, during).0, verdict, "{sense} during {during:?}");
    }
}

#[test]
fn every_rule_is_reached_by_some_sense() {
    let doing =
        [Query, Amid, Load, SetSpeed, Calibrate, Write, Flush, Close, Blanking, Format, Read, ReadTail];
    let mut reached = vec![false; POLICY.len()];
    for key in 0..=15 {
        for asc in 0..=255 {
            for ascq in 0..=16 {
                for during in doing {
                    let sense = Sense::new(key, asc, ascq);
                    if let Some(at) = POLICY.iter().position(|rule| rule.fits(sense, during)) {
                        reached[at] = true;
                    }
                }
            }
        }
    }
    for (rule, reached) in POLICY.iter().zip(reached) {
        assert!(reached, "{rule:?} never decides");
    }
}

#[test]
fn deferred_sense_lets_a_command_be_repeated_only_when_the_earlier_one_recovered() {
    let doing =
        [Query, Amid, Load, SetSpeed, Calibrate, Write, Flush, Close, Blanking, Format, Read, ReadTail];
    for key in 0..=15 {
        for asc in 0..=255 {
            for during in doing {
                let (verdict, _) = judge(Sense::new(key, asc, 0x08).deferred(), during);
                if key == 1 {
                    let repeated = if during == Write { Verdict::AskNextAddress } else { Verdict::Retry };
                    assert_eq!(verdict, repeated, "1/{asc:02X}/08 during {during:?}");
                    continue;
                }
                assert_ne!(verdict, Verdict::Proceed, "{key:X}/{asc:02X}/08 during {during:?}");
                let repeats = [
                    Verdict::Retry,
                    Verdict::StartUnit,
                    Verdict::DriveBufferFull,
                    Verdict::AskNextAddress,
                    Verdict::FlushThenRepeat,
                    Verdict::InProgress,
                ];
                assert!(!repeats.contains(&verdict), "{key:X}/{asc:02X}/08 during {during:?}");
            }
        }
    }
}
