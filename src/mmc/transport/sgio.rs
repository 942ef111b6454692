//! SG_IO: the kernel's way to hand a SCSI command to a drive (Linux `scsi/sg.h`).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{Data, Outcome, Status, Transport, TransportError};
use crate::mmc::sense::Sense;

/// How long an open waits for others (udev probes every disc) to leave the drive.
const OPEN_PATIENCE: Duration = Duration::from_secs(10);
const OPEN_PAUSE: Duration = Duration::from_millis(100);
const SENSE_LEN: usize = 64;
const FLAGS: libc::c_int = libc::O_NONBLOCK | libc::O_CLOEXEC;

/// A drive behind a device node.
#[derive(Debug)]
pub struct SgIo {
    device: File,
    name: String,
}

impl SgIo {
    /// Opens a device node such as `/dev/sr0` for this process alone. Whoever has it gets ten seconds to leave.
    ///
    /// # Errors
    /// [`TransportError::InUse`] if they do not, [`TransportError::Io`] if the system refuses.
    pub fn open(path: &Path) -> Result<Self, TransportError> {
        let name = path.display().to_string();
        let started = Instant::now();
        loop {
            // By way of libc, as File does, so that a preloaded test bed sees it. O_EXCL keeps mounts away.
            let opened =
                OpenOptions::new().read(true).write(true).custom_flags(FLAGS | libc::O_EXCL).open(path);
            match opened {
                Ok(device) => return Ok(Self { device, name }),
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                    if started.elapsed() >= OPEN_PATIENCE {
                        return Err(TransportError::InUse { name });
                    }
                    thread::sleep(OPEN_PAUSE);
                }
                Err(source) => return Err(TransportError::Io { name, source }),
            }
        }
    }

    /// Opens a device node beside whoever has it, for questions that disturb nobody: a mounted disc can be looked at.
    ///
    /// # Errors
    /// [`TransportError::Io`] if the system refuses.
    pub fn open_shared(path: &Path) -> Result<Self, TransportError> {
        let name = path.display().to_string();
        let opened = OpenOptions::new().read(true).write(true).custom_flags(FLAGS).open(path);
        match opened {
            Ok(device) => Ok(Self { device, name }),
            Err(source) => Err(TransportError::Io { name, source }),
        }
    }

    /// Takes a device that somebody else opened.
    pub fn from_fd(device: OwnedFd, name: impl Into<String>) -> Self {
        Self { device: device.into(), name: name.into() }
    }

    /// What the kernel's own status fields say, apart from the drive's.
    fn judge(&self, header: &Header, limit: Duration) -> Result<(), TransportError> {
        const HOST_TIME_OUT: u16 = 0x03;
        const DRIVER_MASK: u16 = 0x0f;
        const DRIVER_TIMEOUT: u16 = 0x06;
        const DRIVER_SENSE: u16 = 0x08;
        let driver = header.driver_status & DRIVER_MASK;
        match (header.host_status, driver) {
            (0, 0 | DRIVER_SENSE) => Ok(()),
            (HOST_TIME_OUT, _) | (_, DRIVER_TIMEOUT) => {
                Err(TransportError::Timeout { name: self.name.clone(), limit })
            }
            (host, driver) => Err(TransportError::LinkLost {
                name: self.name.clone(),
                why: format!("host status {host:02X}h, driver status {driver:02X}h"),
            }),
        }
    }
}

