//! The drive behind a socket, in real time: the other end of `mmc::transport::vdrive_protocol`.
//!
//! A thread a client, one that accepts, and one that wakes when an operation of the drive ends by itself.
//! Only the user that the recorder runs as, and root, are let in.

mod client;
mod control;
#[cfg(feature = "vhost-user")]
mod seat;

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockType, UnixAddr, accept4, bind, connect, getsockopt,
    listen, shutdown, socket, sockopt,
};
use nix::unistd::geteuid;

use crate::mmc::transport::vdrive_protocol::{Event, owned, send_message};
use crate::vdrive::drive::Drive;

#[cfg(feature = "vhost-user")]
pub use seat::Seat;

/// Clients at a time at most.
const CLIENTS: usize = 64;

/// A recorder on a socket, before anybody is let in.
#[derive(Debug)]
pub struct Server {
    listener: OwnedFd,
    path: PathBuf,
    /// Device and inode of the socket: another recorder may have taken its place meanwhile.
    place: (u64, u64),
    shared: Arc<Shared>,
}

/// A recorder that runs in threads of this process. Dropping it unplugs the drive.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// What the threads have in common.
#[derive(Debug)]
struct Shared {
    drive: Mutex<Drive>,
    started: Instant,
    /// There is something new to wait for.
    changed: Condvar,
    host_in: AtomicBool,
    /// Readable once the drive is unplugged.
    gone: EventFd,
    is_gone: AtomicBool,
    clients: Mutex<Vec<Client>>,
}

/// A client, to be told of events and to be cut off.
#[derive(Debug)]
struct Client {
    number: u64,
    socket: OwnedFd,
    listens: bool,
}

