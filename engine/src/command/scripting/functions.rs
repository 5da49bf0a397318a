//! FCALL and FUNCTION.

use std::sync::Arc;

use super::eval::keys_of;
use super::libraries::{Declared, Libraries, Library};
use super::machine::Machine;
use super::run::{Find, Program, run};
use super::running::Kind;
use super::shebang::{self, Promises};
use super::{Load, Scripts};
use crate::codec::glob::glob_match;
use crate::command::introspection;
use crate::command::{Args, Categories, Context, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::error::{Error, Result};
use crate::keyspace::{Access, Effect, View};
use crate::operation::snapshot::format_of;
use crate::rdb;

const CALL: Flags = Flags::NOSCRIPT.union(Flags::STALE).union(Flags::SKIP_MONITOR).union(Flags::NO_MANDATORY_KEYS);
const KEYS: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE);
const KEYS_READ: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const CHANGE: Flags = Flags::NOSCRIPT.union(Flags::WRITE);

const fn sub(name: &'static str, arity: i32, flags: Flags, run: Run) -> Spec {
    Spec::new(name, arity, Group::Scripting, run).flags(flags).categories(Categories::SCRIPTING)
}

const ALL_SHARDS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

pub(crate) const COMMANDS: &[Spec] = &[
    Spec::new("fcall", -3, Group::Scripting, Run::Context(&fcall))
        .flags(CALL)
        .categories(Categories::SCRIPTING)
        .keys(&[KeySpec::counted(2, 1, KEYS)])
        .docs("7.0.0", "Runs a function.", "That of the function.", "function numkeys [key [key ...]] [arg [arg ...]]"),
    Spec::new("fcall_ro", -3, Group::Scripting, Run::Context(&fcall_ro))
        .flags(CALL.union(Flags::READONLY))
        .categories(Categories::SCRIPTING)
        .keys(&[KeySpec::counted(2, 1, KEYS_READ)])
        .docs(
            "7.0.0",
            "Runs a function that changes nothing.",
            "That of the function.",
            "function numkeys [key [key ...]] [arg [arg ...]]",
        ),
    Spec::new("function", -2, Group::Scripting, Run::Container)
        .docs("7.0.0", "Functions and their libraries.", "Depends on the subcommand.", "")
        .subcommands(&[
            sub("delete", 3, CHANGE, Run::Context(&delete)).tips(ALL_SHARDS).docs(
                "7.0.0",
                "Deletes a library and its functions.",
                "O(1)",
                "library-name",
            ),
            sub("dump", 2, Flags::NOSCRIPT, Run::Context(&dump)).docs(
                "7.0.0",
                "Gives all libraries as one payload.",
                "O(N) for N functions",
                "",
            ),
            sub("flush", -2, CHANGE, Run::Context(&flush)).tips(ALL_SHARDS).docs(
                "7.0.0",
                "Deletes all libraries.",
                "O(N) for N functions",
                "[ASYNC | SYNC]",
            ),
            sub("help", 2, Flags::LOADING.union(Flags::STALE), Run::Context(&introspection::help)).docs(
                "7.0.0",
                "Lists the subcommands.",
                "O(1)",
                "",
            ),
            sub("kill", 2, Flags::NOSCRIPT.union(Flags::ALLOW_BUSY), Run::Context(&kill))
                .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
                .docs("7.0.0", "Ends the function that runs, if it has changed nothing.", "O(1)", ""),
            sub("list", -2, Flags::NOSCRIPT, Run::Context(&list)).tips(&["nondeterministic_output_order"]).docs(
                "7.0.0",
                "Lists libraries and their functions.",
                "O(N) for N functions",
                "[LIBRARYNAME library-name-pattern] [WITHCODE]",
            ),
            sub("load", -3, CHANGE.union(Flags::DENYOOM), Run::Context(&load)).tips(ALL_SHARDS).docs(
                "7.0.0",
                "Adds a library.",
                "O(1), beside compiling it",
                "[REPLACE] function-code",
            ),
            sub("restore", -3, CHANGE.union(Flags::DENYOOM), Run::Context(&restore)).tips(ALL_SHARDS).docs(
                "7.0.0",
                "Adds the libraries of a payload.",
                "O(N) for N functions",
                "serialized-value [FLUSH | APPEND | REPLACE]",
            ),
            sub("stats", 2, Flags::NOSCRIPT.union(Flags::ALLOW_BUSY), Run::Context(&stats))
                .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
                .docs("7.0.0", "Tells which function runs, and how many there are.", "O(1)", ""),
        ]),
];

