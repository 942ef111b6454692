//! Virtual recorders: a directory of sockets, one a recorder, `vd0.sock` being the recorder `vd0`.
//!
//! A recorder is there while its socket's file is there and its process answers. Only sockets of root and of the
//! broker's own user are spoken to, and only in a directory that nobody else can write to.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::geteuid;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::virtual_link::{self, Report};
use super::{GREETING, MOST, RecorderEvent, RecorderSeed, WAITING};
use crate::wire;

/// Lists the virtual recorders that greet in time and starts to follow the directory.
///
/// # Errors
/// When the directory cannot be made or watched, or others can write to it.
pub(super) async fn start(directory: PathBuf, events: mpsc::Sender<RecorderEvent>) -> anyhow::Result<()> {
    let watch = open(&directory)?;
    let (tell, mut reports) = mpsc::channel(WAITING);
    let mut sockets = Sockets::new(directory, tell);
    sockets.scan()?;
    let settled = async {
        while !sockets.all_reported() {
            let Some((ticket, report)) = reports.recv().await else { return };
            if let Some(event) = sockets.reported(ticket, report) {
                // A closed channel is noticed by the task below.
                let _ = events.send(event).await;
            }
        }
    };
    if tokio::time::timeout(GREETING, settled).await.is_err() {
        tracing::info!("some virtual recorders are slow to greet, they will be added when they do");
    }
    tokio::spawn(follow(watch, sockets, reports, events));
    Ok(())
}

async fn follow(
    mut watch: AsyncFd<Watch>,
    mut sockets: Sockets,
    mut reports: mpsc::Receiver<(u64, Report)>,
    events: mpsc::Sender<RecorderEvent>,
) {
    loop {
        let mut lost = false;
        let news = tokio::select! {
            changes = read(&watch) => match changes {
                Ok(changes) if !changes.lost => sockets.changed(&changes),
                _ => {
                    lost = true;
                    sockets.clear()
                }
            },
            Some((ticket, report)) = reports.recv() => Vec::from_iter(sockets.reported(ticket, report)),
            () = events.closed() => return,
        };
        for event in news {
            if events.send(event).await.is_err() {
                return;
            }
        }
        if lost {
            tracing::warn!(directory = %sockets.directory.display(), "the directory of recorders is gone");
            match reopen(&mut sockets, &events).await {
                Some(again) => watch = again,
                None => return,
            }
        }
    }
}

/// Makes the directory again, waiting longer after each failure; `None` when nobody wants it any more.
async fn reopen(sockets: &mut Sockets, events: &mpsc::Sender<RecorderEvent>) -> Option<AsyncFd<Watch>> {
    let mut pause = Duration::from_secs(1);
    loop {
        let opened = open(&sockets.directory).and_then(|watch| Ok(sockets.scan().map(|()| watch)?));
        match opened {
            Ok(watch) => return Some(watch),
            Err(error) => tracing::error!("no virtual recorders until this is put right: {error:#}"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(60)),
            () = events.closed() => return None,
        }
    }
}

/// Makes the directory if need be, checks whose it is, and begins to watch it.
fn open(directory: &Path) -> anyhow::Result<AsyncFd<Watch>> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).context("it cannot be made")?;
    let about = directory.metadata().context("it cannot be looked at")?;
    ensure!(is_trusted(about.uid()), "it belongs to user {}, neither to root nor to us", about.uid());
    let (others_write, sticky) = (about.mode() & 0o002 != 0, about.mode() & 0o1000 != 0);
    if others_write && !sticky {
        bail!("everybody may write to it: take that right away (chmod o-w)");
    }
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).context("no inotify")?;
    let wanted = AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_ONLYDIR;
    inotify.add_watch(directory, wanted).context("it cannot be watched")?;
    wire::watch(Watch(inotify)).context("it cannot be watched")
}

pub(super) fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}

/// inotify as the runtime wants it.
#[derive(Debug)]
struct Watch(Inotify);

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// What one reading of inotify brought.
#[derive(Debug, Default)]
struct Changes {
    files: Vec<(OsString, Change)>,
    /// The kernel dropped events: look at everything anew.
    overflowed: bool,
    /// The directory itself is gone.
    lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Appeared,
    Touched,
    Gone,
}

async fn read(watch: &AsyncFd<Watch>) -> io::Result<Changes> {
    loop {
        let mut ready = watch.readable().await?;
        let events = match watch.get_ref().0.read_events() {
            Err(nix::Error::EAGAIN) => {
                ready.clear_ready();
                continue;
            }
            Err(nix::Error::EINTR) => continue,
            other => other?,
        };
        let mut changes = Changes::default();
        for event in events {
            let is = |flags: AddWatchFlags| event.mask.intersects(flags);
            changes.overflowed |= is(AddWatchFlags::IN_Q_OVERFLOW);
            changes.lost |= is(AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_MOVE_SELF);
            let change = if is(AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO) {
                Change::Appeared
            } else if is(AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM) {
                Change::Gone
            } else {
                Change::Touched
            };
            changes.files.extend(event.name.map(|name| (name, change)));
        }
        return Ok(changes);
    }
}

/// The sockets of the directory, and who follows each.
#[derive(Debug)]
struct Sockets {
    directory: PathBuf,
    links: BTreeMap<String, Link>,
    tell: mpsc::Sender<(u64, Report)>,
    next_ticket: u64,
    /// There were too many: look again when one goes.
    turned_away: bool,
}

