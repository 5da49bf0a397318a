//! `COMMAND`, and the `HELP` of every container: what the registry tells about itself.

mod docs;

use super::args::{key_flags, key_positions};
use super::{
    Args, Begin, Categories, Command, Context, ContextFn, Find, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec,
};
use super::{Registry, dispatch};
use crate::codec::glob::glob_match;
use crate::error::{Error, Result};

const FLAGS: Flags = Flags::LOADING.union(Flags::STALE);
const NO_ORDER: &[&str] = &["nondeterministic_output_order"];

const fn sub(name: &'static str, arity: i32, run: &'static ContextFn) -> Spec {
    Spec::new(name, arity, Group::Server, Run::Context(run)).flags(FLAGS).categories(Categories::CONNECTION)
}

const SUBCOMMANDS: &[Spec] = &[
    sub("count", 2, &count).docs("2.8.13", "Counts the commands.", "O(1)", ""),
    sub("docs", -2, &docs::docs).tips(NO_ORDER).docs(
        "7.0.0",
        "Documents commands.",
        "O(N) for N commands",
        "[command-name ...]",
    ),
    sub("getkeys", -3, &getkeys).docs(
        "2.8.13",
        "Finds the keys among the arguments of a command.",
        "O(N) for N arguments",
        "command [arg ...]",
    ),
    sub("getkeysandflags", -3, &getkeysandflags).docs(
        "7.0.0",
        "Finds the keys among the arguments of a command, and what it does with them.",
        "O(N) for N arguments",
        "command [arg ...]",
    ),
    sub("help", 2, &help).docs("5.0.0", "Lists the subcommands.", "O(1)", ""),
    sub("info", -2, &info).tips(NO_ORDER).docs(
        "2.8.13",
        "Tells about commands.",
        "O(N) for N commands",
        "[command-name ...]",
    ),
    sub("list", -2, &list).tips(NO_ORDER).docs(
        "7.0.0",
        "Lists the names of commands.",
        "O(N) for N commands",
        "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
    ),
];

pub(super) const COMMANDS: &[Spec] = &[Spec::new("command", -1, Group::Server, Run::Context(&all))
    .flags(FLAGS)
    .categories(Categories::CONNECTION)
    .tips(NO_ORDER)
    .docs("2.8.13", "Tells about all commands.", "O(N) for N commands", "")
    .subcommands(SUBCOMMANDS)];

/// The `HELP` of the container that the arguments name: its subcommands, from their declarations.
pub(super) fn help(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let Some(container) = context.core.registry.get(args.get(0)) else { return Err(Error::SYNTAX) };
    let mut lines = Vec::new();
    for subcommand in container.subcommands.iter().filter(|s| s.spec.name != "help") {
        lines.push(format!("{} {}", subcommand.spec.name.to_uppercase(), subcommand.spec.syntax).trim_end().to_owned());
        lines.push(format!("    {}", subcommand.spec.summary));
    }
    write_help(reply, container.spec.name, &lines);
    Ok(())
}

/// A help text: lines that begin at the margin are subcommands, the others explain them.
pub(super) fn write_help<T: AsRef<str>>(reply: &mut Reply<'_>, container: &str, lines: &[T]) {
    reply.array(lines.len() + 3);
    let name = container.to_uppercase();
    reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines {
        reply.simple(line.as_ref());
    }
    reply.simple("HELP");
    reply.simple("    Print this help.");
}

/// The error of containers that look at the number of arguments themselves.
pub(super) fn unknown_or_arity(args: &Args<'_>) -> Error {
    let container = String::from_utf8_lossy(args.get(0)).to_uppercase();
    let name = args.get(1);
    let name = &name[..name.len().min(128)];
    Error::quoting(
        "ERR unknown subcommand or wrong number of arguments for '",
        name,
        &format!("'. Try {container} HELP."),
    )
}

fn all(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_all(&context.core.registry, reply);
    Ok(())
}

fn write_all(registry: &Registry, reply: &mut Reply<'_>) {
    reply.array(registry.all().len());
    for command in registry.all() {
        write_info(command, reply);
    }
}

fn count(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(context.core.registry.all().len());
    Ok(())
}

fn info(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let registry = &context.core.registry;
    let names = args.from(2);
    if names.is_empty() {
        write_all(registry, reply);
        return Ok(());
    }
    reply.array(names.len());
    for name in names {
        match registry.get_full(name) {
            Some(command) => write_info(command, reply),
            None => reply.null(),
        }
    }
    Ok(())
}

fn write_info(command: &Command, reply: &mut Reply<'_>) {
    let spec = &command.spec;
    let (first, last, step) = legacy_range(spec.keys);
    reply.array(10);
    reply.bulk(command.full_name.as_bytes());
    reply.int(i64::from(spec.arity));
    write_words(reply, &flag_names(command.flags));
    for n in [first, last, step] {
        reply.int(n);
    }
    write_words(reply, &category_names(spec.all_categories()));
    reply.set(spec.tips.len());
    for tip in spec.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(spec.keys.len());
    for key in spec.keys {
        write_key_spec(key, reply);
    }
    // Redis has an empty set here, but a list.
    match command.subcommands.len() {
        0 => reply.set(0),
        n => reply.array(n),
    }
    for subcommand in &command.subcommands {
        write_info(subcommand, reply);
    }
}

