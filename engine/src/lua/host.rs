//! What stands around a script: who runs its commands, and who takes what it returns.

use crate::error::Error;

/// How important a line of `redis.log` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `redis.LOG_DEBUG`
    Debug,
    /// `redis.LOG_VERBOSE`
    Verbose,
    /// `redis.LOG_NOTICE`
    Notice,
    /// `redis.LOG_WARNING`
    Warning,
}

/// Runs commands for a script. It is lent to the interpreter for one run, so it may borrow what it needs.
pub trait Host {
    /// Runs a command of `redis.call` and gives its reply as RESP: version 3 if the script asked for it. The script
    /// sees an error that is returned just as one that is replied.
    ///
    /// # Errors
    /// Why the command may not run.
    fn call(&mut self, args: &[&[u8]], resp3: bool) -> Result<&[u8], Error>;

    /// A line of `redis.log`.
    fn log(&mut self, level: LogLevel, message: &[u8]);

    /// `redis.set_repl`: whether effects go to the log and to replicas from now on.
    fn set_repl(&mut self, log: bool, replicas: bool);

    /// `redis.acl_check_cmd`: whether the caller may run this.
    ///
    /// # Errors
    /// There is no such command, or it cannot have these arguments.
    fn acl_check(&mut self, args: &[&[u8]]) -> Result<bool, Error>;

    /// Asked now and then while a script runs. An error ends the script for good, and is what its caller gets.
    fn interrupted(&mut self) -> Option<Error>;
}

/// Takes what a script returned, in the order in which it goes over the wire. Texts that are one line on the wire come
/// without line breaks.
pub trait Visitor {
    /// Nil, false in RESP2, and whatever has no counterpart.
    fn null(&mut self);
    /// True and false, of a script that has asked for RESP3 (`redis.setresp`). For others they are 1 and nil.
    fn boolean(&mut self, value: bool);
    /// A number: its fraction is cut off.
    fn integer(&mut self, value: i64);
    /// A string.
    fn bulk(&mut self, value: &[u8]);
    /// `{ok=...}`
    fn status(&mut self, text: &[u8]);
    /// `{err=...}`
    fn error(&mut self, text: &[u8]);
    /// `{double=...}`
    fn double(&mut self, value: f64);
    /// `{big_number=...}`
    fn big_number(&mut self, digits: &[u8]);
    /// `{verbatim_string={format=..., string=...}}`
    fn verbatim(&mut self, format: [u8; 3], text: &[u8]);
    /// A list: so many values follow.
    fn array(&mut self, len: usize);
    /// `{map=...}`: so many pairs follow.
    fn map(&mut self, pairs: usize);
    /// `{set=...}`: so many values follow.
    fn set(&mut self, len: usize);
}
