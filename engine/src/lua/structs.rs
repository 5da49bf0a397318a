//! The library `struct`: values to bytes and back, by a format as C lays out its structures.
//!
//! Invariants: a size that is read from a format never overflows, and nothing is taken from the data before it is known
//! to be there (CVE-2018-11219, CVE-2020-14147).

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::{Arguments, Raise, Results, to_integer};
use super::function;

/// The largest integer, in bytes.
const LARGEST: usize = 32;
/// What everything is aligned to by `!` alone.
const ALIGNMENT: usize = 8;

/// Makes the library.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let structs = lua.create_table()?;
    function::set(lua, &structs, "pack", pack)?;
    function::set(lua, &structs, "unpack", unpack)?;
    function::set(lua, &structs, "size", size)?;
    Ok(structs)
}

/// One option of a format, with its size; options that only set something have none.
struct Item {
    option: u8,
    size: usize,
}

/// Reads a format. What a format sets holds for the options behind it.
struct Format<'f> {
    rest: &'f [u8],
    big_endian: bool,
    alignment: usize,
}

impl<'f> Format<'f> {
    fn new(text: &'f [u8]) -> Self {
        // C's texts end at the first NUL.
        let rest = text.split(|&b| b == 0).next().unwrap_or_default();
        Self { rest, big_endian: cfg!(target_endian = "big"), alignment: 1 }
    }

    /// The number that follows an option.
    fn number(&mut self, default: usize) -> Result<usize, Raise> {
        if !self.rest.first().is_some_and(u8::is_ascii_digit) {
            return Ok(default);
        }
        let mut number: i32 = 0;
        while let Some((&digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let digit = i32::from(digit - b'0');
            let next = number.checked_mul(10).and_then(|tenfold| tenfold.checked_add(digit));
            number = next.ok_or_else(|| Raise::at_caller("integral size overflow"))?;
            self.rest = rest;
        }
        Ok(number.unsigned_abs() as usize)
    }

    fn next(&mut self) -> Result<Option<Item>, Raise> {
        let Some((&option, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > LARGEST {
                    let text = format!("integral size {size} is larger than limit of {LARGEST}");
                    return Err(Raise::at_caller(text));
                }
                size
            }
            _ => 0,
        };
        Ok(Some(Item { option, size }))
    }

    /// Options that are neither data nor padding.
    fn control(&mut self, option: u8) -> Result<(), Raise> {
        match option {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let alignment = self.number(ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    return Err(Raise::at_caller(format!("alignment {alignment} is not a power of 2")));
                }
                self.alignment = alignment;
            }
            other => return Err(Raise::argument(1, [b"invalid format option '", &[other][..], b"'"].concat())),
        }
        Ok(())
    }

    /// So many bytes are skipped before an item at `at`.
    fn padding(&self, at: usize, item: &Item) -> usize {
        if item.size == 0 || item.option == b'c' {
            return 0;
        }
        let size = item.size.min(self.alignment);
        size.wrapping_sub(at & size.wrapping_sub(1)) & size.wrapping_sub(1)
    }
}

fn pack(lua: &Lua, mut args: MultiValue) -> Results {
    // Redis marks the end of the arguments with a nil, and says so of one that is missing.
    if !args.is_empty() {
        args.push_back(Value::Nil);
    }
    let args = Arguments::new(lua, args);
    let format = args.string(1)?;
    let format = format.as_bytes();
    let mut format = Format::new(&format);
    let mut out = Vec::new();
    let mut index = 2;
    while let Some(item) = format.next()? {
        out.resize(out.len() + format.padding(out.len(), &item), 0);
        match item.option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let bits = integer_bits(args.number(index)?);
                index += 1;
                let start = out.len();
                // Beyond 64 bits there is nothing, not even the sign.
                out.extend((0..item.size).map(|i| if i < 8 { (bits >> (8 * i)) as u8 } else { 0 }));
                if format.big_endian {
                    out[start..].reverse();
                }
            }
            b'x' => out.push(0),
            b'f' => {
                let bytes = (args.number(index)? as f32).to_le_bytes();
                push_ordered(&mut out, bytes, format.big_endian);
                index += 1;
            }
            b'd' => {
                let bytes = args.number(index)?.to_le_bytes();
                push_ordered(&mut out, bytes, format.big_endian);
                index += 1;
            }
            b'c' | b's' => {
                let text = args.string(index)?;
                let text = text.as_bytes();
                index += 1;
                let size = if item.size == 0 { text.len() } else { item.size };
                // Redis counts the argument as passed by now.
                args.check(text.len() >= size, index, "string too short")?;
                out.extend_from_slice(&text[..size]);
                if item.option == b's' {
                    out.push(0);
                }
            }
            other => format.control(other)?,
        }
    }
    Ok(MultiValue::from_vec(vec![Value::String(lua.create_string(out)?)]))
}