fn write_words<T: AsRef<str>>(reply: &mut Reply<'_>, words: &[T]) {
    reply.set(words.len());
    for word in words {
        reply.simple(word.as_ref());
    }
}

/// The names of flags, in Redis's order.
pub(super) fn flag_names(flags: Flags) -> Vec<String> {
    // Redis lists these behind the others that came before them.
    let last = Flags::MOVABLEKEYS | Flags::ALLOW_BUSY;
    let names = (flags - last).iter_names().chain((flags & last).iter_names());
    names.map(|(name, _)| name.to_ascii_lowercase()).collect()
}

/// The names of ACL categories, in Redis's order.
pub(super) fn category_names(categories: Categories) -> Vec<String> {
    categories.iter_names().map(|(name, _)| format!("@{}", name.to_ascii_lowercase())).collect()
}

/// The names of what happens to a key: how it is accessed in capitals, the rest not.
fn key_flag_names(flags: KeyFlags) -> Vec<String> {
    let access = KeyFlags::RO | KeyFlags::RW | KeyFlags::OW | KeyFlags::RM;
    let name = |(name, flag): (&str, KeyFlags)| {
        if access.contains(flag) { name.to_owned() } else { name.to_ascii_lowercase() }
    };
    flags.iter_names().map(name).collect()
}

/// First key, last key and step, as commands were described before there were key specs: of the keys at fixed
/// positions, as long as they are in one row.
pub(super) fn legacy_range(keys: &[KeySpec]) -> (i64, i64, i64) {
    let mut range: Option<(i64, i64, i64)> = None;
    for key in keys {
        let (Begin::Index(begin), Find::Range { last, step, .. }) = (key.begin, key.find) else { continue };
        let (begin, last) = (begin as i64, i64::from(last));
        let last = if last >= 0 { begin + last } else { last };
        range = Some(match range {
            None => (begin, last, step as i64),
            Some((first, end, step)) if end >= 0 && begin == end + 1 => (first, last, step),
            Some(range) => range,
        });
    }
    range.unwrap_or_default()
}

fn write_key_spec(key: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(3);
    reply.bulk(b"flags");
    write_words(reply, &key_flag_names(key.flags));
    reply.bulk(b"begin_search");
    match key.begin {
        Begin::Index(index) => write_search(reply, "index", &[("index", index as i64)]),
        Begin::Unknown => write_search(reply, "unknown", &[]),
        Begin::Keyword(keyword, from) => {
            reply.map(2);
            reply.bulk(b"type");
            reply.bulk(b"keyword");
            reply.bulk(b"spec");
            reply.map(2);
            reply.bulk(b"keyword");
            reply.bulk(keyword.as_bytes());
            reply.bulk(b"startfrom");
            reply.int(i64::from(from));
        }
    }
    reply.bulk(b"find_keys");
    match key.find {
        Find::Unknown => write_search(reply, "unknown", &[]),
        Find::Range { last, step, limit } => {
            let figures = [("lastkey", i64::from(last)), ("keystep", step as i64), ("limit", limit as i64)];
            write_search(reply, "range", &figures);
        }
        Find::KeyNum { number, first, step } => {
            let figures = [("keynumidx", number as i64), ("firstkey", first as i64), ("keystep", step as i64)];
            write_search(reply, "keynum", &figures);
        }
    }
}

fn write_search(reply: &mut Reply<'_>, kind: &str, figures: &[(&str, i64)]) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(figures.len());
    for (name, figure) in figures {
        reply.bulk(name.as_bytes());
        reply.int(*figure);
    }
}

/// The command that arguments from the third on are a call of, if it has keys and they are complete.
fn called<'r>(registry: &'r Registry, argv: &[&[u8]]) -> Result<&'r Command> {
    let command = dispatch::find(registry, argv).filter(|c| !c.is_container() || argv.len() == 1);
    let command = command.ok_or_else(|| Error::new("ERR Invalid command specified"))?;
    if command.spec.keys.iter().all(|k| k.flags.contains(KeyFlags::NOT_KEY)) {
        return Err(Error::new("ERR The command has no key arguments"));
    }
    if !command.spec.accepts(argv.len()) {
        return Err(Error::new("ERR Invalid number of arguments specified for command"));
    }
    Ok(command)
}

fn invalid_arguments(command: &Command) -> Result<()> {
    if command.flags.contains(Flags::NO_MANDATORY_KEYS) {
        Ok(())
    } else {
        Err(Error::new("ERR Invalid arguments specified for command"))
    }
}

fn getkeys(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let argv = args.from(2);
    let command = called(&context.core.registry, argv)?;
    let positions = key_positions(&command.spec, argv).unwrap_or_default();
    if positions.is_empty() {
        invalid_arguments(command)?;
    }
    let keys: Vec<&[u8]> = positions.iter().filter_map(|&p| argv.get(p).copied()).collect();
    reply.bulks(&keys);
    Ok(())
}

