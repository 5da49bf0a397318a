//! Replaying the effects of random commands on streams gives the same streams and groups.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use carnelian::Engine;
use carnelian::keyspace::{Effect, Event, Listener, LogPosition};
use common::{Client, Got, engine};
use proptest::prelude::*;

#[derive(Default)]
struct Log {
    effects: Mutex<Vec<Effect>>,
    events: Mutex<Vec<&'static str>>,
}

impl Listener for Log {
    fn effects(&self, effects: &[Effect]) -> LogPosition {
        let mut log = self.effects.lock().unwrap();
        log.extend_from_slice(effects);
        log.len() as u64
    }

    fn event(&self, _: u32, event: Event, _: &[u8]) {
        self.events.lock().unwrap().push(event.name);
    }
}

fn listen(engine: &Engine) -> Arc<Log> {
    let log = Arc::new(Log::default());
    engine.core().keyspace.listen(log.clone()).unwrap();
    log
}

fn command() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(vec!["s", "t"]);
    let group = || prop::sample::select(vec!["g", "h"]);
    let consumer = || prop::sample::select(vec!["c", "d"]);
    let id = || (0..20u64, 0..3u64).prop_map(|(ms, seq)| format!("{ms}-{seq}"));
    let trim =
        || prop::sample::select(vec!["", "MAXLEN 3 ", "MAXLEN ~ 3 ", "MINID 5 ", "MINID ~ 9 ", "MAXLEN ~ 0 LIMIT 9 "]);
    prop_oneof![
        6 => (key(), trim(), 0..25u64).prop_map(|(k, t, ms)| format!("XADD {k} {t}{ms}-* f {ms} g x")),
        2 => (key(), trim()).prop_map(|(k, t)| format!("XADD {k} {t}* f v")),
        2 => (key(), id()).prop_map(|(k, id)| format!("XDEL {k} {id} 3-0")),
        1 => (key(), trim()).prop_map(|(k, t)| format!("XTRIM {k} {t}").trim_end().to_owned()),
        1 => (key(), id()).prop_map(|(k, id)| format!("XSETID {k} {id} ENTRIESADDED 9 MAXDELETEDID 1-0")),
        3 => (key(), group(), id()).prop_map(|(k, g, id)| format!("XGROUP CREATE {k} {g} {id} MKSTREAM ENTRIESREAD 2")),
        1 => (key(), group()).prop_map(|(k, g)| format!("XGROUP SETID {k} {g} $")),
        1 => (key(), group()).prop_map(|(k, g)| format!("XGROUP DESTROY {k} {g}")),
        1 => (key(), group(), consumer()).prop_map(|(k, g, c)| format!("XGROUP DELCONSUMER {k} {g} {c}")),
        4 => (key(), group(), consumer()).prop_map(|(k, g, c)| format!("XREADGROUP GROUP {g} {c} COUNT 2 STREAMS {k} >")),
        1 => (key(), group(), consumer()).prop_map(|(k, g, c)| format!("XREADGROUP GROUP {g} {c} NOACK STREAMS {k} >")),
        2 => (key(), group(), id()).prop_map(|(k, g, id)| format!("XACK {k} {g} {id} 3-0")),
        2 => (key(), group(), consumer(), id()).prop_map(|(k, g, c, id)| format!("XCLAIM {k} {g} {c} 0 {id} 2-0 FORCE")),
        1 => (key(), group(), consumer(), id())
            .prop_map(|(k, g, c, id)| format!("XCLAIM {k} {g} {c} 0 {id} RETRYCOUNT 7 TIME 5 JUSTID LASTID {id}")),
        2 => (key(), group(), consumer()).prop_map(|(k, g, c)| format!("XAUTOCLAIM {k} {g} {c} 1 - COUNT 2")),
        1 => Just("wait".to_owned()),
    ]
}

