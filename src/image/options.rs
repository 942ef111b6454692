//! What kind of image is wanted.

/// Blocks of zeros that go behind the last file by default, as other mastering tools have them: drives that read ahead
/// past the end of a track written at once would otherwise report errors for the last file.
pub const PAD_BLOCKS: u32 = 150;

/// The wishes for one image. Fields are plain: start from [`Options::new`] and change what matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Name of the volume. Joliet keeps its first 16 characters, ISO 9660 its first 32 in capitals, digits and `_`.
    pub volume_name: String,
    /// A Joliet tree, and how long its names may be; `None` for no Joliet tree.
    pub joliet: Option<JolietLength>,
    /// Whether POSIX names, attributes and symbolic links are recorded (Rock Ridge).
    pub rock_ridge: bool,
    /// Block of the medium at which the image will start: 0, or the start of a later session.
    /// All addresses in the image count from block 0 of the medium.
    pub start_block: u32,
    /// Blocks of zeros behind the last file; they belong to the volume.
    pub pad_blocks: u32,
    /// Creation date of the volume, in seconds since 1970-01-01 UTC.
    pub created: i64,
    /// Who publishes the volume (ECMA-119 §8.4.20).
    pub publisher: String,
    /// Who prepared the data (ECMA-119 §8.4.21).
    pub preparer: String,
    /// Which program made it (ECMA-119 §8.4.22).
    pub application: String,
    /// Whose files they are on the disc.
    pub ownership: Ownership,
}

impl Options {
    /// ISO 9660 with Rock Ridge and Joliet (64 characters), padded by [`PAD_BLOCKS`], for a blank medium.
    /// `created` is in seconds since 1970-01-01 UTC.
    pub fn new(volume_name: impl Into<String>, created: i64) -> Self {
        Self {
            volume_name: volume_name.into(),
            joliet: Some(JolietLength::Standard),
            rock_ridge: true,
            start_block: 0,
            pad_blocks: PAD_BLOCKS,
            created,
            publisher: String::new(),
            preparer: String::new(),
            application: String::from("DISCMASTER"),
            ownership: Ownership::Kept,
        }
    }
}

/// How long a Joliet name may be, the version `;1` not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JolietLength {
    /// 64 characters, as the Joliet specification has it.
    Standard,
    /// 103 characters: an extension that all current readers accept.
    Long,
}

impl JolietLength {
    /// The limit in characters of 16 bits.
    pub const fn characters(self) -> usize {
        match self {
            Self::Standard => 64,
            Self::Long => 103,
        }
    }
}

/// What Rock Ridge says of owners and permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// As in the tree.
    Kept,
    /// Fit for giving away: owner and group 0, everybody may read, nobody may write,
    /// and who could execute a file lets everybody do so; set-id and sticky bits go.
    Public,
}

impl Ownership {
    /// Mode, uid and gid as they are recorded, from those of the tree. `mode` carries the file type.
    pub(crate) fn apply(self, mode: u32, uid: u32, gid: u32) -> (u32, u32, u32) {
        const TYPE: u32 = 0o170_000;
        const DIRECTORY: u32 = 0o040_000;
        match self {
            Self::Kept => (mode, uid, gid),
            Self::Public => {
                let executable = mode & 0o111 != 0 || mode & TYPE == DIRECTORY;
                (mode & TYPE | if executable { 0o555 } else { 0o444 }, 0, 0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_files_are_readable_by_all_and_writable_by_nobody() {
        assert_eq!(Ownership::Public.apply(0o100_640, 1000, 100), (0o100_444, 0, 0));
        assert_eq!(Ownership::Public.apply(0o104_750, 1000, 100), (0o100_555, 0, 0));
        assert_eq!(Ownership::Public.apply(0o040_700, 1000, 100), (0o040_555, 0, 0));
        assert_eq!(Ownership::Kept.apply(0o100_640, 1000, 100), (0o100_640, 1000, 100));
    }
}
