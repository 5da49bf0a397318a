//! Records and what is made of damaged ones; the log over a disk that fails.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::inspect::{self, Ends, Inspection, Verdict, first_after};
use super::mapped::{Mapped, Prepared};
use super::repair::{Plan, plan};
use super::{Disk, Fsync, Log, Room, Segment, Store, StoreKind, commands, record};
use crate::clock::Clock;
use crate::keyspace::{Effect, Listener};

/// What is found from the beginning to the end, which is what is found in two halves.
fn inspect(file: &[u8], from: usize) -> Inspection {
    let found = inspect::inspect(file, from);
    assert_eq!(inspect::inspect_halves(file, from), found);
    found
}

/// A segment of records, each with the place where it begins.
fn segment(records: &[Vec<Effect>], synced: impl Fn(usize) -> Option<u64>) -> (Vec<u8>, Vec<usize>) {
    let (mut file, mut begins, mut db) = (Vec::new(), Vec::new(), None);
    record::end(&mut file, 0, Some(0), false);
    for (i, effects) in records.iter().enumerate() {
        let from = file.len();
        begins.push(from);
        record::requests(&mut file, effects, &mut db);
        record::end(&mut file, from, synced(i), false);
    }
    begins.push(file.len());
    (file, begins)
}

fn set(i: usize) -> Vec<Effect> {
    let effect = |k: usize| Effect::new("SET").arg(format!("key{k}")).arg("value".repeat(1 + i % 7));
    if i % 3 == 2 { vec![effect(i), effect(i + 1)] } else { vec![effect(i)] }
}

fn some_records() -> Vec<Vec<Effect>> {
    (0..12).map(set).collect()
}

#[test]
fn what_was_appended_is_whole() {
    let (mut file, begins) = segment(&some_records(), |_| None);
    let found = inspect(&file, 0);
    assert_eq!((found.valid, found.verdict), (begins[12], Verdict::Whole));
    // Eight single ones, four transactions of two between MULTI and EXEC, and the first choice of a database.
    assert_eq!(found.commands, 8 + 4 * 4 + 1);
    file.resize(file.len() + 10_000, 0);
    assert_eq!(inspect(&file, 0), found, "reserved space is no damage");
}

#[test]
fn a_segment_cut_anywhere_ends_with_its_last_whole_record() {
    let (file, begins) = segment(&some_records(), |_| None);
    for len in begins[0]..file.len() {
        let whole = *begins.iter().rfind(|&&b| b <= len).unwrap();
        for zeros in [0, 100] {
            let mut cut = file[..len].to_vec();
            cut.resize(len + zeros, 0);
            let found = inspect(&cut, 0);
            assert_eq!(found.valid, whole, "cut at {len}");
            assert!(!matches!(found.verdict, Verdict::Damaged { .. }), "cut at {len}: {found:?}");
            assert_eq!(found.verdict == Verdict::Whole, len == whole, "cut at {len}");
        }
    }
}

#[test]
fn a_flipped_bit_is_damage_where_the_file_was_safe_and_a_torn_end_elsewhere() {
    // The last record but one states that what is before it was on the disk.
    let (file, begins) = segment(&some_records(), |i| (i == 10).then_some(900));
    let safe = begins.iter().rposition(|&b| b <= 900).unwrap();
    assert!(begins[10] > 900);
    for at in begins[0]..file.len() {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        let found = inspect(&flipped, 0);
        let hit = begins.iter().rposition(|&b| b <= at).unwrap();
        assert_eq!(found.valid, begins[hit], "flipped at {at}: {found:?}");
        let damaged = matches!(found.verdict, Verdict::Damaged { .. });
        assert_eq!(damaged, hit <= safe && hit != 10 && found.valid < 900, "flipped at {at}: {found:?}");
        assert_ne!(found.verdict, Verdict::Whole);
    }
}

#[test]
fn a_hole_with_records_behind_it_is_cut_there_if_none_of_them_was_safe() {
    let (file, begins) = segment(&some_records(), |_| None);
    let mut holed = file;
    holed[begins[4]..begins[6]].fill(0);
    let found = inspect(&holed, 0);
    assert_eq!(found.valid, begins[4]);
    assert!(matches!(found.verdict, Verdict::Torn { .. }));
}

#[test]
fn what_others_append_behind_ours_counts() {
    let plain = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    for closed in [true, false] {
        let (mut file, _) = segment(&some_records(), |_| None);
        if closed {
            let from = file.len();
            record::end(&mut file, from, Some(from as u64), true);
        }
        file.extend_from_slice(plain);
        assert_eq!((inspect(&file, 0).valid, inspect(&file, 0).verdict), (file.len(), Verdict::Whole));
        // And ours behind theirs, which vouches only for itself.
        let from = file.len();
        record::end(&mut file, from, None, false);
        let from = file.len();
        record::requests(&mut file, &set(1), &mut None);
        record::end(&mut file, from, None, false);
        assert_eq!((inspect(&file, 0).valid, inspect(&file, 0).verdict), (file.len(), Verdict::Whole));
        let found = inspect(&file[..file.len() - 3], 0);
        assert_eq!(found.valid, from, "{found:?}");
    }
}

