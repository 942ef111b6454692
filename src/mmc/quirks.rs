//! What single drives do otherwise than the standard says: data, keyed by how a drive names itself (INQUIRY).
//!
//! The current profile and the features decide how a disc is recorded, never a model's name; these are the deviations
//! that no feature tells of. A drive that is not listed has none. What harms no drive is done for every one and needs
//! no row: links of 16 blocks whatever feature 0021h says, tracks of CDs ended by the flush alone, DVD+R finalised by
//! the smallest lead-out first, NWA −150 on a blank CD taken for 0, data mode Fh taken for mode 1, speeds of 0 left
//! out, lists asked for twice, every list and every wait bounded.

use super::inquiry::InquiryData;

/// What a drive is known to do otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// It calls an immediate SYNCHRONIZE CACHE done too early: another one without Immed follows.
    pub flushes_twice: bool,
    /// It calls itself ready while a close or erasure still runs, and answers whatever comes next with 2/04/07:
    /// STOP UNIT is repeated until it is accepted.
    pub stop_is_barrier: bool,
    /// It fails CLOSE TRACK on CD: never sent there, not even when closing the session complains of the track.
    pub no_close_track_on_cd: bool,
    /// READ BUFFER CAPACITY locks it up or tells nonsense while it writes: never asked.
    pub never_ask_buffer: bool,
    /// It reports no medium at once after an immediate load: loaded without Immed.
    pub loads_synchronously: bool,
    /// It refuses to open a tray whose disc spins: stopped first.
    pub ejects_after_stop: bool,
    /// Its USB bridge repeats a WRITE by itself; the repetition is refused with 5/21/02 though the blocks are written.
    /// The next writable address tells.
    pub bus_repeats_writes: bool,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The vendor, in whole; case does not matter.
    pub vendor: &'static str,
    /// How the product begins, the vendor's prefixes such as `DVD-RW` included; a `*` in front: what it holds.
    pub product: &'static str,
    /// How the firmware's revision begins; empty for any.
    pub revision: &'static str,
    /// What it does otherwise.
    pub quirks: Quirks,
}

impl Quirks {
    /// What is known of this drive: everything that its rows say.
    pub fn of(drive: &InquiryData) -> Self {
        let rows = QUIRKS.iter().filter(|row| row.fits(drive));
        rows.fold(Self::default(), |known, row| known.and(row.quirks))
    }

    const fn and(self, more: Self) -> Self {
        Self {
            flushes_twice: self.flushes_twice | more.flushes_twice,
            stop_is_barrier: self.stop_is_barrier | more.stop_is_barrier,
            no_close_track_on_cd: self.no_close_track_on_cd | more.no_close_track_on_cd,
            never_ask_buffer: self.never_ask_buffer | more.never_ask_buffer,
            loads_synchronously: self.loads_synchronously | more.loads_synchronously,
            ejects_after_stop: self.ejects_after_stop | more.ejects_after_stop,
            bus_repeats_writes: self.bus_repeats_writes | more.bus_repeats_writes,
        }
    }
}

impl Row {
    fn fits(&self, drive: &InquiryData) -> bool {
        let (product, wanted) = (drive.product.to_ascii_uppercase(), self.product);
        self.vendor.eq_ignore_ascii_case(drive.vendor.trim())
            && wanted.strip_prefix('*').map_or_else(
                || product.starts_with(&wanted.to_ascii_uppercase()),
                |part| product.contains(&part.to_ascii_uppercase()),
            )
            && drive.revision.starts_with(self.revision)
    }
}

const NONE: Quirks = Quirks {
    flushes_twice: false,
    stop_is_barrier: false,
    no_close_track_on_cd: false,
    never_ask_buffer: false,
    loads_synchronously: false,
    ejects_after_stop: false,
    bus_repeats_writes: false,
};

const fn row(vendor: &'static str, product: &'static str, quirks: Quirks) -> Row {
    Row { vendor, product, revision: "", quirks }
}

/// Pioneer's drives answer TEST UNIT READY and the immediate flush too early.
const PIONEER: Quirks = Quirks { flushes_twice: true, stop_is_barrier: true, ..NONE };

/// The drives, as recording programs came across them.
pub const QUIRKS: &[Row] = &[
    row("PIONEER", "", PIONEER),
    // Older ones leave the vendor's name to the product.
    row("", "*PIONEER", PIONEER),
    row("PIONEER", "*DVR-216", Quirks { never_ask_buffer: true, ejects_after_stop: true, ..NONE }),
    row("HL-DT-ST", "*GSA-4082B", Quirks { loads_synchronously: true, never_ask_buffer: true, ..NONE }),
    row("HL-DT-ST", "*GH22LS30", Quirks { no_close_track_on_cd: true, ..NONE }),
    row("PLEXTOR", "*PX-608CU", Quirks { bus_repeats_writes: true, ..NONE }),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(vendor: &str, product: &str) -> InquiryData {
        InquiryData {
            device_type: InquiryData::OPTICAL,
            vendor: vendor.to_owned(),
            product: product.to_owned(),
            revision: "1.00".to_owned(),
        }
    }

    #[test]
    fn drives_are_known_by_the_names_that_they_really_have() {
        let dvr_216 = Quirks::of(&drive("PIONEER", "DVD-RW  DVR-216D"));
        assert!(dvr_216.flushes_twice && dvr_216.stop_is_barrier && dvr_216.never_ask_buffer);
        assert!(Quirks::of(&drive("HL-DT-ST", "DVDRAM GH22LS30")).no_close_track_on_cd);
        assert!(Quirks::of(&drive("HL-DT-ST", "DVDRAM GSA-4082B")).loads_synchronously);
        assert!(Quirks::of(&drive("PLEXTOR", "DVDR PX-608CU")).bus_repeats_writes);
        assert!(Quirks::of(&drive("", "PIONEER DVD-RW DVR-104")).flushes_twice);
    }

    #[test]
    fn a_drive_that_is_not_listed_has_none() {
        for (vendor, product) in [
            ("HL-DT-ST", "BD-RE  WH16NS60"),
            ("PLEXTOR", "DVDR PX-716A"),
            ("PIONEERING", "DVD-RW"),
            ("ASUS", "PIONEE"),
            ("DISCMAST", "Virtual Recorder"),
            ("", ""),
        ] {
            assert_eq!(Quirks::of(&drive(vendor, product)), Quirks::default(), "{vendor} {product}");
        }
    }

    #[test]
    fn every_row_says_something_and_no_two_are_alike() {
        for (at, row) in QUIRKS.iter().enumerate() {
            assert_ne!(row.quirks, Quirks::default(), "{row:?}");
            let same = |other: &Row| {
                (other.vendor, other.product, other.revision) == (row.vendor, row.product, row.revision)
            };
            assert!(!QUIRKS[..at].iter().any(same), "{row:?}");
        }
    }
}
