//! Scripts in Lua with typed arguments and results.

use std::sync::Arc;

use super::Db;
use crate::command::{Core, Value};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::lua::script_sha;
use crate::session;

/// A script in Lua, as EVAL runs it: it calls commands with `redis.call`, and is atomic over all keys.
///
/// ```
/// use carnelian::{Engine, Options};
/// let engine = Engine::open(Options::new())?;
/// let db = engine.db(0)?;
/// let take = engine.script(
///     "local left = tonumber(redis.call('GET', KEYS[1]) or 0)
///      if left < tonumber(ARGV[1]) then return nil end
///      return redis.call('DECRBY', KEYS[1], ARGV[1])",
/// )?;
/// db.set("stock", "10")?;
/// assert_eq!(take.key("stock").arg(7).call::<Option<i64>>(&db)?, Some(3));
/// assert_eq!(take.key("stock").arg(7).call::<Option<i64>>(&db)?, None);
/// # Ok::<(), carnelian::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    source: Arc<[u8]>,
    sha: Arc<str>,
}

/// A call of a [`Script`]: its keys and arguments.
#[derive(Clone, Debug)]
#[must_use = "it is run by `call`"]
pub struct ScriptCall<'s> {
    script: &'s Script,
    keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
}

impl Engine {
    /// Makes a script known. O(length).
    ///
    /// # Errors
    /// If it is not Lua.
    pub fn script(&self, source: impl AsRef<[u8]>) -> Result<Script> {
        let source = source.as_ref();
        self.execute(&[b"SCRIPT", &b"LOAD"[..], source])?;
        Ok(Script { source: source.into(), sha: script_sha(source).into() })
    }
}

impl Script {
    /// Its SHA1 in hexadecimal, by which EVALSHA knows it.
    pub fn sha(&self) -> &str {
        &self.sha
    }

    /// A call with a key.
    pub fn key(&self, key: impl AsRef<[u8]>) -> ScriptCall<'_> {
        self.begin().key(key)
    }

    /// A call with an argument.
    pub fn arg(&self, arg: impl ScriptArg) -> ScriptCall<'_> {
        self.begin().arg(arg)
    }

    /// Runs it without keys and arguments.
    ///
    /// # Errors
    /// As [`ScriptCall::call`].
    pub fn call<R: FromReply>(&self, db: &Db) -> Result<R> {
        self.begin().call(db)
    }

    fn begin(&self) -> ScriptCall<'_> {
        ScriptCall { script: self, keys: Vec::new(), args: Vec::new() }
    }
}

impl ScriptCall<'_> {
    /// Adds a key (`KEYS`).
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.keys.push(key.as_ref().to_vec());
        self
    }

    /// Adds an argument (`ARGV`).
    pub fn arg(mut self, arg: impl ScriptArg) -> Self {
        self.args.push(arg.into_bytes());
        self
    }

    /// Runs the script in a database, and makes of what it returns what is asked for.
    ///
    /// # Errors
    /// What the script raised; or if it returned something else. Either way it has run.
    pub fn call<R: FromReply>(&self, db: &Db) -> Result<R> {
        let number = self.keys.len().to_string();
        let run = |command: &[u8], script: &[u8]| {
            let mut argv: Vec<&[u8]> = vec![command, script, number.as_bytes()];
            argv.extend(self.keys.iter().chain(&self.args).map(Vec::as_slice));
            run_in(db.core(), db.index(), &argv)
        };
        match run(b"EVALSHA", self.script.sha.as_bytes()) {
            // Somebody has had all scripts forgotten.
            Err(error) if error.code() == "NOSCRIPT" => run(b"EVAL", &self.script.source),
            result => result,
        }
        .and_then(R::from_reply)
    }
}

fn run_in(core: &Core, db: u32, argv: &[&[u8]]) -> Result<Value> {
    session::execute_once_in(core, db, argv)
}

/// What can be an argument of a script: bytes, texts, numbers.
pub trait ScriptArg {
    /// The argument as the script sees it.
    fn into_bytes(self) -> Vec<u8>;
}

