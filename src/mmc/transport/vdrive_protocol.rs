//! What is said on a virtual recorder's socket.
//!
//! The socket is of type `SOCK_SEQPACKET`: a packet is a message. A client's first packet is [`Hello`], the
//! recorder's first is [`Welcome`]. After that:
//!
//! * a [`Role::Host`] sends [`HostRequest`]s, each with its data behind it in the same packet, and gets one
//!   [`HostReply`] each; only one host is let in at a time, as with a drive that is opened exclusively;
//! * a [`Role::Events`] client only listens to [`Event`]s; the end of the stream means that the drive is gone;
//! * a [`Role::Control`] client sends [`ControlRequest`]s and gets one [`ControlReply`] each: the hands that
//!   press buttons and change discs.
//!
//! Messages are postcard; variants are only ever added at the end.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recvmsg, sendmsg, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Status;
use crate::mmc::sense::Sense;

/// Version of all of this.
pub const VERSION: u16 = 1;
/// Data of one command at most, either way, in bytes.
pub const MAX_DATA: usize = 128 * 1024;
/// Bytes before the data in a host's packets, whatever the message in them.
pub const HEADER: usize = 64;
/// Bytes of any other message at most.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The first packet of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`].
    pub version: u16,
    /// What the client is here for.
    pub role: Role,
}

/// What a client is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// To send MMC commands.
    Host,
    /// To hear of discs and buttons.
    Events,
    /// To press buttons and change discs.
    Control,
}

/// The recorder's first packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Welcome {
    /// Come in.
    Ready(Identity),
    /// Another host is in.
    Busy,
    /// No, and why.
    Refused(String),
}

/// What can be known of a drive without a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Up to 8 characters.
    pub vendor: String,
    /// Up to 16 characters.
    pub product: String,
    /// Firmware revision, up to 4 characters.
    pub revision: String,
    /// Serial number.
    pub serial: String,
    /// Numbers of the profiles that it supports.
    pub profiles: Vec<u16>,
    /// A disc is in and the tray is closed.
    pub present: bool,
}

/// A command. The bytes for the drive follow at [`HEADER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRequest {
    /// Comes back in the reply.
    pub tag: u32,
    /// Bytes of the command that count.
    pub cdb_len: u8,
    /// The command.
    pub cdb: [u8; 16],
    /// Bytes that the host takes at most.
    pub from_drive: u32,
}

/// How a command ended. The bytes for the host follow at [`HEADER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReply {
    /// That of the request.
    pub tag: u32,
    /// How it ended.
    pub end: CommandEnd,
    /// Bytes that travelled.
    pub transferred: u32,
}

/// SCSI status and sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandEnd {
    /// GOOD.
    Good,
    /// CHECK CONDITION.
    Check(Sense),
    /// BUSY.
    Busy,
    /// None: the answer was lost on its way.
    Lost,
}

impl CommandEnd {
    /// What the drive said; `None` when that was lost.
    pub const fn status(self) -> Option<Status> {
        match self {
            Self::Good => Some(Status::Good),
            Self::Check(sense) => Some(Status::Check(sense)),
            Self::Busy => Some(Status::Busy),
            Self::Lost => None,
        }
    }
}

impl From<Status> for CommandEnd {
    fn from(status: Status) -> Self {
        match status {
            Status::Good => Self::Good,
            Status::Check(sense) => Self::Check(sense),
            Status::Busy => Self::Busy,
        }
    }
}

/// News, as the kernel would send them as uevents of a real drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The disc came, went, or is another than before (also: was closed by a burn).
    MediaChange {
        /// A disc is in and the tray is closed.
        present: bool,
        /// The tray is open.
        open: bool,
    },
    /// Somebody pressed the button while the tray is locked.
    EjectRequest,
}

