//! The cases that are compared with real servers elsewhere: here they just have to run.

use super::*;
use std::fs;
use std::path::Path;

#[test]
fn all_cases_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/scripting");
    let mut count = 0;
    let mut lua = scripts();
    lua.set_memory_limit(256 << 20);
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for case in text.split("-- case\n").skip(1) {
            count += 1;
            let outcome = run_on(&mut lua, &mut TestHost::default(), case.as_bytes());
            assert!(!outcome.contains("Error running script"), "{}: {case}", path.display());
        }
    }
    assert!(count >= 400, "only {count} cases");
}
