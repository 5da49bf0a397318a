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

#[test]
fn the_table_is_documented() {
    let mut text = String::from(
        "# Configuration\n\n\
         `carnelian-server [file] [--directive value]...` reads redis.conf as Redis does. Directives of the engine work\n\
         wherever the engine is; these are the ones of the server. `CONFIG GET` shows all of them.\n",
    );
    let mut section = |title: &str, wanted: fn(&Effect) -> bool| {
        text.push_str(&format!("\n## {title}\n\n| directive | default | |\n|---|---|---|\n"));
        for entry in TABLE.iter().copied().flatten().filter(|e| wanted(&e.effect)) {
            let Directive { name, alias, default, mutable, .. } = entry.directive;
            let also = if alias.is_empty() { String::new() } else { format!(", `{alias}`") };
            let note = match entry.effect {
                Effect::Nothing(why) => why,
                Effect::Works if mutable => "`CONFIG SET` changes it",
                _ => "",
            };
            let default = if default.is_empty() { "`\"\"`".into() } else { format!("`{default}`") };
            text.push_str(&format!("| `{name}`{also} | {default} | {note} |\n"));
        }
    };
    section("Directives that work", |e| *e == Effect::Works);
    section("Refused unless they have their default", |e| *e == Effect::Refused);
    section("Accepted without effect", |e| matches!(e, Effect::Nothing(_)));
    text.push_str("\n`include` works; `rename-command`, `user` and `loadmodule` are refused.\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).unwrap();
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
