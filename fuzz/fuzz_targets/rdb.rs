//! Values and files in RDB: any bytes. Reading them must not panic, must take no more memory than the bytes can fill, and
//! whatever comes out can be written and read again.

#![no_main]

use carnelian::rdb::{self, Limits, Loaded, Part, Reader};
use carnelian::value::{HashLimits, Value, list, set, sorted_set};
use carnelian::{Engine, Options};
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
    if let Ok(Loaded::Value(value)) = rdb::load(kind, &mut Reader::new(rest), &limits()) {
        assert!(value.bytes() <= 4096 + bytes.len().saturating_mul(2000), "more than the bytes can fill");
        if let Value::Stream(stream) = &value {
            assert_eq!(stream.entries().walk(Default::default(), carnelian::StreamId::MAX, false).count(), stream.len());
        }
    }
    // As a file, and into an engine.
    let file = [b"REDIS0011", bytes].concat();
    let _ = rdb::read(&file, &limits(), |part| {
        if let Part::Key(.., about) = part {
            assert!(about.deadline.is_none_or(|at| i64::try_from(at).is_ok()));
        }
        Ok(())
    });
    thread_local! {
        static ENGINE: Engine = Engine::open(Options::new().stripes(1)).expect("the defaults can be met");
    }
    ENGINE.with(|engine| {
        let summed = [bytes, &11u16.to_le_bytes()].concat();
        let sum = carnelian::codec::crc64::crc64(0, &summed).to_le_bytes();
        let payload = [&summed[..], &sum].concat();
        if engine.execute(&[b"RESTORE", &b"k"[..], b"0", &payload, b"REPLACE"]).is_ok() {
            let again = engine.execute(&[&b"DUMP"[..], b"k"]).expect("a key that is there");
            let carnelian::Value::Bulk(again) = again else { panic!("no payload") };
            engine.execute(&[b"RESTORE", &b"k"[..], b"0", &again, b"REPLACE"]).expect("what DUMP has given");
        }
    });
});
