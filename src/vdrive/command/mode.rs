//! MODE SENSE and MODE SELECT: pages 01h, 05h and 2Ah.

use super::{Answer, Call, cd, dvd};
use crate::mmc::cdb::{ModeSelect10, ModeSense6, ModeSense10};
use crate::mmc::page::{self, Capabilities, WriteParameters};
use crate::mmc::profile::WriteModel;
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::{Layout, Medium};
use crate::vdrive::refusal::Refusal;

/// Read error recovery, page 01h: the drive's retries, which nothing here depends on.
const ERROR_RECOVERY: [u8; 12] = [0x01, 0x0a, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
const ALL_PAGES: u8 = 0x3f;

/// MODE SENSE (10).
pub fn sense_10(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ModeSense10 = call.read()?;
    let pages = pages(drive, cdb.page)?;
    Ok(Answer::data(&cdb, page::answer(&pages)))
}

/// MODE SENSE (6), which the kernel falls back to: the same pages behind a header of four bytes.
pub fn sense_6(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ModeSense6 = call.read()?;
    let mut answer = vec![0; 4];
    answer.extend(pages(drive, cdb.page)?);
    answer[0] = u8::try_from(answer.len() - 1).unwrap_or(u8::MAX);
    Ok(Answer::data(&cdb, answer))
}

/// MODE SELECT (10). Page 05h is accepted only with what the drive can do, because hosts find that out so.
pub fn select_10(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ModeSelect10 = call.read()?;
    if cdb.flags & 0x10 == 0 {
        return Err(Refusal::BadField { byte: 1 });
    }
    if cdb.flags & 0x01 != 0 {
        return Err(Refusal::CannotSave);
    }
    if call.data.is_empty() {
        return Ok(Answer::default());
    }
    let [_, _, _, _, _, _, high, low, ..] = *call.data else { return Err(Refusal::ParameterLength) };
    let mut at = page::HEADER + usize::from(u16::from_be_bytes([high, low]));
    let mut chosen = drive.parameters;
    while let Some(rest @ [code, length, ..]) = call.data.get(at..) {
        let end = usize::from(*length) + 2;
        let body = rest.get(..end).ok_or(Refusal::ParameterLength)?;
        match code & 0x3f {
            WriteParameters::CODE => chosen = write_parameters(drive, body, at)?,
            0x01 | Capabilities::CODE => {}
            _ => return Err(bad(at)),
        }
        at += end;
    }
    if chosen.write_type != drive.parameters.write_type {
        forget_cue_sheet(drive)?;
    }
    // What a test write pretended ends with it.
    if !chosen.test_write {
        drive.pretended = None;
    }
    drive.parameters = chosen;
    Ok(Answer::default())
}

/// Another way of writing makes a cue sheet void; once the session has begun, there is no other way.
fn forget_cue_sheet(drive: &mut Drive) -> Result<(), Refusal> {
    let visible = drive.pretended.as_mut().or_else(|| drive.medium.as_mut().map(Medium::layout_mut));
    visible.map_or(Ok(()), Layout::forget_cue_sheet)
}

fn write_parameters(drive: &Drive, body: &[u8], at: usize) -> Result<WriteParameters, Refusal> {
    if body.len() < WriteParameters::LEN {
        return Err(bad(at + 1));
    }
    let wish = WriteParameters::parse(body).map_err(|_| bad(at))?;
    match drive.profile().write_model() {
        // The page means nothing there, and hosts send what they like.
        WriteModel::Sequential | WriteModel::Overwrite => {
            return Ok(WriteParameters { test_write: false, ..wish });
        }
        WriteModel::Incremental => {
            dvd::acceptable(&wish).map_err(|byte| bad(at + byte))?;
            return Ok(wish);
        }
        WriteModel::Cd | WriteModel::ReadOnly | WriteModel::Unsupported => {}
    }
    cd::acceptable(&wish).map_err(|byte| bad(at + byte))?;
    Ok(wish)
}

/// The pages that `which` asks for: code in the low bits, current, changeable or default values in the high.
fn pages(drive: &Drive, which: u8) -> Result<Vec<u8>, Refusal> {
    let code = which & 0x3f;
    let control = which >> 6;
    if control == 3 {
        return Err(Refusal::CannotSave);
    }
    let all = [ERROR_RECOVERY.to_vec(), drive.parameters.emit().to_vec(), capabilities(drive).emit()];
    let mut pages: Vec<_> = all.into_iter().filter(|page| code == ALL_PAGES || page[0] == code).collect();
    if pages.is_empty() {
        return Err(Refusal::BadField { byte: 2 });
    }
    if control == 1 {
        pages.iter_mut().for_each(|page| changeable(page));
    }
    Ok(pages.concat())
}

/// Which bits of a page can be chosen.
fn changeable(page: &mut [u8]) {
    let mask = if page[0] == WriteParameters::CODE { 0xff } else { 0 };
    page[2..].fill(mask);
}

fn capabilities(drive: &Drive) -> Capabilities {
    let speeds = drive.options.pace.offered(drive.profile());
    let speeds: Vec<u16> = speeds.iter().map(|speed| word(speed.0)).collect();
    let fastest = speeds.first().copied().unwrap_or(0);
    Capabilities {
        writes_cd: true,
        writes_cd_rw: true,
        test_write: true,
        writes_dvd_r: true,
        digital_audio: true,
        locks: true,
        locked: drive.locked,
        ejects: true,
        mechanism: 1,
        underrun_protection: true,
        buffer_kib: word(drive.options.buffer / 1024),
        max_read: fastest,
        max_write: fastest,
        write_speed: word(drive.write_speed),
        write_speeds: speeds,
    }
}

fn word(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

fn bad(at: usize) -> Refusal {
    Refusal::BadParameter { byte: u16::try_from(at).unwrap_or(u16::MAX) }
}
