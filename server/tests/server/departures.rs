//! Clients that go in the middle of something: what they began does not happen, and nothing of them stays.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::harness::{Client, Server, eventually, pattern, request};

/// What INFO counts of clients and of what is kept for them.
const FIGURES: [&str; 14] = [
    "connected_clients",
    "blocked_clients",
    "clients_in_timeout_table",
    "tracking_clients",
    "watching_clients",
    "pubsub_clients",
    "total_watched_keys",
    "total_blocking_keys",
    "total_blocking_keys_on_nokey",
    "pubsub_channels",
    "pubsub_patterns",
    "pubsubshard_channels",
    "tracking_total_items",
    "tracking_total_prefixes",
];

/// Ways to be in the middle of something. Each is some requests, and how CLIENT LIST shows that they have arrived.
const MIDDLES: [(&[&str], &str); 9] = [
    (&["MULTI", "SET left behind", "RPUSH list left"], "multi=2"),
    (&["WATCH a b", "MULTI", "SET left behind"], "multi=1 watch=2"),
    (&["BLPOP list other 0"], "flags=b"),
    (&["BLMOVE list other LEFT LEFT 1000"], "flags=b"),
    (&["XREADGROUP GROUP group consumer BLOCK 0 STREAMS stream >"], "flags=b"),
    (&["PSUBSCRIBE n*", "SSUBSCRIBE shard", "SUBSCRIBE news"], "sub=1 psub=1 ssub=1"),
    (&["HELLO 3", "CLIENT TRACKING ON", "GET tracked"], "flags=t cmd=get"),
    (&["HELLO 3", "CLIENT TRACKING ON BCAST PREFIX t PREFIX u"], "flags=tB"),
    (&["MONITOR"], "flags=O"),
];

/// How a client goes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Close,
    /// Closes its own direction alone.
    CloseHalf,
    /// Ends the connection without a word more, as a machine does that is switched off.
    Reset,
    /// Is ended by another one.
    Kill,
}

const WAYS: [Way; 4] = [Way::Close, Way::CloseHalf, Way::Reset, Way::Kill];

fn say(client: &mut Client<TcpStream>, text: &str) {
    let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
    client.send(&request(&words));
}

fn info(client: &mut Client<TcpStream>) -> BTreeMap<String, i64> {
    let text = String::from_utf8(client.ask_bulk(&[b"INFO", b"everything"])).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

fn figures(client: &mut Client<TcpStream>) -> BTreeMap<&'static str, i64> {
    let info = info(client);
    FIGURES.into_iter().map(|name| (name, *info.get(name).unwrap_or_else(|| panic!("INFO has no {name}")))).collect()
}

fn go(mut client: Client<TcpStream>, way: Way, other: &mut Client<TcpStream>, id: &str) {
    match way {
        Way::Close => drop(client),
        Way::CloseHalf => {
            client.0.shutdown(Shutdown::Write).unwrap();
            client.rest();
        }
        Way::Reset => socket2::SockRef::from(&client.0).set_linger(Some(Duration::ZERO)).unwrap(),
        Way::Kill => {
            other.ask(&[b"CLIENT", b"KILL", b"ID", id.as_bytes()], b":1\r\n");
            client.rest();
        }
    }
}

/// The id of a fresh connection.
fn id(client: &mut Client<TcpStream>) -> String {
    client.send(&request(&[b"CLIENT", b"ID"]));
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.extend(client.take(1));
    }
    String::from_utf8(line).unwrap().trim().trim_start_matches(':').to_owned()
}

