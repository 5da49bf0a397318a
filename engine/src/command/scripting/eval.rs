//! EVAL and its family, and SCRIPT.

use std::sync::Arc;

use super::Scripts;
use super::cache::{Known, Sha, sha_of, sha_of_source};
use super::machine::Machine;
use super::run::{Find, Program, run};
use super::running::Kind;
use crate::codec::num;
use crate::command::introspection;
use crate::command::{Args, Categories, Context, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::error::{Error, Result};
use crate::keyspace::Access;

const BASE: Flags = Flags::NOSCRIPT.union(Flags::STALE).union(Flags::SKIP_MONITOR).union(Flags::NO_MANDATORY_KEYS);
const KEYS: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE);
const KEYS_READ: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);

const fn eval_spec(name: &'static str, flags: Flags, keys: &'static [KeySpec], run: Run) -> Spec {
    Spec::new(name, -3, Group::Scripting, run).flags(BASE.union(flags)).categories(Categories::SCRIPTING).keys(keys)
}

const fn script_spec(name: &'static str, arity: i32, flags: Flags, run: Run) -> Spec {
    Spec::new(name, arity, Group::Scripting, run).flags(flags).categories(Categories::SCRIPTING)
}

const SCRIPT: Flags = Flags::NOSCRIPT.union(Flags::STALE);

pub(crate) const COMMANDS: &[Spec] = &[
    eval_spec("eval", Flags::empty(), &[KeySpec::counted(2, 1, KEYS)], Run::Context(&eval)).docs(
        "2.6.0",
        "Runs a script.",
        "That of the script.",
        "script numkeys [key [key ...]] [arg [arg ...]]",
    ),
    eval_spec("evalsha", Flags::empty(), &[KeySpec::counted(2, 1, KEYS)], Run::Context(&evalsha)).docs(
        "2.6.0",
        "Runs a script that is known by its SHA1.",
        "That of the script.",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
    ),
    eval_spec("eval_ro", Flags::READONLY, &[KeySpec::counted(2, 1, KEYS_READ)], Run::Context(&eval_ro)).docs(
        "7.0.0",
        "Runs a script that changes nothing.",
        "That of the script.",
        "script numkeys [key [key ...]] [arg [arg ...]]",
    ),
    eval_spec("evalsha_ro", Flags::READONLY, &[KeySpec::counted(2, 1, KEYS_READ)], Run::Context(&evalsha_ro)).docs(
        "7.0.0",
        "Runs a script that is known by its SHA1 and changes nothing.",
        "That of the script.",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
    ),
    Spec::new("script", -2, Group::Scripting, Run::Container)
        .docs("2.6.0", "Scripts that are known by their SHA1.", "Depends on the subcommand.", "")
        .subcommands(&[
            script_spec("debug", -3, Flags::NOSCRIPT, Run::Context(&script_debug)).docs(
                "3.2.0",
                "Says whether the scripts of this connection are debugged, which they are not.",
                "O(1)",
                "<YES | SYNC | NO>",
            ),
            script_spec("exists", -3, SCRIPT, Run::Context(&script_exists))
                .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
                .docs("2.6.0", "Says which scripts are known.", "O(N) for N scripts", "sha1 [sha1 ...]"),
            script_spec("flush", -2, SCRIPT, Run::Context(&script_flush))
                .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
                .docs("2.6.0", "Forgets all scripts.", "O(N) for N scripts", "[ASYNC | SYNC]"),
            script_spec("help", 2, Flags::LOADING.union(Flags::STALE), Run::Context(&introspection::help)).docs(
                "5.0.0",
                "Lists the subcommands.",
                "O(1)",
                "",
            ),
            script_spec("kill", 2, Flags::NOSCRIPT.union(Flags::ALLOW_BUSY), Run::Context(&script_kill))
                .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
                .docs("2.6.0", "Ends the script that runs, if it has changed nothing.", "O(1)", ""),
            script_spec("load", 3, SCRIPT, Run::Context(&script_load))
                .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
                .docs("2.6.0", "Makes a script known.", "O(N) for N bytes", "script"),
            script_spec("show", 3, SCRIPT, Run::Context(&script_show)).docs(
                "8.0.0",
                "Shows the source of a script.",
                "O(1)",
                "sha1",
            ),
        ]),
];

fn no_script() -> Error {
    Error::new("NOSCRIPT No matching script. Please use EVAL.")
}

/// Which arguments of EVAL and FCALL are keys.
///
/// # Errors
/// If their number is none, or more than there are; `not_a_number` is what is said of the first.
pub(super) fn keys_of(args: &Args<'_>, not_a_number: impl FnOnce() -> Error) -> Result<std::ops::Range<usize>> {
    let number = num::parse_i64(args.get(2)).ok_or_else(not_a_number)?;
    match usize::try_from(number) {
        Ok(n) if n > args.len() - 3 => Err(Error::new("ERR Number of keys can't be greater than number of args")),
        Ok(n) => Ok(3..3 + n),
        Err(_) => Err(Error::new("ERR Number of keys can't be negative")),
    }
}

fn eval(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    evaluate(context, args, reply, false)
}

fn eval_ro(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    evaluate(context, args, reply, true)
}

fn evalsha(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    evaluate_known(context, args, reply, false)
}

fn evalsha_ro(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    evaluate_known(context, args, reply, true)
}

