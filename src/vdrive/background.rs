//! A format that goes on in the background (DVD+RW): the drive goes on with it whenever the disc is in, and hosts read
//! and write meanwhile.

use std::time::Duration;

use super::drive::Drive;
use super::medium::{FormatState, Overwrite};
use super::speed::Pace;
use crate::mmc::BLOCK;
use crate::mmc::event::MediaCode;
use crate::mmc::transport::vdrive_protocol::Event;
use crate::vdrive::refusal::Refusal;

/// Since when it goes on, and from which block.
#[derive(Clone, Copy, Debug)]
pub struct Background {
    since: Duration,
    from: u32,
}

impl Drive {
    /// Lets the format get as far as it is at `now`.
    pub(super) fn advance_background(&mut self, now: Duration) {
        let Some(format) = self.running_format() else {
            self.background = None;
            return;
        };
        let begun = *self.background.get_or_insert(Background { since: now, from: format.formatted });
        let passed = now.saturating_sub(begun.since).as_nanos();
        let blocks = passed * u128::from(self.format_rate(&format)) / 1_000_000_000;
        let reached = begun.from.saturating_add(u32::try_from(blocks).unwrap_or(u32::MAX));
        let Some(medium) = &mut self.medium else { return };
        medium.format_reaches(reached);
        let mut after = medium.layout().clone();
        if after.overwrite().is_some_and(|format| format.formatted >= format.size) {
            self.background = None;
            after.set_overwrite(Overwrite::complete(format.size, format.spares));
            if medium.settle(after).is_err() {
                self.news.attention(Refusal::MediumFailed.sense().deferred());
            }
            self.news.media(MediaCode::FormatCompleted, Event::MediaChange { present: true, open: false });
        }
    }

    /// How far the format in the background is, of 65536, if one runs.
    pub(super) fn background_progress(&self) -> Option<u16> {
        let format = self.running_format()?;
        let share = u64::from(format.formatted) * 65_536 / u64::from(format.size.max(1));
        Some(u16::try_from(share).unwrap_or(u16::MAX))
    }

    /// When it will be done, if nobody stops it.
    pub(super) fn background_ends(&self) -> Option<Duration> {
        let format = self.running_format()?;
        let begun = self.background?;
        let blocks = u64::from(format.size.saturating_sub(begun.from));
        let nanos = u128::from(blocks) * 1_000_000_000 / u128::from(self.format_rate(&format)) + 1;
        Some(begun.since + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 4)))
    }

    fn running_format(&self) -> Option<Overwrite> {
        let medium = self.medium.as_ref().filter(|_| self.ready)?;
        medium.layout().overwrite().copied().filter(|format| format.state == FormatState::Running)
    }

    /// Blocks a second. Also the fastest drive takes two seconds, so that a host can see it at work.
    fn format_rate(&self, format: &Overwrite) -> u64 {
        match self.options.pace {
            Pace::Unlimited => u64::from(format.size / 2).max(1),
            _ => (self.content_rate() / BLOCK as u64).max(1),
        }
    }
}
