//! Streams of commands about one type: mostly its own, and what else happens to its keys.

use super::server::set_directive;
use super::{Generator, Step, argv, generic, geo, hash, hyperloglog, invalid, list, set, sort, sorted_set, stream};

/// What a stream is about: a type, or commands that deserve a stream of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum Type {
    List,
    Set,
    Hash,
    SortedSet,
    Stream,
    HyperLogLog,
    Geo,
    Sort,
}

const ALL: [Type; 8] =
    [Type::List, Type::Set, Type::Hash, Type::SortedSet, Type::Stream, Type::HyperLogLog, Type::Geo, Type::Sort];

impl Type {
    pub(super) fn step(self, g: &mut Generator) -> Step {
        match self {
            Self::List => list::step(g),
            Self::Set => set::step(g),
            Self::Hash => hash::step(g),
            Self::SortedSet => sorted_set::step(g),
            Self::Stream => stream::step(g),
            Self::HyperLogLog => hyperloglog::step(g),
            Self::Geo => geo::step(g),
            Self::Sort => sort::step(g),
        }
    }

    /// How the names of the directives begin that say when it changes its encoding.
    const fn directives(self) -> &'static [&'static str] {
        match self {
            Self::List => &["list-"],
            Self::Set => &["set-"],
            Self::Hash => &["hash-"],
            Self::SortedSet | Self::Geo => &["zset-"],
            Self::Stream => &["stream-"],
            Self::HyperLogLog => &["hll-"],
            Self::Sort => &["list-", "set-", "zset-"],
        }
    }
}

impl Generator {
    /// Any type.
    pub(super) fn any_type(&mut self) -> Type {
        ALL[self.rng.below(ALL.len() as u64) as usize]
    }
}

pub(super) fn step(g: &mut Generator, kind: Type) -> Step {
    match g.rng.below(100) {
        0..80 => kind.step(g),
        80..84 => set_directive(g, kind.directives()),
        84..93 => about_keys(g),
        93..96 => generic::step(g),
        96..98 => g.any_type().step(g),
        98 => Step::one(argv!["SET", g.key(), g.value()]),
        _ => invalid::step(g),
    }
}

/// What happens to keys whatever they hold, without moving them to other databases, and what is asked about them.
fn about_keys(g: &mut Generator) -> Step {
    let key = g.key();
    let command = match g.rng.below(20) {
        0..=1 => [argv![*g.rng.pick(&[&"DEL", &"UNLINK"])], g.keys(2)].concat(),
        2..=3 => argv!["EXPIRE", key, g.relative(false, true)],
        4 => argv!["PERSIST", key],
        5..=6 => argv![*g.rng.pick(&[&"RENAME", &"RENAMENX"]), key, g.key()],
        7..=8 => argv!["COPY", key, g.key()],
        9..=10 => argv!["COPY", key, g.key(), "REPLACE"],
        11 => argv!["TYPE", key],
        12..=14 => argv!["OBJECT", "ENCODING", key],
        15..=17 => [argv!["DEBUG", "DIGEST-VALUE"], g.keys(3)].concat(),
        18 => argv!["MEMORY", "USAGE", key],
        _ => argv!["DEBUG", "DIGEST"],
    };
    Step::one(command)
}
