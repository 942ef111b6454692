//! Discs that are written anywhere, again and again: how far they are formatted, and what a write does then.
//! Their one track stands in the layout like any other, so that whoever asks for tracks finds it.

use serde::{Deserialize, Serialize};

use super::layout::{Layout, Session};
use super::track::{Track, TrackState};
use crate::mmc::Profile;
use crate::mmc::disc_info::BackgroundFormat;
use crate::vdrive::refusal::Refusal;

/// How a disc is formatted. Lengths in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwrite {
    /// What the format gives when all of it is done.
    pub size: u32,
    /// So much of it, from the start of the disc, can be read.
    pub formatted: u32,
    /// How the format stands.
    pub state: FormatState,
    /// Spares for bad blocks: with them, a write is verified unless it is streamed.
    pub spares: u32,
}

/// How a format stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FormatState {
    /// None: the disc is as it was bought.
    None,
    /// DVD-RW: it grows as it is written in sequence, until the session is closed.
    Intermediate,
    /// DVD+RW: the drive formats whenever it has nothing else to do.
    Running,
    /// DVD+RW: stopped half-way.
    Suspended,
    /// Done, though a DVD-RW may still grow.
    Complete,
}

impl Overwrite {
    /// An unformatted disc.
    pub const NONE: Self = Self { size: 0, formatted: 0, state: FormatState::None, spares: 0 };

    /// Formatted throughout.
    pub fn complete(size: u32, spares: u32) -> Self {
        Self { size, formatted: size, state: FormatState::Complete, spares }
    }

    /// Takes a write. DVD-RW is written in whole packets of 16 blocks.
    ///
    /// # Errors
    /// The drive's refusal: not formatted there, outside, or no whole packets.
    fn write(&mut self, profile: Profile, lba: u32, blocks: u32) -> Result<(), Refusal> {
        let end = lba.checked_add(blocks).ok_or(Refusal::OutOfRange { lba })?;
        let limit = match self.state {
            FormatState::None => return Err(Refusal::NotFormatted),
            FormatState::Complete => self.formatted,
            FormatState::Intermediate | FormatState::Running | FormatState::Suspended => self.size,
        };
        if end > limit || lba >= limit {
            return Err(Refusal::OutOfRange { lba: lba.max(limit) });
        }
        if profile == Profile::DVD_RW_OVERWRITE && (lba % 16, blocks % 16) != (0, 0) {
            return Err(Refusal::PacketSize);
        }
        match self.state {
            FormatState::Suspended if end > self.formatted => return Err(Refusal::NotFormatted),
            FormatState::Intermediate if lba > self.formatted => {
                return Err(Refusal::NotNextWritable { asked: lba, expected: self.formatted });
            }
            _ => {}
        }
        if blocks > 0 {
            let whole = end.checked_next_multiple_of(16).unwrap_or(end).min(self.size);
            self.formatted = self.formatted.max(whole);
        }
        Ok(())
    }

    /// What READ DISC INFORMATION tells of it.
    pub fn background(&self, profile: Profile) -> BackgroundFormat {
        match self.state {
            _ if profile != Profile::DVD_PLUS_RW => BackgroundFormat::None,
            FormatState::None | FormatState::Intermediate => BackgroundFormat::None,
            FormatState::Suspended => BackgroundFormat::Suspended,
            FormatState::Running => BackgroundFormat::Running,
            FormatState::Complete => BackgroundFormat::Complete,
        }
    }

    fn is_sound(&self, capacity: u32) -> bool {
        self.formatted <= self.size
            && self.size <= capacity
            && self.spares <= capacity
            && (self.state != FormatState::Complete || self.formatted > 0)
    }
}

impl Layout {
    /// How the disc is formatted, if it is one that is overwritten.
    pub fn overwrite(&self) -> Option<&Overwrite> {
        self.special.overwrite.as_ref()
    }

    /// Makes `format` the format of the disc, and its track the one that follows from it.
    pub fn set_overwrite(&mut self, format: Overwrite) {
        self.special.overwrite = Some(format);
        let growing = format.state == FormatState::Intermediate;
        let mut session = Session::at(0);
        self.finalized = format.state != FormatState::None && !growing;
        let size = match format.state {
            FormatState::None => 0,
            FormatState::Intermediate => format.formatted,
            _ if self.profile == Profile::DVD_RW_OVERWRITE => format.formatted,
            _ => format.size,
        };
        if format.state != FormatState::None {
            let state = if growing { TrackState::Open } else { TrackState::Closed };
            session.tracks.push(Track { written: size, size, ..Track::at(0, state) });
            session.lead_out = self.finalized.then_some(size);
        }
        self.sessions = vec![session];
    }

    /// Takes a write into the format, if the disc is one that is overwritten.
    ///
    /// # Errors
    /// The drive's refusal.
    pub(super) fn write_anywhere(&mut self, lba: u32, blocks: u32) -> Option<Result<(), Refusal>> {
        let mut format = self.special.overwrite?;
        let result = format.write(self.profile, lba, blocks);
        if result.is_ok() && self.special.overwrite != Some(format) {
            self.set_overwrite(format);
        }
        Some(result)
    }

