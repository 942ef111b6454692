//! DVD+RW, DVD-RAM, BD-RE and DVD-RW in restricted overwrite: written anywhere, again and again (MMC-6 4.3.7–4.3.9, 4.5.4).
//!
//! | disc | formatted | before the first write | at the end |
//! |---|---|---|---|
//! | DVD+RW | no | format 26h, which goes on in the background | stop it (f0), close session (f2) |
//! | DVD+RW | half-way, stopped | restart it | stop it, close session |
//! | DVD+RW | goes on | | stop it, close session |
//! | DVD-RW | in the intermediate state | | close session (f2) |
//! | DVD-RW | too short, image from 0 | format 15h, to grow as it is written | close session |
//! | DVD-RW | too short, image behind another | format 13h, to grow on | close session |
//! | DVD-RAM, BD-RE | no | format 00h as the drive offers it | |
//! | all | yes | | |
//!
//! An image behind another is found by nobody until the volume descriptors at block 16 are copies of its own: they are
//! written last, when all that they name is on the disc.
//!
//! Nothing is finalised: a closed rewritable disc would have lost what it was bought for. Where the drive verifies what
//! it writes because the disc has spares, which halves its speed, and the whole disc is going to be read back anyway,
//! blocks are streamed past that verification.

use std::time::Duration;

use super::{Choice, format};
use crate::api::MediaKind;
use crate::burn::check::{Order, Refusal};
use crate::burn::facts::{Facts, FormatState};
use crate::burn::plan::{
    Act, CloseFunction, EVERY_BLOCK, EVERY_BLOCK_OF_BD, Formatting, Harm, LONG, Step, WRITE,
};
use crate::mmc::capacity::FormatDescriptor;
use crate::mmc::format::{FormatParameters, bd_re, kind};

/// The image where it was laid out for.
pub(in crate::burn) fn record(facts: &Facts, order: &Order) -> Result<Vec<Step>, Refusal> {
    let from = order.expected.next_writable;
    let before = readiness(facts, from, from.saturating_add(order.blocks()));
    let streaming = order.read_back && skips_verification(facts);
    let mut steps: Vec<_> = before.iter().map(|formatting| format(*formatting, LONG)).collect();
    steps.push(Step::new(order.write_streaming(streaming), WRITE, Harm::DiscUnfinished));
    steps.push(Step::new(Act::Flush, LONG, Harm::DiscUnfinished));
    if from > 0 {
        let alignment = if facts.kind() == MediaKind::BdRe { 32 } else { 16 };
        steps.push(Step::new(Act::Redirect { session: from, alignment }, WRITE, Harm::WrittenNotClosed));
        steps.push(Step::new(Act::Flush, LONG, Harm::WrittenNotClosed));
    }
    steps.extend(ending(facts, before.as_ref()));
    Ok(steps)
}

/// DVD+RW, DVD-RAM, BD-RE: zeroes over all of it, or over its beginning, where every file system has what it is known
/// by. There is no BLANK for these discs, and no format of theirs is sure to take what is on them away.
pub(in crate::burn) fn erase(facts: &Facts, full: bool) -> Vec<Step> {
    let blocks = if full { facts.room() } else { facts.room().min(HEAD) };
    zeroes(facts, blocks, readiness(facts, 0, blocks))
}

/// DVD-RW in restricted overwrite: quickly, it stays formatted; wholly, it is blanked, and recorded in sequence again.
pub(in crate::burn) fn erase_dvd_rw(facts: &Facts, full: bool) -> Vec<Step> {
    if full {
        return super::blank(facts, full);
    }
    let there = if facts.format.state == FormatState::Complete { facts.format.blocks } else { HEAD };
    let blocks = there.clamp(1, HEAD).next_multiple_of(16);
    zeroes(facts, blocks, readiness(facts, 0, blocks))
}

/// DVD+RW: the format goes on in the background; in full, its end is waited for.
pub(in crate::burn) fn of_dvd_plus_rw(facts: &Facts, full: bool) -> Vec<Choice> {
    let formatting = Formatting::dvd_plus_rw(false);
    let mut steps = vec![format(formatting, LONG)];
    steps.extend(full.then(|| Step::new(Act::AwaitFormat, EVERY_BLOCK, Harm::DiscUnfinished)));
    let running = Facts { format: state(facts, FormatState::Running), ..facts.clone() };
    steps.extend(zeroes(&running, facts.room().min(HEAD), None));
    vec![Choice { name: "default", blocks: facts.room(), steps }]
}

