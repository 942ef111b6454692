//! Features: what the drive can do, and what it can do with this disc (MMC-6, the answer to GET CONFIGURATION).

use super::answer::{Malformed, padded, within_length32};
use super::profile::Profile;

/// Feature codes used here.
pub mod code {
    /// Profile list.
    pub const PROFILE_LIST: u16 = 0x0000;
    /// Core.
    pub const CORE: u16 = 0x0001;
    /// Morphing: operational change and media events.
    pub const MORPHING: u16 = 0x0002;
    /// Removable medium.
    pub const REMOVABLE: u16 = 0x0003;
    /// Random readable.
    pub const RANDOM_READABLE: u16 = 0x0010;
    /// CD read.
    pub const CD_READ: u16 = 0x001e;
    /// DVD read.
    pub const DVD_READ: u16 = 0x001f;
    /// Random writable.
    pub const RANDOM_WRITABLE: u16 = 0x0020;
    /// Incremental streaming writable.
    pub const INCREMENTAL: u16 = 0x0021;
    /// Formattable.
    pub const FORMATTABLE: u16 = 0x0023;
    /// Defect management: bad blocks are replaced by spares.
    pub const DEFECT_MANAGEMENT: u16 = 0x0024;
    /// Restricted overwrite.
    pub const RESTRICTED_OVERWRITE: u16 = 0x0026;
    /// DVD+RW.
    pub const DVD_PLUS_RW: u16 = 0x002a;
    /// DVD+R.
    pub const DVD_PLUS_R: u16 = 0x002b;
    /// Rigid restricted overwrite: DVD-RW in whole packets.
    pub const RIGID_OVERWRITE: u16 = 0x002c;
    /// CD track at once.
    pub const CD_TAO: u16 = 0x002d;
    /// CD mastering: session at once and raw.
    pub const CD_MASTERING: u16 = 0x002e;
    /// DVD-R and DVD-RW write.
    pub const DVD_R_WRITE: u16 = 0x002f;
    /// CD-RW media write support.
    pub const CD_RW_WRITE: u16 = 0x0037;
    /// BD-R pseudo-overwrite.
    pub const BD_R_PSEUDO_OVERWRITE: u16 = 0x0038;
    /// DVD+R double layer.
    pub const DVD_PLUS_R_DL: u16 = 0x003b;
    /// BD read.
    pub const BD_READ: u16 = 0x0040;
    /// BD write.
    pub const BD_WRITE: u16 = 0x0041;
    /// Power management.
    pub const POWER: u16 = 0x0100;
    /// Time-out.
    pub const TIMEOUT: u16 = 0x0105;
    /// Real-time streaming.
    pub const REAL_TIME_STREAMING: u16 = 0x0107;
    /// Serial number.
    pub const SERIAL: u16 = 0x0108;
}

/// One feature descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Which.
    pub code: u16,
    /// Version, 0-15.
    pub version: u8,
    /// Always current.
    pub persistent: bool,
    /// It can be used with the disc that is loaded.
    pub current: bool,
    /// What depends on the feature; at most 252 bytes.
    pub data: Vec<u8>,
}

/// The answer to GET CONFIGURATION.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The profile of the loaded disc.
    pub current: Profile,
    /// The features, by code.
    pub features: Vec<Feature>,
}

