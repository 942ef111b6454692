//! Where the content of every staged file comes from. Compact: 20 bytes a file and its name, and a few bytes a directory.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::errors;
use super::identity::{Identity, Print, PrintKey};
use crate::api::Result;
use crate::image::ContentId;

/// The most directories that are held open as the roots of additions.
pub const ROOTS_MAX: usize = 256;

const NONE: u32 = u32::MAX;

/// A directory below one of the roots, or a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirId(u32);

/// Where the bytes of a content are.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// In the user's file, which must still be the one that was staged.
    Live {
        /// Which file it was.
        print: Print,
        /// The directory that holds it.
        dir: DirId,
        /// Its name there, as an offset into the names.
        name: u32,
    },
    /// In the stash, where nobody can change it.
    Stashed {
        /// Which of the stash's files.
        file: u32,
        /// Where in it.
        place: Place,
    },
}

/// Bytes from the start of a stash file; packed, since it is one of the things there are millions of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(4))]
pub struct Place(pub u64);

/// All contents of an image.
#[derive(Debug, Default)]
pub struct Contents {
    roots: Vec<Root>,
    dirs: Vec<Dir>,
    files: Vec<Content>,
    key: PrintKey,
    /// Names that end in a zero byte each.
    names: Vec<u8>,
    /// Files with several names, by device and inode, as they were.
    links: HashMap<(u64, u64), (ContentId, Identity)>,
    stashed: Vec<StashFile>,
}

#[derive(Debug)]
struct StashFile {
    fd: OwnedFd,
    bytes: u64,
}

#[derive(Debug)]
struct Root {
    fd: OwnedFd,
    inode: (u64, u64),
    shown: String,
}

#[derive(Clone, Copy, Debug)]
struct Dir {
    root: u32,
    parent: u32,
    name: u32,
}

/// How much there was at a moment, so that an addition that fails can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    roots: usize,
    dirs: usize,
    files: usize,
    names: usize,
    stashed: usize,
}

impl Contents {
    /// How many contents there are; they are numbered from 0.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// This moment.
    pub fn mark(&self) -> Mark {
        Mark {
            roots: self.roots.len(),
            dirs: self.dirs.len(),
            files: self.files.len(),
            names: self.names.len(),
            stashed: self.stashed.len(),
        }
    }

    /// Forgets everything since `mark`.
    pub fn roll_back(&mut self, mark: Mark) {
        self.roots.truncate(mark.roots);
        self.dirs.truncate(mark.dirs);
        self.files.truncate(mark.files);
        self.names.truncate(mark.names);
        self.stashed.truncate(mark.stashed);
        self.links.retain(|_, (id, _)| (id.0 as usize) < mark.files);
    }

    /// The contents since `mark`.
    pub fn since(&self, mark: Mark) -> impl Iterator<Item = ContentId> + use<> {
        (mark.files..self.files.len()).map(|index| ContentId(index as u32))
    }

    /// Takes in a directory as a root, or finds it among the roots; `shown` is what messages call it.
    pub fn add_root(&mut self, fd: OwnedFd, inode: (u64, u64), shown: String) -> Result<DirId> {
        let known = self.roots.iter().position(|root| root.inode == inode);
        if known.is_none() && self.roots.len() >= ROOTS_MAX {
            return Err(errors::limit(format!(
                "files from {ROOTS_MAX} places are in the image already; add their common parent instead, or clear \
                 the image"
            )));
        }
        let root = known.unwrap_or(self.roots.len());
        if known.is_none() {
            self.roots.push(Root { fd, inode, shown });
        }
        self.push_dir(Dir { root: root as u32, parent: NONE, name: NONE })
    }

    /// Takes in a directory below another.
    pub fn add_dir(&mut self, parent: DirId, name: &CStr) -> Result<DirId> {
        let root = self.dir(parent).root;
        let name = self.push_name(name)?;
        self.push_dir(Dir { root, parent: parent.0, name })
    }

