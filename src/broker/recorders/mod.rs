//! Which recorders there are: the kernel's by udev, virtual ones by a directory of sockets.
//!
//! Both sources are followed, never polled, and neither opens a device. An id is the last element of a recorder's
//! object path and means the same recorder from `Added` to `Removed`; the two sources cannot give out the same,
//! because the directory leaves the kernel's names (`sr0`) alone.

mod udev;
mod virtual_dir;
mod virtual_link;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use crate::api;

/// The most recorders that each source lists: enough for any tower, and an end to a flood.
const MOST: usize = 64;
/// Events that wait for a broker that is slow; more than both sources list at the start.
const WAITING: usize = 4 * MOST;
/// How long [`watch`] waits for virtual recorders that are slow to greet, before it goes on without them.
const GREETING: Duration = Duration::from_millis(250);

/// A recorder as it was found, before any worker has looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderSeed {
    /// The last element of its object path: `[A-Za-z0-9_]+`.
    pub id: String,
    /// Where it is reached.
    pub device: api::Device,
    /// INQUIRY's strings, freed from control characters.
    pub identity: api::Identity,
    /// The MMC profiles that it is said to have, ascending; the worker's inspection knows better.
    pub profiles: Vec<u16>,
    /// The seat it is plugged in at, `seat0` unless udev says otherwise.
    pub seat: String,
    /// The path of the device node or socket, for a person.
    pub node: String,
}

/// What happens to recorders, each by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecorderEvent {
    /// A recorder was found or plugged in.
    Added(RecorderSeed),
    /// It was unplugged.
    Removed(String),
    /// It belongs to another seat from now on, and is the same otherwise (`loginctl attach`).
    Seated {
        /// The recorder's id.
        id: String,
        /// The seat.
        seat: String,
    },
    /// Its disc was put in, taken out or exchanged.
    MediaChanged(String),
    /// Somebody pressed its button.
    EjectRequested(String),
}

/// Where to look for recorders.
#[derive(Clone, Debug, Default)]
pub struct WatchConfig {
    /// The directory of virtual recorders' sockets, made (0700) when it is missing.
    pub virtual_dir: Option<PathBuf>,
    /// Follow the kernel's drives. Where there is no udev, that is logged, and the rest is served.
    pub udev: bool,
}

/// Finds the recorders that there are and follows what happens to them. The recorders of the start are in the
/// channel when this returns. It ends when the receiver is dropped.
///
/// # Errors
/// When the directory of virtual recorders cannot be made or watched, or is not ours.
pub async fn watch(config: WatchConfig) -> anyhow::Result<mpsc::Receiver<RecorderEvent>> {
    let (events, receiver) = mpsc::channel(WAITING);
    if config.udev
        && let Err(error) = udev::start(events.clone()).await
    {
        tracing::warn!("real recorders cannot be followed, only virtual ones are served: {error}");
    }
    if let Some(directory) = config.virtual_dir {
        let shown = directory.display().to_string();
        virtual_dir::start(directory, events)
            .await
            .with_context(|| format!("virtual recorders cannot be served from {shown}"))?;
    }
    Ok(receiver)
}

/// A text of a drive's as it may be shown: no control characters, no edges of spaces, not endless.
fn shown(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
    text.trim().to_owned()
}
