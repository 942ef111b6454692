//! READ CD, READ CD MSF: sectors of a CD, as much of each as is asked for, and its sub-channels (MMC-6, 6.15 and 6.16).

use std::ops::Range;
use std::time::Duration;

use super::{Answer, Call, LONGEST};
use crate::mmc::cdb::{ReadCd, ReadCdMsf};
use crate::mmc::cue::SectorMode;
use crate::mmc::msf::Msf;
use crate::mmc::sector::{FORM_2, SECTOR, Sector};
use crate::mmc::subchannel::{Q, RAW, q_of, raw};
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::{Medium, Place};
use crate::vdrive::refusal::Refusal;
use crate::vdrive::speed::Pace;

/// What is asked for of each sector.
#[derive(Clone, Copy, Debug)]
struct Wish {
    /// The sectors that the host expects, 0 for any.
    expected: u8,
    /// Byte 9: main channel.
    main: u8,
    /// Byte 10: sub-channel.
    sub: u8,
}

/// The kinds of sector that READ CD tells apart, by the number that the host expects them with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Audio = 1,
    Mode1 = 2,
    Mode2 = 3,
    Form1 = 4,
    Form2 = 5,
}

/// READ CD.
pub fn read_cd(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadCd = call.read()?;
    let wish = Wish { expected: cdb.expects(), main: cdb.main_channel, sub: cdb.sub_channel };
    read(drive, cdb.lba.get(), cdb.blocks(), wish)
}

/// READ CD MSF.
pub fn read_cd_msf(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadCdMsf = call.read()?;
    let position = |[minute, second, frame]: [u8; 3], byte| {
        let valid = second < 60 && frame < 75;
        if valid { Ok(Msf::new(minute, second, frame).lba()) } else { Err(Refusal::BadField { byte }) }
    };
    let (start, end) = (position(cdb.start, 3)?, position(cdb.end, 6)?);
    let blocks = u32::try_from(end - start).map_err(|_| Refusal::BadField { byte: 6 })?;
    let wish = Wish { expected: cdb.sector_type >> 2 & 7, main: cdb.main_channel, sub: cdb.sub_channel };
    read(drive, start, blocks, wish)
}

fn read(drive: &mut Drive, lba: i32, blocks: u32, wish: Wish) -> Result<Answer, Refusal> {
    let medium = drive.ready_medium()?;
    let layout = medium.layout();
    if !layout.profile.is_cd() {
        return Err(Refusal::IncompatibleMedium);
    }
    wish.check()?;
    if layout.is_writing() {
        return Err(Refusal::SequenceError);
    }
    let mut data = Vec::new();
    for at in (lba..).take(blocks as usize) {
        sector(medium, at, wish, drive.options.read_offset, &mut data)?;
        if data.len() > LONGEST {
            return Err(Refusal::BadField { byte: 6 });
        }
    }
    let takes = match drive.options.pace {
        Pace::Unlimited => Duration::ZERO,
        _ => Duration::from_micros(u64::from(blocks) * 2048 * 1_000_000 / drive.content_rate()),
    };
    Ok(Answer { data, takes })
}

