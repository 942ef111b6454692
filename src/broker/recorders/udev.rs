//! The kernel's recorders, by udev.
//!
//! The monitor is bound first, then the drives are enumerated, then events are acted on: nothing plugged in between
//! is missed, and what is seen twice is told once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use udev::{Device, Enumerator, EventType, MonitorBuilder, MonitorSocket};

use super::{MOST, RecorderEvent, RecorderSeed, shown};
use crate::{api, wire};

/// Lists the recorders and starts to follow them.
///
/// # Errors
/// When udev cannot be asked or listened to.
pub(super) async fn start(events: mpsc::Sender<RecorderEvent>) -> io::Result<()> {
    let monitor = wire::watch(MonitorBuilder::new()?.match_subsystem("block")?.listen()?)?;
    let mut drives = Drives::default();
    for event in drives.replace(enumerate()?) {
        if events.send(event).await.is_err() {
            return Ok(());
        }
    }
    tokio::spawn(follow(monitor, drives, events));
    Ok(())
}

async fn follow(
    mut monitor: AsyncFd<MonitorSocket>,
    mut drives: Drives,
    events: mpsc::Sender<RecorderEvent>,
) {
    loop {
        let news = tokio::select! {
            news = read(&mut monitor, &mut drives) => news,
            () = events.closed() => return,
        };
        match news {
            Err(error) => {
                tracing::error!("udev is no longer heard, drives plugged in from now on are missed: {error}");
                return;
            }
            Ok(news) => {
                for event in news {
                    if events.send(event).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

async fn read(monitor: &mut AsyncFd<MonitorSocket>, drives: &mut Drives) -> io::Result<Vec<RecorderEvent>> {
    let mut ready = monitor.readable_mut().await?;
    let mut news = Vec::new();
    for event in ready.get_inner().iter() {
        news.extend(drives.heard(&Uevent::read(event.event_type(), &event.device())));
    }
    // The iterator ends alike when all is read and when the kernel had to drop events.
    if io::Error::last_os_error().raw_os_error() == Some(libc::ENOBUFS) {
        tracing::warn!("udev events were lost, the drives are listed anew");
        return Ok(drives.replace(enumerate()?));
    }
    ready.clear_ready();
    Ok(news)
}

fn enumerate() -> io::Result<Vec<RecorderSeed>> {
    let mut enumerator = Enumerator::new()?;
    enumerator.match_subsystem("block")?;
    enumerator.match_property("ID_CDROM", "1")?;
    enumerator.match_is_initialized()?;
    Ok(enumerator.scan_devices()?.filter_map(|device| recorder(&device)).collect())
}

/// What one event says, read out of udev's own types.
#[derive(Debug)]
struct Uevent {
    removed: bool,
    id: String,
    /// The drive, if it is one that records.
    seed: Option<RecorderSeed>,
    media_changed: bool,
    eject_requested: bool,
}

impl Uevent {
    fn read(kind: EventType, device: &Device) -> Self {
        let set = |property: &str| device.property_value(property).is_some_and(|value| value == "1");
        Self {
            removed: kind == EventType::Remove,
            id: device.sysname().to_string_lossy().into_owned(),
            seed: recorder(device),
            media_changed: set("DISK_MEDIA_CHANGE"),
            eject_requested: set("DISK_EJECT_REQUEST"),
        }
    }
}

/// The drives that were told of.
#[derive(Debug, Default)]
struct Drives(BTreeMap<String, RecorderSeed>);

impl Drives {
    fn heard(&mut self, event: &Uevent) -> Vec<RecorderEvent> {
        if event.removed {
            return self.remove(&event.id).into_iter().collect();
        }
        let mut news = event.seed.clone().map(|seed| self.add(seed)).unwrap_or_default();
        let added = news.iter().any(|one| matches!(one, RecorderEvent::Added(_)));
        if !added && self.0.contains_key(&event.id) {
            if event.media_changed {
                news.push(RecorderEvent::MediaChanged(event.id.clone()));
            }
            if event.eject_requested {
                news.push(RecorderEvent::EjectRequested(event.id.clone()));
            }
        }
        news
    }

    /// What has changed when these are the drives there are now.
    fn replace(&mut self, seeds: Vec<RecorderSeed>) -> Vec<RecorderEvent> {
        let present: BTreeSet<&str> = seeds.iter().map(|seed| seed.id.as_str()).collect();
        let gone: Vec<String> = self.0.keys().filter(|id| !present.contains(id.as_str())).cloned().collect();
        let mut news: Vec<_> = gone.iter().filter_map(|id| self.remove(id)).collect();
        for seed in seeds {
            news.extend(self.add(seed));
        }
        news
    }

    /// A drive under a known name that is another one has been exchanged between two events; the same one may have been
    /// given to another seat.
    fn add(&mut self, seed: RecorderSeed) -> Vec<RecorderEvent> {
        let mut news = Vec::new();
        let full = self.0.len() >= MOST;
        match self.0.get_mut(&seed.id) {
            Some(known) if known.identity == seed.identity => {
                if known.seat != seed.seat {
                    news.push(RecorderEvent::Seated { id: seed.id.clone(), seat: seed.seat.clone() });
                    *known = seed;
                }
                return news;
            }
            Some(_) => news.extend(self.remove(&seed.id)),
            None if full => {
                tracing::warn!(seed.id, "there are {MOST} drives already, this one is not served");
                return news;
            }
            None => {}
        }
        self.0.insert(seed.id.clone(), seed.clone());
        news.push(RecorderEvent::Added(seed));
        news
    }

    fn remove(&mut self, id: &str) -> Option<RecorderEvent> {
        self.0.remove(id).map(|seed| RecorderEvent::Removed(seed.id))
    }
}

fn recorder(device: &Device) -> Option<RecorderSeed> {
    let property = |name: &str| device.property_value(name).map(|v| v.to_string_lossy().into_owned());
    let inquiry = device.parent_with_subsystem("scsi").ok().flatten();
    let attribute = |name: &str| {
        inquiry.as_ref().and_then(|scsi| scsi.attribute_value(name)).map(|v| v.to_string_lossy().into_owned())
    };
    seed(device.sysname().to_str()?, device.devnode()?, property, attribute)
}

/// The profiles that udev's `cdrom_id` names as properties, those that record marked.
const PROFILES: &[(&str, &[u16], bool)] = &[
    ("ID_CDROM_CD", &[0x08], false),
    ("ID_CDROM_CD_R", &[0x09], true),
    ("ID_CDROM_CD_RW", &[0x0a], true),
    ("ID_CDROM_DVD", &[0x10], false),
    ("ID_CDROM_DVD_R", &[0x11], true),
    ("ID_CDROM_DVD_RAM", &[0x12], true),
    ("ID_CDROM_DVD_RW", &[0x13, 0x14], true),
    ("ID_CDROM_DVD_R_DL", &[0x15], true),
    ("ID_CDROM_DVD_R_DL_SEQ", &[0x15], true),
    ("ID_CDROM_DVD_R_DL_JR", &[0x16], true),
    ("ID_CDROM_DVD_PLUS_RW", &[0x1a], true),
    ("ID_CDROM_DVD_PLUS_R", &[0x1b], true),
    ("ID_CDROM_DVD_PLUS_RW_DL", &[0x2a], true),
    ("ID_CDROM_DVD_PLUS_R_DL", &[0x2b], true),
    ("ID_CDROM_BD", &[0x40], false),
    ("ID_CDROM_BD_R", &[0x41], true),
    ("ID_CDROM_BD_R_RRM", &[0x42], true),
    ("ID_CDROM_BD_RE", &[0x43], true),
];

/// A recorder of udev's properties and of the attributes of its SCSI device; `None` for anything that does not record.
fn seed(
    id: &str,
    node: &Path,
    property: impl Fn(&str) -> Option<String>,
    attribute: impl Fn(&str) -> Option<String>,
) -> Option<RecorderSeed> {
    let set = |name: &str| property(name).is_some_and(|value| value == "1");
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let records = PROFILES.iter().any(|(name, _, records)| *records && set(name));
    if !plain || !set("ID_CDROM") || !records {
        return None;
    }
    // The SCSI device has INQUIRY's own strings; udev's differ on ATA, where vendor and model are one.
    let first = |sources: [Option<String>; 3]| {
        sources
            .into_iter()
            .flatten()
            .map(|text| shown(&text))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    };
    let encoded = |name: &str| property(name).map(|value| decoded(&value));
    let identity = api::Identity {
        vendor: first([attribute("vendor"), encoded("ID_VENDOR_ENC"), property("ID_VENDOR")]),
        product: first([attribute("model"), encoded("ID_MODEL_ENC"), property("ID_MODEL")]),
        revision: first([attribute("rev"), property("ID_REVISION"), None]),
        serial: first([property("ID_SERIAL_SHORT"), None, None]),
    };
    let profiles: BTreeSet<u16> = PROFILES
        .iter()
        .filter(|(name, ..)| set(name))
        .flat_map(|(_, profiles, _)| *profiles)
        .copied()
        .collect();
    Some(RecorderSeed {
        id: id.to_owned(),
        device: api::Device::Scsi(node.to_owned()),
        identity,
        profiles: profiles.into_iter().collect(),
        seat: property("ID_SEAT").map(|seat| shown(&seat)).unwrap_or_else(|| "seat0".to_owned()),
        node: node.display().to_string(),
    })
}

/// Undoes udev's `\x20` encoding; what is no such escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escape = rest
            .strip_prefix(br"\x")
            .and_then(|digits| digits.get(..2))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { rest.get(4..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
