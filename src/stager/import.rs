//! The tree of an earlier session, read from the recorder's process block by block.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::errors;
use super::pulse::Pulse;
use crate::api::{BLOCK, Error, ErrorKind, Result};
use crate::image::read::{Bounds, ImportError, Imported, StructureError, date_of_creation, import_tree};
use crate::wire::stager_worker::{AskingEnd, BLOCKS_AT_ONCE, BlocksRead, ReadBlocks};
use crate::wire::{Channel, ChannelError};

/// Stretches of blocks that are kept: directories and what continues them lie in a few places each.
const KEPT: usize = 16;

/// Reads the tree of the session that starts at `start`, through a worker's socket.
///
/// # Errors
/// `NotSupported` when there is no such tree, `DiscInfo` when it is damaged or cannot be read, `LimitsExceeded` when it
/// is too large, `UserAbort`, `HelperFailed` when the worker is gone.
pub fn read_tree(socket: OwnedFd, start: u32, bounds: Bounds, pulse: &mut Pulse<'_>) -> Result<Imported> {
    let mut disc = Disc { worker: Channel::new(socket), end: bounds.end, kept: VecDeque::new(), read: 0 };
    import_tree(|block, out: &mut [u8; BLOCK]| disc.read(block, out, pulse), start, bounds).map_err(failed)
}

/// When the image was made whose beginning is recorded from `start` to `end`, read through a worker's socket.
///
/// # Errors
/// `WrongDisc` when no image of ours begins there, `DiscInfo` when it cannot be read, `UserAbort`, `HelperFailed` when the
/// worker is gone.
pub fn read_date(socket: OwnedFd, start: u32, end: u32, pulse: &mut Pulse<'_>) -> Result<i64> {
    let mut disc = Disc { worker: Channel::new(socket), end, kept: VecDeque::new(), read: 0 };
    let date = date_of_creation(|block, out: &mut [u8; BLOCK]| disc.read(block, out, pulse), start);
    date.map_err(|error| match error {
        StructureError::Read { block, source } => source.with("block", block),
        StructureError::Damaged { block, what } => {
            let message = format!(
                "what was recorded before the burn was cut off is not the beginning of an image of this service: block \
                 {block} is {what}. To record behind it, set “unfinished” to “close”"
            );
            Error::new(ErrorKind::WrongDisc, message).with("block", block)
        }
        StructureError::TooLarge => nonsense(),
    })
}

/// The disc, as far as the worker reads it.
struct Disc {
    worker: AskingEnd,
    end: u32,
    /// Stretches by their first block, the one used last in front.
    kept: VecDeque<(u32, Vec<u8>)>,
    read: u64,
}

impl Disc {
    fn read(&mut self, block: u64, out: &mut [u8; BLOCK], pulse: &mut Pulse<'_>) -> Result<()> {
        let block = u32::try_from(block).ok().filter(|&block| block < self.end).ok_or_else(|| {
            Error::new(ErrorKind::DiscInfo, format!("block {block} lies behind all that is recorded"))
                .with("block", block)
        })?;
        if let Some(at) = self.kept.iter().position(|(first, bytes)| inside(*first, bytes, block).is_some()) {
            self.kept.swap(0, at);
        } else {
            let count = BLOCKS_AT_ONCE.min(u16::try_from(self.end - block).unwrap_or(u16::MAX));
            let bytes = match self.ask(ReadBlocks { block, count }, pulse) {
                // What lies behind the block may be unreadable, and nobody's business.
                Err(error) if count > 1 && error.kind == ErrorKind::DiscInfo => {
                    self.ask(ReadBlocks { block, count: 1 }, pulse)?
                }
                other => other?,
            };
            self.kept.truncate(KEPT - 1);
            self.kept.push_front((block, bytes));
        }
        self.read += 1;
        pulse.step(self.read)?;
        let kept = self.kept.front().and_then(|(first, bytes)| inside(*first, bytes, block));
        out.copy_from_slice(kept.ok_or_else(nonsense)?);
        Ok(())
    }

    fn ask(&self, ask: ReadBlocks, pulse: &mut Pulse<'_>) -> Result<Vec<u8>> {
        self.worker.send(&ask, &[]).map_err(lost)?;
        loop {
            if let Some((BlocksRead(answer), _)) = self.worker.try_receive().map_err(lost)? {
                let bytes = answer?;
                let whole = bytes.len() == usize::from(ask.count) * BLOCK;
                return if whole { Ok(bytes) } else { Err(nonsense()) };
            }
            let mut fds = vec![PollFd::new(self.worker.as_fd(), PollFlags::POLLIN)];
            fds.extend(pulse.watch().map(|broker| PollFd::new(broker, PollFlags::POLLIN)));
            // An interruption by a signal is looked at like an answer.
            let _ = poll(&mut fds, PollTimeout::NONE);
            pulse.listen()?;
        }
    }
}

/// A block within a stretch.
fn inside(first: u32, bytes: &[u8], block: u32) -> Option<&[u8]> {
    let at = block.checked_sub(first)? as usize * BLOCK;
    bytes.get(at..at + BLOCK)
}

fn failed(error: ImportError<Error>) -> Error {
    const HINT: &str = "To begin a directory tree without what is on the disc, set “multisession” to “new”, or erase a \
                        rewritable disc";
    let message =
        |why: &str| format!("the tree of the disc's last session cannot be taken over: {why}. {HINT}");
    match error {
        ImportError::Structure(StructureError::Read { block, source }) => match source.kind {
            ErrorKind::DiscInfo => Error { message: message(&source.message), ..source },
            _ => source.with("block", block),
        },
        ImportError::Structure(StructureError::Damaged { block, .. }) => {
            Error::new(ErrorKind::DiscInfo, message(&error.to_string())).with("block", block)
        }
        ImportError::NoFileSystem { block } => {
            Error::new(ErrorKind::NotSupported, message(&error.to_string())).with("block", u64::from(block))
        }
        ImportError::Structure(StructureError::TooLarge)
        | ImportError::TooManyEntries(_)
        | ImportError::TooDeep => errors::limit(message(&error.to_string())),
    }
}

fn lost(error: ChannelError) -> Error {
    let message = format!("the recorder's process does not read the disc any more: {error}");
    Error::new(ErrorKind::HelperFailed, message).with("source", "worker")
}

fn nonsense() -> Error {
    Error::new(ErrorKind::HelperFailed, "the recorder's process gave other blocks than it was asked for")
        .with("source", "worker")
}