/// Adds what is asked for of the sector at `lba`; sound is read `late` samples late.
fn sector(medium: &Medium, lba: i32, wish: Wish, late: i32, data: &mut Vec<u8>) -> Result<(), Refusal> {
    let layout = medium.layout();
    let Some(place) = layout.place(lba) else {
        // Between sessions there are lead-in and lead-out, behind all of them there is nothing.
        let between = layout.tracks().any(|(_, track)| track.start.cast_signed() > lba);
        return Err(if between { Refusal::NoData } else { Refusal::OutOfRange { lba: lba.cast_unsigned() } });
    };
    if !place.is_readable() {
        return Err(Refusal::NoData);
    }
    let failed = |_| Refusal::MediumFailed;
    let sector = medium.sector(lba, &place).map_err(failed)?;
    let kind = Kind::of(place.cd.mode, &sector);
    if wish.expected != 0 && wish.expected != kind as u8 {
        return Err(Refusal::NoData);
    }
    let part = kind.part(wish.main).ok_or(Refusal::BadField { byte: 9 })?;
    if kind == Kind::Audio && late != 0 {
        data.extend_from_slice(&shifted(medium, lba, late).map_err(failed)?[part]);
    } else {
        data.extend_from_slice(&sector[part]);
    }
    // No sector is ever wrong here: no C2 pointer is set, nor the byte that sums them up.
    data.resize(data.len() + wish.error_bytes(), 0);
    match wish.sub & 7 {
        1 => data.extend(p_to_w(medium, lba, &place).map_err(failed)?),
        2 => data.extend(formatted_q(&place, &place_q(medium, lba, &place).map_err(failed)?)),
        4 => data.extend(p_to_w(medium, lba, &place).map_err(failed)?.map(|symbol| symbol & 0x3f)),
        _ => {}
    }
    Ok(())
}

/// The sound that a drive which reads it so many samples late gives for the sector at `lba`: silence where there is none.
fn shifted(medium: &Medium, lba: i32, late: i32) -> std::io::Result<Sector> {
    let samples = (SECTOR / SAMPLE) as i32;
    let (sectors, within) =
        (-late.div_euclid(samples), late.rem_euclid(samples).unsigned_abs() as usize * SAMPLE);
    let sound = |lba: i32| {
        let place = medium
            .layout()
            .place(lba)
            .filter(|place| place.cd.mode == SectorMode::Audio && place.is_readable());
        place.map_or(Ok([0; SECTOR]), |place| medium.sector(lba, &place))
    };
    let (before, here) = (sound(lba + sectors - 1)?, sound(lba + sectors)?);
    let mut sector = [0; SECTOR];
    sector[..within].copy_from_slice(&before[SECTOR - within..]);
    sector[within..].copy_from_slice(&here[..SECTOR - within]);
    Ok(sector)
}

/// Bytes of a sample of both channels.
const SAMPLE: usize = 4;

/// The sub-channels as raw bytes: R to W as a host sent them, P and Q as the drive made them.
fn p_to_w(medium: &Medium, lba: i32, place: &Place) -> std::io::Result<[u8; RAW]> {
    if place.raw {
        return medium.sub_channels(lba);
    }
    let mut bytes = raw(place.p(), &place.q(lba));
    if place.cd.sub_channel {
        let sent = medium.sub_channels(lba)?;
        bytes.iter_mut().zip(sent).for_each(|(byte, sent)| *byte |= sent & 0x3f);
    }
    Ok(bytes)
}

fn place_q(medium: &Medium, lba: i32, place: &Place) -> std::io::Result<[u8; Q]> {
    p_to_w(medium, lba, place).map(|bytes| q_of(&bytes))
}

/// Q in sixteen bytes: its twelve, three of padding, P in the highest bit of the last.
fn formatted_q(place: &Place, q: &[u8; Q]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..Q].copy_from_slice(q);
    bytes[15] = u8::from(place.p()) << 7;
    bytes
}

impl Wish {
    /// Whether there is such a selection at all.
    fn check(self) -> Result<(), Refusal> {
        if self.expected > 5 {
            return Err(Refusal::BadField { byte: 1 });
        }
        if self.main >> 1 & 3 == 3 || self.main & 1 != 0 {
            return Err(Refusal::BadField { byte: 9 });
        }
        if !matches!(self.sub & 7, 0 | 1 | 2 | 4) {
            return Err(Refusal::BadField { byte: 10 });
        }
        Ok(())
    }

    /// Bytes of C2 pointers, and of the byte before them that sums them up with one of padding.
    fn error_bytes(self) -> usize {
        match self.main >> 1 & 3 {
            1 => 294,
            2 => 296,
            _ => 0,
        }
    }
}

