//! Commands that wait, beside a real Redis 7.0: random scripts in which several clients block, push, move, unblock and
//! go, over both versions of the protocol. What each of them is sent is compared after every step, and so are the
//! keyspace events and, at the end, the keys.
//!
//! A step is over when its command has been answered or waits, and when everybody who waits no longer has their reply: so
//! no step depends on time. To run one script again: `CARNELIAN_SEED=<seed> cargo test -p carnelian-tests --test blocking`.

use carnelian_tests::generate::Rng;
use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::{Peer, Server};
use carnelian_tests::share;

/// Steps of all scripts.
const WHOLE: u64 = 60_000;
/// Steps of one script.
const SCRIPT: u64 = 300;
const CLIENTS: usize = 5;

/// What a client does next.
#[derive(Clone, Debug)]
enum Step {
    /// Sends a command.
    Send(String),
    /// Sends a transaction.
    Transact(Vec<String>),
    /// Ends the wait of another one.
    Unblock(usize, &'static str),
    /// Goes, and comes back as a new client.
    Leave,
}

struct Script {
    rng: Rng,
    last_id: u64,
}

impl Script {
    fn key(&mut self) -> &'static str {
        let list: &[&str] = &["a", "b", "c", "d", "z", "s"];
        // Mostly what the command is for; now and then something else is there.
        let some = if self.rng.one_in(12) { list.len() } else { 4 };
        self.rng.pick(&list[..some])
    }

    fn keys(&mut self) -> String {
        let keys: Vec<&str> = (0..self.rng.between(1, 3)).map(|_| self.key()).collect();
        keys.join(" ")
    }

    fn side(&mut self) -> &'static str {
        self.rng.pick(&["LEFT", "RIGHT"])
    }

    fn zset(&mut self) -> &'static str {
        self.rng.pick(&["z", "y", "z", "y", "a"])
    }

    fn stream(&mut self) -> &'static str {
        self.rng.pick(&["s", "t", "s", "t", "s", "b"])
    }

    /// For ever, or so short that the reply is waited for.
    fn timeout(&mut self) -> &'static str {
        if self.rng.one_in(12) { "0.02" } else { "0" }
    }

    fn millis(&mut self) -> &'static str {
        if self.rng.one_in(12) { "20" } else { "0" }
    }

    fn blocking(&mut self) -> String {
        let timeout = self.timeout();
        match self.rng.below(14) {
            0..=2 => format!("BLPOP {} {timeout}", self.keys()),
            3 => format!("BRPOP {} {timeout}", self.keys()),
            4..=5 => format!("BLMOVE {} {} {} {} {timeout}", self.key(), self.key(), self.side(), self.side()),
            6 => format!("BRPOPLPUSH {} {} {timeout}", self.key(), self.key()),
            7 => {
                let keys = self.keys();
                let n = keys.split(' ').count();
                format!("BLMPOP {timeout} {n} {keys} {} COUNT {}", self.side(), self.rng.between(1, 3))
            }
            8 => format!("BZPOPMIN {} {} {timeout}", self.zset(), self.zset()),
            9 => format!("BZPOPMAX {} {timeout}", self.zset()),
            10 => format!("BZMPOP {timeout} 2 {} {} MIN COUNT 2", self.zset(), self.zset()),
            11 => {
                let id = self.rng.pick(&["$", "0"]);
                format!("XREAD COUNT 2 BLOCK {} STREAMS {} {} $ {id}", self.millis(), self.stream(), self.stream())
            }
            12 => {
                let consumer = self.rng.pick(&["one", "two"]);
                format!("XREADGROUP GROUP g {consumer} COUNT 2 BLOCK {} STREAMS {} >", self.millis(), self.stream())
            }
            _ => format!("WAIT 1 {}", self.millis()),
        }
    }

    fn plain(&mut self) -> String {
        match self.rng.below(24) {
            0..=4 => {
                let elements: Vec<String> =
                    (0..self.rng.between(1, 3)).map(|_| self.rng.below(100).to_string()).collect();
                format!("{} {} {}", self.rng.pick(&["RPUSH", "LPUSH"]), self.key(), elements.join(" "))
            }
            5..=6 => {
                let (score, member) = (self.rng.between(-5, 5), self.rng.below(10));
                format!("ZADD {} {score} m{member} {score}.5 n{member}", self.zset())
            }
            7..=9 => {
                self.last_id += 1;
                format!("XADD {} {}-1 f v", self.stream(), self.last_id)
            }
            10..=11 => format!("XGROUP CREATE {} g $ MKSTREAM", self.stream()),
            12 => format!("XGROUP DESTROY {} g", self.stream()),
            13..=15 => format!("DEL {} {}", self.key(), self.zset()),
            16 => format!("DEL {}", self.stream()),
            17 => format!("SET {} text", self.key()),
            18 => format!("RENAME {} {}", self.key(), self.key()),
            19 => format!("COPY {} {} REPLACE", self.key(), self.key()),
            20 => format!("LMOVE {} {} {} {}", self.key(), self.key(), self.side(), self.side()),
            21 => format!("LPOP {} 2", self.key()),
            22 => format!("LLEN {}", self.key()),
            _ if self.rng.one_in(4) => "FLUSHALL".into(),
            _ => format!("LRANGE {} 0 -1", self.key()),
        }
    }

    fn step(&mut self) -> Step {
        match self.rng.below(20) {
            0..=7 => Step::Send(self.blocking()),
            8..=15 => Step::Send(self.plain()),
            16..=17 => {
                let commands = (0..self.rng.between(1, 4)).map(|_| match self.rng.one_in(6) {
                    true => self.blocking(),
                    false => self.plain(),
                });
                Step::Transact(commands.collect())
            }
            18 => Step::Unblock(self.rng.below(CLIENTS as u64) as usize, self.rng.pick(&["", " TIMEOUT", " ERROR"])),
            _ => Step::Leave,
        }
    }
}

