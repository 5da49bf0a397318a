//! Scripts beside a real Redis 7.0: what they return, what the libraries say, what is raised. Each case of
//! `cases/scripting` runs in RESP2 and in RESP3, and every byte of its reply is compared.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use carnelian_tests::bytes::Escaped;
use carnelian_tests::raw;
use carnelian_tests::resp::encode;
use carnelian_tests::server::{Peer, Server};

/// A script with its keys and arguments.
#[derive(Debug)]
struct Case {
    file: String,
    line: usize,
    source: Vec<u8>,
    keys: Vec<String>,
    args: Vec<String>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/scripting");
    let mut paths: Vec<_> = fs::read_dir(folder).expect("the cases").map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| cases_of(path)).collect()
}

fn cases_of(path: &Path) -> Vec<Case> {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let text = fs::read(path).expect("readable");
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in text.split_inclusive(|&b| b == b'\n').enumerate() {
        let words = |line: &[u8]| String::from_utf8_lossy(line).split_whitespace().map(str::to_owned).collect();
        if line.trim_ascii() == b"-- case" {
            let (file, line) = (name.clone(), number + 1);
            cases.push(Case { file, line, source: Vec::new(), keys: Vec::new(), args: Vec::new() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(keys) = line.strip_prefix(b"-- keys:") {
            case.keys = words(keys);
        } else if let Some(args) = line.strip_prefix(b"-- args:") {
            case.args = words(args);
        } else {
            case.source.extend_from_slice(line);
        }
    }
    for case in &mut cases {
        case.source.truncate(case.source.trim_ascii_end().len());
    }
    cases
}

/// A connection, whose replies are taken as they come.
struct Side {
    stream: TcpStream,
    mark: u32,
}

impl Side {
    fn new(server: &Server, resp3: bool) -> Self {
        let mut side = Self { stream: raw::connect(server), mark: 0 };
        if resp3 {
            side.call(&[b"HELLO", b"3"]);
        }
        side
    }

    /// All bytes of the reply to a command.
    fn call(&mut self, argv: &[&[u8]]) -> Vec<u8> {
        self.mark += 1;
        let mark = format!("end of reply {}", self.mark);
        let mut request = Vec::new();
        encode(argv, &mut request);
        encode(&[b"ECHO", mark.as_bytes()], &mut request);
        self.stream.write_all(&request).expect("the server is there");
        let end = format!("${}\r\n{mark}\r\n", mark.len()).into_bytes();
        let (mut reply, mut chunk) = (Vec::new(), [0; 4096]);
        while !reply.ends_with(&end) {
            let n = self.stream.read(&mut chunk).expect("a reply");
            assert!(n > 0, "the server has hung up on {}", Escaped(argv.get(1).copied().unwrap_or_default()));
            reply.extend_from_slice(&chunk[..n]);
        }
        reply.truncate(reply.len() - end.len());
        reply
    }

    fn run(&mut self, case: &Case) -> Vec<u8> {
        let number = case.keys.len().to_string();
        let mut argv: Vec<&[u8]> = vec![b"EVAL", &case.source, number.as_bytes()];
        argv.extend(case.keys.iter().chain(&case.args).map(String::as_bytes));
        self.call(&argv)
    }
}

#[test]
fn scripts_reply_as_those_of_redis() {
    let cases = cases();
    assert!(cases.len() >= 500, "only {} cases", cases.len());
    let (ours, theirs) = (Server::subject(&[]), Server::peer(Peer::Redis7, &[]));
    let (mut wrong, mut counts) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for resp3 in [false, true] {
        let (mut ours, mut theirs) = (Side::new(&ours, resp3), Side::new(&theirs, resp3));
        for case in &cases {
            for side in [&mut ours, &mut theirs] {
                side.call(&[b"FLUSHALL"]);
            }
            let (mine, real) = (ours.run(case), theirs.run(case));
            *counts.entry(&case.file).or_default() += 1;
            if mine != real {
                let protocol = if resp3 { "RESP3" } else { "RESP2" };
                wrong.push(format!(
                    "{}:{} in {protocol}: {}\n  Redis     {}\n  Carnelian {}",
                    case.file,
                    case.line,
                    Escaped(&case.source),
                    Escaped(&real),
                    Escaped(&mine)
                ));
            }
        }
    }
    println!("replies that were compared: {counts:?}");
    assert!(wrong.is_empty(), "{} of {} replies differ:\n{}", wrong.len(), cases.len() * 2, wrong.join("\n"));
}
