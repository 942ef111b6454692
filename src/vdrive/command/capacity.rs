//! READ CAPACITY, READ FORMAT CAPACITIES, READ BUFFER CAPACITY.

use super::{Answer, Call};
use crate::mmc::BLOCK;
use crate::mmc::capacity::{BufferCapacity, CapacityKind, FormatCapacities, ReadableCapacity};
use crate::mmc::cdb::{ReadBufferCapacity, ReadCapacity, ReadFormatCapacities};
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::{Kind, Layout, Medium};
use crate::vdrive::refusal::Refusal;

/// What can be read: up to the lead-out of the last closed session. Of a blank disc one block, as drives say.
pub fn read_capacity(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadCapacity = call.read()?;
    let layout = drive.ready_medium()?.layout();
    let lead_out = layout.closed_sessions().last().map_or(0, |(_, _, lead_out)| lead_out);
    let capacity = ReadableCapacity { last_lba: lead_out.saturating_sub(1), block_len: BLOCK as u32 };
    Ok(Answer::data(&cdb, capacity.emit()))
}

/// How much the disc holds or could hold, and the formats that it offers.
pub fn read_format_capacities(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadFormatCapacities = call.read()?;
    let layout = drive.ready_medium().map(Medium::layout);
    let formats = layout.map_or_else(|_| Vec::new(), Layout::formats);
    let (kind, blocks) = match layout {
        Ok(layout) => layout.format_now(),
        Err(_) => {
            let largest =
                crate::vdrive::medium::Rules::all().iter().filter_map(|rules| Kind::ordinary(rules.profile));
            (CapacityKind::Unknown, largest.map(|kind| kind.capacity).max().unwrap_or(0))
        }
    };
    let capacities = FormatCapacities { kind, blocks, block_len: BLOCK as u32, formats };
    Ok(Answer::data(&cdb, capacities.emit()))
}

/// How full the buffer is.
pub fn read_buffer_capacity(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadBufferCapacity = call.read()?;
    let (size, free) = (drive.buffer.size(), drive.buffer.size().saturating_sub(drive.buffer.level()));
    let in_blocks = cdb.flags & 1 != 0;
    let unit = if in_blocks { BLOCK as u64 } else { 1 };
    let figure = |bytes: u64| u32::try_from(bytes / unit).unwrap_or(u32::MAX);
    let mut bytes = BufferCapacity { size: figure(size), free: figure(free) }.emit();
    bytes[3] = u8::from(in_blocks);
    Ok(Answer::data(&cdb, bytes))
}
