//! What travels in the queues of a virtio-scsi device (VIRTIO 1.2, 5.6.6), byte for byte.

use std::io::{self, Read};

use crate::mmc::inquiry::InquiryData;
use crate::mmc::{Opcode, Sense};

/// Bytes of a command before its data.
pub const REQUEST_LEN: usize = 51;

/// Bytes of an answer before its data.
pub const RESPONSE_LEN: usize = 12 + SENSE_LEN;

/// Bytes of an event.
pub const EVENT_LEN: usize = 16;

/// The device's `cdb_size`, as no driver changes it.
const CDB_LEN: usize = 32;

/// The device's `sense_size`, as no driver changes it.
const SENSE_LEN: usize = 96;

/// Whom a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Target 0, logical unit 0: the drive.
    Drive,
    /// Another unit of the drive's target.
    OtherUnit,
    /// A target that is not there.
    Nowhere,
}

impl Place {
    fn of(lun: [u8; 8]) -> Self {
        match lun {
            [1, 0, high, low, ..] if high & 0x3f == 0 && low == 0 => Self::Drive,
            [1, 0, ..] => Self::OtherUnit,
            _ => Self::Nowhere,
        }
    }
}

/// `response`: what became of a command on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Response {
    /// It was carried out; its status tells the rest.
    Ok = 0,
    /// More data than the device takes.
    Overrun = 1,
    /// Somebody took it back.
    Aborted = 2,
    /// There is no such target.
    BadTarget = 3,
    /// Too many commands wait.
    Busy = 5,
    /// It got lost.
    Failure = 9,
}

/// The head of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whom it is for.
    pub place: Place,
    /// The host's name for it.
    pub tag: u64,
    cdb: [u8; CDB_LEN],
}

impl Request {
    /// Reads it.
    ///
    /// # Errors
    /// When there are not enough bytes.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut bytes = [0; REQUEST_LEN];
        from.read_exact(&mut bytes)?;
        let (address, rest) = bytes.split_at(16);
        let mut cdb = [0; CDB_LEN];
        // Task attribute, priority and CRN lie between: the drive takes commands as they come.
        cdb.copy_from_slice(&rest[3..]);
        let tag = u64::from_le_bytes(half(address, 8));
        Ok(Self { place: Place::of(half(address, 0)), tag, cdb })
    }

    /// The command, as long as its operation code says.
    pub fn cdb(&self) -> &[u8] {
        &self.cdb[..Opcode(self.cdb[0]).cdb_len().clamp(6, 16)]
    }
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// On its way.
    pub response: Response,
    /// GOOD, CHECK CONDITION, BUSY.
    pub status: u8,
    /// Why, if CHECK CONDITION.
    pub sense: Option<Sense>,
    /// Bytes for the host.
    pub data: Vec<u8>,
    /// Bytes of the host's that were taken.
    pub taken: usize,
}

impl Completion {
    /// One that never reached the drive.
    pub fn failed(response: Response) -> Self {
        Self { response, status: 0, sense: None, data: Vec::new(), taken: 0 }
    }

    /// GOOD, with data.
    pub fn good(data: Vec<u8>, taken: usize) -> Self {
        Self { response: Response::Ok, status: 0, sense: None, data, taken }
    }

    /// CHECK CONDITION.
    pub fn check(sense: Sense, taken: usize) -> Self {
        Self { response: Response::Ok, status: 2, sense: Some(sense), data: Vec::new(), taken }
    }

    /// BUSY.
    pub fn busy() -> Self {
        Self { status: 8, ..Self::failed(Response::Ok) }
    }

    /// The answer's head. `offered` is what the host wanted to be moved, bytes either way.
    pub fn emit(&self, offered: usize) -> [u8; RESPONSE_LEN] {
        let mut bytes = [0; RESPONSE_LEN];
        let sense = self.sense.map(|sense| sense.emit());
        let sense = sense.as_ref().map_or(&[][..], |sense| &sense[..]);
        let moved = self.taken.max(self.data.len());
        let residual = u32::try_from(offered.saturating_sub(moved)).unwrap_or(u32::MAX);
        bytes[..4].copy_from_slice(&u32::try_from(sense.len()).unwrap_or(0).to_le_bytes());
        bytes[4..8].copy_from_slice(&residual.to_le_bytes());
        bytes[10] = self.status;
        bytes[11] = self.response as u8;
        bytes[12..12 + sense.len()].copy_from_slice(sense);
        bytes
    }
}

