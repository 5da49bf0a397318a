//! DUMP and RESTORE between the server under test and real ones, in both directions: whatever random commands have made
//! of a keyspace arrives as it was. And the encodings that only old servers wrote, read by both.

use carnelian_tests::bytes::command_text;
use carnelian_tests::differential::{Peer, keyspaces_differ};
use carnelian_tests::fill::fill;
use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::Server;
use carnelian_tests::share;

/// How many streams of commands go each way with each peer, in full.
const STREAMS: u64 = 200;
const ARGUMENTS: &[&str] = &["--enable-debug-command", "yes"];

/// All keys of a server as commands that make them again.
fn payloads(client: &mut Client) -> Vec<Vec<Vec<u8>>> {
    let Reply::Array(keys) = client.call(&["KEYS", "*"]) else { panic!("no keys") };
    let payload = |key: &Reply| {
        let key = key.text().expect("a name");
        let Reply::Bulk(payload) = client.call(&[b"DUMP", key]) else { panic!("no payload of {}", key.escape_ascii()) };
        let Reply::Integer(deadline) = client.call(&[b"PEXPIRETIME", key]) else { panic!("no deadline") };
        let deadline = deadline.max(0).to_string();
        [b"RESTORE", key, deadline.as_bytes(), &payload, b"ABSTTL"].map(<[u8]>::to_vec).into()
    };
    keys.iter().map(payload).collect()
}

/// Makes the keys of a server what payloads say.
fn restore(client: &mut Client, payloads: &[Vec<Vec<u8>>]) {
    client.call(&["FLUSHALL"]);
    for command in payloads {
        assert_eq!(client.call(command), Reply::Simple(b"OK".to_vec()), "{}", command_text(command));
    }
}

fn there_and_back(peer: Peer, directives: &[(&str, &str)]) {
    let servers = (Server::subject(ARGUMENTS), Server::peer(peer, ARGUMENTS));
    let (mut ours, mut theirs) = (servers.0.connect(), servers.1.connect());
    for (name, value) in directives {
        assert_eq!(ours.call(&["CONFIG", "SET", name, value]), Reply::Simple(b"OK".to_vec()));
    }
    let mut carried = 0;
    for seed in 1..=share(STREAMS) {
        for from_ours in [false, true] {
            let from = if from_ours { &mut ours } else { &mut theirs };
            fill(from, seed, peer);
            let payloads = payloads(from);
            carried += payloads.len();
            // Both, so that they have the same reason for the encodings they choose.
            for to in [&mut ours, &mut theirs] {
                restore(to, &payloads);
            }
            let difference = keyspaces_differ(peer, &mut ours, &mut theirs, 0);
            assert_eq!(difference, None, "seed {seed}, from ours: {from_ours}");
        }
    }
    assert!(carried > 300, "only {carried} keys");
}

#[test]
fn payloads_go_to_redis_7_and_back() {
    there_and_back(Peer::Redis7, &[("rdb-version", "10")]);
}

#[test]
fn payloads_go_to_redis_8_and_back() {
    there_and_back(Peer::Redis8, &[]);
}

#[test]
fn payloads_go_to_valkey_and_back() {
    there_and_back(Peer::Valkey, &[("rdb-dialect", "valkey")]);
}

/// A payload of a type and a value.
fn payload(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = [&[kind][..], value, &10u16.to_le_bytes()].concat();
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes
}

/// CRC-64 with Jones's polynomial, bit by bit.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u64::from(byte), |sum, _| sum >> 1 ^ if sum & 1 == 1 { 0x95ac_9329_ac4b_c9b5 } else { 0 })
    })
}

/// A string as RDB has it, shorter than 64 bytes or with a long length.
fn string(text: &[u8]) -> Vec<u8> {
    match u8::try_from(text.len()) {
        Ok(short @ 0..64) => [&[short][..], text].concat(),
        _ => [&[0x80][..], &(text.len() as u32).to_be_bytes(), text].concat(),
    }
}

/// Integers in a ziplist, each in the encoding that a mark names, and texts of all lengths.
fn ziplist(entries: &[(&[u8], &[u8])]) -> Vec<u8> {
    let (mut body, mut before, mut last) = (Vec::new(), 0usize, 10);
    for (mark, data) in entries {
        last = 10 + body.len();
        let start = body.len();
        match u8::try_from(before) {
            Ok(short @ 0..254) => body.push(short),
            _ => body.extend([&[254][..], &(before as u32).to_le_bytes()].concat()),
        }
        body.extend_from_slice(mark);
        body.extend_from_slice(data);
        before = body.len() - start;
    }
    let total = (10 + body.len() + 1) as u32;
    let head = [&total.to_le_bytes()[..], &(last as u32).to_le_bytes(), &(entries.len() as u16).to_le_bytes()];
    [&head.concat()[..], &body, &[0xff]].concat()
}

