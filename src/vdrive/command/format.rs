//! FORMAT UNIT.

use super::{Answer, Call};
use crate::mmc::Profile;
use crate::mmc::cdb::FormatUnit;
use crate::mmc::format::FormatParameters;
use crate::vdrive::drive::Drive;
use crate::vdrive::refusal::Refusal;
use crate::vdrive::state::{Effect, OperationKind};

/// FORMAT UNIT: with Immed the drive answers at once and tells how far it is; a DVD+RW is ready when its lead-in is
/// written, and the rest follows in the background.
pub fn format_unit(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    const FORMAT_DATA_CODE_1: u8 = 0x11;
    let cdb: FormatUnit = call.read()?;
    if cdb.flags & 0x17 != FORMAT_DATA_CODE_1 {
        return Err(Refusal::BadField { byte: 1 });
    }
    let wish = FormatParameters::parse(call.data).map_err(|_| Refusal::BadParameter { byte: 2 })?;
    let layout = drive.ready_medium()?.layout();
    let mut done = layout.format(&wish)?;
    // The defects are forgotten and nothing is tried: the blocks stay as they are.
    if cdb.flags & FormatUnit::COMPLETE_LIST != 0 && layout.profile == Profile::DVD_RAM {
        (done.blocks, done.wiped) = (0, false);
    }
    drive.pretended = None;
    drive.buffer.clear();
    let takes = drive.options.pace.recording(done.blocks, drive.write_speed);
    let effect = Effect::Formatted { after: Box::new(done.layout), wiped: done.wiped };
    Ok(drive.run(OperationKind::Format, takes, effect, wish.immed(), call.now))
}
