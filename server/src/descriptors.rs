//! How many descriptors the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not clients': listeners, polls, files.
const RESERVED: u64 = 32;

/// Raises the limit of open files so that there may be `clients` clients. Returns how many there may be.
pub(crate) fn allow_clients(clients: u64) -> u64 {
    let wanted = clients.saturating_add(RESERVED);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|n| n >= wanted) {
        return clients;
    }
    // The hard limit can be raised only by those who may.
    let tries = [wanted.max(maximum.unwrap_or(wanted)), maximum.unwrap_or(wanted)];
    for maximum in tries {
        let current = wanted.min(maximum);
        if setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: Some(maximum) }).is_ok() {
            return current.saturating_sub(RESERVED).min(clients);
        }
    }
    current.unwrap_or(wanted).saturating_sub(RESERVED)
}