fn fcall(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    call(context, args, reply, false)
}

fn fcall_ro(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    call(context, args, reply, true)
}

fn call(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>, read_only: bool) -> Result<()> {
    context.show_to_monitors(args);
    let scripts = &context.core.scripts;
    if !scripts.keys_are_declared() {
        return call_of(&scripts.libraries(), None, context, args, reply, read_only);
    }
    scripts.with_machine(|machine| {
        let seen = scripts.look(std::mem::take(&mut machine.seen));
        let result = call_of(&seen.libraries, Some(machine), context, args, reply, read_only);
        machine.seen = seen;
        result
    })
}

fn call_of(
    libraries: &Libraries,
    machine: Option<&mut Machine>,
    context: &mut Context<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    read_only: bool,
) -> Result<()> {
    let missing = || Error::new("ERR Function not found");
    let (library, place, function) = libraries.function(args.get(1)).ok_or_else(missing)?;
    let keys = keys_of(args, || Error::new("ERR Bad number of keys provided"))?;
    let (name, promises) = (&*function.name, Some(function.promises));
    let program = Program { kind: Kind::Function, name, promises, read_only, command: *args, keys };
    let find: &Find<'_> = &|machine, host| machine.function(library, place, host)?.ok_or_else(missing);
    run(context, &program, machine, find, reply)
}

/// Changes the libraries while nothing else runs, and has `effect` say so to the log.
fn change<R>(
    context: &mut Context<'_>,
    change: impl FnOnce(&Scripts, &mut Libraries) -> Result<R>,
    effect: impl FnOnce() -> Effect,
) -> Result<R> {
    let scripts = &context.core.scripts;
    context.on_everything(Access::Write, |view: &mut View<'_>| {
        let mut libraries = Libraries::clone(&scripts.libraries());
        let result = change(scripts, &mut libraries)?;
        scripts.set_libraries(libraries);
        view.record_elsewhere(effect);
        Ok(result)
    })
}

fn load(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (options, source) = args.from(2).split_at(args.len() - 3);
    let mut replace = false;
    for option in options {
        if !option.eq_ignore_ascii_case(b"replace") {
            return Err(Error::quoting("ERR Unknown option given: ", option, ""));
        }
        replace = true;
    }
    let source = source.first().copied().unwrap_or_default();
    let effect = || {
        let effect = Effect::new("FUNCTION").arg("LOAD");
        if replace { effect.arg("REPLACE").arg(source) } else { effect.arg(source) }
    };
    let name = change(context, |scripts, libraries| scripts.load(libraries, source, replace), effect)?;
    reply.bulk(name.as_bytes());
    Ok(())
}

fn delete(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let name = args.get(2);
    let remove = |_: &Scripts, libraries: &mut Libraries| match libraries.remove(name) {
        true => Ok(()),
        false => Err(Error::new("ERR Library not found")),
    };
    change(context, remove, || Effect::new("FUNCTION").arg("DELETE").arg(name))?;
    reply.ok();
    Ok(())
}

fn flush(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let is_known = args.len() == 2 || args.len() == 3 && (args.is(2, "sync") || args.is(2, "async"));
    if !is_known {
        return Err(Error::new("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    let clear = |_: &Scripts, libraries: &mut Libraries| {
        *libraries = Libraries::default();
        Ok(())
    };
    change(context, clear, || Effect::new("FUNCTION").arg("FLUSH"))?;
    reply.ok();
    Ok(())
}

fn kill(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.core.scripts.running.kill(Kind::Function)?;
    reply.ok();
    Ok(())
}

fn list(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (mut pattern, mut with_code) = (None, false);
    let mut options = args.from(2).iter();
    while let Some(option) = options.next() {
        if !with_code && option.eq_ignore_ascii_case(b"withcode") {
            with_code = true;
        } else if pattern.is_none() && option.eq_ignore_ascii_case(b"libraryname") {
            let given = options.next().ok_or_else(|| Error::new("ERR library name argument was not given"))?;
            pattern = Some(*given);
        } else {
            return Err(Error::quoting("ERR Unknown argument ", option, ""));
        }
    }
    let libraries = context.core.scripts.libraries();
    let wanted =
        |library: &&Arc<Library>| pattern.is_none_or(|pattern| glob_match(pattern, library.name.as_bytes(), true));
    let all: Vec<&Arc<Library>> = libraries.all().filter(wanted).collect();
    reply.array(all.len());
    for library in all {
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(library.name.as_bytes());
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        reply.bulk(b"functions");
        reply.array(library.functions.len());
        library.functions.iter().for_each(|function| show(function, reply));
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.source);
        }
    }
    Ok(())
}

