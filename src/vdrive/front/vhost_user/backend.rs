//! The device as the vhost-user library sees it: its queues and what happens in them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vhost::vhost_user::VhostUserProtocolFeatures;
use vhost_user_backend::{VhostUserBackend, VringT};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{EventConsumer, EventFlag, EventNotifier, new_event_consumer_and_notifier};

use super::lane::{Chain, Lane, Memory, Vring, drain, pop, put_back};
use super::scsi::{
    Control, EVENT_LEN, FUNCTION_COMPLETE, FUNCTION_REJECTED, FUNCTION_SUCCEEDED, Place, removal,
};

/// The queue of what is asked beside commands.
const CONTROL: u16 = 0;
/// The queue of what the device tells.
const EVENTS: u16 = 1;
/// The first queue of commands. A machine may use as many as it has processors.
const COMMANDS: u16 = 2;
/// All queues.
const QUEUES: u16 = COMMANDS + 16;
/// Entries of a queue at most.
const QUEUE_SIZE: usize = 1024;

/// The library's name for the drive's being pulled out.
pub const GONE: u64 = QUEUES as u64 + 1;

/// The device.
pub struct Backend {
    memory: Memory,
    lane: Arc<Lane>,
    /// The removal is to be told yet.
    untold: AtomicBool,
}

impl Backend {
    /// The device of a drive.
    pub fn new(memory: Memory, lane: Arc<Lane>) -> Self {
        Self { memory, lane, untold: AtomicBool::new(true) }
    }

    /// Tells that the drive was pulled out, once there is a buffer to tell it in.
    fn tell(&self, events: &Vring) {
        if !self.lane.seat().is_gone() || !self.untold.load(Ordering::Acquire) {
            return;
        }
        if let Some(chain) = pop(events, &self.memory) {
            self.untold.store(false, Ordering::Release);
            answer(events, &chain, &removal());
        }
    }

    fn control(&self, vring: &Vring, chain: &Chain) {
        let asked =
            chain.clone().reader(chain.memory()).ok().and_then(|mut reader| Control::read(&mut reader).ok());
        tracing::debug!(?asked);
        let there = |place| place == Place::Drive;
        let response = match asked {
            Some(Control::Abort(place, tag)) if there(place) => {
                self.lane.abort(Some(tag));
                FUNCTION_COMPLETE
            }
            Some(Control::AbortAll(place)) if there(place) => {
                self.lane.abort(None);
                FUNCTION_COMPLETE
            }
            Some(Control::Reset(place)) if there(place) => {
                self.lane.abort(None);
                self.lane.seat().with(|drive, now| drive.bus_reset(now));
                FUNCTION_COMPLETE
            }
            Some(Control::Query(place, tag)) if there(place) && self.lane.knows(tag) => FUNCTION_SUCCEEDED,
            Some(Control::Query(place, _)) if there(place) => FUNCTION_COMPLETE,
            // Which of them there are, none, and then that all went well.
            Some(Control::Notification) => return answer(vring, chain, &[0; 5]),
            Some(Control::Unknown) | None => FUNCTION_REJECTED,
            Some(_) => super::scsi::Response::BadTarget as u8,
        };
        answer(vring, chain, &[response]);
    }
}

/// Writes as much of an answer as there is room for and gives the buffers back.
fn answer(vring: &Vring, chain: &Chain, bytes: &[u8]) {
    debug_assert!(bytes.len() <= EVENT_LEN);
    let written = chain.clone().writer(chain.memory()).ok().and_then(|mut writer| writer.write(bytes).ok());
    put_back(vring, chain, u32::try_from(written.unwrap_or(0)).unwrap_or(0));
}

impl VhostUserBackend for Backend {
    type Bitmap = ();
    type Vring = Vring;

    fn num_queues(&self) -> usize {
        usize::from(QUEUES)
    }

    fn max_queue_size(&self) -> usize {
        QUEUE_SIZE
    }

    fn features(&self) -> u64 {
        const HOTPLUG: u64 = 1 << 1;
        const CHANGE: u64 = 1 << 2;
        const NOTIFY_ON_EMPTY: u64 = 1 << 24;
        const INDIRECT: u64 = 1 << 28;
        const EVENT_IDX: u64 = 1 << 29;
        // Not the device's but the protocol's; QEMU 7.2 takes a device without for one that has no memory.
        const PROTOCOL_FEATURES: u64 = 1 << 30;
        const VERSION_1: u64 = 1 << 32;
        HOTPLUG | CHANGE | NOTIFY_ON_EMPTY | INDIRECT | EVENT_IDX | PROTOCOL_FEATURES | VERSION_1
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        VhostUserProtocolFeatures::MQ
            | VhostUserProtocolFeatures::REPLY_ACK
            | VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS
    }

    fn set_event_idx(&self, _: bool) {
        // The queues know it themselves.
    }

    fn update_memory(&self, _: Memory) -> io::Result<()> {
        Ok(())
    }

    fn exit_event(&self, _: usize) -> Option<(EventConsumer, EventNotifier)> {
        new_event_consumer_and_notifier(EventFlag::NONBLOCK | EventFlag::CLOEXEC).ok()
    }

    fn stop_vring(&self, queue: u32) -> io::Result<()> {
        if queue >= u32::from(COMMANDS) {
            self.lane.flush();
        }
        Ok(())
    }

    fn handle_event(&self, event: u16, _: EventSet, vrings: &[Vring], _: usize) -> io::Result<()> {
        match (event, vrings.get(usize::from(event))) {
            (CONTROL, Some(vring)) => drain(vring, &self.memory, |chain| self.control(vring, &chain)),
            (EVENTS, Some(vring)) => {
                let _ = vring.enable_notification();
                self.tell(vring);
            }
            (_, Some(vring)) => self.lane.fetch(vring, &self.memory),
            _ => {
                self.lane.wake();
                if let Some(events) = vrings.get(usize::from(EVENTS)) {
                    self.tell(events);
                }
            }
        }
        Ok(())
    }
}