impl Kind {
    fn of(mode: SectorMode, sector: &Sector) -> Self {
        match mode {
            SectorMode::Audio => Self::Audio,
            SectorMode::Mode1 => Self::Mode1,
            SectorMode::Mode2 => Self::Mode2,
            SectorMode::Xa if sector[18] & FORM_2 != 0 => Self::Form2,
            SectorMode::Xa => Self::Form1,
        }
    }

    /// Which bytes of a sector a selection means. None if they do not follow each other: no drive leaves out what
    /// lies between.
    fn part(self, main: u8) -> Option<Range<usize>> {
        const SYNC: u8 = 0x80;
        const SUB_HEADER: u8 = 0x40;
        const HEADER: u8 = 0x20;
        const USER: u8 = 0x10;
        const CHECKS: u8 = 0x08;
        // In the order of the sector; the field ends where the next begins.
        let fields: &[(u8, usize)] = match self {
            Self::Audio => return Some(0..if main & USER == 0 { 0 } else { 2352 }),
            Self::Mode1 => &[(SYNC, 12), (HEADER, 16), (USER, 2064), (CHECKS, 2352)],
            Self::Mode2 => &[(SYNC, 12), (HEADER, 16), (USER, 2352)],
            Self::Form1 => &[(SYNC, 12), (HEADER, 16), (SUB_HEADER, 24), (USER, 2072), (CHECKS, 2352)],
            Self::Form2 => &[(SYNC, 12), (HEADER, 16), (SUB_HEADER, 24), (USER, 2348), (CHECKS, 2352)],
        };
        let mut part: Option<Range<usize>> = None;
        let mut start = 0;
        for (bit, end) in fields {
            if main & bit != 0 {
                part = match part {
                    None => Some(start..*end),
                    Some(before) if before.end == start => Some(before.start..*end),
                    Some(_) => return None,
                };
            }
            start = *end;
        }
        Some(part.unwrap_or(0..0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes by selection and kind, none where the standard calls the selection illegal (MMC-6, "number of bytes
    /// returned").
    #[test]
    fn every_selection_has_the_length_of_the_standards_table() {
        for (main, audio, mode_1, mode_2, form_1, form_2) in [
            (0x00, Some(0), Some(0), Some(0), Some(0), Some(0)),
            (0x10, Some(2352), Some(2048), Some(2336), Some(2048), Some(2324)),
            (0x18, Some(2352), Some(2336), Some(2336), Some(2328), Some(2328)),
            (0x20, Some(0), Some(4), Some(4), Some(4), Some(4)),
            (0x30, Some(2352), Some(2052), Some(2340), None, None),
            (0x38, Some(2352), Some(2340), Some(2340), None, None),
            (0x40, Some(0), Some(0), Some(0), Some(8), Some(8)),
            (0x50, Some(2352), Some(2048), Some(2336), Some(2056), Some(2332)),
            (0x58, Some(2352), Some(2336), Some(2336), Some(2336), Some(2336)),
            (0x60, Some(0), Some(4), Some(4), Some(12), Some(12)),
            (0x70, Some(2352), Some(2052), Some(2340), Some(2060), Some(2336)),
            (0x78, Some(2352), Some(2340), Some(2340), Some(2340), Some(2340)),
            (0xa0, Some(0), Some(16), Some(16), Some(16), Some(16)),
            (0xe0, Some(0), Some(16), Some(16), Some(24), Some(24)),
            (0xf0, Some(2352), Some(2064), Some(2352), Some(2072), Some(2348)),
            (0xf8, Some(2352), Some(2352), Some(2352), Some(2352), Some(2352)),
            (0x90, Some(2352), None, None, None, None),
        ] {
            let kinds = [Kind::Audio, Kind::Mode1, Kind::Mode2, Kind::Form1, Kind::Form2];
            let lengths = kinds.map(|kind| kind.part(main).map(|part| part.len()));
            assert_eq!(lengths, [audio, mode_1, mode_2, form_1, form_2], "{main:02x}");
        }
    }
}
