//! SIGTERM and SIGINT end the server in good order; a second one ends it at once.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::host::Handle;

/// Takes the signals over.
pub(crate) fn stop_on_signals(handle: Handle) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let mut armed = Vec::new();
    for signal in [SIGTERM, SIGINT] {
        let seen = Arc::new(AtomicBool::new(false));
        // In this order: the first signal arms the exit for the second.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&seen))?;
        flag::register(signal, Arc::clone(&seen))?;
        armed.push(seen);
        if signal == SIGINT {
            flag::register(signal, Arc::clone(&interrupted))?;
        }
        low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    // A terminal that goes away does not take the server with it.
    flag::register(SIGHUP, Arc::new(AtomicBool::new(false)))?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        while matches!(reader.read(&mut [0]), Ok(1)) {
            let name = if interrupted.load(Relaxed) { "SIGINT" } else { "SIGTERM" };
            tracing::info!("Received {name} scheduling shutdown...");
            match handle.save_before_end() {
                Ok(()) => return handle.shutdown(),
                Err(e) => tracing::warn!("Error trying to save the DB, can't exit: {e}"),
            }
            // The next signal asks again.
            armed.iter().for_each(|seen| seen.store(false, Relaxed));
        }
    })?;
    Ok(())
}
