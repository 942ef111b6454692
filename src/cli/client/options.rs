//! The options of a call.

use std::collections::HashMap;

use zbus::{ObjectPath, Variant};

/// Options of a call, `a{sv}` on the bus. What is left out is the service's default.
#[derive(Debug, Default)]
pub struct Options(pub(super) HashMap<&'static str, Variant<'static>>);

impl Options {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// A text.
    #[must_use]
    pub fn text(self, key: &'static str, value: &str) -> Self {
        self.with(key, Variant::new(value.to_owned()))
    }

    /// A yes or no; a no is left to the default.
    #[must_use]
    pub fn flag(self, key: &'static str, value: bool) -> Self {
        if value { self.with(key, Variant::new(true)) } else { self }
    }

    /// A yes or no that is said either way.
    #[must_use]
    pub fn setting(self, key: &'static str, value: bool) -> Self {
        self.with(key, Variant::new(value))
    }

    /// Numbers.
    #[must_use]
    pub fn numbers(self, key: &'static str, values: Vec<u32>) -> Self {
        self.with(key, Variant::from(values))
    }

    /// A number, if there is one.
    #[must_use]
    pub fn number(self, key: &'static str, value: Option<u32>) -> Self {
        match value {
            Some(value) => self.with(key, Variant::new(value)),
            None => self,
        }
    }

    /// The path of an object of the service's. One that is none is left out.
    #[must_use]
    pub fn object(self, key: &'static str, path: &str) -> Self {
        match ObjectPath::try_from(path.to_owned()) {
            Ok(path) => self.with(key, Variant::new(path)),
            Err(_) => self,
        }
    }

    fn with(mut self, key: &'static str, value: Variant<'static>) -> Self {
        self.0.insert(key, value);
        self
    }
}
