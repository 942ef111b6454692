//! Tables of contents, the answers to READ TOC/PMA/ATIP (MMC-6): formats 0, 1, 2 and 4.

use super::answer::{Malformed, padded, within_length16};
use super::msf::Msf;

/// Track number of the lead-out.
pub const LEAD_OUT: u8 = 0xaa;
/// Tracks and lead-out that a disc can have at most.
const MAX_ENTRIES: usize = 100;

/// One track of format 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TocEntry {
    /// Control nibble: bit 2 data.
    pub control: u8,
    /// Track, or [`LEAD_OUT`].
    pub track: u8,
    /// First block.
    pub start: i32,
}

/// Format 0: the closed tracks of the disc, and the lead-out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toc {
    /// First track of the disc.
    pub first: u8,
    /// Last track in a closed session.
    pub last: u8,
    /// Tracks in order, then the lead-out of the last closed session.
    pub entries: Vec<TocEntry>,
}

impl Toc {
    /// The answer with block addresses out of a drive's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if the header is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let header: [u8; 4] = padded(bytes, 4, "table of contents")?;
        let entries = within_length16(bytes).get(4..).unwrap_or_default().chunks_exact(8).take(MAX_ENTRIES);
        Ok(Self { first: header[2], last: header[3], entries: entries.map(entry).collect() })
    }

    /// The answer; `msf` gives positions instead of block addresses.
    pub fn emit(&self, msf: bool) -> Vec<u8> {
        let mut bytes = vec![0, 0, self.first, self.last];
        for entry in &self.entries {
            bytes.extend([0, 0x10 | (entry.control & 0x0f), entry.track, 0]);
            bytes.extend(address(entry.start, msf));
        }
        with_length(bytes)
    }

    /// Where the lead-out starts.
    pub fn lead_out(&self) -> Option<i32> {
        self.entries.iter().find(|entry| entry.track == LEAD_OUT).map(|entry| entry.start)
    }
}

/// Format 1: where the last session starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// First closed session.
    pub first: u8,
    /// Last closed session.
    pub last: u8,
    /// The first track of the last closed session.
    pub track: TocEntry,
}

impl SessionInfo {
    /// The answer with block addresses out of a drive's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if it is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: [u8; 12] = padded(bytes, 12, "session information")?;
        Ok(Self { first: raw[2], last: raw[3], track: entry(&raw[4..]) })
    }

    /// The answer.
    pub fn emit(&self, msf: bool) -> Vec<u8> {
        let mut bytes =
            vec![0, 0, self.first, self.last, 0, 0x10 | (self.track.control & 0x0f), self.track.track, 0];
        bytes.extend(address(self.track.start, msf));
        with_length(bytes)
    }
}

/// One entry of format 2, as in the lead-in's Q channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullTocEntry {
    /// Session.
    pub session: u8,
    /// High nibble ADR, low nibble control.
    pub adr_control: u8,
    /// Track, or A0h first, A1h last track, A2h lead-out, B0h next session.
    pub point: u8,
    /// Running time.
    pub time: Msf,
    /// Zero, or hours.
    pub zero: u8,
    /// The position that the point means; for A0h and A1h a track in the first byte.
    pub position: [u8; 3],
}

/// Format 2: the raw table of every session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FullToc {
    /// First closed session.
    pub first: u8,
    /// Last closed session.
    pub last: u8,
    /// Its entries.
    pub entries: Vec<FullTocEntry>,
}

impl FullToc {
    /// The answer out of a drive's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if the header is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let header: [u8; 4] = padded(bytes, 4, "full table of contents")?;
        let entries = within_length16(bytes).get(4..).unwrap_or_default().chunks_exact(11);
        let entries = entries.map(|raw| FullTocEntry {
            session: raw[0],
            adr_control: raw[1],
            point: raw[3],
            time: Msf::new(raw[4], raw[5], raw[6]),
            zero: raw[7],
            position: [raw[8], raw[9], raw[10]],
        });
        Ok(Self { first: header[2], last: header[3], entries: entries.collect() })
    }

    /// The answer.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0, 0, self.first, self.last];
        for entry in &self.entries {
            let Msf { minute, second, frame } = entry.time;
            bytes.extend([
                entry.session,
                entry.adr_control,
                0,
                entry.point,
                minute,
                second,
                frame,
                entry.zero,
            ]);
            bytes.extend(entry.position);
        }
        with_length(bytes)
    }
}

