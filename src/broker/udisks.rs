//! udisks, which unmounts discs for the service when a caller asks for that.

use std::collections::HashMap;
use std::time::Duration;

use zbus::{Connection, DBusError, Variant, proxy};

use crate::api::{Device, Error, ErrorKind, Result};

/// How long unmounting may take. A disc is read only for most file systems: there is little to write out.
const PATIENCE: Duration = Duration::from_secs(25);

#[proxy(interface = "org.freedesktop.UDisks2.Filesystem", default_service = "org.freedesktop.UDisks2")]
trait Filesystem {
    fn unmount(&self, options: HashMap<&str, Variant<'_>>) -> zbus::Result<()>;
}

/// Has udisks unmount the disc in a recorder. A disc that is not mounted is left as it is, and so is one on a machine
/// without udisks: the worker refuses it by its mount point.
///
/// # Errors
/// `FileSystem` with what udisks says, when it does not unmount: most often because files on the disc are open.
pub async fn unmount(connection: &Connection, device: &Device) -> Result<()> {
    let Device::Scsi(node) = device else { return Ok(()) };
    let Some(name) = node.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let failed = |why: &str| {
        let message = format!(
            "The disc in {} could not be unmounted: {why}. It was not touched: close the files that are open on it, \
             and try again.",
            node.display()
        );
        Error::new(ErrorKind::FileSystem, message)
    };
    let path = format!("/org/freedesktop/UDisks2/block_devices/{name}");
    let call = async { FilesystemProxy::new(connection, path).await?.unmount(HashMap::new()).await };
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(())) => tracing::info!(device = %node.display(), "unmounted"),
        Ok(Err(error)) if harmless(&error) => tracing::debug!(%error, "there is nothing to unmount"),
        Ok(Err(error)) => return Err(failed(&error.to_string())),
        Err(_) => return Err(failed("udisks did not answer")),
    }
    Ok(())
}

/// udisks is not there, does not know the device, or finds no file system or mount on it.
fn harmless(error: &zbus::Error) -> bool {
    let harmless = [
        "org.freedesktop.UDisks2.Error.NotMounted",
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.DBus.Error.UnknownObject",
        "org.freedesktop.DBus.Error.UnknownInterface",
        "org.freedesktop.DBus.Error.UnknownMethod",
    ];
    match error {
        zbus::Error::MethodError(name, ..) => harmless.contains(&name.as_str()),
        zbus::Error::FDO(error) => harmless.contains(&error.name().as_str()),
        _ => false,
    }
}
