//! Keyspaces of every kind of value, for what carries them from server to server.

use crate::generate::{Generator, Reading, Type};
use crate::resp::Client;
use crate::server::Peer;

/// Commands of a stream.
const COMMANDS: usize = 400;

const TYPES: [Type; 7] =
    [Type::List, Type::Set, Type::Hash, Type::SortedSet, Type::Stream, Type::HyperLogLog, Type::Geo];

/// Empties a database and fills it with what random commands leave, and small and large values of every kind.
pub fn fill(client: &mut Client, seed: u64, peer: Peer) {
    client.call(&["FLUSHALL"]);
    change(client, seed, peer);
    fill_large(client);
}

/// Runs random commands on keys of every type.
pub fn change(client: &mut Client, seed: u64, peer: Peer) {
    let mut generator = Generator::new(seed);
    for i in 0..COMMANDS {
        let with_fields = peer != Peer::Redis7 && i % 3 == 0;
        let step = match i % 8 {
            _ if with_fields => generator.fields_step(),
            7 => generator.step(),
            kind => generator.step_of(TYPES[kind]),
        };
        let goes_on = |command: &Vec<Vec<u8>>| {
            let name = command.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
            // To real servers a name ends with its NUL when it is compared, and does not when it is hashed: now and then one
            // that there is not is found, runs and is logged under its whole name, which nobody can read.
            let is_whole = !name.contains(&0);
            // Of the caller's state, only the keyspace is of interest here.
            is_whole
                && ![
                    "select",
                    "client",
                    "config",
                    "quit",
                    "reset",
                    "auth",
                    "hello",
                    "multi",
                    "subscribe",
                    "psubscribe",
                    "ssubscribe",
                    "monitor",
                    "shutdown",
                    "debug",
                    "swapdb",
                    "flushall",
                    "flushdb",
                    "command",
                    "slowlog",
                    "latency",
                ]
                .iter()
                .any(|other| name == other.as_bytes())
        };
        if step.reading == Reading::Each && step.commands.iter().all(goes_on) {
            step.commands.iter().for_each(|command| drop(client.call(command)));
        }
    }
}

fn fill_large(client: &mut Client) {
    for i in 0..300 {
        let n = i.to_string();
        let text = n.repeat(i % 30 + 1);
        client.call(&["RPUSH", "big:list", &text]);
        client.call(&["SADD", "big:set", &text]);
        client.call(&["HSET", "big:hash", &n, &text]);
        client.call(&["ZADD", "big:zset", &format!("{}.25", i * i), &text]);
        client.call(&["XADD", "big:stream", &format!("{i}-1"), &format!("field{}", i % 3), &text]);
        client.call(&["SADD", "big:ints", &(i * 1_000_003).to_string()]);
    }
    client.call(&["SET", "long", &"abcdefgh0123".repeat(5000)]);
    client.call(&["EXPIRE", "big:list", "100000"]);
    client.call(&["RPUSH", "one:list", &"x".repeat(20_000), "y"]);
}
