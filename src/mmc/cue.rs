//! The cue sheet of SEND CUE SHEET (MMC-6, 6.37): what a CD session written at once consists of, 8 bytes an entry.

use serde::{Deserialize, Serialize};

use super::msf::Msf;

/// How the main channel of a part is sent and recorded: bits 5-0 of an entry's DATA FORM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataForm(pub u8);

/// What kind of sector a form makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SectorMode {
    /// 2352 bytes of sound.
    Audio,
    /// Mode 1: 2048 bytes with error correction.
    Mode1,
    /// Mode 2 with a sub-header: form 1 or 2, as that says (XA, CD-I).
    Xa,
    /// Mode 2 without form: 2336 bytes.
    Mode2,
}

impl DataForm {
    /// Sound, sent by the host.
    pub const AUDIO: Self = Self(0x00);
    /// Silence, made by the drive.
    pub const AUDIO_GENERATED: Self = Self(0x01);
    /// Mode 1, 2048 bytes a block.
    pub const MODE_1: Self = Self(0x10);
    /// Mode 1, made by the drive.
    pub const MODE_1_GENERATED: Self = Self(0x14);
    /// XA, 2336 bytes a block: sub-header first.
    pub const XA: Self = Self(0x20);
    /// XA, made by the drive.
    pub const XA_GENERATED: Self = Self(0x24);
    /// Mode 2 without form, 2336 bytes a block.
    pub const MODE_2: Self = Self(0x30);
    /// Bits 7-6 of the byte that are the sub-channel's.
    pub const SUB_CHANNEL: u8 = 0xc0;

    /// The sectors that it makes; none for values that the standard reserves.
    pub const fn mode(self) -> Option<SectorMode> {
        Some(match self.0 {
            0x00 | 0x01 => SectorMode::Audio,
            0x10..=0x14 => SectorMode::Mode1,
            0x20..=0x24 => SectorMode::Xa,
            0x30..=0x34 => SectorMode::Mode2,
            _ => return None,
        })
    }

    /// Bytes of the main channel that the host sends for a block; none for reserved values.
    pub const fn bytes(self) -> Option<usize> {
        Some(match self.0 {
            0x01 | 0x14 | 0x24 | 0x34 => 0,
            0x00 | 0x11 | 0x13 | 0x21 | 0x23 | 0x31 | 0x33 => 2352,
            0x10 | 0x12 => 2048,
            0x20 | 0x22 | 0x30 | 0x32 => 2336,
            _ => return None,
        })
    }

    /// Whether what the host sends is thrown away and zeros are recorded.
    pub const fn is_ignored(self) -> bool {
        matches!(self.0, 0x12 | 0x13 | 0x22 | 0x23 | 0x32 | 0x33)
    }

    /// Whether the drive makes it from nothing.
    pub const fn is_generated(self) -> bool {
        matches!(self.0, 0x01 | 0x14 | 0x24 | 0x34)
    }
}

/// One entry as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CueEntry {
    /// High nibble control (bit 4 pre-emphasis, 5 copy permitted, 6 data, 7 four channels), low nibble ADR.
    pub control_adr: u8,
    /// Track: 0 lead-in, [`super::toc::LEAD_OUT`] lead-out. Text in an entry of ADR 2.
    pub track: u8,
    /// Index. Text in an entry of ADR 2 or 3.
    pub index: u8,
    /// Bits 5-0 [`DataForm`], bits 7-6 sub-channel that is sent.
    pub form: u8,
    /// 80h: this is a copy, and must not be copied further.
    pub scms: u8,
    /// Where it starts.
    pub start: Msf,
}

impl CueEntry {
    /// Bytes of an entry.
    pub const LEN: usize = 8;
    /// ADR of an entry with a position.
    pub const POSITION: u8 = 1;
    /// ADR of an entry with a part of the media catalog number.
    pub const CATALOG: u8 = 2;
    /// ADR of an entry with a part of a track's recording code.
    pub const ISRC: u8 = 3;

    /// The entry in its bytes.
    pub const fn parse(raw: [u8; Self::LEN]) -> Self {
        let [control_adr, track, index, form, scms, minute, second, frame] = raw;
        Self { control_adr, track, index, form, scms, start: Msf::new(minute, second, frame) }
    }

    /// Its bytes.
    pub const fn emit(self) -> [u8; Self::LEN] {
        let Msf { minute, second, frame } = self.start;
        [self.control_adr, self.track, self.index, self.form, self.scms, minute, second, frame]
    }

    /// What the entry is: its ADR.
    pub const fn adr(self) -> u8 {
        self.control_adr & 0x0f
    }

    /// The control nibble as a table of contents has it: bit 0 pre-emphasis, 1 copy, 2 data, 3 four channels.
    pub const fn control(self) -> u8 {
        self.control_adr >> 4
    }

    /// The main channel's form.
    pub const fn data_form(self) -> DataForm {
        DataForm(self.form & !DataForm::SUB_CHANNEL)
    }

    /// Bytes of a block of this part that the host sends, the sub-channel's with them; none for reserved forms.
    pub fn bytes(self) -> Option<usize> {
        let sub = match self.form & DataForm::SUB_CHANNEL {
            0 => 0,
            0x40 | 0xc0 => super::subchannel::RAW,
            _ => return None,
        };
        Some(self.data_form().bytes()? + sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_bytes_of_the_standard() {
        let raw = [0x41, 0x02, 0x01, 0x10, 0x80, 3, 2, 1];
        let entry = CueEntry::parse(raw);
        assert_eq!((entry.adr(), entry.control(), entry.track, entry.index), (1, 4, 2, 1));
        assert_eq!((entry.data_form(), entry.bytes()), (DataForm::MODE_1, Some(2048)));
        assert_eq!(entry.start, Msf::new(3, 2, 1));
        assert_eq!(entry.emit(), raw);
    }

    #[test]
    fn every_form_has_the_length_of_the_standards_table() {
        for (form, bytes, mode) in [
            (0x00, 2352, SectorMode::Audio),
            (0x01, 0, SectorMode::Audio),
            (0x11, 2352, SectorMode::Mode1),
            (0x12, 2048, SectorMode::Mode1),
            (0x14, 0, SectorMode::Mode1),
            (0x20, 2336, SectorMode::Xa),
            (0x31, 2352, SectorMode::Mode2),
        ] {
            let form = DataForm(form);
            assert_eq!((form.bytes(), form.mode()), (Some(bytes), Some(mode)));
            assert_eq!(form.is_generated(), bytes == 0);
        }
        assert_eq!((DataForm(0x02).bytes(), DataForm(0x15).mode()), (None, None));
        assert_eq!(CueEntry::parse([1, 0, 0, 0x41, 0, 0, 0, 0]).bytes(), Some(96));
        assert_eq!(CueEntry::parse([1, 1, 1, 0x80, 0, 0, 0, 0]).bytes(), None);
    }
}