#[test]
fn plain_files_are_read_as_redis_reads_them() {
    let plain = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n";
    let before = plain.len() - (15 + 20);
    let found = inspect(plain, 0);
    assert_eq!(found.valid, before, "a transaction without its end does not count");
    assert!(matches!(found.verdict, Verdict::Torn { .. }));
    let found = inspect(&plain[..before - 4], 0);
    assert_eq!(found.valid, 23);
    assert!(matches!(found.verdict, Verdict::Torn { .. }));
    let mut wrong = plain.to_vec();
    wrong[23] = b'+';
    let found = inspect(&wrong, 0);
    assert_eq!(found.verdict, Verdict::Damaged { at: 23, what: "a command" });
    assert_eq!(inspect(b"*1\r\n$99999999999\r\n", 0).valid, 0);
    assert_eq!(inspect(b"", 0).verdict, Verdict::Whole);
}

#[test]
fn a_value_that_looks_like_a_statement_makes_no_damage_of_a_torn_end() {
    let mut line = Vec::new();
    record::end(&mut line, 0, Some(1 << 40), false);
    let (file, begins) = segment(&[set(0), vec![Effect::new("SET").arg("k").arg(&line)]], |_| None);
    let found = inspect(&file[..file.len() - 3], 0);
    assert_eq!(found.valid, begins[1]);
    assert!(matches!(found.verdict, Verdict::Torn { .. }), "{found:?}");
}

#[test]
fn who_has_written_the_end_is_known() {
    let plain = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
    assert_eq!(inspect(b"", 0).ends, Ends::Foreign);
    assert_eq!(inspect(plain, 0).ends, Ends::Foreign);
    let (mut file, begins) = segment(&some_records(), |_| None);
    assert_eq!(inspect(&file, 0).ends, Ends::Open);
    assert_eq!(inspect(&file[..begins[5] + 3], 0).ends, Ends::Open, "of what is valid");
    let from = file.len();
    record::end(&mut file, from, None, true);
    assert_eq!(inspect(&file, 0).ends, Ends::Closed);
    file.extend_from_slice(plain);
    assert_eq!(inspect(&file, 0).ends, Ends::Foreign);
}

#[test]
fn a_time_cuts_between_records() {
    let (mut file, mut begins, mut db) = (Vec::new(), Vec::new(), None);
    record::end(&mut file, 0, Some(0), false);
    for time in [10, 20, 30] {
        let from = file.len();
        begins.push(from);
        record::time(&mut file, time);
        record::requests(&mut file, &set(2), &mut db);
        record::end(&mut file, from, None, false);
    }
    let found = inspect(&file, 0);
    assert_eq!((found.verdict, found.time), (Verdict::Whole, Some(30)));
    let at = [(9, Some(begins[0])), (10, Some(begins[1])), (19, Some(begins[1])), (29, Some(begins[2])), (30, None)];
    for (seconds, at) in at {
        assert_eq!(first_after(&file, 0, found.valid, seconds), at, "{seconds}");
    }
    let torn = inspect(&file[..file.len() - 1], 0);
    assert_eq!((torn.valid, torn.time), (begins[2], Some(20)), "the time of what does not count does not either");
}

#[test]
fn what_is_torn_is_cut_only_if_nothing_behind_it_was_safe() {
    let look = |verdict, commands, synced| Inspection { verdict, commands, synced, ..inspect(b"", 0) };
    let (torn, damaged) = (Verdict::Torn { at: 0, what: "" }, Verdict::Damaged { at: 0, what: "" });
    let (whole, first) = (look(Verdict::Whole, 5, Some(9)), look(torn, 5, Some(9)));
    for (has_base, looks, expected) in [
        (true, vec![whole.clone(), whole.clone()], Plan::Read),
        (true, vec![whole.clone(), first.clone()], Plan::Cut(1)),
        (true, vec![whole.clone(), look(damaged, 5, None)], Plan::Refuse(1)),
        (true, vec![first.clone()], Plan::Cut(0)),
        (false, vec![first.clone(), whole], Plan::Refuse(0)),
        (false, vec![first.clone(), look(torn, 5, Some(0))], Plan::Cut(0)),
        (false, vec![first.clone(), look(Verdict::Whole, 5, Some(0))], Plan::Cut(0)),
        (true, vec![first.clone(), look(Verdict::Whole, 5, Some(0))], Plan::Refuse(0)),
        (false, vec![first.clone(), look(Verdict::Whole, 5, None)], Plan::Refuse(0)),
        (false, vec![first.clone(), look(Verdict::Whole, 0, None)], Plan::Cut(0)),
        (false, vec![first, look(damaged, 0, None)], Plan::Refuse(0)),
    ] {
        assert_eq!(plan(has_base, &looks), expected, "{looks:?}");
    }
}

