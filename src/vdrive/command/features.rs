//! The features of DVD and BD (MMC-6, 5.3): each with the discs for which it is current.

use crate::mmc::Profile;
use crate::mmc::feature::{Feature, code};
use crate::mmc::profile::WriteModel;
use crate::mmc::speed::Family;
use crate::vdrive::medium::{FormatState, Layout};

/// A feature of the table: its code, version, bytes, and when it is current.
type Row = (u16, u8, &'static [u8], fn(&Layout) -> bool);

#[rustfmt::skip]
const FEATURES: &[Row] = &[
    (code::DVD_READ,              1, &[1, 0, 0, 0], |disc| is(disc, Family::Dvd)),
    // One link size: 16 blocks. Data block type 8; underrun protection.
    (code::INCREMENTAL,           1, &[0x01, 0, 0x01, 1, 16, 0, 0, 0], incremental),
    // Byte 0: quick and full certification. Byte 4: no random recording of BD-R.
    (code::FORMATTABLE,           1, &[0x03, 0, 0, 0, 0, 0, 0, 0], |disc| !disc.formats().is_empty()),
    (code::DEFECT_MANAGEMENT,     0, &[0x80, 0, 0, 0], |disc| disc.overwrite().is_some_and(|format| format.spares > 0)),
    // Writes; may be closed without being formatted throughout.
    (code::DVD_PLUS_RW,           0, &[1, 1, 0, 0], |disc| disc.profile == Profile::DVD_PLUS_RW),
    (code::DVD_PLUS_R,            0, &[1, 0, 0, 0], |disc| disc.profile == Profile::DVD_PLUS_R),
    // Intermediate state and blanking.
    (code::RIGID_OVERWRITE,       0, &[0x03, 0, 0, 0], |disc| disc.profile == Profile::DVD_RW_OVERWRITE),
    // Underrun protection, two layers, test write, DVD-RW.
    (code::DVD_R_WRITE,           2, &[0x4e, 0, 0, 0], |disc| disc.profile.write_model() == WriteModel::Incremental),
    (code::BD_R_PSEUDO_OVERWRITE, 0, &[0, 0, 0, 0], |disc| disc.special.bd_r.is_some_and(|format| format.pseudo_overwrite)),
    (code::DVD_PLUS_R_DL,         0, &[1, 0, 0, 0], |disc| disc.profile == Profile::DVD_PLUS_R_DL),
    // Classes 0-2 of BD-RE, 0-1 of BD-R, each with every version.
    (code::BD_READ,               0, &[0, 0, 0, 0, 0, 7, 0, 7, 0, 7, 0, 0, 0, 7, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], |disc| is(disc, Family::Bd)),
    (code::BD_WRITE,              1, &[0, 0, 0, 0, 0, 7, 0, 7, 0, 7, 0, 0, 0, 7, 0, 7, 0, 0, 0, 0], |disc| is(disc, Family::Bd)),
];

/// Those of the table, and the one whose bytes depend on the disc.
pub fn of_dvd_and_bd(disc: Option<&Layout>) -> Vec<Feature> {
    let feature = |code, version, current, data| Feature { code, version, persistent: false, current, data };
    let mut features: Vec<_> = FEATURES
        .iter()
        .map(|(code, version, data, current)| {
            feature(*code, *version, disc.is_some_and(current), data.to_vec())
        })
        .collect();
    let random = disc.filter(|disc| is_random(disc));
    features.push(feature(code::RANDOM_WRITABLE, 1, random.is_some(), random_writable(random)));
    features
}

/// Last block, bytes a block, blocks that are best written together.
fn random_writable(disc: Option<&Layout>) -> Vec<u8> {
    let last = disc.and_then(Layout::overwrite).map_or(0, |format| format.formatted.saturating_sub(1));
    let blocking = disc.map_or(1, |disc| u16::try_from(disc.rules().alignment).unwrap_or(1));
    let [high, low] = blocking.to_be_bytes();
    [&last.to_be_bytes()[..], &[0, 0, 8, 0, high, low, 1, 0]].concat()
}

fn is(disc: &Layout, family: Family) -> bool {
    disc.profile.family() == Some(family)
}

/// A blank DVD-RW that was blanked minimally is written at once alone.
fn incremental(disc: &Layout) -> bool {
    disc.profile.write_model() == WriteModel::Incremental
        && !disc.special.minimally_blanked
        && !disc.finalized
}

/// DVD-RW has whole packets instead of this (feature 2Ch).
fn is_random(disc: &Layout) -> bool {
    disc.profile != Profile::DVD_RW_OVERWRITE
        && disc.overwrite().is_some_and(|format| format.state != FormatState::None)
}
