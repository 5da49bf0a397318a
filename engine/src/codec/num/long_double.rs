//! The x87's 80-bit float, in which Redis does the sums of `INCRBYFLOAT` and `HINCRBYFLOAT` on x86-64.
//!
//! Sums and prints are exact to the bit on every machine, so a log written on one replays to the same text on another.

use super::float::{has_nonzero_digit, is_infinity, split_sign};
use super::hex_float::HexFloat;
use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Round, Status};

/// A number of 64 significant bits and a 15-bit exponent; never NaN when parsed.
#[derive(Clone, Copy, Debug)]
pub struct LongDouble(X87DoubleExtended);

/// Redis copies the text into a buffer of this size, terminator included.
const MAX_TEXT: usize = 5 * 1024;

/// Digits after the point that are printed, and the power of ten that goes with them.
const PLACES: usize = 17;
const PLACES_SCALE: u64 = 10u64.pow(PLACES as u32);

impl LongDouble {
    /// Reads a number as Redis does: what `strtold` takes, whole, and shorter than 5 KiB.
    ///
    /// Decimal and hexadecimal floats, `inf` and `infinity` in any case. Refused are `nan`, blanks, anything left over,
    /// and finite numbers that come out infinite or, without being zero, as zero.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() >= MAX_TEXT {
            return None;
        }
        let (negative, magnitude) = split_sign(text);
        if is_infinity(magnitude) {
            let infinity = X87DoubleExtended::INFINITY;
            return Some(LongDouble(if negative { -infinity } else { infinity }));
        }
        let value = match magnitude {
            [b'0', b'x' | b'X', digits @ ..] => HexFloat::parse(digits)?.round()?,
            _ => parse_decimal(magnitude)?,
        };
        if value.is_infinite() {
            return None;
        }
        Some(LongDouble(if negative { -value } else { value }))
    }

    /// Rounds to nearest, ties to even, as the x87 does.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "a sum may be NaN, which callers must look for; no operator")]
    pub fn add(self, other: LongDouble) -> LongDouble {
        LongDouble(self.0.add_r(other.0, Round::NearestTiesToEven).value)
    }

    /// Whether this is no number: the sum of two opposite infinities.
    pub fn is_nan(self) -> bool {
        self.0.is_nan()
    }

    /// Whether this is either infinity.
    pub fn is_infinite(self) -> bool {
        self.0.is_infinite()
    }

    /// The number times 1000, rounded up; the nearest there is if that does not fit.
    pub fn thousandfold_up(self) -> i64 {
        let product = self.0.mul_r(X87DoubleExtended::from_u128(1000).value, Round::NearestTiesToEven).value;
        let rounded = product.to_i128_r(64, Round::TowardPositive, &mut false).value;
        i64::try_from(rounded).unwrap_or(if self.0.is_negative() { i64::MIN } else { i64::MAX })
    }

    /// Appends the number as Redis shows it: 17 digits after the point, ends trimmed, never an exponent.
    ///
    /// The text may be lossy for small numbers, and up to 4933 digits long.
    pub fn write(self, out: &mut Vec<u8>) {
        if self.is_nan() {
            out.extend_from_slice(b"nan");
            return;
        }
        let start = out.len();
        if self.0.is_negative() {
            out.push(b'-');
        }
        if self.is_infinite() {
            out.extend_from_slice(b"inf");
            return;
        }
        let bits = self.0.to_bits();
        let significand = bits as u64;
        let biased = ((bits >> 64) & 0x7fff) as i32;
        // The value is significand x 2^exponent. Exponent field 0 means the same as 1, without the leading bit.
        let exponent = biased.max(1) - 16383 - 63;
        if exponent > 0 {
            write_big(out, significand, exponent.unsigned_abs());
        } else if write_scaled(out, scale_and_round(significand, exponent.unsigned_abs())) {
            // Rounded to nothing: zero has no sign.
            out.truncate(start);
            out.push(b'0');
        }
    }
}

