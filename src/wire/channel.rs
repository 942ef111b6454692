//! A typed channel over a `SOCK_SEQPACKET` socket: a file a process passes nothing but these types.

use std::io::{self, IoSlice, IoSliceMut};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, Shutdown, SockFlag, SockType, recvmsg,
    sendmsg, shutdown, socketpair,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The largest frame in bytes, version byte included.
pub const MAX_FRAME: usize = 128 * 1024;
/// The most descriptors that may travel with a frame.
pub const MAX_FDS: usize = 4;

/// The most descriptors that the kernel lets travel with a message (SCM_MAX_FD): room for fewer would leave some behind,
/// open and unknown to anybody.
const KERNEL_FDS: usize = 253;

const VERSION: u8 = 1;

/// Why a channel could not pass a message.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other end is gone.
    #[error("the other end has closed the connection")]
    Closed,
    /// The other end speaks another version of the protocol.
    #[error("the other end speaks protocol version {0}, this one {VERSION}")]
    Version(u8),
    /// A frame that cannot be understood, or that was cut.
    #[error("a malformed frame arrived: {0}")]
    Malformed(String),
    /// A message that is larger than a frame may be.
    #[error("a message of {0} bytes does not fit a frame of {MAX_FRAME}")]
    TooLarge(usize),
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

impl From<nix::Error> for ChannelError {
    fn from(error: nix::Error) -> Self {
        match error {
            nix::Error::EPIPE | nix::Error::ECONNRESET | nix::Error::ENOTCONN => Self::Closed,
            other => Self::Io(other.into()),
        }
    }
}

/// One end of a channel, for a process that waits in `poll` or blocks: it receives `In` and sends `Out`.
#[derive(Debug)]
pub struct Channel<In, Out> {
    socket: OwnedFd,
    carries: PhantomData<fn(Out) -> In>,
}

/// Two connected ends, for a broker and the helper that it starts. Both close on exec.
///
/// # Errors
/// When the kernel has no more descriptors.
pub fn pair<A, B>() -> io::Result<(Channel<A, B>, Channel<B, A>)> {
    let (one, two) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    Ok((Channel::new(one), Channel::new(two)))
}

impl<In, Out> Channel<In, Out> {
    /// The channel over a connected seqpacket socket.
    pub const fn new(socket: OwnedFd) -> Self {
        Self { socket, carries: PhantomData }
    }

    /// The socket, to be handed to another process.
    pub fn into_socket(self) -> OwnedFd {
        self.socket
    }
}

impl<In: DeserializeOwned, Out: Serialize> Channel<In, Out> {
    /// Sends a message and lends descriptors to go with it; waits when the other end is slow.
    ///
    /// # Errors
    /// `Closed` when the other end is gone, `TooLarge`, or the socket's failure.
    pub fn send(&self, message: &Out, fds: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        send(self.socket.as_fd(), message, fds, MsgFlags::MSG_NOSIGNAL)
    }

    /// Sends a message if that needs no waiting; `false` when the other end is too slow just now.
    ///
    /// # Errors
    /// As for [`Channel::send`].
    pub fn try_send(&self, message: &Out) -> Result<bool, ChannelError> {
        would_block(send(self.socket.as_fd(), message, &[], MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT))
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// `Closed` at the end, `Version`, `Malformed`, or the socket's failure.
    pub fn receive(&self) -> Result<(In, Vec<OwnedFd>), ChannelError> {
        receive(self.socket.as_fd(), MsgFlags::MSG_CMSG_CLOEXEC)
    }

    /// Takes a message if one is there.
    ///
    /// # Errors
    /// As for [`Channel::receive`].
    pub fn try_receive(&self) -> Result<Option<(In, Vec<OwnedFd>)>, ChannelError> {
        match receive(self.socket.as_fd(), MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT) {
            Err(ChannelError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            other => other.map(Some),
        }
    }

    /// The same end for a tokio runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub fn into_async(self) -> io::Result<AsyncChannel<In, Out>> {
        AsyncChannel::new(self.socket)
    }
}

impl<In, Out> AsFd for Channel<In, Out> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// One end of a channel on a tokio runtime. Both directions may be used at once.
#[derive(Debug)]
pub struct AsyncChannel<In, Out> {
    socket: AsyncFd<OwnedFd>,
    carries: PhantomData<fn(Out) -> In>,
}

impl<In: DeserializeOwned, Out: Serialize> AsyncChannel<In, Out> {
    fn new(socket: OwnedFd) -> io::Result<Self> {
        let socket = watch(socket)?;
        Ok(Self { socket, carries: PhantomData })
    }

