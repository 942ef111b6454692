//! Unique names in a directory after mangling, in time linear in their number whatever the names are.

use super::view::{Names, Naming};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// Digits and underscore that a stem may lose to a number.
const SUFFIX_MAX: usize = 8;

/// Gives every name that is taken another one. The first to come keeps its name.
///
/// Names are compared by a keyed 64-bit hash: should two ever meet in it, one gets a number that it did not need.
pub(crate) fn settle(naming: Naming, nodes: &[u32], is_directory: impl Fn(u32) -> bool, names: &mut Names) {
    let keys = RandomState::new();
    let mut folded = Vec::new();
    let mut taken = HashSet::with_capacity(nodes.len());
    let mut losers = Vec::new();
    for &node in nodes {
        if !taken.insert(keys.hash_one(naming.fold(names.get(node), &mut folded))) {
            losers.push(node);
        }
    }
    // Names with the same beginning share a counter, so that no number is tried twice.
    let mut counters: HashMap<u64, u32> = HashMap::new();
    let mut fresh = Vec::new();
    for node in losers {
        let directory = is_directory(node);
        let name = names.get(node);
        let stem = naming.stem_length(name, directory);
        let limit = naming.limit_bytes().saturating_sub(name.len() - stem + SUFFIX_MAX * naming.unit());
        let common = naming.fold(&name[..stem.min(limit)], &mut folded);
        let counter = counters.entry(keys.hash_one((common, &name[stem..]))).or_default();
        loop {
            *counter += 1;
            fresh.clear();
            naming.numbered(names.get(node), directory, *counter, &mut fresh);
            if taken.insert(keys.hash_one(naming.fold(&fresh, &mut folded))) {
                break;
            }
        }
        names.set(node, &fresh);
    }
}
