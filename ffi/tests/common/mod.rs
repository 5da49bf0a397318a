//! The ABI as tests call it: every call is one that C could make.
#![allow(unsafe_code, dead_code, reason = "this is C; each test uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};

pub(crate) use carnelian_ffi::abi::engine::*;
pub(crate) use carnelian_ffi::abi::reply::carnelian_type::*;
pub(crate) use carnelian_ffi::abi::reply::*;
pub(crate) use carnelian_ffi::abi::session::*;
pub(crate) use carnelian_ffi::abi::{carnelian_engine, carnelian_session};

/// An engine that is closed when the test ends.
pub(crate) struct Engine(pub(crate) *mut carnelian_engine);

/// A session; sent between threads as C would, who has been told the rules.
#[derive(Clone, Copy)]
pub(crate) struct Session(pub(crate) *mut carnelian_session);

// SAFETY: handles are numbers.
unsafe impl Send for Engine {}
// SAFETY: as above.
unsafe impl Sync for Engine {}
// SAFETY: as above.
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}

/// The last error of this thread.
pub(crate) fn last_error() -> String {
    // SAFETY: it ends with a 0 and stays until the next call.
    unsafe { CStr::from_ptr(carnelian_last_error()) }.to_str().unwrap().to_owned()
}

/// Opens an engine, or tells why not.
pub(crate) fn try_open(path: Option<&str>, options: &[(&str, &str)]) -> Result<Engine, String> {
    let path = path.map(|path| CString::new(path).unwrap());
    let strings: Vec<CString> = options
        .iter()
        .flat_map(|(name, value)| [CString::new(*name).unwrap(), CString::new(*value).unwrap()])
        .collect();
    let pointers: Vec<*const c_char> = strings.iter().map(|s| s.as_ptr()).collect();
    // SAFETY: strings and their number.
    let engine =
        unsafe { carnelian_open(path.as_ref().map_or(null(), |p| p.as_ptr()), pointers.as_ptr(), options.len()) };
    if engine.is_null() { Err(last_error()) } else { Ok(Engine(engine)) }
}

/// An engine in memory.
pub(crate) fn open() -> Engine {
    try_open(None, &[]).unwrap()
}

impl Engine {
    pub(crate) fn connect(&self) -> Session {
        let session = carnelian_connect(self.0);
        assert!(!session.is_null(), "{}", last_error());
        Session(session)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        carnelian_close(self.0);
    }
}

impl Session {
    /// Runs a command; its reply as text, or why it could not be called.
    pub(crate) fn try_run(&self, argv: &[&[u8]]) -> Result<String, String> {
        let pointers: Vec<*const c_char> = argv.iter().map(|arg| arg.as_ptr().cast()).collect();
        let lengths: Vec<usize> = argv.iter().map(|arg| arg.len()).collect();
        // SAFETY: arguments and their lengths.
        let reply = unsafe { carnelian_command(self.0, argv.len(), pointers.as_ptr(), lengths.as_ptr()) };
        if reply.is_null() {
            return Err(last_error());
        }
        let text = show(reply);
        // SAFETY: it has just come.
        unsafe { carnelian_reply_free(reply) };
        Ok(text)
    }

    /// Runs a command of words.
    pub(crate) fn run(&self, line: &str) -> String {
        let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.try_run(&argv).unwrap()
    }

