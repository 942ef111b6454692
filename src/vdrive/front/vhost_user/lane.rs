//! The commands that wait for the drive, and the thread that carries them out one after the other.
//!
//! The thread that reads the queues never waits for the drive. Whoever takes commands back, stops the device or
//! pulls the drive out wakes the one that does.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vhost_user_backend::{VringMutex, VringT};
use virtio_queue::{DescriptorChain, QueueOwnedT, QueueT};
use vm_memory::{GuestAddressSpace, GuestMemoryAtomic, GuestMemoryLoadGuard, GuestMemoryMmap};

use super::scsi::{Completion, REQUEST_LEN, RESPONSE_LEN, Request, Response, without_drive};
use crate::mmc::Opcode;
use crate::vdrive::drive::Ending;
use crate::vdrive::front::socket::Seat;

/// The machine's memory.
pub type Memory = GuestMemoryAtomic<GuestMemoryMmap>;
/// Buffers of the machine's, in a row.
pub type Chain = DescriptorChain<GuestMemoryLoadGuard<GuestMemoryMmap>>;
/// A queue.
pub type Vring = VringMutex;

/// Commands that wait at most.
const MOST: usize = 1024;

/// Data of one command at most, bytes: what the device's `max_sectors` of 65535 allows.
const MAX_DATA: usize = 65_535 * 512;

/// The commands that wait for the drive.
pub struct Lane {
    seat: Seat,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Task>,
    /// The name of the command that the drive is at.
    running: Option<u64>,
    /// That command is to be taken back.
    aborted: bool,
    /// Nobody waits for the drive any more: what it was given is answered at once.
    hurried: bool,
    ended: bool,
}

struct Task {
    request: Request,
    chain: Chain,
    vring: Vring,
}

impl Lane {
    /// Nothing waits.
    pub fn new(seat: Seat) -> Self {
        Self { seat, state: Mutex::default(), changed: Condvar::new() }
    }

    /// The drive.
    pub fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Takes what the machine has put into a queue of commands.
    pub fn fetch(&self, vring: &Vring, memory: &Memory) {
        // Held all along, so that nobody stops the queue between a command's leaving it and its coming here.
        let mut state = self.lock();
        drain(vring, memory, |chain| {
            let Some(request) = read(&chain) else {
                put_back(vring, &chain, 0);
                return;
            };
            let task = Task { request, chain, vring: vring.clone() };
            if state.waiting.len() < MOST {
                state.waiting.push_back(task);
            } else {
                task.finish(&Completion::failed(Response::Busy), 0);
            }
        });
        self.changed.notify_all();
    }

    /// Carries commands out until [`Self::end`].
    pub fn work(&self) {
        let mut state = self.lock();
        while !state.ended {
            let Some(task) = state.waiting.pop_front() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.running = Some(task.request.tag);
            state.aborted = false;
            drop(state);
            let (completion, offered, takes) = self.carry_out(&task);
            state = self.sleep(takes);
            let completion = match (state.aborted, self.seat.is_gone()) {
                (true, _) => Completion::failed(Response::Aborted),
                (false, true) => Completion::failed(Response::BadTarget),
                (false, false) => completion,
            };
            task.finish(&completion, offered);
            state.running = None;
            self.changed.notify_all();
        }
    }