/// One socket that is followed.
#[derive(Debug)]
struct Link {
    file: OsString,
    /// Tells this link's reports from those of an earlier one under the same name.
    ticket: u64,
    reported: bool,
    listed: bool,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sockets {
    fn new(directory: PathBuf, tell: mpsc::Sender<(u64, Report)>) -> Self {
        Self { directory, links: BTreeMap::new(), tell, next_ticket: 0, turned_away: false }
    }

    fn all_reported(&self) -> bool {
        self.links.values().all(|link| link.reported)
    }

    /// Begins to follow every socket that is not followed yet.
    fn scan(&mut self) -> io::Result<()> {
        self.turned_away = false;
        for entry in std::fs::read_dir(&self.directory)? {
            self.follow(&entry?.file_name());
        }
        Ok(())
    }

    fn changed(&mut self, changes: &Changes) -> Vec<RecorderEvent> {
        let mut news = Vec::new();
        for (file, change) in &changes.files {
            match change {
                Change::Appeared => {
                    news.extend(self.forget(file));
                    self.follow(file);
                }
                Change::Touched => self.follow(file),
                Change::Gone => news.extend(self.forget(file)),
            }
        }
        if changes.overflowed {
            let gone: Vec<_> = self
                .links
                .values()
                .filter(|link| !self.directory.join(&link.file).exists())
                .map(|link| link.file.clone())
                .collect();
            news.extend(gone.iter().filter_map(|file| self.forget(file)));
        }
        let wanted = changes.overflowed || (self.turned_away && self.links.len() < MOST);
        if wanted && let Err(error) = self.scan() {
            tracing::error!("the directory of recorders cannot be read: {error}");
        }
        news
    }

    fn clear(&mut self) -> Vec<RecorderEvent> {
        let files: Vec<_> = self.links.values().map(|link| link.file.clone()).collect();
        files.iter().filter_map(|file| self.forget(file)).collect()
    }

    fn follow(&mut self, file: &OsStr) {
        let Some(id) = id(file) else { return };
        if let Some(link) = self.links.get(&id) {
            if link.file != file {
                tracing::warn!(?file, other = ?link.file, "two sockets would be the same recorder, rename one");
            }
            return;
        }
        if self.links.len() >= MOST {
            tracing::warn!(?file, "there are {MOST} virtual recorders already, this one has to wait");
            self.turned_away = true;
            return;
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let task = tokio::spawn(virtual_link::follow(self.directory.join(file), ticket, self.tell.clone()));
        self.links.insert(id, Link { file: file.to_owned(), ticket, reported: false, listed: false, task });
    }

    fn forget(&mut self, file: &OsStr) -> Option<RecorderEvent> {
        let id = id(file).filter(|id| self.links.get(id).is_some_and(|link| link.file == file))?;
        let link = self.links.remove(&id)?;
        link.listed.then_some(RecorderEvent::Removed(id))
    }

    fn reported(&mut self, ticket: u64, report: Report) -> Option<RecorderEvent> {
        let (id, link) = self.links.iter_mut().find(|(_, link)| link.ticket == ticket)?;
        let id = id.clone();
        link.reported = true;
        match report {
            Report::Greeted(greeting) => {
                link.listed = true;
                let path = self.directory.join(&link.file);
                Some(RecorderEvent::Added(RecorderSeed {
                    id,
                    node: path.display().to_string(),
                    device: crate::api::Device::Virtual(path),
                    identity: greeting.identity,
                    profiles: greeting.profiles,
                    seat: "seat0".to_owned(),
                }))
            }
            Report::MediaChanged => link.listed.then_some(RecorderEvent::MediaChanged(id)),
            Report::EjectRequested => link.listed.then_some(RecorderEvent::EjectRequested(id)),
            Report::Silent => std::mem::take(&mut link.listed).then_some(RecorderEvent::Removed(id)),
            Report::GivenUp => {
                let listed = link.listed;
                self.links.remove(&id);
                listed.then_some(RecorderEvent::Removed(id))
            }
        }
    }
}

/// The recorder's id of a socket's file name. What may not stand in an object path is written `_2d`, as systemd
/// does; names like the kernel's are left to the kernel.
fn id(file: &OsStr) -> Option<String> {
    let stem = file.to_str()?.strip_suffix(".sock")?;
    if stem.is_empty() || stem.starts_with('.') || stem.len() > 64 {
        return None;
    }
    if stem.strip_prefix("sr").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) {
        tracing::warn!(?file, "this is a name of the kernel's drives: rename the socket to have it served");
        return None;
    }
    let mut id = String::with_capacity(stem.len());
    for byte in stem.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            id.push(char::from(byte));
        } else {
            id.push_str(&format!("_{byte:02x}"));
        }
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_become_elements_of_an_object_path() {
        let of = |name: &str| id(OsStr::new(name));
        assert_eq!(of("vd0.sock").as_deref(), Some("vd0"));
        assert_eq!(of("my_drive.sock").as_deref(), Some("my_drive"));
        assert_eq!(of("a-b c/ä.sock").as_deref(), Some("a_2db_20c_2f_c3_a4"));
        for refused in [".sock", ".hidden.sock", "vd0", "vd0.sock.tmp", "sr0.sock", "sr12.sock"] {
            assert_eq!(of(refused), None, "{refused}");
        }
        assert_eq!(of("srx.sock").as_deref(), Some("srx"));
        assert_eq!(of(&format!("{}.sock", "x".repeat(65))), None);
    }

    #[test]
    fn a_directory_that_everybody_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let open_to_all = dir.path().join("recorders");
        std::fs::create_dir(&open_to_all).unwrap();
        std::fs::set_permissions(&open_to_all, std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = open(&open_to_all).unwrap_err();
        assert!(error.to_string().contains("everybody"), "{error:#}");
    }

    #[tokio::test]
    async fn a_missing_directory_is_made_for_us_alone() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("discmaster/recorders");
        open(&missing).unwrap();
        assert_eq!(missing.metadata().unwrap().mode() & 0o777, 0o700);
    }
}
