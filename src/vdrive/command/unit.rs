//! TEST UNIT READY, REQUEST SENSE, INQUIRY.

use super::{Answer, Call};
use crate::mmc::Sense;
use crate::mmc::cdb::{Inquiry, RequestSense};
use crate::mmc::inquiry::InquiryData;
use crate::vdrive::drive::Drive;
use crate::vdrive::refusal::Refusal;

/// Succeeds when the gate before it does.
pub fn test_unit_ready(_: &mut Drive, _: &Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::default())
}

/// What runs, or else what the last refusal was, told once.
pub fn request_sense(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: RequestSense = call.read()?;
    if cdb.flags & 1 != 0 {
        return Err(Refusal::BadField { byte: 1 });
    }
    let sense = match (&drive.operation, drive.news.attention.pop_front()) {
        (_, Some(sense)) => sense,
        (Some(operation), None) => operation.refusal(call.now).sense(),
        (None, None) => match drive.background_progress() {
            // No error: the drive goes on formatting, and hosts with their work.
            Some(progress) => Sense::new(0, 0x04, 4).with_progress(progress),
            None => std::mem::take(&mut drive.last_sense),
        },
    };
    Ok(Answer::data(&cdb, sense.emit()))
}

/// Who the drive is: standard data, and the pages 00h, 80h and 83h (SPC-4).
pub fn inquiry(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    const SERIAL: u8 = 0x80;
    const IDENTIFICATION: u8 = 0x83;
    let cdb: Inquiry = call.read()?;
    let options = &drive.options;
    if cdb.flags & 1 == 0 {
        if cdb.page != 0 {
            return Err(Refusal::BadField { byte: 2 });
        }
        let data = InquiryData {
            device_type: InquiryData::OPTICAL,
            vendor: options.vendor.clone(),
            product: options.product.clone(),
            revision: options.revision.clone(),
        };
        return Ok(Answer::data(&cdb, data.emit()));
    }
    let body = match cdb.page {
        0 => vec![0, SERIAL, IDENTIFICATION],
        SERIAL => options.serial.bytes().take(64).collect(),
        IDENTIFICATION => {
            // One designator: ASCII, T10 vendor identification, of the logical unit.
            let text: Vec<u8> = format!("{:<8.8}{:.64}", options.vendor, options.serial).into_bytes();
            let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
            [&[0x02, 0x01, 0, length][..], &text].concat()
        }
        _ => return Err(Refusal::BadField { byte: 2 }),
    };
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    Ok(Answer::data(&cdb, [&[InquiryData::OPTICAL, cdb.page, 0, length][..], &body].concat()))
}
