//! A client in the same process: commands in, replies out, through a session.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

pub mod folder;

use std::time::Duration;

use carnelian::command::{Origin, Output};
use carnelian::session::Session;
use carnelian::{Clock, Engine, ManualClock, Options};

/// The time at which the tests' clocks start.
pub const START: u64 = 1_700_000_000_000;

/// An engine with a clock that stands still.
pub fn engine(seed: u64) -> (Engine, ManualClock) {
    let clock = ManualClock::new(Duration::from_millis(START));
    let options = Options::new().stripes(16).seed(seed).clock(Clock::Manual(clock.clone()));
    (Engine::open(options).unwrap(), clock)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    Simple(String),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Got>),
}

impl Got {
    pub fn text(&self) -> String {
        match self {
            Got::Simple(text) | Got::Error(text) => text.clone(),
            Got::Int(n) => n.to_string(),
            Got::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Got::Null => "(nil)".into(),
            Got::Array(items) => items.iter().map(Got::text).collect::<Vec<_>>().join(" "),
        }
    }

    pub fn bytes(self) -> Vec<u8> {
        match self {
            Got::Bulk(bytes) => bytes,
            other => panic!("no string: {other:?}"),
        }
    }

    pub fn items(self) -> Vec<Got> {
        match self {
            Got::Array(items) => items,
            other => panic!("no list: {other:?}"),
        }
    }
}

pub struct Client {
    session: Session,
}

impl Client {
    pub fn new(engine: &Engine) -> Self {
        Self { session: engine.session(Origin::default(), None) }
    }

    /// Runs a command.
    pub fn argv<T: AsRef<[u8]>>(&mut self, argv: &[T]) -> Got {
        let mut request = format!("*{}\r\n", argv.len()).into_bytes();
        for arg in argv {
            let arg = arg.as_ref();
            request.extend(format!("${}\r\n", arg.len()).bytes());
            request.extend(arg);
            request.extend(b"\r\n");
        }
        let mut output = Output::default();
        let (_, used) = self.session.feed(&request, &mut output);
        assert_eq!(used, request.len());
        let bytes = output.to_vec();
        let (got, rest) = parse(&bytes);
        assert!(rest.is_empty(), "more than one reply");
        got
    }

    /// Runs a command given as words.
    pub fn run(&mut self, line: &str) -> Got {
        self.argv(&line.split(' ').collect::<Vec<_>>())
    }

    /// Runs a command and shows its reply.
    pub fn text(&mut self, line: &str) -> String {
        self.run(line).text()
    }
}

fn parse(bytes: &[u8]) -> (Got, &[u8]) {
    let end = bytes.windows(2).position(|w| w == b"\r\n").unwrap();
    let line = String::from_utf8_lossy(&bytes[1..end]).into_owned();
    let rest = &bytes[end + 2..];
    let number = || line.parse::<i64>().unwrap();
    match bytes[0] {
        b'+' => (Got::Simple(line), rest),
        b'-' => (Got::Error(line), rest),
        b':' => (Got::Int(number()), rest),
        b'$' | b'*' if number() < 0 => (Got::Null, rest),
        b'$' => {
            let len = number() as usize;
            (Got::Bulk(rest[..len].to_vec()), &rest[len + 2..])
        }
        b'*' => {
            let mut rest = rest;
            let items = (0..number())
                .map(|_| {
                    let (item, after) = parse(rest);
                    rest = after;
                    item
                })
                .collect();
            (Got::Array(items), rest)
        }
        other => panic!("reply of type {}", other as char),
    }
}
