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
    running.finish(argv)
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
    fn finish(mut self, argv: &[&[u8]]) -> Result<Box<Reply>> {
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
fn answer(driver: &mut Driver, has_waited: bool) -> Result<Box<Reply>> {
    let position = driver.scratch.position();
    let synced = if position == 0 { Ok(()) } else { driver.session.core().log().wait(position) };
    let bytes = driver.scratch.in_one_piece();
    // What came while it waited came first.
    let found = reply::first(bytes, has_waited);
    let (mut reply, range) = match found {
        Some(found) => found,
        // It did not want to have one, or does not get one any more.
        None if driver.is_over() => (Reply::error(driver.why_over()), 0..0),
        None => (Reply::nil(), 0..0),
    };
    let bytes = driver.scratch.in_one_piece();
    if bytes.len() > range.len() {
        let (before, behind) = (&bytes[..range.start], &bytes[range.end..]);
        driver.output.raw(before);
        driver.output.raw(behind);
        driver.output.depends_on(position);
        driver.shared.bell.ring();
    }
    driver.scratch.clear();
    driver.scratch.shrink();
    if let Err(trouble) = synced {
        reply = Reply::error(&format!("MISCONF Errors writing to the AOF file: {trouble}"));
    }
    Ok(reply)
}