/// A file in memory, and how much of it was there when it was last synced.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<(Vec<u8>, usize)>>);

impl Store for Memory {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().0.extend_from_slice(bytes);
        Ok(())
    }

    fn len(&self) -> u64 {
        self.0.lock().unwrap().0.len() as u64
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }
}

impl Disk for Memory {
    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.1 = state.0.len();
        Ok(())
    }
}

/// A store in memory that notes what is done to it, and may have no room for what has a word in it.
#[derive(Clone, Default)]
struct Noted {
    name: &'static str,
    bytes: Memory,
    calls: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Option<&'static str>>>,
}

impl Noted {
    fn segment(&self) -> Segment {
        let this = self.clone();
        let open = move |_: &Path, _| Ok(Box::new(this.clone()) as Box<dyn Store>);
        Segment::open(&StoreKind::Custom(Arc::new(open)), Path::new("noted"), self.len()).unwrap()
    }

    fn note(&self, call: &str) {
        self.calls.lock().unwrap().push(format!("{}{call}", self.name));
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// The values of all SETs.
    fn values(&self) -> Vec<String> {
        let file = self.bytes.0.lock().unwrap().0.clone();
        let found = inspect(&file, 0);
        assert_eq!((found.valid, found.verdict), (file.len(), Verdict::Whole));
        let (mut argv, mut rest, mut values) = (Vec::new(), commands(&file, 0, file.len()), Vec::new());
        while rest.next_into(&mut argv).is_some() {
            values.extend(argv.get(2).map(|value| String::from_utf8_lossy(value).into_owned()));
        }
        values
    }
}

impl Store for Noted {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let refused = self.refused.lock().unwrap();
        if refused.is_some_and(|word| bytes.windows(word.len()).any(|part| part == word.as_bytes())) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.note("append");
        self.bytes.append(bytes)
    }

    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    fn close(&mut self) -> io::Result<()> {
        self.note("close");
        Ok(())
    }
}

impl Disk for Noted {
    fn sync(&self) -> io::Result<()> {
        self.note("sync");
        self.bytes.sync()
    }
}

#[test]
fn a_mapped_file_holds_what_crosses_its_windows_whoever_reserved_them() {
    let path = std::env::temp_dir().join(format!("carnelian-mapped-{}", std::process::id()));
    let file = std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    let (mut store, mut expected) = (Mapped::new(file, 0).unwrap(), Vec::new());
    let mut append = |store: &mut Mapped, len: usize| {
        let bytes: Vec<u8> = (0..len).map(|i| (expected.len() + i) as u8 % 251 + 1).collect();
        store.append(&bytes).unwrap();
        expected.extend_from_slice(&bytes);
        assert_eq!(store.len(), expected.len() as u64);
        let file = std::fs::read(&path).unwrap();
        assert!(file[..expected.len()] == expected[..] && file[expected.len()..].iter().all(|&b| b == 0));
    };
    // Most of the first window, then pages and space as the log's thread brings them.
    append(&mut store, 900_000);
    while let Some(reserve) = store.wants_room() {
        store.give_room(reserve().unwrap());
    }
    append(&mut store, 300_000);
    // What is longer than all that was reserved, while the thread is about to reserve the same.
    append(&mut store, 700_000);
    let window = loop {
        let room = store.wants_room().unwrap()().unwrap();
        if matches!(room, Room(Prepared::Window(_))) {
            break room;
        }
        store.give_room(room);
    };
    append(&mut store, 5_000_000);
    store.give_room(window);
    append(&mut store, 5_000_000);
    append(&mut store, 10);
    store.close().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), store.len());
    std::fs::remove_file(path).unwrap();
}

fn set_to(value: &str) -> Vec<Effect> {
    vec![Effect::new("SET").arg("key").arg(value)]
}

#[test]
fn what_a_statement_says_is_on_the_disk_is_there_before_it() {
    let store = Noted::default();
    store.bytes.0.lock().unwrap().0.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
    let log = Log::new(Clock::default());
    log.set_fsync(Fsync::No);
    let segment = store.segment();
    assert_eq!(store.calls(), ["sync", "append", "sync"], "what the last process has left, and that it goes on");
    log.switch(segment).unwrap();
    log.effects(&set_to("a"));
    assert_eq!(store.calls(), ["append"]);
    log.close().unwrap();
    assert_eq!(store.calls(), ["sync", "append", "sync", "close", "sync"], "the last words state the rest");
}

