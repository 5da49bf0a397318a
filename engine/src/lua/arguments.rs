//! What a function that a script calls was given, read as Lua's own library reads it, and the errors it may raise.

use mlua::{Lua, LuaString, MultiValue, Value};

/// What such a function returns.
pub(super) type Results = Result<MultiValue, Raise>;

/// An error that is to be raised in the script.
#[derive(Debug)]
pub(super) enum Raise {
    /// `bad argument #n to 'function' (...)`, with the caller's position in front.
    Argument(i32, Vec<u8>),
    /// A text with the caller's position in front.
    AtCaller(Vec<u8>),
    /// A text as it stands.
    Plain(Vec<u8>),
    /// A table with the text as `err`: an error of the `redis` library.
    Table(Vec<u8>),
}

impl Raise {
    pub(super) fn at_caller(text: impl Into<Vec<u8>>) -> Self {
        Self::AtCaller(text.into())
    }

    pub(super) fn table(text: impl Into<Vec<u8>>) -> Self {
        Self::Table(text.into())
    }

    pub(super) fn argument(index: usize, text: impl Into<Vec<u8>>) -> Self {
        Self::Argument(i32::try_from(index).unwrap_or(i32::MAX), text.into())
    }
}

/// Errors of Lua itself, raised again.
impl From<mlua::Error> for Raise {
    fn from(error: mlua::Error) -> Self {
        match error {
            mlua::Error::MemoryError(_) => Self::Plain(b"not enough memory".to_vec()),
            mlua::Error::StackError => Self::at_caller("stack overflow"),
            error => Self::Plain(error.to_string().into_bytes()),
        }
    }
}

/// The arguments of a call; the first one is number 1.
pub(super) struct Arguments<'l> {
    lua: &'l Lua,
    values: MultiValue,
}

impl<'l> Arguments<'l> {
    pub(super) fn new(lua: &'l Lua, values: MultiValue) -> Self {
        Self { lua, values }
    }

    pub(super) fn lua(&self) -> &'l Lua {
        self.lua
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Value> {
        self.values.get(index.wrapping_sub(1))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    pub(super) fn is_none_or_nil(&self, index: usize) -> bool {
        matches!(self.get(index), None | Some(Value::Nil))
    }

    /// A number, or a string that reads as one.
    pub(super) fn number(&self, index: usize) -> Result<f64, Raise> {
        self.get(index).and_then(|value| to_number(self.lua, value)).ok_or_else(|| self.expected(index, "number"))
    }

    /// A number without its fraction, as Lua makes a C integer of it: the low bits, if it does not fit.
    pub(super) fn integer(&self, index: usize) -> Result<i64, Raise> {
        Ok(to_integer(self.number(index)?))
    }

    pub(super) fn int(&self, index: usize) -> Result<i32, Raise> {
        Ok(self.integer(index)? as i32)
    }

    pub(super) fn optional_integer(&self, index: usize, default: i64) -> Result<i64, Raise> {
        if self.is_none_or_nil(index) { Ok(default) } else { self.integer(index) }
    }

    /// A string, or a number that becomes one.
    pub(super) fn string(&self, index: usize) -> Result<LuaString, Raise> {
        let string = self.get(index).and_then(|value| to_string(self.lua, value).transpose());
        string.unwrap_or_else(|| Err(self.expected(index, "string")))
    }

    pub(super) fn check(&self, holds: bool, index: usize, otherwise: &str) -> Result<(), Raise> {
        if holds { Ok(()) } else { Err(Raise::argument(index, otherwise)) }
    }

    fn expected(&self, index: usize, what: &str) -> Raise {
        let got = self.get(index).map_or("no value", type_name);
        Raise::argument(index, format!("{what} expected, got {got}"))
    }

    #[expect(clippy::unused_self, reason = "reads as the end of a function that has them")]
    pub(super) fn number_result(&self, value: f64) -> Results {
        Ok(MultiValue::from_vec(vec![Value::Number(value)]))
    }
}

/// Lua's own name of a value's type.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::LightUserData(_) | Value::UserData(_) | Value::Error(_) => "userdata",
        Value::Integer(_) => "number",
        value => value.type_name(),
    }
}

/// A number, or a string that reads as one.
pub(super) fn to_number(lua: &Lua, value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Number(n) => Some(*n),
        Value::String(_) => lua.coerce_number(value.clone()).ok().flatten(),
        _ => None,
    }
}

/// A string, or a number that becomes one.
pub(super) fn to_string(lua: &Lua, value: &Value) -> Result<Option<LuaString>, Raise> {
    match value {
        Value::String(string) => Ok(Some(string.clone())),
        Value::Integer(_) | Value::Number(_) => Ok(lua.coerce_string(value.clone())?),
        _ => Ok(None),
    }
}

/// A number as Lua hands it to C: out of range and NaN as the processors of servers convert them.
pub(super) fn to_integer(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) { number as i64 } else { i64::MIN }
}
