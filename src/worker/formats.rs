//! How a disc is formatted and could be, and whether there is anything on a disc that is written anywhere.

use crate::api::{BLOCK, DiscStatus};
use crate::burn::{Format, FormatState};
use crate::mmc::capacity::{CapacityKind, FormatCapacities};
use crate::mmc::cdb::{Read10, ReadFormatCapacities};
use crate::mmc::disc_info::{self, BackgroundFormat, DiscInformation};
use crate::mmc::policy::During;
use crate::mmc::profile::{Profile, WriteModel};

use super::drive::Drive;
use super::error::Trouble;

/// The disc's format, and the drive's offers, of kinds that are formatted; nothing of others.
pub(super) fn format(
    drive: &mut Drive<'_>,
    profile: Profile,
    disc: &DiscInformation,
) -> Result<Format, Trouble> {
    let overwritten = profile.write_model() == WriteModel::Overwrite;
    // A BD-R is formatted before its first write or never.
    let formattable = profile == Profile::DVD_RW
        || profile == Profile::BD_R && disc.status != disc_info::DiscStatus::Complete;
    if !overwritten && !formattable {
        return Ok(Format::default());
    }
    let answer = drive.query(&ReadFormatCapacities::new(LIST))?.unwrap_or_default();
    let Ok(capacities) = FormatCapacities::parse(&answer) else { return Ok(Format::default()) };
    let state = match (profile, capacities.kind) {
        _ if !overwritten => FormatState::None,
        (Profile::DVD_PLUS_RW, _) => match disc.background_format {
            BackgroundFormat::None => FormatState::None,
            BackgroundFormat::Suspended => FormatState::Suspended,
            BackgroundFormat::Running => FormatState::Running,
            BackgroundFormat::Complete => FormatState::Complete,
        },
        (_, CapacityKind::Formatted) => FormatState::Complete,
        (Profile::DVD_RW_OVERWRITE, CapacityKind::Unknown) => FormatState::Intermediate,
        _ => FormatState::None,
    };
    Ok(Format { state, blocks: capacities.blocks, offers: capacities.formats })
}

/// Whether a disc that is written anywhere is blank. What the drive says of it is not to be believed: it knows of
/// formats, and nothing of file systems.
///
/// Every file system that is known has something within the first blocks. A disc on which they are zero, or were never
/// written, counts as blank; one that cannot be read there does not.
pub(super) fn status(drive: &mut Drive<'_>, format: &Format) -> Result<DiscStatus, Trouble> {
    if format.state == FormatState::None {
        return Ok(DiscStatus::Blank);
    }
    for at in (0..BEGINNING).step_by(usize::from(PIECE)) {
        match drive.ask(&Read10::new(i32::from(at), PIECE), During::Read) {
            Ok(bytes) if bytes.iter().all(|byte| *byte == 0) && bytes.len() == usize::from(PIECE) * BLOCK => {
            }
            Ok(_) => return Ok(DiscStatus::Other),
            // Not written yet: illegal, or blank.
            Err(Trouble::Refused { sense, .. }) if matches!(sense.key, 5 | 8) && !sense.deferred => break,
            Err(trouble @ Trouble::Refused { .. }) => {
                tracing::warn!(%trouble, "the beginning of the disc cannot be read");
                return Ok(DiscStatus::Other);
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(DiscStatus::Blank)
}

/// Bytes of the longest list of formats.
const LIST: u16 = 252;
/// Blocks at the start of the disc: the farthest that a file system is known by begins at 64 KiB.
const BEGINNING: u16 = 64;
/// A piece of them; DVDs are formatted in such.
const PIECE: u16 = 16;
