//! The library `cmsgpack`: values to MessagePack and back.
//!
//! Invariants: nothing is nested deeper than [`NESTED`] when it is written, and reading keeps what is open in a vector of
//! its own, not on the thread's stack; a length that is read reserves nothing before its bytes are there.

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::{Arguments, Raise, Results};
use super::function;
use super::raw_tables::{self, Item, Keys, Shape, Writer};

/// Tables within tables beyond that are written as nil.
const NESTED: usize = 16;
/// Lua's stack has no room for more.
const MOST_RESULTS: usize = 7_990;
/// As deep as Redis can read on Lua's stack.
const DEEPEST: usize = 3_999;

/// Makes the library.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let cmsgpack = lua.create_table()?;
    for (name, text) in [
        ("_NAME", "cmsgpack"),
        ("_VERSION", "lua-cmsgpack 0.4.0"),
        ("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"),
        ("_DESCRIPTION", "MessagePack C implementation for Lua"),
    ] {
        cmsgpack.raw_set(name, text)?;
    }
    function::set(lua, &cmsgpack, "pack", |lua, args| pack(lua, &args))?;
    function::set(lua, &cmsgpack, "unpack", |lua, args| unpack(&Arguments::new(lua, args), lua, 0, 0))?;
    function::set(lua, &cmsgpack, "unpack_one", |lua, args| {
        let args = Arguments::new(lua, args);
        let offset = args.optional_integer(2, 0)?;
        args.string(1)?;
        unpack(&args, lua, 1, offset)
    })?;
    function::set(lua, &cmsgpack, "unpack_limit", |lua, args| {
        let args = Arguments::new(lua, args);
        let (limit, offset) = (args.integer(2)?, args.optional_integer(3, 0)?);
        unpack(&args, lua, limit, offset)
    })?;
    Ok(cmsgpack)
}

fn pack(lua: &Lua, args: &MultiValue) -> Results {
    if args.is_empty() {
        return Err(Raise::Argument(0, b"MessagePack pack needs input.".to_vec()));
    }
    let mut out = Packer(Vec::new());
    for value in args {
        raw_tables::walk(lua, value, &mut out)?;
    }
    Ok(MultiValue::from_vec(vec![Value::String(lua.create_string(out.0)?)]))
}

struct Packer(Vec<u8>);

impl Writer for Packer {
    fn value(&mut self, item: Item<'_>) -> Result<(), Raise> {
        match item {
            Item::String(text) => write_string(&mut self.0, text),
            Item::Boolean(value) => self.0.push(if value { 0xc3 } else { 0xc2 }),
            Item::Number(n) => write_number(&mut self.0, n),
            Item::Nil | Item::Null | Item::Table | Item::Other(_) => self.0.push(0xc0),
        }
        Ok(())
    }

    fn open(&mut self, table: &Keys, depth: usize) -> Result<Shape, Raise> {
        if depth >= NESTED {
            self.0.push(0xc0);
            return Ok(Shape::Leaf);
        }
        let out = &mut self.0;
        if is_array(table) {
            let len = table.len();
            if len <= 15 {
                out.push(0x90 | len as u8);
            } else {
                write_len(out, len, 0xdc);
            }
            return Ok(Shape::Array(i32::try_from(len).unwrap_or(i32::MAX)));
        }
        let mut pairs = 0;
        table.all(|_| {
            pairs += 1;
            true
        });
        if pairs <= 15 {
            out.push(0x80 | pairs as u8);
        } else {
            write_len(out, pairs, 0xde);
        }
        Ok(Shape::Map)
    }

    fn key(&mut self, item: Item<'_>) -> Result<bool, Raise> {
        if matches!(item, Item::Table) {
            return Ok(false);
        }
        self.value(item)?;
        Ok(true)
    }
}

/// Whether the keys are just the numbers from 1 on.
fn is_array(table: &Keys) -> bool {
    let (mut count, mut largest, mut array) = (0, 0.0, true);
    table.all(|key| {
        array = matches!(key, Item::Number(key) if key > 0.0 && key.floor() == key);
        if let (true, Item::Number(key)) = (array, key) {
            count += 1;
            largest = f64::max(largest, key);
        }
        array
    });
    array && f64::from(count) == largest
}

fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        len @ 0..32 => out.push(0xa0 | len as u8),
        len @ 32..=0xff => out.extend_from_slice(&[0xd9, len as u8]),
        len => write_len(out, len, 0xda),
    }
    out.extend_from_slice(text);
}

/// A length of 16 bits behind a byte, or of 32 behind the next one.
fn write_len(out: &mut Vec<u8>, len: usize, short: u8) {
    if let Ok(len) = u16::try_from(len) {
        out.push(short);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(short + 1);
        out.extend_from_slice(&(len as u32).to_be_bytes());
    }
}

fn write_number(out: &mut Vec<u8>, n: f64) {
    if n.floor() == n && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n) {
        write_integer(out, n as i64);
    } else if f64::from(n as f32) == n {
        out.push(0xca);
        out.extend_from_slice(&(n as f32).to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&n.to_be_bytes());
    }
}

