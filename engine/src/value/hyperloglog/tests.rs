use proptest::prelude::*;

use super::*;

const MAX: usize = 3000;

fn of(elements: impl IntoIterator<Item = u64>, max: usize) -> Vec<u8> {
    let mut bytes = empty();
    for n in elements {
        see(&mut bytes, observe(n.to_string().as_bytes()), max).expect("well formed");
    }
    bytes
}

/// Asked of Redis 7.0.15: `PFADD on 1`, then `PFDEBUG DECODE on`.
#[test]
fn one_element_stands_where_redis_puts_it() {
    let mut bytes = empty();
    assert_eq!(bytes.len(), 18);
    assert_eq!(kept_count(&bytes), Some(0));
    assert_eq!(see(&mut bytes, observe(b"1"), MAX), Ok(true));
    assert_eq!(kept_count(&bytes), None);
    assert_eq!(describe(&bytes), Some(Ok("Z:7527 v:1,1 Z:8856".to_owned())));
    assert_eq!(count(&bytes), Ok(1));
    assert_eq!(see(&mut bytes, observe(b"1"), MAX), Ok(false));
}

#[test]
fn estimates_are_near() {
    for n in [10, 100, 1000, 10_000, 100_000, 300_000u64] {
        let estimate = count(&of(0..n, MAX)).expect("well formed");
        assert!(estimate.abs_diff(n) * 40 <= n.max(40), "{n}: {estimate}");
    }
}

#[test]
fn what_is_no_hyperloglog_is_refused() {
    let mut sparse = of(0..50, MAX);
    assert_eq!(encoding(b"HYLL"), None);
    assert_eq!(encoding(&[b"HYLLx"[..].to_vec(), vec![0; 20]].concat()), None);
    sparse.pop();
    assert_eq!(count(&sparse), Err(Corrupted));
    assert_eq!(make_dense(&mut sparse.clone()), Err(Corrupted));
    assert_eq!(rank(&sparse, REGISTERS - 1), Err(Corrupted));
    let mut dense = of(0..50, 0);
    assert_eq!(encoding(&dense), Some(Encoding::Dense));
    dense.push(0);
    assert_eq!(encoding(&dense), None);
}

proptest! {
    /// Sparse and dense say the same, and what a plain list of registers says.
    #[test]
    fn registers_like_a_plain_list(
        sights in prop::collection::vec((0..200usize, 1..40u8, any::<bool>()), 0..600),
        max in prop_oneof![Just(0), Just(100), Just(MAX)],
    ) {
        let (mut bytes, mut model) = (empty(), [0u8; REGISTERS]);
        for (near, rank, far) in sights {
            let register = if far { near * 81 } else { near };
            let changed = see(&mut bytes, Sight { register, rank }, max);
            prop_assert_eq!(changed, Ok(model[register] < rank));
            model[register] = model[register].max(rank);
        }
        let ranks = Ranks::of(&bytes).expect("well formed");
        prop_assert_eq!(&ranks.all()[..], &model[..]);
        prop_assert_eq!(count(&bytes), Ok(ranks.count()));
        let mut dense = bytes.clone();
        make_dense(&mut dense).expect("well formed");
        let again = Ranks::of(&dense).expect("well formed");
        prop_assert_eq!(&again.all()[..], &model[..]);
        for register in [0, 1, 5, 199, 200, 81 * 3, REGISTERS - 1] {
            prop_assert_eq!(rank(&bytes, register), Ok(model[register]));
            prop_assert_eq!(rank(&dense, register), Ok(model[register]));
        }
    }

    /// Whatever the bytes are, nothing panics, and what is read covers all registers.
    #[test]
    fn hostile_bytes(runs in prop::collection::vec(any::<u8>(), 0..300), element: u64, dense: bool) {
        let mut bytes = empty();
        bytes.truncate(HEADER);
        bytes[4] = u8::from(!dense);
        bytes.extend(runs);
        let _ = (count(&bytes), describe(&bytes), Ranks::of(&bytes).is_ok());
        let _ = see(&mut bytes, observe(&element.to_le_bytes()), MAX);
        let _ = make_dense(&mut bytes);
    }
}
