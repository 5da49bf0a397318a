//! The metrics endpoint: what it serves, and to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::harness::{Client, Server, free_port, own_address, run};

const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A server and the port of its metrics.
fn start(options: &[&str]) -> (Server, u16) {
    // Somebody may take the port before the server does.
    let try_start = |_| {
        let port = free_port();
        let server = Server::try_start(&[&["--metrics-port", &port.to_string()], options].concat());
        server.map(|server| (server, port))
    };
    let (server, port) = (0..5).find_map(try_start).unwrap();
    assert!(server.log().contains(&format!("Metrics at http://0.0.0.0:{port}/metrics")), "{}", server.log());
    (server, port)
}

fn connect(port: u16) -> Client<TcpStream> {
    connect_to(Ipv4Addr::LOCALHOST.into(), port)
}

fn connect_to(address: IpAddr, port: u16) -> Client<TcpStream> {
    let stream = TcpStream::connect((address, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Client(stream)
}

/// Head and body of a reply, behind which the server closes.
fn reply(client: &mut Client<TcpStream>) -> (String, String) {
    let text = String::from_utf8(client.rest()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no reply: {text:?}"));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    (head.to_owned(), body.to_owned())
}

fn ask(port: u16, request: &[u8]) -> (String, String) {
    let mut client = connect(port);
    client.send(request);
    reply(&mut client)
}

type Labels = BTreeMap<String, String>;

/// What was scraped, once each line has been found to be as OpenMetrics has it.
#[derive(Default)]
struct Scrape {
    /// Types by families.
    types: BTreeMap<String, String>,
    samples: BTreeMap<(String, Labels), f64>,
}

impl Scrape {
    fn of(port: u16) -> Self {
        let (head, body) = ask(port, GET);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let content = "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
        assert!(head.contains(content) && head.ends_with("\r\nConnection: close"), "{head}");
        Self::parse(&body)
    }

    fn parse(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").unwrap();
        assert!(text.ends_with('\n') && !text.contains("# EOF"));
        let (mut scrape, mut described, mut family) = (Self::default(), BTreeSet::new(), String::new());
        for line in text.lines() {
            let Some(comment) = line.strip_prefix("# ") else {
                scrape.sample(line, &family);
                continue;
            };
            let (word, rest) = comment.split_once(' ').unwrap();
            let (name, value) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && name.starts_with("carnelian_"), "{line}");
            assert!(described.insert((word.to_owned(), name.to_owned())), "twice: {line}");
            match word {
                "HELP" => assert!(value.ends_with('.') && !value.contains(['"', '\\']), "{line}"),
                "TYPE" => {
                    assert!(described.contains(&("HELP".to_owned(), name.to_owned())), "{line}");
                    family = name.to_owned();
                    scrape.types.insert(family.clone(), value.to_owned());
                }
                "UNIT" => assert!(name.ends_with(&format!("_{value}")) && name == family, "{line}"),
                _ => panic!("{line}"),
            }
        }
        scrape
    }

    fn sample(&mut self, line: &str, family: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => (name, parse_labels(rest.strip_suffix('}').unwrap())),
            None => (series, Labels::new()),
        };
        assert!(is_name(name), "{line}");
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
        let allowed: &[&str] = match &*self.types[family] {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_count", "_sum"],
            other => panic!("{other}"),
        };
        assert!(allowed.contains(&suffix) && value >= 0.0, "{line}");
        assert!(self.samples.insert((name.to_owned(), labels), value).is_none(), "twice: {line}");
    }

    fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        self.samples.get(&(format!("carnelian_{name}"), labels)).copied()
    }
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn parse_labels(mut text: &str) -> Labels {
    let mut labels = Labels::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").unwrap();
        assert!(is_name(name), "{text}");
        let (mut value, mut letters) = (String::new(), rest.chars());
        loop {
            match letters.next().unwrap() {
                '"' => break,
                '\\' => value.push(letters.next().filter(|c| "\\\"n".contains(*c)).unwrap()),
                c => value.push(c),
            }
        }
        assert!(labels.insert(name.to_owned(), value).is_none(), "{text}");
        text = letters.as_str();
        text = text.strip_prefix(',').unwrap_or(text);
    }
    labels
}