/// In the smallest form.
fn write_integer(out: &mut Vec<u8>, n: i64) {
    let bytes = n.to_be_bytes();
    let (mark, len) = match n {
        -32..=127 => {
            out.push(n as u8);
            return;
        }
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..=-33 => (0xd0, 1),
        -0x8000..=-0x81 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(mark);
    out.extend_from_slice(&bytes[8 - len..]);
}

const MISSING: &str = "Missing bytes in input.";
const TOO_MANY: &str = "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";
const BAD: &str = "Bad data format in input.";

/// Reads so many values, all of them if both numbers are 0. Unless all are asked for, the first result says where the next
/// one begins, or that there is none.
fn unpack(args: &Arguments<'_>, lua: &Lua, limit: i64, offset: i64) -> Results {
    let text = args.string(1)?;
    let text = text.as_bytes();
    if offset < 0 || limit < 0 {
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {}.", text.len());
        return Err(Raise::at_caller(text));
    }
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    if start > text.len() {
        let text = format!("Start offset {offset} greater than input length {}.", text.len());
        return Err(Raise::at_caller(text));
    }
    let all = limit == 0 && offset == 0;
    let limit = if all { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
    let mut reader = Reader { lua, rest: &text[start..] };
    let mut results = Vec::new();
    while !reader.rest.is_empty() && results.len() < limit {
        if results.len() >= MOST_RESULTS {
            return Err(Raise::at_caller(if all { TOO_MANY } else { "stack overflow (in function mp_unpack_full)" }));
        }
        results.push(reader.read()?);
    }
    if !all {
        let next = if reader.rest.is_empty() { -1 } else { (text.len() - reader.rest.len()) as i64 };
        results.insert(0, Value::Integer(next));
    }
    Ok(MultiValue::from_vec(results))
}

struct Reader<'l, 't> {
    lua: &'l Lua,
    rest: &'t [u8],
}

/// A table that is being read.
struct Open {
    table: Table,
    /// Values that are still to come; in a map, keys as well.
    left: u64,
    /// The key whose value comes next, or the next index.
    key: Option<Value>,
    next: i64,
    map: bool,
}

enum Read {
    Value(Value),
    Table(Open),
}

impl<'t> Reader<'_, 't> {
    fn take(&mut self, len: usize) -> Result<&'t [u8], Raise> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| Raise::at_caller(MISSING))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A big-endian number of so many bytes.
    fn number(&mut self, len: usize) -> Result<u64, Raise> {
        Ok(self.take(len)?.iter().fold(0, |n, &byte| n << 8 | u64::from(byte)))
    }

    fn string(&mut self, len: u64) -> Result<Read, Raise> {
        let text = self.take(usize::try_from(len).unwrap_or(usize::MAX))?;
        Ok(Read::Value(Value::String(self.lua.create_string(text)?)))
    }

    fn open(&self, len: u64, map: bool) -> Result<Read, Raise> {
        let left = if map { len * 2 } else { len };
        Ok(Read::Table(Open { table: self.lua.create_table()?, left, key: None, next: 1, map }))
    }

    /// One value, or the beginning of a table.
    fn next(&mut self) -> Result<Read, Raise> {
        let value = match self.take(1)?[0] {
            byte @ 0..=0x7f => Value::Integer(byte.into()),
            byte @ 0xe0.. => Value::Integer(byte.cast_signed().into()),
            byte @ 0x80..=0x8f => return self.open((byte & 15).into(), true),
            byte @ 0x90..=0x9f => return self.open((byte & 15).into(), false),
            byte @ 0xa0..=0xbf => return self.string((byte & 31).into()),
            0xc0 => Value::Nil,
            0xc2 => Value::Boolean(false),
            0xc3 => Value::Boolean(true),
            0xca => Value::Number(f32::from_bits(self.number(4)? as u32).into()),
            0xcb => Value::Number(f64::from_bits(self.number(8)?)),
            byte @ 0xcc..=0xce => Value::Number(self.number(1 << (byte - 0xcc))? as f64),
            // Redis takes all of 64 bits for signed.
            0xcf => Value::Number(self.number(8)?.cast_signed() as f64),
            byte @ 0xd0..=0xd3 => {
                let len = 1 << (byte - 0xd0);
                let unused = 64 - 8 * len as u32;
                Value::Number((self.number(len)? << unused).cast_signed().wrapping_shr(unused) as f64)
            }
            byte @ 0xd9..=0xdb => {
                let len = self.number(1 << (byte - 0xd9))?;
                return self.string(len);
            }
            byte @ 0xdc..=0xdf => {
                let len = self.number(if byte & 1 == 0 { 2 } else { 4 })?;
                return self.open(len, byte >= 0xde);
            }
            _ => return Err(Raise::at_caller(BAD)),
        };
        Ok(Read::Value(value))
    }

    /// One value with all that is in it.
    fn read(&mut self) -> Result<Value, Raise> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut value = match self.next()? {
                Read::Value(value) => value,
                Read::Table(table) if table.left > 0 => {
                    if open.len() >= DEEPEST {
                        let array = "stack overflow (in function mp_decode_to_lua_array)";
                        return Err(Raise::at_caller(if table.map { TOO_MANY } else { array }));
                    }
                    open.push(table);
                    continue;
                }
                Read::Table(table) => Value::Table(table.table),
            };
            loop {
                let Some(outer) = open.last_mut() else { return Ok(value) };
                outer.left -= 1;
                match outer.key.take() {
                    _ if !outer.map => {
                        outer.table.raw_set(outer.next, value)?;
                        outer.next += 1;
                    }
                    Some(key) => set(&outer.table, key, value)?,
                    None => outer.key = Some(value),
                }
                if outer.left > 0 {
                    break;
                }
                let Some(done) = open.pop() else { break };
                value = Value::Table(done.table);
            }
        }
    }
}

fn set(table: &Table, key: Value, value: Value) -> Result<(), Raise> {
    match key {
        Value::Nil => Err(Raise::at_caller("table index is nil")),
        Value::Number(n) if n.is_nan() => Err(Raise::at_caller("table index is NaN")),
        key => Ok(table.raw_set(key, value)?),
    }
}
