//! What cannot be done is an error, in clear words, and changes nothing.
#![allow(unsafe_code, reason = "this is C")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use common::*;

#[test]
fn null_is_an_error_everywhere() {
    let engine = open();
    let session = engine.connect();
    let fails = |failed: bool, text: &str| {
        assert!(failed, "{text}");
        assert_eq!(last_error(), text);
    };
    // SAFETY: NULL is what this is about.
    unsafe {
        fails(carnelian_close(NO_ENGINE) == -1, "ERR this is no engine");
        fails(carnelian_connect(NO_ENGINE).is_null(), "ERR this is no engine");
        fails(carnelian_serve(NO_ENGINE, null(), 0) == -1, "ERR this is no engine");
        fails(carnelian_advance_clock(NO_ENGINE, 1) == -1, "ERR this is no engine");
        fails(carnelian_disconnect(NO_SESSION) == -1, "ERR this is no session");
        fails(carnelian_feed(NO_SESSION, null(), 0) == -1, "ERR this is no session");
        fails(carnelian_take(NO_SESSION, null_mut(), 0) == -1, "ERR this is no session");
        fails(carnelian_exchange(NO_SESSION, null(), 0, null_mut(), 0, 0) == -1, "ERR this is no session");
        fails(carnelian_wakeup_fd(NO_SESSION) == -1, "ERR this is no session");
        fails(carnelian_on_wakeup(NO_SESSION, None, null_mut()) == -1, "ERR this is no session");
        let ping = c"PING".as_ptr();
        fails(carnelian_command(NO_SESSION, 1, &raw const ping, null()).is_null(), "ERR this is no session");
        fails(carnelian_command(session.0, 0, null(), null()).is_null(), "ERR a command needs a name");
        fails(carnelian_command(session.0, 1, null(), null()).is_null(), "ERR argv is NULL");
        let none = null();
        fails(carnelian_command(session.0, 1, &raw const none, null()).is_null(), "ERR an argument is NULL");
        fails(carnelian_command(session.0, 1, &raw const none, [1].as_ptr()).is_null(), "ERR an argument is NULL");
        fails(carnelian_open(null(), null(), 1).is_null(), "ERR options is NULL");
        fails(carnelian_feed(session.0, null(), 1) == -1, "ERR bytes is NULL");
        fails(carnelian_take(session.0, null_mut(), 1) == -1, "ERR buffer is NULL");
        assert_eq!(carnelian_feed(session.0, null(), 0), 0);
        assert_eq!(carnelian_take(session.0, null_mut(), 0), 0);
        assert_eq!(carnelian_exchange(session.0, null(), 0, null_mut(), 0, -1), 0, "nothing fits into nothing");
        carnelian_reply_free(null_mut());
        fails(carnelian_reply_type(null()) == -1, "ERR the reply is NULL");
        fails(carnelian_reply_integer(null()) == 0, "ERR the reply is NULL");
        fails(carnelian_reply_double(null()) == 0.0, "ERR the reply is NULL");
        fails(carnelian_reply_string(null(), null_mut()).is_null(), "ERR the reply is NULL");
        fails(carnelian_reply_length(null()) == 0, "ERR the reply is NULL");
        fails(carnelian_reply_element(null(), 0).is_null(), "ERR the reply is NULL");
    }
    assert_eq!(session.run("PING"), "+PONG");
}

