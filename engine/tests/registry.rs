//! The registry against the facts of the real servers (`data/commands.json`), field by field, and `docs/commands.md`,
//! which is made of both.
//!
//! To write the page anew: `CARNELIAN_WRITE_DOCS=1 cargo test -p carnelian --test registry`.

#![allow(clippy::panic, reason = "a test may")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use carnelian::command::{Command, Value, syntax};
use carnelian::{Engine, Options};
use serde_json::Value as Json;

/// What differs on purpose: command, field, and why.
const DELIBERATE: &[(&str, &str, &str)] = &[];

/// Commands of no real server.
const OUR_OWN: &[(&str, &str)] = &[];

fn facts() -> BTreeMap<String, Json> {
    let text = include_str!("data/commands.json");
    let facts: BTreeMap<String, Json> = serde_json::from_str(text).expect("valid JSON");
    facts.into_iter().filter(|(_, fact)| fact["group"] != "module").collect()
}

fn engine() -> Engine {
    Engine::open(Options::new()).expect("opens")
}

/// The reply of `COMMAND INFO`, so that what clients see is compared, not what was declared.
fn info(engine: &Engine, name: &str) -> Vec<Value> {
    let reply = engine.execute(&["COMMAND", "INFO", name]).expect("a reply");
    match reply {
        Value::Array(mut commands) => match commands.remove(0) {
            Value::Array(fields) => fields,
            other => panic!("{name}: {other:?}"),
        },
        other => panic!("{name}: {other:?}"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Simple(text) => text.clone(),
        Value::Int(n) => n.to_string(),
        other => panic!("{other:?}"),
    }
}

fn texts(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Set(items) | Value::Array(items) => items.iter().map(text).collect(),
        other => panic!("{other:?}"),
    }
}

fn json_texts(value: &Json) -> BTreeSet<String> {
    value.as_array().expect("a list").iter().map(|v| v.as_str().expect("a text").to_owned()).collect()
}

fn field<'v>(map: &'v Value, name: &str) -> &'v Value {
    let Value::Map(pairs) = map else { panic!("{map:?}") };
    &pairs.iter().find(|(key, _)| text(key) == name).unwrap_or_else(|| panic!("no {name} in {map:?}")).1
}

/// A search of a key spec as the facts write it: its figures with its type among them.
fn search(value: &Value) -> BTreeMap<String, String> {
    let Value::Map(spec) = field(value, "spec") else { panic!("{value:?}") };
    let figures = spec.iter().map(|(name, figure)| (text(name), text(figure)));
    figures.chain([("type".to_owned(), text(field(value, "type")))]).collect()
}

fn json_search(value: &Json) -> BTreeMap<String, String> {
    let pairs = value.as_object().expect("a search");
    let text = |v: &Json| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    pairs.iter().map(|(name, v)| (name.clone(), text(v))).collect()
}

type Spec = (BTreeSet<String>, BTreeMap<String, String>, BTreeMap<String, String>);

fn key_specs(value: &Value) -> Vec<Spec> {
    let (Value::Set(specs) | Value::Array(specs)) = value else { panic!("{value:?}") };
    specs
        .iter()
        .map(|s| (texts(field(s, "flags")), search(field(s, "begin_search")), search(field(s, "find_keys"))))
        .collect()
}

fn json_key_specs(value: &Json) -> Vec<Spec> {
    let specs = value.as_array().expect("a list").iter();
    specs.map(|s| (json_texts(&s["flags"]), json_search(&s["begin_search"]), json_search(&s["find_keys"]))).collect()
}

/// All differences between a command and the facts about it, as `(field, ours, theirs)`.
fn differences(engine: &Engine, command: &Command, fact: &Json) -> Vec<(&'static str, String, String)> {
    let info = info(engine, &command.full_name);
    let mut found = Vec::new();
    let mut compare = |field: &'static str, ours: String, theirs: String| {
        if ours != theirs {
            found.push((field, ours, theirs));
        }
    };
    let show = |set: &BTreeSet<String>| format!("{set:?}");
    compare("arity", text(&info[1]), fact["arity"].to_string());
    compare("flags", show(&texts(&info[2])), show(&json_texts(&fact["flags"])));
    compare("first_key", text(&info[3]), fact["first_key"].to_string());
    compare("last_key", text(&info[4]), fact["last_key"].to_string());
    compare("step", text(&info[5]), fact["step"].to_string());
    compare("acl_categories", show(&texts(&info[6])), show(&json_texts(&fact["acl_categories"])));
    compare("tips", show(&texts(&info[7])), show(&json_texts(&fact["tips"])));
    compare("key_specs", format!("{:?}", key_specs(&info[8])), format!("{:?}", json_key_specs(&fact["key_specs"])));
    compare("since", command.spec.since.to_owned(), fact["since"].as_str().unwrap_or_default().to_owned());
    compare("group", command.spec.group.name().to_owned(), fact["group"].as_str().unwrap_or_default().to_owned());
    found
}

