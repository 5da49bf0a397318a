//! Hexadecimal floats (`0x1.8p3`), which C's `strtod` takes and Redis therefore does too.
//!
//! However long the text, what is kept of it is bounded, and rounding happens once, in the target format.

use rustc_apfloat::{Float, Round, Status, ieee};

/// A number of the form significand x 2^exponent; the significand's last bit is sticky: set if anything was cut off.
pub(super) struct HexFloat {
    significand: u128,
    exponent: i64,
}

impl HexFloat {
    /// Reads what follows `0x`: digits with at most one point, then perhaps `p` and a decimal exponent.
    pub(super) fn parse(text: &[u8]) -> Option<HexFloat> {
        let mark = text.iter().position(|b| matches!(b, b'p' | b'P'));
        let (digits, exponent) = match mark {
            Some(at) => (text.get(..at)?, parse_exponent(text.get(at + 1..)?)?),
            None => (text, 0),
        };
        let mut number = HexFloat { significand: 0, exponent };
        let mut point = false;
        let mut any = false;
        for &b in digits {
            if b == b'.' && !point {
                point = true;
                continue;
            }
            let digit = char::from(b).to_digit(16)?;
            any = true;
            if number.significand >> 120 == 0 {
                number.significand = number.significand << 4 | u128::from(digit);
                number.exponent -= 4 * i64::from(point);
            } else {
                number.significand |= u128::from(digit != 0);
                number.exponent += 4 * i64::from(!point);
            }
        }
        any.then_some(number)
    }

    /// Rounds to the format; nothing if a number that is not zero becomes zero. Too big a number becomes infinite.
    pub(super) fn round<S: ieee::Semantics>(&self) -> Option<ieee::IeeeFloat<S>> {
        if self.significand == 0 {
            return Some(ieee::IeeeFloat::ZERO);
        }
        // Far beyond either end of any format, so that clamping changes no result.
        let exponent = self.exponent.clamp(-1_000_000, 1_000_000);
        // The library's own parser rounds significand and exponent in one step; by now its input is short and sound.
        let text = format!("0x{:x}p{exponent}", self.significand);
        let rounded = ieee::IeeeFloat::<S>::from_str_r(&text, Round::NearestTiesToEven).ok()?;
        if rounded.status.contains(Status::OVERFLOW) || !rounded.value.is_zero() { Some(rounded.value) } else { None }
    }
}

/// Saturates, so that a long exponent is merely a big one.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = super::float::split_sign(text);
    if digits.is_empty() {
        return None;
    }
    // Well above what the digits of any text in memory could make up for, well below overflow.
    const LIMIT: i64 = 1 << 59;
    let mut n = 0i64;
    for &b in digits {
        if !b.is_ascii_digit() {
            return None;
        }
        n = (n * 10 + i64::from(b - b'0')).min(LIMIT);
    }
    Some(if negative { -n } else { n })
}
