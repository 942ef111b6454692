//! The three kinds of client of a virtual recorder's socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::vdrive_protocol::{
    ControlReply, ControlRequest, Event, Framed, HostReply, HostRequest, Identity, MAX_DATA, Role, Welcome,
    greet, receive_framed, receive_message, send_framed, send_message,
};
use super::{Data, Outcome, Transport, TransportError};

/// A virtual recorder, as a drive to send commands to.
#[derive(Debug)]
pub struct VirtualSocket {
    socket: OwnedFd,
    name: String,
    identity: Identity,
    tag: u32,
    timeout: Duration,
    /// No command is waited for any longer.
    longest: Duration,
}

impl VirtualSocket {
    /// Connects as the one host of the recorder at `path`.
    ///
    /// # Errors
    /// [`TransportError::InUse`] if there is another, [`TransportError::Io`] if nobody listens.
    pub fn connect(path: &Path) -> Result<Self, TransportError> {
        let name = path.display().to_string();
        match greet(path, Role::Host) {
            Ok((socket, Welcome::Ready(identity))) => {
                Ok(Self { socket, name, identity, tag: 0, timeout: Duration::ZERO, longest: Duration::MAX })
            }
            Ok((_, Welcome::Busy)) => Err(TransportError::InUse { name }),
            Ok((_, Welcome::Refused(why))) => Err(TransportError::Io { name, source: io::Error::other(why) }),
            Err(source) => Err(TransportError::Io { name, source }),
        }
    }

    /// The same, with some patience for another host to leave.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn connect_within(path: &Path, patience: Duration) -> Result<Self, TransportError> {
        const PAUSE: Duration = Duration::from_millis(20);
        let started = Instant::now();
        loop {
            match Self::connect(path) {
                Err(TransportError::InUse { .. }) if started.elapsed() < patience => thread::sleep(PAUSE),
                result => return result,
            }
        }
    }

    /// Waits for no command any longer than this, whatever is asked for: drives that hang are given up sooner.
    #[must_use]
    pub fn limited(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// Who the recorder is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    fn exchange(&mut self, cdb: &[u8], data: Data<'_>, timeout: Duration) -> io::Result<Outcome> {
        let started = Instant::now();
        self.limit(timeout)?;
        self.tag = self.tag.wrapping_add(1);
        let mut request = HostRequest { tag: self.tag, cdb_len: 0, cdb: [0; 16], from_drive: 0 };
        let length = cdb.len().min(request.cdb.len());
        request.cdb[..length].copy_from_slice(&cdb[..length]);
        request.cdb_len = u8::try_from(length).unwrap_or(0);
        let (to_drive, from_drive): (&[u8], &mut [u8]) = match data {
            Data::None => (&[], &mut []),
            Data::ToDrive(buffer) => (buffer, &mut []),
            Data::FromDrive(buffer) => (&[], buffer),
        };
        if to_drive.len().max(from_drive.len()) > MAX_DATA {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more data than one command can carry"));
        }
        request.from_drive = u32::try_from(from_drive.len()).unwrap_or(0);
        send_framed(self.socket.as_fd(), &request, to_drive)?;
        loop {
            let received = receive_framed::<HostReply>(self.socket.as_fd(), from_drive)?;
            let Framed { message: reply, data: came, whole } =
                received.ok_or(io::ErrorKind::ConnectionReset)?;
            // An answer to a command that was given up on comes late: it is nobody's.
            if reply.tag != self.tag {
                let left = timeout.checked_sub(started.elapsed()).ok_or(io::ErrorKind::TimedOut)?;
                self.limit(left)?;
                continue;
            }
            if !whole {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the drive sent more than was asked for",
                ));
            }
            let sent = usize::try_from(reply.transferred).unwrap_or(0).min(to_drive.len());
            let transferred = if to_drive.is_empty() { came } else { sent };
            let status = reply.end.status().ok_or(io::ErrorKind::ConnectionAborted)?;
            return Ok(Outcome { status, transferred });
        }
    }

    /// Sets how long a command may take to send and an answer to come, if it is not what it was.
    fn limit(&mut self, timeout: Duration) -> io::Result<()> {
        if timeout != self.timeout {
            // Zero would mean for ever.
            let millis = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX).clamp(1, 1 << 31);
            setsockopt(&self.socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(millis))?;
            setsockopt(&self.socket, sockopt::SendTimeout, &TimeVal::milliseconds(millis))?;
            self.timeout = timeout;
        }
        Ok(())
    }
}

