//! READ SUB-CHANNEL: where the pick-up is, and the numbers of disc and track (MMC-5, 6.32).

use super::{Answer, Call};
use crate::mmc::cdb::ReadSubChannel;
use crate::mmc::msf::Msf;
use crate::mmc::subchannel::{ADR_CATALOG, ADR_ISRC, ADR_POSITION};
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::Layout;
use crate::vdrive::refusal::Refusal;

/// No sound is played here, ever.
const AUDIO_STATUS_NONE: u8 = 0x15;

/// Sub-channel Q as meaning.
pub fn read_sub_channel(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadSubChannel = call.read()?;
    let layout = drive.ready_medium()?.layout();
    if !layout.profile.is_cd() {
        return Err(Refusal::IncompatibleMedium);
    }
    let msf = cdb.flags & 2 != 0;
    let body = match cdb.format {
        _ if cdb.sub_q & 0x40 == 0 => Vec::new(),
        ReadSubChannel::POSITION => position(layout, msf),
        ReadSubChannel::CATALOG => catalog(layout),
        ReadSubChannel::ISRC => isrc(layout, cdb.track).ok_or(Refusal::BadField { byte: 6 })?,
        _ => return Err(Refusal::BadField { byte: 3 }),
    };
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    Ok(Answer::data(&cdb, [&[0, AUDIO_STATUS_NONE, length[0], length[1]][..], &body].concat()))
}

/// At rest the pick-up is at the first block.
fn position(layout: &Layout, msf: bool) -> Vec<u8> {
    let address = |lba: i32| match msf {
        true => {
            let Msf { minute, second, frame } = Msf::from_lba(lba).unwrap_or_default();
            [0, minute, second, frame]
        }
        false => lba.to_be_bytes(),
    };
    let control = layout.place(0).map_or(0, |place| place.cd.control);
    let mut body = vec![ReadSubChannel::POSITION, ADR_POSITION << 4 | control, 1, 1];
    body.extend(address(0));
    // A relative time has no two seconds before it.
    body.extend(if msf { [0; 4] } else { address(0) });
    body
}

fn catalog(layout: &Layout) -> Vec<u8> {
    let catalog = layout.sessions.iter().find_map(|session| session.cd.catalog);
    let control = layout.place(0).map_or(0, |place| place.cd.control);
    let mut body = vec![ReadSubChannel::CATALOG, ADR_CATALOG << 4 | control, 0, 0];
    body.push(u8::from(catalog.is_some()) << 7);
    body.extend(catalog.unwrap_or_default());
    body.extend([0, 0]);
    body
}

fn isrc(layout: &Layout, number: u8) -> Option<Vec<u8>> {
    let (_, track) = layout.tracks().nth(usize::from(number).checked_sub(1)?)?;
    let mut body = vec![ReadSubChannel::ISRC, ADR_ISRC << 4 | track.cd.control, number, 0];
    body.push(u8::from(track.cd.isrc.is_some()) << 7);
    body.extend(track.cd.isrc.unwrap_or_default());
    body.extend([0, 0, 0]);
    Some(body)
}
