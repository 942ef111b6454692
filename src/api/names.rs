//! The names on the bus: one place for each.

/// The well-known bus name.
pub const BUS_NAME: &str = "org.discmaster1";
/// The root object: DiscMaster and ObjectManager.
pub const ROOT: &str = "/org/discmaster1";
/// Parent of the recorders' objects.
pub const RECORDERS: &str = "/org/discmaster1/recorders";
/// Parent of the sessions' objects.
pub const SESSIONS: &str = "/org/discmaster1/sessions";
/// Parent of the jobs' objects.
pub const JOBS: &str = "/org/discmaster1/jobs";
/// Prefix of every error of ours.
pub const ERROR_PREFIX: &str = "org.discmaster1.Error";

/// The format identifier of data discs (ISO 9660, Joliet, Rock Ridge); also its object's last path element.
pub const JOLIET: &str = "joliet";

/// The format identifier of audio discs (Red Book); also its object's last path element.
pub const REDBOOK: &str = "redbook";

/// polkit action: lock a recorder, or every recorder, and record in it.
pub const ACTION_OPEN: &str = "org.discmaster1.open-recorder";
/// polkit action: blank or format a disc.
pub const ACTION_ERASE: &str = "org.discmaster1.erase-medium";
/// polkit action: eject or load a disc.
pub const ACTION_EJECT: &str = "org.discmaster1.eject-medium";
/// polkit action: the first, for a recorder of a seat where the caller does not sit.
pub const ACTION_OPEN_OTHER_SEAT: &str = "org.discmaster1.open-recorder-other-seat";
/// polkit action: the second, for a recorder of a seat where the caller does not sit.
pub const ACTION_ERASE_OTHER_SEAT: &str = "org.discmaster1.erase-medium-other-seat";
/// polkit action: the third, for a recorder of a seat where the caller does not sit.
pub const ACTION_EJECT_OTHER_SEAT: &str = "org.discmaster1.eject-medium-other-seat";
/// polkit action: cancel a job of another user's.
pub const ACTION_CANCEL_OTHER_USER: &str = "org.discmaster1.cancel-job-other-user";
/// polkit action: close a session of another user's.
pub const ACTION_CLOSE_OTHER_USER: &str = "org.discmaster1.close-session-other-user";
