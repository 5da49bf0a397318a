//! A connection in one line, as `CLIENT LIST` shows it.

use super::tracking::shown_redirect;
use crate::clock::Millis;
use crate::command::{Client, Core, DEFAULT_USER};
use crate::sync::atomic::Ordering::Relaxed;

/// The letters of a client's flags.
pub(super) fn flags(client: &Client) -> String {
    let letters = [
        (client.has_flag(Client::MONITOR), 'O'),
        (client.is_subscriber(), 'P'),
        (client.queued.load(Relaxed) >= 0, 'x'),
        (client.is_blocked(), 'b'),
        (client.is_killed(), 'A'),
        (client.origin.unix, 'U'),
        (client.has_flag(Client::TRACKING), 't'),
        (client.has_flag(Client::BROKEN_REDIRECT), 'R'),
        (client.has_flag(Client::BCAST), 'B'),
        (client.has_flag(Client::NO_EVICT), 'e'),
        (client.has_flag(Client::NO_TOUCH), 'T'),
    ];
    let flags: String = letters.into_iter().filter(|(is, _)| *is).map(|(_, letter)| letter).collect();
    if flags.is_empty() { "N".into() } else { flags }
}

/// The letters of what a client can do.
pub(super) fn capa(client: &Client) -> &'static str {
    if client.has_flag(Client::CAPA_REDIRECT) { "r" } else { "" }
}

/// The line of a client, without its end.
pub(super) fn line(core: &Core, client: &Client, now: Millis) -> Vec<u8> {
    let seconds = |since: Millis| now.saturating_sub(since) / 1000;
    let names = client.names.lock().clone();
    let (input, output) = (client.input_bytes.load(Relaxed), client.output_bytes.load(Relaxed));
    let command = core.registry.by_number(client.last_command.load(Relaxed)).map_or("NULL", |c| &c.full_name);
    let mut line = Vec::with_capacity(400);
    let mut add = |name: &str, value: &[u8]| {
        if !line.is_empty() {
            line.push(b' ');
        }
        line.extend_from_slice(name.as_bytes());
        line.push(b'=');
        line.extend_from_slice(value);
    };
    add("id", client.id.to_string().as_bytes());
    add("addr", client.origin.addr.as_bytes());
    add("laddr", client.origin.laddr.as_bytes());
    add("fd", client.origin.fd.to_string().as_bytes());
    add("name", &names.name);
    add("age", seconds(client.since).to_string().as_bytes());
    add("idle", seconds(client.active.load(Relaxed)).to_string().as_bytes());
    add("flags", flags(client).as_bytes());
    add("capa", capa(client).as_bytes());
    add("db", client.db.load(Relaxed).to_string().as_bytes());
    for (name, count) in ["sub", "psub", "ssub"].into_iter().zip(&client.subscriptions) {
        add(name, count.load(Relaxed).to_string().as_bytes());
    }
    add("multi", client.queued.load(Relaxed).to_string().as_bytes());
    add("watch", client.watched.load(Relaxed).to_string().as_bytes());
    add("qbuf", input.to_string().as_bytes());
    for name in ["qbuf-free", "argv-mem"] {
        add(name, b"0");
    }
    add("multi-mem", client.queued_bytes.load(Relaxed).to_string().as_bytes());
    for name in ["rbs", "rbp"] {
        add(name, b"0");
    }
    add("obl", output.to_string().as_bytes());
    add("oll", b"0");
    add("omem", output.to_string().as_bytes());
    add("tot-mem", client.memory().to_string().as_bytes());
    add("events", b"r");
    add("cmd", command.as_bytes());
    add("user", DEFAULT_USER.as_bytes());
    add("redir", shown_redirect(client).as_bytes());
    add("resp", client.resp.load(Relaxed).to_string().as_bytes());
    add("lib-name", &names.lib_name);
    add("lib-ver", &names.lib_ver);
    add("tot-net-in", client.total_in.load(Relaxed).to_string().as_bytes());
    add("tot-net-out", client.total_out.load(Relaxed).to_string().as_bytes());
    add("tot-cmds", client.total_commands.load(Relaxed).to_string().as_bytes());
    line
}
