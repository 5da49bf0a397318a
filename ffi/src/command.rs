//! A session that is driven by arguments: one command, one reply as a tree.
//!
//! The session speaks as it would over a connection: RESP2 until it says `HELLO 3`, and what it is told without having
//! asked (messages, invalidations) is left for `carnelian_take`.

use std::time::Instant;

use carnelian::session::Status;

use crate::error::{Failure, Result};
use crate::reply::{self, Reply};
use crate::session::{Driver, SESSIONS};
use crate::timer::PAUSE_TICK;

/// Runs a command, and waits for its reply.
pub(crate) fn run(handle: usize, argv: &[&[u8]]) -> Result<Box<Reply>> {
    let mut held = SESSIONS.hold(handle)?;
    let driver = held.get()?;
    if driver.is_over() {
        return Ok(Reply::error(driver.why_over()));
    }
    if !driver.is_idle() {
        return Err(Failure::new("ERR a request that was fed to the session has not ended yet"));
    }
    let running = Running { driver, done: false };
    Ok(running.finish(argv))
}

/// A command under way. If it panics the session is over: nobody knows what it was in the middle of.
struct Running<'d> {
    driver: &'d mut Driver,
    done: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.driver.hang_up();
        }
    }
}

impl Running<'_> {
    #[inline]
    fn finish(mut self, argv: &[&[u8]]) -> Box<Reply> {
        let driver = &mut *self.driver;
        let mut status = driver.session.execute(argv, &mut driver.scratch);
        let has_waited = matches!(status, Status::Paused | Status::Blocked);
        if has_waited {
            status = wait(driver, status, argv);
        }
        if status == Status::Close {
            driver.after(status);
        }
        let reply = answer(driver, has_waited);
        self.done = true;
        reply
    }
}

/// Waits for the end of a pause, and for what a command waits for.
#[cold]
fn wait(driver: &mut Driver, mut status: Status, argv: &[&[u8]]) -> Status {
    let bell = driver.shared.bell.clone();
    bell.attend();
    let had_rung = bell.take_ring();
    while matches!(status, Status::Paused | Status::Blocked) {
        let until =
            if status == Status::Paused { Some(Instant::now() + PAUSE_TICK) } else { driver.session.deadline() };
        // Somebody may have served it, or ended it, before the bell was looked at.
        status = again(driver, status, argv);
        if !matches!(status, Status::Paused | Status::Blocked) {
            break;
        }
        bell.sleep(until);
        bell.take_ring();
        status = again(driver, status, argv);
    }
    if had_rung {
        bell.ring();
    }
    bell.leave();
    status
}

fn again(driver: &mut Driver, status: Status, argv: &[&[u8]]) -> Status {
    match status {
        Status::Paused => driver.session.execute(argv, &mut driver.scratch),
        _ => driver.session.feed(&[], &mut driver.scratch).0,
    }
}

/// Makes a tree of the reply. What has come with it is left to be taken.
#[inline]
fn answer(driver: &mut Driver, has_waited: bool) -> Box<Reply> {
    let position = driver.scratch.position();
    let synced = if position == 0 { Ok(()) } else { driver.session.core().log().wait(position) };
    let Driver { scratch, output, shared, .. } = driver;
    let bytes = scratch.in_one_piece();
    // What came while it waited came first.
    let found = reply::first(bytes, has_waited);
    let range = found.as_ref().map_or(0..0, |(_, range)| range.clone());
    if bytes.len() > range.len() {
        let (before, behind) = (&bytes[..range.start], &bytes[range.end..]);
        output.raw(before);
        output.raw(behind);
        output.depends_on(position);
        shared.bell.ring();
    }
    scratch.clear();
    scratch.shrink();
    match (synced, found) {
        (Ok(()), Some((reply, _))) => reply,
        (Err(trouble), _) => Reply::error(&format!("MISCONF Errors writing to the AOF file: {trouble}")),
        // It did not want to have one, or does not get one any more.
        (_, None) if driver.is_over() => Reply::error(driver.why_over()),
        (_, None) => Reply::nil(),
    }
}
