//! SET CD SPEED, SET STREAMING, GET PERFORMANCE.

use super::{Answer, Call};
use crate::mmc::cdb::{GetPerformance, SetCdSpeed, SetStreaming};
use crate::mmc::performance::{Streaming, WriteSpeed};
use crate::vdrive::drive::Drive;
use crate::vdrive::refusal::Refusal;

/// SET CD SPEED: the next lower speed that there is.
pub fn set_cd_speed(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: SetCdSpeed = call.read()?;
    let wish = match cdb.write.get() {
        SetCdSpeed::MAX => u32::MAX,
        speed => speed.into(),
    };
    drive.choose_speed(wish);
    Ok(Answer::default())
}

/// SET STREAMING: the descriptor has to end on the disc.
pub fn set_streaming(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: SetStreaming = call.read()?;
    if cdb.kind != 0 {
        return Err(Refusal::BadField { byte: 8 });
    }
    let wish = Streaming::parse(call.data).map_err(|_| Refusal::ParameterLength)?;
    if wish.flags & Streaming::RESTORE_DEFAULTS != 0 {
        drive.choose_speed(u32::MAX);
        return Ok(Answer::default());
    }
    let last = drive.ready_medium()?.layout().capacity.saturating_sub(1);
    if wish.end > last {
        return Err(Refusal::BadParameter { byte: 8 });
    }
    if wish.start > wish.end {
        return Err(Refusal::BadParameter { byte: 4 });
    }
    if wish.write_ms == 0 {
        return Err(Refusal::BadParameter { byte: 24 });
    }
    drive.choose_speed(wish.write_speed());
    Ok(Answer::default())
}

/// GET PERFORMANCE: nominal speeds, and the speeds there are to choose from.
pub fn get_performance(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: GetPerformance = call.read()?;
    let bytes = match cdb.kind {
        GetPerformance::PERFORMANCE => nominal(drive, cdb.data_type),
        GetPerformance::WRITE_SPEEDS => WriteSpeed::emit_all(&speeds(drive)),
        _ => return Err(Refusal::BadField { byte: 10 }),
    };
    Ok(Answer::data(&cdb, bytes))
}

fn speeds(drive: &Drive) -> Vec<WriteSpeed> {
    let end = drive.ready_medium().map_or(0, |medium| medium.layout().capacity.saturating_sub(1));
    let offered = drive.options.pace.offered(drive.profile());
    let read = offered.first().map_or(0, |speed| speed.0);
    offered.iter().map(|speed| WriteSpeed { flags: 0x02, end, read, write: speed.0 }).collect()
}

/// One descriptor (MMC-6): the whole disc at the speed that is set.
fn nominal(drive: &Drive, data_type: u8) -> Vec<u8> {
    let of_writing = data_type & 0x04 != 0;
    let end = drive.ready_medium().map_or(0, |medium| medium.layout().capacity.saturating_sub(1));
    let speed = drive.write_speed;
    let mut bytes = vec![0, 0, 0, 20, u8::from(of_writing) << 1, 0, 0, 0];
    for field in [0, speed, end, speed] {
        bytes.extend(field.to_be_bytes());
    }
    bytes
}