fn show(function: &Declared, reply: &mut Reply<'_>) {
    reply.map(3);
    reply.bulk(b"name");
    reply.bulk(function.name.as_bytes());
    reply.bulk(b"description");
    match &function.description {
        Some(description) => reply.bulk(description),
        None => reply.null(),
    }
    reply.bulk(b"flags");
    let flags = Promises::NAMES.iter().filter(|(_, flag)| function.promises.contains(*flag));
    reply.set(flags.clone().count());
    flags.for_each(|(name, _)| reply.status(name.as_bytes()));
}

fn stats(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let scripts = &context.core.scripts;
    let running = scripts.running.oldest();
    if let Some(script) = running.as_ref().filter(|running| running.kind == Kind::Script) {
        return Err(script.kind.busy());
    }
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some(running) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(running.name.as_bytes());
            reply.bulk(b"command");
            reply.bulks(&running.command);
            reply.bulk(b"duration_ms");
            reply.int(running.since.elapsed().as_millis() as i64);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    let (libraries, functions) = scripts.libraries().len();
    for (name, count) in [("libraries_count", libraries), ("functions_count", functions)] {
        reply.bulk(name.as_bytes());
        reply.count(count);
    }
    Ok(())
}

fn dump(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let libraries = context.core.scripts.libraries();
    reply
        .bulk(&rdb::seal_functions(libraries.all().map(|library| &*library.source), format_of(&context.core.keyspace)));
    Ok(())
}

/// What FUNCTION RESTORE does with what is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    Append,
    Replace,
    Flush,
}

fn restore(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (payload, policy) = (args.get(2), args.get(3));
    if args.len() > 4 {
        return Err(Error::new(
            "ERR Unknown subcommand or wrong number of arguments for 'restore'. Try FUNCTION HELP.",
        ));
    }
    let policy = match args.len() {
        3 => Policy::Append,
        _ if policy.eq_ignore_ascii_case(b"append") => Policy::Append,
        _ if policy.eq_ignore_ascii_case(b"replace") => Policy::Replace,
        _ if policy.eq_ignore_ascii_case(b"flush") => Policy::Flush,
        _ => {
            return Err(Error::new("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."));
        }
    };
    let sources = rdb::open_functions(payload)
        .map_err(|_| Error::new("ERR DUMP payload version or checksum are wrong"))?
        .ok_or_else(|| Error::new("ERR given type is not a function"))?;
    let restore = |scripts: &Scripts, libraries: &mut Libraries| {
        if policy == Policy::Flush {
            *libraries = Libraries::default();
        }
        sources.iter().try_for_each(|source| scripts.load(libraries, source, policy == Policy::Replace).map(drop))
    };
    let effect = || {
        let effect = Effect::new("FUNCTION").arg("RESTORE").arg(payload);
        match policy {
            Policy::Append => effect,
            Policy::Replace => effect.arg("REPLACE"),
            Policy::Flush => effect.arg("FLUSH"),
        }
    };
    change(context, restore, effect)?;
    reply.ok();
    Ok(())
}

impl Scripts {
    /// Loads a library into a set of them. Returns its name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn load(&self, libraries: &mut Libraries, source: &[u8], replace: bool) -> Result<String> {
        let (name, code_from) = shebang::of_library(source)?;
        if !replace && libraries.get(name.as_bytes()).is_some() {
            return Err(Error::new(format!("ERR Library '{name}' already exists")));
        }
        self.with_machine(|machine| {
            let functions = machine.try_library(&source[code_from..], &mut Load::new())?;
            let declared = functions.iter().map(|f| Declared {
                name: f.name.clone(),
                promises: f.flags,
                description: f.description.clone(),
            });
            let library = Arc::new(Library {
                id: self.next_id(),
                name: name.clone(),
                source: source.into(),
                code_from,
                functions: declared.collect(),
            });
            match libraries.add(library.clone(), replace) {
                Ok(()) => {
                    machine.keep_library(&library, functions);
                    Ok(())
                }
                Err(error) => {
                    machine.forget_functions(functions);
                    Err(error)
                }
            }
        })?;
        Ok(name)
    }
}