    pub(crate) fn feed(&self, bytes: &[u8]) -> i64 {
        // SAFETY: a slice.
        unsafe { carnelian_feed(self.0, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// What is there to be taken, and what the last call returned.
    pub(crate) fn take_all(&self) -> (String, i64) {
        let (mut all, mut buffer) = (Vec::new(), [0_u8; 4096]);
        loop {
            // SAFETY: a slice.
            let n = unsafe { carnelian_take(self.0, buffer.as_mut_ptr().cast(), buffer.len()) };
            match usize::try_from(n) {
                Ok(n @ 1..) => all.extend_from_slice(&buffer[..n]),
                _ => return (String::from_utf8_lossy(&all).into_owned(), n),
            }
        }
    }

    pub(crate) fn take(&self) -> String {
        let (text, end) = self.take_all();
        assert_eq!(end, 0, "{text}");
        text
    }

    pub(crate) fn exchange(&self, bytes: &[u8], timeout: i64) -> Result<String, i64> {
        let mut buffer = vec![0_u8; 1 << 16];
        let room = buffer.len();
        // SAFETY: slices.
        let n = unsafe {
            carnelian_exchange(self.0, bytes.as_ptr().cast(), bytes.len(), buffer.as_mut_ptr().cast(), room, timeout)
        };
        let n = usize::try_from(n).map_err(|_| n)?;
        Ok(String::from_utf8_lossy(&buffer[..n]).into_owned())
    }

    pub(crate) fn disconnect(self) -> i32 {
        carnelian_disconnect(self.0)
    }

    pub(crate) fn fd(&self) -> i32 {
        let fd = carnelian_wakeup_fd(self.0);
        assert!(fd >= 0, "{}", last_error());
        fd
    }

    /// Whether its descriptor becomes readable within some milliseconds.
    pub(crate) fn is_woken(&self, millis: i32) -> bool {
        let mut poll = libc::pollfd { fd: self.fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor.
        unsafe { libc::poll(&raw mut poll, 1, millis) == 1 }
    }
}

/// A request in RESP.
pub(crate) fn request(line: &str) -> Vec<u8> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    request.into_bytes()
}

/// A reply as text: `nil`, `"string"`, `+status`, `-error`, `:1`, `,1.5`, `#t`, `[...]`, `{...}`, `~[...]`, `>[...]`.
pub(crate) fn show(reply: *const carnelian_ffi::abi::reply::Reply) -> String {
    // SAFETY: a reply that has not been freed, or a part of one.
    unsafe {
        let mut length = 0;
        let text = || {
            let mut length = 0;
            let text = carnelian_reply_string(reply, &raw mut length);
            assert!(!text.is_null(), "{}", last_error());
            assert_eq!(*text.add(length), 0);
            String::from_utf8_lossy(std::slice::from_raw_parts(text.cast(), length)).into_owned()
        };
        let elements = || {
            let n = carnelian_reply_length(reply);
            let all: Vec<String> = (0..n).map(|i| show(carnelian_reply_element(reply, i))).collect();
            assert!(carnelian_reply_element(reply, n).is_null());
            all.join(" ")
        };
        let kind = carnelian_reply_type(reply);
        let is = |other: carnelian_type| kind == other as i32;
        if is(CARNELIAN_NIL) {
            assert!(carnelian_reply_string(reply, &raw mut length).is_null() && length == 0);
            "nil".into()
        } else if is(CARNELIAN_STRING) {
            format!("{:?}", text())
        } else if is(CARNELIAN_STATUS) {
            format!("+{}", text())
        } else if is(CARNELIAN_ERROR) {
            format!("-{}", text())
        } else if is(CARNELIAN_INTEGER) {
            format!(":{}", carnelian_reply_integer(reply))
        } else if is(CARNELIAN_DOUBLE) {
            format!(",{}", carnelian_reply_double(reply))
        } else if is(CARNELIAN_BOOLEAN) {
            format!("#{}", carnelian_reply_integer(reply))
        } else if is(CARNELIAN_ARRAY) {
            format!("[{}]", elements())
        } else if is(CARNELIAN_MAP) {
            format!("{{{}}}", elements())
        } else if is(CARNELIAN_SET) {
            format!("~[{}]", elements())
        } else if is(CARNELIAN_PUSH) {
            format!(">[{}]", elements())
        } else if is(CARNELIAN_VERBATIM) {
            format!("={}", text())
        } else {
            assert!(is(CARNELIAN_BIG_NUMBER), "{kind}");
            format!("({}", text())
        }
    }
}

/// NULL of a handle.
pub(crate) const NO_ENGINE: *mut carnelian_engine = null_mut();
/// NULL of a handle.
pub(crate) const NO_SESSION: *mut carnelian_session = null_mut();

/// A folder that goes when the test has passed.
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    /// A new folder. It is made by whoever opens it.
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("carnelian-ffi-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    /// Its path.
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What a failure was about is there to be looked at.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
