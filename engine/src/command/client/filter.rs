//! Which connections `CLIENT LIST` and `CLIENT KILL` are about.

use super::list;
use crate::clock::Millis;
use crate::codec::num;
use crate::command::{Client, Core, DEFAULT_USER};
use crate::error::{Error, Result};
use crate::sync::atomic::Ordering::Relaxed;

/// Letters that a flags filter may name: all that Redis and Valkey have.
const FLAG_LETTERS: &[u8] = b"AbBcdeIMNOPrRStTuUx";
/// Letters that a capabilities filter may name.
const CAPA_LETTERS: &[u8] = b"r";

/// What the filter is for; some texts and defaults differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    List,
    Kill,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Test {
    Ids(Vec<u64>),
    /// Only normal clients exist so far.
    Normal(bool),
    /// `TYPE pubsub`.
    Subscriber,
    /// Only one user exists so far, and only known users are accepted.
    User,
    Addr(Vec<u8>),
    Laddr(Vec<u8>),
    Ip(Vec<u8>),
    MaxAge(u64),
    Idle(u64),
    Name(Vec<u8>),
    LibName(Vec<u8>),
    LibVer(Vec<u8>),
    Flags(Vec<u8>),
    Capa(Vec<u8>),
    Db(u32),
}

/// A filter: a connection has to pass all tests.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Filter {
    /// With whether the test has to fail instead.
    tests: Vec<(bool, Test)>,
    skip_me: bool,
}

impl Filter {
    /// The filter of the old form of `CLIENT KILL`.
    pub(super) fn address(addr: &[u8]) -> Self {
        Self { tests: vec![(false, Test::Addr(addr.to_vec()))], skip_me: false }
    }

    /// Reads options with their values.
    pub(super) fn parse(args: &[&[u8]], purpose: Purpose, core: &Core) -> Result<Self> {
        let mut filter = Self { tests: Vec::new(), skip_me: purpose == Purpose::Kill };
        if purpose == Purpose::List
            && let Some(tests) = old_list(args)
        {
            filter.tests.push((false, tests?));
            return Ok(filter);
        }
        let mut rest = args;
        while let [option, tail @ ..] = rest {
            let option = option.to_ascii_lowercase();
            let [value, tail @ ..] = tail else { return Err(Error::SYNTAX) };
            rest = tail;
            if option == b"skipme" {
                filter.skip_me = yes_or_no(value)?;
                continue;
            }
            let (not, name) = match option.strip_prefix(b"not-") {
                Some(name) => (true, name),
                None => (false, &option[..]),
            };
            if not && matches!(name, b"maxage" | b"idle") {
                return Err(Error::SYNTAX);
            }
            let test = if name == b"id" {
                // As many ids as there are numbers.
                let more = rest.iter().take_while(|arg| num::parse_i64(arg).is_some()).count();
                let (more, tail) = rest.split_at_checked(more).unwrap_or((&[], rest));
                rest = tail;
                let ids = std::iter::once(value).chain(more).map(|v| client_id(v, purpose == Purpose::Kill && !not));
                Test::Ids(ids.collect::<Result<_>>()?)
            } else {
                test(not, name, value, core)?
            };
            // An option that is given again replaces the one before.
            let kind = std::mem::discriminant(&test);
            filter.tests.retain(|(n, t)| (*n, std::mem::discriminant(t)) != (not, kind));
            filter.tests.push((not, test));
        }
        Ok(filter)
    }

    /// Whether a client passes; `me` is the id of the one who asks.
    pub(super) fn matches(&self, client: &Client, me: u64, now: Millis) -> bool {
        !(self.skip_me && client.id == me) && self.tests.iter().all(|(not, test)| test.passes(client, now) != *not)
    }
}

impl Test {
    fn passes(&self, client: &Client, now: Millis) -> bool {
        let seconds = |since: Millis| now.saturating_sub(since) / 1000;
        match self {
            Self::Ids(ids) => ids.contains(&client.id),
            Self::Normal(is) => *is && !client.is_subscriber(),
            Self::Subscriber => client.is_subscriber(),
            Self::User => true,
            Self::Addr(addr) => client.origin.addr.as_bytes() == &addr[..],
            Self::Laddr(laddr) => client.origin.laddr.as_bytes() == &laddr[..],
            Self::Ip(ip) => client.origin.addr.rsplit_once(':').is_some_and(|(a, _)| a.as_bytes() == &ip[..]),
            Self::MaxAge(age) => seconds(client.since) >= *age,
            Self::Idle(idle) => seconds(client.active.load(Relaxed)) >= *idle,
            Self::Name(name) => is_called(&client.names.lock().name, name),
            Self::LibName(name) => is_called(&client.names.lock().lib_name, name),
            Self::LibVer(version) => is_called(&client.names.lock().lib_ver, version),
            Self::Flags(letters) => has_all(&list::flags(client), letters),
            Self::Capa(letters) => has_all(list::capa(client), letters),
            Self::Db(db) => client.db.load(Relaxed) == *db,
        }
    }
}

