//! A Lua state with what is compiled in it, and how scripts and functions are run.

use std::fmt;
use std::panic::resume_unwind;

use super::host::{Host, Visitor};
use super::library::FunctionFlags;
use super::raw::{self, Code, Passing, Raised, Run};
use super::raw_walk;
use super::sandbox;
use super::state::State;
use crate::error::{Error, Result};

/// When the collector begins: see [`raw::set_pause`]. What is always there, some 60 KB, is then looked through once in
/// some hundred short scripts, and what they leave stays within a core's cache.
const PAUSE: i32 = 400;

/// For whom an interpreter is: the two have different globals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// EVAL: `KEYS` and `ARGV` are globals.
    Scripts,
    /// FUNCTION LOAD and FCALL: they are arguments.
    Functions,
}

/// Something that was compiled and can be run, by the interpreter that made it.
///
/// It is a number. The code is kept until it is [forgotten](Interpreter::forget).
#[derive(Debug, PartialEq, Eq)]
pub struct Script(Code);

/// A function of a library, as it was registered.
#[derive(Debug)]
pub struct LoadedFunction {
    /// Its name, for FCALL.
    pub name: String,
    /// What is run.
    pub script: Script,
    /// Its flags.
    pub flags: FunctionFlags,
    /// What it says about itself.
    pub description: Option<Vec<u8>>,
}

/// Why a run ended without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the caller is told.
    pub error: Error,
    /// It is the error of a command, which was counted when that failed.
    pub counted: bool,
}

/// What is run, and how it is called in errors.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The script or function.
    pub script: &'a Script,
    /// The script's SHA1 in hexadecimal, or the function's name.
    pub name: &'a str,
    /// `KEYS`
    pub keys: &'a [&'a [u8]],
    /// `ARGV`
    pub args: &'a [&'a [u8]],
}

/// A Lua state. One thread uses it at a time; it can go from one to another.
pub struct Interpreter {
    state: State,
    dialect: Dialect,
    limit: usize,
}

impl Interpreter {
    /// Makes a state.
    ///
    /// # Errors
    /// Lua could not be set up.
    pub fn new(dialect: Dialect) -> Result<Self> {
        let make = || {
            let mut state = State::new(sandbox::lua()?)?;
            match dialect {
                Dialect::Scripts => sandbox::for_scripts(&state)?,
                Dialect::Functions => state.fronts = Some(sandbox::for_functions(&state)?),
            }
            state.lua.gc_collect()?;
            mlua::Result::Ok(state)
        };
        let state = make().map_err(|error| broken(&error))?;
        raw::set_pause(state.raw, PAUSE);
        Ok(Self { state, dialect, limit: 0 })
    }

    /// Compiles a script.
    ///
    /// # Errors
    /// Redis's words around Lua's: `ERR Error compiling script (new function): user_script:1: ...`.
    pub fn compile(&mut self, source: &[u8]) -> Result<Script> {
        raw::compile(self.state.raw, source, c"@user_script").map(Script).map_err(|raised| {
            Error::new([b"ERR Error compiling script (new function): ", without_code(&raised.text)].concat())
        })
    }

    /// Lets go of what was compiled; its memory is free with one of the collector's next rounds.
    #[expect(clippy::needless_pass_by_value, reason = "it is of no use afterwards")]
    pub fn forget(&mut self, script: Script) {
        raw::forget(self.state.raw, script.0);
    }

    /// Runs a script or a function and gives what it returns to `visitor`.
    ///
    /// # Errors
    /// The script raised one, or was ended by its host.
    pub fn run(
        &mut self,
        call: Call<'_>,
        host: &mut dyn Host,
        visitor: &mut dyn Visitor,
    ) -> std::result::Result<(), Failure> {
        let passing = match self.dialect {
            Dialect::Scripts => Passing::Globals,
            Dialect::Functions => Passing::Arguments,
        };
        let run = Run { code: call.script.0, keys: call.keys, args: call.args, passing };
        let outcome = match self.run_code(&run, host) {
            Ok(()) => {
                self.walk(visitor);
                Ok(())
            }
            Err(raised) => Err(failure(raised, call.name)),
        };
        self.tidy();
        outcome
    }

