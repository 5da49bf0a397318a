//! The library `bit`: operations on 32 bits, as LuaJIT's BitOp defines them.

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::{Arguments, Raise, Results};
use super::function;

type Operation = fn(u32, u32) -> u32;

/// Makes the library.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let bit = lua.create_table()?;
    function::set(lua, &bit, "tobit", |lua, args| number(bits(&Arguments::new(lua, args), 1)?))?;
    function::set(lua, &bit, "bnot", |lua, args| number(!bits(&Arguments::new(lua, args), 1)?))?;
    function::set(lua, &bit, "bswap", |lua, args| number(bits(&Arguments::new(lua, args), 1)?.swap_bytes()))?;
    let folds: [(&str, Operation); 3] = [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, fold) in folds {
        function::set(lua, &bit, name, move |lua, args| {
            let args = Arguments::new(lua, args);
            let mut all = bits(&args, 1)?;
            for i in 2..=args.len() {
                all = fold(all, bits(&args, i)?);
            }
            number(all)
        })?;
    }
    let shifts: [(&str, Operation); 5] = [
        ("lshift", |a, n| a << n),
        ("rshift", |a, n| a >> n),
        ("arshift", |a, n| (a.cast_signed() >> n).cast_unsigned()),
        ("rol", u32::rotate_left),
        ("ror", u32::rotate_right),
    ];
    for (name, shift) in shifts {
        function::set(lua, &bit, name, move |lua, args| {
            let args = Arguments::new(lua, args);
            let (value, by) = (bits(&args, 1)?, bits(&args, 2)?);
            number(shift(value, by & 31))
        })?;
    }
    function::set(lua, &bit, "tohex", tohex)?;
    Ok(bit)
}

/// The low 32 bits of an argument, rounded to a whole number as adding 2^52 + 2^51 rounds it.
fn bits(args: &Arguments<'_>, index: usize) -> Result<u32, Raise> {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    Ok((args.number(index)? + SHIFT).to_bits() as u32)
}

fn number(bits: u32) -> Results {
    Ok(MultiValue::from_vec(vec![Value::Integer(bits.cast_signed().into())]))
}

fn tohex(lua: &Lua, args: MultiValue) -> Results {
    let args = Arguments::new(lua, args);
    let value = bits(&args, 1)?;
    let digits = if args.get(2).is_some() { bits(&args, 2)?.cast_signed() } else { 8 };
    let width = digits.unsigned_abs().min(8) as usize;
    let text = if digits < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    let text = lua.create_string(&text[8 - width..])?;
    Ok(MultiValue::from_vec(vec![Value::String(text)]))
}
