//! `org.discmaster1.Medium`: the disc in a recorder, beside the Recorder interface.

use zbus::interface;

use crate::api::{DiscStatus, FormatChoice, Medium};
use crate::broker::service::Service;

/// A track as the bus shows it: number, session, first block, blocks, data.
type Track = (u32, u32, u32, u32, bool);

/// The disc in a recorder.
pub struct MediumObject {
    /// The broker.
    pub service: Service,
    /// The recorder's id.
    pub recorder: String,
}

#[interface(name = "org.discmaster1.Medium", introspection_docs = false)]
impl MediumObject {
    #[zbus(property)]
    fn kind(&self) -> String {
        self.read(|medium| medium.kind().name().to_owned())
    }

    #[zbus(property)]
    fn profile(&self) -> u16 {
        self.read(|medium| medium.profile)
    }

    #[zbus(property)]
    fn blank(&self) -> bool {
        self.read(|medium| medium.status == DiscStatus::Blank)
    }

    #[zbus(property)]
    fn appendable(&self) -> bool {
        self.read(|medium| medium.status == DiscStatus::Appendable)
    }

    #[zbus(property)]
    fn closed(&self) -> bool {
        self.read(|medium| medium.status == DiscStatus::Closed)
    }

    #[zbus(property)]
    fn rewritable(&self) -> bool {
        self.read(|medium| medium.rewritable)
    }

    #[zbus(property)]
    fn protected(&self) -> bool {
        self.read(|medium| medium.protected)
    }

    #[zbus(property)]
    fn damaged(&self) -> bool {
        self.read(|medium| medium.damaged)
    }

    #[zbus(property)]
    fn sessions(&self) -> u32 {
        self.read(|medium| medium.sessions.into())
    }

    #[zbus(property)]
    fn tracks(&self) -> Vec<Track> {
        self.read(|medium| {
            let rows = medium.tracks.iter();
            rows.map(|track| {
                (track.number.into(), track.session.into(), track.start, track.blocks, track.data)
            })
            .collect()
        })
    }

    #[zbus(property)]
    fn next_writable_block(&self) -> u64 {
        self.read(|medium| medium.next_writable.map_or(u64::MAX, u64::from))
    }

    #[zbus(property)]
    fn free_blocks(&self) -> u64 {
        self.read(|medium| medium.free_blocks)
    }

    #[zbus(property)]
    fn total_blocks(&self) -> u64 {
        self.read(|medium| medium.total_blocks)
    }

    #[zbus(property)]
    fn manufacturer_id(&self) -> String {
        self.read(|medium| medium.manufacturer_id.clone())
    }

    #[zbus(property)]
    fn formats(&self) -> Vec<(String, u64)> {
        let named = |format: &FormatChoice| (format.name.clone(), format.blocks);
        self.read(|medium| medium.formats.iter().map(named).collect())
    }

    #[zbus(property)]
    fn write_speeds(&self) -> Vec<u32> {
        self.read(|medium| medium.write_speeds.clone())
    }
}

impl MediumObject {
    fn read<T: Default>(&self, of: impl FnOnce(&Medium) -> T) -> T {
        let state = self.service.state();
        state.recorders.get(&self.recorder).and_then(|one| one.medium()).map(of).unwrap_or_default()
    }
}