    /// Ends [`Self::work`]; what waits is forgotten.
    pub fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.hurried = true;
        state.waiting.clear();
        self.changed.notify_all();
    }

    /// The drive was pulled out: whoever waits for it hears so.
    pub fn wake(&self) {
        let _state = self.lock();
        self.changed.notify_all();
    }

    /// Answers all commands without letting time pass, and returns when that is done.
    pub fn flush(&self) {
        let mut state = self.lock();
        state.hurried = true;
        self.changed.notify_all();
        while !state.ended && (state.running.is_some() || !state.waiting.is_empty()) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.hurried = state.ended;
    }

    /// Takes commands back: the one of a name, or all. Returns when they are answered.
    pub fn abort(&self, tag: Option<u64>) {
        let mut state = self.lock();
        let chosen = |other: u64| tag.is_none_or(|tag| tag == other);
        let (aborted, kept) =
            std::mem::take(&mut state.waiting).into_iter().partition(|task| chosen(task.request.tag));
        state.waiting = kept;
        let aborted: VecDeque<Task> = aborted;
        for task in aborted {
            task.finish(&Completion::failed(Response::Aborted), 0);
        }
        if let Some(running) = state.running.filter(|running| chosen(*running)) {
            state.aborted = true;
            self.changed.notify_all();
            while !state.ended && state.aborted && state.running == Some(running) {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Whether a command of that name waits or runs.
    pub fn knows(&self, tag: u64) -> bool {
        let state = self.lock();
        state.running == Some(tag) || state.waiting.iter().any(|task| task.request.tag == tag)
    }

    /// What comes of a command, the bytes that the host wanted moved, and how long it takes.
    fn carry_out(&self, task: &Task) -> (Completion, usize, Duration) {
        let memory = task.chain.memory();
        let at_once = |completion, offered| (completion, offered, Duration::ZERO);
        let lost = || at_once(Completion::failed(Response::Failure), 0);
        let (Ok(mut reader), Ok(writer)) =
            (task.chain.clone().reader(memory), task.chain.clone().writer(memory))
        else {
            return lost();
        };
        let given = reader.available_bytes().saturating_sub(REQUEST_LEN);
        let room = writer.available_bytes().saturating_sub(RESPONSE_LEN);
        let offered = given.max(room);
        if given > MAX_DATA {
            return at_once(Completion::failed(Response::Overrun), offered);
        }
        let cdb = task.request.cdb();
        if let Some(completion) = without_drive(task.request.place, cdb) {
            return at_once(completion, offered);
        }
        let mut data = vec![0; given];
        if reader.read_exact(&mut [0; REQUEST_LEN]).and_then(|()| reader.read_exact(&mut data)).is_err() {
            return lost();
        }
        if self.seat.is_gone() {
            return at_once(Completion::failed(Response::BadTarget), offered);
        }
        let mut reply = self.seat.execute(cdb, &data);
        reply.data.truncate(room);
        tracing::debug!(command = %Opcode(cdb[0]), ?cdb, given, room, ending = ?reply.ending, takes = ?reply.takes);
        let completion = match reply.ending {
            Ending::Good => Completion::good(reply.data, if given > 0 { reply.taken } else { 0 }),
            Ending::Check(sense) => Completion::check(sense, reply.taken),
            Ending::Busy => Completion::busy(),
            // Drivers of such devices wait without end, trusting that there is always an answer.
            Ending::Lost => Completion::failed(Response::Failure),
            Ending::Vanished => {
                self.seat.unplug();
                Completion::failed(Response::BadTarget)
            }
        };
        (completion, offered, reply.takes)
    }

    /// Lets a command's time pass, unless somebody has a reason not to wait for it.
    fn sleep(&self, takes: Duration) -> MutexGuard<'_, State> {
        let started = Instant::now();
        let mut state = self.lock();
        while !(state.aborted || state.hurried || self.seat.is_gone()) {
            let left = takes.saturating_sub(started.elapsed());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    fn finish(&self, completion: &Completion, offered: usize) {
        let answer = completion.emit(offered);
        let written = self.chain.clone().writer(self.chain.memory()).ok().and_then(|mut writer| {
            writer.write_all(&answer).and_then(|()| writer.write_all(&completion.data)).ok()?;
            u32::try_from(writer.bytes_written()).ok()
        });
        put_back(&self.vring, &self.chain, written.unwrap_or(0));
    }
}

/// Hands every chain that is in a queue over, and leaves the queue so that the next one is told of.
pub fn drain(vring: &Vring, memory: &Memory, mut take: impl FnMut(Chain)) {
    loop {
        let _ = vring.disable_notification();
        let mut found = false;
        while let Some(chain) = pop(vring, memory) {
            found = true;
            take(chain);
        }
        // One may have come before the notifications were on; a queue that is broken gives none, and is left alone.
        if !vring.enable_notification().unwrap_or(false) || !found {
            return;
        }
    }
}

/// The next chain, if there is one.
pub fn pop(vring: &Vring, memory: &Memory) -> Option<Chain> {
    let mut vring = vring.get_mut();
    let queue = vring.get_queue_mut();
    if !queue.ready() {
        return None;
    }
    queue.iter(memory.memory()).ok()?.next()
}

/// Gives a chain back to the machine, and tells it so if it wants to be told.
pub fn put_back(vring: &Vring, chain: &Chain, written: u32) {
    let added = vring.add_used(chain.head_index(), written);
    if added.is_ok() && vring.needs_notification().unwrap_or(true) {
        let _ = vring.signal_used_queue();
    }
}

/// The head of a command, unless there is not even room for the answer.
fn read(chain: &Chain) -> Option<Request> {
    let memory = chain.memory();
    let room = chain.clone().writer(memory).ok()?.available_bytes();
    let request = Request::read(&mut chain.clone().reader(memory).ok()?).ok()?;
    (room >= RESPONSE_LEN).then_some(request)
}
