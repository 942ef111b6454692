//! Where a device is mounted, by the kernel's own table (proc(5), `/proc/self/mountinfo`).

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use crate::api::{Error, ErrorKind};

/// The places at which a device node's file system is mounted, as far as this process can see them.
pub(super) fn of(node: &Path) -> Vec<PathBuf> {
    let Ok(device) = fs::metadata(node).map(|node| node.rdev()) else { return Vec::new() };
    match fs::read("/proc/self/mountinfo") {
        Ok(table) => in_table(&table, major(device), minor(device)),
        Err(error) => {
            tracing::debug!(%error, "the table of mounts cannot be read");
            Vec::new()
        }
    }
}

/// Why a mounted disc is left alone.
pub(super) fn refusal(node: &Path, places: &[PathBuf]) -> Error {
    let names = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    Error::new(
        ErrorKind::FileSystem,
        format!(
            "The disc in {} is mounted at {names}, and was not touched. Unmount it, or ask with the option `unmount`.",
            node.display()
        ),
    )
    .with("mount-point", names)
}

/// A line is: id, parent, major:minor, root, mount point, and more; blanks in names are octal escapes.
fn in_table(table: &[u8], major: u64, minor: u64) -> Vec<PathBuf> {
    let device = format!("{major}:{minor}");
    let lines = table.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ').skip(2);
            let same = fields.next()? == device.as_bytes();
            let place = fields.nth(1)?;
            same.then(|| PathBuf::from(OsString::from_vec(unescaped(place))))
        })
        .collect()
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        };
        match tail.get(..3).filter(|_| *first == b'\\').and_then(octal) {
            Some(byte) => {
                plain.push(byte);
                rest = &tail[3..];
            }
            None => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
        97 22 11:0 / /media/ann/My\\040Photos\\134\\0411 ro,nosuid shared:50 - iso9660 /dev/sr0 ro\n\
        98 22 11:1 / /mnt ro - udf /dev/sr1 ro\n\
        cut off\n\
        99 22 11:0 / /srv/disc ro - iso9660 /dev/sr0 ro\n";

    #[test]
    fn every_mount_of_the_device_is_found_by_its_number_and_named_without_escapes() {
        let places = in_table(TABLE, 11, 0);
        assert_eq!(places, [Path::new("/media/ann/My Photos\\!1"), Path::new("/srv/disc")]);
        assert_eq!(in_table(TABLE, 11, 1), [Path::new("/mnt")]);
        assert!(in_table(TABLE, 11, 2).is_empty());
    }

    #[test]
    fn a_mounted_disc_is_named_with_its_place() {
        let error = refusal(Path::new("/dev/sr0"), &in_table(TABLE, 11, 1));
        assert_eq!(error.kind, ErrorKind::FileSystem);
        assert!(error.message.contains("/dev/sr0 is mounted at /mnt"), "{error}");
    }

    #[test]
    fn a_node_that_is_not_there_is_mounted_nowhere() {
        assert!(of(Path::new("/dev/nothing-here")).is_empty());
    }
}