/// DVD-RAM: as it is sold, or with as much room as there is.
pub(in crate::burn) fn of_dvd_ram(facts: &Facts, full: bool) -> Vec<Choice> {
    let mut offers = facts.format.offers.iter().filter(|offer| offer.kind == kind::FULL);
    let Some(usual) = offers.next() else { return Vec::new() };
    let most = offers.filter(|offer| offer.blocks > usual.blocks).max_by_key(|offer| offer.blocks);
    let choice = |name, offer: &FormatDescriptor| {
        let formatting = Formatting { forgets_defects: !full, ..Formatting::offered(offer) };
        whole(facts, name, offer, formatting, full)
    };
    [Some(choice("default", usual)), most.map(|offer| choice("most-room", offer))]
        .into_iter()
        .flatten()
        .collect()
}

/// BD-RE: with the usual spares, the most, the fewest or none; in full, every block is tried.
pub(in crate::burn) fn of_bd_re(facts: &Facts, full: bool) -> Vec<Choice> {
    let format = &facts.format;
    let spared = format.offers.iter().filter(|offer| offer.kind == kind::BD_RE_SPARES);
    let rows = [
        ("default", format.offer(kind::FULL)),
        ("most-spares", spared.clone().min_by_key(|offer| offer.blocks)),
        ("fewest-spares", spared.max_by_key(|offer| offer.blocks)),
        ("no-spares", format.offer(kind::BD_RE_NO_SPARES)),
    ];
    let subtype = if full { bd_re::FULL_CERTIFICATION } else { bd_re::DEFAULT };
    let choice = |(name, offer): (_, Option<&FormatDescriptor>)| {
        let formatting = Formatting { subtype, ..Formatting::offered(offer?) };
        Some(whole(facts, name, offer?, formatting, full))
    };
    rows.into_iter().filter_map(choice).collect()
}

/// DVD-RW: restricted overwrite. Quickly formatted, a disc is in the intermediate state, over which readers hang until
/// something is written and its session closed.
pub(in crate::burn) fn of_dvd_rw(facts: &Facts, full: bool) -> Vec<Choice> {
    let offers = &facts.format;
    let in_full = offers.offer(kind::DVD_RW_FULL).or_else(|| offers.offer(kind::FULL));
    let quick = offers.offer(kind::DVD_RW_QUICK).filter(|_| !full);
    let Some(offer) = in_full.or(quick) else { return Vec::new() };
    let steps = match (quick, in_full) {
        (Some(_), _) => zeroes(facts, offer.blocks.min(HEAD), Some(Formatting::dvd_rw(kind::DVD_RW_QUICK))),
        (None, Some(offer)) => vec![format(Formatting::offered(offer), EVERY_BLOCK)],
        (None, None) => return Vec::new(),
    };
    vec![Choice { name: "overwrite", blocks: offer.blocks, steps }]
}

/// A format of DVD-RAM or BD-RE; zeroes behind it, because a quick one may leave a file system to be found.
fn whole(facts: &Facts, name: &'static str, offer: &FormatDescriptor, how: Formatting, full: bool) -> Choice {
    let mut steps = vec![format(how, every_block(facts, full))];
    let complete = Facts { format: state(facts, FormatState::Complete), ..facts.clone() };
    steps.extend(zeroes(&complete, offer.blocks.min(HEAD), None));
    Choice { name, blocks: offer.blocks, steps }
}

fn zeroes(facts: &Facts, blocks: u32, before: Option<Formatting>) -> Vec<Step> {
    let alignment = if facts.kind() == MediaKind::BdRe { 32 } else { 16 };
    let streaming = skips_verification(facts);
    // The last blocks of a disc that is no multiple are left: nothing is known by them.
    let fill = Act::Fill { from: 0, blocks: blocks / alignment * alignment, alignment, streaming };
    let mut steps: Vec<_> = before.iter().map(|formatting| format(*formatting, LONG)).collect();
    steps.push(Step::new(fill, WRITE, Harm::DiscUnfinished));
    steps.push(Step::new(Act::Flush, LONG, Harm::DiscUnfinished));
    steps.extend(ending(facts, before.as_ref()));
    steps
}