/// Checks the grammar first, because the library's parser is more liberal.
fn parse_decimal(text: &[u8]) -> Option<X87DoubleExtended> {
    let mut rest = skip_digits(text);
    let mut digits = text.len() - rest.len();
    if let [b'.', after @ ..] = rest {
        rest = skip_digits(after);
        digits += after.len() - rest.len();
    }
    if digits == 0 {
        return None;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let (_, exponent) = split_sign(exponent);
        if exponent.is_empty() || !skip_digits(exponent).is_empty() {
            return None;
        }
    } else if !rest.is_empty() {
        return None;
    }
    if !has_nonzero_digit(text) {
        return Some(X87DoubleExtended::ZERO);
    }
    let parsed = X87DoubleExtended::from_str_r(std::str::from_utf8(text).ok()?, Round::NearestTiesToEven).ok()?;
    (!parsed.value.is_zero() && !parsed.status.contains(Status::OVERFLOW)).then_some(parsed.value)
}

fn skip_digits(text: &[u8]) -> &[u8] {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    text.get(digits..).unwrap_or_default()
}

/// significand x 10^17 / 2^shift, rounded to nearest, ties to even.
fn scale_and_round(significand: u64, shift: u32) -> u128 {
    let scaled = u128::from(significand) * u128::from(PLACES_SCALE); // below 2^121
    let Some(whole) = scaled.checked_shr(shift) else { return 0 };
    let Some(half) = shift.checked_sub(1).map(|bit| 1u128 << bit) else { return whole };
    let rest = scaled & (half - 1 + half);
    whole + u128::from(rest > half || rest == half && whole & 1 == 1)
}

/// Writes a number of 10^-17ths without trailing zeros; true, and nothing written, if it is zero.
fn write_scaled(out: &mut Vec<u8>, scaled: u128) -> bool {
    if scaled == 0 {
        return true;
    }
    let whole = scaled / u128::from(PLACES_SCALE);
    let mut fraction = (scaled % u128::from(PLACES_SCALE)) as u64;
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if fraction != 0 {
        let mut digits = [b'0'; PLACES];
        for place in digits.iter_mut().rev() {
            *place += (fraction % 10) as u8;
            fraction /= 10;
        }
        let kept = digits.iter().rposition(|&b| b != b'0').map_or(0, |last| last + 1);
        out.push(b'.');
        out.extend(digits.iter().take(kept));
    }
    false
}

