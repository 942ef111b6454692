//! Texts that the bus takes: without a zero byte. It turns away whoever sends another, and that is the whole service: so none is
//! taken in from a helper, which may have been taken over.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Has texts in it.
pub trait Plain {
    /// None of them has a zero byte.
    fn is_plain(&self) -> bool;
}

impl Plain for String {
    fn is_plain(&self) -> bool {
        !self.contains('\0')
    }
}

impl Plain for Vec<String> {
    fn is_plain(&self) -> bool {
        self.iter().all(Plain::is_plain)
    }
}

impl<T> Plain for BTreeMap<String, T> {
    fn is_plain(&self) -> bool {
        self.keys().all(Plain::is_plain)
    }
}

/// Takes in such texts alone, as `serde(deserialize_with)` wants it.
///
/// # Errors
/// When a text has a zero byte, and those of `from`.
pub fn plain<'de, T: Plain + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let texts = T::deserialize(from)?;
    if texts.is_plain() { Ok(texts) } else { Err(D::Error::custom("a text with a zero byte")) }
}
