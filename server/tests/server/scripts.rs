//! Scripts that take long, and everybody else meanwhile.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::harness::{Server, eventually, request};

const BUSY: &[u8] = b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
const ENDLESS: &[u8] = b"while true do pcall(function() while true do end end) end";

/// Everybody shares one thread, or has another: both work.
const THREADS: [&str; 2] = ["1", "2"];

fn start(threads: &str) -> Server {
    Server::start(&["--io-threads", threads, "--busy-reply-threshold", "50"])
}

#[test]
fn clients_old_and_new_are_told_and_can_end_the_script() {
    for threads in THREADS {
        let server = start(threads);
        let (mut runner, mut old) = (server.connect(), server.connect());
        let (mut subscriber, mut waiter) = (server.connect(), server.connect());
        subscriber.ask(&[b"SUBSCRIBE", b"news"], b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
        waiter.0.write_all(&request(&[b"BLPOP", b"list", b"0.3"])).unwrap();
        old.ask(&[b"SET", b"a", b"1"], b"+OK\r\n");
        for round in 0..3 {
            runner.0.write_all(&request(&[b"EVAL", ENDLESS, b"0"])).unwrap();
            let mut told = [0; BUSY.len()];
            eventually("somebody is told", || {
                old.0.write_all(&request(&[b"GET", b"a"])).unwrap();
                old.0.read_exact(&mut told[..7]).unwrap();
                if &told[..7] == b"$1\r\n1\r\n" {
                    return false;
                }
                old.0.read_exact(&mut told[7..]).unwrap();
                true
            });
            assert_eq!(told, BUSY, "round {round}");
            let mut new = server.connect();
            new.ask(&[b"PING"], BUSY);
            new.ask(&[b"MULTI"], b"+OK\r\n");
            new.ask(&[b"GET", b"a"], BUSY);
            new.ask(&[b"EXEC"], &[b"-EXECABORT Transaction discarded because of: ", &BUSY[1..]].concat());
            new.ask(&[b"EVAL", b"return 1", b"0"], BUSY);
            new.ask(&[b"SCRIPT", b"KILL"], b"+OK\r\n");
            runner.expect(b"-ERR Script killed by user with SCRIPT KILL... script: ");
            // The rest of the line, which names the script.
            let mut byte = [0];
            while byte != *b"\n" {
                runner.0.read_exact(&mut byte).unwrap();
            }
            new.ask(&[b"GET", b"a"], b"$1\r\n1\r\n");
            old.ask(&[b"PUBLISH", b"news", b"over"], b":1\r\n");
            subscriber.expect(b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$4\r\nover\r\n");
        }
        // It was due while a script was running.
        waiter.expect(b"*-1\r\n");
        server.expect_log("Slow script detected: still in execution after ");
    }
}

#[test]
fn what_was_sent_meanwhile_is_not_lost_when_the_script_ends_by_itself() {
    for threads in THREADS {
        let server = start(threads);
        let mut runner = server.connect();
        let mut others: Vec<_> = (0..20).map(|_| server.connect()).collect();
        // Not long enough for anybody to be told.
        runner.0.write_all(&request(&[b"EVAL", b"for i = 1, 500000 do end return 'done'", b"0"])).unwrap();
        for (i, other) in others.iter_mut().enumerate() {
            other.0.write_all(&request(&[b"SET", format!("key{i}").as_bytes(), b"1"])).unwrap();
        }
        runner.expect(b"$4\r\ndone\r\n");
        for other in &mut others {
            other.expect(b"+OK\r\n");
        }
        runner.ask(&[b"DBSIZE"], b":20\r\n");
    }
}

#[test]
fn a_script_that_has_written_ends_only_with_the_server() {
    for threads in THREADS {
        let mut server = start(threads);
        let (mut runner, mut other) = (server.connect(), server.connect());
        let source = b"redis.call('SET', 'a', 1) while true do end";
        runner.0.write_all(&request(&[b"EVAL", source, b"0"])).unwrap();
        let began = Instant::now();
        server.expect_log("Slow script detected");
        let refused =
            b"-UNKILLABLE Sorry the script already executed write commands against the dataset. You can either \
wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.\r\n";
        other.ask(&[b"SCRIPT", b"KILL"], refused);
        other.ask(&[b"FUNCTION", b"KILL"], BUSY);
        other.0.write_all(&request(&[b"SHUTDOWN", b"NOSAVE"])).unwrap();
        assert_eq!(server.exit_code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_server_that_is_told_to_end_ends_scripts() {
    let mut server = Server::start(&["--io-threads", "1"]);
    let mut runner = server.connect();
    runner.0.write_all(&request(&[b"EVAL", ENDLESS, b"0"])).unwrap();
    // It runs when nobody is answered any more.
    std::thread::sleep(Duration::from_millis(100));
    server.signal("-TERM");
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn bombs_are_errors_and_the_server_goes_on() {
    let server = start("1");
    let mut client = server.connect();
    let bombs: [&[u8]; 12] = [
        b"local function f() return 1 + f() end return f()",
        b"local t = {} local function f() return setmetatable({}, {__index = f}) end return #string.rep('x', 2^40)",
        b"return string.rep('x', 2^31)",
        b"return string.format('%99999d', 1)",
        b"return ('x'):rep(300000):match(('(x*'):rep(200))",
        b"return loadstring('\\27Lua')()",
        b"return {unpack({}, 1, 2^31)}",
        b"local t = {} t.t = t return t",
        b"local s = ('['):rep(100000) return cjson.decode(s)",
        b"return cmsgpack.unpack(('\\145'):rep(100000))",
        b"local t = {} for i = 1, 100 do t = {t} end return t",
        b"getmetatable('').__index = nil return ('x'):len()",
    ];
    for bomb in bombs {
        client.0.write_all(&request(&[b"EVAL", bomb, b"0"])).unwrap();
        client.0.write_all(&request(&[b"ECHO", b"still there"])).unwrap();
        let mut reply = Vec::new();
        let mut chunk = [0; 4096];
        while !reply.ends_with(b"$11\r\nstill there\r\n") {
            let n = client.0.read(&mut chunk).unwrap();
            assert!(n > 0, "the server is gone after {}", String::from_utf8_lossy(bomb));
            reply.extend_from_slice(&chunk[..n]);
        }
    }
    // Ten megabytes are a script like any other.
    let long = [b"return '".to_vec(), vec![b'x'; 10 << 20], b"'".to_vec()].concat();
    let expected = [format!("${}\r\n", 10 << 20).as_bytes(), &vec![b'x'; 10 << 20], b"\r\n"].concat();
    client.ask(&[b"EVAL", &long, b"0"], &expected);
}