/// One entry, one group and its consumer, who has the entry pending.
fn stream_of_redis_5() -> Vec<u8> {
    let id = [1u64.to_be_bytes(), 1u64.to_be_bytes()].concat();
    let pack = b"\x1d\0\0\0\x0a\0\x01\x01\0\x01\x01\x01\x81f\x02\0\x01\x02\x01\0\x01\0\x01\x81v\x02\x04\x01\xff";
    let time = 1_700_000_000_000u64.to_le_bytes();
    [
        &[1][..],
        &string(&id),
        &string(pack),
        // Entries, the last id; a group with its last id; what it has pending; a consumer.
        &[1, 1, 1],
        &[1, 1, b'g', 1, 1],
        &[1],
        &id,
        &time,
        &[3],
        &[1, 1, b'c'],
        &time,
        &[1],
        &id,
    ]
    .concat()
}

/// Payloads of the encodings that Redis 7.0 reads and no longer writes.
fn old_payloads() -> Vec<(&'static str, Vec<u8>)> {
    let (medium, long) = (vec![b'm'; 300], vec![b'l'; 20_000]);
    let medium_mark = [0x40 | (300 >> 8) as u8, (300 & 0xff) as u8];
    let long_mark = [&[0x80][..], &20_000u32.to_be_bytes()].concat();
    let entries: Vec<(&[u8], &[u8])> = vec![
        (&[3], b"abc"),
        (&[0xf1], b""),
        (&[0xfd], b""),
        (&[0xfe], &[0x80]),
        (&medium_mark, &medium),
        (&[0xc0], &[0x00, 0x80]),
        (&[0xf0], &[0xff, 0xff, 0x7f]),
        (&[0xf0], &[0x00, 0x00, 0x80]),
        (&[0xd0], &[0xff, 0xff, 0xff, 0x7f]),
        (&[0xe0], &[0, 0, 0, 0, 0, 0, 0, 0x80]),
        (&long_mark, &long),
        (&[0], b""),
    ];
    let list = ziplist(&entries);
    // Scores have to be numbers, in their order.
    let scored =
        ziplist(&[(&[1], b"a"), (&[0xf1], b""), (&[1], b"b"), (&[3], b"1.5"), (&[1], b"c"), (&[0xfe], &[100])]);
    let zipmap = [&[2, 1][..], b"f", &[2, 0], b"vv", &[1], b"g", &[3, 2], b"www??", &[0xff]].concat();
    let count =
        |n: u8, strings: &[&[u8]]| [&[n][..], &strings.iter().map(|s| string(s)).collect::<Vec<_>>().concat()].concat();
    let scores = [&[3, 1][..], b"a", &[3], b"1.5", &[1], b"b", &[254, 1], b"c", &[255]].concat();
    vec![
        ("linked list", payload(1, &count(3, &[b"x", b"12", &medium]))),
        ("sorted set with scores as text", payload(3, &scores)),
        ("zipmap", payload(9, &string(&zipmap))),
        ("list as a ziplist", payload(10, &string(&list))),
        ("sorted set as a ziplist", payload(12, &string(&scored))),
        ("hash as a ziplist", payload(13, &string(&list))),
        ("stream of Redis 5", payload(15, &stream_of_redis_5())),
        ("quicklist of ziplists", payload(14, &[&[2][..], &string(&list), &string(&scored)].concat())),
    ]
}

#[test]
fn what_old_servers_wrote_is_read_as_redis_reads_it() {
    let servers = (Server::subject(ARGUMENTS), Server::peer(Peer::Redis7, ARGUMENTS));
    let (mut ours, mut theirs) = (servers.0.connect(), servers.1.connect());
    for client in [&mut ours, &mut theirs] {
        for (name, payload) in old_payloads() {
            let reply = client.call(&[b"RESTORE", name.as_bytes(), b"0", &payload]);
            assert_eq!(reply, Reply::Simple(b"OK".to_vec()), "{name}");
        }
    }
    assert_eq!(keyspaces_differ(Peer::Redis7, &mut ours, &mut theirs, 0), None);
}
