//! Writing to CD: a track at once as page 05h says, a session at once as the cue sheet says.

use super::toc::LEAD_IN;
use super::{Answer, Call};
use crate::mmc::cdb::SendCueSheet;
use crate::mmc::page::{MultiSession, WriteParameters, WriteType};
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::{CdTrack, Ended, Layout, Run, Sent, SentSub};
use crate::vdrive::refusal::Refusal;

/// Entries of the longest cue sheet: 99 tracks of which each has its code and some indexes.
const MAX_CUE_SHEET: u32 = 8 * 2048;

/// What the drive says of the longest cue sheet (feature 2Eh), bytes.
pub const fn max_cue_sheet() -> u32 {
    MAX_CUE_SHEET
}

/// How blocks come.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Of a track at once, sent like this.
    Track(Sent),
    /// As the cue sheet says.
    Sheet,
    /// Raw, with sub-channels in this form.
    Raw(SentSub),
}

/// SEND CUE SHEET: what the session that comes consists of.
pub fn send_cue_sheet(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: SendCueSheet = call.read()?;
    if call.data.len() > MAX_CUE_SHEET as usize {
        return Err(Refusal::BadField { byte: 6 });
    }
    let _ = cdb;
    let mut after = drive.visible_layout()?.clone();
    if !after.profile.is_cd() {
        return Err(Refusal::IncompatibleMedium);
    }
    if drive.parameters.write_type != WriteType::SessionAtOnce {
        return Err(Refusal::SequenceError);
    }
    after.announce(call.data, LEAD_IN.lba())?;
    keep(drive, after)?;
    Ok(Answer::default())
}

/// WRITE on CD. How long a block is depends on what comes next.
pub fn write(drive: &mut Drive, lba: i32, blocks: u32, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut after = drive.visible_layout()?.clone();
    let way = match drive.parameters.write_type {
        WriteType::SessionAtOnce => Way::Sheet,
        WriteType::Raw => Way::Raw(sub_channels(&drive.parameters).ok_or(Refusal::WrongMode)?),
        WriteType::TrackAtOnce => Way::Track(by_page(&drive.parameters).ok_or(Refusal::WrongMode)?),
        _ => return Err(Refusal::WrongMode),
    };
    let protected = drive.parameters.underrun_protection;
    if drive.buffer.starved() && !protected && after.is_writing() {
        return Err(super::write::lose_the_stream(drive));
    }
    let runs = match way {
        Way::Track(sent) => vec![track_at_once(drive, &mut after, (lba, blocks), sent)?],
        Way::Raw(sub) => after.write_raw((lba, blocks), sub, call.data, LEAD_IN.lba())?,
        Way::Sheet => after.write_at_once(lba, blocks)?,
    };
    if runs.iter().map(Run::bytes).sum::<usize>() != call.data.len() {
        return Err(Refusal::ParameterLength);
    }
    if let [Run { sent: Sent::Nothing, .. }, ..] = runs[..] {
        after.take_text(call.data);
    }
    drive.write_cd_blocks(runs.first().map_or(0, Run::unit));
    if !drive.buffer.take(call.data.len() as u64) {
        return Err(Refusal::BufferFull);
    }
    if drive.parameters.test_write {
        drive.pretended = Some(after);
    } else if let Some(medium) = &mut drive.medium {
        medium.record_runs(&runs, call.data, after).map_err(|_| Refusal::MediumFailed)?;
    }
    Ok(Answer::default())
}

/// Whether CDs can be written with these parameters; or at which byte of the page they cannot.
pub fn acceptable(wish: &WriteParameters) -> Result<(), usize> {
    let audio = is_audio(wish);
    match wish.write_type {
        WriteType::TrackAtOnce if wish.track_mode > 7 && !audio => return Err(3),
        WriteType::TrackAtOnce if by_page(wish).is_none() => {
            // Sound that is not sent as such, and data that are, are a matter of the track mode.
            return Err(if wish.data_block.0 == 0 { 3 } else { 4 });
        }
        // The cue sheet says what is sent.
        WriteType::SessionAtOnce if wish.data_block.bytes().is_none() => return Err(4),
        WriteType::Raw if sub_channels(wish).is_none() => return Err(4),
        WriteType::TrackAtOnce | WriteType::SessionAtOnce | WriteType::Raw => {}
        _ => return Err(2),
    }
    if wish.fixed_packets {
        return Err(3);
    }
    if wish.mcn.is_some_and(|mcn| !mcn.iter().all(u8::is_ascii_digit)) {
        return Err(17);
    }
    if wish.isrc.is_some_and(|isrc| !crate::mmc::subchannel::is_isrc(&isrc)) {
        return Err(33);
    }
    Ok(())
}

/// Ends a session at once, if one is being written: what the flush at its end does.
pub fn finish(drive: &mut Drive, after: &mut Layout) -> Result<bool, Refusal> {
    let more = drive.parameters.multi_session == MultiSession::More;
    match after.finish_session(more)? {
        Ended::None => return Ok(false),
        Ended::Short(0) => {}
        Ended::Short(short) => {
            drive.ledger.note(format!("a session at once, {short} blocks short of its cue sheet"));
        }
        Ended::Unreadable => {
            drive.ledger.note("a raw session without lead-out or table of contents".into());
        }
    }
    Ok(true)
}

/// Makes `after` the layout: the pretended one during a test write.
pub fn keep(drive: &mut Drive, after: Layout) -> Result<(), Refusal> {
    if drive.parameters.test_write {
        drive.pretended = Some(after);
    } else if let Some(medium) = &mut drive.medium {
        medium.settle(after).map_err(|_| Refusal::MediumFailed)?;
    }
    Ok(())
}

fn is_audio(parameters: &WriteParameters) -> bool {
    parameters.track_mode & 0x04 == 0
}

fn by_page(parameters: &WriteParameters) -> Option<Sent> {
    Sent::by_block(parameters.data_block, is_audio(parameters))
}

/// The sub-channels that come with raw blocks. Packed R to W come with P and Q in the same 96 bytes.
fn sub_channels(parameters: &WriteParameters) -> Option<SentSub> {
    match parameters.data_block.0 {
        1 => Some(SentSub::Pq),
        2 | 3 => Some(SentSub::Raw),
        _ => None,
    }
}

fn track_at_once(
    drive: &Drive,
    after: &mut Layout,
    (lba, blocks): (i32, u32),
    sent: Sent,
) -> Result<Run, Refusal> {
    let parameters = &drive.parameters;
    let start = u32::try_from(lba).map_err(|_| {
        let expected = after.open_track().and_then(|track| track.next).unwrap_or(0);
        Refusal::NotNextWritable { asked: lba.cast_unsigned(), expected }
    })?;
    let track = CdTrack {
        control: parameters.track_mode & 0x0f,
        mode: sent.mode(),
        whole: sent.is_kept_whole(),
        sub_channel: false,
        pause: 150,
        isrc: parameters.isrc,
    };
    after.write_track(start, blocks, track, parameters.mcn, parameters.session_format)?;
    Ok(Run { lba, blocks, sent, sub: SentSub::Nothing })
}
