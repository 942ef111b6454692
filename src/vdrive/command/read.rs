//! READ (10), READ (12), VERIFY (10).

use std::time::Duration;

use super::{Answer, Call, LONGEST};
use crate::mmc::BLOCK;
use crate::mmc::cdb::{Read10, Read12, Verify10};
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::Content;
use crate::vdrive::refusal::Refusal;
use crate::vdrive::speed::Pace;

/// READ (10).
pub fn read_10(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: Read10 = call.read()?;
    read(drive, cdb.lba.get(), cdb.blocks.get().into())
}

/// READ (12).
pub fn read_12(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: Read12 = call.read()?;
    read(drive, cdb.lba.get(), cdb.blocks.get())
}

/// VERIFY (10): succeeds where a read would.
pub fn verify_10(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: Verify10 = call.read()?;
    readable(drive, cdb.lba.get(), cdb.blocks.get().into())?;
    Ok(Answer::default())
}

fn read(drive: &mut Drive, lba: i32, blocks: u32) -> Result<Answer, Refusal> {
    let bytes = blocks as usize * BLOCK;
    if bytes > LONGEST {
        return Err(Refusal::BadField { byte: 7 });
    }
    let start = readable(drive, lba, blocks)?;
    let mut data = vec![0; bytes];
    drive.ready_medium()?.read(start, &mut data).map_err(|_| Refusal::MediumFailed)?;
    let takes = match drive.options.pace {
        Pace::Unlimited => Duration::ZERO,
        _ => Duration::from_micros(bytes as u64 * 1_000_000 / drive.content_rate()),
    };
    Ok(Answer { data, takes })
}

/// Whether every block can be read; the first one as an address in the data.
fn readable(drive: &Drive, lba: i32, blocks: u32) -> Result<u32, Refusal> {
    let layout = drive.ready_medium()?.layout();
    let start = u32::try_from(lba).map_err(|_| Refusal::NoData)?;
    // Reading under a track at once would end the track: drives refuse.
    if layout.is_writing() && layout.rules().flush_closes {
        return Err(Refusal::SequenceError);
    }
    let end = start.checked_add(blocks).ok_or(Refusal::OutOfRange { lba: start })?;
    let mut at = start;
    while at < end {
        match layout.content(at) {
            Content::Data(more) => at = at.saturating_add(more),
            Content::Sound | Content::RunOut | Content::Gap => return Err(Refusal::NoData),
            Content::Beyond => return Err(Refusal::OutOfRange { lba: at }),
        }
    }
    Ok(start)
}