impl Configuration {
    /// The answer out of a drive's bytes; a descriptor that is cut off ends the list.
    ///
    /// # Errors
    /// [`Malformed`] if the header is not whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let header: [u8; 8] = padded(bytes, 8, "configuration")?;
        let current = Profile(u16::from_be_bytes([header[6], header[7]]));
        let mut rest = within_length32(bytes).get(8..).unwrap_or_default();
        let mut features = Vec::new();
        while let [high, low, flags, length, ..] = *rest {
            let end = usize::from(length) + 4;
            let Some(data) = rest.get(4..end) else { break };
            features.push(Feature {
                code: u16::from_be_bytes([high, low]),
                version: flags >> 2 & 0x0f,
                persistent: flags & 2 != 0,
                current: flags & 1 != 0,
                data: data.to_vec(),
            });
            rest = &rest[end..];
        }
        Ok(Self { current, features })
    }

    /// The answer.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        for feature in &self.features {
            let data = &feature.data[..feature.data.len().min(252)];
            bytes.extend(feature.code.to_be_bytes());
            let flags =
                (feature.version & 0x0f) << 2 | u8::from(feature.persistent) << 1 | u8::from(feature.current);
            bytes.extend([flags, u8::try_from(data.len()).unwrap_or(0)]);
            bytes.extend(data);
        }
        let length = u32::try_from(bytes.len() - 4).unwrap_or(u32::MAX);
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        bytes[6..8].copy_from_slice(&self.current.0.to_be_bytes());
        bytes
    }

    /// The feature with this code, if the drive has it.
    pub fn feature(&self, code: u16) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.code == code)
    }

    /// Whether the drive has it and it can be used now.
    pub fn is_current(&self, code: u16) -> bool {
        self.feature(code).is_some_and(|feature| feature.current)
    }

    /// The profiles of the profile list: what discs the drive knows.
    pub fn profiles(&self) -> Vec<Profile> {
        let data =
            self.feature(code::PROFILE_LIST).map(|feature| feature.data.as_slice()).unwrap_or_default();
        data.chunks_exact(4).map(|entry| Profile(u16::from_be_bytes([entry[0], entry[1]]))).collect()
    }

    /// The serial number that the drive states, trimmed.
    pub fn serial(&self) -> Option<String> {
        let data = &self.feature(code::SERIAL)?.data;
        let text = String::from_utf8_lossy(data).trim_matches([' ', '\0']).to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// Whether sessions of the current CD can be written at once (2Eh bit 5).
    pub fn masters(&self) -> bool {
        self.feature(code::CD_MASTERING).is_some_and(|feature| {
            feature.current && feature.data.first().is_some_and(|flags| flags & 0x20 != 0)
        })
    }

    /// Whether the current disc can be test written (2Dh and 2Fh bit 2).
    pub fn can_test_write(&self) -> bool {
        [code::CD_TAO, code::DVD_R_WRITE].into_iter().any(|code| {
            self.feature(code).is_some_and(|feature| {
                feature.current && feature.data.first().is_some_and(|flags| flags & 0x04 != 0)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: [u8; 32] = [
        0, 0, 0, 28, 0, 0, 0, 0x1b, //
        0, 0, 3, 8, 0, 0x1b, 1, 0, 0, 0x09, 0, 0, //
        0, 0x2d, 9, 4, 0x46, 0xb1, 0xb2, 0xb3, //
        1, 8, 3, 0,
    ];

    #[test]
    fn the_answer_is_read_and_written_as_the_standard_has_it() {
        let configuration = Configuration::parse(&ANSWER).unwrap();
        assert_eq!(configuration.current, Profile::DVD_PLUS_R);
        assert_eq!(configuration.profiles(), [Profile::DVD_PLUS_R, Profile::CD_R]);
        let tao = configuration.feature(0x2d).unwrap();
        assert_eq!((tao.version, tao.persistent, tao.current), (2, false, true));
        assert_eq!(configuration.emit(), ANSWER);
        assert!(configuration.can_test_write());
        assert_eq!(configuration.serial(), None);
    }

    #[test]
    fn every_cut_is_survived_and_keeps_whole_features() {
        for cut in 0..ANSWER.len() {
            match Configuration::parse(&ANSWER[..cut]) {
                Ok(configuration) => assert_eq!(
                    configuration.features.len(),
                    usize::from(cut >= 20) + usize::from(cut >= 28),
                    "cut at {cut}"
                ),
                Err(_) => assert!(cut < 8),
            }
        }
    }

    #[test]
    fn an_overstated_length_is_not_believed() {
        let mut bytes = ANSWER;
        bytes[..4].fill(0xff);
        assert_eq!(Configuration::parse(&bytes).unwrap().features.len(), 3);
        bytes[..4].copy_from_slice(&[0, 0, 0, 16]);
        assert_eq!(Configuration::parse(&bytes).unwrap().features.len(), 1);
    }
}