#[test]
fn lengths_that_cannot_be_are_errors() {
    let engine = open();
    let session = engine.connect();
    let byte = b"x";
    let at = byte.as_ptr().cast::<c_void>();
    // SAFETY: nothing is read at a length that cannot be.
    unsafe {
        assert_eq!(carnelian_feed(session.0, at, usize::MAX), -1);
        assert_eq!(last_error(), "ERR bytes is longer than memory can be");
        assert_eq!(carnelian_take(session.0, at.cast_mut(), usize::MAX), -1);
        assert_eq!(carnelian_exchange(session.0, at, usize::MAX, null_mut(), 0, 0), -1);
        let arg = at.cast();
        assert!(carnelian_command(session.0, 1, &raw const arg, [usize::MAX].as_ptr()).is_null());
        assert_eq!(last_error(), "ERR an argument is longer than memory can be");
        assert!(carnelian_command(session.0, usize::MAX, &raw const arg, null()).is_null());
        assert_eq!(last_error(), "ERR a command has too many arguments");
        assert!(carnelian_open(null(), &raw const arg, usize::MAX).is_null());
    }
    assert_eq!(session.run("PING"), "+PONG");
}

#[test]
fn handles_of_another_kind_and_made_up_ones_are_errors() {
    let engine = open();
    let session = engine.connect();
    assert_eq!(carnelian_close(session.0.cast()), -1);
    assert_eq!(carnelian_disconnect(engine.0.cast()), -1);
    let mut random = 0x9E37_79B9_7F4A_7C15_usize;
    for _ in 0..100_000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let made_up = std::ptr::without_provenance_mut(random);
        assert_eq!(carnelian_disconnect(made_up), -1);
        assert!(last_error().starts_with("ERR "));
    }
    for high in [1_usize, u32::MAX as usize] {
        let newer = std::ptr::without_provenance_mut(session.0.addr() ^ high << 32);
        assert_eq!(carnelian_disconnect(newer), -1);
    }
    assert_eq!(session.run("PING"), "+PONG");
}

#[test]
fn use_after_close_is_an_error() {
    let engine = open();
    let session = engine.connect();
    assert_eq!(session.disconnect(), 0);
    assert_eq!(session.try_run(&[b"PING"]).unwrap_err(), "ERR the session has been closed");
    assert_eq!(session.feed(b"PING\r\n"), -1);
    assert_eq!(session.take_all().1, -1);
    assert_eq!(session.exchange(b"PING\r\n", -1), Err(-1));
    assert_eq!(carnelian_wakeup_fd(session.0), -1);
    // Its slot has another session now; its handle still has not.
    let next = engine.connect();
    assert_ne!(next.0, session.0);
    assert_eq!(session.try_run(&[b"PING"]).unwrap_err(), "ERR the session has been closed");
    assert_eq!(next.run("PING"), "+PONG");
    assert_eq!(carnelian_close(engine.0), 0);
    assert_eq!(carnelian_close(engine.0), -1);
    assert_eq!(last_error(), "ERR the engine has been closed");
    assert!(carnelian_connect(engine.0).is_null());
    assert_eq!(next.try_run(&[b"PING"]).unwrap_err(), "ERR the session has been closed");
    assert_eq!(next.disconnect(), -1);
}

