//! The states of the drive outside the disc: tray, running operation, pending news.

use std::collections::VecDeque;
use std::time::Duration;

use super::medium::Layout;
use super::refusal::Refusal;
use crate::mmc::Sense;
use crate::mmc::event::MediaCode;
use crate::mmc::transport::vdrive_protocol::Event;

/// Where the tray is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tray {
    /// Out.
    Open,
    /// In.
    Closed,
}

/// What keeps the drive busy.
#[derive(Debug)]
pub struct Operation {
    /// Which.
    pub kind: OperationKind,
    /// When it began.
    pub started: Duration,
    /// When it will have ended.
    pub ends: Duration,
    /// What it will have changed.
    pub effect: Effect,
}

/// The kinds of long operation, by the sense that speaks of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// Making a disc ready.
    Load,
    /// Writing the buffer out.
    Flush,
    /// Closing, erasing, calibrating.
    Long,
    /// Formatting.
    Format,
}

/// What an operation changes at its end.
#[derive(Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// The disc is ready.
    Ready,
    /// The disc has another layout.
    Layout {
        /// The new one.
        after: Box<Layout>,
        /// It counts as another disc (a session was closed, everything was erased).
        changed: bool,
    },
    /// The disc is formatted.
    Formatted {
        /// Its layout.
        after: Box<Layout>,
        /// Its blocks are forgotten.
        wiped: bool,
    },
}

impl Operation {
    /// How far it is at `now`, of 65536.
    pub fn progress(&self, now: Duration) -> u16 {
        let total = self.ends.saturating_sub(self.started).as_nanos().max(1);
        let done = now.saturating_sub(self.started).as_nanos();
        u16::try_from(done.saturating_mul(65_536) / total).unwrap_or(u16::MAX)
    }

    /// What other commands hear of it.
    pub fn refusal(&self, now: Duration) -> Refusal {
        let progress = self.progress(now);
        match self.kind {
            OperationKind::Load => Refusal::BecomingReady,
            OperationKind::Flush => Refusal::Flushing { progress },
            OperationKind::Long => Refusal::OperationInProgress { progress },
            OperationKind::Format => Refusal::Formatting { progress },
        }
    }
}

/// What the drive has to tell, by the three ways in which it is told.
#[derive(Debug, Default)]
pub struct News {
    /// Unit attention and deferred sense, for whichever command comes next.
    pub attention: VecDeque<Sense>,
    /// For GET EVENT STATUS NOTIFICATION.
    pub media: VecDeque<MediaCode>,
    /// For listeners on the socket.
    pub events: VecDeque<Event>,
}

impl News {
    /// News that are kept for somebody who never asks.
    const KEPT: usize = 16;

    /// Something happened to the disc.
    pub fn media(&mut self, code: MediaCode, event: Event) {
        keep(&mut self.media, code);
        keep(&mut self.events, event);
    }

    /// The next command is to hear of it.
    pub fn attention(&mut self, sense: Sense) {
        if !self.attention.contains(&sense) {
            keep(&mut self.attention, sense);
        }
    }
}

fn keep<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() == News::KEPT {
        queue.pop_front();
    }
    queue.push_back(item);
}
