//! What the C library adds to a call: GET by each way into the engine, on one thread, of a thousand short keys, so that
//! what is measured is the way and not the memory.
//!
//! Rounds of the ways take turns, and the medians of many are compared: a machine that slows down slows down all of them.
#![allow(unsafe_code, reason = "calling C")]

use std::ffi::c_char;
use std::hint::black_box;
use std::time::Instant;

use carnelian::{Engine, Options};
use carnelian_ffi::abi::engine::{adopt, carnelian_close};
use carnelian_ffi::abi::reply::carnelian_reply_free;
use carnelian_ffi::abi::session::{carnelian_command, carnelian_connect, carnelian_disconnect, carnelian_exchange};

const KEYS: usize = 1000;
const ROUNDS: usize = 201;
const VALUE: [u8; 16] = [b'v'; 16];
/// What the C library may add to `Connection::execute`.
const TARGET: f64 = 60.0;

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let engine = Engine::open(Options::new()).expect("an engine in memory always opens");
    let db = engine.db(0).expect("there is a database 0");
    let keys: Vec<String> = (0..KEYS).map(|n| format!("key:{n:08}")).collect();
    for key in &keys {
        db.set(key, VALUE).expect("there is no memory limit");
    }
    let requests: Vec<String> =
        keys.iter().map(|key| format!("*2\r\n$3\r\nGET\r\n${}\r\n{key}\r\n", key.len())).collect();
    let mut connection = engine.connect();
    let handle = adopt(engine.clone());
    let session = carnelian_connect(handle);
    assert!(!session.is_null());

    let mut typed = || keys.iter().for_each(|key| drop(black_box(db.get(key))));
    let mut execute = || keys.iter().for_each(|key| drop(black_box(connection.execute(&["GET", key]))));
    let mut command = || {
        for key in &keys {
            let (argv, lengths): ([*const c_char; 2], _) = ([c"GET".as_ptr(), key.as_ptr().cast()], [3, key.len()]);
            // SAFETY: two arguments and their lengths; the reply is freed once.
            unsafe {
                let reply = carnelian_command(session, 2, argv.as_ptr(), lengths.as_ptr());
                assert!(!reply.is_null());
                carnelian_reply_free(black_box(reply));
            }
        }
    };
    let mut exchange = || {
        for request in &requests {
            let mut buffer = [0_u8; 64];
            let (bytes, room) = (request.as_ptr().cast(), buffer.as_mut_ptr().cast());
            // SAFETY: a request, and room for its reply.
            let n = unsafe { carnelian_exchange(session, bytes, request.len(), room, buffer.len(), -1) };
            assert_eq!(n, 23);
            black_box(buffer);
        }
    };
    let mut ways: [(&str, &mut dyn FnMut()); 4] = [
        ("Db::get", &mut typed),
        ("Connection::execute", &mut execute),
        ("carnelian_command", &mut command),
        ("carnelian_exchange", &mut exchange),
    ];
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for ((_, way), times) in ways.iter_mut().zip(&mut times) {
            let began = Instant::now();
            way();
            times.push(began.elapsed().as_nanos() as f64 / KEYS as f64);
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    println!("{:<22}{:>8}{:>26}", "GET, one thread", "ns", "more than execute, ns");
    for ((name, _), ns) in ways.iter().zip(&medians) {
        println!("{name:<22}{ns:>8.1}{:>26.1}", ns - medians[1]);
    }
    let more = medians[2] - medians[1];
    println!("target: carnelian_command at most {TARGET} ns more: {}", if more <= TARGET { "met" } else { "MISSED" });
    assert_eq!(carnelian_disconnect(session), 0);
    assert_eq!(carnelian_close(handle), 0);
}
