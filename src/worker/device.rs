//! Opening what a worker works with: a device node of the kernel, or a virtual recorder's socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::api::{self, Device, ErrorKind};
use crate::mmc::opcode::Opcode;
use crate::mmc::transport::{Data, Outcome, SgIo, Transport, TransportError, VirtualSocket};

use super::error::{Doing, Scene, Trouble};
use super::mounts;

/// A way to either kind of recorder.
#[derive(Debug)]
pub enum AnyTransport {
    /// SG_IO to a device node.
    Scsi {
        /// The drive.
        drive: SgIo,
        /// Its node.
        node: PathBuf,
        /// The disc was mounted when the node was opened, so it is open to others as well.
        shared: bool,
    },
    /// The socket of a virtual recorder.
    Virtual(VirtualSocket),
}

/// Opens a recorder: for this process alone, but for a mounted disc, which can be looked at and no more.
///
/// # Errors
/// `DeviceNotAccessible` when somebody else has it or the system refuses, `DeviceNotPresent` when it is not there.
pub fn open(device: &Device) -> api::Result<AnyTransport> {
    let opened = match device {
        Device::Scsi(node) => open_node(node),
        Device::Virtual(path) => {
            VirtualSocket::connect_within(path, PATIENCE).map(|socket| AnyTransport::Virtual(limited(socket)))
        }
    };
    opened.map_err(unopened)
}

impl AnyTransport {
    /// The device node of a drive behind the kernel.
    pub fn node(&self) -> Option<&Path> {
        match self {
            Self::Scsi { node, .. } => Some(node),
            Self::Virtual(_) => None,
        }
    }

    /// The disc is mounted, and the device open to others as well.
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Scsi { shared: true, .. })
    }

    /// Makes sure that nobody else has the device open for themselves.
    ///
    /// # Errors
    /// `FileSystem` naming the mount points of a mounted disc; as [`open`].
    pub fn insist_on_exclusive(&mut self) -> api::Result<()> {
        let Self::Scsi { drive, node, shared: shared @ true } = self else { return Ok(()) };
        let places = mounts::of(node);
        if !places.is_empty() {
            return Err(mounts::refusal(node, &places));
        }
        *drive = SgIo::open(node).map_err(unopened)?;
        *shared = false;
        Ok(())
    }
}

/// As `DISCMASTER_VDRIVE_LIMIT` has it, in seconds: whoever tries what becomes of a drive that hangs need not wait for
/// minutes.
fn limited(socket: VirtualSocket) -> VirtualSocket {
    let limit = std::env::var("DISCMASTER_VDRIVE_LIMIT").ok().and_then(|text| text.parse().ok());
    match limit {
        Some(seconds) => socket.limited(Duration::from_secs(seconds)),
        None => socket,
    }
}

fn open_node(node: &Path) -> Result<AnyTransport, TransportError> {
    let share = || {
        let drive = SgIo::open_shared(node)?;
        Ok(AnyTransport::Scsi { drive, node: node.to_path_buf(), shared: true })
    };
    if !mounts::of(node).is_empty() {
        return share();
    }
    match SgIo::open(node) {
        Ok(drive) => Ok(AnyTransport::Scsi { drive, node: node.to_path_buf(), shared: false }),
        // Mounted just now. Another burning program is left in peace: even a question can spoil its disc.
        Err(TransportError::InUse { .. }) if !mounts::of(node).is_empty() => share(),
        Err(error) => Err(error),
    }
}

fn unopened(source: TransportError) -> api::Error {
    let absent = matches!(&source, TransportError::Io { source, .. } if absent(source));
    let error = Scene::new(Doing::Opening).error(&Trouble::link(Opcode::INQUIRY, source));
    api::Error { kind: if absent { ErrorKind::DeviceNotPresent } else { error.kind }, ..error }
}

impl Transport for AnyTransport {
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, timeout: Duration) -> Result<Outcome, TransportError> {
        match self {
            Self::Scsi { drive, .. } => drive.execute(cdb, data, timeout),
            Self::Virtual(drive) => drive.execute(cdb, data, timeout),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Scsi { drive, .. } => drive.name(),
            Self::Virtual(drive) => drive.name(),
        }
    }
}

/// How long another host gets to leave a virtual recorder: as long as for a device node.
const PATIENCE: Duration = Duration::from_secs(10);

fn absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::ECONNREFUSED))
}
