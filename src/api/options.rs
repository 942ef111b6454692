//! What a caller can ask for, as plain data.

use serde::{Deserialize, Serialize};

use super::plain::plain;

/// How a recorded disc is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Not at all.
    #[default]
    None,
    /// The structure (volume descriptors, path tables, directories) is read again.
    Quick,
    /// Every block is read and compared with the checksum kept while writing.
    Full,
}

/// What becomes of the disc after the burn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Close {
    /// Finalised: every reader takes it, nothing can be added.
    #[default]
    Finalise,
    /// The session is closed, another may follow.
    Appendable,
}

/// Options of `RecordDisc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordOptions {
    /// A test write: everything but the laser.
    pub simulate: bool,
    /// Open the tray at the end.
    pub eject: bool,
    /// Unmount the disc first, should it be mounted.
    pub unmount: bool,
    /// How the disc is checked.
    pub verify: Verify,
    /// The speed asked for in kB/s of 1000; `None` leaves the fastest to the drive.
    pub speed: Option<u32>,
    /// Finalise, or leave appendable.
    pub close: Close,
    /// What is done with a last session that was cut off.
    pub unfinished: Unfinished,
    /// How tracks are written, where a medium knows several ways.
    pub write_mode: WriteMode,
    /// Write without the drive's protection against buffer underruns, on media where that can be chosen.
    pub unprotected: bool,
}

/// What is done with a last session that is not closed: an earlier burn was cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unfinished {
    /// The disc is refused.
    #[default]
    Refuse,
    /// That session is closed as it is, and the new one recorded behind it.
    Close,
    /// The burn goes on where it ended, if the image begins with what is on the disc by then.
    Resume,
}

/// How tracks are written, where a medium knows several ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteMode {
    /// As suits the medium and what becomes of it: data on CD a track at once.
    #[default]
    Auto,
    /// CD: the whole session at once, without run-out blocks behind its track.
    SessionAtOnce,
}

/// The option `multisession` of `SetActiveDiscRecorder`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Multisession {
    /// A new disc when the medium is blank.
    #[default]
    Auto,
    /// Only a blank disc will do.
    New,
    /// Only an appendable disc will do.
    Append,
}

/// What is done with device nodes, sockets and pipes among staged files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpecialFiles {
    /// The call fails and names the first.
    #[default]
    Refuse,
    /// They are left out, and counted in the result.
    Skip,
}

/// Options of `AddData` and `AddPath`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddOptions {
    /// The directory in the image that receives the content; empty or `/` is the root. Made when absent.
    pub destination: String,
    /// A file that is in the image already is replaced; otherwise the call fails.
    pub overwrite: bool,
    /// The content is copied to the stash now (reflinked where possible), so later changes do not matter.
    pub copy: bool,
    /// What is done with special files.
    pub special_files: SpecialFiles,
}

/// What one addition brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddSummary {
    /// Files, hard links counted each.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Special files that were left out because that was asked for.
    pub skipped: u64,
    /// Bytes of content, hard links counted once.
    pub bytes: u64,
    /// Blocks of 2048 that the whole image takes now.
    pub used_blocks: u64,
}

impl AddSummary {
    /// The image has something of it.
    pub fn brought_anything(&self) -> bool {
        [self.files, self.directories, self.symlinks].iter().any(|count| *count > 0)
    }
}

/// What the import of an earlier session's tree brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// Files, hard links counted each.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Entries that the next image cannot hold, such as device nodes.
    pub left_out: u64,
    /// The session's volume name.
    #[serde(deserialize_with = "plain")]
    pub volume_name: String,
    /// CRC-32 of the session's primary volume descriptor.
    pub checksum: u32,
    /// First block after the session's volume and all that it names.
    pub end: u32,
    /// Blocks of 2048 that the whole image takes now.
    pub used_blocks: u64,
}

/// What kind of thing an entry of the image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
}

/// One entry of a directory of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name; bytes that are not UTF-8 are replaced.
    #[serde(deserialize_with = "plain")]
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of a file, 0 of anything else.
    pub size: u64,
    /// Seconds since 1970, of its last modification.
    pub mtime: i64,
}

/// Properties of the data format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JolietProperties {
    /// The volume's name; empty stands for the current date, `2026-11-23`.
    pub volume_name: String,
    /// Joliet names of up to 103 characters instead of the specification's 64.
    pub long_names: bool,
}
