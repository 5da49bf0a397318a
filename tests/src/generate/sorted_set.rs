//! Commands of the sorted-set group.
//!
//! Ranges of bytes are only asked of sets whose scores are all alike: of others Redis gives what its own structure
//! happens to find.

use super::{Command, Generator, Reading, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    let key = g.key();
    let command = match g.rng.below(42) {
        0..=9 => zadd(g, key),
        10..=11 => argv!["ZINCRBY", key, score(g), member(g)],
        12 => argv!["ZCARD", key],
        13 => argv!["ZSCORE", key, member(g)],
        14 => argv!["ZMSCORE", key, member(g), member(g), member(g)],
        15 => argv![g.rng.pick(&["ZRANK", "ZREVRANK"]), key, member(g)],
        16 => argv!["ZCOUNT", key, score_bound(g), score_bound(g)],
        17..=18 => argv!["ZREM", key, member(g), member(g), member(g)],
        19..=20 => zrange(g, argv!["ZRANGE", key]),
        21 => {
            let command = argv!["ZRANGESTORE", g.key(), key];
            zrange(g, command)
        }
        22 => ranks(g, argv!["ZREVRANGE", key]),
        23 => {
            let command = argv![g.rng.pick(&["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]), key];
            scores(g, command)
        }
        24 => return lex(g, &key),
        25 => argv!["ZREMRANGEBYRANK", key, g.index(), g.index()],
        26 => argv!["ZREMRANGEBYSCORE", key, score_bound(g), score_bound(g)],
        27..=28 => zpop(g, key),
        29 => zmpop(g),
        30..=32 => combined(g, &["ZUNION", "ZINTER", "ZDIFF"], None),
        33..=36 => {
            let dest = g.key();
            combined(g, &["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"], Some(dest))
        }
        37 => zintercard(g),
        38 => argv!["ZRANDMEMBER", key],
        39 => {
            let mut command = argv!["ZRANDMEMBER", key, g.rng.between(-20, 20).to_string()];
            if g.rng.one_in(2) {
                command.push(g.word("WITHSCORES"));
            }
            command
        }
        40 => return Step { commands: vec![argv!["ZSCAN", key, "0"]], reading: Reading::FullScan },
        _ => {
            let mut command = argv!["ZADD", key];
            for _ in 0..g.rng.between(100, 160) {
                command.extend([score(g), format!("member:{}", g.rng.below(300)).into()]);
            }
            command
        }
    };
    // ZRANK and ZREVRANK with another word are newer than Redis 7.0.
    Step::one(if command[0].ends_with(b"RANK") && command[0].len() < 9 { command } else { g.spoil(command) })
}

fn member(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(12) {
        0 => g.value(),
        1 => g.integer(),
        2..=3 => format!("member:{}", g.rng.below(300)).into(),
        _ => {
            argv![g.rng.pick(&["a", "b", "c", "d", "e", "aa", "ab", "0", "1", "2", "-1", "100", "x\0y", ""])].remove(0)
        }
    }
}

fn score(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(12) {
        0 => g.float_text(),
        1 => argv![g.rng.pick(&["inf", "-inf", "+inf", "1e300", "-1e300", "0", "-0", "nan", "1e17"])].remove(0),
        2..=4 => format!("{}.{}", g.rng.between(-9, 9), g.rng.below(10)).into(),
        _ => g.rng.between(-20, 20).to_string().into(),
    }
}

fn score_bound(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(8) {
        0 => argv![g.rng.pick(&["-inf", "+inf", "inf", "(inf", "(-inf", "", "(", "((1", "nan", "[1", " 1", "1 "])]
            .remove(0),
        1..=2 => [b"(".to_vec(), score(g)].concat(),
        3..=4 => argv![g.rng.pick(&["-inf", "+inf"])].remove(0),
        _ => score(g),
    }
}

fn lex_bound(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(8) {
        0 => argv![g.rng.pick(&["-", "+", "", "a", "-a", "+b", "[", "("])].remove(0),
        1 => b"-".to_vec(),
        2 => b"+".to_vec(),
        3..=5 => [b"[".to_vec(), member(g)].concat(),
        _ => [b"(".to_vec(), member(g)].concat(),
    }
}

fn zadd(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["ZADD", key];
    while g.rng.one_in(4) {
        command.push(g.word_of(&["NX", "XX", "GT", "LT", "CH", "INCR"]));
    }
    for _ in 0..g.rng.between(1, 5) {
        command.extend([score(g), member(g)]);
        if g.rng.one_in(3) {
            break;
        }
    }
    command
}

fn limit(g: &mut Generator, command: &mut Command) {
    if g.rng.one_in(3) {
        let words = [g.word("LIMIT"), small(g), small(g)];
        command.extend(words);
    }
}

fn small(g: &mut Generator) -> Vec<u8> {
    g.rng.between(-1, 8).to_string().into()
}

fn with_scores(g: &mut Generator, command: &mut Command) {
    if g.rng.one_in(2) {
        command.push(g.word("WITHSCORES"));
    }
}

fn ranks(g: &mut Generator, mut command: Command) -> Command {
    command.extend([g.index(), g.index()]);
    with_scores(g, &mut command);
    command
}

fn scores(g: &mut Generator, mut command: Command) -> Command {
    command.extend([score_bound(g), score_bound(g)]);
    with_scores(g, &mut command);
    limit(g, &mut command);
    command
}

/// ZRANGE and ZRANGESTORE by rank and by score.
fn zrange(g: &mut Generator, command: Command) -> Command {
    let stores = command.len() == 3;
    let mut command = if g.rng.one_in(2) {
        let mut command = [command, argv![g.index(), g.index()]].concat();
        if g.rng.one_in(8) {
            limit(g, &mut command);
        }
        command
    } else {
        let mut command = [command, argv![score_bound(g), score_bound(g)]].concat();
        command.push(g.word("BYSCORE"));
        limit(g, &mut command);
        command
    };
    if g.rng.one_in(2) {
        command.push(g.word("REV"));
    }
    if !stores || g.rng.one_in(20) {
        with_scores(g, &mut command);
    }
    command
}

/// A range of bytes, after all scores have been made 0.
fn lex(g: &mut Generator, key: &[u8]) -> Step {
    let (min, max) = (lex_bound(g), lex_bound(g));
    let mut command = match g.rng.below(6) {
        0 => argv!["ZLEXCOUNT", key, min, max],
        1 => argv!["ZREMRANGEBYLEX", key, min, max],
        2 => argv![g.rng.pick(&["ZRANGEBYLEX", "ZREVRANGEBYLEX"]), key, min, max],
        3 => argv!["ZRANGESTORE", g.key(), key, min, max, "BYLEX"],
        n => {
            let mut command = argv!["ZRANGE", key, min, max, "BYLEX"];
            if n == 4 {
                command.push(g.word("REV"));
            }
            command
        }
    };
    if command.len() > 4 || command[0].ends_with(b"BYLEX") && command[0] != b"ZREMRANGEBYLEX" {
        limit(g, &mut command);
    }
    Step::each(vec![argv!["ZUNIONSTORE", key, "1", key, "WEIGHTS", "0"], command])
}

fn zpop(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv![g.rng.pick(&["ZPOPMIN", "ZPOPMAX"]), key];
    if g.rng.one_in(2) {
        command.push(g.rng.between(-1, 5).to_string().into());
    }
    command
}

fn counted_keys(g: &mut Generator) -> Vec<Vec<u8>> {
    let keys = g.keys(3);
    [argv![keys.len().to_string()], keys].concat()
}

fn zmpop(g: &mut Generator) -> Command {
    let mut command = [argv!["ZMPOP"], counted_keys(g)].concat();
    command.push(g.word_of(&["MIN", "MAX"]));
    if g.rng.one_in(2) {
        command.push(g.word("COUNT"));
        command.push(g.rng.between(0, 5).to_string().into());
    }
    command
}

fn combined(g: &mut Generator, names: &[&str], dest: Option<Vec<u8>>) -> Command {
    let name = g.rng.pick(names).to_string();
    let stores = dest.is_some();
    let mut command = argv![name.as_str()];
    command.extend(dest);
    let keys = counted_keys(g);
    let count = keys.len() - 1;
    command.extend(keys);
    if !name.starts_with("ZDIFF") {
        if g.rng.one_in(3) {
            command.push(g.word("WEIGHTS"));
            for _ in 0..count {
                command.push(score(g));
            }
        }
        if g.rng.one_in(3) {
            command.push(g.word("AGGREGATE"));
            command.push(g.word_of(&["SUM", "MIN", "MAX"]));
        }
    }
    if !stores {
        with_scores(g, &mut command);
    }
    command
}

fn zintercard(g: &mut Generator) -> Command {
    let mut command = [argv!["ZINTERCARD"], counted_keys(g)].concat();
    if g.rng.one_in(2) {
        command.push(g.word("LIMIT"));
        command.push(g.rng.between(-1, 5).to_string().into());
    }
    command
}
