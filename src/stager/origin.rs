//! What the caller wants added: a directory, by descriptor or path, or a single file by path.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat, statat};
use rustix::io::Errno;

use super::contents::DirId;
use super::errors;
use super::identity::Identity;
use super::walk::Walk;
use crate::api::{AddSummary, Error, Result};
use crate::image::Tree;

/// A place to take files from, opened with this process's rights.
#[derive(Debug)]
pub struct Origin {
    dir: OwnedFd,
    inode: (u64, u64),
    shown: String,
    file: Option<Single>,
}

/// One file of the directory.
#[derive(Debug)]
struct Single {
    /// Its name there.
    name: CString,
    /// Its name in the image: the one that the caller gave, should that have been a symbolic link.
    shown_as: CString,
}

impl Origin {
    /// The directory behind a descriptor that the caller passed; its contents are meant.
    ///
    /// Whoever opened it may have had more rights than the caller. So the directory is opened again with this process's
    /// rights, and everything in it with these alone: a descriptor opens no file that its passer could not read. Only the
    /// list of names of that one directory may come through the descriptor itself, if it was opened for reading: who
    /// could pass it could also read it.
    ///
    /// # Errors
    /// `InvalidArgs` if it is no directory, `FileUnreadable`.
    pub fn passed(fd: OwnedFd) -> Result<Self> {
        let shown = shown(fd.as_fd());
        let stat = fstat(&fd).map_err(|errno| unreadable(&shown, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(errors::invalid(format!(
                "the descriptor passed ({shown}) is not a directory; pass the directory that holds the file, or its path"
            )));
        }
        Ok(Self { dir: fd, inode: Identity::of(&stat).inode(), shown, file: None })
    }

    /// What is at an absolute path: the contents of a directory, or a single file. The path is resolved with this
    /// process's rights, and symbolic links on it are followed, the last one too; below it none are.
    ///
    /// # Errors
    /// `InvalidArgs` if the path is not absolute, `SpecialFile`, `FileUnreadable`.
    pub fn path(path: &Path) -> Result<Self> {
        if !path.is_absolute() {
            return Err(errors::invalid(format!("{} is not an absolute path", path.display())));
        }
        let found = open_path(path).map_err(|errno| errors::bad_path(path, &errno.into()))?;
        let stat = fstat(&found).map_err(|errno| errors::bad_path(path, &errno.into()))?;
        let shown = path.display().to_string();
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                Ok(Self { dir: found, inode: Identity::of(&stat).inode(), shown, file: None })
            }
            FileType::RegularFile => Self::single(path, &Identity::of(&stat)),
            _ => Err(errors::special(&shown, 1)),
        }
    }

    /// Takes the root in and walks it.
    ///
    /// # Errors
    /// As for [`Walk::directory`].
    pub fn walk(self, mut walk: Walk<'_, '_>) -> Result<(Tree, AddSummary)> {
        let root: DirId = walk.add_root(self.dir, self.inode, self.shown)?;
        match self.file {
            None => walk.directory(root),
            Some(Single { name, shown_as }) => walk.single(root, &name, &shown_as),
        }
    }

    /// The directory of a file, and its name there; for a symbolic link those of what it leads to.
    fn single(path: &Path, identity: &Identity) -> Result<Self> {
        let fail = |errno: Errno| errors::bad_path(path, &errno.into());
        let real = std::fs::canonicalize(path).map_err(|error| errors::bad_path(path, &error))?;
        let (Some(parent), Some(name), Some(shown_as)) = (real.parent(), real.file_name(), path.file_name())
        else {
            return Err(errors::invalid(format!("{} has no file name", path.display())));
        };
        let dir = open_path(parent).map_err(fail)?;
        let name = CString::new(name.as_bytes()).map_err(|_| fail(Errno::INVAL))?;
        let shown_as = CString::new(shown_as.as_bytes()).map_err(|_| fail(Errno::INVAL))?;
        let found = statat(&dir, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
        if Identity::of(&found).inode() != identity.inode() {
            return Err(errors::changed(&path.display().to_string(), "has been replaced", 1));
        }
        let inode = Identity::of(&fstat(&dir).map_err(fail)?).inode();
        let shown = parent.display().to_string();
        Ok(Self { dir, inode, shown, file: Some(Single { name, shown_as }) })
    }
}

fn open_path(path: &Path) -> rustix::io::Result<OwnedFd> {
    openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::NO_MAGICLINKS)
}

/// The path of a descriptor as far as it can be told, for messages alone.
fn shown(fd: BorrowedFd<'_>) -> String {
    use std::os::fd::AsRawFd;
    let link = CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap_or_default();
    let target = readlinkat(CWD, link.as_c_str(), Vec::new());
    let target = target.as_deref().map(CStr::to_string_lossy);
    target.map_or_else(|_| "the directory passed".to_owned(), std::borrow::Cow::into_owned)
}

fn unreadable(path: &str, errno: Errno) -> Error {
    errors::unreadable(path, &errno.into(), 1)
}
