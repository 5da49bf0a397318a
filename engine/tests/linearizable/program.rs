//! What the threads of one history do: random steps over few keys, from a seed. The same seed gives the same steps, though
//! not the same interleaving.

use carnelian_tests::generate::Rng;

/// A command: its words.
#[derive(Clone, Debug)]
pub(crate) struct Command(pub(crate) Vec<String>);

/// What is recorded as one operation, with one invocation and one return.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// One command, or the body of a transaction.
    pub(crate) commands: Vec<Command>,
    /// Whether the commands stand between MULTI and EXEC.
    pub(crate) transaction: bool,
}

/// Each name is that of a key; those of a kind are mostly of one type.
const TEXTS: [&str; 2] = ["x", "y"];
const LISTS: [&str; 2] = ["p", "q"];
const SETS: [&str; 2] = ["s", "t"];

/// Every key there may be.
pub(crate) const KEYS: [&str; 6] = ["x", "y", "p", "q", "s", "t"];
/// Every member that a set may have.
const MEMBERS: [&str; 3] = ["1", "2", "3"];

impl Command {
    fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|&word| word.to_owned()).collect())
    }

    pub(crate) fn words(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

impl Step {
    pub(crate) fn one(words: &[&str]) -> Self {
        Self { commands: vec![Command::new(words)], transaction: false }
    }

    /// Whether it may wait.
    pub(crate) fn waits(&self) -> bool {
        !self.transaction && self.commands[0].0[0].starts_with("BL")
    }

    /// Whether it names this key.
    pub(crate) fn names(&self, key: &str) -> bool {
        self.commands.iter().any(|command| command.0[1..].iter().any(|word| word == key))
    }

    pub(crate) fn text(&self) -> String {
        let commands: Vec<String> = self.commands.iter().map(|command| command.0.join(" ")).collect();
        if self.transaction { format!("MULTI; {}; EXEC", commands.join("; ")) } else { commands.join("; ") }
    }
}

/// A transaction that reads all there is: a history's last step, which nothing overlaps.
pub(crate) fn all() -> Step {
    let texts = TEXTS.map(|key| Command::new(&["GET", key]));
    let lists = LISTS.map(|key| Command::new(&["LRANGE", key, "0", "-1"]));
    let sets = SETS.map(|key| Command::new(&["SMISMEMBER", key, "1", "2", "3"]));
    Step { commands: [texts, lists, sets].concat(), transaction: true }
}

/// Writes the steps of one history.
pub(crate) struct Writer {
    rng: Rng,
    /// What this history is about: one kind of keys, or two.
    kinds: Vec<[&'static str; 2]>,
    last: u32,
}

impl Writer {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut kinds = vec![TEXTS, LISTS, SETS];
        while kinds.len() > 1 && (kinds.len() == 3 || rng.one_in(2)) {
            kinds.remove(rng.below(kinds.len() as u64) as usize);
        }
        Self { rng, kinds, last: 0 }
    }

    /// A few steps for each of 8 to 10 threads.
    pub(crate) fn threads(&mut self) -> Vec<Vec<Step>> {
        (0..self.rng.between(8, 10)).map(|_| self.thread()).collect()
    }

    fn thread(&mut self) -> Vec<Step> {
        let length = self.rng.between(3, 6) as usize;
        let mut steps = Vec::new();
        while steps.len() < length {
            match self.rng.below(8) {
                0 if steps.len() + 3 <= length => steps.extend(self.compare_and_set()),
                0..3 => steps.push(self.transaction()),
                _ => steps.push(self.single()),
            }
        }
        steps
    }

    /// WATCH, a look, and what depends on it.
    fn compare_and_set(&mut self) -> [Step; 3] {
        let kind = self.kind();
        let watch =
            if self.rng.one_in(2) { Step::one(&["WATCH", kind[0], kind[1]]) } else { Step::one(&["WATCH", kind[0]]) };
        [watch, Step { commands: vec![self.look(kind)], transaction: false }, self.transaction()]
    }

    fn transaction(&mut self) -> Step {
        let commands = (0..self.rng.between(2, 4)).map(|_| self.command()).collect();
        Step { commands, transaction: true }
    }

    fn single(&mut self) -> Step {
        let kind = self.kind();
        if kind == LISTS && self.rng.one_in(3) {
            return self.waiting();
        }
        Step { commands: vec![self.command_on(kind)], transaction: false }
    }

    fn waiting(&mut self) -> Step {
        let [a, b] = self.two(LISTS);
        let timeout = self.rng.pick(&["0.001", "0.002", "0.004"]);
        match self.rng.below(4) {
            0 => Step::one(&["BLPOP", a, timeout]),
            1 => Step::one(&["BLMOVE", a, b, self.side(), self.side(), timeout]),
            _ => Step::one(&["BLPOP", a, b, timeout]),
        }
    }

    fn command(&mut self) -> Command {
        let kind = self.kind();
        self.command_on(kind)
    }

    fn command_on(&mut self, kind: [&'static str; 2]) -> Command {
        if self.rng.one_in(4) {
            return self.look(kind);
        }
        if self.rng.one_in(5) {
            return self.whole_keys(kind);
        }
        match kind {
            TEXTS => self.texts(),
            LISTS => self.lists(),
            _ => self.sets(),
        }
    }

    fn look(&mut self, kind: [&'static str; 2]) -> Command {
        let [a, b] = self.two(kind);
        let both = self.rng.one_in(2);
        match kind {
            TEXTS if both => Command::new(&["MGET", a, b]),
            TEXTS => Command::new(&["GET", a]),
            LISTS if both => Command::new(&["LRANGE", a, "0", "-1"]),
            LISTS => Command::new(&["LLEN", a]),
            _ if both => Command::new(&["SMISMEMBER", a, "1", "2", "3"]),
            _ => Command::new(&["SCARD", a]),
        }
    }

    /// What keys of any type can be asked to do; now and then two kinds meet, and types are wrong.
    fn whole_keys(&mut self, kind: [&'static str; 2]) -> Command {
        let [a, mut b] = self.two(kind);
        if self.rng.one_in(6) {
            b = self.kind()[0];
        }
        match self.rng.below(4) {
            0 if a != b => Command::new(&["RENAME", a, b]),
            1 if a != b => Command::new(&["COPY", a, b]),
            2 => Command::new(&["DEL", a, b]),
            _ => Command::new(&["EXISTS", a, b]),
        }
    }

    fn texts(&mut self) -> Command {
        let [a, b] = self.two(TEXTS);
        let (one, other) = (self.unique(), self.unique());
        match self.rng.below(6) {
            0 => Command::new(&["SET", a, &one]),
            1 => Command::new(&["GETSET", a, &one]),
            2 => Command::new(&["MSETNX", a, &one, b, &other]),
            3 => Command::new(&["INCR", a]),
            _ => Command::new(&["MSET", a, &one, b, &other]),
        }
    }

    fn lists(&mut self) -> Command {
        let [a, b] = self.two(LISTS);
        let (one, other) = (self.unique(), self.unique());
        match self.rng.below(8) {
            0 => Command::new(&["LPUSH", a, &one]),
            1 => Command::new(&["RPUSH", a, &one]),
            2 => Command::new(&["RPUSH", a, &one, &other]),
            3 => Command::new(&["LPOP", a]),
            4 => Command::new(&["RPOP", a]),
            _ => Command::new(&["LMOVE", a, b, self.side(), self.side()]),
        }
    }

    fn sets(&mut self) -> Command {
        let [a, b] = self.two(SETS);
        let (one, other) = (self.rng.pick(&MEMBERS), self.rng.pick(&MEMBERS));
        match self.rng.below(7) {
            0 | 1 => Command::new(&["SADD", a, one, other]),
            2 => Command::new(&["SREM", a, one]),
            3 => Command::new(&["SUNIONSTORE", a, a, b]),
            4 => Command::new(&["SINTERSTORE", a, a, b]),
            _ => Command::new(&["SMOVE", a, b, one]),
        }
    }

    fn kind(&mut self) -> [&'static str; 2] {
        self.kinds[self.rng.below(self.kinds.len() as u64) as usize]
    }

    /// Both keys of a kind, in any order.
    fn two(&mut self, kind: [&'static str; 2]) -> [&'static str; 2] {
        if self.rng.one_in(2) { [kind[1], kind[0]] } else { kind }
    }

    fn side(&mut self) -> &'static str {
        self.rng.pick(&["LEFT", "RIGHT"])
    }

    /// A number that nothing else in this history writes, so that what is lost or there twice shows.
    fn unique(&mut self) -> String {
        self.last += 10;
        self.last.to_string()
    }
}