fn push_ordered<const N: usize>(out: &mut Vec<u8>, mut little: [u8; N], big_endian: bool) {
    if big_endian {
        little.reverse();
    }
    out.extend_from_slice(&little);
}

/// A number as 64 bits: negative ones as signed, others as unsigned.
fn integer_bits(number: f64) -> u64 {
    if number < 0.0 {
        to_integer(number).cast_unsigned()
    } else if number < 9_223_372_036_854_775_808.0 {
        number as u64
    } else if number < 18_446_744_073_709_551_616.0 {
        (number - 9_223_372_036_854_775_808.0) as u64 | 1 << 63
    } else if number.is_nan() {
        1 << 63
    } else {
        0
    }
}

fn unpack(lua: &Lua, args: MultiValue) -> Results {
    let args = Arguments::new(lua, args);
    let (format, data) = (args.string(1)?, args.string(2)?);
    let (format, data) = (format.as_bytes(), data.as_bytes());
    let mut format = Format::new(&format);
    let position = if args.is_none_or_nil(3) { 1 } else { args.integer(3)? };
    args.check(position != 0, 3, "offset must be 1 or greater")?;
    // A negative one is very far behind the end.
    let mut at = position.cast_unsigned() as usize - 1;
    let mut results: Vec<Value> = Vec::new();
    while let Some(item) = format.next()? {
        at = at.wrapping_add(format.padding(at, &item));
        let mut bytes = slice(&data, at, item.size)?;
        if results.len() >= 7_900 {
            return Err(Raise::at_caller("stack overflow (too many results)"));
        }
        match item.option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                results.push(Value::Number(read_integer(bytes, format.big_endian, item.option.is_ascii_lowercase())));
            }
            b'x' => {}
            b'f' => results.push(Value::Number(f32::from_le_bytes(ordered(bytes, format.big_endian)).into())),
            b'd' => results.push(Value::Number(f64::from_le_bytes(ordered(bytes, format.big_endian)))),
            b'c' => {
                if item.size == 0 {
                    let size = results.last().and_then(|value| super::arguments::to_number(lua, value));
                    let size = size.ok_or_else(|| Raise::at_caller("format 'c0' needs a previous size"))?;
                    results.pop();
                    bytes = slice(&data, at, integer_bits(size) as usize)?;
                }
                results.push(Value::String(lua.create_string(bytes)?));
            }
            b's' => {
                let rest = data.get(at..).unwrap_or_default();
                let end = rest.iter().position(|&b| b == 0);
                let end = end.ok_or_else(|| Raise::at_caller("unfinished string in data"))?;
                results.push(Value::String(lua.create_string(&rest[..end])?));
                at += end + 1;
                continue;
            }
            other => format.control(other)?,
        }
        at += bytes.len();
    }
    results.push(Value::Number((at + 1) as f64));
    Ok(MultiValue::from_vec(results))
}

fn slice(data: &[u8], at: usize, size: usize) -> Result<&[u8], Raise> {
    let bytes = at.checked_add(size).and_then(|end| data.get(at..end));
    bytes.ok_or_else(|| Raise::argument(2, "data string too short"))
}

fn ordered<const N: usize>(bytes: &[u8], big_endian: bool) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    if big_endian {
        out.reverse();
    }
    out
}

fn read_integer(bytes: &[u8], big_endian: bool, signed: bool) -> f64 {
    let mut bits: u64 = 0;
    let mut add = |byte: &u8| bits = bits << 8 | u64::from(*byte);
    if big_endian {
        bytes.iter().for_each(&mut add);
    } else {
        bytes.iter().rev().for_each(&mut add);
    }
    if !signed {
        return bits as f64;
    }
    // As processors shift: by the low six bits. No size at all is a sign in the topmost bit.
    let sign = u64::MAX << (bytes.len().wrapping_mul(8).wrapping_sub(1) & 63);
    if bits & sign != 0 {
        bits |= sign;
    }
    bits.cast_signed() as f64
}

fn size(lua: &Lua, args: MultiValue) -> Results {
    let args = Arguments::new(lua, args);
    let format = args.string(1)?;
    let format = format.as_bytes();
    let mut format = Format::new(&format);
    let mut at: usize = 0;
    while let Some(item) = format.next()? {
        if item.option == b's' {
            return Err(Raise::argument(1, "option 's' has no fixed size"));
        }
        if item.option == b'c' && item.size == 0 {
            return Err(Raise::argument(1, "option 'c0' has no fixed size"));
        }
        at = at.saturating_add(format.padding(at, &item));
        at = at.saturating_add(item.size);
        if !item.option.is_ascii_alphanumeric() {
            format.control(item.option)?;
        }
    }
    args.number_result(at as f64)
}
