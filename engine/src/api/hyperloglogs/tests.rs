//! HyperLogLogs through the whole engine, and their effects replayed into another one.
#![allow(clippy::unwrap_used, reason = "a test that fails has to say so")]

use proptest::prelude::*;

use crate::api::recorder::Recorder;
use crate::{Engine, Error, Options};

fn open() -> Engine {
    Engine::open(Options::new().stripes(4)).unwrap()
}

const KEYS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Add(&'static str, Vec<u16>),
    Count(Vec<&'static str>),
    Merge(&'static str, Vec<&'static str>),
    SparseMax(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || prop::sample::select(&KEYS[..]);
    prop_oneof![
        4 => (key(), prop::collection::vec(any::<u16>(), 0..200)).prop_map(|(k, e)| Step::Add(k, e)),
        2 => prop::collection::vec(key(), 1..4).prop_map(Step::Count),
        2 => (key(), prop::collection::vec(key(), 0..3)).prop_map(|(d, k)| Step::Merge(d, k)),
        1 => (0..4000u16).prop_map(Step::SparseMax),
    ]
}

proptest! {
    #[test]
    fn replayed_byte_for_byte(steps in prop::collection::vec(step(), 0..30)) {
        let (engine, other) = (open(), open());
        let recorder = Recorder::of(&engine);
        let db = engine.db(0).unwrap();
        let replay = || {
            for effect in recorder.effects.lock().drain(..) {
                other.execute(&effect.argv()).unwrap();
            }
        };
        for step in steps {
            match step {
                Step::Add(key, elements) => {
                    let elements: Vec<String> = elements.iter().map(u16::to_string).collect();
                    db.pf_add(key, &elements).unwrap();
                    prop_assert!(!db.pf_add(key, &elements).unwrap(), "again, and something was new");
                }
                Step::Count(keys) => {
                    let count = db.pf_count(&keys).unwrap();
                    prop_assert_eq!(count, db.pf_count(&keys).unwrap());
                }
                Step::Merge(dest, keys) => {
                    let all: Vec<&str> = keys.iter().copied().chain([dest]).collect();
                    let count = db.pf_count(&all).unwrap();
                    db.pf_merge(dest, &keys).unwrap();
                    prop_assert_eq!(db.pf_count(&[dest]).unwrap(), count);
                }
                Step::SparseMax(max) => {
                    replay();
                    for engine in [&engine, &other] {
                        engine.execute(&["CONFIG", "SET", "hll-sparse-max-bytes", &max.to_string()]).unwrap();
                    }
                }
            }
        }
        replay();
        for key in KEYS {
            prop_assert_eq!(db.get(key).unwrap(), other.db(0).unwrap().get(key).unwrap());
        }
    }
}

#[test]
fn other_strings_are_refused_and_left_alone() {
    let db = open().db(0).unwrap();
    db.set("text", "HYLL, but not really one").unwrap();
    let invalid = Error::new("WRONGTYPE Key is not a valid HyperLogLog string value.");
    assert_eq!(db.pf_add("text", &["x"]), Err(invalid.clone()));
    assert_eq!(db.pf_merge("dest", &["text"]), Err(invalid));
    db.pf_add("broken", &["x"]).unwrap();
    let mut bytes = db.get("broken").unwrap().unwrap();
    bytes.truncate(17);
    db.set("broken", &bytes).unwrap();
    let corrupted = Error::new("INVALIDOBJ Corrupted HLL object detected");
    assert_eq!(db.pf_add("broken", &["x"]), Err(corrupted.clone()));
    assert_eq!(db.pf_count(&["broken", "text"]), Err(corrupted));
    assert_eq!(db.get("broken").unwrap(), Some(bytes));
    assert!(!db.exists("dest").unwrap());
    db.sadd("set", &["x"]).unwrap();
    assert_eq!(db.pf_add("set", &["x"]), Err(Error::WRONG_TYPE));
}