/// What the device itself answers: a drive knows of no other units and leaves REPORT LUNS to what it hangs on.
pub fn without_drive(place: Place, cdb: &[u8]) -> Option<Completion> {
    const REPORT_LUNS: u8 = 0xa0;
    let allocation = |at: usize, bytes: usize| {
        cdb[at..at + bytes].iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let cut = |mut data: Vec<u8>, allocation: usize| {
        data.truncate(allocation);
        Completion::good(data, 0)
    };
    match (place, Opcode(cdb[0])) {
        (Place::Nowhere, _) => Some(Completion::failed(Response::BadTarget)),
        (_, Opcode(REPORT_LUNS)) => {
            // One unit, number 0.
            Some(cut([0, 0, 0, 8].into_iter().chain([0; 12]).collect(), allocation(6, 4)))
        }
        (Place::Drive, _) => None,
        (Place::OtherUnit, Opcode::INQUIRY) => {
            let mut data = InquiryData { device_type: 0x1f, ..InquiryData::default() }.emit().to_vec();
            // Peripheral qualifier 3: no unit can be here.
            data[0] = 0x7f;
            Some(cut(data, allocation(3, 2)))
        }
        (Place::OtherUnit, _) => Some(Completion::check(Sense::new(5, 0x25, 0), 0)),
    }
}

/// What is asked in the control queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// A command is to be taken back.
    Abort(Place, u64),
    /// All commands are.
    AbortAll(Place),
    /// The unit or its target is to be reset.
    Reset(Place),
    /// Whether a command is there still.
    Query(Place, u64),
    /// Which asynchronous events there are: none.
    Notification,
    /// Something else.
    Unknown,
}

impl Control {
    /// Reads it.
    ///
    /// # Errors
    /// When there are not enough bytes.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut kind = [0; 4];
        from.read_exact(&mut kind)?;
        match u32::from_le_bytes(kind) {
            0 => {}
            1 | 2 => return Ok(Self::Notification),
            _ => return Ok(Self::Unknown),
        }
        let mut bytes = [0; 20];
        from.read_exact(&mut bytes)?;
        let place = Place::of(half(&bytes, 4));
        let tag = u64::from_le_bytes(half(&bytes, 12));
        Ok(match bytes[0] {
            0 => Self::Abort(place, tag),
            1 | 3 => Self::AbortAll(place),
            4 | 5 => Self::Reset(place),
            6 => Self::Query(place, tag),
            7 => Self::Query(place, u64::MAX),
            _ => Self::Unknown,
        })
    }
}

/// `response` of the control queue: done, or nothing to do.
pub const FUNCTION_COMPLETE: u8 = 0;
/// The command that is asked for is there.
pub const FUNCTION_SUCCEEDED: u8 = 10;
/// No such function.
pub const FUNCTION_REJECTED: u8 = 11;

/// The event that tells that the drive was pulled out.
pub fn removal() -> [u8; EVENT_LEN] {
    const TRANSPORT_RESET: u32 = 1;
    const REMOVED: u32 = 2;
    // Linux takes all sixteen bits for the number of the unit here, and not just fourteen as elsewhere.
    const FLAT: [u8; 4] = [1, 0, 0, 0];
    let mut bytes = [0; EVENT_LEN];
    bytes[..4].copy_from_slice(&TRANSPORT_RESET.to_le_bytes());
    bytes[4..8].copy_from_slice(&FLAT);
    bytes[12..].copy_from_slice(&REMOVED.to_le_bytes());
    bytes
}

