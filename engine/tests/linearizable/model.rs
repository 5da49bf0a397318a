//! What Redis answers when there is only one client at a time: the specification that histories are checked against.
//!
//! A state is all that can be told apart from outside: the keys, which watches are broken, and which lists came into being
//! just now (see [`State::pop`]).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use carnelian::{Error, Value};
use todc_utils::specifications::Specification;

use crate::program::Step;

/// A step of a thread, with the reply it got.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) thread: usize,
    pub(crate) step: Step,
    pub(crate) reply: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Held {
    Text(String),
    List(VecDeque<String>),
    Set(BTreeSet<String>),
}

/// The keys that a thread watches, and whether one of them has changed since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Watch {
    keys: BTreeSet<String>,
    broken: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    keys: BTreeMap<String, Held>,
    watches: BTreeMap<usize, Watch>,
    fresh: BTreeSet<String>,
}

/// The name of the specification, for the checker.
pub(crate) struct Redis;

impl Specification for Redis {
    type State = State;
    type Operation = Done;

    fn init() -> State {
        State::default()
    }

    fn apply(done: &Done, before: &State) -> (bool, State) {
        let mut after = before.clone();
        if after.accepts(done) { (true, after) } else { (false, before.clone()) }
    }
}

/// The reply of a command, if it is no error.
type Answer = Result<Value, Error>;

fn ok() -> Answer {
    Ok(Value::Simple("OK".into()))
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.as_bytes().to_vec())
}

fn maybe(text: Option<impl AsRef<str>>) -> Value {
    text.map_or(Value::Null, |text| bulk(text.as_ref()))
}

fn int(n: usize) -> Answer {
    Ok(Value::Int(n as i64))
}

impl State {
    /// Takes a step, and says whether this is what it answers.
    fn accepts(&mut self, done: &Done) -> bool {
        let before = self.lists();
        let Done { thread, step, reply } = done;
        let served = step.waits() && matches!(reply, Value::Array(_));
        let fits = match &step.commands[..] {
            body if step.transaction => self.exec(*thread, body) == *reply,
            [pop] if served => self.pop(&pop.words(), reply),
            [command] => self.answer(*thread, &command.words()) == *reply,
            commands => panic!("not a transaction: {commands:?}"),
        };
        let fresh = self.lists().difference(&before).cloned().collect();
        // Those who wait are served before anybody else comes.
        if step.waits() {
            self.fresh.extend(fresh);
        } else {
            self.fresh = fresh;
        }
        fits
    }

    fn lists(&self) -> BTreeSet<String> {
        let lists = self.keys.iter().filter(|(_, held)| matches!(held, Held::List(_)));
        lists.map(|(key, _)| key.clone()).collect()
    }

    fn exec(&mut self, thread: usize, body: &[crate::program::Command]) -> Value {
        if self.watches.remove(&thread).is_some_and(|watch| watch.broken) {
            return Value::Null;
        }
        Value::Array(body.iter().map(|command| self.answer(thread, &command.words())).collect())
    }

    fn answer(&mut self, thread: usize, words: &[&str]) -> Value {
        if let ["WATCH", keys @ ..] = words {
            let watch = self.watches.entry(thread).or_default();
            watch.keys.extend(keys.iter().map(|&key| key.to_owned()));
            return Value::Simple("OK".into());
        }
        self.run(words).unwrap_or_else(Value::Error)
    }

    /// A BLPOP that got something. It looked at its keys in their order, or it had been waiting: then it got what came
    /// into being first, and the model does not know the order in which one step made several lists.
    fn pop(&mut self, words: &[&str], reply: &Value) -> bool {
        let ["BLPOP", keys @ .., _] = words else { panic!("{words:?}") };
        let served = keys.iter().position(|key| {
            let Some(Held::List(list)) = self.keys.get(*key) else { return false };
            Value::Array(vec![bulk(key), maybe(list.front())]) == *reply
        });
        let Some(served) = served else { return false };
        let passed_over = |key: &&str| matches!(self.keys.get(*key), Some(Held::List(_))) && !self.fresh.contains(*key);
        if keys[..served].iter().any(passed_over) {
            return false;
        }
        self.end(keys[served], "LEFT").is_ok()
    }

    fn run(&mut self, words: &[&str]) -> Answer {
        match *words {
            ["EXISTS", ref keys @ ..] => int(keys.iter().filter(|key| self.keys.contains_key(**key)).count()),
            ["DEL", ref keys @ ..] => int(keys.iter().filter(|key| self.take(key).is_some()).count()),
            ["RENAME", from, to] => {
                let held = self.take(from).ok_or(Error::NO_SUCH_KEY)?;
                self.put(to, held);
                ok()
            }
            ["COPY", from, to] => match self.keys.get(from).cloned() {
                Some(held) if !self.keys.contains_key(to) => {
                    self.put(to, held);
                    int(1)
                }
                _ => int(0),
            },
            _ => self.run_on_texts(words),
        }
    }

    fn run_on_texts(&mut self, words: &[&str]) -> Answer {
        match *words {
            ["GET", key] => Ok(maybe(self.text(key)?)),
            ["SET", key, value] => {
                self.put(key, Held::Text(value.into()));
                ok()
            }
            ["GETSET", key, value] => {
                let old = maybe(self.text(key)?);
                self.put(key, Held::Text(value.into()));
                Ok(old)
            }
            ["INCR", key] => {
                let old = self.text(key)?.unwrap_or_else(|| "0".into());
                let new = old.parse::<i64>().map_err(|_| Error::NOT_INTEGER)? + 1;
                self.put(key, Held::Text(new.to_string()));
                Ok(Value::Int(new))
            }
            ["MGET", ref keys @ ..] => {
                Ok(Value::Array(keys.iter().map(|key| maybe(self.text(key).ok().flatten())).collect()))
            }
            ["MSETNX", ref pairs @ ..] if pairs.chunks(2).any(|pair| self.keys.contains_key(pair[0])) => int(0),
            ["MSET" | "MSETNX", ref pairs @ ..] => {
                for pair in pairs.chunks(2) {
                    self.put(pair[0], Held::Text(pair[1].into()));
                }
                if words[0] == "MSET" { ok() } else { int(1) }
            }
            _ => self.run_on_lists(words),
        }
    }

