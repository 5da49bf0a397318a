//! Values that have a form of their own.

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