#[test]
fn earlier_segments_are_on_the_disk_before_later_ones() {
    let first = Noted::default();
    let second = Noted { name: "second ", calls: first.calls.clone(), ..Noted::default() };
    let log = Log::new(Clock::default());
    log.set_fsync(Fsync::No);
    log.switch(first.segment()).unwrap();
    log.effects(&set_to("a"));
    assert!(log.synced() < log.position());
    let segment = second.segment();
    first.calls();
    let at = log.switch(segment).unwrap();
    log.effects(&set_to("b"));
    log.sync_to(at + 1).unwrap();
    let calls = first.calls();
    let [first_synced, closed, second_synced] =
        ["sync", "close", "second sync"].map(|call| calls.iter().position(|c| c == call));
    assert!(first_synced.is_some() && first_synced < closed && first_synced < second_synced, "{calls:?}");
    let (bytes, synced) = first.bytes.0.lock().unwrap().clone();
    assert_eq!(synced, bytes.len());
    log.close().unwrap();
}

#[test]
fn what_comes_after_a_record_that_did_not_fit_waits_behind_it() {
    let (store, other) = (Noted::default(), Noted::default());
    let log = Log::new(Clock::default());
    log.set_fsync(Fsync::Always);
    log.switch(store.segment()).unwrap();
    let first = log.effects(&set_to("fits"));
    log.wait(first).unwrap();
    *store.refused.lock().unwrap() = Some("large");
    let large = log.effects(&set_to("large"));
    assert!(log.trouble().is_some(), "writes are refused from now on");
    // It would fit, and is of somebody who had asked before.
    let small = log.effects(&set_to("small"));
    assert!(large < small);
    assert!(log.wait(large).is_err() && log.wait(small).is_err());
    std::thread::sleep(std::time::Duration::from_millis(150));
    assert!(!log.covers(large) && !log.covers(small), "neither is said to be on the disk");
    assert_eq!(store.values(), ["fits"]);
    assert!(log.switch(other.segment()).is_err(), "what waits is not for another segment, whose base has it already");
    *store.refused.lock().unwrap() = None;
    // The end does not wait for the next try.
    log.close().unwrap();
    assert_eq!(store.values(), ["fits", "large", "small"]);
}

#[test]
fn threads_that_append_are_told_when_it_is_on_the_disk() {
    const THREADS: usize = 4;
    const EACH: usize = 300;
    let (first, second) = (Memory::default(), Memory::default());
    let open = |memory: &Memory| {
        let memory = memory.clone();
        let open = move |_: &Path, _| Ok(Box::new(memory.clone()) as Box<dyn Store>);
        Segment::open(&StoreKind::Custom(Arc::new(open)), Path::new("memory"), 0).unwrap()
    };
    let log = Log::new(Clock::default());
    log.set_fsync(Fsync::Always);
    log.switch(open(&first)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (log, first, second) = (&log, &first, &second);
            scope.spawn(move || {
                for n in 0..EACH {
                    let value = format!("{thread}-{n}.");
                    let position = log.effects(&[Effect::new("SET").arg("key").arg(&value)]);
                    log.wait(position).unwrap();
                    let is_synced = |memory: &Memory| {
                        let state = memory.0.lock().unwrap();
                        state.0[..state.1].windows(value.len()).rev().any(|part| part == value.as_bytes())
                    };
                    assert!(is_synced(first) || is_synced(second), "{value} was said to be on the disk");
                }
            });
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        log.switch(open(&second)).unwrap();
    });
    log.close().unwrap();
    // Both segments are whole, and the records of each thread are in order.
    let mut last = [None; THREADS];
    let mut count = 0;
    for memory in [first, second] {
        let file = memory.0.lock().unwrap().0.clone();
        let found = inspect(&file, 0);
        assert_eq!((found.valid, found.verdict), (file.len(), Verdict::Whole));
        let (mut argv, mut rest) = (Vec::new(), commands(&file, 0, file.len()));
        while rest.next_into(&mut argv).is_some() {
            let Some(value) = argv.get(2).map(|value| String::from_utf8_lossy(value)) else { continue };
            let (thread, n) = value.trim_end_matches('.').split_once('-').unwrap();
            let (thread, n): (usize, usize) = (thread.parse().unwrap(), n.parse().unwrap());
            assert!(last[thread].is_none_or(|last| last + 1 == n), "{value} after {last:?}");
            last[thread] = Some(n);
            count += 1;
        }
    }
    assert_eq!(count, THREADS * EACH);
}