impl Server {
    /// Takes the place at `path`, whole or not at all, for this user alone. An abandoned socket is replaced.
    ///
    /// # Errors
    /// `AddrInUse` when a recorder lives there; those of the system.
    pub fn bind(path: &Path, drive: Drive) -> io::Result<Self> {
        if is_alive(path)? {
            let why = format!("{} is the place of another recorder, which runs", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        let listener = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", std::process::id()));
        let new = path.with_file_name(name);
        let _ = fs::remove_file(&new);
        bind(listener.as_raw_fd(), &UnixAddr::new(&new)?)?;
        // Nobody finds the socket before it has its mode and its queue.
        let placed = fs::set_permissions(&new, fs::Permissions::from_mode(0o600))
            .and_then(|()| listen(&listener, Backlog::new(16)?).map_err(Into::into))
            .and_then(|()| place(&new))
            .and_then(|place| fs::rename(&new, path).map(|()| place));
        let place = match placed {
            Ok(place) => place,
            Err(error) => {
                let _ = fs::remove_file(&new);
                return Err(error);
            }
        };
        let shared = Shared {
            drive: Mutex::new(drive),
            started: Instant::now(),
            changed: Condvar::new(),
            host_in: AtomicBool::new(false),
            gone: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
            is_gone: AtomicBool::new(false),
            clients: Mutex::new(Vec::new()),
        };
        Ok(Self { listener, path: path.to_owned(), place, shared: Arc::new(shared) })
    }

    /// Lets clients in until the drive is unplugged or `stop` becomes readable. Then cuts everybody off, saves
    /// the disc and takes the socket away.
    ///
    /// # Errors
    /// Those of the system.
    pub fn run(self, stop: BorrowedFd<'_>) -> io::Result<()> {
        let ticker = {
            let shared = Arc::clone(&self.shared);
            thread::Builder::new().name("ticker".into()).spawn(move || shared.tick())?
        };
        let result = self.accept(stop);
        self.shared.unplug();
        if place(&self.path).is_ok_and(|place| place == self.place) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = ticker.join();
        result
    }

    /// The drive for a host that comes by another way.
    #[cfg(feature = "vhost-user")]
    pub(super) fn seat(&self) -> Seat {
        Seat::new(&self.shared)
    }

    /// Runs it in threads of this process.
    ///
    /// # Errors
    /// Those of the system.
    pub fn spawn(self) -> io::Result<Running> {
        let shared = Arc::clone(&self.shared);
        let stop = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        let run = move || self.run(stop.as_fd());
        let thread = thread::Builder::new().name("recorder".into()).spawn(run)?;
        Ok(Running { shared, thread: Some(thread) })
    }

    fn accept(&self, stop: BorrowedFd<'_>) -> io::Result<()> {
        let mut number = 0;
        loop {
            let mut ready = [
                PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
                PollFd::new(stop, PollFlags::POLLIN),
                PollFd::new(self.shared.gone.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut ready, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let is_ready = |at: usize| ready[at].revents().is_some_and(|events| !events.is_empty());
            if is_ready(1) || is_ready(2) {
                return Ok(());
            }
            if is_ready(0)
                && let Ok(fd) = accept4(self.listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC)
            {
                number += 1;
                self.let_in(owned(fd), number);
            }
        }
    }

    /// A thread for a client that may come in; others are cut off without a word.
    fn let_in(&self, socket: OwnedFd, number: u64) {
        let user = getsockopt(&socket, sockopt::PeerCredentials).map(|peer| peer.uid());
        let welcome = user.is_ok_and(|uid| uid == 0 || uid == geteuid().as_raw());
        if !welcome || self.shared.clients().len() >= CLIENTS {
            return;
        }
        let Ok(copy) = socket.try_clone() else { return };
        self.shared.clients().push(Client { number, socket: copy, listens: false });
        let shared = Arc::clone(&self.shared);
        let serve = move || {
            client::serve(&shared, &socket, number);
            shared.clients().retain(|client| client.number != number);
        };
        if thread::Builder::new().name("client".into()).spawn(serve).is_err() {
            self.shared.clients().retain(|client| client.number != number);
        }
    }
}

/// Somebody listens there.
fn is_alive(path: &Path) -> io::Result<bool> {
    // Without waiting: a queue that is full is somebody's.
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let probe = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    Ok(matches!(connect(probe.as_raw_fd(), &UnixAddr::new(path)?), Ok(()) | Err(Errno::EAGAIN)))
}

fn place(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

impl Running {
    /// Does something with the drive, as hands would.
    pub fn with<R>(&self, act: impl FnOnce(&mut Drive, Duration) -> R) -> R {
        self.shared.with(act)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.unplug();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Does something with the drive; whoever listens hears of what comes of it.
    fn with<R>(&self, act: impl FnOnce(&mut Drive, Duration) -> R) -> R {
        let mut drive = self.drive();
        let result = act(&mut drive, self.now());
        self.tell(&mut drive);
        self.changed.notify_all();
        result
    }

    /// Sends what happened to everybody who listens. Who does not read is cut off rather than waited for.
    fn tell(&self, drive: &mut Drive) {
        while let Some(event) = drive.next_event() {
            self.tell_event(event);
        }
    }

    fn tell_event(&self, event: Event) {
        self.clients().retain(|client| {
            let heard = !client.listens || send_message(client.socket.as_fd(), &event).is_ok();
            if !heard {
                let _ = shutdown(client.socket.as_raw_fd(), Shutdown::Both);
            }
            heard
        });
    }

    /// Lets the drive's own operations end on time.
    fn tick(&self) {
        let mut drive = self.drive();
        while !self.is_gone.load(Ordering::Acquire) {
            let now = self.now();
            drive.advance(now);
            self.tell(&mut drive);
            drive = match drive.next_deadline() {
                Some(deadline) => {
                    let pause = deadline.saturating_sub(now).max(Duration::from_millis(1));
                    self.changed
                        .wait_timeout(drive, pause)
                        .map(|(drive, _)| drive)
                        .unwrap_or_else(|error| error.into_inner().0)
                }
                None => self.changed.wait(drive).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// The end: everybody is cut off. What the disc is then is what a drive leaves that loses its power.
    fn unplug(&self) {
        if self.is_gone.swap(true, Ordering::AcqRel) {
            return;
        }
        let _ = self.gone.write(1);
        for client in self.clients().iter() {
            let _ = shutdown(client.socket.as_raw_fd(), Shutdown::Both);
        }
        let now = self.now();
        self.drive().power_cut(now);
        self.changed.notify_all();
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn drive(&self) -> MutexGuard<'_, Drive> {
        self.drive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> MutexGuard<'_, Vec<Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
