//! Hashes whose fields have deadlines: the same random commands to Redis 8.0 and to Valkey 9.1, each beside the server
//! under test.
//!
//! To run one stream again: `CARNELIAN_SEED=<seed> cargo test -p carnelian-tests --test fields <test>`.

use carnelian_tests::differential::{Differential, Peer};
use carnelian_tests::generate::Generator;

/// How many commands each of the tests is in full.
const WHOLE: u64 = 100_000;

fn fields_are_as_in(peer: Peer) {
    let arguments = &["--enable-debug-command", "yes"];
    Differential { peer, arguments, step: &Generator::fields_step, whole: WHOLE, events: false }.run();
}

#[test]
fn fields_with_deadlines_are_as_in_redis_8() {
    fields_are_as_in(Peer::Redis8);
}

#[test]
fn fields_with_deadlines_are_as_in_valkey() {
    fields_are_as_in(Peer::Valkey);
}
