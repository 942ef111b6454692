//! Reading back what was written: exactly the image, never the run-out blocks behind it.

use std::time::Duration;

use crate::api::{self, BLOCK, ErrorKind, Phase, VerifyReport};
use crate::image::read::{StructureError, check_structure};
use crate::mmc::cdb::{Cdb, Read10, StartStopUnit};
use crate::mmc::policy::{During, Verdict, judge};
use crate::mmc::transport::Data;

use super::drive::{Drive, Pace, Patience};
use super::error::{Scene, Trouble};
use super::inspect::READY;

/// Compares every block with the checksum that was kept of it while writing. `behind` more will be verified after it.
///
/// # Errors
/// `VerifyFailed` naming the first block that differs or cannot be read, `UserAbort`.
pub(super) fn full(
    drive: &mut Drive<'_>,
    start: u32,
    sums: &[u32],
    behind: u64,
    scene: Scene<'_>,
) -> api::Result<VerifyReport> {
    begin(drive, sums.len() as u64 + behind, start, scene)?;
    let mut buffer = vec![0; CHUNK_BLOCKS * BLOCK];
    let mut at = start;
    for wanted in sums.chunks(CHUNK_BLOCKS) {
        drive.check_cancel().map_err(|trouble| failed(&trouble, scene))?;
        let bytes = &mut buffer[..wanted.len() * BLOCK];
        read(drive, at, bytes, scene)?;
        let found = bytes.chunks_exact(BLOCK).map(crc32fast::hash);
        if let Some((offset, _)) =
            found.enumerate().zip(wanted).find(|((_, found), wanted)| found != *wanted).map(|(f, _)| f)
        {
            return Err(differs(at + offset as u32, scene));
        }
        at += wanted.len() as u32;
        drive.update(|progress| progress.done = u64::from(at - start));
    }
    Ok(VerifyReport { blocks: sums.len() as u64, full: true })
}

/// Reads the structure of the image again: descriptors, path tables, directories.
///
/// # Errors
/// `VerifyFailed` naming the block that is not what it should be, `UserAbort`.
pub(super) fn quick(drive: &mut Drive<'_>, start: u32, scene: Scene<'_>) -> api::Result<VerifyReport> {
    begin(drive, 0, start, scene)?;
    let mut blocks = 0;
    let checked = check_structure(
        |at, block: &mut [u8; BLOCK]| {
            drive.check_cancel().map_err(|trouble| failed(&trouble, scene))?;
            blocks += 1;
            drive.update(|progress| progress.done = blocks);
            let at = u32::try_from(at).map_err(|_| differs(u32::MAX, scene))?;
            read(drive, at, block, scene)
        },
        start,
    );
    match checked {
        Ok(summary) => Ok(VerifyReport { blocks: summary.blocks_read, full: false }),
        Err(StructureError::Read { source, .. }) => Err(source),
        Err(StructureError::Damaged { block, .. }) => {
            Err(differs(u32::try_from(block).unwrap_or(u32::MAX), scene))
        }
        Err(error @ StructureError::TooLarge) => Err(api::Error::new(
            ErrorKind::VerifyFailed,
            format!("The {} was recorded and closed, but {error}.", scene.disc),
        )),
    }
}

fn begin(drive: &mut Drive<'_>, blocks: u64, start: u32, scene: Scene<'_>) -> api::Result<()> {
    drive.begin(Phase::Verifying, blocks, true);
    // The drive looks at the closed disc anew, and may announce it.
    let ready = drive.settle(During::Load, READY).and_then(|()| first(drive, start));
    ready.map_err(|trouble| failed(&trouble, scene))
}

/// Has the drive find the first block. Some take minutes over a disc that they have just closed, and some know what
/// they wrote only after it was spun down and up again.
fn first(drive: &mut Drive<'_>, start: u32) -> Result<(), Trouble> {
    let mut block = [0; BLOCK];
    match read_within(drive, start, &mut block, READY) {
        Err(trouble @ Trouble::Refused { .. }) => {
            tracing::info!(%trouble, "the first block cannot be read: spinning the disc down and up");
            for command in [StartStopUnit::stop(false), StartStopUnit::start(false)] {
                match drive.tell(&command, During::Load, READY) {
                    Ok(()) | Err(Trouble::Refused { .. }) => {}
                    Err(trouble) => return Err(trouble),
                }
            }
            // Whether that has helped, the verification itself finds out.
            drive.settle(During::Load, READY)
        }
        other => other,
    }
}

/// Reads blocks; when that fails, one by one, to name the first that is bad.
fn read(drive: &mut Drive<'_>, at: u32, bytes: &mut [u8], scene: Scene<'_>) -> api::Result<()> {
    match read_at_once(drive, at, bytes) {
        Ok(()) => Ok(()),
        Err(Trouble::Refused { .. }) if bytes.len() > BLOCK => {
            for (at, block) in (at..).zip(bytes.chunks_exact_mut(BLOCK)) {
                read_at_once(drive, at, block).map_err(|trouble| failed(&trouble, scene.at(at)))?;
            }
            Ok(())
        }
        Err(trouble) => Err(failed(&trouble, scene.at(at))),
    }
}

pub(super) fn read_at_once(drive: &mut Drive<'_>, at: u32, bytes: &mut [u8]) -> Result<(), Trouble> {
    read_within(drive, at, bytes, READ)
}

fn read_within(drive: &mut Drive<'_>, at: u32, bytes: &mut [u8], limit: Duration) -> Result<(), Trouble> {
    // Chunks of 32 blocks below 2^31: the plan has seen to that.
    let cdb = Read10::new(at.cast_signed(), (bytes.len() / BLOCK) as u16);
    let mut patience = Patience::new(drive.host.now(), limit, Pace::COMMAND);
    let wanted = bytes.len();
    loop {
        let outcome = drive.once(&cdb, Data::FromDrive(&mut *bytes), limit);
        let outcome = outcome.map_err(|source| Trouble::link(Read10::OPCODE, source))?;
        match outcome.status.refusal() {
            None => return whole(outcome.transferred, wanted),
            Some(sense) => match judge(sense, During::Read) {
                (Verdict::Proceed, _) => return whole(outcome.transferred, wanted),
                verdict => drive.later(Read10::OPCODE, sense, verdict, During::Read, &mut patience)?,
            },
        }
    }
}

fn whole(given: usize, wanted: usize) -> Result<(), Trouble> {
    if given == wanted { Ok(()) } else { Err(Trouble::Short { wanted, given }) }
}

fn failed(trouble: &Trouble, scene: Scene<'_>) -> api::Error {
    match trouble {
        Trouble::Cancelled => api::Error::new(
            ErrorKind::UserAbort,
            format!(
                "The verification was cancelled. The {} is complete and closed, but was not verified.",
                scene.disc
            ),
        ),
        trouble => scene.error(trouble),
    }
}

fn differs(block: u32, scene: Scene<'_>) -> api::Error {
    let advice = if scene.rewritable { "Erase it and record" } else { "Record" };
    let message = format!(
        "The {} is recorded and closed, but block {block} reads back otherwise than it was written. {advice} the data \
         again, at a lower speed or on another disc.",
        scene.disc
    );
    api::Error::new(ErrorKind::VerifyFailed, message).with("block", u64::from(block))
}

const CHUNK_BLOCKS: usize = 32;
const READ: Duration = Duration::from_secs(60);
