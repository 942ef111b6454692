//! Walking a directory of the user's: every entry is looked at once, nothing is opened but directories.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Access, AtFlags, FileType, RawDir, Stat, accessat, readlinkat, statat};
use rustix::io::Errno;

use super::contents::{Contents, DirId, Mark};
use super::errors;
use super::identity::Identity;
use super::open::Opener;
use super::pulse::Pulse;
use crate::api::{AddSummary, Result, SpecialFiles};
use crate::image::{Meta, NodeId, Tree};

/// Directories below the added one; deeper trees are made by accident or malice.
pub const DEPTH_MAX: u32 = 512;

/// What a walk may take in.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What is done with devices, sockets and pipes.
    pub special_files: SpecialFiles,
    /// Entries that may still be taken in.
    pub entries: u64,
    /// The content will be copied: it shares nothing with what is not.
    pub copy: bool,
}

/// Walks into a tree of its own; its contents join those of the image.
#[derive(Debug)]
pub struct Walk<'a, 'p> {
    contents: &'a mut Contents,
    pulse: &'a mut Pulse<'p>,
    rules: Rules,
    mark: Mark,
    uid: u32,
    tree: Tree,
    summary: AddSummary,
    entries: u64,
    pending: Vec<Pending>,
    unreadable: Option<(String, Errno, u64)>,
    special: Option<(String, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    node: NodeId,
    dir: DirId,
    depth: u32,
}

impl<'a, 'p> Walk<'a, 'p> {
    /// A walk whose tree has a root with these attributes.
    pub fn new(contents: &'a mut Contents, pulse: &'a mut Pulse<'p>, rules: Rules, root: Meta) -> Self {
        Self {
            mark: contents.mark(),
            contents,
            pulse,
            rules,
            uid: rustix::process::geteuid().as_raw(),
            tree: Tree::new(root),
            summary: AddSummary::default(),
            entries: 0,
            pending: Vec::new(),
            unreadable: None,
            special: None,
        }
    }

    /// Takes in the directory from which the walk starts.
    ///
    /// # Errors
    /// `LimitsExceeded`.
    pub fn add_root(&mut self, fd: OwnedFd, inode: (u64, u64), shown: String) -> Result<DirId> {
        self.contents.add_root(fd, inode, shown)
    }

    /// Takes in everything below `root`, which itself becomes the root of the tree.
    ///
    /// A symbolic link is taken as a link, a mount point as the directory that is seen there. What vanishes before it is
    /// looked at was never there. An entry that cannot be read does not stop the walk, which goes on to count them.
    ///
    /// # Errors
    /// `FileUnreadable`, `SpecialFile`, `LimitsExceeded`, `BadJolietName`, or `UserAbort`.
    pub fn directory(mut self, root: DirId) -> Result<(Tree, AddSummary)> {
        let mut opener = Opener::default();
        let mut buffer = vec![MaybeUninit::uninit(); 64 * 1024];
        self.pending.push(Pending { node: self.tree.root(), dir: root, depth: 0 });
        while let Some(next) = self.pending.pop() {
            let waiting = self.pending.len();
            match opener.dir(self.contents, next.dir) {
                Ok(fd) => self.list(fd, next, &mut buffer)?,
                Err(errno) => self.unreadable(next.dir, c"", errno),
            }
            // The first found is walked first: contents are then numbered in the order of the image.
            self.pending[waiting..].reverse();
        }
        self.end()
    }

    /// Takes in one entry of a directory.
    ///
    /// # Errors
    /// As for [`Walk::directory`].
    pub fn single(mut self, dir: DirId, name: &CStr, shown_as: &CStr) -> Result<(Tree, AddSummary)> {
        let at = Pending { node: self.tree.root(), dir, depth: 0 };
        match self.contents.open_dir(dir) {
            Ok(fd) => self.entry(fd.as_fd(), at, name, shown_as)?,
            Err(errno) => self.unreadable(dir, name, errno),
        }
        self.end()
    }

    fn end(self) -> Result<(Tree, AddSummary)> {
        if let Some((path, errno, count)) = self.unreadable {
            return Err(errors::unreadable(&path, &errno.into(), count));
        }
        if let Some((path, count)) = self.special {
            return Err(errors::special(&path, count));
        }
        Ok((self.tree, self.summary))
    }

