//! Errors, in Redis's words: clients match on them, so every byte counts.

use std::borrow::Cow;
use std::fmt;

/// Why a command was refused or failed. A command that fails has changed nothing.
///
/// The text starts with a code in capitals, as on the wire (`WRONGTYPE ...`, `ERR ...`), without the leading `-`.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Cow<'static, [u8]>);

/// What a command or a typed call returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        impl Error { $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text.as_bytes()));)* }
    };
}

errors! {
    /// The key holds another type.
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    /// The options of a command do not fit together.
    SYNTAX = "ERR syntax error";
    /// Not a decimal 64-bit integer.
    NOT_INTEGER = "ERR value is not an integer or out of range";
    /// Not a floating-point number.
    NOT_FLOAT = "ERR value is not a valid float";
    /// The key does not exist, where it has to.
    NO_SUCH_KEY = "ERR no such key";
    /// The sum does not fit.
    OVERFLOW = "ERR increment or decrement would overflow";
    /// The string would be longer than `proto-max-bulk-len`.
    TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    /// An index outside of the value.
    OUT_OF_RANGE = "ERR index out of range";
    /// An offset outside of the value.
    OFFSET = "ERR offset is out of range";
    /// The database number is not one of `databases`.
    DB_INDEX = "ERR DB index is out of range";
    /// Memory is used up and the policy frees none.
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    /// The file could not be written, and `stop-writes-on-bgsave-error` is on.
    MISCONFIGURED = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
    /// Authentication is required.
    NO_AUTH = "NOAUTH Authentication required.";
    /// The keys are still being read from the disk.
    LOADING = "LOADING Redis is loading the dataset in memory";
    /// A script has held the keys for longer than `busy-reply-threshold`.
    BUSY = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    /// The engine was entered again from within one of its own callbacks.
    REENTERED = "ERR the engine was called from within an operation that holds its locks";
}

impl Error {
    /// An error with a text of its own, code included.
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    /// An error that quotes what the caller sent: up to its first NUL, as Redis, whose texts end there.
    pub fn quoting(before: &str, quoted: &[u8], after: &str) -> Self {
        let quoted = quoted.split(|&b| b == 0).next().unwrap_or_default();
        Self::new([before.as_bytes(), quoted, after.as_bytes()].concat())
    }

    /// The caller, in this process, was ended by somebody else.
    pub(crate) fn killed() -> Self {
        Self::new("ERR the connection was ended by CLIENT KILL")
    }

    /// The log cannot be written, and nothing may be changed.
    pub(crate) fn disk(what: impl std::fmt::Display) -> Self {
        Self::new(format!("MISCONF Errors writing to the AOF file: {what}"))
    }

    /// There is no configuration file that could be rewritten.
    pub fn no_config_file() -> Self {
        Self::new("ERR The server is running without a config file")
    }

    /// The first word, by which callers tell errors apart: `ERR`, `WRONGTYPE`, `OOM`, ...
    pub fn code(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.0.split(|&b| b == b' ').next().unwrap_or_default())
    }

    /// The whole text, code included. Errors that quote what the caller sent may hold any bytes.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The text as it goes over the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Wrong number of arguments, for a command or `container|subcommand`.
    pub fn arity(name: &str) -> Self {
        Self::new(format!("ERR wrong number of arguments for '{name}' command"))
    }

    /// An expiry that is not positive or does not fit.
    pub fn invalid_expire(name: &str) -> Self {
        Self::new(format!("ERR invalid expire time in '{name}' command"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?})", self.text())
    }
}

impl std::error::Error for Error {}