fn evaluate(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>, read_only: bool) -> Result<()> {
    context.show_to_monitors(args);
    let keys = keys_of(args, || Error::NOT_INTEGER)?;
    let sha = sha_of_source(args.get(1));
    let evaluation = Evaluation { sha, args: *args, keys, read_only };
    evaluation.run(context, reply, |scripts| scripts.find_or_read(&sha, args.get(1)))
}

fn evaluate_known(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>, read_only: bool) -> Result<()> {
    context.show_to_monitors(args);
    let sha = sha_of(args.get(1)).ok_or_else(no_script)?;
    let keys = keys_of(args, || Error::NOT_INTEGER)?;
    let evaluation = Evaluation { sha, args: *args, keys, read_only };
    evaluation.run(context, reply, |scripts| Ok((scripts.cache.lock().get(&sha).ok_or_else(no_script)?, false)))
}

/// A script that is to be run.
struct Evaluation<'a> {
    sha: Sha,
    args: Args<'a>,
    keys: std::ops::Range<usize>,
    read_only: bool,
}

impl Evaluation<'_> {
    /// Runs the script, which `look_up` finds unless the thread's own machine has it, and says whether it is a new one.
    fn run(
        self,
        context: &mut Context<'_>,
        reply: &mut Reply<'_>,
        look_up: impl FnOnce(&Scripts) -> Result<(Arc<Known>, bool)>,
    ) -> Result<()> {
        let sha = self.sha;
        let name = std::str::from_utf8(&sha).unwrap_or_default();
        let program = |promises| Program {
            kind: Kind::Script,
            name,
            promises,
            read_only: self.read_only,
            command: self.args,
            keys: self.keys.clone(),
        };
        let scripts = &context.core.scripts;
        if !scripts.keys_are_declared() {
            let (known, is_new) = look_up(scripts)?;
            let find: &Find<'_> = &|machine, _| {
                scripts.compile(machine, &sha, &known, is_new)?;
                machine.script(&sha).ok_or_else(no_script)
            };
            return run(context, &program(known.promises), None, find, reply);
        }
        scripts.with_machine(|machine| {
            let promises = match machine.promises(&sha) {
                Some(promises) => promises,
                None => {
                    let (known, is_new) = look_up(scripts)?;
                    scripts.compile(machine, &sha, &known, is_new)?;
                    known.promises
                }
            };
            let find: &Find<'_> = &|machine, _| machine.script(&sha).ok_or_else(no_script);
            run(context, &program(promises), Some(machine), find, reply)
        })
    }
}

fn script_load(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let core = context.core;
    let (scripts, sha) = (&core.scripts, sha_of_source(args.get(2)));
    let (known, _) = scripts.find_or_read(&sha, args.get(2))?;
    let load = || {
        scripts.with_machine(|machine| {
            machine.compile(&sha, &known)?;
            let known = scripts.cache.lock().add(sha, known.clone(), true);
            // Another thread may have been first.
            machine.compile(&sha, &known)
        })
    };
    if scripts.keys_are_declared() {
        load()?;
    } else {
        // No run meanwhile is to find its machine taken.
        context.on_everything(Access::Read, |_| load())?;
    }
    reply.bulk(&sha);
    Ok(())
}

impl Scripts {
    /// The script of a source, and whether it is a new one, that has yet to be compiled and made known.
    ///
    /// # Errors
    /// If its first line cannot be understood.
    fn find_or_read(&self, sha: &Sha, source: &[u8]) -> Result<(Arc<Known>, bool)> {
        let known = self.cache.lock().get(sha);
        known.map_or_else(|| Ok((Arc::new(Known::new(source)?), true)), |known| Ok((known, false)))
    }

    /// Compiles a script; a new one becomes known with that.
    ///
    /// # Errors
    /// If it is not Lua.
    fn compile(&self, machine: &mut Machine, sha: &Sha, known: &Arc<Known>, is_new: bool) -> Result<()> {
        machine.compile(sha, known)?;
        if is_new {
            let known = self.cache.lock().add(*sha, known.clone(), false);
            // Another thread may have been first.
            machine.compile(sha, &known)?;
        }
        Ok(())
    }
}

fn script_exists(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cache = context.core.scripts.cache.lock();
    reply.array(args.len() - 2);
    for sha in args.from(2) {
        // Here, other than for EVALSHA, the case of letters counts.
        let is_there = <&Sha>::try_from(*sha).is_ok_and(|sha| cache.get(sha).is_some());
        reply.int(i64::from(is_there));
    }
    Ok(())
}

fn script_flush(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let is_known = args.len() == 2 || args.len() == 3 && (args.is(2, "sync") || args.is(2, "async"));
    if !is_known {
        return Err(Error::new("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    context.core.scripts.forget_scripts();
    reply.ok();
    Ok(())
}

fn script_kill(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.core.scripts.running.kill(Kind::Script)?;
    reply.ok();
    Ok(())
}

fn script_show(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cache = context.core.scripts.cache.lock();
    let known = <&Sha>::try_from(args.get(2)).ok().and_then(|sha| cache.get(sha));
    reply.bulk(&known.ok_or_else(no_script)?.source);
    Ok(())
}

fn script_debug(_: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match args.len() == 3 {
        true if args.is(2, "no") => {
            reply.ok();
            Ok(())
        }
        true if args.is(2, "yes") || args.is(2, "sync") => {
            Err(Error::new("ERR the debugger for scripts is not built in"))
        }
        _ => Err(Error::new("ERR Use SCRIPT DEBUG YES/SYNC/NO")),
    }
}
