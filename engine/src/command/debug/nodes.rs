//! What the nodes of a list hold. Redis prints it; here it goes to the log.

use crate::command::{Context, Reply};
use crate::error::{Error, Result};
use crate::keyspace::{Access, ValueRef};
use crate::value::Listpack;

/// `DEBUG QUICKLIST`.
pub(super) fn quicklist(context: &mut Context<'_>, key: &[u8], reply: &mut Reply<'_>) -> Result<()> {
    let key = context.core.keyspace.key(key);
    context.on_key(Access::Read, key.hash, |view| match view.peek(&key).ok_or(Error::NO_SUCH_KEY)?.value() {
        ValueRef::List(list) if list.as_listpack().is_none() => {
            for node in list.nodes() {
                match node {
                    Ok(pack) => print(pack),
                    Err(text) => tracing::info!("plain node of {} bytes", text.len()),
                }
            }
            Ok(())
        }
        _ => Err(Error::new("ERR Not a quicklist encoded object.")),
    })?;
    reply.simple("Quicklist structure printed on stdout");
    Ok(())
}

fn print(pack: &Listpack) {
    tracing::info!("listpack of {} entries in {} bytes", pack.len(), pack.size());
}
