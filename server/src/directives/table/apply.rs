//! What new values of directives do at once.

use carnelian::command::Core;

use crate::directives::output_limits::OutputLimits;
use crate::{log, process};

/// `loglevel`.
pub(super) fn log_level(_: &Core, level: &str) -> Result<(), String> {
    log::set_level(level);
    Ok(())
}

/// `maxclients`: the process has to be allowed that many descriptors.
pub(super) fn max_clients(_: &Core, clients: &str) -> Result<(), String> {
    let wanted: u64 = clients.parse().map_err(|_| "argument couldn't be parsed into an integer")?;
    let possible = process::allow_clients(wanted);
    if possible < wanted {
        return Err(format!(
            "The operating system is not able to handle the specified number of clients, try with {possible}"
        ));
    }
    Ok(())
}

/// `client-output-buffer-limit`.
pub(super) fn output_limits(_: &Core, limits: &str) -> Result<(), String> {
    OutputLimits::parse(limits).map(drop)
}

/// `unixsocketperm`.
pub(super) fn unix_mode(_: &Core, mode: &str) -> Result<(), String> {
    match u32::from_str_radix(mode, 8) {
        Ok(0..=0o777) => Ok(()),
        Ok(_) => Err("argument must be between 0 and 777 inclusive".into()),
        Err(_) => Err("argument couldn't be parsed as an octal number".into()),
    }
}
