//! What a drive looks at before it writes to a DVD or BD: the write parameters where they count, and how fast it is.

use crate::mmc::page::WriteParameters;
use crate::mmc::page::WriteType;
use crate::mmc::profile::WriteModel;
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::Layout;
use crate::vdrive::refusal::Refusal;

/// Whether the disc can be written as the write parameters say. They count on DVD-R and DVD-RW in sequence alone.
pub fn suits(drive: &Drive, layout: &Layout) -> Result<(), Refusal> {
    if layout.finalized || layout.profile.write_model() != WriteModel::Incremental {
        return Ok(());
    }
    match drive.parameters.write_type {
        // After a minimal blanking, incremental writing is not possible.
        WriteType::Packet if layout.special.minimally_blanked => Err(Refusal::WrongMode),
        WriteType::Packet if layout.special.at_once => Err(Refusal::WrongMode),
        WriteType::Packet => Ok(()),
        WriteType::SessionAtOnce if layout.special.at_once => Ok(()),
        // At once, the drive has to know how much will come.
        WriteType::SessionAtOnce => Err(Refusal::SequenceError),
        _ => Err(Refusal::WrongMode),
    }
}

/// A streamed write has to be of whole blocks of error correction; the drive then verifies nothing, and is twice as
/// fast on discs with spares.
///
/// # Errors
/// The drive's refusal.
pub fn choose_rate(
    drive: &mut Drive,
    layout: &Layout,
    place: (u32, u32),
    streaming: bool,
) -> Result<(), Refusal> {
    let Some(format) = layout.overwrite() else { return Ok(()) };
    let alignment = layout.rules().alignment;
    if streaming && (place.0 % alignment, place.1 % alignment) != (0, 0) {
        return Err(Refusal::BadField { byte: 2 });
    }
    let halved = format.spares > 0 && !streaming;
    drive.verify_writes(halved);
    Ok(())
}

/// Whether DVD-R and DVD-RW can be written with these parameters; or at which byte of the page they cannot.
pub fn acceptable(wish: &WriteParameters) -> Result<(), usize> {
    if !matches!(wish.write_type, WriteType::Packet | WriteType::SessionAtOnce) {
        return Err(2);
    }
    // Data, in uninterrupted or incremental tracks.
    if !matches!(wish.track_mode, 4 | 5) {
        return Err(3);
    }
    if wish.data_block != crate::mmc::page::DataBlock::MODE_1 {
        return Err(4);
    }
    let packets = wish.write_type == WriteType::Packet && wish.fixed_packets;
    if packets && wish.packet_size != 16 {
        return Err(10);
    }
    Ok(())
}
