//! DUMP and RESTORE.

use super::super::{Args, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use super::{READ, command};
use crate::command::Categories;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::generic::{self, RestoreOptions};

const TARGET: &[KeySpec] = &[KeySpec::at(1, KeyFlags::OW.union(KeyFlags::UPDATE))];
const GROWS: Flags = Flags::WRITE.union(Flags::DENYOOM);
const SYNTAX: &str = "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]";

pub(super) const DUMP: Spec = command("dump", 2, Run::Keys(&dump))
    .flags(READ)
    .keys(&[KeySpec::at(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .tips(&["nondeterministic_output"])
    .docs("2.6.0", "Gives a value as RDB writes it.", "O(N) for N bytes of the value", "key");

pub(super) const RESTORE: Spec = command("restore", -4, Run::Keys(&restore))
    .flags(GROWS)
    .categories(Categories::DANGEROUS.union(Categories::KEYSPACE))
    .keys(TARGET)
    .docs("2.6.0", "Makes a key of what DUMP has given.", "O(N) for N bytes of the value", SYNTAX);

pub(super) const RESTORE_ASKING: Spec = Spec::new("restore-asking", -4, Group::Server, Run::Keys(&restore))
    .flags(GROWS.union(Flags::ASKING))
    .categories(Categories::DANGEROUS.union(Categories::KEYSPACE))
    .keys(TARGET)
    .docs("3.0.0", "As RESTORE, for slots that are on their way.", "O(N) for N bytes of the value", SYNTAX);

fn dump(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match generic::dump(view, &args.key(1)) {
        Some(payload) => reply.bulk(&payload),
        None => reply.null(),
    }
    Ok(())
}

fn restore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (mut options, mut absolute) = (RestoreOptions::default(), false);
    let mut i = 4;
    while i < args.len() {
        let more = i + 1 < args.len();
        if args.is(i, "replace") {
            options.replace = true;
        } else if args.is(i, "absttl") {
            absolute = true;
        } else if args.is(i, "idletime") && more && options.frequency.is_none() {
            i += 1;
            let idle = u64::try_from(args.int(i)?);
            options.idle = Some(idle.map_err(|_| Error::new("ERR Invalid IDLETIME value, must be >= 0"))?);
        } else if args.is(i, "freq") && more && options.idle.is_none() {
            i += 1;
            let frequency = u8::try_from(args.int(i)?);
            options.frequency =
                Some(frequency.map_err(|_| Error::new("ERR Invalid FREQ value, must be >= 0 and <= 255"))?);
        } else {
            return Err(Error::SYNTAX);
        }
        i += 1;
    }
    let key = args.key(1);
    generic::check_free(view, &key, options.replace)?;
    let ttl = u64::try_from(args.int(2)?).map_err(|_| Error::new("ERR Invalid TTL value, must be >= 0"))?;
    if ttl > 0 {
        // A time beyond what 63 bits can say is one in the past, as in Redis: the key is gone at once.
        let at = if absolute { ttl } else { ttl.saturating_add(view.now()) };
        options.deadline = Some(if i64::try_from(at).is_ok() { at } else { 0 });
    }
    generic::restore(view, &key, args.get(3), &options)?;
    reply.ok();
    Ok(())
}
