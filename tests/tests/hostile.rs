//! Input that no client should send, and clients that behave as none should. What Redis 7.0 says to the same bytes is
//! what we say, byte for byte; and whatever happens on one connection, the others are served.

use std::fmt::Write as _;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use carnelian_tests::bytes::Escaped;
use carnelian_tests::generate::Rng;
use carnelian_tests::raw::{Ending, connect, exchange, is_closed_within};
use carnelian_tests::resp::{Client, Reply, encode};
use carnelian_tests::server::{Peer, Server};
use carnelian_tests::share;

const MEGABYTE: u64 = 1024 * 1024;

/// Sends every case to both and reports all differences.
fn same_answers(arguments: &[&str], setup: &[&[&str]], cases: Vec<(Vec<u8>, Ending)>) {
    let (ours, theirs) = (Server::subject(arguments), Server::peer(Peer::Redis7, arguments));
    for command in setup {
        for server in [&ours, &theirs] {
            assert_eq!(server.connect().call(command), Reply::Simple(b"OK".to_vec()));
        }
    }
    // One connection that stays: whatever others do, it is served.
    let mut bystander = ours.connect();
    let mut report = String::new();
    for (bytes, ending) in cases {
        let (our, their) = (exchange(&ours, &bytes, ending), exchange(&theirs, &bytes, ending));
        if our != their {
            let (our, their) = (Escaped(&our), Escaped(&their));
            let _ = writeln!(report, "{} ({ending:?})\n  ours:  {our}\n  redis: {their}", Escaped(&bytes));
        }
        bystander.call(&["PING"]);
    }
    assert!(report.is_empty(), "different answers to the same bytes:\n{report}");
    let (mut ours, mut theirs) = (ours.connect(), theirs.connect());
    let keys = |client: &mut Client| match client.call(&["KEYS", "*"]) {
        Reply::Array(mut keys) => {
            keys.sort();
            keys
        }
        other => vec![other],
    };
    assert_eq!(keys(&mut ours), keys(&mut theirs), "half a command is no command");
}

fn echoed(bytes: impl Into<Vec<u8>>) -> (Vec<u8>, Ending) {
    (bytes.into(), Ending::Echo)
}

fn closed(bytes: impl Into<Vec<u8>>) -> (Vec<u8>, Ending) {
    (bytes.into(), Ending::Close)
}

#[test]
fn lengths_that_are_none() {
    let mut cases = Vec::new();
    let lengths = [
        "",
        "-1",
        "-2",
        "0",
        "-0",
        "+1",
        "01",
        " 1",
        "1 ",
        "abc",
        "1a",
        "a1",
        "1.0",
        "0x1",
        "1e3",
        "-",
        "\0",
        "1\0",
        "2147483648",
        "4294967296",
        "4294967297",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-2147483648",
        "99999999999999999999",
        "18446744073709551617",
    ];
    for length in lengths {
        // A line with a NUL in it has no end for Redis, which waits for one.
        let ending = if length.contains('\0') { Ending::Close } else { Ending::Echo };
        cases.push((format!("*{length}\r\n").into_bytes(), ending));
        cases.push(closed(format!("*{length}\r\n$4\r\nPING\r\n")));
        cases.push(closed(format!("*1\r\n${length}\r\nPING\r\n")));
        cases.push(closed(format!("*2\r\n$3\r\nGET\r\n${length}\r\nk\r\n")));
    }
    cases.extend(["536870912", "536870913", "1073741824"].map(|length| closed(format!("*1\r\n${length}\r\nPING\r\n"))));
    cases.extend(["1000000000", "2147483647"].map(|length| closed(format!("*{length}\r\n$4\r\nPING\r\n"))));
    same_answers(&[], &[], cases);
}

