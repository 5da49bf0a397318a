//! The registry: all commands of an engine by their names.

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
    /// The argument at this index says how many they are, and they follow it.
    Counted(usize),
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
                (Begin::Index(i), Find::KeyNum { number: 0, first: 1, step: 1 }) if spec.find_keys.is_none() => {
                    Keys::Counted(i)
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

/// Where in a list of commands each name is. As every request asks, this is a table that one multiplication leads into.
#[derive(Default)]
struct Names {
    /// One more than the place of a command, or 0; as many as a power of two, and at most a quarter of them used.
    slots: Box<[u16]>,
}

impl Names {
    fn new(commands: &[Command]) -> Self {
        let mut names = Self { slots: vec![0; (commands.len() * 4).next_power_of_two()].into() };
        for (i, command) in commands.iter().enumerate() {
            let mut at = names.home(command.spec.name.as_bytes());
            while names.slots[at] != 0 {
                at = names.after(at);
            }
            names.slots[at] = i as u16 + 1;
        }
        names
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// Where a name would be, from its length and its first eight bytes in lower case.
    #[inline]
    fn home(&self, name: &[u8]) -> usize {
        let mut first = [0; 8];
        match name.first_chunk::<8>() {
            Some(chunk) => first = *chunk,
            None => first.iter_mut().zip(name).for_each(|(to, from)| *to = *from),
        }
        // Sets the bit that tells letters' cases apart, in whatever is no letter too: whoever is found is compared.
        let lower = u64::from_le_bytes(first) | 0x2020_2020_2020_2020;
        let mixed = (lower ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 48) as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn find<'c>(&self, commands: &'c [Command], name: &[u8]) -> Option<&'c Command> {
        let mut at = self.home(name);
        loop {
            let command = commands.get(usize::from(*self.slots.get(at)?).checked_sub(1)?)?;
            if command.spec.name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(command);
            }
            at = self.after(at);
        }
    }
}

/// All commands of an engine.
pub struct Registry {
    commands: Vec<Command>,
    names: Names,
    /// Where the command of each number is: its place, and that among its container's subcommands.
    numbers: Vec<(usize, Option<usize>)>,
}

impl Registry {
    /// A registry of some declarations; a later one replaces an earlier of the same name.
    pub fn new<'a>(specs: impl Iterator<Item = &'a Spec>) -> Self {
        let mut registry = Self { commands: Vec::new(), names: Names::default(), numbers: Vec::new() };
        for spec in specs {
            let command = Command::new(spec, None);
            match registry.commands.iter_mut().find(|c| c.spec.name.eq_ignore_ascii_case(spec.name)) {
                Some(old) => *old = command,
                None => registry.commands.push(command),
            }
        }
        registry.names = Names::new(&registry.commands);
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
        self.names.find(&self.commands, name)
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
