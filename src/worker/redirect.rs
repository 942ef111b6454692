//! The last step of a disc that grows: readers find the new session where they look for the first.
//!
//! Discs that are written anywhere tell of no sessions; whoever reads them begins at block 16 (burning of multi-session
//! discs as growisofs has it). The blocks there get the new session's volume descriptors, whose addresses count from
//! block 0 of the disc anyway; what stands behind them stays.

use std::time::Duration;

use zerocopy::FromBytes;

use crate::api::BLOCK;
use crate::image::iso9660::descriptor::{FIRST_DESCRIPTOR, STANDARD_ID, VolumeDescriptor, kind};
use crate::mmc::cdb::Write10;
use crate::mmc::policy::During;

use super::drive::Drive;
use super::error::Trouble;
use super::inspect::READY;
use super::verify::read_at_once;

/// Most descriptors that are copied: so many blocks are written at once.
const MOST: usize = 16;
/// Blocks of the stretch that is read before it is written: a cluster of a BD.
const STRETCH: usize = 32;

/// Copies the volume descriptors of the session that begins at `session` to block 16. `alignment`: 16 or 32.
pub(super) fn redirect(drive: &mut Drive<'_>, session: u32, alignment: u32) -> Result<(), Trouble> {
    drive.settle(During::Flush, SETTLE.min(READY))?;
    let mut new = vec![0; MOST * BLOCK];
    read_at_once(drive, session.saturating_add(FIRST_DESCRIPTOR), &mut new)?;
    let Some(blocks) = descriptors(&new) else {
        tracing::info!(
            session,
            "what was written begins with no volume descriptors: readers are not redirected"
        );
        return Ok(());
    };
    let first = FIRST_DESCRIPTOR / alignment * alignment;
    let mut old = vec![0; alignment.min(STRETCH as u32) as usize * BLOCK];
    read_at_once(drive, first, &mut old)?;
    let at = (FIRST_DESCRIPTOR - first) as usize * BLOCK;
    let bytes = blocks * BLOCK;
    old[at..at + bytes].copy_from_slice(&new[..bytes]);
    let cdb = Write10::new(first.cast_signed(), (old.len() / BLOCK) as u16);
    drive.give(&cdb, &old, During::Write)
}

/// How many blocks of volume descriptors these are, with the one that ends them; `None` when they are none.
fn descriptors(bytes: &[u8]) -> Option<usize> {
    let kinds: Vec<u8> = bytes
        .chunks_exact(BLOCK)
        .map_while(|block| VolumeDescriptor::read_from_bytes(block).ok())
        .take_while(|descriptor| descriptor.standard_id == STANDARD_ID)
        .map(|descriptor| descriptor.kind)
        .collect();
    let end = kinds.iter().position(|&one| one == kind::TERMINATOR)?;
    kinds[..end].contains(&kind::PRIMARY).then_some(end + 1)
}

/// After the flush a drive is ready at once, or says how far it is.
const SETTLE: Duration = Duration::from_secs(200);
