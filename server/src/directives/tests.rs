use std::collections::HashSet;

use carnelian::Engine;

use super::*;

#[test]
fn names_are_unique_and_defaults_are_values() {
    let engine = Engine::open(register(Options::new())).unwrap();
    let mut seen = HashSet::new();
    for directive in engine.core().config.directives() {
        let Directive { name, alias, default, .. } = *directive;
        assert!(seen.insert(name), "{name} twice");
        assert!(alias.is_empty() || seen.insert(alias), "{alias} twice");
        assert_eq!(directive.parse(default).as_deref(), Ok(default), "{name}");
    }
}

/// A line of a table.
fn row(directive: &Directive, note: &str) -> String {
    let Directive { name, alias, default, .. } = *directive;
    let also = if alias.is_empty() { String::new() } else { format!(", `{alias}`") };
    let default = if default.is_empty() { "`\"\"`".into() } else { format!("`{default}`") };
    format!("| `{name}`{also} | {default} | {note} |\n")
}

/// What can be said of one that does something.
fn note(directive: &Directive) -> String {
    let changes = if directive.mutable { "`CONFIG SET` changes it" } else { "" };
    match directive.about {
        "" => changes.to_owned(),
        about if changes.is_empty() => format!("**Carnelian's own.** {about}"),
        about => format!("**Carnelian's own.** {about}. {changes}"),
    }
}

fn documented() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         `carnelian-server [file] [--directive value]...` reads redis.conf as Redis does, and does what Redis does for each\n\
         directive that works. Those of the engine work wherever the engine is: a program that embeds it sets them with\n\
         `Options::config`. Those that Redis does not have are marked.\n",
    );
    let mut section = |title: &str, rows: Vec<String>| {
        text.push_str(&format!("\n## {title}\n\n| directive | default | |\n|---|---|---|\n"));
        rows.iter().for_each(|row| text.push_str(row));
    };
    let engine = Engine::open(Options::new()).unwrap();
    let rows = engine.core().config.directives().iter().map(|directive| row(directive, &note(directive)));
    section("Of the engine", rows.collect());
    let server = |wanted: fn(&Effect) -> bool| {
        let entries = TABLE.iter().copied().flatten().filter(move |entry| wanted(&entry.effect));
        let rows = entries.map(|entry| match entry.effect {
            Effect::Nothing(why) => row(&entry.directive, why),
            Effect::Works => row(&entry.directive, &note(&entry.directive)),
            Effect::Refused => row(&entry.directive, ""),
        });
        rows.collect()
    };
    section("Of the server", server(|effect| *effect == Effect::Works));
    section("Refused unless they have their default", server(|effect| *effect == Effect::Refused));
    section("Accepted without effect", server(|effect| matches!(effect, Effect::Nothing(_))));
    text.push_str("\n`include` works; `rename-command`, `user` and `loadmodule` are refused.\n");
    text
}

#[test]
fn all_are_documented() {
    let text = documented();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == text, "docs/configuration.md is stale: run this test with UPDATE_DOCS=1");
}

#[test]
fn a_plain_engine_has_the_defaults() {
    let engine = Engine::open(Options::new()).unwrap();
    assert_eq!(int(&engine.core().config, "maxclients"), 10_000);
    assert_eq!(value(&engine.core().config, "protected-mode"), "yes");
}