    /// CLOSE SESSION on a disc that is overwritten: ends a format that is under way.
    ///
    /// # Errors
    /// The drive's refusal where nothing is formatted.
    pub fn end_format(&mut self) -> Result<(), Refusal> {
        let Some(mut format) = self.special.overwrite else { return Err(Refusal::SequenceError) };
        match format.state {
            FormatState::None => return Err(Refusal::SequenceError),
            // Nothing was written: there is nothing that could be read.
            FormatState::Intermediate if format.formatted == 0 => return Err(Refusal::SequenceError),
            FormatState::Intermediate => format.state = FormatState::Complete,
            FormatState::Running => format.state = FormatState::Suspended,
            FormatState::Suspended | FormatState::Complete => {}
        }
        self.set_overwrite(format);
        Ok(())
    }

    /// How far a block that can be read lies from `lba` to the end of what can be read, on a disc that is
    /// overwritten.
    pub(super) fn readable_anywhere(&self, lba: u32) -> Option<u32> {
        let format = self.special.overwrite.as_ref()?;
        Some(format.formatted.saturating_sub(lba))
    }

    /// What is found of a format after a power cut, when `recorded` blocks hold data; whether there is a format.
    pub(super) fn recover_format(&mut self, recorded: u32) -> bool {
        let Some(mut format) = self.special.overwrite else { return false };
        match format.state {
            FormatState::Running => format.state = FormatState::Suspended,
            FormatState::Intermediate => {
                let found = recorded.checked_next_multiple_of(16).unwrap_or(format.size).min(format.size);
                format.formatted = format.formatted.max(found);
            }
            FormatState::None | FormatState::Suspended | FormatState::Complete => {}
        }
        self.set_overwrite(format);
        true
    }

    /// Whether the format that a file tells of can be.
    pub(super) fn has_sound_format(&self) -> bool {
        let overwritten = self.profile.write_model() == crate::mmc::profile::WriteModel::Overwrite;
        match &self.special.overwrite {
            None => !overwritten,
            Some(format) if overwritten && format.is_sound(self.capacity) => {
                let mut same = self.clone();
                same.set_overwrite(*format);
                same.sessions == self.sessions && same.finalized == self.finalized
            }
            Some(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(profile: Profile, format: Overwrite) -> Layout {
        let mut layout = Layout::blank(profile, 4096);
        layout.set_overwrite(format);
        layout
    }

    #[test]
    fn a_formatted_disc_is_written_anywhere_up_to_its_last_block() {
        let mut disc = layout(Profile::BD_RE, Overwrite::complete(4000, 96));
        for (lba, blocks, wanted) in [
            (3999, 1, Ok(())),
            (0, 4000, Ok(())),
            (3999, 2, Err(Refusal::OutOfRange { lba: 4000 })),
            (4000, 1, Err(Refusal::OutOfRange { lba: 4000 })),
            (u32::MAX, 2, Err(Refusal::OutOfRange { lba: u32::MAX })),
        ] {
            assert_eq!(disc.write(lba, blocks), wanted, "{lba} {blocks}");
        }
    }

    #[test]
    fn a_dvd_rw_grows_in_whole_packets_and_without_holes() {
        let quick = Overwrite { size: 4096, formatted: 0, state: FormatState::Intermediate, spares: 0 };
        let mut disc = layout(Profile::DVD_RW_OVERWRITE, quick);
        assert_eq!(disc.end_format(), Err(Refusal::SequenceError));
        assert_eq!(disc.write(0, 8), Err(Refusal::PacketSize));
        assert_eq!(disc.write(8, 16), Err(Refusal::PacketSize));
        assert_eq!(disc.write(16, 16), Err(Refusal::NotNextWritable { asked: 16, expected: 0 }));
        assert_eq!(disc.write(0, 32), Ok(()));
        assert_eq!(disc.write(16, 32), Ok(()));
        assert_eq!(disc.open_track().and_then(|track| track.next), Some(48));
        assert_eq!(disc.end_format(), Ok(()));
        assert_eq!(disc.write(48, 16), Err(Refusal::OutOfRange { lba: 48 }));
        assert_eq!(disc.write(0, 48), Ok(()));
        assert!(disc.is_sound());
    }

    #[test]
    fn a_stopped_format_is_written_only_where_it_got_to() {
        let running = Overwrite { size: 4096, formatted: 16, state: FormatState::Running, spares: 0 };
        let mut disc = layout(Profile::DVD_PLUS_RW, running);
        assert_eq!(disc.write(100, 3), Ok(()));
        assert_eq!(disc.overwrite().unwrap().formatted, 112);
        disc.end_format().unwrap();
        assert_eq!(disc.write(100, 12), Ok(()));
        assert_eq!(disc.write(112, 1), Err(Refusal::NotFormatted));
        assert_eq!(disc.overwrite().unwrap().background(disc.profile), BackgroundFormat::Suspended);
    }
}
