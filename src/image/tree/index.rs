//! A hash table from (directory, name) to node, of 4 bytes a slot: the names themselves stay in the tree.

use std::hash::{BuildHasher, RandomState};

const FREE: u32 = u32::MAX;
const GONE: u32 = u32::MAX - 1;

/// Open addressing with linear probing, at most three quarters full.
#[derive(Debug, Clone, Default)]
pub struct Index {
    slots: Vec<u32>,
    /// Slots that are not [`FREE`]: nodes and what removed ones left behind.
    used: usize,
    keys: RandomState,
}

impl Index {
    /// The node named `name` in `dir`. `named` tells where a node of the table is and what it is called.
    pub fn find<'a>(&self, dir: u32, name: &[u8], named: impl Fn(u32) -> (u32, &'a [u8])) -> Option<u32> {
        self.probe(dir, name).map(|at| self.slots[at]).find(|&id| id != GONE && named(id) == (dir, name))
    }

    /// Adds a node that is not in the table.
    pub fn insert<'a>(&mut self, dir: u32, name: &[u8], id: u32, named: impl Fn(u32) -> (u32, &'a [u8])) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow(&named);
        }
        self.place(dir, name, id);
    }

    /// Takes a node out.
    pub fn remove(&mut self, dir: u32, name: &[u8], id: u32) {
        let found = self.probe(dir, name).find(|&at| self.slots[at] == id);
        if let Some(at) = found {
            self.slots[at] = GONE;
        }
    }

    fn grow<'a>(&mut self, named: &impl Fn(u32) -> (u32, &'a [u8])) {
        let old = std::mem::take(&mut self.slots);
        let live = old.iter().filter(|&&id| id < GONE).count();
        self.slots = vec![FREE; ((live + 1) * 2).next_power_of_two().max(16)];
        self.used = 0;
        for id in old.into_iter().filter(|&id| id < GONE) {
            let (dir, name) = named(id);
            self.place(dir, name, id);
        }
    }

    fn place(&mut self, dir: u32, name: &[u8], id: u32) {
        let mask = self.slots.len() - 1;
        let mut at = self.keys.hash_one((dir, name)) as usize & mask;
        while self.slots[at] != FREE {
            at = (at + 1) & mask;
        }
        self.slots[at] = id;
        self.used += 1;
    }

    /// The slots where this name may be: from its home to the first free one.
    fn probe(&self, dir: u32, name: &[u8]) -> impl Iterator<Item = usize> + '_ {
        let mask = self.slots.len().wrapping_sub(1);
        let home = if self.slots.is_empty() { 0 } else { self.keys.hash_one((dir, name)) as usize & mask };
        (0..self.slots.len()).map(move |step| (home + step) & mask).take_while(|&at| self.slots[at] != FREE)
    }
}
