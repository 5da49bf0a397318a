//! What new values of directives do at once.

use carnelian::command::Core;

use crate::descriptors;

/// `loglevel`: of the program's own log. Another program listens to what is told here as it likes.
pub(super) fn log_level(_: &Core, level: &str) -> Result<(), String> {
    #[cfg(feature = "cli")]
    crate::log::set_level(level);
    #[cfg(not(feature = "cli"))]
    let _ = level;
    Ok(())
}

/// `maxclients`: the process has to be allowed that many descriptors.
pub(super) fn max_clients(_: &Core, clients: &str) -> Result<(), String> {
    let wanted: u64 = clients.parse().map_err(|_| "argument couldn't be parsed into an integer")?;
    let possible = descriptors::allow_clients(wanted);
    if possible < wanted {
        return Err(format!(
            "The operating system is not able to handle the specified number of clients, try with {possible}"
        ));
    }
    Ok(())
}