impl Transport for SgIo {
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, timeout: Duration) -> Result<Outcome, TransportError> {
        let mut sense = [0_u8; SENSE_LEN];
        let given = data.len();
        let mut header = Header::new(cdb, data, &mut sense, timeout);
        submit(&self.device, &mut header).map_err(|source| match source.raw_os_error() {
            Some(libc::ENODEV | libc::ENXIO | libc::EIO) => {
                TransportError::LinkLost { name: self.name.clone(), why: source.to_string() }
            }
            _ => TransportError::Io { name: self.name.clone(), source },
        })?;
        let written = usize::from(header.sb_len_wr).min(SENSE_LEN);
        let status = outcome_status(header.status, &sense[..written]);
        // Sense is the drive's own word: with it, the link was there.
        if !matches!(status, Status::Check(_)) || written == 0 {
            self.judge(&header, timeout)?;
        }
        let missing = usize::try_from(header.resid).unwrap_or(0).min(given);
        Ok(Outcome { status, transferred: given - missing })
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// The SCSI status byte (SAM-4) with the sense that came along.
fn outcome_status(status: u8, sense: &[u8]) -> Status {
    const CHECK_CONDITION: u8 = 0x02;
    const BUSY: u8 = 0x08;
    const RESERVATION_CONFLICT: u8 = 0x18;
    const TASK_SET_FULL: u8 = 0x28;
    match (status & 0x3e, Sense::parse(sense)) {
        (BUSY | RESERVATION_CONFLICT | TASK_SET_FULL, _) => Status::Busy,
        (CHECK_CONDITION, sense) => Status::Check(sense.unwrap_or_default()),
        // Some host adapters deliver sense and forget the status.
        (0, Some(sense)) if sense.key > 1 => Status::Check(sense),
        (0, _) => Status::Good,
        (_, sense) => Status::Check(sense.unwrap_or_default()),
    }
}

/// `struct sg_io_hdr` of `scsi/sg.h`.
#[repr(C)]
struct Header {
    interface_id: libc::c_int,
    dxfer_direction: libc::c_int,
    cmd_len: libc::c_uchar,
    mx_sb_len: libc::c_uchar,
    iovec_count: libc::c_ushort,
    dxfer_len: libc::c_uint,
    dxferp: *mut libc::c_void,
    cmdp: *const libc::c_uchar,
    sbp: *mut libc::c_uchar,
    timeout: libc::c_uint,
    flags: libc::c_uint,
    pack_id: libc::c_int,
    usr_ptr: *mut libc::c_void,
    status: libc::c_uchar,
    masked_status: libc::c_uchar,
    msg_status: libc::c_uchar,
    sb_len_wr: libc::c_uchar,
    host_status: libc::c_ushort,
    driver_status: libc::c_ushort,
    resid: libc::c_int,
    duration: libc::c_uint,
    info: libc::c_uint,
}

impl Header {
    fn new(cdb: &[u8], data: Data<'_>, sense: &mut [u8; SENSE_LEN], timeout: Duration) -> Self {
        const DXFER_NONE: libc::c_int = -1;
        const DXFER_TO_DEV: libc::c_int = -2;
        const DXFER_FROM_DEV: libc::c_int = -3;
        let (dxfer_direction, dxferp, length) = match data {
            Data::FromDrive(buffer) if !buffer.is_empty() => {
                (DXFER_FROM_DEV, buffer.as_mut_ptr().cast(), buffer.len())
            }
            Data::ToDrive(buffer) if !buffer.is_empty() => {
                (DXFER_TO_DEV, buffer.as_ptr().cast_mut().cast(), buffer.len())
            }
            _ => (DXFER_NONE, std::ptr::null_mut(), 0),
        };
        Self {
            interface_id: libc::c_int::from(b'S'),
            dxfer_direction,
            cmd_len: libc::c_uchar::try_from(cdb.len()).unwrap_or(libc::c_uchar::MAX),
            mx_sb_len: SENSE_LEN as libc::c_uchar,
            iovec_count: 0,
            dxfer_len: libc::c_uint::try_from(length).unwrap_or(libc::c_uint::MAX),
            dxferp,
            cmdp: cdb.as_ptr(),
            sbp: sense.as_mut_ptr(),
            timeout: libc::c_uint::try_from(timeout.as_millis()).unwrap_or(libc::c_uint::MAX),
            flags: 0,
            pack_id: 0,
            usr_ptr: std::ptr::null_mut(),
            status: 0,
            masked_status: 0,
            msg_status: 0,
            sb_len_wr: 0,
            host_status: 0,
            driver_status: 0,
            resid: 0,
            duration: 0,
            info: 0,
        }
    }
}

fn submit(device: &File, header: &mut Header) -> io::Result<()> {
    const SG_IO: libc::Ioctl = 0x2285;
    // SAFETY: the header is a valid sg_io_hdr; its pointers lead to the command, the data and the sense buffer
    // of the caller, which live through this call and have the lengths stated beside them.
    #[expect(unsafe_code, reason = "SG_IO is an ioctl without a safe wrapper")]
    let result = unsafe { libc::ioctl(device.as_raw_fd(), SG_IO, std::ptr::from_mut(header)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_that_of_the_kernel() {
        assert_eq!(size_of::<Header>(), if cfg!(target_pointer_width = "64") { 88 } else { 64 });
    }

    #[test]
    fn status_and_sense_are_read_together() {
        let sense = Sense::new(5, 0x21, 2);
        assert_eq!(outcome_status(2, &sense.emit()), Status::Check(sense));
        assert_eq!(outcome_status(0, &sense.emit()), Status::Check(sense));
        assert_eq!(outcome_status(0, &Sense::new(1, 0x17, 0).emit()), Status::Good);
        assert_eq!(outcome_status(0, &[]), Status::Good);
        assert_eq!(outcome_status(2, &[]), Status::Check(Sense::default()));
        assert_eq!(outcome_status(8, &[]), Status::Busy);
    }

    #[test]
    fn a_node_that_is_no_drive_is_an_error_and_no_panic() {
        let mut drive = SgIo::open(Path::new("/dev/null")).unwrap();
        let result = drive.execute(&[0; 6], Data::None, Duration::from_secs(1));
        assert!(matches!(result, Err(TransportError::Io { .. })), "{result:?}");
        assert!(matches!(SgIo::open(Path::new("/dev/nothing-here")), Err(TransportError::Io { .. })));
    }
}