/// Has a client in each of the middles and lets all go, so that nothing is left but what was there.
fn come_and_go(server: &Server, other: &mut Client<TcpStream>, way: Way, before: &BTreeMap<&'static str, i64>) {
    let mut clients = Vec::new();
    for (requests, shown) in MIDDLES {
        let mut client = server.connect();
        let id = id(&mut client);
        requests.iter().for_each(|text| say(&mut client, text));
        eventually(&format!("{requests:?}"), || {
            let line = other.ask_bulk(&[b"CLIENT", b"LIST", b"ID", id.as_bytes()]);
            let line = String::from_utf8(line).unwrap();
            shown.split(' ').all(|field| line.split(' ').any(|have| have == field))
        });
        // Half of a further request.
        client.send(b"*3\r\n$3\r\nSET\r\n$4\r\nleft\r\n$100000\r\n");
        client.send(&pattern(50_000));
        clients.push((client, id));
    }
    let during = figures(other);
    assert!(FIGURES.iter().all(|name| during[name] > before[name]), "{during:?}, at first {before:?}");
    assert_eq!(during["connected_clients"], before["connected_clients"] + MIDDLES.len() as i64);
    for (client, id) in clients {
        go(client, way, other, &id);
    }
    let mut now = figures(other);
    for _ in 0..4000 {
        if now == *before {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
        now = figures(other);
    }
    assert_eq!(now, *before, "{way:?} leaves something behind");
    other.ask(&[b"RPUSH", b"list", b"x", b"y"], b":2\r\n");
    other.ask(&[b"DEL", b"list"], b":1\r\n");
    other.ask(&[b"EXISTS", b"left", b"list", b"other"], b":0\r\n");
    // Forgets who has read it, if somebody remembers.
    other.ask(&[b"SET", b"tracked", b"by nobody"], b"+OK\r\n");
    other.ask(&[b"PUBLISH", b"news", b"x"], b":0\r\n");
}

#[test]
fn whoever_goes_in_the_middle_leaves_nothing_behind() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut other = server.connect();
    other.ask(&[b"SET", b"tracked", b"by nobody"], b"+OK\r\n");
    other.ask(&[b"XGROUP", b"CREATE", b"stream", b"group", b"$", b"MKSTREAM"], b"+OK\r\n");
    let before = figures(&mut other);
    let memory = |other: &mut Client<TcpStream>| info(other)["used_memory"];
    // The first of each kind bring what is made once.
    WAYS.iter().for_each(|&way| come_and_go(&server, &mut other, way, &before));
    let (first, resident) = (memory(&mut other), server.rss());
    for _ in 0..10 {
        WAYS.iter().for_each(|&way| come_and_go(&server, &mut other, way, &before));
    }
    let last = memory(&mut other);
    let more = server.rss().saturating_sub(resident);
    println!("{first} bytes of data after a first round of each, {last} after ten more, and {more} resident ones more");
    assert!(last - first < 64 * 1024, "{first} bytes have become {last}");
    // Of each of these clients half a request of 50 kB was there: 18 MB in all.
    assert!(more < 9_000_000, "{more} more resident bytes");
}

#[test]
fn keys_that_somebody_watched_who_has_gone_are_forgotten() {
    const EACH: usize = 10_000;
    let server = Server::start(&["--io-threads", "2"]);
    let mut other = server.connect();
    let mut watch_and_go = |number: usize| {
        let keys: Vec<String> = (0..EACH).map(|i| format!("{number}:{i}")).collect();
        let words: Vec<&[u8]> =
            std::iter::once("WATCH").chain(keys.iter().map(String::as_str)).map(str::as_bytes).collect();
        let mut client = server.connect();
        client.ask(&words, b"+OK\r\n");
        assert_eq!(figures(&mut other)["total_watched_keys"], EACH as i64);
        drop(client);
        eventually("nobody watches", || figures(&mut other)["watching_clients"] == 0);
    };
    (0..5).for_each(&mut watch_and_go);
    let before = server.rss();
    (5..25).for_each(&mut watch_and_go);
    let more = server.rss().saturating_sub(before);
    println!("{more} more resident bytes after {} watched keys", 20 * EACH);
    assert!(more < 20 * EACH * 16, "{more} more resident bytes");
}
