//! Intsets from strangers: they are refused, or survive being walked, searched and edited.

#![no_main]

use std::collections::BTreeSet;

use carnelian::value::intset::Intset;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<(bool, i64)>, &[u8])| {
    let (edits, bytes) = input;
    let Ok(mut set) = Intset::from_bytes(bytes) else { return };
    assert_eq!(set.as_bytes(), bytes);
    let mut model: BTreeSet<i64> = set.iter().collect();
    assert_eq!(model.len(), set.len());
    for (insert, n) in edits {
        assert_eq!(set.contains(n), model.contains(&n));
        if insert {
            assert_eq!(set.insert(n), model.insert(n));
        } else {
            assert_eq!(set.remove(n), model.remove(&n));
        }
    }
    assert!(set.iter().eq(model.iter().copied()));
    assert!(set.iter().rev().eq(model.iter().rev().copied()));
    assert!(Intset::from_bytes(set.as_bytes()).is_ok());
});