/// All that is told about the two streams, but for when consumers were seen.
fn contents(client: &mut Client) -> Vec<Got> {
    let without_times = |got: Got| match got {
        Got::Array(items) => items,
        other => vec![other],
    };
    let mut all = Vec::new();
    for key in ["s", "t"] {
        all.extend(without_times(client.run(&format!("XINFO STREAM {key}"))));
        all.push(client.run(&format!("XINFO GROUPS {key}")));
        all.push(client.run(&format!("XRANGE {key} - +")));
        for group in ["g", "h"] {
            all.push(client.run(&format!("XPENDING {key} {group}")));
            all.push(client.run(&format!("XPENDING {key} {group} - + 1000")));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn streams_are_what_their_effects_say(commands in prop::collection::vec(command(), 1..100)) {
        let (engine, clock) = engine(5);
        let log = listen(&engine);
        let mut client = Client::new(&engine);
        for command in &commands {
            match command.as_str() {
                "wait" => clock.advance(Duration::from_millis(3)),
                command => {
                    client.run(command);
                }
            }
        }
        let expected = contents(&mut client);
        let effects = log.effects.lock().unwrap().clone();
        prop_assert_eq!(effects.len() as u64, engine.core().keyspace.changes());
        let (replayed, other_clock) = common::engine(6);
        other_clock.advance(Duration::from_millis(3 * commands.iter().filter(|c| *c == "wait").count() as u64));
        let mut replica = Client::new(&replayed);
        for effect in &effects {
            let got = replica.argv(&effect.argv());
            prop_assert!(!matches!(got, Got::Error(_)), "{:?}: {got:?}", effect.argv());
        }
        prop_assert_eq!(contents(&mut replica), expected);
    }
}

#[test]
fn effects_and_events_are_named_as_in_redis() {
    let (engine, _) = engine(1);
    let log = listen(&engine);
    let mut client = Client::new(&engine);
    for command in [
        "XADD s 1-1 f v",
        "XADD s MAXLEN ~ 1 1-* f v",
        "XADD s MAXLEN 1 2-* f v",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g c STREAMS s >",
        "XREADGROUP GROUP g c STREAMS s >",
        "XACK s g 2-0",
        "XACK s g 2-0",
        "XDEL s 2-0",
        "XDEL s 2-0",
    ] {
        client.run(command);
    }
    let now = common::START;
    let effects: Vec<String> =
        log.effects.lock().unwrap().iter().map(|e| String::from_utf8(e.argv().join(&b' ')).unwrap()).collect();
    assert_eq!(
        effects,
        [
            "XADD s 1-1 f v",
            "XADD s 1-2 f v",
            "XADD s MAXLEN = 1 2-0 f v",
            "XGROUP CREATE s g 0-0 ENTRIESREAD -1",
            "XGROUP CREATECONSUMER s g c",
            &format!("XCLAIM s g c 0 2-0 TIME {now} RETRYCOUNT 1 FORCE JUSTID LASTID 2-0"),
            "XGROUP SETID s g 2-0 ENTRIESREAD 3",
            "XACK s g 2-0",
            "XDEL s 2-0",
        ]
    );
    let events = log.events.lock().unwrap().clone();
    assert_eq!(events, ["xadd", "xadd", "xadd", "xtrim", "xgroup-create", "xgroup-createconsumer", "xdel"]);
}

#[test]
fn a_forced_claim_comes_after_a_delivery() {
    let (engine, _) = engine(1);
    let mut client = Client::new(&engine);
    for command in [
        "XADD s 1-0 f v",
        "XADD s 2-0 f v",
        "XADD s 3-0 f v",
        "XGROUP CREATE s g 0",
        "XCLAIM s g c 0 1-0 FORCE",
        "XCLAIM s g c 0 2-0 FORCE JUSTID",
        "XCLAIM s g c 0 3-0 FORCE RETRYCOUNT 0",
    ] {
        client.run(command);
    }
    // As Redis 7.0 and 8.0 and Valkey 9.1 count.
    for (id, deliveries) in [("1-0", 2), ("2-0", 1), ("3-0", 0)] {
        let pending = Got::Array(vec![Got::Bulk(id.into()), Got::Bulk("c".into()), Got::Int(0), Got::Int(deliveries)]);
        assert_eq!(client.run(&format!("XPENDING s g {id} {id} 1")), Got::Array(vec![pending]));
    }
}

#[test]
fn what_is_refused_changes_nothing() {
    let (engine, _) = engine(1);
    let mut client = Client::new(&engine);
    client.run("XADD s 5-5 f v");
    let before = contents(&mut client);
    let invalid = "ERR Invalid stream ID specified as stream command argument";
    let small = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    for (command, error) in [
        ("XADD s 5-5 f v", small),
        ("XADD s 5-4 f v", small),
        ("XADD s 4-* f v", small),
        ("XADD s 0-0 f v", "ERR The ID specified in XADD must be greater than 0-0"),
        ("XADD s 18446744073709551616-0 f v", invalid),
        ("XADD s 6 f", "ERR wrong number of arguments for 'xadd' command"),
        ("XTRIM s MAXLEN -1", "ERR The MAXLEN argument must be >= 0."),
        ("XTRIM s MAXLEN 9223372036854775808", "ERR value is not an integer or out of range"),
        ("XTRIM s MAXLEN 1 LIMIT 3", "ERR syntax error, LIMIT cannot be used without the special ~ option"),
        ("XRANGE s (18446744073709551615-18446744073709551615 +", "ERR invalid start ID for the interval"),
        ("XRANGE s - (0-0", "ERR invalid end ID for the interval"),
        ("XSETID s 5-4", "ERR The ID specified in XSETID is smaller than the target stream top item"),
        (
            "XREADGROUP GROUP g c STREAMS s >",
            "NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option",
        ),
    ] {
        assert_eq!(client.text(command), error, "{command}");
    }
    assert_eq!(contents(&mut client), before);
    client.run("XADD s 18446744073709551615-18446744073709551615 f v");
    let exhausted = "ERR The stream has exhausted the last possible ID, unable to add more items";
    assert_eq!(client.text("XADD s * f v"), exhausted);
    // Counts near the greatest there is.
    assert_eq!(client.run("XRANGE s - + COUNT 9223372036854775807").items().len(), 2);
    assert_eq!(client.text("XTRIM s MAXLEN 9223372036854775807"), "0");
}

#[test]
fn anything_may_be_named_streams() {
    let (engine, _) = engine(1);
    let mut client = Client::new(&engine);
    for name in ["s", "t", "streams"] {
        client.run(&format!("XGROUP CREATE {name} streams 0 MKSTREAM"));
        client.run(&format!("XADD {name} 1-1 f v"));
        client.run(&format!("XADD {name} 2-1 f v"));
    }
    for (command, streams) in [
        ("XREADGROUP GROUP streams STREAMS COUNT 1 STREAMS s >", 1),
        ("XREADGROUP COUNT 1 GROUP Streams streams STREAMS s >", 0),
        ("XREADGROUP COUNT 1 GROUP streams streams STREAMS s t streams > > >", 3),
        ("XREADGROUP NOACK GROUP streams c COUNT 9 STREAMS streams >", 1),
        ("XREAD COUNT 1 STREAMS streams s 0 0", 2),
    ] {
        let got = client.run(command);
        match streams {
            0 => assert!(matches!(got, Got::Error(_)), "{command}"),
            n => assert_eq!(got.items().len(), n, "{command}"),
        }
    }
    assert_eq!(client.run("XINFO CONSUMERS s streams").items().len(), 2);
}
