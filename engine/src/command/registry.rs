//! The registry: all commands of an engine by their names.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::flags::{Flags, KeyFlags};
use super::spec::{Begin, Find, Spec};
use super::stats::CommandStats;
use crate::keyspace::Access;

/// How the keys of a command are found, prepared for speed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keys {
    /// There are none.
    None,
    /// The argument at this index.
    One(usize),
    /// All or every `step`th of the arguments from `first` on, but for the last `but`.
    Every {
        /// The index of the first.
        first: usize,
        /// The distance from one to the next.
        step: usize,
        /// How many arguments behind them are no keys.
        but: usize,
    },
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
    /// What it does with the stripes that it asks for. A command that only reads may still keep something with the
    /// value that it found out, and says so in its key specs (`PFCOUNT`).
    pub access: Access,
    /// What is counted of it.
    pub stats: CommandStats,
    /// Its number in the registry, by which [`Registry::by_number`] finds it.
    pub number: u32,
}

impl Command {
    fn new(spec: &Spec, container: Option<&str>) -> Self {
        let full_name = container.map_or_else(|| spec.name.to_owned(), |c| format!("{c}|{}", spec.name));
        let mut subcommands: Vec<_> = spec.subcommands.iter().map(|s| Self::new(s, Some(spec.name))).collect();
        subcommands.sort_by(|a, b| a.spec.name.cmp(b.spec.name));
        let keys = match spec.keys {
            [] => Keys::None,
            [k] => match (k.begin, k.find) {
                _ if k.flags.contains(KeyFlags::NOT_KEY) => Keys::BySpec,
                (Begin::Index(i), Find::Range { last: 0, .. }) => Keys::One(i),
                (Begin::Index(first), Find::Range { last: last @ ..0, step, limit: 0 | 1 }) => {
                    Keys::Every { first, step: step.max(1), but: last.unsigned_abs() as usize - 1 }
                }
                _ => Keys::BySpec,
            },
            _ => Keys::BySpec,
        };
        let written = KeyFlags::RW | KeyFlags::OW | KeyFlags::RM;
        let writes = spec.flags.contains(Flags::WRITE) || spec.keys.iter().any(|k| k.flags.intersects(written));
        Self {
            spec: *spec,
            full_name,
            is_subcommand: container.is_some(),
            subcommands,
            flags: spec.all_flags(),
            keys,
            access: if writes { Access::Write } else { Access::Read },
            stats: CommandStats::default(),
            number: 0,
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
    /// Where the command of each number is: its place, and that among its container's subcommands.
    numbers: Vec<(usize, Option<usize>)>,
}

impl Registry {
    /// A registry of some declarations; a later one replaces an earlier of the same name.
    pub fn new<'a>(specs: impl Iterator<Item = &'a Spec>) -> Self {
        let by_name = HashMap::with_hasher(ahash::RandomState::new());
        let mut registry = Self { commands: Vec::new(), by_name, numbers: Vec::new() };
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
        registry.number();
        registry
    }

    fn number(&mut self) {
        for (i, command) in self.commands.iter_mut().enumerate() {
            command.number = self.numbers.len() as u32;
            self.numbers.push((i, None));
            for (j, subcommand) in command.subcommands.iter_mut().enumerate() {
                subcommand.number = self.numbers.len() as u32;
                self.numbers.push((i, Some(j)));
            }
        }
    }

    /// The command of a number.
    pub fn by_number(&self, number: u32) -> Option<&Command> {
        let (i, sub) = *self.numbers.get(number as usize)?;
        let command = self.commands.get(i)?;
        sub.map_or(Some(command), |j| command.subcommands.get(j))
    }

    /// All commands, each followed by its subcommands.
    pub fn all_and_sub(&self) -> impl Iterator<Item = &Command> {
        self.commands.iter().flat_map(|c| std::iter::once(c).chain(&c.subcommands))
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
