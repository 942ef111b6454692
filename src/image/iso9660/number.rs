//! Numbers recorded in both byte orders (ECMA-119 §7.2.3, §7.3.3).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, big_endian, little_endian};

/// 16 bits, little-endian and then big-endian (ECMA-119 §7.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Both16 {
    little: little_endian::U16,
    big: big_endian::U16,
}

impl Both16 {
    /// The same number, twice.
    pub const fn new(value: u16) -> Self {
        Self { little: little_endian::U16::new(value), big: big_endian::U16::new(value) }
    }

    /// The number, if both halves tell the same.
    pub fn get(self) -> Option<u16> {
        (self.little.get() == self.big.get()).then(|| self.little.get())
    }
}

/// 32 bits, little-endian and then big-endian (ECMA-119 §7.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Both32 {
    little: little_endian::U32,
    big: big_endian::U32,
}

impl Both32 {
    /// The same number, twice.
    pub const fn new(value: u32) -> Self {
        Self { little: little_endian::U32::new(value), big: big_endian::U32::new(value) }
    }

    /// The number, if both halves tell the same.
    pub fn get(self) -> Option<u32> {
        (self.little.get() == self.big.get()).then(|| self.little.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_little_endian_first() {
        assert_eq!(Both16::new(0x1234).as_bytes(), [0x34, 0x12, 0x12, 0x34]);
        assert_eq!(Both32::new(0x1234_5678).as_bytes(), [0x78, 0x56, 0x34, 0x12, 0x12, 0x34, 0x56, 0x78]);
    }

    #[test]
    fn halves_that_differ_are_no_number() {
        let read = Both32::read_from_bytes(&[0x78, 0x56, 0x34, 0x12, 0x12, 0x34, 0x56, 0x79]).unwrap();
        assert_eq!(read.get(), None);
        assert_eq!(Both16::read_from_bytes(&[0x34, 0x12, 0x12, 0x34]).unwrap().get(), Some(0x1234));
    }
}
