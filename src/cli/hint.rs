//! What to do next, for every failure that the service knows.

use crate::api::ErrorKind;

use super::messages::msgid;

/// One sentence for a person who has just read the failure's message.
#[expect(clippy::too_many_lines, reason = "a table, a failure a line")]
pub const fn hint(kind: ErrorKind) -> &'static str {
    use ErrorKind as Kind;
    match kind {
        Kind::NotOpened | Kind::NotInitialized => msgid!("start the command again; the session had ended"),
        Kind::UserAbort => {
            msgid!(
                "erase a rewritable disc before it is used again; check a written one with `discmaster info`"
            )
        }
        Kind::Generic => msgid!("look into the service's log: journalctl -u discmaster"),
        Kind::MediumNotPresent => msgid!("insert a recordable disc and try again"),
        Kind::MediumInvalidType => {
            msgid!("see `discmaster info` for what the recorder takes, and insert such a disc")
        }
        Kind::DeviceNoProperties => msgid!("this recorder has no settings to change"),
        Kind::DeviceNotAccessible | Kind::DeviceStillInUse => {
            msgid!("close the program that uses the drive (fuser -v on its device names it) and try again")
        }
        Kind::DeviceNotPresent => {
            msgid!("plug the recorder in; `discmaster list` shows those that are present")
        }
        Kind::DeviceInvalidType => {
            msgid!("choose another recorder with --recorder; `discmaster list` shows them")
        }
        Kind::InitializeWrite => {
            msgid!("take the disc out, put it in again and retry, perhaps with a lower --speed")
        }
        Kind::InitializeEndWrite | Kind::WrittenNotClosed => {
            msgid!("the data are usually readable: check the disc in another drive before throwing it away")
        }
        Kind::FileSystem => msgid!("close what is open on it and try again with --unmount"),
        Kind::FileAccess => msgid!("see that the stash's file system is writable and has room"),
        Kind::DiscInfo => msgid!("clean the disc, or try another one"),
        Kind::TrackNotOpen => msgid!("create an audio track first"),
        Kind::TrackOpen => msgid!("close the open audio track first"),
        Kind::DiscFull => msgid!("leave something out, or insert a larger disc"),
        Kind::BadJolietName => msgid!("choose another name, which is shorter or has no unusual characters"),
        Kind::InvalidImage => msgid!("give at least one file or folder that can be recorded"),
        Kind::NoActiveFormat => msgid!("select a format first"),
        Kind::NoActiveRecorder => msgid!("name a recorder with --recorder"),
        Kind::WrongFormat => msgid!("use the object of the format that is selected"),
        Kind::AlreadyOpen => msgid!("close your other session first; `discmaster list` shows what it holds"),
        Kind::WrongDisc => msgid!("put the disc back that was in the drive, or start again with this one"),
        Kind::FileExists => msgid!("rename one of the two, or let the later one win with --overwrite"),
        Kind::StashInUse | Kind::Busy => {
            msgid!("wait until the holder is done; `discmaster list` shows who it is")
        }
        Kind::LossOfStreaming => {
            msgid!("burn again at a lower --speed, or with --copy when the files lie on a slow device")
        }
        Kind::CompressedStash | Kind::EncryptedStash | Kind::RemovableStash => {
            msgid!("have the administrator put the stash on a plain local file system (discmasterd --stash)")
        }
        Kind::NotEnoughDiskForStash => msgid!("make room, or burn without --copy"),
        Kind::CannotWriteToMedia => {
            msgid!(
                "insert a blank or appendable disc, or erase this one with `discmaster erase` if it is rewritable; of a disc \
                 that was cut off, `discmaster burn` goes on with the burn (--resume) or closes it (--close-unfinished)"
            )
        }
        Kind::TrackNotBigEnough => msgid!("make the track at least four seconds long"),
        Kind::BootImageAndNonblankDisc => msgid!("use a blank disc for a boot image"),
        Kind::NotAuthorized => msgid!("ask the administrator for the right to use this recorder"),
        Kind::NotAuthorizedCanObtain => {
            msgid!("run the command in a desktop session, or as an administrator")
        }
        Kind::NotAuthorizedDismissed => msgid!("run the command again and authenticate"),
        Kind::VerifyFailed => {
            msgid!("clean the disc and read it again; if the damage stays, burn another at a lower --speed")
        }
        Kind::WriteFailed => {
            msgid!(
                "try another disc, a lower --speed, or another brand; where the disc can be gone on with, \
                 `discmaster burn` does so with --resume, or closes it with --close-unfinished"
            )
        }
        Kind::EraseFailed => {
            msgid!("try `discmaster erase --full`; a disc that refuses that too is worn out")
        }
        Kind::FileChanged => {
            msgid!("leave the files alone while they are burned, or take a copy first with --copy")
        }
        Kind::FileUnreadable => msgid!("see to the file's permissions, or leave it out"),
        Kind::FileDamaged => msgid!("get the file anew, or leave it out"),
        Kind::SpecialFile => msgid!("leave device nodes, sockets and pipes out with --skip-special"),
        Kind::NotSupported => msgid!("see `discmaster info` for what this recorder and disc can do"),
        Kind::LimitsExceeded => {
            msgid!("close sessions that you no longer need, or burn fewer files at a time")
        }
        Kind::InvalidArgs => msgid!("see `discmaster help`; perhaps the service is older than this program"),
        Kind::HelperFailed => msgid!("look into the service's log, then try again: journalctl -u discmaster"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn every_failure_has_a_hint_of_one_line_that_is_no_sentence_of_its_own() {
        for kind in ErrorKind::ALL {
            let hint = hint(*kind);
            assert!(hint.len() > 20, "{kind:?}: {hint}");
            assert!(!hint.contains('\n') && !hint.ends_with('.'), "{kind:?}: {hint}");
            assert!(hint.starts_with(char::is_lowercase), "{kind:?}: {hint}");
        }
    }

    #[test]
    fn hints_name_only_options_that_exist() {
        // One of discmasterd's, for the administrator.
        let mut known = vec!["--stash".to_owned()];
        for command in Cli::command().get_subcommands() {
            let options = command.get_arguments().filter_map(clap::Arg::get_long);
            known.extend(options.map(|option| format!("--{option}")));
        }
        for kind in ErrorKind::ALL {
            for word in
                hint(*kind).split([' ', ',', ';', '`', ')', '(']).filter(|word| word.starts_with("--"))
            {
                assert!(known.iter().any(|option| option == word), "{kind:?}: {word}");
            }
        }
    }
}
