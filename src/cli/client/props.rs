//! The properties of an object, read without trust: what is missing, or of another type, is `None` or empty.

use std::collections::{BTreeMap, HashMap};

use zbus::{OwnedVariant, Variant};

use crate::api::Detail;

/// Properties by name, as `GetAll`, `PropertiesChanged` and `GetManagedObjects` bring them.
#[derive(Debug, Default)]
pub struct Props(pub(super) HashMap<String, OwnedVariant>);

impl Props {
    /// A string or an object path; empty when there is none.
    pub fn text(&self, name: &str) -> String {
        self.value(name).and_then(text).unwrap_or_default()
    }

    /// A number of any width.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.value(name).and_then(number)
    }

    /// A number with a fraction.
    pub fn real(&self, name: &str) -> Option<f64> {
        match self.value(name)? {
            Variant::F64(real) => Some(*real),
            _ => None,
        }
    }

    /// A yes or no; no when there is none.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Variant::Bool(true)))
    }

    /// Every string of an array.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.array(name).iter().filter_map(text).collect()
    }

    /// Every number of an array.
    pub fn numbers(&self, name: &str) -> Vec<u64> {
        self.array(name).iter().filter_map(number).collect()
    }

    /// An array of structures of numbers and flags; a flag counts as 0 or 1, anything else as 0.
    pub fn rows(&self, name: &str) -> Vec<Vec<u64>> {
        let row = |value: &Variant<'_>| match value {
            Variant::Structure(row) => {
                Some(row.fields().iter().map(|field| number(field).unwrap_or(0)).collect())
            }
            _ => None,
        };
        self.array(name).iter().filter_map(row).collect()
    }

    /// An array of structures of a name and a number; what is otherwise is left out.
    pub fn named(&self, name: &str) -> Vec<(String, u64)> {
        let row = |value: &Variant<'_>| match value {
            Variant::Structure(row) => match row.fields() {
                [name, figure] => Some((text(name)?, number(figure)?)),
                _ => None,
            },
            _ => None,
        };
        self.array(name).iter().filter_map(row).collect()
    }

    /// Takes in newer values.
    pub fn update(&mut self, newer: Self) {
        self.0.extend(newer.0);
    }

    /// Every number and text as details of an error; other values are left out.
    pub fn details(&self) -> BTreeMap<String, Detail> {
        let detail = |value: &Variant<'_>| match number(value) {
            Some(number) => Some(Detail::Number(number)),
            None => text(value).map(Detail::Text),
        };
        self.0.iter().filter_map(|(key, value)| Some((key.clone(), detail(value)?))).collect()
    }

    fn value(&self, name: &str) -> Option<&Variant<'static>> {
        self.0.get(name).map(|value| &**value)
    }

    fn array(&self, name: &str) -> &[Variant<'static>] {
        match self.value(name) {
            Some(Variant::Array(array)) => array.inner(),
            _ => &[],
        }
    }
}

fn text(value: &Variant<'_>) -> Option<String> {
    match value {
        Variant::Str(text) => Some(text.as_str().to_owned()),
        Variant::ObjectPath(path) => Some(path.as_str().to_owned()),
        Variant::Variant(inner) => self::text(inner),
        _ => None,
    }
}

fn number(value: &Variant<'_>) -> Option<u64> {
    match value {
        Variant::U8(number) => Some(u64::from(*number)),
        Variant::U16(number) => Some(u64::from(*number)),
        Variant::U32(number) => Some(u64::from(*number)),
        Variant::U64(number) => Some(*number),
        Variant::I16(number) => u64::try_from(*number).ok(),
        Variant::I32(number) => u64::try_from(*number).ok(),
        Variant::I64(number) => u64::try_from(*number).ok(),
        Variant::Bool(flag) => Some(u64::from(*flag)),
        Variant::Variant(inner) => self::number(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(name: &str, value: Variant<'static>) -> Props {
        Props(HashMap::from([(name.to_owned(), OwnedVariant::try_from(value).unwrap())]))
    }

    #[test]
    fn numbers_of_any_width_are_read_and_negative_ones_are_none() {
        assert_eq!(props("N", Variant::new(7u8)).number("N"), Some(7));
        assert_eq!(props("N", Variant::new(70_000u32)).number("N"), Some(70_000));
        assert_eq!(props("N", Variant::new(-1i32)).number("N"), None);
        assert_eq!(props("N", Variant::new("7")).number("N"), None);
    }

    #[test]
    fn what_is_missing_or_of_another_type_reads_as_nothing() {
        let props = props("Vendor", Variant::new(1u32));
        assert_eq!(props.text("Vendor"), "");
        assert_eq!(props.text("Product"), "");
        assert!(!props.flag("Vendor"));
        assert_eq!(props.real("Vendor"), None);
        assert!(props.numbers("Vendor").is_empty() && props.rows("Vendor").is_empty());
    }

    #[test]
    fn names_come_with_their_figures() {
        let props = props("Formats", Variant::new(vec![("default".to_owned(), 8192u64)]));
        assert_eq!(props.named("Formats"), [("default".to_owned(), 8192)]);
        assert!(props.named("Tracks").is_empty());
    }

    #[test]
    fn rows_carry_flags_as_numbers() {
        let props = props("Tracks", Variant::new(vec![(1u16, 1u16, 0u32, 352u32, true)]));
        assert_eq!(props.rows("Tracks"), [[1, 1, 0, 352, 1]]);
    }
}