#[test]
fn frames_that_are_not_well_formed() {
    let mut cases = vec![
        echoed("*1\r\nPING\r\n"),
        echoed("*1\r\n:4\r\nPING\r\n"),
        echoed("*1\r\n\r\n"),
        closed("*1\r\n\0\r\n"),
        echoed(b"*1\r\n\xff\r\n".as_slice()),
        echoed("*1\r\n*1\r\n*1\r\n*1\r\n$4\r\nPING\r\n"),
        echoed("*2\r\n$4\r\nECHO\r\n*1\r\n$1\r\nx\r\n"),
        // The two bytes after a string are not looked at.
        echoed("*1\r\n$4\r\nPINGxx"),
        echoed("*1\r\n$4\r\nPING\n\n"),
        echoed("*1\r\n$3\r\nPING\r\n"),
        closed("*1\r\n$5\r\nPING\r\n"),
        // Only the line feed ends a line; what stands before it is skipped.
        echoed("*1\n$4\nPING\r\n"),
        echoed("*1\rx$4\r\nPING\r\n"),
        echoed("*1\r\n$0\r\n\r\n"),
        echoed("*2\r\n$0\r\n\r\n$0\r\n\r\n"),
        echoed("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n"),
        echoed("*2\r\n$3\r\nGET\r\n$0\r\n\r\n"),
        echoed("*1\r\n$5\r\nPI\0NG\r\n"),
        echoed("*2\r\n$4\r\nECHO\r\n$3\r\n\0\0\0\r\n"),
        // What came before the mistake is answered, what comes after is not.
        echoed("*1\r\n$4\r\nPING\r\nPING\r\n*1\r\n$x\r\nPING\r\n"),
        echoed("+OK\r\n"),
        echoed("-ERR no\r\n"),
        echoed(":1\r\n"),
        echoed("$4\r\nPING\r\n"),
        echoed("%1\r\n"),
        echoed("~1\r\n$4\r\nPING\r\n"),
        closed("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        closed("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
        echoed("Host: localhost\r\n"),
        // The beginning of TLS.
        closed(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice()),
        closed(""),
    ];
    cases.push(echoed("*-1\r\n".repeat(1000)));
    cases.push(closed("*1\r\n".repeat(50_000)));
    cases.push(echoed("\r\n".repeat(5000)));
    same_answers(&[], &[], cases);
}

#[test]
fn inline_commands() {
    let lines = [
        "PING",
        "  PING  ",
        "\tPING\t",
        "",
        " ",
        "\t",
        "\0",
        "\0\0\0",
        "PING\0",
        "GET a\0b",
        "ECHO \"a b\"",
        "ECHO 'a b'",
        "ECHO \"a",
        "ECHO 'a",
        "\"",
        "'",
        "\"\"",
        "''",
        "ECHO \"\"",
        "ECHO ''",
        "ECHO \"a\"b",
        "ECHO 'a'b",
        "ECHO a\"b",
        "ECHO a\"b c\"",
        "ECHO \"\\x41\\x00\\xff\\n\\r\\t\\b\\a\\q\"",
        "ECHO \"\\x4\"",
        "ECHO \"\\xgg\"",
        "ECHO \"\\",
        "ECHO '\\'",
        "ECHO 'it\\'s'",
        "ECHO '\\n'",
        "ECHO \\n",
        "ECHO \"\\\"\"",
        "SET k v",
        "GET k",
        "*",
        "*1",
        "*x",
        "$",
        "ECHO *",
        "NOSUCH a b c",
        "GET",
        "ECHO \u{fc}",
        "ECHO a\rb",
        "\rPING",
    ];
    let mut cases = Vec::new();
    for line in lines {
        // A line with a NUL in it has no end for Redis, which waits for one.
        let ending = if line.contains('\0') { Ending::Close } else { Ending::Echo };
        cases.push((format!("{line}\r\n").into_bytes(), ending));
        cases.push((format!("{line}\n").into_bytes(), ending));
        cases.push(closed(line));
    }
    cases.push(echoed(format!("ECHO {}\r\n", "a".repeat(60_000))));
    cases.push(echoed(format!("ECHO {}\r\n", "a ".repeat(20_000))));
    same_answers(&[], &[], cases);
}

#[test]
fn lines_without_an_end() {
    let long = |start: &str, filler: &str| closed(format!("{start}{}", filler.repeat(300_000)));
    let cases = vec![
        long("", "a"),
        long("PING ", " "),
        long("", "\0"),
        long("ECHO \"", "a"),
        long("*", "1"),
        long("*", "x"),
        long("*1\r\n$", "1"),
        long("*1\r\n$", "0"),
        long("PING\r\n", "b"),
    ];
    same_answers(&[], &[], cases);
}

#[test]
fn a_command_cut_anywhere_is_no_command() {
    let mut command = Vec::new();
    encode(&["SET", "cut", "hello\r\n$-1\r\nworld"], &mut command);
    let cases = (0..command.len()).map(|length| closed(&command[..length])).collect();
    same_answers(&[], &[], cases);
}

#[test]
fn random_bytes() {
    let mut rng = Rng::new(2);
    let pieces: &[&[u8]] = &[
        b"*",
        b"$",
        b"\r\n",
        b"\n",
        b"1",
        b"2",
        b"3",
        b"-",
        b"PING",
        b"GET",
        b"SET k v",
        b" ",
        b"\"",
        b"'",
        b"\\",
        b"\0",
        b"\xff",
        b"$4\r\nPING\r\n",
        b"*1\r\n",
    ];
    let mut cases = Vec::new();
    for _ in 0..share(20_000) {
        let mut bytes = Vec::new();
        for _ in 0..rng.below(20) {
            match rng.below(6) {
                0 => bytes.extend(rng.bytes(5)),
                _ => bytes.extend_from_slice(pieces[rng.below(pieces.len() as u64) as usize]),
            }
        }
        cases.push((bytes, Ending::Close));
    }
    same_answers(&[], &[], cases);
}

#[test]
fn very_many_arguments() {
    let mut exists = format!("*{}\r\n$6\r\nEXISTS\r\n", 1_100_001);
    exists.push_str(&"$1\r\nk\r\n".repeat(1_100_000));
    let mut unknown = format!("*{}\r\n$6\r\nNOSUCH\r\n", 100_001);
    unknown.push_str(&"$1\r\nk\r\n".repeat(100_000));
    same_answers(&[], &[&["SET", "k", "v"]], vec![echoed(exists), echoed(unknown)]);
}

#[test]
fn strings_longer_than_allowed() {
    let of = |length: usize| {
        let mut command = Vec::new();
        encode(&["SET", "k", &"v".repeat(length)], &mut command);
        command
    };
    let cases = vec![echoed(of(1024 * 1024)), echoed(of(1024 * 1024 + 1)), closed("*2\r\n$3\r\nGET\r\n$1048577\r\n")];
    same_answers(&[], &[&["CONFIG", "SET", "proto-max-bulk-len", "1mb"]], cases);
}

#[test]
fn what_may_be_sent_before_a_password() {
    let mut long = Vec::new();
    encode(&["ECHO", &"x".repeat(16_385)], &mut long);
    let cases = vec![
        closed("*11\r\n$4\r\nPING\r\n"),
        closed("*10\r\n$4\r\nPING\r\n"),
        closed("*1000000\r\n"),
        closed("*1\r\n$16385\r\n"),
        closed("*1\r\n$16384\r\n"),
        closed(long),
        closed("PING\r\n"),
        closed("NOSUCH\r\n"),
        closed("AUTH wrong\r\n"),
        echoed("AUTH secret\r\nPING\r\n"),
        closed("AUTH secret\r\nRESET\r\nGET k\r\n"),
    ];
    same_answers(&["--requirepass", "secret"], &[], cases);
}

#[test]
fn more_clients_than_allowed() {
    let arguments = ["--maxclients", "4"];
    let answer = |server: &Server| {
        // The connection that waited for the server to start may not have been noticed as closed yet.
        let mut held: Vec<TcpStream> = Vec::new();
        let refused = loop {
            let mut stream = connect(server);
            let _ = stream.write_all(b"PING\r\n");
            let mut bytes = [0; 7];
            match std::io::Read::read_exact(&mut stream, &mut bytes) {
                Ok(()) if &bytes == b"+PONG\r\n" => held.push(stream),
                _ => break exchange(server, b"PING\r\n", Ending::Close),
            }
        };
        (held.len(), refused)
    };
    let (ours, theirs) = (answer(&Server::subject(&arguments)), answer(&Server::peer(Peer::Redis7, &arguments)));
    assert_eq!((ours.0, Escaped(&ours.1).to_string()), (theirs.0, Escaped(&theirs.1).to_string()));
    assert_eq!(ours.0, 4);
}

/// Runs `hostile` beside a client that must be served all the time, and returns by how much memory grew meanwhile.
fn growth_beside_a_served_client<T>(server: &Server, hostile: impl FnOnce() -> T + Send) -> (u64, T)
where
    T: Send,
{
    let before = server.resident_bytes();
    let mut most = before;
    let result = std::thread::scope(|scope| {
        let hostile = scope.spawn(hostile);
        let mut client = server.connect();
        let mut served = 0;
        while !hostile.is_finished() || served < 20 {
            let started = Instant::now();
            let value = served.to_string();
            assert_eq!(client.call(&["SET", "beside", &value]), Reply::Simple(b"OK".to_vec()));
            assert_eq!(client.call(&["GET", "beside"]), Reply::Bulk(value.into_bytes()));
            let took = started.elapsed();
            assert!(took < Duration::from_secs(2), "a SET and a GET took {took:?} beside a hostile client");
            served += 1;
            most = most.max(server.resident_bytes());
            std::thread::sleep(Duration::from_millis(2));
        }
        hostile.join().expect("the hostile client runs to its end")
    });
    (most.unwrap_or(0) - before.unwrap_or(0), result)
}

#[test]
fn a_client_that_never_reads_is_cut_off_at_its_limit() {
    let server = Server::subject(&["--client-output-buffer-limit", "normal 16mb 0 0"]);
    let mut client = server.connect();
    assert_eq!(client.call(&["SET", "big", &"x".repeat(MEGABYTE as usize)]), Reply::Simple(b"OK".to_vec()));
    let (growth, cut_off) = growth_beside_a_served_client(&server, || {
        let mut hungry = connect(&server);
        // Two gigabytes of replies.
        for _ in 0..2000 {
            if hungry.write_all(b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n").is_err() {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(500));
        is_closed_within(&mut hungry, Duration::from_secs(10))
    });
    assert!(cut_off, "the client that does not read is still connected");
    assert!(growth < 128 * MEGABYTE, "memory grew by {} MB", growth / MEGABYTE);
}

#[test]
fn a_soft_limit_cuts_off_after_its_time() {
    let server = Server::subject(&[]);
    let mut client = server.connect();
    assert_eq!(
        client.call(&["CONFIG", "SET", "client-output-buffer-limit", "normal 0 8mb 1"]),
        Reply::Simple(b"OK".to_vec())
    );
    assert_eq!(client.call(&["SET", "big", &"x".repeat(MEGABYTE as usize)]), Reply::Simple(b"OK".to_vec()));
    let (growth, cut_off) = growth_beside_a_served_client(&server, || {
        let mut hungry = connect(&server);
        hungry.write_all(&b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(50)).expect("a short request is taken");
        std::thread::sleep(Duration::from_secs(4));
        // All 50 MB were sent only to a client that was not cut off.
        let mut all = 0;
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = std::io::Read::read(&mut hungry, &mut chunk) {
            all += n as u64;
            if all >= 50 * MEGABYTE {
                return false;
            }
        }
        true
    });
    assert!(cut_off, "a client stayed above its soft limit for four seconds");
    assert!(growth < 128 * MEGABYTE, "memory grew by {} MB", growth / MEGABYTE);
}

#[test]
fn a_request_larger_than_the_query_buffer_limit_is_cut_off() {
    let server = Server::subject(&[]);
    assert_eq!(
        server.connect().call(&["CONFIG", "SET", "client-query-buffer-limit", "1mb"]),
        Reply::Simple(b"OK".to_vec())
    );
    let (growth, cut_off) = growth_beside_a_served_client(&server, || {
        let mut endless = connect(&server);
        let _ = endless.write_all(b"*2\r\n$4\r\nECHO\r\n$200000000\r\n");
        // The server takes no more than a small part of it.
        let part = [b'x'; 100_000];
        let refused = (0..2000).any(|_| endless.write_all(&part).is_err());
        refused || is_closed_within(&mut endless, Duration::from_secs(10))
    });
    assert!(cut_off, "200 MB were taken");
    assert!(growth < 64 * MEGABYTE, "memory grew by {} MB", growth / MEGABYTE);
}

#[test]
fn announced_lengths_cost_no_memory() {
    let server = Server::subject(&[]);
    let (growth, ()) = growth_beside_a_served_client(&server, || {
        let announce = |bytes: &[u8]| {
            let mut stream = connect(&server);
            stream.write_all(bytes).expect("a short request is taken");
            stream
        };
        let strings: Vec<_> = (0..100).map(|_| announce(b"*2\r\n$4\r\nECHO\r\n$536870912\r\nxyz")).collect();
        let arrays: Vec<_> = (0..100).map(|_| announce(b"*2147483647\r\n$4\r\nECHO\r\n")).collect();
        std::thread::sleep(Duration::from_millis(500));
        drop((strings, arrays));
    });
    assert!(growth < 128 * MEGABYTE, "200 announcements took {} MB", growth / MEGABYTE);
}

#[test]
fn ten_thousand_idle_connections() {
    let limit = raise_open_files();
    // Ours and the server's both count, each for its own process; some are needed for other things.
    let wanted = 10_000.min(limit.saturating_sub(1000));
    assert!(wanted >= 1000, "only {limit} open files are allowed");
    let server = Server::subject(&["--maxclients", &(wanted + 100).to_string()]);
    let (growth, mut idle) = growth_beside_a_served_client(&server, || {
        let mut idle: Vec<TcpStream> = (0..wanted).map(|_| connect(&server)).collect();
        for stream in idle.iter_mut().step_by(97) {
            assert_eq!(round_trip(stream, b"PING\r\n", 7), b"+PONG\r\n");
        }
        idle
    });
    assert!(growth < 1024 * MEGABYTE, "{wanted} idle connections took {} MB", growth / MEGABYTE);
    // Half of them go at once, some in the middle of a frame, and the rest are still there.
    for stream in idle.iter_mut().step_by(3) {
        stream.write_all(b"*2\r\n$4\r\nECHO\r\n$10\r\nhal").expect("an idle connection is open");
    }
    idle.truncate(idle.len() / 2);
    let last = idle.iter_mut().skip(1).step_by(3).last().expect("there are thousands");
    assert_eq!(round_trip(last, b"PING\r\n", 7), b"+PONG\r\n");
    drop(idle);
    assert_eq!(server.connect().call(&["PING"]), Reply::Simple(b"PONG".to_vec()));
}

#[test]
fn clients_killed_in_the_middle_of_a_frame() {
    let server = Server::subject(&[]);
    let (growth, ()) = growth_beside_a_served_client(&server, || {
        for n in 0..500 {
            let mut stream = connect(&server);
            let frame: &[u8] = if n % 2 == 0 {
                b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$10\r\nab"
            } else {
                b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$9"
            };
            stream.write_all(frame).expect("a short request is taken");
            // A reset, as a client leaves that is killed with unread replies.
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket can linger");
        }
    });
    assert!(growth < 64 * MEGABYTE, "memory grew by {} MB", growth / MEGABYTE);
    assert_eq!(server.connect().call(&["EXISTS", "half"]), Reply::Integer(0));
}

#[test]
fn idle_clients_go_after_the_timeout() {
    let server = Server::subject(&["--timeout", "1"]);
    let mut idle = connect(&server);
    let mut half = connect(&server);
    half.write_all(b"*2\r\n$4\r\nECHO\r\n$10\r\nhal").expect("a short request is taken");
    assert!(is_closed_within(&mut idle, Duration::from_secs(8)), "an idle client is still there");
    assert!(is_closed_within(&mut half, Duration::from_secs(8)), "half a command kept a client");
    assert_eq!(server.connect().call(&["PING"]), Reply::Simple(b"PONG".to_vec()));
}

fn round_trip(stream: &mut TcpStream, bytes: &[u8], length: usize) -> Vec<u8> {
    stream.write_all(bytes).expect("an idle connection is open");
    let mut reply = vec![0; length];
    std::io::Read::read_exact(stream, &mut reply).expect("an idle connection is answered");
    reply
}

/// Allows this process, and the servers that it starts, as many open files as the system lets it; returns how many.
fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}