/// A server with the clients of a script.
struct Side {
    server: Server,
    admin: Client,
    listener: Client,
    clients: Vec<Actor>,
}

struct Actor {
    client: Client,
    id: String,
    waits: bool,
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

impl Actor {
    fn new(server: &Server, resp3: bool) -> Self {
        let mut client = server.connect();
        if resp3 {
            client.call(&["HELLO", "3"]);
        }
        let Reply::Integer(id) = client.call(&["CLIENT", "ID"]) else { panic!("no id") };
        Actor { client, id: id.to_string(), waits: false }
    }
}

impl Side {
    fn new(server: Server) -> Self {
        let mut admin = server.connect();
        admin.call(&["CONFIG", "SET", "notify-keyspace-events", "KEA"]);
        let mut listener = server.connect();
        listener.call(&["PSUBSCRIBE", "__keyevent@*"]);
        Side { admin, listener, clients: Vec::new(), server }
    }

    fn begin(&mut self, seed: u64) {
        self.clients.clear();
        self.until_nobody_waits();
        self.admin.call(&["FLUSHALL"]);
        self.clients = (0..CLIENTS).map(|i| Actor::new(&self.server, (seed + i as u64).is_multiple_of(2))).collect();
        self.events();
    }

    fn until_nobody_waits(&mut self) {
        while self.waiting().iter().any(|(_, waits)| *waits) {}
    }

    /// All clients by their ids, and whether they wait.
    fn waiting(&mut self) -> Vec<(String, bool)> {
        let reply = self.admin.call(&["CLIENT", "LIST"]);
        let text = String::from_utf8_lossy(reply.text().expect("a text")).into_owned();
        let field = |line: &str, name: &str| {
            let start = line.find(name).expect("a field") + name.len();
            line[start..].split(' ').next().unwrap_or_default().to_owned()
        };
        text.lines().map(|line| (field(line, "id="), field(line, " flags=").contains('b'))).collect()
    }

    fn waits(&mut self, id: &str) -> Option<bool> {
        self.waiting().into_iter().find(|(other, _)| other == id).map(|(_, waits)| waits)
    }

    /// Takes a step and says what everybody has been sent.
    fn take(&mut self, actor: usize, step: &Step) -> Vec<String> {
        let mut said = Vec::new();
        match step {
            Step::Send(command) => {
                self.clients[actor].client.send(&words(command)).expect("sends");
                said.push(self.outcome(actor, is_short(command)));
            }
            Step::Transact(commands) => {
                for command in ["MULTI".to_owned()].iter().chain(commands).chain([&"EXEC".to_owned()]) {
                    self.clients[actor].client.send(&words(command)).expect("sends");
                }
                for _ in 0..commands.len() + 2 {
                    said.push(self.outcome(actor, false));
                }
            }
            Step::Unblock(whom, how) => {
                let command = format!("CLIENT UNBLOCK {}{how}", self.clients[*whom].id);
                said.push(format!("{:?}", self.clients[actor].client.call(&words(&command))));
            }
            Step::Leave => {
                let resp3 = actor.is_multiple_of(2);
                let old = std::mem::replace(&mut self.clients[actor], Actor::new(&self.server, resp3));
                let id = old.id.clone();
                drop(old);
                while self.waits(&id).is_some() {}
            }
        }
        let waiting = self.waiting();
        for (i, actor) in self.clients.iter_mut().enumerate().filter(|(_, actor)| actor.waits) {
            if !waiting.iter().any(|(id, waits)| *waits && *id == actor.id) {
                actor.waits = false;
                said.push(format!("{i} is sent {:?}", actor.client.read().expect("a reply")));
            }
        }
        said
    }