/// Whether a word is the name of an option.
fn is_option(word: &[u8]) -> bool {
    const OPTIONS: [&[u8]; 14] = [
        b"type",
        b"id",
        b"user",
        b"addr",
        b"laddr",
        b"ip",
        b"maxage",
        b"idle",
        b"name",
        b"lib-name",
        b"lib-ver",
        b"flags",
        b"capa",
        b"db",
    ];
    let word = word.to_ascii_lowercase();
    word == b"skipme" || OPTIONS.contains(&word.strip_prefix(b"not-").unwrap_or(&word))
}

/// The forms of `CLIENT LIST` that Redis 7.0 has too, with its refusals: a type, or ids. Ids that nobody can have match
/// nobody.
fn old_list(args: &[&[u8]]) -> Option<Result<Test>> {
    let [option, words @ ..] = args else { return None };
    if words.is_empty() || words.iter().any(|word| is_option(word)) {
        return None;
    }
    if option.eq_ignore_ascii_case(b"type") && words.len() > 1 {
        return Some(Err(Error::SYNTAX));
    }
    let id = |word: &&[u8]| match num::parse_i64(word) {
        Some(id) => Ok(u64::try_from(id).unwrap_or(0)),
        None => Err(Error::new("ERR Invalid client ID")),
    };
    let ids = || words.iter().map(id).collect::<Result<Vec<_>>>();
    option.eq_ignore_ascii_case(b"id").then(|| ids().map(Test::Ids))
}

/// Whether a client has this name. Nobody is called nothing.
fn is_called(name: &[u8], wanted: &[u8]) -> bool {
    !wanted.is_empty() && name == wanted
}

fn has_all(letters: &str, wanted: &[u8]) -> bool {
    wanted.iter().all(|letter| letters.as_bytes().contains(letter))
}

fn yes_or_no(value: &[u8]) -> Result<bool> {
    match value {
        word if word.eq_ignore_ascii_case(b"yes") => Ok(true),
        word if word.eq_ignore_ascii_case(b"no") => Ok(false),
        _ => Err(Error::SYNTAX),
    }
}

/// An id. `CLIENT KILL` has had its own words for what is no number since before there were lists of ids.
fn client_id(value: &[u8], old: bool) -> Result<u64> {
    let too_small = || Error::new("ERR client-id should be greater than 0");
    let id = num::parse_i64(value).ok_or_else(|| if old { too_small() } else { Error::SYNTAX })?;
    u64::try_from(id).ok().filter(|&id| id > 0).ok_or_else(too_small)
}

/// A number above zero, of seconds.
fn seconds(name: &str, value: &[u8]) -> Result<u64> {
    let n = num::parse_i64(value);
    let n = n.ok_or_else(|| Error::new(format!("ERR {name} is not an integer or out of range")))?;
    let n = u64::try_from(n).ok().filter(|&n| n > 0);
    n.ok_or_else(|| Error::new(format!("ERR {name} should be greater than 0")))
}

fn letters(not: bool, what: &str, known: &[u8], value: &[u8]) -> Result<Vec<u8>> {
    let unknown: Vec<u8> = value.iter().copied().filter(|letter| !known.contains(letter)).collect();
    if unknown.is_empty() {
        return Ok(value.to_vec());
    }
    let filter = if not { format!("NOT-{}", what.to_ascii_uppercase()) } else { "provided".to_owned() };
    Err(Error::quoting(&format!("ERR Unknown {what} found in the {filter} filter: "), value, ""))
}

fn test(not: bool, name: &[u8], value: &[u8], core: &Core) -> Result<Test> {
    Ok(match name {
        b"type" => match value.to_ascii_lowercase().as_slice() {
            b"normal" => Test::Normal(true),
            b"pubsub" => Test::Subscriber,
            b"slave" | b"replica" | b"master" | b"primary" => Test::Normal(false),
            _ => return Err(Error::quoting("ERR Unknown client type '", value, "'")),
        },
        b"user" if value == DEFAULT_USER.as_bytes() => Test::User,
        b"user" => return Err(Error::quoting("ERR No such user '", value, "'")),
        b"addr" => Test::Addr(value.to_vec()),
        b"laddr" => Test::Laddr(value.to_vec()),
        b"ip" => Test::Ip(value.to_vec()),
        b"maxage" => Test::MaxAge(seconds("maxage", value)?),
        b"idle" => Test::Idle(seconds("idle", value)?),
        b"name" => Test::Name(value.to_vec()),
        b"lib-name" => Test::LibName(value.to_vec()),
        b"lib-ver" => Test::LibVer(value.to_vec()),
        b"flags" => Test::Flags(letters(not, "flags", FLAG_LETTERS, value)?),
        b"capa" => Test::Capa(letters(not, "capa", CAPA_LETTERS, value)?),
        b"db" => Test::Db(database(not, value, core)?),
        _ => return Err(Error::SYNTAX),
    })
}

