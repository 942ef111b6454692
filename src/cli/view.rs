//! The service's objects as the commands show them. The field names are the keys of `--json`.

use std::path::PathBuf;

use serde::Serialize;

use super::args::Bus;
use super::client::{Objects, Props};
use super::failure::{Failure, Result};
use super::messages::tr;
use crate::mmc::profile::Profile;

/// A recorder, and the disc in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecorderView {
    /// The last element of its path, such as `sr0`; what `--recorder` takes.
    pub id: String,
    /// Its path on the bus.
    pub path: String,
    /// The device node or socket.
    pub device: String,
    /// Who made it.
    pub vendor: String,
    /// What it is called.
    pub product: String,
    /// Its firmware.
    pub revision: String,
    /// Its serial number, or empty.
    pub serial: String,
    /// Its seat, or empty.
    pub seat: String,
    /// The kinds of disc that can be recorded in it, such as `DVD+R`.
    pub takes: Vec<String>,
    /// `idle`, `opened`, `burning`, `erasing` or `busy`.
    pub state: String,
    /// Who holds it, or empty.
    pub holder: String,
    /// The disc; null when there is none.
    pub medium: Option<MediumView>,
}

/// A disc. Blocks are of 2048 bytes, speeds in kB/s of 1000.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MediumView {
    /// Its name on the box, such as `DVD+R`.
    pub kind: String,
    /// Any of `blank`, `appendable`, `closed`, `rewritable`, `protected`, `damaged`.
    pub flags: Vec<String>,
    /// Sessions that hold data.
    pub sessions: u64,
    /// Every recorded track.
    pub tracks: Vec<TrackView>,
    /// Where the next write goes; null on a disc that takes none.
    pub next_writable_block: Option<u64>,
    /// Blocks that can still be recorded.
    pub free_blocks: u64,
    /// Recorded and free blocks together.
    pub total_blocks: u64,
    /// The manufacturer's code, or empty.
    pub manufacturer_id: String,
    /// What the drive offers for this disc, fastest first.
    pub write_speeds: Vec<u32>,
    /// The formats that the drive offers for this disc, the usual one first.
    pub formats: Vec<FormatView>,
}

/// A way to format a disc.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FormatView {
    /// What `format --as` takes.
    pub name: String,
    /// Blocks that the disc has afterwards.
    pub blocks: u64,
}

/// A recorded track.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrackView {
    /// From 1.
    pub number: u64,
    /// The session it belongs to, from 1.
    pub session: u64,
    /// Its first block.
    pub start: u64,
    /// Its length in blocks.
    pub blocks: u64,
    /// Data, as opposed to audio.
    pub data: bool,
}

impl RecorderView {
    /// Every recorder, in the order of their ids.
    pub fn all(objects: &Objects) -> Vec<Self> {
        let recorder = |(path, object): (&String, &std::collections::BTreeMap<String, Props>)| {
            Some(Self::of(path, object.get("Recorder")?, object.get("Medium")))
        };
        objects.iter().filter_map(recorder).collect()
    }

    /// One recorder of its properties, and its disc of its.
    pub fn of(path: &str, recorder: &Props, medium: Option<&Props>) -> Self {
        Self {
            id: id(path).to_owned(),
            path: path.to_owned(),
            device: recorder.text("Device"),
            vendor: recorder.text("Vendor"),
            product: recorder.text("Product"),
            revision: recorder.text("Revision"),
            serial: recorder.text("Serial"),
            seat: recorder.text("Seat"),
            takes: kinds(&recorder.numbers("Profiles")),
            state: recorder.text("State"),
            holder: recorder.text("Holder"),
            medium: medium.map(MediumView::of),
        }
    }

    /// The one that is meant: by id, device or path; without a name, the only one there is.
    ///
    /// # Errors
    /// There is none, none of that name, or several and no name.
    pub fn choose(mut recorders: Vec<Self>, name: Option<&str>, bus: Bus) -> Result<Self> {
        let ids: Vec<&str> = recorders.iter().map(|recorder| recorder.id.as_str()).collect();
        let ids = ids.join(", ");
        if recorders.is_empty() {
            return Err(Failure::new(
                super::exit::Exit::NothingWritten,
                "DeviceNotPresent",
                tr!("there is no recorder"),
            )
            .hint(tr!("plug one in; `discmaster monitor` shows when it arrives")));
        }
        let Some(name) = name else {
            return match recorders.len() {
                1 => Ok(recorders.remove(0)),
                _ => Err(Failure::usage(tr!("which recorder? there are {}", ids)).hint(tr!(
                    "name one with --recorder, or after `info`, `erase`, `format`, `eject` and `load`"
                ))),
            };
        };
        // /dev/cdrom is a link to /dev/sr0; of another machine's we know nothing.
        let real = match bus {
            Bus::Host(_) => PathBuf::new(),
            Bus::System | Bus::Session => std::fs::canonicalize(name).unwrap_or_default(),
        };
        recorders
            .into_iter()
            .find(|recorder| {
                [&recorder.id, &recorder.device, &recorder.path].contains(&&name.to_owned())
                    || (name.starts_with('/') && real.as_os_str() == recorder.device.as_str())
            })
            .ok_or_else(|| Failure::usage(tr!("no recorder is called {name}; there are {ids}", name, ids)))
    }

