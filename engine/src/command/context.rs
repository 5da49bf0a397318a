//! What a command can see beside the keyspace: its caller, and the engine's core.

use std::sync::Arc;

use super::{Client, Clients, Registry, Reply};
use crate::background::Background;
use crate::config::Config;
use crate::error::Result;
use crate::keyspace::{Access, Keyspace, LogPosition, View};

/// What all sessions of an engine share.
pub struct Core {
    /// The thread that looks after the keys. First, so that it has ended when the rest goes.
    #[allow(dead_code, reason = "held for its end")]
    pub(crate) background: Background,
    /// The keys.
    pub keyspace: Arc<Keyspace>,
    /// The commands.
    pub registry: Registry,
    /// The directives.
    pub config: Config,
    /// The sessions.
    pub clients: Clients,
}

/// Which replies a client wants to have (`CLIENT REPLY`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReplyMode {
    /// All of them.
    #[default]
    On,
    /// None.
    Off,
    /// Not this one and not the next.
    SkipNext,
    /// Not this one.
    Skip,
}

/// Who calls: the state of a session that commands read and change.
pub struct Caller {
    /// What others may know of the session.
    pub client: Arc<Client>,
    /// The selected database.
    pub db: u32,
    /// Whether it speaks RESP3.
    pub resp3: bool,
    /// Whether it has given a password, or needs none.
    pub authenticated: bool,
    /// Which replies it wants.
    pub reply_mode: ReplyMode,
    /// Reads leave access clocks alone.
    pub no_touch: bool,
    /// The connection ends when the reply is out.
    pub close: bool,
}

/// A command's surroundings.
pub struct Context<'a> {
    /// What all sessions share.
    pub core: &'a Core,
    /// Who calls.
    pub caller: &'a mut Caller,
    /// The time of the batch that the command came in, in milliseconds.
    pub now: u64,
    /// The log position that the reply rests on.
    pub position: LogPosition,
}

impl Context<'_> {
    /// Runs `f` on a view of one key's stripe.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn on_key<R>(&mut self, access: Access, hash: u64, f: impl FnOnce(&mut View<'_>) -> Result<R>) -> Result<R> {
        self.run(View::one(&self.core.keyspace, self.caller.db, self.now, access, hash)?, f)
    }

    /// Runs `f` on a view of everything.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn on_everything<R>(&mut self, access: Access, f: impl FnOnce(&mut View<'_>) -> Result<R>) -> Result<R> {
        self.run(View::all(&self.core.keyspace, self.caller.db, self.now, access)?, f)
    }

    fn run<R>(&mut self, mut view: View<'_>, f: impl FnOnce(&mut View<'_>) -> Result<R>) -> Result<R> {
        if self.caller.no_touch {
            view.no_touch();
        }
        let result = f(&mut view);
        self.position = self.position.max(view.close());
        result
    }
}

impl Reply<'_> {
    /// Takes over the version that the caller has chosen in the meantime.
    pub fn follow(&mut self, caller: &Caller) {
        self.set_resp3(caller.resp3);
    }
}