    fn list(&mut self, fd: BorrowedFd<'_>, at: Pending, buffer: &mut [MaybeUninit<u8>]) -> Result<()> {
        let mut entries = RawDir::new(fd, buffer);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => self.entry(fd, at, entry.file_name(), entry.file_name())?,
                Err(errno) => {
                    self.unreadable(at.dir, c"", errno);
                    break;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, fd: BorrowedFd<'_>, at: Pending, name: &CStr, shown_as: &CStr) -> Result<()> {
        self.pulse.step(self.summary.bytes)?;
        let stat = match statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => {
                self.unreadable(at.dir, name, errno);
                return Ok(());
            }
        };
        self.entries += 1;
        if self.entries > self.rules.entries {
            return Err(errors::limit(
                "there are more files than one image may have; nothing was added. Pack some into an archive",
            ));
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.subdirectory(at, name, shown_as, &stat),
            FileType::RegularFile => self.file(fd, at, name, shown_as, &stat),
            FileType::Symlink => self.symlink(fd, at, name, shown_as, &stat),
            _ => {
                self.special(at.dir, name);
                Ok(())
            }
        }
    }

    fn subdirectory(&mut self, at: Pending, name: &CStr, shown_as: &CStr, stat: &Stat) -> Result<()> {
        if at.depth >= DEPTH_MAX {
            let path = self.contents.shown(at.dir, name);
            return Err(errors::limit(format!(
                "{path} lies more than {DEPTH_MAX} directories deep; nothing was added. Leave it out"
            )));
        }
        let node = self.tree.add_dir(at.node, shown_as.to_bytes(), meta(stat))?;
        let dir = self.contents.add_dir(at.dir, name)?;
        self.summary.directories += 1;
        self.pending.push(Pending { node, dir, depth: at.depth + 1 });
        Ok(())
    }

    fn file(
        &mut self,
        fd: BorrowedFd<'_>,
        at: Pending,
        name: &CStr,
        shown_as: &CStr,
        stat: &Stat,
    ) -> Result<()> {
        if let Err(errno) = self.readable(fd, name, stat) {
            self.unreadable(at.dir, name, errno);
            return Ok(());
        }
        let identity = Identity::of(stat);
        let (content, new) = if stat.st_nlink > 1 {
            let copies = self.rules.copy.then_some(self.mark);
            self.contents.add_linked(at.dir, name, identity, copies)?
        } else {
            (self.contents.add_file(at.dir, name, identity)?, true)
        };
        self.tree.add_file(at.node, shown_as.to_bytes(), meta(stat), content, identity.size())?;
        self.summary.files += 1;
        if new {
            self.summary.bytes = self.summary.bytes.saturating_add(identity.size());
        }
        Ok(())
    }

    fn symlink(
        &mut self,
        fd: BorrowedFd<'_>,
        at: Pending,
        name: &CStr,
        shown_as: &CStr,
        stat: &Stat,
    ) -> Result<()> {
        match readlinkat(fd, name, Vec::new()) {
            Ok(target) => {
                self.tree.add_symlink(at.node, shown_as.to_bytes(), meta(stat), target.to_bytes())?;
                self.summary.symlinks += 1;
            }
            Err(errno) => self.unreadable(at.dir, name, errno),
        }
        Ok(())
    }

    /// Whether the file could be opened. Its owner's read bit settles it without asking: no list of permissions can
    /// take from the owner what that bit gives.
    fn readable(&self, fd: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> rustix::io::Result<()> {
        if stat.st_uid == self.uid && stat.st_mode & 0o400 != 0 {
            return Ok(());
        }
        accessat(fd, name, Access::READ_OK, AtFlags::EACCESS)
    }

    fn unreadable(&mut self, dir: DirId, name: &CStr, errno: Errno) {
        match &mut self.unreadable {
            Some((_, _, count)) => *count += 1,
            first => *first = Some((self.contents.shown(dir, name), errno, 1)),
        }
    }

    fn special(&mut self, dir: DirId, name: &CStr) {
        match (self.rules.special_files, &mut self.special) {
            (SpecialFiles::Skip, _) => self.summary.skipped += 1,
            (SpecialFiles::Refuse, Some((_, count))) => *count += 1,
            (SpecialFiles::Refuse, first) => *first = Some((self.contents.shown(dir, name), 1)),
        }
    }
}

/// The attributes that go to the disc.
fn meta(stat: &Stat) -> Meta {
    Meta { mode: stat.st_mode, uid: stat.st_uid, gid: stat.st_gid, mtime: stat.st_mtime }
}
