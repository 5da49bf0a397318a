//! Values that have a form of their own.

use carnelian::codec::num::parse_memory;

use crate::directives::output_limits::OutputLimits;

/// `client-output-buffer-limit`: classes that are not named have their defaults.
pub(super) fn output_limits(limits: &str) -> Result<String, String> {
    OutputLimits::parse(limits).map(|l| l.text())
}

/// `unixsocketperm`.
pub(super) fn unix_mode(mode: &str) -> Result<String, String> {
    match u32::from_str_radix(mode, 8) {
        Ok(0..=0o777) => Ok(mode.to_owned()),
        Ok(_) => Err("argument must be between 0 and 777 inclusive".into()),
        Err(_) => Err("argument couldn't be parsed as an octal number".into()),
    }
}

/// `maxmemory-clients`: bytes, or a part of `maxmemory`.
pub(super) fn memory_or_percent(amount: &str) -> Result<String, String> {
    let invalid = || "argument must be a memory or percent value".to_owned();
    match amount.strip_suffix('%') {
        Some(percent) => match percent.parse::<u32>() {
            Ok(0) => Ok("0".into()),
            Ok(1..=100) => Ok(amount.to_owned()),
            Ok(_) => Err("percentage argument must be less or equal to 100".into()),
            Err(_) => Err(invalid()),
        },
        None => parse_memory(amount.as_bytes()).map(|bytes| bytes.to_string()).ok_or_else(invalid),
    }
}
