//! FORMAT UNIT as the disc sees it: which formats it offers, and what each makes of it.

use super::layout::Layout;
use super::overwrite::{FormatState, Overwrite};
use super::special::BdRFormat;
use crate::mmc::Profile;
use crate::mmc::capacity::{CapacityKind, FormatDescriptor};
use crate::mmc::format::{FormatParameters, bd_r, kind};
use crate::vdrive::refusal::Refusal;

/// What a format makes of a disc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatted {
    /// The disc afterwards.
    pub layout: Layout,
    /// What was recorded is gone.
    pub wiped: bool,
    /// Blocks that the drive has to write for it before it is done.
    pub blocks: u32,
}

/// Blocks of a DVD-RAM without supplementary spares, and of one as it is sold.
const DVD_RAM: (u32, u32) = (2_295_072, 2_236_704);
/// Block length as the parameter of a format.
const LENGTH: u32 = 0x800;
/// Packet size as the parameter of a format of DVD-RW.
const PACKET: u32 = 16;
/// Blocks of a cluster, in which spares of a BD are counted.
const CLUSTER: u32 = 32;
/// What a quick format writes: lead-in and the structures around it.
const QUICK: u32 = 6750;

impl Layout {
    /// A disc as it is bought: DVD-RAM comes formatted.
    pub(super) fn sold(mut self) -> Self {
        match self.profile {
            Profile::DVD_RAM => {
                let size = small_ram(self.capacity);
                self.set_overwrite(Overwrite::complete(size, self.capacity - size + 16));
            }
            Profile::DVD_PLUS_RW | Profile::BD_RE => self.set_overwrite(Overwrite::NONE),
            Profile::DVD_RW_OVERWRITE => self.set_overwrite(Overwrite::complete(self.capacity, 0)),
            _ => {}
        }
        self
    }

    /// The current or largest capacity, as READ FORMAT CAPACITIES tells it first.
    pub fn format_now(&self) -> (CapacityKind, u32) {
        match self.overwrite() {
            Some(format) => match format.state {
                FormatState::None => (CapacityKind::Unformatted, self.capacity),
                FormatState::Intermediate => (CapacityKind::Unknown, self.capacity),
                FormatState::Running | FormatState::Suspended => (CapacityKind::Formatted, format.size),
                FormatState::Complete => (CapacityKind::Formatted, format.formatted),
            },
            None if self.special.bd_r.is_none() && self.is_blank() => {
                (CapacityKind::Unformatted, self.total())
            }
            None if self.profile == Profile::BD_R => (CapacityKind::Formatted, self.capacity),
            None => (CapacityKind::Formatted, self.data_end()),
        }
    }

    /// The formats that the disc offers as it is.
    pub fn formats(&self) -> Vec<FormatDescriptor> {
        let offer = |kind, blocks, parameter| FormatDescriptor { kind, blocks, parameter };
        let total = self.total();
        let spared = |kind, clusters: u32| offer(kind, total - clusters * CLUSTER, clusters);
        let [few, usual, many] = spare_clusters(total);
        match self.profile {
            Profile::DVD_PLUS_RW => {
                vec![offer(kind::FULL, total, LENGTH), offer(kind::DVD_PLUS_RW, total, 0)]
            }
            Profile::DVD_RAM => {
                vec![offer(kind::FULL, small_ram(total), LENGTH), offer(kind::FULL, total, LENGTH)]
            }
            Profile::DVD_RW | Profile::DVD_RW_OVERWRITE => {
                let mut offers = vec![
                    offer(kind::FULL, total, LENGTH),
                    offer(kind::DVD_RW_FULL, total, PACKET),
                    offer(kind::DVD_RW_QUICK, total, PACKET),
                ];
                // Growing is offered only behind a border.
                if let Some(format) = self.overwrite().filter(|it| it.state == FormatState::Complete) {
                    let more = format.size - format.formatted;
                    offers.push(offer(kind::DVD_RW_GROW, more, PACKET));
                    offers.push(offer(kind::DVD_RW_QUICK_GROW, more, PACKET));
                }
                offers
            }
            Profile::BD_RE => vec![
                spared(kind::FULL, usual),
                spared(kind::BD_RE_SPARES, usual),
                spared(kind::BD_RE_SPARES, many),
                spared(kind::BD_RE_SPARES, few),
                offer(kind::BD_RE_NO_SPARES, total, LENGTH),
            ],
            Profile::BD_R if self.special.bd_r.is_none() && self.is_blank() => vec![
                spared(kind::FULL, usual),
                spared(kind::BD_R_SPARES, usual),
                spared(kind::BD_R_SPARES, many),
                spared(kind::BD_R_SPARES, few),
            ],
            _ => Vec::new(),
        }
    }