/// Format 4: what the groove of a CD-R or CD-RW says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Atip {
    /// Rewritable.
    pub rewritable: bool,
    /// Unrestricted use.
    pub unrestricted: bool,
    /// Where the lead-in starts; manufacturers are known by it.
    pub lead_in: Msf,
    /// Last possible start of the lead-out.
    pub lead_out: Msf,
}

impl Atip {
    /// The answer out of a drive's bytes.
    ///
    /// # Errors
    /// [`Malformed`] if the lead-out is not there.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let raw: [u8; 16] = padded(bytes, 15, "ATIP")?;
        Ok(Self {
            rewritable: raw[6] & 0x40 != 0,
            unrestricted: raw[5] & 0x40 != 0,
            lead_in: Msf::new(raw[8], raw[9], raw[10]),
            lead_out: Msf::new(raw[12], raw[13], raw[14]),
        })
    }

    /// The answer.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0; 28];
        bytes[4] = 0xc0;
        bytes[5] = u8::from(self.unrestricted) << 6;
        bytes[6] = 0x80 | u8::from(self.rewritable) << 6;
        bytes[8..11].copy_from_slice(&[self.lead_in.minute, self.lead_in.second, self.lead_in.frame]);
        bytes[12..15].copy_from_slice(&[self.lead_out.minute, self.lead_out.second, self.lead_out.frame]);
        with_length(bytes)
    }

    /// The manufacturer's code as it is usually written, such as `97m26s65f`.
    pub fn manufacturer(&self) -> String {
        format!("{:02}m{:02}s{:02}f", self.lead_in.minute, self.lead_in.second, self.lead_in.frame)
    }
}

fn entry(raw: &[u8]) -> TocEntry {
    TocEntry {
        control: raw[1] & 0x0f,
        track: raw[2],
        start: i32::from_be_bytes([raw[4], raw[5], raw[6], raw[7]]),
    }
}

fn address(lba: i32, msf: bool) -> [u8; 4] {
    if !msf {
        return lba.to_be_bytes();
    }
    // DVDs reach beyond what minutes can say; drives answer with the highest position then.
    let msf = Msf::from_lba(lba).unwrap_or(Msf::new(99, 59, 74));
    [0, msf.minute, msf.second, msf.frame]
}

fn with_length(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(bytes.len().saturating_sub(2)).unwrap_or(u16::MAX);
    bytes[..2].copy_from_slice(&length.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_0_has_the_bytes_of_the_standard() {
        let bytes = [0, 18, 1, 2, 0, 0x14, 2, 0, 0, 1, 2, 3, 0, 0x14, 0xaa, 0, 0, 4, 5, 6];
        let toc = Toc::parse(&bytes).unwrap();
        assert_eq!((toc.first, toc.last, toc.lead_out()), (1, 2, Some(0x4_0506)));
        assert_eq!(toc.entries[0], TocEntry { control: 4, track: 2, start: 0x1_0203 });
        assert_eq!(toc.emit(false), bytes);
        assert_eq!(toc.emit(true)[8..12], [0, 14, 42, 51]);
        for cut in 0..bytes.len() {
            assert_eq!(Toc::parse(&bytes[..cut]).is_ok(), cut >= 4);
        }
    }

    #[test]
    fn format_1_tells_the_last_session() {
        let bytes = [0, 10, 1, 3, 0, 0x14, 7, 0, 0, 0, 0x2c, 0x88];
        let info = SessionInfo::parse(&bytes).unwrap();
        assert_eq!((info.last, info.track.track, info.track.start), (3, 7, 11_400));
        assert_eq!(info.emit(false), bytes);
        for cut in 0..bytes.len() {
            assert!(SessionInfo::parse(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn format_2_keeps_every_byte() {
        let bytes = [0, 13, 1, 2, 2, 0x14, 0, 0xa2, 1, 2, 3, 4, 79, 58, 57];
        let toc = FullToc::parse(&bytes).unwrap();
        assert_eq!(toc.entries[0].position, [79, 58, 57]);
        assert_eq!(toc.emit(), bytes);
    }

    #[test]
    fn format_4_tells_maker_and_capacity() {
        let atip = Atip {
            rewritable: true,
            unrestricted: false,
            lead_in: Msf::new(97, 26, 65),
            lead_out: Msf::new(79, 59, 74),
        };
        let bytes = atip.emit();
        assert_eq!(bytes[..16], [0, 26, 0, 0, 0xc0, 0, 0xc0, 0, 97, 26, 65, 0, 79, 59, 74, 0]);
        assert_eq!(Atip::parse(&bytes), Ok(atip));
        assert_eq!(atip.manufacturer(), "97m26s65f");
        assert!(Atip::parse(&bytes[..14]).is_err());
    }
}
