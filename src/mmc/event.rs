//! Events of the drive, the answer to GET EVENT STATUS NOTIFICATION (MMC-6).

use super::answer::{Malformed, padded};

/// Bit of the media class in the request, and in the supported classes.
pub const MEDIA: u8 = 0x10;
/// Number of the media class in the answer.
const MEDIA_CLASS: u8 = 4;
/// Bytes of an answer with one event.
pub const LEN: usize = 8;

/// What happened to the disc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaCode {
    /// 0: nothing.
    NoChange,
    /// 1: somebody pressed the button.
    EjectRequest,
    /// 2: a disc came.
    New,
    /// 3: the disc went.
    Removal,
    /// 4: another disc, without more being known.
    Changed,
    /// 5: a background format ended.
    FormatCompleted,
    /// 6: a background format was restarted.
    FormatRestarted,
    /// Another number.
    Other(u8),
}

impl MediaCode {
    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::NoChange => 0,
            Self::EjectRequest => 1,
            Self::New => 2,
            Self::Removal => 3,
            Self::Changed => 4,
            Self::FormatCompleted => 5,
            Self::FormatRestarted => 6,
            Self::Other(number) => number & 0x0f,
        }
    }

    /// The event with this number.
    pub const fn from_number(number: u8) -> Self {
        match number & 0x0f {
            0 => Self::NoChange,
            1 => Self::EjectRequest,
            2 => Self::New,
            3 => Self::Removal,
            4 => Self::Changed,
            5 => Self::FormatCompleted,
            6 => Self::FormatRestarted,
            other => Self::Other(other),
        }
    }
}

/// One answer of the media class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaEvent {
    /// What happened.
    pub code: MediaCode,
    /// The tray is open.
    pub open: bool,
    /// A disc is in.
    pub present: bool,
}

impl MediaEvent {
    /// The event in a drive's answer; none if the drive does not report on media.
    ///
    /// # Errors
    /// [`Malformed`] if the header is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let event: [u8; LEN] = padded(bytes, 4, "event status")?;
        let none = event[2] & 0x80 != 0;
        if none || event[2] & 0x07 != MEDIA_CLASS || bytes.len() < 6 {
            return Ok(None);
        }
        Ok(Some(Self {
            code: MediaCode::from_number(event[4]),
            open: event[5] & 1 != 0,
            present: event[5] & 2 != 0,
        }))
    }

    /// The answer.
    pub fn emit(&self) -> [u8; LEN] {
        let status = u8::from(self.open) | u8::from(self.present) << 1;
        [0, 6, MEDIA_CLASS, MEDIA, self.code.number(), status, 0, 0]
    }

    /// The answer when no class was asked for that the drive reports on.
    pub const fn none() -> [u8; 4] {
        [0, 2, 0x80, MEDIA]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_the_bytes_of_the_standard() {
        let event = MediaEvent { code: MediaCode::New, open: false, present: true };
        assert_eq!(event.emit(), [0, 6, 4, 0x10, 2, 2, 0, 0]);
        for number in 0..16 {
            let event = MediaEvent { code: MediaCode::from_number(number), open: true, present: false };
            assert_eq!(event.emit()[4..6], [number, 1]);
            assert_eq!(MediaEvent::parse(&event.emit()), Ok(Some(event)));
        }
    }

    #[test]
    fn no_event_and_cut_answers_are_told_apart() {
        assert_eq!(MediaEvent::parse(&MediaEvent::none()), Ok(None));
        let bytes = MediaEvent { code: MediaCode::Removal, open: true, present: false }.emit();
        for cut in 0..8 {
            assert_eq!(MediaEvent::parse(&bytes[..cut]).is_err(), cut < 4);
        }
    }
}
