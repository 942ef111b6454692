//! Why the drive says no. The sense that goes with it is chosen here and nowhere else.

use crate::mmc::Sense;

/// A reason to end a command with CHECK CONDITION.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No disc.
    NoMedium {
        /// The tray is open.
        open: bool,
    },
    /// The disc is being made ready.
    BecomingReady,
    /// A long operation runs, so far along of 65536.
    OperationInProgress {
        /// Progress.
        progress: u16,
    },
    /// The buffer is being written out, so far along of 65536.
    Flushing {
        /// Progress.
        progress: u16,
    },
    /// The buffer has no room for this write now.
    BufferFull,
    /// The drive does not have this command.
    UnknownCommand,
    /// A field of the command.
    BadField {
        /// The byte.
        byte: u16,
    },
    /// A field of the parameters.
    BadParameter {
        /// The byte.
        byte: u16,
    },
    /// The parameters have another length than was announced or is possible.
    ParameterLength,
    /// Values cannot be kept.
    CannotSave,
    /// A write that does not start where the disc goes on.
    NotNextWritable {
        /// Where it starts.
        asked: u32,
        /// Where the disc goes on.
        expected: u32,
    },
    /// Behind the end of the disc.
    OutOfRange {
        /// The block.
        lba: u32,
    },
    /// The write starts inside and ends behind the end of the track.
    EndOfTrack,
    /// Run-out, lead-in, lead-out or gap where data are wanted.
    NoData,
    /// The disc is closed.
    WriteProtected,
    /// The write parameters do not suit the disc.
    WrongMode,
    /// This question does not suit the disc.
    IncompatibleMedium,
    /// The disc cannot be erased.
    CannotErase,
    /// The disc cannot be formatted.
    CannotFormat,
    /// The disc has no format where it is to be written.
    NotFormatted,
    /// No whole packets.
    PacketSize,
    /// The spares are used up.
    NoSpares,
    /// A format runs, so far along of 65536.
    Formatting {
        /// Progress.
        progress: u16,
    },
    /// The buffer ran empty and there is no protection.
    LossOfStreaming,
    /// A session with an open track cannot be closed.
    IncompleteTrack,
    /// A session with an unfilled reservation cannot be closed.
    EmptyReservation,
    /// Not now.
    SequenceError,
    /// The tray is locked.
    RemovalPrevented,
    /// The files of the disc failed.
    MediumFailed,
    /// What the fault script says.
    Scripted(Sense),
}

impl Refusal {
    /// The sense that the host gets.
    pub fn sense(self) -> Sense {
        let field = |asc, byte| Sense { field: Some(byte), ..Sense::new(5, asc, 0) };
        let at = |sense: Sense, lba| Sense { information: Some(lba), ..sense };
        match self {
            Self::NoMedium { open: false } => Sense::new(2, 0x3a, 1),
            Self::NoMedium { open: true } => Sense::new(2, 0x3a, 2),
            Self::BecomingReady => Sense::new(2, 0x04, 1),
            Self::OperationInProgress { progress } => Sense::new(2, 0x04, 7).with_progress(progress),
            Self::Flushing { progress } => Sense::new(2, 0x04, 8).with_progress(progress),
            Self::BufferFull => Sense::new(2, 0x04, 8),
            Self::UnknownCommand => Sense::new(5, 0x20, 0),
            Self::BadField { byte } => field(0x24, byte),
            Self::BadParameter { byte } => field(0x26, byte),
            Self::ParameterLength => Sense::new(5, 0x1a, 0),
            Self::CannotSave => Sense::new(5, 0x39, 0),
            Self::NotNextWritable { asked, .. } => at(Sense::new(5, 0x21, 2), asked),
            Self::OutOfRange { lba } => at(Sense::new(5, 0x21, 0), lba),
            Self::EndOfTrack => Sense::new(5, 0x63, 0),
            Self::NoData | Self::WrongMode => Sense::new(5, 0x64, 0),
            Self::WriteProtected => Sense::new(7, 0x27, 0),
            Self::IncompatibleMedium => Sense::new(5, 0x30, 2),
            Self::CannotErase => Sense::new(5, 0x30, 5),
            Self::CannotFormat => Sense::new(5, 0x30, 6),
            Self::NotFormatted => Sense::new(5, 0x30, 5),
            Self::PacketSize => Sense::new(5, 0x64, 1),
            Self::NoSpares => Sense::new(3, 0x32, 0),
            Self::Formatting { progress } => Sense::new(2, 0x04, 4).with_progress(progress),
            Self::LossOfStreaming => Sense::new(3, 0x0c, 9),
            Self::IncompleteTrack => Sense::new(5, 0x72, 3),
            Self::EmptyReservation => Sense::new(5, 0x72, 4),
            Self::SequenceError => Sense::new(5, 0x2c, 0),
            Self::RemovalPrevented => Sense::new(5, 0x53, 2),
            Self::MediumFailed => Sense::new(4, 0x44, 0),
            Self::Scripted(sense) => sense,
        }
    }
}
