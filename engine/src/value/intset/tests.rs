use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn check(set: &Intset, model: &BTreeSet<i64>) {
    assert!(set.iter().eq(model.iter().copied()));
    assert!(set.iter().rev().eq(model.iter().rev().copied()));
    assert_eq!(set.len(), model.len());
    assert_eq!((set.min(), set.max()), (model.first().copied(), model.last().copied()));
    let again = Intset::from_bytes(set.as_bytes()).expect("what we made is valid");
    assert_eq!(again.as_bytes(), set.as_bytes());
}

#[test]
fn byte_for_byte() {
    let mut set = Intset::new();
    assert_eq!(set.bytes(), 0);
    assert_eq!(set.as_bytes(), [2, 0, 0, 0, 0, 0, 0, 0]);
    assert!(set.insert(5) && set.insert(-1) && !set.insert(5));
    assert_eq!(set.as_bytes(), [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0]);
    assert!(set.insert(32_768));
    assert_eq!(
        set.as_bytes(),
        [4, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0, 0, 0x80, 0, 0],
        "all get wider with the first that needs it"
    );
    assert!(set.insert(i64::MIN));
    assert_eq!(set.as_bytes()[..16], [8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    assert!(set.remove(i64::MIN) && set.remove(32_768) && !set.remove(7));
    assert_eq!(set.as_bytes()[..8], [8, 0, 0, 0, 2, 0, 0, 0], "and stay so");
    check(&set, &[-1, 5].into());
    assert_eq!(size_of::<Option<Intset>>(), 8);
}

#[test]
fn strangers_bytes_are_refused() {
    let good = [2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0];
    assert!(Intset::from_bytes(&good).is_ok());
    for end in 0..good.len() {
        assert!(Intset::from_bytes(&good[..end]).is_err(), "cut at {end}");
    }
    for (at, byte, why) in [
        (0, 0, "width"),
        (0, 3, "width"),
        (0, 4, "width"),
        (3, 1, "width"),
        (4, 3, "count"),
        (7, 255, "count"),
        (9, 0, "order"),
    ] {
        let mut bytes = good;
        bytes[at] = byte;
        assert!(Intset::from_bytes(&bytes).is_err(), "{why}");
    }
    assert!(Intset::from_bytes(&[2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 5, 0]).is_err(), "twice the same");
}

proptest! {
    #[test]
    fn behaves_as_a_tree(ops in prop::collection::vec((any::<bool>(), 0..60u32, any::<i64>()), 0..200)) {
        let (mut set, mut model) = (Intset::new(), BTreeSet::new());
        for (insert, bits, n) in ops {
            // Mostly small ones, so that some come twice.
            let n = n >> bits;
            prop_assert_eq!(set.contains(n), model.contains(&n));
            if insert {
                prop_assert_eq!(set.insert(n), model.insert(n));
            } else {
                prop_assert_eq!(set.remove(n), model.remove(&n));
                if let Some(&n) = model.iter().nth(model.len() / 2) {
                    prop_assert!(set.contains(n) && set.get(model.len() / 2) == Some(n));
                }
            }
        }
        check(&set, &model);
    }
}
