//! Records: putting one together, and reading the line at its end.

use crc32fast::Hasher;

use crate::codec::resp;
use crate::keyspace::Effect;

/// What the line at the end of a record begins with.
pub(super) const MARK: &[u8] = b"#CRC32:";
/// What the line with a time begins with, as Redis writes it.
const TIME: &[u8] = b"#TS:";
/// Where the digits of the checksum end.
const AFTER_SUM: usize = MARK.len() + 8;

/// What a record says beside its requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Statement {
    /// How long its requests are.
    pub(super) len: u64,
    /// Up to where the file was on the disk.
    pub(super) synced: Option<u64>,
    /// The writer has gone in good order.
    pub(super) closed: bool,
}

/// Appends a record of some effects, as a segment has it: for tests of what reads segments. `db` is the database that a
/// reader is in; `synced` and `closed` are what the record says.
pub fn append_record(out: &mut Vec<u8>, effects: &[Effect], db: &mut Option<u32>, synced: Option<u64>, closed: bool) {
    let from = out.len();
    requests(out, effects, db);
    end(out, from, synced, closed);
}

/// Appends the line that ends a record whose requests begin at `from` in `out`.
pub(super) fn end(out: &mut Vec<u8>, from: usize, synced: Option<u64>, closed: bool) {
    let requests = out.len();
    let mut number = itoa::Buffer::new();
    out.extend_from_slice(MARK);
    out.extend_from_slice(b"00000000 LEN:");
    out.extend_from_slice(number.format(requests - from).as_bytes());
    if let Some(synced) = synced {
        out.extend_from_slice(b" SYNCED:");
        out.extend_from_slice(number.format(synced).as_bytes());
    }
    if closed {
        out.extend_from_slice(b" CLOSED");
    }
    let mut sum = Hasher::new();
    sum.update(&out[from..requests]);
    sum.update(&out[requests + AFTER_SUM..]);
    let mut sum = sum.finalize();
    out.extend_from_slice(b"\r\n");
    for digit in out[requests + MARK.len()..requests + AFTER_SUM].iter_mut().rev() {
        *digit = b"0123456789abcdef"[(sum & 15) as usize];
        sum >>= 4;
    }
}

/// Appends the requests of some effects, as one transaction if there are several. `db` is the database that the file's
/// reader is in, and is going to be in.
pub(super) fn requests(out: &mut Vec<u8>, effects: &[Effect], db: &mut Option<u32>) {
    let several = effects.len() > 1;
    if let [first, ..] = effects {
        select(out, first.db, db);
    }
    if several {
        out.extend_from_slice(b"*1\r\n$5\r\nMULTI\r\n");
    }
    for effect in effects {
        select(out, effect.db, db);
        effect.write_to(out);
    }
    if several {
        out.extend_from_slice(b"*1\r\n$4\r\nEXEC\r\n");
    }
}

#[inline]
fn select(out: &mut Vec<u8>, wanted: u32, db: &mut Option<u32>) {
    if *db != Some(wanted) {
        *db = Some(wanted);
        push_select(out, wanted);
    }
}

#[cold]
fn push_select(out: &mut Vec<u8>, wanted: u32) {
    // In lower case: what Redis appends to a file of ours begins with this in capitals, which tells the two apart.
    resp::push_header(out, b'*', 2);
    resp::push_bulk(out, b"select");
    resp::push_bulk(out, itoa::Buffer::new().format(wanted).as_bytes());
}

/// Appends the line that tells the time, in seconds since 1970.
pub(super) fn time(out: &mut Vec<u8>, seconds: u64) {
    out.extend_from_slice(TIME);
    out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The time that a line tells, if it is such a line.
pub(super) fn parse_time(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line.strip_prefix(TIME)?.trim_ascii_end()).ok()?.parse().ok()
}

/// Reads a line (its end included) that is to end a record, and which lies at `at` in the file.
///
/// # Errors
/// If it is one, and its checksum is wrong.
pub(super) fn parse_end(file: &[u8], at: usize, line: &[u8]) -> Option<Result<Statement, ()>> {
    let text = std::str::from_utf8(line.strip_prefix(MARK)?.strip_suffix(b"\r\n")?).ok()?;
    let (sum, rest) = text.split_at_checked(8)?;
    // Not other spellings of the same number: they were not written by us.
    let sum =
        u32::from_str_radix(sum, 16).ok().filter(|_| !sum.bytes().any(|b| b.is_ascii_uppercase() || b == b'+'))?;
    let mut statement = Statement::default();
    let mut has_len = false;
    for word in rest.split_ascii_whitespace() {
        match word.split_once(':') {
            Some(("LEN", n)) => {
                statement.len = n.parse().ok()?;
                has_len = true;
            }
            Some(("SYNCED", n)) => statement.synced = Some(n.parse().ok()?),
            None if word == "CLOSED" => statement.closed = true,
            // Later versions may say more.
            _ => {}
        }
    }
    let from = at.checked_sub(usize::try_from(statement.len).ok()?).filter(|_| has_len)?;
    let mut hasher = Hasher::new();
    hasher.update(&file[from..at]);
    hasher.update(rest.as_bytes());
    Some(if hasher.finalize() == sum { Ok(statement) } else { Err(()) })
}
