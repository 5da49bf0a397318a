//! Numbers as C's `strtod` reads them: as much as there is of one at the beginning of a text.

/// The number and how many bytes it takes; none if there is none.
pub(super) fn read(text: &[u8]) -> (f64, usize) {
    let signed = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let magnitude = &text[signed..];
    let (value, len) = match magnitude {
        [b'0', b'x' | b'X', digits @ ..] => match hexadecimal(digits) {
            Some((value, len)) => (value, len + 2),
            None => (0.0, 1),
        },
        _ => word(magnitude).unwrap_or_else(|| decimal(magnitude)),
    };
    if len == 0 {
        return (0.0, 0);
    }
    (if text[0] == b'-' { -value } else { value }, signed + len)
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word)
}

fn word(text: &[u8]) -> Option<(f64, usize)> {
    if starts_with(text, b"infinity") {
        return Some((f64::INFINITY, 8));
    }
    if starts_with(text, b"inf") {
        return Some((f64::INFINITY, 3));
    }
    if !starts_with(text, b"nan") {
        return None;
    }
    let inside = text[3..].strip_prefix(b"(").map(|rest| {
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        if rest.get(len) == Some(&b')') { len + 2 } else { 0 }
    });
    Some((f64::NAN, 3 + inside.unwrap_or(0)))
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn decimal(text: &[u8]) -> (f64, usize) {
    let mut len = digits(text);
    let mut count = len;
    if text.get(len) == Some(&b'.') {
        let fraction = digits(&text[len + 1..]);
        count += fraction;
        len += 1 + fraction;
    }
    if count == 0 {
        return (0.0, 0);
    }
    len += exponent(&text[len..], b'e').map_or(0, |(_, len)| len);
    let number = std::str::from_utf8(&text[..len]).ok().and_then(|text| text.parse().ok());
    number.map_or((0.0, 0), |number| (number, len))
}

/// An exponent behind its letter, and how many bytes it takes.
fn exponent(text: &[u8], letter: u8) -> Option<(i32, usize)> {
    if !text.first()?.eq_ignore_ascii_case(&letter) {
        return None;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'-' | b'+')));
    let count = digits(&text[1 + sign..]);
    if count == 0 {
        return None;
    }
    let digits = std::str::from_utf8(&text[1 + sign..1 + sign + count]).ok()?;
    // More than fits is as good as infinite.
    let value = digits.parse().unwrap_or(100_000).min(100_000);
    Some((if text[1] == b'-' { -value } else { value }, 1 + sign + count))
}

fn hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    let (mut mantissa, mut scale, mut len, mut count): (u64, i32, usize, usize) = (0, 0, 0, 0);
    let mut fraction = false;
    for &byte in text {
        if byte == b'.' && !fraction {
            fraction = true;
            len += 1;
            continue;
        }
        let Some(digit) = char::from(byte).to_digit(16) else { break };
        len += 1;
        count += 1;
        if mantissa >> 58 == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
            scale -= if fraction { 4 } else { 0 };
        } else {
            // What is below the last bit only says on which side of a half it is.
            mantissa |= u64::from(digit != 0);
            scale += if fraction { 0 } else { 4 };
        }
    }
    if count == 0 {
        return None;
    }
    if let Some((binary, more)) = exponent(&text[len..], b'p') {
        scale = scale.saturating_add(binary);
        len += more;
    }
    let scale = scale.clamp(-4000, 4000);
    // In two steps: the scale alone may be out of range where the number is not.
    Some((mantissa as f64 * 2f64.powi(scale / 2) * 2f64.powi(scale - scale / 2), len))
}