/// The figures of INFO.
fn info(client: &mut Client<TcpStream>) -> BTreeMap<String, String> {
    let text = String::from_utf8(client.ask_bulk(&[b"INFO", b"everything"])).unwrap();
    text.lines().filter_map(|l| l.split_once(':')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

#[test]
fn figures_are_those_of_info() {
    let (server, port) = start(&["--maxmemory", "100mb", "--maxclients", "77"]);
    let (mut client, mut other) = (server.connect(), server.connect());
    for i in 0..100 {
        client.ask(&[b"SET", format!("k{i}").as_bytes(), b"v"], b"+OK\r\n");
    }
    client.ask(&[b"EXPIRE", b"k1", b"1000"], b":1\r\n");
    client.ask(&[b"GET", b"k1"], b"$1\r\nv\r\n");
    client.ask(&[b"GET", b"none"], b"$-1\r\n");
    client.ask(&[b"SELECT", b"3"], b"+OK\r\n");
    client.ask(&[b"SET", b"k", b"v", b"PX", b"1"], b"+OK\r\n");
    client.ask(&[b"SET", b"l", b"v"], b"+OK\r\n");
    client.ask(&[b"LPUSH", b"l", b"v"], b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    client.send(b"GET\r\n");
    client.expect(b"-ERR wrong number of arguments for 'get' command\r\n");
    client.ask(&[b"CONFIG", b"SET", b"timeout", b"0"], b"+OK\r\n");
    other.ask(&[b"SUBSCRIBE", b"news"], b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    crate::harness::eventually("the end of a key", || info(&mut client)["expired_keys"] == "1");

    let told = info(&mut client);
    let scrape = Scrape::of(port);
    // INFO itself is the one command in between.
    for (name, figure) in [
        ("connected_clients", "connected_clients"),
        ("blocked_clients", "blocked_clients"),
        ("tracking_clients", "tracking_clients"),
        ("pubsub_clients", "pubsub_clients"),
        ("watching_clients", "watching_clients"),
        ("max_clients", "maxclients"),
        ("connections_received_total", "total_connections_received"),
        ("rejected_connections_total", "rejected_connections"),
        ("keyspace_hits_total", "keyspace_hits"),
        ("keyspace_misses_total", "keyspace_misses"),
        ("expired_keys_total", "expired_keys"),
        ("expired_fields_total", "expired_fields"),
        ("evicted_keys_total", "evicted_keys"),
        ("memory_max_bytes", "maxmemory"),
        ("memory_used_dataset_bytes", "used_memory_dataset"),
        ("pubsub_channels", "pubsub_channels"),
        ("pubsub_patterns", "pubsub_patterns"),
        ("pubsubshard_channels", "pubsubshard_channels"),
        ("tracking_keys", "tracking_total_keys"),
        ("tracking_items", "tracking_total_items"),
        ("tracking_prefixes", "tracking_total_prefixes"),
        ("error_replies_total", "total_error_replies"),
        ("protocol_errors_total", "total_protocol_errors"),
        ("acl_access_denied_auth_total", "acl_access_denied_auth"),
    ] {
        assert_eq!(scrape.get(name, &[]), told[figure].parse().ok(), "{name}");
    }
    for (name, figure) in [
        ("commands_processed_total", "total_commands_processed"),
        ("net_input_bytes_total", "total_net_input_bytes"),
        ("net_output_bytes_total", "total_net_output_bytes"),
        ("cpu_sys_seconds_total", "used_cpu_sys"),
        ("cpu_user_seconds_total", "used_cpu_user"),
        ("uptime_seconds", "uptime_in_seconds"),
        ("memory_used_bytes", "used_memory_dataset"),
        ("memory_used_peak_bytes", "used_memory_dataset"),
    ] {
        let (figure, value) = (told[figure].parse::<f64>().unwrap(), scrape.get(name, &[]).unwrap());
        assert!(figure <= value && value <= figure * 1.5 + 100_000.0, "{name}: {figure}, {value}");
    }
    assert!(scrape.get("memory_used_rss_bytes", &[]) > Some(1e6));
    assert!(scrape.get("memory_clients_bytes", &[]).is_some());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - scrape.get("start_time_seconds", &[]).unwrap()).abs() < 60.0);

    assert_eq!(told["db0"], "keys=100,expires=1,avg_ttl=0");
    for (db, keys, expiring) in [("db0", 100.0, 1.0), ("db3", 1.0, 0.0)] {
        assert_eq!(scrape.get("db_keys", &[("db", db)]), Some(keys));
        assert_eq!(scrape.get("db_keys_expiring", &[("db", db)]), Some(expiring));
    }
    assert_eq!(scrape.get("db_keys", &[("db", "db1")]), None);

    for (cmd, calls, failed, rejected) in
        [("set", 102, 0, 0), ("get", 2, 0, 1), ("lpush", 1, 1, 0), ("config|set", 1, 0, 0)]
    {
        let of = |name: &str| scrape.get(name, &[("cmd", cmd)]);
        assert_eq!(of("commands_total"), Some(f64::from(calls)), "{cmd}");
        assert_eq!(of("commands_failed_calls_total"), Some(f64::from(failed)), "{cmd}");
        assert_eq!(of("commands_rejected_calls_total"), Some(f64::from(rejected)), "{cmd}");
        assert_eq!(of("commands_latencies_seconds_count"), Some(f64::from(calls)), "{cmd}");
        let micros = told[&format!("cmdstat_{cmd}")].split("usec=").nth(1).unwrap().split(',').next().unwrap();
        // What INFO has left out are fractions of a microsecond.
        let seconds = of("commands_duration_seconds_total").unwrap();
        assert_eq!((seconds * 1e6 + 1e-4).floor(), micros.parse::<f64>().unwrap(), "{cmd}");
        assert_eq!(of("commands_latencies_seconds_sum"), Some(seconds), "{cmd}");
    }
    assert_eq!(scrape.get("commands_total", &[("cmd", "zadd")]), None, "was never called");
    for err in ["ERR", "WRONGTYPE"] {
        assert_eq!(told[&format!("errorstat_{err}")], "count=1");
        assert_eq!(scrape.get("errors_total", &[("err", err)]), Some(1.0));
    }
    let version = [("version", env!("CARGO_PKG_VERSION")), ("redis_version", &told["redis_version"])];
    let labels = [&version[..], &[("os", &told["os"]), ("run_id", &told["run_id"])]].concat();
    assert_eq!(scrape.get("instance_info", &labels), Some(1.0));
}

#[test]
fn buckets_grow_and_end_with_all_calls() {
    let (server, port) = start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    for _ in 0..1000 {
        client.ask(&[b"SET", b"k", b"v"], b"+OK\r\n");
    }
    client.ask(&[b"DEBUG", b"SLEEP", b"0.02"], b"+OK\r\n");
    client.ask(&[b"GET", b"k"], b"$1\r\nv\r\n");
    let scrape = Scrape::of(port);
    let buckets = |cmd: &str| {
        let mut buckets: Vec<(f64, f64)> = scrape
            .samples
            .iter()
            .filter(|((name, labels), _)| name == "carnelian_commands_latencies_seconds_bucket" && labels["cmd"] == cmd)
            .map(|((_, labels), count)| (labels["le"].parse().unwrap(), *count))
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.windows(2).all(|w| w[0].1 <= w[1].1), "{buckets:?}");
        buckets
    };
    assert_eq!(buckets("set").last(), Some(&(f64::INFINITY, 1000.0)));
    let slept = buckets("debug");
    assert!(slept.iter().all(|(le, count)| *count == if *le < 0.02 { 0.0 } else { 1.0 }), "{slept:?}");
}

#[test]
fn other_requests_are_refused() {
    let (_server, port) = start(&[]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405 Method Not Allowed\r\n"),
        ("PING\r\n\r\n", "400 Bad Request"),
        ("*1\r\n$4\r\nPING\r\n", "400 Bad Request"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\x7f\x03\x03", "400 Bad Request"),
    ] {
        let (head, body) = ask(port, request.as_bytes());
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{request:?}: {head}");
        assert!(!body.contains("carnelian_"), "{body}");
        assert_eq!(head.contains("Allow: GET"), status.starts_with("405"), "{head}");
    }
    // Bytes behind a request do not lose its reply, and a request may come in pieces.
    let mut client = connect(port);
    client.send(&GET[..20]);
    std::thread::sleep(Duration::from_millis(20));
    client.send(&GET[20..]);
    client.send(GET);
    assert!(reply(&mut client).0.starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn long_requests_end() {
    let (server, port) = start(&[]);
    let mut client = connect(port);
    client.send(b"GET /metrics HTTP/1.1\r\nX: ");
    client.send(&[b'x'; 30_000]);
    assert!(reply(&mut client).0.starts_with("HTTP/1.1 431 "));
    // Who does not stop is cut off.
    let before = server.rss();
    let mut client = connect(port);
    client.send(b"GET /metrics HTTP/1.1\r\n");
    let mut sent = 0;
    while sent < 100_000_000 && client.0.write_all(&[b'x'; 10_000]).is_ok() {
        sent += 10_000;
    }
    assert!(sent < 100_000_000, "all of it was read");
    assert!(server.rss() < before + (4 << 20));
    Scrape::of(port);
}

#[test]
fn silent_peers_keep_nobody_waiting() {
    let (server, port) = start(&[]);
    let start = Instant::now();
    let mut silent: Vec<_> = (0..60).map(|_| connect(port)).collect();
    for client in silent.iter_mut().step_by(2) {
        // Those who have been cut off may know by now.
        let _ = client.0.write_all(b"GET /metrics HTT");
    }
    for _ in 0..3 {
        Scrape::of(port);
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    server.connect().ask(&[b"GET", b"none"], b"$-1\r\n");
    for client in &mut silent {
        assert_eq!(client.rest(), b"");
    }
    // The last ones had their time, and no more.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let before = server.ticks();
    std::thread::sleep(Duration::from_secs(1));
    assert!(server.ticks() - before <= 2, "{} ticks", server.ticks() - before);
}

#[test]
fn many_scrapes_at_once() {
    let (server, port) = start(&[]);
    let threads: Vec<_> = (0..50)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..5 {
                    let mut client = connect(port);
                    // So that more are here than there are places, and yet nobody loses theirs.
                    std::thread::sleep(Duration::from_millis(20));
                    client.send(GET);
                    Scrape::parse(&reply(&mut client).1);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    server.connect().ask(&[b"GET", b"none"], b"$-1\r\n");
}

#[test]
fn a_peer_that_does_not_read_is_left() {
    let (mut server, port) = start(&[]);
    let mut unread: Vec<_> = (0..20).map(|_| connect(port)).collect();
    for client in &mut unread {
        client.send(&GET.repeat(10));
    }
    Scrape::of(port);
    let start = Instant::now();
    server.signal("-TERM");
    assert_eq!(server.exit_code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn off_unless_asked_for() {
    let server = Server::start(&[]);
    assert!(!server.log().contains("Metrics at"), "{}", server.log());
    let mut client = server.connect();
    client.ask(&[b"CONFIG", b"GET", b"metrics-port"], b"*2\r\n$12\r\nmetrics-port\r\n$1\r\n0\r\n");
    client.send(b"CONFIG SET metrics-port 9121\r\n");
    let mut text = [0; 100];
    let n = client.0.read(&mut text).unwrap();
    assert!(text[..n].starts_with(b"-ERR CONFIG SET failed (possibly related to argument 'metrics-port')"));
}

#[test]
fn a_port_in_use_is_an_error() {
    let (_server, port) = start(&[]);
    let text = run(&["--port", &free_port().to_string(), "--metrics-port", &port.to_string()]).stderr;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains(&format!("Could not create server TCP listening socket *:{port}: ")), "{text}");
}

#[test]
fn protected_mode_is_for_metrics_too() {
    let Some(address) = own_address() else { return };
    let ask = |port| {
        let mut client = connect_to(address, port);
        client.send(GET);
        reply(&mut client)
    };
    let (server, port) = start(&[]);
    let (head, body) = ask(port);
    assert!(head.starts_with("HTTP/1.1 403 Forbidden") && body.contains("protected mode"), "{head} {body}");
    Scrape::of(port);
    server.connect().ask(&[b"CONFIG", b"SET", b"protected-mode", b"no"], b"+OK\r\n");
    assert!(ask(port).0.starts_with("HTTP/1.1 200 OK"));
}
