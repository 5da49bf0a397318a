//! Numbers as C's `printf` writes them with `%.<precision>g`, which is how Lua and its libraries do.

use std::io::Write;

/// Appends a number with so many significant digits (at least one).
pub(super) fn write_g(out: &mut Vec<u8>, value: f64, precision: usize) {
    let sign: &[u8] = if value.is_sign_negative() { b"-" } else { b"" };
    out.extend_from_slice(sign);
    if value.is_nan() {
        out.extend_from_slice(b"nan");
        return;
    }
    if value.is_infinite() {
        out.extend_from_slice(b"inf");
        return;
    }
    if value.trunc() == value && value.abs() < 1e14 && precision >= 14 {
        out.extend_from_slice(itoa::Buffer::new().format(value.abs() as u64).as_bytes());
        return;
    }
    let digits = precision.max(1) - 1;
    let mut text = Vec::with_capacity(32);
    // Writing into a vector cannot fail.
    let _ = write!(text, "{:.digits$e}", value.abs());
    let mark = text.iter().position(|&b| b == b'e').unwrap_or(text.len());
    let exponent =
        std::str::from_utf8(text.get(mark + 1..).unwrap_or_default()).ok().and_then(|t| t.parse::<i32>().ok());
    let exponent = exponent.unwrap_or(0);
    text.truncate(mark);
    text.retain(|&b| b != b'.');
    while text.len() > 1 && text.last() == Some(&b'0') {
        text.pop();
    }
    if exponent < -4 || exponent >= precision.max(1) as i32 {
        out.extend_from_slice(&text[..1]);
        if text.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&text[1..]);
        }
        let _ = write!(out, "e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-exponent - 1) as usize, b'0');
        out.extend_from_slice(&text);
    } else {
        let whole = exponent as usize + 1;
        if text.len() <= whole {
            text.resize(whole, b'0');
            out.extend_from_slice(&text);
        } else {
            out.extend_from_slice(&text[..whole]);
            out.push(b'.');
            out.extend_from_slice(&text[whole..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_does() {
        for (value, precision, text) in [
            (0.1, 17, "0.10000000000000001"),
            (0.1, 14, "0.1"),
            (-0.0, 17, "-0"),
            (1e15, 14, "1e+15"),
            (1e15, 17, "1000000000000000"),
            (1e17, 17, "1e+17"),
            (123456.789, 3, "1.23e+05"),
            (123.456, 3, "123"),
            (0.0001, 14, "0.0001"),
            (0.00001, 17, "1.0000000000000001e-05"),
            (1e300, 17, "1.0000000000000001e+300"),
            (9.5, 1, "1e+01"),
            (99_999_999_999_999.5, 14, "1e+14"),
            (f64::INFINITY, 14, "inf"),
            (-f64::NAN, 14, "-nan"),
        ] {
            let mut out = Vec::new();
            write_g(&mut out, value, precision);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
