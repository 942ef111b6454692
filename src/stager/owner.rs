//! Becoming the owner of the session, and giving up everything that a stager does not need.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use crate::api::{Error, ErrorKind, Result};
use crate::wire::broker_stager::Begin;

/// What holds for the whole process from its first moment: no privileges to be gained by any exec, no core dumps of a
/// user's files, no other process of the user's looking in, no files for others.
///
/// # Errors
/// When the kernel refuses; the process must not go on.
pub fn harden() -> nix::Result<()> {
    prctl::set_no_new_privs()?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // A change of user resets this to what the system has for such processes, which is never more open.
    prctl::set_dumpable(false)?;
    umask(Mode::from_bits_truncate(0o077));
    Ok(())
}

/// Refuses a foreign owner. Root may become anybody; anybody else is already who they are.
///
/// # Errors
/// `NotAuthorized`; the process must not go on.
pub fn check_owner(begin: &Begin) -> Result<()> {
    let (own, uid) = (Uid::effective(), Uid::from_raw(begin.uid));
    if own == uid || own.is_root() {
        return Ok(());
    }
    let message = format!("a process of user {own} cannot stage files for user {uid}");
    Err(Error::new(ErrorKind::NotAuthorized, message))
}

/// Becomes the session's owner, for good; who may is told by [`check_owner`]. Of root's powers root keeps those over
/// files, anybody else none.
///
/// # Errors
/// `HelperFailed` when the change did not take effect; the process must not go on.
pub fn become_owner(begin: &Begin) -> Result<()> {
    let (uid, gid) = (Uid::from_raw(begin.uid), Gid::from_raw(begin.gid));
    if Uid::effective() == uid {
        return keep_files_alone().map_err(|errno| failed(uid, &errno.to_string()));
    }
    let groups: Vec<Gid> = begin.groups.iter().copied().map(Gid::from_raw).collect();
    let changed = setgroups(&groups)
        .and_then(|()| setresgid(gid, gid, gid))
        .and_then(|()| setresuid(uid, uid, uid))
        .and_then(|()| is_now(uid, gid, &groups));
    match changed {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed(uid, "the change of user did not take effect")),
        Err(errno) => Err(failed(uid, errno.desc())),
    }
}

/// All of the ids are the new ones, and there is no way back.
fn is_now(uid: Uid, gid: Gid, groups: &[Gid]) -> nix::Result<bool> {
    let (uids, gids) = (getresuid()?, getresgid()?);
    let sorted = |mut groups: Vec<Gid>| {
        groups.sort_unstable_by_key(|group| group.as_raw());
        groups.dedup();
        groups
    };
    let root = Uid::from_raw(0);
    Ok([uids.real, uids.effective, uids.saved] == [uid; 3]
        && [gids.real, gids.effective, gids.saved] == [gid; 3]
        && sorted(getgroups()?) == sorted(groups.to_vec())
        && setresuid(root, root, root).is_err())
}

/// Gives up what a process may do beyond reading files.
fn keep_files_alone() -> rustix::io::Result<()> {
    let files = CapabilitySet::DAC_READ_SEARCH | CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER;
    let now = capabilities(None)?;
    let kept = CapabilitySets {
        effective: now.effective & files,
        permitted: now.permitted & files,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, kept)
}

fn failed(uid: Uid, why: &str) -> Error {
    Error::new(ErrorKind::HelperFailed, format!("the stager could not become user {uid}: {why}"))
}
