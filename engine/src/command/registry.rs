//! The registry: all commands of an engine by their names.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::spec::{Begin, Find, Flags, Spec};
use super::stats::CommandStats;

/// How the keys of a command are found, prepared for speed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keys {
    /// There are none.
    None,
    /// The argument at this index.
    One(usize),
    /// By the specs.
    BySpec,
}

/// A command in the registry.
pub struct Command {
    /// Its declaration.
    pub spec: Spec,
    /// Its full name, `container|name` for a subcommand.
    pub full_name: String,
    /// Whether it is a subcommand.
    pub is_subcommand: bool,
    /// Its subcommands, sorted by name.
    pub subcommands: Vec<Command>,
    /// All its flags.
    pub flags: Flags,
    /// How its keys are found.
    pub keys: Keys,
    /// What is counted of it.
    pub stats: CommandStats,
}

impl Command {
    fn new(spec: &Spec, container: Option<&str>) -> Self {
        let full_name = container.map_or_else(|| spec.name.to_owned(), |c| format!("{c}|{}", spec.name));
        let mut subcommands: Vec<_> = spec.subcommands.iter().map(|s| Self::new(s, Some(spec.name))).collect();
        subcommands.sort_by(|a, b| a.spec.name.cmp(b.spec.name));
        let keys = match spec.keys {
            [] => Keys::None,
            [k] => match (k.begin, k.find) {
                (Begin::Index(i), Find::Range { last: 0, .. }) => Keys::One(i),
                _ => Keys::BySpec,
            },
            _ => Keys::BySpec,
        };
        Self {
            spec: *spec,
            full_name,
            is_subcommand: container.is_some(),
            subcommands,
            flags: spec.all_flags(),
            keys,
            stats: CommandStats::default(),
        }
    }

    /// The subcommand that an argument names, in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&Command> {
        self.subcommands.iter().find(|s| s.spec.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether it is only a container of subcommands.
    pub fn is_container(&self) -> bool {
        !self.subcommands.is_empty()
    }
}

/// All commands of an engine.
pub struct Registry {
    commands: Vec<Command>,
    by_name: HashMap<Box<[u8]>, usize, ahash::RandomState>,
}

impl Registry {
    /// A registry of some declarations; a later one replaces an earlier of the same name.
    pub fn new<'a>(specs: impl Iterator<Item = &'a Spec>) -> Self {
        let mut registry = Self { commands: Vec::new(), by_name: HashMap::with_hasher(ahash::RandomState::new()) };
        for spec in specs {
            let command = Command::new(spec, None);
            let name = spec.name.to_ascii_lowercase().into_bytes().into_boxed_slice();
            match registry.by_name.get(&name) {
                Some(&i) => registry.commands[i] = command,
                None => {
                    registry.by_name.insert(name, registry.commands.len());
                    registry.commands.push(command);
                }
            }
        }
        registry
    }

    /// The command of a name, in any case.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&Command> {
        let mut lower: SmallVec<[u8; 32]> = SmallVec::from_slice(name.get(..64).unwrap_or(name));
        if name.len() > 64 {
            return None;
        }
        lower.make_ascii_lowercase();
        self.by_name.get(&lower[..]).map(|&i| &self.commands[i])
    }

    /// The command of a full name: `container|subcommand`.
    pub fn get_full(&self, name: &[u8]) -> Option<&Command> {
        match name.iter().position(|&b| b == b'|') {
            None => self.get(name),
            Some(bar) => self.get(&name[..bar])?.subcommand(&name[bar + 1..]),
        }
    }

    /// All commands, without subcommands, in the order in which they were declared.
    pub fn all(&self) -> &[Command] {
        &self.commands
    }
}
