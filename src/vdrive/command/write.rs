//! WRITE (10), WRITE (12), SYNCHRONIZE CACHE.

use super::{Answer, Call, dvd};
use crate::mmc::cdb::{SynchronizeCache, Write10, Write12};
use crate::mmc::page::{DataBlock, WriteType};
use crate::vdrive::drive::Drive;
use crate::vdrive::refusal::Refusal;
use crate::vdrive::state::{Effect, OperationKind};

/// WRITE (10).
pub fn write_10(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: Write10 = call.read()?;
    write(drive, cdb.lba.get(), cdb.blocks.get().into(), false, call)
}

/// WRITE (12).
pub fn write_12(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: Write12 = call.read()?;
    write(drive, cdb.lba.get(), cdb.blocks.get(), cdb.streaming & Write12::STREAMING != 0, call)
}

fn write(
    drive: &mut Drive,
    lba: i32,
    blocks: u32,
    streaming: bool,
    call: &Call<'_>,
) -> Result<Answer, Refusal> {
    let test = drive.parameters.test_write;
    let protected = drive.parameters.underrun_protection;
    let mut after = drive.visible_layout()?.clone();
    let suits = drive.parameters.write_type == WriteType::TrackAtOnce
        && drive.parameters.data_block == DataBlock::MODE_1;
    if after.profile.is_cd() && !suits {
        return Err(Refusal::WrongMode);
    }
    if drive.buffer.starved() && after.profile.is_cd() && !protected && after.is_writing() {
        return Err(lose_the_stream(drive));
    }
    let Ok(start) = u32::try_from(lba) else {
        let expected = after.open_track().and_then(|track| track.next).unwrap_or(0);
        return Err(Refusal::NotNextWritable { asked: lba.cast_unsigned(), expected });
    };
    dvd::suits(drive, &after)?;
    after.write(start, blocks)?;
    dvd::choose_rate(drive, &after, (start, blocks), streaming)?;
    if !drive.buffer.take(call.data.len() as u64) {
        return Err(Refusal::BufferFull);
    }
    if test {
        drive.pretended = Some(after);
    } else if let Some(medium) = &mut drive.medium {
        medium.record(start, call.data, after).map_err(|_| Refusal::MediumFailed)?;
    }
    Ok(Answer::default())
}

/// The buffer ran empty without protection: the track ends there.
fn lose_the_stream(drive: &mut Drive) -> Refusal {
    drive.buffer.clear();
    if let Some(pretended) = &mut drive.pretended {
        pretended.damage();
    } else if let Some(medium) = &mut drive.medium {
        let mut after = medium.layout().clone();
        after.damage();
        if medium.settle(after).is_err() {
            return Refusal::MediumFailed;
        }
    }
    Refusal::LossOfStreaming
}

/// SYNCHRONIZE CACHE: what is in the buffer goes onto the disc; a track written at once ends.
pub fn synchronize_cache(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: SynchronizeCache = call.read()?;
    let takes = drive.options.pace.duration(drive.buffer.flush());
    let effect = flushed(drive)?;
    Ok(drive.run(OperationKind::Flush, takes, effect, cdb.flags & SynchronizeCache::IMMED != 0, call.now))
}

/// What a flush makes of the layout.
fn flushed(drive: &mut Drive) -> Result<Effect, Refusal> {
    let before = drive.visible_layout()?;
    let mut after = before.clone();
    let missing = after.flush();
    let short = after.finish_at_once();
    if after == *before {
        return Ok(Effect::None);
    }
    if missing > 0 {
        let min = after.rules().min_track;
        drive.ledger.note(format!("a track of {} blocks where {min} are the least", min - missing));
    }
    if let Some(short) = short.filter(|short| *short > 0) {
        drive.ledger.note(format!("a disc written at once, {short} blocks short of what was reserved"));
    }
    // A disc at once is complete now; the pretence of one ends here.
    if drive.pretended.is_some() {
        drive.pretended = short.is_none().then_some(after);
        return Ok(Effect::None);
    }
    Ok(Effect::Layout { after: Box::new(after), changed: short.is_some() })
}
