//! From the one error of the house to a reply on the bus.

use zbus::message::{Header, Message};
use zbus::names::ErrorName;

use crate::api;

/// What a method of ours returns. zbus knows a result by this very name.
pub type Result<T> = std::result::Result<T, BusError>;

/// [`api::Error`] as the bus wants it: its kind is the error's name, its sentence the error's message.
#[derive(Clone, Debug)]
pub struct BusError(pub api::Error);

impl From<api::Error> for BusError {
    fn from(error: api::Error) -> Self {
        Self(error)
    }
}

impl zbus::DBusError for BusError {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.name()).build(&self.0.message)
    }

    fn name(&self) -> ErrorName<'_> {
        // A kind's name is an identifier of Rust, and so always an element of a D-Bus name.
        ErrorName::try_from(self.0.bus_name())
            .unwrap_or_else(|_| ErrorName::from_static_str_unchecked("org.discmaster1.Error.Generic"))
    }

    fn description(&self) -> Option<&str> {
        Some(&self.0.message)
    }
}

#[cfg(test)]
mod tests {
    use zbus::DBusError;

    use super::*;
    use crate::api::ErrorKind;

    #[test]
    fn every_kind_of_error_has_a_valid_name_on_the_bus() {
        for kind in ErrorKind::ALL {
            let error = BusError(api::Error::new(*kind, "why"));
            assert_eq!(error.name().as_str(), kind.bus_name());
        }
    }
}