    /// The reply to what a client has sent, or that it waits.
    fn outcome(&mut self, actor: usize, is_short: bool) -> String {
        loop {
            if self.clients[actor].client.has_reply().expect("open") {
                return format!("{:?}", self.clients[actor].client.read().expect("a reply"));
            }
            let id = self.clients[actor].id.clone();
            if !is_short && self.waits(&id) == Some(true) {
                self.clients[actor].waits = true;
                return "waits".into();
            }
        }
    }

    /// The events since the last look.
    fn events(&mut self) -> Vec<String> {
        self.admin.call(&["PUBLISH", "__keyevent@0__:end", "of step"]);
        let mut events = Vec::new();
        loop {
            let message = format!("{:?}", self.listener.read().expect("a message"));
            if message.contains("of step") {
                return events;
            }
            // Redis 7.0 adds a consumer when it is served, later ones and ours as soon as it asks.
            if !message.contains("xgroup-createconsumer") {
                events.push(message);
            }
        }
    }

    fn keys(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for key in ["a", "b", "c", "d", "y", "z", "s", "t"] {
            let kind = self.admin.call(&["TYPE", key]);
            let command: &[&str] = match kind.text() {
                Some(b"list") => &["LRANGE", key, "0", "-1"],
                Some(b"zset") => &["ZRANGE", key, "0", "-1", "WITHSCORES"],
                Some(b"stream") => &["XRANGE", key, "-", "+"],
                Some(b"string") => &["GET", key],
                _ => &["EXISTS", key],
            };
            all.push(format!("{key}: {:?}", self.admin.call(command)));
        }
        all
    }
}

/// Whether a command waits for so short that its reply is waited for.
fn is_short(command: &str) -> bool {
    command.contains("0.02") || command.contains("BLOCK 20") || command.starts_with("WAIT 1 20")
}

#[test]
fn those_who_wait_are_served_as_by_redis() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a seed is a number"));
    let (first, scripts) = match number("CARNELIAN_SEED") {
        Some(seed) => (seed, 1),
        None => (1, share(WHOLE).div_ceil(SCRIPT)),
    };
    let mut ours = Side::new(Server::subject(&[]));
    let mut theirs = Side::new(Server::peer(Peer::Redis7, &[]));
    let (mut waited, mut served) = (0, 0);
    for seed in first..first + scripts {
        ours.begin(seed);
        theirs.begin(seed);
        let mut script = Script { rng: Rng::new(seed), last_id: 0 };
        let mut story = Vec::new();
        for _ in 0..SCRIPT {
            let free: Vec<usize> = (0..CLIENTS).filter(|&i| !theirs.clients[i].waits).collect();
            // Somebody who waits may leave, but not before anybody else can act.
            let step = if free.is_empty() { Step::Leave } else { script.step() };
            let actor = match step {
                Step::Leave => script.rng.below(CLIENTS as u64) as usize,
                _ => free[script.rng.below(free.len() as u64) as usize],
            };
            let (our, their) = (ours.take(actor, &step), theirs.take(actor, &step));
            let events = (ours.events(), theirs.events());
            story.push(format!("{actor} {step:?}: {their:?}"));
            waited += usize::from(theirs.clients[actor].waits);
            served += their.iter().filter(|what| what.contains("is sent")).count();
            let recent = || story[story.len().saturating_sub(40)..].join("\n");
            assert_eq!(our, their, "replies, seed {seed}:\n{}", recent());
            assert_eq!(events.0, events.1, "events, seed {seed}:\n{}", recent());
        }
        assert_eq!(ours.keys(), theirs.keys(), "keys, seed {seed}");
    }
    println!("{} steps, {waited} that waited, {served} ends of a wait", scripts * SCRIPT);
}
