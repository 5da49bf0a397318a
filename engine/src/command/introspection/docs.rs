//! `COMMAND DOCS`: the documentation of commands, from their declarations.

use crate::command::syntax::{self, Argument};
use crate::command::{Args, Command, Context, Reply};
use crate::error::Result;

pub(super) fn docs(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let registry = &context.core.registry;
    let names = args.from(2);
    let commands: Vec<&Command> = if names.is_empty() {
        registry.all().iter().collect()
    } else {
        names.iter().filter_map(|name| registry.get_full(name)).collect()
    };
    write_commands(reply, &commands);
    Ok(())
}

fn write_commands(reply: &mut Reply<'_>, commands: &[&Command]) {
    reply.map(commands.len());
    for command in commands {
        reply.bulk(command.full_name.as_bytes());
        write_command(reply, command);
    }
}

fn write_command(reply: &mut Reply<'_>, command: &Command) {
    let spec = &command.spec;
    let facts = [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", spec.group.name()),
        ("complexity", spec.complexity),
    ];
    let facts: Vec<_> = facts.into_iter().filter(|(_, text)| !text.is_empty()).collect();
    // A declaration of somebody else's that is not in the notation has no arguments to show.
    let arguments = syntax::parse(spec.syntax, spec.keys).unwrap_or_default();
    reply.map(facts.len() + usize::from(!arguments.is_empty()) + usize::from(command.is_container()));
    for (name, text) in facts {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        write_arguments(reply, &arguments);
    }
    if command.is_container() {
        reply.bulk(b"subcommands");
        let subcommands: Vec<&Command> = command.subcommands.iter().collect();
        write_commands(reply, &subcommands);
    }
}

fn write_arguments(reply: &mut Reply<'_>, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        write_argument(reply, argument);
    }
}

fn write_argument(reply: &mut Reply<'_>, argument: &Argument) {
    let marks =
        [(argument.optional, "optional"), (argument.multiple, "multiple"), (argument.multiple_token, "multiple_token")];
    let marks: Vec<&str> = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
    let there =
        [argument.key_spec.is_some(), argument.token.is_some(), !marks.is_empty(), !argument.children.is_empty()];
    reply.map(2 + there.iter().filter(|is| **is).count());
    reply.bulk(b"name");
    reply.bulk(argument.name.as_bytes());
    reply.bulk(b"type");
    reply.bulk(argument.kind.name().as_bytes());
    if let Some(index) = argument.key_spec {
        reply.bulk(b"key_spec_index");
        reply.count(index);
    }
    if let Some(token) = &argument.token {
        reply.bulk(b"token");
        reply.bulk(token.as_bytes());
    }
    if !marks.is_empty() {
        reply.bulk(b"flags");
        reply.array(marks.len());
        for mark in marks {
            reply.simple(mark);
        }
    }
    if !argument.children.is_empty() {
        reply.bulk(b"arguments");
        write_arguments(reply, &argument.children);
    }
}
