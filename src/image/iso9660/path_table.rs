//! Path tables (ECMA-119 §9.4): all directories by level, parent and name.

/// In which byte order a path table has its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Type L: little-endian.
    Little,
    /// Type M: big-endian.
    Big,
}

/// Most directories that the 16-bit parent numbers can tell apart.
pub const DIRECTORIES_MAX: usize = 65535;

/// Bytes of the entry of a directory whose name has `name_length` bytes.
pub const fn entry_length(name_length: usize) -> usize {
    8 + name_length + name_length % 2
}

/// Appends the entry of a directory: where its extent starts, and the number of its parent (from 1).
pub fn push_entry(table: &mut Vec<u8>, order: ByteOrder, block: u32, parent: u16, name: &[u8]) {
    table.extend_from_slice(&[name.len() as u8, 0]);
    match order {
        ByteOrder::Little => {
            table.extend_from_slice(&block.to_le_bytes());
            table.extend_from_slice(&parent.to_le_bytes());
        }
        ByteOrder::Big => {
            table.extend_from_slice(&block.to_be_bytes());
            table.extend_from_slice(&parent.to_be_bytes());
        }
    }
    table.extend_from_slice(name);
    if name.len() % 2 == 1 {
        table.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_carry_block_parent_and_name_in_the_order_of_the_table() {
        let mut table = Vec::new();
        push_entry(&mut table, ByteOrder::Little, 0x0102_0304, 0x0506, b"ABC");
        assert_eq!(table, [3, 0, 4, 3, 2, 1, 6, 5, b'A', b'B', b'C', 0]);
        assert_eq!(table.len(), entry_length(3));
        table.clear();
        push_entry(&mut table, ByteOrder::Big, 0x0102_0304, 0x0506, b"AB");
        assert_eq!(table, [2, 0, 1, 2, 3, 4, 5, 6, b'A', b'B']);
        assert_eq!(table.len(), entry_length(2));
    }
}
