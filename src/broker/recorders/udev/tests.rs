use proptest::prelude::*;

use super::*;

/// A BD writer on SATA, as udev 252 describes it.
const WRITER: &[(&str, &str)] = &[
    ("ID_CDROM", "1"),
    ("ID_CDROM_CD", "1"),
    ("ID_CDROM_CD_R", "1"),
    ("ID_CDROM_DVD_RW", "1"),
    ("ID_CDROM_BD_R", "1"),
    ("ID_MODEL", "HL-DT-ST_BD-RE_WH16NS60"),
    ("ID_MODEL_ENC", r"HL-DT-ST\x20BD-RE\x20WH16NS60\x20\x20"),
    ("ID_REVISION", "1.02"),
    ("ID_SERIAL_SHORT", "KLAK3B1234"),
];
const INQUIRY: &[(&str, &str)] = &[("vendor", "HL-DT-ST"), ("model", "BD-RE  WH16NS60 "), ("rev", "1.02")];

fn of(id: &str, properties: &[(&str, &str)], attributes: &[(&str, &str)]) -> Option<RecorderSeed> {
    let find = |table: &[(&str, &str)], name: &str| {
        table.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    seed(id, Path::new("/dev").join(id).as_path(), |n| find(properties, n), |n| find(attributes, n))
}

fn with(extra: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    let mut all = WRITER.to_vec();
    all.push(extra);
    all
}

#[test]
fn a_writer_is_described_by_inquiry_and_by_its_profiles() {
    let seed = of("sr0", &with(("ID_SEAT", "seat-usb")), INQUIRY).unwrap();
    assert_eq!(seed.device, api::Device::Scsi("/dev/sr0".into()));
    assert_eq!(
        seed.identity,
        api::Identity {
            vendor: "HL-DT-ST".to_owned(),
            product: "BD-RE  WH16NS60".to_owned(),
            revision: "1.02".to_owned(),
            serial: "KLAK3B1234".to_owned(),
        }
    );
    assert_eq!(seed.profiles, [0x08, 0x09, 0x13, 0x14, 0x41]);
    assert_eq!((seed.seat.as_str(), seed.node.as_str()), ("seat-usb", "/dev/sr0"));
}

#[test]
fn without_a_scsi_device_udevs_own_words_are_decoded() {
    let seed = of("sr0", WRITER, &[]).unwrap();
    assert_eq!(seed.identity.product, "HL-DT-ST BD-RE WH16NS60");
    assert_eq!(seed.seat, "seat0");
}

#[test]
fn drives_that_only_read_and_disks_are_not_recorders() {
    assert_eq!(of("sr0", &[("ID_CDROM", "1"), ("ID_CDROM_CD", "1"), ("ID_CDROM_BD", "1")], INQUIRY), None);
    assert_eq!(of("sda", &[("ID_CDROM_CD_R", "1")], INQUIRY), None);
    assert_eq!(of("sr0/../sda", WRITER, INQUIRY), None);
}

#[test]
fn what_a_hostile_drive_calls_itself_is_made_harmless() {
    let attributes = [("vendor", "\u{1b}[31m\nEVIL\0"), ("model", "\t"), ("rev", "")];
    let seed = of("sr0", WRITER, &attributes).unwrap();
    assert_eq!(seed.identity.vendor, "[31mEVIL");
    assert_eq!(seed.identity.product, "HL-DT-ST BD-RE WH16NS60");
}

fn event(id: &str, seed: Option<RecorderSeed>) -> Uevent {
    Uevent { removed: false, id: id.to_owned(), seed, media_changed: false, eject_requested: false }
}

#[test]
fn a_drive_is_told_once_however_often_it_is_seen() {
    let mut drives = Drives::default();
    let seed = of("sr0", WRITER, INQUIRY).unwrap();
    assert_eq!(drives.replace(vec![seed.clone()]), [RecorderEvent::Added(seed.clone())]);
    assert_eq!(drives.heard(&event("sr0", Some(seed.clone()))), []);
    let gone = Uevent { removed: true, ..event("sr0", Some(seed)) };
    assert_eq!(drives.heard(&gone), [RecorderEvent::Removed("sr0".to_owned())]);
    assert_eq!(drives.heard(&gone), []);
}

#[test]
fn another_drive_under_the_same_name_is_another_recorder() {
    let mut drives = Drives::default();
    let (one, two) = (of("sr0", WRITER, INQUIRY).unwrap(), of("sr0", WRITER, &[]).unwrap());
    drives.replace(vec![one]);
    let expected = [RecorderEvent::Removed("sr0".to_owned()), RecorderEvent::Added(two.clone())];
    assert_eq!(drives.heard(&event("sr0", Some(two))), expected);
}

#[test]
fn a_drive_that_is_given_to_another_seat_stays_the_same_recorder() {
    let mut drives = Drives::default();
    let at = |seat| of("sr0", &with(("ID_SEAT", seat)), INQUIRY).unwrap();
    let moved = |seat: &str| RecorderEvent::Seated { id: "sr0".to_owned(), seat: seat.to_owned() };
    drives.replace(vec![of("sr0", WRITER, INQUIRY).unwrap()]);
    assert_eq!(drives.heard(&event("sr0", Some(at("seat1")))), [moved("seat1")]);
    assert_eq!(drives.heard(&event("sr0", Some(at("seat1")))), []);
    // What else the event says is heard as well, and so is what is found when drives are listed anew.
    let with_disc = Uevent { media_changed: true, ..event("sr0", Some(at("seat2"))) };
    assert_eq!(drives.heard(&with_disc), [moved("seat2"), RecorderEvent::MediaChanged("sr0".to_owned())]);
    assert_eq!(drives.replace(vec![of("sr0", WRITER, INQUIRY).unwrap()]), [moved("seat0")]);
}

#[test]
fn discs_and_buttons_are_told_of_known_drives_alone() {
    let mut drives = Drives::default();
    let busy = |id: &str| Uevent { media_changed: true, eject_requested: true, ..event(id, None) };
    assert_eq!(drives.heard(&busy("sr0")), []);
    drives.replace(vec![of("sr0", WRITER, INQUIRY).unwrap()]);
    let id = || "sr0".to_owned();
    assert_eq!(
        drives.heard(&busy("sr0")),
        [RecorderEvent::MediaChanged(id()), RecorderEvent::EjectRequested(id())]
    );
}

#[test]
fn a_flood_of_drives_ends_at_the_cap() {
    let mut drives = Drives::default();
    let flood: Vec<_> = (0..3 * MOST).filter_map(|n| of(&format!("sr{n}"), WRITER, INQUIRY)).collect();
    assert_eq!(drives.replace(flood).len(), MOST);
}

#[test]
fn escapes_are_undone_and_half_escapes_kept() {
    assert_eq!(decoded(r"A\x20B\x2fC"), "A B/C");
    assert_eq!(decoded(r"A\x2"), r"A\x2");
    assert_eq!(decoded(r"\x+1\xZZ\"), r"\x+1\xZZ\");
    assert_eq!(decoded(r"\xffx"), "\u{fffd}x");
}

proptest! {
    #[test]
    fn decoding_never_fails_and_never_grows(text in r"(\\x[0-9a-f]{0,2}|[ -~ä])*") {
        // Each replaced byte takes three, but it stood for four.
        prop_assert!(decoded(&text).len() <= text.len());
    }
}
