//! The drive as a virtio-scsi device of a virtual machine, by vhost-user: for QEMU's `vhost-user-scsi-pci` and its
//! like.
//!
//! The machine's monitor connects; one machine at a time has the drive. In the machine, it is target 0, unit 0. When it
//! is unplugged, the machine is told by the event of the standard, and every command by the answer that no such
//! target is there.

mod backend;
mod lane;
mod scsi;

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use vhost::vhost_user::{Error as WireError, Listener};
use vhost_user_backend::{Error, VhostUserDaemon};
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;

use backend::{Backend, GONE};
use lane::Lane;

use super::socket::{Seat, Server};

/// A socket for a machine's monitor, before it is served.
#[derive(Debug)]
pub struct VhostUser {
    listener: UnixListener,
    path: PathBuf,
    seat: Seat,
}

/// A socket that is served in a thread of this process.
#[derive(Debug)]
pub struct Serving {
    stop: Arc<EventFd>,
    /// Readable once nobody is served any more.
    ended: Arc<EventFd>,
    thread: JoinHandle<()>,
}

impl VhostUser {
    /// A second entrance to the drive of `server`, at `path`, for this user alone. An abandoned socket is replaced.
    ///
    /// # Errors
    /// `AddrInUse` when somebody listens there; those of the system.
    pub fn bind(path: &Path, server: &Server) -> io::Result<Self> {
        if UnixStream::connect(path).is_ok() {
            let why = format!("{} is taken by another recorder, which runs", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path: path.to_owned(), seat: server.seat() })
    }

    /// Serves machines, one after the other, until the drive is unplugged or [`Serving::end`].
    ///
    /// # Errors
    /// Those of the system.
    pub fn spawn(self) -> io::Result<Serving> {
        let event = || EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map(Arc::new);
        let (stop, ended) = (event()?, event()?);
        let (seen, done) = (Arc::clone(&stop), Arc::clone(&ended));
        let serve = move || {
            if let Err(error) = self.serve(seen.as_fd()) {
                tracing::warn!("the socket for virtual machines is closed: {error}");
            }
            let _ = fs::remove_file(&self.path);
            let _ = done.write(1);
        };
        let thread = thread::Builder::new().name("machines".into()).spawn(serve)?;
        Ok(Serving { stop, ended, thread })
    }

    fn serve(&self, stop: BorrowedFd<'_>) -> io::Result<()> {
        while !wait(&[stop, self.seat.gone()], self.listener.as_fd())? {
            if !self.seat.take() {
                tracing::warn!("a virtual machine is turned away: the drive is in use");
                let _ = self.listener.accept();
                continue;
            }
            let ended = self.serve_one(stop);
            self.seat.leave();
            match ended {
                Ok(()) => tracing::info!("the virtual machine has gone"),
                Err(error) => tracing::warn!("the virtual machine is cut off: {error}"),
            }
        }
        Ok(())
    }

    /// Serves the machine whose monitor waits at the door, until it goes.
    fn serve_one(&self, stop: BorrowedFd<'_>) -> io::Result<()> {
        let mut listener = Listener::from(self.listener.try_clone()?);
        let memory = GuestMemoryAtomic::new(GuestMemoryMmap::new());
        let lane = Arc::new(Lane::new(self.seat.clone()));
        let backend = Arc::new(Backend::new(memory.clone(), Arc::clone(&lane)));
        let mut daemon = VhostUserDaemon::new("machine".into(), backend, memory).map_err(told)?;
        let handlers = daemon.get_epoll_handlers();
        for handler in &handlers {
            let edge = EventSet::IN | EventSet::EDGE_TRIGGERED;
            handler.register_listener(self.seat.gone().as_raw_fd(), edge, GONE)?;
        }
        daemon.start(&mut listener).map_err(told)?;
        let done = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        let shutdown = daemon.shutdown_handle();
        let ended = thread::scope(|scope| {
            scope.spawn(|| lane.work());
            scope.spawn(|| {
                if !matches!(wait(&[stop], done.as_fd()), Ok(false))
                    && let Some(shutdown) = shutdown
                {
                    shutdown.shutdown();
                }
            });
            let ended = daemon.wait();
            handlers.iter().for_each(|handler| handler.send_exit_event());
            lane.end();
            let _ = done.write(1);
            ended
        });
        match ended {
            Err(Error::HandleRequest(WireError::Disconnected | WireError::PartialMessage)) => Ok(()),
            other => other.map_err(told),
        }
    }
}

impl Serving {
    /// Ends it once `stop` is readable or, where the drive was unplugged, the machine has let go of it: a device that
    /// stops answering would leave a machine waiting for ever.
    ///
    /// # Errors
    /// Those of the system.
    pub fn end(self, stop: BorrowedFd<'_>) -> io::Result<()> {
        wait(&[stop], self.ended.as_fd())?;
        self.stop.write(1)?;
        let _ = self.thread.join();
        Ok(())
    }
}

/// The library's errors are none that can be passed on.
fn told(error: Error) -> io::Error {
    io::Error::other(error.to_string())
}

/// Waits until `event`, or one of `ends`, is readable: whether it was an end.
fn wait(ends: &[BorrowedFd<'_>], event: BorrowedFd<'_>) -> io::Result<bool> {
    let watched = ends.iter().copied().chain([event]);
    let mut watched: Vec<PollFd<'_>> = watched.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    loop {
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => {
                let is_ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
                return Ok(watched[..ends.len()].iter().any(is_ready));
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