    /// Takes in a file with several names. If it is in already under another name, and unchanged, the names share the
    /// content; the flag tells that the content is new. What is to be copied (`copies`: since when) shares copies alone.
    pub fn add_linked(
        &mut self,
        dir: DirId,
        name: &CStr,
        identity: Identity,
        copies: Option<Mark>,
    ) -> Result<(ContentId, bool)> {
        if let Some(&(id, known)) = self.links.get(&identity.inode())
            && known == identity
            && copies.is_none_or(|mark| self.is_copy(id, mark))
        {
            return Ok((id, false));
        }
        let id = self.add_file(dir, name, identity)?;
        self.links.insert(identity.inode(), (id, identity));
        Ok((id, true))
    }

    /// Takes in a file.
    pub fn add_file(&mut self, dir: DirId, name: &CStr, identity: Identity) -> Result<ContentId> {
        let name = self.push_name(name)?;
        let id = ContentId(index(self.files.len())?);
        self.files.push(Content::Live { print: self.key.print(&identity), dir, name });
        Ok(id)
    }

    /// Whether what was looked at is what the print was made of.
    pub fn is(&self, print: Print, now: &Identity) -> bool {
        self.key.print(now) == print
    }

    /// Where a content is; `None` for a number that was never given out.
    pub fn get(&self, id: ContentId) -> Option<Content> {
        self.files.get(id.0 as usize).copied()
    }

    /// Says that a content is in the stash from now on.
    pub fn stash(&mut self, id: ContentId, file: u32, offset: u64) {
        if let Some(content) = self.files.get_mut(id.0 as usize) {
            *content = Content::Stashed { file, place: Place(offset) };
        }
    }

    /// Takes in a file of the stash, and gives its number.
    pub fn add_stash_file(&mut self, fd: OwnedFd) -> Result<u32> {
        let number = index(self.stashed.len())?;
        if self.stashed.len() >= ROOTS_MAX {
            return Err(errors::limit(format!(
                "{ROOTS_MAX} copied additions are in the image already; add their common parent instead, or clear the \
                 image"
            )));
        }
        self.stashed.push(StashFile { fd, bytes: 0 });
        Ok(number)
    }

    /// Says how many bytes a file of the stash takes.
    pub fn set_stash_bytes(&mut self, number: u32, bytes: u64) {
        if let Some(file) = self.stashed.get_mut(number as usize) {
            file.bytes = bytes;
        }
    }

    /// Bytes that all copies take.
    pub fn stash_bytes(&self) -> u64 {
        self.stashed.iter().map(|file| file.bytes).sum()
    }

