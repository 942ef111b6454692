//! Which file it is, and that it is still the same.

use std::hash::{BuildHasher, RandomState};

use rustix::fs::Stat;

/// What tells a file from another, and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    dev: u64,
    ino: u64,
    size: u64,
    /// Nanoseconds since 1970.
    mtime: i64,
    /// Nanoseconds since 1970. Nobody can set it, so setting `mtime` back hides no change.
    ctime: i64,
}

/// An identity in 8 bytes, as there may be millions: a hash under a key of this process, so that nobody can look for
/// another file with the same one, and chance finds one in 2^64 tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print([u8; 8]);

/// The key of the prints.
#[derive(Clone, Debug, Default)]
pub struct PrintKey(RandomState);

impl Identity {
    /// The identity of what was looked at.
    pub fn of(stat: &Stat) -> Self {
        Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// The file's length in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Device and inode: equal for hard links.
    pub const fn inode(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }
}

impl PrintKey {
    /// The print of an identity under this key.
    pub fn print(&self, identity: &Identity) -> Print {
        Print(self.0.hash_one(identity).to_ne_bytes())
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
    fn every_change_of_a_file_changes_its_print() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let key = PrintKey::default();
        let look = || key.print(&Identity::of(&rustix::fs::stat(&path).unwrap()));
        std::fs::write(&path, "four").unwrap();
        let before = look();
        assert_eq!(look(), before);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"!").unwrap();
        let grown = look();
        std::fs::write(directory.path().join("new"), "five!").unwrap();
        std::fs::rename(directory.path().join("new"), &path).unwrap();
        let replaced = look();
        assert!(before != grown && grown != replaced && replaced != before);
    }

    #[test]
    fn setting_the_time_back_does_not_hide_a_change() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let look = || Identity::of(&rustix::fs::stat(file.path()).unwrap());
        let before = look();
        let mtime = file.as_file().metadata().unwrap().modified().unwrap();
        // The clock of the file system may tick every few milliseconds only: until it has, nothing can show.
        while look() == before {
            file.as_file().set_modified(mtime).unwrap();
        }
        assert_eq!(look().mtime, before.mtime);
        assert_ne!(look().ctime, before.ctime);
    }
}