impl Transport for VirtualSocket {
    fn execute(&mut self, cdb: &[u8], data: Data<'_>, timeout: Duration) -> Result<Outcome, TransportError> {
        let timeout = timeout.min(self.longest);
        self.exchange(cdb, data, timeout).map_err(|source| {
            let name = self.name.clone();
            match source.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    TransportError::Timeout { name, limit: timeout }
                }
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    TransportError::LinkLost { name, why: "the recorder was unplugged".into() }
                }
                io::ErrorKind::ConnectionAborted => {
                    TransportError::LinkLost { name, why: "the answer was lost on its way".into() }
                }
                _ => TransportError::Io { name, source },
            }
        })
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// A listener to what happens to a virtual recorder. Its descriptor becomes readable when there is news.
#[derive(Debug)]
pub struct EventsClient {
    socket: OwnedFd,
    identity: Identity,
}

/// What a listener hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Something happened.
    Event(Event),
    /// The drive was unplugged; nothing follows.
    Unplugged,
}

impl EventsClient {
    /// Connects to the recorder at `path`. Never blocks after that.
    ///
    /// # Errors
    /// Those of the system, and the recorder's refusal.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let (socket, identity) = admitted(path, Role::Events)?;
        let flags = OFlag::from_bits_retain(fcntl(&socket, FcntlArg::F_GETFL)?);
        fcntl(&socket, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Self { socket, identity })
    }

    /// Who the recorder is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The next news, without waiting for them; `WouldBlock` means none yet.
    ///
    /// # Errors
    /// Those of the system, `WouldBlock` among them.
    pub fn next(&self) -> io::Result<News> {
        match receive_message(self.socket.as_fd()) {
            Ok(Some(event)) => Ok(News::Event(event)),
            Ok(None) => Ok(News::Unplugged),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(News::Unplugged),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for EventsClient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl std::os::fd::AsRawFd for EventsClient {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}

/// Hands for a virtual recorder: buttons, discs, faults.
#[derive(Debug)]
pub struct ControlClient {
    socket: OwnedFd,
    identity: Identity,
}

impl ControlClient {
    /// Connects to the recorder at `path`.
    ///
    /// # Errors
    /// Those of the system, and the recorder's refusal.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let (socket, identity) = admitted(path, Role::Control)?;
        Ok(Self { socket, identity })
    }

    /// Who the recorder is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Sends a request and waits for its answer. [`ControlReply::Refused`] becomes an error.
    ///
    /// # Errors
    /// Those of the system, and the recorder's refusal.
    pub fn request(&self, request: &ControlRequest) -> io::Result<ControlReply> {
        send_message(self.socket.as_fd(), request)?;
        match receive_message(self.socket.as_fd())? {
            Some(ControlReply::Refused(why)) => Err(io::Error::other(why)),
            Some(reply) => Ok(reply),
            // Unplugged: the recorder ends rather than answer.
            None if *request == ControlRequest::Unplug => Ok(ControlReply::Done),
            None => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    /// The same, for requests that are answered by lines.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn lines(&self, request: &ControlRequest) -> io::Result<Vec<String>> {
        Ok(match self.request(request)? {
            ControlReply::Lines(lines) => lines,
            ControlReply::Text(text) => vec![text],
            ControlReply::Done | ControlReply::Refused(_) => Vec::new(),
        })
    }
}

fn admitted(path: &Path, role: Role) -> io::Result<(OwnedFd, Identity)> {
    match greet(path, role)? {
        (socket, Welcome::Ready(identity)) => Ok((socket, identity)),
        (_, Welcome::Busy) => Err(io::Error::new(io::ErrorKind::ResourceBusy, "the recorder is in use")),
        (_, Welcome::Refused(why)) => Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
    }
}