    /// A file of the stash.
    pub fn stash_file(&self, number: u32) -> Option<BorrowedFd<'_>> {
        self.stashed.get(number as usize).map(|file| file.fd.as_fd())
    }

    /// A file of the stash holds nothing but contents that are not `used`.
    pub fn has_idle_stash(&self, used: &[bool]) -> bool {
        let mut idle = vec![true; self.stashed.len()];
        for (content, _) in self.files.iter().zip(used).filter(|(_, used)| **used) {
            if let Content::Stashed { file, .. } = content
                && let Some(idle) = idle.get_mut(*file as usize)
            {
                *idle = false;
            }
        }
        idle.contains(&true)
    }

    /// The numbers that the contents would have if only the `used` ones were kept.
    pub fn renumbered(&self, used: &[bool]) -> Vec<ContentId> {
        let count = |next: &mut u32, used: &bool| {
            let id = ContentId(*next);
            *next += u32::from(*used);
            Some(id)
        };
        used.iter().scan(0, count).collect()
    }

    /// Drops all contents that are not `used`, and what only they needed.
    pub fn keep(&mut self, used: &[bool]) {
        let numbers = self.renumbered(used);
        let mut old = std::mem::take(self);
        let mut keep = Keep::new(&old);
        let is_used = |id: ContentId| used.get(id.0 as usize).copied().unwrap_or(false);
        for (content, _) in old.files.iter().zip(used).filter(|(_, used)| **used) {
            let kept = match *content {
                Content::Live { print, dir, name } => {
                    let dir = keep.dir(self, &old, dir);
                    Content::Live { print, dir, name: keep_name(self, old.name(name)) }
                }
                Content::Stashed { file, place } => Content::Stashed { file: keep.stash(file), place },
            };
            self.files.push(kept);
        }
        old.links.retain(|_, (id, _)| is_used(*id));
        for (id, _) in old.links.values_mut() {
            *id = numbers.get(id.0 as usize).copied().unwrap_or(*id);
        }
        self.links = std::mem::take(&mut old.links);
        self.key = old.key;
        self.roots = kept_in_order(old.roots, &keep.roots);
        self.stashed = kept_in_order(old.stashed, &keep.stashed);
    }

    /// A name, by its offset.
    pub fn name(&self, at: u32) -> &CStr {
        let rest = self.names.get(at as usize..).unwrap_or_default();
        CStr::from_bytes_until_nul(rest).unwrap_or_default()
    }

    /// What messages call a directory, or an entry of it.
    pub fn shown(&self, dir: DirId, name: &CStr) -> String {
        let mut parts = vec![name.to_bytes()];
        let mut at = self.dir(dir);
        while at.parent != NONE {
            parts.push(self.name(at.name).to_bytes());
            at = self.dir(DirId(at.parent));
        }
        let mut path = self.roots.get(at.root as usize).map_or(String::new(), |root| root.shown.clone());
        for part in parts.iter().rev().filter(|part| !part.is_empty()) {
            if !path.ends_with('/') {
                path.push('/');
            }
            path.push_str(&String::from_utf8_lossy(part));
        }
        path
    }

    /// Opens a directory below its root, following no symbolic link on the way.
    pub fn open_dir(&self, dir: DirId) -> rustix::io::Result<OwnedFd> {
        let (root, pieces) = self.path(dir);
        let root = self.roots.get(root as usize).ok_or(Errno::BADF)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at: Option<OwnedFd> = None;
        for piece in pieces {
            let here = at.as_ref().map_or(root.fd.as_fd(), AsFd::as_fd);
            at = Some(openat2(here, piece.as_c_str(), flags, Mode::empty(), BENEATH)?);
        }
        match at {
            Some(fd) => Ok(fd),
            None => reopen(root.fd.as_fd()),
        }
    }

    /// In the stash, or about to be copied there with everything else since `mark`.
    fn is_copy(&self, id: ContentId, mark: Mark) -> bool {
        id.0 as usize >= mark.files || matches!(self.get(id), Some(Content::Stashed { .. }))
    }

    /// The root of a directory, and the way to it in pieces that are short enough for the kernel.
    fn path(&self, dir: DirId) -> (u32, Vec<CString>) {
        let mut names = Vec::new();
        let mut at = self.dir(dir);
        while at.parent != NONE {
            names.push(self.name(at.name).to_bytes());
            at = self.dir(DirId(at.parent));
        }
        let mut pieces = vec![Vec::new()];
        for name in names.iter().rev() {
            if pieces.last().is_some_and(|piece| piece.len() + name.len() > PIECE) {
                pieces.push(Vec::new());
            }
            if let Some(piece) = pieces.last_mut() {
                if !piece.is_empty() {
                    piece.push(b'/');
                }
                piece.extend_from_slice(name);
            }
        }
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        (at.root, pieces.filter_map(|piece| CString::new(piece).ok()).collect())
    }

    fn dir(&self, dir: DirId) -> Dir {
        self.dirs.get(dir.0 as usize).copied().unwrap_or(Dir { root: NONE, parent: NONE, name: NONE })
    }

    fn push_dir(&mut self, dir: Dir) -> Result<DirId> {
        let id = DirId(index(self.dirs.len())?);
        self.dirs.push(dir);
        Ok(id)
    }

    fn push_name(&mut self, name: &CStr) -> Result<u32> {
        let at = index(self.names.len() + name.count_bytes())? - name.count_bytes() as u32;
        self.names.extend_from_slice(name.to_bytes_with_nul());
        Ok(at)
    }
}

