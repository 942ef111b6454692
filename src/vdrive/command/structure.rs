//! READ DISC STRUCTURE and SEND DISC STRUCTURE: what a disc says of itself beside its blocks (MMC-6, 6.22 and 6.35).

use super::{Answer, Call};
use crate::mmc::Profile;
use crate::mmc::cdb::{ReadDiscStructure, SendDiscStructure};
use crate::mmc::disc_structure::{
    BdInformation, LayerBoundary, MediaId, PhysicalFormat, PreRecorded, SpareArea, StructureEntry,
    StructureList, code,
};
use crate::mmc::speed::Family;
use crate::vdrive::drive::Drive;
use crate::vdrive::medium::Layout;
use crate::vdrive::refusal::Refusal;

/// Where the data area of every DVD starts in the disc's own count.
const FIRST: u32 = 0x03_0000;
/// Where that of a BD starts.
const FIRST_BD: u32 = 0x10_0000;

/// A structure: its code, and its bytes for a disc that has it.
type Row = (u8, fn(&Layout) -> Option<Vec<u8>>);

const STRUCTURES: &[Row] = &[
    (code::PHYSICAL, physical),
    (code::SPARE_AREA, spares),
    (code::PRE_RECORDED, pre_recorded),
    (code::RECORDED, recorded),
    (code::ADIP, adip),
    (code::LAYER_BOUNDARY, boundary),
];

/// One structure, or the list of those that there are.
pub fn read_disc_structure(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: ReadDiscStructure = call.read()?;
    let layout = drive.ready_medium()?.layout();
    check_family(layout, cdb.media)?;
    if cdb.layer >= layout.layers() {
        return Err(Refusal::BadField { byte: 6 });
    }
    let bytes = match cdb.format {
        code::LIST => Some(list(layout).emit()),
        format => STRUCTURES.iter().find(|row| row.0 == format).and_then(|row| row.1(layout)),
    };
    Ok(Answer::data(&cdb, bytes.ok_or(Refusal::BadField { byte: 7 })?))
}

/// Where layer 0 is to end; nothing else can be sent.
pub fn send_disc_structure(drive: &mut Drive, call: &Call<'_>) -> Result<Answer, Refusal> {
    let cdb: SendDiscStructure = call.read()?;
    let mut after = drive.ready_medium()?.layout().clone();
    check_family(&after, cdb.media)?;
    if cdb.format != code::LAYER_BOUNDARY {
        return Err(Refusal::BadField { byte: 7 });
    }
    let wish = LayerBoundary::parse(call.data).map_err(|_| Refusal::ParameterLength)?;
    after.set_boundary(wish.blocks)?;
    if let Some(medium) = &mut drive.medium {
        medium.settle(after).map_err(|_| Refusal::MediumFailed)?;
    }
    Ok(Answer::default())
}

/// A question about DVD on DVD, about BD on BD. A CD has no structures.
fn check_family(layout: &Layout, media: u8) -> Result<(), Refusal> {
    let asked = match layout.profile.family() {
        Some(Family::Dvd) => ReadDiscStructure::DVD,
        Some(Family::Bd) => ReadDiscStructure::BD,
        _ => return Err(Refusal::IncompatibleMedium),
    };
    if media & 0x0f == asked { Ok(()) } else { Err(Refusal::BadField { byte: 1 }) }
}

fn list(layout: &Layout) -> StructureList {
    let there = STRUCTURES.iter().filter_map(|(code, make)| make(layout).map(|bytes| (*code, bytes.len())));
    let entries = there.map(|(code, length)| StructureEntry {
        code,
        sent: code == code::LAYER_BOUNDARY,
        read: true,
        length: u16::try_from(length).unwrap_or(u16::MAX),
    });
    StructureList(entries.collect())
}

fn physical(layout: &Layout) -> Option<Vec<u8>> {
    if layout.profile.family() != Some(Family::Bd) {
        return Some(format(layout, layout.capacity).emit());
    }
    let kind =
        if layout.profile == Profile::BD_RE { BdInformation::REWRITABLE } else { BdInformation::RECORDABLE };
    let last = FIRST_BD.saturating_add(layout.total() - 1);
    Some(BdInformation { kind, layers: layout.layers(), last, id: maker("DISCMA") }.emit())
}

fn adip(layout: &Layout) -> Option<Vec<u8>> {
    is_plus(layout).then(|| format(layout, layout.capacity).emit())
}

/// What the lead-in of a disc tells that was closed.
fn recorded(layout: &Layout) -> Option<Vec<u8>> {
    let dvd = layout.profile.family() == Some(Family::Dvd);
    dvd.then(|| format(layout, layout.data_end()).emit())
}

fn pre_recorded(layout: &Layout) -> Option<Vec<u8>> {
    let rewritable = match layout.profile {
        Profile::DVD_R | Profile::DVD_R_DL => 0,
        Profile::DVD_RW | Profile::DVD_RW_OVERWRITE => 8,
        _ => return None,
    };
    let last = FIRST.saturating_add(layout.capacity - 1);
    Some(PreRecorded { physical: rewritable, last, maker: "DISCMASTV01".into() }.emit().to_vec())
}

fn boundary(layout: &Layout) -> Option<Vec<u8>> {
    let (blocks, fixed) = layout.boundary()?;
    Some(LayerBoundary { fixed, blocks }.emit().to_vec())
}

fn spares(layout: &Layout) -> Option<Vec<u8>> {
    if layout.profile.family() != Some(Family::Bd) {
        return None;
    }
    let (free, allocated) = match (layout.overwrite(), layout.special.bd_r) {
        (Some(format), _) => (format.spares, format.spares),
        (None, Some(format)) => (format.spares - format.used, format.spares),
        (None, None) => (0, 0),
    };
    Some(SpareArea { free, allocated }.emit().to_vec())
}

/// The physical format of a DVD with so many blocks.
fn format(layout: &Layout, blocks: u32) -> PhysicalFormat {
    let book = match layout.profile {
        Profile::DVD_RAM => 0x16,
        Profile::DVD_R => 0x25,
        Profile::DVD_R_DL => 0x26,
        Profile::DVD_RW | Profile::DVD_RW_OVERWRITE => 0x32,
        Profile::DVD_PLUS_RW => 0x91,
        Profile::DVD_PLUS_R_DL => 0xe1,
        _ => 0xa1,
    };
    PhysicalFormat {
        book,
        layers: layout.layers(),
        first: FIRST,
        last: FIRST.saturating_add(blocks.saturating_sub(1)),
        id: is_plus(layout).then(|| maker("DISCMAST")),
    }
}

fn is_plus(layout: &Layout) -> bool {
    matches!(layout.profile, Profile::DVD_PLUS_R | Profile::DVD_PLUS_RW | Profile::DVD_PLUS_R_DL)
}

fn maker(manufacturer: &str) -> MediaId {
    MediaId { manufacturer: manufacturer.into(), media_type: "V01".into() }
}
