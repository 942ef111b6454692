//! The facts of one disc of each kind, as a good drive tells them.

use super::super::*;
use crate::api::DiscStatus;
use crate::mmc::capacity::FormatDescriptor;
use crate::mmc::disc_structure::LayerBoundary;
use crate::mmc::format::kind;

pub fn cd_r() -> Facts {
    Facts {
        profile: 0x09,
        status: DiscStatus::Blank,
        last_session: SessionState::Empty,
        rewritable: false,
        protected: false,
        last_track: 1,
        track_start: Some(0),
        reserved: false,
        next_writable: Some(0),
        free_blocks: 359_847,
        last_lead_out: Some(359_849),
        can_write: true,
        masters: true,
        test_write: true,
        underrun_free: true,
        can_blank: true,
        incremental: false,
        calibrated: true,
        defect_management: false,
        streams: true,
        format: Format::default(),
        boundary: None,
        write_speeds: vec![8467, 7056, 5645, 2822],
    }
}

pub fn cd_rw() -> Facts {
    Facts { profile: 0x0a, rewritable: true, write_speeds: vec![4234, 1764, 706], ..cd_r() }
}

fn dvd() -> Facts {
    Facts {
        last_lead_out: None,
        masters: false,
        test_write: false,
        can_blank: false,
        write_speeds: vec![22_160, 11_080, 5540],
        ..cd_r()
    }
}

pub fn dvd_plus_r() -> Facts {
    Facts { profile: 0x1b, free_blocks: 2_295_104, ..dvd() }
}

pub fn dvd_plus_r_dl() -> Facts {
    let boundary = Some(LayerBoundary { fixed: false, blocks: 2_086_912 });
    Facts { profile: 0x2b, free_blocks: 4_173_824, boundary, ..dvd() }
}

pub fn dvd_r() -> Facts {
    Facts {
        profile: 0x11,
        free_blocks: 2_298_496,
        incremental: true,
        calibrated: false,
        test_write: true,
        ..dvd()
    }
}

pub fn dvd_r_dl() -> Facts {
    let boundary = Some(LayerBoundary { fixed: false, blocks: 2_085_856 });
    Facts { profile: 0x15, free_blocks: 4_171_712, boundary, ..dvd_r() }
}

pub fn dvd_rw() -> Facts {
    let offers = offers(&[
        (kind::FULL, 2_297_888, 0x800),
        (kind::DVD_RW_FULL, 2_297_888, 16),
        (kind::DVD_RW_QUICK, 2_297_888, 16),
    ]);
    Facts {
        profile: 0x14,
        free_blocks: 2_297_888,
        rewritable: true,
        can_blank: true,
        calibrated: true,
        format: Format { state: FormatState::None, blocks: 2_297_888, offers },
        ..dvd_r()
    }
}

fn overwritten(profile: u16, blocks: u32, offered: &[(u8, u32, u32)]) -> Facts {
    Facts {
        profile,
        rewritable: true,
        next_writable: None,
        free_blocks: 0,
        last_session: SessionState::Complete,
        format: Format { state: FormatState::Complete, blocks, offers: offers(offered) },
        ..dvd()
    }
}

/// Formatted as far as an earlier session went.
pub fn dvd_rw_overwrite() -> Facts {
    let mut disc = overwritten(0x13, 6400, &[]);
    disc.format.offers = dvd_rw().format.offers;
    disc.format
        .offers
        .extend(offers(&[(kind::DVD_RW_GROW, 2_291_488, 16), (kind::DVD_RW_QUICK_GROW, 2_291_488, 16)]));
    Facts { can_blank: true, ..disc }
}

pub fn dvd_plus_rw() -> Facts {
    overwritten(0x1a, 2_295_104, &[(kind::FULL, 2_295_104, 0x800), (kind::DVD_PLUS_RW, 2_295_104, 0)])
}

pub fn dvd_ram() -> Facts {
    let disc =
        overwritten(0x12, 2_236_704, &[(kind::FULL, 2_236_704, 0x800), (kind::FULL, 2_295_072, 0x800)]);
    Facts { defect_management: true, ..disc }
}

pub fn bd_r() -> Facts {
    let offers = offers(&[
        (kind::FULL, 11_826_176, 0x3000),
        (kind::BD_R_SPARES, 11_826_176, 0x3000),
        (kind::BD_R_SPARES, 11_564_032, 0x5000),
        (kind::BD_R_SPARES, 12_088_320, 0x1000),
    ]);
    let format = Format { state: FormatState::None, blocks: 12_219_392, offers };
    Facts { profile: 0x41, free_blocks: 12_219_392, format, ..dvd() }
}

pub fn bd_re() -> Facts {
    let disc = overwritten(
        0x43,
        11_826_176,
        &[
            (kind::FULL, 11_826_176, 0x3000),
            (kind::BD_RE_SPARES, 11_826_176, 0x3000),
            (kind::BD_RE_SPARES, 11_564_032, 0x5000),
            (kind::BD_RE_SPARES, 12_088_320, 0x1000),
            (kind::BD_RE_NO_SPARES, 12_219_392, 0x800),
        ],
    );
    Facts { defect_management: true, ..disc }
}

/// As it comes out of its box.
pub fn unformatted(disc: Facts) -> Facts {
    formatted_so(FormatState::None, Facts { defect_management: false, ..disc })
}

pub fn formatted_so(state: FormatState, disc: Facts) -> Facts {
    Facts { format: Format { state, ..disc.format }, ..disc }
}

/// A disc with one session on it, behind which another can follow.
pub fn second(facts: Facts, last_track: u16, next_writable: i32) -> Facts {
    let free_blocks = facts.free_blocks - u64::from(next_writable.unsigned_abs());
    Facts {
        status: DiscStatus::Appendable,
        last_track,
        track_start: u32::try_from(next_writable).ok(),
        next_writable: Some(next_writable),
        free_blocks,
        ..facts
    }
}

pub fn cut_off() -> Facts {
    let open = second(dvd_plus_r(), 1, 4336);
    Facts { last_session: SessionState::Incomplete, track_start: Some(0), ..open }
}

/// One of every kind that is recorded.
pub fn all() -> Vec<Facts> {
    vec![
        cd_r(),
        cd_rw(),
        dvd_r(),
        dvd_r_dl(),
        dvd_rw(),
        dvd_rw_overwrite(),
        dvd_plus_r(),
        dvd_plus_r_dl(),
        dvd_plus_rw(),
        dvd_ram(),
        bd_r(),
        bd_re(),
    ]
}

fn offers(offers: &[(u8, u32, u32)]) -> Vec<FormatDescriptor> {
    offers.iter().map(|&(kind, blocks, parameter)| FormatDescriptor { kind, blocks, parameter }).collect()
}
