//! `SetActiveDiscRecorder`: is the disc in the drive one that the image can go to, and does it go on with what is there?

use super::session::Decided;
use crate::api::{DiscStatus, Error, ErrorKind, MediaKind, Medium, Multisession, Result};

/// Where the image for a disc begins, and what becomes of that which is on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The image has a tree of its own.
    New,
    /// The tree of an earlier session is imported.
    Append {
        /// The session's first block.
        session: u32,
        /// The first block in which nothing is recorded.
        end: u32,
    },
}

impl Target {
    /// What of it the bus shows.
    pub const fn decided(self) -> Decided {
        match self {
            Self::New => Decided::New,
            Self::Append { .. } => Decided::Append,
        }
    }
}

/// Decides what to do with a disc, or refuses one that cannot take the image, and says what to do instead.
///
/// # Errors
/// `MediumNotPresent`, `MediumInvalidType`, `CannotWriteToMedia`, `DiscFull`.
pub fn target(recorder: &str, medium: Option<&Medium>, wish: Multisession) -> Result<Target> {
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
    if medium.protected {
        return refuse(
            ErrorKind::CannotWriteToMedia,
            "is write-protected. Move its tab, or insert another disc.".into(),
        );
    }
    let erase = if medium.rewritable { "Erase it first, or insert" } else { "Insert" };
    let target = match (medium.status, wish, last_session(medium)) {
        (DiscStatus::Closed, ..) => {
            return refuse(ErrorKind::CannotWriteToMedia, format!("is closed. {erase} a blank disc."));
        }
        (DiscStatus::Appendable, Multisession::Auto | Multisession::Append, Some(session)) => {
            Target::Append { session, end: recorded_end(medium) }
        }
        // What is on a disc that is written anywhere has no sessions but in its file system, which begins at block 0.
        (DiscStatus::Other, Multisession::Auto | Multisession::Append, _) => {
            Target::Append { session: 0, end: u32::try_from(medium.total_blocks).unwrap_or(u32::MAX) }
        }
        (DiscStatus::Other, Multisession::New, _) => {
            return refuse(
                ErrorKind::CannotWriteToMedia,
                "is not blank. Erase it first, or leave “multisession” out to go on with what is on it."
                    .into(),
            );
        }
        (_, Multisession::Append, _) => {
            return refuse(
                ErrorKind::CannotWriteToMedia,
                "holds no data session to append to. Leave “multisession” out, or insert the disc to go on with."
                    .into(),
            );
        }
        (DiscStatus::Appendable | DiscStatus::Blank, ..) => Target::New,
    };
    if medium.is_unfinished() {
        // Where it goes on, and how much fits, the drive knows once that session is closed.
        return Ok(target);
    }
    if medium.next_writable.is_none() {
        return refuse(
            ErrorKind::CannotWriteToMedia,
            "offers no address to write to. Insert a blank disc.".into(),
        );
    }
    if medium.free_blocks == 0 {
        return refuse(ErrorKind::DiscFull, format!("has no room left. {erase} a blank disc."));
    }
    Ok(target)
}

/// The first block of the last session, if it begins with data. One that was cut off does not count.
fn last_session(medium: &Medium) -> Option<u32> {
    let sessions = || medium.tracks.iter().map(|track| track.session);
    let cut_off = medium.is_unfinished().then(|| sessions().max()).flatten();
    let number = sessions().filter(|&number| Some(number) != cut_off).max()?;
    let first = medium.tracks.iter().filter(|track| track.session == number).min_by_key(|track| track.number);
    first.filter(|track| track.data).map(|track| track.start)
}

