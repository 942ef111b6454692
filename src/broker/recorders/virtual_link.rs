//! One virtual recorder's socket, in the role of a listener: greeting, events, and the end.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr};
use serde::de::DeserializeOwned;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::shown;
use super::virtual_dir::is_trusted;
use crate::mmc::transport::vdrive_protocol::{self, Event, Hello, Role, VERSION, Welcome};
use crate::{api, wire};

/// How long a recorder may take to greet.
const PATIENCE: Duration = Duration::from_secs(5);
/// Profiles kept of those a recorder lists.
const MOST_PROFILES: usize = 64;

/// What a link tells of its recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// It answered.
    Greeted(Greeting),
    /// Its disc is another.
    MediaChanged,
    /// Its button was pressed.
    EjectRequested,
    /// It does not answer, or no more; it is tried again.
    Silent,
    /// It is not tried again until its socket changes.
    GivenUp,
}

/// Who a virtual recorder says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) identity: api::Identity,
    pub(super) profiles: Vec<u16>,
}

/// Keeps listening to the recorder behind the socket, with pauses that grow while it does not answer: a socket
/// appears a moment before anybody listens on it, and stays when its process has died.
pub(super) async fn follow(socket: PathBuf, ticket: u64, tell: mpsc::Sender<(u64, Report)>) {
    let mut pauses = Pauses::default();
    loop {
        let begun = Instant::now();
        let end = listen(&socket, ticket, &tell).await;
        tracing::debug!(socket = %socket.display(), "not listened to: {:#}", end);
        let again = pauses.next(begun.elapsed());
        let report = if again.is_some() { Report::Silent } else { Report::GivenUp };
        if tell.send((ticket, report)).await.is_err() {
            return;
        }
        let Some(pause) = again else {
            tracing::warn!(socket = %socket.display(), "nobody answers, it is left alone until it changes: {end:#}");
            return;
        };
        tokio::time::sleep(pause).await;
    }
}

/// The pauses between attempts: doubled from 20 ms to 5 s, a dozen of them, begun anew after a connection that
/// lasted.
#[derive(Debug, Default)]
struct Pauses(u32);

impl Pauses {
    const FIRST: Duration = Duration::from_millis(20);
    const LONGEST: Duration = Duration::from_secs(5);
    const TIMES: u32 = 12;
    /// A recorder that answered this long was no passing thing.
    const LASTING: Duration = Duration::from_secs(10);

    fn next(&mut self, lasted: Duration) -> Option<Duration> {
        if lasted >= Self::LASTING {
            self.0 = 0;
        }
        let pause = Self::FIRST.saturating_mul(1 << self.0.min(16)).min(Self::LONGEST);
        self.0 += 1;
        (self.0 <= Self::TIMES).then_some(pause)
    }
}

/// Connects, passes on what is heard, and returns why that ended.
async fn listen(socket: &Path, ticket: u64, tell: &mpsc::Sender<(u64, Report)>) -> anyhow::Error {
    let session = async {
        let socket = connect(socket)?;
        vdrive_protocol::send_message(socket.as_fd(), &Hello { version: VERSION, role: Role::Events })
            .context("it does not take a greeting")?;
        let welcome = tokio::time::timeout(PATIENCE, hear(&socket)).await.context("it does not greet")??;
        let greeting = match welcome {
            Welcome::Ready(identity) => Greeting::from(identity),
            Welcome::Busy => bail!("it has enough listeners"),
            Welcome::Refused(why) => bail!("it refuses: {}", shown(&why)),
        };
        tell.send((ticket, Report::Greeted(greeting))).await?;
        loop {
            let report = match hear(&socket).await? {
                Event::MediaChange { .. } => Report::MediaChanged,
                Event::EjectRequest => Report::EjectRequested,
            };
            tell.send((ticket, report)).await?;
        }
    };
    let ended: anyhow::Result<Infallible> = session.await;
    match ended {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

/// Connects without ever blocking, and only to a process of root's or of our own.
fn connect(path: &Path) -> anyhow::Result<AsyncFd<OwnedFd>> {
    let about = path.symlink_metadata()?;
    ensure!(about.file_type().is_socket(), "it is not a socket");
    ensure!(is_trusted(about.uid()), "it belongs to user {}, neither to root nor to us", about.uid());
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket::socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    socket::connect(socket.as_raw_fd(), &UnixAddr::new(path)?).context("nobody listens")?;
    // The file may have been exchanged between the look and the connection; the kernel tells who listens.
    let listener = socket::getsockopt(&socket, PeerCredentials)?.uid();
    ensure!(is_trusted(listener), "user {listener} listens, neither root nor we");
    Ok(wire::watch(socket)?)
}

/// The next message; the end of the stream is an error.
async fn hear<M: DeserializeOwned>(socket: &AsyncFd<OwnedFd>) -> anyhow::Result<M> {
    loop {
        let mut ready = socket.readable().await?;
        match vdrive_protocol::receive_message(socket.as_fd()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
            other => return other?.context("it was unplugged"),
        }
    }
}

impl From<vdrive_protocol::Identity> for Greeting {
    fn from(told: vdrive_protocol::Identity) -> Self {
        let mut profiles = told.profiles;
        profiles.sort_unstable();
        profiles.dedup();
        profiles.truncate(MOST_PROFILES);
        let identity = api::Identity {
            vendor: shown(&told.vendor),
            product: shown(&told.product),
            revision: shown(&told.revision),
            serial: shown(&told.serial),
        };
        Self { identity, profiles }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_end_and_begin_anew_after_a_lasting_connection() {
        let mut pauses = Pauses::default();
        let all: Vec<_> = std::iter::from_fn(|| pauses.next(Duration::ZERO)).collect();
        assert_eq!(all.len(), 12);
        assert_eq!(all.first(), Some(&Duration::from_millis(20)));
        assert_eq!(all.last(), Some(&Duration::from_secs(5)));
        assert!(all.is_sorted());
        assert_eq!(pauses.next(Duration::from_secs(10)), Some(Duration::from_millis(20)));
    }

    #[test]
    fn sockets_of_other_users_are_not_spoken_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vd0.sock");
        let flags = SockFlag::SOCK_CLOEXEC;
        let listener = socket::socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap();
        socket::bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        socket::listen(&listener, socket::Backlog::new(1).unwrap()).unwrap();
        // Without root nobody can give a socket away, so there is nothing to refuse.
        if std::os::unix::fs::chown(&path, Some(65534), None).is_ok() {
            let error = connect(&path).unwrap_err().to_string();
            assert!(error.contains("65534"), "{error}");
        }
    }

    #[test]
    fn what_a_recorder_says_of_itself_is_made_harmless() {
        let told = vdrive_protocol::Identity {
            vendor: " EVIL\n\u{7f} ".to_owned(),
            profiles: (0..1000).rev().chain([9, 9]).collect(),
            ..Default::default()
        };
        let greeting = Greeting::from(told);
        assert_eq!(greeting.identity.vendor, "EVIL");
        assert_eq!(greeting.profiles.len(), MOST_PROFILES);
        assert!(greeting.profiles.is_sorted());
    }
}
