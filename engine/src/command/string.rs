//! Strings.

use super::{Args, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::error::Result;
use crate::keyspace::View;
use crate::operation::string::{self, StringRef};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::new("get", 2, Group::String, Run::Keys(&get))
        .flags(Flags::READONLY.union(Flags::FAST))
        .keys(&[KeySpec::at(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .docs("1.0.0", "Gets the value of a key.", "O(1)", "key"),
    Spec::new("set", -3, Group::String, Run::Keys(&set))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::ACCESS))])
        .docs("1.0.0", "Sets a key.", "O(1)", "key value"),
];

/// Writes a string as a reply; a big one is shared.
pub(super) fn reply_string(reply: &mut Reply<'_>, string: Option<StringRef<'_>>) {
    match string {
        Some(StringRef::Bytes(bytes)) => reply.bulk(bytes),
        Some(StringRef::Int(n)) => reply.bulk_int(n),
        Some(StringRef::Shared(bytes)) => reply.shared(bytes),
        None => reply.null(),
    }
}

fn get(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_string(reply, string::get(view, &args.key(1))?);
    Ok(())
}

fn set(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    string::set(view, &args.key(1), args.get(2), None);
    reply.ok();
    Ok(())
}
