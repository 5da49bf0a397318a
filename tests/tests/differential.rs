//! The same random commands to a real Redis 7.0 and to the server under test, every reply compared, and now and then
//! the whole keyspace: streams of all commands, and for each type streams that are mostly about it.
//!
//! To run one stream again: `CARNELIAN_SEED=<seed> cargo test -p carnelian-tests --test differential <test>`.

use carnelian_tests::differential::{Differential, Peer};
use carnelian_tests::generate::{Generator, Type};

/// How many commands the test of a type is in full.
const WHOLE_OF_A_TYPE: u64 = 200_000;
/// The slow log and active expiry of a busy machine would make replies depend on time.
const ARGUMENTS: &[&str] = &["--enable-debug-command", "yes", "--slowlog-log-slower-than", "-1", "--maxclients", "100"];

#[test]
fn random_commands_get_the_replies_of_redis() {
    Differential { peer: Peer::Redis7, arguments: ARGUMENTS, step: &Generator::step, whole: 2_000_000, events: false }
        .run();
}

#[test]
fn keyspace_events_are_those_of_redis() {
    Differential { peer: Peer::Redis7, arguments: ARGUMENTS, step: &Generator::step, whole: 400_000, events: true }
        .run();
}

fn type_is_as_in_redis(kind: Type) {
    let step = move |g: &mut Generator| g.step_of(kind);
    Differential { peer: Peer::Redis7, arguments: ARGUMENTS, step: &step, whole: WHOLE_OF_A_TYPE, events: true }.run();
}

#[test]
fn lists_are_as_in_redis() {
    type_is_as_in_redis(Type::List);
}

#[test]
fn sets_are_as_in_redis() {
    type_is_as_in_redis(Type::Set);
}

#[test]
fn hashes_are_as_in_redis() {
    type_is_as_in_redis(Type::Hash);
}

#[test]
fn sorted_sets_are_as_in_redis() {
    type_is_as_in_redis(Type::SortedSet);
}

#[test]
fn streams_are_as_in_redis() {
    type_is_as_in_redis(Type::Stream);
}

#[test]
fn hyperloglogs_are_as_in_redis() {
    type_is_as_in_redis(Type::HyperLogLog);
}

#[test]
fn geo_commands_are_as_in_redis() {
    type_is_as_in_redis(Type::Geo);
}

#[test]
fn sort_is_as_in_redis() {
    type_is_as_in_redis(Type::Sort);
}