impl ScriptArg for &str {
    fn into_bytes(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl ScriptArg for &[u8] {
    fn into_bytes(self) -> Vec<u8> {
        self.to_vec()
    }
}

impl ScriptArg for String {
    fn into_bytes(self) -> Vec<u8> {
        self.into_bytes()
    }
}

impl ScriptArg for Vec<u8> {
    fn into_bytes(self) -> Vec<u8> {
        self
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl ScriptArg for $number {
            fn into_bytes(self) -> Vec<u8> {
                self.to_string().into_bytes()
            }
        }

        impl FromReply for $number {
            fn from_reply(value: Value) -> Result<Self> {
                match value {
                    Value::Int(n) => <$number>::try_from(n).map_err(|_| unexpected(&Value::Int(n))),
                    Value::Bulk(text) => {
                        let number = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                        number.ok_or_else(|| unexpected(&Value::Bulk(text)))
                    }
                    other => Err(unexpected(&other)),
                }
            }
        }
    )*};
}

numbers!(i64, u64, i32, u32, usize);

impl ScriptArg for f64 {
    fn into_bytes(self) -> Vec<u8> {
        let mut text = Vec::new();
        crate::codec::num::write_f64(&mut text, self);
        text
    }
}

/// What can be made of the reply of a script.
pub trait FromReply: Sized {
    /// Makes it.
    ///
    /// # Errors
    /// If the reply is something else.
    fn from_reply(value: Value) -> Result<Self>;
}

fn unexpected(value: &Value) -> Error {
    Error::new(format!("ERR the script returned something else than was asked for: {value:?}"))
}

impl FromReply for Value {
    fn from_reply(value: Value) -> Result<Self> {
        Ok(value)
    }
}

impl FromReply for () {
    fn from_reply(_: Value) -> Result<Self> {
        Ok(())
    }
}

/// 1 and nil are what Lua's truth values come to.
impl FromReply for bool {
    fn from_reply(value: Value) -> Result<Self> {
        match value {
            Value::Bool(is) => Ok(is),
            Value::Null => Ok(false),
            Value::Int(n @ 0..=1) => Ok(n == 1),
            other => Err(unexpected(&other)),
        }
    }
}

impl FromReply for f64 {
    fn from_reply(value: Value) -> Result<Self> {
        match value {
            Value::Double(n) => Ok(n),
            Value::Int(n) => Ok(n as f64),
            Value::Bulk(text) => crate::codec::num::parse_f64(&text).ok_or_else(|| unexpected(&Value::Bulk(text))),
            other => Err(unexpected(&other)),
        }
    }
}

impl FromReply for Vec<u8> {
    fn from_reply(value: Value) -> Result<Self> {
        match value {
            Value::Bulk(bytes) => Ok(bytes),
            Value::Simple(text) | Value::Verbatim(_, text) => Ok(text.into_bytes()),
            Value::Int(n) => Ok(n.to_string().into_bytes()),
            other => Err(unexpected(&other)),
        }
    }
}

impl FromReply for String {
    fn from_reply(value: Value) -> Result<Self> {
        let bytes = Vec::<u8>::from_reply(value)?;
        Self::from_utf8(bytes).map_err(|error| unexpected(&Value::Bulk(error.into_bytes())))
    }
}

/// Nil is `None`.
impl<T: FromReply> FromReply for Option<T> {
    fn from_reply(value: Value) -> Result<Self> {
        if value == Value::Null { Ok(None) } else { T::from_reply(value).map(Some) }
    }
}

/// The elements of a table, up to the first nil.
macro_rules! lists {
    ($($element:ty),*) => {$(
        impl FromReply for Vec<$element> {
            fn from_reply(value: Value) -> Result<Self> {
                match value {
                    Value::Array(items) | Value::Set(items) => items.into_iter().map(<$element>::from_reply).collect(),
                    other => Err(unexpected(&other)),
                }
            }
        }
    )*};
}

// `Vec<u8>` is a string, so lists are of what is named here.
lists!(Value, String, Vec<u8>, i64, u64, f64, bool, Option<String>, Option<Vec<u8>>, Option<i64>);

impl<A: FromReply, B: FromReply> FromReply for (A, B) {
    fn from_reply(value: Value) -> Result<Self> {
        match value {
            Value::Array(items) => match <[Value; 2]>::try_from(items) {
                Ok([a, b]) => Ok((A::from_reply(a)?, B::from_reply(b)?)),
                Err(items) => Err(unexpected(&Value::Array(items))),
            },
            other => Err(unexpected(&other)),
        }
    }
}

impl<A: FromReply, B: FromReply, C: FromReply> FromReply for (A, B, C) {
    fn from_reply(value: Value) -> Result<Self> {
        match value {
            Value::Array(items) => match <[Value; 3]>::try_from(items) {
                Ok([a, b, c]) => Ok((A::from_reply(a)?, B::from_reply(b)?, C::from_reply(c)?)),
                Err(items) => Err(unexpected(&Value::Array(items))),
            },
            other => Err(unexpected(&other)),
        }
    }
}
