//! Commands of the sort group.

use super::{Command, Generator, Step, argv};

/// What is sorted has names of its own, as others fill theirs with numbers that Redis 7.0 stumbles over: one that
/// overflows a double makes every later SORT fail, until some command reads a float again.
fn key(g: &mut Generator) -> Vec<u8> {
    if g.rng.one_in(20) {
        b"sort:string".to_vec()
    } else {
        (*g.rng.pick(&["sort:l", "sort:s", "sort:z", "sort:d"])).into()
    }
}

fn element(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(16) {
        0..=11 => g.rng.between(-30, 30).to_string().into(),
        12..=13 => format!("{}.{}", g.rng.between(-9, 9), g.rng.below(10)).into(),
        14 => (*g.rng.pick(&["1e3", "+3", " 5", "0x10", "inf", "-inf", ""])).into(),
        _ => (*g.rng.pick(&["a", "b", "abc", "5 ", "nan", "1.2.3"])).into(),
    }
}

fn pattern(g: &mut Generator) -> Vec<u8> {
    (*g.rng.pick(&[
        "sort:w*",
        "sort:w*",
        "sort:h*->f",
        "sort:h*->g",
        "sort:h*->",
        "sort:w*->f",
        "#",
        "*",
        "nosort",
        "x*y",
        "",
    ]))
    .into()
}

/// A key that a pattern names.
fn named(g: &mut Generator, prefix: &str) -> Vec<u8> {
    format!("{prefix}{}", g.rng.between(-30, 30)).into()
}

pub(super) fn step(g: &mut Generator) -> Step {
    let command = match g.rng.below(20) {
        0..=1 => argv!["RPUSH", "sort:l", element(g), element(g)],
        2 => argv!["LTRIM", "sort:l", "-12", "-1"],
        3 => argv![g.rng.pick(&["SADD", "SADD", "SREM"]), "sort:s", element(g)],
        4 => sorted_set(g),
        5 => argv!["SET", named(g, "sort:w"), element(g)],
        6 => argv!["HSET", named(g, "sort:h"), "f", element(g), "g", element(g)],
        7 => argv!["DEL", named(g, "sort:w"), named(g, "sort:h")],
        8 if g.rng.one_in(4) => argv!["DEL", key(g)],
        8 => argv!["SET", "sort:string", "x"],
        9 => argv!["LRANGE", "sort:d", "0", "-1"],
        _ => {
            let command = sort(g);
            // The float that makes Redis 7.0 forget an overflow.
            let mut commands = vec![argv!["INCRBYFLOAT", "sort:n", "1"]];
            // Spoilt, it might ask for a set in its own order.
            commands.push(if command.iter().any(|word| word == b"sort:s") { command } else { g.spoil(command) });
            // SORT makes a skiplist of a sorted set that it only reads; here it stays as it is.
            commands.push(argv!["DEL", "sort:z"]);
            return Step::each(commands);
        }
    };
    Step::one(command)
}

fn sorted_set(g: &mut Generator) -> Command {
    let mut command = argv!["ZADD", "sort:z"];
    for _ in 0..g.rng.between(1, 14) {
        let score = g.rng.between(-5, 5).to_string();
        command.extend([score.into(), element(g)]);
    }
    command
}

fn sort(g: &mut Generator) -> Command {
    let (key, read_only) = (key(g), g.rng.one_in(5));
    let mut command = argv![if read_only { "SORT_RO" } else { "SORT" }, key.clone()];
    // A set has no order that two servers would agree on, and neither have elements that name equal strings.
    let ordered = key == b"sort:l" || key == b"sort:d";
    let alpha = g.rng.one_in(3);
    if alpha {
        command.push(g.word("ALPHA"));
    }
    for _ in 0..g.rng.below(5) {
        command.extend(match g.rng.below(9) {
            0..=1 if ordered || !alpha => {
                let pattern = pattern(g);
                if !ordered && !pattern.contains(&b'*') { continue } else { vec![g.word("BY"), pattern] }
            }
            2..=4 => vec![g.word("GET"), pattern(g)],
            // Part of what a pattern leaves equal would be any part.
            5 if !alpha => vec![g.word("LIMIT"), bound(g), bound(g)],
            6 => vec![g.word_of(&["ASC", "DESC"])],
            7 => vec![g.word("STORE"), b"sort:d".to_vec()],
            // The word that follows may become its argument: as BY's, it would ask for a set in its own order.
            _ if g.rng.one_in(6) => {
                let words = ["FOO", "GET", "LIMIT", "STORE", "BY"];
                vec![g.word_of(if ordered { &words } else { &words[..4] })]
            }
            _ => continue,
        });
    }
    command
}

fn bound(g: &mut Generator) -> Vec<u8> {
    if g.rng.one_in(8) { g.integer() } else { g.rng.between(-2, 12).to_string().into() }
}