fn database(not: bool, value: &[u8], core: &Core) -> Result<u32> {
    let name = if not { "NOT-DB" } else { "DB" };
    let db =
        num::parse_i64(value).ok_or_else(|| Error::new(format!("ERR {name} is not an integer or out of range")))?;
    let databases = core.keyspace.databases();
    let db = u32::try_from(db).ok().filter(|&db| db < databases);
    db.ok_or_else(|| Error::new(format!("ERR {name} number should be between 0 and {}", databases - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Origin;
    use crate::{Engine, Options};

    fn engine() -> Engine {
        Engine::open(Options::new()).expect("opens")
    }

    fn parse(engine: &Engine, text: &str, purpose: Purpose) -> Result<Filter, String> {
        let args: Vec<&[u8]> = text.split(' ').filter(|w| !w.is_empty()).map(str::as_bytes).collect();
        Filter::parse(&args, purpose, engine.core()).map_err(|e| e.text().into_owned())
    }

    #[test]
    fn a_client_has_to_pass_all_tests() {
        let engine = engine();
        let clients = &engine.core().clients;
        let origin = Origin { addr: "1.2.3.4:5".into(), laddr: "9.9.9.9:6379".into(), fd: 7, unix: false };
        let a = clients.add(origin, 1_000, None);
        let b = clients.add(Origin { addr: "/tmp/sock:0".into(), unix: true, ..Origin::default() }, 60_000, None);
        b.db.store(3, Relaxed);
        b.names.lock().name = b"bob".to_vec();
        b.set_flag(Client::NO_TOUCH, true);
        let me = b.id;
        let of = |text: &str, purpose| {
            let filter = parse(&engine, text, purpose).expect("a filter");
            [&a, &b].map(|c| filter.matches(c, me, 100_000))
        };
        let listed = |text: &str| of(text, Purpose::List);
        assert_eq!(listed(""), [true, true]);
        assert_eq!(of("", Purpose::Kill), [true, false], "killers spare themselves");
        assert_eq!(of("skipme no", Purpose::Kill), [true, true]);
        assert_eq!(listed(&format!("id {} 77 {}", a.id, b.id)), [true, true]);
        assert_eq!(listed(&format!("id {} name bob", a.id)), [false, false]);
        assert_eq!(listed(&format!("not-id {}", a.id)), [false, true]);
        assert_eq!(listed("addr 1.2.3.4:5"), [true, false]);
        assert_eq!(listed("ip 1.2.3.4"), [true, false]);
        assert_eq!(listed("laddr 9.9.9.9:6379"), [true, false]);
        assert_eq!(listed("NAME bob"), [false, true]);
        assert_eq!(listed("not-name bob"), [true, false]);
        assert_eq!(listed("name nosuch name bob"), [false, true], "the last one counts");
        assert_eq!(listed("name bob not-name bob"), [false, false]);
        assert_eq!(listed("db 3"), [false, true]);
        assert_eq!(listed("flags N"), [true, false]);
        assert_eq!(listed("flags TU"), [false, true]);
        assert_eq!(listed("not-flags TU"), [true, false]);
        assert_eq!(listed("maxage 41"), [true, false]);
        assert_eq!(listed("maxage 40"), [true, true]);
        assert_eq!(listed("type replica"), [false, false]);
        assert_eq!(listed("not-type replica user default"), [true, true]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_the_words_of_redis() {
        let engine = engine();
        for (text, error) in [
            ("foo bar", "ERR syntax error"),
            ("id", "ERR syntax error"),
            ("id 1 id", "ERR syntax error"),
            ("id abc", "ERR client-id should be greater than 0"),
            ("id 0", "ERR client-id should be greater than 0"),
            ("type foo", "ERR Unknown client type 'foo'"),
            ("user nosuch", "ERR No such user 'nosuch'"),
            ("skipme maybe", "ERR syntax error"),
            ("maxage abc", "ERR maxage is not an integer or out of range"),
            ("maxage 0", "ERR maxage should be greater than 0"),
            ("not-maxage 1", "ERR syntax error"),
            ("db 16", "ERR DB number should be between 0 and 15"),
            ("db x", "ERR DB is not an integer or out of range"),
            ("not-db x", "ERR NOT-DB is not an integer or out of range"),
            ("not-capa z", "ERR Unknown capa found in the NOT-CAPA filter: z"),
            ("not-id x", "ERR syntax error"),
            ("flags N?", "ERR Unknown flags found in the provided filter: N?"),
            ("capa z", "ERR Unknown capa found in the provided filter: z"),
        ] {
            assert_eq!(parse(&engine, text, Purpose::Kill), Err(error.to_owned()), "{text}");
        }
        assert_eq!(parse(&engine, "id abc", Purpose::List), Err("ERR Invalid client ID".to_owned()));
        assert!(parse(&engine, "id 0", Purpose::List).is_ok());
        assert_eq!(parse(&engine, "type foo bar", Purpose::List), Err("ERR syntax error".to_owned()));
        let newer = parse(&engine, "id 0 db 1", Purpose::List);
        assert_eq!(newer, Err("ERR client-id should be greater than 0".to_owned()));
    }
}