fn getkeysandflags(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let argv = args.from(2);
    let command = called(&context.core.registry, argv)?;
    let found: Result<Vec<_>> = key_flags(&command.spec, argv).collect();
    let found = found.unwrap_or_default();
    if found.is_empty() {
        invalid_arguments(command)?;
    }
    reply.array(found.len());
    for (position, flags) in found {
        reply.array(2);
        reply.bulk(argv.get(position).copied().unwrap_or_default());
        write_words(reply, &key_flag_names(flags_of_call(command, argv, flags)));
    }
    Ok(())
}

/// What a call does to its key, where that depends on its options.
fn flags_of_call(command: &Command, argv: &[&[u8]], declared: KeyFlags) -> KeyFlags {
    if !declared.contains(KeyFlags::VARIABLE_FLAGS) {
        return declared;
    }
    match command.spec.name {
        "set" if argv.iter().skip(3).any(|arg| arg.eq_ignore_ascii_case(b"get")) => {
            KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE
        }
        "set" => KeyFlags::OW | KeyFlags::UPDATE,
        "bitfield" if only_gets(argv.get(2..).unwrap_or_default()) => KeyFlags::RO | KeyFlags::ACCESS,
        _ => declared - KeyFlags::VARIABLE_FLAGS,
    }
}

/// Whether the operations of a `BITFIELD` are understood, and none of them writes.
fn only_gets(operations: &[&[u8]]) -> bool {
    match operations {
        [] => true,
        [get, _, _, rest @ ..] if get.eq_ignore_ascii_case(b"get") => only_gets(rest),
        [overflow, _, rest @ ..] if overflow.eq_ignore_ascii_case(b"overflow") => only_gets(rest),
        _ => false,
    }
}

/// Which commands `COMMAND LIST` is about.
enum ListFilter<'a> {
    All,
    None,
    Category(Categories),
    Pattern(&'a [u8]),
}

fn list_filter<'a>(args: &[&'a [u8]]) -> Result<ListFilter<'a>> {
    let (by, value) = match args {
        [] => return Ok(ListFilter::All),
        [filterby, by, value] if filterby.eq_ignore_ascii_case(b"filterby") => (by.to_ascii_lowercase(), *value),
        _ => return Err(Error::SYNTAX),
    };
    match by.as_slice() {
        // There are no modules.
        b"module" => Ok(ListFilter::None),
        b"pattern" => Ok(ListFilter::Pattern(value)),
        b"aclcat" => {
            let name = String::from_utf8_lossy(value).to_ascii_uppercase();
            Ok(Categories::from_name(&name).map_or(ListFilter::None, ListFilter::Category))
        }
        _ => Err(Error::SYNTAX),
    }
}

fn list(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let filter = list_filter(args.from(2))?;
    let fits = |command: &&Command| match &filter {
        ListFilter::All => true,
        ListFilter::None => false,
        ListFilter::Category(category) => command.spec.all_categories().contains(*category),
        ListFilter::Pattern(pattern) => glob_match(pattern, command.full_name.as_bytes(), true),
    };
    let registry = &context.core.registry;
    let names: Vec<&str> = registry.all_and_sub().filter(fits).map(|c| c.full_name.as_str()).collect();
    reply.bulks(&names);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_description_of_keys_joins_specs_in_a_row() {
        let at = |index| KeySpec::at(index, KeyFlags::RO);
        let to_end = |index, last| KeySpec::range(index, last, 1, KeyFlags::RO);
        assert_eq!(legacy_range(&[]), (0, 0, 0));
        assert_eq!(legacy_range(&[KeySpec::range(1, -1, 2, KeyFlags::OW)]), (1, -1, 2));
        assert_eq!(legacy_range(&[at(1), at(2)]), (1, 2, 1));
        assert_eq!(legacy_range(&[at(2), to_end(3, -1)]), (2, -1, 1));
        assert_eq!(legacy_range(&[at(1), KeySpec::counted(2, 1, KeyFlags::RO)]), (1, 1, 1));
        assert_eq!(legacy_range(&[at(1), at(3)]), (1, 1, 1));
        assert_eq!(legacy_range(&[KeySpec::counted(1, 1, KeyFlags::RO)]), (0, 0, 0));
    }

    #[test]
    fn names_come_in_the_order_of_redis() {
        let flags =
            Flags::MOVABLEKEYS | Flags::NO_MANDATORY_KEYS | Flags::STALE | Flags::NOSCRIPT | Flags::SKIP_MONITOR;
        assert_eq!(flag_names(flags), ["noscript", "stale", "skip_monitor", "no_mandatory_keys", "movablekeys"]);
        assert_eq!(key_flag_names(KeyFlags::UPDATE | KeyFlags::RW), ["RW", "update"]);
        assert_eq!(category_names(Categories::SLOW | Categories::READ), ["@read", "@slow"]);
    }
}