    /// FORMAT UNIT.
    ///
    /// # Errors
    /// The drive's refusal: not this disc, not now, or not so.
    pub fn format(&self, wish: &FormatParameters) -> Result<Formatted, Refusal> {
        if self.formats().is_empty() {
            return Err(Refusal::CannotFormat);
        }
        match self.profile {
            Profile::DVD_PLUS_RW => self.format_plus_rw(wish),
            Profile::DVD_RAM => self.format_ram(wish),
            Profile::DVD_RW | Profile::DVD_RW_OVERWRITE => self.format_rw(wish),
            Profile::BD_RE => self.format_bd_re(wish),
            _ => self.format_bd_r(wish),
        }
    }

    fn format_plus_rw(&self, wish: &FormatParameters) -> Result<Formatted, Refusal> {
        if !matches!(wish.kind, kind::FULL | kind::DVD_PLUS_RW) {
            return Err(BAD_KIND);
        }
        if !matches!(wish.blocks, FormatParameters::ALL) && wish.blocks != self.capacity {
            return Err(BAD_SIZE);
        }
        let restart = wish.kind == kind::DVD_PLUS_RW && wish.parameter & FormatParameters::RESTART != 0;
        let mut layout = self.clone();
        let running = Overwrite { size: self.capacity, formatted: 0, state: FormatState::Running, spares: 0 };
        match self.overwrite().copied() {
            // Restarted, it goes on where it was.
            Some(format) if restart => match format.state {
                FormatState::Suspended => {
                    layout.set_overwrite(Overwrite { state: FormatState::Running, ..format });
                }
                FormatState::Running | FormatState::Complete => {}
                _ => return Err(Refusal::SequenceError),
            },
            _ => layout.set_overwrite(running),
        }
        Ok(Formatted { layout, wiped: !restart, blocks: if restart { 0 } else { QUICK } })
    }

    fn format_ram(&self, wish: &FormatParameters) -> Result<Formatted, Refusal> {
        if wish.kind != kind::FULL {
            return Err(BAD_KIND);
        }
        let size = match wish.blocks {
            FormatParameters::ALL => small_ram(self.capacity),
            blocks if blocks == self.capacity || blocks == small_ram(self.capacity) => blocks,
            _ => return Err(BAD_SIZE),
        };
        let format = Overwrite::complete(size, self.capacity - size + 16);
        Ok(self.formatted(format, size))
    }

    fn format_rw(&self, wish: &FormatParameters) -> Result<Formatted, Refusal> {
        let whole = self.capacity;
        let now = self.overwrite().copied();
        let packets = |blocks: u32| blocks > 0 && blocks.is_multiple_of(PACKET);
        let complete = |formatted| Overwrite { formatted, ..Overwrite::complete(whole, 0) };
        let growing = |formatted| Overwrite { formatted, state: FormatState::Intermediate, ..complete(0) };
        let grown = now.filter(|format| format.state == FormatState::Complete);
        match wish.kind {
            kind::FULL | kind::DVD_RW_FULL => {
                let blocks = if wish.blocks == FormatParameters::ALL { whole } else { wish.blocks };
                if !packets(blocks) || blocks > whole {
                    return Err(BAD_SIZE);
                }
                Ok(self.formatted(complete(blocks), blocks))
            }
            kind::DVD_RW_QUICK => Ok(self.formatted(growing(0), QUICK)),
            kind::DVD_RW_QUICK_GROW => {
                let format = grown.filter(|format| format.formatted < whole).ok_or(BAD_KIND)?;
                Ok(Formatted { wiped: false, ..self.formatted(growing(format.formatted), QUICK) })
            }
            kind::DVD_RW_GROW => {
                let format = grown.ok_or(BAD_KIND)?;
                let free = whole - format.formatted;
                let blocks = if wish.blocks == FormatParameters::ALL { free } else { wish.blocks };
                if !packets(blocks) || blocks > free {
                    return Err(BAD_SIZE);
                }
                let format = complete(format.formatted + blocks);
                Ok(Formatted { wiped: false, ..self.formatted(format, blocks) })
            }
            _ => Err(BAD_KIND),
        }
    }

