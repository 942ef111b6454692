//! The user's own directory in the stash, made before the stager becomes that user.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::Path;

/// Makes a user's directory in the stash, `own`, where it is absent. Root makes it for anybody, anybody else for
/// themselves.
///
/// # Errors
/// When it cannot be made, is not a directory, or is somebody else's.
pub fn make_own_stash(own: &Path, uid: u32, gid: u32) -> io::Result<()> {
    if let Some(stash) = own.parent().filter(|stash| !stash.exists()) {
        DirBuilder::new().recursive(true).create(stash)?;
        // Every user passes through it to their own, whatever the process's mask says.
        fs::set_permissions(stash, Permissions::from_mode(0o755))?;
    }
    match DirBuilder::new().mode(0o700).create(own) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        // One that was there may have been left half made.
        Ok(()) | Err(_) => claim(own, uid, gid),
    }
}

/// Makes sure that a directory is one, and the user's; root gives its own away.
fn claim(own: &Path, uid: u32, gid: u32) -> io::Result<()> {
    let found = own.symlink_metadata()?;
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a directory"));
    }
    match found.uid() {
        owner if owner == uid => Ok(()),
        0 if nix::unistd::geteuid().is_root() => lchown(own, Some(uid), Some(gid)),
        owner => {
            let message = format!("it belongs to user {owner}");
            Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stash_is_a_directory_of_its_users_and_nothing_else() {
        let stash = tempfile::tempdir().unwrap();
        let uid = nix::unistd::geteuid().as_raw();
        let gid = nix::unistd::getegid().as_raw();
        let own = stash.path().join("below").join(uid.to_string());
        make_own_stash(&own, uid, gid).unwrap();
        make_own_stash(&own, uid, gid).unwrap();
        std::fs::remove_dir(&own).unwrap();
        std::os::unix::fs::symlink("/tmp", &own).unwrap();
        assert_eq!(make_own_stash(&own, uid, gid).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn a_stash_that_root_left_half_made_is_given_to_its_user_and_anothers_is_not() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let stash = tempfile::tempdir().unwrap();
        let own = stash.path().join("4711");
        std::fs::create_dir(&own).unwrap();
        make_own_stash(&own, 4711, 4712).unwrap();
        assert_eq!((own.metadata().unwrap().uid(), own.metadata().unwrap().gid()), (4711, 4712));
        lchown(&own, Some(815), None).unwrap();
        assert_eq!(make_own_stash(&own, 4711, 4712).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