#[test]
fn every_command_is_what_the_real_servers_say_it_is() {
    let (engine, facts) = (engine(), facts());
    let mut complaints = Vec::new();
    for command in engine.core().registry.all_and_sub() {
        let name = &command.full_name;
        let Some(fact) = facts.get(name) else {
            if !OUR_OWN.iter().any(|(ours, _)| ours == name) {
                complaints.push(format!("{name}: no real server has it"));
            }
            continue;
        };
        for (field, ours, theirs) in differences(&engine, command, fact) {
            if !DELIBERATE.iter().any(|(n, f, _)| n == name && *f == field) {
                complaints.push(format!("{name}: {field}\n    is {ours}\n    not {theirs}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_list_of_deliberate_differences_is_not_longer_than_it_has_to_be() {
    let (engine, facts) = (engine(), facts());
    for (name, field, _) in DELIBERATE {
        let command = engine.core().registry.get_full(name.as_bytes()).unwrap_or_else(|| panic!("{name}"));
        let found = differences(&engine, command, &facts[*name]);
        assert!(found.iter().any(|(f, ..)| f == field), "{name}: {field} does not differ any more");
    }
}

#[test]
fn every_command_is_documented_in_the_notation() {
    for command in engine().core().registry.all_and_sub() {
        let (spec, name) = (&command.spec, &command.full_name);
        assert!(spec.summary.ends_with('.'), "{name}: the summary is no sentence");
        assert!(!spec.complexity.is_empty(), "{name}: no complexity");
        let arguments = syntax::parse(spec.syntax, spec.keys);
        let arguments = arguments.unwrap_or_else(|e| panic!("{name}: {}: {}", spec.syntax, e.0));
        // A command that takes arguments says which, and one that takes none does not.
        let names = if command.is_subcommand { 2 } else { 1 };
        if command.spec.arity > names || command.spec.arity < -names {
            assert!(!arguments.is_empty() || command.is_container(), "{name}: no syntax");
        }
        if command.spec.arity == names {
            assert!(arguments.is_empty(), "{name}: arguments that it does not take");
        }
    }
}

/// `docs/commands.md` as it has to be.
fn page() -> String {
    let (engine, facts) = (engine(), facts());
    let registry = &engine.core().registry;
    let mut groups: BTreeMap<String, (Vec<&Command>, Vec<&String>)> = BTreeMap::new();
    for command in registry.all_and_sub() {
        // Containers are listed by their subcommands.
        if !command.is_container() || command.spec.arity == -1 {
            groups.entry(command.spec.group.name().to_owned()).or_default().0.push(command);
        }
    }
    for (name, fact) in &facts {
        let is_container = facts.keys().any(|other| other.strip_prefix(name).is_some_and(|o| o.starts_with('|')));
        if registry.get_full(name.as_bytes()).is_none() && !is_container {
            groups.entry(fact["group"].as_str().unwrap_or("other").to_owned()).or_default().1.push(name);
        }
    }
    let done: usize = groups.values().map(|g| g.0.len()).sum();
    let missing: usize = groups.values().map(|g| g.1.len()).sum();
    let mut page = format!(
        "# Commands\n\nGenerated from the registry by `engine/tests/registry.rs`; do not edit. Subcommands count as \
         commands.\n\n{done} commands are there; {missing} of those that Redis 7.0, Redis 8.0 or Valkey 9.1 know are \
         still missing.\n",
    );
    for (group, (mut commands, missing)) in groups {
        commands.sort_by(|a, b| a.full_name.cmp(&b.full_name));
        let _ = write!(page, "\n## {group}\n\n");
        if !commands.is_empty() {
            page.push_str("| command | since | |\n|---|---|---|\n");
        }
        for command in &commands {
            let spec = &command.spec;
            let name = command.full_name.replace('|', " ").to_uppercase();
            let usage = format!("{name} {}", spec.syntax).trim_end().replace('|', "\\|");
            // Very long ones would make the table unreadable; COMMAND DOCS has them.
            let usage = if usage.len() > 200 { format!("{name} ...") } else { usage };
            let _ = writeln!(page, "| `{usage}` | {} | {} |", spec.since, spec.summary);
        }
        if !missing.is_empty() {
            let names: Vec<String> =
                missing.iter().map(|n| format!("`{}`", n.replace('|', " ").to_uppercase())).collect();
            let gap = if commands.is_empty() { "" } else { "\n" };
            let _ = writeln!(page, "{gap}Missing: {}.", names.join(", "));
        }
    }
    page
}

#[test]
fn the_page_of_commands_is_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    let page = page();
    if std::env::var_os("CARNELIAN_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("writable");
        std::fs::write(&path, &page).expect("writable");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page,
        "docs/commands.md is out of date; write it with CARNELIAN_WRITE_DOCS=1 cargo test -p carnelian --test registry"
    );
}
