//! Values and files in RDB: any bytes. Reading them must not panic, must take no more memory than the bytes can fill, and
//! whatever comes out can be written and read again.

#![no_main]

use carnelian::keyspace::ValueRef;
use carnelian::rdb::{self, Format, Limits, Loaded, Part, Reader};
use carnelian::value::{HashLimits, Value, list, set, sorted_set};
use libfuzzer_sys::fuzz_target;

fn limits() -> Limits {
    Limits {
        list: list::Limits::new(-2, 0),
        set: set::Limits { intset_entries: 4, listpack_entries: 8, listpack_value: 16 },
        hash: HashLimits { entries: 8, value: 16 },
        sorted_set: sorted_set::Limits { entries: 8, value: 16 },
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    if let Ok(Some(Loaded::Value(value))) = rdb::load(kind, &mut Reader::new(rest), &limits()) {
        assert!(value.bytes() <= 4096 + bytes.len().saturating_mul(2000), "more than the bytes can fill");
        let (kind, payload) = {
            let payload = rdb::seal(ValueRef::from(&value), Format::default());
            let (kind, body) = rdb::open(&payload).expect("what was sealed");
            (kind, body.to_vec())
        };
        let again = rdb::load(kind, &mut Reader::new(&payload), &limits()).expect("what was written");
        assert!(matches!(again, Some(Loaded::Value(_))));
        if let Value::Stream(stream) = &value {
            assert_eq!(stream.entries().walk(Default::default(), carnelian::StreamId::MAX, false).count(), stream.len());
        }
    }
    // As a file.
    let file = [b"REDIS0011", bytes].concat();
    let _ = rdb::read(&file, &limits(), |part| {
        if let Part::Key(.., about) = part {
            assert!(about.deadline.is_none_or(|at| i64::try_from(at).is_ok()));
        }
        Ok(())
    });
});
