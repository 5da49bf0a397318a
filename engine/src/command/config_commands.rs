//! `CONFIG`.

use super::introspection::help;
use super::{Args, Context, ContextFn, Flags, Group, Reply, Run, Spec};
use crate::error::{Error, Result};

const ADMIN: Flags = Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE);
const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

const fn sub(name: &'static str, arity: i32, flags: Flags, run: &'static ContextFn) -> Spec {
    Spec::new(name, arity, Group::Server, Run::Context(run)).flags(flags)
}

const SUBCOMMANDS: &[Spec] = &[
    sub("get", -3, ADMIN, &get).docs(
        "2.0.0",
        "Tells the values of directives whose names match a pattern.",
        "O(N) for N patterns",
        "parameter [parameter ...]",
    ),
    sub("help", 2, Flags::LOADING.union(Flags::STALE), &help).docs("5.0.0", "Lists the subcommands.", "O(1)", ""),
    sub("resetstat", 2, ADMIN, &resetstat).tips(ALL_NODES).docs("2.0.0", "Starts the statistics anew.", "O(1)", ""),
    sub("rewrite", 2, ADMIN, &rewrite).tips(ALL_NODES).docs(
        "2.8.0",
        "Brings the configuration file to what is in force.",
        "O(1)",
        "",
    ),
    sub("set", -4, ADMIN, &set).tips(ALL_NODES).docs(
        "2.0.0",
        "Sets directives, all of those given or none.",
        "O(N) for N directives",
        "parameter value [parameter value ...]",
    ),
];

pub(super) const COMMANDS: &[Spec] = &[Spec::new("config", -2, Group::Server, Run::Container)
    .docs("2.0.0", "Commands about the configuration.", "That of the subcommand", "")
    .subcommands(SUBCOMMANDS)];

fn get(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let found = context.core.config.matching(args.from(2));
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk(&name);
        reply.bulk(value.as_bytes());
    }
    Ok(())
}

fn set(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (pairs, rest) = args.from(2).as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::SYNTAX);
    }
    let texts: Vec<_> =
        pairs.iter().map(|[name, value]| (String::from_utf8_lossy(name), std::str::from_utf8(value))).collect();
    let mut checked = Vec::with_capacity(texts.len());
    for (name, value) in &texts {
        let failed = |_| crate::config::Refused::Invalid(name.to_string(), "argument must be valid UTF-8".into());
        checked.push((&**name, value.map_err(failed)?));
    }
    context.core.config.set(context.core, &checked)?;
    reply.ok();
    Ok(())
}

fn rewrite(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.core.host().rewrite_config()?;
    reply.ok();
    Ok(())
}

fn resetstat(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.core.reset_stats();
    reply.ok();
    Ok(())
}
