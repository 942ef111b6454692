//! What a host sends of the blocks of a CD, and the sectors that the drive makes of it.

use crate::mmc::BLOCK;
use crate::mmc::cue::{DataForm, SectorMode};
use crate::mmc::page::DataBlock;
use crate::mmc::sector::{FORM_2, SECTOR, SUB_HEADER_END, Sector, mode_1, mode_2, scramble, xa};
use crate::mmc::subchannel::{RAW, raw, with_crc};

/// What is sent of the main channel of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing.
    Nothing,
    /// All of it.
    Whole(SectorMode),
    /// The user data of mode 1.
    User,
    /// What follows the header in mode 2: of XA with its sub-header.
    Body(SectorMode),
    /// The user data of XA form 1 or 2, with their sub-header or without.
    Form {
        /// Form 2.
        second: bool,
        /// Eight bytes of sub-header come first.
        sub_header: bool,
    },
    /// All of a data sector, scrambled.
    Scrambled(SectorMode),
    /// So many bytes that are not looked at. Zeros are recorded.
    Ignored(SectorMode, usize),
}

/// What is sent of the sub-channels of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentSub {
    /// Nothing: the drive makes them.
    Nothing,
    /// 96 bytes, of which the drive records R to W.
    Symbols,
    /// Q and P in 16 bytes, as they are to be recorded.
    Pq,
    /// P to W in 96 bytes, as they are to be recorded.
    Raw,
}

/// Consecutive blocks that are sent alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where they go.
    pub lba: i32,
    /// How many.
    pub blocks: u32,
    /// Main channel.
    pub sent: Sent,
    /// Sub-channels.
    pub sub: SentSub,
}

impl Run {
    /// Bytes of a block.
    pub fn unit(&self) -> usize {
        self.sent.bytes() + self.sub.bytes()
    }

    /// Bytes of all of it.
    pub fn bytes(&self) -> usize {
        self.unit().saturating_mul(self.blocks as usize)
    }
}

impl SentSub {
    /// Bytes of a block.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Symbols | Self::Raw => RAW,
            Self::Pq => 16,
        }
    }

    /// P to W as raw bytes, of what was sent.
    pub fn p_to_w(self, bytes: &[u8]) -> [u8; RAW] {
        match self {
            Self::Pq => {
                // The check bytes are the drive's to make; what hosts send there is anything.
                let q = with_crc(padded(&bytes[..bytes.len().min(10)]));
                raw(bytes.get(15).is_some_and(|p| p & 0x80 != 0), &q)
            }
            Self::Nothing | Self::Symbols | Self::Raw => padded(bytes),
        }
    }
}

impl Sent {
    /// What a data form of a cue sheet says is sent.
    pub fn by_form(form: DataForm) -> Option<Self> {
        let (mode, bytes) = (form.mode()?, form.bytes()?);
        Some(match (mode, bytes) {
            (_, 0) => Self::Nothing,
            _ if form.is_ignored() => Self::Ignored(mode, bytes),
            (_, SECTOR) => Self::Whole(mode),
            (SectorMode::Mode1, _) => Self::User,
            _ => Self::Body(mode),
        })
    }

    /// What page 05h says is sent of a track at once; none for block types that no such track has.
    pub fn by_block(block: DataBlock, audio: bool) -> Option<Self> {
        let form = |second, sub_header| Self::Form { second, sub_header };
        Some(match (block.0, audio) {
            (0, true) => Self::Whole(SectorMode::Audio),
            (8, false) => Self::User,
            (9, false) => Self::Body(SectorMode::Mode2),
            (10, false) => form(false, false),
            (11, false) => form(false, true),
            (12, false) => form(true, false),
            (13, false) => form(true, true),
            _ => return None,
        })
    }

    /// Bytes of a block.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Whole(_) | Self::Scrambled(_) => SECTOR,
            Self::User => BLOCK,
            Self::Body(_) => 2336,
            Self::Form { second, sub_header } => {
                (if second { 2324 } else { BLOCK }) + if sub_header { 8 } else { 0 }
            }
            Self::Ignored(_, bytes) => bytes,
        }
    }

    /// The sectors that come of it. Nothing comes of nothing: silence.
    pub const fn mode(self) -> SectorMode {
        match self {
            Self::Nothing => SectorMode::Audio,
            Self::User => SectorMode::Mode1,
            Self::Form { .. } => SectorMode::Xa,
            Self::Whole(mode) | Self::Scrambled(mode) | Self::Body(mode) | Self::Ignored(mode, _) => mode,
        }
    }

    /// Whether more than the user data has to be kept of the sectors.
    pub fn is_kept_whole(self) -> bool {
        !matches!(self, Self::User | Self::Ignored(SectorMode::Mode1, _))
    }

    /// The sector at `lba` of the bytes that were sent for it.
    pub fn sector(self, lba: i32, bytes: &[u8]) -> Sector {
        match self {
            Self::Nothing => [0; SECTOR],
            Self::Whole(_) => padded(bytes),
            Self::Scrambled(_) => {
                let mut sector = padded(bytes);
                scramble(&mut sector);
                sector
            }
            Self::User => mode_1(lba, &padded(bytes)),
            Self::Body(SectorMode::Xa) => xa(lba, &padded(bytes)),
            Self::Body(_) => mode_2(lba, &padded(bytes)),
            Self::Form { second, sub_header } => {
                let mut body = [0; 2336];
                let at = if sub_header { 0 } else { 8 };
                let end = (at + bytes.len()).min(body.len());
                body[at..end].copy_from_slice(&bytes[..end - at]);
                if !sub_header {
                    // Data (ECMA-130 knows no sub-header; these are the bits of XA), of this form.
                    let submode = if second { FORM_2 } else { 0x08 };
                    body[2] = submode;
                    body[6] = submode;
                }
                xa(lba, &body)
            }
            Self::Ignored(mode, _) => empty(mode, lba),
        }
    }
}

/// A sector of zeros.
pub fn empty(mode: SectorMode, lba: i32) -> Sector {
    match mode {
        SectorMode::Audio => [0; SECTOR],
        SectorMode::Mode1 => mode_1(lba, &[0; BLOCK]),
        SectorMode::Mode2 => mode_2(lba, &[0; 2336]),
        SectorMode::Xa => xa(lba, &[0; 2336]),
    }
}

/// The 2048 bytes of user data of a sector, if it has so many.
pub fn user_data(mode: SectorMode, sector: &Sector) -> Option<&[u8]> {
    let start = match mode {
        SectorMode::Mode1 => crate::mmc::sector::HEADER_END,
        SectorMode::Xa if sector[18] & FORM_2 == 0 => SUB_HEADER_END,
        SectorMode::Xa | SectorMode::Mode2 | SectorMode::Audio => return None,
    };
    Some(&sector[start..start + BLOCK])
}

fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut whole = [0; N];
    let common = bytes.len().min(N);
    whole[..common].copy_from_slice(&bytes[..common]);
    whole
}
