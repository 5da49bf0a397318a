//! `INFO`: figures about the engine, in sections.

mod commands;
mod sections;

use std::fmt::Display;

use super::{Args, Categories, Context, Core, Flags, Group, Reply, Run, Spec};
use crate::error::Result;
use crate::keyspace::DbSize;

pub(super) const COMMANDS: &[Spec] = &[Spec::new("info", -1, Group::Server, Run::Context(&info))
    .flags(Flags::LOADING.union(Flags::STALE))
    .categories(Categories::DANGEROUS)
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .docs("1.0.0", "Tells figures about the server.", "O(1)", "[section ...]")];

/// A section: its title, whether it is shown unless others are asked for, and what writes it.
struct Section {
    title: &'static str,
    is_default: bool,
    write: fn(&Core, &mut Lines),
}

const fn section(title: &'static str, is_default: bool, write: fn(&Core, &mut Lines)) -> Section {
    Section { title, is_default, write }
}

const SECTIONS: &[Section] = &[
    section("Server", true, sections::server),
    section("Clients", true, sections::clients),
    section("Memory", true, sections::memory),
    section("Persistence", true, sections::persistence),
    section("Stats", true, sections::stats),
    section("Replication", true, sections::replication),
    section("CPU", true, sections::cpu),
    section("Modules", true, |_, _| {}),
    section("Commandstats", false, commands::commandstats),
    section("Errorstats", true, commands::errorstats),
    section("Latencystats", false, commands::latencystats),
    section("Cluster", true, |_, lines| lines.add("cluster_enabled", 0)),
    section("Keyspace", true, sections::keyspace),
];

/// The lines of a section.
#[derive(Debug, Default)]
struct Lines {
    text: String,
    /// What only the command can tell: within a transaction the databases are locked.
    databases: Vec<(u32, DbSize)>,
}

impl Lines {
    fn add(&mut self, name: impl Display, value: impl Display) {
        self.text.push_str(&format!("{name}:{value}\r\n"));
    }

    /// Several that are always the same, because what they are about does not exist yet.
    fn add_all<V: Display>(&mut self, names: &[&str], value: V) {
        for name in names {
            self.add(name, &value);
        }
    }
}

fn info(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let wanted: Vec<String> =
        args.from(1).iter().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect();
    let text = report(context.core, context.db_sizes(), &wanted);
    reply.verbatim("txt", &text);
    Ok(())
}

fn report(core: &Core, databases: Vec<(u32, DbSize)>, wanted: &[String]) -> String {
    let asked = |name: &str| wanted.iter().any(|w| w == name);
    let (default, all) = (wanted.is_empty() || asked("default"), asked("all") || asked("everything"));
    let mut lines = Lines { text: String::new(), databases };
    for section in SECTIONS {
        let name = section.title.to_ascii_lowercase();
        if !(all || default && section.is_default || asked(&name)) {
            continue;
        }
        if !lines.text.is_empty() {
            lines.text.push_str("\r\n");
        }
        lines.text.push_str(&format!("# {}\r\n", section.title));
        (section.write)(core, &mut lines);
        core.host().info(&name, &mut lines.text);
    }
    lines.text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Options};

    fn titles(wanted: &[&str]) -> Vec<String> {
        let engine = Engine::open(Options::new()).expect("opens");
        let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
        let text = report(engine.core(), Vec::new(), &wanted);
        assert!(text.lines().all(|l| l.is_empty() || l.starts_with("# ") || l.contains(':')), "{text}");
        text.lines().filter_map(|l| l.strip_prefix("# ").map(str::to_owned)).collect()
    }

    #[test]
    fn sections_are_shown_as_asked() {
        let default = titles(&[]);
        assert!(default.starts_with(&["Server".into(), "Clients".into(), "Memory".into()]), "{default:?}");
        assert!(!default.contains(&"Commandstats".into()));
        assert_eq!(titles(&["keyspace", "server", "nosuch"]), ["Server", "Keyspace"]);
        assert_eq!(titles(&["nosuch"]), Vec::<String>::new());
        assert_eq!(titles(&["everything"]).len(), SECTIONS.len());
        assert_eq!(titles(&["default", "latencystats"]).len(), default.len() + 1);
    }
}
