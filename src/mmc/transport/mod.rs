//! The ways to reach a drive: the kernel's SG_IO, a virtual recorder's socket, and a wrapper that remembers.
//!
//! A transport carries a command and brings back what the drive said. A refusal is an answer; only trouble on
//! the way there or back is an error.

pub mod sgio;
pub mod traced;
pub mod vdrive_protocol;
pub mod virtual_socket;

pub use sgio::SgIo;
pub use traced::{Traced, TracedCommand};
pub use virtual_socket::{ControlClient, EventsClient, News, VirtualSocket};

use std::io;
use std::time::Duration;

use super::cdb::{Cdb, Transfer};
use super::sense::Sense;

/// A way to a drive.
pub trait Transport: Send {
    /// Sends a command and waits for its end, `timeout` at most.
    ///
    /// # Errors
    /// [`TransportError`] if no answer came back. What the drive refuses is an `Ok` with sense.
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, timeout: Duration) -> Result<Outcome, TransportError>;

    /// What a person calls it: a device node or a socket.
    fn name(&self) -> &str;
}

/// The data that travel with a command.
#[derive(Debug)]
pub enum Data<'a> {
    /// None.
    None,
    /// To the host; as many bytes as the command asks for.
    FromDrive(&'a mut [u8]),
    /// To the drive; as many bytes as the command announces.
    ToDrive(&'a [u8]),
}

impl Data<'_> {
    /// Bytes, whichever way.
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::FromDrive(buffer) => buffer.len(),
            Self::ToDrive(buffer) => buffer.len(),
        }
    }

    /// Whether nothing travels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How the drive ended a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Good,
    /// Refused or failed, and why.
    Check(Sense),
    /// Not now.
    Busy,
}

impl Status {
    /// Why the drive refuses, if it does. BUSY counts as "becoming ready", 2/04/01: the same wait is due.
    pub const fn refusal(self) -> Option<Sense> {
        match self {
            Self::Good => None,
            Self::Check(sense) => Some(sense),
            Self::Busy => Some(Sense::new(2, 0x04, 0x01)),
        }
    }
}

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// Bytes that travelled; never more than the buffer holds.
    pub transferred: usize,
}

/// Trouble on the way to the drive or back.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The drive is gone, or its link failed under the command.
    #[error("{name} does not answer any more: {why}; check its cable and power")]
    LinkLost {
        /// The drive.
        name: String,
        /// What the link says.
        why: String,
    },
    /// No answer in time. The drive may still be at it.
    #[error("{name} did not answer within {} seconds", limit.as_secs())]
    Timeout {
        /// The drive.
        name: String,
        /// How long was waited.
        limit: Duration,
    },
    /// Somebody else has the drive.
    #[error("{name} is in use by another program; close it and try again")]
    InUse {
        /// The drive.
        name: String,
    },
    /// The buffer does not fit the command: a fault of the caller, found before anything was sent.
    #[error("a command for {name} would transfer {wanted} bytes with a buffer of {given}")]
    Mismatch {
        /// The drive.
        name: String,
        /// Bytes by the command.
        wanted: usize,
        /// Bytes in the buffer.
        given: usize,
    },
    /// The system refuses.
    #[error("cannot talk to {name}: {source}")]
    Io {
        /// The drive.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// Sends a command with a buffer of exactly the length that the command says.
///
/// # Errors
/// As [`Transport::execute`]; [`TransportError::Mismatch`] if the buffer does not fit the command.
pub fn send<C: Cdb>(
    transport: &mut (impl Transport + ?Sized),
    cdb: &C,
    data: Data<'_>,
    timeout: Duration,
) -> Result<Outcome, TransportError> {
    let wanted = cdb.transfer();
    let fits = match (&data, wanted) {
        (Data::None, wanted) => wanted.bytes() == 0,
        (Data::FromDrive(buffer), Transfer::FromDrive(bytes)) => buffer.len() == bytes,
        (Data::ToDrive(buffer), Transfer::ToDrive(bytes)) => buffer.len() == bytes,
        _ => false,
    };
    if !fits {
        let name = transport.name().to_owned();
        return Err(TransportError::Mismatch { name, wanted: wanted.bytes(), given: data.len() });
    }
    transport.execute(cdb.as_bytes(), data, timeout)
}

/// Sends a command that asks for data, and gives back what came: the drive's bytes, or its refusal.
///
/// # Errors
/// As [`send`].
pub fn ask<C: Cdb>(
    transport: &mut (impl Transport + ?Sized),
    cdb: &C,
    timeout: Duration,
) -> Result<Result<Vec<u8>, Sense>, TransportError> {
    let mut buffer = vec![0; cdb.transfer().bytes()];
    let outcome = send(transport, cdb, Data::FromDrive(&mut buffer), timeout)?;
    Ok(match outcome.status.refusal() {
        Some(sense) => Err(sense),
        None => {
            buffer.truncate(outcome.transferred);
            Ok(buffer)
        }
    })
}

/// Sends a command without data.
///
/// # Errors
/// As [`send`].
pub fn tell<C: Cdb>(
    transport: &mut (impl Transport + ?Sized),
    cdb: &C,
    timeout: Duration,
) -> Result<Result<(), Sense>, TransportError> {
    let outcome = send(transport, cdb, Data::None, timeout)?;
    Ok(outcome.status.refusal().map_or(Ok(()), Err))
}