    /// Sends a message and lends descriptors to go with it.
    ///
    /// # Errors
    /// As for [`Channel::send`].
    pub async fn send(&self, message: &Out, fds: &[BorrowedFd<'_>]) -> Result<(), ChannelError> {
        loop {
            let mut ready = self.socket.ready(Interest::WRITABLE).await?;
            let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
            if would_block(send(self.socket.get_ref().as_fd(), message, fds, flags))? {
                return Ok(());
            }
            ready.clear_ready();
        }
    }

    /// Waits for a message. Cancelling the wait loses nothing.
    ///
    /// # Errors
    /// As for [`Channel::receive`].
    pub async fn receive(&self) -> Result<(In, Vec<OwnedFd>), ChannelError> {
        loop {
            let mut ready = self.socket.ready(Interest::READABLE).await?;
            match receive(self.socket.get_ref().as_fd(), MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT)
            {
                Err(ChannelError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready.clear_ready()
                }
                other => return other,
            }
        }
    }

    /// Says nothing more: the other end reads the end of the line, whoever else has a copy of this socket. What it has to
    /// say can still be received.
    pub fn hang_up(&self) {
        if let Err(error) = shutdown(self.socket.as_raw_fd(), Shutdown::Write) {
            tracing::debug!("a line was closed already: {error}");
        }
    }
}

impl<In, Out> AsFd for AsyncChannel<In, Out> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
    }
}

/// Registers a descriptor with the running tokio runtime, for all of the broker's sources of events.
///
/// # Errors
/// When the runtime cannot watch the descriptor.
#[expect(unsafe_code, reason = "AsyncFd's safe constructors are deprecated; the promise is stated below")]
pub fn watch<T: AsFd + AsRawFd>(source: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: `source` owns its descriptor and keeps it open, and the same, for as long as the AsyncFd holds it:
    // every caller passes an owning type (OwnedFd, MonitorSocket, Inotify), and nothing hands out `&mut` to replace it.
    unsafe { AsyncFd::register_with_interest(source, Interest::READABLE | Interest::WRITABLE) }
        .map_err(|error| error.into_parts().1)
}

fn would_block(result: Result<(), ChannelError>) -> Result<bool, ChannelError> {
    match result {
        Ok(()) => Ok(true),
        Err(ChannelError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

fn send<T: Serialize>(
    socket: BorrowedFd<'_>,
    message: &T,
    fds: &[BorrowedFd<'_>],
    flags: MsgFlags,
) -> Result<(), ChannelError> {
    let frame =
        postcard::to_extend(message, vec![VERSION]).map_err(|e| ChannelError::Malformed(e.to_string()))?;
    if frame.len() > MAX_FRAME || fds.len() > MAX_FDS {
        return Err(ChannelError::TooLarge(frame.len()));
    }
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&frame)], control, flags, None) {
            Err(nix::Error::EINTR) => {}
            other => return other.map(drop).map_err(ChannelError::from),
        }
    }
}

fn receive<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
    flags: MsgFlags,
) -> Result<(T, Vec<OwnedFd>), ChannelError> {
    let mut frame = vec![0_u8; MAX_FRAME];
    let mut space = cmsg_space!([RawFd; KERNEL_FDS]);
    let (length, fds, cut) = loop {
        let mut parts = [IoSliceMut::new(&mut frame)];
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) {
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(message) => {
                let fds: Vec<OwnedFd> = message.cmsgs()?.flat_map(owned).collect();
                break (
                    message.bytes,
                    fds,
                    message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC),
                );
            }
        }
    };
    if cut {
        return Err(ChannelError::Malformed("it was cut on the way".to_owned()));
    }
    if fds.len() > MAX_FDS {
        return Err(ChannelError::Malformed(format!("{} descriptors came along", fds.len())));
    }
    match frame.get(..length) {
        None | Some([]) => Err(ChannelError::Closed),
        Some([VERSION, body @ ..]) => match postcard::take_from_bytes(body) {
            Ok((message, [])) => Ok((message, fds)),
            Ok((_, rest)) => Err(ChannelError::Malformed(format!("{} bytes follow the message", rest.len()))),
            Err(error) => Err(ChannelError::Malformed(error.to_string())),
        },
        Some([version, ..]) => Err(ChannelError::Version(*version)),
    }
}

