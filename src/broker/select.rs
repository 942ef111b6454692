//! `SetActiveDiscRecorder`: is the disc in the drive one that the image can go to?

use crate::api::{DiscStatus, Error, ErrorKind, MediaKind, Medium, Multisession, Result};

/// Refuses a disc that cannot take a new image, and says what to do instead.
///
/// # Errors
/// `MediumNotPresent`, `MediumInvalidType`, `NotSupported`, `CannotWriteToMedia`, `DiscFull`.
pub fn check(recorder: &str, medium: Option<&Medium>, multisession: Multisession) -> Result<()> {
    let Some(medium) = medium else { return Err(no_medium(recorder)) };
    let kind = medium.kind();
    let refuse = |error, why: String| {
        Err(Error::new(error, format!("The disc in {recorder} ({}) {why}", kind.name())))
    };
    if matches!(kind, MediaKind::CdRom | MediaKind::DvdRom | MediaKind::BdRom) {
        return refuse(
            ErrorKind::MediumInvalidType,
            "is pressed, or recorded and closed, and takes no data. Insert a blank disc.".into(),
        );
    }
    if multisession == Multisession::Append {
        return refuse(
            ErrorKind::NotSupported,
            "cannot be added to: appending a session is not supported. Leave “multisession” out and \
             insert a blank disc."
                .into(),
        );
    }
    if medium.protected {
        return refuse(
            ErrorKind::CannotWriteToMedia,
            "is write-protected. Move its tab, or insert another disc.".into(),
        );
    }
    match medium.status {
        DiscStatus::Blank | DiscStatus::Other => {}
        DiscStatus::Appendable | DiscStatus::Closed => {
            let erase = if medium.rewritable { "Erase it first, or insert" } else { "Insert" };
            return refuse(ErrorKind::CannotWriteToMedia, format!("is not blank. {erase} a blank disc."));
        }
    }
    if medium.next_writable.is_none() {
        return refuse(
            ErrorKind::CannotWriteToMedia,
            "offers no address to write to. Insert a blank disc.".into(),
        );
    }
    if medium.free_blocks == 0 {
        return refuse(ErrorKind::DiscFull, "has no room left. Insert a blank disc.".into());
    }
    Ok(())
}

/// Whether these may be two looks at one disc that nobody has written to in between.
pub fn same_disc(one: &Medium, other: &Medium) -> bool {
    let identity = |medium: &Medium| {
        (
            medium.profile,
            medium.status,
            medium.next_writable,
            medium.free_blocks,
            medium.manufacturer_id.clone(),
        )
    };
    identity(one) == identity(other)
}

/// The error for an empty drive.
pub fn no_medium(recorder: &str) -> Error {
    Error::new(
        ErrorKind::MediumNotPresent,
        format!("There is no disc in {recorder}. Insert one and call again."),
    )
}

/// The error for a recorder that is not, or no longer, there.
pub fn no_recorder(recorder: &str) -> Error {
    Error::new(
        ErrorKind::DeviceNotPresent,
        format!("There is no recorder {recorder}. See EnumDiscRecorders for those that are plugged in."),
    )
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An 80-minute CD-R as it comes from the spindle.
    pub fn blank_cd() -> Medium {
        Medium {
            profile: 0x09,
            status: DiscStatus::Blank,
            rewritable: false,
            protected: false,
            damaged: false,
            sessions: 0,
            tracks: vec![],
            next_writable: Some(0),
            free_blocks: 359_849,
            total_blocks: 359_849,
            manufacturer_id: String::new(),
            write_speeds: vec![7056, 2822],
            formats: vec![],
        }
    }

    fn refusal(medium: Medium) -> Option<(ErrorKind, String)> {
        check("sr0", Some(&medium), Multisession::Auto).err().map(|error| (error.kind, error.message))
    }

    #[test]
    fn a_blank_disc_is_taken_and_an_empty_drive_is_not() {
        assert_eq!(refusal(blank_cd()), None);
        let error = check("sr0", None, Multisession::Auto).unwrap_err();
        assert_eq!(error.kind, ErrorKind::MediumNotPresent);
    }

    #[test]
    fn a_written_disc_is_refused_with_what_to_do() {
        let closed = Medium { status: DiscStatus::Closed, next_writable: None, free_blocks: 0, ..blank_cd() };
        let (kind, message) = refusal(closed.clone()).unwrap();
        assert_eq!(kind, ErrorKind::CannotWriteToMedia);
        assert_eq!(message, "The disc in sr0 (CD-R) is not blank. Insert a blank disc.");
        let (_, message) = refusal(Medium { profile: 0x0a, rewritable: true, ..closed }).unwrap();
        assert_eq!(message, "The disc in sr0 (CD-RW) is not blank. Erase it first, or insert a blank disc.");
    }

    #[test]
    fn a_disc_without_room_or_of_the_wrong_kind_is_refused_by_name() {
        let kind = |medium| refusal(medium).map(|(kind, _)| kind);
        assert_eq!(kind(Medium { free_blocks: 0, ..blank_cd() }), Some(ErrorKind::DiscFull));
        assert_eq!(kind(Medium { profile: 0x08, ..blank_cd() }), Some(ErrorKind::MediumInvalidType));
        assert_eq!(kind(Medium { protected: true, ..blank_cd() }), Some(ErrorKind::CannotWriteToMedia));
        let append = check("sr0", Some(&blank_cd()), Multisession::Append).unwrap_err();
        assert_eq!(append.kind, ErrorKind::NotSupported);
    }
}
