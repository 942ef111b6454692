//! Opening what a worker works with: a device node of the kernel, or a virtual recorder's socket.

use std::io;
use std::time::Duration;

use crate::api::{self, Device, ErrorKind};
use crate::mmc::opcode::Opcode;
use crate::mmc::transport::{Data, Outcome, SgIo, Transport, TransportError, VirtualSocket};

use super::error::{Doing, Scene, Trouble};

/// A way to either kind of recorder.
#[derive(Debug)]
pub enum AnyTransport {
    /// SG_IO to a device node.
    Scsi(SgIo),
    /// The socket of a virtual recorder.
    Virtual(VirtualSocket),
}

/// Opens a recorder for this process alone.
///
/// # Errors
/// `DeviceNotAccessible` when somebody else has it or the system refuses, `DeviceNotPresent` when it is not there.
pub fn open(device: &Device) -> api::Result<AnyTransport> {
    let opened = match device {
        Device::Scsi(path) => SgIo::open(path).map(AnyTransport::Scsi),
        Device::Virtual(path) => VirtualSocket::connect_within(path, PATIENCE).map(AnyTransport::Virtual),
    };
    opened.map_err(|source| {
        let absent = matches!(&source, TransportError::Io { source, .. } if absent(source));
        let error = Scene::new(Doing::Opening).error(&Trouble::link(Opcode::INQUIRY, source));
        api::Error { kind: if absent { ErrorKind::DeviceNotPresent } else { error.kind }, ..error }
    })
}

impl Transport for AnyTransport {
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, timeout: Duration) -> Result<Outcome, TransportError> {
        match self {
            Self::Scsi(drive) => drive.execute(cdb, data, timeout),
            Self::Virtual(drive) => drive.execute(cdb, data, timeout),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Scsi(drive) => drive.name(),
            Self::Virtual(drive) => drive.name(),
        }
    }
}

/// How long another host gets to leave a virtual recorder: as long as for a device node.
const PATIENCE: Duration = Duration::from_secs(10);

fn absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::ECONNREFUSED))
}
