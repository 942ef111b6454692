//! One client, from hello to its end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::Shared;
use super::control::control;
use crate::mmc::transport::vdrive_protocol::{
    CommandEnd, ControlReply, ControlRequest, Framed, Hello, HostReply, HostRequest, MAX_DATA, Role, VERSION,
    Welcome, receive_framed, receive_message, send_framed, send_message, set_timeouts, widen,
};
use crate::vdrive::drive::{Ending, Reply};

/// How long a client may take for its hello, and a listener to take an event.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves a client until it goes or misbehaves.
pub fn serve(shared: &Shared, socket: &OwnedFd, number: u64) {
    widen(socket.as_fd());
    if set_timeouts(socket.as_fd(), PATIENCE).is_err() {
        return;
    }
    let Ok(Some(hello)) = receive_message::<Hello>(socket.as_fd()) else { return };
    if hello.version != VERSION {
        let why = format!("version {VERSION} is spoken here, not {}", hello.version);
        let _ = send_message(socket.as_fd(), &Welcome::Refused(why));
        return;
    }
    let _ = set_timeouts(socket.as_fd(), Duration::ZERO);
    let _ = match hello.role {
        Role::Host => host(shared, socket),
        Role::Events => listener(shared, socket, number),
        Role::Control => hands(shared, socket),
    };
}

fn host(shared: &Shared, socket: &OwnedFd) -> io::Result<()> {
    if shared.host_in.swap(true, Ordering::AcqRel) {
        return send_message(socket.as_fd(), &Welcome::Busy);
    }
    let result = welcome(shared, socket).and_then(|()| commands(shared, socket));
    // The kernel unlocks the tray when the last user of a drive closes it.
    shared.with(|drive, _| drive.locked = false);
    shared.host_in.store(false, Ordering::Release);
    result
}

fn commands(shared: &Shared, socket: &OwnedFd) -> io::Result<()> {
    let mut buffer = vec![0; MAX_DATA];
    while let Some(received) = receive_framed::<HostRequest>(socket.as_fd(), &mut buffer)? {
        let Framed { message: request, data: given, whole: true } = received else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let cdb = &request.cdb[..usize::from(request.cdb_len).min(request.cdb.len())];
        let Reply { ending, mut data, taken, takes } =
            shared.with(|drive, now| drive.execute(cdb, &buffer[..given], now));
        if !takes.is_zero() && leaves_within(socket, takes)? {
            return Ok(());
        }
        let end = match ending {
            Ending::Good => CommandEnd::Good,
            Ending::Check(sense) => CommandEnd::Check(sense),
            Ending::Busy => CommandEnd::Busy,
            Ending::Lost => CommandEnd::Lost,
            Ending::Vanished => {
                shared.unplug();
                return Ok(());
            }
        };
        data.truncate(usize::try_from(request.from_drive).unwrap_or(0).min(MAX_DATA));
        let transferred = u32::try_from(if given > 0 { taken } else { data.len() }).unwrap_or(0);
        send_framed(socket.as_fd(), &HostReply { tag: request.tag, end, transferred }, &data)?;
    }
    Ok(())
}

/// A listener says nothing more; its socket is written to by whoever makes the news.
fn listener(shared: &Shared, socket: &OwnedFd, number: u64) -> io::Result<()> {
    // Nobody may hold the drive up by not listening.
    set_timeouts(socket.as_fd(), Duration::from_millis(100))?;
    {
        // Under the drive's lock: what happens after the welcome is heard, and nothing twice.
        let drive = shared.drive();
        send_message(socket.as_fd(), &Welcome::Ready(drive.identity()))?;
        for client in shared.clients().iter_mut().filter(|client| client.number == number) {
            client.listens = true;
        }
    }
    loop {
        match receive_message::<Hello>(socket.as_fd()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait_for_end(socket)?;
            }
            _ => return Ok(()),
        }
    }
}

/// Lets the time pass that a command takes; whether the host has left meanwhile.
fn leaves_within(socket: &OwnedFd, time: Duration) -> io::Result<bool> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left < MOMENT {
            thread::sleep(left);
            return Ok(false);
        }
        let timeout = PollTimeout::try_from(left - MOMENT).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::empty())];
        match poll(&mut fds, timeout) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits without limit until the client closes its end or speaks.
fn wait_for_end(socket: &OwnedFd) -> io::Result<()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
    Ok(())
}

fn hands(shared: &Shared, socket: &OwnedFd) -> io::Result<()> {
    welcome(shared, socket)?;
    while let Some(request) = receive_message::<ControlRequest>(socket.as_fd())? {
        if request == ControlRequest::Unplug {
            let answered = send_message(socket.as_fd(), &ControlReply::Done);
            shared.unplug();
            return answered;
        }
        let reply = shared.with(|drive, now| control(drive, now, request));
        send_message(socket.as_fd(), &reply)?;
    }
    Ok(())
}

fn welcome(shared: &Shared, socket: &OwnedFd) -> io::Result<()> {
    let identity = shared.drive().identity();
    send_message(socket.as_fd(), &Welcome::Ready(identity))
}

/// What is left of a wait when it is slept rather than polled, whose clock is coarse.
const MOMENT: Duration = Duration::from_millis(2);
