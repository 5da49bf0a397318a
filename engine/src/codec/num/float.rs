//! Double precision numbers as text: scores, and the arguments that become scores.
//!
//! What is written reads back as the very same double.

use super::hex_float::HexFloat;
use super::int::write_i64;
use rustc_apfloat::Float;
use rustc_apfloat::ieee::Double;
use std::io::Write;

/// Reads a double as Redis reads a score: what `strtod` takes, whole.
///
/// Decimal and hexadecimal floats, `inf` and `infinity` in any case. Refused are `nan`, blanks, anything left over, and
/// finite numbers that come out infinite or, without being zero, as zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, magnitude) = split_sign(text);
    if is_infinity(magnitude) {
        return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let value = match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => {
            let value: Double = HexFloat::parse(digits)?.round()?;
            f64::from_bits(u64::try_from(value.to_bits()).ok()?)
        }
        // A second sign or a word would be fast-float's to judge, and it knows `nan`.
        [b'0'..=b'9' | b'.', ..] => {
            let value: f64 = fast_float2::parse(magnitude).ok()?;
            if value == 0.0 && has_nonzero_digit(magnitude) {
                return None;
            }
            value
        }
        _ => return None,
    };
    if value.is_infinite() {
        return None;
    }
    Some(if negative { -value } else { value })
}

/// Appends a double as Redis 7.2 and later and Valkey print scores: the fewest digits that read back the same.
///
/// Whole numbers up to 2^62 are printed in full. Where two digit strings are equally short this prints the one nearer to
/// the value; Redis, with a faster algorithm, misses the shortest for about one double in a thousand.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    if write_special(out, value) {
        return;
    }
    const WHOLE_LIMIT: f64 = (1u64 << 62) as f64;
    if value.abs() <= WHOLE_LIMIT && value.trunc() == value {
        write_i64(out, value as i64);
        return;
    }
    if value < 0.0 {
        out.push(b'-');
    }
    let mut buffer = zmij::Buffer::new();
    let decimal = Decimal::from_text(buffer.format_finite(value.abs()).as_bytes());
    let count = decimal.len as i32;
    let scale = decimal.exponent + 1 - count; // The value is its digits, read as a whole number, times 10^scale.
    if scale >= 0 && decimal.exponent < count + 7 || scale < 0 && (scale > -7 || decimal.exponent.abs() < 4) {
        decimal.write_plain(out);
    } else {
        decimal.write_scientific(out, 1);
    }
}

/// Appends a double as Redis up to 7.0 prints scores: as C's `%.17g`.
pub fn write_f64_17(out: &mut Vec<u8>, value: f64) {
    if write_special(out, value) {
        return;
    }
    if value.abs() < 1e17 && value.trunc() == value {
        write_i64(out, value as i64);
        return;
    }
    if value < 0.0 {
        out.push(b'-');
    }
    let mut text = Vec::with_capacity(32);
    // Writing into a vector cannot fail.
    let _ = write!(text, "{:.16e}", value.abs());
    let decimal = Decimal::from_text(&text);
    if (-4..17).contains(&decimal.exponent) {
        decimal.write_plain(out);
    } else {
        decimal.write_scientific(out, 2);
    }
}

/// Splits one sign off; true for minus.
pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

pub(super) fn is_infinity(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity")
}

/// Whether the digits before the exponent, if any, are more than zeros.
pub(super) fn has_nonzero_digit(decimal: &[u8]) -> bool {
    decimal.iter().take_while(|&&b| b != b'e' && b != b'E').any(|b| matches!(b, b'1'..=b'9'))
}

fn write_special(out: &mut Vec<u8>, value: f64) -> bool {
    let text: &[u8] = if value.is_nan() {
        b"nan"
    } else if value == f64::INFINITY {
        b"inf"
    } else if value == f64::NEG_INFINITY {
        b"-inf"
    } else if value == 0.0 {
        if value.is_sign_negative() { b"-0" } else { b"0" }
    } else {
        return false;
    };
    out.extend_from_slice(text);
    true
}

/// Significant digits and the power of ten of the first of them.
struct Decimal {
    digits: [u8; Decimal::MAX],
    len: usize,
    exponent: i32,
}