    fn format_bd_re(&self, wish: &FormatParameters) -> Result<Formatted, Refusal> {
        let spares = match wish.kind {
            kind::BD_RE_NO_SPARES if matches!(wish.blocks, FormatParameters::ALL) => 0,
            kind::BD_RE_NO_SPARES if wish.blocks == self.capacity => 0,
            kind::BD_RE_NO_SPARES => return Err(BAD_SIZE),
            kind::FULL => default_spares(self.capacity, wish)?,
            kind::BD_RE_SPARES => chosen_spares(self.capacity, wish)?,
            _ => return Err(BAD_KIND),
        };
        let size = self.capacity - spares;
        let certified = wish.subtype == crate::mmc::format::bd_re::FULL_CERTIFICATION;
        let blocks = if certified { size } else { QUICK };
        Ok(self.formatted(Overwrite::complete(size, spares), blocks))
    }

    fn format_bd_r(&self, wish: &FormatParameters) -> Result<Formatted, Refusal> {
        let total = self.total();
        let spares = match wish.kind {
            kind::FULL => default_spares(total, wish)?,
            kind::BD_R_SPARES => chosen_spares(total, wish)?,
            _ => return Err(BAD_KIND),
        };
        // Random writing would be another profile, 42h, which this drive does not have.
        if wish.subtype >= bd_r::RANDOM {
            return Err(BAD_KIND);
        }
        let pseudo_overwrite = wish.subtype == bd_r::PSEUDO_OVERWRITE;
        let mut layout = Self::blank(self.profile, total - spares);
        layout.special.bd_r = Some(BdRFormat { pseudo_overwrite, spares, used: 0 });
        Ok(Formatted { layout, wiped: false, blocks: QUICK })
    }

    /// This disc with nothing on it, formatted so.
    fn formatted(&self, format: Overwrite, blocks: u32) -> Formatted {
        let profile = if self.profile == Profile::DVD_RW { Profile::DVD_RW_OVERWRITE } else { self.profile };
        let mut layout = Self::blank(profile, self.capacity);
        layout.set_overwrite(format);
        Formatted { layout, wiped: true, blocks }
    }
}

const BAD_KIND: Refusal = Refusal::BadParameter { byte: 8 };
const BAD_SIZE: Refusal = Refusal::BadParameter { byte: 4 };

/// Spares of a BD of so many blocks, in clusters: the fewest, as usual, the most.
fn spare_clusters(total: u32) -> [u32; 3] {
    let usual = match total {
        12_219_392 => 0x3000,
        24_438_784 => 0x6000,
        48_878_592 => 0xc000,
        62_500_864 => 0x1_0000,
        _ => (total / CLUSTER / 32).max(3),
    };
    [usual / 3, usual, usual / 3 * 5]
}

/// The spares of format 00h, which leaves the choice to the drive.
fn default_spares(total: u32, wish: &FormatParameters) -> Result<u32, Refusal> {
    let spares = spare_clusters(total)[1] * CLUSTER;
    let fits = wish.blocks == FormatParameters::ALL || wish.blocks == total - spares;
    if fits { Ok(spares) } else { Err(BAD_SIZE) }
}

/// The spares that a host chose, between the fewest and the most. growisofs chooses by the blocks alone and leaves the
/// number of clusters zero, which drives take.
fn chosen_spares(total: u32, wish: &FormatParameters) -> Result<u32, Refusal> {
    let [few, _, many] = spare_clusters(total);
    let clusters = match wish.parameter {
        0 => total.saturating_sub(wish.blocks) / CLUSTER,
        given => given,
    };
    if !(few..=many).contains(&clusters) {
        return Err(Refusal::BadParameter { byte: 9 });
    }
    let spares = clusters * CLUSTER;
    if wish.blocks == total - spares { Ok(spares) } else { Err(BAD_SIZE) }
}

/// A DVD-RAM of so many blocks as it is sold, with supplementary spares.
fn small_ram(total: u32) -> u32 {
    if total == DVD_RAM.0 { DVD_RAM.1 } else { (total - total / 32) / 16 * 16 }
}

#[cfg(test)]
mod tests;
