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
        /// Whether nobody else can have it for themselves: no mount, no other burning program.
        exclusive: bool,
    },
    /// The socket of a virtual recorder.
    Virtual(VirtualSocket),
}

/// Opens a recorder that no other burning program has, to look at its disc. Whoever mounts the disc meanwhile is not kept
/// from it: desktops do so as soon as it is inserted or recorded.
///
/// # Errors
/// `DeviceNotAccessible` when a program has it for itself or the system refuses, `DeviceNotPresent` when it is not there.
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

    /// The disc is mounted now, as far as this process can see.
    pub fn is_mounted(&self) -> bool {
        self.node().is_some_and(|node| !mounts::of(node).is_empty())
    }

    /// Makes sure that nobody else has the device for themselves, and keeps it so until [`share`](Self::share).
    ///
    /// # Errors
    /// `FileSystem` naming the mount points of a mounted disc; as [`open`].
    pub fn insist_on_exclusive(&mut self) -> api::Result<()> {
        let Self::Scsi { drive, node, exclusive: exclusive @ false } = self else { return Ok(()) };
        let places = mounts::of(node);
        if !places.is_empty() {
            return Err(mounts::refusal(node, &places));
        }
        *drive = SgIo::open(node).map_err(unopened)?;
        *exclusive = true;
        Ok(())
    }

    /// Lets others have the device beside this process.
    pub fn share(&mut self) {
        let Self::Scsi { drive, node, exclusive: exclusive @ true } = self else { return };
        match SgIo::open_shared(node) {
            Ok(shared) => {
                *drive = shared;
                *exclusive = false;
            }
            // It ends with this process.
            Err(error) => tracing::debug!(%error, "others are kept from the device for some time more"),
        }
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
    let mounted = || !mounts::of(node).is_empty();
    let alone = if mounted() {
        None
    } else {
        match SgIo::open(node) {
            Ok(alone) => Some(alone),
            // Mounted just now.
            Err(TransportError::InUse { .. }) if mounted() => None,
            // Another burning program is left in peace: even a question can spoil its disc.
            Err(error) => return Err(error),
        }
    };
    let drive = SgIo::open_shared(node)?;
    drop(alone);
    Ok(AnyTransport::Scsi { drive, node: node.to_path_buf(), exclusive: false })
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