    fn run_on_lists(&mut self, words: &[&str]) -> Answer {
        match *words {
            ["LPUSH" | "RPUSH", key, ref elements @ ..] => {
                let mut list = self.list(key)?;
                for &element in elements {
                    if words[0] == "LPUSH" { list.push_front(element.into()) } else { list.push_back(element.into()) }
                }
                let len = list.len();
                self.put(key, Held::List(list));
                int(len)
            }
            ["LPOP", key] => Ok(maybe(self.end(key, "LEFT")?)),
            ["RPOP", key] => Ok(maybe(self.end(key, "RIGHT")?)),
            ["LMOVE", from, to, side, at] | ["BLMOVE", from, to, side, at, _] => {
                if self.list(from)?.is_empty() {
                    return Ok(Value::Null);
                }
                let mut list = self.list(to)?;
                let element = self.end(from, side)?.unwrap_or_default();
                if at == "LEFT" {
                    list.push_front(element.clone());
                } else {
                    list.push_back(element.clone());
                }
                self.put(to, Held::List(list));
                Ok(bulk(&element))
            }
            // One that got nothing: when it began to wait, none of its keys was there.
            ["BLPOP", ref keys @ .., _] => {
                let first = keys.iter().find(|key| self.keys.contains_key(**key));
                first.map_or(Ok(Value::Null), |key| self.list(key).map(|_| Value::Bool(false)))
            }
            ["LLEN", key] => int(self.list(key)?.len()),
            ["LRANGE", key, "0", "-1"] => Ok(Value::Array(self.list(key)?.iter().map(|e| bulk(e)).collect())),
            _ => self.run_on_sets(words),
        }
    }

    fn run_on_sets(&mut self, words: &[&str]) -> Answer {
        match *words {
            ["SADD", key, ref members @ ..] => {
                let mut set = self.set(key)?;
                let new = members.iter().filter(|member| set.insert((**member).to_owned())).count();
                if new > 0 {
                    self.put(key, Held::Set(set));
                }
                int(new)
            }
            ["SREM", key, member] => {
                let mut set = self.set(key)?;
                let gone = set.remove(member);
                if gone {
                    self.put_set(key, set);
                }
                int(gone.into())
            }
            ["SMOVE", from, to, member] => {
                if !self.keys.contains_key(from) {
                    return int(0);
                }
                let (mut source, mut target) = (self.set(from)?, self.set(to)?);
                if !source.remove(member) {
                    return int(0);
                }
                self.put_set(from, source);
                if target.insert(member.into()) {
                    self.put(to, Held::Set(target));
                }
                int(1)
            }
            ["SUNIONSTORE" | "SINTERSTORE", to, a, b] => {
                let (a, b) = (self.set(a)?, self.set(b)?);
                let result: BTreeSet<String> = if words[0] == "SUNIONSTORE" { &a | &b } else { &a & &b };
                let len = result.len();
                self.put_set(to, result);
                int(len)
            }
            ["SCARD", key] => int(self.set(key)?.len()),
            ["SMISMEMBER", key, ref members @ ..] => {
                let set = self.set(key)?;
                Ok(Value::Array(members.iter().map(|m| Value::Int(set.contains(*m).into())).collect()))
            }
            _ => panic!("the model does not know {words:?}"),
        }
    }

    fn text(&self, key: &str) -> Result<Option<String>, Error> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(Held::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Error::WRONG_TYPE),
        }
    }

    fn list(&self, key: &str) -> Result<VecDeque<String>, Error> {
        match self.keys.get(key) {
            None => Ok(VecDeque::new()),
            Some(Held::List(list)) => Ok(list.clone()),
            Some(_) => Err(Error::WRONG_TYPE),
        }
    }

    fn set(&self, key: &str) -> Result<BTreeSet<String>, Error> {
        match self.keys.get(key) {
            None => Ok(BTreeSet::new()),
            Some(Held::Set(set)) => Ok(set.clone()),
            Some(_) => Err(Error::WRONG_TYPE),
        }
    }

    /// Takes an element off the end of a list.
    fn end(&mut self, key: &str, side: &str) -> Result<Option<String>, Error> {
        let mut list = self.list(key)?;
        let element = if side == "LEFT" { list.pop_front() } else { list.pop_back() };
        if list.is_empty() {
            self.take(key);
        } else {
            self.put(key, Held::List(list));
        }
        Ok(element)
    }

    fn put_set(&mut self, key: &str, set: BTreeSet<String>) {
        if set.is_empty() {
            self.take(key);
        } else {
            self.put(key, Held::Set(set));
        }
    }

    fn put(&mut self, key: &str, held: Held) {
        self.keys.insert(key.to_owned(), held);
        self.changed(key);
    }

    fn take(&mut self, key: &str) -> Option<Held> {
        let held = self.keys.remove(key);
        if held.is_some() {
            self.changed(key);
        }
        held
    }

    fn changed(&mut self, key: &str) {
        for watch in self.watches.values_mut() {
            watch.broken |= watch.keys.contains(key);
        }
    }
}
