//! Segments of the log: any bytes, and real ones that something has happened to. Looking through one must not panic; what
//! is valid ends where a record does, and is whole when it is looked at again; and what was damaged counts from the record
//! on that was hit.

#![no_main]

use carnelian::aof::{self, Inspection, Verdict};
use carnelian::keyspace::Effect;
use libfuzzer_sys::fuzz_target;

/// Looks through a segment and holds what was found against what else reads it.
fn look(file: &[u8], from: usize) -> Inspection {
    let found = aof::inspect(file, from);
    assert!((from..=file.len()).contains(&found.valid));
    let whole = Inspection { verdict: Verdict::Whole, ..found.clone() };
    assert_eq!(aof::inspect(&file[..found.valid], from), whole, "the valid part again");
    let (mut commands, mut argv, mut count) = (aof::commands(file, from, found.valid), Vec::new(), 0);
    while let Some(bytes) = commands.next_into(&mut argv) {
        assert!(!argv.is_empty() && !bytes.is_empty());
        count += 1;
    }
    assert_eq!(count, found.commands);
    assert!(commands.position() <= found.valid);
    for seconds in [0, found.time.unwrap_or(0).saturating_sub(1), u64::MAX] {
        if let Some(at) = aof::first_after(file, from, found.valid, seconds) {
            assert!(at <= found.valid);
            let earlier = aof::inspect(&file[..at], from);
            assert_eq!((earlier.valid, earlier.verdict), (at, Verdict::Whole));
            assert!(earlier.time.is_none_or(|time| time <= seconds));
        }
    }
    found
}

/// A script: a byte at a time says what is next.
struct Script<'s>(&'s [u8]);

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn number(&mut self, below: usize) -> usize {
        let bytes = [self.next(), self.next()].map(Option::unwrap_or_default);
        usize::from(u16::from_le_bytes(bytes)) % below.max(1)
    }

    fn effect(&mut self, kind: u8) -> Effect {
        let len = usize::from(kind >> 3);
        let (value, rest) = self.0.split_at(len.min(self.0.len()));
        let effect = Effect::new("SET").arg("key").arg(value);
        self.0 = rest;
        effect
    }
}

/// A segment as it is written, and where its records begin, up to the one behind the last.
fn written(script: &mut Script<'_>) -> (Vec<u8>, Vec<usize>) {
    let (mut file, mut begins, mut db) = (Vec::new(), Vec::new(), None);
    aof::append_record(&mut file, &[], &mut db, Some(0), false);
    while let Some(kind) = script.next().filter(|&kind| kind != 0xff) {
        begins.push(file.len());
        let effects: Vec<_> = (0..kind & 3).map(|_| script.effect(kind)).collect();
        let synced = (kind & 4 != 0).then(|| script.number(file.len() + 1) as u64);
        aof::append_record(&mut file, &effects, &mut db, synced, false);
    }
    begins.push(file.len());
    (file, begins)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&mode, rest)) = bytes.split_first() else { return };
    if mode < 64 {
        look(rest, usize::from(mode).min(rest.len()));
        return;
    }
    let mut script = Script(rest);
    let (whole, begins) = written(&mut script);
    let found = look(&whole, 0);
    assert_eq!((found.valid, found.verdict), (whole.len(), Verdict::Whole));
    let (mut hit, at) = (whole.clone(), script.number(whole.len() + 1));
    match mode % 4 {
        0 => hit.truncate(at),
        1 => hit.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (mode >> 2 & 7)),
        2 => {
            let end = (at + script.number(2000)).min(hit.len());
            hit[at..end].fill(0);
        }
        // Whatever somebody else has put behind it.
        _ => hit.extend_from_slice(script.0),
    }
    let found = look(&hit, 0);
    let same = whole.iter().zip(&hit).take_while(|(a, b)| a == b).count();
    let expected = begins.iter().rfind(|&&begin| begin <= same).copied();
    match expected {
        _ if mode % 4 == 3 => assert!(found.valid >= whole.len()),
        Some(expected) => assert_eq!(found.valid, expected, "hit at {same}"),
        // What the server says when it opens a file holds nothing, and without it the file is somebody else's.
        None => {}
    }
});
