//! `CLIENT TRACKING` and the subcommands that go with it.

use crate::codec::num;
use crate::command::tracking::Options;
use crate::command::{Args, Client, Context, Reply};
use crate::error::{Error, Result};
use crate::sync::atomic::Ordering::Relaxed;

pub(super) fn tracking(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let options = options(context, args.from(3))?;
    match args.get(2) {
        word if word.eq_ignore_ascii_case(b"on") => {
            if options.redirect == 0 {
                context.caller.must_hear()?;
            }
            context.caller.track(context.core, &options)?;
        }
        word if word.eq_ignore_ascii_case(b"off") => context.caller.track_nothing(context.core),
        _ => return Err(Error::SYNTAX),
    }
    reply.ok();
    Ok(())
}

fn options<'a>(context: &Context<'_>, words: &[&'a [u8]]) -> Result<Options<'a>> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let more = words.len() > 0;
        match word.to_ascii_lowercase().as_slice() {
            b"redirect" if more => {
                let id = words.next().and_then(|id| num::parse_i64(id)).ok_or(Error::NOT_INTEGER)?;
                if options.redirect != 0 {
                    return Err(Error::new("ERR A client can only redirect to a single other client"));
                }
                let id = u64::try_from(id).unwrap_or(0);
                if context.core.clients.get(id).is_none() {
                    return Err(Error::new("ERR The client ID you want redirect to does not exist"));
                }
                options.redirect = id;
            }
            b"prefix" if more => options.prefixes.extend(words.next()),
            b"bcast" => options.flags |= Client::BCAST,
            b"optin" => options.flags |= Client::OPTIN,
            b"optout" => options.flags |= Client::OPTOUT,
            b"noloop" => options.flags |= Client::NOLOOP,
            _ => return Err(Error::SYNTAX),
        }
    }
    Ok(options)
}

pub(super) fn caching(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let client = &context.caller.client;
    if !client.has_flag(Client::OPTIN) && !client.has_flag(Client::OPTOUT) {
        return Err(Error::new(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    }
    match args.get(2) {
        word if word.eq_ignore_ascii_case(b"yes") => {
            if !client.has_flag(Client::OPTIN) {
                return Err(Error::new("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."));
            }
        }
        word if word.eq_ignore_ascii_case(b"no") => {
            if !client.has_flag(Client::OPTOUT) {
                return Err(Error::new("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."));
            }
        }
        _ => return Err(Error::SYNTAX),
    }
    client.set_flag(Client::CACHING, true);
    reply.ok();
    Ok(())
}

/// The client that is told instead of the caller: 0 for the caller itself, -1 if it does not track.
fn redirect(client: &Client) -> i64 {
    if client.has_flag(Client::TRACKING) { client.redirect.load(Relaxed) as i64 } else { -1 }
}

pub(super) fn getredir(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(redirect(&context.caller.client));
    Ok(())
}

pub(super) fn trackinginfo(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.map(3);
    reply.bulk(b"flags");
    let flags = context.tracking_flags();
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.int(redirect(&context.caller.client));
    reply.bulk(b"prefixes");
    reply.bulks(&context.core.tracking.prefixes_of(context.caller.client.id));
    Ok(())
}

/// What `CLIENT LIST` shows as `redir`.
pub(super) fn shown_redirect(client: &Client) -> String {
    redirect(client).to_string()
}
