//! The speed: asked for in the drive's own figures, and never fatal.

use crate::api::MediaKind;
use crate::mmc::cdb::{SetCdSpeed, SetStreaming};
use crate::mmc::performance::{Streaming, WriteSpeed};
use crate::mmc::policy::During;

use super::drive::{Drive, QUICK};
use super::error::Trouble;
use super::inspect;

/// Asks for a write speed, kB/s of 1000, or for the fastest; gives the speed that the drive says it will use, 0 when
/// it does not say. A refusal changes nothing but that.
pub(super) fn choose(
    drive: &mut Drive<'_>,
    kind: MediaKind,
    offered: &[WriteSpeed],
    wish: Option<u32>,
) -> Result<u32, Trouble> {
    let chosen = match wish {
        Some(wish) => offered.iter().find(|speed| speed.write == wish),
        None => offered.first(),
    };
    let cd = matches!(kind, MediaKind::CdR | MediaKind::CdRw);
    let streamed = match chosen {
        // Drives want their own descriptor back unchanged; CDs are older than the command.
        // One without an end was made of page 2Ah, and is none of the drive's own.
        Some(speed) if !cd && speed.end > 0 => {
            accepted(drive.give(&SetStreaming::new(), &speed.request().emit(), During::SetSpeed))?
        }
        _ => false,
    };
    if !streamed {
        let write = wish.and_then(|wish| u16::try_from(wish).ok()).unwrap_or(SetCdSpeed::MAX);
        accepted(drive.tell(&SetCdSpeed::new(SetCdSpeed::MAX, write), During::SetSpeed, QUICK))?;
    }
    let told = u32::from(inspect::capabilities(drive)?.write_speed);
    Ok(match (told, streamed, chosen) {
        // Page 2Ah has 16 bits, and on DVD often the figure of CDs: an accepted descriptor says more.
        (_, true, Some(speed)) => speed.write,
        (told, ..) => told,
    })
}

/// Gives the choice back to the drive: SET STREAMING outlives a change of disc, and SET CD SPEED the burn that asked for it.
pub(super) fn restore(drive: &mut Drive<'_>, kind: MediaKind) {
    let restored = if matches!(kind, MediaKind::CdR | MediaKind::CdRw) {
        drive.tell(&SetCdSpeed::new(SetCdSpeed::MAX, SetCdSpeed::MAX), During::SetSpeed, QUICK)
    } else {
        let defaults = Streaming::restore_defaults().emit();
        drive.give(&SetStreaming::new(), &defaults, During::SetSpeed)
    };
    if let Err(trouble) = restored {
        tracing::debug!(%trouble, "the speed could not be given back to the drive");
    }
}

fn accepted(result: Result<(), Trouble>) -> Result<bool, Trouble> {
    match result {
        Ok(()) => Ok(true),
        Err(trouble @ Trouble::Refused { .. }) => {
            tracing::debug!(%trouble, "the drive does not take the speed");
            Ok(false)
        }
        Err(trouble) => Err(trouble),
    }
}
