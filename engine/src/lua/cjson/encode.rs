//! Values to JSON.

use mlua::{Lua, Value};

use super::super::arguments::Raise;
use super::super::numbers::write_g;
use super::super::raw_tables::{self, Item, Keys, Shape, Writer};
use super::{Invalid, Settings};

/// Of Lua's stack, on which what is open is kept: it has 8000 places, and calls up to here take some.
const STACK: usize = 7990;

/// Writes a value.
pub(super) fn encode(lua: &Lua, value: &Value, settings: &Settings) -> Result<Vec<u8>, Raise> {
    let mut encoder = Encoder { out: Vec::new(), settings, stack: 1 };
    raw_tables::walk(lua, value, &mut encoder)?;
    Ok(encoder.out)
}

struct Encoder<'s> {
    out: Vec<u8>,
    settings: &'s Settings,
    /// So many values are on Lua's stack.
    stack: usize,
}

impl Writer for Encoder<'_> {
    fn value(&mut self, item: Item<'_>) -> Result<(), Raise> {
        match item {
            Item::Nil | Item::Null => self.out.extend_from_slice(b"null"),
            Item::Boolean(true) => self.out.extend_from_slice(b"true"),
            Item::Boolean(false) => self.out.extend_from_slice(b"false"),
            Item::Number(n) => self.number(n)?,
            Item::String(text) => write_string(&mut self.out, text),
            Item::Table | Item::Other(_) => return Err(refuse(item, "type not supported")),
        }
        Ok(())
    }

    fn open(&mut self, table: &Keys, depth: usize) -> Result<Shape, Raise> {
        let depth = depth + 1;
        if depth > self.settings.encode_max_depth as usize || self.stack + 3 > STACK {
            return Err(Raise::at_caller(format!("Cannot serialise, excessive nesting ({depth})")));
        }
        let len = self.array_len(table)?;
        if len > 0 {
            self.stack += 1;
            self.out.push(b'[');
            Ok(Shape::Array(len))
        } else {
            self.stack += 2;
            self.out.push(b'{');
            Ok(Shape::Map)
        }
    }

    fn separate(&mut self) {
        self.out.push(b',');
    }

    fn key(&mut self, item: Item<'_>) -> Result<bool, Raise> {
        match item {
            Item::Number(n) => {
                self.out.push(b'"');
                self.number(n)?;
                self.out.extend_from_slice(b"\":");
            }
            Item::String(text) => {
                write_string(&mut self.out, text);
                self.out.push(b':');
            }
            other => return Err(refuse(other, "table key must be a number or string")),
        }
        Ok(true)
    }

    fn close(&mut self, shape: Shape) {
        let (values, mark) = if shape == Shape::Map { (2, b'}') } else { (1, b']') };
        self.stack -= values;
        self.out.push(mark);
    }
}

impl Encoder<'_> {
    fn number(&mut self, n: f64) -> Result<(), Raise> {
        if n.is_finite() {
            write_g(&mut self.out, n, self.settings.number_precision as usize);
            return Ok(());
        }
        match self.settings.encode_invalid {
            Invalid::Refused => return Err(refuse(Item::Number(n), "must not be NaN or Inf")),
            Invalid::Null => self.out.extend_from_slice(b"null"),
            Invalid::Written => {
                let text: &[u8] = if n.is_nan() {
                    b"nan"
                } else if n > 0.0 {
                    b"inf"
                } else {
                    b"-inf"
                };
                self.out.extend_from_slice(text);
            }
        }
        Ok(())
    }

    /// The length of what is written as an array; 0 or less for an object.
    fn array_len(&self, table: &Keys) -> Result<i32, Raise> {
        let (mut largest, mut items, mut array): (i32, i32, bool) = (0, 0, true);
        table.all(|key| {
            array = matches!(key, Item::Number(n) if n >= 1.0 && n.floor() == n);
            if let (true, Item::Number(n)) = (array, key) {
                if n > f64::from(largest) {
                    // Redis keeps it in an int; what does not fit comes out as the least.
                    largest = if n <= f64::from(i32::MAX) { n as i32 } else { i32::MIN };
                }
                items += 1;
            }
            array
        });
        if !array {
            return Ok(0);
        }
        let Settings { sparse_ratio, sparse_safe, sparse_convert, .. } = *self.settings;
        if sparse_ratio > 0 && i64::from(largest) > i64::from(items) * i64::from(sparse_ratio) && largest > sparse_safe
        {
            if !sparse_convert {
                return Err(refuse(Item::Table, "excessively sparse array"));
            }
            return Ok(0);
        }
        Ok(largest)
    }
}

fn refuse(item: Item<'_>, why: &str) -> Raise {
    Raise::at_caller(format!("Cannot serialise {}: {why}", item.type_name()))
}

fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    while let Some(plain) = rest.iter().position(|&b| b < 32 || matches!(b, b'"' | b'\\' | b'/' | 127)) {
        out.extend_from_slice(&rest[..plain]);
        let byte = rest[plain];
        rest = &rest[plain + 1..];
        let short = match byte {
            b'"' | b'\\' | b'/' => byte,
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            _ => {
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
