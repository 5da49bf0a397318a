//! `math.random` and `math.randomseed` as Redis has them: the same numbers on every machine, by POSIX's `lrand48`.
//!
//! Redis up to 6 began anew with each script; since 7.0 the numbers go on from one script to the next, and so they do
//! here, for each interpreter on its own.

use mlua::{Lua, MultiValue, Table};

use super::arguments::{Arguments, Raise, Results};
use super::function;
use super::shared::Shared;
use std::rc::Rc;

/// 48 bits of state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(u64);

impl Random {
    const MASK: u64 = (1 << 48) - 1;

    pub(super) fn new() -> Self {
        Self(0x1234_ABCD_330E)
    }

    fn seeded(seed: i32) -> Self {
        Self(u64::from(seed.cast_unsigned()) << 16 | 0x330E)
    }

    /// The next number, from 0 to 2^31.
    fn next(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & Self::MASK;
        (self.0 >> 17) as i32
    }

    /// The next number, from 0 up to but without 1.
    fn fraction(&mut self) -> f64 {
        f64::from(self.next() % i32::MAX) / f64::from(i32::MAX)
    }
}

/// Puts the two functions into `math`.
pub(super) fn install(lua: &Lua, math: &Table, shared: &Rc<Shared>) -> mlua::Result<()> {
    let state = Rc::clone(shared);
    function::set(lua, math, "random", move |lua, args| random(&state, lua, args))?;
    let state = Rc::clone(shared);
    function::set(lua, math, "randomseed", move |lua, args| {
        state.random.set(Random::seeded(Arguments::new(lua, args).int(1)?));
        Ok(MultiValue::new())
    })
}

fn random(state: &Shared, lua: &Lua, args: MultiValue) -> Results {
    let args = Arguments::new(lua, args);
    let mut random = state.random.get();
    let fraction = random.fraction();
    // Redis, too, draws a number before it looks at the arguments.
    state.random.set(random);
    let value = match args.len() {
        0 => fraction,
        1 => {
            let upper = args.int(1)?;
            args.check(upper >= 1, 1, "interval is empty")?;
            (fraction * f64::from(upper)).floor() + 1.0
        }
        2 => {
            let (lower, upper) = (args.int(1)?, args.int(2)?);
            args.check(lower <= upper, 2, "interval is empty")?;
            (fraction * f64::from(upper.wrapping_sub(lower).wrapping_add(1))).floor() + f64::from(lower)
        }
        _ => return Err(Raise::at_caller("wrong number of arguments")),
    };
    args.number_result(value)
}
