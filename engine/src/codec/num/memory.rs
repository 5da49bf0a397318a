//! Amounts of memory as `redis.conf` writes them: `100`, `64kb`, `1G`.

/// Reads an amount of memory.
///
/// Units in any case: none or `b`; `k`, `m`, `g` by thousands; `kb`, `mb`, `gb` by 1024. As in Redis no digits mean 0.
/// Amounts beyond `u64` are refused; Redis lets them wrap, which has never been what anybody meant.
pub fn parse_memory(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, unit) = text.split_at_checked(digits)?;
    if unit.len() > 2 {
        return None;
    }
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let mut amount = 0u64;
    for &b in digits {
        amount = amount.checked_mul(10)?.checked_add(u64::from(b - b'0'))?;
    }
    amount.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::parse_memory;

    #[test]
    fn units() {
        for (text, amount) in [
            ("1", 1),
            ("1b", 1),
            ("1B", 1),
            ("1k", 1000),
            ("1K", 1000),
            ("1kb", 1024),
            ("1kB", 1024),
            ("2m", 2_000_000),
            ("1Mb", 1 << 20),
            ("1g", 1_000_000_000),
            ("1GB", 1 << 30),
            ("01k", 1000),
            ("", 0),
            ("k", 0),
            ("18446744073709551615", u64::MAX),
            ("17179869183gb", 18_446_744_072_635_809_792),
        ] {
            assert_eq!(parse_memory(text.as_bytes()), Some(amount), "{text:?}");
        }
    }

    #[test]
    fn refusals() {
        for text in [
            "1t",
            "1 k",
            "1.5k",
            "-1",
            "+1",
            " 1k",
            "1k ",
            "1kk",
            "1kib",
            "5%",
            "0x10",
            "17179869184gb",
            "18446744073709551616",
        ] {
            assert_eq!(parse_memory(text.as_bytes()), None, "{text:?}");
        }
    }
}
