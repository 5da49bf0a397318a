//! Whole numbers as text.
//!
//! A number has exactly one spelling: `parse_i64` accepts a text only if `write_i64` would print that very text. Redis
//! leans on this to store strings as integers without losing a byte, and so do we.

/// Reads a signed integer in its one canonical spelling.
///
/// No spaces, no `+`, no leading zeros, no `-0`; the whole range of `i64`.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (&first, rest) = digits.split_first()?;
    if first == b'0' && !negative && rest.is_empty() {
        return Some(0);
    }
    if !matches!(first, b'1'..=b'9') {
        return None;
    }
    let magnitude = parse_digits(digits)?;
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Reads an unsigned integer as Redis reads the halves of a stream id.
///
/// Laxer than [`parse_i64`]: leading blanks, a `+` and leading zeros pass, because Redis falls back on `strtoull`.
/// Negative numbers are refused. (Redis also stops reading at a NUL byte; here that is refused.)
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let digits = skip_blanks(text);
    let digits = match digits {
        [b'+', rest @ ..] => rest,
        // `strtoull` takes "-0" and its kind for zero; every other negative number is out of range for all callers.
        [b'-', rest @ ..] if !rest.is_empty() && rest.iter().all(|&b| b == b'0') => rest,
        _ => digits,
    };
    parse_digits(digits)
}

/// Reads the cursor of `SCAN` and its family.
///
/// As [`parse_u64`], but a leading blank is refused.
pub fn parse_cursor(text: &[u8]) -> Option<u64> {
    if text.first().is_some_and(|&b| is_c_space(b)) { None } else { parse_u64(text) }
}

/// Appends a signed integer.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, n: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// Appends an unsigned integer.
#[inline]
pub fn write_u64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// One or more decimal digits and nothing else, leading zeros allowed.
#[inline]
fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    // Nineteen digits cannot overflow, so the common loop carries no check but the digit's own.
    let (head, tail) = digits.split_at(digits.len().min(19));
    let mut n = 0u64;
    for &b in head {
        n = n * 10 + u64::from(digit(b)?);
    }
    for &b in tail {
        n = n.checked_mul(10)?.checked_add(u64::from(digit(b)?))?;
    }
    Some(n)
}

#[inline]
fn digit(b: u8) -> Option<u8> {
    let d = b.wrapping_sub(b'0');
    (d < 10).then_some(d)
}

/// What C's `isspace` calls a blank; Rust's own list lacks the vertical tab.
pub(super) fn is_c_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// The text without the blanks in front, as C's `isspace` knows them.
pub fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&b| is_c_space(b)).count();
    text.get(blanks..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn signed_has_one_spelling() {
        for (text, n) in [
            ("0", 0),
            ("-1", -1),
            ("7", 7),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("1000000000000000000", 1_000_000_000_000_000_000),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), Some(n), "{text}");
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "-01",
            "+1",
            " 1",
            "1 ",
            "--1",
            "1\0",
            "1a",
            "0x1",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "100000000000000000000000",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn unsigned_follows_strtoull() {
        for (text, n) in [
            ("0", 0),
            ("00", 0),
            ("-0", 0),
            ("01", 1),
            ("+1", 1),
            (" 1", 1),
            ("\t3", 3),
            ("18446744073709551615", u64::MAX),
            ("9223372036854775808", 1 << 63),
            ("00000000000000000000000000000000000005", 5),
        ] {
            assert_eq!(parse_u64(text.as_bytes()), Some(n), "{text:?}");
        }
        for text in
            ["", " ", "-", "+", "-1", "1 ", "0x10", "1a", "+-1", "18446744073709551616", "99999999999999999999999"]
        {
            assert_eq!(parse_u64(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_cursor(b" 1"), None);
        assert_eq!(parse_cursor(b"17"), Some(17));
    }

    proptest! {
        #[test]
        fn signed_round_trips(n: i64) {
            let mut text = Vec::new();
            write_i64(&mut text, n);
            prop_assert_eq!(parse_i64(&text), Some(n));
        }

        #[test]
        fn what_parses_prints_the_same(text in "[-+ 0-9]{0,22}") {
            if let Some(n) = parse_i64(text.as_bytes()) {
                prop_assert_eq!(n.to_string(), text);
            } else {
                prop_assert!(text.parse::<i64>().map_or(true, |n| n.to_string() != text));
            }
        }

        #[test]
        fn unsigned_round_trips(n: u64) {
            let mut text = Vec::new();
            write_u64(&mut text, n);
            prop_assert_eq!(parse_u64(&text), Some(n));
        }
    }
}