    /// Vendor and product, or what there is of them.
    pub fn name(&self) -> String {
        format!("{} {}", self.vendor, self.product).trim().to_owned()
    }

    /// The kind of the disc, or empty.
    pub fn kind(&self) -> &str {
        self.medium.as_ref().map_or("", |medium| medium.kind.as_str())
    }
}

impl MediumView {
    /// A disc of its properties.
    pub fn of(props: &Props) -> Self {
        let flags = ["Blank", "Appendable", "Closed", "Rewritable", "Protected", "Damaged"];
        let speed = |speed| u32::try_from(speed).unwrap_or(u32::MAX);
        Self {
            kind: props.text("Kind"),
            flags: flags.iter().filter(|flag| props.flag(flag)).map(|flag| flag.to_lowercase()).collect(),
            sessions: props.number("Sessions").unwrap_or(0),
            tracks: props.rows("Tracks").iter().map(|row| TrackView::of(row)).collect(),
            next_writable_block: props.number("NextWritableBlock").filter(|block| *block != u64::MAX),
            free_blocks: props.number("FreeBlocks").unwrap_or(0),
            total_blocks: props.number("TotalBlocks").unwrap_or(0),
            manufacturer_id: props.text("ManufacturerId"),
            write_speeds: props.numbers("WriteSpeeds").into_iter().map(speed).collect(),
            formats: props
                .named("Formats")
                .into_iter()
                .map(|(name, blocks)| FormatView { name, blocks })
                .collect(),
        }
    }
}

impl TrackView {
    fn of(row: &[u64]) -> Self {
        let field = |at: usize| row.get(at).copied().unwrap_or(0);
        Self { number: field(0), session: field(1), start: field(2), blocks: field(3), data: field(4) != 0 }
    }
}

/// The kinds of disc among these profiles that are recorded, in the order of their numbers.
fn kinds(profiles: &[u64]) -> Vec<String> {
    let mut profiles: Vec<Profile> =
        profiles.iter().filter_map(|number| u16::try_from(*number).ok()).map(Profile).collect();
    profiles.sort_unstable();
    profiles.dedup();
    profiles
        .iter()
        .filter(|profile| profile.is_recordable())
        .filter_map(|profile| profile.name())
        .map(str::to_owned)
        .collect()
}

/// How a job ended: the name of its error, or nothing while it runs and when it ended well.
pub fn error_of(result: &str) -> Option<&str> {
    (!result.is_empty() && result != "success").then_some(result)
}

/// An error's name without its prefix: `org.discmaster1.Error.DiscFull` → `DiscFull`.
pub fn short(error: &str) -> &str {
    error.rsplit('.').next().unwrap_or(error)
}

/// The last element of a path: `/org/discmaster1/jobs/7` → `7`.
pub fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder(id: &str) -> RecorderView {
        let path = format!("/org/discmaster1/recorders/{id}");
        RecorderView { device: format!("/dev/{id}"), ..RecorderView::of(&path, &Props::default(), None) }
    }

    #[test]
    fn a_recorder_is_found_by_id_device_and_path() {
        for name in ["sr1", "/dev/sr1", "/org/discmaster1/recorders/sr1"] {
            let chosen =
                RecorderView::choose(vec![recorder("sr0"), recorder("sr1")], Some(name), Bus::System);
            assert_eq!(chosen.map(|recorder| recorder.id), Ok("sr1".to_owned()));
        }
    }

    #[test]
    fn a_recorder_takes_what_can_be_recorded_of_what_it_knows() {
        assert_eq!(kinds(&[0x11, 0x10, 0x09, 0x08, 0x09, 0x16, 0xffff, 1 << 40]), ["CD-R", "DVD-R"]);
    }

    #[test]
    fn the_only_recorder_needs_no_name_and_several_do() {
        assert!(RecorderView::choose(vec![recorder("sr0")], None, Bus::System).is_ok());
        let several = RecorderView::choose(vec![recorder("sr0"), recorder("sr1")], None, Bus::System);
        assert_eq!(
            several.map_err(|failure| failure.message).unwrap_err(),
            "which recorder? there are sr0, sr1"
        );
        assert!(RecorderView::choose(vec![], None, Bus::System).is_err());
        assert!(RecorderView::choose(vec![recorder("sr0")], Some("sr"), Bus::System).is_err());
    }
}
