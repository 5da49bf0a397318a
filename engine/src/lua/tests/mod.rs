//! A host that needs no engine, and what all tests of the room use.

mod bombs;
mod cases;
mod kill;
mod libraries;
mod published;
mod redis;
mod sandbox;

use super::*;
use crate::error::Error;

/// Answers a few commands of its own: `RAW <resp>` with just that, `ECHO`, `PING`, `FAIL` and `REFUSE`.
#[derive(Default)]
pub(super) struct TestHost {
    pub(super) reply: Vec<u8>,
    pub(super) calls: Vec<Vec<Vec<u8>>>,
    pub(super) logs: Vec<(LogLevel, Vec<u8>)>,
    pub(super) repl: Option<(bool, bool)>,
    /// How often it is asked before it ends the script.
    pub(super) patience: Option<u32>,
}

impl Host for TestHost {
    fn call(&mut self, args: &[&[u8]], resp3: bool) -> crate::Result<&[u8]> {
        self.calls.push(args.iter().map(|arg| arg.to_vec()).collect());
        self.reply = match *args {
            [b"RAW", reply] => reply.to_vec(),
            [b"RESP3"] => format!(":{}\r\n", u8::from(resp3)).into_bytes(),
            [b"ECHO", text] => [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat(),
            [b"COUNT", ..] => format!(":{}\r\n", args.len()).into_bytes(),
            [b"FAIL"] => b"-ERR it failed\r\n".to_vec(),
            [b"PANIC"] => panic!("the host panicked"),
            _ => return Err(Error::new("ERR Unknown Redis command called from script")),
        };
        Ok(&self.reply)
    }

    fn log(&mut self, level: LogLevel, message: &[u8]) {
        self.logs.push((level, message.to_vec()));
    }

    fn set_repl(&mut self, log: bool, replicas: bool) {
        self.repl = Some((log, replicas));
    }

    fn acl_check(&mut self, args: &[&[u8]]) -> crate::Result<bool> {
        Ok(args[0] != b"FORBIDDEN")
    }

    fn interrupted(&mut self) -> Option<Error> {
        let patience = self.patience.as_mut()?;
        match patience.checked_sub(1) {
            Some(left) => *patience = left,
            None => return Some(Error::new("ERR Script killed by user with SCRIPT KILL.")),
        }
        None
    }
}

/// Writes what a script returns as RESP3, with spaces for line ends.
#[derive(Default)]
pub(super) struct Text(pub(super) Vec<u8>);

impl Text {
    fn put(&mut self, mark: &str, text: &[u8]) {
        if !self.0.is_empty() {
            self.0.push(b' ');
        }
        self.0.extend_from_slice(mark.as_bytes());
        self.0.extend_from_slice(text);
    }
}

impl Visitor for Text {
    fn null(&mut self) {
        self.put("_", b"");
    }
    fn boolean(&mut self, value: bool) {
        self.put("#", if value { b"t" } else { b"f" });
    }
    fn integer(&mut self, value: i64) {
        self.put(":", value.to_string().as_bytes());
    }
    fn bulk(&mut self, value: &[u8]) {
        self.put("$", value);
    }
    fn status(&mut self, text: &[u8]) {
        self.put("+", text);
    }
    fn error(&mut self, text: &[u8]) {
        self.put("-", text);
    }
    fn double(&mut self, value: f64) {
        self.put(",", value.to_string().as_bytes());
    }
    fn big_number(&mut self, digits: &[u8]) {
        self.put("(", digits);
    }
    fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        self.put("=", &[&format, &b":"[..], text].concat());
    }
    fn array(&mut self, len: usize) {
        self.put("*", len.to_string().as_bytes());
    }
    fn map(&mut self, pairs: usize) {
        self.put("%", pairs.to_string().as_bytes());
    }
    fn set(&mut self, len: usize) {
        self.put("~", len.to_string().as_bytes());
    }
}

pub(super) fn scripts() -> Interpreter {
    Interpreter::new(Dialect::Scripts).unwrap()
}

/// Runs a script; an error is its text after a dash. Its name in errors is `sha`.
pub(super) fn run_on(lua: &mut Interpreter, host: &mut TestHost, source: &[u8]) -> String {
    let script = match lua.compile(source) {
        Ok(script) => script,
        Err(error) => return format!("-{}", error.text()),
    };
    let mut text = Text::default();
    let call = Call { script: &script, name: "sha", keys: &[b"k1", b"k2"], args: &[b"a1"] };
    let outcome = lua.run(call, host, &mut text);
    lua.forget(script);
    match outcome {
        Ok(()) => String::from_utf8_lossy(&text.0).into_owned(),
        Err(failure) => format!("-{}", failure.error.text()),
    }
}

/// Runs a script on a state of its own.
pub(super) fn run(source: &str) -> String {
    run_on(&mut scripts(), &mut TestHost::default(), source.as_bytes())
}