/// Writes significand x 2^shift, a whole number, in full.
fn write_big(out: &mut Vec<u8>, significand: u64, shift: u32) {
    if shift <= significand.leading_zeros() + 64 {
        out.extend_from_slice(itoa::Buffer::new().format(u128::from(significand) << shift).as_bytes());
        return;
    }
    // Little-endian limbs, divided by 10^19 until nothing is left.
    const CHUNK: u64 = 10u64.pow(19);
    let mut limbs = vec![0u64; (shift / 64) as usize];
    let wide = u128::from(significand) << (shift % 64);
    limbs.extend([wide as u64, (wide >> 64) as u64]);
    let mut chunks = Vec::new();
    while !limbs.is_empty() {
        let mut remainder = 0u64;
        for limb in limbs.iter_mut().rev() {
            let dividend = u128::from(remainder) << 64 | u128::from(*limb);
            *limb = (dividend / u128::from(CHUNK)) as u64; // fits: remainder < CHUNK
            remainder = (dividend % u128::from(CHUNK)) as u64;
        }
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        chunks.push(remainder);
    }
    let mut chunks = chunks.into_iter().rev().skip_while(|&chunk| chunk == 0);
    if let Some(first) = chunks.next() {
        out.extend_from_slice(itoa::Buffer::new().format(first).as_bytes());
    }
    for mut chunk in chunks {
        let mut digits = [b'0'; 19];
        for place in digits.iter_mut().rev() {
            *place += (chunk % 10) as u8;
            chunk /= 10;
        }
        out.extend_from_slice(&digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(number: LongDouble) -> String {
        let mut out = Vec::new();
        number.write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn sum(a: &str, b: &str) -> Option<String> {
        Some(shown(LongDouble::parse(a.as_bytes())?.add(LongDouble::parse(b.as_bytes())?)))
    }

    /// All of these were asked of Redis 7.0.15.
    #[test]
    fn prints_like_redis() {
        for (text, printed) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.1", "0.1"),
            ("1e5", "100000"),
            ("5.0e3", "5000"),
            ("1e-4950", "0"),
            ("3.6e-4951", "0"),
            ("-1e-18", "0"),
            ("-1e-17", "-0.00000000000000001"),
            ("0.00000000000000000499999", "0"),
            ("0.0000000000000000051", "0.00000000000000001"),
            ("0x10", "16"),
            ("0x.8", "0.5"),
            ("0x1.p1", "2"),
            ("0x1p-16445", "0"),
            (".5", "0.5"),
            ("5.", "5"),
            ("12345678901234567890", "12345678901234567890"),
            ("1234567890123456789012345", "1234567890123456788955136"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("0.1234567890123456789", "0.12345678901234568"),
            ("99999999999999999.99999999999999999999", "100000000000000000"),
            ("0e99999", "0"),
            ("0x0p99999999999", "0"),
        ] {
            assert_eq!(sum("0", text).as_deref(), Some(printed), "{text}");
        }
        assert_eq!(sum("0", &"1".repeat(255)).as_deref(), Some(ONES));
        assert_eq!(sum("1e4931", "1e4931").map(|text| text.len()), Some(4932));
        assert!(LongDouble::parse("0".repeat(5119).as_bytes()).is_some());
    }

    const ONES: &str = "1111111111111111111104846441274528537703735688971454325633689743687198605883801258300742949342350911106402\
        321800261397681432111095075926922369440434344064430897410400787648960278480216252090852740207225702186450811717759463209\
        74472523711534078138513358848";

    #[test]
    fn refusals() {
        for text in [
            "",
            ".",
            "nan",
            "-nan",
            "NAN",
            "nan(1)",
            " 1",
            "\n1",
            "1 ",
            "1\0",
            "+-1",
            "1e",
            "1e+",
            "1_0",
            "0x",
            "0xg",
            "0x1.8p",
            "0x1p+",
            "0x.p1",
            "1e4933",
            "-1e4933",
            "1.2e4932",
            "0x1p16384",
            "1e-4960",
            "0x1p-16446",
            "1e99999999999999999999",
            "1e-99999999999999999999",
        ] {
            assert!(LongDouble::parse(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(LongDouble::parse("0".repeat(5120).as_bytes()).is_none());
    }

    #[test]
    fn infinities() {
        let up = LongDouble::parse(b"+Inf").filter(|n| n.is_infinite());
        let down = LongDouble::parse(b"-infinity").filter(|n| n.is_infinite());
        assert_eq!((up.map(shown), down.map(shown)), (Some("inf".into()), Some("-inf".into())));
        assert!(up.zip(down).is_some_and(|(up, down)| up.add(down).is_nan()));
        assert!(LongDouble::parse(b"1e4932").is_some_and(|n| (0..20).fold(n, |n, _| n.add(n)).is_infinite()));
    }

    proptest! {
        #[test]
        fn whole_numbers_are_exact(a in -(1i64 << 62)..1i64 << 62, b in -(1i64 << 62)..1i64 << 62) {
            prop_assert_eq!(sum(&a.to_string(), &b.to_string()), Some((a + b).to_string()));
        }

        #[test]
        fn powers_of_two_print_in_full(shift in 0..127u32) {
            prop_assert_eq!(sum("0", &format!("0x1p{shift}")), Some((1u128 << shift).to_string()));
        }

        #[test]
        fn never_panics(text in "[-+0-9.eExXpPa-f]{0,60}") {
            if let Some(n) = LongDouble::parse(text.as_bytes()) {
                let _ = shown(n.add(n));
            }
        }

        #[test]
        fn never_panics_on_numbers(digits in "[0-9]{1,400}[.][0-9]{0,400}", exponent in -6000..6000i32) {
            if let Some(n) = LongDouble::parse(format!("{digits}e{exponent}").as_bytes()) {
                let _ = shown(n.add(n));
            }
        }
    }
}
