//! Reading an answer whose length nobody can be sure of.

use zerocopy::{FromBytes, IntoBytes};

/// An answer that is too short, or says of itself what cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than the fields that matter need.
    #[error("the drive's {what} has {have} bytes where at least {need} are needed")]
    Short {
        /// The answer.
        what: &'static str,
        /// Bytes that came.
        have: usize,
        /// Bytes that the standard's mandatory part has.
        need: usize,
    },
    /// A field with a value that makes the rest meaningless.
    #[error("the drive's {what} makes no sense: {why}")]
    Nonsense {
        /// The answer.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// The answer as its raw struct. Drives send the shorter forms of older standards: what is missing reads as
/// zero, as long as the first `need` bytes are there.
pub(super) fn padded<T: FromBytes + IntoBytes>(
    bytes: &[u8],
    need: usize,
    what: &'static str,
) -> Result<T, Malformed> {
    if bytes.len() < need {
        return Err(Malformed::Short { what, have: bytes.len(), need });
    }
    let mut raw = T::new_zeroed();
    let target = raw.as_mut_bytes();
    let common = target.len().min(bytes.len());
    target[..common].copy_from_slice(&bytes[..common]);
    Ok(raw)
}

/// What a two-byte data length at the start of an answer leaves of it: the length counts what follows itself,
/// drives overstate it, and the host may have asked for less.
pub(super) fn within_length16(bytes: &[u8]) -> &[u8] {
    match *bytes {
        [high, low, ..] => {
            let said = usize::from(u16::from_be_bytes([high, low])) + 2;
            &bytes[..said.min(bytes.len())]
        }
        _ => bytes,
    }
}

/// The same for a four-byte data length.
pub(super) fn within_length32(bytes: &[u8]) -> &[u8] {
    match *bytes {
        [a, b, c, d, ..] => {
            let said = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
            &bytes[..said.saturating_add(4).min(bytes.len())]
        }
        _ => bytes,
    }
}