/// Eight bytes at a place, none where there are not enough.
fn half(bytes: &[u8], at: usize) -> [u8; 8] {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address of the drive.
    const DRIVE: [u8; 8] = [1, 0, 0x40, 0, 0, 0, 0, 0];

    fn request(lun: [u8; 8], cdb: &[u8]) -> Request {
        let mut bytes = [&lun[..], &7_u64.to_le_bytes(), &[0, 0, 0], cdb].concat();
        bytes.resize(REQUEST_LEN, 0);
        Request::read(&mut &bytes[..]).unwrap()
    }

    #[test]
    fn a_command_is_read_with_its_length_its_tag_and_its_place() {
        let read = request(DRIVE, &[0x28, 0, 0, 0, 0, 16, 0, 0, 1, 0, 0xff]);
        assert_eq!((read.place, read.tag), (Place::Drive, 7));
        assert_eq!(read.cdb(), [0x28, 0, 0, 0, 0, 16, 0, 0, 1, 0]);
        assert_eq!(request([1, 0, 0, 0, 0, 0, 0, 0], &[0]).place, Place::Drive);
        assert_eq!(request([1, 0, 0x40, 1, 0, 0, 0, 0], &[0]).place, Place::OtherUnit);
        assert_eq!(request([1, 1, 0x40, 0, 0, 0, 0, 0], &[0]).place, Place::Nowhere);
        assert_eq!(request([0xc1, 1, 0, 0, 0, 0, 0, 0], &[0]).place, Place::Nowhere);
        assert!(Request::read(&mut &[0_u8; REQUEST_LEN - 1][..]).is_err());
    }

    #[test]
    fn an_answer_has_its_fields_where_the_standard_puts_them() {
        let sense = Sense::new(5, 0x21, 0x02);
        let bytes = Completion::check(sense, 0).emit(4096);
        assert_eq!(bytes.len(), 108);
        assert_eq!(bytes[..12], [18, 0, 0, 0, 0, 16, 0, 0, 0, 0, 2, 0]);
        assert_eq!(bytes[12..30], sense.emit());
        let bytes = Completion::good(vec![0; 36], 0).emit(36);
        assert_eq!(bytes, [0; 108]);
        assert_eq!(Completion::failed(Response::BadTarget).emit(0)[11], 3);
    }

    #[test]
    fn one_unit_is_reported_and_no_other_is_there() {
        let cdb = [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0];
        let luns = without_drive(Place::Drive, &cdb).unwrap();
        assert_eq!(luns.data, [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let inquiry = without_drive(Place::OtherUnit, &[0x12, 0, 0, 0, 36, 0]).unwrap();
        assert_eq!((inquiry.data.len(), inquiry.data[0]), (36, 0x7f));
        let other = without_drive(Place::OtherUnit, &[0; 6]).unwrap();
        assert_eq!(other.sense, Some(Sense::new(5, 0x25, 0)));
        assert_eq!(without_drive(Place::Nowhere, &[0; 6]).unwrap().response, Response::BadTarget);
        assert_eq!(without_drive(Place::Drive, &[0; 6]), None);
    }

    #[test]
    fn the_control_queue_is_understood_as_far_as_the_drive_goes() {
        let ask = |kind: u32, function: u32, lun: [u8; 8]| {
            let bytes =
                [&kind.to_le_bytes()[..], &function.to_le_bytes(), &lun, &9_u64.to_le_bytes()].concat();
            Control::read(&mut &bytes[..]).unwrap()
        };
        assert_eq!(ask(0, 0, DRIVE), Control::Abort(Place::Drive, 9));
        assert_eq!(ask(0, 5, DRIVE), Control::Reset(Place::Drive));
        assert_eq!(ask(0, 5, [1, 3, 0, 0, 0, 0, 0, 0]), Control::Reset(Place::Nowhere));
        assert_eq!(ask(0, 99, DRIVE), Control::Unknown);
        assert_eq!(ask(2, 0, DRIVE), Control::Notification);
        assert!(Control::read(&mut &[0_u8; 23][..]).is_err());
    }

    #[test]
    fn a_removal_is_the_event_that_the_standard_has_for_it() {
        assert_eq!(removal(), [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
    }
}
