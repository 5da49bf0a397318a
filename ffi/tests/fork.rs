//! A copy of the process has no engine, touches nothing of its parent's, and may open its own.
#![allow(unsafe_code, reason = "forking")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::*;

/// Runs something in a copy of this process. Returns whether it held.
fn in_child(holds: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs what a program that forks would, and ends without going back into the test.
    unsafe {
        match libc::fork() {
            0 => {
                let holds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(holds)).unwrap_or(false);
                libc::_exit(i32::from(!holds));
            }
            child => {
                let mut status = -1;
                assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
            }
        }
    }
}

#[test]
fn a_child_is_refused_and_the_parent_goes_on() {
    const REFUSED: &str = "ERR the engine was opened by another process: open one after fork";
    let folder = Folder::new("fork");
    let engine = try_open(Some(folder.path()), &[("appendfsync", "always")]).unwrap();
    let (session, other) = (engine.connect(), engine.connect());
    assert_eq!(session.run("SET k parent"), "+OK");
    let fd = session.fd();
    assert!(in_child(|| {
        let refused = |failed: bool| failed && last_error() == REFUSED;
        refused(session.try_run(&[b"SET", b"k", b"child"]).is_err())
            && refused(session.feed(&request("SET k child")) == -1)
            && refused(session.take_all().1 == -1)
            && refused(session.exchange(&request("SET k child"), -1) == Err(-1))
            && refused(carnelian_wakeup_fd(session.0) == -1)
            && refused(session.disconnect() == -1)
            && refused(carnelian_connect(engine.0).is_null())
            && refused(carnelian_advance_clock(engine.0, 1) == -1)
            && refused(carnelian_close(engine.0) == -1)
    }));
    // Also while somebody of the parent's holds what is asked for.
    std::thread::scope(|scope| {
        let popped = scope.spawn(move || session.run("BLPOP q 0"));
        while !other.run("INFO clients").contains("blocked_clients:1\\r") {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(in_child(|| session.try_run(&[b"PING"]) == Err(REFUSED.into())));
        assert_eq!(other.run("RPUSH q x"), ":1");
        assert_eq!(popped.join().unwrap(), r#"["q" "x"]"#);
    });
    assert_eq!(session.fd(), fd);
    assert_eq!(session.run("GET k"), "\"parent\"");
    assert_eq!(carnelian_close(engine.0), 0);
    let engine = try_open(Some(folder.path()), &[]).unwrap();
    assert_eq!(engine.connect().run("GET k"), "\"parent\"");
}

#[test]
fn a_child_opens_an_engine_of_its_own() {
    let engine = open();
    let session = engine.connect();
    assert_eq!(session.run("SET k parent"), "+OK");
    assert!(in_child(|| {
        let own = open();
        let mine = own.connect();
        let works = mine.run("GET k") == "nil"
            && mine.run("SET k child") == "+OK"
            && session.try_run(&[b"PING"]).is_err()
            && mine.run("BLPOP q 0.01") == "nil"
            && carnelian_close(own.0) == 0;
        // Copies of copies are the same.
        works && in_child(|| open().connect().run("PING") == "+PONG" && mine.try_run(&[b"PING"]).is_err())
    }));
    assert_eq!(session.run("GET k"), "\"parent\"");
}

#[test]
fn a_directory_is_free_again_while_a_child_lives_on() {
    let folder = Folder::new("fork-lock");
    let engine = try_open(Some(folder.path()), &[]).unwrap();
    // SAFETY: the child sleeps and ends.
    let child = unsafe {
        match libc::fork() {
            0 => {
                libc::sleep(30);
                libc::_exit(0);
            }
            child => child,
        }
    };
    assert_eq!(carnelian_close(engine.0), 0);
    let again = try_open(Some(folder.path()), &[]);
    // SAFETY: it is this process's own child, and ends with that.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    assert!(again.is_ok(), "{:?}", again.err());
}