#[expect(unsafe_code, reason = "descriptors arrive as numbers")]
fn owned(message: ControlMessageOwned) -> Vec<OwnedFd> {
    match message {
        // SAFETY: the kernel has just installed these descriptors for this message alone; nobody else knows them.
        ControlMessageOwned::ScmRights(fds) => {
            fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type One = Channel<String, Vec<u32>>;
    type Two = Channel<Vec<u32>, String>;

    #[test]
    fn a_message_and_its_descriptors_arrive_whole() {
        let (one, two): (One, Two) = pair().unwrap();
        let (read, _write) = nix::unistd::pipe().unwrap();
        one.send(&vec![1, 70_000], &[read.as_fd()]).unwrap();
        let (message, fds) = two.receive().unwrap();
        assert_eq!((message, fds.len()), (vec![1, 70_000], 1));
    }

    #[test]
    fn the_end_of_the_other_side_is_told_from_an_error() {
        let (one, two): (One, Two) = pair().unwrap();
        drop(one);
        assert!(matches!(two.receive(), Err(ChannelError::Closed)));
        assert!(matches!(two.send(&String::new(), &[]), Err(ChannelError::Closed)));
    }

    #[test]
    fn foreign_versions_garbage_and_trailing_bytes_are_refused() {
        let (one, two) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let two: Two = Channel::new(two);
        let raw = |bytes: &[u8]| nix::unistd::write(&one, bytes).unwrap();
        raw(&[9, 0]);
        assert!(matches!(two.receive(), Err(ChannelError::Version(9))));
        raw(&[VERSION, 0xff, 0xff, 0xff, 0xff, 0x0f]);
        assert!(matches!(two.receive(), Err(ChannelError::Malformed(_))));
        raw(&[VERSION, 0, 7]);
        assert!(matches!(two.receive(), Err(ChannelError::Malformed(_))));
    }

    #[test]
    fn too_many_descriptors_are_refused_and_none_of_them_stays_open() {
        let (one, two) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let two: Two = Channel::new(two);
        let (mut read, write) = io::pipe().unwrap();
        let raw = [write.as_raw_fd(); MAX_FDS + 3];
        let rights = [ControlMessage::ScmRights(&raw)];
        let part = [IoSlice::new(&[VERSION, 0])];
        sendmsg::<()>(one.as_raw_fd(), &part, &rights, MsgFlags::empty(), None).unwrap();
        assert!(matches!(two.receive(), Err(ChannelError::Malformed(_))));
        drop(write);
        // The end of the pipe comes only when no copy of its other end is left.
        assert_eq!(io::Read::read(&mut read, &mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_message_that_is_too_large_is_refused_before_it_is_sent() {
        let (one, _two): (One, Two) = pair().unwrap();
        assert!(matches!(one.send(&vec![u32::MAX; MAX_FRAME], &[]), Err(ChannelError::TooLarge(_))));
    }

    #[test]
    fn a_slow_reader_does_not_stop_a_sender_that_will_not_wait() {
        let (one, two): (One, Two) = pair().unwrap();
        while one.try_send(&vec![7; 1000]).unwrap() {}
        two.receive().unwrap();
        assert!(one.try_send(&vec![8]).unwrap());
    }

    #[tokio::test]
    async fn the_async_end_speaks_to_the_blocking_one() {
        let (one, two): (One, Two) = pair().unwrap();
        let one = one.into_async().unwrap();
        one.send(&vec![3], &[]).await.unwrap();
        assert_eq!(two.receive().unwrap().0, vec![3]);
        two.send(&"answer".to_owned(), &[]).unwrap();
        assert_eq!(one.receive().await.unwrap().0, "answer");
    }
}
