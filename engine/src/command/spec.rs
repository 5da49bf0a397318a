//! What is declared of a command, once: everything else (`COMMAND`, ACL, key extraction, locking, routing, the docs)
//! is derived from it.

use super::{Args, Block, Categories, Context, Flags, KeyFlags, Reply};
use crate::error::Result;
use crate::keyspace::View;

/// The group that a command is documented in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are Redis's own")]
pub enum Group {
    Bitmap,
    Cluster,
    Connection,
    Generic,
    Geo,
    Hash,
    HyperLogLog,
    List,
    Module,
    PubSub,
    Scripting,
    Server,
    Set,
    SortedSet,
    Stream,
    String,
    Transactions,
}

impl Group {
    /// The name that `COMMAND DOCS` gives.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bitmap => "bitmap",
            Self::Cluster => "cluster",
            Self::Connection => "connection",
            Self::Generic => "generic",
            Self::Geo => "geo",
            Self::Hash => "hash",
            Self::HyperLogLog => "hyperloglog",
            Self::List => "list",
            Self::Module => "module",
            Self::PubSub => "pubsub",
            Self::Scripting => "scripting",
            Self::Server => "server",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Stream => "stream",
            Self::String => "string",
            Self::Transactions => "transactions",
        }
    }
}

/// Where the keys of a command begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// At an argument.
    Index(usize),
    /// After a word, looked for from an argument on (from the end if negative).
    Keyword(&'static str, i32),
    /// Not said.
    Unknown,
}

/// Which arguments are keys, from where they begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Find {
    /// Every `step`th up to `last`: relative to the beginning, or to the end if negative. With a `limit` above one,
    /// only that fraction of the rest.
    Range {
        /// The last key.
        last: i32,
        /// From key to key.
        step: usize,
        /// One `limit`th of the arguments; 0 and 1 for all.
        limit: usize,
    },
    /// As many as an argument says. All relative to the beginning.
    KeyNum {
        /// The argument with the number.
        number: usize,
        /// The first key.
        first: usize,
        /// From key to key.
        step: usize,
    },
    /// Not said.
    Unknown,
}

/// One rule by which keys are found among the arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeySpec {
    /// What happens to the keys.
    pub flags: KeyFlags,
    /// Where they begin.
    pub begin: Begin,
    /// Which they are.
    pub find: Find,
}

impl KeySpec {
    /// The argument at `index` is a key.
    pub const fn at(index: usize, flags: KeyFlags) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last: 0, step: 1, limit: 0 } }
    }

    /// Every `step`th argument from `index` up to `last` (counted from the end if negative) is a key.
    pub const fn range(index: usize, last: i32, step: usize, flags: KeyFlags) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::Range { last, step, limit: 0 } }
    }

    /// The argument at `index` says how many keys follow it, `step` apart.
    pub const fn counted(index: usize, step: usize, flags: KeyFlags) -> Self {
        Self { flags, begin: Begin::Index(index), find: Find::KeyNum { number: 0, first: 1, step } }
    }
}

