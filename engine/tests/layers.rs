//! The rooms of the house: a lower one never imports a higher one.

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. A module may use its own room and those before it.
const ROOMS: [&[&str]; 12] = [
    &["sync", "sys", "files", "map", "error", "clock", "stopwatch", "slot"],
    &["codec"],
    &["lua"],
    &["table"],
    &["value"],
    &["keyspace"],
    &["rdb"],
    &["aof"],
    &["operation"],
    &["command", "config", "directives", "background"],
    &["session"],
    &["api", "engine", "recovery"],
];

fn room(module: &str) -> Option<usize> {
    ROOMS.iter().position(|room| room.contains(&module))
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the source is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The modules that the lines of a file name after `crate::`, tests and comments left out.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let named = lines.flat_map(|line| line.split("crate::").skip(1));
    let words = named.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn no_room_imports_a_higher_one() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for file in files {
        let inside = file.strip_prefix(&src).expect("found below it");
        let module = inside.components().next().map(|c| c.as_os_str().to_string_lossy().into_owned());
        let module = module.unwrap_or_default().trim_end_matches(".rs").to_owned();
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if module == "lib" || name.starts_with("tests") || inside.components().any(|c| c.as_os_str() == "tests") {
            continue;
        }
        let Some(own) = room(&module) else {
            wrong.push(format!("{module} has no room: add it to ROOMS"));
            continue;
        };
        for import in imports(&fs::read_to_string(&file).expect("readable")) {
            // What lib.rs re-exports is found under other names; those are types, and begin with a capital.
            let Some(other) = room(&import) else { continue };
            checked += 1;
            if other > own {
                wrong.push(format!("{} uses crate::{import}", inside.display()));
            }
        }
    }
    assert!(checked > 100, "only {checked} imports were looked at: the test no longer reads the source");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
