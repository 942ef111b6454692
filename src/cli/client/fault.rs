//! What can go wrong between us and the service, as failures of the command line.

use zbus::DBusError as _;

use crate::api::{self, ErrorKind};
use crate::cli::args::Bus;
use crate::cli::exit::{Exit, Reached};
use crate::cli::failure::Failure;
use crate::cli::messages::tr;

/// The bus could not be reached.
pub(super) fn no_bus(bus: Bus, error: &zbus::Error) -> Failure {
    let failure = Failure::new(Exit::Other, "NoBus", tr!("the {bus} cannot be reached: {error}", bus, error));
    match bus {
        Bus::System => failure.hint(tr!("start dbus, or use a service of your own with --bus session")),
        Bus::Host(_) => {
            failure.hint(tr!("see that `ssh HOST systemd-stdio-bridge` works without a question"))
        }
        Bus::Session => failure.hint(tr!("start this in a desktop session, or below `dbus-run-session`")),
    }
}

/// The connection to the bus ended.
pub(super) fn bus_gone() -> Failure {
    Failure::new(
        Exit::Unknown,
        "BusGone",
        tr!("the connection to the bus was lost; a running burn goes on without us"),
    )
    .hint(tr!("look at the disc with `discmaster info` once the bus is back"))
}

/// The service left the bus.
pub(super) fn service_gone() -> Failure {
    Failure::new(Exit::Unknown, "ServiceGone", tr!("discmasterd went away")).hint(tr!(
        "a burn that had begun is finished by its worker: see `discmaster jobs` and `discmaster info`"
    ))
}

/// A call failed: with an error of the service's, of the bus, or of the connection.
pub(super) fn call(bus: Bus, error: zbus::Error) -> Failure {
    let (name, message) = match &error {
        zbus::Error::MethodError(name, message, _) => {
            (name.as_str().to_owned(), message.clone().unwrap_or_default())
        }
        zbus::Error::FDO(error) => {
            (error.name().as_str().to_owned(), error.description().unwrap_or_default().to_owned())
        }
        zbus::Error::InputOutput(_) => return bus_gone(),
        other => {
            return Failure::new(Exit::Other, "Unexpected", tr!("discmasterd could not be asked: {}", other));
        }
    };
    named(bus, &name, message)
}

/// The failure behind an error's name on the bus.
fn named(bus: Bus, name: &str, message: String) -> Failure {
    if let Some(kind) = ErrorKind::from_bus_name(name) {
        return Failure::reported(api::Error::new(kind, message), Reached::Nothing);
    }
    match name.strip_prefix("org.freedesktop.DBus.Error.").unwrap_or(name) {
        "ServiceUnknown" | "NameHasNoOwner" => no_service(bus),
        short if short.starts_with("Spawn.") => {
            Failure::new(Exit::Other, "NoService", tr!("the bus could not start discmasterd: {}", message))
                .hint(tr!("see why: journalctl -u discmaster -u dbus"))
        }
        "NoReply" | "Disconnected" => service_gone(),
        "AccessDenied" => {
            Failure::reported(api::Error::new(ErrorKind::NotAuthorized, message), Reached::Nothing)
        }
        "UnknownObject" => Failure::new(Exit::Other, "Gone", tr!("it is no longer there: {}", message)),
        "UnknownMethod" | "UnknownInterface" | "UnknownProperty" => {
            Failure::new(Exit::Other, "Unexpected", tr!("discmasterd does not know this: {}", message))
                .hint(tr!("the service and this program are of different versions: update and restart both"))
        }
        _ => Failure::new(Exit::Other, "Unexpected", format!("{name}: {message}")),
    }
}

fn no_service(bus: Bus) -> Failure {
    let failure = Failure::new(Exit::Other, "NoService", tr!("discmasterd is not on the {}", bus));
    match bus {
        Bus::System => failure.hint(tr!("start it: {}", "systemctl start discmaster")),
        Bus::Host(_) => failure.hint(tr!("start it there: {}", "systemctl start discmaster")),
        Bus::Session => failure.hint(tr!("start it: {}", "discmasterd --bus session")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_service_keeps_its_name_and_message() {
        let failure =
            named(Bus::System, "org.discmaster1.Error.MediumNotPresent", "sr0 is empty.".to_owned());
        assert_eq!((failure.exit, failure.name.as_str()), (Exit::NothingWritten, "MediumNotPresent"));
        assert_eq!(failure.message, "sr0 is empty.");
        assert!(failure.hint.is_some());
    }

    #[test]
    fn an_absent_service_is_told_apart_from_one_that_refuses() {
        let absent = named(Bus::Session, "org.freedesktop.DBus.Error.ServiceUnknown", String::new());
        assert_eq!((absent.exit, absent.name.as_str()), (Exit::Other, "NoService"));
        let refused = named(Bus::System, "org.freedesktop.DBus.Error.AccessDenied", "policy".to_owned());
        assert_eq!((refused.exit, refused.name.as_str()), (Exit::Refused, "NotAuthorized"));
        let wrong = named(Bus::System, "org.freedesktop.DBus.Error.InvalidArgs", "unknown key".to_owned());
        assert_eq!((wrong.exit, wrong.name.as_str()), (Exit::Usage, "InvalidArgs"));
    }

    #[test]
    fn a_service_that_dies_under_a_call_leaves_the_end_open() {
        let failure = named(Bus::System, "org.freedesktop.DBus.Error.NoReply", String::new());
        assert_eq!((failure.exit, failure.name.as_str()), (Exit::Unknown, "ServiceGone"));
    }
}