/// What has to be formatted before blocks from `from` to `end` can be written.
fn readiness(facts: &Facts, from: u32, end: u32) -> Option<Formatting> {
    let disc = &facts.format;
    match (facts.kind(), disc.state) {
        (MediaKind::DvdPlusRw, FormatState::None) => Some(Formatting::dvd_plus_rw(false)),
        (MediaKind::DvdPlusRw, FormatState::Suspended) => Some(Formatting::dvd_plus_rw(true)),
        (MediaKind::DvdMinusRwRestrictedOverwrite, FormatState::Complete) if end > disc.blocks => {
            let kind = if from == 0 { kind::DVD_RW_QUICK } else { kind::DVD_RW_QUICK_GROW };
            Some(Formatting::dvd_rw(kind))
        }
        (MediaKind::DvdMinusRwRestrictedOverwrite, FormatState::None) => {
            Some(Formatting::dvd_rw(kind::DVD_RW_QUICK))
        }
        (_, FormatState::None) => disc.offer(kind::FULL).map(Formatting::offered),
        _ => None,
    }
}

/// What follows the last write: a format that goes on is stopped, a border set behind what was written.
fn ending(facts: &Facts, before: Option<&Formatting>) -> Vec<Step> {
    let close = Act::CloseSession { function: CloseFunction::Session, otherwise: None };
    let close = Step::new(close, LONG, Harm::WrittenNotClosed);
    let stop = Step::new(Act::StopFormat, LONG, Harm::WrittenNotClosed);
    let state = facts.format.state;
    let formats = |kinds: &[u8]| before.is_some_and(|formatting| kinds.contains(&formatting.kind));
    if formats(&[kind::DVD_PLUS_RW]) || state == FormatState::Running {
        return vec![stop, close];
    }
    let grows = [kind::DVD_RW_QUICK, kind::DVD_RW_QUICK_GROW];
    if formats(&grows) || state == FormatState::Intermediate { vec![close] } else { Vec::new() }
}

/// The drive verifies what it writes, and can be told not to. A disc that is not formatted yet will have spares.
const fn skips_verification(facts: &Facts) -> bool {
    let will_have_spares = matches!(facts.kind(), MediaKind::DvdRam | MediaKind::BdRe)
        && matches!(facts.format.state, FormatState::None);
    facts.streams && (facts.defect_management || will_have_spares)
}

fn state(facts: &Facts, state: FormatState) -> crate::burn::facts::Format {
    crate::burn::facts::Format { state, ..facts.format.clone() }
}

const fn every_block(facts: &Facts, full: bool) -> Duration {
    match (full, facts.kind()) {
        (false, _) => LONG,
        (true, MediaKind::BdRe) => EVERY_BLOCK_OF_BD,
        (true, _) => EVERY_BLOCK,
    }
}

impl Formatting {
    /// As the drive offers it.
    pub(in crate::burn) const fn offered(offer: &FormatDescriptor) -> Self {
        Self {
            kind: offer.kind,
            subtype: 0,
            blocks: offer.blocks,
            parameter: offer.parameter,
            forgets_defects: false,
        }
    }

    /// DVD-RW, to grow as it is written: packets of 16 blocks.
    const fn dvd_rw(kind: u8) -> Self {
        Self { kind, subtype: 0, blocks: 0, parameter: 16, forgets_defects: false }
    }

    /// DVD+RW, from its start or from where it was stopped.
    const fn dvd_plus_rw(restart: bool) -> Self {
        let parameter = if restart { FormatParameters::RESTART } else { 0 };
        Self {
            kind: kind::DVD_PLUS_RW,
            subtype: 0,
            blocks: FormatParameters::ALL,
            parameter,
            forgets_defects: false,
        }
    }
}

/// Blocks at the start of a disc in which file systems have what they are known by: 1 MiB.
const HEAD: u32 = 512;
