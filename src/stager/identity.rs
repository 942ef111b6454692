//! Which file it is, and that it is still the same.

use rustix::fs::Stat;

/// What tells a file from another, and from itself after a change. 36 bytes, as there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(4))]
pub struct Identity {
    ino: u64,
    size: u64,
    /// Nanoseconds since 1970.
    mtime: i64,
    /// Nanoseconds since 1970. Nobody can set it, so no change goes unseen by setting `mtime` back.
    ctime: i64,
    /// Major number in the upper 12 bits, minor in the lower 20: all that Linux has.
    dev: u32,
}

impl Identity {
    /// The identity of what was looked at.
    pub fn of(stat: &Stat) -> Self {
        Self {
            ino: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            dev: rustix::fs::major(stat.st_dev) << 20 | rustix::fs::minor(stat.st_dev) & 0xf_ffff,
        }
    }

    /// The file's length in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Device and inode: equal for hard links.
    pub const fn inode(&self) -> (u32, u64) {
        (self.dev, self.ino)
    }

    /// What has changed between `self` and `now`, to be read behind the file's name; `None` when nothing has.
    pub fn difference(&self, now: &Self) -> Option<String> {
        let (before, after) = (self.size, now.size);
        if self == now {
            None
        } else if self.inode() != now.inode() {
            Some("has been replaced by another file".to_owned())
        } else if before != after {
            Some(format!("has changed its size from {before} to {after} bytes"))
        } else {
            Some("has been written to, or changed its attributes,".to_owned())
        }
    }
}

fn nanoseconds(seconds: i64, nanoseconds: u64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add_unsigned(nanoseconds)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn an_identity_is_small() {
        assert_eq!(size_of::<Identity>(), 36);
    }

    #[test]
    fn every_change_of_a_file_shows_in_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let look = || Identity::of(&rustix::fs::stat(&path).unwrap());
        std::fs::write(&path, "four").unwrap();
        let before = look();
        assert_eq!(before.difference(&look()), None);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"!").unwrap();
        assert_eq!(before.difference(&look()).unwrap(), "has changed its size from 4 to 5 bytes");
        std::fs::write(directory.path().join("new"), "four").unwrap();
        std::fs::rename(directory.path().join("new"), &path).unwrap();
        assert_eq!(before.difference(&look()).unwrap(), "has been replaced by another file");
    }

    #[test]
    fn setting_the_time_back_does_not_hide_a_change() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let look = || Identity::of(&rustix::fs::stat(file.path()).unwrap());
        let before = look();
        let mtime = file.as_file().metadata().unwrap().modified().unwrap();
        // The clock of the file system ticks a few times in ten milliseconds: try until it has.
        while look() == before {
            file.as_file().set_modified(mtime).unwrap();
        }
        let after = look();
        assert_eq!({ before.mtime }, { after.mtime });
        assert!(before.difference(&after).unwrap().contains("written to"));
    }
}
