//! Random commands, valid and invalid, from a seed.
//!
//! A [`Generator`] never looks at replies: the same seed gives the same commands whatever the servers say, so that a
//! seed and an index are enough to find a command again. What it sends is chosen so that two correct servers must
//! agree: deadlines are either long gone or far away, and nothing allocates so much that a test would crawl.

mod bitmap;
mod connection;
mod fields;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod invalid;
mod list;
mod newer;
mod of_type;
mod rng;
mod server;
mod set;
mod sort;
mod sorted_set;
mod stream;
mod string;
mod values;

pub use of_type::Type;
pub use rng::Rng;
pub use server::{directives, later_directives};

/// One command: its words.
pub type Command = Vec<Vec<u8>>;

/// How many databases the commands use.
pub const DATABASES: usize = 3;

/// Commands that are sent together, and how their replies are read.
pub struct Step {
    /// What is sent, in order.
    pub commands: Vec<Command>,
    /// How the replies are read.
    pub reading: Reading,
}

/// How the replies of a [`Step`] are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// One reply for each command.
    Each,
    /// Whatever comes until the reply of a closing ECHO, or until the server closes: for commands that silence or
    /// end the connection.
    UntilEcho,
    /// The one command is a SCAN, repeated with the cursor that it returned until that is 0; the reply is the sorted
    /// set of all elements.
    FullScan,
}

/// Builds a command from words of any type that turns into bytes.
macro_rules! argv {
    ($($word:expr),* $(,)?) => { vec![$(Vec::<u8>::from($word)),*] };
}
pub(crate) use argv;

/// A source of random steps.
pub struct Generator {
    rng: Rng,
    /// How many relative deadlines were given out, so that no two are alike.
    deadlines: u64,
}

impl Generator {
    /// The generator of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Generator { rng: Rng::new(seed), deadlines: 0 }
    }

    /// The next step.
    pub fn step(&mut self) -> Step {
        let mut step = match self.rng.below(100) {
            0..32 => string::step(self),
            32..46 => bitmap::step(self),
            46..66 => generic::step(self),
            66..72 => connection::step(self),
            72..78 => server::step(self),
            78..84 => invalid::step(self),
            _ => self.any_type().step(self),
        };
        self.vary_cases(&mut step);
        step
    }

    /// The next step of a stream that is about one type.
    pub fn step_of(&mut self, kind: Type) -> Step {
        let mut step = of_type::step(self, kind);
        self.vary_cases(&mut step);
        step
    }

    /// The next step of a stream about hashes whose fields have deadlines.
    pub fn fields_step(&mut self) -> Step {
        let mut step = fields::step(self);
        self.vary_cases(&mut step);
        step
    }

    /// The next command of those that came after Redis 7.0.
    pub fn newer(&mut self) -> Command {
        let mut command = newer::command(self);
        self.vary_case(&mut command);
        command
    }

    fn vary_cases(&mut self, step: &mut Step) {
        for command in &mut step.commands {
            self.vary_case(command);
        }
    }

    /// Command names are matched whatever their case.
    fn vary_case(&mut self, command: &mut Command) {
        if let Some(name) = command.first_mut() {
            match self.rng.below(10) {
                0 => name.make_ascii_lowercase(),
                1 => self.mix_case(name),
                _ => {}
            }
        }
    }

    fn mix_case(&mut self, word: &mut [u8]) {
        for letter in word {
            if self.rng.one_in(2) {
                *letter = letter.to_ascii_lowercase();
            }
        }
    }

    /// An option word, now and then in odd case.
    fn word(&mut self, word: &str) -> Vec<u8> {
        let mut word = word.as_bytes().to_vec();
        if self.rng.one_in(4) {
            self.mix_case(&mut word);
        }
        word
    }

    /// One of `words`, as an option word.
    fn word_of(&mut self, words: &[&str]) -> Vec<u8> {
        let word = self.rng.pick(words);
        self.word(word)
    }
}

impl Step {
    /// A step of one command.
    fn one(command: Command) -> Self {
        Step { commands: vec![command], reading: Reading::Each }
    }

    fn each(commands: Vec<Command>) -> Self {
        Step { commands, reading: Reading::Each }
    }

    fn until_echo(commands: Vec<Command>) -> Self {
        Step { commands, reading: Reading::UntilEcho }
    }
}

#[cfg(test)]
mod tests {
    use super::Generator;

    #[test]
    fn a_seed_gives_the_same_commands_again() {
        let (mut a, mut b, mut c) = (Generator::new(7), Generator::new(7), Generator::new(8));
        let mut different = false;
        for _ in 0..2000 {
            let step = a.step();
            assert_eq!(step.commands, b.step().commands);
            different |= step.commands != c.step().commands;
        }
        assert!(different, "another seed gives other commands");
    }
}