/// A command on the stripes that it asked for.
pub type ViewFn = dyn Fn(&mut View<'_>, &Args<'_>, &mut Reply<'_>) -> Result<()> + Sync;
/// A command on the stripes of its keys that may have to wait: with nothing to take, it has replied nothing and says
/// what it waits for.
pub type BlockFn = dyn for<'a> Fn(&mut View<'_>, &Args<'a>, &mut Reply<'_>) -> Result<Option<Block<'a>>> + Sync;
/// A command that looks at its caller, at the engine, or at stripes of its own choice.
pub type ContextFn = dyn Fn(&mut Context<'_>, &Args<'_>, &mut Reply<'_>) -> Result<()> + Sync;

/// Finds the keys among name and arguments: from an index up to before another.
pub type FindKeys = fn(&[&[u8]]) -> (usize, usize);

/// How a command runs, which says what it has locked.
#[derive(Clone, Copy)]
pub enum Run {
    /// With the stripes of its keys: for writing if the command has the `WRITE` flag, or its key specs say so.
    Keys(&'static ViewFn),
    /// As `Keys`, and it may wait; for writing as soon as it does.
    Blocking(&'static BlockFn),
    /// With all stripes.
    Everything(&'static ViewFn),
    /// With nothing.
    Context(&'static ContextFn),
    /// Only through its subcommands.
    Container,
}

/// The declaration of a command or subcommand.
#[derive(Clone, Copy)]
pub struct Spec {
    /// In lower case; of a subcommand, without its container's name.
    pub name: &'static str,
    /// Number of arguments, the name included; at least as many if negative. For a subcommand, both names count.
    pub arity: i32,
    /// The group it is documented in.
    pub group: Group,
    /// Its flags.
    pub flags: Flags,
    /// Its ACL categories that do not follow from its flags.
    pub categories: Categories,
    /// How its keys are found.
    pub keys: &'static [KeySpec],
    /// Which arguments, from one up to before another, are keys, where the specs cannot tell.
    pub find_keys: Option<FindKeys>,
    /// The argument that is looked up in the collection of the command's one key, 0 if there is none: it is brought
    /// closer ahead of the command. Nothing but time depends on it.
    pub element: usize,
    /// The version of Redis (or Valkey) that had it first.
    pub since: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What it costs.
    pub complexity: &'static str,
    /// Its arguments after the name, in the notation of `syntax.rs`.
    pub syntax: &'static str,
    /// Hints for clients and proxies.
    pub tips: &'static [&'static str],
    /// Its subcommands.
    pub subcommands: &'static [Spec],
    /// What it does.
    pub run: Run,
}

impl Spec {
    /// A command with its name, arity, group and function; the rest is added by the methods.
    pub const fn new(name: &'static str, arity: i32, group: Group, run: Run) -> Self {
        Self {
            name,
            arity,
            group,
            flags: Flags::empty(),
            categories: Categories::empty(),
            keys: &[],
            find_keys: None,
            element: 0,
            since: "",
            summary: "",
            complexity: "",
            syntax: "",
            tips: &[],
            subcommands: &[],
            run,
        }
    }

    /// Sets the flags.
    #[must_use]
    pub const fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// Sets the ACL categories that do not follow from the flags.
    #[must_use]
    pub const fn categories(mut self, categories: Categories) -> Self {
        self.categories = categories;
        self
    }

    /// Sets the key specs.
    #[must_use]
    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Self {
        self.keys = keys;
        self
    }

    /// Sets how its keys are found, where the specs cannot tell.
    #[must_use]
    pub const fn find_keys(mut self, find: FindKeys) -> Self {
        self.find_keys = Some(find);
        self
    }

    /// Sets the argument that is looked up in the collection of its key.
    #[must_use]
    pub const fn element(mut self, element: usize) -> Self {
        self.element = element;
        self
    }

    /// Sets the version that had it first, what it does, what it costs and its arguments.
    #[must_use]
    pub const fn docs(
        mut self,
        since: &'static str,
        summary: &'static str,
        complexity: &'static str,
        syntax: &'static str,
    ) -> Self {
        self.since = since;
        self.summary = summary;
        self.complexity = complexity;
        self.syntax = syntax;
        self
    }

    /// Sets the tips.
    #[must_use]
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    /// Sets the subcommands.
    #[must_use]
    pub const fn subcommands(mut self, subcommands: &'static [Spec]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// Whether a number of arguments (names included) fits the arity.
    pub const fn accepts(&self, args: usize) -> bool {
        if self.arity >= 0 { args == self.arity as usize } else { args >= self.arity.unsigned_abs() as usize }
    }

    /// All ACL categories: those declared and those that follow from the flags.
    pub fn all_categories(&self) -> Categories {
        let mut all = self.categories;
        let mut add = |flag: Flags, category: Categories| {
            if self.flags.contains(flag) {
                all |= category;
            }
        };
        add(Flags::WRITE, Categories::WRITE);
        add(Flags::ADMIN, Categories::ADMIN | Categories::DANGEROUS);
        add(Flags::PUBSUB, Categories::PUBSUB);
        add(Flags::FAST, Categories::FAST);
        add(Flags::BLOCKING, Categories::BLOCKING);
        if self.flags.contains(Flags::READONLY) && !self.categories.contains(Categories::SCRIPTING) {
            all |= Categories::READ;
        }
        if !all.contains(Categories::FAST) {
            all |= Categories::SLOW;
        }
        all
    }

    /// All flags: those declared and those that follow from the key specs.
    pub fn all_flags(&self) -> Flags {
        let movable = self.keys.iter().any(|k| {
            matches!(k.begin, Begin::Keyword(..) | Begin::Unknown)
                || !matches!(k.find, Find::Range { .. })
                || k.flags.contains(KeyFlags::INCOMPLETE)
        });
        if movable { self.flags | Flags::MOVABLEKEYS } else { self.flags }
    }
}