/// What hands do to a drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlRequest {
    /// Put a disc in and close the tray.
    Insert {
        /// Its `.disc` file.
        path: String,
        /// If the file does not exist: the kind of blank disc to make, such as `cd-r:5000`.
        create: Option<String>,
    },
    /// Press the button: opens the tray, closes it if it is open, asks if it is locked.
    Button,
    /// Open the tray; refused if it is locked.
    Eject,
    /// Close the tray.
    Load,
    /// Take the disc out and away.
    Remove,
    /// Add faults to the script.
    Faults(String),
    /// Forget the fault script.
    ClearFaults,
    /// Choose the pace: `unlimited`, `16x` or kB/s.
    Speed(String),
    /// Describe drive and disc.
    Dump,
    /// What hosts did that no host may do.
    Violations,
    /// Faults that never fired.
    Unfired,
    /// The power fails for a moment: what is in the buffer is lost.
    PowerCut,
    /// The drive is pulled out: the recorder ends.
    Unplug,
}

/// The answer to hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlReply {
    /// Done.
    Done,
    /// The text that was asked for.
    Text(String),
    /// The lines that were asked for.
    Lines(Vec<String>),
    /// No, and why.
    Refused(String),
}

/// Connects to a recorder's socket and says hello. The answer is for the caller to judge.
///
/// # Errors
/// Those of the system, `WouldBlock` among them if nobody answers within ten seconds; `InvalidData` if whoever
/// listens there speaks another language.
pub fn greet(path: &Path, role: Role) -> io::Result<(OwnedFd, Welcome)> {
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    set_timeouts(socket.as_fd(), GREETING)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    widen(socket.as_fd());
    send_message(socket.as_fd(), &Hello { version: VERSION, role })?;
    let welcome =
        receive_message(socket.as_fd())?.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset))?;
    set_timeouts(socket.as_fd(), Duration::ZERO)?;
    Ok((socket, welcome))
}

/// How long a recorder may take to say whether somebody may come in.
const GREETING: Duration = Duration::from_secs(10);

/// Makes room for the largest packets. The system may grant less, which is enough for usual ones.
pub fn widen(socket: BorrowedFd<'_>) {
    let room = 2 * (MAX_DATA + HEADER);
    let _ = setsockopt(&socket, sockopt::SndBuf, &room);
    let _ = setsockopt(&socket, sockopt::RcvBuf, &room);
}

/// Limits how long sending and receiving may block; zero is without limit.
///
/// # Errors
/// Those of the system.
pub fn set_timeouts(socket: BorrowedFd<'_>, limit: Duration) -> io::Result<()> {
    let limit = TimeVal::milliseconds(i64::try_from(limit.as_millis()).unwrap_or(i64::MAX).min(1 << 31));
    setsockopt(&socket, sockopt::SendTimeout, &limit)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &limit)?;
    Ok(())
}

/// Takes over a descriptor that `accept4` just returned.
pub fn owned(fd: RawFd) -> OwnedFd {
    // SAFETY: the caller got the descriptor from the system a moment ago and gives it up; nobody else has it.
    #[expect(unsafe_code, reason = "nix returns accepted sockets as bare numbers")]
    unsafe {
        OwnedFd::from_raw_fd(fd)
    }
}

/// Sends one message as one packet.
///
/// # Errors
/// Those of the system; `InvalidInput` if the message is too long.
pub fn send_message(socket: BorrowedFd<'_>, message: &impl Serialize) -> io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(io::Error::other)?;
    if bytes.len() > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too long for a packet"));
    }
    send_packet(socket, &[IoSlice::new(&bytes)], bytes.len())
}

/// Receives one message; none at the end of the stream.
///
/// # Errors
/// Those of the system; `InvalidData` if the packet is no such message.
pub fn receive_message<M: DeserializeOwned>(socket: BorrowedFd<'_>) -> io::Result<Option<M>> {
    let mut buffer = vec![0; MAX_MESSAGE];
    match receive_packet(socket, &mut [IoSliceMut::new(&mut buffer)])? {
        (0, _) => Ok(None),
        (_, false) => Err(not_ours("a packet that is too long")),
        (length, true) => postcard::from_bytes(&buffer[..length]).map(Some).map_err(not_ours),
    }
}

