//! READ DISC STRUCTURE: DVD+R formats 00h and 11h, and the list of them, FFh.

use super::{Answer, Call};
use crate::mmc::Profile;
use crate::mmc::cdb::ReadDiscStructure;
use crate::mmc::disc_structure::{MediaId, PhysicalFormat};
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::Layout;
use crate::vdrive::refusal::Refusal;

const PHYSICAL: u8 = 0x00;
const ADIP: u8 = 0x11;
const LIST: u8 = 0xff;

/// What the groove says of the disc.
pub fn read_disc_structure(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadDiscStructure = call.read()?;
    let layout = drive.ready_medium()?.layout();
    if layout.profile != Profile::DVD_PLUS_R {
        return Err(Refusal::IncompatibleMedium);
    }
    if cdb.media & 0x0f != ReadDiscStructure::DVD {
        return Err(Refusal::BadField { byte: 1 });
    }
    if cdb.layer != 0 {
        return Err(Refusal::BadField { byte: 6 });
    }
    let bytes = match cdb.format {
        PHYSICAL | ADIP => physical_format(layout).emit(),
        // Format, flags (bit 6: readable), length with header.
        LIST => [&[0, 10, 0, 0][..], &[PHYSICAL, 0x40, 1, 4], &[ADIP, 0x40, 1, 4]].concat(),
        _ => return Err(Refusal::BadField { byte: 7 }),
    };
    Ok(Answer::data(&cdb, bytes))
}

fn physical_format(layout: &Layout) -> PhysicalFormat {
    /// Where the data area of every DVD starts in the disc's own count.
    const FIRST: u32 = 0x03_0000;
    PhysicalFormat {
        book: 0xa1,
        layers: 1,
        first: FIRST,
        last: FIRST.saturating_add(layout.capacity.saturating_sub(1)),
        id: Some(MediaId { manufacturer: "DISCMAST".into(), media_type: "V01".into() }),
    }
}