impl Decimal {
    /// No double needs more than 17 digits to be told from its neighbours.
    const MAX: usize = 17;

    /// Takes a positive number apart that one of our own printers wrote, in whatever notation.
    fn from_text(text: &[u8]) -> Decimal {
        let mut decimal = Decimal { digits: [0; Decimal::MAX], len: 0, exponent: -1 };
        let mut after_point = false;
        let mut zeros = 0; // Zeros seen since the last nonzero digit: kept only if another one follows.
        let mut bytes = text.iter();
        for &b in bytes.by_ref() {
            match b {
                b'.' => after_point = true,
                b'0' if decimal.len == 0 => decimal.exponent -= i32::from(after_point),
                b'0'..=b'9' => {
                    decimal.exponent += i32::from(!after_point);
                    if b == b'0' {
                        zeros += 1;
                        continue;
                    }
                    decimal.len += zeros;
                    zeros = 0;
                    if let Some(place) = decimal.digits.get_mut(decimal.len) {
                        *place = b - b'0';
                        decimal.len += 1;
                    }
                }
                _ => break,
            }
        }
        let (negative, exponent) = split_sign(bytes.as_slice());
        let exponent = exponent.iter().fold(0i32, |n, &b| n * 10 + i32::from(b.wrapping_sub(b'0')));
        decimal.exponent += if negative { -exponent } else { exponent };
        decimal.len = decimal.len.min(Decimal::MAX);
        decimal
    }

    fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.digits.iter().take(self.len).map(|d| d + b'0')
    }

    /// `123.45`, `0.0012`, `12000`.
    fn write_plain(&self, out: &mut Vec<u8>) {
        if self.exponent < 0 {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', (-self.exponent - 1) as usize));
            out.extend(self.digits());
            return;
        }
        let whole = self.exponent as usize + 1;
        for (place, digit) in self.digits().enumerate() {
            if place == whole {
                out.push(b'.');
            }
            out.push(digit);
        }
        out.extend(std::iter::repeat_n(b'0', whole.saturating_sub(self.len)));
    }

    /// `1.2345e+20`, the exponent with at least so many digits.
    fn write_scientific(&self, out: &mut Vec<u8>, exponent_digits: usize) {
        for (place, digit) in self.digits().enumerate() {
            if place == 1 {
                out.push(b'.');
            }
            out.push(digit);
        }
        let sign = if self.exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "e{sign}{:0exponent_digits$}", self.exponent.unsigned_abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn short(value: f64) -> String {
        let mut out = Vec::new();
        write_f64(&mut out, value);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn long(value: f64) -> String {
        let mut out = Vec::new();
        write_f64_17(&mut out, value);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// All of these were asked of Redis 7.0.15 (right) and 8.0.6 (middle).
    #[test]
    fn prints_like_redis() {
        for (value, new, old) in [
            (0.0, "0", "0"),
            (-0.0, "-0", "-0"),
            (f64::INFINITY, "inf", "inf"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
            (0.1, "0.1", "0.10000000000000001"),
            (3.0, "3", "3"),
            (1e16, "10000000000000000", "10000000000000000"),
            (1e17, "100000000000000000", "1e+17"),
            (2.5e18, "2500000000000000000", "2.5e+18"),
            (4611686018427387904.0, "4611686018427387904", "4.6116860184273879e+18"),
            (4611686018427388928.0, "4611686018427389000", "4.6116860184273889e+18"),
            (4.7e18, "4.7e+18", "4.7e+18"),
            (-4.7e18, "-4.7e+18", "-4.7e+18"),
            (9223372036854775807.0, "9223372036854776000", "9.2233720368547758e+18"),
            (1e21, "1e+21", "1e+21"),
            (123456789012345680000.0, "123456789012345680000", "1.2345678901234568e+20"),
            (1.23456e23, "1.23456e+23", "1.23456e+23"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "0.00001", "1.0000000000000001e-05"),
            (1e-6, "0.000001", "9.9999999999999995e-07"),
            (1e-7, "1e-7", "9.9999999999999995e-08"),
            (1.5e-5, "0.000015", "1.5e-05"),
            (1.234e-6, "1.234e-6", "1.234e-06"),
            (1.23e-5, "1.23e-5", "1.2300000000000001e-05"),
            (0.001234567890123, "0.001234567890123", "0.001234567890123"),
            (0.0001234567890123, "1.234567890123e-4", "0.0001234567890123"),
            (1234.567891234567, "1234.567891234567", "1234.567891234567"),
            (12345.67891234567, "1.234567891234567e+4", "12345.678912345669"),
            (1234567.125, "1234567.125", "1234567.125"),
            (12345678.12345678, "1.234567812345678e+7", "12345678.12345678"),
            (1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308"),
            (5e-324, "5e-324", "4.9406564584124654e-324"),
            (-1.5e-300, "-1.5e-300", "-1.5000000000000001e-300"),
        ] {
            assert_eq!(short(value), new);
            assert_eq!(long(value), old);
        }
        assert_eq!(short(f64::NAN), "nan");
    }

    #[test]
    fn reads_like_redis() {
        for (text, value) in [
            ("inf", f64::INFINITY),
            ("+inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
            ("0x1p3", 8.0),
            ("0x10", 16.0),
            ("0x.8", 0.5),
            ("0X1.8P-1", 0.75),
            ("0x1p-1070", 7.905e-323),
            ("0x0p-5000", 0.0),
            ("0x1.00000000000008", 1.0),
            ("0x1.000000000000080001", 1.0000000000000002),
            ("4.9e-324", 5e-324),
            ("0e-999", 0.0),
            ("0e999", 0.0),
            ("00001.5", 1.5),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1E5", -1e5),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
        }
        assert!(parse_f64(b"-0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
        for text in [
            "",
            ".",
            "infin",
            "infinityx",
            "nan",
            "-nan",
            "+nan",
            "nan(123)",
            "0x",
            "0xg",
            "0x1p",
            "0x1p+",
            "0x.p1",
            "1e",
            "1e+",
            "1e5 ",
            " 1",
            "\t1",
            "1\0",
            "\0",
            "1_0",
            "1d",
            "1.5e3.",
            "--1",
            "+-1",
            "1e400",
            "-1e400",
            "1e-400",
            "2e-324",
            "0x1p2000",
            "0x1p-1080",
            "0x1.fffffffffffff8p1023",
            "1.7976931348623159e308",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_f64(format!("1{}e-310", "0".repeat(310)).as_bytes()), Some(1.0));
        assert_eq!(parse_f64(format!("{}1", "0".repeat(3000)).as_bytes()), Some(1.0));
        assert_eq!(parse_f64(format!("0x{}1p-4000", "0".repeat(3000)).as_bytes()), None);
        assert_eq!(parse_f64(format!("0x1{}p-4000", "0".repeat(1000)).as_bytes()), Some(1.0));
        assert_eq!(parse_f64(format!("0x.{}1p4004", "0".repeat(1000)).as_bytes()), Some(1.0));
    }

    proptest! {
        #[test]
        fn written_reads_back(bits: u64, places in 0..9i32, near in -1e7..1e7f64) {
            let rounded = (near * 10f64.powi(places)).round() / 10f64.powi(places);
            for value in [f64::from_bits(bits), near, rounded] {
                if value.is_nan() {
                    continue;
                }
                for text in [short(value), long(value)] {
                    let back = parse_f64(text.as_bytes()).map(f64::to_bits);
                    prop_assert_eq!(back, Some(value.to_bits()), "{}", text);
                }
            }
        }

        #[test]
        fn never_panics(text in "[-+0-9.eExXpPa-f]{0,40}") {
            let _ = parse_f64(text.as_bytes());
        }

        #[test]
        fn reads_as_std_does(text in "[-+]?[0-9]{0,20}[.]?[0-9]{0,5}(e[-+]?[0-9]{1,3})?") {
            let std = text.parse::<f64>().ok().filter(|n| n.is_finite());
            match parse_f64(text.as_bytes()) {
                Some(value) => prop_assert_eq!(Some(value), std),
                None => prop_assert!(std.is_none_or(|n| n == 0.0)),
            }
        }
    }
}