/// The new numbers of what a compaction keeps, by the old ones, given out as they are met.
struct Keep {
    dirs: Vec<Option<u32>>,
    roots: Numbers,
    stashed: Numbers,
}

struct Numbers {
    given: Vec<Option<u32>>,
    next: u32,
}

impl Keep {
    fn new(old: &Contents) -> Self {
        let numbers = |len| Numbers { given: vec![None; len], next: 0 };
        Self {
            dirs: vec![None; old.dirs.len()],
            roots: numbers(old.roots.len()),
            stashed: numbers(old.stashed.len()),
        }
    }

    fn stash(&mut self, file: u32) -> u32 {
        self.stashed.of(file)
    }

    /// Takes over a directory and those above it.
    fn dir(&mut self, new: &mut Contents, old: &Contents, dir: DirId) -> DirId {
        let mut missing = Vec::new();
        let mut at = dir.0;
        while at != NONE && self.dirs.get(at as usize).is_some_and(Option::is_none) {
            missing.push(at);
            at = old.dir(DirId(at)).parent;
        }
        for number in missing.into_iter().rev() {
            let Dir { root, parent, name } = old.dir(DirId(number));
            let parent = self.dirs.get(parent as usize).copied().flatten().unwrap_or(NONE);
            let name = if parent == NONE { NONE } else { keep_name(new, old.name(name)) };
            self.dirs[number as usize] = Some(new.dirs.len() as u32);
            new.dirs.push(Dir { root: self.roots.of(root), parent, name });
        }
        DirId(self.dirs.get(dir.0 as usize).copied().flatten().unwrap_or(NONE))
    }
}

impl Numbers {
    fn of(&mut self, old: u32) -> u32 {
        let Some(given) = self.given.get_mut(old as usize) else { return NONE };
        *given.get_or_insert_with(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

fn keep_name(new: &mut Contents, name: &CStr) -> u32 {
    // There are fewer names than before, and those had room.
    new.push_name(name).unwrap_or(NONE)
}

fn kept_in_order<T>(old: Vec<T>, numbers: &Numbers) -> Vec<T> {
    let kept = old.into_iter().zip(&numbers.given).filter_map(|(one, given)| given.map(|given| (given, one)));
    let mut kept: Vec<(u32, T)> = kept.collect();
    kept.sort_unstable_by_key(|(number, _)| *number);
    kept.into_iter().map(|(_, one)| one).collect()
}

/// Longest stretch of a path that is opened at once; the kernel takes 4095 bytes.
const PIECE: usize = 3800;

/// Below a root nothing may lead out of it: no symbolic link, no `..`, no magic link of /proc.
pub const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// Opens a directory again, with this process's own rights, for listing. One that these rights may enter but not
/// list is listed through the descriptor that was passed, if that was opened for reading.
pub fn reopen(fd: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat2(fd, c".", flags, Mode::empty(), BENEATH) {
        Err(Errno::ACCESS) if !rustix::fs::fcntl_getfl(fd)?.contains(OFlags::PATH) => {
            let same = rustix::io::fcntl_dupfd_cloexec(fd, 0)?;
            rustix::fs::seek(&same, rustix::fs::SeekFrom::Start(0))?;
            Ok(same)
        }
        other => other,
    }
}

fn index(length: usize) -> Result<u32> {
    match u32::try_from(length) {
        Ok(index) if index < NONE => Ok(index),
        _ => Err(errors::limit("the image holds too many files or names; leave some out")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_takes_20_bytes() {
        assert_eq!(size_of::<Content>(), 20);
    }
}