/// Sends a host's message with its data behind it, without copying them together first.
///
/// # Errors
/// Those of the system.
pub fn send_framed(socket: BorrowedFd<'_>, message: &impl Serialize, data: &[u8]) -> io::Result<()> {
    let mut header = [0; HEADER];
    postcard::to_slice(message, &mut header).map_err(io::Error::other)?;
    send_packet(socket, &[IoSlice::new(&header), IoSlice::new(data)], HEADER + data.len())
}

/// A host's message as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Framed<M> {
    /// The message.
    pub message: M,
    /// Bytes of its data that there was room for.
    pub data: usize,
    /// There were no more.
    pub whole: bool,
}

/// Receives a host's message, and its data into `data` as far as they fit. None at the end of the stream.
///
/// # Errors
/// Those of the system; `InvalidData` if the packet is no such message.
pub fn receive_framed<M: DeserializeOwned>(
    socket: BorrowedFd<'_>,
    data: &mut [u8],
) -> io::Result<Option<Framed<M>>> {
    let mut header = [0; HEADER];
    let (length, whole) = receive_packet(socket, &mut [IoSliceMut::new(&mut header), IoSliceMut::new(data)])?;
    if length == 0 {
        return Ok(None);
    }
    let data = length.checked_sub(HEADER).ok_or_else(|| not_ours("a packet without a header"))?;
    let (message, _) = postcard::take_from_bytes(&header).map_err(not_ours)?;
    Ok(Some(Framed { message, data, whole }))
}

fn send_packet(socket: BorrowedFd<'_>, parts: &[IoSlice<'_>], length: usize) -> io::Result<()> {
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), parts, &[], MsgFlags::MSG_NOSIGNAL, None) {
            Ok(sent) if sent == length => return Ok(()),
            Ok(_) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn receive_packet(socket: BorrowedFd<'_>, parts: &mut [IoSliceMut<'_>]) -> io::Result<(usize, bool)> {
    loop {
        match recvmsg::<()>(socket.as_raw_fd(), parts, None, MsgFlags::MSG_CMSG_CLOEXEC) {
            Ok(message) => return Ok((message.bytes, !message.flags.contains(MsgFlags::MSG_TRUNC))),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn not_ours(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_header_leaves_room() {
        let sense = Sense {
            progress: Some(0xffff),
            information: Some(u32::MAX),
            field: Some(0xffff),
            ..Sense::new(15, 255, 255)
        };
        let reply = HostReply { tag: u32::MAX, end: CommandEnd::Check(sense), transferred: u32::MAX };
        let request = HostRequest { tag: u32::MAX, cdb_len: 16, cdb: [0xff; 16], from_drive: u32::MAX };
        let mut header = [0; HEADER];
        assert!(postcard::to_slice(&reply, &mut header).is_ok());
        assert!(postcard::to_slice(&request, &mut header).is_ok());
    }

    #[test]
    fn packets_that_are_no_message_are_errors() {
        let (ours, theirs) = nix::sys::socket::socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )
        .unwrap();
        send_packet(theirs.as_fd(), &[IoSlice::new(&[0xff; 20])], 20).unwrap();
        assert!(receive_framed::<HostReply>(ours.as_fd(), &mut []).is_err());
        send_packet(theirs.as_fd(), &[IoSlice::new(&[0xff; 20])], 20).unwrap();
        assert!(receive_message::<Welcome>(ours.as_fd()).is_err());
        send_packet(theirs.as_fd(), &[IoSlice::new(&[0; HEADER + 9])], HEADER + 9).unwrap();
        assert!(!receive_framed::<HostReply>(ours.as_fd(), &mut [0; 8]).unwrap().unwrap().whole);
        drop(theirs);
        assert!(receive_message::<Welcome>(ours.as_fd()).unwrap().is_none());
    }
}