/// The first block in which nothing is recorded.
fn recorded_end(medium: &Medium) -> u32 {
    let ends = medium.tracks.iter().map(|track| track.start.saturating_add(track.blocks)).max();
    medium.next_writable.or(ends).unwrap_or_default()
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
    use crate::api::TrackSummary;

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
        target("sr0", Some(&medium), Multisession::Auto).err().map(|error| (error.kind, error.message))
    }

    #[test]
    fn a_blank_disc_is_taken_and_an_empty_drive_is_not() {
        assert_eq!(refusal(blank_cd()), None);
        let error = target("sr0", None, Multisession::Auto).unwrap_err();
        assert_eq!(error.kind, ErrorKind::MediumNotPresent);
    }

    #[test]
    fn a_written_disc_is_refused_with_what_to_do() {
        let closed = Medium { status: DiscStatus::Closed, next_writable: None, free_blocks: 0, ..blank_cd() };
        let (kind, message) = refusal(closed.clone()).unwrap();
        assert_eq!(kind, ErrorKind::CannotWriteToMedia);
        assert_eq!(message, "The disc in sr0 (CD-R) is closed. Insert a blank disc.");
        let (_, message) = refusal(Medium { profile: 0x0a, rewritable: true, ..closed }).unwrap();
        assert_eq!(message, "The disc in sr0 (CD-RW) is closed. Erase it first, or insert a blank disc.");
    }

    #[test]
    fn a_disc_without_room_or_of_the_wrong_kind_is_refused_by_name() {
        let kind = |medium| refusal(medium).map(|(kind, _)| kind);
        assert_eq!(kind(Medium { free_blocks: 0, ..blank_cd() }), Some(ErrorKind::DiscFull));
        assert_eq!(kind(Medium { profile: 0x08, ..blank_cd() }), Some(ErrorKind::MediumInvalidType));
        assert_eq!(kind(Medium { protected: true, ..blank_cd() }), Some(ErrorKind::CannotWriteToMedia));
    }

    fn track(number: u16, session: u16, start: u32, data: bool) -> TrackSummary {
        TrackSummary { number, session, start, blocks: 100, data }
    }

    fn appendable() -> Medium {
        Medium {
            status: DiscStatus::Appendable,
            sessions: 2,
            tracks: vec![track(1, 1, 0, true), track(2, 2, 11_502, true)],
            next_writable: Some(18_504),
            ..blank_cd()
        }
    }

    #[test]
    fn an_appendable_disc_is_gone_on_with_unless_another_tree_is_wanted() {
        let decided = |medium: &Medium, wish| target("sr0", Some(medium), wish).map_err(|error| error.kind);
        let append = Ok(Target::Append { session: 11_502, end: 18_504 });
        assert_eq!(decided(&appendable(), Multisession::Auto), append);
        assert_eq!(decided(&appendable(), Multisession::Append), append);
        assert_eq!(decided(&appendable(), Multisession::New), Ok(Target::New));
        assert_eq!(decided(&blank_cd(), Multisession::New), Ok(Target::New));
        let refused = Err(ErrorKind::CannotWriteToMedia);
        assert_eq!(decided(&blank_cd(), Multisession::Append), refused);
        // The last session that is whole is gone on with, if there is one.
        let cut_off = Medium { damaged: true, ..appendable() };
        let whole = Ok(Target::Append { session: 0, end: 18_504 });
        assert_eq!(decided(&cut_off, Multisession::Auto), whole);
        let first = Medium { tracks: vec![track(1, 1, 0, true)], next_writable: None, ..cut_off };
        assert_eq!(decided(&first, Multisession::Auto), Ok(Target::New));
        assert_eq!(decided(&first, Multisession::Append), refused);
        let closed = Medium { status: DiscStatus::Closed, next_writable: None, ..appendable() };
        assert_eq!(decided(&closed, Multisession::Append), refused);
    }

    #[test]
    fn a_disc_that_is_written_anywhere_grows_and_is_not_overwritten_unasked() {
        let dvd = Medium { profile: 0x1a, status: DiscStatus::Other, rewritable: true, ..blank_cd() };
        let decided = |wish| target("sr0", Some(&dvd), wish).map_err(|error| error.kind);
        assert_eq!(decided(Multisession::Auto), Ok(Target::Append { session: 0, end: 359_849 }));
        assert_eq!(decided(Multisession::New), Err(ErrorKind::CannotWriteToMedia));
    }

    #[test]
    fn behind_audio_there_is_no_tree_to_go_on_with() {
        let audio = Medium { tracks: vec![track(1, 1, 0, false), track(2, 1, 500, false)], ..appendable() };
        assert_eq!(target("sr0", Some(&audio), Multisession::Auto).unwrap(), Target::New);
        let error = target("sr0", Some(&audio), Multisession::Append).unwrap_err();
        assert!(error.message.contains("no data session to append to"), "{}", error.message);
    }
}
