//! What the standards fix about the layout of each kind of disc, as a table.

use crate::mmc::Profile;

/// The rules of one kind of disc. Lengths in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The kind.
    pub profile: Profile,
    /// Blocks behind the data of a track that count as its own and cannot be read.
    pub run_out: u32,
    /// From the end of a track to the start of the next in the same session.
    pub track_gap: u32,
    /// From the lead-out of the first session to the start of the second: lead-out, lead-in and pre-gap.
    pub first_session_gap: u32,
    /// The same behind later sessions.
    pub session_gap: u32,
    /// Blocks that are recorded together; a shorter rest is padded.
    pub alignment: u32,
    /// The shortest track.
    pub min_track: u32,
    /// Tracks on a disc at most.
    pub max_tracks: u16,
    /// A flush ends the track (track at once).
    pub flush_closes: bool,
    /// Closing a session closes what is open in it, rather than refuse.
    pub session_closes_tracks: bool,
    /// It can be erased.
    pub erasable: bool,
    /// Blocks of an ordinary disc.
    pub capacity: u32,
}

/// CD as MMC-6 tells it. The blocks are those of ECMA-349 and its like, and of discs that are sold; the gaps between
/// tracks and sessions of a DVD differ by firmware, and those here stand for them. Discs that are overwritten have one
/// track.
#[rustfmt::skip]
const RULES: &[Rules] = &[
    Rules { profile: Profile::CD_R,       run_out: 2, track_gap: 150, first_session_gap: 11_400, session_gap: 6_900, alignment: 1,  min_track: 300, max_tracks: 99,  flush_closes: true,  session_closes_tracks: true,  erasable: false, capacity: 359_849 },
    Rules { profile: Profile::CD_RW,      run_out: 2, track_gap: 150, first_session_gap: 11_400, session_gap: 6_900, alignment: 1,  min_track: 300, max_tracks: 99,  flush_closes: true,  session_closes_tracks: true,  erasable: true,  capacity: 359_849 },
    Rules { profile: Profile::DVD_PLUS_R, run_out: 0, track_gap: 32,  first_session_gap: 2_048,  session_gap: 2_048, alignment: 16, min_track: 16,  max_tracks: 153, flush_closes: false, session_closes_tracks: false, erasable: false, capacity: 2_295_104 },
    Rules { profile: Profile::DVD_R,      run_out: 0, track_gap: 0,   first_session_gap: 28_672, session_gap: 10_240, alignment: 16, min_track: 16, max_tracks: 99,  flush_closes: false, session_closes_tracks: false, erasable: false, capacity: 2_298_496 },
    Rules { profile: Profile::DVD_R_DL,   run_out: 0, track_gap: 0,   first_session_gap: 28_672, session_gap: 10_240, alignment: 16, min_track: 16, max_tracks: 99,  flush_closes: false, session_closes_tracks: false, erasable: false, capacity: 4_171_712 },
    Rules { profile: Profile::DVD_RW,     run_out: 0, track_gap: 0,   first_session_gap: 28_672, session_gap: 10_240, alignment: 16, min_track: 16, max_tracks: 99,  flush_closes: false, session_closes_tracks: false, erasable: true,  capacity: 2_297_888 },
    Rules { profile: Profile::DVD_RW_OVERWRITE, run_out: 0, track_gap: 0, first_session_gap: 0, session_gap: 0, alignment: 16, min_track: 16, max_tracks: 1, flush_closes: false, session_closes_tracks: false, erasable: true, capacity: 2_297_888 },
    Rules { profile: Profile::DVD_PLUS_RW, run_out: 0, track_gap: 0,  first_session_gap: 0,      session_gap: 0,      alignment: 16, min_track: 16, max_tracks: 1,   flush_closes: false, session_closes_tracks: false, erasable: true,  capacity: 2_295_104 },
    Rules { profile: Profile::DVD_PLUS_R_DL, run_out: 0, track_gap: 32, first_session_gap: 2_048, session_gap: 2_048, alignment: 16, min_track: 16, max_tracks: 127, flush_closes: false, session_closes_tracks: false, erasable: false, capacity: 4_173_824 },
    Rules { profile: Profile::DVD_RAM,    run_out: 0, track_gap: 0,   first_session_gap: 0,      session_gap: 0,      alignment: 16, min_track: 16, max_tracks: 1,   flush_closes: false, session_closes_tracks: false, erasable: true,  capacity: 2_295_072 },
    Rules { profile: Profile::BD_R,       run_out: 0, track_gap: 0,   first_session_gap: 0,      session_gap: 0,      alignment: 32, min_track: 32, max_tracks: 200, flush_closes: false, session_closes_tracks: false, erasable: false, capacity: 12_219_392 },
    Rules { profile: Profile::BD_RE,      run_out: 0, track_gap: 0,   first_session_gap: 0,      session_gap: 0,      alignment: 32, min_track: 32, max_tracks: 1,   flush_closes: false, session_closes_tracks: false, erasable: true,  capacity: 12_219_392 },
];

impl Rules {
    /// The rules of discs of `profile`, if this drive knows them.
    pub fn of(profile: Profile) -> Option<&'static Self> {
        RULES.iter().find(|rules| rules.profile == profile)
    }

    /// So many blocks and the padding behind them.
    pub fn padded(&self, blocks: u32) -> u32 {
        blocks.checked_next_multiple_of(self.alignment).unwrap_or(blocks)
    }

    /// Every kind of disc that this drive knows.
    pub fn all() -> &'static [Self] {
        RULES
    }
}
