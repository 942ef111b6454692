//! WRITE (10), WRITE (12), SYNCHRONIZE CACHE.

use super::close::LEAD_OUT;
use super::{Answer, Call, cd, dvd};
use crate::mmc::BLOCK;
use crate::mmc::cdb::{SynchronizeCache, Write10, Write12};
use crate::vdrive::drive::Drive;
use crate::vdrive::refusal::Refusal;
use crate::vdrive::state::{Effect, OperationKind};

/// WRITE (10).
pub fn write_10(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: Write10 = call.fields()?;
    write(drive, cdb.lba.get(), cdb.blocks.get().into(), false, call)
}

/// WRITE (12).
pub fn write_12(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: Write12 = call.fields()?;
    write(drive, cdb.lba.get(), cdb.blocks.get(), cdb.streaming & Write12::STREAMING != 0, call)
}

fn write(
    drive: &mut Drive,
    lba: i32,
    blocks: u32,
    streaming: bool,
    call: &Call<'_>,
) -> Result<Answer, Refusal> {
    if drive.visible_layout()?.profile.is_cd() {
        return cd::write(drive, lba, blocks, call);
    }
    if call.data.len() != blocks as usize * BLOCK {
        return Err(Refusal::ParameterLength);
    }
    let test = drive.parameters.test_write;
    let mut after = drive.visible_layout()?.clone();
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
pub fn lose_the_stream(drive: &mut Drive) -> Refusal {
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
    let flush = drive.options.pace.duration(drive.buffer.flush());
    let ends = drive.visible_layout()?.at_once.is_some();
    let effect = if ends { session_flushed(drive)? } else { flushed(drive)? };
    // A session at once ends with its lead-out.
    let blocks = if matches!(effect, Effect::Layout { changed: true, .. }) && ends { LEAD_OUT } else { 0 };
    let takes =
        if blocks > 0 { flush + drive.options.pace.recording(blocks, drive.write_speed) } else { flush };
    Ok(drive.run(OperationKind::Flush, takes, effect, cdb.flags & SynchronizeCache::IMMED != 0, call.now))
}

/// What a flush makes of a session that is written at once.
fn session_flushed(drive: &mut Drive) -> Result<Effect, Refusal> {
    let mut after = drive.visible_layout()?.clone();
    if !cd::finish(drive, &mut after)? {
        return Ok(Effect::None);
    }
    if drive.pretended.take().is_some() {
        return Ok(Effect::None);
    }
    Ok(Effect::Layout { after: Box::new(after), changed: true })
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