#[test]
fn replies_outlive_their_engine_and_elements_are_not_freed() {
    let engine = open();
    let session = engine.connect();
    let words = [c"CONFIG".as_ptr(), c"GET".as_ptr(), c"maxmemory".as_ptr()];
    // SAFETY: strings; the reply is freed once.
    unsafe {
        let reply = carnelian_command(session.0, 3, words.as_ptr(), null());
        assert_eq!(carnelian_close(engine.0), 0);
        assert_eq!(show(reply), r#"["maxmemory" "0"]"#);
        let element = carnelian_reply_element(reply, 0);
        carnelian_reply_free(element.cast_mut());
        assert_eq!(last_error(), "ERR an element is freed with its reply");
        assert_eq!(show(element), "\"maxmemory\"");
        assert_eq!(carnelian_reply_integer(element), 0);
        assert_eq!(last_error(), "ERR the reply has no integer");
        carnelian_reply_free(reply);
    }
}

#[test]
fn options_are_directives_and_nothing_else() {
    let refused = |path: Option<&str>, name: &str, value: &str| try_open(path, &[(name, value)]).err().unwrap();
    assert_eq!(refused(None, "nonsense", "1"), "ERR Unknown option or number of arguments for CONFIG SET - 'nonsense'");
    assert_eq!(
        refused(None, "maxmemory", "much"),
        "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value"
    );
    assert_eq!(refused(None, "manual-clock", "soon"), "ERR option 'manual-clock': it takes milliseconds since 1970");
    assert_eq!(refused(None, "dir", "/tmp"), "ERR option 'dir': the directory is an argument of its own");
    assert_eq!(refused(None, "appendonly", "yes"), "ERR option 'appendonly': the engine has no directory");
    assert_eq!(
        refused(None, "tls-port", "6380"),
        "ERR option 'tls-port': not supported yet, and doing without it would do harm"
    );
    assert_eq!(refused(Some(""), "hz", "10"), "ERR the path is empty");
    assert_eq!(
        refused(Some("/proc/nowhere"), "hz", "10").split(':').next().unwrap(),
        "ERR cannot make the directory /proc/nowhere"
    );
}

#[test]
fn a_directory_is_one_engines_own() {
    let folder = Folder::new("own");
    let engine = try_open(Some(folder.path()), &[]).unwrap();
    assert_eq!(engine.connect().run("SET k v"), "+OK");
    let error = try_open(Some(folder.path()), &[]).err().unwrap();
    assert!(error.starts_with("ERR ") && error.contains(folder.path()), "{error}");
    assert_eq!(carnelian_close(engine.0), 0);
    let again = try_open(Some(folder.path()), &[]).unwrap();
    assert_eq!(again.connect().run("GET k"), "\"v\"");
}

#[test]
fn what_was_fed_has_to_end_before_a_command_comes() {
    let engine = open();
    let session = engine.connect();
    assert_eq!(session.feed(b"*1\r\n$4\r\nPI"), 0);
    let error = session.try_run(&[b"PING"]).unwrap_err();
    assert_eq!(error, "ERR a request that was fed to the session has not ended yet");
    assert_eq!(session.exchange(b"NG\r\n", -1).unwrap(), "+PONG\r\n");
    assert_eq!(session.run("PING"), "+PONG");
}

#[test]
fn callbacks_are_called_once_and_may_not_call_back() {
    use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
    static CALLS: AtomicI64 = AtomicI64::new(0);
    static SESSION: AtomicI64 = AtomicI64::new(0);
    unsafe extern "C" fn called(data: *mut c_void) {
        assert_eq!(data.addr(), 7);
        let session = std::ptr::without_provenance_mut(SESSION.load(SeqCst).cast_unsigned() as usize);
        assert_eq!(carnelian_disconnect(session), -1);
        assert_eq!(last_error(), "ERR a callback of carnelian_on_wakeup may not call the library");
        CALLS.fetch_add(1, SeqCst);
    }
    let engine = open();
    let (session, other) = (engine.connect(), engine.connect());
    SESSION.store(session.0.addr() as i64, SeqCst);
    assert_eq!(session.run("SUBSCRIBE c"), r#"["subscribe" "c" :1]"#);
    // SAFETY: it is there as long as the program.
    assert_eq!(unsafe { carnelian_on_wakeup(session.0, Some(called), std::ptr::without_provenance_mut(7)) }, 0);
    assert_eq!((other.run("PUBLISH c 1"), other.run("PUBLISH c 2")), (":1".into(), ":1".into()));
    assert_eq!(CALLS.load(SeqCst), 1, "until somebody looks");
    assert!(session.take().ends_with("$1\r\n2\r\n"));
    assert_eq!(other.run("PUBLISH c 3"), ":1");
    assert_eq!(CALLS.load(SeqCst), 2);
    // SAFETY: none is.
    assert_eq!(unsafe { carnelian_on_wakeup(session.0, None, null_mut()) }, 0);
    session.take();
    assert_eq!(other.run("PUBLISH c 4"), ":1");
    assert_eq!(CALLS.load(SeqCst), 2);
}