    /// Loads a library and gives the functions that it registers; with an error, none. `source` is the library's text
    /// without its first line (`#!lua name=...`), but with that line's end, so that errors name the right lines.
    ///
    /// # Errors
    /// In Redis's words: it does not compile, registers wrongly or nothing, or raises an error.
    pub fn load_library(
        &mut self,
        source: &[u8],
        host: &mut dyn Host,
        each: &mut dyn FnMut(LoadedFunction),
    ) -> Result<()> {
        let code = raw::compile(self.state.raw, source, c"@user_function")
            .map_err(|raised| Error::new([b"ERR Error compiling function: ", without_code(&raised.text)].concat()))?;
        let shared = &self.state.shared;
        *shared.loading.borrow_mut() = Some(Vec::new());
        let shown = self.show(true);
        let run = Run { code, keys: &[], args: &[], passing: Passing::Nothing };
        let outcome = match shown {
            Ok(()) => self.run_code(&run, host).map(|()| raw::drop_top(self.state.raw)),
            Err(error) => Err(Raised { text: error.bytes().to_vec(), ..Raised::default() }),
        };
        let registered = self.state.shared.loading.borrow_mut().take().unwrap_or_default();
        raw::forget(self.state.raw, code);
        self.show(false)?;
        if let Err(raised) = outcome {
            return Err(Error::new([b"ERR Error registering functions: ", &*raised.text].concat()));
        }
        if registered.is_empty() {
            return Err(Error::new("ERR No functions registered"));
        }
        // All or none: places are taken before any is given.
        let mut loaded = Vec::with_capacity(registered.len());
        for function in registered {
            match raw::keep(&self.state.lua, &function.callback) {
                Ok(code) => loaded.push(LoadedFunction {
                    name: String::from_utf8_lossy(&function.name).into_owned(),
                    script: Script(code),
                    flags: function.flags,
                    description: function.description,
                }),
                Err(error) => {
                    loaded.into_iter().for_each(|function| self.forget(function.script));
                    return Err(broken(&error));
                }
            }
        }
        loaded.into_iter().for_each(each);
        Ok(())
    }

    /// Bytes that Lua holds.
    pub fn memory(&self) -> usize {
        self.state.lua.used_memory()
    }

    /// Sets how many bytes Lua may hold; 0 is no limit. A script that needs more gets the error `not enough memory`.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.limit = bytes;
        // It is refused only where Lua has no allocator of its own, and here it has.
        let _ = self.state.lua.set_memory_limit(bytes);
    }

    /// Collects all that is garbage, now.
    pub fn collect(&mut self) {
        let _ = self.state.lua.gc_collect();
    }

    fn show(&self, loading: bool) -> Result<()> {
        let Some(fronts) = &self.state.fronts else {
            return Err(Error::new("ERR libraries are loaded by an interpreter of functions"));
        };
        fronts.show(&self.state.lua, loading).map_err(|error| broken(&error))
    }

    /// Runs code; its value is left on the stack.
    fn run_code(&mut self, run: &Run<'_>, host: &mut dyn Host) -> std::result::Result<(), Raised> {
        let State { raw: state, shared, .. } = &self.state;
        shared.resp3.set(false);
        raw::rest(*state);
        let mut outcome = shared.lend(host, || raw::run(*state, run));
        let ended = shared.ended.borrow_mut().take();
        if let Some(why) = ended {
            raw::end_script(*state, false);
            if outcome.is_ok() {
                raw::drop_top(*state);
            }
            let place = outcome.err().and_then(|raised| raised.place);
            outcome = Err(Raised { text: why.bytes().to_vec(), handled: true, place, counted: false });
        }
        if let Some(panic) = shared.panic.take() {
            resume_unwind(panic);
        }
        outcome
    }

    /// Gives the value on the stack, and takes it off.
    fn walk(&self, visitor: &mut dyn Visitor) {
        self.without_limit(|| raw_walk::walk_top(self.state.raw, visitor, self.state.shared.resp3.get()));
    }

    /// What is done between runs for the sake of memory.
    fn tidy(&mut self) {
        if self.limit > 0 && self.memory() > self.limit / 4 * 3 {
            // Lua does not collect because memory is short, and the next script is not to suffer for what this one left.
            self.without_limit(|| self.state.lua.gc_collect().ok());
        }
    }

    fn without_limit<R>(&self, run: impl FnOnce() -> R) -> R {
        if self.limit == 0 {
            return run();
        }
        let _ = self.state.lua.set_memory_limit(0);
        let result = run();
        let _ = self.state.lua.set_memory_limit(self.limit);
        result
    }
}

impl fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interpreter").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

fn broken(error: &mlua::Error) -> Error {
    Error::new(format!("ERR Lua could not be set up: {error}"))
}

fn without_code(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"ERR ").unwrap_or(text)
}

/// What the caller of a script is told.
fn failure(raised: Raised, name: &str) -> Failure {
    let Raised { text, handled, place, counted } = raised;
    // Redis's texts end at the first NUL, and are one line.
    let text = text.split(|&b| b == 0).next().unwrap_or_default();
    let mut error = Vec::with_capacity(text.len() + 80);
    if handled {
        error.extend_from_slice(text);
        error.extend_from_slice(b" script: ");
        error.extend_from_slice(name.as_bytes());
        if let Some((source, line)) = place {
            error.extend_from_slice(b", on ");
            error.extend_from_slice(&source);
            error.extend_from_slice(format!(":{line}").as_bytes());
        }
        error.push(b'.');
    } else {
        error.extend_from_slice(format!("ERR Error running script {name}, ").as_bytes());
        error.extend_from_slice(&text[..text.len().min(100)]);
    }
    for byte in &mut error {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    Failure { error: Error::new(error), counted }
}
